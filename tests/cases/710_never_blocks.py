#!/usr/bin/python3
# apt: python3
# Calls with the GIL held that could wait and never have to.
import ctypes
import os
import socket
import time

from harness import DELAY, measure

libc_held = ctypes.PyDLL(None)
reading, writing = os.pipe()
here, there = socket.socketpair()
buffer = ctypes.create_string_buffer(8)
mutex, semaphore = ctypes.create_string_buffer(64), ctypes.create_string_buffer(64)


def call():
    end = time.perf_counter() + DELAY
    while time.perf_counter() < end:
        libc_held.write(writing, buffer, 8)
        libc_held.read(reading, buffer, 8)
        libc_held.recv(here.fileno(), buffer, 8, socket.MSG_DONTWAIT)
        libc_held.poll(None, 0, 0)
        libc_held.pthread_mutex_lock(mutex)
        libc_held.pthread_mutex_unlock(mutex)
        libc_held.sem_post(semaphore)
        libc_held.sem_wait(semaphore)  # <-- blocks


measure(call, "", held=False, caller="", no_blocking_call=True)
