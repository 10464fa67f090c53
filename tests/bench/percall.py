"""Prints what one call costs in this process, in ns: the best of several batches each.

    percall.py wall|cpu CALL:STATE ...   calls of gsbench; gil:switch is dropping and taking the GIL
"""
import json
import sys

import gsbench

BATCHES = 9
BATCH_NS = 1500000


CLOCK = ("wall", "cpu").index(sys.argv[1])


def measure(call, state):
    def batch(n):
        both = gsbench.gil_time(n) if call == "gil" else gsbench.time(call, state, n)
        return both[CLOCK]

    n = 4
    while batch(n) < BATCH_NS and n < 1 << 20:
        n *= 2
    return min(batch(n) for _ in range(BATCHES)) / n


print(json.dumps({what: measure(*what.split(":")) for what in sys.argv[2:]}))
