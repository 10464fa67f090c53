"""What the bench and the instruction guard compile: the tracer, the program that is no Python, and the
extension module, for one interpreter each."""
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "truth"))

from interpreters import discover  # noqa: E402  (a neighbour's)

FLAGS = ["-std=gnu11", "-D_GNU_SOURCE", "-O2", "-g", "-Wall", "-Wextra", "-U_FORTIFY_SOURCE"]


def compile_to(target, sources, *flags):
    sources = [os.path.join(HERE, source) for source in sources]
    newest = max(os.path.getmtime(path) for path in sources + [os.path.join(HERE, "calls.h")])
    if not os.path.exists(target) or os.path.getmtime(target) < newest:
        os.makedirs(os.path.dirname(target), exist_ok=True)
        subprocess.run(["gcc", *FLAGS, *flags, "-o", target, *sources, "-lpthread", "-ldl"],
                       check=True)
    return target


def floor(folder, command):
    """The least possible preload (floor.c), for the names that our library watches by default."""
    out = subprocess.run([command, "calls"], stdout=subprocess.PIPE, text=True, check=True).stdout
    names, watched = set(), False
    for line in out.split("\n\n")[0].splitlines()[1:]:
        words = line.split()
        if not line[0].isspace():
            watched, words = words[2] == "yes", words[3:]
        if watched:
            names |= {word.split("@")[0] for word in words if not word.startswith("(")}
    return floor_of(folder + "/floor", names)


def timed_floor(folder, names):
    """The least possible preload that times calls besides."""
    return floor_of(folder + "/timed_floor", names, "-DTIMED")


def floor_of(folder, names, *flags):
    os.makedirs(folder, exist_ok=True)
    with open(folder + "/floor_names.h", "w") as file:
        file.writelines("FLOOR(%s)\n" % name for name in sorted(names))
    # Before the constructors of libpython 3.13, which read a file.
    return compile_to(folder + "/floor.so", ["floor.c"], "-shared", "-fPIC", "-Wl,-z,initfirst",
                      "-I", folder, *flags)


def step(folder):
    return compile_to(folder + "/step", ["step.c"])


def plain(folder):
    return compile_to(folder + "/plain", ["plain.c", "calls.c"])


def module(folder, interpreter):
    """The folder to be put into PYTHONPATH."""
    where = os.path.join(folder, interpreter.name)
    compile_to(where + "/gsbench.so", ["module.c", "calls.c"], "-shared", "-fPIC",
               "-isystem", interpreter.include)
    return where


def usable(minor):
    """The first CPython 3.`minor` with a GIL and headers, or None; the system's own comes first."""
    for interpreter in discover():
        if (interpreter.cpython and interpreter.minor == minor and not interpreter.free_threaded and
                os.path.exists(interpreter.include + "/Python.h")):
            return interpreter
    return None


def library(folder, flags, *variables):
    """Our library as gcc makes it with these flags, whatever the caller's are, and with these of the
    Makefile's variables."""
    kept = {name: value for name, value in os.environ.items()
            if name not in ("CC", "CFLAGS", "CPPFLAGS", "LDFLAGS", "O") and
            not name.startswith("MAKE") and name != "MFLAGS"}
    path = folder + "/libgilshim.so"
    done = subprocess.run(["make", "-s", "-j2", "O=" + folder, "CC=gcc", "CFLAGS=" + flags,
                           *variables, path],
                          cwd=ROOT, env=kept, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, check=False)
    if done.returncode:
        raise RuntimeError("make: " + done.stdout)
    return path


def environment(preload=None, gilshim="", **more):
    """A child's environment, with or without the library."""
    clean = {name: value for name, value in os.environ.items()
             if not name.startswith(("GILSHIM", "LD_PRELOAD", "PYTHON"))}
    clean.update(LC_ALL="C.UTF-8", PYTHONDONTWRITEBYTECODE="1", PYTHONHASHSEED="0", **more)
    if preload:
        clean.update(LD_PRELOAD=os.path.abspath(preload), GILSHIM_OPTIONS="summary=none:" + gilshim)
    return clean
