"""gevent: everything patched; a server and clients in greenlets, a pool of threads, children."""
from gevent import monkey

monkey.patch_all()
import os  # noqa: E402
import socket  # noqa: E402
import subprocess  # noqa: E402
import time  # noqa: E402

import gevent  # noqa: E402
from gevent.server import StreamServer  # noqa: E402

from common import say  # noqa: E402


def serve(client, _):
    with client:
        text = client.recv(100)
        time.sleep(0.01)
        client.sendall(text.upper())


def ask(number):
    with socket.create_connection(("127.0.0.1", 8000)) as server:
        server.sendall(b"request %d" % number)
        return server.recv(100).decode()


server = StreamServer(("127.0.0.1", 8000), serve)
server.start()
jobs = [gevent.spawn(ask, number) for number in range(100)]
gevent.joinall(jobs, timeout=30)
say([job.value for job in jobs])
say(gevent.get_hub().threadpool.map(lambda number: number * number, range(50)))
children = [gevent.spawn(subprocess.run, ["sh", "-c", "echo %d; sleep 0.1; exit %d" % (n, n)],
                         stdout=subprocess.PIPE) for n in range(10)]
gevent.joinall(children, timeout=30)
say([(child.value.returncode, child.value.stdout) for child in children])
pid = os.fork()
if pid == 0:
    gevent.sleep(0.01)
    os._exit(len([job for job in [gevent.spawn(time.sleep, 0.01) for _ in range(7)]
                  if job.join() is None]))
say("child", os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
here, there = socket.socketpair()
try:
    with gevent.Timeout(0.05):
        here.recv(1)
except gevent.Timeout:
    say("timeout")
server.stop()
