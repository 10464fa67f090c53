#!/usr/bin/python3
# apt: python3
# A message that comes late.
import ctypes

from harness import late_socket, libc, measure

source = late_socket()
buffer = ctypes.create_string_buffer(64)
vector = (ctypes.c_void_p * 2)(ctypes.addressof(buffer), 64)
message = (ctypes.c_void_p * 7)(None, None, ctypes.addressof(vector), 1)


def call():
    libc.recvmsg(source.fileno(), message, 0)  # <-- blocks


measure(call, "recvmsg")
