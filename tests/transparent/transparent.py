#!/usr/bin/python3
"""Is the library invisible? What other people's tests and programs say of it.

    transparent.py --lib build/libgilshim.so [--build DIR] [--quick] [--section cpython|programs]
        [--versions 3.11.2,3.13.0] [--modules test_os,test_io] [--options TEXT]

CPython's own regression tests run bare and preloaded, and the verdicts are compared test by test. A
difference is looked for again, three times on each side in turn; one that is not there each time is
called flaky. listed.txt names the tests that may differ, and why. Then other people's programs: what
they say, bare, preloaded without a summary, and preloaded. The last line is
"N passed, N failed, N skipped", in tests and programs. Exit status 1 if anything failed.
"""
import argparse
import concurrent.futures
import fnmatch
import os
import shutil
import sys

import cpython
import programs
import runs

HERE = os.path.dirname(os.path.abspath(__file__))


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lib", required=True, help="libgilshim.so")
    parser.add_argument("--build", default="build/transparent", help="where logs are kept")
    parser.add_argument("--quick", action="store_true", help="a part that takes about a minute")
    parser.add_argument("--section", choices=("cpython", "programs"), help="only this one")
    parser.add_argument("--python", default="/usr/bin/python3", help="for the programs")
    parser.add_argument("--versions", default="", help="of CPython, separated by commas")
    parser.add_argument("--modules", default="", help="or programs, separated by commas")
    parser.add_argument("--options", default="", help="GILSHIM_OPTIONS of the preloaded runs")
    parser.add_argument("--jobs", type=int, default=2, help="runs at the same time")
    chosen = parser.parse_args()
    if not os.path.exists(chosen.lib):
        parser.error("%s does not exist" % chosen.lib)
    return chosen


class Listed:
    """The differences that are meant to be."""

    def __init__(self):
        self.lines = []
        for line in open(os.path.join(HERE, "listed.txt")):
            words = line.split(None, 2)
            if len(words) == 3 and not line.startswith("#"):
                self.lines.append(tuple(words[:2]))

    def find(self, version, test):
        return any(fnmatch.fnmatchcase(version, pattern[0]) and
                   fnmatch.fnmatchcase(test, pattern[1]) for pattern in self.lines)


def sort_out(module, listed):
    """The module's differences, without those that are listed."""
    version = ".".join(map(str, module.interpreter.version))
    module.listed = [test for test in module.differ if listed.find(version, test)]
    module.differ = [test for test in module.differ if test not in module.listed]


def tell(module):
    if module.tests or module.differ:
        print("%-15s %-30s %4d tests %4d same %2d differ %2d listed %2d flaky %5.0f s" % (
            module.interpreter.name, module.name, module.tests, same(module), len(module.differ),
            len(module.listed), len(module.flaky), module.seconds))
    for word, tests in (("FAIL", module.differ), ("flaky", module.flaky)):
        for test in tests:
            print("%s %s %s: %s" % (word, module.interpreter.name, test, module.counts(test)))
    sys.stdout.flush()


def same(module):
    return module.tests - sum(test != cpython.WHOLE for test in
                              module.differ + module.listed + module.flaky)


def cell(module):
    if module is None:
        return "-"
    text = "%d" % same(module)
    for tests, letter in (module.differ, "d"), (module.listed, "l"), (module.flaky, "f"):
        if tests:
            text += " %d%s" % (len(tests), letter)
    return text


def print_table(modules, names):
    """Tests that are the same, and how many differ (d), may differ (l) or are flaky (f)."""
    found = {(module.name, module.interpreter.name): module for module in modules}
    columns = sorted({module.interpreter.name for module in modules})
    form = "%-32s" + " %14s" * len(columns)
    print(form % ("same, d(iffer), l(isted), f(laky)", *columns))
    for name in names:
        cells = [cell(found.get((name, column))) for column in columns]
        if set(cells) != {"-"}:
            print(form % (name, *cells))
    for what, number in (("modules", lambda module: 1), ("tests", lambda module: module.tests),
                         ("same", same), ("differ", lambda module: len(module.differ)),
                         ("listed", lambda module: len(module.listed)),
                         ("flaky", lambda module: len(module.flaky))):
        print(form % ("total " + what, *(sum(
            number(module) for module in modules if module.interpreter.name == column)
            for column in columns)))


def matching(interpreter, versions):
    """The first of `versions` that means this interpreter: "3.13" or "system-3.11"; or None."""
    text = ".".join(map(str, interpreter.version))
    for version in versions:
        if (text if version[0].isdigit() else interpreter.name).startswith(version):
            return version
    return None


def chosen_interpreters(chosen):
    """Those to run, of a quick run one of each version; and how many lack their tests."""
    versions = [version for version in chosen.versions.split(",") if version]
    if chosen.quick and not versions:
        versions = cpython.QUICK_VERSIONS
    found, skipped, seen = [], 0, set()
    for interpreter in cpython.find():
        version = matching(interpreter, versions)
        if versions and (not version or chosen.quick and version in seen):
            continue
        if not interpreter.modules(["test_os"]):
            print("skip %s: its regression tests are not installed" % interpreter.name)
            skipped += 1
            continue
        seen.add(version)
        found.append(interpreter)
    return found, skipped


def in_parallel(jobs, count, runner):
    """Yields each job once its compare() has ended."""
    with concurrent.futures.ThreadPoolExecutor(count) as pool:
        try:
            for job in concurrent.futures.as_completed([pool.submit(job.compare) for job in jobs]):
                yield job.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            runner.stop()
            raise


def run_cpython(chosen, runner, wanted, logs):
    found, skipped = chosen_interpreters(chosen)
    names = wanted or (cpython.QUICK if chosen.quick else cpython.MODULES)
    listed, modules = Listed(), []
    jobs = [cpython.Module(runner, interpreter, name, logs, chosen.options)
            for interpreter in found for name in interpreter.modules(names)]
    print("interpreters ran: " + " ".join(interpreter.name for interpreter in found))
    for module in in_parallel(jobs, chosen.jobs, runner):
        sort_out(module, listed)
        tell(module)
        modules.append(module)
    print_table(modules, names)
    failed = sum(len(module.differ) for module in modules)
    return sum(module.tests for module in modules) - failed, failed, skipped


def run_programs(chosen, runner, wanted, logs):
    """One at a time: without namespaces they would share ports."""
    names = [name for name in programs.TABLE if not wanted or name in wanted]
    if not names:
        return 0, 0, 0
    try:
        interpreter = programs.install(os.path.abspath(chosen.build), chosen.python)
    except programs.Missing as missing:
        print("skip programs: %s" % missing)
        return 0, 0, len(names)
    failed = 0
    jobs = [programs.Program(runner, name, interpreter, logs) for name in names]
    for program in in_parallel(jobs, 1, runner):
        word = "differs" if program.wrong else "same, flaky" if program.flaky else "same"
        print("%-15s %-12s %5.0f s  %s" % (program.name, word, program.seconds, program.what))
        for wrong in program.wrong:
            print("    FAIL " + wrong)
        sys.stdout.flush()
        failed += bool(program.wrong)
    return len(names) - failed, failed, 0


def main():
    chosen = arguments()
    runner = runs.Runner(chosen.lib)
    if not runner.isolated:
        print("runs are not isolated: no network and process namespaces here")
    logs = os.path.join(os.path.abspath(chosen.build), "logs")
    shutil.rmtree(logs, ignore_errors=True)
    os.makedirs(logs)
    wanted = [name for name in chosen.modules.split(",") if name]
    sums = [0, 0, 0]
    for section, function in (("cpython", run_cpython), ("programs", run_programs)):
        if chosen.section in (None, section) and not (chosen.quick and section == "programs"):
            sums = [a + b for a, b in zip(sums, function(chosen, runner, wanted, logs))]
    print("%d passed, %d failed, %d skipped" % tuple(sums))
    return 1 if sums[1] or not sums[0] else 0


if __name__ == "__main__":
    sys.exit(main())
