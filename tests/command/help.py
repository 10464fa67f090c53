#!/usr/bin/python3
"""What the command says of itself: every example of every --help is run; bash completes every
command, option and value that --help names, by the file that make installs; `run --help`, the man
page and the README tell the same defaults, and ranges at whose ends the option is taken."""
import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--lib", required=True)
parser.add_argument("--command", required=True)
parser.add_argument("--build", required=True)
options = parser.parse_args()
LIB, COMMAND = os.path.abspath(options.lib), os.path.abspath(options.command)
BUILD = os.path.dirname(COMMAND)
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
WORK = tempfile.mkdtemp(prefix="gilshim-help-")
results = {"passed": 0, "failed": 0, "skipped": 0}
ENVIRONMENT = {key: value for key, value in os.environ.items()
               if not key.startswith(("GILSHIM", "LD_PRELOAD", "PYTHON"))}
ENVIRONMENT.update(LC_ALL="C", PATH="%s:/usr/bin:/bin" % BUILD,
                   LD_LIBRARY_PATH=os.path.dirname(LIB), PYTHONDONTWRITEBYTECODE="1")


def check(name, good, seen=""):
    results["passed" if good else "failed"] += 1
    if not good:
        print("FAIL %s: %s" % (name, str(seen)[:1500]))


def run(*command, cwd=None):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          check=False, cwd=cwd, env=ENVIRONMENT, timeout=120)


def help_of(*command):
    done = run(COMMAND, *command, "--help")
    check("--help of %r" % (command,), done.returncode == 0 and not done.stderr, done.stderr)
    check("--help of %r fits" % (command,), all(len(line) < 81 for line in done.stdout.splitlines()),
          done.stdout)
    return done.stdout


HELP = help_of()
COMMANDS = re.findall(r"^  ([a-z]+)  +\S", HELP.split("Commands:\n")[1].split("\n\n")[0], re.M)
HELPS = {command: help_of(command) for command in COMMANDS}


# ---- words of the command line ----

def check_words():
    """They can forge no line and not speak to a terminal; others come back as they are."""
    bad = "x\x1b[31m\ny"
    for arguments in (["%s"], ["report", "-f", "%s", "r"], ["calls", "%s"], ["doctor", "-f", "%s"],
                      ["check", "--fail-on=%s", "r"], ["check", "--format=%s", "r"],
                      ["check", "%s", "--", "true"], ["run", "--blocked=%s", "true"]):
        for word, seen in ((bad, "x?[31m?y"), ("plain", "plain")):
            done = run(COMMAND, *[argument.replace("%s", word) for argument in arguments])
            check("usage: %r of %r" % (word, arguments), done.returncode == 2 and
                  seen in done.stderr and "\x1b" not in done.stderr and
                  done.stderr.count("\n") <= 2, (done.returncode, done.stderr))


# ---- a full disk ----

def check_full_disk():
    """What could not be printed is said, whoever prints it; with a place for it nothing is."""
    for arguments in (["--help"], ["--version"], ["-V"], ["--usage"], ["--completion"],
                      ["check", "--help"], ["diff", "--version"], ["calls"],
                      ["calls", "--man=calls"], ["calls", "--man=options"]):
        with open("/dev/full", "w", encoding="utf-8") as full:
            done = subprocess.run([COMMAND, *arguments], stdout=full, stderr=subprocess.PIPE,
                                  text=True, check=False, env=ENVIRONMENT, timeout=60)
        check("%r on a full disk" % arguments, done.returncode == 2 and
              done.stderr.startswith("gilshim: standard output: ") and done.stderr.count("\n") == 1,
              (done.returncode, done.stderr))
        done = run(COMMAND, *arguments)
        check("%r" % arguments, done.returncode == 0 and done.stdout and not done.stderr,
              (done.returncode, done.stderr))


# ---- examples ----

def examples(text):
    return re.findall(r"^  ((?:[A-Z_]+=\S+ )*(?:gilshim|python3) .*)$",
                      text.partition("Examples:\n")[2], re.M)


def check_examples(name, text):
    folder = os.path.join(WORK, "examples-" + name)
    os.mkdir(folder)
    for file, lines in (("app.py", "import time\ntime.sleep(0.001)\n"),
                        ("test_app.py", "import unittest\nclass Test(unittest.TestCase):\n"
                         "    def test(self):\n        import app\n"),
                        ("known.txt", "call:poll extension:none # an example\n")):
        with open(os.path.join(folder, file), "w", encoding="utf-8") as stream:
            stream.write(lines)
    found = examples(text)
    check(name + ": has examples", len(found) >= 2, text)
    check(name + ": all of them are seen", len(found) == len(re.findall(
        r"^  .*$", text.partition("Examples:\n")[2], re.M)), found)
    for line in found:
        done = run("sh", "-c", line, cwd=folder)
        check("example: " + line, done.returncode == 0 and "not found" not in done.stderr and
              "cannot be preloaded" not in done.stderr, (done.returncode, done.stderr))


def check_an_example_can_fail():
    folder = os.path.join(WORK, "guilty")
    os.mkdir(folder)
    with open(folder + "/app.py", "w", encoding="utf-8") as stream:
        stream.write("import ctypes\nctypes.PyDLL(None).usleep(3000)\n")
    line = [line for line in examples(HELP) if line.startswith("gilshim check -- ")][0]
    done = run("sh", "-c", line, cwd=folder)
    check("the example with a guilty program", done.returncode == 1 and "usleep" in done.stderr,
          done.stderr)


# ---- completion ----

def complete(*words):
    """What bash offers for the last word. It parts words at = and so do these."""
    script = ("source %s/gilshim.bash\nCOMP_WORDS=(\"$@\")\nCOMP_CWORD=$(($# - 1))\n_gilshim\n"
              "printf '%%s\\n' \"${COMPREPLY[@]}\"" % BUILD)
    done = run("bash", "--norc", "-c", script, "bash", "gilshim", *words, cwd=WORK)
    check("completing %r" % (words,), done.returncode == 0 and not done.stderr, done.stderr)
    return done.stdout.split()


def offers(what, words, expected):
    found = complete(*words)
    check("%s: %r" % (what, words), found == expected, (found, expected))


def check_registered():
    done = run("bash", "--norc", "-c", "source %s/gilshim.bash; complete -p gilshim" % BUILD)
    check("complete -p", done.stdout == "complete -F _gilshim gilshim\n", (done.stdout, done.stderr))
    done = run("bash", "--norc", "-c", "load() { source %s/gilshim.bash; }; load; "
               "echo ${_gilshim_arguments[run:--log]}" % BUILD)
    check("read in a function", done.stdout == "none|blocked|held|all\n", done.stdout)


def check_options():
    offers("commands", [""], COMMANDS + ["--help", "--usage", "--version"])
    offers("commands", ["re"], ["report"])
    for command, text in HELPS.items():
        named = re.findall(r"^ +(?:-\S, )?(--[a-z_-]+)(=\S+)?", text, re.M)
        offered = complete(command, "--")
        check(command + ": every option of --help is offered", sorted(offered) == sorted(
            {name + ("=" if argument else "") for name, argument in named}), (offered, named))
        for name, argument in named:
            words = [word for word in argument[1:].split("|") if not re.search("[A-Z]", word)]
            if not words or not argument:
                continue
            for form in [name, "=", ""], [name, ""], [name, "="]:
                found = complete(command, *form)
                check("%s %s: every value" % (command, form), found[:len(words)] == words,
                      (found, words))


def check_values():
    calls = [line.split()[:2] for line in run(COMMAND, "calls").stdout.splitlines()[1:]
             if not line.startswith(" ")]
    names = {name for name, _ in calls} | {group for _, group in calls} | {"all"}
    found = complete("run", "--calls", "=", "")
    check("calls: every call and group, once", sorted(found) == sorted(names), set(found) ^ names)
    offers("the last of a list", ["run", "--calls", "=", "read,nanos"], ["read,nanosleep"])
    offers("rules", ["check", "--fail-on", "="], ["GIL001", "GIL002", "GIL003"])
    offers("rules", ["check", "--fail-on", "=", "GIL002,"], ["GIL002,GIL001", "GIL002,GIL002", "GIL002,GIL003"])
    offers("one word", ["check", "--origin=a"], ["--origin=all"])
    offers("a value of its own", ["report", "-f", "js"], ["json"])
    offers("no value known", ["run", "--blocked", "=", ""], [])


def check_files():
    os.makedirs(WORK + "/files/records")
    open(WORK + "/files/recipe", "w", encoding="utf-8").close()
    offers("directories", ["run", "-o", "files/re"], ["files/records"])
    both = ["files/recipe", "files/records"]
    for words in (["report", "files/re"], ["check", "--suppressions", "=", "files/re"],
                  ["diff", "a", "files/re"], ["run", "sort", "files/re"],
                  ["check", "--", "sort", "files/re"], ["run", "--", "sort", "--log", "files/re"],
                  ["doctor", "-f", "json", "sort", "files/re"]):
        check("files: %r" % words, sorted(complete(*words)) == both, complete(*words))
    for words in (["run", "unsha"], ["doctor", "unsha"], ["doctor", "--", "unsha"], ["run", "--", "unsha"], ["check", "--", "unsha"],
                  ["run", "--log", "=", "all", "unsha"], ["run", "--log", "all", "unsha"],
                  ["check", "--origin", "all", "--", "unsha"]):
        check("programs: %r" % words, "unshare" in complete(*words), complete(*words))
    check("a record is no program", complete("check", "unsha") == [], complete("check", "unsha"))
    check("the program's options are not ours", complete("run", "sort", "--lo") == [])


# ---- defaults ----

def options_told(text, pattern):
    """Key to meaning, in one line."""
    return {key: " ".join(told.split()) for key, told in re.findall(pattern, text, re.M | re.S)}


def default_told(meaning):
    found = re.findall(r"(?:Default: (\S*?[^,.\s])|No default)(?:, from .*?)?\.?$", meaning)
    return found[0] if found else meaning


def takes(key, value):
    return run(COMMAND, "run", "--summary=none", "--%s=%s" % (key, value), "--", "true").returncode == 0


def check_ends(key, meaning):
    for last in re.findall(r"\b0 to (\d+)", meaning):
        for value, good in (0, True), (int(last), True), (int(last) + 1, False):
            check("--%s=%d: %s" % (key, value, good), takes(key, value) == good, meaning)


def check_defaults():
    with open(ROOT + "/README.md", encoding="utf-8") as stream:
        readme = stream.read().partition("\n## Options\n")[2].partition("\n## ")[0]
    with open(BUILD + "/libgilshim.7", encoding="utf-8") as stream:
        page = stream.read().replace("\\-", "-")
    told = options_told(HELPS["run"].partition("Options of the library")[2].partition("\n\n")[0] + "\n",
                        r"^ +--([a-z_]+)=\S+\s(.*?)(?=^ +--|\Z)")
    paged = options_told(page.partition("pairs, separated")[2].partition(".RE")[0] + ".TP\n",
                         r"^\.BI ([a-z_]+)= .*?\n(.*?)\.\n(?=\.TP)")
    tabled = dict(re.findall(r"^\| `([a-z_]+)` \| *`?([^ `|]*)`? *\|", readme, re.M))
    check("the options of run --help, the man page and the README", len(told) > 10 and
          set(told) == set(paged) == set(tabled), (sorted(told), sorted(paged), sorted(tabled)))
    for key, meaning in told.items():
        default = default_told(meaning)
        check("the man page on " + key, paged.get(key) == meaning, (paged.get(key), meaning))
        check("the default of " + key, tabled.get(key) == default, (tabled.get(key), meaning))
        check("the default of %s is taken" % key, not default or takes(key, default), meaning)
        check_ends(key, meaning)
    check("a range is told", sum("0 to " in meaning for meaning in told.values()) >= 3, told)


for name, text in [("gilshim", HELP)] + list(HELPS.items()):
    check_examples(name, text)
check_an_example_can_fail()
check_words()
check_full_disk()
check_registered()
check_options()
check_values()
check_files()
check_defaults()
shutil.rmtree(WORK, ignore_errors=True)
print("%(passed)d passed, %(failed)d failed, %(skipped)d skipped" % results)
sys.exit(results["failed"] > 0)
