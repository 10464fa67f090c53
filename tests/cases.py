#!/usr/bin/python3
"""Runs programs whose truth is known, and compares what gilshim says about them.

A case is a script NNN_name.py that makes one call and prints one line of JSON: whether that call
kept the GIL (measured by a second Python thread that ticks, no shim involved), in which process and
between which two moments, and which function of libc, called by which object, was the one that
waited. Each is run by Debian's Python twice: bare, to see that it works here, and under the
library. Then everything that gilshim wrote about that process and that moment is held against the
case's own line. Nothing here knows a single case by its name.

    tests/cases.py --lib build/libgilshim.so --command build/gilshim [--only TEXT] DIRECTORY...
    tests/cases.py --packages DIRECTORY...      the Debian packages that the cases need
"""
import argparse
import collections
import glob
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import cases_truth as truth  # noqa: E402
import schema  # noqa: E402

PYTHON = "/usr/bin/python3"
DELAY = 0.3  # seconds that the other side of a case keeps silent
TIMEOUT = 30
LEAST = 0.6  # of the wait must be found in the call that is blamed
STRAY = 0.2  # of the wait must not be found held where the truth is "released"
SLACK_NS = 1_000_000  # two clocks, and the way from the script to the call

Run = collections.namedtuple("Run", "status case other error")
Line = collections.namedtuple(
    "Line", "pid tid begin duration state evidence call object file line function")


class Unusable(Exception):
    """The case does not show its truth on this machine."""


def run(path, extra):
    """The script in a process group of its own, so that nothing of it outlives a hang."""
    environment = dict(os.environ, RC_DELAY=str(DELAY), **extra)
    for name in ("RC_BT", "RC_NS"):
        environment.pop(name, None)
    process = subprocess.Popen(
        [PYTHON, path], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env=environment, start_new_session=True, text=True, errors="replace")
    try:
        output, error = process.communicate(timeout=TIMEOUT)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        output, error = process.communicate()
        error += "timeout after %d s\n" % TIMEOUT
    lines, case = output.splitlines(), None
    for text in lines:
        if text.startswith("{"):
            try:
                case = json.loads(text)
            except ValueError:
                continue
            lines.remove(text)
            break
    return Run(process.returncode, case, lines, error)


def works(result):
    return result.status == 0 and result.case is not None and bool(result.case.get("as_expected"))


def without_names(text):
    """Two runs have the same to say, but each in a temporary directory of its own."""
    return re.sub(r"/rc_\w+", "/rc_", text)


def why_not(result):
    last = (result.error.strip().splitlines() or [""])[-1]
    if result.case is None:
        return "status %s, no result, %s" % (result.status, last or "silent")
    return "status %s, own verdict gil_held=%s block_ms=%s gap=%s %s %s" % (
        result.status, result.case.get("gil_held"), result.case.get("block_ms"),
        result.case.get("max_gap_ms"), result.case.get("error", ""), last)


def run_bare(path):
    for package in truth.packages_of(path):
        if not truth.installed(package):
            raise Unusable("needs the package " + package)
    result = run(path, {})
    if not works(result):
        result = run(path, {})
    if not works(result):
        raise Unusable(why_not(result))
    return result


def read_log(path):
    """The lines of one process's log; a line that is not of the agreed form is an error."""
    lines = []
    try:
        with open(path, errors="replace") as stream:
            texts = stream.read().splitlines()
    except FileNotFoundError:
        return lines
    for text in texts:
        fields = text.split("\t")
        if len(fields) != 11 or fields[0] != "gilshim":
            raise ValueError("malformed log line %r" % text)
        _, pid, tid, begin, duration, state, evidence, call, obj, place, function = fields
        file, _, line = place.rpartition(":")
        lines.append(Line(int(pid), int(tid), int(begin), int(duration), state, evidence, call, obj,
                          file or place, int(line) if file and line.isdigit() else 0, function))
    return lines


class Report:
    """What the command makes of the records under a path, checked for its sums."""

    def __init__(self, command, paths):
        self.problems, self.sites = [], []
        done = subprocess.run([command, "report", "-f", "json"] + paths, capture_output=True,
                              text=True, errors="replace", timeout=TIMEOUT)
        if done.returncode != 0:
            self.problems.append("report: status %d: %s" % (done.returncode, done.stderr.strip()))
            return
        document = schema.read(done.stdout)
        self.sites = document["sites"]
        totals = document["totals"]
        held = totals["held"]["calls"]
        rows = sum(row["held"]["calls"] for row in document["functions"])
        sites = sum(site["calls"] for site in self.sites)
        parts = sites + totals["held"]["harmless"] + totals["lost"]["sites"]
        if not held == rows == parts:
            self.problems.append("sums: totals %d, functions %d, sites + harmless + lost %d"
                                 % (held, rows, parts))


class Judge:
    """Holds what was written about one run against what the run itself says."""

    def __init__(self, options, path, result, directory):
        self.path, self.case, self.options = path, result.case, options
        self.problems = []
        self.pid = self.case["pid"]
        self.begin, self.end = self.case["window_ns"]
        self.block_ns = self.case["block_ms"] * 1e6
        # What waits for the other side; more may follow in the window (a drained result set).
        self.wait_ns = min(self.block_ns, DELAY * 1e9)
        self.function, self.object = self.case["expected_function"], self.case["expected_object"]
        self.row = options.rows.get(self.function)
        everything = Report(options.command, [directory])
        records = glob.glob(os.path.join(glob.escape(directory), "%d.*.gilshim" % self.pid))
        if not records:
            self.fail("no record file of process %d", self.pid)
        own = Report(options.command, sorted(records)) if records else everything
        self.problems += everything.problems + own.problems
        self.sites = own.sites
        log = read_log(os.path.join(directory, "log.%d" % self.pid))
        self.log = [line for line in log if self.within(line)]
        self.held = [line for line in self.log if line.state == "held"]
        self.blocked = [line for line in self.held if line.evidence in ("slept", "long")]

    def fail(self, text, *values):
        self.problems.append(text % values)

    def within(self, line):
        return (line.pid == self.pid and line.begin >= self.begin - SLACK_NS
                and line.begin + line.duration <= self.end + SLACK_NS)

    def mine(self, line):
        return line.call == self.row and line.object == self.object

    def seen(self, lines, most=4):
        """The longest of some lines, held ones first, for a message."""
        top = sorted(lines, key=lambda line: (line.state != "held", -line.duration))[:most]
        return "; ".join("%s/%s %s < %s %.1f ms at %s:%d %s" % (
            line.state, line.evidence, line.call, line.object, line.duration / 1e6, line.file,
            line.line, line.function) for line in top) or "nothing"

    def check(self):
        if self.case.get("no_libc_call") or self.case.get("no_blocking_call"):
            self.check_nothing_held()
        elif self.row is None:
            self.fail("%s is not in the table of calls", self.function)
        elif not self.case["gil_held"]:
            self.check_released()
        elif self.case.get("deadlock"):
            self.check_site(deadlock=True)
            if [line for line in self.blocked if self.mine(line)]:
                self.fail("a call that never returned is in the log")
        else:
            self.check_held()
        return self.problems

    def check_nothing_held(self):
        if self.case.get("no_blocking_call"):
            stray = self.blocked
            for site in self.sites_here():
                if site.get("rule") == "GIL001":
                    self.fail("site %s at the case's line is GIL001", site["call"])
        else:
            stray = [line for line in self.blocked if line.duration >= STRAY * self.wait_ns]
        if stray:
            self.fail("claimed to have blocked: %s", self.seen(stray))

    def check_released(self):
        stray = [line for line in self.blocked if line.duration >= STRAY * self.wait_ns]
        if stray:
            self.fail("released, but reported held: %s", self.seen(stray))
        found = [line for line in self.log if line.state == "released" and self.mine(line)
                 and line.tid == self.pid]
        spent = sum(line.duration for line in found)
        if spent < LEAST * self.wait_ns:
            self.fail("released %s < %s has %.1f ms of %.1f; seen: %s", self.row, self.object,
                      spent / 1e6, self.wait_ns / 1e6,
                      self.seen([line for line in self.log if line.tid == self.pid]))
        for line in found:
            if line.file == self.path and line.line != self.case["python_lineno"]:
                self.fail("released call at line %d, expected %d", line.line,
                          self.case["python_lineno"])

    def check_held(self):
        mine = [line for line in self.blocked if self.mine(line)]
        spent = sum(line.duration for line in mine)
        if spent < LEAST * self.wait_ns:
            self.fail("held %s < %s has %.1f ms of %.1f; seen: %s", self.row, self.object,
                      spent / 1e6, self.wait_ns / 1e6, self.seen(self.log))
            return
        site = self.check_site()
        if site and site.get("python"):
            first = site["python"][0]
            places = {(line.file, line.line, line.function) for line in mine}
            if (first["file"], first["line"], first["function"]) not in places:
                self.fail("log says %s, the report says %s", sorted(places), first)
        # Other calls may wait in the same window, or it may compute, but not while this one did.
        busy = self.blocked + [line for line in self.held if line.evidence == "computed"]
        if sum(line.duration for line in busy) > self.end - self.begin + 2 * SLACK_NS:
            self.fail("more time held than there was: %s", self.seen(busy, 8))

    def in_case(self, frame):
        line = self.case["python_lineno"]
        return (frame["file"] == self.path and frame.get("line") == line
                and frame["function"] in truth.functions_at(self.path, line))

    def sites_here(self):
        return [site for site in self.sites
                if any(self.in_case(frame) for frame in site.get("python", []))]

    def check_site(self, deadlock=False):
        """The site of the one call, by what the case says about it; None and a failure if none."""
        named = [site for site in self.sites if site.get("bound") == self.function]
        by_object = [site for site in named if site.get("object") == self.object]
        here = [site for site in by_object if site in self.sites_here()]
        for found, what in ((named, "binds " + self.function), (by_object, "is in " + self.object),
                            (here, "has the case's line on its Python stack")):
            if not found:
                self.fail("no site %s; sites: %s", what, self.sites_seen())
                return None
        site = max(here, key=lambda one: (bool(one.get("in_progress")), one["blocked_ns"]))
        if site["call"] != self.row:
            self.fail("call %s, expected %s", site["call"], self.row)
        # Between the call and the case's line there may be a Python library, never the case itself.
        for frame in site["python"]:
            if self.in_case(frame):
                break
            if frame["file"] == self.path:
                self.fail("python frame %s is inside the case's call", frame)
        self.check_extension(site)
        if deadlock:
            if not site.get("in_progress") and site.get("rule") != "GIL001":
                self.fail("neither in progress nor GIL001: %s", site.get("rule"))
            return site
        if site.get("rule") != "GIL001":
            self.fail("rule %s, expected GIL001", site.get("rule"))
        if site["blocked_ns"] < LEAST * self.wait_ns:
            self.fail("the site blocked %.1f ms of %.1f", site["blocked_ns"] / 1e6,
                      self.wait_ns / 1e6)
        if site["worst_ns"] > self.end - self.begin + SLACK_NS:
            self.fail("worst %.1f ms is longer than the call", site["worst_ns"] / 1e6)
        return site

    def check_extension(self, site):
        extension = (site.get("extension") or {}).get("object")
        if self.case.get("own_stack"):  # from which nothing leads to the extension
            if extension or site["origin"] != "extension":
                self.fail("extension %s, origin %s", extension, site["origin"])
            return
        problem = truth.extension_problem(self.case, extension, self.options.chains)
        if problem:
            self.fail("%s", problem)
        origin = truth.origin(self.case, extension, self.options.chains)
        if origin and site["origin"] != origin:
            self.fail("origin %s, expected %s", site["origin"], origin)

    def sites_seen(self):
        top = sorted(self.sites, key=lambda site: -site["elapsed_ns"])[:4]
        return "; ".join("%s(%s) < %s %s %.1f ms at %s" % (
            site["call"], site.get("bound"), site.get("object"), site.get("rule"),
            site["elapsed_ns"] / 1e6,
            ["%s:%s %s" % (frame["file"], frame.get("line"), frame["function"])
             for frame in site.get("python", [])[:2]])
            for site in top) or "none"


def run_watched(options, path, bare, directory):
    """One run under the library, or two if the machine blurred the first one's own measurement.
    Returns what is wrong with it."""
    for attempt in ("first", "second"):
        place = os.path.join(directory, attempt)
        os.mkdir(place)
        result = run(path, {
            "LD_PRELOAD": options.lib,
            "GILSHIM_OPTIONS": "record=%s:summary=none:log=all:log_to=%s/log.%%p:timing=all"
                               % (place, place) + truth.options_of(path)})
        if works(result):
            break
    problems = []
    if not works(result):
        problems.append("under the library: " + why_not(result))
    if result.status != bare.status:
        problems.append("status %s, bare %s" % (result.status, bare.status))
    if result.other != bare.other:
        problems.append("standard output differs: %r, bare %r" % (result.other, bare.other))
    if without_names(result.error) != without_names(bare.error):
        problems.append("standard error differs: %r, bare %r" % (result.error, bare.error))
    if result.case is None:
        return problems
    return problems + Judge(options, path, result, place).check()


def run_case(options, path):
    """(state, text) of one case."""
    name = os.path.basename(path)[:-3]
    directory = tempfile.mkdtemp(prefix="gilshim-case-")
    try:
        bare = run_bare(path)
        problems = run_watched(options, path, bare, directory)
    except Unusable as reason:
        return "skipped", "skipped %s: %s" % (name, reason)
    except (ValueError, KeyError, TypeError, subprocess.TimeoutExpired) as error:
        problems = ["%s: %s" % (type(error).__name__, error)]
    finally:
        if options.keep:
            print("kept %s: %s" % (name, directory), flush=True)
        else:
            shutil.rmtree(directory, ignore_errors=True)
    if problems:
        return "failed", "FAILED %s: %s" % (name, "\n    ".join(problems))
    return "passed", "passed %s" % name if options.verbose else ""


def cases_of(directories, only):
    found = []
    for directory in directories:
        found += glob.glob(os.path.join(glob.escape(os.path.abspath(directory)), "[0-9]*_*.py"))
    return [path for path in sorted(found)
            if re.match(r"\d{3}_", os.path.basename(path)) and only in os.path.basename(path)]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lib", default="build/libgilshim.so")
    parser.add_argument("--command", default="build/gilshim")
    parser.add_argument("--only", default="", help="only cases with this in their name")
    parser.add_argument("--jobs", type=int, default=1,
                        help="at a time; some cases use one port, and load blurs their truth")
    parser.add_argument("--packages", action="store_true", help="print the packages and end")
    parser.add_argument("--keep", action="store_true", help="leave the records where they are")
    parser.add_argument("--verbose", action="store_true", help="a line for each case that passes")
    parser.add_argument("directories", nargs="+", metavar="DIRECTORY")
    options = parser.parse_args()
    paths = cases_of(options.directories, options.only)
    if not paths:
        parser.error("no cases in " + " ".join(options.directories))
    if options.packages:
        print(" ".join(sorted({name for path in paths for name in truth.packages_of(path)})))
        return 0
    options.lib, options.command = (os.path.abspath(options.lib), os.path.abspath(options.command))
    options.chains = truth.read_chains(options.directories)
    options.rows = truth.read_rows(options.command)
    count = collections.Counter()
    with ThreadPoolExecutor(options.jobs) as pool:
        for state, text in pool.map(lambda path: run_case(options, path), paths):
            count[state] += 1
            if text:
                print(text, flush=True)
    print("%d passed, %d failed, %d skipped" % (count["passed"], count["failed"], count["skipped"]))
    return 1 if count["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
