/* Claims on streams, looked at without their lock. */
#include "claim.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <wchar.h>

#include "core.h"

static int ends[2];
static FILE *stream;

/* A stream on one end of a pipe that nobody fills or empties. */
static void open_pipe(const char *mode, int buffering)
{
	CU_ASSERT_FATAL(pipe(ends) == 0);
	stream = fdopen(ends[mode[0] == 'w'], mode);
	CU_ASSERT_FATAL(stream != NULL);
	setvbuf(stream, NULL, buffering, BUFSIZ);
}

/* Fills the pipe and makes the stream take one byte, and with it all that its buffer takes. */
static void feed(const char *text)
{
	CU_ASSERT_FATAL(write(ends[1], text, strlen(text)) == (ssize_t) strlen(text));
	CU_ASSERT_EQUAL(fgetc(stream), text[0]);
}

static void close_pipe(void)
{
	int other = fileno(stream) == ends[0] ? ends[1] : ends[0];

	fclose(stream);
	close(other);
}

static gs_claim_t asked(void)
{
	return gs_claim_fd(fileno(stream));
}

static void test_a_stream_asks_its_descriptor(void)
{
	open_pipe("r", _IOFBF);
	CU_ASSERT_EQUAL(gs_claim_stream(stream), asked());
	CU_ASSERT_EQUAL(gs_claim_settle(gs_claim_stream(stream)), GS_CLASS_WAIT);
	close_pipe();
}

static void test_memory_streams_never_wait(void)
{
	char memory[16] = "abc", *text = NULL;
	size_t size = 0;
	uint64_t pending;
	FILE *reader = fmemopen(memory, sizeof(memory), "r"),
	     *writer = open_memstream(&text, &size);

	CU_ASSERT_FATAL(reader != NULL && writer != NULL);
	CU_ASSERT_EQUAL(gs_claim_stream(reader), GS_NEVER_WAITS);
	CU_ASSERT_EQUAL(gs_claim_get(reader, 100), GS_NEVER_WAITS);
	CU_ASSERT_EQUAL(gs_claim_put(writer, &pending), GS_NEVER_WAITS);
	CU_ASSERT_EQUAL(gs_claim_fclose(writer), GS_NEVER_WAITS);
	fclose(reader);
	fclose(writer);
	free(text);
}

static void test_reading_an_empty_buffer_asks(void)
{
	open_pipe("r", _IOFBF);
	CU_ASSERT_EQUAL(gs_claim_get(stream, 1), asked());
	CU_ASSERT_EQUAL(gs_claim_line(stream, '\n', 0), asked());
	CU_ASSERT_EQUAL(gs_claim_get(stream, 0), GS_NEVER_WAITS);
	close_pipe();
}

static void test_reading_what_is_buffered_never_waits(void)
{
	open_pipe("r", _IOFBF);
	feed("0123456789");
	CU_ASSERT_EQUAL(gs_claim_get(stream, 1), GS_NEVER_WAITS);
	CU_ASSERT_EQUAL(gs_claim_get(stream, 9), GS_NEVER_WAITS);
	CU_ASSERT_EQUAL(gs_claim_get(stream, 10), asked());
	CU_ASSERT_EQUAL(gs_claim_get(stream, SIZE_MAX), asked());
	close_pipe();
}

static void test_an_unbuffered_stream_holds_nothing(void)
{
	open_pipe("r", _IONBF);
	feed("0123456789");
	CU_ASSERT_EQUAL(gs_claim_get(stream, 1), asked());
	CU_ASSERT_EQUAL(gs_claim_line(stream, '1', 0), asked());
	close_pipe();
}

static void test_a_buffered_line_never_waits(void)
{
	open_pipe("r", _IOFBF);
	feed("ab\ncd;ef");
	CU_ASSERT_EQUAL(gs_claim_line(stream, '\n', 0), GS_NEVER_WAITS);
	CU_ASSERT_EQUAL(gs_claim_line(stream, '\n', 100), GS_NEVER_WAITS);
	CU_ASSERT_EQUAL(gs_claim_line(stream, ';', 0), GS_NEVER_WAITS);
	CU_ASSERT_EQUAL(gs_claim_line(stream, 'a', 0), asked()); /* it was taken */
	while (fgetc(stream) != '\n')
		;
	CU_ASSERT_EQUAL(gs_claim_line(stream, '\n', 0), asked());
	CU_ASSERT_EQUAL(gs_claim_line(stream, ';', 0), GS_NEVER_WAITS);
	close_pipe();
}

static void test_a_line_that_fills_its_limit_never_waits(void)
{
	open_pipe("r", _IOFBF);
	feed("abcdef");
	CU_ASSERT_EQUAL(gs_claim_line(stream, '\n', 6), GS_NEVER_WAITS); /* five and a NUL */
	CU_ASSERT_EQUAL(gs_claim_line(stream, '\n', 7), asked());
	close_pipe();
}

static void test_a_buffered_write_never_waits(void)
{
	uint64_t pending = 77;

	open_pipe("w", _IOFBF);
	CU_ASSERT_EQUAL(gs_claim_put(stream, &pending), asked());
	CU_ASSERT_EQUAL(pending, 0);
	fputs("hello", stream);
	CU_ASSERT_EQUAL(gs_claim_flushed(stream, pending, 5), GS_NEVER_WAITS);
	CU_ASSERT_EQUAL(gs_claim_flushed(stream, pending, 4), asked());
	gs_claim_put(stream, &pending);
	CU_ASSERT_EQUAL(pending, 5);
	fputc('x', stream);
	CU_ASSERT_EQUAL(gs_claim_flushed(stream, pending, 1), GS_NEVER_WAITS);
	close_pipe();
}

static void test_a_write_beyond_the_buffer_asks(void)
{
	char text[BUFSIZ + 100];
	uint64_t pending;

	memset(text, 'x', sizeof(text));
	open_pipe("w", _IOFBF);
	gs_claim_put(stream, &pending);
	CU_ASSERT_EQUAL(fwrite(text, 1, sizeof(text), stream), sizeof(text));
	CU_ASSERT_EQUAL(gs_claim_flushed(stream, pending, sizeof(text)), asked());
	close_pipe();
}

static void test_a_line_buffered_write_asks_at_the_line_end(void)
{
	uint64_t pending;

	open_pipe("w", _IOLBF);
	gs_claim_put(stream, &pending);
	fputs("word", stream);
	CU_ASSERT_EQUAL(gs_claim_flushed(stream, pending, 4), GS_NEVER_WAITS);
	gs_claim_put(stream, &pending);
	fputs("line\n", stream);
	CU_ASSERT_EQUAL(gs_claim_flushed(stream, pending, 5), asked());
	close_pipe();
}

static void test_an_unbuffered_write_asks(void)
{
	uint64_t pending;

	open_pipe("w", _IONBF);
	gs_claim_put(stream, &pending);
	fputs("word", stream);
	CU_ASSERT_EQUAL(gs_claim_flushed(stream, pending, 4), asked());
	close_pipe();
}

static void test_a_failed_write_asks(void)
{
	open_pipe("w", _IOFBF);
	CU_ASSERT_EQUAL(gs_claim_flushed(stream, 0, -1), asked());
	close_pipe();
}

/* The byte counts of a wide stream say nothing. */
static void test_a_wide_stream_asks(void)
{
	uint64_t pending;

	open_pipe("w", _IOFBF);
	CU_ASSERT(fwide(stream, 1) > 0);
	gs_claim_put(stream, &pending);
	CU_ASSERT_EQUAL(gs_claim_flushed(stream, pending, 0), asked());
	CU_ASSERT_EQUAL(gs_claim_flush(stream), asked());
	close_pipe();
}

static void test_flushing_waits_only_with_something_pending(void)
{
	CU_ASSERT_EQUAL(gs_claim_flush(NULL), GS_ON_DISK);
	open_pipe("w", _IOFBF);
	CU_ASSERT_EQUAL(gs_claim_flush(stream), GS_NEVER_WAITS);
	fputs("word", stream);
	CU_ASSERT_EQUAL(gs_claim_flush(stream), asked());
	fflush(stream);
	CU_ASSERT_EQUAL(gs_claim_flush(stream), GS_NEVER_WAITS);
	close_pipe();
}

static void test_flushing_unread_input_asks(void)
{
	open_pipe("r", _IOFBF);
	CU_ASSERT_EQUAL(gs_claim_flush(stream), GS_NEVER_WAITS);
	feed("abc");
	CU_ASSERT_EQUAL(gs_claim_flush(stream), asked());
	close_pipe();
}

static void test_seeking_waits_only_with_something_pending(void)
{
	open_pipe("w", _IOFBF);
	CU_ASSERT_EQUAL(gs_claim_seek(stream), GS_ON_DISK);
	fputs("word", stream);
	CU_ASSERT_EQUAL(gs_claim_seek(stream), asked());
	close_pipe();
}

static void test_closing_waits_for_what_is_pending(void)
{
	open_pipe("w", _IOFBF);
	CU_ASSERT_EQUAL(gs_claim_fclose(stream), gs_claim_close(fileno(stream)));
	CU_ASSERT_EQUAL(gs_claim_settle(gs_claim_fclose(stream)), GS_CLASS_DISK);
	fputs("word", stream);
	CU_ASSERT_EQUAL(gs_claim_fclose(stream), asked());
	CU_ASSERT_EQUAL(gs_claim_settle(gs_claim_fclose(stream)), GS_CLASS_WAIT);
	close_pipe();
}

static void test_what_was_opened_counts(void)
{
	FILE *file = tmpfile();

	CU_ASSERT_FATAL(file != NULL);
	open_pipe("r", _IOFBF);
	CU_ASSERT_EQUAL(gs_claim_fopened(NULL), GS_ON_DISK);
	CU_ASSERT_EQUAL(gs_claim_settle(gs_claim_fopened(stream)), GS_CLASS_WAIT);
	CU_ASSERT_EQUAL(gs_claim_settle(gs_claim_fopened(file)), GS_CLASS_DISK);
	close_pipe();
	fclose(file);
}

static void test_looking_at_a_stream_keeps_errno(void)
{
	uint64_t pending;

	open_pipe("w", _IOFBF);
	errno = 12345;
	gs_claim_stream(stream);
	gs_claim_get(stream, 1);
	gs_claim_line(stream, '\n', 0);
	gs_claim_put(stream, &pending);
	gs_claim_flushed(stream, pending, 0);
	gs_claim_flush(stream);
	gs_claim_seek(stream);
	gs_claim_fclose(stream);
	gs_claim_fopened(stream);
	CU_ASSERT_EQUAL(errno, 12345);
	close_pipe();
}

CU_TestInfo gs_tests_stream[] = {
	{"a_stream_asks_its_descriptor", test_a_stream_asks_its_descriptor},
	{"memory_streams_never_wait", test_memory_streams_never_wait},
	{"reading_an_empty_buffer_asks", test_reading_an_empty_buffer_asks},
	{"reading_what_is_buffered_never_waits", test_reading_what_is_buffered_never_waits},
	{"an_unbuffered_stream_holds_nothing", test_an_unbuffered_stream_holds_nothing},
	{"a_buffered_line_never_waits", test_a_buffered_line_never_waits},
	{"a_line_that_fills_its_limit", test_a_line_that_fills_its_limit_never_waits},
	{"a_buffered_write_never_waits", test_a_buffered_write_never_waits},
	{"a_write_beyond_the_buffer_asks", test_a_write_beyond_the_buffer_asks},
	{"a_line_buffered_write_asks", test_a_line_buffered_write_asks_at_the_line_end},
	{"an_unbuffered_write_asks", test_an_unbuffered_write_asks},
	{"a_failed_write_asks", test_a_failed_write_asks},
	{"a_wide_stream_asks", test_a_wide_stream_asks},
	{"flushing_with_something_pending", test_flushing_waits_only_with_something_pending},
	{"flushing_unread_input_asks", test_flushing_unread_input_asks},
	{"seeking_with_something_pending", test_seeking_waits_only_with_something_pending},
	{"closing_waits_for_what_is_pending", test_closing_waits_for_what_is_pending},
	{"what_was_opened_counts", test_what_was_opened_counts},
	{"looking_at_a_stream_keeps_errno", test_looking_at_a_stream_keeps_errno},
	CU_TEST_INFO_NULL,
};
