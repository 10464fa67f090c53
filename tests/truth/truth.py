#!/usr/bin/python3
"""The GIL truth tests: is every verdict of the library what the GIL really was?

    truth.py --lib build/libgilshim.so --command build/gilshim [--interpreter PATH ...]

For each interpreter of the machine it compiles extension modules and hosts that hold or release
the GIL on purpose and count what they do, runs them under the library, and compares the JSON report
with these counts, call by call. With --bare the programs run alone, which shows that they work.

A case is printed when it fails or is skipped; the last line is "N passed, N failed, N skipped".
Exit status 1 if anything failed.
"""
import argparse
import concurrent.futures
import os
import sys
import threading
import time
import traceback

from cases import Cases
from interpreters import OLDEST, Interpreter, Missing, Programs, discover
from judged import Shim

PRINTING = threading.Lock()


def say(text):
    with PRINTING:
        print(text, flush=True)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lib", help="libgilshim.so")
    parser.add_argument("--command", help="gilshim")
    parser.add_argument("--interpreter", action="append", default=[], help="only this (repeatable)")
    parser.add_argument("--build", default="build/truth", help="where to compile and run")
    parser.add_argument("--cc", default="gcc", help="the C compiler")
    parser.add_argument("--only", default="", help="only cases with this in their name")
    parser.add_argument("--quick", action="store_true", help="a smaller stress")
    parser.add_argument("--bare", action="store_true", help="without the library")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="interpreters at a time")
    options = parser.parse_args()
    if not options.bare and not (options.lib and options.command):
        parser.error("--lib and --command, or --bare")
    for path in () if options.bare else (options.lib, options.command):
        if not os.path.exists(path):
            parser.error("%s does not exist" % path)
    return options


def run_case(cases, interpreter, name, function):
    try:
        problems = function()
    except Missing as missing:
        say("SKIP %s %s: no %s" % (interpreter.name, name, missing))
        return "skipped"
    except Exception:
        problems = [traceback.format_exc()]
    for problem in problems:
        say("FAIL %s %s: %s" % (interpreter.name, name, problem))
    return "failed" if problems else "passed"


def run_interpreter(interpreter, options):
    began = time.monotonic()
    counts = dict.fromkeys(("passed", "failed", "skipped"), 0)
    build = os.path.abspath(options.build)
    shim = Shim(None if options.bare else options.lib, options.command,
                os.path.join(build, interpreter.name, "runs"))
    cases = Cases(interpreter, Programs(interpreter, build, options.cc), shim, options.quick)
    for name, function in cases.all():
        if options.only in name:
            counts[run_case(cases, interpreter, name, function)] += 1
    say("%s (%s): %d passed, %d failed, %d skipped; %d calls of known truth judged in %.0f s" % (
        interpreter.name, interpreter.path, counts["passed"], counts["failed"], counts["skipped"],
        cases.judged, time.monotonic() - began))
    return counts


def name_apart(interpreters):
    """Two interpreters of one version must not share a build directory."""
    names = set()
    for interpreter in interpreters:
        plain, number = interpreter.name, 1
        while interpreter.name in names:
            number += 1
            interpreter.name = "%s-%d" % (plain, number)
        names.add(interpreter.name)


def absent(interpreters):
    """Kinds of interpreters that the tests know of and this machine does not have."""
    minors = {interpreter.minor for interpreter in interpreters if interpreter.cpython}
    for minor in range(OLDEST[1], 15):
        if minor not in minors:
            yield "CPython 3.%d" % minor
    if all(interpreter.cpython for interpreter in interpreters):
        yield "PyPy (Debian package pypy3)"
    if not any(interpreter.free_threaded for interpreter in interpreters):
        yield "a free-threaded CPython"


def main():
    options = arguments()
    totals = dict.fromkeys(("passed", "failed", "skipped"), 0)
    if options.interpreter:
        interpreters = [Interpreter(path) for path in options.interpreter]
    else:
        interpreters = discover()
        for name in absent(interpreters):
            say("SKIP %s: not on this machine" % name)
            totals["skipped"] += 1
    name_apart(interpreters)
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for counts in pool.map(lambda each: run_interpreter(each, options), interpreters):
            for word, count in counts.items():
                totals[word] += count
    say("%(passed)d passed, %(failed)d failed, %(skipped)d skipped" % totals)
    return 1 if totals["failed"] or not totals["passed"] else 0


if __name__ == "__main__":
    sys.exit(main())
