"""`python -m tests` runs the tests, with what else they need. What follows goes to pytest."""

from lib import own_python

if __name__ == "__main__":
    own_python.ensure_libraries("tests/requirements.txt")

import sys

import pytest

if __name__ == "__main__":
    sys.exit(pytest.main(sys.argv[1:]))
