#!/usr/bin/python3
"""Objects whose calls of libc do not come to the library, because the dynamic linker bound them to
libc itself: each way to get there is named, and its twin that does not is seen."""
import json
import os
import shutil
import subprocess
import sys
import tempfile

from running import COMMAND, LIB, PYTHON, Wrong, check, environment, options, report

SOURCE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "escapes", "deep.c")


def build(scratch, name, *flags):
    path = os.path.join(scratch, name)
    subprocess.run(["gcc", "-O2", "-D_GNU_SOURCE", "-o", path, SOURCE, *flags], check=True)
    return path


class Run:
    """A Python program under `gilshim run`: what was said, and what is in the report."""

    def __init__(self, scratch, text, more="", status=0):
        folder = os.path.join(scratch, "records")
        shutil.rmtree(folder, ignore_errors=True)
        done = subprocess.run(
            [COMMAND, "run", "-o", folder, "--", PYTHON, "-c", "import ctypes, os, sys\n" + text],
            stderr=subprocess.PIPE, env=environment(**{
                "PYTHONPATH": scratch, "LD_LIBRARY_PATH": scratch,
                "GILSHIM_OPTIONS": more or None}))
        self.err = done.stderr.decode()
        check(done.returncode == status, done.returncode, self.err)
        self.report = report(folder)

    def names(self, *objects, how="deepbind", call="usleep"):
        """These are named, in words and in the report, and no others."""
        seen = sorted((e["object"], e.get("call")) for e in self.report["escapes"]
                      if e["how"] in ("deepbind", "other-libc"))
        check(seen == sorted((name, call) for name in objects), "named:", seen, self.err)
        check(all(e["how"] == how for e in self.report["escapes"] if e["object"] in objects),
              self.report["escapes"])
        words = {"deepbind": "%s is bound to libc's %s directly (RTLD_DEEPBIND): not seen",
                 "other-libc": "%s is bound to another libc's %s (dlmopen): not seen"}[how]
        for name in objects:
            check("\n  " + words % (name, call or "functions") + "\n" in self.err, self.err)
        check(self.err.count(" is bound to ") == len(objects), self.err)
        return self

    def held(self, *objects):
        """Calls of usleep with the GIL held were seen from these objects alone."""
        seen = sorted(site["object"] for site in self.report["sites"] if site["call"] == "usleep")
        check(seen == sorted(objects), "sites:", seen)
        return self


def naps(scratch):
    """A library, one that needs it, and an extension module that needs it."""
    includes = subprocess.run(["python3-config", "--includes"], stdout=subprocess.PIPE, check=True,
                              env={"PATH": "/usr/bin:/bin"}).stdout.decode().split()
    shared = ["-shared", "-fPIC"]
    under = build(scratch, "libunder.so", *shared, "-DUNDER", "-Wl,-soname,libunder.so")
    below = [*shared, "-DBELOW", under]
    build(scratch, "deep.so", *below, "-DMODULE", *includes)
    return build(scratch, "libnap.so", *below)


def bound_deeply(scratch):
    """RTLD_DEEPBIND concerns the objects that come in by that call, and no others."""
    nap = naps(scratch)
    deeply = "sys.setdlopenflags(sys.getdlopenflags() | os.RTLD_DEEPBIND)\n"
    imports = "import deep; deep.nap(2000)\n"
    Run(scratch, deeply + imports).names("deep.so", "libunder.so").held()
    Run(scratch, imports).names().held("deep.so", "libunder.so")
    before = "ctypes.PyDLL('libunder.so')\n"
    Run(scratch, before + deeply + imports).names("deep.so").held("libunder.so")
    opened = "ctypes.PyDLL('%s', mode=ctypes.DEFAULT_MODE | %s).nap(2000)\n"
    Run(scratch, opened % (nap, "os.RTLD_DEEPBIND")).names("libnap.so", "libunder.so").held()
    Run(scratch, opened % (nap, 0)).names().held("libnap.so", "libunder.so")
    # What is of no interest escapes nobody.
    Run(scratch, opened % (nap, "os.RTLD_DEEPBIND"), more="skip=usleep").names()


def bound_lazily(scratch):
    """A name that is bound at its first call escapes from then on."""
    path = build(scratch, "libnap.so", "-shared", "-fPIC", "-Wl,-z,lazy")
    opens = ("dl = ctypes.CDLL(None); dl.dlopen.restype = dl.dlsym.restype = ctypes.c_void_p\n"
             "nap = dl.dlsym(ctypes.c_void_p(dl.dlopen(b'%s', os.RTLD_LAZY%s)), b'nap')\n")
    calls = "ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.c_uint)(nap)(2000)\n"
    Run(scratch, opens % (path, " | os.RTLD_DEEPBIND")).names().held()
    Run(scratch, opens % (path, " | os.RTLD_DEEPBIND") + calls).names("libnap.so").held()
    Run(scratch, opens % (path, "") + calls).names().held("libnap.so")


def bound_apart(scratch):
    """dlmopen: another namespace has a libc of its own."""
    path = build(scratch, "libnap.so", "-shared", "-fPIC")
    apart = build(scratch, "libapart.so", "-shared", "-fPIC", "-DAPART",
                  "-DPATH=\"%s\"" % path)
    Run(scratch, "assert ctypes.PyDLL('%s').nap(2000) == 0" % apart).names(
        "libnap.so", how="other-libc").held()
    Run(scratch, "assert ctypes.PyDLL('%s').nap(2000) == 0" % path).names().held("libnap.so")


def opened_by_name(scratch):
    """A handle of libc gives its functions, a handle of the program ours."""
    for name, seen in (("'libc.so.6'", False), ("None", True)):
        for load in ("ctypes.PyDLL", "ctypes.CDLL"):
            run = Run(scratch, "%s(%s).usleep(2000)" % (load, name)).names()
            run.held(*["libffi.so.8"] * (seen and load == "ctypes.PyDLL"))
            named = [e["object"].split(".")[0] for e in run.report["escapes"]
                     if e["how"] == "opens-libc"]
            check(named == ["_ctypes"] * (not seen), named)
            check(("opened libc by its name: what it calls from there is not seen\n" in run.err)
                  != seen, run.err)
    # Whatever was asked for.
    run = Run(scratch, "ctypes.CDLL('libc.so.6')", more="calls=usleep,read")
    check("_ctypes" in "".join(e["object"] for e in run.report["escapes"]
                               if e["how"] == "opens-libc"), run.report["escapes"])


def bound_and_gone(scratch):
    """What was killed, or unloaded its library before it ended, is told of too."""
    path = build(scratch, "libnap.so", "-shared", "-fPIC", "-Wl,-z,now")
    for load in ("PyDLL", "CDLL"):
        for mode, named in (("os.RTLD_DEEPBIND", ["libnap.so"]), ("os.RTLD_NOW", [])):
            text = ("nap = ctypes.%s('%s', mode=%s); nap.nap(2000); ctypes.PyDLL(None).usleep(2000)\n"
                    % (load, path, mode))
            Run(scratch, text + "os.kill(os.getpid(), 9)", status=137).names(*named)
            Run(scratch, text + "import _ctypes; _ctypes.dlclose(nap._handle)\n"
                "assert 'libnap' not in open('/proc/self/maps').read()").names(*named)


def bound_and_said(scratch):
    """The summary at the end of a process says so without a record; doctor says what to do."""
    path = build(scratch, "libnap.so", "-shared", "-fPIC")
    for mode, named in (("os.RTLD_DEEPBIND", True), ("os.RTLD_NOW", False)):
        text = "import ctypes, os; ctypes.PyDLL('%s', mode=%s).nap(2000)" % (path, mode)
        done = subprocess.run([PYTHON, "-c", text], stderr=subprocess.PIPE, check=True,
                              env=environment(LD_PRELOAD=LIB)).stderr.decode()
        check(("\n  libnap.so is bound to libc's functions directly (RTLD_DEEPBIND): not seen\n"
               in done) == named, done)
        output = os.path.join(scratch, "doctor.json")
        subprocess.run([COMMAND, "doctor", "-f", "json", "-o", output, PYTHON, "-c", text],
                       check=True, stderr=subprocess.PIPE, env=environment())
        seen = [e for e in json.load(open(output))["escapes"] if e["object"] == "libnap.so"]
        check(seen == [{"object": "libnap.so", "how": "deepbind", "call": "usleep"}] * named, seen)
    # Another file in its place does not know what was called.
    folder = os.path.join(scratch, "records")
    Run(scratch, text.replace("RTLD_NOW", "RTLD_DEEPBIND")).names("libnap.so")
    build(scratch, "libnap.so", "-shared", "-fPIC", "-DUNDER")
    check({"object": "libnap.so", "how": "deepbind"} in report(folder)["escapes"], folder)


CASES = [bound_deeply, bound_lazily, bound_apart, opened_by_name, bound_and_gone, bound_and_said]


def main():
    passed = failed = 0
    os.makedirs(options.build, exist_ok=True)
    for case in CASES:
        scratch = tempfile.mkdtemp(prefix="bound-", dir=os.path.abspath(options.build))
        try:
            case(scratch)
            passed += 1
        except (Wrong, OSError, subprocess.SubprocessError, ValueError, KeyError) as error:
            failed += 1
            print("FAIL %s: %s" % (case.__name__, error))
        shutil.rmtree(scratch, ignore_errors=True)
    print("%d passed, %d failed" % (passed, failed))
    return failed > 0


sys.exit(main())
