"""The twin that escapes: an extension that waits by a system call of its own, which no preload sees."""
import ctypes
import os
import threading
import time

PATH = os.environ["REFEREE_INLINE"]
library = ctypes.PyDLL(PATH)
threading.Thread(target=ctypes.CDLL(PATH).wait_inline, args=(60000,), daemon=True).start()
time.sleep(0.1)
library.wait_inline(200)
