"""A threaded HTTP server over a SQLite data base, and eight clients; writers wait for each other."""
import http.client
import http.server
import os
import sqlite3
import tempfile
import threading

PATH = os.path.join(tempfile.mkdtemp(), "base.sqlite")


def connect():
    return sqlite3.connect(PATH, timeout=100, isolation_level=None)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        base = connect()
        base.execute("begin immediate")
        base.execute("insert into visit(path) values (?)", (self.path,))
        count = base.execute("select count(*) from visit").fetchone()[0]
        base.execute("commit")
        base.close()
        body = b"%d" % count
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def ask(port, times):
    client = http.client.HTTPConnection("127.0.0.1", port)
    for number in range(times):
        client.request("GET", "/%d" % number)
        assert int(client.getresponse().read()) > 0
    client.close()


connect().execute("create table visit(path text)")
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
serving = threading.Thread(target=server.serve_forever)
serving.start()
clients = [threading.Thread(target=ask, args=(server.server_port, 6)) for _ in range(8)]
for client in clients:
    client.start()
for client in clients:
    client.join()
server.shutdown()
serving.join()
server.server_close()
assert connect().execute("select count(*) from visit").fetchone()[0] == 48
