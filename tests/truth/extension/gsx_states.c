/* gsx_states.c: thread states that change threads, second thread states, sub-interpreters. */
#include "gsx.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

struct guest {
	pthread_t thread;
	PyThreadState *state;
	long n;
	uint64_t seed; /* 0: plain calls, else gsx_stress() */
	_Atomic int done;
};

/* A thread of C that holds through a thread state made by another thread. */
static void *use_state(void *argument)
{
	struct guest *guest = argument;

	PyEval_AcquireThread(guest->state);
	if (guest->seed) {
		gsx_stress(guest->n, guest->seed);
	} else {
		PyThreadState *saved;

		truth_make(TRUTH_HELD, guest->n);
		saved = PyEval_SaveThread();
		truth_make(TRUTH_RELEASED, guest->n);
		PyEval_RestoreThread(saved);
		truth_make(TRUTH_HELD, guest->n);
	}
	PyEval_ReleaseThread(guest->state);
	truth_make(TRUTH_RELEASED, 2);
	atomic_store(&guest->done, 1);
	return NULL;
}

static void start_guest(struct guest *guest, PyInterpreterState *interpreter, long n, uint64_t seed)
{
	guest->state = PyThreadState_New(interpreter);
	guest->n = n;
	guest->seed = seed;
	atomic_init(&guest->done, 0);
	if (!guest->state || pthread_create(&guest->thread, NULL, use_state, guest) != 0)
		abort();
}

static void end_guest(struct guest *guest)
{
	Py_BEGIN_ALLOW_THREADS
	pthread_join(guest->thread, NULL);
	Py_END_ALLOW_THREADS
	PyThreadState_Clear(guest->state);
	PyThreadState_Delete(guest->state);
}

/* The other thread uses a state of ours while this one makes released calls. */
static PyObject *handed_state(PyObject *module GSX_UNUSED, PyObject *args)
{
	struct guest guest;
	long n;

	if (!PyArg_ParseTuple(args, "l", &n))
		return NULL;
	gsx_need_gil();
	start_guest(&guest, PyThreadState_Get()->interp, n, 0);
	truth_make(TRUTH_HELD, n);
	Py_BEGIN_ALLOW_THREADS
	while (!atomic_load(&guest.done))
		truth_make(TRUTH_RELEASED, 2);
	Py_END_ALLOW_THREADS
	end_guest(&guest);
	Py_RETURN_NONE;
}

static PyObject *second_state(PyObject *module GSX_UNUSED, PyObject *args)
{
	PyThreadState *first, *second;
	long n;

	if (!PyArg_ParseTuple(args, "l", &n))
		return NULL;
	gsx_need_gil();
	second = PyThreadState_New(PyThreadState_Get()->interp);
	if (!second)
		return PyErr_NoMemory();
	first = PyThreadState_Swap(second);
	truth_make(TRUTH_HELD, n);
	Py_BEGIN_ALLOW_THREADS
	truth_make(TRUTH_RELEASED, n);
	Py_END_ALLOW_THREADS
	truth_make(TRUTH_HELD, n);
	PyThreadState_Swap(first);
	PyThreadState_Clear(second);
	PyThreadState_Delete(second);
	truth_make(TRUTH_HELD, n);
	Py_RETURN_NONE;
}

/* No thread state at all. Up to 3.11 the GIL is nevertheless kept. */
static PyObject *swapped_out(PyObject *module GSX_UNUSED, PyObject *args)
{
	enum truth_state truth = PY_VERSION_HEX < 0x030C0000 ? TRUTH_HELD : TRUTH_RELEASED;
	PyThreadState *saved;
	long n;

	if (!PyArg_ParseTuple(args, "l", &n))
		return NULL;
	gsx_need_gil();
	saved = PyThreadState_Swap(NULL);
	truth_make(truth, n);
	PyThreadState_Swap(saved);
	truth_make(TRUTH_HELD, n);
	if (!Py_NewInterpreter())
		return PyErr_Format(PyExc_RuntimeError, "no sub-interpreter");
	Py_EndInterpreter(PyThreadState_Get());
	truth_make(truth, n);
	PyThreadState_Swap(saved);
	Py_BEGIN_ALLOW_THREADS
	truth_make(TRUTH_RELEASED, n);
	Py_END_ALLOW_THREADS
	Py_RETURN_NONE;
}

/* A sub-interpreter, made current in this thread; `saved` is what sub_end() goes back to. It has a
 * GIL of its own where that is asked for and CPython can do it (3.12). NULL if there is none. */
static PyThreadState *sub_begin(int own_gil, PyThreadState **saved)
{
	PyThreadState *sub = NULL;

	gsx_need_gil();
	*saved = PyThreadState_Get();
	if (!own_gil)
		return Py_NewInterpreter();
#if PY_VERSION_HEX >= 0x030C0000
	PyInterpreterConfig config = {
		.allow_threads = 1,
		.check_multi_interp_extensions = 1,
		.gil = PyInterpreterConfig_OWN_GIL,
	};

	PyThreadState_Swap(NULL);
	if (PyStatus_Exception(Py_NewInterpreterFromConfig(&sub, &config)))
		PyThreadState_Swap(*saved);
#endif
	return sub;
}

static void sub_end(PyThreadState *sub, PyThreadState *saved)
{
	Py_EndInterpreter(sub);
	PyThreadState_Swap(saved);
}

/* Calls in a sub-interpreter: in this thread, and in a thread of its own at the same time. */
static PyObject *sub(PyObject *module GSX_UNUSED, PyObject *args)
{
	PyThreadState *current, *saved;
	struct guest guest;
	int own_gil;
	long n;

	if (!PyArg_ParseTuple(args, "lp", &n, &own_gil))
		return NULL;
	current = sub_begin(own_gil, &saved);
	if (!current)
		return PyErr_Format(PyExc_RuntimeError, "no sub-interpreter");
	start_guest(&guest, current->interp, n, 0);
	truth_make(TRUTH_HELD, n);
	Py_BEGIN_ALLOW_THREADS
	while (!atomic_load(&guest.done))
		truth_make(TRUTH_RELEASED, 2);
	Py_END_ALLOW_THREADS
	truth_make(TRUTH_HELD, n);
	end_guest(&guest);
	sub_end(current, saved);
	truth_make(TRUTH_HELD, n);
	Py_RETURN_NONE;
}

/* As sub(), with `n` calls of gsx_stress() in each of the two threads. */
static PyObject *stress_sub(PyObject *module GSX_UNUSED, PyObject *args)
{
	PyThreadState *current, *saved;
	struct guest guest;
	int own_gil;
	long n, seed;

	if (!PyArg_ParseTuple(args, "llp", &n, &seed, &own_gil))
		return NULL;
	current = sub_begin(own_gil, &saved);
	if (!current)
		return PyErr_Format(PyExc_RuntimeError, "no sub-interpreter");
	start_guest(&guest, current->interp, n, seed + 1);
	gsx_stress(n, seed);
	end_guest(&guest);
	sub_end(current, saved);
	Py_RETURN_NONE;
}

PyMethodDef gsx_state_methods[] = {
	{"handed_state", handed_state, METH_VARARGS, "a thread state used by another thread"},
	{"second_state", second_state, METH_VARARGS, "a second thread state for this thread"},
	{"swapped_out", swapped_out, METH_VARARGS, "calls without any thread state"},
	{"sub", sub, METH_VARARGS, "sub(n, own_gil): calls in a sub-interpreter"},
	{"stress_sub", stress_sub, METH_VARARGS, "stress_sub(n, seed, own_gil)"},
	{NULL, NULL, 0, NULL},
};
