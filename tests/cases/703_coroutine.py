#!/usr/bin/python3
# apt: python3
# The line is in a coroutine that an event loop runs.
import asyncio
import ctypes

from harness import DELAY, measure

usleep = ctypes.PyDLL(None).usleep


async def work():
    await asyncio.sleep(0)
    usleep(int(DELAY * 1e6))  # <-- blocks


def call():
    asyncio.run(work())


measure(call, "usleep", held=True)
