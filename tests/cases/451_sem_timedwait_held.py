#!/usr/bin/python3
# apt: python3
# A semaphore that nobody posts.
import ctypes
import time

from harness import DELAY, libc, measure, timespec

semaphore = ctypes.create_string_buffer(64)


def call():
    libc.sem_timedwait(semaphore, timespec(DELAY, time.CLOCK_REALTIME))  # <-- blocks


measure(call, "sem_timedwait")
