"""Walks the standard library's tree, and stats and reads its files."""
import json
import os
import sys
import time

TOP = os.path.dirname(os.__file__)
begun, cpu = time.perf_counter(), time.process_time()
for _ in range(max(1, int(5 * float(sys.argv[1])))):
    for base, _, files in os.walk(TOP):
        for name in files:
            path = os.path.join(base, name)
            if os.path.isfile(path) and path.endswith(".py"):
                with open(path, "rb") as file:
                    file.read(4096)
print(json.dumps({"seconds": time.perf_counter() - begun, "cpu": time.process_time() - cpu}))
