"""What is known about a case besides its own line of output: its packages, the extension that its
`via` means, the native chain where one was recorded, the rows that own the names it expects."""
import functools
import glob
import json
import os
import re
import subprocess

INTERPRETER = re.compile(r"python3[.\d]*$|libpython3[.\d]*(\.so.*)?$")
LIBC = re.compile(r"(lib(c|pthread|m|dl|rt|resolv|anl)\.so\.\d+|ld-linux.*)$")
FOREIGN = re.compile(r"(_ctypes\.|libffi\.|_cffi_backend\.)")
MODULES = ("/usr/lib/python3/dist-packages", "/usr/lib/python3.*/lib-dynload",
           "/usr/local/lib/python3.*/dist-packages")


def said(path, what):
    """The words behind `# what:` of a case."""
    with open(path, errors="replace") as stream:
        for line in stream:
            if line.startswith("# %s:" % what):
                return line.split(":", 1)[1].split()
    return []


def packages_of(path):
    return said(path, "apt")


def options_of(path):
    """Options of the library that a case needs: calls that are not watched by default."""
    return "".join(":" + word for word in said(path, "options"))


@functools.lru_cache(None)
def installed(package):
    done = subprocess.run(["dpkg-query", "-W", "-f", "${db:Status-Status}", package],
                          capture_output=True, text=True)
    return done.returncode == 0 and done.stdout == "installed"


def read_chains(directories):
    """Native chains (object, function; from libc outwards) of the cases that have one on record."""
    chains = {}
    for directory in directories:
        try:
            with open(os.path.join(directory, "cases.jsonl")) as stream:
                for line in stream:
                    case = json.loads(line)
                    chains[case["case"]] = [frame[0] for frame in case.get("chain", [])]
        except FileNotFoundError:
            continue
    return chains


def read_rows(command):
    """Exported name -> name of its row, from the table that the command prints."""
    rows, row = {}, None
    done = subprocess.run([command, "calls"], capture_output=True, text=True, check=True)
    for line in done.stdout.splitlines()[1:]:
        words = line.split()
        if words and not line[0].isspace():
            row, words = words[0], words[3:]
        for word in words:
            rows[word.strip("()").split("@")[0]] = row
    return rows


def chain_between(chain):
    """The objects between libc and the interpreter, innermost first; empty: the interpreter itself
    made the call. Frames further out belong to whoever called Python, not to this call."""
    between = []
    for name in chain:
        if INTERPRETER.match(name):
            break
        if not LIBC.match(name):
            between.append(name)
    return between


@functools.lru_cache(None)
def modules_named(dotted):
    """Extension modules on disk that `a.b.c`, or the longest part of it, names."""
    parts = dotted.split(".")
    while parts:
        for root in MODULES:
            found = glob.glob(os.path.join(root, *parts) + ".*so")
            found = {os.path.basename(path) for path in found}
            if found:
                return found
        parts.pop()
    return set()


def extension_problem(case, extension, chains):
    """Says why the object reported as the extension is not the one that the case means."""
    if not extension:
        return "no extension"
    chain = chains.get(case["case"])
    if chain:
        between = chain_between(chain)
        expected = between[-1] if between else next(filter(INTERPRETER.match, chain), None)
        if extension != expected:
            return "extension %s, expected %s (chain)" % (extension, expected)
        return None
    words = re.findall(r"[A-Za-z_][\w.]*", case["via"])
    named = set().union(*[modules_named(word) for word in words])
    if named:
        return None if extension in named else "extension %s, expected %s (%s)" % (
            extension, "/".join(sorted(named)), case["via"])
    if INTERPRETER.match(extension):
        return None
    parts = {part.strip("_") for word in words for part in word.split(".")}
    if extension.split(".")[0].strip("_") not in parts:
        return "extension %s has nothing to do with %s" % (extension, case["via"])
    return None


@functools.lru_cache(None)
def of_cpython(name):
    """Is this object CPython's own: its image, or a module of its standard library?"""
    if FOREIGN.match(name):
        return False
    return bool(INTERPRETER.match(name) or glob.glob("/usr/lib/python3.*/lib-dynload/" + name))


def origin(case, extension, chains):
    """interpreter or extension; None where too little is known."""
    if not extension:
        return None
    chain = chains.get(case["case"])
    objects = chain_between(chain) if chain else [case["expected_object"], extension]
    return "interpreter" if all(map(of_cpython, objects)) else "extension"


@functools.lru_cache(None)
def code_names(path):
    """Line -> names of the functions that have instructions on it."""
    names = {}
    with open(path, "rb") as stream:
        pending = [compile(stream.read(), path, "exec")]
    while pending:
        code = pending.pop()
        for _, _, line in code.co_lines():
            names.setdefault(line, set()).add(code.co_name)
        pending += [constant for constant in code.co_consts if hasattr(constant, "co_lines")]
    return names


def functions_at(path, line):
    return code_names(path).get(line, set())
