#!/usr/bin/python3
# apt: python3
# The end of a shell command.
import ctypes

from harness import DELAY, libc, measure, setup

setup.popen.restype = ctypes.c_void_p
command = ctypes.c_void_p(setup.popen(b"sleep %g" % DELAY, b"r"))


def call():
    libc.pclose(command)  # <-- blocks


measure(call, "pclose")
