#!/usr/bin/python3
# apt: python3
# The line is in a comprehension, a function of its own in this Python.
import ctypes

from harness import DELAY, measure

usleep = ctypes.PyDLL(None).usleep


def call():
    return [usleep(int(delay * 1e6))  # <-- blocks
            for delay in [DELAY]]


measure(call, "usleep", held=True)
