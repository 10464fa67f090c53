#!/usr/bin/python3
# apt: python3
# The C11 condition variable.
import ctypes
import time

from harness import DELAY, libc, measure, setup, timespec

condition, mutex = ctypes.create_string_buffer(64), ctypes.create_string_buffer(64)
setup.mtx_init(mutex, 0)
setup.cnd_init(condition)
setup.mtx_lock(mutex)


def call():
    libc.cnd_timedwait(condition, mutex, timespec(DELAY, time.CLOCK_REALTIME))  # <-- blocks


measure(call, "cnd_timedwait")
