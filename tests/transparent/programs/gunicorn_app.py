"""gunicorn: threads in one worker, then four workers that are forked; and its log."""
import concurrent.futures
import os
import sys
import threading
import time

if __name__ != "__main__":
    def app(environ, start_response):
        time.sleep(0.005)
        size = int(environ.get("CONTENT_LENGTH") or 0)
        body = environ["wsgi.input"].read(size)
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"%s %s %d %s" % (environ["REQUEST_METHOD"].encode(),
                                  environ["PATH_INFO"].encode(), len(body),
                                  str(threading.active_count() > 0).encode())]
else:
    from common import Server, fetch, say

    for kind in (["--threads", "8"], ["--workers", "4"], ["--workers", "2", "--threads", "4",
                                                          "--preload", "--max-requests", "20"]):
        server = Server([sys.executable, "-m", "gunicorn", *kind, "--bind", "127.0.0.1:8000",
                         "--chdir", os.path.dirname(os.path.abspath(__file__)),
                         "gunicorn_app:app"], 8000)
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(
                lambda number: fetch("http://127.0.0.1:8000/%d" % number,
                                     b"x" * 1000 * number if number % 2 else None), range(80)))
        say(kind, answers)
        log = server.say_end()
        say("workers booted:", "Booting worker" in log, "error:", "ERROR" in log)
