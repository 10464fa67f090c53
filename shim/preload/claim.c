#include "claim.h"

#include <arpa/inet.h>
#include <linux/sockios.h>
#include <netdb.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "sys.h"

/* ---- settling ---- */

/* A descriptor of a claim; what was negative comes back negative. */
static int claim_fd(gs_claim_t claim, unsigned index)
{
	uint32_t bits = claim >> (8 + index * GS_CLAIM_FD_BITS) & GS_CLAIM_FD_MASK;

	return (int32_t) (bits << (32 - GS_CLAIM_FD_BITS)) >> (32 - GS_CLAIM_FD_BITS);
}

/* null, zero, full, urandom and their like (1:1 to 1:9) answer at once; kmsg (1:11) does not. */
static bool is_memory_device(const struct stat *st)
{
	return S_ISCHR(st->st_mode) && st->st_rdev >= 0x101 && st->st_rdev <= 0x109;
}

static bool is_disk(const struct stat *st)
{
	return S_ISREG(st->st_mode) || S_ISDIR(st->st_mode) || S_ISBLK(st->st_mode) ||
	       is_memory_device(st);
}

static enum gs_class settle_flags(int fd)
{
	long flags = gs_sys3(SYS_fcntl, fd, F_GETFL, 0);

	return flags < 0 || flags & O_NONBLOCK ? GS_CLASS_NEVER : GS_CLASS_WAIT;
}

static enum gs_class settle_fd(int fd)
{
	struct stat st = {0};

	if (gs_sys_fstat(fd, &st) < 0)
		return GS_CLASS_NEVER;
	return is_disk(&st) ? GS_CLASS_DISK : settle_flags(fd);
}

/* A socket that lingers and a device that drains hold up close. The kernel's own cleaning up may
 * take its time with any (a packet socket, inotify: many milliseconds), but that waits for nobody.
 */
static enum gs_class settle_close(int fd)
{
	struct linger linger = {0, 0};
	socklen_t size = sizeof(linger);
	struct stat st = {0};

	if (gs_sys_fstat(fd, &st) < 0)
		return GS_CLASS_NEVER;
	if (S_ISSOCK(st.st_mode)) {
		long err = gs_sys5(
			SYS_getsockopt, fd, SOL_SOCKET, SO_LINGER, (long) &linger, (long) &size);
		return err == 0 && linger.l_onoff && linger.l_linger ? GS_CLASS_WAIT
								     : GS_CLASS_DISK;
	}
	return S_ISCHR(st.st_mode) && !is_memory_device(&st) ? GS_CLASS_WAIT : GS_CLASS_DISK;
}

static enum gs_class settle_opened(int fd)
{
	struct stat st = {0};

	if (gs_sys_fstat(fd, &st) < 0 || is_disk(&st))
		return GS_CLASS_DISK;
	return S_ISFIFO(st.st_mode) || S_ISCHR(st.st_mode) ? GS_CLASS_WAIT : GS_CLASS_DISK;
}

enum gs_class gs_claim_settle(gs_claim_t claim)
{
	enum gs_class a, b;
	int fd = claim_fd(claim, 0);

	switch ((enum gs_claim_how)(claim & 0xff)) {
	case GS_CLAIM_NEVER:
		return GS_CLASS_NEVER;
	case GS_CLAIM_WAIT:
		return GS_CLASS_WAIT;
	case GS_CLAIM_FD:
		return settle_fd(fd);
	case GS_CLAIM_FDS:
		a = settle_fd(fd);
		b = settle_fd(claim_fd(claim, 1));
		return a > b ? a : b;
	case GS_CLAIM_FLAGS:
		return settle_flags(fd);
	case GS_CLAIM_CLOSE:
		return settle_close(fd);
	case GS_CLAIM_OPENED:
		return settle_opened(fd);
	case GS_CLAIM_DISK:
		break;
	}
	return GS_CLASS_DISK;
}

/* ---- decoded requests ---- */

gs_claim_t gs_claim_fcntl(int command)
{
	switch (command) {
	case F_SETLKW:
	case F_OFD_SETLKW:
		return GS_WAITS;
	case F_SETLK:
	case F_GETLK:
	case F_OFD_SETLK:
	case F_OFD_GETLK:
	case F_SETLEASE:
		return GS_ON_DISK;
	}
	return GS_NEVER_WAITS;
}

/* Terminal requests (0x54xx, which the FIO* ones share; newer ones of that letter have a size in
 * their upper bits, and may be any driver's) answer at once but for those that wait for output, a
 * break or a modem line; so do the questions among the socket ones (0x89xx). */
gs_claim_t gs_claim_ioctl(int fd, unsigned long request)
{
	switch (request & 0xffffffff) {
	case TCSBRK:
	case TCSBRKP:
	case TCSETSW:
	case TCSETSF:
	case TCSETAW:
	case TCSETAF:
	case TIOCMIWAIT:
		return GS_WAITS;
	case TIOCSETD:
		return GS_ON_DISK;
	case FIOSETOWN:
	case FIOGETOWN:
	case SIOCSPGRP:
	case SIOCGPGRP:
	case SIOCATMARK:
	case SIOCGSTAMP:
	case SIOCGSTAMPNS:
	case SIOCGIFNAME:
	case SIOCGIFCONF:
	case SIOCGIFFLAGS:
	case SIOCGIFADDR:
	case SIOCGIFDSTADDR:
	case SIOCGIFBRDADDR:
	case SIOCGIFNETMASK:
	case SIOCGIFMETRIC:
	case SIOCGIFMTU:
	case SIOCGIFHWADDR:
	case SIOCGIFINDEX:
	case SIOCGIFTXQLEN:
	case SIOCGIFMAP:
		return GS_NEVER_WAITS;
	}
	return gs_claim_fd_unless((request >> 8 & 0xffffff) == 'T', fd);
}

gs_claim_t gs_claim_waitid(int type, int id, int options)
{
	enum { PIDFD = 3 }; /* P_PIDFD, which older headers lack */

	if (options & WNOHANG)
		return GS_NEVER_WAITS;
	return type == PIDFD ? gs_claim_queue(id) : GS_WAITS;
}

gs_claim_t gs_claim_semop(
	const struct sembuf *operations, size_t count, const struct timespec *timeout)
{
	if (gs_claim_timespec(timeout) == GS_NEVER_WAITS)
		return GS_NEVER_WAITS;
	for (size_t i = 0;
		operations && i < count && gs_can_read(&operations[i], sizeof(*operations)); i++)
		if (operations[i].sem_op <= 0 && !(operations[i].sem_flg & IPC_NOWAIT))
			return GS_WAITS;
	return GS_NEVER_WAITS;
}

/* Digits and dots that make an address, or anything with a colon, or nothing. With a dot at the end
 * it is a name, and asked for. */
static bool is_address(const char *name)
{
	struct in_addr address;

	return !*name || strchr(name, ':') ||
	       (name[strspn(name, "0123456789.")] == '\0' && inet_aton(name, &address));
}

gs_claim_t gs_claim_resolve(const char *node, const char *service, const struct addrinfo *hints)
{
	int flags = gs_can_read(hints, sizeof(*hints)) ? hints->ai_flags : 0;
	bool no_host = !node || flags & AI_NUMERICHOST;
	bool no_service = !service || flags & AI_NUMERICSERV ||
			  service[strspn(service, "0123456789")] == '\0';

	if (!no_host && !is_address(node))
		return GS_WAITS;
	return gs_claim_disk_unless(no_host && no_service);
}

gs_claim_t gs_claim_host(const char *name)
{
	return gs_claim_unless(is_address(name));
}
