"""Who was stalled in free-threaded builds whose GIL is off, or turned on later: part of stalls.py.

The programs are run in this file by the interpreter under test; they print what they know."""
import json
import os
import subprocess
import sys
import time

from stalls import HELD, RELEASED, TICK, Tickers, accounts, clock, guilty, library, near


# ---- the programs ----

def program_world(kind, *how):
    """Held calls, and meanwhile a stop of the world, which waits for them; so do the tickers."""
    import gc
    import threading
    usleep, begun, ended, collected, called = library(kind).usleep, [], [], 0, 0
    if "interpreters" in how:
        import _interpreters
        _interpreters.create()

    def one():
        begun.append(1)
        usleep(300000)
        ended.append(clock())

    def two():
        begun.append(2)
        usleep(300000)
        ended.append(clock())

    gc.disable()
    calls = (one, two) if "two" in how else (one,)
    tickers = Tickers(3)
    tickers.gaps[:] = [0.0] * 3
    for _ in range(2):
        begun.clear()
        threads = [threading.Thread(target=call) for call in calls]
        for thread in threads:
            thread.start()
        while len(begun) < len(calls):
            time.sleep(TICK)
        time.sleep(0.03)
        begin = clock()
        if "collect" in how:
            gc.collect()
        collected += clock() - begin
        for thread in threads:
            thread.join()
        called += max(ended) - begin
        tickers.wait_for(2)
    print(json.dumps({"gaps_ns": int(tickers.end() * 1e9), "collected_ns": int(collected * 1e9),
                      "called_ns": int(called * 1e9)}))


def program_stuck():
    """A stop of the world that waits for a call that does not return."""
    import gc
    import threading
    usleep = library(HELD).usleep
    tickers = Tickers(3)
    threading.Thread(target=usleep, args=(60000000,)).start()
    tickers.wait_for(20)
    print("stuck", flush=True)
    gc.collect()


def program_killed():
    child = subprocess.Popen([sys.executable, os.path.abspath(__file__), "--program", "stuck"],
                             stdout=subprocess.PIPE)
    child.stdout.readline()
    time.sleep(0.5)
    child.kill()
    child.wait()
    print(json.dumps({"child": child.pid}))


def program_later(folder):
    """The GIL is turned on by the import of a module that says nothing of it."""
    import warnings
    held, released = library(HELD).usleep, library(RELEASED).usleep
    tickers, gaps, enabled = Tickers(3), [], []
    for call in (held, held, released):
        tickers.gaps[:] = [0.0] * 3
        call(250000)
        tickers.wait_for(2)
        gaps.append(int(sum(tickers.gaps) * 1e9))
        enabled.append(sys._is_gil_enabled())  # pylint: disable=protected-access
        if not enabled[-1]:
            sys.path.insert(0, folder)
            warnings.simplefilter("ignore", RuntimeWarning)
            __import__("single")
            tickers.wait_for(2)
    tickers.end()
    print(json.dumps({"gaps_ns": gaps, "enabled": enabled}))


# ---- the judge ----

# A module that is made in one phase, and says nothing of the GIL.
SINGLE_SOURCE = """
#include <Python.h>
static struct PyModuleDef def = {PyModuleDef_HEAD_INIT, .m_name = "single", .m_size = -1};
PyMODINIT_FUNC PyInit_single(void)
{
	return PyModule_Create(&def);
}
"""


def build_single(folder, python):
    source = os.path.join(folder, "single.c")
    with open(source, "w") as file:
        file.write(SINGLE_SOURCE)
    subprocess.run(["gcc", "-shared", "-fPIC", "-I", python.include, "-o",
                    os.path.join(folder, "single.so"), source], check=True)


def world(report):
    """What was waited for stops of the world."""
    stops = [gil for gil in report["waits"]["gils"] if gil.get("kind") == "stop-the-world"]
    return stops[0] if stops else {"ns": 0, "held_ns": 0, "calls": 0}


def judge_world(bench, python, kind, *how):
    """While a stop of the world waits for a held call, everybody waits for that call."""
    known, report = bench.run(python, "world", kind, *how, gil="0", script=__file__)
    text = subprocess.check_output([bench.options.command, "report", bench.records]).decode()
    truth = known["gaps_ns"] + known["collected_ns"]
    problems = accounts(report)
    if kind == RELEASED or "collect" not in how:
        problems.append(near("stalled", world(report)["held_ns"], 0, 0,
                             250e6 * 4 * 2 / 100 if "collect" in how else 0))
        return problems + [near("the threads' own gaps", known["gaps_ns"], 0, 0, 100e6)]
    if truth < 1600e6:
        problems.append("the threads noticed %d ns only" % truth)
    if " waited for a stop-the-world: " not in text:
        problems.append("it is not said what was waited for")
    problems.append(near("waited", world(report)["ns"], truth, 0.05, 2e6))
    if "interpreters" in how:  # which of them was to stop is not known
        return problems + [near("stalled", world(report)["held_ns"], 0, 0, 0)]
    # Where processors are wanted by others, threads stand still for longer than the call lasts.
    stalled = world(report)["held_ns"]
    problems.append(near("stalled", stalled, truth, 0.05, 2e6) and
                    near("stalled", stalled, min(truth, known["called_ns"] * 4), 0.05, 2e6))
    sites = guilty(report)
    if len(sites) != len(how):
        return problems + ["%d sites" % len(sites)]
    for site in sites:
        # each its part, which is not the same where one of two woke later than the other
        if site["stalled_ns"] * len(how) < stalled * 0.6:
            problems.append("a site has %d ns of %d" % (site["stalled_ns"], stalled))
        # the thread whose call is over first may have to wait for the other's
        if site["stalled"]["threads"] not in range(4, 4 + len(how)):
            problems.append("%d threads stalled" % site["stalled"]["threads"])
        if not {"ticker", "MainThread"} <= set(site["stalled"]["names"]):
            problems.append("victims: %s" % site["stalled"]["names"])
    return problems


def judge_later(bench, python):
    """From when the GIL is on, its waits count; before, nobody waited."""
    build_single(bench.folder, python)
    known, report = bench.run(python, "later", bench.folder, gil=None, script=__file__)
    if known["enabled"] != [False, True, True]:
        return ["the GIL was on or off: %s" % known["enabled"]]
    gil = [gil["held_ns"] for gil in report["waits"]["gils"] if gil["index"] == 0]
    blocked = sum(site["blocked_calls"] for site in guilty(report))
    stalled = sum(site["stalled_ns"] for site in guilty(report))
    return accounts(report) + [
        near("the threads' own gaps", known["gaps_ns"][0] + known["gaps_ns"][2], 0, 0, 50e6),
        None if known["gaps_ns"][1] > 600e6 else "gaps of %d ns only" % known["gaps_ns"][1],
        near("stalled", stalled, known["gaps_ns"][1], 0.05, 2e6),
        near("waited for the GIL", sum(gil), known["gaps_ns"][1], 0.05, 5e6),
        None if blocked == 2 else "%d blocked calls" % blocked]


def judge_killed(bench, python):
    """Of a process that is killed meanwhile it is known up to the last turn of who asked."""
    known, _ = bench.run(python, "killed", gil="0", script=__file__)
    report = bench.report(known["child"])
    waits = report["waits"]
    return accounts(report) + [
        None if waits["held_ns"] > 4 * 300e6 else "stalled %d ns only" % waits["held_ns"],
        near("waited", waits["ns"], waits["held_ns"], 0.05, 10e6),
        None if any("waiting_ns" in thread for thread in waits["threads"]) else "nobody waits"]


TESTS = [
    ("a stop of the world", judge_world, HELD, "collect"),
    ("a stop and two calls", judge_world, HELD, "collect", "two"),
    ("a stop and a released call", judge_world, RELEASED, "collect"),
    ("no stop", judge_world, HELD),
    ("a stop, two interpreters", judge_world, HELD, "collect", "interpreters"),
    ("killed while all wait", judge_killed),
    ("a GIL turned on later", judge_later),
]

if __name__ == "__main__":
    globals()["program_" + sys.argv[2]](*sys.argv[3:])
