"""uvicorn on uvloop: requests, a thread pool, a subprocess, and its end."""
import asyncio
import concurrent.futures
import os
import sys
import time

if __name__ != "__main__":
    async def app(scope, receive, send):
        assert scope["type"] in ("http", "lifespan")
        if scope["type"] == "lifespan":
            for _ in range(2):
                message = await receive()
                await send({"type": message["type"] + ".complete"})
            return
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(None, time.sleep, 0.005)
        text = type(loop).__module__
        if scope["path"] == "/child":
            child = await asyncio.create_subprocess_exec(
                "sh", "-c", "echo out; echo err >&2; exit 3", stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE)
            text += " %s %d" % (await child.communicate(), child.returncode)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": text.encode()})
else:
    from common import Server, fetch, say

    server = Server([sys.executable, "-m", "uvicorn", "--loop", "uvloop", "--port", "8000",
                     "--app-dir", os.path.dirname(os.path.abspath(__file__)),
                     "uvicorn_uvloop:app"], 8000)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        paths = ["/child" if number % 10 == 0 else "/" for number in range(80)]
        say(list(pool.map(lambda path: fetch("http://127.0.0.1:8000" + path), paths)))
    log = server.say_end()
    say("finished:", "Finished server process" in log, "error:", "Traceback" in log)
