"""The part of the settings that is about the servers, read into `Server` objects."""

import contextlib
import ipaddress
import os
import re
import ssl
import unicodedata
from typing import Any
from urllib.parse import urlsplit

import idna

from lib.entries import Earlier
from lib.settings_files import Problem
from lib.settings_section import Section, trimmed
from lib.trueconf_model import LONGEST_ID, STATES, Server, is_token

API_VERSIONS = ("auto", *(f"v3.{minor}" for minor in range(1, 12)), "v4", "v4.1")
DAY_S = 86400
LONGEST_H, SHORTEST_REPEAT_H = 720, 0.001


def read_servers(top: Section) -> dict[str, Server]:
    value = top.get("servers")
    if value is None or value == {}:
        top.complain("missing" if value is None else "blank", "servers")
        return {}
    if isinstance(value, list) and value:
        top.complain("servers_list", "servers", value)
        return {}
    section = top.section("servers")
    _warn_of_twins(section)
    return {name: _server(name, section) for name in section.content}


def _warn_of_twins(servers: Section) -> None:
    """Names that nobody can tell apart on a button."""
    looks: dict[str, str] = {}
    for name in servers.content:
        look = " ".join(unicodedata.normalize("NFKC", trimmed(name)).casefold().split())
        if look in looks:
            servers.warn("alike", name, other=looks[look])
        looks.setdefault(look, name)


def _server(name: str, servers: Section) -> Server:
    if not name.strip():
        servers.notes.problems.append(Problem("server_name", "servers"))
    section = servers.section(name, "NAME")
    if not isinstance(servers.content[name], dict):
        return Server(name, "")
    status = section.section("server_status")
    forgotten = section.section("forgotten_conferences")
    token = section.get("access_token")
    age_h = forgotten.number("hours", Server.forgotten_age_min / 60, 0.01, LONGEST_H)
    return Server(
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
        has_forgotten_alerts=forgotten.switch("state", Server.has_forgotten_alerts),
        forgotten_age_min=max(1, round(age_h * 60)),
        forgotten_interval_s=forgotten.number("timeout", Server.forgotten_interval_s, 1, DAY_S),
        earlier=_earlier(section, status, forgotten),
    )


def _url(section: Section) -> str:
    value = section.text("ip")
    url = _server_url(value) if value else ""
    if value and not url:
        section.complain("ip", "ip", value)
    if url.startswith("http://"):
        section.warn("unencrypted", "ip")
    return url


def _certificate(section: Section) -> bool | str:
    key = "ssl_certificate"
    value = section.get(key, Server.verify)
    value = trimmed(value) if isinstance(value, str) else value
    if isinstance(value, bool):
        if not value:
            section.warn("unchecked", key)
        return value
    if section.is_quoted(key, value):
        return True
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


def _repeat_h(status: Section) -> float:
    hours = status.number("repeat", Server.repeat_h, 0, LONGEST_H)
    if 0 < hours < SHORTEST_REPEAT_H:
        status.complain("number", "repeat", hours, least=SHORTEST_REPEAT_H, most=LONGEST_H)
    return hours


# What 2.0.0 has written itself: an odd value is as good as none.


def _earlier(section: Section, status: Section, forgotten: Section) -> Earlier:
    told = section.get("told")
    told = told if isinstance(told, dict) else {}
    return Earlier(
        down_since=_moment(status.get("down_since")),
        paused_until=_moment(status.get("paused_until")),
        reported=_reported(forgotten.get("reported")),
        told_states=_states(told.get("states")),
        taken_by=str(told.get("taken_by") or "")[:LONGEST_ID],
        certificate_told=_moment(told.get("certificate")) or 0,
        alert_messages=_messages(told.get("messages")),
    )


def _moment(value: Any) -> float | None:
    """A time.time(); None for anything else."""
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return float(value) if is_number and 0 < value < 1e12 else None


def _states(value: object) -> list[str]:
    return [state for state in value if state in STATES] if isinstance(value, list) else []


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


def _is_host(host: str) -> bool:
    if ":" in host:
        try:
            zone = ipaddress.IPv6Address(host).scope_id  # the eth0 of fe80::1%eth0
            return zone is None or bool(re.fullmatch(r"[\w.~-]+", zone, re.A))
        except ValueError:
            return False
    return bool(re.fullmatch(r"[A-Za-z0-9_](\.?[A-Za-z0-9_-])*\.?", host)) and len(host) < 254
