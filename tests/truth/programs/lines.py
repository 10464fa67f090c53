"""Python stacks: lines.py EXPECTED MODULE.

At each test site the GIL is held by gsx.hold_usleep() and traceback.extract_stack() says on the
same line what the stack is. Writes all stacks to the file EXPECTED (JSON, outermost frame first).
MODULE is a file to import, with characters that are not ASCII in its name.
"""
import functools
import importlib.util
import json
import os
import sys
import threading
import traceback

sys.path.insert(0, os.environ["TRUTH_MODULES"])
import gsx  # noqa: E402

EXPECTED = []
SHORT_LIVED = 500


def mark(_):
    stack = traceback.extract_stack(sys._getframe(1))
    EXPECTED.append([[frame[0], frame[1], frame[2]] for frame in stack])
    return True


def plain():
    mark(gsx.hold_usleep(1))


def two_lines():
    mark(gsx.hold_usleep(1))
    mark(gsx.hold_usleep(1))


def outer():
    def middle():
        def inner():
            def innermost():
                mark(gsx.hold_usleep(1))
            innermost()
        inner()
    middle()


def deep(level):
    if level == 0:
        mark(gsx.hold_usleep(1))
    else:
        deep(level - 1)


def generator():
    yield mark(gsx.hold_usleep(1))
    yield mark(gsx.hold_usleep(1))


def delegating():
    yield from generator_of_delegation()


def generator_of_delegation():
    yield mark(gsx.hold_usleep(1))


async def coroutine():
    mark(gsx.hold_usleep(1))


async def awaiting():
    await coroutine()


def comprehensions():
    [mark(gsx.hold_usleep(1)) for _ in range(1)]
    {mark(gsx.hold_usleep(1)) for _ in range(1)}
    {key: mark(gsx.hold_usleep(1)) for key in range(1)}
    list(mark(gsx.hold_usleep(1)) for _ in range(1))


class Methods:
    mark(gsx.hold_usleep(1))

    def __init__(self):
        mark(gsx.hold_usleep(1))

    def method(self):
        mark(gsx.hold_usleep(1))

    @classmethod
    def of_class(cls):
        mark(gsx.hold_usleep(1))

    @staticmethod
    def static():
        mark(gsx.hold_usleep(1))

    @property
    def attribute(self):
        return mark(gsx.hold_usleep(1))

    def __enter__(self):
        mark(gsx.hold_usleep(1))

    def __exit__(self, *unused):
        mark(gsx.hold_usleep(1))

    def __lt__(self, other):
        return mark(gsx.hold_usleep(1))

    def __del__(self):
        mark(gsx.hold_usleep(1))


def methods():
    thing = Methods()
    thing.method()
    thing.of_class()
    thing.static()
    thing.attribute
    with thing:
        pass
    sorted([thing, thing])
    del thing


def decorator(function):
    @functools.wraps(function)
    def wrapper(*args):
        mark(gsx.hold_usleep(1))
        return function(*args)
    return wrapper


@decorator
def decorated():
    mark(gsx.hold_usleep(1))


def имя_функции():
    mark(gsx.hold_usleep(1))


def größe_を測る():
    mark(gsx.hold_usleep(1))


def exceptions():
    try:
        raise ValueError
    except ValueError:
        mark(gsx.hold_usleep(1))
    finally:
        mark(gsx.hold_usleep(1))


def from_c():
    """Python code called by C code called by Python code."""
    list(map(lambda _: mark(gsx.hold_usleep(1)), [0]))
    sorted([0], key=lambda _: mark(gsx.hold_usleep(1)))
    functools.reduce(lambda _, __: mark(gsx.hold_usleep(1)), [0, 0])


def trace_lines():
    """A frame whose line is also looked at by a trace function."""
    sys.settrace(lambda *_: None)
    plain_traced()
    sys.settrace(None)


def plain_traced():
    mark(gsx.hold_usleep(1))


def far_down():
    source = "\n" * 3000 + "mark(gsx.hold_usleep(1))\n"
    exec(compile(source, "far_down.py", "exec"), globals())


def strings():
    """Code without a file. Each has a name of its own: short-lived code objects with equal
    content are one site."""
    exec("mark(gsx.hold_usleep(1))", globals())
    exec("def from_string():\n    pass\n    mark(gsx.hold_usleep(1))\nfrom_string()", globals())
    exec(compile("mark(gsx.hold_usleep(1))", "données_😀.py", "exec"), globals())
    eval(compile("mark(gsx.hold_usleep(1))", "<eval>", "eval"), globals())


def again():
    """One site each, although extract_stack() makes Python hash the file name after the first."""
    for number in range(3):
        mark(gsx.hold_usleep(1))
    code = compile("mark(gsx.hold_usleep(1))", "again_%d.py" % os.getpid(), "exec")
    for number in range(3):
        exec(code, globals())


def short_lived():
    """Code objects that die at once: the next ones come to lie at the same addresses."""
    for number in range(SHORT_LIVED):
        scope = {"mark": mark, "gsx": gsx}
        exec("def f_%03d():\n    mark(gsx.hold_usleep(1))\n" % number, scope)
        scope.pop("f_%03d" % number)()


def threads():
    def target():
        mark(gsx.hold_usleep(1))
        plain_in_thread()

    class Worker(threading.Thread):
        def run(self):
            mark(gsx.hold_usleep(1))

    for thread in (threading.Thread(target=target), Worker()):
        thread.start()
        thread.join()


def plain_in_thread():
    mark(gsx.hold_usleep(1))


def import_file(path):
    spec = importlib.util.spec_from_file_location("imported", path)
    module = importlib.util.module_from_spec(spec)
    module.mark, module.gsx = mark, gsx
    spec.loader.exec_module(module)


def main():
    plain()
    two_lines()
    outer()
    deep(4)
    list(generator())
    list(delegating())
    try:
        awaiting().send(None)
    except StopIteration:
        pass
    comprehensions()
    methods()
    decorated()
    имя_функции()
    größe_を測る()
    exceptions()
    from_c()
    trace_lines()
    far_down()
    strings()
    (lambda: mark(gsx.hold_usleep(1)))()
    threads()
    import_file(sys.argv[2])
    again()
    short_lived()
    with open(sys.argv[1], "w", encoding="utf-8") as out:
        json.dump(EXPECTED, out)


mark(gsx.hold_usleep(1))
main()
