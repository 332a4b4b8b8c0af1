"""The version of a TrueConf Server, from what it answers anyway, and whether it is attacked.

Nothing here says that a version is safe: no warning means that none is known.
"""

import json
import re

LONGEST_BODY = 64 * 1024
# The first version of each branch without the holes of CVE-2026-72529 and CVE-2026-72530.
FIRST_SAFE = ((5, 3, 9), (5, 4, 9), (5, 5, 5))

_NUMBER = r"\d{1,2}(?:\.\d{1,5}){2,3}"


def version_in(body: bytes) -> str:
    """The version that `vsstatus` or /api/v4/server tells in its body, "" if it tells none."""
    text = body[:LONGEST_BODY].decode("utf-8", "replace")
    if found := re.search(rf"TrueConf Server ({_NUMBER})(?![\d.])", text):
        return found[1]
    try:
        product = json.loads(text)["product"]
        version = product["version"]
    except (ValueError, LookupError, TypeError, RecursionError):
        return ""
    return version if isinstance(version, str) and re.fullmatch(_NUMBER, version) else ""


def first_safe_version(version: str) -> str | None:
    """The first version of the same branch that is not known to be attacked, if this one is older;
    None for branches that are newer than the table, and where the version is hidden."""
    if not re.fullmatch(_NUMBER, version):
        return None
    number = tuple(map(int, version.split(".")[:3]))
    for safe in FIRST_SAFE:
        if number[:2] <= safe[:2]:
            return ".".join(map(str, safe)) if number < safe else None
    return None
