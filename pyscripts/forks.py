"""A forked child has a summary of its own, whichever way it ends.

reported: GIL001 usleep 3 calls in in_parent
reported: GIL001 usleep 5 calls in in_child
"""
import ctypes
import os

libc = ctypes.PyDLL(None)


def in_parent():
    libc.usleep(1000)


def in_child():
    libc.usleep(1000)


pid = os.fork()
if pid == 0:
    for _ in range(5):
        in_child()
    os._exit(0)
assert os.waitpid(pid, 0)[1] == 0
for _ in range(3):
    in_parent()
