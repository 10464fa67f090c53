/* gsx_threads.c: threads that Python did not start. */
#include "gsx.h"

#include <pthread.h>
#include <stdlib.h>

struct job {
	pthread_t thread;
	long n;
};

/* Runs `routine` in a new thread and waits for its end without the GIL. */
static PyObject *run(PyObject *args, void *(*routine)(void *))
{
	struct job job;
	int err = 0;

	if (!PyArg_ParseTuple(args, "l", &job.n))
		return NULL;
	Py_BEGIN_ALLOW_THREADS
	err = pthread_create(&job.thread, NULL, routine, &job);
	if (!err)
		err = pthread_join(job.thread, NULL);
	Py_END_ALLOW_THREADS
	if (err)
		return PyErr_Format(PyExc_OSError, "thread: error %d", err);
	Py_RETURN_NONE;
}

static void *never_python(void *argument)
{
	truth_make(TRUTH_NONE, ((struct job *)argument)->n);
	return NULL;
}

static PyObject *foreign(PyObject *module GSX_UNUSED, PyObject *args)
{
	return run(args, never_python);
}

static void at_end(void *job)
{
	truth_make(TRUTH_NONE, ((struct job *)job)->n);
}

/* Its last calls are made by a destructor of thread-specific data. */
static void *never_python_to_the_end(void *job)
{
	pthread_key_t key;

	if (pthread_key_create(&key, at_end) != 0 || pthread_setspecific(key, job) != 0)
		abort();
	return never_python(job);
}

static PyObject *end_of_foreign(PyObject *module GSX_UNUSED, PyObject *args)
{
	return run(args, never_python_to_the_end);
}

/* The creating thread keeps the GIL all the while: a thread that does not hold must not be taken
 * for the one that does. */
static PyObject *foreign_while_held(PyObject *module GSX_UNUSED, PyObject *args)
{
	struct job job;

	if (!PyArg_ParseTuple(args, "l", &job.n))
		return NULL;
	if (pthread_create(&job.thread, NULL, never_python, &job) != 0)
		return PyErr_NoMemory();
	truth_make(TRUTH_HELD, job.n);
	pthread_join(job.thread, NULL);
	Py_RETURN_NONE;
}

static void *ensures(void *argument)
{
	long n = ((struct job *)argument)->n;
	PyGILState_STATE outer, inner;

	truth_make(TRUTH_UNHELD, n);
	outer = PyGILState_Ensure();
	truth_make(TRUTH_HELD, n);
	Py_BEGIN_ALLOW_THREADS
	truth_make(TRUTH_RELEASED, n);
	inner = PyGILState_Ensure();
	truth_make(TRUTH_HELD, n);
	PyGILState_Release(inner);
	truth_make(TRUTH_RELEASED, n);
	Py_END_ALLOW_THREADS
	truth_make(TRUTH_HELD, n);
	PyGILState_Release(outer);
	truth_make(TRUTH_RELEASED, n);
	outer = PyGILState_Ensure();
	truth_make(TRUTH_HELD, n);
	PyGILState_Release(outer);
	truth_make(TRUTH_RELEASED, n);
	return NULL;
}

static PyObject *ensure(PyObject *module GSX_UNUSED, PyObject *args)
{
	return run(args, ensures);
}

PyMethodDef gsx_thread_methods[] = {
	{"foreign", foreign, METH_VARARGS, "foreign(n): n calls in a thread without Python"},
	{"foreign_while_held", foreign_while_held, METH_VARARGS, "the same, this thread holding"},
	{"end_of_foreign", end_of_foreign, METH_VARARGS, "the same, and n calls as it ends"},
	{"ensure", ensure, METH_VARARGS, "ensure(n): PyGILState_Ensure in a thread of C"},
	{NULL, NULL, 0, NULL},
};
