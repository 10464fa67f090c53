#!/usr/bin/python3
# apt: python3
# Joining a C11 thread.
import ctypes

from harness import DELAY, libc, measure, setup

thread = ctypes.c_ulong()
setup.thrd_create(ctypes.byref(thread), setup.usleep, ctypes.c_void_p(int(DELAY * 1e6)))


def call():
    libc.thrd_join(thread, None)  # <-- blocks


measure(call, "thrd_join")
