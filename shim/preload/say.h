/* say.h: words of ours in somebody's process: "gilshim: ..." lines and other whole texts.
 * No stdio, no allocation, no descriptor kept; errno untouched. Safe in any context. */
#ifndef GS_SAY_H
#define GS_SAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "compiler.h"
#include "text.h"

/* Appends `number` in hexadecimal. */
GS_HIDDEN void gs_text_hex(struct gs_text *text, uint64_t number);

/* Notes which file standard error is, for the processes of the tree that follow. Once, from the
 * constructor: it may set GILSHIM_STDERR in the environment. */
GS_HIDDEN void gs_say_setup(void);

/* True if this process's descriptor 2 is the file that the tree's first process had there: only
 * then is standard error not somebody's captured output. */
GS_HIDDEN bool gs_say_is_our_stderr(void);

/* One line "gilshim: WORDS" on standard error, at most 16 a process. The text is finished by this
 * function. */
GS_HIDDEN void gs_say(struct gs_text *words);
GS_HIDDEN void gs_say_words(const char *words);

/* Appends `length` bytes to the destination of an option: "stderr", "none" or a path with %p. The
 * file is opened, written and closed. Whole write(2) calls of at most 4 KiB, cut at line ends.
 * Returns 0 or -errno. */
GS_HIDDEN int gs_say_to(const char *destination, const char *bytes, size_t length);

/* One line: OPTION PATH: why it cannot be used (err is -errno); what happens instead. */
GS_HIDDEN void gs_say_unusable(
	const char *option, const char *path, const char *what, int err, const char *instead);

#endif
