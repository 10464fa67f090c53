/* unversioned.c: compiled with a sanitizer, whose runtime exports realpath without a version, so that
 * this program binds it without one: it must meet the default implementation, which allocates. */
#include <stdio.h>
#include <stdlib.h>

int main(void)
{
	char *path = realpath("/usr/./bin", NULL);

	puts(path ? path : "none");
	free(path);
	return path == NULL;
}
