"""What the case programs of this folder share: another side that keeps a call waiting, and a
measurement that needs no shim.

While the main thread makes one call, a second Python thread notes the time every millisecond. It
can only do so when it gets the GIL, so the longest hole in its notes says whether the call kept it.
A case prints that, and what its author knows about the call, as one line of JSON; tests/cases.py
reads it. RC_DELAY is the time that the other side lets the call wait, in seconds.

A script whose name ends in _held or _released makes the same foreign call through ctypes.PyDLL,
which keeps the GIL, or ctypes.CDLL, which drops it; the second is a link to the first.
"""
import atexit
import ctypes
import json
import mmap
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

DELAY = float(os.environ.get("RC_DELAY", "0.3"))
SCRIPT = os.path.abspath(sys.argv[0])
NAME = os.path.basename(SCRIPT)[:-3]
HELD = NAME.endswith("_held")
MARK = "# <-- blocks"
LIMIT = 10  # seconds, then SIGALRM ends a case that hangs
TMP = tempfile.mkdtemp(prefix="rc_")
_helpers, _owner = [], os.getpid()

libc = (ctypes.PyDLL if HELD else ctypes.CDLL)(None, use_errno=True)
setup = ctypes.CDLL(None, use_errno=True)  # for what is not the call in question


@atexit.register
def _clean_up():
    if os.getpid() != _owner:
        return
    for pid in _helpers:
        try:
            os.kill(pid, signal.SIGCONT)
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    shutil.rmtree(TMP, ignore_errors=True)


def aside(work):
    """Runs work(ready) in a process of its own; returns its pid once it has called ready()."""
    heard, said = os.pipe()
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            os.close(heard)
            signal.alarm(LIMIT + 2)
            work(lambda: os.write(said, b"."))
            status = 0
        except (BrokenPipeError, ConnectionError):
            status = 0
        except BaseException as error:  # the parent's stack must not be unwound here
            os.write(2, ("helper: %r\n" % error).encode())
        finally:
            os._exit(status)
    os.close(said)
    _helpers.append(pid)
    os.read(heard, 1)
    os.close(heard)
    return pid


def later(action):
    """action() in a process of its own, after DELAY."""
    def work(ready):
        ready()
        time.sleep(DELAY)
        action()
    return aside(work)


def background(arguments):
    """A server that ends with the case."""
    process = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _helpers.append(process.pid)
    return process


def own_mounts():
    """Goes on in a mount namespace of its own, so that what is done to /etc is not seen outside."""
    if os.environ.get("RC_NS") != "1":
        os.environ["RC_NS"] = "1"
        shutil.rmtree(TMP)
        os.execvp("unshare", ["unshare", "-m", "--propagation", "private", sys.executable, SCRIPT])


def late_file(path):
    """In the mounts of this case, path is a FIFO with the old content that comes after DELAY."""
    own_mounts()
    with open(path, "rb") as stream:
        content = stream.read()
    subprocess.check_call(["mount", "--bind", late_fifo(content), path])


def late_fifo(content=b""):
    """A FIFO that somebody opens for writing only after DELAY: opening it waits."""
    path = tempfile.mktemp(dir=TMP)
    os.mkfifo(path)

    def write():
        with open(path, "wb") as stream:
            stream.write(content)
    later(write)
    return path


def slow_fifo(content):
    """A FIFO whose writer is there at once and writes only after DELAY: reading it waits."""
    path = tempfile.mktemp(dir=TMP)
    os.mkfifo(path)

    def work(ready):
        ready()
        with open(path, "wb", buffering=0) as stream:
            time.sleep(DELAY)
            stream.write(content)
    aside(work)
    return path


def leased(path):
    """Another process has a write lease on path and gives it up DELAY after it is asked to."""
    import fcntl

    def work(ready):
        asked = []
        signal.signal(signal.SIGIO, lambda *_: asked.append(1))
        fd = os.open(path, os.O_RDWR)
        fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_WRLCK)
        ready()
        while not asked:
            signal.pause()
        time.sleep(DELAY)
        os.close(fd)
    aside(work)
    return path


def late_pipe(content=b"line\n"):
    """The reading end of a pipe into which content comes after DELAY."""
    reading, writing = os.pipe()
    later(lambda: os.write(writing, content))
    os.close(writing)
    return reading


def full_pipe():
    """The writing end of a pipe that is full and is emptied after DELAY."""
    reading, writing = os.pipe()
    fill(writing)

    def work(ready):
        os.close(writing)
        ready()
        time.sleep(DELAY)
        while os.read(reading, 1 << 20):
            pass
    aside(work)
    os.close(reading)
    return writing


def full_socket():
    """A socket whose peer reads only after DELAY and that takes no more until then."""
    here, there = socket.socketpair()
    fill(here.fileno())

    def work(ready):
        here.close()
        ready()
        time.sleep(DELAY)
        while there.recv(1 << 20):
            pass
    aside(work)
    there.close()
    return here


def fill(fd):
    """Writes until nothing more goes in, neither at once nor a moment later (a terminal moves it)."""
    os.set_blocking(fd, False)
    for size in (65536, 1000, 1, 1):
        try:
            while True:
                os.write(fd, b"x" * size)
        except BlockingIOError:
            time.sleep(0.01)
    os.set_blocking(fd, True)


def late_socket(content=b"x"):
    """A socket whose peer sends only after DELAY."""
    here, there = socket.socketpair()
    later(lambda: there.sendall(content))
    there.close()
    return here


def silent_server():
    """The port of a TCP server that accepts, says nothing for DELAY, and closes."""
    server = socket.create_server(("127.0.0.1", 0))

    def work(ready):
        ready()
        while True:
            peer, _ = server.accept()
            time.sleep(DELAY)
            peer.close()
    aside(work)
    port = server.getsockname()[1]
    server.close()
    return port


def shared_memory(size=4096):
    """Memory that a forked helper shares, as something that ctypes takes for an address."""
    memory = mmap.mmap(-1, size)
    block = (ctypes.c_char * size).from_buffer(memory)
    return block


def stream(fd, mode, buffered=False):
    """A stdio stream on fd; one for writing has no buffer unless asked for."""
    setup.fdopen.restype = ctypes.c_void_p
    made = ctypes.c_void_p(setup.fdopen(fd, mode.encode()))
    if mode != "r" and not buffered:
        setup.setvbuf(made, None, 2, 0)  # _IONBF
    return made


def timespec(seconds, clock=None):
    """A struct timespec: a duration, or with a clock the moment after it."""
    if clock is not None:
        seconds += time.clock_gettime(clock)
    return (ctypes.c_long * 2)(int(seconds), int(seconds % 1 * 1e9))


def slow_disk():
    """The directory of a mounted file system that is slow in what a file's name says."""
    place = os.path.join(TMP, "disk")
    os.mkdir(place)
    server = os.path.join(os.path.dirname(os.path.realpath(__file__)), "slowdisk.py")
    background([sys.executable, server, "-f", place])
    atexit.register(lambda: os.getpid() == _owner and subprocess.call(["umount", "-l", place]))
    end = time.monotonic() + 30  # under strace the server takes its time to begin
    while not os.path.ismount(place) and time.monotonic() < end:
        time.sleep(0.01)
    return place


def _marked_line():
    with open(SCRIPT) as text:
        for number, line in enumerate(text, 1):
            if line.rstrip().endswith(MARK) and "endswith" not in line:
                return number, line.split(MARK)[0].strip()
    raise SystemExit("no line is marked in " + SCRIPT)


class _Ticker(threading.Thread):
    """Notes the time whenever it gets the GIL."""

    def __init__(self):
        super().__init__()
        self.notes, self.stop = [], False

    def run(self):
        while not self.stop:
            self.notes.append(time.perf_counter())
            time.sleep(0.001)

    def longest_hole(self, begin, end):
        notes = [begin] + [note for note in self.notes if begin < note < end] + [end]
        return max(after - before for before, after in zip(notes, notes[1:]))


def measure(call, function, held=HELD, caller="libffi.so.8", via="_ctypes", what="", least=None,
            **more):
    """Makes the call once and prints what happened. The rest is the author's knowledge: the name
    that the caller has bound, the object that is the caller, and the extension it belongs to."""
    signal.alarm(LIMIT)
    ticker, error = _Ticker(), None
    ticker.start()
    time.sleep(0.02)
    begin = time.perf_counter()
    try:
        call()
    except Exception as caught:
        error = "%s: %s" % (type(caught).__name__, caught)
    end = time.perf_counter()
    time.sleep(0.03)
    ticker.stop = True
    ticker.join()
    hole, block = ticker.longest_hole(begin, end), end - begin
    kept = hole >= 0.5 * block
    number, text = _marked_line()
    result = {
        "case": NAME, "what": what or function, "max_gap_ms": round(hole * 1e3, 1),
        "block_ms": round(block * 1e3, 1), "gil_held": kept,
        "as_expected": kept == held and block > (0.6 * DELAY if least is None else least),
        "expected_function": function, "expected_object": caller, "via": via,
        "python_line": text, "python_lineno": number, "pid": os.getpid(),
        "window_ns": [int(begin * 1e9), int(end * 1e9)]}
    if error:
        result["error"] = error[:120]
    result.update(more)
    print(json.dumps(result), flush=True)
    signal.alarm(0)
