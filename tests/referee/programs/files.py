"""Files that wait: locks, FIFOs, terminals, synced writes, directories, memory maps."""
import fcntl
import mmap
import os
import pty
import select
import tempfile
import threading
import time

folder = tempfile.mkdtemp()
path = os.path.join(folder, "file")
with open(path, "wb") as stream:
    for _ in range(20):
        stream.write(os.urandom(1 << 20))
        stream.flush()
        os.fsync(stream.fileno())
with open(path, "r+b") as stream:
    memory = mmap.mmap(stream.fileno(), 0)
    memory[:4096] = b"x" * 4096
    memory.flush()
    os.ftruncate(stream.fileno(), 1 << 22)
    memory.close()
for number in range(200):
    os.mkdir(os.path.join(folder, str(number)))
assert len(os.listdir(folder)) == 201
assert sum(1 for _ in os.walk(folder)) == 201

held = os.open(path, os.O_RDWR)
fcntl.flock(held, fcntl.LOCK_EX)
threading.Timer(0.2, os.close, (held,)).start()
other = os.open(path, os.O_RDWR)
fcntl.flock(other, fcntl.LOCK_EX)
pid = os.fork()
if pid == 0:
    fcntl.lockf(other, fcntl.LOCK_EX)
    time.sleep(0.3)
    os._exit(0)
time.sleep(0.15)
fcntl.lockf(other, fcntl.LOCK_EX)
os.waitpid(pid, 0)

fifo = os.path.join(folder, "fifo")
os.mkfifo(fifo)
threading.Timer(0.2, lambda: open(fifo, "w").write("late\n")).start()
with open(fifo) as stream:
    assert stream.readline() == "late\n"
leader, follower = pty.openpty()
threading.Timer(0.2, os.write, (leader, b"typed\n")).start()
assert os.read(follower, 100) == b"typed\n"
reading, writing = os.pipe()
threading.Timer(0.2, os.write, (writing, b"x")).start()
assert select.select([reading], [], [], 5)[0]
poller = select.epoll()
poller.register(follower)
poller.poll(0.1)
select.poll().poll(100)
