"""Runs of `gilshim run`, and what its tests have in common. No test itself."""
import argparse
import glob
import os
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import schema

PYTHON = "/usr/bin/python3"
TIMEOUT = 20
HELD = "import ctypes\nnap = ctypes.PyDLL(None).usleep\n"
PLACES = ("/dev/shm", "/tmp", os.environ.get("XDG_RUNTIME_DIR") or "/tmp",
          os.environ.get("TMPDIR") or "/tmp")

parser = argparse.ArgumentParser(description="gilshim run")
parser.add_argument("--lib", required=True)
parser.add_argument("--command", required=True)
parser.add_argument("--build", required=True)
options = parser.parse_args()
COMMAND, LIB = os.path.abspath(options.command), os.path.abspath(options.lib)


class Wrong(Exception):
    """The case failed."""


def check(condition, *words):
    if not condition:
        raise Wrong(" ".join(word if isinstance(word, str) else repr(word) for word in words))


def environment(**more):
    clean = {key: value for key, value in os.environ.items()
             if not key.startswith(("GILSHIM", "LD_PRELOAD", "PYTHON"))}
    clean.update(GILSHIM_LIBRARY=LIB, LC_ALL="C.UTF-8", PYTHONDONTWRITEBYTECODE="1")
    clean.update(more)
    return {key: value for key, value in clean.items() if value is not None}


def start(*argv, before=(), env=(), **how):
    for stream in ("stdin", "stdout", "stderr"):
        how.setdefault(stream, subprocess.PIPE)
    return subprocess.Popen([COMMAND, "run", *before, "--", *argv],
                            env=environment(**dict(env)), **how)


class Done:
    def __init__(self, process, data=b""):
        try:
            self.bytes, err = process.communicate(data, TIMEOUT)
        except subprocess.TimeoutExpired:
            process.kill()
            raise Wrong("no end: %r" % process.args) from None
        self.status, self.err = process.returncode, err.decode()
        self.out = self.bytes.decode("utf-8", "replace")


def run(*argv, data=b"", **how):
    return Done(start(*argv, **how), data)


def python(text, *arguments, **how):
    return run(PYTHON, "-c", text, *arguments, **how)


def directories():
    return {path for place in PLACES for path in glob.glob(place + "/gilshim-??????")}


def heads(text):
    """The first lines of summaries: (program, how many more)."""
    return [(name, int(more or 0)) for name, more in
            re.findall(r"^gilshim: (\S+)\[\d+\](?: and (\d+) more)?: ", text, re.M)]


def calls(text, function):
    """Calls at the sites of one Python function, as the summary has them."""
    return sum(int(number.replace(",", "")) for number in re.findall(
        r"\d+\. GIL\d+ (?:[\d,]+ of )?([\d,]+) calls?[^\n]*\n[^\n]* in %s\n" % function, text))


def report(directory):
    done = subprocess.run([COMMAND, "report", "-f", "json", directory], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, check=False)
    check(done.returncode == 0 and not done.stderr, "report:", done.returncode, done.stderr)
    return schema.read(done.stdout.decode())


def wait_until(what, condition):
    until = time.monotonic() + TIMEOUT
    while not condition():
        check(time.monotonic() < until, "never:", what)
        time.sleep(0.005)


def state_of(pid):
    try:
        with open("/proc/%d/stat" % pid) as file:
            return file.read().rpartition(")")[2].split()[0]
    except OSError:
        return "gone"


def children(pid):
    with open("/proc/%d/task/%d/children" % (pid, pid)) as file:
        return [int(word) for word in file.read().split()]


def on_terminal(argv, keys=(), env=()):
    """Runs it as the leader of a terminal's session. `keys`: (text to wait for, keys to type)."""
    pid, master = pty.fork()
    if pid == 0:
        try:
            os.execvpe(argv[0], argv, environment(**dict(env)))
        finally:
            os._exit(127)
    said, seen, keys = b"", 0, list(keys)
    until = time.monotonic() + TIMEOUT
    while time.monotonic() < until:
        if not select.select([master], [], [], 1)[0]:
            continue
        try:
            piece = os.read(master, 4096)
        except OSError:
            break
        if not piece:
            break
        said += piece
        while keys and keys[0][0] in said[seen:]:
            awaited, typed = keys.pop(0)
            seen = said.index(awaited, seen) + len(awaited)
            os.write(master, typed)
    else:
        os.kill(pid, signal.SIGKILL)
    status = os.waitpid(pid, 0)[1]
    os.close(master)
    return os.waitstatus_to_exitcode(status), said.decode()


def main(cases):
    failed = 0
    os.makedirs(options.build, exist_ok=True)
    for name, case in cases:
        before = directories()
        scratch = tempfile.mkdtemp(dir=os.path.abspath(options.build))
        try:
            case(scratch)
            left = directories() - before
            check(not left, "left behind:", left)
        except (Wrong, OSError, subprocess.SubprocessError, ValueError, IndexError) as error:
            failed += 1
            print("FAIL %s: %s" % (name, error))
        shutil.rmtree(scratch, ignore_errors=True)
    print("%d passed, %d failed, 0 skipped" % (len(cases) - failed, failed))
    return 1 if failed else 0

