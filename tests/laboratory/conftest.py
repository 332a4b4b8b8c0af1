"""What the laboratory needs of the machine. Whatever is missing is named and skipped."""

import os
import shutil
import sys

import pytest

OUTAGES_S = (10, 40, 62, 75, 100)  # one of each kind of trouble that was seen


def pytest_addoption(parser):
    parser.addoption(
        "--every-outage",
        action="store_true",
        help="outages of 10 to 180 s in steps of 5, not only a handful",
    )


def pytest_generate_tests(metafunc):
    if "outage_s" in metafunc.fixturenames:
        is_every = metafunc.config.getoption("--every-outage")
        lengths = range(10, 181, 5) if is_every else OUTAGES_S
        metafunc.parametrize("outage_s", sorted(lengths, reverse=True))


def need_programs(*names: str, root: bool = False) -> None:
    """Skip the test where one of these is not installed, or where it needs root and is not."""
    if root and (sys.platform != "linux" or os.geteuid()):
        pytest.skip("needs Linux and root")
    missing = [name for name in names if not shutil.which(name, path=search_path())]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}")


def search_path() -> str:
    """Debian keeps servers in /usr/sbin, which is not in everybody's PATH."""
    return os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])
