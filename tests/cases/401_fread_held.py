#!/usr/bin/python3
# apt: python3
# fread from a pipe that stays empty for a while.
import ctypes

from harness import late_pipe, libc, measure, stream

source = stream(late_pipe(b"x" * 8), "r")
buffer = ctypes.create_string_buffer(64)



def call():
    libc.fread(buffer, 1, 8, source)  # <-- blocks


measure(call, "fread")
