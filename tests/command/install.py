#!/usr/bin/python3
"""`make install` in every layout: the installed command finds its library, by itself, and says so
where there is none."""
import argparse
import os
import shutil
import subprocess
import sys
import tempfile

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--lib", required=True)
parser.add_argument("--command", required=True)
parser.add_argument("--build", required=True)
options = parser.parse_args()
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
LIB, COMMAND = os.path.abspath(options.lib), os.path.abspath(options.command)
WORK = os.path.realpath(tempfile.mkdtemp(prefix="gilshim-install-"))
O = WORK + "/build"
ARCH = {"x86_64": "x86_64-linux-gnu", "aarch64": "aarch64-linux-gnu"}.get(os.uname().machine)
results = {"passed": 0, "failed": 0, "skipped": 0}


def check(name, good, seen=""):
    results["passed" if good else "failed"] += 1
    if not good:
        print("FAIL %s: %s" % (name, str(seen)[:1500]))


def environment(**more):
    clean = {key: value for key, value in os.environ.items()
             if not key.startswith(("GILSHIM", "LD_PRELOAD", "MAKE", "DESTDIR"))}
    clean.update(LC_ALL="C", **more)
    return clean


def make(*arguments):
    done = subprocess.run(["make", "-C", ROOT, "O=" + O, *arguments], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False, env=environment())
    check("make " + " ".join(arguments), done.returncode == 0, done.stdout)


def run(command, **more):
    """What the program that it runs has preloaded."""
    done = subprocess.run([command, "run", "--summary=none", "--", "sh", "-c", "echo $LD_PRELOAD"],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False,
                          env=environment(**more))
    return done.returncode, done.stdout.strip(), done.stderr


def expect(name, command, library):
    check(name, run(command) == (0, library, ""), (run(command), library))


def layout(name, stage, prefix, libdir=None):
    """Installs there; the library below `stage` is the one that is found."""
    where = ["DESTDIR=" + stage, "PREFIX=" + prefix] + (["LIBDIR=" + libdir] if libdir else [])
    make("install", *where)
    command, library = stage + prefix + "/bin/gilshim", stage + (
        libdir or prefix + "/lib") + "/libgilshim.so"
    expect(name, command, library)
    done = subprocess.run(
        ["bash", "--norc", "-c", "source %s/share/bash-completion/completions/gilshim; "
         "complete -p gilshim" % (stage + prefix)], stdout=subprocess.PIPE, text=True, check=False)
    check(name + ": the completion", done.stdout == "complete -F _gilshim gilshim\n", done.stdout)
    return command, library, where


def uninstalls(stage, where):
    make("uninstall", *where)
    left = [os.path.join(base, file) for base, _, files in os.walk(stage) for file in files]
    check("uninstall leaves nothing", not left, left)


def main():
    # As built already, but for the one file that knows where it is installed to.
    shutil.copytree(os.path.dirname(COMMAND), O, symlinks=True, ignore=shutil.ignore_patterns(
        "check", "asan", "tsan", "test", "exercise"), copy_function=shutil.copy2)
    expect("the build tree", O + "/gilshim", O + "/libgilshim.so")

    layout("a prefix", "", WORK + "/opt")
    command, library, where = layout("Debian's directories", WORK + "/debian", "/usr",
                                     "/usr/lib/" + ARCH)
    command, library, where = layout("a lib64", WORK + "/fedora", "/usr", "/usr/lib64")
    command, library, where = layout("staged", WORK + "/stage", "/usr/local")
    uninstalls(WORK + "/stage", where)
    command, library, where = layout("libraries elsewhere", WORK + "/odd", "/usr",
                                     "/srv/no/relation")
    shutil.move(WORK + "/odd", WORK + "/moved")
    expect("the stage is moved", WORK + "/moved/usr/bin/gilshim",
           WORK + "/moved/srv/no/relation/libgilshim.so")
    shutil.move(WORK + "/fedora/usr", WORK + "/elsewhere")
    expect("the prefix is moved", WORK + "/elsewhere/bin/gilshim",
           WORK + "/elsewhere/lib64/libgilshim.so")
    os.symlink(WORK + "/elsewhere/bin/gilshim", WORK + "/link")
    expect("through a link", WORK + "/link", WORK + "/elsewhere/lib64/libgilshim.so")
    command, library, where = layout("another prefix, the same build", "", WORK + "/two",
                                     WORK + "/two/private")
    shutil.copy(command, WORK + "/alone")
    expect("the command alone is moved", WORK + "/alone", library)

    os.remove(library)
    status, out, err = run(WORK + "/alone")
    check("no library", status == 2 and not out and err == (
        "gilshim: libgilshim.so: neither in %s nor in the lib of its parent, nor in %s/two/private; "
        "name it with GILSHIM_LIBRARY\n" % (WORK, WORK)), (status, out, err))
    check("named", run(WORK + "/alone", GILSHIM_LIBRARY=LIB) == (0, LIB, ""))
    status, out, err = run(WORK + "/alone", GILSHIM_LIBRARY="/missing.so")
    check("wrongly named", status == 2 and not out and err ==
          "gilshim: GILSHIM_LIBRARY=/missing.so: No such file or directory; name one that is there\n", err)


try:
    main()
finally:
    shutil.rmtree(WORK, ignore_errors=True)
print("%(passed)d passed, %(failed)d failed, %(skipped)d skipped" % results)
sys.exit(results["failed"] > 0)
