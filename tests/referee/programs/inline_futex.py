"""The twin that must fail: an extension that waits by a system call of its own. No preload sees it,
and nobody has named it."""
import ctypes
import os
import time

library = ctypes.PyDLL(os.environ["REFEREE_INLINE"])
time.sleep(0.1)
library.wait_inline(200)
