#include "runnable.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "sys.h"
#include "text.h"

static bool is_program(const char *path)
{
	struct stat st = {0};
	char begin[4] = "";
	long n = 0;
	int fd;

	if (gs_sys3(SYS_faccessat, AT_FDCWD, (long) path, 1 /* X_OK */) < 0)
		return false;
	fd = (int) gs_sys4(SYS_openat, AT_FDCWD, (long) path, O_RDONLY | O_CLOEXEC | O_NONBLOCK, 0);
	if (fd < 0) /* executable and not readable: nothing more is known */
		return true;
	if (gs_sys_fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		n = gs_sys3(SYS_read, fd, (long) begin, sizeof(begin));
	gs_sys1(SYS_close, fd);
	return n >= 2 && (memcmp(begin, "#!", 2) == 0 || memcmp(begin, "\177ELF", 4) == 0);
}

bool gs_runnable(const char *path)
{
	const char *list = getenv("PATH");
	char buffer[1024];
	struct gs_text text;

	if (!path || strchr(path, '/'))
		return !path || is_program(path);
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
