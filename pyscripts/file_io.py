"""Files, pipes and directories through the standard library: CPython releases the GIL around them.

not reported: work
"""
import os
import tempfile


def work():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "file")
        for number in range(23):
            with open(path, "a", encoding="utf-8") as file:
                file.write("line %d\n" % number)
                file.flush()
                os.fsync(file.fileno())
        with open(path, encoding="utf-8") as file:
            assert len(file.readlines()) == 23
        reader, writer = os.pipe()
        for _ in range(23):
            os.write(writer, b"x")
            os.read(reader, 1)


work()
