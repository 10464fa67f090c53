"""Two threads that want the GIL: one computes, the other gives it up for a short read again and again."""
import json
import os
import sys
import threading
import time

ROUNDS, READS = int(12000000 * float(sys.argv[1])), int(150 * float(sys.argv[1]))


def compute():
    number = 1
    for _ in range(ROUNDS):
        number = number * 5 % 1000003


def read():
    zero = os.open("/dev/zero", os.O_RDONLY)
    for _ in range(READS):
        os.read(zero, 1)


begun, cpu = time.perf_counter(), time.process_time()
threads = [threading.Thread(target=work) for work in (compute, read)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(json.dumps({"seconds": time.perf_counter() - begun, "cpu": time.process_time() - cpu}))
