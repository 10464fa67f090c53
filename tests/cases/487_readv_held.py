#!/usr/bin/python3
# apt: python3
# readv from a pipe that stays empty for a while.
import ctypes

from harness import late_pipe, libc, measure

source = late_pipe()
buffer = ctypes.create_string_buffer(64)
vector = (ctypes.c_void_p * 2)(ctypes.addressof(buffer), 64)


def call():
    libc.readv(source, vector, 1)  # <-- blocks


measure(call, "readv")
