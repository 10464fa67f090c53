"""A gRPC server and its clients in one process: the C++ core has threads and pollers of its own."""
import concurrent.futures
import threading
import time

import grpc


class Echo(grpc.GenericRpcHandler):
    def service(self, details):
        if details.method == "/echo/slow":
            return grpc.unary_unary_rpc_method_handler(self.slow)
        return grpc.unary_stream_rpc_method_handler(self.many)

    @staticmethod
    def slow(request, _):
        time.sleep(0.05)
        return request

    @staticmethod
    def many(request, _):
        for _ in range(5):
            time.sleep(0.01)
            yield request


server = grpc.server(concurrent.futures.ThreadPoolExecutor(4), handlers=[Echo()])
port = server.add_insecure_port("127.0.0.1:0")
server.start()


def ask():
    with grpc.insecure_channel("127.0.0.1:%d" % port) as channel:
        grpc.channel_ready_future(channel).result(20)
        for _ in range(5):
            assert channel.unary_unary("/echo/slow")(b"x", timeout=20) == b"x"
        assert len(list(channel.unary_stream("/echo/many")(b"y", timeout=20))) == 5


clients = [threading.Thread(target=ask) for _ in range(4)]
for client in clients:
    client.start()
for client in clients:
    client.join()
server.stop(1).wait()
