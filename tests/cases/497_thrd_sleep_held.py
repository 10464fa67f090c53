#!/usr/bin/python3
# apt: python3
# The C11 sleep.
from harness import DELAY, libc, measure, timespec


def call():
    libc.thrd_sleep(timespec(DELAY), None)  # <-- blocks


measure(call, "thrd_sleep")
