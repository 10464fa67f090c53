"""Multiplies matrices, sorts and transforms with numpy."""
import json
import os
import sys
import time

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # its threads spin while they wait, which is no work
import numpy  # noqa: E402

rows = numpy.random.default_rng(1).random((500, 500))
flat = rows.reshape(-1)
begun, cpu = time.perf_counter(), time.process_time()
for _ in range(int(40 * float(sys.argv[1]))):
    product = rows @ rows.T
    rows = product / product.max()
    numpy.sort(flat)
    numpy.fft.fft(flat)
print(json.dumps({"seconds": time.perf_counter() - begun, "cpu": time.process_time() - cpu}))
