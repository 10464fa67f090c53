"""The program whose records are in real/: it waits with the GIL held and without, in two threads, and
has a child that is killed while it waits, holding its GIL."""
import ctypes
import os
import signal
import threading
import time

held, released = ctypes.PyDLL(None), ctypes.CDLL(None)


def nap():
    for _ in range(5):
        held.usleep(2000)


def innocent():
    for _ in range(5):
        released.usleep(2000)


def stuck():
    held.pause()


child = os.fork()
if child == 0:
    stuck()
threads = [threading.Thread(target=target) for target in (nap, innocent)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
time.sleep(0.5)
os.kill(child, signal.SIGKILL)
os.waitpid(child, 0)
