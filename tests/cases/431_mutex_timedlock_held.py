#!/usr/bin/python3
# apt: python3
# A plain mutex that this thread has already: nobody will unlock it, the time passes.
import ctypes
import time

from harness import DELAY, libc, measure, setup, timespec

mutex = ctypes.create_string_buffer(64)
setup.pthread_mutex_lock(mutex)


def call():
    libc.pthread_mutex_timedlock(mutex, timespec(DELAY, time.CLOCK_REALTIME))  # <-- blocks


measure(call, "pthread_mutex_timedlock")
