#!/usr/bin/python3
# apt: python3
# fscanf, a variadic function, waits for a number.
import ctypes

from harness import late_pipe, libc, measure, stream

source = stream(late_pipe(b"17\n"), "r")
number = ctypes.c_int()


def call():
    libc.fscanf(source, b"%d", ctypes.byref(number))  # <-- blocks


measure(call, "fscanf")
assert number.value == 17
