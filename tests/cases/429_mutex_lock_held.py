#!/usr/bin/python3
# apt: python3
# A mutex in shared memory that another process has locked.
import ctypes
import time

from harness import aside, DELAY, libc, measure, setup, shared_memory

memory = shared_memory()
attributes = ctypes.create_string_buffer(64)
setup.pthread_mutexattr_init(attributes)
setup.pthread_mutexattr_setpshared(attributes, 1)
setup.pthread_mutex_init(memory, attributes)


def holder(ready):
    setup.pthread_mutex_lock(memory)
    ready()
    time.sleep(DELAY)
    setup.pthread_mutex_unlock(memory)


aside(holder)


def call():
    libc.pthread_mutex_lock(memory)  # <-- blocks


measure(call, "pthread_mutex_lock")
