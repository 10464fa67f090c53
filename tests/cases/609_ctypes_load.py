#!/usr/bin/python3
# apt: python3
# Loading a library through ctypes: dlopen with the GIL held.
import ctypes

from harness import late_fifo, measure

path = late_fifo()


def call():
    ctypes.CDLL(path)  # <-- blocks


measure(call, "dlopen", held=True,
        caller="_ctypes.cpython-311-x86_64-linux-gnu.so", via="_ctypes")
