#!/usr/bin/python3
# apt: python3
# A call on a stack of the extension's own, from which nothing leads back to Python.
import ctypes

from harness import DELAY, measure

libc = ctypes.PyDLL(None)
SIZE = 1024  # of a ucontext_t, at least
there, back = ctypes.create_string_buffer(SIZE), ctypes.create_string_buffer(SIZE)
stack = ctypes.create_string_buffer(1 << 17)
libc.getcontext(there)
words = ctypes.cast(there, ctypes.POINTER(ctypes.c_void_p))
words[1] = ctypes.addressof(back)  # uc_link: where it goes on after the function
words[2] = ctypes.addressof(stack)
words[4] = len(stack)
libc.makecontext.argtypes = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int, ctypes.c_long)
libc.makecontext(ctypes.addressof(there), ctypes.cast(libc.usleep, ctypes.c_void_p).value, 1,
                 int(DELAY * 1e6))


def call():
    libc.swapcontext(back, there)  # <-- blocks


measure(call, "usleep", held=True, caller="libc.so.6", via="", own_stack=True)
