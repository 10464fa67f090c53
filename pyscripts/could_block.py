"""A read that happens to find its data waiting could have blocked; one on a descriptor that never
waits could not.

reported: GIL002 read 13 calls in lucky
not reported: never
"""
import ctypes
import os

libc = ctypes.PyDLL(None)
buffer = ctypes.create_string_buffer(1)


def lucky(reader, writer):
    os.write(writer, b"x")
    assert libc.read(reader, buffer, 1) == 1


def never(reader):
    os.set_blocking(reader, False)
    libc.read(reader, buffer, 1)


ends = os.pipe()
for _ in range(13):
    lucky(*ends)
for _ in range(13):
    never(ends[0])
