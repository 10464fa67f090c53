#!/usr/bin/python3
"""Who was stalled, on every CPython found, against what the threads themselves measured.

Each scenario is a program of its own, run in this file by the interpreter under test (so it is
written for 3.6 and newer); it prints as JSON what it knows of itself."""
import json
import os
import sys
import time

HELD, RELEASED = "held", "released"
TICK = 0.0005


# ---- the programs ----

def clock():
    return time.monotonic()


class Tickers:
    """Threads that tick, and add up how long their ticks came late because somebody had the GIL."""

    def __init__(self, count, late=0.02):
        import threading
        self.stop, self.gaps, self.ticks = False, [0.0] * count, [0] * count
        self.late = late
        self.threads = [threading.Thread(target=self.ticker, args=(i,)) for i in range(count)]
        for thread in self.threads:
            thread.start()
        self.wait_for(20)

    def ticker(self, number):
        while not self.stop:
            begin = clock()
            time.sleep(TICK)
            gap = clock() - begin - TICK
            if gap > self.late:
                self.gaps[number] += gap
            self.ticks[number] += 1

    def wait_for(self, ticks):
        """Until each has ticked so often from now."""
        goal = [n + ticks for n in self.ticks]
        while any(n < m for n, m in zip(self.ticks, goal)):
            time.sleep(0.001)

    def end(self):
        self.wait_for(3)
        self.stop = True
        for thread in self.threads:
            thread.join()
        return sum(self.gaps)


def library(kind):
    import ctypes
    return ctypes.PyDLL(None) if kind == HELD else ctypes.CDLL(None)


def program_truth(kind, count):
    usleep = library(kind).usleep
    tickers = Tickers(int(count))
    tickers.gaps[:] = [0.0] * int(count)
    for _ in range(1 if int(count) > 1 else 2):
        usleep(250000)
        tickers.wait_for(2)
    print(json.dumps({"gaps_ns": int(tickers.end() * 1e9)}))


def longer(make, call, seconds=0.3):
    """The smallest input of its kind that keeps `call` busy for so long."""
    size = 1
    while True:
        data = make(size)
        begin = clock()
        call(data)
        if clock() - begin >= seconds:
            return data
        size += max(1, size // 4) if make is not pattern else 1


def pattern(size):
    return "a" * (16 + size)


def compute_re(data):
    import re
    return re.match(r"(a+)+b", data)


def compute_json(data):
    return json.dumps(data)


def compute_sort(data):
    return sorted(data)


def compute_pages(data):
    return data.find(b"x")


def compute_spin(milliseconds):
    import ctypes
    return ctypes.PyDLL(os.environ["SPIN"]).spin(milliseconds)


def compute_released_spin(milliseconds):
    import ctypes
    return ctypes.CDLL(os.environ["SPIN"]).spin(milliseconds)


def compute_hash(data):
    import hashlib
    return hashlib.sha256(data)


def compute_zlib(data):
    import zlib
    return zlib.compress(data)


def pages(size):
    """A mapped file none of whose pages is present."""
    import mmap
    import tempfile
    size *= 32 << 20
    with tempfile.TemporaryFile() as file:
        file.truncate(size)
        return mmap.mmap(file.fileno(), size, prot=mmap.PROT_READ)


COMPUTE = {  # what is computed: the data, and is the GIL kept meanwhile? None: the ticker says
    "re": (pattern, compute_re, True),
    "json": (lambda size: [1.5] * (size * 50000), compute_json, True),
    "sort": (lambda size: [(i * 7919) % 65537 for i in range(size * 50000)], compute_sort, True),
    "pages": (pages, compute_pages, True),
    "spin": (lambda size: 300, compute_spin, True),
    "released_spin": (lambda size: 300, compute_released_spin, False),
    # without OpenSSL 3.6 hashes with a module of its own, which keeps the GIL
    "hash": (lambda size: b"x" * (size << 23), compute_hash, None),
    "zlib": (lambda size: b"abcd" * (size << 20), compute_zlib, False),
}


def program_compute(name):
    make, call, _ = COMPUTE[name]
    data = longer(make, call)
    if make is pages:
        data = pages(len(data) >> 24)  # twice as much: to look at them again is faster
    tickers = Tickers(1)
    begin = clock()
    call(data)
    took = clock() - begin
    print(json.dumps({"took_ns": int(took * 1e9), "gap_ns": int(tickers.end() * 1e9), "line": call.__code__.co_firstlineno, "function": call.__name__,
                      "file": os.path.basename(call.__code__.co_filename)}))


def program_convoy(spins):
    """An I/O thread beside one that computes: it gets the GIL back a switch interval later."""
    import threading
    stop = []

    def spin():
        while not stop:
            pass

    if spins == "1":
        threading.Thread(target=spin).start()
    late, rounds, end = 0, 0, clock() + 20
    while late < 40 and clock() < end and rounds < 2000:
        begin = clock()
        time.sleep(0.0002)
        late += clock() - begin > 0.003
        rounds += 1
    stop.append(1)
    print(json.dumps({"late": late, "interval_ns": int(sys.getswitchinterval() * 1e9)}))


def program_fork():
    """The child of a program whose threads have waited."""
    usleep = library(HELD).usleep
    tickers = Tickers(3)
    usleep(100000)
    tickers.end()
    child = os.fork()
    if child == 0:
        time.sleep(0.001)
        os._exit(0)
    os.waitpid(child, 0)
    print(json.dumps({"child": child}))


OWN = """
import threading, time
count = [0]
def spin():
    end = time.monotonic() + %f
    while time.monotonic() < end:
        count[0] += 1
threads = [threading.Thread(target=spin) for _ in range(2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
"""


def program_interpreters(own):
    """A held call of the main interpreter, while another interpreter's threads want their own GIL, or
    share the main one."""
    import threading
    try:
        import _interpreters as interpreters
    except ImportError:
        import _xxsubinterpreters as interpreters
    if sys.version_info >= (3, 13):
        other = interpreters.create("isolated" if own == "1" else "legacy")
    else:
        other = interpreters.create(isolated=own == "1")
    run = getattr(interpreters, "run_string", None) or interpreters.exec
    usleep = library(HELD).usleep
    thread = threading.Thread(target=run, args=(other, OWN % 0.8))
    thread.start()
    time.sleep(0.2)
    usleep(300000)
    thread.join()
    print(json.dumps({}), flush=True)
    os._exit(0)  # 3.12.1 does not come to its end after threads of another interpreter


def program_collect():
    """The world is stopped again and again, beside a thread that runs and one in held calls."""
    import gc
    import threading
    usleep, stop = library(HELD).usleep, []

    def spin():
        while not stop:
            pass

    def sleep():
        while not stop:
            usleep(3000)

    threads = [threading.Thread(target=spin), threading.Thread(target=sleep)]
    for thread in threads:
        thread.start()
    for _ in range(100):
        gc.collect()
    stop.append(1)
    for thread in threads:
        thread.join()
    print(json.dumps({}))


if __name__ == "__main__" and sys.argv[1:2] == ["--program"]:
    globals()["program_" + sys.argv[2]](*sys.argv[3:])
    sys.exit()


# ---- the judge ----

import argparse  # noqa: E402
import shutil  # noqa: E402
import subprocess  # noqa: E402
import tempfile  # noqa: E402

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "truth"))
import interpreters  # noqa: E402  pylint: disable=wrong-import-position

ATTEMPTS = 4
passed, failed = 0, 0
SPIN_SOURCE = """
#include <time.h>
static volatile unsigned long turns;
int spin(int ms)
{
	struct timespec a, b;
	clock_gettime(CLOCK_MONOTONIC, &a);
	do {
		for (int i = 0; i < 100000; i++)
			turns++;
		clock_gettime(CLOCK_MONOTONIC, &b);
	} while ((b.tv_sec - a.tv_sec) * 1000 + (b.tv_nsec - a.tv_nsec) / 1000000 < ms);
	return 0;
}
"""


def check(name, *problems):
    global passed, failed
    problems = [problem for problem in problems if problem]
    if problems:
        failed += 1
        print("FAIL %s: %s" % (name, "; ".join(problems)))
    else:
        passed += 1
    sys.stdout.flush()


def near(what, value, truth, share, least):
    if abs(value - truth) > max(truth * share, least):
        return "%s: %.3f ms against %.3f ms" % (what, value / 1e6, truth / 1e6)
    return None


class Bench:
    def __init__(self, options):
        self.options = options
        self.folder = tempfile.mkdtemp(prefix="gilshim-stalls-")
        self.spin = os.path.join(self.folder, "libspin.so")
        source = os.path.join(self.folder, "spin.c")
        with open(source, "w") as file:
            file.write(SPIN_SOURCE)
        subprocess.run(["gcc", "-shared", "-fPIC", "-g", "-O1", "-o", self.spin, source], check=True)

    def run(self, python, *program, more="", gil="1", script=__file__):
        """What the program says of itself, and the report on it and its children, by pid."""
        records = tempfile.mkdtemp(dir=self.folder)
        environment = dict(os.environ, LD_PRELOAD=os.path.abspath(self.options.lib), SPIN=self.spin,
                           GILSHIM_OPTIONS="record=%s:summary=none%s" % (records, more))
        environment.pop("PYTHON_GIL", None)
        if python.free_threaded and gil:
            environment["PYTHON_GIL"] = gil
        out = subprocess.run([python.executable, os.path.abspath(script), "--program", *program],
                             env=environment, stdout=subprocess.PIPE, timeout=120, check=True)
        report = subprocess.check_output([self.options.command, "report", "-f", "json", records])
        self.records = records
        return json.loads(out.stdout.decode()), json.loads(report.decode())

    def report(self, pid):
        file = [name for name in os.listdir(self.records) if name.startswith("%d." % pid)]
        out = subprocess.check_output([self.options.command, "report", "-f", "json",
                                       os.path.join(self.records, file[0])])
        return json.loads(out.decode())


def accounts(report):
    """What was waited is what was charged and what was not; a site's part is the sites' sum."""
    waits = report["waits"]
    sites = sum(site["stalled_ns"] for site in report["sites"])
    parts = waits["held_ns"] + waits["computed_ns"] + waits["free_ns"] + waits["uncharged_ns"]
    gils = sum(gil["ns"] for gil in waits["gils"])
    threads = sum(thread["ns"] for thread in waits["threads"])
    return [
        None if sites == waits["held_ns"] else "sites %d, waits %d" % (sites, waits["held_ns"]),
        None if parts == waits["ns"] else "parts %d of %d" % (parts, waits["ns"]),
        None if gils == waits["ns"] == threads else "gils %d, threads %d" % (gils, threads),
        None if report["totals"]["held"]["stalled_ns"] == sites else "totals are not the sites' sum"]


def guilty(report):
    return [site for site in report["sites"] if site["call"] == "usleep"]


def judge_truth(bench, python, kind, count):
    known, report = bench.run(python, "truth", kind, str(count))
    stalled = sum(site["stalled_ns"] for site in report["sites"])
    problems = accounts(report)
    if kind == RELEASED:
        whole = 250e6 * (count if count > 1 else 2)
        problems.append(near("stalled", stalled, 0, 0, whole / 100))
        return problems
    problems.append(near("stalled", stalled, known["gaps_ns"], 0.05, 2e6))
    if known["gaps_ns"] < 200e6:
        problems.append("the threads noticed %d ns only" % known["gaps_ns"])
    site = guilty(report)[0] if len(guilty(report)) == 1 else None
    if not site:
        return problems + ["%d sites" % len(guilty(report))]
    if site["stalled"]["threads"] != count:
        problems.append("%d threads stalled" % site["stalled"]["threads"])
    if "ticker" not in site["stalled"]["names"]:
        problems.append("victims: %s" % site["stalled"]["names"])
    return problems


def judge_compute(bench, python, name):
    known, report = bench.run(python, "compute", name)
    keeps, took = COMPUTE[name][2], known["took_ns"]
    if keeps is None:
        keeps = known["gap_ns"] > took / 2
    # Importing and preparing data may take long too; that is another line.
    mine = [stall for stall in report["stalls"] if stall["rule"] == "GIL003" and
            any(line["function"] == known["function"] for line in stall["python"])]
    problems = accounts(report)
    if not keeps:
        return problems + ["blamed for %s" % stall["elapsed_ns"] for stall in mine]
    if not mine:
        return problems + ["no GIL003"]
    longest = max(mine, key=lambda stall: stall["worst_ns"])
    lines = [line for line in longest["python"] if line["function"] == known["function"]]
    if longest["thread"] != "MainThread":
        problems.append("thread %s" % longest["thread"])
    if not known["line"] < lines[0]["line"] <= known["line"] + 2:
        problems.append("line %d, not %d" % (lines[0]["line"], known["line"]))
    if min(longest["worst_ns"], longest["stalled_ns"]) < took * 0.7:
        problems.append("%d ns, stalled %d ns, of %d" % (
            longest["worst_ns"], longest["stalled_ns"], took))
    return problems


def judge_convoy(bench, python, spins):
    known, report = bench.run(python, "convoy", spins)
    delays = [stall for stall in report["stalls"] if stall["rule"] == "GIL004" and
              stall["call"] in ("clock_nanosleep", "select")]
    problems = accounts(report)
    if spins == "0":
        return problems + ["delayed %d times" % delay["delayed"] for delay in delays
                           if delay["delayed"] >= 10]
    if len(delays) != 1:
        return problems + ["%d functions delayed" % len(delays)]
    delay, interval = delays[0], known["interval_ns"]
    if delay["delayed"] < 20:
        problems.append("delayed %d times, late %d times" % (delay["delayed"], known["late"]))
    if not interval / 4 < delay["waited_median_ns"] < interval * 8:
        problems.append("median wait %d" % delay["waited_median_ns"])
    if delay["median_ns"] > delay["waited_median_ns"] / 2:
        problems.append("median call %d" % delay["median_ns"])
    return problems


def judge_fork(bench, python):
    known, _ = bench.run(python, "fork")
    waits = bench.report(known["child"])["waits"]
    return [None if waits["ns"] == 0 and waits["calls"] == 0 else "the child waited: %s" % waits]


def judge_interpreters(bench, python, own):
    _, report = bench.run(python, "interpreters", own)
    stalled = sum(site["stalled_ns"] for site in guilty(report))
    others = [gil for gil in report["waits"]["gils"] if gil["index"] and gil["calls"]]
    problems = accounts(report)
    if own == "0":
        return problems + [None if stalled > 200e6 else "stalled %d ns only" % stalled]
    problems.append(near("stalled", stalled, 0, 0, 5e6))
    return problems + [None if others else "nobody waited for the other GIL"]


def judge_free(bench, python):
    """Without a GIL nobody waits for a call, unless all threads are to stop meanwhile."""
    known, report = bench.run(python, "truth", HELD, "3", gil="0")
    text = subprocess.check_output([bench.options.command, "report", bench.records]).decode()
    blocked = sum(site["blocked_calls"] for site in guilty(report))
    return [near("the threads' own gaps", known["gaps_ns"], 0, 0, 50e6),
            near("stalled", report["totals"]["held"]["stalled_ns"], 0, 0, 0),
            None if blocked == 1 else "%d blocked calls" % blocked,
            "stalls: %s" % report["stalls"] if report["stalls"] else None,
            None if " while attached;\n" in text else "it is not said that it was attached",
            None if "no stop-the-world waited meanwhile: harmless" in text.replace("\n  ", " ")
            else "it is not said that it was harmless"] + accounts(report)


def judge_collect(bench, python):
    """Who was stopped, and waits to be attached again, is not attached."""
    report = bench.run(python, "collect", gil="0")[1]
    stopped = [site for site in report["sites"] if site["call"] == "sem_wait"]
    return ["blocked in sem_wait: %d" % site["blocked_calls"]
            for site in stopped if site["blocked_calls"]] + [
                None if guilty(report)[0]["blocked_calls"] > 20 else "held calls are missing",
                None if guilty(report)[0]["stalled_ns"] else "nobody was stalled"] + accounts(report)


def judge(name, function, *arguments):
    """A machine that is busy with something else makes truth noisy: not every attempt must agree."""
    for attempt in range(ATTEMPTS):
        problems = function(*arguments)
        if not any(problems):
            break
    check(name, *problems)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lib", required=True)
    parser.add_argument("--command", required=True)
    parser.add_argument("--only", default="")
    bench = Bench(parser.parse_args())
    import stalls_free  # which imports this file  pylint: disable=import-outside-toplevel
    found = [python for python in interpreters.discover()
             if python.cpython]
    for python in found:
        tests = [("%s %d threads" % (kind, count), judge_truth, kind, count)
                 for kind in (HELD, RELEASED) for count in (1, 3, 30)]
        tests += [("computes " + name, judge_compute, name) for name in COMPUTE]
        tests += [("convoy", judge_convoy, "1"), ("no convoy", judge_convoy, "0"),
                  ("fork", judge_fork)]
        if python.free_threaded:
            tests += [("held without a GIL", judge_free), ("stopped", judge_collect)]
            tests += stalls_free.TESTS
        if python.minor >= 12:
            tests += [("a GIL of its own", judge_interpreters, "1"),
                      ("a shared GIL", judge_interpreters, "0")]
        for name, function, *arguments in tests:
            name = "%s: %s" % (python.name, name)
            if bench.options.only in name:
                judge(name, function, bench, python, *arguments)
    shutil.rmtree(bench.folder)
    print("interpreters ran: " + " ".join(python.name for python in found))
    print("%d passed, %d failed" % (passed, failed))
    sys.exit(failed > 0 or not passed)


if __name__ == "__main__":
    main()
