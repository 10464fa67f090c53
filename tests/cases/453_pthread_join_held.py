#!/usr/bin/python3
# apt: python3
# Joining a thread that has nothing to do with Python and sleeps.
import ctypes

from harness import DELAY, libc, measure, setup

thread = ctypes.c_ulong()
setup.pthread_create(ctypes.byref(thread), None, setup.usleep, ctypes.c_void_p(int(DELAY * 1e6)))


def call():
    libc.pthread_join(thread, None)  # <-- blocks


measure(call, "pthread_join")
