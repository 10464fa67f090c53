#!/usr/bin/python3
# apt: python3
# A signal that comes late.
import ctypes
import os
import signal

from harness import later, libc, measure

signals, number = (ctypes.c_ulong * 16)(1 << (signal.SIGUSR1 - 1)), ctypes.c_int()
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
parent = os.getpid()
later(lambda: os.kill(parent, signal.SIGUSR1))


def call():
    libc.sigwait(signals, ctypes.byref(number))  # <-- blocks


measure(call, "sigwait")
