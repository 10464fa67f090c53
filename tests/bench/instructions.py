#!/usr/bin/python3
"""The instruction guard: how many instructions, system calls, locked instructions and clock reads does
the library execute for one call, on each path?

    instructions.py --build DIR [--update] [--where PATH]

Counted by single-stepping (step.c), so the answer is exact and the same on a busy machine. A path
fails if its instructions grow by more than 5 % over the figure in instructions.txt, or any of the
others grows at all. --update writes the figures anew; --where says which functions a path's
instructions are in. The last cases show that the guard can fail: with figures a little lower, and
with a library compiled to be dearer."""
import argparse
import bisect
import collections
import os
import re
import subprocess
import sys

import building

FIGURES = os.path.join(building.HERE, "instructions.txt")
MARGIN = 1.05
CALLS = 8  # the least of them counts: the others may set a new worst time, or be looked at again
KINDS = ("instructions", "system calls", "locked instructions", "clock reads")
# The time that single steps take must not make a call a long one.
QUIET = "blocked=1000s:"
VERSIONS = (11, 13)  # up to 3.11 the GIL is followed by its conditions, from 3.12 on asked for

# path: what gsbench does, options
PATHS = {
    "released": ("step('read', 'released', %d)", ""),
    "released-timed": ("step('read', 'released', %d)", "timing=all"),
    "held": ("step('read', 'held', %d)", ""),
    "held-buffered": ("step('fwrite', 'held', %d)", ""),
    "held-never-waits": ("step('poll', 'held', %d)", ""),
    "held-lock": ("step('mutex', 'held', %d)", ""),
    "off-list": ("step('read', 'held', %d)", "skip=read"),
    "gil-switch": ("gil_step(%d)", ""),
    "gil-wait": ("wait_step(%d)", ""),
}
TELLING_TIME = ("gil-switch", "gil-wait")  # CPython itself reads the clock there


class Stepper:
    def __init__(self, folder):
        self.folder = folder
        self.step = building.step(folder)
        self.plain = building.plain(folder)
        self.interpreters = {minor: building.usable(minor) for minor in VERSIONS}

    def _run(self, library, options, command, path=""):
        result = self.folder + "/counts"
        environment = building.environment(library, QUIET + options, PYTHONPATH=path)
        subprocess.run([self.step, result, os.path.basename(library), *command], env=environment,
                       check=True, timeout=120)
        rows = [list(map(int, line.split())) for line in open(result)]
        return [min(column) for column in zip(*rows)]

    def _python(self, library, minor, path):
        action, options = PATHS[path]
        interpreter = self.interpreters[minor]
        text = "import gsbench, sys; sys.setswitchinterval(1000); gsbench." + action % CALLS
        return self._run(library, options, [interpreter.executable, "-c", text],
                         building.module(self.folder, interpreter))

    def _clock_reads(self, minor, path):
        """What CPython itself reads, which is not the library's doing."""
        empty = building.compile_to(self.folder + "/empty.so", ["empty.c"], "-shared", "-fPIC")
        return self._python(empty, minor, path)[3]

    def count(self, library, name):
        """Of a path, as instructions.txt names it: a list in the order of KINDS."""
        place, path = name.split()
        if place == "no-python":
            return self._run(library, "", [self.plain, "step", "read", str(CALLS)])[:4]
        minor = int(place.split(".")[1])
        reads = self._clock_reads(minor, path) if path in TELLING_TIME else 0
        counts = self._python(library, minor, path)[:4]
        return counts[:3] + [counts[3] - reads]

    def names(self):
        yield "no-python read"
        for minor in VERSIONS:
            if self.interpreters[minor]:
                yield from ("3.%d %s" % (minor, path) for path in PATHS)


def read_figures():
    compiler, figures = None, {}
    for line in open(FIGURES):
        words = line.split("#")[0].split()
        if words and words[0] == "gcc":
            compiler = int(words[1])
        elif words:
            figures[" ".join(words[:2])] = list(map(int, words[2:]))
    return compiler, figures


def write_figures(compiler, measured):
    text = open(FIGURES).read()
    head = "".join(line + "\n" for line in text.splitlines() if line.startswith("#"))
    rows = "".join("%-24s %5d %5d %5d %5d\n" % (name, *counts) for name, counts in measured.items())
    with open(FIGURES, "w") as file:
        file.write(head + "gcc %d\n" % compiler + rows)


def complaints(figure, counts):
    """What a path has become dearer in."""
    limits = [int(figure[0] * MARGIN)] + figure[1:]
    return ["%d %s a call, was %d" % (count, kind, old)
            for kind, count, limit, old in zip(KINDS, counts, limits, figure) if count > limit]


def functions(library, name):
    """(instructions, function) of the path counted last."""
    symbols = []
    for line in subprocess.check_output(["nm", "-n", "--defined-only", library],
                                        text=True).splitlines():
        address, kind, symbol = line.split(maxsplit=2)
        if kind in "tT":
            symbols.append((int(address, 16), symbol))
    starts, sums = [address for address, _ in symbols], collections.Counter()
    for line in open(name):
        offset, hits = line.split()
        sums[symbols[bisect.bisect(starts, int(offset, 16)) - 1][1]] += int(hits)
    return [(hits / CALLS, symbol) for symbol, hits in sums.most_common()]


def gcc_major():
    return int(subprocess.check_output(["gcc", "-dumpversion"], text=True).split(".")[0])


def check_paths(stepper, library, figures):
    measured, failed = {}, 0
    for name in stepper.names():
        measured[name] = stepper.count(library, name)
        wrong = complaints(figures[name], measured[name]) if name in figures else [
            "no figure in instructions.txt: make check ONLY=instructions says it is %s" %
            measured[name]]
        failed += bool(wrong)
        for complaint in wrong:
            print("FAIL %s: %s" % (name, complaint))
    for name in sorted(figures.keys() - measured.keys()):
        print("SKIP %s: no such CPython, with its headers, on this machine" % name)
    return measured, failed


def check_guard(stepper, figures, measured):
    """The guard itself: it must let a little pass, and no more."""
    failed = 0
    for name, counts in measured.items():
        lower = [int(counts[0] / 1.08)] + counts[1:]
        fewer = [counts[0], counts[1] - 1] + counts[2:]
        if not complaints(lower, counts) or not complaints(fewer, counts):
            print("FAIL %s: nothing is said when it grows" % name)
            failed += 1
        if complaints([-int(-counts[0] // 1.04)] + counts[1:], counts):
            print("FAIL %s: a growth of 4 %% is one too many" % name)
            failed += 1
    dear = building.library(stepper.folder + "/dear", "-O0 -g", "WRAPPER=")
    for name in measured:
        if name.split()[1] not in ("released", "held", "gil-switch"):
            continue
        if not complaints(figures.get(name, measured[name]), stepper.count(dear, name)):
            print("FAIL %s: a library that was not optimised passes" % name)
            failed += 1
    return failed


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", required=True)
    parser.add_argument("--update", action="store_true", help="write instructions.txt anew")
    parser.add_argument("--where", help="say where the instructions of this path are, and stop")
    options = parser.parse_args()
    stepper = Stepper(os.path.abspath(options.build))
    library = building.library(stepper.folder + "/default", "-O2 -g")
    compiler, figures = read_figures()
    if options.where:
        print(stepper.count(library, options.where))
        for hits, symbol in functions(library, stepper.folder + "/counts.where"):
            print("%8.1f %s" % (hits, symbol))
        return 0
    if options.update:
        write_figures(gcc_major(), {n: stepper.count(library, n) for n in stepper.names()})
        return 0
    if os.uname().machine != "x86_64" or gcc_major() != compiler:
        print("SKIP the figures are of gcc %d on x86_64" % compiler)
        print("0 passed, 0 failed, 1 skipped")
        return 0
    measured, failed = check_paths(stepper, library, figures)
    failed += check_guard(stepper, figures, measured)
    passed = 2 * len(measured) - failed
    print("%d passed, %d failed, %d skipped" % (passed, failed, len(figures) - len(measured)))
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
