#!/usr/bin/python3
"""Does anything escape? Runs real programs under strace with the library preloaded in the same run,
and holds what strace saw of each thread against what gilshim logged of it (match.py says how).

    make referee                                  the whole set, with what it needs from PyPI and Go
    tests/referee/referee.py --quick ...          a handful, with what every machine has

The recall is the time that gilshim saw of the time that strace saw, in system calls of at least a
millisecond that can wait. It must be 99.9 %, or the referee fails. Cases whose verdict was
established without us are judged as well: none may be wrong."""
import argparse
import collections
import concurrent.futures
import contextlib
import glob
import importlib.util
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.dirname(HERE)]
import cases  # noqa: E402
import cases_truth as truth  # noqa: E402
import match  # noqa: E402
from strace_file import Trace, name_of  # noqa: E402

GOAL = 0.999
cases.LEAST = 0.25  # of a case's wait is in its call: strace slows what is around it, not the wait
NAMED_LIMIT = 0.05
TIMEOUT = 400
# Everything is traced but what answers from the kernel's memory and is called at every line of the
# log: with a filter in the kernel it costs nothing.
ANSWERS = ("getpid,gettid,rt_sigprocmask,rt_sigpending,rt_sigaction,getrusage,brk,sigaltstack,"
           "set_robust_list,rseq,set_tid_address,clock_gettime")
STRACE = ["strace", "-ff", "--seccomp-bpf", "-q", "-y", "-i", "-s", "64", "-e", "trace=!" + ANSWERS,
          "--absolute-timestamps=format:unix,precision:ns", "--syscall-times=ns"]

# What a program imports beyond the standard library, and what has to be built for it.
PROGRAMS = {
    "threads": (), "files": (), "subprocesses": (), "http_sqlite": (), "multiprocess": (),
    "asyncio_net": ("uvloop",), "http_postgres": ("psycopg2", "postgres"), "numpy_blas": ("numpy",),
    "rust": ("orjson", "polars", "tokenizers", "watchfiles", "cryptography"), "grpc_pair": ("grpc",),
    "messages": ("zmq",), "openmp": ("openmp",), "go": ("go",)}
QUICK = ("threads", "files")
QUICK_CASES = r"(401|402|439|478)_"
# Programs whose object waits where no preload can see: their named time has no limit.
UNSEEN = ("openmp", "go")


class Missing(Exception):
    """What a program needs is not on this machine."""


# How a case went. Not judged where `unshown` says why: by its own measurement it did not show its
# truth under strace; then `again` tells whether that may be better without company.
Tried = collections.namedtuple("Tried", "verdict problems unshown again")


class Run:
    """One program under strace and gilshim."""

    def __init__(self, options, command, folder, environment=None, more=""):
        self.folder, self.command = folder, options.command
        settings = ("record=%s:summary=none:log=all:log_to=%s/log.%%p:timing=all:calls=all"
                    % (folder, folder)) + more
        clocks = match.Clocks()
        process = subprocess.Popen(
            STRACE + ["-o", folder + "/trace", "-E", "LD_PRELOAD=" + options.lib, "-E",
                      "GILSHIM_OPTIONS=" + settings] + command,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            errors="replace", start_new_session=True, env=dict(os.environ, **environment or {}))
        self.timed_out = False
        try:
            self.output, self.error = process.communicate(timeout=TIMEOUT)
        except subprocess.TimeoutExpired:
            self.timed_out = True
            os.killpg(process.pid, signal.SIGKILL)
            self.output, self.error = process.communicate()
            self.error += "timeout after %d s\n" % TIMEOUT
        self.status = process.returncode
        self.offset = clocks.finish()
        # Lines of the GIL tell of waits, not of calls: pthread_cond_timedwait has lines of its own.
        self.logs = {int(path.rsplit(".", 1)[1]):
                     [line for line in cases.read_log(path) if line.call not in ("gil", "world")]
                     for path in glob.glob(glob.escape(folder) + "/log.*")}

    def judge(self, program, rows_on, named=None):
        """`named`: which objects wait unseen, if not those that the run's report names."""
        logs = {pid: lines for pid, lines in self.logs.items() if lines}
        if named is None:
            named = {one["object"]: match.INLINE[one["how"]] for one in self.report("*")["escapes"]
                     if one["how"] in match.INLINE}
        verdict = match.judge(program, Trace(self.folder + "/trace"), logs, self.offset, rows_on,
                              named)
        for pid, threads in verdict.open_threads.items():
            unbegun = max(0, threads - self.begun(pid, logs[pid]))
            if unbegun:
                print("    uncounted: %s: %d of the %d threads of %d that ended in a call" % (
                    program, unbegun, threads, pid))
            verdict.unbegun += unbegun
        return verdict

    def report(self, pid):
        records = glob.glob("%s/%s.*.gilshim" % (glob.escape(self.folder), pid))
        if not records:
            return {"escapes": [], "functions": []}
        return cases.json.loads(subprocess.run(
            [self.command, "report", "-f", "json"] + records, capture_output=True, text=True,
            check=True).stdout)

    def begun(self, pid, lines):
        """Calls that a process counted as they began and never logged, for they did not end."""
        counted = sum(row.get(state, {}).get("calls", 0)
                      for row in self.report(pid)["functions"]
                      for state in ("held", "released", "none", "unknown"))
        return counted - len(lines)


@contextlib.contextmanager
def scratch(options, name):
    folder = tempfile.mkdtemp(prefix="gilshim-referee-")
    try:
        yield folder
    finally:
        if options.keep:
            print("kept %s: %s" % (name, folder), flush=True)
        else:
            shutil.rmtree(folder, ignore_errors=True)


# ---- what the programs need ----

def build(options, name, *command):
    target = os.path.join(options.build, name)
    source = os.path.join(HERE, "native", command[-1])
    if not os.path.exists(target) or os.path.getmtime(target) < os.path.getmtime(source):
        os.makedirs(options.build, exist_ok=True)
        environment = dict(os.environ, GOCACHE=options.build + "/go-cache", GOFLAGS="-mod=mod",
                           GO111MODULE="off", CGO_ENABLED="1")
        try:
            subprocess.run(list(command[:-1]) + ["-o", target, source], check=True,
                           env=environment, capture_output=True, text=True)
        except FileNotFoundError as error:
            raise Missing("%s is not installed" % error.filename) from error
        except subprocess.CalledProcessError as error:
            raise Missing("%s: %s" % (command[0], error.stderr.strip()[-300:])) from error
    return target


@contextlib.contextmanager
def postgres():
    """A server of our own, not watched: only its clients are on trial."""
    tools = sorted(glob.glob("/usr/lib/postgresql/*/bin"))
    if not tools:
        raise Missing("the package postgresql is not installed")
    folder = tempfile.mkdtemp(prefix="gilshim-pg-")
    become = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    if become:
        shutil.chown(folder, "postgres")
    data = folder + "/data"
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": folder}
    try:
        subprocess.run(become + [tools[-1] + "/initdb", "-A", "trust", "-U", "referee", "-D", data],
                       check=True, **quiet)
        subprocess.run(become + [tools[-1] + "/pg_ctl", "-D", data, "-w", "-o",
                                 "-c listen_addresses= -k " + folder, "start"], check=True, **quiet)
        yield "host=%s user=referee dbname=postgres" % folder
    finally:
        subprocess.run(become + [tools[-1] + "/pg_ctl", "-D", data, "-m", "immediate", "stop"],
                       check=False, **quiet)
        shutil.rmtree(folder, ignore_errors=True)


def prepare(options, needs, stack):
    """The environment of a program, or Missing."""
    environment = {}
    for need in needs:
        if need == "postgres":
            environment["REFEREE_DSN"] = stack.enter_context(postgres())
        elif need == "openmp":
            environment["REFEREE_OPENMP"] = build(
                options, "libreferee_openmp.so", "gcc", "-O2", "-fopenmp", "-shared", "-fPIC",
                "openmp.c")
        elif need == "go":
            environment["REFEREE_GO"] = build(options, "libreferee_go.so", "go", "build",
                                              "-buildmode=c-shared", "referee.go")
        elif need == "inline":
            environment["REFEREE_INLINE"] = build(options, "libreferee_inline.so", "gcc", "-O2",
                                                  "-shared", "-fPIC", "inline.c")
        elif not has_module(options, need):
            raise Missing("%s has no module %s; make referee installs it" % (options.python, need))
    return environment


def has_module(options, name):
    if os.path.realpath(options.python) == os.path.realpath(sys.executable) and \
            options.python == sys.executable:
        return importlib.util.find_spec(name) is not None
    return subprocess.run([options.python, "-c", "import " + name], capture_output=True,
                          check=False).returncode == 0


# ---- the runs ----

class Referee:
    def __init__(self, options):
        self.options = options
        self.total = match.Verdict("total")
        self.failures, self.passed, self.skipped = [], 0, 0
        self.limited = match.Verdict("all but " + ", ".join(UNSEEN))
        options.rows, self.rows_on = truth.read_rows(options.command), rows_on(options.command)

    def outcome(self, name, problems):
        if problems:
            self.failures += ["%s: %s" % (name, problem) for problem in problems]
        else:
            self.passed += 1

    def skip(self, name, reason):
        self.skipped += 1
        print("skip %s: %s" % (name, reason), flush=True)

    def add(self, verdict):
        self.total.plus(verdict)
        if verdict.program not in UNSEEN:
            self.limited.plus(verdict)
        print(row(verdict), flush=True)

    def run_program(self, name, needs, named=None):
        with contextlib.ExitStack() as stack:
            folder = stack.enter_context(scratch(self.options, name))
            try:
                environment = prepare(self.options, needs, stack)
            except Missing as reason:
                self.skip(name, reason)
                return None
            environment["TMPDIR"] = folder + "/tmp"
            os.mkdir(environment["TMPDIR"])
            run = Run(self.options, [self.options.python, "%s/programs/%s.py" % (HERE, name)],
                      folder, environment)
            problems = []
            if run.status != 0:
                problems.append("status %s: %s" % (run.status, run.error.strip()[-300:]))
            if not run.logs:
                problems.append("nothing was logged")
            return run.judge(name, self.rows_on, named), problems

    def run_programs(self, names):
        for name in names:
            result = self.run_program(name, PROGRAMS[name])
            if result:
                self.outcome(name, result[1])
                self.add(result[0])

    def run_twins(self):
        """A wait by an inline system call is an escape of its object, and an exception where the run
        names the object for it; by libc's syscall, none."""
        for name, escapes, named in (("inline_futex", True, {}), ("inline_futex", False, None),
                                     ("called_futex", False, None)):
            result = self.run_program(name, ("inline",), named)
            if not result:
                continue
            verdict, problems = result
            found = [escape for escape in verdict.escapes
                     if escape.object == "libreferee_inline.so" and escape.ns > 150e6]
            other = [escape for escape in verdict.escapes if escape not in found]
            excepted = sum(ns for what, ns in verdict.named.items()
                           if what.startswith("libreferee_inline.so:"))
            if escapes and (len(found) != 1 or verdict.recall() > 0.9 or not verdict.unbegun):
                problems.append("the inline wait is no escape: recall %.3f" % verdict.recall())
            if not escapes and (found or verdict.unbegun):
                problems.append("what was seen, or named, is an escape: %s" % verdict.escapes)
            if (excepted > 150e6) != (name == "inline_futex" and named is None):
                problems.append("%.0f ms are excepted as inline" % (excepted / 1e6))
            if name == "called_futex" and verdict.ns["seen"] < 250e6:
                problems.append("the called wait is not seen")
            problems += ["escaped besides: %s" % (escape,) for escape in other if escape.ns > 50e6]
            self.outcome(name, problems)

    def try_case(self, path):
        name = os.path.basename(path)[:-3]
        with scratch(self.options, name) as folder:
            run = Run(self.options, [cases.PYTHON, path], folder, {"RC_DELAY": str(cases.DELAY)})
            result = as_case(run)
            if not cases.works(result):
                return Tried(None, [], cases.why_not(result), not run.timed_out)
            verdict = run.judge(name, self.rows_on)
            if result.case.get("no_blocking_call"):
                return Tried(verdict, [], "a tracer's stops are voluntary switches: nothing comes "
                                          "back at once", False)
            return Tried(verdict, cases.Judge(self.options, path, result, folder).check(), "",
                         False)

    def run_cases(self, directories, only):
        """As many at a time as there are processors; what did not show its truth then, alone."""
        paths = []
        for path in cases.cases_of(directories, ""):
            name = os.path.basename(path)[:-3]
            lacking = [one for one in truth.packages_of(path) if not truth.installed(one)]
            if lacking and re.search(only, name):
                self.skip(name, "needs " + " ".join(lacking))
            elif re.search(only, name):
                paths.append(path)
        if not paths:
            return
        self.options.chains = truth.read_chains(directories)
        together = match.Verdict("%d cases" % len(paths))
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            first = list(pool.map(self.try_case, paths))
        for path, tried in zip(paths, first):
            for _ in range(2):
                if tried.again:
                    tried = self.try_case(path)
            if tried.verdict:
                together.plus(tried.verdict)
            name = os.path.basename(path)[:-3]
            if tried.unshown:
                self.skip(name, tried.unshown)
            else:
                self.outcome(name, tried.problems)
        self.add(together)

    def finish(self):
        print(row(self.total))
        for escapes in alike(self.total.escapes):
            print("    escaped: %.2f s in %d of %s's %s, at most %s" % (
                sum(one.ns for one in escapes) / 1e9, len(escapes), escapes[0].object,
                escapes[0].name, escapes[0]))
        for what, ns in self.total.named.most_common():
            print("    named: %.2f s in %s" % (ns / 1e9, what))
        problems = []
        if self.total.recall() < GOAL:
            problems.append("recall %.4f %% of the time, less than %.1f %%" %
                            (100 * self.total.recall(), 100 * GOAL))
        if self.limited.share_named() > NAMED_LIMIT:
            problems.append("%.1f %% of the time is excepted outside %s" %
                            (100 * self.limited.share_named(), ", ".join(UNSEEN)))
        if self.total.unbegun:
            problems.append("%d threads ended in a call that was not counted when it began" %
                            self.total.unbegun)
        if not self.total.ns["seen"]:
            problems.append("nothing was seen at all")
        self.outcome("recall", problems)
        for failure in self.failures:
            print("FAIL " + failure)
        print("%d passed, %d failed, %d skipped" % (self.passed, len(self.failures), self.skipped))
        return 1 if self.failures else 0


def alike(escapes):
    """By object and system call, the longest first."""
    groups = {}
    for escape in sorted(escapes, key=lambda one: -one.ns):
        groups.setdefault((escape.object, escape.name), []).append(escape)
    return sorted(groups.values(), key=lambda group: -sum(one.ns for one in group))


def rows_on(command):
    """The rows that are watched by default."""
    out = subprocess.run([command, "calls"], capture_output=True, text=True, check=True).stdout
    return {line.split()[0] for line in out.splitlines()[1:]
            if line[:1].strip() and line.split()[2] == "yes"}


def as_case(run):
    """The run as tests/cases.py knows one."""
    for text in run.output.splitlines():
        if text.startswith("{"):
            with contextlib.suppress(ValueError):
                return cases.Run(run.status, cases.json.loads(text), [], run.error)
    return cases.Run(run.status, None, [], run.error)


HEADINGS = ("program", "seen", "intervals", "recall", "of number", "default", "escaped", "excepted",
            "never back", "slow", "own")
WIDTHS = (14, 9, 9, 9, 9, 9, 9, 9, 10, 8, 8)


def cells(words):
    return " ".join([words[0].ljust(WIDTHS[0])] +
                    [word.rjust(width) for word, width in zip(words[1:], WIDTHS[1:])])


def row(verdict):
    seconds = {kind: "%.2f s" % (verdict.ns[kind] / 1e9) for kind in match.KINDS}
    whole = verdict.ns["seen"] + verdict.ns["escape"]
    return cells([verdict.program, seconds["seen"], str(verdict.count["seen"]),
                  "%.3f %%" % (100 * verdict.recall()),
                  "%.2f %%" % (100 * verdict.recall(verdict.count)),
                  "%.3f %%" % (100 * verdict.default_ns / whole if whole else 100),
                  seconds["escape"], seconds["named"], seconds["open"], seconds["slow"],
                  seconds["own"]])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lib", required=True)
    parser.add_argument("--command", required=True)
    parser.add_argument("--build", default="build/referee", help="where libraries are built")
    parser.add_argument("--python", default=sys.executable, help="the Python of the programs")
    parser.add_argument("--only", default="", help="programs with this in their name, no cases")
    parser.add_argument("--case", default="", help="cases that match this, no programs")
    parser.add_argument("--quick", action="store_true", help="a handful of each")
    parser.add_argument("--keep", action="store_true", help="leave traces and logs where they are")
    parser.add_argument("directories", nargs="*", metavar="DIRECTORY", help="of cases")
    options = parser.parse_args()
    for name in "lib", "command", "build":
        setattr(options, name, os.path.abspath(getattr(options, name)))
    if not shutil.which("strace"):
        print("skip referee: strace is not installed\n0 passed, 0 failed, 1 skipped")
        return 0
    referee = Referee(options)
    print(cells(HEADINGS), flush=True)
    names = QUICK if options.quick else PROGRAMS
    if not options.case:
        referee.run_programs([name for name in names if options.only in name])
        referee.run_twins()
    if not options.only:
        only = options.case or (QUICK_CASES if options.quick else ".")
        referee.run_cases(options.directories, only)
    return referee.finish()


if __name__ == "__main__":
    sys.exit(main())
