#!/usr/bin/python3
# apt: python3
# A condition in shared memory that another process signals late.
import ctypes

from harness import later, libc, measure, setup, shared_memory

condition, mutex = shared_memory(), shared_memory()
attributes = ctypes.create_string_buffer(64)
setup.pthread_condattr_init(attributes)
setup.pthread_condattr_setpshared(attributes, 1)
setup.pthread_cond_init(condition, attributes)
setup.pthread_mutexattr_init(attributes)
setup.pthread_mutexattr_setpshared(attributes, 1)
setup.pthread_mutex_init(mutex, attributes)
setup.pthread_mutex_lock(mutex)
later(lambda: setup.pthread_cond_signal(condition))


def call():
    libc.pthread_cond_wait(condition, mutex)  # <-- blocks


measure(call, "pthread_cond_wait")
