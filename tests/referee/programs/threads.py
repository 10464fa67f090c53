"""Locks, queues, conditions, events and barriers between threads, a timer, a daemon at the end."""
import queue
import threading
import time

DONE = object()
jobs, results = queue.Queue(4), queue.SimpleQueue()
gate, barrier, turn = threading.Event(), threading.Barrier(3), threading.Condition()
slots = threading.Semaphore(2)


def work():
    gate.wait()
    while True:
        job = jobs.get()
        if job is DONE:
            break
        with slots:
            time.sleep(job)
        results.put(sum(range(20000)))
    barrier.wait()
    with turn:
        turn.wait(0.3)


workers = [threading.Thread(target=work) for _ in range(3)]
for worker in workers:
    worker.start()
threading.Timer(0.1, gate.set).start()
for number in range(40):
    jobs.put(0.02 + number % 3 * 0.01)
for worker in workers:
    jobs.put(DONE)
time.sleep(0.5)
with turn:
    turn.notify(2)
for worker in workers:
    worker.join()
assert results.qsize() == 40
lock = threading.Lock()
lock.acquire()
assert not lock.acquire(timeout=0.2)
threading.Thread(target=lock.acquire, daemon=True).start()
time.sleep(0.05)
