/* fakepy.c: the few exported names by which a CPython 3.13 is known, and a switch. The program is
 * linked with its symbols exported, so a preloaded library takes it for an interpreter. There is no
 * _PyRuntime: Python lines are not available. */
#include "exercise.h"

struct thread_state;
int PyGILState_Check(void);
struct thread_state *PyThreadState_GetUnchecked(void);
struct thread_state *PyGILState_GetThisThreadState(void);
const char *Py_GetVersion(void);
int Py_IsInitialized(void);
int Py_IsFinalizing(void);
ptrdiff_t PyUnicode_GetLength(void *text);
uint32_t PyUnicode_ReadChar(void *text, ptrdiff_t index);
int PyUnstable_InterpreterFrame_GetLine(void *frame);

/* All zero: whoever walks the frames of this thread finds none. */
static struct thread_state {
	char zero[4096];
} state;

char PyCode_Type[512];

static __thread bool holds;
static __thread bool known; /* to this interpreter: held its GIL once */

/* As an interpreter does: two conditions for each GIL, signalled when it is dropped and taken. */
static struct {
	pthread_cond_t cond;
	pthread_mutex_t mutex;
	pthread_cond_t switch_cond;
} gil;
static bool gil_made;

void x_make_gil(void)
{
	pthread_cond_init(&gil.cond, NULL);
	pthread_cond_init(&gil.switch_cond, NULL);
	gil_made = true;
}

void x_hold(bool held)
{
	bool changes = gil_made && held != holds;

	if (changes && held)
		pthread_cond_signal(&gil.switch_cond);
	holds = held;
	if (changes && !held)
		pthread_cond_signal(&gil.cond);
	known = known || held;
}

int PyGILState_Check(void)
{
	return holds;
}

struct thread_state *PyThreadState_GetUnchecked(void)
{
	return holds ? &state : NULL;
}

struct thread_state *PyGILState_GetThisThreadState(void)
{
	return known ? &state : NULL;
}

const char *Py_GetVersion(void)
{
	return "3.13.0 (fake)";
}

int Py_IsInitialized(void)
{
	return 1;
}

int Py_IsFinalizing(void)
{
	return 0;
}

ptrdiff_t PyUnicode_GetLength(void *text)
{
	(void) text;
	return 0;
}

uint32_t PyUnicode_ReadChar(void *text, ptrdiff_t index)
{
	(void) text;
	(void) index;
	return 0;
}

int PyUnstable_InterpreterFrame_GetLine(void *frame)
{
	(void) frame;
	return 0;
}
