#!/usr/bin/python3
"""Is the table complete? Every function that this machine's libc exports and whose call graph reaches
a waiting system call is in calls.def, in hooks.def, or among the reasoned exceptions
(libc_exceptions.txt). A newer glibc's additions fail here by name."""
import argparse
import fnmatch
import glob
import os
import re
import subprocess
import sys

sys.dont_write_bytecode = True
import libc_graph  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
LIBC = "/lib/%s-linux-gnu/libc.so.6" % os.uname().machine
# What POSIX 2008 requires to be a cancellation point (XSH 2.9.5.2); pthread_testcancel does not wait,
# and getmsg, getpmsg, putmsg, putpmsg fail with ENOSYS on Linux.
POSIX = """
    accept aio_suspend clock_nanosleep close connect creat fcntl fdatasync fsync lockf mq_receive mq_send
    mq_timedreceive mq_timedsend msgrcv msgsnd msync nanosleep open openat pause poll pread pselect
    pthread_cond_timedwait pthread_cond_wait pthread_join pwrite read readv recv recvfrom recvmsg select
    sem_timedwait sem_wait send sendmsg sendto sigpause sigsuspend sigtimedwait sigwait sigwaitinfo sleep
    system tcdrain usleep wait waitid waitpid write writev""".split()
SIBLINGS = "m rt resolv pthread dl anl util nsl".split()


def table(command):
    out = subprocess.run([command, "calls"], capture_output=True, text=True, check=True).stdout
    lines = out.splitlines()
    column = lines[0].index("EXPORTED")
    return {word.strip("()").split("@")[0] for line in lines[1:] for word in line[column:].split()}


def hooks():
    text = open(os.path.dirname(HERE) + "/shim/preload/hooks.def").read()
    return set(re.findall(r"^GS_HOOK(?:_COND|_EXECL?)?\(\w+,\s*(\w+),", text, re.M)) | {"sem_init", "sem_destroy"}


def exceptions():
    """Pattern -> reason."""
    reason, found = None, {}
    for line in open(HERE + "/libc_exceptions.txt"):
        if line.startswith("="):
            reason = line[1:].strip()
        elif not line.startswith("#"):
            found.update((pattern, reason) for pattern in line.split())
    return found


def missing(waiting, known, excepted):
    """name -> its system calls, of what is nowhere."""
    return {name: waits for name, node, _, waits in waiting
            if name not in known and not any(fnmatch.fnmatchcase(name, one) for one in excepted)}


class Checks:
    def __init__(self, waiting, known, excepted):
        self.waiting, self.known, self.excepted = waiting, known, excepted

    def check_every_name_is_somewhere(self):
        return ["%s reaches %s and is in no table" % (name, ",".join(sorted(waits))) for name, waits
                in sorted(missing(self.waiting, self.known, self.excepted).items())]

    def check_cancellation_points_are_rows(self):
        return ["%s is in no row" % name for name in POSIX if name not in self.known]

    def check_what_is_taken_out_is_missed(self):
        """The twin: the table without these must fail with exactly these."""
        taken = {"read", "poll", "getaddrinfo", "fgets", "sem_wait", "pthread_join", "semop"}
        found = set(missing(self.waiting, self.known - taken, self.excepted))
        return [] if found == taken else ["missed %s, taken %s" % (sorted(found), sorted(taken))]

    def check_no_exception_is_a_row(self):
        return ["%s is a row, too" % one for one in self.excepted if one in self.known]

    def check_every_exception_is_one(self):
        """Where libc is the one that they were written for."""
        if os.confstr("CS_GNU_LIBC_VERSION") != "glibc 2.36":
            return []
        names = {name for name, _, _, _ in self.waiting}
        return ["%s matches nothing that waits" % one for one in self.excepted
                if not fnmatch.filter(names, one)]

    def check_the_walk_finds_the_table(self):
        """It follows direct calls only: how much of the table would it have found?"""
        names = {name for name, _, _, _ in self.waiting}
        exported = {line.split()[2].split("@")[0] for line in
                    libc_graph.run("nm", "-D", "--defined-only", LIBC).splitlines()
                    if len(line.split()) == 3}
        rows = self.known & exported
        print("of %d names of the table in this libc, the walk finds %d; not: %s" % (
            len(rows), len(rows & names), " ".join(sorted(rows - names))))
        return [] if len(rows & names) >= 0.9 * len(rows) else ["the walk is blind"]

    @staticmethod
    def check_the_other_libraries_wait_through_libc():
        wrong, seen = [], 0
        for name in SIBLINGS:
            for path in glob.glob(os.path.dirname(LIBC) + "/lib%s.so.[0-9]" % name):
                seen += 1
                if re.search(r"\tsyscall", libc_graph.run("objdump", "-d", "--no-show-raw-insn",
                                                          path)):
                    wrong.append(path + " makes system calls of its own")
        return wrong or ([] if seen >= 5 else ["only %d libraries found" % seen])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lib", help="not looked at")
    parser.add_argument("--command", required=True)
    options = parser.parse_args()
    if os.uname().machine != "x86_64" or not os.path.exists(LIBC):
        print("skip libc: the walk reads x86-64 code\n0 passed, 0 failed, 1 skipped")
        return 0
    waiting = list(libc_graph.Graph(LIBC).waiting_exports())
    checks = Checks(waiting, table(options.command) | hooks(), exceptions())
    passed = failed = 0
    for name in [name for name in dir(checks) if name.startswith("check_")]:
        complaints = getattr(checks, name)()
        passed += not complaints
        failed += bool(complaints)
        for complaint in complaints[:60]:
            print("FAIL %s: %s" % (name[6:].replace("_", " "), complaint))
    print("%d passed, %d failed" % (passed, failed))
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
