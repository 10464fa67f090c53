"""Imported by lines.py under a name that is not ASCII; gets `mark` and `gsx` from it."""


def imported_function():
    mark(gsx.hold_usleep(1))  # noqa: F821


def climb(level):
    if level == 0:
        mark(gsx.hold_usleep(1))  # noqa: F821
    else:
        climb(level - 1)


mark(gsx.hold_usleep(1))  # noqa: F821
imported_function()
climb(30)
