#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"
#include "owner.h"

/* Who owns an extension is looked up in the machine's package lists, a second of work each time. */
struct gs_owner gs_owner_find(const struct gs_view *view, const struct gs_view_site *site)
{
	(void) view;
	(void) site;
	return (struct gs_owner){NULL, NULL};
}

void gs_owner_forget(void) {}

/* What the command says of a bad file is many lines a second. */
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	FILE *null = fopen("/dev/null", "w");

	(void) argc;
	(void) argv;
	MUST(null);
	stderr = null;
	return 0;
}

int fuzz_file(const uint8_t *data, size_t size, char path[64])
{
	int fd = memfd_create("input", MFD_CLOEXEC);

	MUST(fd >= 0 && (size == 0 || write(fd, data, size) == (ssize_t) size));
	snprintf(path, 64, "/proc/self/fd/%d", fd);
	return fd;
}
