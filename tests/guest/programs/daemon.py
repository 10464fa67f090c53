"""A double-fork daemon: closes every descriptor and uses 0, 1 and 2 for files of its own, where
nothing but its own words may land. It makes one held call that blocks, and so does its
child; it ends as its argument says.
"""
import ctypes
import os
import sys

how = sys.argv[1]
libc = ctypes.PyDLL(None)
done, done_write = os.pipe()
if os.fork() == 0:
    os.setsid()
    if os.fork():
        os._exit(0)
    for fd in range(0, 3):
        os.close(fd)
    os.dup2(done_write, 1000)
    os.closerange(3, 1000)
    os.closerange(1001, 65536)
    files = [os.open("file%d" % i, os.O_RDWR | os.O_CREAT) for i in range(4)]
    assert files == [0, 1, 2, 3], files
    libc.usleep(3000)
    for fd in files:
        os.write(fd, b"words of %d\n" % fd)
    pid = os.fork()
    if pid == 0:
        libc.usleep(2000)
        sys.exit(0)
    os.waitpid(pid, 0)
    if how == "_exit":
        os._exit(0)
    if how == "exec":
        os.execv("/bin/true", ["true"])
    sys.exit(0)
os.close(done_write)
os.wait()
os.read(done, 1)
