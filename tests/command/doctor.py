#!/usr/bin/python3
"""`gilshim doctor`: each situation in which the library is not live, or something escapes, and its
twin in which it is, or nothing does."""
import glob
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile

from running import COMMAND, LIB, PYTHON, Wrong, check, environment, options, report, wait_until

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "truth"))
from interpreters import discover  # noqa: E402

SOURCES = os.path.join(HERE, "escapes")
TIMEOUT = 120
# What the objects of inline.c do, and what must be said of each; None: nothing.
ESCAPES = {"INLINE": ("inline", "futex"), "THROUGH_LIBC": None, "IN_DATA": None,
           "COMPUTED": ("computed", None), "OWN_LIBC": ("own-libc", "nanosleep"),
           "HARMLESS": None, "NAMESPACE": ("namespace", None), "FAR": ("inline", "futex")}


class Skip(Exception):
    """This machine cannot do it."""


class Doctor:
    """What it said of a program, in JSON."""

    def __init__(self, scratch, *argv, env=(), before=(), command=(COMMAND,)):
        self.scratch = scratch
        self.output = os.path.join(scratch, "report.json")
        self.process = subprocess.Popen(
            [*command, "doctor", "--format=json", "-o", self.output, *before, *argv],
            env=self.environment(scratch, env), stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    @staticmethod
    def environment(scratch, more=()):
        return environment(**{"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "XDG_RUNTIME_DIR": scratch,
                              **dict(more)})

    def end(self):
        try:
            self.out, err = (text.decode() for text in self.process.communicate(None, TIMEOUT))
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise Wrong("no end: %r" % self.process.args) from None
        self.status, self.err = self.process.returncode, err
        self.report = json.load(open(self.output)) if os.path.exists(self.output) else None
        left = glob.glob(self.scratch + "/gilshim-*")
        check(not left, "left behind:", left)
        return self

    def lines(self, about, health=None):
        return [line["text"] for line in self.report["checks"]
                if line["about"] == about and health in (None, line["health"])]

    def has(self, health, about, *words):
        found = self.lines(about, health)
        check(any(all(word in line for word in words) for line in found), "no", health, about,
              "line with", words, "in", self.report["checks"])
        return self

    def hasnot(self, health, about, *words):
        found = [line for line in self.lines(about, health) if all(w in line for w in words)]
        check(not found, "unwanted:", found)
        return self

    def is_live(self, live=True, processes=None):
        """Whether every Python that ran was reached, and the status that says so."""
        pythons = self.report["pythons"]
        check(pythons and all(python["live"] for python in pythons) == live, pythons, self.err)
        check(self.report["live"] == live and self.status == (0 if live else 1),
              "status", self.status, self.report["checks"])
        if processes is not None:
            check(sum(p["processes"] for p in pythons if p["live"]) == processes, pythons)
        return self


def doctor(scratch, *argv, **how):
    return Doctor(scratch, *argv, **how).end()


def build(scratch, source, name, *flags, compiler="gcc"):
    path = os.path.join(scratch, name)
    subprocess.run([compiler, "-O2", "-D_GNU_SOURCE", "-o", path, os.path.join(SOURCES, source),
                    *flags], check=True)
    return path


def script(scratch, name, text):
    path = os.path.join(scratch, name)
    with open(path, "w") as file:
        file.write(text)
    os.chmod(path, 0o755)
    return path


# ---- this machine ----

def machine(scratch):
    done = doctor(scratch).is_live()
    done.has("ok", "library", LIB, "build-id").has("ok", "names", "interposed")
    done.has("ok", "known pair", "a held sleep is judged held")
    done.hasnot(None, "options").hasnot(None, "LD_PRELOAD").hasnot(None, "preloads")
    check(done.out == "", "on standard output:", done.out)
    listed = subprocess.run([COMMAND, "calls"], stdout=subprocess.PIPE, check=True).stdout.decode()
    missing = re.findall(r"\(([^) ]+)\)", listed)
    if missing:
        done.has("note", "libc", "lacks %d of them" % len(missing), missing[0].split("@")[0])
    else:
        done.has("ok", "libc", "has all")


def no_python(scratch):
    done = doctor(scratch, env={"PATH": scratch})
    done.has("note", "python", "no python3")
    check(done.status == 0 and not done.report["pythons"], done.status, done.report)


def library(scratch):
    text = script(scratch, "libgilshim.so", "text")
    other = build(scratch, "inline.c", "other.so", "-shared", "-fPIC", "-m32", "-DHOW=2")
    for path, words in (("/nowhere/x.so", "not found"), (text, "not an ELF file"),
                        (other, "wrong ELF class")):
        done = doctor(scratch, env={"GILSHIM_LIBRARY": path}).has("wrong", "library", words)
        check(done.status == 1 and not done.report["live"], path, done.status)
    other = build(scratch, "inline.c", "other.so", "-shared", "-fPIC", "-DHOW=2")
    doctor(scratch, env={"GILSHIM_LIBRARY": other}).has("wrong", "names", "the library lacks")


def settings(scratch):
    done = doctor(scratch, env={"GILSHIM_OPTIONS": "blocked=soon:stacks=65:what=ever"})
    for word in ("blocked=soon", "stacks=65", "what=ever"):
        done.has("wrong", "options", word, "expected")
    check(done.status == 1, done.status)
    doctor(scratch, env={"GILSHIM_OPTIONS": "blocked=5ms:calls=read"}).is_live().has(
        "ok", "options", "blocked=5ms:calls=read: understood")
    doctor(scratch, env={"LD_PRELOAD": "/nowhere/x.so"}).has(
        "wrong", "LD_PRELOAD", "/nowhere/x.so: No such file")
    jemalloc = glob.glob("/usr/lib/*/libjemalloc.so.2")
    if not jemalloc:
        raise Skip("no jemalloc (Debian package libjemalloc2)")
    doctor(scratch, env={"LD_PRELOAD": jemalloc[0]}).is_live().has(
        "note", "LD_PRELOAD", jemalloc[0])
    doctor(scratch, env={"LD_PRELOAD": LIB}).is_live().has("ok", "LD_PRELOAD", "already")


# ---- executables ----

KINDS = [("static", "statically linked", ["-static"], "gcc"),
         ("bits32", "32-bit x86", ["-m32"], "gcc"),
         ("musl", "for musl libc", [], "musl-gcc"),
         ("plain", None, [], "gcc")]


def executables(scratch):
    """A program that cannot be watched; and the Python that it executes, which can."""
    for name, words, flags, compiler in KINDS:
        if not shutil.which(compiler):
            raise Skip("no %s (Debian package musl-tools)" % compiler)
        program = build(scratch, "program.c", name, *flags, compiler=compiler)
        alone = doctor(scratch, program)
        alone.has("wrong", "python", "no Python ran").has("note", "program", "status 17")
        check(alone.status == 1, alone.status)
        before = doctor(scratch, program, PYTHON, "-c", "pass").is_live(True, 1)
        if words:
            alone.has("wrong", "program", program, words)
            before.has("note", "program", program, words)
        else:
            alone.has("ok", "program", program, "64-bit").hasnot("wrong", "program")
            before.has("ok", "program", program, "64-bit")


def static_child(scratch):
    """Found though another program started it."""
    program = build(scratch, "program.c", "static", "-static")
    doctor(scratch, "env", program).has("wrong", "program", program, "statically linked")
    doctor(scratch, "env", "true").hasnot("wrong", "program")


def set_user_id(scratch):
    if os.geteuid() != 0:
        raise Skip("only root may make a file another user's")
    python = os.path.join(scratch, "python3")
    shutil.copy(os.path.realpath(PYTHON), python)
    os.chmod(scratch, 0o755)
    doctor(scratch, python, "-c", "pass").is_live(True, 1).hasnot("note", "program")
    os.chown(python, 65534, 65534)
    doctor(scratch, python, "-c", "pass").is_live(True, 1)
    os.chmod(python, 0o4755)
    done = doctor(scratch, python, "-c", "pass").is_live(False)
    done.has("wrong", "python", python, "set-user-ID").has("note", "program", "set-user-ID")
    # What it starts as that user is no better off; what it starts as ours has lost the preload.
    text = "import os; %s; os.execv('" + PYTHON + "', ['python3', '-c', 'pass'])"
    doctor(scratch, python, "-c", text % "None").is_live(False, 0).has(
        "wrong", "python", os.path.realpath(PYTHON), "user or group")
    doctor(scratch, python, "-c", text % "os.seteuid(0)").is_live(False, 0).has(
        "wrong", "python", "LD_PRELOAD was taken out of its environment by " + python,
        "set-user-ID")


def scripts(scratch):
    name = script(scratch, "start.sh", "#!/bin/sh\nexec %s -c pass\n" % PYTHON)
    doctor(scratch, name).is_live(True, 1).has("ok", "program", name, "script for /bin/sh").has(
        "ok", "program", os.path.realpath("/bin/sh"))
    name = script(scratch, "start.py", "#!/usr/bin/env python3\n")
    doctor(scratch, name).is_live(True, 1).has("ok", "program", "script for /usr/bin/env python3")
    doctor(scratch, "timeout", "60", "nice", name).is_live(True, 1)


# ---- environments ----

def taken_out(scratch):
    for text, variable, who in (
            ("unset LD_PRELOAD; exec %s -c pass", "LD_PRELOAD", "start.sh"),
            ("unset GILSHIM_OPTIONS; exec %s -c pass", "GILSHIM_OPTIONS", "start.sh"),
            ("env -u LD_PRELOAD nice %s -c pass", "LD_PRELOAD", "by env"),
            ("env -i %s -c pass", "LD_PRELOAD", "by env"),
            ("LD_PRELOAD= %s -c pass; true", "LD_PRELOAD", "start.sh"),
            ("%s -c pass; exit 0", None, None)):
        name = script(scratch, "start.sh", "#!/bin/sh\n" + text % PYTHON + "\n")
        done = doctor(scratch, name)
        if variable:
            done.is_live(False, 0).has("wrong", "python", variable + " was taken out", who)
            check([p["pair"] for p in done.report["pythons"]] == ["not tried"], done.report)
        else:
            done.is_live(True, 1).hasnot("wrong", "python")


START = ("import subprocess, sys, os, multiprocessing, threading\n"
         "def work(n): return n\n"
         "if __name__ == '__main__':\n"
         "    multiprocessing.set_start_method('fork')\n"
         "    with multiprocessing.Pool(2) as pool: pool.map(work, range(5))\n"
         "    subprocess.run(['true']); os.system('true')\n"
         "    if os.fork() == 0: os._exit(0)\n"
         "    os.wait()\n"
         "    threads = [threading.Thread(target=print) for _ in range(50)]\n"
         "    for thread in threads: thread.start()\n"
         "    subprocess.run([sys.executable, '-c', 'pass']%s)\n")


def children(scratch):
    """A Python without a record is noticed; helpers, forks and threads are no such thing."""
    name = script(scratch, "start.py", START % "")
    doctor(scratch, PYTHON, name).is_live()
    name = script(scratch, "start.py", START % ", env={}")
    done = doctor(scratch, PYTHON, name).is_live(False)
    done.has("wrong", "python", "not live in 1 process:", "by " + PYTHON)
    name = script(scratch, "start.py", START % "")
    done = doctor(scratch, PYTHON, name, env={"GILSHIM_OPTIONS": "children=0"}).is_live(False)
    done.has("wrong", "python", "children=0").has("note", "options", "children=0")


def replaced(scratch):
    """A Python that becomes another: both are known."""
    text = "import os; os.execv('%s', ['python3', '-c', 'pass'])" % PYTHON
    doctor(scratch, PYTHON, "-c", text).is_live(True, 2)


def namespaces(scratch):
    """Where a process has another id for itself, and where the records are out of its reach."""
    if subprocess.run(["unshare", "--pid", "--fork", "true"], stderr=subprocess.DEVNULL,
                      check=False).returncode != 0:
        raise Skip("no namespaces (not root)")
    done = doctor(scratch, "unshare", "--pid", "--fork", PYTHON, "-c", "import os\n"
                  "assert os.getpid() == 1")
    done.is_live(True, 1).hasnot("note", "program", "status")
    if os.path.dirname(scratch) == "/dev/shm":
        done = doctor(scratch, "unshare", "--mount", "sh", "-c",
                      "mount -t tmpfs -o ro none /dev/shm && exec %s -c pass" % PYTHON)
        done.is_live(False, 0).has("wrong", "python", "no way to the directory of the records")


def survivor(scratch):
    """What outlives the program is let go, and looked at as it is."""
    text = ("import os, time\nr, w = os.pipe()\npid = os.fork()\nif pid == 0:\n"
            "    os.write(w, b'x'); time.sleep(60); os._exit(0)\n"
            "os.read(r, 1)\nprint('pid', pid)\n")
    done = Doctor(scratch, PYTHON, "-c", text)
    try:
        done.process.stdout.read()
        said = done.process.stderr.read().decode()
        pid = int(re.search(r"pid (\d+)", said).group(1))
        done.process.wait(TIMEOUT)
        with open("/proc/%d/status" % pid) as file:
            check("TracerPid:\t0\n" in file.read(), "still traced")
        os.kill(pid, signal.SIGTERM)
        check("still alive" in said, "said", said)
    finally:
        shutil.rmtree(scratch)
        os.mkdir(scratch)


# ---- interpreters ----

def interpreters(scratch):
    found = [python for python in discover() if python.cpython]
    for python in found:
        done = doctor(scratch, python.path, "-c", "pass").is_live(True, 1)
        [seen] = done.report["pythons"]
        wanted = ("the thread's own state" if python.minor >= 12
                  else "the two conditions of the GIL")
        check(seen["version"] == "%d.%d.%d" % python.version, seen, python.name)
        check((seen["oracle"], seen["pair"]) == (wanted, "right"), seen, python.name)
    print("interpreters ran: " + ", ".join(python.name for python in found))
    done = doctor(scratch, PYTHON, "-c", "pass", env={"GILSHIM_OPTIONS": "gil=check"}).is_live()
    check(done.report["pythons"][0]["oracle"].startswith("PyGILState_Check"), done.report)


def pypy(scratch):
    path = shutil.which("pypy3")
    if not path:
        raise Skip("no pypy3 (Debian package pypy3)")
    done = doctor(scratch, path, "-c", "pass")
    check(done.status == 1 and done.report["pythons"][0]["pair"] == "unknown", done.report)
    done.has("wrong", "python", "does not tell").has("wrong", "known pair", "does not tell")


def pair(scratch):
    """A wrong oracle is found out; so is an interpreter that cannot be asked."""
    lies = build(scratch, "host.c", "python3", "-rdynamic", "-Wno-unused")
    done = doctor(scratch, lies, env={"GILSHIM_OPTIONS": "gil=check"})
    done.has("wrong", "known pair", "of 3 held and 3 released sleeps 6 were judged held")
    check(done.status == 1, done.status)
    host = build(scratch, "host.c", "server", "-rdynamic")
    done = doctor(scratch, host, env={"GILSHIM_OPTIONS": "gil=check"})
    done.has("note", "known pair", "takes -c")
    check(done.status == 0, done.report)
    doctor(scratch, build(scratch, "host.c", "server", "-DPLAIN")).has(
        "wrong", "python", "no Python ran")
    script(scratch, "ctypes.py", "raise ImportError('none here')\n")
    done = doctor(scratch, PYTHON, "-c", "pass", env={"PYTHONPATH": scratch}).is_live()
    done.has("note", "known pair", "no ctypes")


# ---- what escapes ----

def escapes(done, name):
    return [(e["how"], e.get("call")) for e in done.report["escapes"] if e["object"] == name]


def load(scratch, *paths):
    return doctor(scratch, PYTHON, "-c", "import ctypes, sys\n"
                  "for path in sys.argv[1:]: ctypes.CDLL(path)", *paths).is_live()


def objects(scratch):
    paths = {how: build(scratch, "inline.c", how + ".so", "-shared", "-fPIC", "-DHOW=" + how)
             for how in ESCAPES}
    stripped = {how: os.path.join(scratch, "stripped-%s.so" % how) for how in ("INLINE", "IN_DATA")}
    for how, path in stripped.items():
        subprocess.run(["strip", "-o", path, paths[how]], check=True)
    done = load(scratch, *paths.values(), *stripped.values())
    for how, wanted in ESCAPES.items():
        check(escapes(done, how + ".so") == ([wanted] if wanted else []), how,
              escapes(done, how + ".so"))
    for how in stripped:
        wanted = [ESCAPES[how]] if ESCAPES[how] else []
        check(escapes(done, "stripped-%s.so" % how) == wanted, "stripped", how)
    check(not {"libc.so.6", "python3.11", "libgilshim.so"} & {
        e["object"] for e in done.report["escapes"]}, done.report["escapes"])


def go(scratch):
    """By the note that Go's linker leaves."""
    path = build(scratch, "inline.c", "plain.so", "-shared", "-fPIC", "-DHOW=THROUGH_LIBC")
    note = os.path.join(scratch, "go.so")
    subprocess.run(["objcopy", "--add-section", ".go.buildinfo=/dev/null", path, note], check=True)
    done = load(scratch, path, note)
    check(escapes(done, "go.so") == [("go", None)] and not escapes(done, "plain.so"),
          done.report["escapes"])


def openmp(scratch):
    if subprocess.run(["/sbin/ldconfig", "-p"], stdout=subprocess.PIPE,
                      check=True).stdout.find(b"libgomp.so.1 ") < 0:
        raise Skip("no OpenMP (Debian package libgomp1)")
    done = load(scratch, "libgomp.so.1")
    check(("inline", "futex") in escapes(done, "libgomp.so.1"), done.report["escapes"])
    check(not escapes(load(scratch), "libgomp.so.1"), "named, but not loaded")
    done = subprocess.run([COMMAND, "doctor", PYTHON, "-c", "import ctypes\n"
                           "ctypes.CDLL('libgomp.so.1')"], stdout=subprocess.PIPE, check=True,
                          env=Doctor.environment(scratch)).stdout.decode()
    check("\nWhat can escape:\n  libgomp.so.1 waits by inline futex: not seen; " in done, done)


def program_defines(scratch):
    for flags, wanted in ((["-DDEFINES"], [("defines", "read")]), ([], [])):
        host = build(scratch, "program.c", "program", "-rdynamic", *flags)
        # It must be a Python's own program: seen as its executable.
        path = build(scratch, "host.c", "libpython3.so", "-shared", "-fPIC", "-Dmain=other_main")
        done = doctor(scratch, host, env={"LD_PRELOAD": path, "GILSHIM_OPTIONS": "gil=check"})
        check(escapes(done, "program") == wanted, done.report["escapes"], done.report["checks"])


def reports(scratch):
    """Summaries and reports name what they cannot hold, of the objects in the record."""
    folder = os.path.join(scratch, "records")
    for how in ("INLINE", "THROUGH_LIBC"):
        path = build(scratch, "inline.c", how + ".so", "-shared", "-fPIC", "-DHOW=" + how)
        shutil.rmtree(folder, ignore_errors=True)
        done = subprocess.run([COMMAND, "run", "-o", folder, "--", PYTHON, "-c", "import ctypes\n"
                               "ctypes.PyDLL('%s').act(1)" % path], stderr=subprocess.PIPE,
                              env=Doctor.environment(scratch), check=True).stderr.decode()
        line = "  %s.so waits by inline futex: not seen\n" % how
        check((line in done) == (how == "INLINE") and how + ".so!act" in done, how, done)
        seen = report(folder)["escapes"]
        named = {"object": how + ".so", "how": "inline", "call": "futex"} in seen
        check(named == (how == "INLINE"), how, seen)
        # Another object in its place says nothing of what ran.
        build(scratch, "inline.c", how + ".so", "-shared", "-fPIC", "-DHOW=INLINE", "-DOTHER", "-g")
        seen = [e["object"] for e in report(folder, how + ".so")["escapes"]]
        check(how + ".so" not in seen, "another file:", seen)


# ---- status and streams ----

def statuses(scratch):
    plain = os.path.join(scratch, "plain")
    with open(plain, "w") as file:
        file.write("text")
    for argv, status in ((["--what=ever"], 2), (["--format=xml"], 2), (["/no/such/program"], 127),
                         (["no-such-program"], 127), ([plain], 126),
                         ([PYTHON, "-c", "raise SystemExit(7)"], 0), (["true"], 1)):
        done = doctor(scratch, *argv)
        check(done.status == status, argv, "status", done.status, done.err)
        check((done.report is None) == (status in (2, 126, 127)), argv, done.report)
        if os.path.exists(done.output):
            os.unlink(done.output)
    done = doctor(scratch, PYTHON, "-c", "raise SystemExit(7)")
    done.has("note", "program", "ended with status 7")
    helps = subprocess.run([COMMAND, "doctor", "--help"], stdout=subprocess.PIPE, check=True).stdout
    check(b"gilshim doctor -- " in helps and b"Exit status" in helps, helps)
    full = subprocess.run([COMMAND, "doctor", "-o", "/dev/full", "--", PYTHON, "-c", "pass"],
                          stderr=subprocess.PIPE, env=Doctor.environment(scratch), check=False)
    check(full.returncode == 2 and b"not complete" in full.stderr, full)


def streams(scratch):
    """The report stands alone; the text says the same."""
    done = subprocess.run([COMMAND, "doctor", "--", PYTHON, "-c", "print('mine')"],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          env=Doctor.environment(scratch), check=False)
    out, err = done.stdout.decode(), done.stderr.decode()
    check(done.returncode == 0 and err == "mine\n" and "mine" not in out, out, err)
    check(out.endswith("\nEverything is live.\n"), out)
    done = subprocess.run([COMMAND, "doctor", "--", "env", "-i", PYTHON, "-c", "pass"],
                          stdout=subprocess.PIPE, env=Doctor.environment(scratch), check=False)
    out = done.stdout.decode()
    check(done.returncode == 1 and out.endswith("\nNot everything is live: 1 wrong.\n"), out)
    check(re.search(r"^wrong  python     \S+: not live in 1 process: LD_PRELOAD", out, re.M), out)


def transparent(scratch):
    """Stops, signals and statuses are the program's own, followed or not."""
    text = ("import os, signal, subprocess\n"
            "child = subprocess.Popen(['sleep', '0.1'])\n"
            "child.send_signal(signal.SIGSTOP)\n"
            "print(os.WIFSTOPPED(os.waitpid(child.pid, os.WUNTRACED)[1]))\n"
            "child.send_signal(signal.SIGCONT)\nprint(child.wait())\n"
            "signal.signal(signal.SIGTRAP, lambda *_: print('trap'))\n"
            "os.kill(os.getpid(), signal.SIGTRAP)\n"
            "print(subprocess.run(['sh', '-c', 'kill -9 $$']).returncode)\n")
    done = doctor(scratch, PYTHON, "-u", "-c", text).is_live(True, 1)
    check(done.err == "True\n0\ntrap\n-9\n", done.err)


def busy_survivor(scratch):
    """One that starts others for ever does not keep the report."""
    stop = os.path.join(scratch, "stop")
    name = script(scratch, "start.sh", "#!/bin/sh\n(until [ -e %s ]; do /bin/true; done) &\n"
                  "exec %s -c pass\n" % (stop, PYTHON))
    done = Doctor(scratch, name)
    try:
        done.process.wait(TIMEOUT)
    finally:
        open(stop, "w").close()
    done.end().is_live(True, 1)


def signals(scratch):
    """What ends a program that would never end does not end the report."""
    for sent in (signal.SIGTERM, signal.SIGHUP):
        begun = os.path.join(scratch, "begun")
        done = Doctor(scratch, PYTHON, "-c",
                      "import time; open('%s', 'w').close(); time.sleep(600)" % begun)
        wait_until("began", lambda: os.path.exists(begun))
        done.process.send_signal(sent)
        done.end().is_live(True, 1).has("note", "program", "status %d" % (128 + sent))
        os.unlink(begun)


def not_followed(scratch):
    """Where ptrace is not permitted the records are judged, and it is said."""
    how = {"command": (PYTHON, os.path.join(SOURCES, "no_ptrace.py"), COMMAND)}
    done = doctor(scratch, PYTHON, "-c", "pass", **how).is_live(True, 1)
    done.has("note", "processes", "could not be followed").has("ok", "known pair", "judged held")
    done = doctor(scratch, "env", "-i", PYTHON, "-c", "pass", **how)
    check(done.status == 1, done.report)
    done.has("wrong", "python", "no Python ran")
    doctor(scratch, PYTHON, "-c", "pass").hasnot("note", "processes")


CASES = [machine, no_python, library, settings, executables, static_child, set_user_id, scripts,
         taken_out, children, replaced, namespaces, survivor, busy_survivor, interpreters, pypy,
         pair, objects, go, openmp, program_defines, reports, statuses, streams, transparent,
         signals, not_followed]


def main():
    passed = failed = skipped = 0
    only = os.environ.get("ONLY_CASE", "")
    place = "/dev/shm" if os.access("/dev/shm", os.W_OK) else os.path.abspath(options.build)
    for case in CASES:
        if only not in case.__name__:
            continue
        scratch = tempfile.mkdtemp(prefix="doctor-", dir=place)
        try:
            case(scratch)
            passed += 1
        except Skip as reason:
            skipped += 1
            print("SKIP %s: %s" % (case.__name__, reason))
        except (Wrong, OSError, subprocess.SubprocessError, ValueError, KeyError, TypeError,
                AttributeError) as error:
            failed += 1
            print("FAIL %s: %s" % (case.__name__, error))
        shutil.rmtree(scratch, ignore_errors=True)
    print("%d passed, %d failed, %d skipped" % (passed, failed, skipped))
    return failed > 0


sys.exit(main())
