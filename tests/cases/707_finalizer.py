#!/usr/bin/python3
# apt: python3
# A finalizer that the garbage collector runs.
import ctypes
import gc

from harness import DELAY, measure

usleep = ctypes.PyDLL(None).usleep
gc.disable()


class Slow:
    def __del__(self):
        usleep(int(DELAY * 1e6))  # <-- blocks


slow = Slow()
slow.itself = slow
del slow


def call():
    gc.collect()


measure(call, "usleep", held=True)
