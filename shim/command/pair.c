#include "pair.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "err.h"
#include "launch.h"
#include "records.h"
#include "view.h"

#define TIMES 3
#define PATIENCE 30 /* seconds */
#define NO_CTYPES 77
#define CANNOT 126

#define TEXT_(number) #number
#define TEXT(number) TEXT_(number)

static const char code[] =
	"import sys\n"
	"try:\n"
	"    import ctypes\n"
	"    library = getattr(ctypes, 'PyDLL', ctypes.CDLL)\n" /* PyPy's */
	"    held = library(None).usleep\n"
	"    released = ctypes.CDLL(None).usleep\n"
	"except ImportError:\n"
	"    sys.exit(" TEXT(NO_CTYPES) ")\n"
					"for i in range(" TEXT(TIMES) "):\n"
								      "    held(1000)\n"
								      "    released(1000)\n";

/* ---- the run ---- */

static void take_environment(const char *environment, size_t size)
{
	clearenv();
	for (size_t at = 0; at < size; at += strlen(environment + at) + 1) {
		if (strchr(environment + at, '='))
			putenv((char *) environment + at);
	}
}

static _Noreturn void become(
	const char *interpreter, const char *library, const char *options, const char *directory)
{
	struct gs_launch_wish wish = {.options = (char *) options};
	int null = open("/dev/null", O_RDWR);

	for (int fd = 0; null >= 0 && fd <= 2; fd++)
		dup2(null, fd);
	unsetenv("PYTHONSTARTUP");
	if (setenv("GILSHIM_LIBRARY", library, 1) == 0 && gs_launch_prepare(&wish, directory)) {
		alarm(PATIENCE);
		execl(interpreter, interpreter, "-c", code, (char *) NULL);
	}
	_exit(CANNOT);
}

static int run(const char *interpreter, const char *environment, size_t size, const char *library,
	const char *options, const char *directory)
{
	int status = CANNOT << 8;
	pid_t child = fork();

	if (child == 0) {
		if (environment)
			take_environment(environment, size);
		become(interpreter, library, options, directory);
	}
	if (child > 0)
		waitpid(child, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* ---- the verdict ---- */

static char *say(enum gs_pair *result, enum gs_pair is, const char *words)
{
	char *made = strdup(words);

	if (!made)
		gs_out_of_memory();
	*result = is;
	return made;
}

static char *judge(const struct gs_view *view, int status, enum gs_pair *result)
{
	const struct gs_view_function *sleep = NULL;
	char *words;

	for (size_t i = 0; i < view->function_count; i++) {
		if (view->functions[i].call && strcmp(view->functions[i].call, "usleep") == 0)
			sleep = &view->functions[i];
	}
	if (status == NO_CTYPES)
		return say(result, GS_PAIR_NOT_TRIED, "not tried: it has no ctypes");
	if (view->process_count == 0 && status == 0)
		return say(result, GS_PAIR_WRONG, "the library left no record");
	if (status != 0) {
		*result = GS_PAIR_NOT_TRIED;
		if (asprintf(&words, "not tried: it ends with status %d", status) < 0)
			gs_out_of_memory();
		return words;
	}
	if (!sleep)
		return say(result, GS_PAIR_WRONG, "neither sleep was seen");
	if (sleep->unknown == 2 * TIMES)
		return say(result, GS_PAIR_UNKNOWN,
			"the interpreter does not tell which of the "
			"two held its GIL");
	if (sleep->held == TIMES && sleep->released == TIMES)
		return say(result, GS_PAIR_RIGHT,
			"a held sleep is judged held, a released one released");
	*result = GS_PAIR_WRONG;
	if (asprintf(&words,
		    "of %d held and %d released sleeps %" PRIu64 " were judged held, %" PRIu64
		    " released, %" PRIu64 " neither",
		    TIMES, TIMES, sleep->held, sleep->released, sleep->unknown + sleep->none) < 0)
		gs_out_of_memory();
	return words;
}

enum gs_pair gs_pair_try(const char *interpreter, const char *environment, size_t environment_size,
	const char *library, const char *options, char **words)
{
	enum gs_pair result = GS_PAIR_NOT_TRIED;
	struct gs_records records;
	struct gs_view view;
	int status;

	memset(&view, 0, sizeof(view));
	if (!gs_records_open(&records)) {
		*words = say(&result, GS_PAIR_NOT_TRIED, "not tried: no place for a record");
		return result;
	}
	status = run(
		interpreter, environment, environment_size, library, options, records.directory);
	gs_records_read(&records, &view);
	*words = judge(&view, status, &result);
	gs_records_close(&records, &view, NULL);
	gs_view_free(&view);
	return result;
}
