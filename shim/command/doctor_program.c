/* doctor_program.c: a program under the library: in which of its processes did it become live, and
 * where not, why? What the processes were is known from following them, what the library saw from
 * the records that they left. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "doctor.h"
#include "err.h"
#include "executable.h"
#include "launch.h"
#include "records.h"
#include "trace.h"

#define FILE_LIMIT 4096
#define WORDS_LIMIT 1024
#define PAIRS 4   /* interpreters that are tried */
#define SCRIPTS 4 /* that start one another */

struct examined {
	struct gs_doctor *doctor;
	struct gs_trace trace;
	struct gs_view view;
	const char *directory; /* of the records */
	bool *python;          /* of each file of the trace: is an interpreter's */
	uint32_t *record;      /* of each image: the process of the view, or GS_NONE */
	bool *wanted;          /* of each file: its escapes are looked for */
};

/* ---- before it runs ---- */

static void say_executable(struct gs_doctor *doctor, const struct gs_executable *executable)
{
	char *words = gs_executable_words(executable);
	char *fault = doctor->file.elf ? gs_executable_fault(executable, &doctor->file) : NULL;

	if (fault)
		gs_doctor_say(doctor, GS_HEALTH_NOTE, "program",
			executable->loader ? NULL : "watch a dynamically linked build of it",
			"%s: %s", executable->path, fault);
	else
		gs_doctor_say(
			doctor, GS_HEALTH_OK, "program", NULL, "%s: %s", executable->path, words);
	free(fault);
	free(words);
}

/* What a script names; of env(1), what that starts. */
static char *next_of_script(const struct gs_executable *executable)
{
	const char *slash = strrchr(executable->script, '/');
	const char *argument = executable->argument;

	if (slash && strcmp(slash, "/env") == 0 && argument && *argument != '-' &&
		!strpbrk(argument, "= \t"))
		return gs_executable_search(argument);
	return gs_executable_search(executable->script);
}

static void look_at_executable(struct gs_doctor *doctor, const char *name)
{
	char *path = gs_executable_search(name);
	struct gs_executable executable;

	for (int i = 0; path && i < SCRIPTS; i++) {
		char *real = realpath(path, NULL);
		const char *reason = gs_executable_read(&executable, real ? real : path);

		free(real);
		free(path);
		path = NULL;
		if (reason)
			gs_doctor_say(doctor, GS_HEALTH_NOTE, "program", NULL, "%s: %s",
				executable.path, reason);
		else
			say_executable(doctor, &executable);
		if (!reason && executable.script)
			path = next_of_script(&executable);
		gs_executable_free(&executable);
	}
	free(path);
}

/* ---- which image is what ---- */

static bool see_python(void *context, const char *name, const GElf_Sym *symbol)
{
	if (symbol->st_shndx != SHN_UNDEF &&
		(strcmp(name, "PyGILState_Check") == 0 || strcmp(name, "PyPyGILState_Ensure") == 0))
		*(bool *) context = true;
	return !*(bool *) context;
}

static void find_interpreters(struct examined *examined)
{
	const struct gs_trace *trace = &examined->trace;

	examined->python = gs_alloc(trace->file_count, sizeof(*examined->python));
	examined->wanted = gs_alloc(trace->file_count, sizeof(*examined->wanted));
	for (size_t i = 0; i < trace->file_count; i++) {
		struct gs_objfile file;

		if (gs_objfile_open(&file, trace->files[i]) != NULL)
			continue;
		gs_objfile_symbols(&file, SHT_DYNSYM, see_python, &examined->python[i]);
		gs_objfile_close(&file);
	}
}

/* A record is of the last image of its process that had begun when the record was. */
static void match_records(struct examined *examined)
{
	const struct gs_trace *trace = &examined->trace;

	examined->record = gs_alloc(trace->image_count, sizeof(*examined->record));
	for (size_t i = 0; i < trace->image_count; i++)
		examined->record[i] = GS_NONE;
	for (size_t i = 0; i < examined->view.process_count; i++) {
		const struct gs_process *process = &examined->view.processes[i];
		uint32_t best = GS_NONE;

		for (size_t j = 0; j < trace->image_count; j++) {
			if (trace->images[j].inner_pid == (pid_t) process->pid &&
				trace->images[j].start_realtime_ns <= process->start_realtime_ns)
				best = (uint32_t) j;
		}
		if (best != GS_NONE)
			examined->record[best] = (uint32_t) i;
	}
}

static bool has_loaded(
	const struct examined *examined, const struct gs_image *image, const char *path)
{
	for (size_t i = 0; i < image->object_count; i++) {
		if (strcmp(examined->trace.files[image->objects[i]], path) == 0)
			return true;
	}
	return false;
}

/* Does an interpreter run there? Of one that was replaced only its executable is known. */
static bool is_python(const struct examined *examined, const struct gs_image *image)
{
	struct gs_executable executable;
	bool is = false;

	for (size_t i = 0; i < image->object_count; i++)
		is |= examined->python[image->objects[i]];
	if (is || !image->path)
		return is;
	is = gs_executable_takes_code(image->path);
	if (!is && image->replaced) {
		is = !gs_executable_read(&executable, image->path) && executable.has_python;
		gs_executable_free(&executable);
	}
	return is;
}

/* ---- why not ---- */

static bool had_preload(const struct examined *examined, const struct gs_image *image)
{
	const char *list = gs_image_variable(&examined->trace, image, "LD_PRELOAD");

	return list && strstr(list, examined->doctor->library);
}

static bool had_record(const struct examined *examined, const struct gs_image *image)
{
	const char *options = gs_image_variable(&examined->trace, image, GS_OPTIONS_ENV);

	return options && strstr(options, examined->directory);
}

/* Who executed the image without what it had itself. */
static char *culprit(const struct examined *examined, const struct gs_image *image,
	bool (*had)(const struct examined *examined, const struct gs_image *image))
{
	const struct gs_trace *trace = &examined->trace;
	const char *ids = "", *name = NULL;
	char *words;

	while (image->from != GS_NONE) {
		image = &trace->images[image->from];
		if (!image->command)
			continue; /* our own fork */
		name = image->command;
		ids = image->secure ? " (set-user-ID or the like)" : "";
		if (had(examined, image))
			break;
	}
	if (asprintf(&words, "%s%s", name ? name : "somebody", ids) < 0)
		gs_out_of_memory();
	return words;
}

static const char *keep(const struct examined *examined, char *words)
{
	const char *kept = gs_pool_text(&examined->doctor->pool, words, WORDS_LIMIT);

	free(words);
	return kept;
}

static const char *taken_out(const struct examined *examined, const struct gs_image *image,
	const char *variable,
	bool (*had)(const struct examined *examined, const struct gs_image *image))
{
	char *who = culprit(examined, image, had), *words;

	if (!examined->doctor->options.children)
		words = strdup("children=0 keeps the library out of child processes");
	else if (asprintf(&words, "%s was taken out of its environment by %s", variable, who) < 0)
		words = NULL;
	if (!words)
		gs_out_of_memory();
	free(who);
	return keep(examined, words);
}

static char *fault_of(const struct examined *examined, const struct gs_image *image)
{
	struct gs_executable executable;
	char *fault = NULL;

	if (image->path && gs_executable_read(&executable, image->path) == NULL) {
		fault = gs_executable_fault(&executable, &examined->doctor->file);
		if (!fault && image->secure)
			fault = strdup("runs as another user or group than whoever started it: "
				       "its dynamic linker ignores LD_PRELOAD");
	}
	if (image->path)
		gs_executable_free(&executable);
	return fault;
}

/* Why an interpreter left no record; NULL: it had no reason to leave one. */
static const char *reason_of(
	const struct examined *examined, const struct gs_image *image, const char **advice)
{
	char *fault = fault_of(examined, image);

	*advice = NULL;
	if (fault)
		return keep(examined, fault);
	*advice = examined->doctor->options.children
			  ? "let LD_PRELOAD and GILSHIM_OPTIONS pass there, or set them behind it"
			  : "leave it at children=1";
	if (!had_preload(examined, image))
		return taken_out(examined, image, "LD_PRELOAD", had_preload);
	if (!had_record(examined, image))
		return taken_out(examined, image, GS_OPTIONS_ENV, had_record);
	*advice = NULL;
	/* The child of a fork that only executes another program or ends. */
	if (image->forked)
		return NULL;
	if (image->object_count > 0 && !has_loaded(examined, image, examined->doctor->library))
		return "the dynamic linker did not load the library";
	if (image->object_count == 0)
		return "it was gone before the library could begin";
	return "the library is loaded, but left no record: it found no interpreter that it can "
	       "ask, or no way to the directory of the records";
}

/* ---- the interpreters ---- */

static const char no_oracle[] = "none, it does not tell who holds its GIL";

static const char *oracle_of(const struct examined *examined, const struct gs_process *process)
{
	int major = 0, minor = 0;

	if (!process->implementation || strcmp(process->implementation, "cpython") != 0)
		return no_oracle;
	if (examined->doctor->options.gil == GS_GIL_CHECK)
		return "PyGILState_Check, to the letter";
	if (!process->python_version ||
		sscanf(process->python_version, "%d.%d", &major, &minor) != 2)
		return "not known";
	return major > 3 || minor >= 12 ? "the thread's own state"
					: "the two conditions of the GIL";
}

/* The entry of that interpreter, made at its first process. */
static struct gs_doctor_python *entry_of(
	struct gs_doctor *doctor, const struct gs_doctor_python *like)
{
	struct gs_doctor_python *python;

	for (size_t i = 0; i < doctor->python_count; i++) {
		python = &doctor->pythons[i];
		if (python->path == like->path && python->version == like->version &&
			python->reason == like->reason && python->oracle == like->oracle)
			return python;
	}
	doctor->pythons = gs_grow(doctor->pythons, &doctor->python_capacity,
		doctor->python_count + 1, sizeof(*doctor->pythons));
	python = &doctor->pythons[doctor->python_count++];
	*python = *like;
	python->processes = 0;
	python->pair = GS_PAIR_NOT_TRIED;
	return python;
}

static const char *pooled(struct examined *examined, const char *text)
{
	return gs_pool_text(&examined->doctor->pool, text, FILE_LIMIT);
}

static struct gs_doctor_python *add_live(
	struct examined *examined, const char *path, const struct gs_process *process)
{
	struct gs_doctor_python like = {.path = pooled(examined, path),
		.version = pooled(examined, process->python_version),
		.implementation = pooled(examined, process->implementation),
		.oracle = oracle_of(examined, process)};
	struct gs_doctor_python *python = entry_of(examined->doctor, &like);

	python->processes++;
	return python;
}

static void say_python(struct gs_doctor *doctor, const struct gs_doctor_python *python)
{
	const char *path = python->path ? python->path : "an interpreter";
	const char *many = python->processes == 1 ? "process" : "processes";

	if (python->reason)
		gs_doctor_say(doctor, GS_HEALTH_WRONG, "python", python->advice,
			"%s: not live in %zu %s: %s", path, python->processes, many,
			python->reason);
	else
		gs_doctor_say(doctor, python->oracle == no_oracle ? GS_HEALTH_WRONG : GS_HEALTH_OK,
			"python", python->oracle == no_oracle ? "use CPython 3.6 or newer" : NULL,
			"%s: %s %s, live in %zu %s; oracle: %s", path,
			python->implementation ? python->implementation : "?",
			python->version ? python->version : "?", python->processes, many,
			python->oracle);
}

static void want_objects(struct examined *examined, const struct gs_image *image)
{
	for (size_t i = 0; i < image->object_count; i++)
		examined->wanted[image->objects[i]] = true;
}

/* Judges one image, if it is an interpreter's. */
static void judge(struct examined *examined, size_t index)
{
	const struct gs_image *image = &examined->trace.images[index];
	struct gs_doctor_python like = {.path = pooled(examined, image->path)};

	if (examined->record[index] != GS_NONE) {
		add_live(examined, image->path, &examined->view.processes[examined->record[index]]);
		want_objects(examined, image);
		return;
	}
	if (!image->path || !is_python(examined, image))
		return;
	like.reason = reason_of(examined, image, &like.advice);
	/* Its own exec has been judged; what it forked is like it. */
	if (!like.reason || (image->forked && image->from != GS_NONE))
		return;
	entry_of(examined->doctor, &like)->processes++;
}

/* Where processes could not be followed: those that left a record. */
static void judge_records(struct examined *examined)
{
	for (size_t i = 0; i < examined->view.process_count; i++) {
		const struct gs_process *process = &examined->view.processes[i];
		size_t length = process->argv ? strcspn(process->argv, "\n") : 0;
		char *name = strndup(length ? process->argv : "", length), *path;

		if (!name)
			gs_out_of_memory();
		path = length ? gs_executable_search(name) : NULL;
		add_live(examined, path, process);
		free(path);
		free(name);
	}
	gs_doctor_say(examined->doctor, GS_HEALTH_NOTE, "processes", NULL,
		"could not be followed (ptrace is not permitted here): one that the library did "
		"not reach is not noticed, and objects are those seen in stacks");
}

/* Where no Python came, what cannot be watched may be why. */
static void say_nobody(struct examined *examined)
{
	const struct gs_trace *trace = &examined->trace;

	gs_doctor_say(examined->doctor, GS_HEALTH_WRONG, "python", NULL,
		"no Python ran that the library could judge");
	for (size_t i = 0; i < trace->image_count; i++) {
		const struct gs_image *image = &trace->images[i];
		char *fault = image->forked ? NULL : fault_of(examined, image);

		if (fault)
			gs_doctor_say_once(examined->doctor, GS_HEALTH_WRONG, "program", "%s: %s",
				image->path, fault);
		free(fault);
	}
}

static void judge_all(struct examined *examined)
{
	struct gs_doctor *doctor = examined->doctor;

	if (!examined->trace.followed)
		judge_records(examined);
	for (size_t i = 0; i < examined->trace.image_count; i++)
		judge(examined, i);
	for (size_t i = 0; i < doctor->python_count; i++)
		say_python(doctor, &doctor->pythons[i]);
	if (doctor->python_count == 0)
		say_nobody(examined);
}

/* ---- the pair, and what escapes ---- */

static const struct gs_image *image_with(const struct examined *examined, const char *path)
{
	for (size_t i = 0; i < examined->trace.image_count && path; i++) {
		const struct gs_image *image = &examined->trace.images[i];

		if (!image->forked && image->path && strcmp(image->path, path) == 0)
			return image;
	}
	return NULL;
}

static void try_pairs(struct examined *examined)
{
	struct gs_doctor *doctor = examined->doctor;
	unsigned tried = 0;

	for (size_t i = 0; i < doctor->python_count && tried < PAIRS; i++) {
		struct gs_doctor_python *python = &doctor->pythons[i];
		const struct gs_image *image = image_with(examined, python->path);

		if (python->reason || !python->path)
			continue;
		gs_doctor_pair(doctor, python, image ? image->environment : NULL,
			image ? image->environment_size : 0);
		tried++;
	}
}

static void find_escapes(struct examined *examined)
{
	for (size_t i = 0; i < examined->trace.file_count; i++) {
		if (examined->wanted[i])
			gs_escapes_add(&examined->doctor->escapes, examined->trace.files[i]);
	}
	/* Seen in a stack, and unloaded, or of a program that was replaced. */
	gs_escapes_add_view(&examined->doctor->escapes, &examined->view);
}

/* ---- the run ---- */

static void examine(struct examined *examined)
{
	if (examined->trace.status != 0)
		gs_doctor_say(examined->doctor, GS_HEALTH_NOTE, "program", NULL,
			"ended with status %d", examined->trace.status);
	find_interpreters(examined);
	match_records(examined);
	judge_all(examined);
	try_pairs(examined);
	find_escapes(examined);
}

static void free_examined(struct examined *examined)
{
	gs_trace_free(&examined->trace);
	gs_view_free(&examined->view);
	free(examined->python);
	free(examined->wanted);
	free(examined->record);
}

int gs_doctor_program(struct gs_doctor *doctor, char **argv)
{
	struct examined examined = {.doctor = doctor};
	struct gs_records records;
	struct gs_launch_wish wish;
	int status = GS_EXIT_TROUBLE;

	look_at_executable(doctor, argv[0]);
	if (!gs_records_open(&records))
		return status;
	examined.directory = records.directory;
	gs_launch_read_wish(&wish, "");
	if (gs_launch_prepare(&wish, records.directory)) {
		status = gs_trace(&examined.trace, argv) ? GS_EXIT_OK : examined.trace.status;
		if (status == GS_EXIT_OK) {
			gs_records_read(&records, &examined.view);
			examine(&examined);
		}
	}
	gs_launch_free_wish(&wish);
	gs_records_close(&records, &examined.view, NULL);
	free_examined(&examined);
	return status;
}
