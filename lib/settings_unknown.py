"""Keys of the settings that nobody asked for: misspelt, at the wrong depth, or of others.

A key that belongs elsewhere is a problem, for what it says would not be done. Which keys belong
where is taken from what is read, so there is no list of them here.
"""

import difflib
from typing import Any

from lib.settings_section import Notes, Section

Kinds = dict[str, list[str]]  # "servers.NAME.server_status." -> the keys that are known there
SERVERS, SERVER = "servers.", "servers.NAME."
ASIDE = ("_", "#", "/")  # a key that begins so was put aside on purpose


def note_unknown(notes: Notes, kinds: Kinds) -> None:
    """To be called when everything was read."""
    names = next((list(one.content) for one in notes.sections if one.kind == SERVERS), [])
    no_servers: list[str] = []  # places of what stands among the servers and is none
    for section in notes.sections:
        if section.place.startswith(tuple(no_servers)):
            continue
        for key, value in section.content.items():
            if section.kind == SERVERS:
                no_servers += _note_in_servers(section, key, value, kinds)
            elif key not in section.known:
                _note(section, key, value, kinds, names)


def _note(section: Section, key: str, value: object, kinds: Kinds, names: list[str]) -> None:
    if key.startswith(ASIDE):
        section.warn("unknown", key)
        return
    is_misspelt = _folded(key) in map(_folded, section.known)
    if not is_misspelt and _note_misplaced(section, key, value, kinds, names):
        return
    near = difflib.get_close_matches(key.lower(), section.known, 1)
    if near:
        section.warn("unknown_near", key, near=near[0])
    else:
        section.warn("unknown", key)


def _note_misplaced(
    section: Section, key: str, value: object, kinds: Kinds, names: list[str]
) -> bool:
    """Whether the key, or anything in it, belongs elsewhere, which is noted then."""
    own_name = section.place.removeprefix(SERVERS).split(".")[0] if section.place else ""
    name = own_name or (names[0] if len(names) == 1 else "NAME")
    waiting, is_found = [(key, value)], False
    while waiting:
        path, inner = waiting.pop(0)
        if _is_server(inner, kinds):
            section.complain("misplaced_server", path)
            is_found = True
            continue
        places = _kinds_of(path.rpartition(".")[2], kinds)
        if places and (path != key or section.kind not in places):
            _complain_of_place(section, path, [place.replace("NAME", name) for place in places])
            is_found = True
        elif isinstance(inner, dict):
            waiting += [(f"{path}.{one}", inner[one]) for one in inner]
    return is_found


def _note_in_servers(servers: Section, key: str, value: object, kinds: Kinds) -> list[str]:
    """What stands in `servers` is a server whatever its name, unless it is plainly none: then
    its place is returned, and what was said of it as of a server is taken back."""
    places = _kinds_of(key, kinds)
    if not places or _is_server(value, kinds) or value == {}:
        return []
    problems, place = servers.notes.problems, f"{servers.place}{key}"
    problems[:] = [one for one in problems if not f"{one.key}.".startswith(f"{place}.")]
    _complain_of_place(servers, key, places)
    return [f"{place}."]


def _complain_of_place(section: Section, key: str, places: list[str]) -> None:
    if "" in places:
        section.complain("misplaced_top", key)
    else:
        section.complain("misplaced", key, places=" / ".join(one.rstrip(".") for one in places))


def _kinds_of(key: str, kinds: Kinds) -> list[str]:
    """Where a key belongs, whether it was written with - or with _."""
    return [kind for kind, known in kinds.items() if _folded(key) in map(_folded, known)]


def _is_server(value: Any, kinds: Kinds) -> bool:
    return isinstance(value, dict) and any(key in kinds[SERVER] for key in value)


def _folded(key: str) -> str:
    return key.strip().lower().replace("_", "-")
