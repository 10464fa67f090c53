/* attribute.c: what a file is: status, access, owner, times, extended attributes, limits. */
#include "exercise.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/time.h>
#include <sys/xattr.h>
#include <utime.h>

int __xstat(int version, const char *path, struct stat *st);
int __lxstat(int version, const char *path, struct stat *st);
int __fxstat(int version, int fd, struct stat *st);
int __fxstatat(int version, int directory, const char *path, struct stat *st, int flags);

#ifdef __x86_64__
#define STAT_VERSION 1
#else
#define STAT_VERSION 0
#endif

static struct stat st;

/* A file of six bytes, a symbolic link to it, and the directory they are in. */
static int fd, here;
static void make_files(void)
{
	umask(0);
	x_write_file("text", "abcdef");
	fd = x_open("text", O_RDWR);
	here = x_open(".", O_RDONLY | O_DIRECTORY);
	if (REAL(symlink)("text", "name") < 0)
		REAL(abort)();
}

EXERCISE(STAT)
{
	make_files();
	if (IS("__xstat") || IS("__xstat64")) {
		KEEPS(0, CALL(__xstat, STAT_VERSION, "name", &st));
		FAILS(-1, ENOENT, CALL(__xstat, STAT_VERSION, "none", &st));
	} else {
		KEEPS(0, CALL(stat, "name", &st));
		FAILS(-1, ENOENT, CALL(stat, "none", &st));
	}
	EXPECT(S_ISREG(st.st_mode) && st.st_size == 6);
}

EXERCISE(LSTAT)
{
	make_files();
	if (IS("__lxstat") || IS("__lxstat64")) {
		KEEPS(0, CALL(__lxstat, STAT_VERSION, "name", &st));
		FAILS(-1, ENOENT, CALL(__lxstat, STAT_VERSION, "none", &st));
	} else {
		KEEPS(0, CALL(lstat, "name", &st));
		FAILS(-1, ENOENT, CALL(lstat, "none", &st));
	}
	EXPECT(S_ISLNK(st.st_mode) && st.st_size == 4);
}

EXERCISE(FSTAT)
{
	make_files();
	if (IS("__fxstat") || IS("__fxstat64")) {
		KEEPS(0, CALL(__fxstat, STAT_VERSION, fd, &st));
		FAILS(-1, EBADF, CALL(__fxstat, STAT_VERSION, -1, &st));
	} else {
		KEEPS(0, CALL(fstat, fd, &st));
		FAILS(-1, EBADF, CALL(fstat, -1, &st));
	}
	EXPECT(S_ISREG(st.st_mode) && st.st_size == 6);
}

EXERCISE(FSTATAT)
{
	make_files();
	if (IS("__fxstatat") || IS("__fxstatat64")) {
		KEEPS(0, CALL(__fxstatat, STAT_VERSION, here, "name", &st, AT_SYMLINK_NOFOLLOW));
		FAILS(-1, EBADF, CALL(__fxstatat, STAT_VERSION, -1, "name", &st, 0));
	} else {
		KEEPS(0, CALL(fstatat, here, "name", &st, AT_SYMLINK_NOFOLLOW));
		FAILS(-1, EBADF, CALL(fstatat, -1, "name", &st, 0));
	}
	EXPECT(S_ISLNK(st.st_mode) && st.st_size == 4);
}

EXERCISE(STATX)
{
	struct statx status = {0};

	make_files();
	KEEPS(0, CALL(statx, here, "text", 0, STATX_SIZE, &status));
	EXPECT(status.stx_size == 6);
	FAILS(-1, ENOENT, CALL(statx, here, "none", 0, STATX_SIZE, &status));
}

EXERCISE(STATFS)
{
	bool by_fd = x->name[0] == 'f';
	struct statvfs vfs = {0};
	struct statfs fs = {0};

	make_files();
	if (strstr(x->name, "vfs")) {
		if (by_fd)
			KEEPS(0, CALL(fstatvfs, fd, &vfs));
		else
			KEEPS(0, CALL(statvfs, "text", &vfs));
		EXPECT(vfs.f_bsize > 0 && vfs.f_namemax >= 14);
	} else {
		if (by_fd)
			KEEPS(0, CALL(fstatfs, fd, &fs));
		else
			KEEPS(0, CALL(statfs, "text", &fs));
		EXPECT(fs.f_bsize > 0 && fs.f_namelen >= 14);
	}
	if (by_fd)
		FAILS(-1, EBADF, CALL(fstatfs, -1, &fs));
	else
		FAILS(-1, ENOENT, CALL(statfs, "none", &fs));
}

EXERCISE(ACCESS)
{
	make_files();
	if (IS("faccessat")) {
		KEEPS(0, CALL(faccessat, here, "text", R_OK, 0));
		FAILS(-1, EACCES, CALL(faccessat, here, "text", X_OK, 0));
		FAILS(-1, ENOENT, CALL(faccessat, here, "none", R_OK, 0));
	} else {
		KEEPS(0, CALL(access, "text", R_OK));
		FAILS(-1, EACCES, CALL(access, "text", X_OK));
		FAILS(-1, ENOENT, CALL(access, "none", R_OK));
	}
}

EXERCISE(CHMOD)
{
	make_files();
	if (IS("fchmod")) {
		KEEPS(0, CALL(fchmod, fd, 0641));
		FAILS(-1, EBADF, CALL(fchmod, -1, 0641));
	} else if (IS("fchmodat")) {
		KEEPS(0, CALL(fchmodat, here, "text", 0641, 0));
		FAILS(-1, EINVAL, CALL(fchmodat, here, "text", 0641, 77));
	} else {
		GIVES(0, CALL(chmod, "text", 0641));
		FAILS(-1, ENOENT, CALL(chmod, "none", 0641));
	}
	EXPECT(REAL(fstat)(fd, &st) == 0 && (st.st_mode & 07777) == 0641);
}

/* Only root may give a file away; everybody may give it to himself. */
EXERCISE(CHOWN)
{
	uid_t uid = geteuid() ? geteuid() : 77;
	gid_t gid = geteuid() ? getegid() : 777;

	make_files();
	if (IS("fchown")) {
		KEEPS(0, CALL(fchown, fd, uid, gid));
		FAILS(-1, EBADF, CALL(fchown, -1, uid, gid));
	} else if (IS("fchownat")) {
		KEEPS(0, CALL(fchownat, here, "text", uid, gid, 0));
		FAILS(-1, EINVAL, CALL(fchownat, here, "text", uid, gid, 77));
	} else {
		KEEPS(0, CALL(chown, "text", uid, gid));
		FAILS(-1, ENOENT, CALL(chown, "none", uid, gid));
	}
	EXPECT(REAL(fstat)(fd, &st) == 0 && st.st_uid == uid && st.st_gid == gid);
}

/* All set the time of modification to 777. */
EXERCISE(UTIME)
{
	struct timeval tv[] = {{7, 0}, {777, 0}};
	struct timespec ts[] = {{7, 0}, {777, 0}};
	struct utimbuf old = {7, 777};

	make_files();
	if (IS("utime"))
		KEEPS(0, CALL(utime, "text", &old));
	else if (IS("utimes") || IS("lutimes"))
		KEEPS(0, CALL(utimes, "text", tv));
	else if (IS("futimes"))
		KEEPS(0, CALL(futimes, fd, tv));
	else if (IS("futimens"))
		KEEPS(0, CALL(futimens, fd, ts));
	else if (IS("futimesat"))
		KEEPS(0, CALL(futimesat, here, "text", tv));
	else
		KEEPS(0, CALL(utimensat, here, "text", ts, 0));
	EXPECT(REAL(fstat)(fd, &st) == 0 && st.st_mtime == 777);
	if (IS("futimes") || IS("futimens"))
		FAILS(-1, EBADF, CALL(futimens, -1, NULL));
	else if (IS("utimensat"))
		FAILS(-1, ENOENT, CALL(utimensat, here, "none", NULL, 0));
	else if (IS("futimesat"))
		FAILS(-1, ENOENT, CALL(futimesat, here, "none", NULL));
	else
		FAILS(-1, ENOENT, CALL(utimes, "none", NULL));
}

#define ATTRIBUTE "user.seven"

EXERCISE(GETXATTR)
{
	char value[64] = "";

	make_files();
	if (REAL(fsetxattr)(fd, ATTRIBUTE, "seven", 6, 0) < 0)
		x_skip(x, "this file system has no attributes");
	if (IS("fgetxattr")) {
		KEEPS(6, CALL(fgetxattr, fd, ATTRIBUTE, value, 64));
		FAILS(-1, ENODATA, CALL(fgetxattr, fd, "user.none", value, 64));
	} else if (strstr(x->name, "get")) {
		KEEPS(6, CALL(getxattr, "text", ATTRIBUTE, value, 64));
		FAILS(-1, ENODATA, CALL(getxattr, "text", "user.none", value, 64));
	} else if (IS("flistxattr")) {
		EXPECT(CALL(flistxattr, fd, value, 64) >= 11);
		FAILS(-1, EBADF, CALL(flistxattr, -1, value, 64));
	} else {
		EXPECT(CALL(listxattr, "text", value, 64) >= 11);
		FAILS(-1, ENOENT, CALL(listxattr, "none", value, 64));
	}
	EXPECT(strstr(value, "seven"));
}

EXERCISE(SETXATTR)
{
	char value[64] = "";

	make_files();
	if (REAL(fsetxattr)(fd, ATTRIBUTE, "six", 4, 0) < 0)
		x_skip(x, "this file system has no attributes");
	if (IS("fsetxattr"))
		KEEPS(0, CALL(fsetxattr, fd, ATTRIBUTE, "seven", 6, 0));
	else if (IS("fremovexattr"))
		KEEPS(0, CALL(fremovexattr, fd, ATTRIBUTE));
	else if (strstr(x->name, "set"))
		KEEPS(0, CALL(setxattr, "text", ATTRIBUTE, "seven", 6, 0));
	else
		KEEPS(0, CALL(removexattr, "text", ATTRIBUTE));
	if (strstr(x->name, "set")) {
		EXPECT(REAL(fgetxattr)(fd, ATTRIBUTE, value, 64) == 6 && !strcmp(value, "seven"));
	} else {
		EXPECT(REAL(fgetxattr)(fd, ATTRIBUTE, value, 64) == -1);
		if (IS("fremovexattr"))
			FAILS(-1, ENODATA, CALL(fremovexattr, fd, ATTRIBUTE));
		else
			FAILS(-1, ENODATA, CALL(removexattr, "text", ATTRIBUTE));
	}
}

EXERCISE(PATHCONF)
{
	make_files();
	if (IS("fpathconf")) {
		GIVES(REAL(pathconf)("text", _PC_NAME_MAX), CALL(fpathconf, fd, _PC_NAME_MAX));
		FAILS(-1, EINVAL, CALL(fpathconf, fd, 7777));
	} else {
		GIVES(REAL(fpathconf)(fd, _PC_NAME_MAX), CALL(pathconf, "text", _PC_NAME_MAX));
		FAILS(-1, EINVAL, CALL(pathconf, "text", 7777));
	}
}

EXERCISE(INOTIFY_ADD_WATCH)
{
	struct inotify_event event = {0};
	int watcher = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);

	if (watcher < 0)
		x_skip(x, "no inotify here");
	make_files();
	KEEPS(1, CALL(inotify_add_watch, watcher, "text", IN_MODIFY));
	x_put(&fd);
	EXPECT(REAL(read)(watcher, &event, sizeof(event)) > 0 && event.mask == IN_MODIFY);
	FAILS(-1, ENOENT, CALL(inotify_add_watch, watcher, "none", IN_MODIFY));
}

static union {
	struct file_handle handle;
	char room[sizeof(struct file_handle) + MAX_HANDLE_SZ];
} space;
#define HANDLE (&space.handle)

EXERCISE(NAME_TO_HANDLE_AT)
{
	char value[8] = "";
	int mount, got;

	make_files();
	HANDLE->handle_bytes = MAX_HANDLE_SZ;
	if (REAL(name_to_handle_at)(here, "text", HANDLE, &mount, 0) < 0)
		x_skip(x, "this file system has no handles");
	got = REAL(open_by_handle_at)(here, HANDLE, O_RDONLY);
	if (got < 0)
		x_skip(x, "needs CAP_DAC_READ_SEARCH");
	if (IS("name_to_handle_at")) {
		memset(HANDLE->f_handle, 0, HANDLE->handle_bytes);
		KEEPS(0, CALL(name_to_handle_at, here, "text", HANDLE, &mount, 0));
		got = REAL(open_by_handle_at)(here, HANDLE, O_RDONLY);
		HANDLE->handle_bytes = 0;
		FAILS(-1, EOVERFLOW, CALL(name_to_handle_at, here, "text", HANDLE, &mount, 0));
	} else {
		KEEPS(got + 1, CALL(open_by_handle_at, here, HANDLE, O_RDONLY));
		HANDLE->handle_bytes = MAX_HANDLE_SZ + 1;
		FAILS(-1, EINVAL, CALL(open_by_handle_at, here, HANDLE, O_RDONLY));
	}
	EXPECT(REAL(read)(got, value, 8) == 6 && strcmp(value, "abcdef") == 0);
}
