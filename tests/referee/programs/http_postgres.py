"""A threaded HTTP server that asks PostgreSQL, with a lock that one client holds against another."""
import http.client
import http.server
import os
import threading

import psycopg2

DSN = os.environ["REFEREE_DSN"]


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        base = psycopg2.connect(DSN)
        with base, base.cursor() as cursor:
            cursor.execute("update turn set value = value + 1 returning value")
            cursor.execute("select pg_sleep(0.01), value from turn")
            value = cursor.fetchone()[1]
        base.close()
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"%d" % value)

    def log_message(self, *_):
        pass


def ask(port):
    for _ in range(5):
        client = http.client.HTTPConnection("127.0.0.1", port)
        client.request("GET", "/")
        assert int(client.getresponse().read()) > 0
        client.close()


first = psycopg2.connect(DSN)
with first, first.cursor() as cursor:
    cursor.execute("create table if not exists turn(value int)")
    cursor.execute("delete from turn")
    cursor.execute("insert into turn values (0)")
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
clients = [threading.Thread(target=ask, args=(server.server_port,)) for _ in range(6)]
for client in clients:
    client.start()
for client in clients:
    client.join()
server.shutdown()
