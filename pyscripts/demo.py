"""Two extensions ask a slow server: the guilty one with the GIL held, the innocent one without.

reported: GIL001 poll 3 calls in ask_guilty
not reported: ask_innocent
"""
import os
import socket
import threading
import time

import guilty
import innocent

ours, theirs = socket.socketpair()


def serve():
    if os.fork() == 0:
        ours.close()
        while theirs.recv(1):
            time.sleep(0.05)
            theirs.send(b"!")
        os._exit(0)
    theirs.close()


def ask_guilty(fd):
    return guilty.query(fd)


def ask_innocent(fd):
    return innocent.query(fd)


def work(done, ticks):
    while not done.is_set():
        ticks.append(1)
        time.sleep(0.001)


serve()
for ask in ask_innocent, ask_guilty:
    done, ticks = threading.Event(), []
    worker = threading.Thread(target=work, args=(done, ticks))
    worker.start()
    for _ in range(3):
        ask(ours.fileno())
    done.set()
    worker.join()
    print("%s: another thread worked %s" %
          (ask.__name__, "meanwhile" if len(ticks) > 20 else "hardly at all"))
ours.close()
os.wait()
