#!/usr/bin/python3
# apt: python3
# No descriptor at all: a sleep.
from harness import DELAY, libc, measure, timespec


def call():
    libc.ppoll(None, 0, timespec(DELAY), None)  # <-- blocks


measure(call, "ppoll")
