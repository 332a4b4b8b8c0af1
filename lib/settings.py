"""Loads, checks and saves the settings.

It speaks to nobody: problems and warnings leave here as `Problem`s, `texts` has the sentences.
The keys are described in README.md; the servers leave as `Server` objects, which know the defaults.
A new key is one line where its section is read, and one in SAVED if the bot itself changes it.
"""

import contextlib
import difflib
import errno
import ipaddress
import json
import logging
import os
import re
import ssl
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import idna

from lib.settings_files import (
    FOLDER,
    FileChanged,
    Problem,
    SettingsError,
    Source,
    find_source,
    read_dotenv,
    read_json,
)
from lib.trueconf_client import LONGEST_ID, STATES, Server, is_token

LANGUAGES = ("ru", "en", "de", "es")
API_VERSIONS = ("auto", *(f"v3.{minor}" for minor in range(1, 12)), "v4", "v4.1")
# Whom Telegram names as the sender of what anonymous administrators and channels write, and itself.
NOBODYS_IDS = (1087968824, 136817688, 777000)
VARIABLES = {"tg-api-token": "TG_API_TOKEN", "tg-proxy": "TG_PROXY"}
HINT = r"<([A-Za-z_]{2,15}|192\.168\.0\.1)>"  # as settings.json.example has them
INVISIBLE = r"[\s\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]"
DAY_S = 86400
LONGEST_H, SHORTEST_REPEAT_H = 720, 0.001

Recipient = tuple[int, int | None]  # a chat's ID and, for one topic of a group, the topic's

# Why a file cannot be written -> the word of the sentence for it, and what the log says. Besides
# these "broken" (somebody is editing it), "failed", and "environment": that ends with the process.
NOT_SAVED = {
    errno.ENOSPC: ("disk_full", "the disk is full"),
    getattr(errno, "EDQUOT", 122): ("disk_full", "the quota of this disk is used up"),
    errno.EROFS: ("read_only", "the disk is read-only"),
    errno.EACCES: ("not_allowed", "no right to write it, or another program holds it"),
    errno.EPERM: ("not_allowed", "no right to write it"),
}

# What the bot itself changes: a field of `Server` -> where it is kept in the server's section.
# A field is given a new value; one that is changed in place is not noticed.
SAVED = {
    "access_token": ("access_token",),
    "is_monitored": ("server_status", "state"),
    "down_since": ("server_status", "down_since"),
    "paused_until": ("server_status", "paused_until"),
    "has_forgotten_alerts": ("forgotten_conferences", "state"),
    "forgotten_age_min": ("forgotten_conferences", "hours"),
    "reported": ("forgotten_conferences", "reported"),
    "told_states": ("told", "states"),
    "taken_by": ("told", "taken_by"),
    "pause_changes": ("told", "pause_changes"),
    "certificate_told": ("told", "certificate"),
    "alert_messages": ("told", "messages"),
}

log = logging.getLogger("bot.settings")


# ---------------------------------------------------------------- loading


@dataclass
class Settings:
    """The checked settings. `warnings` does not keep the bot from running."""

    source: Source
    token: str
    recipients: list[Recipient]
    language: str
    quiet_hours: tuple[int, int] | None  # from, to, in minutes of the day; to < from: over midnight
    proxy: str
    api_url: str
    log_file: Path | None
    servers: dict[str, Server]
    warnings: list[Problem]
    _saved: dict[tuple[str, ...], object] = field(init=False)  # place in the file -> value
    _moved: dict[int, int] = field(default_factory=dict)  # users' IDs, old -> new, unsaved
    _failure: str = ""  # why the last save failed
    _lock: threading.Lock = field(default_factory=threading.Lock)  # guards these and the source

    def __post_init__(self) -> None:
        self._saved = self._now()

    @property
    def users(self) -> list[int]:
        """The IDs of the people and groups that are listed."""
        return list(dict.fromkeys(chat_id for chat_id, _ in self.recipients))

    def is_quiet_at(self, at: float) -> bool:
        """Whether alerts come without a sound at that time, time.time()."""
        if self.quiet_hours is None:
            return False
        begin, end = self.quiet_hours
        clock = time.localtime(at)
        minute = clock.tm_hour * 60 + clock.tm_min
        return begin <= minute < end if begin < end else not end <= minute < begin

    def secrets(self) -> list[str]:
        """What no log may show."""
        password = urlsplit(self.proxy).password or ""
        found = [self.token, password, unquote(password)]
        for server in self.servers.values():
            found += [server.access_token, server.client_secret]
        return found

    def telegram_keys(self) -> dict[str, object]:
        """The part that is about Telegram, as it stands in the settings file."""
        listed = [f"{chat}:{topic}" if topic else chat for chat, topic in self.recipients]
        keys = {"tg-api-token": self.token, "tg-users-id": listed}
        return {**keys, "tg-api-url": self.api_url, "tg-proxy": self.proxy}

    def move_user(self, old_id: int, new_id: int) -> None:
        """A group became a supergroup and has a new ID."""
        with self._lock:
            moved = [(new_id if chat == old_id else chat, topic) for chat, topic in self.recipients]
            self.recipients = list(dict.fromkeys(moved))
            self._moved[old_id] = new_id
        log.info("the group %s is now %s", old_id, new_id)

    def save(self) -> None:
        """Write what has changed. What cannot be written now is kept for the next time."""
        with self._lock:
            now = self._now()
            try:
                if now != self._saved or self._moved:
                    self._write(now)
            except (OSError, ValueError, RecursionError) as error:
                code, reason = _why_not_saved(error)
                if not self._failure:
                    log.warning("%s: not saved, will try again: %s", self.source.name, reason)
                self._failure = code
                return
            if self._failure:
                log.info("%s: saved", self.source.name)
            self._failure = ""
            self._saved = now
            self._moved.clear()

    @property
    def save_problem(self) -> str:
        """Why what was changed is lost at the end of the bot, see NOT_SAVED; "" if it is kept."""
        return self._failure or ("" if self.source.is_lasting else "environment")

    def _now(self) -> dict[tuple[str, ...], object]:
        return {
            ("servers", server.name, *path): _as_saved(name, getattr(server, name))
            for server in self.servers.values()
            for name, path in SAVED.items()
        }

    def _write(self, now: dict[tuple[str, ...], object]) -> None:
        raw = self.source.read()
        content = json.loads(raw.decode("utf-8-sig"))
        if not isinstance(content, dict):
            raise ValueError("no settings")
        before = json.dumps(content)
        for path, value in now.items():
            if value != self._saved[path]:
                _put(content, path, value)
        for old_id, new_id in self._moved.items():
            _move(content, old_id, new_id)
        if json.dumps(content) != before:
            self.source.write(json.dumps(content, ensure_ascii=False, indent=4) + "\n", raw)


def _as_saved(name: str, value: object) -> object:
    """A field of `Server` as the settings write it: a switch as 0 or 1, an age in hours."""
    if name == "forgotten_age_min" and isinstance(value, int):
        return value // 60 if value % 60 == 0 else round(value / 60, 4)
    return int(value) if isinstance(value, bool) else value


def _why_not_saved(error: Exception) -> tuple[str, str]:
    """The word of the sentence for people, and what the log says."""
    if isinstance(error, FileChanged):
        return "broken", "somebody has just saved it"
    if isinstance(error, OSError):
        said = error.strerror or type(error).__name__
        return NOT_SAVED.get(error.errno or 0, ("failed", said))
    # Not the text of a JSON error: it may quote the file, and the file holds secrets.
    line = f" in line {error.lineno}" if isinstance(error, json.JSONDecodeError) else ""
    return "broken", f"it holds no settings now, its JSON is broken{line}"


def _put(content: dict[str, Any], path: tuple[str, ...], value: object) -> None:
    """Set one value, or take it out if it is None. A server that was taken out of the file
    meanwhile is not put back."""
    *sections, key = path
    for depth, section in enumerate(sections):
        inner = content.get(section)
        if inner is None and depth >= 2:  # e.g. "forgotten_conferences", which is optional
            inner = content[section] = {}
        if not isinstance(inner, dict):
            return
        content = inner
    if value is None:
        content.pop(key, None)
    else:
        content[key] = value


def _move(content: dict[str, Any], old_id: int, new_id: int) -> None:
    """Replace an ID where it stands. IDs that were added to the file meanwhile stay."""
    users = content.get("tg-users-id")
    if not isinstance(users, list):
        return
    for place, user in enumerate(users):
        chat, colon, topic = str(user).strip().partition(":")
        if chat == str(old_id):
            users[place] = f"{new_id}:{topic}" if colon else new_id


def load(path: str | None = None, folder: Path = FOLDER) -> Settings:
    """Find, read and check the settings. Raises SettingsError with every problem at once."""
    dotenv = read_dotenv(folder / ".env")
    source = find_source(path, folder, dotenv)
    content, twice = read_json(source, LANGUAGES)
    overrides = _overrides({**dotenv, **os.environ})
    notes = _Notes(source.folder, {key: VARIABLES[key] for key in overrides})
    result = _read(_Section({**content, **overrides}, "", notes), source)
    problems = [Problem("twice", key) for key in twice] + notes.problems
    if problems:
        # A needed key that is missing is often there under a slightly wrong name.
        problems += [warning for warning in notes.warnings if warning.code == "unknown_near"]
        is_language_known = "language" not in [problem.key for problem in problems]
        raise SettingsError(problems, source.name, result.language if is_language_known else "")
    return result


def _overrides(variables: Mapping[str, str | None]) -> dict[str, str]:
    """TG_API_TOKEN and TG_PROXY, for those who keep secrets out of JSON."""
    found = {key: variables.get(name) for key, name in VARIABLES.items()}
    return {key: value for key, value in found.items() if value}


# ---------------------------------------------------------------- reading


@dataclass
class _Notes:
    """What is found while the settings are read. `folder`: paths in them start there; `names`:
    keys whose value came from a variable, and the variable's name."""

    folder: Path
    names: dict[str, str]
    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)


class _Section:
    """One section of the settings. It reads its values, knows where it stands itself, and
    notes what is wrong. Whatever was never asked for is an unknown key."""

    def __init__(self, content: dict[str, Any], place: str, notes: _Notes):
        self.content, self.place, self.notes = content, place, notes
        self.known: list[str] = []

    def get(self, key: str, default: object = None) -> Any:
        self.known.append(key)
        return self.content.get(key, default)

    def complain(self, code: str, key: str, found: object = "", **details: object) -> None:
        place = self.notes.names.get(self.place + key, self.place + key)
        self.notes.problems.append(Problem(code, place, _shown(found), tuple(details.items())))

    def warn(self, code: str, key: str, **details: object) -> None:
        self.notes.warnings.append(Problem(code, self.place + key, "", tuple(details.items())))

    def warn_of_unknown(self) -> None:
        """To be called when everything was read."""
        for key in self.content:
            if key in self.known:
                continue
            near = difflib.get_close_matches(key.lower(), self.known, 1)
            if near:
                self.warn("unknown_near", key, near=near[0])
            else:
                self.warn("unknown", key)

    def section(self, key: str) -> "_Section":
        """The section at `key`, an empty one if there is none."""
        value = self.get(key, {})
        if not isinstance(value, dict):
            self.complain("section", key, value)
            value = {}
        return _Section(value, f"{self.place}{key}.", self.notes)

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
        text = _trimmed(value)
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
        if isinstance(value, (list, dict, float)) or value not in (0, 1, "0", "1"):
            self.complain("switch", key, value)
            return default
        return value in (1, "1")

    def choice(self, key: str, default: str, choices: tuple[str, ...]) -> str:
        value = self.get(key, default)
        text = value.strip() if isinstance(value, str) else ""
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


def _read(top: _Section, source: Source) -> Settings:
    result = Settings(
        source=source,
        token=_token(top),
        recipients=_recipients(top),
        language=top.choice("language", LANGUAGES[0], LANGUAGES),
        quiet_hours=_quiet_hours(top),
        proxy=_proxy(top),
        api_url=_api_url(top),
        log_file=top.path("log-file"),
        servers=_servers(top),
        warnings=top.notes.warnings,
    )
    top.warn_of_unknown()
    return result


def _token(top: _Section) -> str:
    token = top.text("tg-api-token")
    if token and not re.fullmatch(r"[0-9]{3,20}:[A-Za-z0-9_-]{20,100}", token):
        top.complain("token", "tg-api-token")
    return token


def _recipients(top: _Section) -> list[Recipient]:
    value = top.get("tg-users-id")
    if value is None or value == []:
        top.complain("blank" if value == [] else "missing", "tg-users-id")
        return []
    if not isinstance(value, list):
        top.complain("users", "tg-users-id", value)
        return []
    recipients: list[Recipient] = []
    for position, listed in enumerate(value):
        recipient = _recipient(top, f"tg-users-id[{position}]", listed)
        if recipient and recipient not in recipients:
            recipients.append(recipient)
    if recipients and all(chat < 0 for chat, _ in recipients):
        top.complain("only_groups", "tg-users-id")
    return recipients


def _recipient(top: _Section, key: str, listed: object) -> Recipient | None:
    """123456789, "123456789", -1001234567890 or "-1001234567890:17", a topic of that group."""
    is_id = isinstance(listed, (int, str)) and not isinstance(listed, bool)
    found = re.fullmatch(r"(-?\d{1,20})(?::(\d{1,10}))?", str(listed).strip()) if is_id else None
    chat, topic = (int(found[1]), found[2]) if found else (0, None)
    if isinstance(listed, str) and top.is_bracketed(key, listed.strip()):
        return None
    if chat in NOBODYS_IDS:
        top.complain("nobody", key, chat)
    elif not 0 < abs(chat) < 2**52 or (topic and chat > 0):
        top.complain("user", key, listed)
    else:
        # Topic 1 is General, where messages go that name no topic; Telegram refuses its number.
        return chat, int(topic) if topic and int(topic) > 1 else None
    return None


def _proxy(top: _Section) -> str:
    value = top.text("tg-proxy", needed=False)
    login = value.partition("://")[2].rpartition("@")[0]
    if re.match(r"(tg|mtproto):|(https?://)?(t|telegram)\.(me|dog)/(proxy|socks)\b", value, re.I):
        top.complain("proxy_link", "tg-proxy")
        return ""
    if re.search(r"[][/?#\\]", login):
        top.complain("proxy_password", "tg-proxy")
        return ""
    # What GNOME calls socks:// is SOCKS5, and who needs a proxy wants it to look up names too.
    value = re.sub(r"^socks://", "socks5h://", value, flags=re.I)
    return top.address("tg-proxy", value, ("http", "https", "socks5", "socks5h", "socks4"))


def _api_url(top: _Section) -> str:
    value = top.text("tg-api-url", needed=False)
    url = top.address("tg-api-url", value, ("http", "https")).rstrip("/")
    parts = urlsplit(url)
    if re.search(r"/bot(/|$|[{<\d])", parts.path):
        top.complain("api_url_bot", "tg-api-url")
    if parts.scheme == "http" and not _is_this_computer(parts.hostname or ""):
        top.warn("unencrypted_api", "tg-api-url")
    return url


def _quiet_hours(top: _Section) -> tuple[int, int] | None:
    value = top.text("quiet-hours", needed=False)
    found = re.fullmatch(r"(\d\d?):([0-5]\d)\s*[-–—]\s*(\d\d?):([0-5]\d)", value)
    if found:
        begin, end = int(found[1]) * 60 + int(found[2]), int(found[3]) * 60 + int(found[4])
        if begin != end and max(begin, end) <= 24 * 60:
            return begin, end
    if value:
        top.complain("quiet_hours", "quiet-hours", value)
    return None


# ---------------------------------------------------------------- reading a server


def _servers(top: _Section) -> dict[str, Server]:
    value = top.get("servers")
    if value is None or value == {}:
        top.complain("missing" if value is None else "blank", "servers")
        return {}
    section = top.section("servers")
    return {name: _server(name, section) for name in section.content}


def _server(name: str, servers: _Section) -> Server:
    if not name.strip():
        servers.notes.problems.append(Problem("server_name", "servers"))
    section = servers.section(name)
    if not isinstance(servers.content[name], dict):
        return Server(name, "")
    status = section.section("server_status")
    forgotten = section.section("forgotten_conferences")
    told = section.section("told")  # written by the bot alone
    token = section.get("access_token")
    age_h = forgotten.number("hours", Server.forgotten_age_min / 60, 0.01, LONGEST_H)
    server = Server(
        name=name,
        url=_url(section),
        client_id=section.text("client_id"),
        client_secret=section.text("client_secret"),
        access_token=token if is_token(token) else "",
        verify=_certificate(section),
        api_version=section.choice("api_version", Server.api_version, API_VERSIONS),
        status_port=int(status.number("port", Server.status_port, 0, 65535)),
        is_monitored=status.switch("state", Server.is_monitored),
        look_interval_s=status.number("timeout", Server.look_interval_s, 1, DAY_S),
        repeat_h=_repeat_h(status),
        down_since=_moment(status.get("down_since")),
        paused_until=_moment(status.get("paused_until")),
        has_forgotten_alerts=forgotten.switch("state", Server.has_forgotten_alerts),
        forgotten_age_min=max(1, round(age_h * 60)),
        forgotten_interval_s=forgotten.number("timeout", Server.forgotten_interval_s, 1, DAY_S),
        reported=_reported(forgotten.get("reported")),
        told_states=_states(told.get("states")),
        taken_by=str(told.get("taken_by") or "")[:LONGEST_ID],
        pause_changes=_changes(told.get("pause_changes")),
        certificate_told=_moment(told.get("certificate")) or 0,
        alert_messages=_messages(told.get("messages")),
    )
    for one in (section, status, forgotten, told):
        one.warn_of_unknown()
    return server


def _url(section: _Section) -> str:
    value = section.text("ip")
    url = _server_url(value) if value else ""
    if value and not url:
        section.complain("ip", "ip", value)
    if url.startswith("http://"):
        section.warn("unencrypted", "ip")
    return url


def _certificate(section: _Section) -> bool | str:
    key = "ssl_certificate"
    value = section.get(key, Server.verify)
    value = _trimmed(value) if isinstance(value, str) else value
    if isinstance(value, bool):
        if not value:
            section.warn("unchecked", key)
        return value
    if not isinstance(value, str) or not value:
        section.complain("certificate", key, value)
        return True
    if section.is_mangled(key):
        return True
    # A path pasted on Windows and used on Linux still finds its file.
    folder = section.notes.folder
    candidates = [folder / value, folder / value.replace("\\", "/")]
    path = next((one for one in candidates if os.path.exists(one)), None)
    if path is None:
        section.complain("no_certificate", key, value)
        return True
    try:
        if path.is_file():
            # The server's own certificate or an intermediate will do as well as an authority's.
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(path)
    except (ssl.SSLError, OSError):
        section.complain("bad_certificate", key, value)
    return str(path)


def _repeat_h(status: _Section) -> float:
    hours = status.number("repeat", Server.repeat_h, 0, LONGEST_H)
    if 0 < hours < SHORTEST_REPEAT_H:
        status.complain("number", "repeat", hours, least=SHORTEST_REPEAT_H, most=LONGEST_H)
    return hours


# What the bot has written itself: an odd value is as good as none.


def _moment(value: Any) -> float | None:
    """A time.time(); None for anything else."""
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return float(value) if is_number and 0 < value < 1e12 else None


def _states(value: object) -> list[str]:
    return [state for state in value if state in STATES] if isinstance(value, list) else []


def _changes(value: object) -> list[list[Any]]:
    pairs = [pair for pair in value if isinstance(pair, list)] if isinstance(value, list) else []
    return [pair for pair in pairs if len(pair) == 2 and _moment(pair[0]) and pair[1] in STATES]


def _messages(value: object) -> dict[str, dict[str, int]]:
    alerts = value.items() if isinstance(value, dict) else ()
    return {
        key: {name: one for name, one in places.items() if isinstance(one, int)}
        for key, places in alerts
        if isinstance(places, dict) and len(key) <= LONGEST_ID
    }


def _reported(value: object) -> dict[str, float]:
    pairs = value.items() if isinstance(value, dict) else ()
    return {
        session_id: at
        for session_id, at in pairs
        if isinstance(at, (int, float)) and len(session_id) <= LONGEST_ID
    }


# ---------------------------------------------------------------- small helpers


def _trimmed(text: str) -> str:
    """Without what pasting leaves around it: spaces, also invisible ones, and direction marks."""
    return re.sub(rf"^{INVISIBLE}+|{INVISIBLE}+$", "", text)


def _shown(found: object) -> object:
    """What may be shown of a wrong value: nothing that may be a secret in the wrong place."""
    if isinstance(found, (list, dict)):
        return "…" if found else found
    is_doubtful = isinstance(found, str) and re.search(r":.*@|:[\w-]{20}|[0-9A-Fa-f]{32}", found)
    return "…" if is_doubtful else found


def _server_url(text: str) -> str:
    """ "192.168.0.1", "host:443", "https://host/", "[::1]:443", "::1" -> "https://...", or ""."""
    with contextlib.suppress(ValueError):
        text = f"[{text}]" if ipaddress.ip_address(text).version == 6 else text
    scheme, separator, rest = text.rpartition("://")
    scheme = scheme.lower() if separator else "https"
    try:
        parts = urlsplit(f"{scheme}://{rest}")
        port = parts.port
        host = parts.hostname or ""
        is_ipv6 = rest.startswith("[")
        if not host.isascii():  # as browsers do: ß and ς are letters of their own
            host = idna.encode(host, uts46=True, std3_rules=False).decode()
    except (ValueError, UnicodeError):
        return ""
    is_plain = parts.path in ("", "/") and not (parts.query or parts.fragment or parts.username)
    is_plain = is_plain and port != 0 and is_ipv6 == (":" in host)
    if scheme not in ("http", "https") or not is_plain or not _is_host(host):
        return ""
    host = f"[{host}]" if ":" in host else host
    return f"{scheme}://{host}" + (f":{port}" if port else "")


def _is_this_computer(host: str) -> bool:
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return host == "localhost"


def _is_host(host: str) -> bool:
    if ":" in host:
        try:
            zone = ipaddress.IPv6Address(host).scope_id  # the eth0 of fe80::1%eth0
            return zone is None or bool(re.fullmatch(r"[\w.~-]+", zone, re.A))
        except ValueError:
            return False
    return bool(re.fullmatch(r"[A-Za-z0-9_](\.?[A-Za-z0-9_-])*\.?", host)) and len(host) < 254
