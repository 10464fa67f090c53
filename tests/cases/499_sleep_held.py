#!/usr/bin/python3
# apt: python3
# A sleep of whole seconds.
from harness import libc, measure


def call():
    libc.sleep(1)  # <-- blocks


measure(call, "sleep")
