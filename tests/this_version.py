"""What belongs to this version. Who copies it over an earlier one keeps the files that only that
one had; the tests look at none of them. A file of your own belongs to it."""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
GONE = {
    "check.py",
    "demo/certificates.py",
    "demo/telegram_chats.py",
    "demo/telegram_checks.py",
    "demo/telegram_html.py",
    "demo/telegram_server.py",
    "demo/trueconf/wire.py",
    "demo/trueconf_endpoints.py",
    "demo/trueconf_faults.py",
    "demo/trueconf_server.py",
    "demo/trueconf_wire.py",
    "logs.py",
    "settings.py",
    "telegram_api.py",
    "tests/benchmark.py",
    "tests/soak.py",
    "tests/test_benchmark.py",
    "tests/test_witness.py",
    "tests/witness_front.py",
}


def sources(*patterns: str, project: Path = ROOT) -> list[Path]:
    """The files that match one of these, such as "lib/*.py"."""
    found = [path for pattern in patterns for path in sorted(project.glob(pattern))]
    return [path for path in found if path.relative_to(project).as_posix() not in GONE]
