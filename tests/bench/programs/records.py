"""Forks N children that each make held calls and end: N records.

    records.py N
"""
import ctypes
import os
import sys

nap = ctypes.PyDLL(None).usleep
for _ in range(int(sys.argv[1])):
    pid = os.fork()
    if pid == 0:
        for _ in range(3):
            nap(10)
        nap(1)
        os._exit(0)
    os.waitpid(pid, 0)
