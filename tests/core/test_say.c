/* Words of ours: where they go, and in which writes. Whatever uses standard error runs in a child.
 */
#include "say.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core.h"

#define STDERR_ENV "GILSHIM_STDERR"

static const char *hex(uint64_t number)
{
	static char buffer[32];
	struct gs_text text;

	gs_text_init(&text, buffer, sizeof(buffer));
	gs_text_hex(&text, number);
	return buffer;
}

static void test_numbers_in_hexadecimal(void)
{
	CU_ASSERT_STRING_EQUAL(hex(0), "0");
	CU_ASSERT_STRING_EQUAL(hex(15), "f");
	CU_ASSERT_STRING_EQUAL(hex(16), "10");
	CU_ASSERT_STRING_EQUAL(hex(0x123456789abcdef0u), "123456789abcdef0");
	CU_ASSERT_STRING_EQUAL(hex(UINT64_MAX), "ffffffffffffffff");
}

/* ---- files ---- */

static void test_a_path_gets_the_pid(void)
{
	const char *directory = core_directory();
	char pattern[512], path[512], text[64];

	snprintf(pattern, sizeof(pattern), "%s/a%%p.%%p%%q%%", directory);
	snprintf(path, sizeof(path), "%s/a%d.%d%%q%%", directory, (int) getpid(), (int) getpid());
	CU_ASSERT_EQUAL(gs_say_to(pattern, "words\n", 6), 0);
	CU_ASSERT_EQUAL(core_read(path, text, sizeof(text)), 6);
	CU_ASSERT_STRING_EQUAL(text, "words\n");
	CU_ASSERT_EQUAL(core_files_in(directory), 1);
	core_remove(directory);
}

static void test_a_file_is_appended_to(void)
{
	const char *directory = core_directory();
	char path[512], text[64];

	snprintf(path, sizeof(path), "%s/log", directory);
	CU_ASSERT_EQUAL(gs_say_to(path, "one\n", 4), 0);
	CU_ASSERT_EQUAL(gs_say_to(path, "two\nthree", 4), 0);
	CU_ASSERT_EQUAL(core_read(path, text, sizeof(text)), 8);
	CU_ASSERT_STRING_EQUAL(text, "one\ntwo\n");
	core_remove(directory);
}

static void test_a_long_text_arrives_whole(void)
{
	static char bytes[100000], text[sizeof(bytes) + 1];
	const char *directory = core_directory();
	char path[512];

	for (unsigned i = 0; i < sizeof(bytes); i++)
		bytes[i] = (char) (i % 97 == 96 ? '\n' : 'a' + i % 26);
	snprintf(path, sizeof(path), "%s/log", directory);
	CU_ASSERT_EQUAL(gs_say_to(path, bytes, sizeof(bytes)), 0);
	CU_ASSERT_EQUAL(core_read(path, text, sizeof(text)), sizeof(bytes));
	CU_ASSERT_EQUAL(memcmp(bytes, text, sizeof(bytes)), 0);
	core_remove(directory);
}

static void test_no_descriptor_is_kept(void)
{
	const char *directory = core_directory();
	char path[512];
	int before = dup(0);

	close(before);
	snprintf(path, sizeof(path), "%s/log", directory);
	gs_say_to(path, "words\n", 6);
	gs_say_to("/dev/full", "words\n", 6);
	CU_ASSERT_EQUAL(dup(0), before);
	close(before);
	core_remove(directory);
}

static void test_files_that_take_nothing(void)
{
	char path[2000];

	memset(path, 'x', sizeof(path));
	path[sizeof(path) - 1] = '\0';
	errno = 12345;
	CU_ASSERT_EQUAL(gs_say_to("/nonexistent/log", "x\n", 2), -ENOENT);
	CU_ASSERT_EQUAL(gs_say_to("/", "x\n", 2), -EISDIR);
	CU_ASSERT_EQUAL(gs_say_to("/dev/full", "x\n", 2), -ENOSPC);
	CU_ASSERT_EQUAL(gs_say_to(path, "x\n", 2), -ENAMETOOLONG);
	CU_ASSERT_EQUAL(errno, 12345);
}

static void test_a_path_is_cut_never(void)
{
	char path[1100] = "/dev/";

	memset(path + 5, '/', sizeof(path) - 5);
	memcpy(path + 1023 - 4, "null", 5); /* 1,023 bytes fit with their NUL */
	CU_ASSERT_EQUAL(gs_say_to(path, "x\n", 2), 0);
	memcpy(path + 1024 - 5, "/null", 6);
	CU_ASSERT_EQUAL(gs_say_to(path, "x\n", 2), -ENAMETOOLONG);
}

static int say_nothing(void *argument)
{
	(void) argument;
	return gs_say_to("none", "words\n", 6) || gs_say_to("stderr", "", 0);
}

static void test_none_and_nothing_write_nothing(void)
{
	const struct core_said *said = core_child(say_nothing, NULL);

	CU_ASSERT_EQUAL(said->status, 0);
	CU_ASSERT_EQUAL(said->writes, 0);
	CU_ASSERT_NOT_EQUAL(access("none", F_OK), 0);
}

/* ---- whose standard error ---- */

static int say_ours(void *argument)
{
	(void) argument;
	return gs_say_is_our_stderr() ? gs_say_to("stderr", "words\n", 6) : 1;
}

static void test_the_trees_standard_error_is_written_to(void)
{
	const struct core_said *said = core_child(say_ours, NULL);

	CU_ASSERT_EQUAL(said->status, 0);
	CU_ASSERT_STRING_EQUAL(said->text, "words\n");
}

/* Gives descriptor 2 to another file than the tree's. */
static int say_captured(void *argument)
{
	int fd = open("/dev/null", O_WRONLY), ends[2], length;
	char text[8];

	(void) argument;
	dup2(fd, 2);
	if (gs_say_is_our_stderr() || gs_say_to("stderr", "words\n", 6) != 0)
		return 1;
	if (pipe(ends) != 0)
		return 2;
	dup2(ends[1], 2);
	gs_say_to("stderr", "words\n", 6);
	gs_say_words("words");
	fcntl(ends[0], F_SETFL, O_NONBLOCK);
	length = (int) read(ends[0], text, sizeof(text));
	return length == -1 ? 0 : 3;
}

static void test_captured_output_is_left_alone(void)
{
	CU_ASSERT_EQUAL(core_child(say_captured, NULL)->status, 0);
}

static int say_closed(void *argument)
{
	(void) argument;
	close(2);
	return gs_say_is_our_stderr() || gs_say_to("stderr", "words\n", 6) != 0;
}

static void test_a_closed_standard_error_is_nobodys(void)
{
	CU_ASSERT_EQUAL(core_child(say_closed, NULL)->status, 0);
}

/* A process whose standard error was closed when its tree began, and opened as something else. */
static int say_never_had(void *argument)
{
	int copy = dup(2);

	(void) argument;
	close(2);
	unsetenv(STDERR_ENV);
	gs_say_setup();
	if (!getenv(STDERR_ENV) || getenv(STDERR_ENV)[0])
		return 1;
	if (gs_say_is_our_stderr()) /* none is not the same file as none */
		return 2;
	dup2(copy, 2);
	return gs_say_is_our_stderr() || gs_say_to("stderr", "words\n", 6) != 0;
}

static void test_a_tree_without_standard_error_stays_silent(void)
{
	const struct core_said *said = core_child(say_never_had, NULL);

	CU_ASSERT_EQUAL(said->status, 0);
	CU_ASSERT_EQUAL(said->writes, 0);
}

static int check_environment(void *argument)
{
	struct stat st;
	char mine[64];

	(void) argument;
	if (fstat(2, &st) != 0)
		return 1;
	snprintf(mine, sizeof(mine), "%lu:%lu", (unsigned long) st.st_dev,
		(unsigned long) st.st_ino);
	return strcmp(getenv(STDERR_ENV), mine) != 0;
}

static void test_the_tree_is_told_of_its_standard_error(void)
{
	CU_ASSERT_EQUAL(core_child(check_environment, NULL)->status, 0);
}

static int say_as_descendant(void *argument)
{
	char mine[64];

	(void) argument;
	snprintf(mine, sizeof(mine), "%s", getenv(STDERR_ENV));
	gs_say_setup(); /* the process's own: inherited, and right */
	if (!gs_say_is_our_stderr() || strcmp(getenv(STDERR_ENV), mine) != 0)
		return 1;
	setenv(STDERR_ENV, "1:2", 1);
	gs_say_setup(); /* an ancestor had another file */
	return gs_say_is_our_stderr() || strcmp(getenv(STDERR_ENV), "1:2") != 0 ||
	       gs_say_to("stderr", "words\n", 6) != 0;
}

static void test_a_descendant_believes_its_environment(void)
{
	const struct core_said *said = core_child(say_as_descendant, NULL);

	CU_ASSERT_EQUAL(said->status, 0);
	CU_ASSERT_EQUAL(said->writes, 0);
}

/* ---- writes ---- */

/* Says lines of the lengths given, line feed included, ended by a zero. */
static int say_lines(void *argument)
{
	static char bytes[64 * 1024];
	size_t used = 0;

	for (const size_t *length = argument; *length; length++) {
		memset(bytes + used, 'x', *length - 1);
		used += *length;
		bytes[used - 1] = '\n';
	}
	return gs_say_to("stderr", bytes, used);
}

static void test_a_short_text_is_one_write(void)
{
	size_t lengths[] = {100, 1, 200, 3795, 0};
	const struct core_said *said = core_child(say_lines, lengths);

	CU_ASSERT_EQUAL(said->status, 0);
	CU_ASSERT_EQUAL(said->writes, 1);
	CU_ASSERT_EQUAL(said->length[0], 4096);
}

static void test_a_long_text_is_cut_at_line_ends(void)
{
	size_t lengths[] = {4000, 97, 4096, 1, 4095, 2, 0};
	const struct core_said *said = core_child(say_lines, lengths);

	CU_ASSERT_EQUAL(said->status, 0);
	CU_ASSERT_EQUAL_FATAL(said->writes, 5);
	CU_ASSERT_EQUAL(said->length[0], 4000);
	CU_ASSERT_EQUAL(said->length[1], 97);
	CU_ASSERT_EQUAL(said->length[2], 4096);
	CU_ASSERT_EQUAL(said->length[3], 1 + 4095);
	CU_ASSERT_EQUAL(said->length[4], 2);
	CU_ASSERT_EQUAL(said->total, 4000 + 97 + 4096 + 1 + 4095 + 2);
}

static void test_every_write_is_whole_lines(void)
{
	size_t lengths[400];
	const struct core_said *said;
	size_t at = 0;

	for (unsigned i = 0; i < 399; i++)
		lengths[i] = 1 + i * 37 % 200;
	lengths[399] = 0;
	said = core_child(say_lines, lengths);
	CU_ASSERT_EQUAL(said->status, 0);
	CU_ASSERT(said->writes > 5);
	for (unsigned i = 0; i < said->writes; i++) {
		CU_ASSERT(said->length[i] <= 4096);
		CU_ASSERT(i + 1 == said->writes || said->length[i] > 4096 - 200);
		at += said->length[i];
		CU_ASSERT_EQUAL(said->text[at - 1], '\n');
	}
	CU_ASSERT_EQUAL(at, said->total);
}

static void test_a_line_that_is_too_long_is_cut(void)
{
	size_t lengths[] = {9000, 10, 0};
	const struct core_said *said = core_child(say_lines, lengths);

	CU_ASSERT_EQUAL(said->status, 0);
	CU_ASSERT_EQUAL_FATAL(said->writes, 3);
	CU_ASSERT_EQUAL(said->length[0], 4096);
	CU_ASSERT_EQUAL(said->length[1], 4096);
	CU_ASSERT_EQUAL(said->length[2], 9000 - 2 * 4096 + 10);
}

/* A full pipe of a program that does not read is not waited for if its writer would not. */
static int say_to_full_pipe(void *argument)
{
	int ends[2], err;
	char bytes[4096];

	memset(bytes, 'x', sizeof(bytes));
	(void) argument;
	if (pipe2(ends, O_NONBLOCK) != 0)
		return 1;
	while (write(ends[1], bytes, sizeof(bytes)) > 0)
		;
	dup2(ends[1], 2);
	unsetenv(STDERR_ENV);
	gs_say_setup();
	errno = 12345;
	err = gs_say_to("stderr", "words\n", 6);
	return err == -EAGAIN && errno == 12345 ? 0 : 2;
}

static void test_a_full_pipe_is_given_up_on(void)
{
	CU_ASSERT_EQUAL(core_child(say_to_full_pipe, NULL)->status, 0);
}

static bool is_pending(int signal)
{
	sigset_t pending;

	sigpending(&pending);
	return sigismember(&pending, signal) == 1;
}

/* A pipe that nobody reads any more kills whoever writes into it unprepared. The program may have a
 * SIGPIPE of its own waiting (argument not NULL), which stays its own. */
static int say_to_broken_pipe(void *argument)
{
	sigset_t mask, after;
	int ends[2], err;

	signal(SIGPIPE, SIG_DFL);
	if (pipe(ends) != 0)
		return 1;
	dup2(ends[1], 2);
	close(ends[0]);
	unsetenv(STDERR_ENV);
	gs_say_setup();
	sigemptyset(&mask);
	if (argument)
		sigaddset(&mask, SIGPIPE);
	sigprocmask(SIG_SETMASK, &mask, NULL);
	if (argument)
		raise(SIGPIPE);
	errno = 12345;
	err = gs_say_to("stderr", "words\n", 6);
	if (err != -EPIPE || errno != 12345 || is_pending(SIGPIPE) != (argument != NULL))
		return 2;
	sigprocmask(SIG_SETMASK, NULL, &after);
	return sigismember(&after, SIGPIPE) != (argument != NULL);
}

static void test_a_broken_pipe_kills_nobody(void)
{
	CU_ASSERT_EQUAL(core_child(say_to_broken_pipe, NULL)->status, 0);
}

static void test_a_signal_of_the_program_stays_its_own(void)
{
	int pending = 1;

	CU_ASSERT_EQUAL(core_child(say_to_broken_pipe, &pending)->status, 0);
}

/* ---- lines of ours ---- */

static int say_line(void *argument)
{
	errno = 12345;
	gs_say_words(argument);
	return errno != 12345;
}

static void test_our_words_are_one_line(void)
{
	const struct core_said *said = core_child(say_line, "some words");

	CU_ASSERT_EQUAL(said->status, 0);
	CU_ASSERT_EQUAL(said->writes, 1);
	CU_ASSERT_STRING_EQUAL(said->text, "gilshim: some words\n");
}

static void test_words_that_are_cut_still_are_a_line(void)
{
	char words[1000];
	const struct core_said *said;

	memset(words, 'x', sizeof(words));
	words[sizeof(words) - 1] = '\0';
	said = core_child(say_line, words);
	CU_ASSERT_EQUAL(said->writes, 1);
	CU_ASSERT(said->total > 500 && said->total < sizeof(words));
	CU_ASSERT_EQUAL(said->text[said->total - 1], '\n');
}

static int say_unusable(void *argument)
{
	gs_say_unusable(
		"record", "/tmp/a\nb", "cannot be created", *(int *) argument, "none is kept");
	return 0;
}

static void test_what_cannot_be_used_is_named_with_the_reason(void)
{
	int full = -ENOSPC, unknown = -EIO;

	CU_ASSERT_STRING_EQUAL(core_child(say_unusable, &full)->text,
		"gilshim: record /tmp/a?b: cannot be created: no space left; none is kept\n");
	CU_ASSERT_STRING_EQUAL(core_child(say_unusable, &unknown)->text,
		"gilshim: record /tmp/a?b: cannot be created; none is kept\n");
}

static int say_often(void *argument)
{
	(void) argument;
	for (unsigned i = 0; i < 100; i++)
		gs_say_words("again");
	return 0;
}

static void test_at_most_sixteen_lines_are_said(void)
{
	const struct core_said *said = core_child(say_often, NULL);

	CU_ASSERT_EQUAL(said->writes, 16);
	CU_ASSERT_EQUAL(said->total, 16 * strlen("gilshim: again\n"));
}

CU_TestInfo gs_tests_say[] = {
	{"numbers_in_hexadecimal", test_numbers_in_hexadecimal},
	{"a_path_gets_the_pid", test_a_path_gets_the_pid},
	{"a_file_is_appended_to", test_a_file_is_appended_to},
	{"a_long_text_arrives_whole", test_a_long_text_arrives_whole},
	{"no_descriptor_is_kept", test_no_descriptor_is_kept},
	{"files_that_take_nothing", test_files_that_take_nothing},
	{"a_path_is_cut_never", test_a_path_is_cut_never},
	{"none_and_nothing_write_nothing", test_none_and_nothing_write_nothing},
	{"the_trees_standard_error", test_the_trees_standard_error_is_written_to},
	{"captured_output_is_left_alone", test_captured_output_is_left_alone},
	{"a_closed_standard_error_is_nobodys", test_a_closed_standard_error_is_nobodys},
	{"a_tree_without_standard_error", test_a_tree_without_standard_error_stays_silent},
	{"the_tree_is_told", test_the_tree_is_told_of_its_standard_error},
	{"a_descendant_believes_its_environment", test_a_descendant_believes_its_environment},
	{"a_short_text_is_one_write", test_a_short_text_is_one_write},
	{"a_long_text_is_cut_at_line_ends", test_a_long_text_is_cut_at_line_ends},
	{"every_write_is_whole_lines", test_every_write_is_whole_lines},
	{"a_line_that_is_too_long_is_cut", test_a_line_that_is_too_long_is_cut},
	{"a_full_pipe_is_given_up_on", test_a_full_pipe_is_given_up_on},
	{"a_broken_pipe_kills_nobody", test_a_broken_pipe_kills_nobody},
	{"a_signal_of_the_program_stays", test_a_signal_of_the_program_stays_its_own},
	{"our_words_are_one_line", test_our_words_are_one_line},
	{"words_that_are_cut_still_are_a_line", test_words_that_are_cut_still_are_a_line},
	{"what_cannot_be_used_is_named", test_what_cannot_be_used_is_named_with_the_reason},
	{"at_most_sixteen_lines_are_said", test_at_most_sixteen_lines_are_said},
	CU_TEST_INFO_NULL,
};
