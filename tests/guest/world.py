"""Programs and their runs: bare, and under the library."""
import glob
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import schema

HERE = os.path.dirname(os.path.abspath(__file__))
PROGRAMS = os.path.join(HERE, "programs")
TOP = os.path.dirname(os.path.dirname(HERE))
PYTHON = "/usr/bin/python3"
TIMEOUT = 30
STATES = ("held", "released", "unknown", "none")


class Skip(Exception):
    """This machine cannot do it."""


class Wrong(Exception):
    """The case failed."""


def check(condition, *words):
    if not condition:
        raise Wrong(" ".join(word if isinstance(word, str) else repr(word) for word in words))


def calls_of(entry, state):
    return entry.get(state, {}).get("calls", 0)


class Run:
    """A process that has ended, or `live`: one that runs."""

    def __init__(self, world, directory, argv):
        self.world, self.directory, self.argv = world, directory, argv
        self.work = os.path.join(directory, "work")
        self.records_directory = os.path.join(directory, "records")
        self.process = self.status = None

    def read(self, name):
        with open(os.path.join(self.directory, name), "rb") as file:
            return file.read()

    @property
    def out(self):
        return self.read("out").decode("utf-8", "replace")

    @property
    def err(self):
        return self.read("err").decode("utf-8", "replace")

    def wait(self):
        try:
            self.status = self.process.wait(TIMEOUT)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            raise Wrong("no end after %d s: %s; %s" % (
                TIMEOUT, " ".join(self.argv)[:300], self.err[-300:])) from None
        return self

    def records(self):
        return sorted(glob.glob(os.path.join(self.records_directory, "*")))

    def report(self):
        """The JSON report of the record files, its sums checked."""
        done = subprocess.run([self.world.command, "report", "-f", "json", self.records_directory],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
        check(done.returncode == 0, "report: status", done.returncode, done.stderr)
        check(done.stderr == b"", "report says", done.stderr)
        report = schema.read(done.stdout.decode())
        check_sums(report)
        return report


def check_sums(report):
    totals = report["totals"]
    for state in STATES:
        rows = sum(calls_of(row, state) for row in report["functions"])
        check(calls_of(totals, state) == rows, "sums:", state, calls_of(totals, state), rows)
    sites = sum(site["calls"] for site in report["sites"])
    held, lost = totals["held"], totals["lost"]["sites"]
    check(held["calls"] == sites + held["harmless"] + lost, "sums: held", held["calls"], "sites",
          sites, "harmless", held["harmless"], "lost", lost)


def row(report, call):
    """state -> calls of one function."""
    for entry in report["functions"]:
        if entry["call"] == call:
            return {state: calls_of(entry, state) for state in STATES if calls_of(entry, state)}
    return {}


class World:
    """The library and the command under test, and a directory to build and run in."""

    def __init__(self, library, command, build):
        self.library = os.path.abspath(library)
        self.command = os.path.abspath(command)
        self.build = os.path.abspath(build)
        self.locks, self.lock, self.built = {}, threading.Lock(), set()
        shutil.rmtree(os.path.join(self.build, "runs"), ignore_errors=True)
        os.makedirs(os.path.join(self.build, "runs"))

    def compile(self, name, argv):
        """Runs a compiler once for each name; `argv` with {0} for the output. Returns its path."""
        with self.lock:
            lock = self.locks.setdefault(name, threading.Lock())
        output = os.path.join(self.build, name)
        with lock:
            if name in self.built:
                return output
            argv = [output if word == "{0}" else word for word in argv]
            if not shutil.which(argv[0]):
                raise Skip("no %s" % argv[0])
            done = subprocess.run(argv, cwd=PROGRAMS, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, check=False)
            if done.returncode:
                raise Wrong("compile %s: %s" % (name, done.stdout.decode()[-600:]))
            self.built.add(name)
        return output

    def fake(self, name, *sources):
        """A program that is taken for a Python."""
        fakepy = self.compile("fakepy.o", [
            "gcc", "-std=gnu11", "-D_GNU_SOURCE", "-O2", "-c", "-o", "{0}",
            "-I", os.path.join(TOP, "shim", "common"), "-I", os.path.join(TOP, "tests", "exercise"),
            os.path.join(TOP, "tests", "exercise", "fakepy.c")])
        compiler = ["g++", "-std=gnu++17"] if sources[0].endswith(".cc") else ["gcc", "-std=gnu11"]
        return self.compile(name, compiler + [
            "-D_GNU_SOURCE", "-O2", "-Wno-stringop-overflow", "-Wno-stringop-overread", "-rdynamic",
            "-Wl,-z,now", "-o", "{0}"] + list(sources) + [fakepy, "-pthread"])

    def library_of(self, name, source, *flags):
        return self.compile(name, ["gcc", "-std=gnu11", "-D_GNU_SOURCE", "-O2", "-shared", "-fPIC",
                                   "-fexceptions", "-o", "{0}", *flags, source])

    def start(self, argv, bare=False, options="", record=True, before=(), after=(), env=(),
              stdin=subprocess.DEVNULL, stderr_to_stdout=False):
        """Starts a program with standard output and standard error in files of its own. Under the
        library, `record` makes record files; `before` and `after` are other preloads."""
        run = Run(self, tempfile.mkdtemp(dir=os.path.join(self.build, "runs")), argv)
        os.makedirs(run.work)
        environment = {key: value for key, value in os.environ.items()
                       if not key.startswith(("GILSHIM", "LD_PRELOAD", "PYTHON"))}
        environment.update(LC_ALL="C.UTF-8", PYTHONDONTWRITEBYTECODE="1", **dict(env))
        preload = list(before) + ([] if bare else [self.library]) + list(after)
        if preload:
            environment["LD_PRELOAD"] = ":".join(preload)
        if not bare:
            words = ["record=" + run.records_directory] if record else []
            environment["GILSHIM_OPTIONS"] = ":".join(words + ([options] if options else []))
        with open(os.path.join(run.directory, "out"), "wb") as out, \
                open(os.path.join(run.directory, "err"), "wb") as err:
            run.process = subprocess.Popen(
                argv, cwd=run.work, env=environment, stdin=stdin, stdout=out,
                stderr=out if stderr_to_stdout else err, start_new_session=True)
        return run

    def run(self, argv, **how):
        return self.start(argv, **how).wait()

    def python(self, program, *arguments, **how):
        """A program of programs/, or `-c` and its text."""
        path = [program] if program == "-c" else [os.path.join(PROGRAMS, program)]
        return self.run([PYTHON] + path + [str(argument) for argument in arguments], **how)

    def same(self, argv, options="summary=none", wanted=None, **how):
        """Runs it bare and under the library: same status and output. Returns the latter run."""
        bare = self.run(argv, bare=True, **dict(how))
        shim = self.run(argv, options=options, **how)
        if bare.status == 77:
            raise Skip(bare.out.strip().replace("skip: ", ""))
        check(wanted is None or bare.status == wanted, "bare: status", bare.status, bare.out,
              bare.err)
        check(shim.status == bare.status, "status", shim.status, "not", bare.status,
              shim.out[-300:], shim.err[-300:])
        said = "".join(line for line in shim.err.splitlines(True)
                       if "gilshim: Python lines: not available" not in line)
        check(shim.out == bare.out, "output", shim.out[-400:], "not", bare.out[-400:])
        check(said == bare.err, "standard error", said[-400:], "not", bare.err[-400:])
        return shim


def check_made(run, *more):
    """The counts of a child program are those of the report."""
    report = run.report()
    wanted = {}
    for line in run.out.splitlines() + list(more):
        words = line.split()
        if words and words[0] == "made":
            wanted.setdefault(words[2], {})[words[1]] = int(words[3])
    check(wanted, "the program announced nothing:", run.out)
    for call, states in wanted.items():
        check(row(report, call) == states, call, "counted", row(report, call), "made", states)
    return report


def summaries(text):
    """The processes whose summary is in a text, as [(program, pid)]."""
    return [(name, int(pid)) for name, pid in
            re.findall(r"^gilshim: (\S+)\[(\d+)\]: ", text, re.MULTILINE)]


def executable(*names):
    for name in names:
        if not shutil.which(name):
            raise Skip("no %s" % name)
