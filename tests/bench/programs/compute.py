"""Multiplies matrices, sorts and transforms with numpy."""
import os

import parts

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # its threads spin while they wait, which is no work
import numpy  # noqa: E402


def compute(scale):
    rows = numpy.random.default_rng(1).random((200, 200))
    flat = rows.reshape(-1)
    for _ in range(int(200 * scale)):
        product = rows @ rows.T
        rows = product / product.max()
        numpy.sort(flat)
        numpy.fft.fft(flat)


parts.run(compute)
