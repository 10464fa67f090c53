"""Runs of programs, bare and under the library, each in a cell of its own."""
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading

HERE = os.path.dirname(os.path.abspath(__file__))
CELL = [sys.executable, os.path.join(HERE, "cell.py")]
# setpriv: nothing is left of a run when whoever started it is killed.
UNSHARE = ["setpriv", "--pdeathsig", "KILL", "unshare", "--net", "--pid", "--fork", "--mount-proc",
           "--kill-child"]
# What would make a run differ from the next.
UNWANTED = ("LD_PRELOAD", "GILSHIM_OPTIONS", "GILSHIM_STDERR", "PYTHONPATH", "PYTHONHOME")


def cells_work():
    """Needs root, or user namespaces that may make others."""
    try:
        return subprocess.run(UNSHARE + CELL + ["--", "true"], stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL, check=False).returncode == 0
    except FileNotFoundError:
        return False


class Run:
    """A program that has ended: its status ("timeout" if it had to be ended) and its output."""

    def __init__(self, status, out, err):
        self.status, self.out, self.err = status, out, err


class Runner:
    """Starts programs; all of them end when the runner is told to stop."""

    def __init__(self, library):
        self.library = os.path.abspath(library)
        self.isolated = cells_work()
        self.live, self.lock = set(), threading.Lock()

    def run(self, command, preloaded, limit, options=None, more=(), online=False):
        """Runs it in a new directory, which is also its TMPDIR. `options`: GILSHIM_OPTIONS. `more`:
        further variables, NAME=VALUE. `online`: with the network of this machine."""
        work = tempfile.mkdtemp(prefix="gst-")
        environment = {name: value for name, value in os.environ.items() if name not in UNWANTED}
        environment.update(TMPDIR=work, LC_ALL="C.UTF-8", TERM="dumb")
        argv = (UNSHARE if self.isolated and not online else []) + CELL + list(more)
        if preloaded:
            argv += ["LD_PRELOAD=" + self.library]
            argv += ["GILSHIM_OPTIONS=" + options] if options else []
        try:
            return self._finish(argv + ["--"] + command, work, environment, limit)
        finally:
            shutil.rmtree(work, ignore_errors=True)

    def _finish(self, argv, work, environment, limit):
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                                       cwd=work, env=environment, start_new_session=True)
            with self.lock:
                self.live.add(process.pid)
            try:
                status = process.wait(limit)
            except subprocess.TimeoutExpired:
                status = "timeout"
            self._end(process)
            return Run(status, self._text(out), self._text(err))

    def _end(self, process):
        """Without a process table of its own, the process group is what we can end."""
        with self.lock:
            self.live.discard(process.pid)
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        process.wait()

    @staticmethod
    def _text(file):
        file.seek(0)
        return file.read().decode("utf-8", "replace")

    def stop(self):
        with self.lock:
            for pid in self.live:
                os.killpg(pid, signal.SIGKILL)
