#!/usr/bin/python3
# apt: python3
# The foreign function drops the GIL and calls Python back, which takes it and sleeps with it.
import ctypes

from harness import DELAY, measure

usleep = ctypes.PyDLL(None).usleep
libc_released = ctypes.CDLL(None)
control = ctypes.c_int()


@ctypes.CFUNCTYPE(None)
def callback():
    usleep(int(DELAY * 1e6))  # <-- blocks


def call():
    libc_released.pthread_once(ctypes.byref(control), callback)


measure(call, "usleep", held=True)
