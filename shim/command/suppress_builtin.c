/* suppress_builtin.c: the calls that CPython itself is known to make with the GIL held. They cover
 * sites of origin `interpreter` only: the same call made by an extension stays a finding. The text
 * before the reason's colon names the group. */
#include "suppress.h"

const char gs_suppress_builtin_text[] =
	/* subprocess and multiprocessing: the parent waits until the child's exec */
	"call:vfork # fork: subprocess starts a child (3.10 to 3.12)\n"
	"call:fork # fork: os.fork, multiprocessing and subprocess (up to 3.9)\n"
	"call:posix_spawn # fork: subprocess (3.13 and later) and os.posix_spawn\n"
	"call:posix_spawnp # fork: os.posix_spawnp\n"
	/* imports */
	"call:dlopen # import: extension modules are loaded under the GIL\n"
	"call:fopen object:*python* # files: the script, pyvenv.cfg, /proc/self/stat at a fork\n"
	"call:fread object:*python* # files: the script, /proc/self/stat at a fork\n"
	"call:fgetc object:*python* # files: the script, up to its encoding line\n"
	"call:fgets object:*python* # files: the script, line by line\n"
	"call:fclose object:*python* # files: the script, /proc/self/stat at a fork\n"
	"call:ioctl object:*python* # files: whether descriptors are inherited\n"
	"call:fcntl object:*python* # files: whether descriptors are inherited\n"
	/* the last words of a process must not wait for a GIL */
	"call:write object:*python* # faulthandler: tracebacks and fatal errors\n"
	"call:write object:faulthandler* # faulthandler: tracebacks and fatal errors\n"
	/* name service */
	"call:getpwnam # names: the pwd module, os.path.expanduser\n"
	"call:getpwuid # names: the pwd module (3.6)\n"
	"call:getpwent # names: pwd.getpwall\n"
	"call:setpwent # names: pwd.getpwall\n"
	"call:getgrnam # names: the grp module\n"
	"call:getgrgid # names: the grp module (3.6)\n"
	"call:getgrent # names: grp.getgrall\n"
	"call:getgrouplist # names: os.getgrouplist\n"
	"call:endpwent # names: pwd.getpwall\n"
	"call:setgrent # names: grp.getgrall\n"
	"call:endgrent # names: grp.getgrall\n"
	"call:initgroups # names: os.initgroups\n"
	"call:getspnam # names: the spwd module\n"
	"call:getspent # names: spwd.getspall\n"
	"call:tzset # time: time.tzset reads the time zone's file\n"
	/* CPython's own locks, uncontended */
	"rule:GIL002 call:sem_wait object:*python* # locks: free ones are taken under the GIL\n"
	"rule:GIL002 call:pthread_mutex_lock object:*python* # locks: a new GIL\n"
	/* what it waits for is another thread's attached call, which is a finding of its own */
	"call:sem_clockwait object:*python* # stop: all threads, in a free-threaded build\n";
