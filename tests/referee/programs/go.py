"""A Go library in a Python process: its run time waits without libc."""
import ctypes
import os

library = ctypes.CDLL(os.environ["REFEREE_GO"])
assert library.Wait(300) == 300
assert library.Relay(200) == 200
