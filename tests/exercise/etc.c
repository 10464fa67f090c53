/* etc.c: an /etc of the run's own, so that name-service look-ups have known answers and no network
 * is asked. In a mount namespace that ends with the process. */
#include "exercise.h"

#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>

static const struct {
	const char *path, *text;
} files[] = {
	{"etc/nsswitch.conf", "passwd: files\ngroup: files\nshadow: files\ninitgroups: files\n"
			      "hosts: files\nnetworks: files\nprotocols: files\nservices: files\n"
			      "rpc: files\nnetgroup: files\ngshadow: files\n"
			      "aliases: files\nethers: files\n"},
	{"etc/passwd", "root:x:0:0:root:/root:/bin/sh\n"
		       "seven:x:77:777:Seven:/nonexistent:/bin/false\n"},
	{"etc/group", "root:x:0:\nseven:x:777:\nmore:x:778:root,seven\n"},
	{"etc/shadow", "root:!:19000:0:99999:7:::\nseven:*:19001:0:99999:7:::\n"},
	{"etc/gshadow", "root:!::\nseven:!:root:one,two\n"},
	{"etc/aliases", "seven: one, two\n"},
	{"etc/ethers", "02:00:00:00:00:07 seven\n"},
	{"etc/hosts", "127.0.0.1 localhost\n192.0.2.7 seven.test seven\n2001:db8::7 seven.test\n"},
	{"etc/networks", "sevennet 192.0.2.0\n"},
	{"etc/protocols", "seven 7 SEVEN\n"},
	{"etc/services", "seven 77/tcp sette\n"},
	{"etc/rpc", "seven 7777 sette\n"},
	{"etc/netgroup", "seven (host,user,domain)\n"},
	{"etc/hosts.equiv", "localhost seven\n"},
	{"etc/host.conf", "multi on\n"},
	{"etc/resolv.conf", "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n"},
};

static void map_id(const char *path, unsigned id)
{
	char text[64];

	REAL(snprintf)(text, sizeof(text), "0 %u 1\n", id);
	x_write_file(path, text);
}

/* Root of the machine can; others become root of a user namespace, where that is allowed. */
static bool enter_namespace(void)
{
	unsigned uid = getuid(), gid = getgid();

	if (unshare(CLONE_NEWNS) < 0) {
		if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
			return false;
		x_write_file("/proc/self/setgroups", "deny");
		map_id("/proc/self/uid_map", uid);
		map_id("/proc/self/gid_map", gid);
	}
	return REAL(mount)("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
}

void x_namespace(struct exercise *x)
{
	if (!enter_namespace())
		x_skip(x, "needs a mount namespace");
}

void x_etc(struct exercise *x)
{
	x_namespace(x);
	REAL(mkdir)("etc", 0755);
	for (unsigned i = 0; i < GS_ARRAY_SIZE(files); i++) {
		x_write_file(files[i].path, files[i].text);
		REAL(chmod)(files[i].path, 0644);
	}
	if (REAL(mount)("etc", "/etc", NULL, MS_BIND, NULL) < 0)
		x_skip(x, "needs a mount namespace");
}
