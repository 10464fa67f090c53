"""What a program of the bench does: at once, or in parts, each when it is asked for.

    PROGRAM.py SCALE [...]    the work, so large
    PROGRAM.py - [...]        a part for each line of standard input, which is its scale

Each time a line of JSON is printed: seconds, and seconds of the process's CPU."""
import json
import sys
import time


def run(work):
    """work(scale): a function that does it."""
    for scale in sys.stdin if sys.argv[1] == "-" else sys.argv[1:2]:
        begun, cpu = time.perf_counter(), time.process_time()
        work(float(scale))
        print(json.dumps({"seconds": time.perf_counter() - begun,
                          "cpu": time.process_time() - cpu}), flush=True)
