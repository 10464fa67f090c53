/* pytext.h: Python's texts as UTF-8. */
#ifndef GS_PYTEXT_H
#define GS_PYTEXT_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* Of longer texts only the end is kept, behind three dots: of a path, that is the part that tells.
 * No more characters than bytes need be looked at. */
#define GS_PYTEXT_SIZE 512
#define GS_PYTEXT_MARK "..."
#define GS_PYTEXT_MARK_SIZE 3

/* Writes one to four bytes. */
static inline uint32_t gs_pytext_encode(uint32_t c, char *to)
{
	if (c < 0x80) {
		to[0] = c ? (char) c : '?';
		return 1;
	}
	if (c < 0x800) {
		to[0] = (char) (0xc0 | c >> 6);
		to[1] = (char) (0x80 | (c & 0x3f));
		return 2;
	}
	if ((c >= 0xd800 && c < 0xe000) || c > 0x10ffff) { /* an undecodable byte of a file name */
		to[0] = '?';
		return 1;
	}
	if (c < 0x10000) {
		to[0] = (char) (0xe0 | c >> 12);
		to[1] = (char) (0x80 | (c >> 6 & 0x3f));
		to[2] = (char) (0x80 | (c & 0x3f));
		return 3;
	}
	to[0] = (char) (0xf0 | c >> 18);
	to[1] = (char) (0x80 | (c >> 12 & 0x3f));
	to[2] = (char) (0x80 | (c >> 6 & 0x3f));
	to[3] = (char) (0x80 | (c & 0x3f));
	return 4;
}

/* Puts one before what the buffer of GS_PYTEXT_SIZE bytes holds from *at on, which begins as that
 * size. False, with the mark put there, if there is no room. */
static inline bool gs_pytext_before(char *buffer, uint32_t *at, uint32_t c)
{
	char bytes[4];
	uint32_t size = gs_pytext_encode(c, bytes);
	bool fits = *at >= size + GS_PYTEXT_MARK_SIZE;

	*at -= fits ? size : GS_PYTEXT_MARK_SIZE;
	memcpy(buffer + *at, fits ? bytes : GS_PYTEXT_MARK, fits ? size : GS_PYTEXT_MARK_SIZE);
	return fits;
}

#endif
