#!/usr/bin/python3
# apt: python3
# A condition that nobody signals; not the one that CPython itself waits on.
import ctypes
import time

from harness import DELAY, libc, measure, setup, timespec

condition, mutex = ctypes.create_string_buffer(64), ctypes.create_string_buffer(64)
setup.pthread_mutex_lock(mutex)
until = timespec(DELAY, time.CLOCK_REALTIME)


def call():
    libc.pthread_cond_timedwait(condition, mutex, until)  # <-- blocks


measure(call, "pthread_cond_timedwait")
