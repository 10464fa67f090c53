"""Children of every kind; the first argument says which. Held calls that block are usleep through
ctypes.PyDLL: the driver looks for them in the report."""
import ctypes
import multiprocessing
import os
import signal
import subprocess
import sys
import threading

libc = ctypes.PyDLL(None)


def held(times):
    for _ in range(times):
        libc.usleep(2000)


def multi(method):
    multiprocessing.set_start_method(method)
    child = multiprocessing.Process(target=held, args=(3,))
    child.start()
    child.join()
    sys.exit(child.exitcode)


def fork_then(act):
    pid = os.fork()
    if pid == 0:
        act()
    _, status = os.waitpid(pid, 0)
    print(os.waitstatus_to_exitcode(status))


def execute():
    os.execv("/bin/sh", ["sh", "-c", "exit 5"])


def fail_then_exit():
    try:
        os.execv("/missing/program", ["x"])
    except OSError as error:
        print(error)
    held(2)


def fork_in_thread():
    thread = threading.Thread(target=fork_then, args=(lambda: (held(2), os._exit(6)),))
    thread.start()
    thread.join()


def nested():
    """A child that execs while other threads of the parent work."""
    stop = threading.Event()
    threads = [threading.Thread(target=lambda: [held(1) for _ in iter(stop.is_set, True)])
               for _ in range(3)]
    for thread in threads:
        thread.start()
    for _ in range(10):
        subprocess.run(["true"], check=True)
        subprocess.run(["true"], check=True, preexec_fn=lambda: None)
    stop.set()
    for thread in threads:
        thread.join()


def killed():
    print("ready", flush=True)
    libc.nanosleep((ctypes.c_long * 2)(3600, 0), None)


ACTS = {
    "fork": lambda: multi("fork"),
    "spawn": lambda: multi("spawn"),
    "forkserver": lambda: multi("forkserver"),
    "fork exec": lambda: fork_then(execute),
    "fork _exit": lambda: fork_then(lambda: os._exit(5)),
    "fork python": lambda: fork_then(lambda: (held(2), sys.exit(5))),
    "fork os._exit": lambda: fork_then(lambda: (held(2), os._exit(5))),
    "fork in thread": fork_in_thread,
    "os._exit": lambda: (held(2), os._exit(7)),
    "exec": lambda: (held(2), execute()),
    "exec python": lambda: (held(2), os.execv(sys.executable, [
        sys.executable, "-c", "import ctypes; ctypes.PyDLL(None).usleep(2000)"])),
    "failed exec": fail_then_exit,
    "failed exec _exit": lambda: (fail_then_exit(), os._exit(3)),
    "kill": lambda: (held(2), os.kill(os.getpid(), signal.SIGKILL)),
    "abort": lambda: (held(2), os.abort()),
    "threads": nested,
    "killed": killed,
}

if __name__ == "__main__":
    ACTS[sys.argv[1]]()
