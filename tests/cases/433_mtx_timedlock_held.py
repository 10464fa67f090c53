#!/usr/bin/python3
# apt: python3
# The C11 mutex, with a time limit.
import ctypes
import time

from harness import DELAY, libc, measure, setup, timespec

mutex = ctypes.create_string_buffer(64)
setup.mtx_init(mutex, 2)  # mtx_timed
setup.mtx_lock(mutex)


def call():
    libc.mtx_timedlock(mutex, timespec(DELAY, time.CLOCK_REALTIME))  # <-- blocks


measure(call, "mtx_timedlock")
