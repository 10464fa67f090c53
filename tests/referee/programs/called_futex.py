"""The twin of the twin: the same wait, made by libc's syscall(2)."""
import ctypes
import os
import threading
import time

PATH = os.environ["REFEREE_INLINE"]
library = ctypes.PyDLL(PATH)
threading.Thread(target=ctypes.CDLL(PATH).wait_called, args=(60000,), daemon=True).start()
time.sleep(0.1)
library.wait_called(200)
