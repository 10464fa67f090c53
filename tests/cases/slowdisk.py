"""A file system in memory, mounted with FUSE, whose operations wait RC_DELAY seconds where the name
of the file says so: slow_read waits in read, slow_fsync in fsync, and so on."""
import errno
import os
import signal
import stat
import time

import fuse

DELAY = float(os.environ.get("RC_DELAY", "0.3"))
SIZE = 1 << 16


def wait(path, operation):
    if path.endswith("slow_" + operation):
        time.sleep(DELAY)


class Disk(fuse.Fuse):
    def getattr(self, path):
        wait(path, "stat")
        entry = fuse.Stat()
        entry.st_nlink, entry.st_mode, entry.st_size = 1, stat.S_IFREG | 0o644, SIZE
        if path == "/" or "dir" in path:
            entry.st_mode = stat.S_IFDIR | 0o755
        elif "missing" in path:
            return -errno.ENOENT
        return entry

    def open(self, path, flags):
        wait(path, "open")

    def read(self, path, size, offset):
        wait(path, "read")
        return b"1 2\n" * (min(size, max(0, SIZE - offset)) // 4)

    def write(self, path, content, offset):
        wait(path, "write")
        return len(content)

    def flush(self, path):
        wait(path, "close")

    def fsync(self, path, data_only):
        wait(path, "fsync")
        return 0

    def truncate(self, path, size):
        wait(path, "truncate")
        return 0

    def unlink(self, path):
        wait(path, "unlink")
        return 0

    def mkdir(self, path, mode):
        wait(path, "mkdir")
        return 0

    def rename(self, path, other):
        wait(path, "rename")
        return 0

    def access(self, path, mode):
        wait(path, "access")

    def getxattr(self, path, name, size):
        wait(path, "xattr")
        return 1 if size == 0 else "x"

    def readdir(self, path, offset):
        wait(path, "dir")
        for name in (".", "..", "file"):
            yield fuse.Direntry(name)


fuse.fuse_python_api = (0, 2)
signal.alarm(20)
disk = Disk(version="1", usage="", dash_s_do="setsingle")
disk.parse(errex=1)
disk.multithreaded = False
disk.main()
