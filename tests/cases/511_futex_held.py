#!/usr/bin/python3
# apt: python3
# A futex through syscall(2), as Rust and C++ wait.
import ctypes

from harness import DELAY, libc, measure, timespec

word = ctypes.c_int(0)


def call():
    libc.syscall(202, ctypes.byref(word), 128, 0, timespec(DELAY))  # <-- blocks


measure(call, "syscall")
