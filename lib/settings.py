"""Loads, checks and saves the settings.

It speaks to nobody: problems and warnings leave here as `Problem`s, `texts` has the sentences.
The keys are described in README.md; the servers leave as `trueconf_api.Server` objects.
"""

import contextlib
import difflib
import ipaddress
import json
import logging
import os
import re
import ssl
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

from lib.settings_files import FOLDER, Source, find_source, read_dotenv
from lib.trueconf_client import Server

LANGUAGES = ("ru", "en", "de", "es")
DAY_S = 86400

TOP_KEYS = (
    "tg-api-token", "tg-users-id", "language", "tg-proxy", "tg-api-url", "log-file", "servers",
)  # fmt: skip
SERVER_KEYS = (
    "ip", "client_id", "client_secret", "access_token", "ssl_certificate", "api_version",
    "server_status", "forgotten_conferences",
)  # fmt: skip
VARIABLES = {"tg-api-token": "TG_API_TOKEN", "tg-proxy": "TG_PROXY"}
STATUS_KEYS = ("state", "timeout", "port")
FORGOTTEN_KEYS = ("state", "hours", "timeout", "reported")

log = logging.getLogger("bot.settings")


@dataclass(frozen=True)
class Problem:
    """Something wrong, or only odd, in the settings. `code` names its sentence in `texts`."""

    code: str
    key: str = ""  # e.g. "servers.office.server_status.timeout"
    found: object = ""
    details: tuple[tuple[str, object], ...] = ()


class SettingsError(Exception):
    """The settings cannot be used. `problems`: all that was found; `source`: where, "" if there
    are no settings at all; `language`: the one they ask for, as far as it could be read."""

    def __init__(self, problems: list[Problem], source: str, language: str):
        super().__init__(", ".join(f"{problem.code} {problem.key}" for problem in problems))
        self.problems, self.source, self.language = problems, source, language


# ---------------------------------------------------------------- loading


@dataclass
class Settings:
    """The checked settings. `warnings` does not keep the bot from running."""

    source: Source
    token: str
    users: list[int]
    language: str
    proxy: str
    api_url: str
    log_file: Path | None
    servers: dict[str, Server]
    warnings: list[Problem]
    _unsaved: dict[tuple[str, ...], object] = field(default_factory=dict)
    _moved: dict[int, int] = field(default_factory=dict)  # users' IDs, old -> new, unsaved too
    _is_failing: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)  # guards these and the source

    def secrets(self) -> list[str]:
        """What no log may show."""
        password = urlsplit(self.proxy).password or ""
        found = [self.token, password, unquote(password)]
        for server in self.servers.values():
            found += [server.access_token, server.client_secret]
        return found

    def telegram_keys(self) -> dict[str, object]:
        """The part that is about Telegram, as it stands in the settings file."""
        keys = {"tg-api-token": self.token, "tg-users-id": self.users}
        return {**keys, "tg-api-url": self.api_url, "tg-proxy": self.proxy}

    def change(self, path: tuple[str, ...], value: object) -> None:
        """Note that the key at `path` has a new value. `save()` writes it."""
        with self._lock:
            self._unsaved[path] = value

    def move_user(self, old_id: int, new_id: int) -> None:
        """A group became a supergroup and has a new ID."""
        with self._lock:
            moved = [new_id if user == old_id else user for user in self.users]
            self.users = list(dict.fromkeys(moved))
            self._moved[old_id] = new_id
        log.info("the group %s is now %s", old_id, new_id)

    def save(self) -> None:
        """Write what has changed. What cannot be written now is kept for the next time."""
        with self._lock:
            if not (self._unsaved or self._moved):
                return
            try:
                self._write()
            except (OSError, ValueError, RecursionError) as error:
                if not self._is_failing:
                    log.warning(
                        "%s: not saved, will try again: %s", self.source.name, _brief(error)
                    )
                self._is_failing = True
                return
            if self._is_failing:
                log.info("%s: saved", self.source.name)
            self._is_failing = False
            self._unsaved.clear()
            self._moved.clear()

    def _write(self) -> None:
        raw = self.source.read()
        content = json.loads(raw.decode("utf-8-sig"))
        if not isinstance(content, dict):
            raise ValueError("no settings")
        before = json.dumps(content)
        for path, value in self._unsaved.items():
            _put(content, path, value)
        for old_id, new_id in self._moved.items():
            _move(content, old_id, new_id)
        if json.dumps(content) != before:
            self.source.write(json.dumps(content, ensure_ascii=False, indent=4) + "\n", raw)


def _brief(error: Exception) -> str:
    # The text of a JSON error may quote the file, and the file holds secrets.
    return (
        f"line {error.lineno}" if isinstance(error, json.JSONDecodeError) else type(error).__name__
    )


def _put(content: dict, path: tuple[str, ...], value: object) -> None:
    """Set one value. A server that was taken out of the file meanwhile is not put back."""
    *sections, key = path
    for depth, section in enumerate(sections):
        inner = content.get(section) if isinstance(content, dict) else None
        if inner is None and depth >= 2:  # e.g. "forgotten_conferences", which is optional
            inner = content[section] = {}
        if not isinstance(inner, dict):
            return
        content = inner
    content[key] = value


def _move(content: dict, old_id: int, new_id: int) -> None:
    """Replace an ID where it stands. IDs that were added to the file meanwhile stay."""
    users = content.get("tg-users-id")
    for place, user in enumerate(users if isinstance(users, list) else ()):
        if str(user).strip() == str(old_id):
            users[place] = new_id


def load(path: str | None = None, folder: Path = FOLDER) -> Settings:
    """Find, read and check the settings. Raises SettingsError with every problem at once."""
    try:
        source = find_source(path, folder)
        variables = {**read_dotenv(folder / ".env"), **os.environ}
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError([_not_read(error, ".env")], ".env", "ru") from error
    if source is None:
        hidden = "settings.json.txt"  # what Notepad makes of the name
        problems = [Problem("hidden_ending", hidden)] if (folder / hidden).exists() else []
        raise SettingsError(problems, hidden if problems else "", "")
    text = _read_text(source)
    content, twice = _parse(source, text)
    reader = _Reader(source, _overrides(variables))
    result = reader.settings(content)
    problems = [Problem("twice", key) for key in twice] + reader.problems
    if problems:
        # A needed key that is missing is often there under a slightly wrong name.
        problems += [one for one in reader.warnings if one.code == "unknown_near"]
        raise SettingsError(problems, source.name, result.language)
    for server in result.servers.values():
        server.save = _saver(result, server.name)
    return result


def _saver(settings: Settings, name: str) -> Callable[[tuple[str, ...], object], None]:
    return lambda path, value: settings.change(("servers", name, *path), value)


def _read_text(source: Source) -> str:
    try:
        return source.read().decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError([_not_read(error, source.name)], source.name, "ru") from error


def _not_read(error: Exception, name: str) -> Problem:
    if isinstance(error, UnicodeDecodeError):
        return Problem("encoding", name)
    return Problem("no_file" if isinstance(error, FileNotFoundError) else "unreadable", name)


def _parse(source: Source, text: str) -> tuple[dict, list[str]]:
    """The JSON object, and the keys that appear twice in it. Raises SettingsError."""
    asked = re.search(r'"language"\s*:\s*"(ru|en|de|es)"', text)
    language = asked[1] if asked else "ru"
    twice: list[str] = []

    def without_twins(pairs: list[tuple[str, object]]) -> dict:
        keys = [key for key, _ in pairs]
        twice.extend(sorted({key for key in keys if keys.count(key) > 1}))
        return dict(pairs)

    try:
        if not text.strip():
            raise SettingsError([Problem("empty", source.name)], source.name, language)
        content = json.loads(text, object_pairs_hook=without_twins, parse_int=_int)
    except json.JSONDecodeError as error:
        place = (("line", error.lineno), ("column", error.colno))
        code = "json_escape" if error.msg.startswith("Invalid \\") else "json"
        problem = Problem(code, source.name, details=place)
        raise SettingsError([problem], source.name, language) from error
    except RecursionError as error:
        raise SettingsError([Problem("not_object")], source.name, language) from error
    if not isinstance(content, dict):
        raise SettingsError([Problem("not_object")], source.name, language)
    return content, twice


def _int(digits: str) -> int | str:
    # Python refuses to count with thousands of digits; as a text they are reported as usual.
    return int(digits) if len(digits) < 1000 else digits


def _overrides(variables: Mapping[str, str | None]) -> dict[str, str]:
    """TG_API_TOKEN and TG_PROXY, for those who keep secrets out of JSON."""
    found = {key: variables.get(name) for key, name in VARIABLES.items()}
    return {key: value for key, value in found.items() if value}


class _Reader:
    """Reads one value after the other and collects what is wrong with them."""

    def __init__(self, source: Source, overrides: dict[str, str]):
        self.source, self.overrides = source, overrides
        self.problems: list[Problem] = []
        self.warnings: list[Problem] = []

    def settings(self, content: dict) -> Settings:
        content = {**content, **self.overrides}
        self.warn_of_unknown(content, TOP_KEYS, "")
        return Settings(
            source=self.source,
            token=self.token(content),
            users=self.users(content),
            language=self.choice(content, "language", LANGUAGES),
            proxy=self.address(
                content, "tg-proxy", ("http", "https", "socks5", "socks5h", "socks4")
            ),
            api_url=self.address(content, "tg-api-url", ("http", "https")).rstrip("/"),
            log_file=self.path(content, "log-file"),
            servers=self.servers(content),
            warnings=self.warnings,
        )

    def complain(self, code: str, key: str, found: object = "", **details: object) -> None:
        if key in self.overrides:
            key = VARIABLES[key]
        self.problems.append(Problem(code, key, _shown(found), tuple(details.items())))

    def warn_of_unknown(self, section: dict, known: tuple[str, ...], prefix: str) -> None:
        for key in section:
            if key not in known:
                near = difflib.get_close_matches(key.lower(), known, 1)
                code = "unknown_near" if near else "unknown"
                details = (("near", near[0]),) if near else ()
                self.warnings.append(Problem(code, prefix + key, "", details))

    def text(self, section: dict, key: str, prefix: str = "", needed: bool = True) -> str:
        """A text without the spaces that pasting leaves; "" where it is missing."""
        value = section.get(key)
        if value is None or value == "":
            if needed:
                self.complain("missing" if key not in section else "blank", prefix + key)
            return ""
        if not isinstance(value, str):
            self.complain("not_text", prefix + key)  # not what was found: it may be a secret
            return ""
        value = value.strip()
        if re.fullmatch(r"<.*>", value):
            # Whoever kept the brackets may have put a secret between them.
            is_hint = re.fullmatch(r"<[a-z_0-9.]+>", value)
            self.complain("placeholder", prefix + key, value if is_hint else "<…>")
            return ""
        if not value and needed:
            self.complain("blank", prefix + key)
        return value

    def number(
        self, section: dict, key: str, prefix: str, default: float, least: float, most: float
    ) -> float:
        value = section.get(key, default)
        if isinstance(value, str) and re.fullmatch(r"\s*\d{1,9}\s*", value):
            value = int(value)
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not is_number or not least <= value <= most:
            self.complain("number", prefix + key, value, least=least, most=most)
            return default
        return value

    def switch(self, section: dict, prefix: str) -> bool:
        value = section.get("state", 0)
        if isinstance(value, (list, dict, float)) or value not in (0, 1, "0", "1"):
            self.complain("switch", f"{prefix}state", value)
            return False
        return value in (1, "1")

    def choice(self, section: dict, key: str, choices: tuple[str, ...]) -> str:
        value = section.get(key, choices[0])
        if value not in choices:
            self.complain("choice", key, value, choices=", ".join(choices))
            return choices[0]
        return value

    def token(self, content: dict) -> str:
        token = self.text(content, "tg-api-token")
        if token and not re.fullmatch(r"[0-9]{3,20}:[A-Za-z0-9_-]{20,100}", token):
            self.complain("token", "tg-api-token")
        return token

    def users(self, content: dict) -> list[int]:
        value = content.get("tg-users-id")
        if value is None or value == []:
            self.complain("blank" if value == [] else "missing", "tg-users-id")
            return []
        if not isinstance(value, list):
            self.complain("users", "tg-users-id", value)
            return []
        users = []
        for position, one in enumerate(value):
            if isinstance(one, str) and re.fullmatch(r"\s*-?\d{1,20}\s*", one):
                one = int(one)
            if isinstance(one, bool) or not isinstance(one, int) or not 0 < abs(one) < 2**52:
                self.complain("user", f"tg-users-id[{position}]", one)
            elif one not in users:
                users.append(one)
        if users and max(users) < 0:
            self.complain("only_groups", "tg-users-id")
        return users

    def address(self, content: dict, key: str, schemes: tuple[str, ...]) -> str:
        value = self.text(content, key, needed=False)
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

    def path(self, content: dict, key: str) -> Path | None:
        value = self.text(content, key, needed=False)
        if self.is_mangled(content.get(key), key):
            return None
        return self.source.folder / value if value else None

    def is_mangled(self, path: object, key: str) -> bool:
        """Whether a path was written with single backslashes: JSON reads \\t as a tab."""
        is_certificate = "-----" in str(path)  # the text itself was pasted instead of its path
        if not is_certificate and re.search(r"[\b\t\n\f\r]", str(path).rstrip()):
            self.complain("backslash", key)
            return True
        return False

    def servers(self, content: dict) -> dict[str, Server]:
        section = content.get("servers")
        if section is None or section == {}:
            self.complain("missing" if section is None else "blank", "servers")
            return {}
        if not isinstance(section, dict):
            self.complain("section", "servers", section)
            return {}
        return {name: self.server(name, value) for name, value in section.items()}

    def server(self, name: str, section: object) -> Server:
        prefix = f"servers.{name}."
        if not name.strip():
            self.complain("server_name", "servers")
        if not isinstance(section, dict):
            self.complain("section", prefix[:-1], section)
            return Server(name, "")
        self.warn_of_unknown(section, SERVER_KEYS, prefix)
        status = self.section(section, "server_status", STATUS_KEYS, prefix)
        forgotten = self.section(section, "forgotten_conferences", FORGOTTEN_KEYS, prefix)
        in_status, in_forgotten = f"{prefix}server_status.", f"{prefix}forgotten_conferences."
        return Server(
            name=name,
            url=self.url(section, prefix),
            client_id=self.text(section, "client_id", prefix),
            client_secret=self.text(section, "client_secret", prefix),
            access_token=self.access_token(section),
            verify=self.certificate(section, prefix),
            api_version=self.version(section, prefix),
            status_port=int(self.number(status, "port", in_status, 4307, 0, 65535)),
            is_monitored=self.switch(status, in_status),
            look_interval_s=self.number(status, "timeout", in_status, 15, 1, DAY_S),
            has_forgotten_alerts=self.switch(forgotten, in_forgotten),
            forgotten_age_h=self.number(forgotten, "hours", in_forgotten, 1, 0.01, 720),
            forgotten_interval_s=self.number(forgotten, "timeout", in_forgotten, 300, 1, DAY_S),
            reported=_reported(forgotten.get("reported")),
        )

    def section(self, section: dict, key: str, known: tuple[str, ...], prefix: str) -> dict:
        value = section.get(key, {})
        if not isinstance(value, dict):
            self.complain("section", prefix + key, value)
            return {}
        self.warn_of_unknown(value, known, f"{prefix}{key}.")
        return value

    def access_token(self, section: dict) -> str:
        # Written by the bot: whatever else stands here is replaced at the first request.
        value = section.get("access_token")
        return value if isinstance(value, str) and re.fullmatch(r"[!-~]+", value) else ""

    def url(self, section: dict, prefix: str) -> str:
        value = self.text(section, "ip", prefix)
        url = _server_url(value) if value else ""
        if value and not url:
            self.complain("ip", f"{prefix}ip", value)
        if url.startswith("http://"):
            self.warnings.append(Problem("unencrypted", f"{prefix}ip"))
        return url

    def certificate(self, section: dict, prefix: str) -> bool | str:
        value = section.get("ssl_certificate", True)
        if isinstance(value, bool):
            if not value:
                self.warnings.append(Problem("unchecked", f"{prefix}ssl_certificate"))
            return value
        if not isinstance(value, str) or not value.strip():
            self.complain("certificate", f"{prefix}ssl_certificate", value)
            return True
        if self.is_mangled(value, f"{prefix}ssl_certificate"):
            return True
        # A path pasted on Windows and used on Linux still finds its file.
        candidates = [self.source.folder / value, self.source.folder / value.replace("\\", "/")]
        path = next((one for one in candidates if os.path.exists(one)), None)
        if path is None:
            self.complain("no_certificate", f"{prefix}ssl_certificate", value)
            return True
        try:
            if path.is_file():
                ssl.create_default_context(cafile=path)
        except (ssl.SSLError, OSError):
            self.complain("bad_certificate", f"{prefix}ssl_certificate", value)
        return str(path)

    def version(self, section: dict, prefix: str) -> str:
        value = section.get("api_version", "v3.3")
        if not isinstance(value, str) or not re.fullmatch(r"v3(\.\d{1,2})?", value.strip()):
            self.complain("version", f"{prefix}api_version", value)
            return "v3.3"
        return value.strip()


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
        host = host if is_ipv6 else host.encode("idna").decode()
    except (ValueError, UnicodeError):
        return ""
    is_plain = parts.path in ("", "/") and not (parts.query or parts.fragment or parts.username)
    is_plain = is_plain and port != 0 and is_ipv6 == (":" in host)
    if scheme not in ("http", "https") or not is_plain or not _is_host(host):
        return ""
    host = f"[{host}]" if ":" in host else host
    return f"{scheme}://{host}" + (f":{port}" if port else "")


def _is_host(host: str) -> bool:
    if ":" in host:
        try:
            return ipaddress.ip_address(host).version == 6
        except ValueError:
            return False
    return bool(re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", host)) and len(host) < 254


def _reported(value: object) -> dict[str, float]:
    # Written by the bot, so an odd entry is no problem of anybody's.
    pairs = value.items() if isinstance(value, dict) else ()
    return {key: at for key, at in pairs if isinstance(at, (int, float))}
