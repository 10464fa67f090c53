#!/usr/bin/python3
# apt: python3
# fread is called with the GIL held on a stream that Python code fills, which drops the GIL and
# sleeps: nobody has to wait.
import ctypes
import time

from harness import DELAY, measure, setup

reader = ctypes.PYFUNCTYPE(ctypes.c_ssize_t, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t)


class Functions(ctypes.Structure):
    _fields_ = [("read", reader), ("write", ctypes.c_void_p), ("seek", ctypes.c_void_p),
                ("close", ctypes.c_void_p)]


@reader
def fill_buffer(cookie, buffer, size):
    time.sleep(DELAY)  # <-- blocks
    return 0


functions = Functions(fill_buffer)
setup.fopencookie.restype = ctypes.c_void_p
source = ctypes.c_void_p(setup.fopencookie(None, b"r", functions))
buffer = ctypes.create_string_buffer(8)
fread = ctypes.PyDLL(None).fread


def call():
    fread(buffer, 1, 8, source)


measure(call, "clock_nanosleep", held=False, caller="python3.11", via="time.sleep")
