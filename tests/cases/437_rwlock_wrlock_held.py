#!/usr/bin/python3
# apt: python3
# A read-write lock in shared memory that another process has locked for writing.
import ctypes
import time

from harness import aside, DELAY, libc, measure, setup, shared_memory

memory = shared_memory()
attributes = ctypes.create_string_buffer(64)
setup.pthread_rwlockattr_init(attributes)
setup.pthread_rwlockattr_setpshared(attributes, 1)
setup.pthread_rwlock_init(memory, attributes)


def holder(ready):
    setup.pthread_rwlock_wrlock(memory)
    ready()
    time.sleep(DELAY)
    setup.pthread_rwlock_unlock(memory)


aside(holder)


def call():
    libc.pthread_rwlock_wrlock(memory)  # <-- blocks


measure(call, "pthread_rwlock_wrlock")
