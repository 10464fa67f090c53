#!/usr/bin/python3
# apt: python3
# The call is made by a child that a fork made, and that ends without cleaning up.
import ctypes
import os

from harness import DELAY, measure

usleep = ctypes.PyDLL(None).usleep


def call():
    usleep(int(DELAY * 1e6))  # <-- blocks


pid = os.fork()
if pid == 0:
    measure(call, "usleep", held=True)
    os._exit(0)
os.waitpid(pid, 0)
