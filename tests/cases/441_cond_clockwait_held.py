#!/usr/bin/python3
# apt: python3
# A condition that nobody signals, against the monotonic clock.
import ctypes
import time

from harness import DELAY, libc, measure, setup, timespec

condition, mutex = ctypes.create_string_buffer(64), ctypes.create_string_buffer(64)
setup.pthread_mutex_lock(mutex)
until = timespec(DELAY, time.CLOCK_MONOTONIC)


def call():
    libc.pthread_cond_clockwait(condition, mutex, time.CLOCK_MONOTONIC, until)  # <-- blocks


measure(call, "pthread_cond_clockwait")
