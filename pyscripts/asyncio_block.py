"""A coroutine that calls a C function which blocks: the loop and every other thread stand still.

reported: GIL001 poll 5 calls in blocks
not reported: sleeps
"""
import asyncio
import ctypes

libc = ctypes.PyDLL(None)


async def blocks():
    for _ in range(5):
        libc.poll(None, 0, 2)
        await asyncio.sleep(0)


async def sleeps():
    for _ in range(5):
        await asyncio.sleep(0.002)


async def main():
    await asyncio.gather(blocks(), sleeps())


asyncio.run(main())
