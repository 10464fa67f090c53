"""What the programs share. Each prints what it found, in words that are the same in every run: the
driver compares standard output and status. A program has a network of its own, so ports are fixed."""
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
import xml.etree.ElementTree

LIMIT = 60
BIN = os.path.dirname(sys.executable)


def say(*words):
    print(*words, flush=True)


class Server:
    """A server whose output nobody but us may write to: say_end tells."""

    def __init__(self, argv, port, log="server.log", **how):
        self.argv, self.log = argv, log
        with open(log, "wb") as file:
            self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=file,
                                            stderr=file, **how)
        wait_until(lambda: self.process.poll() is not None or answers(port))

    def say_end(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        say("status", self.process.wait(LIMIT))
        with open(self.log, errors="replace") as file:
            text = file.read()
        say("lines of ours in its output:", text.count("gilshim"))
        return text


def answers(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    except OSError:
        return False


def wait_until(condition):
    limit = time.monotonic() + LIMIT
    while not condition():
        if time.monotonic() > limit:
            raise TimeoutError("waited in vain")
        time.sleep(0.02)


def fetch(url, data=None):
    with urllib.request.urlopen(url, data, LIMIT) as answer:
        return answer.status, answer.read().decode()


def say_tests(arguments, **how):
    """Runs pytest in a process of its own; says the verdict of every test."""
    done = subprocess.run([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider",
                           "--junitxml=junit.xml", *arguments], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False, **how)
    say("status", done.returncode)
    say_verdicts("junit.xml")
    say("lines of ours in its output:", done.stdout.count(b"gilshim"))


def say_verdicts(path):
    """A failure of the tests themselves is a verdict like any other: it is to be the same."""
    verdicts = {}
    for case in xml.etree.ElementTree.parse(path).iter("testcase"):
        name = "%s.%s" % (case.get("classname"), case.get("name"))
        words = [child.tag for child in case if child.tag in ("failure", "error", "skipped")]
        verdicts.setdefault(name, []).append(" ".join(words) or "passed")
    counts = {}
    for name, words in sorted(verdicts.items()):
        for word in words:
            counts[word] = counts.get(word, 0) + 1
        if words != ["passed"]:
            say(name, *sorted(words))
    say(*("%d %s" % (counts[word], word) for word in sorted(counts)))
