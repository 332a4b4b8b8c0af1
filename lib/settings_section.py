"""One section of the settings: reads its values and notes what is wrong with them.

It knows no key by name; which keys there are is said where they are read.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from lib.settings_files import Problem

HINT = r"<([A-Za-z_|]{2,15}|192\.168\.0\.1)>"  # as settings.json.example has them
INVISIBLE = r"[\s\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]"


@dataclass
class Notes:
    """What is found while the settings are read. `folder`: paths in them start there; `names`:
    keys whose value came from a variable, and the variable's name."""

    folder: Path
    names: dict[str, str]
    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)
    sections: list["Section"] = field(default_factory=list)  # all that were read


class Section:
    """One section of the settings. It reads its values, knows where it stands itself, and
    notes what is wrong. Whatever was never asked for is an unknown key."""

    def __init__(self, content: dict[str, Any], place: str, notes: Notes, kind: str = ""):
        self.content, self.place, self.notes = content, place, notes
        self.kind = kind  # its place, with NAME for the name of any server
        self.known: list[str] = []
        notes.sections.append(self)

    def get(self, key: str, default: object = None) -> Any:
        self.known.append(key)
        return self.content.get(key, default)

    def complain(self, code: str, key: str, found: object = "", **details: object) -> None:
        place = self.notes.names.get(self.place + key, self.place + key)
        self.notes.problems.append(Problem(code, place, shown(found), tuple(details.items())))

    def warn(self, code: str, key: str, **details: object) -> None:
        self.notes.warnings.append(Problem(code, self.place + key, "", tuple(details.items())))

    def section(self, key: str, kind: str = "") -> "Section":
        """The section at `key`, an empty one if there is none. `kind`: what stands for the key
        in the names of its kind."""
        value = self.get(key, {})
        if not isinstance(value, dict):
            self.complain("section", key, value)
            value = {}
        return Section(value, f"{self.place}{key}.", self.notes, f"{self.kind}{kind or key}.")

    def text(self, key: str, needed: bool = True) -> str:
        """A text without the spaces that pasting leaves; "" where it is missing."""
        value = self.get(key)
        if value is None or value == "":
            if needed:
                self.complain("missing" if key not in self.content else "blank", key)
            return ""
        if not isinstance(value, str):
            self.complain("not_text", key)  # not what was found: it may be a secret
            return ""
        text = trimmed(value)
        if self.is_bracketed(key, text):
            return ""
        if not text and needed:
            self.complain("blank", key)
        return text

    def is_bracketed(self, key: str, text: str) -> bool:
        """Whether a hint of the example is still there, or its brackets around a value."""
        if not re.fullmatch(r"<.*>", text):
            return False
        if re.fullmatch(HINT, text):
            self.complain("placeholder", key, text)
        else:
            self.complain("brackets", key)  # not what was found: it may be a secret
        return True

    def is_quoted(self, key: str, value: object) -> bool:
        """Whether true or false stands in quotes, where it is a word like any other."""
        word = value.strip().lower() if isinstance(value, str) else ""
        if word in ("true", "false"):
            self.complain("quoted", key, value, right=word)
        return word in ("true", "false")

    def number(self, key: str, default: float, least: float, most: float) -> float:
        value = self.get(key, default)
        if isinstance(value, str) and re.fullmatch(r"\s*\d{1,9}\s*", value):
            value = int(value)
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not is_number or not least <= value <= most:
            self.complain("number", key, value, least=least, most=most)
            return default
        return float(value) if isinstance(value, float) else int(value)

    def switch(self, key: str, default: bool) -> bool:
        value = self.get(key, default)
        if self.is_quoted(key, value):
            return default
        if isinstance(value, (list, dict, float)) or value not in (0, 1, "0", "1"):
            self.complain("switch", key, value)
            return default
        return value in (1, "1")

    def choice(self, key: str, default: str, choices: tuple[str, ...]) -> str:
        value = self.get(key, default)
        text = value.strip() if isinstance(value, str) else ""
        if self.is_bracketed(key, text):
            return default
        if text not in choices:
            self.complain("choice", key, value, choices=", ".join(choices))
            return default
        return text

    def address(self, key: str, value: str, schemes: tuple[str, ...]) -> str:
        """`value` if it is an address with one of these schemes, else ""."""
        if not value:
            return ""
        try:
            parts = urlsplit(value)
            is_good = parts.scheme in schemes and parts.hostname and (parts.port or 1)
        except ValueError:
            is_good = False
        if not is_good or re.search(r"\s", value):
            # What was found is not shown: an address may hold a password.
            self.complain("address", key, "", schemes=", ".join(schemes))
            return ""
        return value

    def path(self, key: str) -> Path | None:
        value = self.text(key, needed=False)
        if self.is_mangled(key):
            return None
        return self.notes.folder / value if value else None

    def is_mangled(self, key: str) -> bool:
        """Whether a path was written with single backslashes: JSON reads \\t as a tab."""
        path = str(self.content.get(key)).rstrip()
        is_certificate = "-----" in path  # the text itself was pasted instead of its path
        if not is_certificate and re.search(r"[\b\t\n\f\r]", path):
            self.complain("backslash", key)
            return True
        return False


def trimmed(text: str) -> str:
    """Without what pasting leaves around it: spaces, also invisible ones, and direction marks."""
    return re.sub(rf"^{INVISIBLE}+|{INVISIBLE}+$", "", text)


# In any of these a wrong value may be a secret that was pasted into the wrong key.
_SECRETS = (
    re.compile(r":.*@|:[\w-]{20}|[0-9A-Fa-f]{32}"),  # a login, a bot's token, an ID of OAuth2
    re.compile(
        r"(?=\S*(\d|[a-z][A-Z]))[A-Za-z0-9_+/=-]{16,}|[A-Za-z0-9_+/=-]{24,}"
    ),  # a token of any kind
    re.compile(r"^(?=.*[a-z])(?=.*[A-Z])(?=.*\d)\S{8,}$|^(?=.*[A-Za-z])(?=.*\d)\S*[!$%^&*~]\S*$"),
)
_A_FILE_OR_HOST = re.compile(r"[\w .:\\/-]*\.[A-Za-z]{2,5}(:\d{1,5})?/?")


def shown(found: object) -> object:
    """What may be shown of a wrong value: nothing that may be a secret in the wrong place."""
    if isinstance(found, (list, dict)):
        return "…" if found else found
    if not isinstance(found, str):
        return found
    is_name = _A_FILE_OR_HOST.fullmatch(found)  # "C:\\certs\\office-2026.crt"
    patterns = _SECRETS[:1] if is_name else _SECRETS
    return "…" if any(pattern.search(found) for pattern in patterns) else found
