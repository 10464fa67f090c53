#!/usr/bin/python3
# apt: python3
# The line is at the bottom of more frames than are kept.
import ctypes

from harness import DELAY, measure

usleep = ctypes.PyDLL(None).usleep


def down(depth):
    if depth:
        return down(depth - 1)
    return usleep(int(DELAY * 1e6))  # <-- blocks


def call():
    down(100)


measure(call, "usleep", held=True)
