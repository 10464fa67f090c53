"""An event loop: streams, TLS-less servers, subprocesses, the executor, name service, timers."""
import asyncio
import socket
import time


async def serve(reader, writer):
    while line := await reader.readline():
        await asyncio.sleep(0.01)
        writer.write(line.upper())
        await writer.drain()
    writer.close()


async def ask(port, times):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for _ in range(times):
        writer.write(b"hello\n")
        assert await reader.readline() == b"HELLO\n"
    writer.close()
    await writer.wait_closed()


async def main():
    loop = asyncio.get_running_loop()
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    await asyncio.gather(*(ask(port, 10) for _ in range(8)))
    process = await asyncio.create_subprocess_exec("sh", "-c", "sleep 0.2; echo x",
                                                   stdout=asyncio.subprocess.PIPE)
    assert (await process.communicate())[0] == b"x\n"
    await asyncio.gather(*(loop.run_in_executor(None, time.sleep, 0.1) for _ in range(5)))
    await loop.getaddrinfo("localhost", 80, type=socket.SOCK_STREAM)
    time.sleep(0.05)
    server.close()
    await server.wait_closed()


asyncio.run(main())
try:
    import uvloop
except ImportError:
    uvloop = None
if uvloop:
    uvloop.run(main())
