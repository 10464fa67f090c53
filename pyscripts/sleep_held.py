"""ctypes.PyDLL keeps the GIL around a foreign call.

reported: GIL001 usleep 23 calls in nap
"""
import ctypes

libc = ctypes.PyDLL(None)


def nap():
    libc.usleep(1000)


for _ in range(23):
    nap()
