#!/usr/bin/python3
# apt: python3
# A semaphore in shared memory that another process posts late.
from harness import later, libc, measure, setup, shared_memory

memory = shared_memory()
setup.sem_init(memory, 1, 0)
later(lambda: setup.sem_post(memory))


def call():
    libc.sem_wait(memory)  # <-- blocks


measure(call, "sem_wait")
