"""Runs a program under the library, reads the report of its record files, compares."""
import collections
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import schema

STATES = ("held", "released", "unknown", "none")
TIMEOUT = 120


class Run:
    """A program that has ended. `truth`: state -> call -> calls made; `report`: None if bare."""

    def __init__(self, directory):
        self.directory = directory
        self.output = ""
        self.problems = []
        self.truth = {}
        self.report = None

    def made(self):
        """Calls of known truth."""
        return sum(sum(calls.values()) for calls in self.truth.values())

    def forget(self):
        shutil.rmtree(self.directory, ignore_errors=True)


class Shim:
    """The library and the command under test. Without a library programs run bare."""

    def __init__(self, library, command, scratch):
        self.library = os.path.abspath(library) if library else None
        self.command = os.path.abspath(command) if command else None
        self.scratch = scratch
        os.makedirs(scratch, exist_ok=True)

    def run(self, argv, gil="auto", options="", environment=(), preload=(), truth=True,
            notice=""):
        """`notice`: what the library may say on standard error; all other output is a problem."""
        run = Run(tempfile.mkdtemp(dir=self.scratch))
        records = os.path.join(run.directory, "records")
        truth_file = os.path.join(run.directory, "truth")
        env = dict(os.environ, LC_ALL="C.UTF-8", PYTHONDONTWRITEBYTECODE="1",
                   PYTHONWARNINGS="ignore", TRUTH_FILE=truth_file)
        env.update(environment)
        if self.library:
            preload = [self.library] + list(preload)
            env["GILSHIM_OPTIONS"] = "record=%s:summary=none:gil=%s%s" % (
                records, gil, options)
        if preload:
            env["LD_PRELOAD"] = " ".join(preload)
        self._execute(run, argv, env, notice if self.library else "")
        if truth and not run.problems:
            self._read_truth(run, truth_file)
        if self.library and not run.problems:
            self._read_report(run, records)
        return run

    @staticmethod
    def _execute(run, argv, env, notice):
        """A program that hangs is ended with its children."""
        with open(os.path.join(run.directory, "output"), "w+b") as output:
            process = subprocess.Popen(argv, env=env, stdin=subprocess.DEVNULL, stdout=output,
                                       stderr=output, start_new_session=True)
            try:
                status = process.wait(TIMEOUT)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                status = "none after %d s" % TIMEOUT
            output.seek(0)
            run.output = output.read().decode("utf-8", "replace").strip()
        if status != 0:
            run.problems.append("exit status %s: %s" % (status, run.output[-400:]))
        elif any(not notice or notice not in line for line in run.output.splitlines()):
            run.problems.append("unexpected output: %s" % run.output[-400:])

    @staticmethod
    def _read_truth(run, path):
        totals = collections.defaultdict(collections.Counter)
        if os.path.exists(path):
            with open(path) as lines:
                for line in lines:
                    for state, calls in json.loads(line).items():
                        totals[state].update(calls)
        run.truth = {state: dict(calls) for state, calls in totals.items()}
        if not run.made():
            run.problems.append("the program made no call that it knows the truth of")

    def _read_report(self, run, records):
        done = subprocess.run([self.command, "report", "-f", "json", records],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        if done.returncode != 0:
            run.problems.append("report: exit status %d: %s" % (
                done.returncode, done.stderr.decode("utf-8", "replace").strip()[-400:]))
            return
        try:
            run.report = schema.read(done.stdout.decode("utf-8"))
        except ValueError as error:
            run.problems.append("report: %s" % error)
            return
        run.problems += sums(run.report)


def calls_of(entry, state):
    return entry.get(state, {}).get("calls", 0)


def sums(report):
    """What is wrong with the sums that every report promises."""
    problems = []
    totals = report["totals"]
    for state in STATES:
        total = calls_of(totals, state)
        rows = sum(calls_of(row, state) for row in report["functions"])
        if total != rows:
            problems.append("sums: totals.%s.calls %d, functions %d" % (state, total, rows))
    sites = sum(site["calls"] for site in report["sites"])
    harmless = totals["held"]["harmless"]
    lost = totals["lost"]["sites"]
    if totals["held"]["calls"] != sites + harmless + lost:
        problems.append("sums: totals.held.calls %d, sites %d + harmless %d + lost %d" % (
            totals["held"]["calls"], sites, harmless, lost))
    return problems


def verdicts(report, truth):
    """Calls whose verdict is not the truth: (problems, wrong verdicts). A call that was not counted
    or counted twice is wrong too."""
    rows = {row["call"]: row for row in report["functions"]}
    problems, wrong = [], 0
    for state, calls in sorted(truth.items()):
        for call, made in sorted(calls.items()):
            row = rows.get(call, {})
            seen = {name: calls_of(row, name) for name in STATES}
            if state == "unheld":
                error = seen["held"] + max(0, sum(seen.values()) - made)
            else:
                error = sum(abs(seen[name] - (made if name == state else 0)) for name in STATES)
            if error:
                problems.append("%s: %d made %s, counted %s" % (call, made, state, ", ".join(
                    "%s %d" % pair for pair in seen.items() if pair[1]) or "nothing"))
                wrong += error
    return problems, wrong
