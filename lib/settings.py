"""Loads, checks and saves the settings.

It speaks to nobody: problems and warnings leave here as `Problem`s, `texts` has the sentences.
The keys are described in docs/settings.md; the servers leave as `Server` objects, which know the
defaults.
A new key is one line where its section is read, and one in SAVED if the bot itself changes it.
"""

import contextlib
import errno
import ipaddress
import itertools
import json
import logging
import os
import re
import threading
import time
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from lib.own_venv import PROXY_SCRIPT
from lib.schedule import Digest, read_digest
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
from lib.settings_section import Notes, Section
from lib.settings_server import read_servers
from lib.settings_unknown import note_unknown
from lib.trueconf_model import Server

LANGUAGES = ("ru", "en", "de", "es")
# Whom Telegram names as the sender of what anonymous administrators and channels write, and itself.
NOBODYS_IDS = (1087968824, 136817688, 777000)
VARIABLES = {
    "tg-api-token": "TG_API_TOKEN",
    "tg-proxy": "TG_PROXY",
    "heartbeat-url": "HEARTBEAT_URL",
}

# Between tries to save what could not be saved.
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 60

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
SAVED = {
    "access_token": ("access_token",),
    "is_monitored": ("server_status", "state"),
    "has_forgotten_alerts": ("forgotten_conferences", "state"),
    "forgotten_age_min": ("forgotten_conferences", "hours"),
}

# What 2.0.0 kept in a server's section, and the record holds now.
EARLIER = (
    ("server_status", "down_since"),
    ("server_status", "paused_until"),
    ("forgotten_conferences", "reported"),
    ("told",),
)

log = logging.getLogger("bot.settings")


# ---------------------------------------------------------------- loading


@dataclass
class Settings:
    """The checked settings. `warnings` does not keep the bot from running."""

    source: Source
    token: str
    listed: list[Recipient]  # tg-users-id
    viewers: list[int]  # people who may look and change nothing; none of them is in `users`
    language: str
    quiet_hours: tuple[int, int] | None  # from, to, in minutes of the day; to < from: over midnight
    digest: Digest | None
    heartbeat_url: str
    proxy: str
    api_url: str
    log_file: Path | None
    servers: dict[str, Server]
    warnings: list[Problem]
    _saved: dict[tuple[str, ...], object] = field(init=False)  # place in the file -> value
    _moved: dict[int, int] = field(default_factory=dict)  # users' IDs, old -> new, unsaved
    _has_earlier: bool = False  # what the record has taken over is still to be taken out
    _failure: str = ""  # why the last save failed
    _pause_s: float = 0  # how long save_when_due waits after it
    _next_try_at: float = 0  # time.monotonic()
    _lock: threading.Lock = field(default_factory=threading.Lock)  # guards these and the source

    def __post_init__(self) -> None:
        self._saved = self._now()

    @property
    def users(self) -> list[int]:
        """The IDs of the people and groups in `tg-users-id`."""
        return list(dict.fromkeys(chat_id for chat_id, _ in self.listed))

    def may_look(self, user_id: int) -> bool:
        return user_id in self.users or user_id in self.viewers

    @property
    def recipients(self) -> list[Recipient]:
        """Who gets the alerts."""
        return [*self.listed, *((viewer, None) for viewer in self.viewers)]

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
        # Logs name an address, or what follows its host.
        heartbeat = urlsplit(self.heartbeat_url)
        found += [self.heartbeat_url, heartbeat.path, heartbeat.query]
        for server in self.servers.values():
            found += [server.access_token, server.client_secret]
        return found

    def telegram_keys(self) -> dict[str, object]:
        """The part that is about Telegram, as it stands in the settings file."""
        listed = [f"{chat}:{topic}" if topic else chat for chat, topic in self.listed]
        keys = {"tg-api-token": self.token, "tg-users-id": listed, "tg-viewers-id": self.viewers}
        return {**keys, "tg-api-url": self.api_url, "tg-proxy": self.proxy}

    def move_user(self, old_id: int, new_id: int) -> None:
        """A group became a supergroup and has a new ID."""
        with self._lock:
            moved = [(new_id if chat == old_id else chat, topic) for chat, topic in self.listed]
            self.listed = list(dict.fromkeys(moved))
            self._moved[old_id] = new_id
        log.info("the group %s is now %s", old_id, new_id)

    @property
    def memory_path(self) -> Path:
        """The file of the record: beside the settings, by their name if they are a JSON file."""
        stem = Path(self.source.name).stem if self.source.name.endswith(".json") else "settings"
        return self.source.folder / f"{stem}-memory.json"

    def drop_earlier(self) -> None:
        """The record has taken over what 2.0.0 kept here."""
        self._has_earlier = any(not one.earlier.is_empty for one in self.servers.values())
        self.save()

    def save(self) -> None:
        """Write what has changed. What cannot be written now is kept for the next time."""
        with self._lock:
            now = self._now()
            try:
                if now != self._saved or self._moved or self._has_earlier:
                    self._write(now)
            except (OSError, ValueError, RecursionError) as error:
                code, reason = _why_not_saved(error)
                if not self._failure:
                    log.warning("%s: not saved, will try again: %s", self.source.name, reason)
                self._failure = code
                self._pause_s = min(2 * self._pause_s or FIRST_PAUSE_S, LONGEST_PAUSE_S)
                self._next_try_at = time.monotonic() + self._pause_s
                return
            if self._failure:
                log.info("%s: saved", self.source.name)
            self._failure, self._pause_s = "", 0
            self._saved, self._has_earlier = now, False
            self._moved.clear()

    def save_when_due(self) -> None:
        """`save`, for who calls it all the while: what failed is tried again later and later."""
        if not self._failure or time.monotonic() >= self._next_try_at:
            self.save()

    @property
    def save_problem(self) -> str:
        """Why what was changed is lost at the end of the bot, see NOT_SAVED; "" if it is kept."""
        return self._failure or ("" if self.source.is_lasting else "environment")

    def _now(self) -> dict[tuple[str, ...], object]:
        return {
            # A copy: what is changed in place is to differ from it.
            ("servers", server.name, *path): deepcopy(_as_saved(name, getattr(server, name)))
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
        if self._has_earlier:
            for name, path in itertools.product(self.servers, EARLIER):
                _put(content, ("servers", name, *path), None)
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
        if inner is None and depth >= 2 and value is not None:  # a section that is optional
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
    notes = Notes(source.folder, {key: VARIABLES[key] for key in overrides})
    result = _read(Section({**content, **overrides}, "", notes), source)
    note_unknown(notes, _known_keys(source))
    problems = [Problem("twice", key) for key in twice] + notes.problems
    if problems:
        # A needed key that is missing is often there under a slightly wrong name.
        problems += [warning for warning in notes.warnings if warning.code == "unknown_near"]
        is_language_known = "language" not in [problem.key for problem in problems]
        raise SettingsError(problems, source.name, result.language if is_language_known else "")
    return result


def _overrides(variables: Mapping[str, str | None]) -> dict[str, str]:
    """Those of VARIABLES that are set, for those who keep secrets out of JSON."""
    found = {key: variables.get(name) for key, name in VARIABLES.items()}
    return {key: value for key, value in found.items() if value}


# ---------------------------------------------------------------- reading


def _read(top: Section, source: Source) -> Settings:
    token, listed = _token(top), _listed(top)
    return Settings(
        source=source,
        token=token,
        listed=listed,
        viewers=_viewers(top, [chat for chat, _ in listed]),
        language=top.choice("language", LANGUAGES[0], LANGUAGES),
        quiet_hours=_quiet_hours(top),
        digest=_digest(top),
        heartbeat_url=_heartbeat_url(top),
        proxy=_proxy(top),
        api_url=_api_url(top),
        log_file=top.path("log-file"),
        servers=read_servers(top),
        warnings=top.notes.warnings,
    )


def _known_keys(source: Source) -> dict[str, list[str]]:
    """The keys that are known in each kind of section: those that are asked for where it is."""
    notes = Notes(source.folder, {})
    _read(Section({"servers": {"NAME": {}}}, "", notes), source)
    return {section.kind: section.known for section in notes.sections if section.kind != "servers."}


def _token(top: Section) -> str:
    token = top.text("tg-api-token")
    if token and not re.fullmatch(r"[0-9]{3,20}:[A-Za-z0-9_-]{20,100}", token):
        top.complain("token", "tg-api-token")
    return token


def _listed(top: Section) -> list[Recipient]:
    value = top.get("tg-users-id")
    if value is None or value == []:
        top.complain("blank" if value == [] else "missing", "tg-users-id")
        return []
    if not isinstance(value, list):
        top.complain("users", "tg-users-id", value)
        return []
    recipients: list[Recipient] = []
    problems_before = len(top.notes.problems)
    for position, listed in enumerate(value):
        recipient = _recipient(top, f"tg-users-id[{position}]", listed)
        if recipient and recipient not in recipients:
            recipients.append(recipient)
    is_list_good = len(top.notes.problems) == problems_before
    if is_list_good and all(chat < 0 for chat, _ in recipients):
        top.complain("only_groups", "tg-users-id")
    return recipients


def _recipient(top: Section, key: str, listed: object, wrong: str = "user") -> Recipient | None:
    """123456789, "123456789", -1001234567890 or "-1001234567890:17", a topic of that group.
    `wrong`: the code of the problem with anything else."""
    is_id = isinstance(listed, (int, str)) and not isinstance(listed, bool)
    found = re.fullmatch(r"(-?\d{1,20})(?::(\d{1,10}))?", str(listed).strip()) if is_id else None
    chat, topic = (int(found[1]), found[2]) if found else (0, None)
    if isinstance(listed, str) and top.is_bracketed(key, listed.strip()):
        return None
    if chat in NOBODYS_IDS:
        top.complain("nobody", key, chat)
    elif isinstance(listed, str) and re.fullmatch(r"\s*-?\d+([\s,;]+-?\d+)+[\s,;]*", listed):
        top.complain("user_several", key, listed)
    elif not 0 < abs(chat) < 2**52 or (topic and chat > 0):
        top.complain(wrong, key, listed)
    else:
        # Topic 1 is General, where messages go that name no topic; Telegram refuses its number.
        return chat, int(topic) if topic and int(topic) > 1 else None
    return None


def _viewers(top: Section, users: list[int]) -> list[int]:
    """People only: what is shown in a group, all of it can see anyway."""
    key = "tg-viewers-id"
    value = top.get(key, [])
    if not isinstance(value, list):
        top.complain("users", key, value)
        return []
    viewers: list[int] = []
    for position, listed in enumerate(value):
        place = f"{key}[{position}]"
        chat, _ = _recipient(top, place, listed, wrong="viewer") or (0, None)
        if chat < 0:
            top.complain("viewer", place, listed)
        elif chat in users:
            top.warn("viewer_too", place, id=chat)
        elif chat and chat not in viewers:
            viewers.append(chat)
    return viewers


def _proxy(top: Section) -> str:
    value = top.text("tg-proxy", needed=False)
    login = value.partition("://")[2].rpartition("@")[0]
    if re.match(r"(tg|mtproto):|(https?://)?(t|telegram)\.(me|dog)/(proxy|socks)\b", value, re.I):
        top.complain("proxy_link", "tg-proxy")
        return ""
    if PROXY_SCRIPT.search(value):
        top.complain("proxy_script", "tg-proxy")
        return ""
    if re.search(r"[][/?#\\]", login):
        top.complain("proxy_password", "tg-proxy")
        return ""
    # What GNOME calls socks:// is SOCKS5, and who needs a proxy wants it to look up names too.
    value = re.sub(r"^socks://", "socks5h://", value, flags=re.I)
    return top.address("tg-proxy", value, ("http", "https", "socks5", "socks5h", "socks4"))


def _api_url(top: Section) -> str:
    value = top.text("tg-api-url", needed=False)
    url = top.address("tg-api-url", value, ("http", "https")).rstrip("/")
    parts = urlsplit(url)
    if re.search(r"/bot(/|$|[{<\d])", parts.path):
        top.complain("api_url_bot", "tg-api-url")
    if parts.scheme == "http" and not _is_this_computer(parts.hostname or ""):
        top.warn("unencrypted_api", "tg-api-url")
    return url


def _digest(top: Section) -> Digest | None:
    value = top.text("digest", needed=False)
    digest = read_digest(value)
    if value and digest is None:
        top.complain("digest", "digest", value)
    return digest


def _heartbeat_url(top: Section) -> str:
    key = "heartbeat-url"
    url = top.address(key, top.text(key, needed=False), ("http", "https"))
    parts = urlsplit(url)
    if parts.scheme == "http" and not _is_this_computer(parts.hostname or ""):
        top.warn("unencrypted_heartbeat", key)
    return url


def _quiet_hours(top: Section) -> tuple[int, int] | None:
    value = top.text("quiet-hours", needed=False)
    found = re.fullmatch(r"(\d\d?):([0-5]\d)\s*[-–—]\s*(\d\d?):([0-5]\d)", value)
    if found:
        begin, end = int(found[1]) * 60 + int(found[2]), int(found[3]) * 60 + int(found[4])
        if begin != end and max(begin, end) <= 24 * 60:
            return begin, end
    if value:
        top.complain("quiet_hours", "quiet-hours", value)
    return None


def _is_this_computer(host: str) -> bool:
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return host == "localhost"
