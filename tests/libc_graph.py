"""Which exported functions of libc can reach a waiting system call: by disassembly of libc itself.

Functions are what lies between two known starts (symbols, and the unwind tables' ranges, which also
name the local ones). An edge is a direct call or a jump into another function. The number of a
system call is the constant last put into eax; one that the code does not show counts as waiting.
Not followed: calls through pointers. stdio's are found all the same, for each such call goes with a
check of the pointer that itself takes a lock."""
import bisect
import collections
import functools
import os
import re
import subprocess

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
FUTEX_WAITS = (0, 6, 9, 11, 13)  # WAIT, LOCK_PI, WAIT_BITSET, WAIT_REQUEUE_PI, LOCK_PI2

# Where the walk ends: what these wait for is not the caller's doing.
ENDS = {
    "memory from the allocator": "malloc calloc realloc free memalign aligned_alloc posix_memalign "
                                 "valloc pvalloc __libc_memalign",
    "the end of the process": "abort exit _exit __libc_message __libc_fatal __assert_fail "
                              "__assert_perror_fail __stack_chk_fail __fortify_fail __chk_fail",
    "locks inside libc, of a few instructions": "__lll_lock_wait_private",
}

REGISTER = re.compile(r"^[er]?([abcd])[xl]$|^[er]?(si|di|bp|sp)l?$|^(r\d+)[dwb]?$")
SCRATCH = ("a", "c", "d", "si", "di", "r8", "r9", "r10", "r11")


def run(*command, check=True):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                          check=check).stdout


@functools.lru_cache(None)
def waiting_names():
    """The system calls that wait: those that syscall(2) is judged by, and the making of processes."""
    text = open(ROOT + "/shim/preload/claim_syscall.c").read()
    return set(re.findall(r"\[SYS_(\w+)\] = \{RULE_(?!NEVER)", text)) | {"vfork"}


def waiting_numbers():
    text = run("gcc", "-dM", "-E", "-include", "sys/syscall.h", "-x", "c", "/dev/null")
    return {int(number): name for name, number in re.findall(r"#define __NR_(\w+) (\d+)", text)
            if name in waiting_names()}


def register(name):
    match = REGISTER.match(name)
    return next(filter(None, match.groups()), None) if match else None


class Graph:
    def __init__(self, path):
        self.path = path
        self.names = collections.defaultdict(set)    # address -> names, local ones where known
        self.exports = collections.defaultdict(set)  # address -> name@node or name@@node
        self.edges, self.calls = collections.defaultdict(set), collections.defaultdict(set)
        self.read_symbols()
        self.starts = sorted(set(self.names) | set(self.unwind_ranges()))
        self.read_code()

    def read_symbols(self):
        for line in run("nm", "-D", "--defined-only", self.path).splitlines():
            words = line.split()
            if len(words) == 3 and words[1] in "TWiV":
                self.exports[int(words[0], 16)].add(words[2])
                self.names[int(words[0], 16)].add(words[2].split("@")[0])
        for line in run("nm", self.debug_file()).splitlines():
            words = line.split()
            if len(words) == 3 and words[1] in "tTwWi":
                self.names[int(words[0], 16)].add(words[2])

    def debug_file(self):
        """The ends of the walk are local symbols, which only the debugging package names."""
        build = re.search(r"Build ID: (\w\w)(\w+)", run("readelf", "-n", self.path))
        path = "/usr/lib/debug/.build-id/%s/%s.debug" % build.groups()
        if not os.path.exists(path):
            raise FileNotFoundError("%s: install libc6-dbg" % path)
        return path

    def unwind_ranges(self):
        # Its status is no good: it also complains of what it does not find elsewhere.
        for line in run("readelf", "-wf", self.path, check=False).splitlines():
            found = re.search(r" FDE .* pc=([0-9a-f]+)\.\.", line)
            if found:
                yield int(found.group(1), 16)

    def owner(self, address):
        return self.starts[bisect.bisect_right(self.starts, address) - 1]

    def read_code(self):
        function, registers = None, {}
        for line in run("objdump", "-d", "--no-show-raw-insn", self.path).splitlines():
            found = re.match(r"^\s+([0-9a-f]+):\t(?:bnd |notrack )?(.*)$", line)
            if not found:
                continue
            owner = self.owner(int(found.group(1), 16))
            if owner != function:
                function, registers = owner, {}
            self.read_instruction(function, registers, found.group(2))

    def read_instruction(self, function, registers, text):
        constant = re.match(r"mov[ql]?\s+\$0x([0-9a-f]+),%(\w+)$", text)
        zero = re.match(r"xor\s+%(\w+),%(\w+)$", text)
        copy = re.match(r"mov[ql]?\s+%(\w+),%(\w+)$", text)
        target = re.match(r"(call|j\w+)\s+([0-9a-f]+)\b", text)
        other = re.match(r"\S+\s+.*%(\w+)$", text)
        if text.startswith("syscall"):
            number = registers.get("a")
            self.calls[function].add((number, registers.get("si") if number == 202 else None))
            registers["a"] = None
        elif target:
            to = self.owner(int(target.group(2), 16))
            if to != function:
                self.edges[function].add(to)
            if target.group(1) == "call":
                registers.update(dict.fromkeys(SCRATCH))
        elif constant:
            registers[register(constant.group(2))] = int(constant.group(1), 16)
        elif zero and zero.group(1) == zero.group(2):
            registers[register(zero.group(1))] = 0
        elif copy:
            registers[register(copy.group(2))] = registers.get(register(copy.group(1)))
        elif other and not re.match(r"(cmp|test|push|bt\s)", text):
            registers[register(other.group(1))] = None

    def own_waits(self, function, numbers):
        waits = set()
        for number, operation in self.calls[function]:
            if number is None:
                waits.add("?")
            elif number == 202:
                if operation is None or operation & 0x7f in FUTEX_WAITS:
                    waits.add("futex")
            elif number in numbers:
                waits.add(numbers[number])
        return waits

    def reach(self):
        """Function -> the waiting system calls in what it calls."""
        numbers, ends = waiting_numbers(), set(" ".join(ENDS.values()).split())
        reach = {one: self.own_waits(one, numbers) for one in self.starts}
        ended = {one for one in self.starts if self.names[one] & ends}
        callers = collections.defaultdict(set)
        for one, targets in self.edges.items():
            for target in targets:
                callers[target].add(one)
        for one in ended:
            reach[one] = set()
        todo = {one for one in self.starts if reach[one]}
        while todo:
            one = todo.pop()
            for caller in callers[one] - ended:
                if not reach[one] <= reach[caller]:
                    reach[caller] |= reach[one]
                    todo.add(caller)
        return reach

    def waiting_exports(self):
        """(name, node, is it what new programs bind, the system calls), without libc's private names."""
        reach = self.reach()
        for address, exports in self.exports.items():
            for export in exports:
                name, _, node = export.partition("@")
                if reach[address] and "GLIBC_PRIVATE" not in node:
                    yield name, node.lstrip("@"), not node or node.startswith("@"), reach[address]
