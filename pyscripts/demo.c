/* One extension in two builds: `guilty` waits for an answer with the GIL held, `innocent` (-DRELEASE)
 * lets go of it first. Everything else is the same. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <poll.h>
#include <unistd.h>

#ifdef RELEASE
#define NAME innocent
#define BEFORE Py_BEGIN_ALLOW_THREADS
#define AFTER Py_END_ALLOW_THREADS
#else
#define NAME guilty
#define BEFORE
#define AFTER
#endif
#define TEXT_(name) #name
#define TEXT(name) TEXT_(name)
#define INIT_(name) PyInit_##name
#define INIT(name) INIT_(name)

/* The client library of some protocol: sends a byte, waits for the answer. */
static int ask(int fd)
{
	struct pollfd answer = {.fd = fd, .events = POLLIN};
	char byte = '?';

	if (write(fd, &byte, 1) != 1 || poll(&answer, 1, 10000) != 1)
		return -1;
	return read(fd, &byte, 1) == 1 ? byte : -1;
}

static PyObject *query(PyObject *self, PyObject *argument)
{
	int fd = (int) PyLong_AsLong(argument), answer;

	(void) self;
	if (fd == -1 && PyErr_Occurred())
		return NULL;
	BEFORE
	answer = ask(fd);
	AFTER
	return PyLong_FromLong(answer);
}

static PyMethodDef methods[] = {
	{"query", query, METH_O, "query(fd): one question to the server behind fd."},
	{NULL, NULL, 0, NULL},
};
static struct PyModuleDef module = {
	.m_base = PyModuleDef_HEAD_INIT, .m_name = TEXT(NAME), .m_methods = methods};

PyMODINIT_FUNC INIT(NAME)(void)
{
	return PyModule_Create(&module);
}
