#!/usr/bin/python3
# apt: python3
# The line is in a generator that C code drives.
import ctypes

from harness import DELAY, measure

usleep = ctypes.PyDLL(None).usleep


def delays():
    yield 1
    usleep(int(DELAY * 1e6))  # <-- blocks
    yield 2


def call():
    return sum(delays())


measure(call, "usleep", held=True)
