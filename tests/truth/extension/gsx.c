/* gsx.c: the module itself and the calls made in the calling thread. */
#include "gsx.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

static long calls_at_exit;
static _Atomic int daemon_wanted; /* 0: no daemon, 1: it runs, 2: it is told to stop, 3: it has */
static _Atomic enum truth_state handler_state;
static _Atomic long handler_calls;
static pthread_key_t end_key;
static __thread long end_calls;
static _Atomic int ends_to_come; /* threads that have yet to make their last calls */

static PyObject *hold(PyObject *module GSX_UNUSED, PyObject *args)
{
	long n;

	if (!PyArg_ParseTuple(args, "l", &n))
		return NULL;
	truth_make(TRUTH_HELD, n);
	Py_RETURN_NONE;
}

static PyObject *release(PyObject *module GSX_UNUSED, PyObject *args)
{
	long n;

	if (!PyArg_ParseTuple(args, "l", &n))
		return NULL;
	Py_BEGIN_ALLOW_THREADS
	truth_make(TRUTH_RELEASED, n);
	Py_END_ALLOW_THREADS
	Py_RETURN_NONE;
}

static PyObject *hold_usleep(PyObject *module GSX_UNUSED, PyObject *args)
{
	long us;

	if (!PyArg_ParseTuple(args, "l", &us))
		return NULL;
	usleep(us);
	Py_RETURN_NONE;
}

static PyObject *release_usleep(PyObject *module GSX_UNUSED, PyObject *args)
{
	long us;

	if (!PyArg_ParseTuple(args, "l", &us))
		return NULL;
	Py_BEGIN_ALLOW_THREADS
	usleep(us);
	Py_END_ALLOW_THREADS
	Py_RETURN_NONE;
}

void gsx_stress(long n, uint64_t seed)
{
	uint64_t random = seed * 2654435769u + 1;

	while (n > 0) {
		long held, released;

		random ^= random << 13;
		random ^= random >> 7;
		random ^= random << 17;
		held = 1 + (random & 7);
		released = 1 + (random >> 3 & 7);
		truth_make(TRUTH_HELD, held);
		Py_BEGIN_ALLOW_THREADS
		truth_make(TRUTH_RELEASED, released);
		Py_END_ALLOW_THREADS
		n -= held + released;
	}
}

static PyObject *stress(PyObject *module GSX_UNUSED, PyObject *args)
{
	long n, seed;

	if (!PyArg_ParseTuple(args, "ll", &n, &seed))
		return NULL;
	gsx_stress(n, seed);
	Py_RETURN_NONE;
}

static void on_signal(int number GSX_UNUSED)
{
	truth_make(atomic_load(&handler_state), atomic_load(&handler_calls));
}

/* Calls made by a signal handler in C, once while this thread holds and once while it does not. */
static PyObject *signals(PyObject *module GSX_UNUSED, PyObject *args)
{
	struct sigaction action = {.sa_handler = on_signal}, old;
	long n;

	if (!PyArg_ParseTuple(args, "l", &n))
		return NULL;
	sigaction(SIGUSR1, &action, &old);
	atomic_store(&handler_calls, n);
	atomic_store(&handler_state, TRUTH_HELD);
	raise(SIGUSR1);
	Py_BEGIN_ALLOW_THREADS
	atomic_store(&handler_state, TRUTH_RELEASED);
	raise(SIGUSR1);
	Py_END_ALLOW_THREADS
	sigaction(SIGUSR1, &old, NULL);
	Py_RETURN_NONE;
}

/* To be called from a daemon thread: stays in C without the GIL and makes calls until the process
 * ends. Never takes the GIL again. */
static PyObject *stay_released(PyObject *module GSX_UNUSED, PyObject *args GSX_UNUSED)
{
	PyEval_SaveThread();
	atomic_store(&daemon_wanted, 1);
	while (atomic_load(&daemon_wanted) == 1)
		truth_make(TRUTH_RELEASED, 2);
	atomic_store(&daemon_wanted, 3);
	while (atomic_load(&daemon_wanted) == 3)
		pause();
	return NULL;
}

static PyObject *daemon_runs(PyObject *module GSX_UNUSED, PyObject *args GSX_UNUSED)
{
	return PyBool_FromLong(atomic_load(&daemon_wanted) == 1);
}

/* Python is gone when this runs: registered with libc, not with Python. */
static void after_python(void)
{
	if (atomic_load(&daemon_wanted) == 1) {
		long goal = truth_made(TRUTH_RELEASED) + 100;

		while (truth_made(TRUTH_RELEASED) < goal)
			;
		atomic_store(&daemon_wanted, 2);
		while (atomic_load(&daemon_wanted) != 3)
			;
	}
	while (atomic_load(&ends_to_come))
		;
	truth_make(TRUTH_RELEASED, calls_at_exit);
	truth_dump();
}

static PyObject *at_exit(PyObject *module GSX_UNUSED, PyObject *args)
{
	if (!PyArg_ParseTuple(args, "l", &calls_at_exit))
		return NULL;
	Py_RETURN_NONE;
}

static void at_thread_end(void *value GSX_UNUSED)
{
	truth_make(TRUTH_RELEASED, end_calls);
	atomic_fetch_sub(&ends_to_come, 1);
}

/* The calling thread makes `n` calls when it ends, from a destructor of thread-specific data: that
 * may be after Python has joined it. */
static PyObject *at_end_of_thread(PyObject *module GSX_UNUSED, PyObject *args)
{
	if (!PyArg_ParseTuple(args, "l", &end_calls))
		return NULL;
	if (pthread_setspecific(end_key, &end_calls) != 0)
		return PyErr_NoMemory();
	atomic_fetch_add(&ends_to_come, 1);
	Py_RETURN_NONE;
}

static PyObject *dump(PyObject *module GSX_UNUSED, PyObject *args GSX_UNUSED)
{
	truth_dump();
	Py_RETURN_NONE;
}

PyMethodDef gsx_call_methods[] = {
	{"hold", hold, METH_VARARGS, "hold(n): n calls with the GIL held"},
	{"release", release, METH_VARARGS, "release(n): n calls with the GIL released"},
	{"hold_usleep", hold_usleep, METH_VARARGS, "hold_usleep(us): usleep, held"},
	{"release_usleep", release_usleep, METH_VARARGS, "release_usleep(us): usleep, released"},
	{"stress", stress, METH_VARARGS, "stress(n, seed): n calls, held and released in turn"},
	{"signals", signals, METH_VARARGS, "signals(n): n calls in a handler, held and released"},
	{"stay_released", stay_released, METH_NOARGS, "never comes back"},
	{"daemon_runs", daemon_runs, METH_NOARGS, "has stay_released() begun?"},
	{"at_exit", at_exit, METH_VARARGS, "at_exit(n): n calls after Python has ended"},
	{"at_end_of_thread", at_end_of_thread, METH_VARARGS, "n calls as this thread ends"},
	{"dump", dump, METH_NOARGS, "write the ground truth now (before os._exit)"},
	{NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
	PyModuleDef_HEAD_INIT,
	.m_name = "gsx",
	.m_doc = "Holds or releases the GIL on purpose.",
	.m_size = -1,
	.m_methods = gsx_call_methods,
};

PyMODINIT_FUNC PyInit_gsx(void);

PyMODINIT_FUNC PyInit_gsx(void)
{
	PyObject *module = PyModule_Create(&definition);

	if (!module || PyModule_AddFunctions(module, gsx_thread_methods) < 0 ||
		PyModule_AddFunctions(module, gsx_state_methods) < 0)
		return NULL;
#ifdef Py_GIL_DISABLED
	PyUnstable_Module_SetGIL(module, Py_MOD_GIL_NOT_USED);
#endif
	if (pthread_key_create(&end_key, at_thread_end) != 0 || atexit(after_python) != 0)
		return PyErr_NoMemory();
	return module;
}
