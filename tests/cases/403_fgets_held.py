#!/usr/bin/python3
# apt: python3
# fgets waits for the end of a line.
import ctypes

from harness import late_pipe, libc, measure, stream

source = stream(late_pipe(), "r")
buffer = ctypes.create_string_buffer(64)



def call():
    libc.fgets(buffer, 64, source)  # <-- blocks


measure(call, "fgets")
