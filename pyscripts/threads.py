"""Only the thread that keeps the GIL is named, not the ones that wait beside it.

reported: GIL001 usleep 7 calls in keeps
not reported: lets_go
"""
import ctypes
import threading

held, released = ctypes.PyDLL(None), ctypes.CDLL(None)


def keeps():
    for _ in range(7):
        held.usleep(2000)


def lets_go():
    for _ in range(7):
        released.usleep(2000)


threads = [threading.Thread(target=f) for f in (keeps, lets_go, lets_go)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
