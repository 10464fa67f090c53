#!/usr/bin/python3
# apt: python3
# Waiting for a child, the POSIX way.
import ctypes
import os

from harness import later, libc, measure

pid = later(lambda: None)
information = ctypes.create_string_buffer(128)


def call():
    libc.waitid(1, pid, information, os.WEXITED)  # <-- blocks


measure(call, "waitid")
