#include "movefile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHUNK 65536

static bool write_all(int fd, const char *bytes, size_t size)
{
	while (size > 0) {
		ssize_t done = write(fd, bytes, size);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return false;
		bytes += done;
		size -= (size_t) done;
	}
	return true;
}

/* Most of a record is empty: zeros become a hole. */
static bool copy_bytes(int from, int to)
{
	static char bytes[CHUNK];
	static const char zeros[CHUNK];
	off_t size = 0;
	ssize_t got;

	while ((got = read(from, bytes, sizeof(bytes))) != 0) {
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return false;
		size += got;
		if (memcmp(bytes, zeros, (size_t) got) == 0) {
			if (lseek(to, got, SEEK_CUR) < 0)
				return false;
		} else if (!write_all(to, bytes, (size_t) got)) {
			return false;
		}
	}
	return ftruncate(to, size) == 0;
}

static bool copy_to(int from, const char *path)
{
	struct timespec times[2];
	struct stat file;
	bool done;
	int to, reason;

	if (fstat(from, &file) < 0)
		return false;
	to = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, file.st_mode & 0777);
	if (to < 0)
		return false;
	times[0] = file.st_atim;
	times[1] = file.st_mtim;
	done = copy_bytes(from, to) && futimens(to, times) == 0;
	reason = errno;
	if (close(to) < 0 && done) {
		reason = errno;
		done = false;
	}
	if (!done)
		unlink(path);
	errno = reason;
	return done;
}

bool gs_move_file(const char *from, const char *to)
{
	int fd, reason;
	bool done;

	if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0)
		return true;
	if (errno != EXDEV && errno != EINVAL && errno != ENOSYS)
		return false;
	fd = open(from, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return false;
	done = copy_to(fd, to);
	reason = errno;
	close(fd);
	if (done)
		unlink(from);
	errno = reason;
	return done;
}
