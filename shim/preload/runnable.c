#include "runnable.h"

#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "peek.h"
#include "sys.h"
#include "text.h"

#define PAGE 4096 /* the smallest there is */

/* What is in it is not looked at: to close the file again would drop the process's locks on it
 * (fcntl(2)), and some run what the kernel does not (execvp(3), binfmt_misc). */
static bool is_program(const char *path)
{
	struct stat st = {0};

	return gs_sys3(SYS_faccessat, AT_FDCWD, (long) path, 1 /* X_OK */) == 0 &&
	       gs_sys4(SYS_newfstatat, AT_FDCWD, (long) path, (long) &st, 0) == 0 &&
	       S_ISREG(st.st_mode);
}

/* Anything may be given for a path; the kernel refuses what cannot be read. */
static bool can_be_read(const char *path)
{
	for (size_t i = 0; i < PATH_MAX; i++) {
		if ((i == 0 || !((uintptr_t) &path[i] % PAGE)) && !gs_can_read(&path[i], 1))
			return false;
		if (!path[i])
			return true;
	}
	return false;
}

bool gs_runnable(const char *path)
{
	const char *list = getenv("PATH");
	char buffer[1024];
	struct gs_text text;

	if (!path)
		return true;
	if (!can_be_read(path))
		return false;
	if (strchr(path, '/'))
		return is_program(path);
	if (!list)
		list = "/bin:/usr/bin";
	for (const char *end = list; end; list = end + 1) {
		size_t length = strcspn(list, ":");

		end = list[length] ? list + length : NULL;
		gs_text_init(&text, buffer, sizeof(buffer));
		gs_text_span(&text, length ? list : ".", length ? length : 1);
		gs_text_char(&text, '/');
		gs_text_put(&text, path);
		if (!text.cut && is_program(buffer))
			return true;
	}
	return false;
}
