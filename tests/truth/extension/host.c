/* host.c: a program that embeds CPython.  host MODE LIBRARY CASE
 * MODE is `linked` (the program was linked with libpython), `local` or `global` (it dlopens LIBRARY
 * with RTLD_LOCAL or RTLD_GLOBAL). It takes all it needs from Python by name, so that one source
 * serves every version; the few types are opaque or, for the method table, frozen since 2.x. */
#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "truth.h"

#define CALLS 6

struct object;
struct state;

struct method {
	const char *name;
	struct object *(*function)(struct object *, struct object *);
	int flags;
	const char *documentation;
};
#define NO_ARGUMENTS 4

/* The functions of Python that the cases use: result, name, parameters. */
#define PYTHON_FUNCTIONS(X)                                                             \
	X(const char *, Py_GetVersion, (void) )                                         \
	X(void, Py_InitializeEx, (int) )                                                \
	X(int, Py_FinalizeEx, (void) )                                                  \
	X(void, PyEval_InitThreads, (void) )                                            \
	X(struct state *, PyEval_SaveThread, (void) )                                   \
	X(void, PyEval_RestoreThread, (struct state *) )                                \
	X(int, PyGILState_Ensure, (void) )                                              \
	X(void, PyGILState_Release, (int) )                                             \
	X(struct state *, PyThreadState_Get, (void) )                                   \
	X(struct state *, PyThreadState_Swap, (struct state *) )                        \
	X(struct state *, Py_NewInterpreter, (void) )                                   \
	X(void, Py_EndInterpreter, (struct state *) )                                   \
	X(int, PyRun_SimpleString, (const char *) )                                     \
	X(struct object *, PyImport_AddModule, (const char *) )                         \
	X(struct object *, PyModule_GetDict, (struct object *) )                        \
	X(int, PyDict_SetItemString, (struct object *, const char *, struct object *) ) \
	X(struct object *, PyCFunction_NewEx,                                           \
		(struct method *, struct object *, struct object *) )                   \
	X(struct object *, PyBool_FromLong, (long) )

#define DECLARE(result, name, parameters) static result(*name) parameters;
PYTHON_FUNCTIONS(DECLARE)
#undef DECLARE

/* Of calls made by threads without Python before Python begins. Where libpython was only just
 * opened, nobody need have noticed yet that there is a Python to judge. */
static enum truth_state before = TRUTH_NONE;

/* The library, if it was opened: what to open it by again. */
static struct {
	void *handle; /* NULL: the program was linked with it */
	const char *path;
	int flags;
} opened;

static _Atomic int turn; /* which step of a case of two threads has been reached */

/* POSIX lets a function pointer be stored through a void **; ISO C has no way to say it. */
static void find(void *library)
{
#define FIND(result, name, parameters) *(void **) &name = dlsym(library, #name);
	PYTHON_FUNCTIONS(FIND)
#undef FIND
	if (!Py_InitializeEx || !PyCFunction_NewEx) {
		fprintf(stderr, "host: no Python here: %s\n", dlerror());
		exit(2);
	}
}

/* Up to 3.6 there is no GIL until threads are asked for. Deprecated since 3.9, gone one day. */
static void initialize(void)
{
	Py_InitializeEx(0);
	if (strncmp(Py_GetVersion(), "3.6.", 4) == 0)
		PyEval_InitThreads();
}

static void finalize(void)
{
	if (Py_FinalizeEx() < 0)
		abort();
}

static void hold_and_release(void)
{
	struct state *saved;

	truth_make(TRUTH_HELD, CALLS);
	saved = PyEval_SaveThread();
	truth_make(TRUTH_RELEASED, CALLS);
	PyEval_RestoreThread(saved);
	truth_make(TRUTH_HELD, CALLS);
}

/* Twice, since a program may start Python anew after it ended it. */
static void case_life(void)
{
	truth_make(TRUTH_UNHELD, CALLS);
	for (int life = 0; life < 2; life++) {
		initialize();
		hold_and_release();
		finalize();
		truth_make(TRUTH_RELEASED, CALLS);
	}
}

static void *foreign(void *state)
{
	truth_make(state ? *(enum truth_state *) state : TRUTH_NONE, CALLS);
	return NULL;
}

static void *ensures(void *unused __attribute__((unused)))
{
	int token = PyGILState_Ensure();

	hold_and_release();
	PyGILState_Release(token);
	truth_make(TRUTH_RELEASED, CALLS);
	return NULL;
}

static void in_thread(void *(*routine)(void *), void *argument)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, routine, argument) != 0 ||
		pthread_join(thread, NULL) != 0)
		abort();
}

static void case_threads(void)
{
	struct state *saved;

	in_thread(foreign, &before);
	initialize();
	saved = PyEval_SaveThread();
	in_thread(foreign, NULL);
	in_thread(ensures, NULL);
	PyEval_RestoreThread(saved);
	in_thread(foreign, NULL);
	hold_and_release();
	finalize();
	in_thread(foreign, NULL);
}

/* Python lives in another thread; the one that makes these calls never holds. */
static void *whole_life(void *unused __attribute__((unused)))
{
	initialize();
	hold_and_release();
	finalize();
	truth_make(TRUTH_RELEASED, CALLS);
	return NULL;
}

static void case_elsewhere(void)
{
	truth_make(before, CALLS);
	in_thread(whole_life, NULL);
	truth_make(TRUTH_NONE, CALLS);
}

static void *use_main_state(void *state)
{
	PyEval_RestoreThread(state);
	hold_and_release();
	PyEval_SaveThread();
	truth_make(TRUTH_RELEASED, CALLS);
	return NULL;
}

/* The state made by Py_Initialize in this thread is used by another, this one waiting. */
static void case_handed(void)
{
	struct state *saved;

	initialize();
	saved = PyEval_SaveThread();
	in_thread(use_main_state, saved);
	PyEval_RestoreThread(saved);
	hold_and_release();
	finalize();
}

static void *hold_main_state(void *state)
{
	PyEval_RestoreThread(state);
	atomic_store(&turn, 1);
	while (atomic_load(&turn) != 2)
		truth_make(TRUTH_HELD, 2);
	PyEval_SaveThread();
	return NULL;
}

/* The same, while this thread makes calls of its own. */
static void case_borrowed(void)
{
	struct state *saved;
	pthread_t thread;

	initialize();
	saved = PyEval_SaveThread();
	if (pthread_create(&thread, NULL, hold_main_state, saved) != 0)
		abort();
	while (atomic_load(&turn) != 1)
		;
	truth_make(TRUTH_RELEASED, 100);
	atomic_store(&turn, 2);
	pthread_join(thread, NULL);
	PyEval_RestoreThread(saved);
	hold_and_release();
	finalize();
}

static void case_sub(void)
{
	struct state *main_state, *sub;

	initialize();
	main_state = PyThreadState_Get();
	sub = Py_NewInterpreter();
	hold_and_release();
	Py_EndInterpreter(sub);
	PyThreadState_Swap(main_state);
	hold_and_release();
	finalize();
}

static struct object *python_hold(
	struct object *module __attribute__((unused)), struct object *args __attribute__((unused)))
{
	truth_make(TRUTH_HELD, CALLS);
	return PyBool_FromLong(1);
}

/* A call from Python code, for its lines: no module could be imported that needs the symbols of a
 * libpython opened with RTLD_LOCAL, so the function comes from here. */
static void case_lines(void)
{
	static struct method method = {"hold", python_hold, NO_ARGUMENTS, NULL};

	initialize();
	PyDict_SetItemString(PyModule_GetDict(PyImport_AddModule("__main__")), "hold",
		PyCFunction_NewEx(&method, NULL, NULL));
	if (PyRun_SimpleString("def embedded():\n"
			       "    hold()\n"
			       "\n"
			       "embedded()\n") != 0)
		abort();
	finalize();
}

static void *successor(void *unused __attribute__((unused)))
{
	initialize();
	atomic_store(&turn, 1);
	while (atomic_load(&turn) != 2)
		truth_make(TRUTH_HELD, 2);
	finalize();
	return NULL;
}

/* This thread ends Python, another one begins it anew, and holds the GIL meanwhile. */
static void case_succeeded(void)
{
	pthread_t thread;

	initialize();
	hold_and_release();
	finalize();
	if (pthread_create(&thread, NULL, successor, NULL) != 0)
		abort();
	while (atomic_load(&turn) != 1)
		;
	truth_make(TRUTH_RELEASED, 100);
	atomic_store(&turn, 2);
	pthread_join(thread, NULL);
	truth_make(TRUTH_RELEASED, CALLS);
}

/* The library goes when Python has ended, and comes again. */
static void case_unloaded(void)
{
	for (int life = 0; life < 3; life++) {
		initialize();
		hold_and_release();
		finalize();
		truth_make(TRUTH_RELEASED, CALLS);
		if (!opened.handle)
			continue;
		dlclose(opened.handle);
		truth_make(TRUTH_RELEASED, CALLS);
		find(opened.handle = dlopen(opened.path, opened.flags));
	}
}

/* A thread that was without Python until then forks, and the child uses it. */
static void *forks(void *unused __attribute__((unused)))
{
	int status, token;
	pid_t child;

	truth_make(TRUTH_NONE, CALLS);
	child = fork();
	if (child == 0) {
		token = PyGILState_Ensure();
		PyGILState_Release(token);
		_exit(7);
	}
	if (waitpid(child, &status, 0) != child || !WIFEXITED(status) || WEXITSTATUS(status) != 7)
		abort();
	return NULL;
}

static void case_forks(void)
{
	struct state *saved;

	initialize();
	saved = PyEval_SaveThread();
	in_thread(forks, NULL);
	PyEval_RestoreThread(saved);
	hold_and_release();
	finalize();
}

static const struct {
	const char *name;
	void (*run)(void);
} cases[] = {
	{"life", case_life},
	{"threads", case_threads},
	{"elsewhere", case_elsewhere},
	{"handed", case_handed},
	{"borrowed", case_borrowed},
	{"succeeded", case_succeeded},
	{"unloaded", case_unloaded},
	{"forks", case_forks},
	{"sub", case_sub},
	{"lines", case_lines},
};

int main(int argc, char **argv)
{
	void *library = RTLD_DEFAULT;

	if (argc != 4) {
		fprintf(stderr, "usage: host linked|local|global LIBRARY CASE\n");
		return 2;
	}
	if (strcmp(argv[1], "linked") != 0) {
		opened.path = argv[2];
		opened.flags =
			RTLD_NOW | (strcmp(argv[1], "local") == 0 ? RTLD_LOCAL : RTLD_GLOBAL);
		library = opened.handle = dlopen(opened.path, opened.flags);
		before = TRUTH_UNHELD;
	}
	find(library);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (strcmp(cases[i].name, argv[3]) != 0)
			continue;
		cases[i].run();
		truth_dump();
		return 0;
	}
	fprintf(stderr, "host: no case %s\n", argv[3]);
	return 2;
}
