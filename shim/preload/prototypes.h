/* prototypes.h: the types that the prototypes in calls.def name.
 *
 * Where the C library's own type does not matter to us calls.def says void *: headers that define
 * object-like macros of the names in the table (resolv.h) must not be included here, the names
 * would be replaced before they reach the wrappers. */
#ifndef GS_PROTOTYPES_H
#define GS_PROTOTYPES_H

#include <aio.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <syslog.h>
#include <termios.h>
#include <threads.h>
#include <time.h>
#include <unistd.h>
#include <wchar.h>

/* Constants that only newer headers have; the kernel's numbers. */
#ifndef RWF_NOWAIT
#define RWF_NOWAIT 8
#endif
#ifndef GAI_NOWAIT
#define GAI_NOWAIT 1
#endif

/* The v-forms that a variadic row calls and libc's headers do not declare. */
int __isoc99_vscanf(const char *format, va_list ap);
int __isoc23_vscanf(const char *format, va_list ap);
int __isoc99_vfscanf(FILE *stream, const char *format, va_list ap);
int __isoc23_vfscanf(FILE *stream, const char *format, va_list ap);
int __isoc99_vwscanf(const wchar_t *format, va_list ap);
int __isoc23_vwscanf(const wchar_t *format, va_list ap);
int __isoc99_vfwscanf(FILE *stream, const wchar_t *format, va_list ap);
int __isoc23_vfwscanf(FILE *stream, const wchar_t *format, va_list ap);
int _IO_vfprintf(FILE *stream, const char *format, va_list ap);
int __vprintf_chk(int flag, const char *format, va_list ap);
int __vfprintf_chk(FILE *stream, int flag, const char *format, va_list ap);
int __vdprintf_chk(int fd, int flag, const char *format, va_list ap);
int __vwprintf_chk(int flag, const wchar_t *format, va_list ap);
int __vfwprintf_chk(FILE *stream, int flag, const wchar_t *format, va_list ap);
void __vsyslog_chk(int priority, int flag, const char *format, va_list ap);

/* SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WAIT_AFTER */
#define GS_SYNC_RANGE_WAITS 5u
/* GRND_NONBLOCK | GRND_INSECURE */
#define GS_RANDOM_NEVER_WAITS 5u

#endif
