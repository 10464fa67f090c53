#!/usr/bin/python3
# apt: python3-seccomp
# Waiting for a notification of the kernel in a Cython module.
import os

import seccomp

from harness import later, measure

rules = seccomp.SyscallFilter(seccomp.ALLOW)
rules.add_rule(seccomp.NOTIFY, "getpriority")
rules.load()
later(lambda: os.getpriority(os.PRIO_PROCESS, 0))


def call():
    rules.receive_notify()  # <-- blocks


measure(call, "ioctl", held=True,
        caller="seccomp.cpython-311-x86_64-linux-gnu.so", via="seccomp")
