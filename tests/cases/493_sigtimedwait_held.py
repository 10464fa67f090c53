#!/usr/bin/python3
# apt: python3
# A signal that does not come.
import ctypes
import signal

from harness import DELAY, libc, measure, timespec

signals = (ctypes.c_ulong * 16)(1 << (signal.SIGUSR1 - 1))
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})


def call():
    libc.sigtimedwait(signals, None, timespec(DELAY))  # <-- blocks


measure(call, "sigtimedwait")
