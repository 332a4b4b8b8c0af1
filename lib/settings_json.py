"""What is wrong where JSON breaks, as exactly as can be told, and at the line to be mended.

Only for the sentence: what the settings might mean is not guessed.
"""

import json
import re
import unicodedata
from dataclasses import dataclass

CLOSING = {"{": "}", "[": "]"}
OF_PYTHON = {"true": "true", "false": "false", "none": "null"}  # True, FALSE, None
STRING = r'"(?:[^"\\\n]|\\.)*(?:"|$)'  # one that is not closed ends with its line

Slip = tuple[str, int, dict[str, object]]  # the code, where to mend, details of the sentence


@dataclass(frozen=True)
class Problem:
    """Something wrong, or only odd, in the settings. `code` names its sentence in `texts`."""

    code: str
    key: str = ""  # e.g. "servers.office.server_status.timeout"
    found: object = ""
    details: tuple[tuple[str, object], ...] = ()


def json_problem(name: str, error: json.JSONDecodeError) -> Problem:
    """The problem where the JSON reader gave up. `name`: the name of the settings."""
    found = (
        _fence(error.doc)
        or _in_a_string(error)
        or _odd_character(error.doc, error.pos)
        or _comma(error.doc, error.pos)
        or _word(error.doc, error.pos)
        or _bracket(error.doc, error.pos, error.msg)
    )
    code, at, details = found or ("json", error.pos, {})
    if code == "not_object":
        return Problem(code)
    line, column = _line(error.doc, at), at - error.doc.rfind("\n", 0, at)
    return Problem(code, name, details=(("line", line), ("column", column), *details.items()))


def _line(text: str, at: int) -> int:
    return text.count("\n", 0, at) + 1


def _fence(text: str) -> Slip | None:
    """The frame in which a chat shows a file."""
    fence = re.search(r"^\s*(?=```)", text, re.MULTILINE)
    return ("json_fence", fence.end(), {}) if fence else None


def _in_a_string(error: json.JSONDecodeError) -> Slip | None:
    text, at = error.doc, error.pos
    if error.msg.startswith("Invalid \\"):
        return "json_escape", at, {}
    if not error.msg.startswith(("Unterminated string", "Invalid control")):
        return None
    begin, end = text.rfind("\n", 0, at) + 1, text.find("\n", at)
    if re.search("[“”„]", text[begin : end if end >= 0 else None]):
        return "json_quotes", at, {}
    if text[at] == '"':
        return "json_string", at, {}
    if text[at] in "\r\n":
        return "json_string", begin + [*re.finditer(STRING, text[begin:at])][-1].start(), {}
    return "json_character", at, {"name": _name(text[at])}


def _odd_character(text: str, at: int) -> Slip | None:
    here = text[at : at + 1]
    if here and here in "“”„«»‘’'`":
        return "json_quotes", at, {}
    if not here.isascii() and not here.isalnum():
        return "json_character", at, {"name": _name(here)}
    if re.match(r"//|/\*|#", text[at:]):
        return "json_comment", at, {}
    return ("json_semicolon", at, {}) if here == ";" else None


def _name(letter: str) -> str:
    return f"U+{ord(letter):04X} {unicodedata.name(letter, '')}".strip()


def _comma(text: str, at: int) -> Slip | None:
    """One too many. Python 3.13 points at it, an older one at the bracket that follows."""
    before, here = text[:at].rstrip(), text[at : at + 1]
    if here and here in "]}" and before.endswith(","):
        return "json_extra_comma", len(before) - 1, {}
    is_extra = here == "," and (before[-1:] in (",", "{", "[") or re.match(r",\s*[]}]", text[at:]))
    return ("json_extra_comma", at, {}) if is_extra else None


def _word(text: str, at: int) -> Slip | None:
    """What stands without quotes: a word, or what goes on after digits, such as 192.168.0.1."""
    if not text[:at].strip():
        return None
    digits = re.search(r"[\w.+-]+\Z", text[:at])
    if digits and re.match(r"[^\s,\]}{[\"=]", text[at:]):
        return "json_unquoted", digits.start(), {}
    word = re.match(r"\w[^\s,\]}\"]*", text[at:])
    if not word or word[0][0].isdigit():
        return None
    right = OF_PYTHON.get(word[0].lower())
    return ("json_python", at, {"right": right}) if right else ("json_unquoted", at, {})


def _bracket(text: str, at: int, said: str) -> Slip | None:
    before, here = text[:at].rstrip(), text[at : at + 1]
    if not text.lstrip().startswith(("{", "[")):
        return "not_object", at, {}
    if said == "Extra data":
        return "json_after", at, {"before": _line(text, len(before))}
    opened = _open_brackets(before)
    innermost, opened_at = opened[-1] if opened else ("", 0)
    if not here and not before.endswith(":"):
        missing = " ".join(CLOSING[bracket] for bracket, _ in reversed(opened))
        return "json_open", len(before), {"missing": missing}
    is_other = here in CLOSING.values() and here != CLOSING.get(innermost)
    if is_other or (here == ":" and innermost == "["):
        wanted = {"wanted": CLOSING[innermost], "opened": _line(text, opened_at)}
        return "json_bracket", at, wanted
    if said.startswith("Expecting ':'"):
        return "json_colon", at, {}
    if said.startswith("Expecting ','") and "\n" in text[len(before) : at]:
        return "json_comma", at, {"before": _line(text, len(before))}
    return None


def _open_brackets(text: str) -> list[tuple[str, int]]:
    """The brackets that are not closed again, the outermost first, and where they stand."""
    opened: list[tuple[str, int]] = []
    for found in re.finditer(rf"{STRING}|[][{{}}]", text, re.MULTILINE):
        if found[0] in CLOSING:
            opened.append((found[0], found.start()))
        elif found[0] in CLOSING.values() and opened:
            opened.pop()
    return opened
