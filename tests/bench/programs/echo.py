"""An asyncio echo server and its clients in one process: messages to and fro over loopback."""
import asyncio

import parts

CLIENTS = 10


async def serve(reader, writer):
    while line := await reader.readline():
        writer.write(line)
        await writer.drain()
    writer.close()


async def ask(port, messages):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for _ in range(messages):
        writer.write(b"a few words\n")
        await reader.readline()
    writer.close()


async def echo(messages):
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    await asyncio.gather(*(ask(port, messages) for _ in range(CLIENTS)))
    server.close()


parts.run(lambda scale: asyncio.run(echo(int(1500 * scale))))
