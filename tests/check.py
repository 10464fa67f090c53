#!/usr/bin/python3
"""Runs every suite of `make check` one after another and adds up what they say. The linters run
beside them, with what the others leave of the processors.

In CI a named skip is as good as a failure where the Makefile installs what it needs: the number of
skips of each suite is compared with tests/skips.txt."""
import argparse
import concurrent.futures
import os
import re
import signal
import subprocess
import sys
import time

# A shell starts what it does not wait for with these ignored, and so would every test be.
for number in signal.SIGINT, signal.SIGQUIT, signal.SIGHUP, signal.SIGTERM:
    if signal.getsignal(number) == signal.SIG_IGN:
        signal.signal(number, signal.SIG_DFL)

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--build", default="build")
parser.add_argument("--cases", default="", help="folders of more cases, separated by spaces")
parser.add_argument("--only", default="", help="run the suites whose name contains this")
options = parser.parse_args()

TESTS = os.path.dirname(os.path.abspath(__file__))
BUILD = os.path.abspath(options.build)
LIB, COMMAND = BUILD + "/libgilshim.so", BUILD + "/gilshim"
PYTHON = [sys.executable]
BOTH = ["--lib", LIB, "--command", COMMAND]
SCRATCH = BUILD + "/check"
SCHEMAS = ["--schemas", BUILD + "/schemas"]

SUITES = [
    ("house", PYTHON + [TESTS + "/house.py"] + BOTH + ["--build", BUILD]),
    ("libc", PYTHON + [TESTS + "/libc.py"] + BOTH),
    ("unit", [BUILD + "/test/unit"]),
    ("core", [BUILD + "/test/core"]),
    ("unit-asan", [BUILD + "/asan/unit"]),
    ("core-asan", [BUILD + "/asan/core"]),
    ("core-tsan", [BUILD + "/tsan/core"]),
    ("exercise-bare", [BUILD + "/exercise", "--bare"]),
    ("exercise", [BUILD + "/exercise", LIB]),
    ("instructions", PYTHON + [TESTS + "/bench/instructions.py", "--build",
                               SCRATCH + "/instructions"]),
    ("golden", PYTHON + [TESTS + "/golden/golden.py", "--command", COMMAND, "--records",
                         BUILD + "/records"] + SCHEMAS),
    ("exercise-cancel", [BUILD + "/exercise", "--cancel", LIB]),
    ("scripts", PYTHON + [TESTS + "/scripts.py"] + BOTH + ["--build", SCRATCH + "/scripts"]),
    ("busy", PYTHON + [TESTS + "/busy.py"] + BOTH),
    ("stalls", PYTHON + [TESTS + "/stalls.py"] + BOTH),
    ("guest", PYTHON + [TESTS + "/guest/guest.py"] + BOTH + ["--build", SCRATCH + "/guest"]),
    ("truth", PYTHON + [TESTS + "/truth/truth.py"] + BOTH + ["--build", SCRATCH + "/truth"]),
    ("disk", PYTHON + [TESTS + "/disk/disk.py"] + BOTH + ["--build", SCRATCH + "/disk"]),
    ("fuzz", PYTHON + [TESTS + "/fuzz/fuzz.py", "--build", BUILD + "/fuzz", "--seconds", "5",
                       "--planted", "60"]),
    ("kill", PYTHON + [TESTS + "/kill/kill.py"] + BOTH + ["--build", SCRATCH + "/kill",
                                                          "--kills", "40"]),
    ("referee", PYTHON + [TESTS + "/referee/referee.py"] + BOTH +
     ["--quick", "--build", SCRATCH + "/referee", TESTS + "/cases"]),
    ("transparent", PYTHON + [TESTS + "/transparent/transparent.py", "--quick"] + BOTH[:2] +
     ["--build", SCRATCH + "/transparent"]),
    ("cases", PYTHON + [TESTS + "/cases.py"] + BOTH + [TESTS + "/cases"]),
]
for name in ("run", "run_tree", "trees", "check", "gate", "install", "help", "formats", "symbols",
             "reports", "bound", "doctor"):
    SUITES.insert(-1, (name, PYTHON + ["%s/command/%s.py" % (TESTS, name)] + BOTH +
                       ["--build", SCRATCH + "/" + name] + SCHEMAS * (name == "formats")))
for number, folder in enumerate(options.cases.split()):
    SUITES.append(("more-cases" + ("-%d" % number if number else ""),
                   PYTHON + [TESTS + "/cases.py"] + BOTH + [folder]))
BESIDE = ("house",)
# Lines of a suite that are printed though nothing failed.
TELLING = (r"(?im)^(?:skip\b.*|interpreters? ran.*|flaky .*|(?:written back|resident): .*|"
           r"\d+ kills, .*)$")


def allowed_skips():
    figures = {}
    for line in open(TESTS + "/skips.txt"):
        words = line.split("#")[0].split()
        if words:
            figures[words[0]] = int(words[1])
    return figures


def count(output):
    """(passed, failed, skipped) of a suite's last lines: our own line, or CUnit's table."""
    own = re.findall(r"^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$", output, re.M)
    if own:
        return [int(n or 0) for n in own[-1]]
    table = re.search(r"^\s*tests\s+(\d+)\s+(\d+)\s+(\d+)\s+(\d+)\s+(\d+)", output, re.M)
    if table:
        total, _, passed, failed, inactive = map(int, table.groups())
        return [passed, failed, total - passed - failed if inactive else 0]
    return [0, 1, 0]


def run(name, command):
    """Runs a suite: what it counted, and what is to be printed of it."""
    begun = time.monotonic()
    environment = {name: value for name, value in os.environ.items()
                   if not name.startswith("MAKE") and name != "MFLAGS"}
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, errors="replace", check=False,
                              timeout=1500, env=environment)
        output, status = done.stdout, done.returncode
    except FileNotFoundError as error:
        output, status = str(error), 127
    except subprocess.TimeoutExpired as error:
        output, status = (error.stdout or b"").decode(errors="replace") + "\ntimed out\n", 124
    numbers = count(output)
    if status and not numbers[1]:
        numbers[1] = 1
    said = ["%-14s %5d passed, %d failed, %d skipped  %4.0f s" %
            (name, *numbers, time.monotonic() - begun)]
    if numbers[1]:
        said.append("\n".join("    " + line for line in output.splitlines()
                              if not re.search(r"\.\.\.passed$", line))[-6000:])
    said += ["    " + line for line in re.findall(TELLING, output)]
    return numbers, "\n".join(said)


def judge(name, numbers, said):
    print(said)
    if os.environ.get("CI") and numbers[2] > figures.get(name, 0):
        print("    %d skipped, tests/skips.txt allows %d: on a machine where everything could be "
              "installed this is a failure" % (numbers[2], figures.get(name, 0)))
        numbers[1] += 1
    sys.stdout.flush()
    for i, number in enumerate(numbers):
        sums[i] += number


sums, figures = [0, 0, 0], allowed_skips()
chosen = [(name, command) for name, command in SUITES if options.only in name]
with concurrent.futures.ThreadPoolExecutor(1) as pool:
    beside = [(name, pool.submit(run, name, ["nice", "-n", "15"] + command))
              for name, command in chosen if name in BESIDE and len(chosen) > 1]
    for name, command in chosen:
        if name not in [other for other, _ in beside]:
            judge(name, *run(name, command))
    for name, future in beside:
        judge(name, *future.result())
print("%d passed, %d failed, %d skipped" % tuple(sums))
sys.exit(sums[1] > 0 or sums[0] == 0)
