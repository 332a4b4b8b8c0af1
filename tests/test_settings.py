"""Settings: where they come from, what is wrong with them and how they are saved."""

import ast
import copy
import json
import logging
import os
import signal
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import dotenv
import pytest
from hypothesis import HealthCheck, example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

import command_line
import texts
from lib import settings, settings_files
from lib.settings import SettingsError
from lib.trueconf_client import Server
from tests.conftest import ROOT, TOKEN, clean_environment
from texts import screens

SECRET = "b97fc03b30d8f3011dc13abd205ec9f5610861e0"
NEW, NEWER = "new-token-of-the-server", "newer-token-of-the-server"
GONE = object()
BASE = {
    "tg-api-token": TOKEN,
    "tg-users-id": [111111111],
    "language": "en",
    "servers": {
        "office": {"ip": "192.168.0.1", "client_id": "e2633da5", "client_secret": SECRET},
    },
}
TOP_KEYS = (
    "tg-api-token", "tg-users-id", "language", "quiet-hours", "tg-proxy", "tg-api-url", "log-file",
    "servers",
)  # fmt: skip
SERVER_KEYS = (
    "ip", "client_id", "client_secret", "access_token", "ssl_certificate", "api_version",
    "server_status", "forgotten_conferences",
)  # fmt: skip
STATUS_KEYS = ("state", "timeout", "port", "repeat", "down_since", "paused_until")
FORGOTTEN_KEYS = ("state", "hours", "timeout", "reported")
ORIGINAL_GUIDE = """{
    "tg-api-token": "5032177032:AAGahjzZ6zbWSEsVFj13Ki-YMPhPEPzQjxE",
    "tg-users-id": [123456789,123456789,123456789],
    "servers": {
        "192.168.0.1": {
            "ip": "192.168.0.1",
            "client_id": "e2633da5cfbc56f43f69c30f06727dfe4fa1a067",
            "client_secret": "b97fc03b30d8f3011dc13abd205ec9f5610861e0",
            "access_token": "2f7d2b5eeba33fcfbe7c2f419b0d2114dbe5dc27",
            "server_status": {
                "state": 0,
                "timeout": 15
            }
        },
        "server #2": {
            "ip": "192.168.0.2",
            "client_id": "e2633da5cfbc56f43f69c30f06727dfe4fa1a067",
            "client_secret": "b97fc03b30d8f3011dc13abd205ec9f5610861e0",
            "access_token": "2f7d2b5eeba33fcfbe7c2f419b0d2114dbe5dc27",
            "server_status": {
                "state": 1,
                "timeout": 20
            }
        },
        "Сервер 3": {
            "ip": "192.168.0.3",
            "client_id": "e2633da5cfbc56f43f69c30f06727dfe4fa1a067",
            "client_secret": "b97fc03b30d8f3011dc13abd205ec9f5610861e0",
            "access_token": "2f7d2b5eeba33fcfbe7c2f419b0d2114dbe5dc27",
            "server_status": {
                "state": 0,
                "timeout": 15
            }
        }
    }
}
"""


@pytest.fixture(autouse=True)
def _same_language_afterwards():
    yield
    texts.use("ru")


def put(content: dict, path: str, value: object) -> dict:
    """A copy of the settings with one value changed, or taken out if it is GONE."""
    content = copy.deepcopy(content)
    *sections, key = path.split("/")
    inner = content
    for section in sections:
        inner = inner.setdefault(section, {})
    if value is GONE:
        del inner[key]
    else:
        inner[key] = value
    return content


def office(key: str, value: object) -> dict:
    return put(BASE, f"servers/office/{key}", value)


def dumped(content: object) -> str:
    return json.dumps(content, ensure_ascii=False, indent=4) + "\n"


def load(folder: Path, content: object = BASE) -> settings.Settings:
    """Write settings.json (an object, a text or bytes) into the folder and load it."""
    text = content if isinstance(content, (str, bytes)) else dumped(content)
    raw = text if isinstance(text, bytes) else text.encode()
    (folder / "settings.json").write_bytes(raw)
    return settings.load(folder=folder)


def error_of(folder: Path, content: object) -> SettingsError:
    with pytest.raises(SettingsError) as caught:
        load(folder, content)
    return caught.value


def read(folder: Path, name: str = "settings.json") -> dict:
    return json.loads((folder / name).read_text(encoding="utf-8"))


def set_token(loaded: settings.Settings, token: str, name: str = "office") -> None:
    loaded.servers[name].access_token = token


def token_of(content: dict, name: str = "office") -> str:
    return content["servers"][name].get("access_token", "")


# ---------------------------------------------------------------- sources


def with_token(number: int) -> dict:
    return put(BASE, "tg-api-token", f"{number}:AAGahjzZ6zbWSEsVFj13Ki-YMPhPEPzQjxE")


def fill_sources(folder: Path, monkeypatch) -> Path:
    """Settings in all four places, told apart by the number in the token."""
    given_file = folder / "given.json"
    given_file.write_text(dumped(with_token(100001)), encoding="utf-8")
    monkeypatch.setenv("settings", json.dumps(with_token(100002)))
    line = f"settings='{json.dumps(with_token(100003))}'\n"
    (folder / ".env").write_text(line, encoding="utf-8")
    (folder / "settings.json").write_text(dumped(with_token(100004)), encoding="utf-8")
    return given_file


def test_first_source_that_exists_wins(tmp_path, monkeypatch):
    given_file = fill_sources(tmp_path, monkeypatch)

    def found(path: str | None = None) -> tuple[str, str]:
        loaded = settings.load(path, tmp_path)
        return loaded.token.partition(":")[0], loaded.source.name

    assert found(str(given_file)) == ("100001", "given.json")
    assert found() == ("100002", "environment variable settings")
    monkeypatch.delenv("settings")
    assert found() == ("100003", ".env")
    (tmp_path / ".env").unlink()
    assert found() == ("100004", "settings.json")


def test_without_any_source_there_are_no_settings(tmp_path):
    with pytest.raises(SettingsError) as caught:
        settings.load(folder=tmp_path)
    assert (caught.value.source, caught.value.problems) == ("", [])


def test_settings_are_looked_for_beside_the_code():
    assert settings.load.__defaults__ == (None, ROOT)
    assert settings_files.find_source.__defaults__ == (ROOT,)


def test_settings_of_the_current_folder_are_not_looked_at(tmp_path, monkeypatch):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    fill_sources(elsewhere, monkeypatch)
    monkeypatch.delenv("settings")
    monkeypatch.chdir(elsewhere)
    beside_main = tmp_path / "bot"
    beside_main.mkdir()
    assert settings_files.find_source(None, beside_main) is None


def test_given_file_that_is_not_there_is_no_reason_to_take_another(tmp_path, monkeypatch):
    fill_sources(tmp_path, monkeypatch)
    with pytest.raises(SettingsError) as caught:
        settings.load(str(tmp_path / "missing.json"), tmp_path)
    [problem] = caught.value.problems
    assert (problem.code, problem.key) == ("no_file", "missing.json")


@pytest.mark.parametrize("secret", ["", "  \n", "{", "[]", "5"])
def test_broken_secret_is_named_and_nothing_else_is_taken(tmp_path, monkeypatch, secret):
    fill_sources(tmp_path, monkeypatch)
    monkeypatch.setenv("settings", secret)
    with pytest.raises(SettingsError) as caught:
        settings.load(folder=tmp_path)
    assert caught.value.source == "environment variable settings"


def test_multi_line_secret_is_understood(tmp_path, monkeypatch):
    monkeypatch.setenv("settings", ORIGINAL_GUIDE)
    assert list(settings.load(folder=tmp_path).servers) == ["192.168.0.1", "server #2", "Сервер 3"]


@pytest.mark.parametrize("place", ["environment", ".env"])
def test_token_and_proxy_may_stand_outside_the_json(tmp_path, monkeypatch, place):
    token, proxy = "100005:AAGahjzZ6zbWSEsVFj13Ki-YMPhPEPzQjxE", "socks5h://127.0.0.1:1080"
    if place == "environment":
        monkeypatch.setenv("TG_API_TOKEN", f" {token} ")
        monkeypatch.setenv("TG_PROXY", proxy)
    else:
        lines = f"TG_API_TOKEN={token}\nTG_PROXY={proxy}\n"
        (tmp_path / ".env").write_text(lines, encoding="utf-8")
    loaded = load(tmp_path, put(BASE, "tg-api-token", GONE))
    assert (loaded.token, loaded.proxy) == (token, proxy)


def test_environment_wins_over_dotenv_and_an_empty_variable_over_nothing(tmp_path, monkeypatch):
    (tmp_path / ".env").write_text("TG_PROXY=http://dotenv:3128\n", encoding="utf-8")
    monkeypatch.setenv("TG_PROXY", "http://environment:3128")
    monkeypatch.setenv("TG_API_TOKEN", "")
    loaded = load(tmp_path)
    assert (loaded.token, loaded.proxy) == (TOKEN, "http://environment:3128")


def test_wrong_value_of_a_variable_is_named_after_the_variable(tmp_path, monkeypatch):
    monkeypatch.setenv("TG_API_TOKEN", "wrong")
    monkeypatch.setenv("TG_PROXY", "proxy:3128")
    error = error_of(tmp_path, BASE)
    assert [problem.key for problem in error.problems] == ["TG_API_TOKEN", "TG_PROXY"]


def test_token_of_a_variable_is_not_written_into_the_file(tmp_path, monkeypatch):
    monkeypatch.setenv("TG_API_TOKEN", "100005:AAGahjzZ6zbWSEsVFj13Ki-YMPhPEPzQjxE")
    loaded = load(tmp_path, put(BASE, "tg-api-token", GONE))
    set_token(loaded, NEW)
    loaded.save()
    assert "tg-api-token" not in read(tmp_path)


@pytest.mark.parametrize("raw", ["# настройки\n".encode("cp1251"), "A=1\n".encode("utf-16")])
def test_dotenv_that_is_not_utf_8_is_named(tmp_path, raw):
    (tmp_path / ".env").write_bytes(raw)
    [problem] = error_of(tmp_path, BASE).problems
    assert (problem.code, problem.key) == ("encoding", ".env")


def test_dotenv_that_cannot_be_read_is_named(tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise PermissionError

    monkeypatch.setattr(dotenv, "dotenv_values", refuse)
    [problem] = error_of(tmp_path, BASE).problems
    assert (problem.code, problem.key) == ("unreadable", ".env")


# ---------------------------------------------------------------- reading


def test_example_of_the_original_guide_works_unchanged(tmp_path):
    loaded = load(tmp_path, ORIGINAL_GUIDE)
    assert loaded.users == [123456789]
    assert loaded.language == "ru"
    assert loaded.warnings == []
    assert [server.url for server in loaded.servers.values()] == [
        "https://192.168.0.1",
        "https://192.168.0.2",
        "https://192.168.0.3",
    ]
    second = loaded.servers["server #2"]
    assert (second.is_monitored, second.look_interval_s) == (True, 20)
    assert second.access_token == "2f7d2b5eeba33fcfbe7c2f419b0d2114dbe5dc27"
    assert second.verify is True
    assert (second.status_port, second.api_version) == (4307, "v3.3")


def test_default_stands_once_in_the_server(tmp_path, monkeypatch):
    """Whoever wants another default changes it there and nowhere else."""
    changed = {"forgotten_age_min": 120, "status_port": 5000, "look_interval_s": 30}
    changed |= {"forgotten_interval_s": 600, "is_monitored": True, "has_forgotten_alerts": True}
    for name, value in changed.items():
        monkeypatch.setattr(Server, name, value)
    server = load(tmp_path).servers["office"]
    assert {name: getattr(server, name) for name in changed} == changed


def test_languages_of_the_settings_are_those_of_the_texts():
    assert tuple(texts.LANGUAGES) == settings.LANGUAGES


def test_every_other_key_is_optional(tmp_path):
    loaded = load(tmp_path, put(BASE, "language", GONE))
    assert (loaded.language, loaded.proxy, loaded.api_url, loaded.log_file) == ("ru", "", "", None)
    server = loaded.servers["office"]
    assert (server.is_monitored, server.look_interval_s, server.status_port) == (False, 15, 4307)
    assert (server.has_forgotten_alerts, server.forgotten_age_min) == (False, 60)
    assert (server.forgotten_interval_s, server.access_token) == (300, "")


@pytest.mark.parametrize("raw", [b"", b" \r\n\t", b"\xef\xbb\xbf", b"\xef\xbb\xbf \n"])
def test_empty_file_is_called_empty(tmp_path, raw):
    [problem] = error_of(tmp_path, raw).problems
    assert (problem.code, problem.key) == ("empty", "settings.json")


@pytest.mark.parametrize("text", ["[]", "5", "null", '"text"', "[" * 100_000])
def test_json_that_is_no_object_is_told_apart(tmp_path, text):
    assert [problem.code for problem in error_of(tmp_path, text).problems] == ["not_object"]


def test_byte_order_mark_of_notepad_is_no_matter(tmp_path):
    assert load(tmp_path, dumped(BASE).encode("utf-8-sig")).token == TOKEN


@pytest.mark.parametrize("encoding", ["cp1251", "utf-16", "cp866"])
def test_other_encodings_are_named(tmp_path, encoding):
    raw = dumped(put(BASE, "servers/Сервер", BASE["servers"]["office"])).encode(encoding)
    assert [problem.code for problem in error_of(tmp_path, raw).problems] == ["encoding"]


def test_trailing_comma_has_its_line_and_column(tmp_path):
    text = '{\n    "language": "en",\n    "tg-users-id": [1],\n}\n'
    error = error_of(tmp_path, text)
    said = command_line.settings_error(error)
    # Python 3.13 points at the comma, older ones at what follows it.
    assert "settings.json, line 3, column 23:" in said or "settings.json, line 4, column 1:" in said


def test_broken_json_is_told_in_the_language_that_it_asks_for(tmp_path):
    assert error_of(tmp_path, '{"language" : "de", ').language == "de"
    assert error_of(tmp_path, '{"language": "fr", ').language == "ru"


def test_settings_that_are_a_folder_are_unreadable(tmp_path):
    (tmp_path / "settings.json").mkdir()
    with pytest.raises(SettingsError) as caught:
        settings.load(folder=tmp_path)
    assert [problem.code for problem in caught.value.problems] == ["unreadable"]


def test_what_was_pasted_with_spaces_is_understood(tmp_path):
    content = put(office("client_id", " e2633da5\t"), "tg-api-token", f"  {TOKEN}\n")
    content = put(content, "servers/office/client_secret", f"{SECRET} ")
    content = put(content, "servers/office/ip", " 192.168.0.7 ")
    content = put(content, "servers/office/api_version", " v3.1 ")
    loaded = load(tmp_path, content)
    server = loaded.servers["office"]
    assert loaded.token == TOKEN
    assert (server.client_id, server.client_secret) == ("e2633da5", SECRET)
    assert (server.url, server.api_version) == ("https://192.168.0.7", "v3.1")


def test_versions_of_the_api_and_hours_between_reminders_are_read(tmp_path):
    for version in ("auto", "v3.1", "v3.11", "v4", "v4.1"):
        assert (
            load(tmp_path, office("api_version", version)).servers["office"].api_version == version
        )
    for hours in (0, 0.001, 1, 720, "8"):
        content = office("server_status", {"repeat": hours})
        assert load(tmp_path, content).servers["office"].repeat_h == float(hours)


def at_clock(hour: int, minute: int) -> float:
    return time.mktime((2026, 11, 27, hour, minute, 30, 0, 0, -1))


def test_quiet_hours_may_go_over_midnight(tmp_path):
    for written, quiet, loud in [
        ("22:00-07:00", [(22, 0), (23, 59), (0, 0), (6, 59)], [(7, 0), (12, 0), (21, 59)]),
        ("12:30 – 13:00", [(12, 30), (12, 59)], [(12, 29), (13, 0), (0, 0)]),
        ("0:00-24:00", [(0, 0), (23, 59)], []),
        ("", [], [(0, 0), (23, 59)]),
    ]:
        loaded = load(tmp_path, put(BASE, "quiet-hours", written))
        assert [one for one in quiet if not loaded.is_quiet_at(at_clock(*one))] == [], written
        assert [one for one in loud if loaded.is_quiet_at(at_clock(*one))] == [], written


def test_topics_of_groups_are_recipients_and_their_groups_are_listed(tmp_path):
    listed = [111, "-1005:17", "-1005:18", " -1006 ", "-1007:1", "-1005:17"]
    loaded = load(tmp_path, put(BASE, "tg-users-id", listed))
    assert loaded.recipients == [
        (111, None),
        (-1005, 17),
        (-1005, 18),
        (-1006, None),
        (-1007, None),
    ]
    assert loaded.users == [111, -1005, -1006, -1007]
    assert loaded.telegram_keys()["tg-users-id"][:3] == [111, "-1005:17", "-1005:18"]

    loaded.move_user(-1005, -1009)
    loaded.save()
    assert loaded.recipients[1:3] == [(-1009, 17), (-1009, 18)]
    moved = [111, "-1009:17", "-1009:18", " -1006 ", "-1007:1", "-1009:17"]
    assert read(tmp_path)["tg-users-id"] == moved


def test_numbers_written_as_texts_are_understood(tmp_path):
    content = put(BASE, "tg-users-id", ["111111111", " 222222222 ", 111111111, "-1001234567890"])
    content["servers"]["office"]["server_status"] = {"state": "1", "timeout": " 20", "port": "0"}
    loaded = load(tmp_path, content)
    assert loaded.users == [111111111, 222222222, -1001234567890]
    server = loaded.servers["office"]
    assert (server.is_monitored, server.look_interval_s, server.status_port) == (True, 20, 0)


@pytest.mark.parametrize(("value", "is_on"), [(0, False), (1, True), (False, False), (True, True)])
def test_switches_understand_numbers_and_true_and_false(tmp_path, value, is_on):
    content = office("server_status", {"state": value})
    content["servers"]["office"]["forgotten_conferences"] = {"state": value}
    server = load(tmp_path, content).servers["office"]
    assert (server.is_monitored, server.has_forgotten_alerts) == (is_on, is_on)


@pytest.mark.parametrize(
    "token",
    [
        5,
        None,
        [],
        "two words of some length",
        "Кириллица-Кириллица",
        {"a": 1},
        "Moscow",
        "x" * 4097,
    ],
)
def test_odd_access_token_is_nobodys_problem(tmp_path, token):
    assert load(tmp_path, office("access_token", token)).servers["office"].access_token == ""


def test_odd_list_of_what_was_reported_is_nobodys_problem(tmp_path):
    for value, kept in [([], {}), (5, {}), ({"a": 1.5, "b": "x", "c" * 501: 1}, {"a": 1.5})]:
        content = office("forgotten_conferences", {"reported": value})
        loaded = load(tmp_path, content)
        assert loaded.servers["office"].reported == kept
        assert loaded.warnings == []
    for value in (None, "x", True, -1, 0, 1e300, [5]):
        content = office("server_status", {"down_since": value, "paused_until": value})
        server = load(tmp_path, content).servers["office"]
        assert (server.down_since, server.paused_until) == (None, None)


def test_log_file_is_beside_the_settings(tmp_path):
    assert load(tmp_path, put(BASE, "log-file", "logs/bot.log")).log_file == (
        tmp_path.resolve() / "logs/bot.log"
    )
    absolute = str(tmp_path / "elsewhere.log")
    assert load(tmp_path, put(BASE, "log-file", absolute)).log_file == Path(absolute)


def test_address_of_another_bot_api_has_no_slash_at_the_end(tmp_path):
    loaded = load(tmp_path, put(BASE, "tg-api-url", "http://127.0.0.1:8081/"))
    assert loaded.api_url == "http://127.0.0.1:8081"


@pytest.mark.parametrize(
    "proxy",
    [
        "http://user:p%40ss@host:3128",
        "socks5h://host:1080",
        "socks5://1.2.3.4:1",
        "https://[::1]:1",
    ],
)
def test_proxies_of_all_kinds_are_taken(tmp_path, proxy):
    assert load(tmp_path, put(BASE, "tg-proxy", proxy)).proxy == proxy


ODD_NAMES = [
    'the "best" server',
    "it's",
    "a/b\\c",
    "🟢 Москва 👩‍💻",
    "n" * 200,
    "я" * 200,
    "<b>&amp;",
    "{name} %s $HOME",
    "line\nbreak",
    "servers.x.ip",
    "half \ud83d character",
    "192.168.0.1",
]


def test_odd_names_are_loaded_and_saved(tmp_path):
    content = put(BASE, "servers", dict.fromkeys(ODD_NAMES, BASE["servers"]["office"]))
    text = json.dumps(content)  # with \u escapes, as half a character has no other form
    loaded = load(tmp_path, text)
    assert list(loaded.servers) == ODD_NAMES
    for number, name in enumerate(ODD_NAMES):
        set_token(loaded, f"token-of-the-server-{number}", name)
    loaded.save()
    again = settings.load(folder=tmp_path)
    assert [server.access_token for server in again.servers.values()] == [
        f"token-of-the-server-{number}" for number in range(len(ODD_NAMES))
    ]


def test_problem_of_a_server_with_an_odd_name_is_one_line(tmp_path):
    content = put(BASE, "servers", {name: {} for name in ODD_NAMES})
    error = error_of(tmp_path, json.dumps(content))
    assert len(error.problems) == 3 * len(ODD_NAMES)
    assert len(command_line.settings_error(error).splitlines()) == len(error.problems) + 2


def test_two_hundred_servers_are_loaded_and_saved(tmp_path):
    server = BASE["servers"]["office"]
    content = put(BASE, "servers", {f"server {number}": server for number in range(200)})
    loaded = load(tmp_path, content)
    for name in loaded.servers:
        set_token(loaded, f"token-of-{name[7:]}", name)
    loaded.save()
    saved = read(tmp_path)
    assert list(saved["servers"]) == list(content["servers"])
    assert token_of(saved, "server 199") == "token-of-199"


# ---------------------------------------------------------------- addresses and certificates

ADDRESSES = {
    "192.168.0.1": "https://192.168.0.1",
    "video.example.org": "https://video.example.org",
    "Video.Example.ORG": "https://video.example.org",
    "video.example.org:8443": "https://video.example.org:8443",
    "https://video.example.org": "https://video.example.org",
    "https://video.example.org/": "https://video.example.org",
    "HTTPS://video.example.org:443/": "https://video.example.org:443",
    "http://video.example.org": "http://video.example.org",
    "http://10.0.0.1:8080/": "http://10.0.0.1:8080",
    "::1": "https://[::1]",
    "[::1]": "https://[::1]",
    "[2001:db8::7]:8443": "https://[2001:db8::7]:8443",
    "2001:db8::7": "https://[2001:db8::7]",
    "https://[2001:db8::7]/": "https://[2001:db8::7]",
    "сервер.рф": "https://" + "сервер.рф".encode("idna").decode(),
    "https://видео.рф:8443/": "https://" + "видео.рф".encode("idna").decode() + ":8443",
    "localhost": "https://localhost",
    "trueconf_server": "https://trueconf_server",
}


@pytest.mark.parametrize("ip", ADDRESSES)
def test_every_form_of_an_address_is_understood(tmp_path, ip):
    loaded = load(tmp_path, office("ip", ip))
    url = loaded.servers["office"].url
    assert url.encode("ascii").decode() == ADDRESSES[ip]
    codes = [warning.code for warning in loaded.warnings]
    assert codes == (["unencrypted"] if url.startswith("http:") else [])


@pytest.mark.parametrize(
    "ip",
    [
        "my server",
        "ftp://host",
        "://host",
        "https://",
        "http:/host",
        "host:99999",
        "host:0",
        "host:port",
        "host:443:443",
        "host/path",
        "https://host/c/123?x=1",
        "host#part",
        "user:hunter2@host",
        "https://user:hunter2@host/",
        "[::1",
        "[nonsense]",
        "[1.2.3.4]",
        "1:2:3",
        "host..name",
        "-host",
        "ж" * 300,
        "h" * 300,
        "?",
        "a,b",
        "192.168.0.1;192.168.0.2",
    ],
)
def test_nonsense_is_no_address(tmp_path, ip):
    [problem] = error_of(tmp_path, office("ip", ip)).problems
    assert (problem.code, problem.key) == ("ip", "servers.office.ip")
    assert "hunter2" not in screens.problem(problem)


@pytest.fixture
def pem() -> bytes:
    """A real certificate: one of those that requests brings along."""
    import certifi

    first = Path(certifi.where()).read_text(encoding="ascii").partition("-----BEGIN")[2]
    end = "-----END CERTIFICATE-----\n"
    return f"-----BEGIN{first.partition(end)[0]}{end}".encode()


def test_certificate_is_checked_unless_the_settings_say_false(tmp_path):
    assert load(tmp_path, office("ssl_certificate", True)).servers["office"].verify is True
    loaded = load(tmp_path, office("ssl_certificate", False))
    assert loaded.servers["office"].verify is False
    [warning] = loaded.warnings
    assert (warning.code, warning.key) == ("unchecked", "servers.office.ssl_certificate")


@pytest.mark.parametrize("path", ["ca.crt", "certs/ca.crt", "certs\\ca.crt", ".\\certs\\ca.crt"])
def test_path_of_a_certificate_is_relative_to_the_settings(tmp_path, monkeypatch, pem, path):
    file = tmp_path / path.replace("\\", "/")
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(pem)
    monkeypatch.chdir("/")
    verify = load(tmp_path, office("ssl_certificate", path)).servers["office"].verify
    assert Path(verify).samefile(file)


def test_absolute_path_of_a_certificate_and_a_folder_of_certificates_are_taken(tmp_path, pem):
    file = tmp_path / "a long name with spaces and кириллица-trueconf-server-2026.crt"
    file.write_bytes(pem)
    for path in (file, tmp_path):
        verify = load(tmp_path, office("ssl_certificate", str(path))).servers["office"].verify
        assert Path(verify).samefile(path)


@pytest.mark.parametrize(
    "path", ["missing.crt", "C:\\certs\\ca.crt", "a\x00b", "x" * 300, "-----BEGIN\n" + "x" * 5000]
)
def test_certificate_that_is_not_there_is_named(tmp_path, path):
    [problem] = error_of(tmp_path, office("ssl_certificate", path)).problems
    assert (problem.code, problem.key) == ("no_certificate", "servers.office.ssl_certificate")


@pytest.mark.parametrize(
    "raw", [b"", b"hello", b"\x30\x82\x01\x0a\x02", b"-----BEGIN CERTIFICATE-----\nx\n"]
)
def test_file_that_is_no_certificate_is_named(tmp_path, raw):
    (tmp_path / "ca.crt").write_bytes(raw)
    [problem] = error_of(tmp_path, office("ssl_certificate", "ca.crt")).problems
    assert (problem.code, problem.found) == ("bad_certificate", "ca.crt")


# ---------------------------------------------------------------- what is wrong, and the sentences

STATUS = "servers/office/server_status"
FORGOTTEN = "servers/office/forgotten_conferences"
# Where, what stands there; the code and the key of the problem, what of the value the sentence
# shows, and what it says to be right.
WRONG = [
    ("tg-api-token", GONE, "missing", "tg-api-token", "", ""),
    ("tg-api-token", None, "blank", "tg-api-token", "", ""),
    ("tg-api-token", "", "blank", "tg-api-token", "", ""),
    ("tg-api-token", "  ", "blank", "tg-api-token", "", ""),
    ("tg-api-token", "<token>", "placeholder", "tg-api-token", '"<token>"', ""),
    ("tg-api-token", 5032177032, "not_text", "tg-api-token", "", ""),
    ("tg-api-token", "AAGahjzZ6zbWSEsVFj13Ki", "token", "tg-api-token", "", "BotFather"),
    ("tg-api-token", TOKEN.replace(":", ": "), "token", "tg-api-token", "", "BotFather"),
    ("tg-api-token", TOKEN + "ы", "token", "tg-api-token", "", "BotFather"),
    ("tg-users-id", GONE, "missing", "tg-users-id", "", ""),
    ("tg-users-id", [], "blank", "tg-users-id", "", ""),
    ("tg-users-id", 111, "users", "tg-users-id", "111", "[123456789, 987654321]"),
    ("tg-users-id", "111,222", "users", "tg-users-id", '"111,222"', "[123456789, 987654321]"),
    ("tg-users-id", {"a": 1}, "users", "tg-users-id", "…", "[123456789, 987654321]"),
    ("tg-users-id", [1, "anna"], "user", "tg-users-id[1]", '"anna"', "123456789"),
    ("tg-users-id", ["@anna"], "user", "tg-users-id[0]", '"@anna"', "123456789"),
    ("tg-users-id", ["<ID>"], "user", "tg-users-id[0]", '"<ID>"', "123456789"),
    ("tg-users-id", [0], "user", "tg-users-id[0]", "0", "123456789"),
    ("tg-users-id", [True], "user", "tg-users-id[0]", "true", "123456789"),
    ("tg-users-id", [1.5], "user", "tg-users-id[0]", "1.5", "123456789"),
    ("tg-users-id", [None], "user", "tg-users-id[0]", "null", "123456789"),
    ("tg-users-id", [2**60], "user", "tg-users-id[0]", "1152921504606846976", "123456789"),
    ("tg-users-id", [-1001234567890], "only_groups", "tg-users-id", "", ""),
    ("language", "fr", "choice", "language", '"fr"', "ru, en, de, es"),
    ("language", 5, "choice", "language", "5", "ru, en, de, es"),
    ("language", ["ru"], "choice", "language", "…", "ru, en, de, es"),
    ("tg-proxy", "host:3128", "address", "tg-proxy", "", "socks5h"),
    ("tg-proxy", "ftp://host:21", "address", "tg-proxy", "", "socks5h"),
    ("tg-proxy", "http://", "address", "tg-proxy", "", "socks5h"),
    ("tg-proxy", "http://host:99999", "address", "tg-proxy", "", "socks5h"),
    ("tg-proxy", "http://[::1", "address", "tg-proxy", "", "socks5h"),
    ("tg-proxy", "http://my host:3128", "address", "tg-proxy", "", "socks5h"),
    ("tg-proxy", 3128, "not_text", "tg-proxy", "", ""),
    ("tg-api-url", "api.telegram.org", "address", "tg-api-url", "", "http, https"),
    ("tg-api-url", "socks5://host:1", "address", "tg-api-url", "", "http, https"),
    ("log-file", ["bot.log"], "not_text", "log-file", "", ""),
    ("servers", GONE, "missing", "servers", "", ""),
    ("servers", {}, "blank", "servers", "", ""),
    ("servers", [], "section", "servers", "[]", ""),
    ("servers", [{"ip": SECRET}], "section", "servers", "…", ""),
    ("servers", "192.168.0.1", "section", "servers", '"192.168.0.1"', ""),
    ("servers/office", 5, "section", "servers.office", "5", ""),
    ("servers/office", SECRET, "section", "servers.office", "…", ""),
    ("servers/office", None, "section", "servers.office", "null", ""),
    ("servers/", BASE["servers"]["office"], "server_name", "servers", "", ""),
    ("servers/office/ip", GONE, "missing", "servers.office.ip", "", ""),
    ("servers/office/ip", "", "blank", "servers.office.ip", "", ""),
    ("servers/office/ip", "<192.168.0.1>", "placeholder", "servers.office.ip", '"<192.1', ""),
    ("servers/office/ip", 192, "not_text", "servers.office.ip", "", ""),
    ("servers/office/ip", "my server", "ip", "servers.office.ip", '"my server"', "192.168.0.1"),
    ("servers/office/client_id", GONE, "missing", "servers.office.client_id", "", ""),
    ("servers/office/client_id", 5, "not_text", "servers.office.client_id", "", ""),
    ("servers/office/client_secret", GONE, "missing", "servers.office.client_secret", "", ""),
    ("servers/office/client_secret", "", "blank", "servers.office.client_secret", "", ""),
    ("servers/office/client_secret", [SECRET], "not_text", "servers.office.client_secret", "", ""),
    ("servers/office/ssl_certificate", 5, "certificate", "servers.office.ssl_certificate", "5",
     "ca.crt"),
    ("servers/office/ssl_certificate", "", "certificate", "servers.office.ssl_certificate", '""',
     "ca.crt"),
    ("servers/office/ssl_certificate", None, "certificate", "servers.office.ssl_certificate",
     "null", "ca.crt"),
    ("servers/office/ssl_certificate", "no.crt", "no_certificate",
     "servers.office.ssl_certificate", '"no.crt"', ""),
    ("servers/office/ssl_certificate", "settings.json", "bad_certificate",
     "servers.office.ssl_certificate", '"settings.json"', "PEM"),
    ("servers/office/api_version", "3.3", "choice", "servers.office.api_version", '"3.3"', "v3.3"),
    ("servers/office/api_version", 3.3, "choice", "servers.office.api_version", "3.3", "auto, v3"),
    ("servers/office/api_version", "v3.0", "choice", "servers.office.api_version", "v3.0", "v4.1"),
    (f"{STATUS}/repeat", 9e-4, "number", "servers.office.server_status.repeat", "0.0009", "0.001"),
    (f"{STATUS}/repeat", -1, "number", "servers.office.server_status.repeat", "-1", "720"),
    ("tg-users-id", [1, 777000], "nobody", "tg-users-id[1]", "777000", "/id"),
    ("tg-users-id", ["136817688"], "nobody", "tg-users-id[0]", "136817688", "/id"),
    ("tg-users-id", [1087968824], "nobody", "tg-users-id[0]", "1087968824", "/id"),
    ("tg-users-id", ["123:17"], "user", "tg-users-id[0]", '"123:17"', '"-1001234567890:17"'),
    ("tg-users-id", ["-1001234567890:x"], "user", "tg-users-id[0]", ':x"', '"-1001234567890:17"'),
    ("quiet-hours", "22-7", "quiet_hours", "quiet-hours", '"22-7"', '"22:00-07:00"'),
    ("quiet-hours", "22:00-22:00", "quiet_hours", "quiet-hours", '"22:00-22:00"', '"22:00-07:00"'),
    ("quiet-hours", "22:00-25:00", "quiet_hours", "quiet-hours", '"22:00-25:00"', '"22:00-07:00"'),
    (STATUS, [], "section", "servers.office.server_status", "[]", ""),
    (STATUS, 1, "section", "servers.office.server_status", "1", ""),
    (STATUS, None, "section", "servers.office.server_status", "null", ""),
    (FORGOTTEN, True, "section", "servers.office.forgotten_conferences", "true", ""),
    *[
        (f"{STATUS}/timeout", value, "number", "servers.office.server_status.timeout", shown,
         "86400")
        for value, shown in [
            ("15s", '"15s"'), (0, "0"), (-1, "-1"), (1e9, "1000000000.0"), (float("nan"), "NaN"),
            (float("inf"), "Infinity"), (None, "null"), (True, "true"), ([15], "…"), ("", '""'),
            ("1.5", '"1.5"'), (86401, "86401"), (SECRET, "…"),
        ]
    ],
    (f"{STATUS}/port", 65536, "number", "servers.office.server_status.port", "65536", "65535"),
    (f"{STATUS}/port", -1, "number", "servers.office.server_status.port", "-1", "65535"),
    (f"{STATUS}/state", 2, "switch", "servers.office.server_status.state", "2", "1"),
    (f"{STATUS}/state", "on", "switch", "servers.office.server_status.state", '"on"', "1"),
    (f"{STATUS}/state", None, "switch", "servers.office.server_status.state", "null", "1"),
    (f"{STATUS}/state", [1], "switch", "servers.office.server_status.state", "…", "1"),
    (f"{FORGOTTEN}/state", "yes", "switch", "servers.office.forgotten_conferences.state", '"yes"',
     "0"),
    (f"{FORGOTTEN}/hours", 0, "number", "servers.office.forgotten_conferences.hours", "0", "720"),
    (f"{FORGOTTEN}/hours", 721, "number", "servers.office.forgotten_conferences.hours", "721",
     "720"),
    (f"{FORGOTTEN}/timeout", 0.5, "number", "servers.office.forgotten_conferences.timeout", "0.5",
     "86400"),
]  # fmt: skip


def is_sentence(said: str) -> bool:
    words = said.replace("…", "").split()
    return said[-1] in ".?" and len(words) >= 2 and not set("{}") & set(said)


@pytest.mark.parametrize(
    ("path", "value", "code", "key", "shown", "expected"),
    WRONG,
    ids=[f"{path}={str(value)[:20]}" for path, value, *_ in WRONG],
)
def test_each_problem_is_a_sentence_with_key_found_and_expected(
    tmp_path, path, value, code, key, shown, expected
):
    problems = error_of(tmp_path, put(BASE, path, value)).problems
    assert [(problem.code, problem.key) for problem in problems] == [(code, key)]
    sentences = set()
    for language in texts.LANGUAGES:
        texts.use(language)
        said = screens.problem(problems[0])
        sentences.add(said)
        assert is_sentence(said), said
        for part in (key, shown, expected):
            assert part in said
        assert "&" not in said
        for secret in (TOKEN, TOKEN.partition(":")[2], SECRET, SECRET[:12]):
            assert secret not in said
    assert len(sentences) == len(texts.LANGUAGES)


FILES = {
    "empty": b"",
    "json": b'{"tg-api-token": ',
    "json_escape": rb'{"log-file": "C:\logs\bot.log"}',
    "not_object": b"[]",
    "encoding": "Сервер".encode("cp1251"),
    "twice": b'{"language": "ru", "language": "ru"}',
    "backslash": rb'{"log-file": "C:\trueconf-bot\bot.log"}',
}


@pytest.mark.parametrize("code", [*FILES, "unreadable", "no_file", "hidden_ending"])
def test_each_problem_of_a_file_is_a_sentence(tmp_path, code):
    file = tmp_path / "settings.json"
    if FILES.get(code) is not None:
        file.write_bytes(FILES[code])
    if code == "unreadable":
        file.mkdir()
    if code == "hidden_ending":
        (tmp_path / "settings.json.txt").touch()
    with pytest.raises(SettingsError) as caught:
        settings.load("missing.json" if code == "no_file" else None, tmp_path)
    problem = next(one for one in caught.value.problems if one.code == code)
    for language in texts.LANGUAGES:
        texts.use(language)
        assert is_sentence(screens.problem(problem)) or code == "not_object"
        assert problem.key in screens.problem(problem)


def test_every_problem_that_the_code_can_find_was_tried_above():
    tree = ast.parse((ROOT / "lib" / "settings.py").read_text(encoding="utf-8"))
    constants = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}
    tried = (
        {code for _, _, code, *_ in WRONG} | set(FILES) | {"unreadable", "no_file", "hidden_ending"}
    )
    warnings = {"unencrypted", "unchecked", "unknown", "unknown_near"}
    known = {key.removeprefix("problem_") for key in texts.LANGUAGES["en"] if "problem_" in key}
    assert known == tried | warnings
    assert known <= constants


@pytest.mark.parametrize("path", ["\temp.log", "\new.log", "C:\bot\new.log"])
@pytest.mark.parametrize("key", ["log-file", "servers/office/ssl_certificate"])
def test_single_backslashes_in_a_path_are_told(tmp_path, key, path):
    [problem] = error_of(tmp_path, put(BASE, key, path)).problems
    assert (problem.code, problem.key) == ("backslash", key.replace("/", "."))


def test_all_problems_are_told_at_once(tmp_path):
    content = put(BASE, "tg-api-token", "")
    content = put(content, "tg-users-id", [])
    content = put(content, "servers/office/ip", "my server")
    content = put(content, f"{STATUS}/timeout", "15s")
    content = put(content, "servers/second", {"client_id": "", "client_secret": "x"})
    error = error_of(tmp_path, content)
    assert [problem.key for problem in error.problems] == [
        "tg-api-token",
        "tg-users-id",
        "servers.office.ip",
        "servers.office.server_status.timeout",
        "servers.second.ip",
        "servers.second.client_id",
    ]
    lines = command_line.settings_error(error).splitlines()
    assert "settings.json" in lines[0]
    assert sum(line.startswith("- ") for line in lines) == 6
    assert "README" in lines[-1]


def test_message_of_the_error_itself_holds_no_value(tmp_path):
    error = error_of(tmp_path, put(BASE, "servers/office", SECRET))
    assert SECRET not in f"{error} {error!r} {error.problems}"


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("tg-users-id", TOKEN),
        ("tg-users-id", [TOKEN]),
        ("tg-users-id", [f" {TOKEN} "]),
        ("language", TOKEN),
        ("tg-proxy", f"htp://anna:{SECRET}@host:1"),
        ("tg-api-url", f"api.telegram.org/bot{TOKEN}"),
        ("servers", [BASE["servers"]["office"]]),
        ("servers/office", SECRET),
        ("servers/office/ip", f"https://anna:{SECRET}@host/"),
        ("servers/office/ip", f"https://host/?client_secret={SECRET}"),
        ("servers/office/api_version", SECRET),
        ("servers/office/ssl_certificate", {"key": SECRET}),
        (STATUS, SECRET),
        (f"{STATUS}/state", SECRET),
        (f"{STATUS}/port", SECRET),
        (FORGOTTEN, [SECRET]),
    ],
)
def test_secret_in_the_wrong_place_is_not_shown(tmp_path, path, value):
    said = command_line.settings_error(error_of(tmp_path, put(BASE, path, value)))
    for secret in (SECRET, TOKEN, TOKEN.partition(":")[2]):
        assert secret[:12] not in said


def test_example_names_every_placeholder_that_was_left(tmp_path):
    text = (ROOT / "settings.json.example").read_text(encoding="utf-8")

    def placeholders(value: object, path: str) -> list[str]:
        if isinstance(value, dict):
            inner = [(f"{path}.{key}", one) for key, one in value.items()]
        elif isinstance(value, list):
            inner = [(f"{path}[{place}]", one) for place, one in enumerate(value)]
        else:
            return [path[1:]] if isinstance(value, str) and value.startswith("<") else []
        return [found for key, one in inner for found in placeholders(one, key)]

    expected = placeholders(json.loads(text), "")
    problems = error_of(tmp_path, text).problems
    assert sorted(problem.key for problem in problems) == sorted(expected)
    assert {"tg-api-token", "tg-users-id[0]"} <= set(expected)
    for problem in problems:
        assert str(problem.found).startswith("<")


def test_example_works_once_it_is_filled_in(tmp_path):
    content = json.loads((ROOT / "settings.json.example").read_text(encoding="utf-8"))
    content.update({"tg-api-token": TOKEN, "tg-users-id": [111111111]})
    [server] = content["servers"].values()
    server.update(ip="192.168.0.1", client_id="e2633da5", client_secret=SECRET)
    assert load(tmp_path, content).warnings == []


def test_key_that_appears_twice_is_named_beside_the_other_problems(tmp_path):
    text = dumped(put(BASE, "servers/office/ip", "my server"))
    text = text.replace('"language": "en",', '"language": "en",\n    "language": "de",')
    problems = error_of(tmp_path, text).problems
    found = [(problem.code, problem.key) for problem in problems]
    assert found == [("twice", "language"), ("ip", "servers.office.ip")]


def test_every_known_key_is_known(tmp_path):
    content = put(BASE, "servers/office", dict.fromkeys(SERVER_KEYS))
    content["servers"]["office"]["server_status"] = dict.fromkeys(STATUS_KEYS)
    content["servers"]["office"]["forgotten_conferences"] = dict.fromkeys(FORGOTTEN_KEYS)
    error = error_of(tmp_path, {**dict.fromkeys(TOP_KEYS), **content})
    assert [one.key for one in error.problems if one.code.startswith("unknown")] == []


def test_unknown_keys_are_warned_of_with_the_nearest_known_one(tmp_path):
    content = put(BASE, "tg-user-id", [1])
    content = put(content, "comment", "mine")
    content = put(content, "servers/office/Access_Token", "")
    content = put(content, f"{STATUS}/time_out", 5)
    loaded = load(tmp_path, content)
    found = [(one.code, one.key, dict(one.details).get("near")) for one in loaded.warnings]
    assert found == [
        ("unknown_near", "servers.office.Access_Token", "access_token"),
        ("unknown_near", "servers.office.server_status.time_out", "timeout"),
        ("unknown_near", "tg-user-id", "tg-users-id"),
        ("unknown", "comment", None),
    ]
    for language in texts.LANGUAGES:
        texts.use(language)
        for warning, (_, key, near) in zip(loaded.warnings, found, strict=True):
            assert is_sentence(screens.problem(warning))
            assert key in screens.problem(warning)
            assert (near or "") in screens.problem(warning)


def test_missing_key_comes_with_the_misspelt_one(tmp_path):
    content = office("client_id", GONE)
    content["servers"]["office"]["client-id"] = "e2633da5"
    found = [(one.code, one.key) for one in error_of(tmp_path, content).problems]
    assert found == [
        ("missing", "servers.office.client_id"),
        ("unknown_near", "servers.office.client-id"),
    ]


def test_number_of_thousands_of_digits_is_a_problem_and_no_traceback(tmp_path):
    text = dumped(BASE).replace("111111111", "1" * 5000)
    [problem] = error_of(tmp_path, text).problems
    assert (problem.code, problem.key) == ("user", "tg-users-id[0]")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=5,
)
PATHS = [*TOP_KEYS, "servers/office"]
PATHS += [f"servers/office/{key}" for key in SERVER_KEYS]
PATHS += [f"{STATUS}/{key}" for key in STATUS_KEYS]
PATHS += [f"{FORGOTTEN}/{key}" for key in FORGOTTEN_KEYS]


@hypothesis_settings(
    deadline=None, max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(path=st.sampled_from(PATHS), value=json_values)
@example(path="servers/office/ssl_certificate", value="x" * 5000)
@example(path="tg-users-id", value=["²"])
def test_any_value_anywhere_is_taken_or_told_and_never_a_traceback(tmp_path, path, value):
    try:
        load(tmp_path, json.dumps(put(BASE, path, value)))
    except SettingsError as error:
        told = error
    else:
        return
    assert len(command_line.settings_error(told).splitlines()) == len(told.problems) + 2


# ---------------------------------------------------------------- saving


def test_saving_changes_the_one_value_and_nothing_else(tmp_path):
    content = {"comment": "моё", **put(BASE, f"{STATUS}/own", {"z": [1, 2.50], "a": None})}
    content["servers"]["office"]["access_token"] = "old"
    content["zone"] = "Москва 🟢"
    loaded = load(tmp_path, content)
    before = (tmp_path / "settings.json").read_text(encoding="utf-8")
    set_token(loaded, NEW)
    loaded.save()
    after = (tmp_path / "settings.json").read_text(encoding="utf-8")
    assert after == before.replace('"access_token": "old"', '"access_token": "' + NEW + '"')
    assert '\n    "zone": "Москва 🟢"\n}' in after


def test_whatever_the_bot_changes_is_saved_where_it_belongs(tmp_path):
    loaded = load(tmp_path)
    server = loaded.servers["office"]
    changed = {
        "access_token": "a-token-of-the-server",
        "is_monitored": True,
        "down_since": 1764212345.25,
        "paused_until": 1764215945,
        "has_forgotten_alerts": True,
        "forgotten_age_min": 90,
        "reported": {"a@b#c": 0},
    }
    assert set(changed) == set(settings.SAVED)
    for name, value in changed.items():
        setattr(server, name, value)
    loaded.save()
    saved = read(tmp_path)["servers"]["office"]
    assert saved == {
        **BASE["servers"]["office"],
        "access_token": "a-token-of-the-server",
        "server_status": {"state": 1, "down_since": 1764212345.25, "paused_until": 1764215945},
        "forgotten_conferences": {"state": 1, "hours": 1.5, "reported": {"a@b#c": 0}},
    }
    again = settings.load(folder=tmp_path).servers["office"]
    assert {name: getattr(again, name) for name in changed} == changed

    server.down_since = server.paused_until = None
    server.is_monitored = False
    loaded.save()
    assert read(tmp_path)["servers"]["office"]["server_status"] == {"state": 0}


def test_every_age_comes_back_as_it_was_chosen(tmp_path):
    loaded = load(tmp_path)
    for minutes in (1, 7, 50, 59, 60, 61, 119, 24 * 60, 720 * 60):
        loaded.servers["office"].forgotten_age_min = minutes
        loaded.save()
        assert settings.load(folder=tmp_path).servers["office"].forgotten_age_min == minutes


def test_windows_line_ends_stay(tmp_path):
    loaded = load(tmp_path, dumped(BASE).replace("\n", "\r\n").encode())
    set_token(loaded, NEW)
    loaded.save()
    raw = (tmp_path / "settings.json").read_bytes()
    assert raw.count(b"\r\n") == raw.count(b"\n") > 10
    assert b"\r\r" not in raw


@pytest.mark.skipif(os.name != "posix", reason="Windows has no such modes")
@pytest.mark.parametrize("mode", [0o600, 0o640, 0o644])
def test_file_mode_stays(tmp_path, mode):
    loaded = load(tmp_path)
    (tmp_path / "settings.json").chmod(mode)
    set_token(loaded, NEW)
    loaded.save()
    assert token_of(read(tmp_path)) == NEW
    assert stat.S_IMODE((tmp_path / "settings.json").stat().st_mode) == mode


@pytest.mark.skipif(os.name != "posix", reason="Windows has no such modes")
def test_temporary_file_can_be_read_by_nobody_else(tmp_path, monkeypatch):
    modes = []
    fsync = os.fsync

    def note_mode(number: int) -> None:
        modes.append(stat.S_IMODE(os.fstat(number).st_mode))
        fsync(number)

    monkeypatch.setattr(os, "fsync", note_mode)
    loaded = load(tmp_path)
    set_token(loaded, NEW)
    loaded.save()
    assert modes == [0o600]


@pytest.mark.skipif(os.name != "posix", reason="links need rights on Windows")
@pytest.mark.parametrize("name", ["settings.json", ".env"])
def test_link_stays_a_link(tmp_path, name):
    kept, bot = tmp_path / "kept", tmp_path / "bot"
    kept.mkdir()
    bot.mkdir()
    text = dumped(BASE) if name == "settings.json" else f"settings='{json.dumps(BASE)}'\n"
    (kept / "file").write_text(text, encoding="utf-8")
    (bot / name).symlink_to("../kept/file")
    loaded = settings.load(folder=bot)
    set_token(loaded, "new-token")
    loaded.save()
    assert (bot / name).is_symlink()
    assert "new-token" in (kept / "file").read_text(encoding="utf-8")
    assert [file.name for file in bot.iterdir()] == [name]


def test_nothing_is_written_when_nothing_changed(tmp_path):
    loaded = load(tmp_path, office("access_token", NEW))
    os.utime(tmp_path / "settings.json", (1, 1))
    loaded.save()
    set_token(loaded, NEW)
    loaded.save()
    assert (tmp_path / "settings.json").stat().st_mtime == 1


BROKEN = {
    "empty": b"",
    "half": b'{"tg-api-token": "5032',
    "a list": b"[]",
    "a number": b"5",
    "cp1251": "{'Сервер'".encode("cp1251"),
    "too deep": b"[" * 100_000,
}


@pytest.mark.parametrize("how", BROKEN)
def test_file_that_is_broken_now_is_left_alone_and_saved_later(tmp_path, caplog, how):
    caplog.set_level(logging.INFO)
    loaded = load(tmp_path)
    set_token(loaded, NEW)
    loaded.move_user(111111111, 222222222)
    file = tmp_path / "settings.json"
    file.write_bytes(BROKEN[how])
    caplog.clear()
    for _ in range(3):
        loaded.save()
    assert file.read_bytes() == BROKEN[how]
    assert len(caplog.records) == 1
    assert "settings.json: not saved, will try again" in caplog.text

    file.write_text(dumped(put(BASE, "language", "de")), encoding="utf-8")
    loaded.save()
    assert token_of(read(tmp_path)) == NEW
    assert read(tmp_path)["tg-users-id"] == [222222222]
    assert read(tmp_path)["language"] == "de"
    assert [record.getMessage() for record in caplog.records][1:] == ["settings.json: saved"]


def test_file_that_is_away_now_is_not_made_anew(tmp_path):
    loaded = load(tmp_path)
    (tmp_path / "settings.json").rename(tmp_path / "away")
    set_token(loaded, NEW)
    loaded.save()
    assert [file.name for file in tmp_path.iterdir()] == ["away"]
    (tmp_path / "away").rename(tmp_path / "settings.json")
    loaded.save()
    assert token_of(read(tmp_path)) == NEW


def test_what_was_edited_by_hand_stays(tmp_path):
    loaded = load(tmp_path)
    by_hand = put(BASE, "servers/second", {**BASE["servers"]["office"], "ip": "10.0.0.2"})
    by_hand = put(by_hand, f"{STATUS}/timeout", 77)
    (tmp_path / "settings.json").write_text(dumped(by_hand), encoding="utf-8")
    set_token(loaded, NEW)
    loaded.save()
    assert read(tmp_path) == put(by_hand, "servers/office/access_token", NEW)


@pytest.mark.parametrize("moment", ["fsync", "replace"])
def test_edit_by_hand_in_the_middle_of_a_save_is_not_lost(tmp_path, monkeypatch, moment):
    """Somebody presses Ctrl+S while we write, or while a virus scanner holds us up."""
    loaded = load(tmp_path)
    by_hand = dumped(put(BASE, f"{STATUS}/timeout", 77))
    real, calls = getattr(os, moment), []

    def edit_by_hand(*arguments):
        calls.append(arguments)
        if len(calls) == 1:
            (tmp_path / "settings.json").write_text(by_hand, encoding="utf-8")
            if moment == "replace":
                raise PermissionError
        real(*arguments)

    monkeypatch.setattr(os, moment, edit_by_hand)
    set_token(loaded, NEW)
    loaded.save()
    assert read(tmp_path)["servers"]["office"]["server_status"] == {"timeout": 77}
    assert token_of(read(tmp_path)) == ""
    loaded.save()
    assert read(tmp_path)["servers"]["office"]["server_status"] == {"timeout": 77}
    assert token_of(read(tmp_path)) == NEW
    assert [file.name for file in tmp_path.iterdir()] == ["settings.json"]


@pytest.mark.parametrize(
    "path", ["servers/office", "servers"], ids=["the server", "all of the servers"]
)
def test_server_that_was_taken_out_of_the_file_is_not_put_back(tmp_path, path):
    loaded = load(tmp_path)
    without = put(BASE, path, GONE)
    (tmp_path / "settings.json").write_text(dumped(without), encoding="utf-8")
    set_token(loaded, NEW)
    loaded.servers["office"].is_monitored = True
    loaded.servers["office"].reported = {"x": 0}
    loaded.save()
    assert read(tmp_path) == without


def test_group_that_moved_is_replaced_among_ids_that_were_added_by_hand(tmp_path):
    loaded = load(tmp_path, put(BASE, "tg-users-id", [111, -5, -6]))
    by_hand = put(BASE, "tg-users-id", ["222", "-5", 111, -6, [], 333])
    (tmp_path / "settings.json").write_text(dumped(by_hand), encoding="utf-8")
    loaded.move_user(-5, -1005)
    loaded.move_user(-6, -1006)
    loaded.save()
    assert loaded.users == [111, -1005, -1006]
    assert read(tmp_path)["tg-users-id"] == ["222", -1005, 111, -1006, [], 333]


# ---------------------------------------------------------------- saving on Windows


class Holder:
    """What os.replace meets on Windows while somebody holds the file: `tries` refusals."""

    def __init__(self, tries: int):
        self.tries, self.replace = tries, os.replace

    def __call__(self, source, target):
        self.tries -= 1
        if self.tries >= 0:
            raise PermissionError(13, "held by a virus scanner")
        self.replace(source, target)


def test_file_that_is_held_for_a_moment_is_saved_all_the_same(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(os, "replace", Holder(tries=3))
    loaded = load(tmp_path)
    set_token(loaded, NEW)
    loaded.save()
    assert token_of(read(tmp_path)) == NEW
    assert caplog.records == []


def test_file_that_is_held_for_long_is_saved_when_it_is_free(tmp_path, monkeypatch, caplog):
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(settings_files, "REPLACE_PAUSE_S", 0)
    holder = Holder(tries=10**9)
    monkeypatch.setattr(os, "replace", holder)
    loaded = load(tmp_path)
    for number in range(20):
        set_token(loaded, f"token{number}")
        loaded.save()
    assert token_of(read(tmp_path)) == ""
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert [file.name for file in tmp_path.iterdir()] == ["settings.json"]

    holder.tries = 0
    loaded.save()
    assert token_of(read(tmp_path)) == "token19"
    assert [record.getMessage() for record in caplog.records][1:] == ["settings.json: saved"]


def test_full_disk_leaves_the_old_file(tmp_path, monkeypatch):
    def refuse(_):
        raise OSError(28, "No space left on device")

    loaded = load(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", refuse)
        set_token(loaded, NEW)
        loaded.save()
    assert read(tmp_path) == BASE
    assert [file.name for file in tmp_path.iterdir()] == ["settings.json"]
    loaded.save()
    assert token_of(read(tmp_path)) == NEW


# ---------------------------------------------------------------- saving elsewhere


def test_settings_of_the_environment_are_saved_there(tmp_path, monkeypatch):
    monkeypatch.setenv("settings", ORIGINAL_GUIDE)
    loaded = settings.load(folder=tmp_path)
    set_token(loaded, NEW, "Сервер 3")
    loaded.save()
    saved = json.loads(os.environ["settings"])
    assert saved == put(json.loads(ORIGINAL_GUIDE), "servers/Сервер 3/access_token", NEW)
    assert settings.load(folder=tmp_path).servers["Сервер 3"].access_token == NEW
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.name != "posix", reason="on Windows variables are Unicode")
def test_cyrillic_environment_is_read_and_saved_in_any_locale(tmp_path):
    """Without a locale Python decodes the environment as ASCII."""
    code = (
        "import os\nfrom lib import settings\n"
        "loaded = settings.load()\n"
        "loaded.servers['Сервер 3'].access_token = 'new-token-of-the-server'\n"
        "loaded.save()\n"
        "print(os.fsencode(os.environ['settings']) == os.environb[b'settings'])\n"
        "print(ascii(settings.load().servers['Сервер 3'].access_token))\n"
    )
    script = tmp_path / "script.py"
    script.write_text(code, encoding="utf-8")
    plain = {"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "LC_ALL": "C"}
    variables = clean_environment(**plain, PYTHONPATH=str(ROOT), settings=ORIGINAL_GUIDE)
    run = subprocess.run(
        [sys.executable, str(script)], env=variables, capture_output=True, text=True, timeout=60
    )
    assert (run.stdout, run.stderr) == (f"True\n{NEW!r}\n", "")


def save_in_dotenv(folder: Path, env_file: bytes) -> tuple[dict, dict, str]:
    """Save a new token; the settings before and after as dotenv reads them, and the file."""
    file = folder / ".env"
    file.write_bytes(env_file)

    def content() -> dict:
        values = dotenv.dotenv_values(file, interpolate=False, encoding="utf-8-sig")
        return json.loads(values["settings"])

    before = content()
    loaded = settings.load(folder=folder)
    name = next(iter(loaded.servers))
    set_token(loaded, NEW, name)
    loaded.save()
    assert settings.load(folder=folder).servers[name].access_token == NEW
    before["servers"][name]["access_token"] = NEW
    return before, content(), file.read_bytes().decode()


def quoted(content: dict, **more) -> str:
    """JSON as it must stand between single quotes in a .env file."""
    text = json.dumps(content, ensure_ascii=False, **more)
    return text.replace("\\", "\\\\").replace("'", "\\'")


def odd_content() -> dict:
    content = put(BASE, "comment", 'it\'s "quoted" $HOME ${x} \\ C:\\certs\\ca.crt # no comment')
    content["servers"] = {"Сервер 'один' \"два\" \\": BASE["servers"]["office"]}
    content["servers"]["$PATH 🟢"] = BASE["servers"]["office"]
    return content


@pytest.mark.parametrize(
    "line",
    [
        "settings={plain}\n",
        "settings='{quoted}'\n",
        "settings = '{quoted}'  # mine\n",
        "export settings='{quoted}'",
        "settings='{multi_line}'\n",
    ],
)
def test_settings_of_dotenv_are_saved_there(tmp_path, line):
    content = odd_content() if "quoted" in line or "multi" in line else BASE
    line = line.format(
        plain=json.dumps(content), quoted=quoted(content), multi_line=quoted(content, indent=4)
    )
    before_it, after_it = "# комментарий\nA=1\n\n", '\nexport B="x y"\nC=\n' * line.endswith("\n")
    before, after, file = save_in_dotenv(tmp_path, f"{before_it}{line}{after_it}".encode())
    assert after == before
    assert list(after["servers"]) == list(before["servers"])
    assert file.startswith(before_it)
    assert file.endswith(after_it)
    assert file.count("settings=") == 1
    assert ("export settings=" in file) == ("export settings" in line)
    assert len(file.splitlines()) == len(f"{before_it}{line}{after_it}".splitlines()) + (
        1 if "\n    " in line else 0  # the access token was not there before
    )


def test_dotenv_of_notepad_is_read_and_saved(tmp_path):
    raw = f"settings='{quoted(odd_content())}'\r\nTG_PROXY=http://host:1\r\n".encode("utf-8-sig")
    before, after, file = save_in_dotenv(tmp_path, raw)
    assert after == before
    assert file.endswith("'\r\nTG_PROXY=http://host:1\r\n")
    assert file.count("settings=") == 1
    assert settings.load(folder=tmp_path).proxy == "http://host:1"


def test_dotenv_that_was_edited_by_hand_meanwhile_is_not_lost(tmp_path, monkeypatch):
    file = tmp_path / ".env"
    file.write_text(f"settings='{quoted(BASE)}'\n", encoding="utf-8")
    loaded = settings.load(folder=tmp_path)
    fsync = os.fsync

    def edit_by_hand(number: int) -> None:
        monkeypatch.setattr(os, "fsync", fsync)
        with open(file, "a", encoding="utf-8") as env_file:
            env_file.write("TG_PROXY=http://host:1\n")

    monkeypatch.setattr(os, "fsync", edit_by_hand)
    set_token(loaded, NEW)
    loaded.save()
    loaded.save()
    again = settings.load(folder=tmp_path)
    assert (again.proxy, again.servers["office"].access_token) == ("http://host:1", NEW)


@hypothesis_settings(
    deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(name=st.text(min_size=1).filter(str.strip), note=st.text())
@example(name="\\", note="'\\'")
@example(name="a\u2028b\x85c", note="\\\\'")
def test_any_text_survives_being_saved(tmp_path, name, note):
    content = {"note": note, **put(BASE, "servers", {name: BASE["servers"]["office"]})}
    before, after, _ = save_in_dotenv(tmp_path, f"settings='{quoted(content)}'\n".encode())
    assert after == before
    file = tmp_path / "file.json"
    file.write_text(dumped(content), encoding="utf-8")
    loaded = settings.load(str(file))
    set_token(loaded, NEW, name)
    loaded.save()
    assert read(tmp_path, "file.json") == before


# ---------------------------------------------------------------- many at once, and killed


def test_many_threads_change_at_once_and_nothing_is_lost(tmp_path):
    names = [f"server {number}" for number in range(16)]
    loaded = load(tmp_path, put(BASE, "servers", dict.fromkeys(names, BASE["servers"]["office"])))
    began = threading.Barrier(len(names))

    def work(name: str) -> None:
        began.wait()
        for number in range(20):
            set_token(loaded, f"{name[7:]}-{number}", name)
            loaded.servers[name].is_monitored = bool(number % 2)
            loaded.save()

    threads = [threading.Thread(target=work, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    saved = read(tmp_path)
    assert [token_of(saved, name) for name in names] == [f"{name[7:]}-19" for name in names]
    assert all(saved["servers"][name]["server_status"]["state"] == 1 for name in names)
    assert [file.name for file in tmp_path.iterdir()] == ["settings.json"]


def test_temporary_file_that_is_read_only_is_taken_away(tmp_path, monkeypatch):
    """It has the mode of the settings file, and Windows removes nothing that is read-only."""
    unlink = os.unlink

    def unlink_as_windows(path, **more):
        if not os.stat(path).st_mode & 0o200:
            raise PermissionError(13, "read-only")
        unlink(path, **more)

    loaded = load(tmp_path)
    leftover = tmp_path / "settings.json.bot-4711.tmp"
    leftover.write_text("{", encoding="utf-8")
    leftover.chmod(0o400)
    monkeypatch.setattr(os, "unlink", unlink_as_windows)
    set_token(loaded, NEW)
    loaded.save()
    assert [file.name for file in tmp_path.iterdir()] == ["settings.json"]
    assert token_of(read(tmp_path)) == NEW


def test_change_that_comes_during_a_save_is_not_lost(tmp_path, monkeypatch):
    loaded = load(tmp_path)
    fsync, threads = os.fsync, []

    def change_now(number: int) -> None:
        threads.append(threading.Thread(target=set_token, args=(loaded, NEWER)))
        threads[0].start()
        threads[0].join(0.2)  # it may have to wait for the save
        monkeypatch.setattr(os, "fsync", fsync)
        fsync(number)

    monkeypatch.setattr(os, "fsync", change_now)
    set_token(loaded, NEW)
    loaded.save()
    threads[0].join()
    loaded.save()
    assert token_of(read(tmp_path)) == NEWER


# Forks, as 200 starts of Python would take minutes. Argument: the settings file.
KILLER = """
import json, os, pathlib, signal, sys, time
from lib import settings

file = pathlib.Path(sys.argv[1])
most_litter = 0
for number in range(200):
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        loaded = settings.load(str(file))
        for round in range(10**6):
            loaded.servers["office"].access_token = f"{number}-{round}-" + "x" * 500
            loaded.save()
            os.write(writer, b"saved")
    os.read(reader, 5)
    time.sleep(number % 40 / 10000)  # somewhere else in its work each time
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    os.close(reader)
    os.close(writer)
    content = json.loads(file.read_text(encoding="utf-8"))
    token = content["servers"]["office"].pop("access_token")
    assert token.startswith(f"{number}-") and token.endswith("x" * 500), token
    assert content == json.loads(sys.argv[2]), content
    most_litter = max(most_litter, len(list(file.parent.iterdir())) - 1)
print(most_litter)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_killed_200_times_while_saving_the_file_is_always_whole(tmp_path):
    load(tmp_path, put(BASE, "note", "Сервер " * 2000))
    file = tmp_path / "settings.json"
    command = [sys.executable, "-c", KILLER, str(file), json.dumps(read(tmp_path))]
    run = subprocess.run(
        command, cwd=ROOT, env=clean_environment(), capture_output=True, text=True, timeout=300
    )
    assert run.stderr == ""
    assert run.returncode == 0
    # A process that was killed leaves its temporary file; the next one that saves takes it away.
    assert int(run.stdout) <= 1
    loaded = settings.load(str(file))
    set_token(loaded, NEW)
    loaded.save()
    assert [one.name for one in tmp_path.iterdir()] == ["settings.json"]


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
@pytest.mark.parametrize("name", ["settings.json", ".env"])
@pytest.mark.parametrize("event", ["open", "os.chmod", "os.rename", "os.remove"])
def test_killed_at_each_step_of_a_save_the_file_is_whole(tmp_path, name, event):
    text = dumped(BASE) if name == "settings.json" else f"settings='{quoted(BASE)}'\n"
    (tmp_path / name).write_text(text, encoding="utf-8")
    code = f"""
import os, pathlib, signal, sys
from lib import settings

def kill_before(event, arguments):
    if event == {event!r} and ".bot-" in str(arguments[0]):
        os.kill(os.getpid(), signal.SIGKILL)

loaded = settings.load(folder=pathlib.Path(sys.argv[1]))
loaded.servers["office"].access_token = {NEW!r}
sys.addaudithook(kill_before)
loaded.save()
"""
    run = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], cwd=ROOT, env=clean_environment(), timeout=60
    )
    assert run.returncode == -signal.SIGKILL
    loaded = settings.load(folder=tmp_path)
    # What is removed last is what might be left of the temporary file.
    assert loaded.servers["office"].access_token == (NEW if event == "os.remove" else "")
    set_token(loaded, NEWER)
    loaded.save()
    assert settings.load(folder=tmp_path).servers["office"].access_token == NEWER
    assert [file.name for file in tmp_path.iterdir()] == [name]
