#!/usr/bin/python3
# apt: python3
# A record lock held by another process.
import fcntl
import os
import time

from harness import aside, DELAY, libc, measure, TMP

path = TMP + "/lock"
open(path, "w").close()


def holder(ready):
    with open(path, "r+") as target:
        fcntl.lockf(target, fcntl.LOCK_EX)
        ready()
        time.sleep(DELAY)


aside(holder)
target = os.open(path, os.O_RDWR)


def call():
    libc.lockf(target, 1, 0)  # <-- blocks


measure(call, "lockf")
