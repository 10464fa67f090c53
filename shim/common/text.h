/* text.h: text in a buffer of the caller's. What does not fit is cut, never overrun, and the text
 * always ends in a NUL. No allocation, no stdio, no locale, errno untouched, safe in signal
 * handlers. */
#ifndef GS_TEXT_H
#define GS_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A buffer that is appended to. */
struct gs_text {
	char *start;
	char *at;  /* the next byte; always '\0' */
	char *end; /* the last byte of the buffer, kept for the '\0' */
	bool cut;  /* something did not fit */
};

/* `size` must not be 0. */
void gs_text_init(struct gs_text *text, char *buffer, size_t size);
size_t gs_text_length(const struct gs_text *text);
/* Columns since the last line feed. */
size_t gs_text_column(const struct gs_text *text);

void gs_text_char(struct gs_text *text, char c);
void gs_text_put(struct gs_text *text, const char *words);
/* A text from outside: control characters as '?', at most `limit` bytes, whole UTF-8 characters. */
void gs_text_name(struct gs_text *text, const char *name, size_t limit);
/* The same for the first `length` bytes of a text. */
void gs_text_span(struct gs_text *text, const char *name, size_t length);
/* "1,234,567" */
void gs_text_number(struct gs_text *text, uint64_t number);
/* "1 call", "2 calls" */
void gs_text_count(struct gs_text *text, uint64_t count, const char *one, const char *many);
/* "1234567": ids and line numbers */
void gs_text_id(struct gs_text *text, uint64_t id);
/* "12 ns", "789 us", "45.6 ms", "1.23 s": three digits, rounded. */
void gs_text_duration(struct gs_text *text, uint64_t ns);
/* Words, with a line feed and `indent` spaces instead of the space before each that would end
 * behind column 80. A number and its unit stay together. */
void gs_text_flow(struct gs_text *text, const char *words, unsigned indent);

#endif
