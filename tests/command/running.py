"""Runs of `gilshim run`, and what its tests have in common. No test itself."""
import argparse
import atexit
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
import termios
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import schema

PYTHON = "/usr/bin/python3"
TIMEOUT = 20
CASE_TIMEOUT = 90  # of a whole case, whatever it waits for
HELD = "import ctypes\nnap = ctypes.PyDLL(None).usleep\n"
# Where runs keep their records: others on this machine have theirs elsewhere.
PLACE = tempfile.mkdtemp(prefix="tests-", dir="/dev/shm")
os.chmod(PLACE, 0o711)
atexit.register(shutil.rmtree, PLACE, True)

parser = argparse.ArgumentParser(description="gilshim run")
parser.add_argument("--lib", required=True)
parser.add_argument("--command", required=True)
parser.add_argument("--build", required=True)
options = parser.parse_args()
COMMAND, LIB = os.path.abspath(options.command), os.path.abspath(options.lib)


started = []


class Wrong(Exception):
    """The case failed."""


def check(condition, *words):
    if not condition:
        raise Wrong(" ".join(word if isinstance(word, str) else repr(word) for word in words))


def environment(**more):
    clean = {key: value for key, value in os.environ.items()
             if not key.startswith(("GILSHIM", "LD_PRELOAD", "PYTHON"))}
    clean.update(GILSHIM_LIBRARY=LIB, XDG_RUNTIME_DIR=PLACE, LC_ALL="C.UTF-8", PYTHONDONTWRITEBYTECODE="1")
    clean.update(more)
    return {key: value for key, value in clean.items() if value is not None}


def start(*argv, before=(), env=(), **how):
    for stream in ("stdin", "stdout", "stderr"):
        how.setdefault(stream, subprocess.PIPE)
    process = subprocess.Popen([COMMAND, "run", *before, "--", *argv],
                               env=environment(**dict(env)), **how)
    started.append(process)
    return process


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
    return set(glob.glob(PLACE + "/gilshim-??????"))


def heads(text):
    """The first lines of summaries: (program, how many more)."""
    return [(name, int(more or 0)) for name, more in
            re.findall(r"^gilshim: (\S+)\[\d+\](?: and (\d+) more)?: ", text, re.M)]


def calls(text, function):
    """Calls at the sites of one Python function, as the summary has them: numbers, which may flow
    on, and a chain."""
    return sum(int(number.replace(",", "")) for number in re.findall(
        r"\d+\. GIL\d+ (?:[\d,]+ of )?([\d,]+) calls?[^\n]*\n(?: {5}[^\n]*\n)*? {5}[^\n]* in %s\n" % function, text))


def report(directory, replaced=""):
    """The report; what stands on standard error may only name the object that was `replaced`."""
    done = subprocess.run([COMMAND, "report", "-f", "json", directory], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, check=False)
    said = done.stderr.decode()
    check(done.returncode == 0 and (replaced in said if replaced else not said), "report:", done.returncode, done.stderr)
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


def is_settled(pid):
    """Has it taken every signal that it was sent, and waits for more?"""
    with open("/proc/%d/status" % pid) as file:
        facts = dict(line.split(":", 1) for line in file.read().splitlines())
    pending = int(facts["SigPnd"], 16) | int(facts["ShdPnd"], 16)
    return not pending and facts["State"].split()[0] == "S"


def children(pid):
    with open("/proc/%d/task/%d/children" % (pid, pid)) as file:
        return [int(word) for word in file.read().split()]


def keep_output():
    """^C and ^Z throw away what was written and not yet read, a moment after the signal: with it
    goes what the program has said by then."""
    mode = termios.tcgetattr(0)
    mode[3] |= termios.NOFLSH
    termios.tcsetattr(0, termios.TCSANOW, mode)


def on_terminal(argv, keys=(), env=()):
    """Runs it as the leader of a terminal's session. `keys`: (text to wait for, keys to type), and
    perhaps a condition on the process's id that must hold before they are typed."""
    pid, master = pty.fork()
    if pid == 0:
        try:
            keep_output()
            os.execvpe(argv[0], argv, environment(**dict(env)))
        finally:
            os._exit(127)
    said, seen, keys = b"", 0, list(keys)
    until = time.monotonic() + TIMEOUT
    try:
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
                awaited, typed, *conditions = keys.pop(0)
                seen = said.index(awaited, seen) + len(awaited)
                for condition in conditions:
                    wait_until("ready for %r" % typed, lambda: condition(pid))
                os.write(master, typed)
        wait_until("the end after %r" % said, lambda: os.waitid(
            os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT))
    finally:
        if not os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            os.kill(pid, signal.SIGKILL)
        status = os.waitpid(pid, 0)[1]
        os.close(master)
    return os.waitstatus_to_exitcode(status), said.decode()


def too_long(*_):
    raise Wrong("not done after %d s" % CASE_TIMEOUT)


def end_all():
    while started:
        process = started.pop()
        if process.poll() is None:
            process.kill()
            process.send_signal(signal.SIGCONT)
        process.wait()
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream:
                stream.close()


def main(cases):
    failed = 0
    signal.signal(signal.SIGALRM, too_long)
    os.makedirs(options.build, exist_ok=True)
    for name, case in cases:
        before = directories()
        scratch = tempfile.mkdtemp(dir=os.path.abspath(options.build))
        signal.alarm(CASE_TIMEOUT)
        try:
            case(scratch)
            left = directories() - before
            check(not left, "left behind:", left)
        except (Wrong, OSError, subprocess.SubprocessError, ValueError, IndexError) as error:
            failed += 1
            print("FAIL %s: %s" % (name, error))
        finally:
            signal.alarm(0)
        end_all()
        shutil.rmtree(scratch, ignore_errors=True)
    print("%d passed, %d failed, 0 skipped" % (len(cases) - failed, failed))
    return 1 if failed else 0

