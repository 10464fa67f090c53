#!/usr/bin/python3
# apt: python3
# fprintf, a variadic function, into a pipe that is full.
import ctypes

from harness import full_pipe, libc, measure, stream

target = stream(full_pipe(), "w")


def call():
    libc.fprintf(target, b"%s %d %g\n", b"a", 1, ctypes.c_double(2.5))  # <-- blocks


measure(call, "fprintf")
