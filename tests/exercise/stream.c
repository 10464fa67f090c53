/* stream.c: opening, flushing, placing and closing streams. */
#include "exercise.h"

#include <stdio.h>

/* A stream that has this text, not yet written. */
static FILE *unwritten(void)
{
	FILE *stream = REAL(fopen)("out", "w+");

	REAL(fputs)("abcdef", stream);
	return stream;
}

/* The same, over a descriptor that is gone. */
static FILE *hopeless(void)
{
	NO_POINT;
	FILE *stream = unwritten();

	REAL(close)(fileno(stream));
	return stream;
}

EXERCISE(FFLUSH)
{
	FILE *stream = unwritten();

	EXPECT(x_file_is("out", ""));
	KEEPS(0, CALL(fflush, stream));
	EXPECT(x_file_is("out", "abcdef"));
	KEEPS(0, CALL(fflush, stream));
	FAILS(EOF, EBADF, CALL(fflush, hopeless()));
	if (!IS("fflush_unlocked")) {
		stream = unwritten();
		AS_BARE(CALL(fflush, NULL));
		EXPECT(x_file_is("out", "abcdef"));
	}
}

EXERCISE(FCLOSE)
{
	FILE *stream = unwritten();
	int fd = fileno(stream);

	if (IS("fcloseall")) {
		KEEPS(0, CALL(fcloseall));
	} else {
		KEEPS(0, CALL(fclose, stream));
		EXPECT(REAL(fcntl)(fd, F_GETFD) < 0);
		FAILS(EOF, EBADF, CALL(fclose, hopeless()));
		return;
	}
	EXPECT(x_file_is("out", "abcdef"));
}

EXERCISE(FOPEN)
{
	FILE *stream = CALL(fopen, "stdin", "r");

	EXPECT(stream && x->error == X_ERRNO && REAL(fgetc)(stream) == 'f');
	FAILS(NULL, ENOENT, CALL(fopen, "none", "r"));
	FAILS(NULL, EINVAL, CALL(fopen, "stdin", "?"));
}

EXERCISE(FREOPEN)
{
	FILE *stream = unwritten();

	KEEPS(stream, CALL(freopen, "stdin", "r", stream));
	EXPECT(x_file_is("out", "abcdef") && REAL(fgetc)(stream) == 'f');
	FAILS(NULL, ENOENT, CALL(freopen, "none", "r", stream));
}

PART(fsetpos)
{
	FILE *stream = unwritten(), *other = hopeless();
	fpos_t position;

	REAL(fseek)(stream, 3, SEEK_SET);
	REAL(fgetpos)(stream, &position);
	REAL(fseek)(stream, 0, SEEK_SET);
	KEEPS(0, CALL(fsetpos, stream, &position));
	EXPECT(REAL(fgetc)(stream) == 'd');
	FAILS(-1, EBADF, CALL(fsetpos, other, &position));
}

EXERCISE(FSEEK)
{
	FILE *stream = unwritten();

	if (strstr(x->name, "fsetpos")) {
		part_fsetpos(x);
	} else if (IS("rewind")) {
		CALL_VOID(rewind, stream);
		EXPECT(x->error == X_ERRNO && REAL(fgetc)(stream) == 'a');
	} else {
		KEEPS(0, CALL(fseek, stream, 3, SEEK_SET));
		EXPECT(REAL(fgetc)(stream) == 'd');
		FAILS(-1, EINVAL, CALL(fseek, stream, 3, 77));
		FAILS(-1, EBADF, CALL(fseek, hopeless(), 3, SEEK_SET));
	}
}

EXERCISE(FTELL)
{
	FILE *stream = unwritten(), *other = hopeless();
	fpos_t position;

	if (strstr(x->name, "fgetpos")) {
		KEEPS(0, CALL(fgetpos, stream, &position));
		REAL(fseek)(stream, 0, SEEK_SET);
		EXPECT(REAL(fsetpos)(stream, &position) == 0 && REAL(ftell)(stream) == 6);
		FAILS(-1, EBADF, CALL(fgetpos, other, &position));
	} else {
		KEEPS(6, CALL(ftell, stream));
		FAILS(-1, EBADF, CALL(ftell, other));
	}
}
