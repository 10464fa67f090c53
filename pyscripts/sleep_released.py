"""ctypes.CDLL drops the GIL around the same call.

not reported: nap
"""
import ctypes

libc = ctypes.CDLL(None)


def nap():
    libc.usleep(1000)


for _ in range(23):
    nap()
