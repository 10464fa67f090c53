/* man.h: the parts of the man pages that come from the tables. */
#ifndef GS_MAN_H
#define GS_MAN_H

/* Prints the rows of a table as man(7) source: "calls" or "options". Returns 0, or -1 if there is
 * no such table. */
int gs_man_print(const char *table);

#endif
