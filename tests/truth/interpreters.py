"""The interpreters of this machine, and the programs and modules compiled for each of them."""
import glob
import json
import os
import shutil
import subprocess

HERE = os.path.dirname(os.path.abspath(__file__))
EXTENSION = os.path.join(HERE, "extension")
PROGRAMS = os.path.join(HERE, "programs")
FREE_THREADED = os.path.join(HERE, "..", "..", "build", "freethreaded")
OLDEST = (3, 6)

C_FLAGS = ["-std=gnu11", "-D_GNU_SOURCE", "-O2", "-g", "-Wall", "-Wextra",
           "-U_FORTIFY_SOURCE", "-pthread"]
FIVE_BUILDS = {
    "five_plain": [],
    "five_fortify": ["-D_FORTIFY_SOURCE=2"],
    "five_lfs": ["-D_FILE_OFFSET_BITS=64"],
    "five_fortify_lfs": ["-D_FORTIFY_SOURCE=2", "-D_FILE_OFFSET_BITS=64"],
    "five_alias": ["-DFIVE_ALIASES"],
}
FORTIFIED = "__read_chk"

PROBE = """
import json, platform, sys, sysconfig
variable = sysconfig.get_config_var
print(json.dumps({
    "version": list(sys.version_info[:3]),
    "implementation": platform.python_implementation(),
    "executable": sys.executable,
    "prefix": sys.base_prefix,
    "include": sysconfig.get_path("include"),
    "library": [variable("LIBDIR"), variable("MULTIARCH"), variable("INSTSONAME")],
    "free_threaded": bool(variable("Py_GIL_DISABLED"))}))
"""


class Missing(Exception):
    """Something that a test needs is not on this machine: a skip, by name."""


class Interpreter:
    def __init__(self, path):
        out = subprocess.run([path, "-c", PROBE], stdout=subprocess.PIPE, check=True).stdout
        facts = json.loads(out.decode())
        self.path = path
        self.version = tuple(facts["version"])
        self.minor = self.version[1]
        self.cpython = facts["implementation"] == "CPython"
        self.free_threaded = facts["free_threaded"]
        self.executable = os.path.realpath(facts["executable"])
        self.prefix = facts["prefix"]
        self.include = facts["include"]
        self.name = "%s%s-%d.%d.%d%s" % (
            "system-" if path.startswith("/usr/bin/") else "",
            facts["implementation"].lower(), *self.version, "t" if self.free_threaded else "")
        self.library = self._find_library(*facts["library"])

    @staticmethod
    def _find_library(directory, multiarch, soname):
        """The shared libpython, which a static interpreter may have beside it."""
        if not directory or not soname:
            return None
        if soname.endswith(".a"):
            soname = soname[:-2] + ".so.1.0"
        for place in (directory, os.path.join(directory, multiarch or "")):
            if os.path.exists(os.path.join(place, soname)):
                return os.path.join(place, soname)
        return None


def candidates():
    """Paths that may be interpreters; shell scripts that choose one are none."""
    yield "/usr/bin/python3"
    yield from sorted(glob.glob(os.path.expanduser("~/.pyenv/versions/*/bin/python3")))
    yield from sorted(glob.glob(os.path.join(FREE_THREADED, "bin", "python3.[0-9]*t")))
    for directory in os.environ.get("PATH", "").split(os.pathsep):
        yield from sorted(glob.glob(os.path.join(directory, "python3.[0-9]*[0-9t]")))
    if shutil.which("pypy3"):
        yield shutil.which("pypy3")


def is_program(path):
    try:
        with open(path, "rb") as program:
            return os.access(path, os.X_OK) and program.read(4) == b"\x7fELF"
    except OSError:
        return False


def discover():
    found = {}
    for path in candidates():
        if not is_program(path):
            continue
        interpreter = Interpreter(path)
        if interpreter.version >= OLDEST:
            found.setdefault(interpreter.executable, interpreter)
    return list(found.values())


class Programs:
    """What is compiled for one interpreter; each piece when it is first asked for."""

    def __init__(self, interpreter, directory, compiler):
        self.interpreter = interpreter
        self.directory = os.path.join(directory, interpreter.name)
        self.compiler = compiler
        os.makedirs(self.directory, exist_ok=True)

    def _compile(self, name, sources, flags, last=()):
        """Compiles unless `name` is newer than every source."""
        target = os.path.join(self.directory, name)
        paths = [os.path.join(EXTENSION, source) for source in sources]
        newest = max(os.path.getmtime(path) for path in glob.glob(os.path.join(EXTENSION, "*")))
        if os.path.exists(target) and os.path.getmtime(target) > newest:
            return target
        command = [self.compiler] + C_FLAGS + flags + ["-o", target] + paths + list(last)
        done = subprocess.run(command, stderr=subprocess.PIPE)
        if done.returncode != 0:
            raise RuntimeError("%s: %s" % (" ".join(command), done.stderr.decode()))
        return target

    def _module(self, name, sources, flags):
        if not os.path.exists(os.path.join(self.interpreter.include, "Python.h")):
            raise Missing("Python.h of %s" % self.interpreter.name)
        return self._compile(name + ".so", sources, flags + [
            "-shared", "-fPIC", "-isystem", self.interpreter.include])

    def gsx(self):
        """With libgcc_s, which pthread_exit() would otherwise load in the forked children of programs
        with threads: up to 3.8, one in some hundred of them died of that, also without us."""
        return self._module("gsx", ["gsx.c", "gsx_threads.c", "gsx_states.c", "truth.c"], [
            "-Wl,--no-as-needed", "-lgcc_s", "-Wl,--as-needed"])

    def five(self, build):
        flags = FIVE_BUILDS[build]
        module = self._module(build, ["five.c", "five_calls.c"], flags + ["-DFIVE_MODULE=" + build])
        if "-D_FORTIFY_SOURCE=2" in flags and FORTIFIED not in undefined_names(module):
            raise Missing("a compiler that makes fortified calls")
        return module

    def around(self):
        return self._compile("around.so", ["around.c", "truth.c"], ["-shared", "-fPIC"], ["-ldl"])

    def host(self, mode):
        if not self.interpreter.library:
            raise Missing("a shared libpython of %s" % self.interpreter.name)
        if mode != "linked":
            return self._compile("host", ["host.c", "truth.c"], [], ["-ldl"])
        return self._compile("host_linked", ["host.c", "truth.c"], [], [
            "-Wl,--no-as-needed", self.interpreter.library,
            "-Wl,-rpath," + os.path.dirname(self.interpreter.library), "-ldl"])


def undefined_names(path):
    """The dynamic symbols that a file takes from others, without versions."""
    out = subprocess.run(["nm", "-D", "--undefined-only", path], stdout=subprocess.PIPE,
                         check=True).stdout.decode()
    return {line.split()[-1].split("@")[0] for line in out.splitlines() if line.strip()}
