#!/usr/bin/python3
# apt: python3
# A barrier in shared memory: the other process comes late.
import ctypes

from harness import later, libc, measure, setup, shared_memory

memory = shared_memory()
attributes = ctypes.create_string_buffer(64)
setup.pthread_barrierattr_setpshared(attributes, 1)
setup.pthread_barrier_init(memory, attributes, 2)
later(lambda: setup.pthread_barrier_wait(memory))


def call():
    libc.pthread_barrier_wait(memory)  # <-- blocks


measure(call, "pthread_barrier_wait")
