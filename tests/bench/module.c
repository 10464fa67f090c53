/* module.c: the extension module gsbench: makes the measured calls with the GIL held, with it
 * released, and in threads that Python does not know. For CPython 3.6 and newer. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "calls.h"

#define MODULE_UNUSED __attribute__((unused))

enum state { HELD, RELEASED, STRANGER };

struct work {
	const struct bench_call *call;
	long n;
	bool stepped;
	bool known; /* the thread once held the GIL */
	struct bench_time time;
	pthread_barrier_t *barrier; /* NULL: alone */
};

static bool parse(const char *name, const char *state, struct work *work, enum state *out)
{
	work->call = bench_call_find(name);
	*out = strcmp(state, "held") == 0       ? HELD
	       : strcmp(state, "released") == 0 ? RELEASED
						: STRANGER;
	if (!work->call || (*out == STRANGER && strcmp(state, "stranger") != 0)) {
		PyErr_Format(PyExc_ValueError, "%s, %s: no such call or state", name, state);
		return false;
	}
	return true;
}

static void do_work(struct work *work)
{
	work->call->make();
	if (work->stepped)
		bench_step(work->call, work->n);
	else
		work->time = bench_time(work->call, work->n);
}

static void *run_stranger(void *argument)
{
	do_work(argument);
	return NULL;
}

static bool run(struct work *work, enum state state)
{
	pthread_t thread;
	int error = 0;

	if (state == HELD) {
		do_work(work);
		return true;
	}
	Py_BEGIN_ALLOW_THREADS
	if (state == RELEASED) {
		do_work(work);
	} else {
		error = pthread_create(&thread, NULL, run_stranger, work);
		if (!error)
			pthread_join(thread, NULL);
	}
	Py_END_ALLOW_THREADS
	if (error) {
		errno = error;
		PyErr_SetFromErrno(PyExc_OSError);
	}
	return !error;
}

static PyObject *both(struct bench_time time)
{
	return Py_BuildValue("LL", (long long) time.wall, (long long) time.cpu);
}

static PyObject *since(struct bench_time begun)
{
	struct bench_time now = bench_both();

	return both((struct bench_time){now.wall - begun.wall, now.cpu - begun.cpu});
}

/* time(call, state, n): (wall, CPU) nanoseconds of n calls. */
static PyObject *time_calls(PyObject *module MODULE_UNUSED, PyObject *args)
{
	const char *name, *text;
	struct work work = {0};
	enum state state;

	if (!PyArg_ParseTuple(args, "ssl", &name, &text, &work.n) ||
		!parse(name, text, &work, &state) || !run(&work, state))
		return NULL;
	return both(work.time);
}

/* step(call, state, n): under step.c. */
static PyObject *step_calls(PyObject *module MODULE_UNUSED, PyObject *args)
{
	const char *name, *text;
	struct work work = {.stepped = true};
	enum state state;

	if (!PyArg_ParseTuple(args, "ssl", &name, &text, &work.n) ||
		!parse(name, text, &work, &state) || !run(&work, state))
		return NULL;
	Py_RETURN_NONE;
}

/* ---- one call at a time: every line of Python that calls this is a site ---- */

static const struct bench_call *one_call;
static int64_t one_ns, one_worst;

/* one(): one held call. taken(call): (CPU ns, worst) since it was last asked; sets the call. */
static PyObject *one(PyObject *module MODULE_UNUSED, PyObject *args MODULE_UNUSED)
{
	int64_t ns = bench_both().cpu;

	one_call->make();
	ns = bench_both().cpu - ns;
	one_ns += ns;
	if (ns > one_worst)
		one_worst = ns;
	Py_RETURN_NONE;
}

static PyObject *taken(PyObject *module MODULE_UNUSED, PyObject *args)
{
	int64_t ns = one_ns, worst = one_worst;
	const char *name;

	if (!PyArg_ParseTuple(args, "s", &name))
		return NULL;
	one_call = bench_call_find(name);
	one_ns = one_worst = 0;
	return Py_BuildValue("LL", (long long) ns, (long long) worst);
}

/* ---- many threads ---- */

static void *run_thread(void *argument)
{
	struct work *work = argument;

	PyGILState_Release(PyGILState_Ensure());
	work->call->make();
	pthread_barrier_wait(work->barrier);
	work->time = bench_time(work->call, work->n);
	return NULL;
}

/* threads(call, threads, n): CPU nanoseconds of n released calls in each of so many threads. */
static PyObject *time_threads(PyObject *module MODULE_UNUSED, PyObject *args)
{
	const char *name;
	struct work works[1024];
	pthread_t ids[1024];
	pthread_barrier_t barrier;
	enum state state;
	int64_t ns = 0;
	int threads;
	long n;

	if (!PyArg_ParseTuple(args, "sil", &name, &threads, &n) ||
		!parse(name, "released", &works[0], &state))
		return NULL;
	if (threads < 1 || threads > 1024) {
		PyErr_SetString(PyExc_ValueError, "1 to 1024 threads");
		return NULL;
	}
	pthread_barrier_init(&barrier, NULL, (unsigned) threads);
	Py_BEGIN_ALLOW_THREADS
	for (int i = 0; i < threads; i++) {
		works[i] = (struct work){.call = works[0].call, .n = n, .barrier = &barrier};
		if (pthread_create(&ids[i], NULL, run_thread, &works[i]) != 0)
			abort();
	}
	for (int i = 0; i < threads; i++) {
		pthread_join(ids[i], NULL);
		ns += works[i].time.cpu;
	}
	Py_END_ALLOW_THREADS
	pthread_barrier_destroy(&barrier);
	return PyLong_FromLongLong(ns);
}

/* ---- the GIL itself ---- */

static void switch_times(long n, bool stepped)
{
	for (long i = 0; i < n; i++) {
		PyThreadState *state;

		if (stepped)
			bench_mark();
		state = PyEval_SaveThread();
		PyEval_RestoreThread(state);
	}
}

/* gil_time(n): (wall, CPU) nanoseconds of dropping and taking the GIL n times; gil_step(n): under
 * step.c. */
static PyObject *gil_time(PyObject *module MODULE_UNUSED, PyObject *args)
{
	struct bench_time begun;
	long n;

	if (!PyArg_ParseTuple(args, "l", &n))
		return NULL;
	begun = bench_both();
	switch_times(n, false);
	return since(begun);
}

static PyObject *gil_step(PyObject *module MODULE_UNUSED, PyObject *args)
{
	long n;

	if (!PyArg_ParseTuple(args, "l", &n))
		return NULL;
	switch_times(1, false);
	bench_step_begin();
	switch_times(n, true);
	bench_mark();
	bench_step_end();
	Py_RETURN_NONE;
}

static _Atomic long kept,
	done; /* rounds in which the keeper had the GIL; and the waiter then got it */
static pid_t waiter;

/* Asleep in a futex, and not stopped by the tracer? Without a call that the library sees. */
static bool sleeps(pid_t thread)
{
	char path[64], text[256] = "";
	long n, fd;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", (int) thread);
	fd = syscall(SYS_openat, AT_FDCWD, path, O_RDONLY, 0);
	if (fd < 0)
		return false;
	n = syscall(SYS_read, fd, text, sizeof(text) - 1);
	syscall(SYS_close, fd);
	return n > 0 && strrchr(text, ')') && strstr(text, ") S ");
}

/* In each round keeps the GIL until the waiter sleeps for it. */
static void *keep(void *argument)
{
	long rounds = *(long *) argument;

	for (long round = 1; round <= rounds; round++) {
		PyGILState_STATE state;

		while (done < round - 1)
			sched_yield();
		state = PyGILState_Ensure();
		kept = round;
		while (!sleeps(waiter))
			sched_yield();
		PyGILState_Release(state);
	}
	return NULL;
}

/* wait_step(n): under step.c, takes the GIL n times while another thread has it. One time-out of
 * the wait is one more round in there: sys.setswitchinterval() should be long. */
static PyObject *wait_step(PyObject *module MODULE_UNUSED, PyObject *args)
{
	PyThreadState *state;
	pthread_t thread;
	long n;

	if (!PyArg_ParseTuple(args, "l", &n))
		return NULL;
	waiter = (pid_t) syscall(SYS_gettid);
	kept = done = 0;
	if (pthread_create(&thread, NULL, keep, &n) != 0)
		abort();
	state = PyEval_SaveThread();
	for (long round = 1; round <= n; round++) {
		while (kept < round)
			sched_yield();
		bench_step_begin();
		bench_mark();
		PyEval_RestoreThread(state);
		bench_mark();
		bench_step_end();
		state = PyEval_SaveThread();
		done = round;
	}
	pthread_join(thread, NULL);
	PyEval_RestoreThread(state);
	Py_RETURN_NONE;
}

static PyMethodDef methods[] = {{"time", time_calls, METH_VARARGS, NULL},
	{"step", step_calls, METH_VARARGS, NULL}, {"one", one, METH_NOARGS, NULL},
	{"taken", taken, METH_VARARGS, NULL}, {"threads", time_threads, METH_VARARGS, NULL},
	{"gil_time", gil_time, METH_VARARGS, NULL}, {"gil_step", gil_step, METH_VARARGS, NULL},
	{"wait_step", wait_step, METH_VARARGS, NULL}, {NULL, NULL, 0, NULL}};

static struct PyModuleDef definition = {
	PyModuleDef_HEAD_INIT, .m_name = "gsbench", .m_size = -1, .m_methods = methods};

PyMODINIT_FUNC PyInit_gsbench(void)
{
	bench_calls_setup();
	one_call = bench_calls;
	return PyModule_Create(&definition);
}
