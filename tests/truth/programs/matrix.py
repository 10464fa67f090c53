"""The cases of the GIL matrix that a Python program can make: matrix.py CASE.

TRUTH_MODULES names the directory of the extension module gsx. What must be counted is written to
TRUTH_FILE by gsx, and by note() for calls made through ctypes.
"""
import json
import os
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.environ["TRUTH_MODULES"])
import gsx  # noqa: E402

CASES = {}


def case(function):
    CASES[function.__name__] = function
    return function


def note(**states):
    with open(os.environ["TRUTH_FILE"], "a") as truth:
        truth.write(json.dumps(states) + "\n")


def run_threads(count, target):
    threads = [threading.Thread(target=target) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def both():
    gsx.hold(4)
    gsx.release(4)


@case
def extension():
    both()


@case
def through_ctypes():
    import ctypes
    for _ in range(3):
        ctypes.PyDLL(None).usleep(10)
    for _ in range(4):
        ctypes.CDLL(None).sleep(0)
    note(held={"usleep": 3}, released={"sleep": 4})


@case
def time_sleep():
    time.sleep(0.001)
    both()


@case
def threads():
    run_threads(4, lambda: [both() for _ in range(50)])


@case
def signal_handler():
    gsx.signals(5)
    run_threads(1, lambda: gsx.signals(5))


@case
def python_atexit():
    import atexit
    atexit.register(gsx.hold, 5)
    atexit.register(gsx.release, 5)


@case
def after_python():
    both()
    gsx.at_exit(6)


@case
def daemon_after_python():
    threading.Thread(target=gsx.stay_released, daemon=True).start()
    while not gsx.daemon_runs():
        time.sleep(0.001)


@case
def foreign_thread():
    gsx.foreign(6)
    both()


@case
def foreign_thread_while_held():
    gsx.foreign_while_held(6)


@case
def end_of_foreign_thread():
    """Beside the end of a Python thread, after which calls are released, not none."""
    run_threads(1, lambda: (gsx.at_end_of_thread(5), both()))
    gsx.end_of_foreign(6)


@case
def ensure():
    gsx.ensure(6)
    gsx.ensure(6)
    both()


@case
def ensure_among_threads():
    run_threads(3, lambda: [(gsx.ensure(4), both()) for _ in range(10)])


@case
def around_threads():
    import ctypes
    run_threads(3, both)
    ctypes.CDLL(None).around_settle()


@case
def end_of_thread():
    """One after the other: a state made where an ended thread's was makes PyGILState_Check of old
    versions take the ended thread for the new one."""
    for _ in range(2):
        run_threads(1, lambda: (gsx.at_end_of_thread(5), both()))


@case
def second_state():
    gsx.second_state(6)
    both()


@case
def swapped_out():
    gsx.swapped_out(6)
    run_threads(2, lambda: (gsx.swapped_out(4), both()))


@case
def handed_state():
    gsx.handed_state(6)


@case
def handed_state_deleted():
    """From 3.12 on, deleting it here makes PyGILState_Check forget the state of this thread."""
    gsx.handed_state(6)
    both()


@case
def sub_legacy():
    gsx.sub(6, 0)


@case
def sub_own():
    gsx.sub(6, 1)


@case
def after_sub():
    gsx.sub(1, 0)
    both()
    run_threads(2, both)
    gsx.foreign(5)
    gsx.ensure(5)


def in_child(work):
    pid = os.fork()
    if pid == 0:
        work()
        gsx.dump()
        os._exit(0)
    status = os.waitpid(pid, 0)[1]
    if status != 0:
        raise SystemExit("child: status %#x" % status)


def fork_work():
    both()
    run_threads(2, both)
    gsx.foreign(3)


@case
def fork_from_main():
    both()
    in_child(fork_work)
    both()


@case
def fork_from_thread():
    run_threads(1, lambda: in_child(fork_work))
    both()


@case
def fork_in_fork():
    in_child(lambda: (both(), in_child(fork_work), both()))
    both()


@case
def fork_while_threads():
    worker = threading.Thread(target=gsx.stress, args=(20000, 1))
    worker.start()
    for _ in range(3):
        in_child(fork_work)
    worker.join()


@case
def fork_after_sub():
    gsx.sub(2, 0)
    in_child(fork_work)
    both()


@case
def subprocesses():
    both()
    subprocess.check_call([sys.executable, "-c", "pass"])
    subprocess.call(["/bin/true"])
    both()


@case
def replaced():
    both()
    gsx.dump()
    os.execv(sys.executable, [sys.executable, os.path.abspath(__file__), "threads"])


if __name__ == "__main__":
    CASES[sys.argv[1]]()
