#!/usr/bin/python3
# apt: python3
# getline waits for the end of a line.
import ctypes

from harness import late_pipe, libc, measure, stream

source = stream(late_pipe(), "r")
line, size = ctypes.c_void_p(), ctypes.c_size_t()


def call():
    libc.getline(ctypes.byref(line), ctypes.byref(size), source)  # <-- blocks


measure(call, "getline")
