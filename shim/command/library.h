/* library.h: where libgilshim.so is. */
#ifndef GS_LIBRARY_H
#define GS_LIBRARY_H

#define GS_LIBRARY_ENV "GILSHIM_LIBRARY"

/* The absolute path of the library that belongs to this command, whatever directory it was built in
 * or installed to, staged (DESTDIR) or moved as a whole; GILSHIM_LIBRARY names another. NULL if
 * there is none, after one line that says where it was looked for. The caller frees. */
char *gs_library_find(void);

#endif
