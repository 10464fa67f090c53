#!/usr/bin/python3
# apt: python3
# A shell command.
from harness import DELAY, libc, measure

command = b"sleep %g" % DELAY


def call():
    libc.system(command)  # <-- blocks


measure(call, "system")
