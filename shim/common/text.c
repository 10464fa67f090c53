/* text.c: see text.h. Runs inside somebody's process: no stdio, no malloc, no locale. */
#include "text.h"

#include <string.h>

#define COLUMNS 80

void gs_text_init(struct gs_text *text, char *buffer, size_t size)
{
	text->start = buffer;
	text->at = buffer;
	text->end = buffer + size - 1;
	text->cut = false;
	*buffer = '\0';
}

size_t gs_text_length(const struct gs_text *text)
{
	return (size_t) (text->at - text->start);
}

static void put_bytes(struct gs_text *text, const char *bytes, size_t length)
{
	size_t room = (size_t) (text->end - text->at);

	if (length > room) {
		length = room;
		text->cut = true;
	}
	memcpy(text->at, bytes, length);
	text->at += length;
	*text->at = '\0';
}

void gs_text_char(struct gs_text *text, char c)
{
	put_bytes(text, &c, 1);
}

void gs_text_put(struct gs_text *text, const char *words)
{
	put_bytes(text, words, strlen(words));
}

/* A terminal obeys C0 controls, DEL, and C1 controls (U+0080 to U+009F, c2 80 to c2 9f). */
static bool is_control(const unsigned char *at)
{
	return at[0] < 0x20 || at[0] == 0x7f || (at[0] == 0xc2 && at[1] >= 0x80 && at[1] < 0xa0);
}

static bool is_continuation(char byte)
{
	return ((unsigned char) byte & 0xc0) == 0x80;
}

void gs_text_span(struct gs_text *text, const char *name, size_t length)
{
	size_t i;

	for (i = 0; i < length; i++) {
		if (!is_control((const unsigned char *) name + i)) {
			gs_text_char(text, name[i]);
			continue;
		}
		gs_text_char(text, '?');
		if ((unsigned char) name[i] == 0xc2)
			i++;
	}
}

void gs_text_name(struct gs_text *text, const char *name, size_t limit)
{
	static const char ellipsis[] = "...";
	size_t length = strnlen(name, limit + 1);
	bool cut = length > limit;

	if (cut) {
		length = limit > sizeof(ellipsis) - 1 ? limit - (sizeof(ellipsis) - 1) : 0;
		while (length > 0 && is_continuation(name[length]))
			length--;
	}
	gs_text_span(text, name, length);
	if (cut)
		gs_text_put(text, ellipsis);
}

static void put_digits(struct gs_text *text, uint64_t number, bool thousands)
{
	char digits[32];
	char *at = digits + sizeof(digits);
	unsigned written = 0;

	do {
		if (thousands && written > 0 && written % 3 == 0)
			*--at = ',';
		*--at = (char) ('0' + number % 10);
		number /= 10;
		written++;
	} while (number > 0);
	put_bytes(text, at, (size_t) (digits + sizeof(digits) - at));
}

void gs_text_number(struct gs_text *text, uint64_t number)
{
	put_digits(text, number, true);
}

void gs_text_count(struct gs_text *text, uint64_t count, const char *one, const char *many)
{
	gs_text_number(text, count);
	gs_text_char(text, ' ');
	gs_text_put(text, count == 1 ? one : many);
}

void gs_text_id(struct gs_text *text, uint64_t id)
{
	put_digits(text, id, false);
}

void gs_text_duration(struct gs_text *text, uint64_t ns)
{
	static const struct {
		uint64_t ns;
		const char *name;
	} units[] = {{1000, " us"}, {1000000, " ms"}, {1000000000, " s"}};
	unsigned i = 0;
	uint64_t step, rounded, whole;

	if (ns < 1000) {
		gs_text_number(text, ns);
		gs_text_put(text, " ns");
		return;
	}
	/* The unit in which the number, rounded, stays below 1000; seconds have no next one. */
	while (i < 2 && ns >= units[i].ns * 1000 - units[i].ns / 2)
		i++;
	step = units[i].ns;
	if (ns < step * 10 - step / 200)
		step /= 100;
	else if (ns < step * 100 - step / 20)
		step /= 10;
	rounded = ns / step + (ns % step >= step - step / 2);
	whole = rounded / (units[i].ns / step);
	gs_text_number(text, whole);
	rounded -= whole * (units[i].ns / step);
	if (step < units[i].ns) {
		gs_text_char(text, '.');
		if (units[i].ns / step == 100)
			gs_text_char(text, (char) ('0' + rounded / 10));
		gs_text_char(text, (char) ('0' + rounded % 10));
	}
	gs_text_put(text, units[i].name);
}

/* Is this the unit of a duration, with or without a sign behind it? */
static bool is_unit(const char *word)
{
	if (strchr("num", *word) && *word)
		word++;
	return *word == 's' && !(word[1] >= 'a' && word[1] <= 'z');
}

/* How long the word is, with its unit if it is a number. */
static size_t word_length(const char *word)
{
	size_t length = strcspn(word, " ");

	if (length > 0 && word[length] && word[length - 1] >= '0' && word[length - 1] <= '9' &&
		is_unit(word + length + 1))
		length += 1 + strcspn(word + length + 1, " ");
	return length;
}

static size_t count_columns(const char *from, const char *to)
{
	size_t columns = 0;

	for (; from < to; from++)
		columns += !is_continuation(*from);
	return columns;
}

size_t gs_text_column(const struct gs_text *text)
{
	const char *line = text->at;

	while (line > text->start && line[-1] != '\n')
		line--;
	return count_columns(line, text->at);
}

void gs_text_flow(struct gs_text *text, const char *words, unsigned indent)
{
	size_t column = gs_text_column(text);

	for (bool first = true; *words; first = false) {
		size_t length = word_length(words);
		size_t wide = count_columns(words, words + length);

		if (!first && column + 1 + wide > COLUMNS) {
			gs_text_char(text, '\n');
			for (unsigned i = 0; i < indent; i++)
				gs_text_char(text, ' ');
			column = indent + wide;
		} else {
			if (!first)
				gs_text_char(text, ' ');
			column += !first + wide;
		}
		put_bytes(text, words, length);
		words += length;
		words += *words == ' ';
	}
}
