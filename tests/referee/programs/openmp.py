"""An extension that computes with OpenMP: its threads wait for each other inside libgomp."""
import ctypes
import os

library = ctypes.CDLL(os.environ["REFEREE_OPENMP"])
library.uneven.restype = ctypes.c_double
assert library.uneven(60) > 0
