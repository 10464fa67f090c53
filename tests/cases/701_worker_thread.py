#!/usr/bin/python3
# apt: python3
# The call is made by another thread than the main one, which waits for it without the GIL.
import ctypes
import threading

from harness import DELAY, measure

usleep = ctypes.PyDLL(None).usleep


def work():
    usleep(int(DELAY * 1e6))  # <-- blocks


def call():
    worker = threading.Thread(target=work)
    worker.start()
    worker.join()


measure(call, "usleep", held=True)
