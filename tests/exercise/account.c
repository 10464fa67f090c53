/* account.c: users, groups, passwords, netgroups, logins. What the private /etc says is in etc.c.
 */
#include "exercise.h"

#include <grp.h>
#include <gshadow.h>
#include <netdb.h>
#include <pwd.h>
#include <shadow.h>
#include <stdio.h>
#include <stdlib.h>

int __getlogin_r_chk(char *name, size_t size, size_t room);

static char room[1024];

static bool is_user(const struct passwd *user)
{
	return user && user->pw_uid == 77 && !strcmp(user->pw_name, "seven") &&
	       !strcmp(user->pw_dir, "/nonexistent");
}

static bool is_root(const struct passwd *user)
{
	return user && user->pw_uid == 0 && !strcmp(user->pw_name, "root");
}

EXERCISE(GETPWNAM)
{
	x_etc(x);
	EXPECT(is_user(CALL(getpwnam, "seven")));
	GIVES(NULL, CALL(getpwnam, "none"));
}

EXERCISE(GETPWNAM_R)
{
	struct passwd user, *found = NULL;

	x_etc(x);
	GIVES(0, CALL(getpwnam_r, "seven", &user, room, sizeof(room), &found));
	EXPECT(is_user(found));
	GIVES(0, CALL(getpwnam_r, "none", &user, room, sizeof(room), &found));
	EXPECT(!found);
	GIVES(ERANGE, CALL(getpwnam_r, "seven", &user, room, 1, &found));
}

EXERCISE(GETPWUID)
{
	x_etc(x);
	EXPECT(is_user(CALL(getpwuid, 77)));
	GIVES(NULL, CALL(getpwuid, 78));
}

EXERCISE(GETPWUID_R)
{
	struct passwd user, *found = NULL;

	x_etc(x);
	GIVES(0, CALL(getpwuid_r, 77, &user, room, sizeof(room), &found));
	EXPECT(is_user(found));
	GIVES(ERANGE, CALL(getpwuid_r, 77, &user, room, 1, &found));
}

EXERCISE(SETPWENT)
{
	x_etc(x);
	EXPECT(is_root(REAL(getpwent)()) && is_user(REAL(getpwent)()));
	CALL_VOID(setpwent);
	EXPECT(is_root(REAL(getpwent)()));
}

EXERCISE(GETPWENT)
{
	struct passwd user, *found = NULL;

	x_etc(x);
	REAL(setpwent)();
	if (IS("getpwent_r")) {
		GIVES(0, CALL(getpwent_r, &user, room, sizeof(room), &found));
		EXPECT(is_root(found));
		GIVES(ERANGE, CALL(getpwent_r, &user, room, 1, &found));
		GIVES(0, CALL(getpwent_r, &user, room, sizeof(room), &found));
		EXPECT(is_user(found));
		GIVES(ENOENT, CALL(getpwent_r, &user, room, sizeof(room), &found));
	} else {
		EXPECT(is_root(CALL(getpwent)));
		EXPECT(is_user(CALL(getpwent)));
		GIVES(NULL, CALL(getpwent));
	}
}

EXERCISE(ENDPWENT)
{
	x_etc(x);
	EXPECT(is_root(REAL(getpwent)()));
	CALL_VOID(endpwent);
	EXPECT(is_root(REAL(getpwent)()));
}

static bool is_group(const struct group *group)
{
	return group && group->gr_gid == 778 && !strcmp(group->gr_name, "more") &&
	       !strcmp(group->gr_mem[1], "seven");
}

static bool is_root_group(const struct group *group)
{
	return group && group->gr_gid == 0 && !strcmp(group->gr_name, "root");
}

EXERCISE(GETGRNAM)
{
	x_etc(x);
	EXPECT(is_group(CALL(getgrnam, "more")));
	GIVES(NULL, CALL(getgrnam, "none"));
}

EXERCISE(GETGRNAM_R)
{
	struct group group, *found = NULL;

	x_etc(x);
	GIVES(0, CALL(getgrnam_r, "more", &group, room, sizeof(room), &found));
	EXPECT(is_group(found));
	GIVES(ERANGE, CALL(getgrnam_r, "more", &group, room, 1, &found));
}

EXERCISE(GETGRGID)
{
	x_etc(x);
	EXPECT(is_group(CALL(getgrgid, 778)));
	GIVES(NULL, CALL(getgrgid, 779));
}

EXERCISE(GETGRGID_R)
{
	struct group group, *found = NULL;

	x_etc(x);
	GIVES(0, CALL(getgrgid_r, 778, &group, room, sizeof(room), &found));
	EXPECT(is_group(found));
	GIVES(ERANGE, CALL(getgrgid_r, 778, &group, room, 1, &found));
}

EXERCISE(SETGRENT)
{
	x_etc(x);
	EXPECT(is_root_group(REAL(getgrent)()) && REAL(getgrent)());
	CALL_VOID(setgrent);
	EXPECT(is_root_group(REAL(getgrent)()));
}

EXERCISE(GETGRENT)
{
	struct group group, *found = NULL;

	x_etc(x);
	REAL(setgrent)();
	if (IS("getgrent_r")) {
		GIVES(0, CALL(getgrent_r, &group, room, sizeof(room), &found));
		EXPECT(is_root_group(found));
		GIVES(0, CALL(getgrent_r, &group, room, sizeof(room), &found));
		GIVES(0, CALL(getgrent_r, &group, room, sizeof(room), &found));
		EXPECT(is_group(found));
		GIVES(ENOENT, CALL(getgrent_r, &group, room, sizeof(room), &found));
	} else {
		EXPECT(is_root_group(CALL(getgrent)));
		EXPECT(CALL(getgrent) && is_group(CALL(getgrent)));
		GIVES(NULL, CALL(getgrent));
	}
}

EXERCISE(ENDGRENT)
{
	x_etc(x);
	EXPECT(is_root_group(REAL(getgrent)()));
	CALL_VOID(endgrent);
	EXPECT(is_root_group(REAL(getgrent)()));
}

EXERCISE(INITGROUPS)
{
	gid_t groups[8];

	x_etc(x);
	if (setgroups(0, NULL) < 0)
		x_skip(x, "not permitted here");
	GIVES(0, CALL(initgroups, "seven", 777));
	EXPECT(getgroups(8, groups) == 2 && groups[0] == 777 && groups[1] == 778);
}

EXERCISE(GETGROUPLIST)
{
	gid_t groups[8];
	int count = 8;

	x_etc(x);
	GIVES(2, CALL(getgrouplist, "seven", 777, groups, &count));
	EXPECT(count == 2 && groups[0] == 777 && groups[1] == 778);
	count = 1;
	GIVES(-1, CALL(getgrouplist, "seven", 777, groups, &count));
	EXPECT(count == 2);
}

static bool is_shadow(const struct spwd *shadow, const char *name)
{
	return shadow && !strcmp(shadow->sp_namp, name) && shadow->sp_max == 99999;
}

static bool is_sgroup(const struct sgrp *group, const char *name)
{
	return group && !strcmp(group->sg_namp, name) && !strcmp(group->sg_passwd, "!");
}

PART(getsg)
{
	struct sgrp group, *found = NULL;

	if (IS("getsgnam")) {
		EXPECT(is_sgroup(CALL(getsgnam, "seven"), "seven"));
		GIVES(NULL, CALL(getsgnam, "none"));
	} else if (IS("getsgnam_r")) {
		GIVES(0, CALL(getsgnam_r, "seven", &group, room, sizeof(room), &found));
		EXPECT(is_sgroup(found, "seven"));
	} else if (IS("getsgent")) {
		EXPECT(is_sgroup(CALL(getsgent), "root"));
		EXPECT(is_sgroup(CALL(getsgent), "seven"));
		GIVES(NULL, CALL(getsgent));
	} else if (IS("getsgent_r")) {
		GIVES(0, CALL(getsgent_r, &group, room, sizeof(room), &found));
		EXPECT(is_sgroup(found, "root"));
	} else {
		EXPECT(is_sgroup(REAL(getsgent)(), "root"));
		CALL_VOID(setsgent); /* or endsgent: both begin anew */
		EXPECT(is_sgroup(REAL(getsgent)(), "root"));
	}
}

EXERCISE(GETSPNAM)
{
	struct spwd shadow, *found = NULL;

	x_etc(x);
	if (strstr(x->name, "sgnam")) {
		part_getsg(x);
		return;
	}
	if (IS("getspnam_r")) {
		GIVES(0, CALL(getspnam_r, "seven", &shadow, room, sizeof(room), &found));
		EXPECT(is_shadow(found, "seven"));
		GIVES(ERANGE, CALL(getspnam_r, "seven", &shadow, room, 1, &found));
	} else {
		EXPECT(is_shadow(CALL(getspnam, "seven"), "seven"));
		GIVES(NULL, CALL(getspnam, "none"));
	}
}

EXERCISE(GETSPENT)
{
	struct spwd shadow, *found = NULL;

	x_etc(x);
	if (strstr(x->name, "sgent")) {
		part_getsg(x);
		return;
	}
	REAL(setspent)();
	if (IS("getspent_r")) {
		GIVES(0, CALL(getspent_r, &shadow, room, sizeof(room), &found));
		EXPECT(is_shadow(found, "root"));
	} else if (IS("getspent")) {
		EXPECT(is_shadow(CALL(getspent), "root"));
		EXPECT(is_shadow(CALL(getspent), "seven"));
		GIVES(NULL, CALL(getspent));
	} else {
		EXPECT(is_shadow(REAL(getspent)(), "root"));
		CALL_VOID(setspent); /* or endspent: both begin anew */
		EXPECT(is_shadow(REAL(getspent)(), "root"));
	}
}

static char *host, *user, *domain;
static bool is_netgroup(void)
{
	return host && !strcmp(host, "host") && !strcmp(user, "user") && !strcmp(domain, "domain");
}

EXERCISE(GETNETGRENT)
{
	x_etc(x);
	if (IS("innetgr")) {
		GIVES(1, CALL(innetgr, "seven", "host", "user", NULL));
		GIVES(0, CALL(innetgr, "seven", "host", "root", NULL));
	} else if (IS("setnetgrent")) {
		GIVES(1, CALL(setnetgrent, "seven"));
		EXPECT(REAL(getnetgrent)(&host, &user, &domain) == 1 && is_netgroup());
		GIVES(0, CALL(setnetgrent, "none"));
	} else if (IS("endnetgrent")) {
		REAL(setnetgrent)("seven");
		CALL_VOID(endnetgrent);
		EXPECT(REAL(getnetgrent)(&host, &user, &domain) == 0);
	} else {
		REAL(setnetgrent)("seven");
		if (IS("getnetgrent"))
			GIVES(1, CALL(getnetgrent, &host, &user, &domain));
		else
			GIVES(1, CALL(getnetgrent_r, &host, &user, &domain, room, sizeof(room)));
		EXPECT(is_netgroup());
		if (IS("getnetgrent"))
			GIVES(0, CALL(getnetgrent, &host, &user, &domain));
		else
			GIVES(0, CALL(getnetgrent_r, &host, &user, &domain, room, sizeof(room)));
	}
}

static int call_getlogin(struct exercise *x, char *name, size_t size)
{
	const char *got;

	if (IS("__getlogin_r_chk"))
		return CALL(__getlogin_r_chk, name, size, size);
	if (IS("getlogin_r"))
		return CALL(getlogin_r, name, size);
	got = CALL(getlogin);
	if (got)
		REAL(snprintf)(name, size, "%s", got);
	return got ? 0 : x->error;
}

/* Who is logged in differs from place to place; the same as libc says without us. */
PART(getlogin)
{
	char name[64] = "", real[64] = "";
	int fd = x_open("/proc/self/loginuid", O_WRONLY | O_CLOEXEC), error;

	REAL(dprintf)(fd, "77");
	error = REAL(getlogin_r)(real, sizeof(real));
	GIVES(error, call_getlogin(x, name, sizeof(name)));
	EXPECT(strcmp(name, real) == 0);
	if (!IS("getlogin") && error == 0)
		GIVES(ERANGE, call_getlogin(x, name, 2));
}

EXERCISE(GETLOGIN)
{
	x_etc(x);
	if (IS("cuserid")) {
		EXPECT(CALL(cuserid, room) == room && strcmp(room, "root") == 0);
	} else if (IS("getpw")) {
		GIVES(0, CALL(getpw, 77, room));
		EXPECT(!strcmp(room, "seven:x:77:777:Seven:/nonexistent:/bin/false"));
		GIVES(-1, CALL(getpw, 78, room));
	} else {
		part_getlogin(x);
	}
}
