#!/usr/bin/python3
"""`gilshim report` on what is no record, or a damaged one: one line with the path and the reason,
status 2, and everything else that was named is reported all the same. On a record that is being
written: its sums hold at any moment. Then on many records: the cost
of each does not grow with their number, nor does memory, and a terminal is told how far it is."""
import contextlib
import os
import pty
import random
import re
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

import running
from running import COMMAND, LIB, PYTHON, TIMEOUT, check, environment, main
import schema

# Of the record's header: offsets of fields, and of the table of its sections.
VERSION, OLDEST, ENDIAN, HEADER_SIZE, FILE_SIZE, SECTIONS = 8, 12, 16, 20, 24, 32
MODULES, SITES = 0, 4
running.PLACES = ()  # nothing is run here that could leave anything
RECORDS = os.path.join(os.path.dirname(COMMAND), "records")


def record(folder):
    """One record of a program that slept with the GIL held; its path."""
    subprocess.run([PYTHON, "-c", "import ctypes\nctypes.PyDLL(None).usleep(3000)\n"], check=True,
                   env=environment(LD_PRELOAD=LIB, GILSHIM_OPTIONS="summary=none:record=" + folder))
    (name,) = os.listdir(folder)
    return os.path.join(folder, name)


def report(*paths, form="text", before=(), timeout=TIMEOUT):
    done = subprocess.run([*before, COMMAND, "report", "-f", form, *paths], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, check=False, timeout=timeout,
                          env=environment(DEBUGINFOD_URLS=None))
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def complains(bad, good, reason, before=()):
    """The bad path costs a line and the status, and nothing else."""
    for form in "text", "json":
        status, alone, said = report(good, form=form)
        check((status, said) == (0, ""), "the good one alone:", status, said)
        for paths in (bad, good), (good, bad):
            status, out, said = report(*paths, form=form, before=before)
            check(status == 2, form, "status", status, said)
            check(said.count("\n") == 1 and said.startswith("gilshim: %s" % bad) and
                  re.search(reason, said), form, "says", said)
            check(out == alone, form, "the good one:", out)
    status, out, said = report(bad, before=before)
    check((status, out) == (2, "") and said.count("\n") == 1, "alone:", status, out, said)


def changed(good, path, *changes):
    """A copy of the record with (offset, bytes) written over it."""
    subprocess.run(["cp", "--sparse=always", good, path], check=True)
    with open(path, "r+b") as file:
        for at, new in changes:
            file.seek(at)
            file.write(new)
    return path


def u32(number):
    return struct.pack("<I", number)


def section(good, which):
    """(offset, count, size) of a table."""
    with open(good, "rb") as file:
        return struct.unpack_from("<QII", file.read(4096), SECTIONS + 16 * which)


def first_site(good):
    offset, count, size = section(good, SITES)
    with open(good, "rb") as file:
        file.seek(offset)
        data = file.read(count * size)
    for slot in range(count):
        key, calls = struct.unpack_from("<QQ", data, slot * size)
        if key > 1 and calls:
            return offset + slot * size
    raise ValueError("no site")


def files(make, reason):
    def case(scratch):
        good = record(scratch + "/good")
        complains(make(scratch + "/bad.gilshim", good), good, reason)
    return case


def with_bytes(*changes):
    return lambda path, good: changed(good, path, *changes)


def cut(part):
    def make(path, good):
        changed(good, path)
        os.truncate(path, int(os.path.getsize(path) * part))
        return path
    return make


def text(content):
    def make(path, _):
        with open(path, "wb") as file:
            file.write(content)
        return path
    return make


def longer(path, good):
    changed(good, path)
    os.truncate(path, os.path.getsize(path) + 4096)
    return path


def section_outside(path, good):
    return changed(good, path, (SECTIONS + 16 * MODULES, struct.pack("<Q", 1 << 40)))


def bad_site(path, good):
    """The depths of its stacks: behind ten numbers, an index, two ids, and three bytes."""
    return changed(good, path, (first_site(good) + 10 * 8 + 4 + 2 * 2 + 3, b"\xff\xff"))


def fifo(path, _):
    os.mkfifo(path)
    return path


def listening(path, _):
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)
    return path


def loop(path, _):
    os.symlink(path, path)
    return path


def below_a_file(_, good):
    return good + "/file"


def forged_name(scratch):
    """One that would be two lines, and speak to the terminal."""
    good = record(scratch + "/good")
    bad = text(b"no record")(scratch + "/bad\n\x1b[31mgilshim: all is well", None)
    status, _, said = report(bad, good)
    check(status == 2 and said.count("\n") == 1 and "\x1b" not in said, "says", said)


def unreadable(scratch):
    good = record(scratch + "/good")
    before = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.getuid() == 0 else []
    bad = changed(good, scratch + "/bad.gilshim")
    os.chmod(bad, 0)
    complains(bad, good, "Permission denied; not in this report", before)
    os.mkdir(scratch + "/closed", 0)
    complains(scratch + "/closed", good, "Permission denied", before)
    os.chmod(scratch + "/closed", 0o700)


def empty_directory(scratch):
    good = record(scratch + "/good")
    os.mkdir(scratch + "/empty")
    complains(scratch + "/empty", good, r"no record files \(\*\.gilshim\) in it")
    text(b"")(scratch + "/empty/README", None)
    complains(scratch + "/empty", good, r"no record files")


def directory(scratch):
    """A bad file in a directory is named, its neighbours are read."""
    good = record(scratch + "/good")
    _, alone, _ = report(good)
    bad = changed(good, scratch + "/good/1.bad.gilshim", (ENDIAN, struct.pack(">I", 0x01020304)))
    status, out, said = report(scratch + "/good")
    check(status == 2 and out == alone, status, out)
    check(said == "gilshim: %s: made on a machine of the other byte order; not in this report\n" % bad,
          "says", said)


def twice(scratch):
    good = record(scratch + "/good")
    check(report(good) == report(good, good, scratch + "/good"), "counted twice")


def noise(scratch):
    """Random bytes anywhere: an answer, never a crash, and other records are there."""
    good = record(scratch + "/good")
    seed = int.from_bytes(os.urandom(4), "little")
    dice = random.Random(seed)
    used = [span for span in data_spans(good)]
    for turn in range(20):
        spots = []
        for _ in range(dice.choice((1, 8, 64))):
            start, end = dice.choice(used)
            spots.append((dice.randrange(start, end), bytes([dice.randrange(256)])))
        bad = changed(good, scratch + "/bad.gilshim", *spots)
        status, out, said = report(bad, good, form="json")
        check(status in (0, 2) and out and (status == 0 or said), "seed", seed, turn, status, said)
        schema.read(out)


def data_spans(path):
    """Where the file is not a hole."""
    end = os.path.getsize(path)
    with open(path, "rb") as file:
        data = file.read()
    pages = [at for at in range(0, end, 4096) if any(data[at:at + 4096])]
    return [(0, 512)] * len(pages) + [(at, min(at + 4096, end)) for at in pages]


# ---- while it is written ----

BUSY = """import ctypes, threading
held = ctypes.PyDLL(None)
def place(number):
    exec("def f%d():\\n for _ in range(20): held.usleep(1)" % number, globals())
    globals()["f%d" % number]()
for number in range(400): place(number)
print("all", flush=True)
held.pause()
"""


def sums(made):
    held = made["totals"]["held"]
    check(held["calls"] == sum(row["held"]["calls"] for row in made["functions"]) ==
          sum(site["calls"] for site in made["sites"]) + held["harmless"] +
          made["totals"]["lost"]["sites"], "sums:", held)
    return held["calls"]


def live(folder):
    """New sites at any moment: the sums hold, the numbers grow, and the end is all of it."""
    child = subprocess.Popen([PYTHON, "-c", BUSY], stdout=subprocess.PIPE, env=environment(
        LD_PRELOAD=LIB, GILSHIM_OPTIONS="summary=none:record=" + folder))
    try:
        seen, done, until = [], False, time.monotonic() + 3 * TIMEOUT
        while time.monotonic() < until:
            done = done or bool(select.select([child.stdout], [], [], 0)[0])
            status, out, said = report(folder, form="json") if os.path.isdir(folder) else (2, "", "")
            if status == 2:
                continue  # there is none yet
            made = schema.read(out)
            seen.append(sums(made))
            stuck = [site for site in made["sites"] if site["call"] == "pause"]
            if done and stuck and stuck[0].get("in_progress"):
                break
        check(seen == sorted(seen), "numbers that fall:", seen)
        places = [site for site in made["sites"] if site["call"] == "usleep"]
        check(done and [site["calls"] for site in places] == [20] * 400, "sites:", len(places))
        check("in_progress" not in places[0] and stuck[0]["in_progress"][0]["pid"] == child.pid,
              stuck)
        _, out, _ = report(folder)
        check("not returned: thread %d" % child.pid in out, "text:", out[-600:])
    finally:
        child.kill()
        child.communicate()


def live_in_memory(_):
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        live(folder + "/records")


def live_on_disk(scratch):
    live(scratch + "/records")


# ---- many ----

def make_records(scratch, count, sites):
    folder = "%s/many-%d-%d" % (scratch, count, sites)
    subprocess.run([RECORDS, folder, str(count), str(sites)], check=True)
    return folder


def cost(*command):
    """Instructions executed."""
    done = subprocess.run(
        ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", COMMAND, *command],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False,
        env=environment(DEBUGINFOD_URLS=None))
    check(done.returncode in (0, 1), command, done.returncode, done.stderr[-300:])
    return int(re.search(r"Collected : (\d+)", done.stderr).group(1))


def largest(*command):
    """Memory in KiB. The kernel's figure for a child begins with its parent's: time(1) is small."""
    done = subprocess.run(["time", "-q", "-f", "%M", COMMAND, *command], stdout=subprocess.DEVNULL,
                          stderr=subprocess.PIPE, check=False, env=environment())
    return int(done.stderr.split()[-1])


def scale(scratch):
    """Each of 200 records costs what each of 20 does; what does not depend on their number (the lists
    of packages) is taken off by a run with 1."""
    folders = {count: make_records(scratch, count, 40) for count in (1, 20, 200)}
    for command in (("report",), ("report", "-f", "json"), ("report", "-f", "sarif"), ("check",)):
        costs = {count: cost(*command, folder) for count, folder in folders.items()}
        each = [(costs[count] - costs[1]) / (count - 1) for count in (20, 200)]
        print("%s: instructions for each of 20 and of 200 records: %d, %d" %
              (" ".join(command), *each))
        check(0 < each[1] < 1.1 * each[0], command, "instructions a record:", each)


def memory(scratch):
    """What is kept of a record whose sites are known is a line in the list of processes."""
    few, many = (largest("report", make_records(scratch, count, 0)) for count in (100, 1000))
    print("100 records take %d KiB of memory, 1,000 take %d" % (few, many))
    check(0 < many - few < 1024, "KiB:", few, many)


def on_terminal(paths, term="xterm"):
    """What standard error, a terminal, is told by the report, which goes elsewhere; and its status."""
    pid, master = pty.fork()
    if pid == 0:
        try:
            os.dup2(os.open("/dev/null", os.O_WRONLY), 1)
            os.execve(COMMAND, [COMMAND, "report", *paths], environment(TERM=term))
        finally:
            os._exit(127)
    seen, until = b"", time.monotonic() + 5 * TIMEOUT
    with contextlib.suppress(OSError):  # its end
        while time.monotonic() < until:
            if select.select([master], [], [], 1)[0]:
                seen += os.read(master, 4096)
    if time.monotonic() >= until:
        os.kill(pid, signal.SIGKILL)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    os.close(master)
    return status, seen.decode()


def seconds(*command):
    """Of processor time."""
    child = subprocess.Popen([COMMAND, *command], stdout=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL, env=environment())
    _, status, usage = os.wait4(child.pid, 0)
    check(status == 0, command, status)
    return usage.ru_utime + usage.ru_stime


def progress(scratch):
    """The same records are named as often as it takes to make it slow."""
    folder = make_records(scratch, 200, 50)
    slow = [folder] * int(3 / min(seconds("report", folder) for _ in range(3)) + 1)
    gone = r"(gilshim: /nowhere/[^\r\n]*; functions in there are not named\r?\n)?"
    line = r"\r\x1b\[Kgilshim: reading records: \d+ of 200"
    status, seen = on_terminal(slow)
    check(status == 0 and re.fullmatch("(?:%s){2,}\r\x1b\\[K%s" % (line, gone), seen),
          "slow:", status, seen[-400:])
    status, seen = on_terminal(slow, "dumb")
    check(status == 0 and re.fullmatch(gone, seen), "a terminal that cannot erase:", seen[-400:])
    status, seen = on_terminal([folder])
    check(status == 0 and re.fullmatch(gone, seen), "fast:", seen[-400:])
    status, _, said = report(*slow, timeout=5 * TIMEOUT)
    check(status == 0 and re.fullmatch(gone, said), "no terminal:", said[-400:])


sys.exit(main([
    ("zero length", files(text(b""), "empty")),
    ("no record", files(text(b"print('hello')\n" * 1000), "not a gilshim record")),
    ("too short", files(text(b"GILSHIM\0"), "too short")),
    ("half a header", files(cut(0.00005), "truncated: the header")),
    ("truncated", files(cut(0.6), "truncated: shorter")),
    ("longer", files(longer, "damaged: longer")),
    ("a later version", files(with_bytes((VERSION, u32(9)), (OLDEST, u32(9))), "newer gilshim")),
    ("no version", files(with_bytes((VERSION, u32(0))), "damaged: no such format version")),
    ("the other byte order", files(with_bytes((ENDIAN, struct.pack(">I", 0x01020304))),
                                   "other byte order")),
    ("no byte order", files(with_bytes((ENDIAN, u32(77))), "damaged: no such byte order")),
    ("a hostile header", files(with_bytes((HEADER_SIZE, u32(1 << 31))), "damaged: impossible")),
    ("a hostile size", files(with_bytes((FILE_SIZE, struct.pack("<Q", 1 << 62))), "truncated")),
    ("a hostile table", files(section_outside, "damaged: a section does not fit")),
    ("a hostile site", files(bad_site, "damaged: a stack deeper")),
    ("nowhere", files(lambda path, _: path, "No such file")),
    ("below a file", files(below_a_file, "Not a directory")),
    ("a loop of links", files(loop, "symbolic links")),
    ("a FIFO", files(fifo, "not a regular file")),
    ("a socket", files(listening, "No such device|not a regular file")),
    ("a device", files(lambda *_: "/dev/zero", "not a regular file")),
    ("unreadable", unreadable), ("a forged name", forged_name),
    ("an empty directory", empty_directory), ("in a directory", directory), ("twice", twice),
    ("live, in memory", live_in_memory), ("live, on a disk", live_on_disk),
    ("noise", noise), ("scale", scale), ("memory", memory), ("progress", progress),
]))
