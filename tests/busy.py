#!/usr/bin/python3
"""A machine with more to do than processors: a million held one-byte reads, none of which waits, must
give no GIL001, though some take milliseconds because the CPU was taken away. Its twin, one held read
that does wait on the same machine, must."""
import argparse
import ctypes
import os
import subprocess
import sys
import tempfile

READS = 1000000


def victim():
    libc = ctypes.PyDLL(None)
    libc.read.argtypes = [ctypes.c_int, ctypes.c_char_p, ctypes.c_size_t]
    buffer, zero = ctypes.create_string_buffer(1), os.open("/dev/zero", os.O_RDONLY)
    read = libc.read
    for _ in range(READS):
        read(zero, buffer, 1)

    def waits():
        reader, writer = os.pipe()
        if os.fork() == 0:
            os.close(reader)
            subprocess.call(["sleep", "0.05"])
            os.write(writer, b"x")
            os._exit(0)
        os.close(writer)
        read(reader, buffer, 1)
        os.wait()

    waits()


def sites(options, folder):
    import schema  # not in the victim
    environment = dict(os.environ, LD_PRELOAD=os.path.abspath(options.lib),
                       GILSHIM_OPTIONS="record=%s:summary=none" % folder)
    subprocess.run([sys.executable, __file__, "--victim"], env=environment, check=True)
    out = subprocess.check_output([options.command, "report", "-f", "json", folder])
    return [site for site in schema.read(out)["sites"] if site["call"] == "read"]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lib", required=True)
    parser.add_argument("--command", required=True)
    options = parser.parse_args()
    spinners = [subprocess.Popen(["sh", "-c", "while :; do :; done"])
                for _ in range((os.cpu_count() or 1) + 1)]
    try:
        with tempfile.TemporaryDirectory() as folder:
            found = sites(options, folder)
    finally:
        for spinner in spinners:
            spinner.kill()
            spinner.wait()
    many = [site for site in found if site["calls"] == READS]
    waits = [site for site in found if site["python"][0]["function"] == "waits"]
    failed = 0
    if len(many) != 1 or many[0].get("rule") == "GIL001" or many[0]["blocked_calls"]:
        print("FAIL a million reads that never wait: %r" % many)
        failed += 1
    if len(waits) != 1 or waits[0].get("rule") != "GIL001" or waits[0]["blocked_calls"] != 1:
        print("FAIL one read that waits: %r" % waits)
        failed += 1
    print("%d passed, %d failed, 0 skipped" % (2 - failed, failed))
    sys.exit(failed > 0)


if __name__ == "__main__":
    if sys.argv[1:] == ["--victim"]:
        victim()
    else:
        main()
