"""How things are measured: variants in turn, round after round, so that whatever else the machine does
falls on all of them alike; each is compared with the bare run of its own round."""
import json
import math
import os
import random
import statistics
import subprocess
import time


class Failed(Exception):
    """A program did not run: the reason, as it said itself."""


def run(command, env=None, timeout=600, **how):
    """Standard output of a program that must succeed."""
    try:
        done = subprocess.run(command, env=env, timeout=timeout, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False, **how)
    except FileNotFoundError:
        raise Failed("not installed") from None
    except subprocess.TimeoutExpired:
        raise Failed("took more than %d s" % timeout) from None
    if done.returncode:
        said = (done.stderr or done.stdout).decode(errors="replace").strip().splitlines()
        raise Failed("status %d: %s" % (done.returncode, said[-1] if said else "says nothing"))
    return done.stdout.decode(errors="replace")


def run_json(command, env=None, timeout=600, **how):
    """The last line of output that is JSON: tools print around it."""
    out = run(command, env, timeout, **how)
    for line in reversed(out.splitlines()):
        if line.startswith("{"):
            return json.loads(line)
    raise Failed("printed no result")


def timed(command, env=None):
    """Milliseconds from start to end of a program, and of its CPU."""
    actions = [(os.POSIX_SPAWN_OPEN, fd, "/dev/null", os.O_RDWR, 0) for fd in (0, 1, 2)]
    begun = time.perf_counter()
    pid = os.posix_spawn(command[0], command, env or os.environ, file_actions=actions)
    _, status, usage = os.wait4(pid, 0)
    if status:
        raise Failed("%s: did not succeed" % command[0])
    return {"wall": 1000 * (time.perf_counter() - begun),
            "cpu": 1000 * (usage.ru_utime + usage.ru_stime)}


def in_turn(variants, rounds):
    """variants: {name: function}. Every round runs each once, every other round backwards, after one
    that does not count. {name: [a result a round]}."""
    results = {name: [] for name in variants}
    order = list(variants)
    for number in range(rounds + 1):
        for name in order:
            result = variants[name]()
            if number:
                results[name].append(result)
        order.reverse()
    return results


def processors():
    """One of those that this may run on, and the others, or the same if there is one: for taskset."""
    *others, one = map(str, sorted(os.sched_getaffinity(0)))
    return one, ",".join(others or [one])


class Program:
    """A program that does its work in parts (programs/parts.py): running, and waiting to be asked."""

    def __init__(self, command, env=None):
        self.child = subprocess.Popen(command, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                      stderr=subprocess.DEVNULL, text=True)

    def ask(self, line=""):
        """What it answers to a line."""
        print(line, file=self.child.stdin, flush=True)
        return self.listen()

    def listen(self):
        line = self.child.stdout.readline()
        if not line:
            raise Failed("it ended early")
        return line

    def part(self, scale):
        return json.loads(self.ask(str(scale)))

    def end(self):
        self.child.stdin.close()
        self.child.stdout.close()
        if self.child.wait():
            raise Failed("status %d" % self.child.returncode)


def parts_in_turn(starts, scale, times, rounds):
    """starts: {name: function that starts a Program}. So many times all are started, do parts of their
    work in turn, and end: short parts, so that those compared are done within what the machine does
    besides, and new processes, as one may be lucky in where it runs and where its memory lies. Who is
    first may be lucky, too, so the order is another each time (but the same in each run of this).
    {name: [[a result a part] a time]}"""
    results, order, any_order = {name: [] for name in starts}, list(starts), random.Random(1)
    for _ in range(times):
        programs = {}
        for name in order:
            results[name].append([])
        try:
            any_order.shuffle(order)
            for name in order:
                programs[name] = starts[name]()
            for number in range(rounds + 1):
                any_order.shuffle(order)
                for name in order:
                    part = programs[name].part(scale)
                    if number:
                        results[name][-1].append(part)
        finally:
            for program in programs.values():
                program.end()
    return results


def quartiles(values):
    if len(values) < 2:
        return [values[0]] * 3
    return statistics.quantiles(values, n=4, method="inclusive")


def median_interval(values):
    """Between these two of the values the median lies with 95 % certainty, however they spread: by the
    binomial distribution of how many of them are below it."""
    ordered, rank, below = sorted(values), 0, 0.5 ** len(values)
    while below <= 0.025:
        rank += 1
        below += math.comb(len(values), rank) * 0.5 ** len(values)
    rank = max(rank - 1, 0)
    return [ordered[rank], ordered[-1 - rank]]


def compare(bare, other, key=None):
    """Two series of the same rounds (of the results' values under a key): medians; and of the paired
    differences and ratios, median and quartiles; and the interval of the ratios' median. What else
    the machine does only adds to a time: of short ones the least of each series tells most."""
    if key is not None:
        bare, other = ([one[key] for one in series] for series in (bare, other))
    added = quartiles([b - a for a, b in zip(bare, other)])
    ratios = [b / a for a, b in zip(bare, other)]
    ratio = quartiles(ratios)
    return {"bare": statistics.median(bare), "value": statistics.median(other),
            "added": added[1], "added_quartiles": [added[0], added[2]],
            "ratio": ratio[1], "ratio_quartiles": [ratio[0], ratio[2]],
            "ratio_interval": median_interval(ratios),
            "least_added": min(other) - min(bare), "rounds": len(bare)}


def compare_parts(bare, other, key):
    """Two series of parts_in_turn(): medians of all parts; the median of the paired ratios of each time,
    and of these median and interval."""
    ratios = [statistics.median(b[key] / a[key] for a, b in zip(*both)) for both in zip(bare, other)]
    return {"bare": statistics.median(part[key] for parts in bare for part in parts),
            "value": statistics.median(part[key] for parts in other for part in parts),
            "ratio": statistics.median(ratios), "ratio_interval": median_interval(ratios),
            "times": len(bare), "parts": len(bare[0])}
