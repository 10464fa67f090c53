#!/usr/bin/python3
# apt: python3
# C code that computes with the GIL held, without a call.
import itertools
import time

from harness import DELAY, measure

begin = time.thread_time()
all(itertools.repeat(1, 1_000_000))
rounds = int(DELAY / (time.thread_time() - begin) * 1_000_000)


def call():
    all(itertools.repeat(1, rounds))  # <-- blocks


measure(call, "", held=True, caller="", via="itertools", least=DELAY / 3, no_libc_call=True)
