/* name.c: names in directories: made, removed, listed, looked up; temporary files; mounts. */
#include "exercise.h"

#include <dirent.h>
#include <ftw.h>
#include <fts.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/quota.h>
#include <sys/stat.h>
#include <sys/swap.h>
#include <sys/vfs.h>

#pragma GCC diagnostic ignored "-Wdeprecated-declarations" /* readdir_r, mktemp, tmpnam, tempnam \
							    */

int __xmknod(int version, const char *path, mode_t mode, dev_t *device);
int __xmknodat(int version, int directory, const char *path, mode_t mode, dev_t *device);
ssize_t __readlink_chk(const char *path, char *buffer, size_t size, size_t room);
ssize_t __readlinkat_chk(int directory, const char *path, char *buffer, size_t size, size_t room);
char *__realpath_chk(const char *path, char *buffer, size_t room);
char *__getcwd_chk(char *buffer, size_t size, size_t room);
char *__getwd_chk(char *buffer, size_t room);
int pivot_root(const char *root, const char *old);

/* A file, a symbolic link that leads to it, one that leads nowhere, and a directory with one file.
 */
static int here;
static void make_names(void)
{
	x_write_file("text", "abcdef");
	if (REAL(symlink)("text", "name") < 0 || REAL(symlink)("none", "nowhere") < 0 ||
		REAL(mkdir)("dir", 0755) < 0)
		REAL(abort)();
	x_write_file("dir/file", "");
	here = x_open(".", O_RDONLY | O_DIRECTORY);
}

/* 0 if there is none. */
static mode_t kind_of(const char *path)
{
	struct stat st;

	return REAL(lstat)(path, &st) == 0 ? st.st_mode & S_IFMT : 0;
}

EXERCISE(LINK)
{
	bool symbolic = x->name[0] == 's';

	make_names();
	if (IS("linkat")) {
		KEEPS(0, CALL(linkat, here, "text", here, "new", 0));
		FAILS(-1, EEXIST, CALL(linkat, here, "text", here, "new", 0));
	} else if (IS("symlinkat")) {
		KEEPS(0, CALL(symlinkat, "text", here, "new"));
		FAILS(-1, EEXIST, CALL(symlinkat, "text", here, "new"));
	} else {
		KEEPS(0, CALL(link, "text", "new"));
		FAILS(-1, EEXIST, CALL(link, "text", "new"));
	}
	EXPECT(kind_of("new") == (symbolic ? S_IFLNK : S_IFREG) && x_file_is("new", "abcdef"));
}

EXERCISE(UNLINK)
{
	make_names();
	if (IS("unlinkat")) {
		KEEPS(0, CALL(unlinkat, here, "text", 0));
		FAILS(-1, ENOENT, CALL(unlinkat, here, "text", 0));
	} else {
		KEEPS(0, CALL(unlink, "text"));
		FAILS(-1, ENOENT, CALL(unlink, "text"));
	}
	EXPECT(kind_of("text") == 0);
}

EXERCISE(RENAME)
{
	make_names();
	if (IS("renameat")) {
		KEEPS(0, CALL(renameat, here, "text", here, "new"));
		FAILS(-1, ENOENT, CALL(renameat, here, "text", here, "new"));
	} else if (IS("renameat2")) {
		KEEPS(0, CALL(renameat2, here, "text", here, "new", 0));
		FAILS(-1, EINVAL, CALL(renameat2, here, "new", here, "text", ~0u));
	} else {
		KEEPS(0, CALL(rename, "text", "new"));
		FAILS(-1, ENOENT, CALL(rename, "text", "new"));
	}
	EXPECT(kind_of("text") == 0 && x_file_is("new", "abcdef"));
}

EXERCISE(MKDIR)
{
	make_names();
	if (IS("mkdirat")) {
		KEEPS(0, CALL(mkdirat, here, "new", 0755));
		FAILS(-1, EEXIST, CALL(mkdirat, here, "new", 0755));
	} else {
		KEEPS(0, CALL(mkdir, "new", 0755));
		FAILS(-1, EEXIST, CALL(mkdir, "new", 0755));
	}
	EXPECT(kind_of("new") == S_IFDIR);
}

EXERCISE(RMDIR)
{
	make_names();
	FAILS(-1, ENOTEMPTY, CALL(rmdir, "dir"));
	REAL(unlink)("dir/file");
	KEEPS(0, CALL(rmdir, "dir"));
	EXPECT(kind_of("dir") == 0);
}

EXERCISE(MKNOD)
{
	dev_t none = 0;

	make_names();
	for (int i = 0; i < 2; i++) {
		int got;

		if (IS("mknod"))
			got = CALL(mknod, "new", S_IFIFO | 0600, 0);
		else if (IS("mknodat"))
			got = CALL(mknodat, here, "new", S_IFIFO | 0600, 0);
		else if (IS("mkfifo"))
			got = CALL(mkfifo, "new", 0600);
		else if (IS("mkfifoat"))
			got = CALL(mkfifoat, here, "new", 0600);
		else if (IS("__xmknod"))
			got = CALL(__xmknod, 0, "new", S_IFIFO | 0600, &none);
		else
			got = CALL(__xmknodat, 0, here, "new", S_IFIFO | 0600, &none);
		EXPECT(got == -i && x->error == (i ? EEXIST : X_ERRNO));
	}
	EXPECT(kind_of("new") == S_IFIFO);
}

static ssize_t call_readlink(struct exercise *x, const char *path, char *buffer, size_t size)
{
	if (IS("__readlink_chk"))
		return CALL(__readlink_chk, path, buffer, size, size);
	if (IS("readlinkat"))
		return CALL(readlinkat, here, path, buffer, size);
	if (IS("__readlinkat_chk"))
		return CALL(__readlinkat_chk, here, path, buffer, size, size);
	return CALL(readlink, path, buffer, size);
}

EXERCISE(READLINK)
{
	char buffer[16] = "";

	make_names();
	KEEPS(4, call_readlink(x, "name", buffer, 16));
	EXPECT(strcmp(buffer, "text") == 0);
	FAILS(-1, EINVAL, call_readlink(x, "text", buffer, 16));
}

EXERCISE(OPENDIR)
{
	DIR *dir, *volatile none = NULL;

	make_names();
	if (IS("opendir")) {
		dir = CALL(opendir, "dir");
		EXPECT(dir && x->error == X_ERRNO && REAL(readdir)(dir));
		FAILS(NULL, ENOENT, CALL(opendir, "none"));
	} else if (IS("fdopendir")) {
		dir = CALL(fdopendir, here);
		EXPECT(dir && x->error == X_ERRNO && REAL(readdir)(dir));
		FAILS(NULL, EBADF, CALL(fdopendir, -1));
	} else {
		dir = REAL(opendir)("dir");
		here = dirfd(dir);
		KEEPS(0, CALL(closedir, dir));
		EXPECT(REAL(fcntl)(here, F_GETFD) < 0);
		FAILS(-1, EINVAL, CALL(closedir, none));
	}
}

/* One more entry, or NULL. */
static struct dirent *call_readdir(struct exercise *x, DIR *dir)
{
	static struct dirent entry;
	struct dirent *found = NULL;

	if (strstr(x->name, "_r"))
		KEEPS(0, CALL(readdir_r, dir, &entry, &found));
	else
		found = CALL(readdir, dir);
	EXPECT(x->error == X_ERRNO);
	return found;
}

PART(readdir)
{
	DIR *dir = REAL(opendir)("dir");
	struct dirent *entry;
	int entries = 0, files = 0;

	while ((entry = call_readdir(x, dir)) && entries++ < 4)
		files += !strcmp(entry->d_name, "file");
	EXPECT(entries == 3 && files == 1);
}

PART(rewinddir)
{
	DIR *dir = REAL(opendir)("dir");
	long start = telldir(dir);
	char first[256];

	strcpy(first, REAL(readdir)(dir)->d_name);
	REAL(readdir)(dir);
	if (IS("seekdir"))
		CALL_VOID(seekdir, dir, start);
	else
		CALL_VOID(rewinddir, dir);
	EXPECT(strcmp(first, REAL(readdir)(dir)->d_name) == 0);
}

EXERCISE(READDIR)
{
	off_t position = 0;
	char buffer[1024];
	int dir;

	make_names();
	if (strstr(x->name, "readdir")) {
		part_readdir(x);
	} else if (IS("rewinddir") || IS("seekdir")) {
		part_rewinddir(x);
	} else if (IS("getdents64")) {
		dir = x_open("dir", O_RDONLY);
		EXPECT(CALL(getdents64, dir, buffer, sizeof(buffer)) >= 3 * 24);
		KEEPS(0, CALL(getdents64, dir, buffer, sizeof(buffer)));
		FAILS(-1, EBADF, CALL(getdents64, -1, buffer, sizeof(buffer)));
	} else {
		dir = x_open("dir", O_RDONLY);
		EXPECT(CALL(getdirentries, dir, buffer, sizeof(buffer), &position) >= 3 * 24);
		FAILS(-1, EBADF, CALL(getdirentries, -1, buffer, sizeof(buffer), &position));
	}
}

EXERCISE(SCANDIR)
{
	struct dirent **list = NULL;

	make_names();
	if (strstr(x->name, "scandirat")) {
		GIVES(3, CALL(scandirat, here, "dir", &list, NULL, alphasort));
		EXPECT(!strcmp(list[2]->d_name, "file"));
		FAILS(-1, ENOENT, CALL(scandirat, here, "none", &list, NULL, alphasort));
	} else {
		GIVES(3, CALL(scandir, "dir", &list, NULL, alphasort));
		EXPECT(!strcmp(list[2]->d_name, "file"));
		FAILS(-1, ENOENT, CALL(scandir, "none", &list, NULL, alphasort));
	}
}

static int visited;
static int visit(const char *path, const struct stat *st, int kind)
{
	(void) st;
	visited += kind == FTW_F && !strcmp(path, "dir/file");
	return 0;
}

static int visit_new(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
	return ftw->level <= 1 ? visit(path, st, kind) : 1;
}

EXERCISE(FTW)
{
	make_names();
	if (strstr(x->name, "nftw")) {
		GIVES(0, CALL(nftw, "dir", visit_new, 4, FTW_PHYS));
		EXPECT(visited == 1);
		FAILS(-1, ENOENT, CALL(nftw, "none", visit_new, 4, FTW_PHYS));
	} else {
		GIVES(0, CALL(ftw, "dir", visit, 4));
		EXPECT(visited == 1);
		FAILS(-1, ENOENT, CALL(ftw, "none", visit, 4));
	}
}

EXERCISE(FTS_READ)
{
	char dir[] = "dir", *paths[] = {dir, NULL};
	FTS *walk;
	FTSENT *entry;

	make_names();
	if (strstr(x->name, "open")) {
		walk = CALL(fts_open, paths, FTS_PHYSICAL, NULL);
		EXPECT(walk && REAL(fts_read)(walk)->fts_info == FTS_D);
		FAILS(NULL, EINVAL, CALL(fts_open, paths, -1, NULL));
		return;
	}
	walk = REAL(fts_open)(paths, FTS_PHYSICAL, NULL);
	if (strstr(x->name, "children")) {
		REAL(fts_read)(walk);
		entry = CALL(fts_children, walk, 0);
		EXPECT(entry && !strcmp(entry->fts_name, "file") && !entry->fts_link);
		FAILS(NULL, EINVAL, CALL(fts_children, walk, 77));
		return;
	}
	if (strstr(x->name, "close")) {
		KEEPS(0, CALL(fts_close, walk));
		return;
	}
	EXPECT(CALL(fts_read, walk)->fts_info == FTS_D);
	entry = CALL(fts_read, walk);
	EXPECT(entry->fts_info == FTS_F && !strcmp(entry->fts_path, "dir/file"));
	EXPECT(CALL(fts_read, walk)->fts_info == FTS_DP);
	GIVES(NULL, CALL(fts_read, walk));
}

/* The old implementation does not find links that lead nowhere. */
EXERCISE(GLOB)
{
	glob_t found;

	make_names();
	GIVES(0, CALL(glob, "na*", 0, NULL, &found));
	EXPECT(found.gl_pathc == 1 && !strcmp(found.gl_pathv[0], "name"));
	AS_BARE(CALL(glob, "nowhere", 0, NULL, &found));
	GIVES(GLOB_NOMATCH, CALL(glob, "x*", 0, NULL, &found));
}

static char *call_realpath(struct exercise *x, const char *path, char *buffer)
{
	if (IS("__realpath_chk"))
		return CALL(__realpath_chk, path, buffer, PATH_MAX);
	if (IS("canonicalize_file_name"))
		return CALL(canonicalize_file_name, path);
	return CALL(realpath, path, buffer);
}

EXERCISE(REALPATH)
{
	char buffer[PATH_MAX], *got;

	make_names();
	got = call_realpath(x, "./name", buffer);
	EXPECT(got && strlen(got) > 13 && !strcmp(got + strlen(got) - 13, "/scratch/text"));
	FAILS(NULL, ENOENT, call_realpath(x, "none", buffer));
	if (x->node && !strcmp(x->node, "GLIBC_2.2.5"))
		FAILS(NULL, EINVAL, call_realpath(x, "name", NULL));
}

EXERCISE(GETCWD)
{
	char buffer[PATH_MAX], *got;

	if (IS("getcwd")) {
		got = CALL(getcwd, buffer, sizeof(buffer));
		FAILS(NULL, ERANGE, CALL(getcwd, buffer, 2));
	} else if (IS("__getcwd_chk")) {
		got = CALL(__getcwd_chk, buffer, sizeof(buffer), sizeof(buffer));
	} else if (IS("getwd")) {
		got = CALL(getwd, buffer);
	} else if (IS("__getwd_chk")) {
		got = CALL(__getwd_chk, buffer, sizeof(buffer));
	} else {
		got = CALL(get_current_dir_name);
	}
	EXPECT(got && strlen(got) > 8 && !strcmp(got + strlen(got) - 8, "/scratch"));
}

EXERCISE(CHDIR)
{
	make_names();
	if (IS("chroot")) {
		x_namespace(x);
		FAILS(-1, ENOENT, CALL(chroot, "none"));
		KEEPS(0, CALL(chroot, "dir"));
		EXPECT(kind_of("/file") == S_IFREG);
	} else if (IS("fchdir")) {
		FAILS(-1, EBADF, CALL(fchdir, -1));
		KEEPS(0, CALL(fchdir, x_open("dir", O_RDONLY)));
		EXPECT(kind_of("file") == S_IFREG);
	} else {
		FAILS(-1, ENOENT, CALL(chdir, "none"));
		KEEPS(0, CALL(chdir, "dir"));
		EXPECT(kind_of("file") == S_IFREG);
	}
}

/* Makes a file from a template with a suffix, as the name under test does. */
static int call_mkstemp(struct exercise *x, char *template)
{
	if (strncmp(x->name, "mkostemps", 9) == 0)
		return CALL(mkostemps, template, 2, O_CLOEXEC);
	if (strncmp(x->name, "mkstemps", 8) == 0)
		return CALL(mkstemps, template, 2);
	template[strlen(template) - 2] = '\0';
	if (strncmp(x->name, "mkostemp", 8) == 0)
		return CALL(mkostemp, template, O_CLOEXEC);
	return CALL(mkstemp, template);
}

PART(mkstemp)
{
	char template[] = "new.XXXXXX.c", bad[] = "new.c";
	int fd = call_mkstemp(x, template);

	EXPECT(fd > 2 && !strstr(template, "XXXXXX") && kind_of(template) == S_IFREG);
	EXPECT(!!(REAL(fcntl)(fd, F_GETFD) & FD_CLOEXEC) == (strstr(x->name, "mko") != NULL));
	FAILS(-1, EINVAL, call_mkstemp(x, bad));
}

PART(tmpnam)
{
	char template[] = "new.XXXXXX", buffer[L_tmpnam], *got;

	if (IS("mktemp"))
		got = CALL(mktemp, template);
	else if (IS("tempnam"))
		got = CALL(tempnam, ".", "new");
	else
		got = CALL(tmpnam, buffer);
	EXPECT(got && strlen(got) > 4 && kind_of(got) == 0);
}

EXERCISE(MKSTEMP)
{
	char template[] = "new.XXXXXX", buffer[8] = "";
	FILE *stream;

	if (IS("mkdtemp")) {
		KEEPS(template, CALL(mkdtemp, template));
		EXPECT(kind_of(template) == S_IFDIR);
	} else if (IS("tmpfile") || IS("tmpfile64")) {
		stream = CALL(tmpfile);
		EXPECT(stream && REAL(fputs)("abc", stream) >= 0);
		REAL(rewind)(stream);
		EXPECT(REAL(fread)(buffer, 1, 8, stream) == 3 && !strcmp(buffer, "abc"));
	} else if (strstr(x->name, "mks") || strstr(x->name, "mko")) {
		part_mkstemp(x);
	} else {
		part_tmpnam(x);
	}
}

#define TMPFS_MAGIC 0x01021994

static bool is_mounted(const char *path)
{
	struct statfs fs;

	return REAL(statfs)(path, &fs) == 0 && fs.f_type == TMPFS_MAGIC;
}

/* Swap areas and quotas belong to the machine: refused, the same way as without us. */
PART(refused)
{
	if (IS("swapon"))
		GIVES(-1, CALL(swapon, "none", 0));
	else if (IS("swapoff"))
		GIVES(-1, CALL(swapoff, "none"));
	else
		GIVES(-1, CALL(quotactl, QCMD(Q_GETFMT, USRQUOTA), "none", 0, NULL));
}

EXERCISE(MOUNT)
{
	x_namespace(x);
	make_names();
	if (IS("mount")) {
		FAILS(-1, ENOENT, CALL(mount, "none", "none", "tmpfs", 0, NULL));
		KEEPS(0, CALL(mount, "none", "dir", "tmpfs", 0, NULL));
		EXPECT(is_mounted("dir"));
		return;
	}
	REAL(mount)("none", "dir", "tmpfs", 0, NULL);
	EXPECT(is_mounted("dir"));
	if (IS("umount")) {
		KEEPS(0, CALL(umount, "dir"));
		EXPECT(kind_of("dir/file") == S_IFREG);
		FAILS(-1, EINVAL, CALL(umount, "dir"));
	} else if (IS("umount2")) {
		KEEPS(0, CALL(umount2, "dir", MNT_DETACH));
		EXPECT(kind_of("dir/file") == S_IFREG);
		FAILS(-1, EINVAL, CALL(umount2, "dir", 0));
	} else if (IS("pivot_root")) {
		REAL(mkdir)("dir/old", 0755);
		FAILS(-1, ENOENT, CALL(pivot_root, "none", "dir/old"));
		AS_BARE(CALL(pivot_root, "dir", "dir/old"));
		EXPECT(x->error != X_ERRNO || kind_of("/old/proc") == S_IFDIR);
	} else {
		part_refused(x);
	}
}
