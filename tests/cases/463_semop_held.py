#!/usr/bin/python3
# apt: python3
# A System V semaphore that another process raises late.
import struct

from harness import later, libc, measure, setup

semaphore = setup.semget(0, 1, 0o600)
later(lambda: setup.semop(semaphore, struct.pack("Hhh", 0, 1, 0), 1))


def call():
    libc.semop(semaphore, struct.pack("Hhh", 0, -1, 0), 1)  # <-- blocks


measure(call, "semop")
setup.semctl(semaphore, 0, 0)
