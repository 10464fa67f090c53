"""numpy: matrix products in OpenBLAS's own threads, from two Python threads; files of arrays."""
import os
import tempfile
import threading

import numpy

a = numpy.random.default_rng(7).random((700, 700))
total = []


def multiply():
    b = a
    for _ in range(6):
        b = b @ a
        b /= b.max()
    total.append(float(numpy.linalg.norm(b)))


threads = [threading.Thread(target=multiply) for _ in range(2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert total[0] > 0
path = os.path.join(tempfile.mkdtemp(), "a.npy")
numpy.save(path, a)
assert numpy.array_equal(numpy.load(path), a)
numpy.linalg.svd(a[:300, :300])
