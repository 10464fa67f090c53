"""All tests of one interpreter. Each is (name, function); a function returns what is wrong (a list
of texts) or raises Missing for what this machine lacks."""
import collections
import json
import os
import shutil
import sys

from interpreters import FIVE_BUILDS, PROGRAMS, undefined_names
from judged import verdicts

# Where PyGILState_Check, taken literally (gil=check), is known to be wrong, as a condition on the
# minor version. A case that is not named here must agree with it, unless it has no defined answer
# (CHECK_MAY_BE_WRONG): calls in a constructor; and up to 3.11 what an ended thread calls, as its state's
# memory may be another thread's by then.
CHECK_IS_WRONG = {
    "after_python": lambda minor: minor < 15,
    "daemon_after_python": lambda minor: minor < 15,
    "second_state": lambda minor: minor < 12,
    "swapped_out": lambda minor: True,
    "handed_state": lambda minor: minor < 12,
    "handed_state_deleted": lambda minor: True,
    "sub_legacy": lambda minor: True,
    "sub_own": lambda minor: True,
    "after_sub": lambda minor: True,
    "fork_after_sub": lambda minor: True,
    "host_life": lambda minor: minor < 15,
    "host_threads": lambda minor: minor < 15,
    "host_elsewhere": lambda minor: minor < 15,
    "host_handed": lambda minor: True,
    "host_borrowed": lambda minor: True,
    "host_succeeded": lambda minor: minor < 15,
    "host_unloaded": lambda minor: minor < 15,
    "host_sub": lambda minor: True,
}
CHECK_MAY_BE_WRONG = {
    "around_threads": lambda minor: True,
    "end_of_thread": lambda minor: minor < 12,
}
MATRIX = """
    extension through_ctypes time_sleep threads signal_handler
    python_atexit after_python daemon_after_python
    foreign_thread foreign_thread_while_held end_of_foreign_thread
    ensure ensure_among_threads around_threads end_of_thread
    second_state swapped_out handed_state handed_state_deleted
    sub_legacy sub_own after_sub
    fork_from_main fork_from_thread fork_in_fork fork_while_threads fork_after_sub
    subprocesses replaced
""".split()
HOST_MODES = ("linked", "local", "global")
HOST_CASES = ("life", "threads", "elsewhere", "handed", "borrowed", "succeeded", "unloaded", "forks",
              "sub", "lines")
FIVE_CALLS = ("read", "write", "recv", "nanosleep", "select", "pread", "open")
FIVE_ROUNDS = 3
STACK = 16  # frames kept, unless the option says otherwise
LOGGED = {"readv": "held", "writev": "released"}  # of the program `extension`, twice each
UNKNOWN_NOTICE = "gilshim: this interpreter does not tell who holds its GIL"
STRESS_FORKS = 6
STRESS_CALLS = 1040000
STRESS_CALLS_QUICK = 60000


class Cases:
    def __init__(self, interpreter, programs, shim, quick):
        self.interpreter = interpreter
        self.programs = programs
        self.shim = shim
        self.quick = quick
        self.judged = 0

    def all(self):
        if not self.interpreter.cpython:
            yield "unknown", self.unknown
            return
        for case in MATRIX:
            if case == "sub_own" and self.interpreter.minor < 12:
                continue
            yield from self._both_ways("matrix/" + case, case, self._matrix, case)
        for mode in HOST_MODES:
            for case in HOST_CASES:
                yield from self._both_ways("host/%s/%s" % (mode, case), "host_" + case, self._host,
                                           mode, case)
        for build in FIVE_BUILDS:
            yield "five/" + build[len("five_"):], lambda build=build: self.five(build)
        yield "lines", self.lines
        if self.shim.library:
            yield "log", self.log
        yield "stress", self.stress
        if self.shim.library:
            yield "stress/check", self.stress_check

    def _both_ways(self, name, wrong, function, *args):
        """A case with the default judgement and, where there is one, with gil=check."""
        yield name, lambda: function("auto", 0, *args)
        minor = self.interpreter.minor
        if self.shim.library and not CHECK_MAY_BE_WRONG.get(wrong, lambda _: False)(minor):
            least_wrong = int(CHECK_IS_WRONG.get(wrong, lambda _: False)(minor))
            yield name + "/check", lambda: function("check", least_wrong, *args)

    def _run(self, program, *args, **options):
        environment = {"TRUTH_MODULES": self.programs.directory}
        argv = [self.interpreter.path, os.path.join(PROGRAMS, program)] + list(args)
        return self.shim.run(argv, environment=environment, **options)

    def _finish(self, run, least_wrong=0):
        """Compares a run's report with its truth, where so many verdicts must be wrong; keeps the
        files of a failure."""
        problems = run.problems
        if run.report and not problems:
            problems, wrong = verdicts(run.report, run.truth)
            self.judged += run.made()
            if least_wrong:
                problems = [] if wrong >= least_wrong else [
                    "gil=check: %d wrong, expected at least %d" % (wrong, least_wrong)]
        if problems:
            problems = problems + ["files: " + run.directory]
        else:
            run.forget()
        return problems

    def _matrix(self, gil, least_wrong, case):
        self.programs.gsx()
        preload = [self.programs.around()] if case == "around_threads" else []
        return self._finish(self._run("matrix.py", case, gil=gil, preload=preload), least_wrong)

    def _host(self, gil, least_wrong, mode, case):
        host = self.programs.host(mode)
        run = self.shim.run([host, mode, self.interpreter.library, case], gil=gil,
                            environment={"PYTHONHOME": self.interpreter.prefix})
        if case == "lines" and run.report:
            stacks = {stack_of(site) for site in run.report["sites"] if site["call"] == "readv"}
            expected = ("<string>", 2, "embedded"), ("<string>", 4, "<module>")
            if stacks != {expected}:
                run.problems.append("python stack: %s" % sorted(stacks))
        return self._finish(run, least_wrong)

    def five(self, build):
        """Held calls are looked for among the sites. Released ones have no site and Python makes
        some itself: they are the difference to a run without any."""
        names = undefined_names(self.programs.five(build))
        run = self._run("five.py", build, str(FIVE_ROUNDS), str(FIVE_ROUNDS), truth=False)
        twin = self._run("five.py", build, str(FIVE_ROUNDS), "0", truth=False)
        if run.report and twin.report and not run.problems and not twin.problems:
            run.problems += five_held(run.report, build, names)
            run.problems += five_released(run.report, twin.report)
        run.problems += twin.problems
        twin.forget()
        return self._finish(run)

    def lines(self):
        self.programs.gsx()
        imported = os.path.join(self.programs.directory, "строки_ünïcødé_文字.py")
        expected_file = os.path.join(self.programs.directory, "lines.json")
        shutil.copy(os.path.join(PROGRAMS, "lines_imported.py"), imported)
        run = self._run("lines.py", expected_file, imported, truth=False)
        if run.report:
            with open(expected_file, encoding="utf-8") as lines:
                expected = [tuple(map(tuple, reversed(stack))) for stack in json.load(lines)]
            run.problems += compare_stacks(expected, run.report)
            self.judged += len(expected)
        return self._finish(run)

    def log(self):
        """log=all: the calls of a thread one by one, in their order."""
        self.programs.gsx()
        path = os.path.join(self.programs.directory, "log")
        with open(path, "w"):
            pass
        run = self._run("matrix.py", "extension", options=":log=all:log_to=" + path)
        with open(path, encoding="utf-8") as lines:
            rows = [line.rstrip("\n").split("\t") for line in lines]
        seen = [row[5:8:2] for row in rows if len(row) == 11 and row[7] in LOGGED]
        if any(row[0] != "gilshim" or len(row) != 11 for row in rows):
            run.problems.append("a line is not of 11 columns")
        if seen != [[state, call] for call, state in LOGGED.items() for _ in range(2)]:
            run.problems.append("logged: %s" % seen)
        return self._finish(run)

    def _stress(self, gil):
        self.programs.gsx()
        return self._run("stress.py", str(STRESS_CALLS_QUICK if self.quick else STRESS_CALLS),
                         gil=gil)

    def stress(self):
        run = self._stress("auto")
        if run.report:
            ended = collections.Counter(process["ended"] for process in run.report["processes"])
            if ended != {"exit": 1, "_exit": STRESS_FORKS}:
                run.problems.append("processes ended: %s" % dict(ended))
        if not run.problems and not self.quick and run.made() < 10 ** 6:
            run.problems.append("only %d calls were made" % run.made())
        return self._finish(run)

    def stress_check(self):
        """Three of four phases follow a sub-interpreter: half of all calls there are released."""
        run = self._stress("check")
        return self._finish(run, least_wrong=run.made() // 5)

    def unknown(self):
        run = self._run("unknown.py", notice=UNKNOWN_NOTICE)
        if run.report:
            totals = run.report["totals"]
            for state in ("held", "released"):
                if totals[state]["calls"]:
                    run.problems.append("%d calls judged %s" % (totals[state]["calls"], state))
        return self._finish(run)


def stack_of(site):
    return tuple((frame["file"], frame.get("line"), frame["function"])
                 for frame in site.get("python", []))


def compare_stacks(expected, report):
    """Every stack must be that of exactly one site, with as many calls as were made from it, and no
    other site may be there."""
    wanted = collections.Counter(stack[:STACK] for stack in expected)
    sites = [(stack_of(site), site["calls"])
             for site in report["sites"] if site["call"] == "usleep"]
    problems = []
    if len(sites) != len(wanted):
        problems.append("%d sites, %d wanted" % (len(sites), len(wanted)))
    for word, pairs in (("missing", set(wanted.items()) - set(sites)),
                        ("surplus", set(sites) - set(wanted.items()))):
        if pairs:
            stack, calls = min(pairs)
            problems.append("%d sites %s, one: %d calls at %s" % (
                len(pairs), word, calls, " < ".join("%s:%s %s" % frame for frame in stack)))
    return problems


def five_held(report, build, names):
    sites = {}
    for site in report["sites"]:
        if site.get("python"):
            sites.setdefault(site["python"][0]["function"], []).append(site)
    problems = ["%s has a site" % name for name in sites if name.startswith("released_")]
    for call in FIVE_CALLS:
        for wait in ("ready", "blocked") if call not in ("pread", "open") else ("ready",):
            found = [site for site in sites.get("held_%s_%s" % (wait, call), [])
                     if site["call"] == call]
            if len(found) != 1:
                problems.append("held %s %s: %d sites" % (wait, call, len(found)))
                continue
            problems += ["held %s %s: %s" % (wait, call, problem)
                         for problem in five_site(found[0], wait == "blocked", build, names)]
    return problems


def five_site(site, blocked, build, names):
    expected = {
        "calls": FIVE_ROUNDS,
        "origin": "extension",
        "blocked_calls": FIVE_ROUNDS if blocked else 0,
    }
    if blocked:
        expected["rule"] = "GIL001"
        expected["class"] = "wait"
    problems = ["%s %r, expected %r" % (key, site.get(key), value)
                for key, value in expected.items() if site.get(key) != value]
    if blocked and site["worst_ns"] < 5000000:
        problems.append("worst_ns %d" % site["worst_ns"])
    if site["bound"] not in names:
        problems.append("bound %r, the module binds no such name" % site["bound"])
    objects = {site["object"], site["extension"]["object"]}
    if objects != {build + ".so"}:
        problems.append("object and extension %s" % sorted(objects))
    return problems


def five_released(report, twin):
    problems = []
    with_them = {row["call"]: row for row in report["functions"]}
    without = {row["call"]: row for row in twin["functions"]}
    for call in FIVE_CALLS:
        made = FIVE_ROUNDS * (2 if call not in ("pread", "open") else 1)
        seen = [row.get(call, {}).get("released", {}).get("calls", 0)
                for row in (with_them, without)]
        if seen[0] - seen[1] != made:
            problems.append("released %s: %d made, counted %d" % (call, made, seen[0] - seen[1]))
    return problems


if __name__ == "__main__":
    sys.exit("this is a part of truth.py")
