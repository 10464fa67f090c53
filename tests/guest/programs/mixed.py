"""Held and released calls of several kinds, in known numbers; prints them."""
import ctypes
import os
import select
import socket

held, released = ctypes.PyDLL(None), ctypes.CDLL(None)
moment = (ctypes.c_long * 2)(0, 2000000)
ends = os.pipe()
byte = ctypes.create_string_buffer(1)
one, other = socket.socketpair()


def held_calls():
    held.nanosleep(moment, None)
    held.nanosleep(moment, None)
    held.write(ends[1], b"xy", 2)
    held.read(ends[0], byte, 1)
    held.usleep(2000)
    held.fsync(ends[0])


def released_calls():
    for _ in range(3):
        released.nanosleep(moment, None)
    released.usleep(2000)
    released.read(ends[0], byte, 1)
    one.send(b"z")
    other.recv(1)
    select.select([], [], [], 0.001)


held_calls()
released_calls()
for line in ("held nanosleep 2", "held write 1", "held read 1", "held usleep 1", "held fsync 1",
             "released nanosleep 3", "released usleep 1", "released send 1", "released recv 1",
             "released select 1"):
    print("made", line)
