"""Interpreters without an oracle, other C libraries, and other preloaded libraries beside us."""
import glob
import os
import re
import shutil
import subprocess

from options import notices
from world import PROGRAMS, PYTHON, Skip, check, check_made, row, summaries

PYPY_TEXT = ("import os, socket, subprocess, sys, threading, time\n"
             "a, b = os.pipe(); os.write(b, b'x'); print(os.read(a, 1)); time.sleep(0.002)\n"
             "t = threading.Thread(target=time.sleep, args=(0.002,)); t.start(); t.join()\n"
             "print(subprocess.run(['sh', '-c', 'exit 4']).returncode)\n"
             "sys.stderr.write('words\\n'); sys.exit(11)")


def pypy(world):
    path = shutil.which("pypy3")
    if not path:
        raise Skip("no pypy3 (Debian package pypy3)")
    bare = world.run([path, "-c", PYPY_TEXT], bare=True)
    run = world.run([path, "-c", PYPY_TEXT])
    check(bare.status == 11, "bare:", bare.status, bare.err)
    check((run.status, run.out) == (bare.status, bare.out), "disturbed:", run.status, run.out)
    said = notices(run)
    check(len(said) == 1 and "unknown" in said[0], "said:", run.err)
    check(len(summaries(run.err)) == 1, "summary:", run.err)
    check(bare.err in run.err, "standard error:", run.err)
    report = run.report()
    check([process["python"]["implementation"] for process in report["processes"]] == ["pypy"],
          "processes:", report["processes"])
    totals = {state: report["totals"][state]["calls"] for state in ("held", "released", "none")}
    check(not any(totals.values()) and report["totals"]["unknown"]["calls"] > 3, "totals:", totals)
    check(report["sites"] == [], "sites:", report["sites"])
    quiet = world.run([path, "-c", PYPY_TEXT], options="summary=none", record=False)
    check((quiet.status, quiet.out) == (bare.status, bare.out), "disturbed:", quiet.status)


def python2(world):
    """CPython that has no PyGILState_Check() yet."""
    text = "import os, sys, time\ntime.sleep(.01)\nsys.stderr.write('words\\n')\nsys.exit(11)"
    places = glob.glob(os.path.expanduser("~/.pyenv/versions/2.*/bin/python2"))
    path = places[0] if places else shutil.which("python2")
    if not path:
        raise Skip("no python2")
    run = world.run([path, "-c", text])
    check(run.status == 11 and "words\n" in run.err, "disturbed:", run.status, run.err)
    said = notices(run)
    check(len(said) == 1 and "unknown" in said[0], "said:", run.err)
    report = run.report()
    python = report["processes"][0]["python"]
    check(python["implementation"] == "cpython" and python["version"].startswith("2."), python)
    check(report["totals"]["unknown"]["calls"] > 3 and not report["sites"], report["totals"])
    check(not report["totals"]["released"]["calls"], report["totals"])


def plain(name, *compiler):
    def case(world):
        program = world.compile(name, [compiler[0], "-O2", "-D_GNU_SOURCE", "-o", "{0}",
                                       *compiler[1:], "plain.c"])
        bare = world.run([program], bare=True)
        run = world.run([program])
        check(bare.status == 17, "bare:", bare.status, bare.err)
        check((run.status, run.out) == (bare.status, bare.out), "disturbed:", run.status, run.out,
              run.err)
        # ld.so may say that it cannot load the library; each line is its own.
        rest = [line for line in run.err.splitlines(True)
                if not line.startswith("ERROR: ld.so: object '%s'" % world.library)]
        check("".join(rest) == bare.err, "standard error:", run.err)
        check("gilshim: " not in run.err and not run.records(), "said:", run.err, run.records())
        # As the child of a Python.
        text = ("import subprocess\nrun = subprocess.run(['%s'], capture_output=True)\n"
                "print(run.returncode, run.stdout)" % program)
        world.same([PYTHON, "-c", text], wanted=0)
    return case


def compiled(name, *compiler):
    def case(world):
        if not shutil.which(compiler[0]):
            raise Skip("no %s (Debian package musl-tools)" % compiler[0])
        if "-m32" in compiler and not glob.glob("/usr/lib/gcc/*/*/32/libgcc.a"):
            raise Skip("no 32-bit compiler (Debian package gcc-multilib)")
        plain(name, *compiler)(world)
    return case


WORK = ("import ctypes, json, os, threading\n"
        "libc = ctypes.PyDLL(None)\n"
        "def work():\n"
        "    for i in range(50): libc.usleep(100); json.loads(json.dumps([{'a': 'b' * i}] * 200))\n"
        "threads = [threading.Thread(target=work) for _ in range(4)]\n"
        "for t in threads: t.start()\n"
        "for t in threads: t.join()\n"
        "print(sum(open('/proc/self/maps').read().count(x) > 0 "
        "for x in ('libjemalloc', 'gilshim')))\n"
        "os.system('true')\n")


def jemalloc(before):
    def case(world):
        found = glob.glob("/usr/lib/*/libjemalloc.so.2")
        if not found:
            raise Skip("no jemalloc (Debian package libjemalloc2)")
        other = {"before": found[:1]} if before else {"after": found[:1]}
        run = world.run([PYTHON, "-c", WORK], **other)
        check((run.status, run.out) == (0, "2\n"), run.status, run.out, run.err)
        report = run.report()
        check(row(report, "usleep") == {"held": 200}, row(report, "usleep"))
        check(len(summaries(run.err)) == 1, run.err)
        world.same(["sh", "-c", "ls / | sort; exit 3"], wanted=3, **other)
        threads = world.fake("threads", "threads.c")
        check_made(world.run([threads, "200", "50", "65536"], **other))
    return case


def counter(before):
    """Another library that stands before read: both see every one."""
    def case(world):
        other = world.library_of("counter.so", "counter.c", "-fno-optimize-sibling-calls")
        how = {"before": [other]} if before else {"after": [other]}
        text = ("import os, ctypes\nfd = os.open('%s', os.O_RDONLY)\n"
                "for i in range(1000): os.read(fd, 1)\n"
                "byte = ctypes.create_string_buffer(1)\n"
                "for i in range(100): ctypes.PyDLL(None).read(fd, byte, 1)\n" %
                os.path.join(PROGRAMS, "plain.c"))
        bare = world.run([PYTHON, "-c", text], bare=True, env={"COUNTER": "count"}, **how)
        run = world.run([PYTHON, "-c", text], env={"COUNTER": "count"}, **how)
        check((bare.status, run.status) == (0, 0), bare.err, run.err)
        counts = []
        for each in (bare, run):
            with open(os.path.join(each.work, "count")) as file:
                counts.append(int(file.read()))
        check(counts[0] == counts[1] >= 1100, "counted", counts)
        seen = row(run.report(), "read")
        check(seen.get("held") == 100 and seen.get("released", 0) >= 1000, "read:", seen)
        check(sum(seen.values()) == counts[1], "read:", seen, "the other counted", counts[1])
        site = [site for site in run.report()["sites"] if site["call"] == "read"
                and site["origin"] == "extension"]
        check(site[0]["object"].split(".so")[0] == ("counter" if before else "libffi"), "object",
              site[0]["object"])
    return case


def names_libc_lacks(world):
    """What newer C libraries have: a program may find our wrapper of it, which must fail cleanly."""
    out = subprocess.check_output([world.command, "calls"], text=True)
    names = re.findall(r"\((\w+)\)", out)
    check("pidfd_spawn" in names or "openat2" in names or not names, "names:", names)
    run = world.run([world.fake("missing", "missing.c")] + names)
    check(run.status == 0 and run.out == "", "no ENOSYS:", run.status, run.out, run.err)


def unversioned(world):
    program = world.compile("unversioned", ["gcc", "-fsanitize=address", "-o", "{0}",
                                            "unversioned.c"])
    world.same(["env", "ASAN_OPTIONS=verify_asan_link_order=0:detect_leaks=0", program], wanted=0)


def host_without_python(world):
    """A program that has no Python yet, and none ever: nothing said, nothing left."""
    for argv in (["/bin/true"], ["perl", "-e", "print 1"], ["env"]):
        run = world.run(argv)
        check(run.status == 0 and run.err == "" and not run.records(), argv, run.err)


def cases():
    yield "strangers pypy", pypy
    yield "strangers python2", python2
    yield "strangers unversioned", unversioned
    yield "strangers names libc lacks", names_libc_lacks
    yield "strangers musl", compiled("musl", "musl-gcc")
    yield "strangers musl static", compiled("musl-static", "musl-gcc", "-static")
    yield "strangers static", compiled("static", "gcc", "-static")
    yield "strangers 32 bits", compiled("bits32", "gcc", "-m32")
    for before in (True, False):
        yield "strangers jemalloc %s" % ("before" if before else "after"), jemalloc(before)
        yield "strangers counter %s" % ("before" if before else "after"), counter(before)
    yield "strangers none", host_without_python
