/* claim_stream.c: stdio, by what lies in a stream's buffer. */
#include "claim.h"

#include <string.h>

#ifdef __GLIBC__

/* Built for glibc and preloaded into a program of another libc, whose FILE looks different. */
extern const char *gnu_get_libc_version(void) __attribute__((weak));

/* libc looks at no stream where there is nothing to transfer: NULL may be given. */
static bool is_known(const FILE *stream)
{
	return stream && gnu_get_libc_version;
}

/* _IO_IS_FILEBUF of glibc's libio.h: streams on memory lack it, and leave _fileno alone. */
#define STREAM_HAS_FILE 0x2000

/* Of what the buffer has: another thread that has the stream locked is waited for all the same. */
static gs_claim_t at_once(FILE *stream)
{
	if (ftrylockfile(stream) != 0)
		return GS_ON_DISK;
	funlockfile(stream);
	return GS_NEVER_WAITS;
}

static gs_claim_t stream_claim(enum gs_claim_how how, FILE *stream)
{
	return !(stream->_flags & STREAM_HAS_FILE) || stream->_fileno < 0
		       ? at_once(stream)
		       : gs_claim_make(how, stream->_fileno);
}

static size_t stream_pending(FILE *stream)
{
	return stream->_IO_write_ptr > stream->_IO_write_base
		       ? (size_t) (stream->_IO_write_ptr - stream->_IO_write_base)
		       : 0;
}

static size_t stream_buffered(FILE *stream, const char **from)
{
	*from = stream->_IO_read_ptr;
	return stream->_IO_read_end > stream->_IO_read_ptr
		       ? (size_t) (stream->_IO_read_end - stream->_IO_read_ptr)
		       : 0;
}

/* The byte counts of a wide stream say nothing about its wide buffer. */
static bool is_wide(FILE *stream)
{
	return stream->_mode > 0;
}

#else

static bool is_known(const FILE *stream)
{
	(void) stream;
	return false;
}

static gs_claim_t at_once(FILE *stream)
{
	(void) stream;
	return GS_ON_DISK;
}

static gs_claim_t stream_claim(enum gs_claim_how how, FILE *stream)
{
	(void) how;
	(void) stream;
	return GS_ON_DISK;
}

static size_t stream_pending(FILE *stream)
{
	(void) stream;
	return 0;
}

static size_t stream_buffered(FILE *stream, const char **from)
{
	(void) stream;
	*from = NULL;
	return 0;
}

static bool is_wide(FILE *stream)
{
	(void) stream;
	return true;
}

#endif

gs_claim_t gs_claim_stream(FILE *stream)
{
	return is_known(stream) ? stream_claim(GS_CLAIM_FD, stream) : GS_ON_DISK;
}

gs_claim_t gs_claim_get(FILE *stream, size_t wanted)
{
	const char *from;

	if (is_known(stream) && stream_buffered(stream, &from) >= wanted)
		return at_once(stream);
	return gs_claim_stream(stream);
}

gs_claim_t gs_claim_line(FILE *stream, int delimiter, int size)
{
	const char *from;
	size_t held;

	if (!is_known(stream))
		return GS_ON_DISK;
	held = stream_buffered(stream, &from);
	if (held && ((size > 0 && held >= (size_t) size - 1) || memchr(from, delimiter, held)))
		return at_once(stream);
	return gs_claim_stream(stream);
}

gs_claim_t gs_claim_put(FILE *stream, uint64_t *pending)
{
	*pending = is_known(stream) ? stream_pending(stream) : 0;
	return gs_claim_stream(stream);
}

gs_claim_t gs_claim_flushed(FILE *stream, uint64_t pending, long produced)
{
	if (is_known(stream) && produced >= 0 && !is_wide(stream) &&
		stream_pending(stream) == pending + (uint64_t) produced)
		return GS_NEVER_WAITS;
	return gs_claim_stream(stream);
}

/* Without a stream all of them are flushed; with unread input the file position is set back. */
gs_claim_t gs_claim_flush(FILE *stream)
{
	const char *from;

	if (!is_known(stream))
		return GS_ON_DISK;
	if (!is_wide(stream) && !stream_pending(stream) && !stream_buffered(stream, &from))
		return at_once(stream);
	return gs_claim_stream(stream);
}

/* Seeking alone waits for nobody; writing out what is pending may. */
gs_claim_t gs_claim_seek(FILE *stream)
{
	return is_known(stream) && stream_pending(stream) ? gs_claim_stream(stream) : GS_ON_DISK;
}

gs_claim_t gs_claim_fclose(FILE *stream)
{
	if (!is_known(stream))
		return GS_ON_DISK;
	return stream_claim(stream_pending(stream) ? GS_CLAIM_FD : GS_CLAIM_CLOSE, stream);
}

gs_claim_t gs_claim_fopened(FILE *stream)
{
	return is_known(stream) ? stream_claim(GS_CLAIM_OPENED, stream) : GS_ON_DISK;
}
