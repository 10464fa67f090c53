#!/usr/bin/python3
# apt: python3
# options: calls=all
# Another thread is in the routine that is to run only once.
import ctypes
import os
import threading
import time

from harness import late_pipe, libc, measure, setup

os.dup2(late_pipe(), 0)
control = ctypes.c_int()
routine = ctypes.cast(setup.getchar, ctypes.c_void_p)  # reads that pipe
first = threading.Thread(target=setup.pthread_once, args=(ctypes.byref(control), routine))
first.start()
while not control.value:
    time.sleep(0.001)


def call():
    libc.pthread_once(ctypes.byref(control), routine)  # <-- blocks


measure(call, "pthread_once")
