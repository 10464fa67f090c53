"""Calls from an interpreter whose lock nobody can ask: all of them must be counted as unknown."""
import ctypes
import json
import os
import threading
import time

CALLS = 5


def calls():
    for _ in range(CALLS):
        ctypes.CDLL(None).usleep(10)


def main():
    calls()
    thread = threading.Thread(target=calls)
    thread.start()
    thread.join()
    time.sleep(0.001)
    with open(os.environ["TRUTH_FILE"], "a") as truth:
        truth.write(json.dumps({"unknown": {"usleep": 2 * CALLS}}) + "\n")


if __name__ == "__main__":
    main()
