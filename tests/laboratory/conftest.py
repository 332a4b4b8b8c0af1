"""What the laboratory needs of the machine. Whatever is missing is named and skipped."""

import os
import shutil
import sys

import pytest

# How long the network is away, in seconds: a handful, and all with --every-outage.
OUTAGES_S = {
    "outage_s": ((10, 40, 62, 75, 100), range(10, 181, 5)),
    "away_s": ((30, 75), range(10, 181, 10)),
    "silent_s": ((60, 80), range(60, 81, 5)),
}


def pytest_addoption(parser):
    parser.addoption(
        "--every-outage",
        action="store_true",
        help="outages of 10 to 180 s in steps of 5, not only a handful",
    )


def pytest_generate_tests(metafunc):
    is_every = metafunc.config.getoption("--every-outage")
    for name, lengths_s in OUTAGES_S.items():
        if name in metafunc.fixturenames:
            metafunc.parametrize(name, sorted(lengths_s[is_every], reverse=True))


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
