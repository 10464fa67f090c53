"""A real Python that is to be killed: as killee.c. Threads of two processes call usleep with the GIL
held and released, at first from functions that were never seen before, and count on a shared board
before and after each call.

    killee.py BOARD FUNCTIONS
"""
import ctypes
import mmap
import os
import sys
import threading

FUNCTIONS = int(sys.argv[2])
THREADS, HELD, RELEASED, FIELDS = 4, 0, 2, 5  # begun and ended of both, then the phase
held, released = ctypes.PyDLL(None).usleep, ctypes.CDLL(None).usleep

with open(sys.argv[1], "r+b") as file:
    board = mmap.mmap(file.fileno(), 0)
words = memoryview(board).cast("Q")


def make(function, slot, kind):
    words[slot + kind] += 1
    function(0)
    words[slot + kind + 1] += 1


def work(slot):
    words[slot + 4] = 1
    for i in range(FUNCTIONS):
        space = {"make": make, "call": held, "slot": slot}
        exec(compile("def new_%d():\n    slots[slot] += 1\n    call(0)\n    slots[slot + 1] += 1\n"
                     % i, "<made %d>" % (i % 7), "exec"), space)
        space["slots"] = words
        space["new_%d" % i]()
        make(released, slot, RELEASED)
    words[slot + 4] = 2
    while True:
        make(held, slot, HELD)
        make(released, slot, RELEASED)


def main():
    ctypes.CDLL(None).prctl(1, 9)  # PR_SET_PDEATHSIG, SIGKILL
    first = 0 if os.fork() else 1
    ctypes.CDLL(None).prctl(1, 9)
    base = 1 + first * (1 + THREADS * FIELDS)
    words[base] = os.getpid()
    threads = [threading.Thread(target=work, args=(base + 1 + i * FIELDS,))
               for i in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


main()
