"""A pattern that backtracks keeps the GIL while another thread ticks; hashing large data releases it.

computing: match_words
not computing: hash_data
"""
import hashlib
import re
import threading
import time

stop = threading.Event()
ticks = 0


def tick():
    global ticks
    while not stop.is_set():
        time.sleep(0.001)
        ticks += 1


def wait_for_tick():
    seen = ticks
    while ticks == seen:
        time.sleep(0.001)


def match_words(text):
    return pattern.match(text)


def hash_data(data):
    return hashlib.sha256(data).hexdigest()


pattern = re.compile(r"(a+)+b")
data = b"x" * (64 << 20)
length = 18
begin = time.perf_counter()
while time.perf_counter() - begin < 0.2:  # until it takes long enough on this machine
    length += 1
    begin = time.perf_counter()
    match_words("a" * length)

thread = threading.Thread(target=tick)
thread.start()
wait_for_tick()
match_words("a" * length)
wait_for_tick()
hash_data(data)
wait_for_tick()
stop.set()
thread.join()
