"""An asyncio echo server and its clients in one process: messages to and fro over loopback."""
import asyncio
import json
import sys
import time

MESSAGES, CLIENTS = int(1500 * float(sys.argv[1])), 10


async def serve(reader, writer):
    while line := await reader.readline():
        writer.write(line)
        await writer.drain()
    writer.close()


async def ask(port):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for _ in range(MESSAGES):
        writer.write(b"a few words\n")
        await reader.readline()
    writer.close()


async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    begun, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*(ask(port) for _ in range(CLIENTS)))
    print(json.dumps({"seconds": time.perf_counter() - begun, "cpu": time.process_time() - cpu}))


asyncio.run(main())
