#!/usr/bin/python3
"""Checks that no test program can make: what the compiler made of the wrappers, what the library
exports and imports, who includes whom, what the linters say."""
import argparse
import os
import re
import subprocess
import sys

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--lib", required=True)
parser.add_argument("--command", required=True)
parser.add_argument("--build", default="build")
parser.add_argument("--only", default="")
options = parser.parse_args()
ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
HOOKS = re.findall(r"^GS_HOOK(?:_COND|_EXECL?)?\(\w+,\s*(\w+),",
                   open(ROOT + "/shim/preload/hooks.def").read(), re.M)


def run(*command):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          cwd=ROOT, check=False)


def table_names():
    """The exported names of calls.def, as `gilshim calls` prints them."""
    names, column = set(), None
    for line in run(os.path.abspath(options.command), "calls").stdout.splitlines():
        if column is None:
            column = line.index("EXPORTED")
            continue
        names.update(name.strip("()").split("@")[0] for name in line[column:].split())
    return names


def exported():
    out = run("nm", "-D", "--defined-only", options.lib).stdout
    return {line.split()[2].split("@")[0] for line in out.splitlines() if " T " in line}


def functions():
    """Name and instructions of every function of the library."""
    name, body = None, []
    for line in run("objdump", "-d", "--no-show-raw-insn", options.lib).stdout.splitlines():
        start = re.match(r"^[0-9a-f]+ <([^>]+)>:$", line)
        if start:
            if name:
                yield name, body
            name, body = start.group(1), []
        elif name and "\t" in line:
            body.append(line.split("\t", 1)[1].strip())
    if name:
        yield name, body


def check_released_paths_are_jumps():
    """A wrapper calls only our own judgement, and leaves by a jump to the real function."""
    ours = {"gs_watch", "gs_waits_begin", "gs_watch_entry", "gs_real_resolve", "gs_hook_resolve",
            "gs_hook_exit", "gs_gil_cond_init", "gs_gil_signalled",
            "gs_gil_sem_init", "gs_gil_sem_destroy", "dlsym@plt"}
    out = exported()
    # An exec is no judged call, and one that comes back has failed: it is called, not jumped to.
    wanted = {n for n in out | {f for f, _ in functions()}
              if n in out and not re.match("f?exec[vl]", n) or
              n.startswith(("gs_wrap_", "gs_ask_", "gs_hook_COND", "ask_COND"))}
    seen, wrong = 0, []
    for name, body in functions():
        base = name.split("@")[0].removesuffix(".cold")
        if base not in wanted:
            continue
        seen += 1
        calls = [i for i in body if re.match(r"(call|bl)[a-z]*\s", i)]
        for call in calls:
            target = re.search(r"<([^>+]+)", call)
            if not target or target.group(1) not in ours:
                wrong.append("%s: %s" % (name, call))
        if not name.endswith(".cold") and not any(
                re.match(r"(bnd )?jmp\s+\*|br\s", i) for i in body):
            wrong.append("%s: no jump to the real function" % name)
    if seen < 600:
        wrong.append("only %d wrappers found" % seen)
    return wrong


def check_exports_are_the_table():
    table, out = table_names() | set(HOOKS) | {"sem_init", "sem_destroy"}, exported()
    return (["%s: exported, not in a table" % n for n in sorted(out - table)] +
            ["%s: in the table, not exported" % n for n in sorted(table - out)])


def check_man_pages_name_everything():
    page = open(options.build + "/libgilshim.7").read().replace("\\-", "-")
    words = set(re.split(r"[\s@=]+", page))
    keys = re.findall(r"^GS_OPTION\((\w+),", open(ROOT + "/shim/common/options.def").read(), re.M)
    missing = sorted(table_names() - words) + [k for k in keys if k not in words]
    out = run("groff", "-man", "-Tutf8", "-ww", os.path.abspath(options.build) + "/libgilshim.7")
    return ["%s is not in libgilshim.7" % n for n in missing] + re.findall(
        r"^troff:.*$", out.stdout, re.M) + ([] if keys else ["no options found"])


def check_needs_libc_alone():
    out = run("readelf", "-d", options.lib).stdout
    needed = re.findall(r"NEEDED.*\[(.*)\]", out)
    return ["needs " + n for n in needed if not re.match(r"(libc|ld-linux.*|libdl|libpthread)\.so", n)]


def check_names_of_glibc_alone_are_weak():
    """What musl lacks must not be a strong import: its children could not start."""
    allowed = set(open(ROOT + "/tests/allowed_imports.txt").read().split())
    out = run("nm", "-D", "--undefined-only", options.lib).stdout
    names = {line.split()[1].split("@")[0] for line in out.splitlines() if " U " in line}
    return ["strong import of %s" % n for n in sorted(names - allowed)]


def check_thread_local_storage_is_small():
    out = run("readelf", "-lW", options.lib).stdout
    size = int(re.search(r"^\s+TLS\s+\S+\s+\S+\s+\S+\s+\S+\s+(\S+)", out, re.M).group(1), 16)
    relocations = run("readelf", "-rW", options.lib).stdout
    wrong = ["%d bytes" % size] if size >= 512 else []
    if re.search(r"DTPMOD|TLSDESC", relocations):
        wrong.append("dynamic TLS relocations: not initial-exec")
    return wrong


def sources(*folders):
    for folder in folders:
        for base, _, files in os.walk(os.path.join(ROOT, folder)):
            for file in sorted(files):
                if file.endswith((".c", ".h", ".def", ".S")):
                    yield os.path.join(base, file)


def check_includes_keep_the_house():
    """preload and command include common, never each other; common only itself."""
    where, wrong = {}, []
    for path in sources("shim"):
        where.setdefault(os.path.basename(path), path.split("/shim/")[1].split("/")[0])
    for path in sources("shim"):
        room = path.split("/shim/")[1].split("/")[0]
        for name in re.findall(r'#include "([^"]+)"', open(path).read()):
            if where.get(name) not in (room, "common"):
                wrong.append("%s includes %s" % (os.path.relpath(path, ROOT), name))
    for path in sources("shim/common"):
        bad = re.findall(r"#include <(stdio|stdlib|malloc)\.h>", open(path).read())
        wrong += ["%s includes <%s.h>" % (os.path.relpath(path, ROOT), n) for n in bad]
    return wrong


def check_only_gil_and_pyframe_know_cpython():
    wrong = []
    for path in sources("shim/preload"):
        if os.path.basename(path) in ("gil.c", "gil.h", "pyframe.c", "pyframe.h", "chain.c"):
            continue
        found = re.findall(r'"(_?Py[A-Z]\w+)"', open(path).read())
        wrong += ["%s names %s" % (os.path.relpath(path, ROOT), n) for n in found]
    return wrong


def check_files_are_one_subject():
    return ["%s: %d lines" % (os.path.relpath(p, ROOT), n) for p, n in
            ((p, len(open(p).readlines())) for p in sources("shim", "tests")
             if p.endswith((".c", ".h"))) if n > 600]


def check_format():
    files = [p for p in sources("shim") if p.endswith((".c", ".h"))]
    out = run("clang-format", "--dry-run", "--Werror", *files)
    return sorted(set(re.findall(r"shim/\S+?\.[ch]:\d+", out.stdout))) if out.returncode else []


def check_clang_builds_it_too():
    out = run("make", "-s", "O=" + os.path.abspath(options.build) + "/clang", "CC=clang",
              "WERROR=-Werror", "all")
    return out.stdout.splitlines()[-10:] if out.returncode else []


def check_cppcheck():
    out = run("cppcheck", "--quiet", "--std=c11", "--enable=warning,performance,portability",
              "--error-exitcode=1", "--inline-suppr", "-D__x86_64__", "-D__GNUC__=12",
              "--suppressions-list=tests/cppcheck.txt", "-Ishim/common", "-Ishim/preload",
              "-Ishim/command", "shim")
    return out.stdout.splitlines()[:20] if out.returncode else []


def check_clang_tidy():
    wrong = []
    for room in ("common", "preload", "command"):
        files = [p for p in sources("shim/" + room) if p.endswith(".c")]
        out = run("clang-tidy", "--quiet", *files, "--", "-std=gnu11", "-D_GNU_SOURCE",
                  "-Ishim/common", "-Ishim/" + room)
        wrong += re.findall(r"^\S+: (?:warning|error): .*$", out.stdout, re.M)
    return wrong


def check_no_place_is_named():
    """Nothing in the project names a path of somebody's machine."""
    place = re.compile(r"/(?:work|root|farm|home/\w+)/")
    wrong = []
    for path in run("git", "ls-files", "--cached", "--others", "--exclude-standard").stdout.split():
        full = os.path.join(ROOT, path)
        if os.path.isfile(full) and not path.endswith("house.py"):
            if place.search(open(full, errors="replace").read()):
                wrong.append(path)
    return wrong


passed = failed = 0
for name, check in list(globals().items()):
    if not name.startswith("check_") or options.only not in name:
        continue
    complaints = check()
    passed += not complaints
    failed += bool(complaints)
    for complaint in complaints[:20]:
        print("FAIL %s: %s" % (name[6:].replace("_", " "), complaint))
print("%d passed, %d failed, 0 skipped" % (passed, failed))
sys.exit(failed > 0)
