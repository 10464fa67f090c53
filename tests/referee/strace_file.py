"""Reads what `strace -ff` wrote of one run: one file a thread, each with every system call, when it
began (CLOCK_REALTIME), how long it took and where the instruction was that made it.

    strace -ff -y -i --absolute-timestamps=format:unix,precision:ns --syscall-times=ns -o PREFIX

Which threads make up a process, and which object an instruction belonged to, is found in the trace
itself: in what clone, fork and execve returned, and in the mappings that the loader made."""
import bisect
import collections
import glob
import os
import re

LINE = re.compile(r"^(\d+)\.(\d{9}) \[([0-9a-f]+)\] (\w+)\((.*)$")
# The kernel's own words for "once more", by name or, of a thread that is killed, by number.
RESTARTS = re.compile(r"= \? ERESTART|= -1 \(errno \d+\)")
TIME = re.compile(r" <(\d+)\.(\d{9})>$")
ENDED = re.compile(r"^(\d+)\.(\d{9}) \[[0-9a-f?]+\] \+\+\+ (.*) \+\+\+$")
CHILD = re.compile(r"\)?\s*= (\d+)")
MAPPED = re.compile(r"^(0x[0-9a-f]+|NULL), (\d+), [^,]+, [^,]+, \d+<([^>]*)>, (0x[0-9a-f]+|0)\)\s*"
                    r"= 0x([0-9a-f]+)")
LEAST_NS = 1_000_000
LOADER, LOADER_SIZE = "ld.so", 1 << 18

Interval = collections.namedtuple("Interval", "tid begin end name args ip")


class Thread:
    """One thread's part of the trace. `open` is the call that it never came back from."""

    def __init__(self, tid):
        self.tid, self.intervals, self.events = tid, [], []
        self.starts = []  # (time, address) of the first instruction after an exec: the loader's
        self.looks = []   # (time, address) of looks at the process's own mappings
        self.first = self.last = 0
        self.open, self.end = None, ""


class Image:
    """What one process was from a fork or an exec until its end or its next exec."""

    def __init__(self, pid, begin, parent=None):
        self.pid, self.begin, self.end = pid, begin, None
        self.program = parent.program if parent else ""
        self.mappings = list(parent.mappings) if parent else []
        self.loader = parent.loader if parent else 0
        self.threads = set()

    def object_at(self, address, when):
        """The path of the object that lay at an address at some time: the last one mapped there.
        The program and the loader are mapped by the kernel, which no trace shows."""
        for begun, start, end, path in reversed(self.mappings):
            if start <= address < end and begun <= when:
                return path
        if abs(address - self.loader) < LOADER_SIZE:
            return LOADER
        return self.program or "?"

    def holds(self, interval):
        return interval.begin >= self.begin and (self.end is None or interval.begin < self.end)


def nanoseconds(seconds, fraction):
    return int(seconds) * 1_000_000_000 + int(fraction)


def read_thread(path):
    """The intervals of at least LEAST_NS, and the calls that make threads, processes or mappings."""
    thread, executed, interrupted = Thread(int(path.rsplit(".", 1)[1])), False, None
    with open(path, errors="replace") as stream:
        for text in stream:
            text = text.rstrip("\n")
            match = LINE.match(text)
            if not match:
                ended = ENDED.match(text)
                if ended:
                    thread.last = nanoseconds(ended.group(1), ended.group(2))
                    thread.end = ended.group(3)
                continue
            begin = nanoseconds(match.group(1), match.group(2))
            thread.first = thread.first or begin
            if interrupted:
                thread.intervals.append(interrupted)
                interrupted = None
            name, rest = match.group(4), match.group(5)
            if executed:
                thread.starts.append((begin, int(match.group(3), 16)))
            executed = name == "execve" and bool(re.search(r"\)\s*= 0 ", rest))
            if name == "openat" and '"/proc/self/maps"' in rest:
                thread.looks.append((begin, int(match.group(3), 16)))
            took = TIME.search(rest)
            if not took:
                thread.open = Interval(thread.tid, begin, None, name, rest[:400],
                                       int(match.group(3), 16))
                continue
            thread.open = None
            end = begin + nanoseconds(took.group(1), took.group(2))
            if RESTARTS.search(rest):  # by a signal: if that was the end, it never returned
                thread.open = Interval(thread.tid, begin, None, name, rest[:400],
                                       int(match.group(3), 16))
                if end - begin >= LEAST_NS:
                    interrupted = thread.open._replace(end=end)
                continue
            thread.last = end
            if name in ("mmap", "clone", "clone3", "fork", "vfork", "execve"):
                thread.events.append((begin, end, name, rest))
            if end - begin >= LEAST_NS:
                thread.intervals.append(Interval(thread.tid, begin, end, name, rest[:400],
                                                 int(match.group(3), 16)))
    return thread


class Trace:
    """The processes of one run: `images`, and `threads` by their number; `makers`: of a thread, which
    thread made it from when to when."""

    def __init__(self, prefix):
        self.threads = {}
        for path in glob.glob(glob.escape(prefix) + ".*"):
            thread = read_thread(path)
            self.threads[thread.tid] = thread
        self.images, self.process_of, self.makers = [], {}, {}
        self.current = {}
        events = [(begin, end, thread.tid, name, rest) for thread in self.threads.values()
                  for begin, end, name, rest in thread.events]
        # A child is seen to run before clone has returned in its parent: makers go by their begin,
        # everything else by its end.
        makers = ("clone", "clone3", "fork", "vfork")
        events.sort(key=lambda event: event[0] if event[3] in makers else event[1])
        for begin, end, tid, name, rest in events:
            self.follow(begin, end, tid, name, rest)
        for thread in self.threads.values():
            self.image_of(thread.tid, thread.first).threads.add(thread.tid)
        for image in self.images:
            for when, address in self.starts_of(image.pid):
                if image.begin <= when and (image.end is None or when < image.end):
                    image.loader = address

    def image_of(self, tid, when):
        pid = self.process_of.setdefault(tid, tid)
        if pid not in self.current:
            self.current[pid] = Image(pid, when)
            self.images.append(self.current[pid])
        return self.current[pid]

    def follow(self, begin, end, tid, name, rest):
        image = self.image_of(tid, begin)
        if name == "mmap":
            mapped = MAPPED.match(rest)
            if mapped:
                start = int(mapped.group(5), 16)
                image.mappings.append((end, start, start + int(mapped.group(2)), mapped.group(3)))
        elif name == "execve":
            if re.search(r"\)\s*= 0", rest):
                image.end = end
                new = self.current[image.pid] = Image(image.pid, end)
                new.program = rest.split('"')[1] if '"' in rest else "?"
                self.images.append(new)
        else:
            child = re.search(r"\)\s*= (\d+)", rest)
            if not child:
                return
            child = int(child.group(1))
            if "CLONE_THREAD" in rest:
                self.process_of[child] = image.pid
                self.makers[child] = (tid, begin, end)
            else:
                self.process_of[child] = child
                self.current[child] = Image(child, begin, image)
                self.images.append(self.current[child])

    def starts_of(self, pid):
        return self.threads[pid].starts if pid in self.threads else []

    def intervals(self, image):
        for tid, thread in self.threads.items():
            if self.process_of[tid] == image.pid:
                yield from filter(image.holds, thread.intervals)


class Inside:
    """Calls of one thread as [begin, end): is a span inside one of them?"""

    def __init__(self, spans):
        spans = sorted(spans)
        self.begins, self.ends, latest = [], [], 0
        for begin, end in spans:
            latest = max(latest, end)
            self.begins.append(begin)
            self.ends.append(latest)

    def has(self, begin, end, slack):
        at = bisect.bisect_right(self.begins, begin + slack) - 1
        return at >= 0 and self.ends[at] >= end - slack


def name_of(path):
    """An object as people call it: no folder, no version of a file."""
    return os.path.basename(path) or path
