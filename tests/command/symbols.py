#!/usr/bin/python3
"""Names and lines of native frames: from symbol tables and DWARF, of C++, Rust and inlined functions;
from separate files found by .gnu_debuglink, by build-id, and by a debuginfod server on this machine;
none where an object is not the one that was loaded. A server that is mute or not there costs a line,
not the report."""
import contextlib
import glob
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import time

import running
from running import COMMAND, LIB, PYTHON, Wrong, check, environment, main, on_terminal
import schema

running.PLACES = ()  # nothing is run here that could leave anything

SOURCE = r"""
#include <poll.h>

static inline __attribute__((always_inline)) int wait_inside(int ms)
{
	return poll(0, 0, ms) + 1;
}

static __attribute__((noinline)) int wait_hidden(int ms)
{
	return wait_inside(ms) + 1;
}

/* As the compilers of C++ and of Rust would call them. */
__attribute__((noinline)) int wait_cxx(int ms) __asm__("_ZN4slow5Timer4waitEi");
int wait_cxx(int ms)
{
	return wait_hidden(ms) + 1;
}

__attribute__((noinline)) int wait_rust(int ms) __asm__("_RNvNtCs1234_4slow5timer4wait");
int wait_rust(int ms)
{
	return wait_cxx(ms) + 1;
}

__attribute__((noinline)) int wait_legacy(int ms) __asm__("_ZN4slow6legacy4wait17h0123456789abcdefE");
int wait_legacy(int ms)
{
	return wait_rust(ms) + 1;
}

int start(int ms)
{
	return wait_legacy(ms) + 1;
}
"""
LINES = {line.strip(): number for number, line in enumerate(SOURCE.splitlines(), 1)}
PROGRAM = "import ctypes, sys\nctypes.PyDLL(sys.argv[1]).start(5)\n"
NAMES = ["wait_inside", "wait_hidden", "slow::Timer::wait", "slow::timer::wait",
         "slow::legacy::wait", "start"]


def build(scratch, *flags):
    """The library, and records of a program that was slow in it."""
    source, library = scratch + "/slow.c", scratch + "/libslow.so"
    with open(source, "w", encoding="utf-8") as file:
        file.write(SOURCE)
    subprocess.run(["cc", "-O1", "-g", "-fno-optimize-sibling-calls", "-fno-omit-frame-pointer",
                    "-shared", "-fPIC", "-Wl,--build-id", *flags, "-o", library, source], check=True)
    return library


def record(scratch, library):
    folder = scratch + "/records"
    subprocess.run([PYTHON, "-c", PROGRAM, library], check=True, env=environment(
        LD_PRELOAD=LIB, GILSHIM_OPTIONS="summary=none:record=" + folder))
    return folder


def read(folder, form="json", **more):
    done = subprocess.run([COMMAND, "report", "-f", form, folder], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, check=False, timeout=60,
                          env=environment(**dict({"DEBUGINFOD_URLS": None}, **more)))
    check(done.returncode == 0, "status", done.returncode, done.stderr)
    return done.stdout.decode(), done.stderr.decode()


def frames(folder, **more):
    """Of the slow library, and what was said besides."""
    text, said = read(folder, **more)
    site = next(s for s in schema.read(text)["sites"] if s["call"] == "poll")
    return [f for f in site["native"] if f.get("object") == "libslow.so"], said


def names(found):
    return [frame.get("symbol") for frame in found]


def split(library, *flags):
    """Takes symbols and debugging information into a file of its own."""
    debug = library + ".debug"
    subprocess.run(["objcopy", "--only-keep-debug", library, debug], check=True)
    subprocess.run(["objcopy", "--strip-all", *flags, library], check=True)
    return debug


def build_id(library):
    out = subprocess.check_output(["readelf", "-n", library], text=True)
    return re.search(r"Build ID: ([0-9a-f]+)", out).group(1)


def whole(found):
    check(names(found) == NAMES, "names:", names(found))
    check([frame.get("inlined", False) for frame in found] == [True] + [False] * 5, "inlined:", found)
    at = [LINES["return " + call] for call in
          ("poll(0, 0, ms) + 1;", "wait_inside(ms) + 1;", "wait_hidden(ms) + 1;",
           "wait_cxx(ms) + 1;", "wait_rust(ms) + 1;", "wait_legacy(ms) + 1;")]
    check([frame.get("line") for frame in found] == at, "lines:", found)
    check(all(frame["file"].endswith("/slow.c") for frame in found), "files:", found)
    check(found[0]["offset"] == found[1]["offset"], "an inlined function's address:", found)


def bare(found):
    """The library alone: its exported names, and no other for the hidden function."""
    check(names(found) == [None] + NAMES[2:], "names:", names(found))
    check(not any("line" in frame for frame in found), "lines:", found)


def in_the_library(scratch):
    library = build(scratch)
    folder = record(scratch, library)
    found, said = frames(folder)
    whole(found)
    check(said == "", "says", said)
    text, _ = read(folder, "text")
    check("poll < libslow.so!wait_hidden < " in text, "text:", text)
    steps = [step["location"] for run in json.loads(read(folder, "sarif")[0])["runs"]
             for result in run["results"] if result["properties"]["call"] == "poll"
             for step in result["codeFlows"][0]["threadFlows"][0]["locations"]]
    check([step["message"]["text"] for step in steps][1:7] == NAMES, "SARIF:", steps)
    check(steps[1]["physicalLocation"]["region"]["startLine"] ==
          LINES["return poll(0, 0, ms) + 1;"], "SARIF:", steps[1])


def clang(scratch):
    """clang writes no table of addresses for its units."""
    source = scratch + "/slow.c"
    with open(source, "w", encoding="utf-8") as file:
        file.write(SOURCE)
    subprocess.run(["clang", "-O1", "-g", "-fno-optimize-sibling-calls", "-shared", "-fPIC",
                    "-Wl,--build-id", "-o", scratch + "/libslow.so", source], check=True)
    whole(frames(record(scratch, scratch + "/libslow.so"))[0])


def cxx(scratch):
    source = scratch + "/slow.cc"
    with open(source, "w", encoding="utf-8") as file:
        file.write("#include <unistd.h>\nnamespace slow { template <class T> struct Timer {\n"
                   "__attribute__((noinline)) int wait(T us) { return usleep(us) + 1; } }; }\n"
                   'extern "C" int start(int ms) { return slow::Timer<int>().wait(ms) + 1; }\n')
    subprocess.run(["g++", "-O1", "-g", "-fno-optimize-sibling-calls", "-shared", "-fPIC", "-o",
                    scratch + "/libslow.so", source], check=True)
    site = next(s for s in schema.read(read(record(scratch, scratch + "/libslow.so"))[0])["sites"]
                if s.get("object") == "libslow.so")
    check(site["symbol"] == "slow::Timer<int>::wait" and site["native"][0]["line"] == 3, site)


def stripped(scratch):
    library = build(scratch)
    split(library)
    os.unlink(library + ".debug")
    found, said = frames(record(scratch, library))
    bare(found)
    check(said == "", "says", said)


def by_link(scratch):
    library = build(scratch, "-Wl,--build-id=none")
    debug = split(library)
    os.mkdir(scratch + "/.debug")
    os.rename(debug, scratch + "/.debug/libslow.so.debug")
    subprocess.run(["objcopy", "--add-gnu-debuglink=" + scratch + "/.debug/libslow.so.debug",
                    library], check=True)
    past = time.time() - 100
    os.utime(library, (past, past))  # without a build-id its age is what tells it
    folder = record(scratch, library)
    whole(frames(folder)[0])
    with open(scratch + "/.debug/libslow.so.debug", "ab") as file:
        file.write(b"another")  # its checksum is in the link
    bare(frames(folder)[0])


def by_build_id(scratch):
    """/usr/lib/debug/.build-id, in a mount namespace of our own."""
    library = build(scratch)
    debug, number = split(library), build_id(library)
    folder = record(scratch, library)
    tree = scratch + "/tree/.build-id/" + number[:2]
    os.makedirs(tree)
    os.rename(debug, "%s/%s.debug" % (tree, number[2:]))
    bare(frames(folder)[0])
    os.makedirs("/usr/lib/debug", exist_ok=True)
    done = subprocess.run(
        ["unshare", "--mount", *(["--map-root-user"] if os.getuid() else []), "sh", "-c",
         'mount --bind "$1" /usr/lib/debug && exec "$2" report -f json "$3"', "sh",
         scratch + "/tree", COMMAND, folder], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        check=False, env=environment(DEBUGINFOD_URLS=None))
    check(done.returncode == 0, done.stderr)
    site = next(s for s in schema.read(done.stdout.decode())["sites"] if s["call"] == "poll")
    whole([f for f in site["native"] if f.get("object") == "libslow.so"])


# ---- servers ----

def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def answers(port):
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


@contextlib.contextmanager
def debuginfod(scratch, folder):
    port = free_port()
    server = subprocess.Popen(
        ["debuginfod", "-p", str(port), "-d", ":memory:", "-F", "-t1", folder],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=scratch,
        env=environment(HOME=scratch, DEBUGINFOD_URLS=None))
    try:
        until = time.monotonic() + 30
        while not answers(port):
            check(time.monotonic() < until and server.poll() is None, "debuginfod does not start")
            time.sleep(0.05)
        yield "http://127.0.0.1:%d/" % port
    finally:
        server.kill()
        server.wait()


@contextlib.contextmanager
def mute_server():
    """Takes connections and says nothing."""
    kept = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        def take():
            with contextlib.suppress(OSError):
                while True:
                    kept.append(listener.accept()[0])
        thread = threading.Thread(target=take, daemon=True)
        thread.start()
        yield "http://127.0.0.1:%d/" % listener.getsockname()[1], kept
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()
    for connection in kept:
        connection.close()


def from_a_server(scratch):
    library = build(scratch)
    debug = split(library)
    folder = record(scratch, library)
    os.mkdir(scratch + "/served")
    os.rename(debug, scratch + "/served/libslow.so.debug")
    with debuginfod(scratch, scratch + "/served") as url:
        until = time.monotonic() + 30  # it reads its files when it likes
        found = []
        for turn in range(1000):
            home = "%s/home%d" % (scratch, turn)  # "not found" is remembered there
            os.mkdir(home)
            found, said = frames(folder, DEBUGINFOD_URLS=url, HOME=home)
            check(said == "", "says", said)
            if names(found) == NAMES or time.monotonic() > until:
                break
            time.sleep(0.2)
        whole(found)
    home += "/.cache/debuginfod_client/"
    check(glob.glob(home + build_id(library) + "/debuginfo"), "its cache:", os.listdir(home))


def nothing_there(scratch):
    library = build(scratch)
    split(library)
    os.unlink(library + ".debug")
    found, said = frames(record(scratch, library), HOME=scratch,
                         DEBUGINFOD_URLS="http://127.0.0.1:%d/" % free_port())
    bare(found)
    check(said.count("\n") == 1 and said.startswith("gilshim: DEBUGINFOD_URLS: ") and
          "on this machine" in said, "says", said)


def mute(scratch):
    library = build(scratch)
    split(library)
    os.unlink(library + ".debug")
    folder = record(scratch, library)
    with mute_server() as (url, connections):
        found, said = frames(folder, HOME=scratch, DEBUGINFOD_URLS=url, DEBUGINFOD_TIMEOUT="2")
        bare(found)
        check(said.count("\n") == 1 and "DEBUGINFOD_URLS: no answer in time" in said, "says", said)
        # It tries twice, for the first object; there are more.
        check(len(connections) <= 2, "it is asked again after that:", len(connections))
        status, seen = on_terminal(
            ["sh", "-c", 'exec "$0" "$@" >/dev/null', COMMAND, "report", "-f", "json", folder],
            env=dict(HOME=scratch, DEBUGINFOD_URLS=url, DEBUGINFOD_TIMEOUT="3", TERM="xterm").items())
    check(status == 0 and "\r\033[Kgilshim: fetching symbols of " in seen, "on a terminal:", seen)
    check(re.search(r"\r\033\[Kgilshim: DEBUGINFOD_URLS: no answer", seen), "erased:", seen)


# ---- other objects ----

def replaced(scratch):
    library = build(scratch)
    folder = record(scratch, library)
    source = SOURCE.replace("wait_hidden", "wait_else")
    with open(scratch + "/other.c", "w", encoding="utf-8") as file:
        file.write(source)
    subprocess.run(["cc", "-O1", "-g", "-shared", "-fPIC", "-Wl,--build-id", "-o", library + ".new",
                    scratch + "/other.c"], check=True)
    os.rename(library + ".new", library)
    gone(folder, library, "not the file that was loaded")


def deleted(scratch):
    library = build(scratch)
    folder = record(scratch, library)
    os.unlink(library)
    gone(folder, library, "No such file or directory")


def gone(folder, library, why):
    for form in "json", "text":
        text, said = read(folder, form)
        check(said == "gilshim: %s: %s; functions in there are not named\n" % (library, why),
              form, "says", said)
        check("wait_" not in text and "libslow.so" in text, form, text)
    found, _ = frames(folder)
    check(not any("symbol" in frame or "line" in frame for frame in found), found)


if not shutil.which("debuginfod"):
    raise Wrong("debuginfod is not installed")
sys.exit(main([
    ("in the library", in_the_library), ("clang", clang), ("C++", cxx), ("stripped", stripped),
    (".gnu_debuglink", by_link), ("build-id", by_build_id), ("a debuginfod server", from_a_server),
    ("no server", nothing_there), ("a mute server", mute), ("replaced", replaced),
    ("deleted", deleted),
]))
