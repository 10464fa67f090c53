#!/usr/bin/python3
# apt: python3
# options: calls=all
# fgetws: the wide way into stdio.
import ctypes

from harness import late_pipe, libc, measure, stream

source = stream(late_pipe(), "r")
buffer = ctypes.create_unicode_buffer(64)


def call():
    libc.fgetws(buffer, 64, source)  # <-- blocks


measure(call, "fgetws")
