#!/usr/bin/python3
# apt: python3
# Moving what is not there yet from one pipe to another.
import ctypes
import os

from harness import late_pipe, libc, measure

source, target = late_pipe(), os.pipe()[1]


def call():
    libc.splice(source, None, target, None, ctypes.c_size_t(100), 0)  # <-- blocks


measure(call, "splice")
