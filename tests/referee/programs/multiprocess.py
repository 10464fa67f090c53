"""multiprocessing: pools by fork and by spawn, queues, locks, events, shared memory, a manager."""
import multiprocessing
import time


def square(n):
    time.sleep(0.02)
    return n * n


def consume(queue, lock, ready):
    ready.set()
    while (item := queue.get()) is not None:
        with lock:
            time.sleep(item)


def main():
    for method in "fork", "spawn":
        context = multiprocessing.get_context(method)
        with context.Pool(2) as pool:
            assert pool.map(square, range(12)) == [n * n for n in range(12)]
            assert pool.apply_async(square, (3,)).get(30) == 9
        queue, lock, ready = context.Queue(), context.Lock(), context.Event()
        processes = [context.Process(target=consume, args=(queue, lock, ready)) for _ in range(2)]
        for process in processes:
            process.start()
        ready.wait()
        for _ in range(10):
            queue.put(0.02)
        for _ in processes:
            queue.put(None)
        for process in processes:
            process.join()
    with multiprocessing.get_context("fork").Manager() as manager:
        shared = manager.dict(a=1)
        assert shared["a"] == 1


if __name__ == "__main__":
    main()
