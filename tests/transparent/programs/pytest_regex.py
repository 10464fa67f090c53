"""pytest: the tests of a package with an extension."""
from common import say_tests

say_tests(["--pyargs", "regex"])
