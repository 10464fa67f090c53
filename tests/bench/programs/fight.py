"""Two threads that want the GIL: one computes, the other gives it up for a short read again and again."""
import os
import threading

import parts


def compute(rounds):
    number = 1
    for _ in range(rounds):
        number = number * 5 % 1000003


def read(reads):
    zero = os.open("/dev/zero", os.O_RDONLY)
    for _ in range(reads):
        os.read(zero, 1)
    os.close(zero)


def fight(scale):
    threads = [threading.Thread(target=compute, args=(int(12000000 * scale),)),
               threading.Thread(target=read, args=(int(300 * scale),))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


parts.run(fight)
