#!/usr/bin/python3
"""Where records lie: full disks, directories that cannot be written, file systems that make a store
wait. In none of these does a program fail or get slower than the README says.

    disk.py --lib build/libgilshim.so --command build/gilshim [--build DIR] [--only SUBSTR]

Mounts file systems of its own; where that is not allowed a case is skipped by name. The last line
is "N passed, N failed, N skipped"."""
import argparse
import contextlib
import glob
import json
import os
import re
import select
import shutil
import subprocess
import sys
import tempfile
import threading

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "guest"))
from world import PYTHON, Skip, World, Wrong, check, row  # noqa: E402

TIMEOUT = 60
NOBODY = 65534
PROGRAM = ("import ctypes\ncall = ctypes.PyDLL(None).usleep\n"
           "for i in range(20):\n"
           "    exec('def f%d():\\n    call(10)' % i)\n    globals()['f%d' % i]()\n")
# What a site's first sight writes to lies all over the record.
LATER = "import sys\nprint('ready', flush=True)\nsys.stdin.readline()\n" + PROGRAM + "print('done')\n"


def tool(*argv):
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False)
    if done.returncode:
        raise Skip("%s: %s" % (" ".join(argv[:3]), done.stdout.decode().strip()[-200:]))


@contextlib.contextmanager
def mounted(world, *arguments, device="none"):
    if os.geteuid() != 0:
        raise Skip("only root may mount")
    place = tempfile.mkdtemp(dir=os.path.join(world.build, "runs"))
    tool("mount", *arguments, device, place)
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", place], check=False)


@contextlib.contextmanager
def tmpfs(world, size="16m"):
    with mounted(world, "-t", "tmpfs", "-o", "mode=777,size=" + size) as place:
        yield place


@contextlib.contextmanager
def ext4(world):
    if not shutil.which("mkfs.ext4"):
        raise Skip("no mkfs.ext4")
    with tempfile.NamedTemporaryFile(dir=os.path.join(world.build, "runs")) as image:
        image.truncate(32 << 20)
        tool("mkfs.ext4", "-q", "-m", "0", image.name)
        with mounted(world, "-o", "loop", device=image.name) as place:
            os.chmod(place, 0o777)
            yield place


@contextlib.contextmanager
def overlay(world):
    with tmpfs(world) as lower:
        for name in ("lower", "upper", "work"):
            os.mkdir(os.path.join(lower, name))
        with mounted(world, "-t", "overlay", "-o", "lowerdir={0}/lower,upperdir={0}/upper,"
                     "workdir={0}/work".format(lower)) as place:
            yield place


SYSTEMS = {"tmpfs": tmpfs, "ext4": ext4, "overlayfs": overlay}


def fill(place):
    """Not a byte is left."""
    with open(os.path.join(place, "filler"), "wb", buffering=0) as file:
        for size in (1 << 20, 4096, 1):
            with contextlib.suppress(OSError):
                while True:
                    file.write(b"x" * size)


def environment(world, options):
    clean = {key: value for key, value in os.environ.items()
             if not key.startswith(("GILSHIM", "LD_PRELOAD", "PYTHON"))}
    clean.update(LD_PRELOAD=world.library, GILSHIM_OPTIONS=options, GILSHIM_LIBRARY=world.library)
    return clean


def run(world, directory, *argv, options="", **how):
    done = subprocess.run(argv, env=environment(world, "record=%s:summary=none%s" % (directory,
                                                                                    options)),
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=False,
                          stderr=subprocess.PIPE, timeout=TIMEOUT, **how)
    return done.returncode, done.stderr.decode()


class Live:
    """A program that says `ready`, waits for a line, works, and says `done`."""

    def __init__(self, env, *argv, **how):
        self.process = subprocess.Popen(argv, env=env, stdin=subprocess.PIPE, bufsize=0,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, **how)

    def hears(self, word, seconds=TIMEOUT):
        """The line, or None if there is none in that time."""
        if not select.select([self.process.stdout], [], [], seconds)[0]:
            return None
        line = self.process.stdout.readline().decode()
        check(line.startswith(word), "said", line, "not", word)
        return line

    def go(self):
        self.process.stdin.write(b"go\n")

    def end(self):
        _, err = self.process.communicate(timeout=TIMEOUT)
        return self.process.returncode, err.decode()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate()


def read(world, directory):
    """The report of one record: it is whole."""
    files = glob.glob(os.path.join(directory, "*"))
    check(len(files) == 1 and files[0].endswith(".gilshim"), "files:", files)
    done = subprocess.run([world.command, "report", "-f", "json", directory], check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    check(done.returncode == 0 and not done.stderr, "report:", done.stderr)
    return json.loads(done.stdout.decode())


def refused(status, said, why):
    lines = said.splitlines()
    check(status == 0, "status", status, said)
    check(len(lines) == 1 and why in lines[0] and "keeps no record" in lines[0], "said", said)


# ---- is there room? ----

def works(system):
    """The twin of all that follows: with room there is a record, and nothing is said."""
    def case(world):
        with SYSTEMS[system](world) as place:
            directory = os.path.join(place, "records")
            status, said = run(world, directory, PYTHON, "-c", PROGRAM)
            check((status, said) == (0, ""), "status", status, said)
            check(row(read(world, directory), "usleep") == {"held": 20}, "calls")
    return case


def full(system):
    def case(world):
        with SYSTEMS[system](world) as place:
            directory = os.path.join(place, "records")
            os.mkdir(directory)
            fill(place)
            status, said = run(world, directory, PYTHON, "-c", PROGRAM)
            refused(status, said, "no space could be reserved")
            left = os.listdir(directory)
            check(len(left) == 1 and left[0].endswith(".gilshim"), "left behind:", left)
            check(os.path.getsize(os.path.join(directory, left[0])) == 0, "not empty")
    return case


def full_later(system):
    """What was reserved is ours, however full it gets."""
    def case(world):
        with SYSTEMS[system](world) as place:
            directory = os.path.join(place, "records")
            env = environment(world, "record=%s:summary=none" % directory)
            with Live(env, PYTHON, "-c", LATER) as live:
                live.hears("ready")
                fill(place)
                os.sync()
                live.go()
                live.hears("done")
                status, said = live.end()
            check((status, said) == (0, ""), "status", status, said)
            check(row(read(world, directory), "usleep") == {"held": 20}, "calls")
    return case


# ---- may it be written? ----

def read_only(world):
    with ext4(world) as place:
        directory = os.path.join(place, "records")
        os.mkdir(directory)
        tool("mount", "-o", "remount,ro", place)
        refused(*run(world, directory, PYTHON, "-c", PROGRAM), "not permitted")


def forbidden(world):
    if os.geteuid() != 0:
        raise Skip("only root may become another user")
    with tempfile.TemporaryDirectory(dir="/tmp") as directory:
        os.chmod(directory, 0o755)
        status, said = run(world, directory, PYTHON, "-c", PROGRAM, user=NOBODY, group=NOBODY,
                           cwd="/")
        refused(status, said, "not permitted")
        check(os.listdir(directory) == [], "left behind:", os.listdir(directory))


def shortened(world):
    """Its owner's stray redirection into a record that is being written is refused."""
    if os.geteuid() != 0:
        raise Skip("only root may become another user")
    with tempfile.TemporaryDirectory(dir="/tmp") as directory:
        os.chmod(directory, 0o777)
        library = shutil.copy(world.library, directory)
        records = os.path.join(directory, "records")
        env = dict(environment(world, "record=%s:summary=none" % records), LD_PRELOAD=library)
        with Live(env, PYTHON, "-c", LATER, user=NOBODY, group=NOBODY, cwd="/") as live:
            live.hears("ready")
            record, = glob.glob(records + "/*")
            done = subprocess.run(["sh", "-c", ': > "$0"', record], user=NOBODY, group=NOBODY,
                                  stderr=subprocess.PIPE, check=False)
            check(done.returncode != 0, "the record was truncated")
            live.go()
            live.hears("done")
            status, said = live.end()
        check((status, said) == (0, ""), "status", status, said)
        check(row(read(world, records), "usleep") == {"held": 20}, "calls")


# ---- does a store wait? ----

def stores(world):
    return world.fake("stores", os.path.join(HERE, "stores.c"))


@contextlib.contextmanager
def frozen(place):
    """Until it is thawed, whoever stores into a clean page of a file there waits: the worst that
    write-back can do, for as long as we like."""
    tool("fsfreeze", "-f", place)
    try:
        yield
    finally:
        tool("fsfreeze", "-u", place)


def frozen_run(world):
    """`gilshim run -o` there: the program does not notice; its record arrives in the end."""
    with ext4(world) as place:
        argv = [world.command, "run", "--summary=none", "-o", place, "--", stores(world), "1000", "0"]
        with Live(environment(world, "") | {"LD_PRELOAD": ""}, *argv) as live:
            live.hears("ready")
            with frozen(place):
                live.go()
                said = live.hears("done")
            status, err = live.end()
        check(said is not None, "the program waited for the disk")
        check(status == 0, "status", status, err)
        check(len(glob.glob(place + "/*.gilshim")) == 1, "records", os.listdir(place))


def frozen_record(world):
    """The twin: `record=` there waits, as the README says, and goes on afterwards."""
    with ext4(world) as place:
        directory = os.path.join(place, "records")
        env = environment(world, "record=%s:summary=none" % directory)
        with Live(env, stores(world), "1000", "0") as live:
            live.hears("ready")
            with frozen(place):
                live.go()
                said = live.hears("done", 1)
            check(said is None, "no store waited: the test sees nothing")
            live.hears("done")
            status, err = live.end()
        check(status == 0, "status", status, err)
        check(row(read(world, directory), "read").get("held") == 501, "calls")


class Saturated:
    """A writer that keeps the disk busy, and everything that is dirty on its way to it."""

    def __init__(self, directory):
        self.file = tempfile.NamedTemporaryFile(dir=directory)
        self.stop, self.written = threading.Event(), 0
        self.threads = [threading.Thread(target=act) for act in (self.write, self.flush)]

    def write(self):
        block = os.urandom(1 << 20)
        while not self.stop.is_set():
            self.file.seek(0)
            for _ in range(32):
                self.written += self.file.write(block)
            os.fdatasync(self.file.fileno())

    def flush(self):
        while not self.stop.wait(0.02):
            os.sync()

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        for thread in self.threads:
            thread.join()
        self.file.close()


def cost(env, argv):
    """Times that the program gave up its CPU, worst call in us, calls."""
    with Live(env, *argv) as live:
        live.hears("ready")
        live.go()
        numbers = re.match(r"done (\d+) (\d+) (\d+)$", live.hears("done") or "")
        status, err = live.end()
    check(status == 0 and numbers, "status", status, err)
    return [int(number) for number in numbers.groups()]


def written_back(world):
    """`gilshim run -o` on a saturated disk: no store of the program waits. What record= on that disk
    costs is said, not judged: it is the disk's."""
    directory = tempfile.mkdtemp(dir=os.path.join(world.build, "runs"))
    if os.statvfs(directory).f_fsid == os.statvfs("/dev/shm").f_fsid:
        raise Skip("the build directory is on the tmpfs")
    program = [stores(world), "1000", "2000"]
    under_run = [world.command, "run", "--summary=none", "-o", directory, "--"] + program
    clean = environment(world, "") | {"LD_PRELOAD": ""}
    with Saturated(directory) as writer:
        ours = cost(clean, under_run)
        bare = cost(clean, program)
        plain = cost(environment(world, "record=%s/plain:summary=none" % directory), program)
    words = "; ".join("%s waited %d times, worst call %d us, %d calls" % (name, *numbers)
                      for name, numbers in (("without us", bare), ("run -o", ours),
                                            ("record= on that disk", plain)))
    print("written back: %s; %d MiB were written" % (words, writer.written >> 20))
    check(writer.written > 0, "the disk was idle")
    # Each wait would be one voluntary switch; a page of the tmpfs that is new is none.
    check(ours[0] <= bare[0] + 3, words)


# ---- what it costs in memory ----

def resident(world):
    """The record and the library, at the default options, of a Python that did much. What this does
    not find is the table of the texts in the record: 64 KiB."""
    text = ("import ctypes, json, threading, re, sys\nimport asyncio, http.client, sqlite3\n"
            "call, free = ctypes.PyDLL(None).usleep, ctypes.CDLL(None).usleep\n"
            "def work(n):\n    for i in range(50):\n        call(0); free(0)\n"
            "for i in range(200):\n    exec('def f%d():\\n    call(0)' % i)\n"
            "    globals()['f%d' % i]()\n"
            "all = [threading.Thread(target=work, args=(i,)) for i in range(16)]\n"
            "for t in all: t.start()\nfor t in all: t.join()\n"
            "library = sys.argv[1]\nsums, area = {}, ''\n"
            "for line in open('/proc/self/smaps'):\n"
            "    words = line.split()\n"
            "    if re.match('[0-9a-f]+-[0-9a-f]+ ', line): area, before = line, area\n"
            "    elif words[0] == 'Rss:' and words[1] != '0':\n"
            "        what = 'record' if sys.argv[2] in area else 'library' if library in area else ''\n"
            "        if not what and library in before and ' 00000000 00:00 0 ' in area: what = 'bss'\n"
            "        if what: sums[what] = sums.get(what, 0) + int(words[1])\n"
            "print(json.dumps(sums))\n")
    with tempfile.TemporaryDirectory(dir="/dev/shm") as directory:
        done = subprocess.run([PYTHON, "-c", text, world.library, directory], check=False, timeout=TIMEOUT,
                              env=environment(world, "record=%s:summary=none" % directory),
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        check(done.returncode == 0, done.stderr.decode())
        sums = json.loads(done.stdout.decode())
        report = read(world, directory)
    print("resident: %s KiB, %d sites, 16 threads" % (sums, len(report["sites"])))
    check(set(sums) >= {"record", "library"}, "not found:", sums)
    check(len(report["sites"]) >= 200, "sites:", len(report["sites"]))
    check(sum(sums.values()) + 64 < 4096, "resident KiB:", sums)


def cases():
    for system in SYSTEMS:
        yield "works on " + system, works(system)
    for system in ("tmpfs", "ext4"):
        yield "full " + system, full(system)
        yield "full later " + system, full_later(system)
    yield "read-only", read_only
    yield "forbidden", forbidden
    yield "shortened", shortened
    yield "frozen, gilshim run", frozen_run
    yield "frozen, record=", frozen_record
    yield "written back", written_back
    yield "resident", resident


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lib", required=True, help="libgilshim.so")
    parser.add_argument("--command", required=True, help="gilshim")
    parser.add_argument("--build", default="build/disk", help="where to compile and run")
    parser.add_argument("--only", default="", help="only cases with this in their name")
    chosen = parser.parse_args()
    world = World(chosen.lib, chosen.command, chosen.build)
    counts = dict.fromkeys(("passed", "failed", "skipped"), 0)
    for name, case in cases():
        if chosen.only not in name:
            continue
        try:
            case(world)
            counts["passed"] += 1
        except Skip as skip:
            counts["skipped"] += 1
            print("SKIP %s: %s" % (name, skip))
        except (Wrong, OSError, ValueError, subprocess.SubprocessError) as wrong:
            counts["failed"] += 1
            print("FAIL %s: %s" % (name, wrong))
        sys.stdout.flush()
    print("%(passed)d passed, %(failed)d failed, %(skipped)d skipped" % counts)
    return 1 if counts["failed"] or not counts["passed"] else 0


if __name__ == "__main__":
    sys.exit(main())
