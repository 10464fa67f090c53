"""ZeroMQ: a C++ library whose own threads move the messages, between threads and between sockets."""
import threading

import zmq

context = zmq.Context()
server = context.socket(zmq.REP)
port = server.bind_to_random_port("tcp://127.0.0.1")


def serve():
    while (message := server.recv()) != b"end":
        server.send(message)
    server.send(b"ended")


def ask(last):
    client = context.socket(zmq.REQ)
    client.connect("tcp://127.0.0.1:%d" % port)
    for _ in range(30):
        client.send(b"x" * 10000)
        assert len(client.recv()) == 10000
    if last:
        client.send(b"end")
        client.recv()
    client.close()


thread = threading.Thread(target=serve)
thread.start()
first = threading.Thread(target=ask, args=(False,))
first.start()
first.join()
ask(True)
thread.join()
idle = context.socket(zmq.PULL)
idle.bind_to_random_port("tcp://127.0.0.1")
assert idle.poll(300) == 0
idle.close()
server.close()
context.term()
