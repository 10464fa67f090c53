/* deep.c: calls usleep() for somebody else, with the GIL held if that has it. -DMODULE: is an
 * extension module of Python too. -DBELOW: by way of the library that was built with -DUNDER. -DAPART:
 * in a copy of the object PATH that another namespace has. */
#ifdef MODULE
#include <Python.h>
#endif
#include <dlfcn.h>
#include <unistd.h>

#ifdef UNDER
int nap_under(unsigned us);
int nap_under(unsigned us)
{
	volatile int result = usleep(us); /* no jump: this object is the caller */

	return result;
}
#else
int nap(unsigned us);

#if defined(BELOW)
int nap_under(unsigned us);
int nap(unsigned us)
{
	return usleep(us) + nap_under(us);
}
#elif defined(APART)
int nap(unsigned us)
{
	void *handle = dlmopen(LM_ID_NEWLM, PATH, RTLD_NOW);
	int (*other)(unsigned us) = handle ? (int (*)(unsigned)) dlsym(handle, "nap") : NULL;

	return other ? other(us) : -1;
}
#else
int nap(unsigned us)
{
	volatile int result = usleep(us);

	return result;
}
#endif
#endif

#ifdef MODULE
static PyObject *take_nap(PyObject *self, PyObject *argument)
{
	(void) self;
	return PyLong_FromLong(nap((unsigned) PyLong_AsUnsignedLong(argument)));
}

static PyMethodDef methods[] = {{"nap", take_nap, METH_O, NULL}, {NULL, NULL, 0, NULL}};
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, .m_name = "deep", .m_methods = methods};

PyMODINIT_FUNC PyInit_deep(void)
{
	return PyModule_Create(&module);
}
#endif
