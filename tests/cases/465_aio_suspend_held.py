#!/usr/bin/python3
# apt: python3
# Waiting for an asynchronous read of an empty pipe.
import ctypes
import struct

from harness import late_pipe, libc, measure, setup

buffer = ctypes.create_string_buffer(64)
request = ctypes.create_string_buffer(168)  # struct aiocb
struct.pack_into("iiiiPn", request, 0, late_pipe(), 0, 0, 0, ctypes.addressof(buffer), 5)
assert setup.aio_read(request) == 0
requests = (ctypes.c_void_p * 1)(ctypes.addressof(request))


def call():
    libc.aio_suspend(requests, 1, None)  # <-- blocks


measure(call, "aio_suspend")
