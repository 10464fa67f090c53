"""Prints the resident KiB of a process with N threads that each made a call.

    memory.py N
"""
import json
import sys
import threading
import time

threading.stack_size(256 * 1024)
go, ready = threading.Event(), threading.Semaphore(0)


def wait():
    time.sleep(0)
    ready.release()
    go.wait()


threads = [threading.Thread(target=wait) for _ in range(int(sys.argv[1]) - 1)]
for thread in threads:
    thread.start()
for thread in threads:
    ready.acquire()
with open("/proc/self/smaps_rollup") as file:
    sizes = dict(line.split(":") for line in file if line.startswith("Rss"))
go.set()
for thread in threads:
    thread.join()
print(json.dumps({"rss": int(sizes["Rss"].split()[0])}))
