"""celery: a worker with forked children and one with threads, on a Redis of our own."""
import os
import sys
import time

import celery

app = celery.Celery("celery_redis", broker="redis://127.0.0.1:6390/0",
                    backend="redis://127.0.0.1:6390/1")
app.conf.broker_connection_retry_on_startup = True


@app.task
def work(number):
    time.sleep(0.01)
    if number == 13:
        raise ValueError("thirteen")
    return number * number


def main():
    from common import Server, say

    redis = Server(["redis-server", "--port", "6390", "--bind", "127.0.0.1", "--save", "",
                    "--daemonize", "no"], 6390, "redis.log")
    for pool in "prefork", "threads":
        worker = Server([sys.executable, "-m", "celery", "-A", "celery_redis", "--workdir",
                         os.path.dirname(os.path.abspath(__file__)), "worker", "--pool", pool,
                         "--concurrency", "3", "--loglevel", "WARNING"], 6390, "worker.log",
                        env=dict(os.environ, C_FORCE_ROOT="1"))
        results = [work.delay(number) for number in range(40)]
        say(pool, [str(result.get(timeout=60, propagate=False)) for result in results])
        say(results[13].state, type(results[13].result).__name__)
        worker.say_end()
    redis.say_end()


if __name__ == "__main__":
    sys.modules["celery_redis"] = sys.modules["__main__"]
    main()
