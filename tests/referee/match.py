"""Holds what strace saw of a run against what gilshim logged of it, thread by thread.

Every system call of at least a millisecond that can wait must lie inside a call that gilshim logged
in that thread. What does not is an escape, named by its system call and by the object whose
instruction made it. Kept apart, and counted, never dropped silently:

    never back      the process or the thread ended in it: the log has a call when it ends, the record
                    counts it when it begins, which is compared
    slow            a system call that waits for nobody (mprotect, a wake-up): the machine was busy
    own             made by the library itself: the lines of its log
    named           made by an object that the report of the same run names for it (INLINE), or by the
                    loader before the libraries of a program are there
"""
import collections
import re
import time

from libc_graph import waiting_names
from strace_file import LOADER, Inside, name_of

# The ways to wait by instructions of one's own that no preload can see, as reports name them.
INLINE = {"go": "Go makes its own system calls", "inline": "inline system calls",
          "computed": "inline system calls", "own-libc": "a libc of its own"}
OWN = re.compile(r"libgilshim\.so$")

# The system calls that wait, by the table that syscall(2) is judged by, less those that only change
# the memory of the process (the allocator makes them, too) or give the processor away.
WAITING = (waiting_names() | {"restart_syscall", "pselect6", "fchmodat2"}) - set(
    "mmap munmap mprotect mremap madvise mlock mlock2 mlockall munlock munlockall sched_yield".split())
# Logged when they begin and left by a jump: they last until the thread's next event.
ENTRY_ONLY = {"vfork", "dlopen", "dlclose", "clone", "err"}
# The rows that threads are made by; those that libc makes for its own use (aio) are made by none.
MAKERS = {"pthread_create", "thrd_create", "clone"}
LOADING = re.compile(r"^ld\.so$|/(ld-linux|libc\.so)[^/]*$")
SLACK_NS = 300_000

KINDS = ("seen", "escape", "named", "slow", "own", "open")


class Escape(collections.namedtuple("Escape", "program tid begin ns name args object where")):
    __slots__ = ()

    def __str__(self):
        return "%s: %s(%s %.1f ms, thread %d, in %s%s" % (
            self.program, self.name, self.args[:70], self.ns / 1e6, self.tid, self.object, self.where)


class Clocks:
    """CLOCK_REALTIME less CLOCK_MONOTONIC, before and after a run: a step or a slew between them
    would spoil every comparison."""

    def __init__(self):
        self.before = self.offset()

    @staticmethod
    def offset():
        best = None
        for _ in range(20):
            begin = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
            real = time.clock_gettime_ns(time.CLOCK_REALTIME)
            end = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
            if best is None or end - begin < best[0]:
                best = (end - begin, real - (begin + end) // 2)
        return best[1]

    def finish(self):
        after = self.offset()
        if abs(after - self.before) > SLACK_NS:
            raise ValueError("the clocks moved against each other by %d ns" % (after - self.before))
        return (after + self.before) // 2


# Of the system calls above, those that cannot wait by what they are asked.
HARMLESS = {"futex": re.compile(r"FUTEX_(WAKE|REQUEUE|CMP_REQUEUE|UNLOCK_PI|TRYLOCK_PI|WAKE_OP)"),
            "ioctl": re.compile(r"\b(TCGETS|TIOCGWINSZ|TIOCGPGRP|FIOCLEX|FIONCLEX|FIONBIO|FIONREAD)\b"),
            "fcntl": re.compile(r"F_(?!SETLKW|OFD_SETLKW)"),
            "getrandom": re.compile(r"GRND_NONBLOCK|GRND_INSECURE")}


def waits(interval):
    harmless = HARMLESS.get(interval.name)
    if harmless and harmless.search(interval.args):
        return False
    return interval.name in WAITING


class ThreadLog:
    """The calls of one thread as spans of CLOCK_REALTIME."""

    def __init__(self, lines, offset, rows_on):
        lines = sorted(lines, key=lambda line: line.begin)
        spans = [(line.begin + offset, line.begin + offset + line.duration) for line in lines]
        self.calls = Inside(spans)
        self.on = Inside([span for span, line in zip(spans, lines) if line.call in rows_on])
        self.makes = Inside([span for span, line in zip(spans, lines) if line.call in MAKERS])
        self.entered = Inside([(span[0], after[0]) for span, after, line
                               in zip(spans, spans[1:], lines) if line.call in ENTRY_ONLY])
        self.last = max(end for _, end in spans)

    def has(self, interval, path):
        """What was entered and not framed covers only what the loader and libc do there."""
        return (self.calls.has(interval.begin, interval.end, SLACK_NS) or
                LOADING.search(path) is not None and
                self.entered.has(interval.begin, interval.end, SLACK_NS))


def by_thread(lines, offset, rows_on):
    threads = collections.defaultdict(list)
    for line in lines:
        threads[line.tid].append(line)
    return {tid: ThreadLog(own, offset, rows_on) for tid, own in threads.items()}


class Verdict:
    """Time and number of the intervals of a run, by kind."""

    def __init__(self, program, excepted=None):
        self.program, self.excepted = program, excepted or {}
        self.ns, self.count = collections.Counter(), collections.Counter()
        self.escapes, self.named = [], collections.Counter()
        self.default_ns = 0  # seen with the rows that are watched by default
        self.open_threads, self.unbegun = collections.Counter(), 0

    def add(self, kind, ns):
        self.ns[kind] += ns
        self.count[kind] += 1

    def plus(self, other):
        self.ns += other.ns
        self.count += other.count
        self.named += other.named
        self.default_ns += other.default_ns
        self.escapes += other.escapes
        self.unbegun += other.unbegun

    def recall(self, what=None):
        counts = self.ns if what is None else what
        whole = counts["seen"] + counts["escape"]
        return counts["seen"] / whole if whole else 1.0

    def share_named(self):
        whole = self.ns["seen"] + self.ns["escape"] + self.ns["named"]
        return self.ns["named"] / whole if whole else 0.0


def judge(program, trace, logs, offset, rows_on, named):
    """`logs`: process number -> its lines. Processes without a log are no Python's, or made no call
    before they ended. `named`: object -> how it waits unseen, as the run's own report has it."""
    verdict = Verdict(program, named)
    read = {pid: by_thread(lines, offset, rows_on) for pid, lines in logs.items()}
    for image in trace.images:
        log = read.get(image.pid)
        if log is None or not is_judged(image, logs[image.pid], offset):
            continue
        for interval in trace.intervals(image):
            judge_interval(verdict, image, log, interval, trace.threads[interval.tid])
        until = end_of_watch(image, trace)
        for tid in image.threads:
            last = trace.threads[tid].open
            if last and image.holds(last) and waits(last) and trace.threads[tid].last > last.begin:
                judge_open(verdict, image, last, trace.threads[tid].last - last.begin,
                           last.begin < until and is_asked_for(trace, read, offset, tid))
    return verdict


def is_asked_for(trace, read, offset, tid):
    """False of a thread that libc made for itself, in no call that makes threads, and of those that
    such a thread made: what it waits in is in none of our counts."""
    while tid in trace.makers:
        maker, begin, end = trace.makers[tid]
        log = read.get(trace.process_of[tid], {}).get(maker)
        if not log or not log.makes.has(begin, end, SLACK_NS):
            return False
        tid = maker
    return True


def end_of_watch(image, trace):
    """The library's last look at what is loaded: it has begun to say what it found, and counts no
    more. Under strace that takes long enough for other threads to begin another call."""
    looks = [begin for tid in image.threads for begin, address in trace.threads[tid].looks
             if OWN.search(image.object_at(address, begin))]
    return max(looks, default=1 << 63)


def is_judged(image, lines, offset):
    """Did this image of the process log anything, or was it another program before or after?"""
    return any(line.begin + offset >= image.begin and
               (image.end is None or line.begin + offset < image.end) for line in lines)


def judge_interval(verdict, image, log, interval, thread):
    ns = interval.end - interval.begin
    path = image.object_at(interval.ip, interval.begin)
    kind, reason = kind_of(path, waits(interval), log.get(interval.tid), interval,
                           verdict.excepted)
    if kind == "escape" and never_returned(log.get(interval.tid), interval, thread):
        kind = "open"
    verdict.add(kind, ns)
    if kind == "seen" and log[interval.tid].on.has(interval.begin, interval.end, SLACK_NS):
        verdict.default_ns += ns
    if kind == "named":
        verdict.named[name_of(path) + ": " + reason] += ns
    if kind == "escape":
        verdict.escapes.append(Escape(verdict.program, interval.tid, interval.begin, ns,
                                      interval.name, interval.args, name_of(path),
                                      "+%#x" % offset_in(image, interval.ip)))


def why_named(path, excepted):
    """None: such an object's waits can be seen. Reports name objects by their SONAME, which is the
    beginning of a file's name."""
    if path == LOADER:
        return "its own system calls, until the libraries of a program are there"
    for name, reason in excepted.items():
        if name_of(path) == name or name_of(path).startswith(name + "."):
            return reason
    return None


def kind_of(path, can_wait, calls, interval, excepted):
    """(kind, the reason of a named one)"""
    if OWN.search(path):
        return "own", None
    if not can_wait:
        return "slow", None
    if calls and calls.has(interval, path):
        return "seen", None
    reason = why_named(path, excepted)
    return ("named", reason) if reason else ("escape", None)


def judge_open(verdict, image, last, ns, is_watched):
    """The call that a thread was in when it ended. The log has none, but it was counted."""
    path = image.object_at(last.ip, last.begin)
    reason = why_named(path, verdict.excepted)
    if reason:
        verdict.add("named", ns)
        verdict.named[name_of(path) + ": " + reason] += ns
    else:
        verdict.add("open", ns)
        verdict.open_threads[image.pid] += is_watched


def never_returned(calls, interval, thread):
    """Part of the call that the thread was in when it ended: the same instruction waited again."""
    return bool(thread.open and thread.open.ip == interval.ip and
                (calls is None or interval.begin > calls.last))


def offset_in(image, address):
    path = image.object_at(address, 1 << 63)
    bases = [start for _, start, end, mapped in image.mappings if mapped == path and start <= address]
    return address - min(bases) if bases else address
