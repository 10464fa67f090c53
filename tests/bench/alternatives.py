"""The tools that one would try instead, and what each of them can tell."""
import os
import re

import building

CALLS = ("read", "write", "recv", "send", "poll", "epoll_wait")
SYSCALLS = ("read,write,recvfrom,sendto,poll,select,epoll_wait,futex,clock_nanosleep,openat,connect,"
            "accept4,fsync,flock,wait4")


def libc():
    for line in open("/proc/self/maps"):
        found = re.search(r"\S*/libc\.so\.6$", line)
        if found:
            return found.group(0)
    return "/lib/x86_64-linux-gnu/libc.so.6"


def probes(path):
    """Counts and times calls of libc for bpftrace."""
    return " ".join(
        "uprobe:{0}:{1} {{ @begun[tid] = nsecs; }} uretprobe:{0}:{1} /@begun[tid]/ "
        "{{ @calls[\"{1}\"] = count(); @ns[\"{1}\"] = sum(nsecs - @begun[tid]); "
        "delete(@begun[tid]); }}".format(path, call) for call in CALLS)


class Tool:
    """words: what stands before the program; python: the interpreter, where it is not the usual one;
    sees: does it notice a call that an extension module makes?"""

    def __init__(self, name, words, tells, python=None, preload=None, sees=True):
        self.name, self.words, self.tells, self.sees = name, words, tells, sees
        self.python, self.preload = python or "/usr/bin/python3", preload

    def command(self, script, *arguments):
        if self.words and self.words[-1] == "-c":  # one argument holds the program
            return self.words + [" ".join([self.python, script, *arguments])]
        return self.words + ([] if self.python in self.words else [self.python]) + [
            script, *arguments]

    def environment(self, path):
        return building.environment(self.preload, PYTHONPATH=path)


def tools(folder, library, floor):
    """All of them; the first is none at all."""
    out, virtual = folder + "/out", folder + "/venv/bin/"
    python = virtual + "python"
    os.makedirs(out, exist_ok=True)
    return [
        Tool("bare", [], "nothing", sees=False),
        Tool("floor", [], "a count of held and released calls, not safely",
             preload=floor),
        Tool("gilshim", [], "every call: held or released, from which line, how long, did it block",
             preload=library),
        Tool("py-spy --gil --native", [virtual + "py-spy", "record", "-r", "100", "--gil", "--native",
                                       "-f", "raw", "-o", out + "/py-spy", "--"],
             "samples of who has the GIL; no call, no count, no duration",
             sees=False),
        Tool("gil_load", [python, "-m", "gil_load"],
             "the share of time that the GIL is held; not by whom, not in which call", python,
             sees=False),
        Tool("memray", [python, "-m", "memray", "run", "-f", "-o", out + "/memray"],
             "allocations; neither calls nor the GIL", python, sees=False),
        Tool("bpftrace uprobes", ["bpftrace", "-q", "-o", out + "/bpftrace", "-e", probes(libc()),
                                  "-c"],
             "counts and times of the calls asked for; not the GIL, no Python line; root"),
        Tool("uftrace", ["uftrace", "record", "--force", "--nest-libcall", "-d", out + "/uftrace"],
             "calls through the PLT of what was built for it or is the program itself; not the GIL",
             sees=False),
        Tool("perf trace", ["perf", "trace", "-o", "/dev/null", "--"],
             "every system call with its time; not the GIL, not who called; root"),
        Tool("strace -f --seccomp-bpf", ["strace", "-f", "--seccomp-bpf", "-e", "trace=" + SYSCALLS,
                                         "-o", "/dev/null"],
             "the system calls asked for; not the GIL, no Python line"),
        Tool("strace -f", ["strace", "-f", "-o", "/dev/null"],
             "every system call; not the GIL, no Python line"),
        Tool("ltrace -f", ["ltrace", "-f", "-x", "read@libc.so.6", "-L", "-o", "/dev/null"],
             "library calls asked for; not the GIL, no Python line"),
    ]
