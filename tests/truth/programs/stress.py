"""Threads that hold and release in turn, among forks and sub-interpreters: stress.py CALLS.

Four phases of four and more threads; beside them, the main thread forks, then lives in
sub-interpreters (with a GIL of their own where this CPython has that), then forks again. At least
CALLS calls.
"""
import os
import sys
import threading

sys.path.insert(0, os.environ["TRUTH_MODULES"])
import gsx  # noqa: E402

PHASES = 4
FORKS = 3


def in_child():
    pid = os.fork()
    if pid == 0:
        thread = threading.Thread(target=gsx.stress, args=(1000, os.getpid()))
        thread.start()
        gsx.stress(1000, os.getpid() + 1)
        thread.join()
        gsx.dump()
        os._exit(0)
    return os.waitpid(pid, 0)[1]


def forks():
    for _ in range(FORKS):
        status = in_child()
        if status != 0:
            raise SystemExit("child: status %#x" % status)


def subs(own_gil):
    for seed in range(3):
        gsx.stress_sub(3000, seed + 1, own_gil)
        gsx.foreign(100)
        gsx.ensure(20)


def phase(calls, count, beside):
    threads = [threading.Thread(target=gsx.stress, args=(calls // count + 1, 10 * count + i))
               for i in range(count)]
    for thread in threads:
        thread.start()
    beside()
    for thread in threads:
        thread.join()


def main():
    calls = int(sys.argv[1]) // PHASES + 1
    phase(calls, 4, forks)
    phase(calls, 6, lambda: subs(False))
    phase(calls, 4, lambda: subs(sys.version_info >= (3, 12)))
    phase(calls, 8, forks)


if __name__ == "__main__":
    main()
