"""numpy: a part of its own tests."""
from common import say_tests

say_tests(["-m", "not slow", "--pyargs", "numpy.linalg", "numpy.fft", "numpy.random.tests.test_random",
           "numpy.lib.tests.test_io", "numpy.lib.tests.test_format", "numpy._core.tests.test_umath",
           "numpy._core.tests.test_multithreading", "numpy._core.tests.test_mem_overlap"])
