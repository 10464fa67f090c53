#!/usr/bin/python3
"""The kill test: is the record of a program that dies at any moment whole and right?

    kill.py --lib build/libgilshim.so --command build/gilshim [--build DIR] [--kills N] [--seed S]

Two programs (killee.c, killee.py) make calls in several threads of several processes and say on a
shared board before each call that it begins and after it that it ended. They are killed with SIGKILL
at random moments; then every record must open and say as much as the board does: what had ended is
counted, what had not begun is not, per process, per call and state, and per site. A fifth of the
kills at least must land while new sites are being claimed. The last line is
"N passed, N failed, N skipped"."""
import argparse
import ctypes
import glob
import json
import os
import random
import shutil
import signal
import struct
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "guest"))
from world import PYTHON, World, Wrong, calls_of, check, check_sums, row  # noqa: E402

PR_SET_CHILD_SUBREAPER = 36
TIMEOUT = 30
IDLE, CLAIMING, KNOWN = range(3)

# killee.c
SLOTS, THREADS, SITES = 64, 4, 1024
KINDS = (("read", "held"), ("poll", "held"), ("pthread_mutex_lock", "held"), ("read", "released"),
         ("write", "released"), ("writev", "none"))
HEAD = (4 + 4 * THREADS + 7) // 8 * 8
SLOT = HEAD + 16 * THREADS * (len(KINDS) + SITES)

# killee.py
FUNCTIONS, PY_THREADS, PY_FIELDS, PY_PROCESSES = 300, 4, 5, 2
PY_SLOT = 1 + PY_THREADS * PY_FIELDS


class Count:
    """Calls begun and ended, by (call, state) and by site."""

    def __init__(self, pid, claiming):
        self.pid, self.claiming, self.kinds, self.sites = pid, claiming, {}, {}

    def add(self, kind, begun, ended):
        old = self.kinds.get(kind, (0, 0))
        self.kinds[kind] = (old[0] + begun, old[1] + ended)

    def total(self, state):
        pairs = [pair for (_, kind), pair in self.kinds.items() if kind == state]
        return sum(begun for begun, _ in pairs), sum(ended for _, ended in pairs)


def within(pair, counted, *words):
    begun, ended = pair
    check(ended <= counted <= begun, *words, "counted", counted, "ended", ended, "begun", begun)


class Native:
    """killee.c and its board."""
    name = "native"
    size = 8 + SLOTS * SLOT
    phases_at = (12, 16)
    strict = True

    def __init__(self, world):
        sources = [os.path.join(HERE, "killee.c")]
        self.argv = [world.fake("killee", *sources)]

    @staticmethod
    def counts(board):
        slots, = struct.unpack_from("=I", board, 0)
        for slot in range(min(slots, SLOTS)):
            base = 8 + slot * SLOT
            pid, *phases = struct.unpack_from("=%dI" % (1 + THREADS), board, base)
            values = struct.unpack_from("=%dQ" % ((SLOT - HEAD) // 8), board, base + HEAD)
            count = Count(pid, CLAIMING in phases)
            for i in range(THREADS * len(KINDS)):
                count.add(KINDS[i % len(KINDS)], values[2 * i], values[2 * i + 1])
            at = 2 * THREADS * len(KINDS)
            for site in range(SITES):
                pairs = [(values[at + 2 * (thread * SITES + site)],
                          values[at + 2 * (thread * SITES + site) + 1])
                         for thread in range(THREADS)]
                if any(begun for begun, _ in pairs):
                    count.sites["s_%03x" % site] = (sum(begun for begun, _ in pairs),
                                                    sum(ended for _, ended in pairs))
            if pid:
                yield count

    @staticmethod
    def check_sites(count, report):
        seen = {}
        for site in report["sites"]:
            check(site["call"] == "read" and site["symbol"] in count.sites, "no such site:", site)
            seen[site["symbol"]] = seen.get(site["symbol"], 0) + site["calls"]
        for symbol, pair in count.sites.items():
            within(pair, seen.get(symbol, 0), symbol)
        check(calls_of(report["totals"], "lost") == 0 and
              not any(report["totals"]["lost"].values()), "lost", report["totals"]["lost"])


class Python:
    """killee.py and its board."""
    name = "python"
    size = 8 * (1 + PY_PROCESSES * PY_SLOT)
    phases_at = tuple(8 * (2 + i * PY_SLOT + 4) for i in range(PY_PROCESSES))
    strict = False  # the interpreter makes calls of its own

    def __init__(self, _):
        self.program = os.path.join(HERE, "killee.py")
        self.argv = [PYTHON, self.program]

    @staticmethod
    def counts(board):
        words = struct.unpack("=%dQ" % (len(board) // 8), board)
        for process in range(PY_PROCESSES):
            base = 1 + process * PY_SLOT
            threads = [words[base + 1 + i * PY_FIELDS:base + 1 + (i + 1) * PY_FIELDS]
                       for i in range(PY_THREADS)]
            count = Count(words[base], any(thread[4] == CLAIMING for thread in threads))
            for thread in threads:
                count.add(("usleep", "held"), *thread[0:2])
                count.add(("usleep", "released"), *thread[2:4])
            if count.pid:
                yield count

    @staticmethod
    def check_sites(count, report):
        sites = [site for site in report["sites"] if site["call"] == "usleep"]
        within(count.kinds["usleep", "held"], sum(site["calls"] for site in sites), "at sites")
        for site in sites:
            function = site["python"][0]["function"] if site["python"] else "?"
            check(function == "make" or function.startswith("new_"), "no such function:", site)
            check(function == "make" or site["calls"] <= PY_THREADS, function, site["calls"])


class Killer:
    def __init__(self, world, chance):
        self.world, self.chance = world, chance
        self.claiming = 0

    def reap(self, pid):
        """All descendants: who lost its parent comes to us."""
        os.killpg(pid, signal.SIGKILL)
        while True:
            try:
                os.waitpid(-1, 0)
            except ChildProcessError:
                return

    def kill(self, killee):
        """Runs and kills it once. Returns the board, and the directory of the records."""
        directory = os.path.join(self.world.build, "runs", "killed")
        shutil.rmtree(directory, ignore_errors=True)
        os.makedirs(directory)
        records, board = os.path.join(directory, "records"), os.path.join(directory, "board")
        with open(board, "wb") as file:
            file.truncate(killee.size)
        environment = dict(os.environ, LD_PRELOAD=self.world.library,
                           GILSHIM_OPTIONS="record=%s:summary=none" % records)
        argv = killee.argv + [board] + ([str(FUNCTIONS)] if killee.name == "python" else [])
        with open(os.path.join(directory, "err"), "wb") as err:
            process = subprocess.Popen(argv, env=environment, stdin=subprocess.DEVNULL, stdout=err,
                                       stderr=err, cwd=directory, start_new_session=True)
        try:
            with open(board, "rb", buffering=0) as file:
                until = time.monotonic() + TIMEOUT
                # Some die before they made a call, some when they have seen all sites.
                awaited = self.chance.choice((IDLE, CLAIMING, CLAIMING, CLAIMING, KNOWN))
                while not any(self.phase(file, at) >= awaited for at in killee.phases_at):
                    check(process.poll() is None and time.monotonic() < until, "did not start")
                    time.sleep(0.001)
            time.sleep(self.chance.uniform(0, 0.03))
        finally:
            self.reap(process.pid)
            process.returncode = -signal.SIGKILL
        with open(board, "rb") as file:
            return file.read(), records

    @staticmethod
    def phase(file, at):
        file.seek(at)
        return file.read(1)[0]

    def report(self, path):
        done = subprocess.run([self.world.command, "report", "-f", "json", path],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
        check(done.returncode == 0 and done.stderr == b"", "report:", done.returncode, done.stderr)
        report = json.loads(done.stdout.decode())
        check_sums(report)
        return report

    def judge(self, killee, board, records):
        """Everything that the records say is what the board says."""
        held = released = 0
        known = set()
        for count in killee.counts(board):
            paths = glob.glob(os.path.join(records, "%d.*.gilshim" % count.pid))
            check(len(paths) <= 1, "records of one process:", paths)
            known.update(paths)
            if not paths:
                check(not any(ended for _, ended in count.kinds.values()), "no record")
                continue
            report = self.report(paths[0])
            process, = report["processes"]
            check(process["pid"] == count.pid and process["ended"] in ("lost", "_exit"), process)
            for (call, state), pair in count.kinds.items():
                within(pair, row(report, call).get(state, 0), call, state, "of", str(count.pid))
            if killee.strict:
                within(count.total("held"), calls_of(report["totals"], "held"), "held")
            killee.check_sites(count, report)
            held += calls_of(report["totals"], "held")
            released += calls_of(report["totals"], "released")
        everything = set(glob.glob(os.path.join(records, "*")))
        for path in everything - known:  # a process that was born and had not come to the board
            report = self.report(path)
            held += calls_of(report["totals"], "held")
            released += calls_of(report["totals"], "released")
        if everything:
            totals = self.report(records)["totals"]
            check((calls_of(totals, "held"), calls_of(totals, "released")) == (held, released),
                  "together", totals, "one by one", held, released)
        self.claiming += any(count.claiming for count in killee.counts(board))

    def judge_notices(self, killee, board, records):
        """The twin: a board that says some calls more, or less, does not agree. False: it cannot be
        asked, as there were too few."""
        at = 8 + HEAD  # the first count of the first thread of the first process
        begun, ended = struct.unpack_from("=2Q", board, at)
        if ended <= THREADS:
            return False
        for more in (THREADS + 1, -THREADS - 1):
            other = bytearray(board)
            struct.pack_into("=2Q", other, at, begun + more, ended + more)
            try:
                self.judge(killee, bytes(other), records)
            except Wrong:
                continue
            raise Wrong("a board with %d more calls agrees with the records" % more)
        return True


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lib", required=True, help="libgilshim.so")
    parser.add_argument("--command", required=True, help="gilshim")
    parser.add_argument("--build", default="build/kill", help="where to compile and run")
    parser.add_argument("--kills", type=int, default=500)
    parser.add_argument("--seed", type=int, default=None)
    chosen = parser.parse_args()
    seed = random.SystemRandom().randrange(1 << 32) if chosen.seed is None else chosen.seed
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    world = World(chosen.lib, chosen.command, chosen.build)
    killer = Killer(world, random.Random(seed))
    killees = [Native(world), Python(world)]
    failed = passed = 0
    noticed = False
    begun = time.monotonic()
    for i in range(chosen.kills):
        killee = killees[i % 5 == 4]
        try:
            board, records = killer.kill(killee)
            killer.judge(killee, board, records)
            if not noticed and killee.strict:
                claiming = killer.claiming
                noticed = killer.judge_notices(killee, board, records)
                killer.claiming = claiming
            passed += 1
        except Wrong as wrong:
            failed += 1
            kept = os.path.join(world.build, "failed-%d" % i)
            shutil.rmtree(kept, ignore_errors=True)
            shutil.copytree(os.path.join(world.build, "runs", "killed"), kept)
            print("FAIL kill %d, %s, seed %d: %s; see %s" %
                  (i, killee.name, seed, wrong, kept), flush=True)
    wanted = chosen.kills // 5
    print("%d kills, %d while new sites were claimed, %.0f s" %
          (chosen.kills, killer.claiming, time.monotonic() - begun))
    if not noticed:
        failed += 1
        print("FAIL no kill came late enough to see that a wrong board is noticed")
    if killer.claiming < wanted:
        failed += 1
        print("FAIL only %d of %d kills landed while new sites were claimed, %d are wanted" %
              (killer.claiming, chosen.kills, wanted))
    print("%d passed, %d failed, 0 skipped" % (passed, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
