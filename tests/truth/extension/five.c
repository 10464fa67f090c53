/* five.c: the extension module around five_calls.c, which makes a call with the GIL held or
 * released. FIVE_MODULE is its name. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "five.h"

#define UNUSED __attribute__((unused))
#define JOIN(a, b) a##b
#define INIT(name) JOIN(PyInit_, name)
#define TEXT_(name) #name
#define TEXT(name) TEXT_(name)

static PyObject *call(PyObject *module UNUSED, PyObject *args)
{
	const char *name;
	int held, blocked, right;

	if (!PyArg_ParseTuple(args, "spp", &name, &held, &blocked))
		return NULL;
	if (held) {
		right = five_call(name, blocked);
	} else {
		Py_BEGIN_ALLOW_THREADS
		right = five_call(name, blocked);
		Py_END_ALLOW_THREADS
	}
	if (right != 1)
		return PyErr_Format(PyExc_OSError, "%s: not the result that was planned", name);
	Py_RETURN_NONE;
}

static PyMethodDef methods[] = {
	{"call", call, METH_VARARGS, "call(name, held, blocked)"},
	{NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
	PyModuleDef_HEAD_INIT,
	.m_name = TEXT(FIVE_MODULE),
	.m_size = -1,
	.m_methods = methods,
};

PyMODINIT_FUNC INIT(FIVE_MODULE)(void);

PyMODINIT_FUNC INIT(FIVE_MODULE)(void)
{
	PyObject *module = PyModule_Create(&definition);

#ifdef Py_GIL_DISABLED
	if (module)
		PyUnstable_Module_SetGIL(module, Py_MOD_GIL_NOT_USED);
#endif
	if (five_prepare() < 0)
		return PyErr_SetFromErrno(PyExc_OSError);
	return module;
}
