"""The settings: what is understood, and the sentence for each thing that is wrong."""

import ast
import copy
import json
import re
import ssl
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

import command_line
import texts
from lib import settings
from lib.settings import SettingsError
from lib.trueconf_client import Server
from tests.conftest import ROOT, TOKEN, says
from texts import screens

SECRET = "b97fc03b30d8f3011dc13abd205ec9f5610861e0"
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
    "server_status", "forgotten_conferences", "told",
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


def codes_of(folder: Path, content: object) -> list[str]:
    """The codes of what is wrong with the settings, [] if they load."""
    try:
        load(folder, content)
    except SettingsError as error:
        return [problem.code for problem in error.problems]
    return []


def read(folder: Path, name: str = "settings.json") -> dict:
    return json.loads((folder / name).read_text(encoding="utf-8"))


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
    assert (second.status_port, second.api_version) == (Server.status_port, Server.api_version)


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
    bare = Server("office", server.url, server.client_id, server.client_secret)
    plain = {key: value for key, value in vars(bare).items() if is_plain(value)}
    assert vars(server).items() >= plain.items()


def test_file_that_holds_no_settings_is_called_what_it_is(tmp_path):
    empty = dict.fromkeys([b"", b" \r\n\t", b"\xef\xbb\xbf", b"\xef\xbb\xbf \n"], "empty")
    not_object = dict.fromkeys(["[]", "5", "null", '"text"', "[" * 100_000], "not_object")
    russian = dumped(put(BASE, "servers/Сервер", BASE["servers"]["office"]))
    encodings = {russian.encode(name): "encoding" for name in ("cp1251", "cp866")}
    for name in ("utf-16", "utf-16-le", "utf-16-be"):  # with its mark and without
        encodings[russian.encode(name)] = encodings[dumped(BASE).encode(name)] = "utf_16"
    for content, code in {**empty, **not_object, **encodings}.items():
        assert codes_of(tmp_path, content) == [code], content[:20]


def test_byte_order_mark_of_notepad_is_no_matter(tmp_path):
    assert load(tmp_path, dumped(BASE).encode("utf-8-sig")).token == TOKEN


# A broken file -> the code of its sentence, and what that says besides: the line and column where
# it is broken, the line where a comma may be missing, the name of a character.
BROKEN_JSON = {
    '{\n    "language": "en"\n    "tg-users-id": [1]\n}': ("json_comma", 3, 5, 2),
    '{\n    "servers": {\n        "a": {}\n    }\n\n    "b": 1\n}': ("json_comma", 6, 5, 4),
    '{"tg-users-id": [\n1\n2]}': ("json_comma", 3, 1, 2),
    '{"a": 1 "b": 2}': ("json", 1, 9),
    '{"a": ': ("json", 1, 7),
    '{"a": Офис}': ("json", 1, 7),
    '{\n\u00a0\u00a0"a": 1\n}': ("json_character", 2, 1, "U+00A0 NO-BREAK SPACE"),
    '{"a":\u200b1}': ("json_character", 1, 6, "U+200B ZERO WIDTH SPACE"),
    '{"a": 1,\u2003"b": 2}': ("json_character", 1, 9, "U+2003 EM SPACE"),
    '{"a": 1}\u2060': ("json_character", 1, 9, "U+2060 WORD JOINER"),
    '\u200b{"a": 1}': ("json_character", 1, 1, "U+200B ZERO WIDTH SPACE"),
    '{"a"：1}': ("json_character", 1, 5, "U+FF1A FULLWIDTH COLON"),
    "{“a”: 1}": ("json_quotes", 1, 2, '"'),
    '{"a": „b“}': ("json_quotes", 1, 7, '"'),
    '{"a": «b»}': ("json_quotes", 1, 7, '"'),
    "{'a': 1}": ("json_quotes", 1, 2, '"'),
    '{\n "a": "b”,\n "c": 2\n}': ("json_quotes", 2, 11, '"'),
    '{\r\n "a”: 1,\r\n "c": 2\r\n}': ("json_quotes", 2, 9, '"'),
    r'{"log-file": "C:\logs\bot.log"}': ("json_escape", 1, 17, r"\\"),
}


def test_broken_json_is_told_with_its_place_and_what_may_be_wrong_there(tmp_path):
    for text, (code, line, column, *more) in BROKEN_JSON.items():
        error = error_of(tmp_path, text)
        assert [problem.code for problem in error.problems] == [code], text
        said = command_line.settings_error(error)
        place = {"key": "settings.json", "line": line, "column": column}
        found = says(said, f"problem_{code}", **place)
        assert found, said
        assert all(str(part) in found[0] for part in more), said


def test_trailing_comma_has_its_line_and_column(tmp_path):
    text = '{\n    "language": "en",\n    "tg-users-id": [1],\n}\n'
    error = error_of(tmp_path, text)
    found = says(command_line.settings_error(error), "problem_json", key="settings.json")
    # Python 3.13 points at the comma, older ones at what follows it.
    assert found.group("line", "column") in [("3", "23"), ("4", "1")]


@pytest.mark.parametrize("system", ["de", "en"])
def test_problem_is_told_in_the_language_asked_for_or_else_in_that_of_the_system(
    tmp_path, monkeypatch, system
):
    monkeypatch.setenv("LC_ALL", f"{system}_XX.UTF-8")
    unreadable = [
        b"", b"[]", dumped(BASE).encode("utf-16"), "Сервер".encode("cp1251"), '{"language": "xx", ',
        dumped(put(BASE, "language", "xx")), dumped(put(BASE, "language", 5)),
    ]  # fmt: skip
    asking = {'{"language" : "es", ': "es", dumped(put(BASE, "tg-users-id", [])): "en"}
    asking[dumped(put(put(BASE, "tg-users-id", []), "language", GONE))] = "ru"  # the default
    for content, language in {**dict.fromkeys(unreadable, system), **asking}.items():
        said = command_line.settings_error(error_of(tmp_path, content))
        heading = texts.LANGUAGES[language]["settings_wrong"].format(source="settings.json")
        assert said.startswith(heading), said
    with pytest.raises(SettingsError) as caught:
        settings.load("missing.json", tmp_path)
    heading = texts.LANGUAGES[system]["settings_wrong"].format(source="missing.json")
    assert command_line.settings_error(caught.value).startswith(heading)


def test_settings_that_are_a_folder_are_unreadable(tmp_path):
    (tmp_path / "settings.json").mkdir()
    with pytest.raises(SettingsError) as caught:
        settings.load(folder=tmp_path)
    assert [problem.code for problem in caught.value.problems] == ["unreadable"]


def test_what_pasting_leaves_around_a_value_is_no_matter(tmp_path):
    """Spaces, also those that nobody sees, and the mark that Windows puts before a path."""
    (tmp_path / "ca.crt").write_bytes(certificate())
    content = put(office("client_id", " e2633da5\t"), "tg-api-token", f"  {TOKEN}\u200b\n")
    content = put(content, "servers/office/client_secret", f"{SECRET}\u00a0")
    content = put(content, "servers/office/ip", "\ufeff 192.168.0.7 ")
    content = put(content, "servers/office/api_version", " v3.1 ")
    content = put(content, "servers/office/ssl_certificate", "\u202aca.crt ")
    loaded = load(tmp_path, content)
    server = loaded.servers["office"]
    assert loaded.token == TOKEN
    assert (server.client_id, server.client_secret) == ("e2633da5", SECRET)
    assert (server.url, server.api_version) == ("https://192.168.0.7", "v3.1")
    assert Path(server.verify).samefile(tmp_path / "ca.crt")


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


def test_switches_understand_numbers_and_true_and_false(tmp_path):
    for value, is_on in [(0, False), (1, True), (False, False), (True, True)]:
        content = office("server_status", {"state": value})
        content["servers"]["office"]["forgotten_conferences"] = {"state": value}
        server = load(tmp_path, content).servers["office"]
        assert (server.is_monitored, server.has_forgotten_alerts) == (is_on, is_on)


def test_odd_access_token_is_nobodys_problem(tmp_path):
    odd = [5, None, [], {"a": 1}, "two words of some length", "Кириллица" * 3, "Moscow", "x" * 4097]
    for token in odd:
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
    for value in ("x", [5], {"a": 5}, {"a" * 501: {}}, {"a": {"111": "x"}}):
        keys = ("messages", "states", "pause_changes", "certificate")
        loaded = load(tmp_path, put(BASE, "servers/office/told", dict.fromkeys(keys, value)))
        server = loaded.servers["office"]
        assert not any(server.alert_messages.values())
        assert (server.told_states, server.pause_changes, server.certificate_told) == ([], [], 0)
        assert loaded.warnings == []


def test_log_file_is_beside_the_settings(tmp_path):
    assert load(tmp_path, put(BASE, "log-file", "logs/bot.log")).log_file == (
        tmp_path.resolve() / "logs/bot.log"
    )
    absolute = str(tmp_path / "elsewhere.log")
    assert load(tmp_path, put(BASE, "log-file", absolute)).log_file == Path(absolute)


def test_address_of_another_bot_api_has_no_slash_at_the_end(tmp_path):
    loaded = load(tmp_path, put(BASE, "tg-api-url", "http://127.0.0.1:8081/"))
    assert loaded.api_url == "http://127.0.0.1:8081"


PROXIES = {
    proxy: proxy
    for proxy in [
        "http://user:p%40ss@host:3128", "http://user@corp:p@ss:w%d@host:3128",
        "socks5h://host:1080", "socks5://1.2.3.4:1", "socks4://host:1", "https://[::1]:1",
    ]
} | {
    # What GNOME writes. The names are looked up by the proxy, as its own may be all that works.
    "socks://127.0.0.1:1080/": "socks5h://127.0.0.1:1080/",
    "SOCKS://user:pw@host:1080": "socks5h://user:pw@host:1080",
}  # fmt: skip


def test_proxies_of_all_kinds_are_taken(tmp_path):
    for written, meant in PROXIES.items():
        assert load(tmp_path, put(BASE, "tg-proxy", written)).proxy == meant


def test_token_that_travels_readable_to_another_computer_is_warned_of(tmp_path):
    warned = ["http://192.168.0.7:8081", "http://api.example.org/telegram", "http://[fe80::1]:1"]
    quiet = ["http://127.0.0.1:8081", "http://localhost:1", "http://[::1]:1", "https://host:1"]
    for url in warned + quiet:
        loaded = load(tmp_path, put(BASE, "tg-api-url", url))
        assert loaded.api_url == url
        codes = [warning.code for warning in loaded.warnings]
        assert codes == ["unencrypted_api"] * (url in warned), url


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
        loaded.servers[name].access_token = f"token-of-the-server-{number}"
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
    "[fe80::1%eth0]": "https://[fe80::1%eth0]",
    "fe80::1%wlan-0.7": "https://[fe80::1%wlan-0.7]",
    "http://[fe80::1%25eth0]:8080": "http://[fe80::1%25eth0]:8080",
    # International names as browsers read them: ß and the final ς are letters of their own.
    "сервер.рф": "https://xn--b1afb6bcb.xn--p1ai",
    "https://Видео.РФ:8443/": "https://xn--b1aedk6a.xn--p1ai:8443",
    "straße.example": "https://xn--strae-oqa.example",
    "faß.example:443": "https://xn--fa-hia.example:443",
    "βόλος.example": "https://xn--nxasmm1c.example",
    "пример。рф": "https://xn--e1afmkfd.xn--p1ai",
    "xn--strae-oqa.example": "https://xn--strae-oqa.example",
    "localhost": "https://localhost",
    "trueconf_server": "https://trueconf_server",
}


def test_every_form_of_an_address_is_understood(tmp_path):
    for ip, url in ADDRESSES.items():
        loaded = load(tmp_path, office("ip", ip))
        assert loaded.servers["office"].url == url
        codes = [warning.code for warning in loaded.warnings]
        assert codes == (["unencrypted"] if url.startswith("http:") else [])


NO_ADDRESSES = [
    "my server", "ftp://host", "://host", "https://", "http:/host", "host:99999", "host:0",
    "host:port", "host:443:443", "host/path", "https://host/c/123?x=1", "host#part",
    "user:hunter2@host", "https://user:hunter2@host/", "[::1", "[nonsense]", "[1.2.3.4]", "1:2:3",
    "host..name", "-host", "ж" * 300, "h" * 300, "?", "a,b", "192.168.0.1;192.168.0.2", "-ж.рф",
    "☃.example", "а\u0338/б.рф", "[fe80::1%]", "[fe80::1%a b]", "fe80::1%<fill in>",
]  # fmt: skip


def test_nonsense_is_no_address(tmp_path):
    for ip in NO_ADDRESSES:
        [problem] = error_of(tmp_path, office("ip", ip)).problems
        assert (problem.code, problem.key) == ("ip", "servers.office.ip"), ip
        assert "hunter2" not in screens.problem(problem)


def certificate() -> bytes:
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


def test_path_of_a_certificate_is_relative_to_the_settings(tmp_path, monkeypatch):
    monkeypatch.chdir("/")
    for path in ["ca.crt", "certs/ca.crt", "certs\\ca.crt", ".\\certs\\ca.crt"]:
        file = tmp_path / path.replace("\\", "/")
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(certificate())
        verify = load(tmp_path, office("ssl_certificate", path)).servers["office"].verify
        assert Path(verify).samefile(file)


def test_absolute_path_of_a_certificate_and_a_folder_of_certificates_are_taken(tmp_path):
    file = tmp_path / "a long name with spaces and кириллица-trueconf-server-2026.crt"
    file.write_bytes(certificate())
    for path in (file, tmp_path):
        verify = load(tmp_path, office("ssl_certificate", str(path))).servers["office"].verify
        assert Path(verify).samefile(path)


def test_own_certificate_of_a_server_is_taken_as_well_as_an_authoritys(tmp_path, new_server):
    address = new_server().address.split(":")
    pem = ssl.get_server_certificate((address[0], int(address[1])))
    for text in (pem, f"Bag Attributes\r\n{pem}".replace("\n", "\r\n"), pem + pem):
        (tmp_path / "own.crt").write_bytes(text.encode())
        assert codes_of(tmp_path, office("ssl_certificate", "own.crt")) == []


def test_file_that_is_missing_or_no_certificate_is_named(tmp_path):
    key = "servers.office.ssl_certificate"
    pasted = "-----BEGIN\n" + "x" * 5000
    for path in ["missing.crt", "C:\\certs\\ca.crt", "a\x00b", "x" * 300, pasted]:
        [problem] = error_of(tmp_path, office("ssl_certificate", path)).problems
        assert (problem.code, problem.key) == ("no_certificate", key)
    for raw in [b"", b"hello", b"\x30\x82\x01\x0a\x02", b"-----BEGIN CERTIFICATE-----\nx\n"]:
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
    ("tg-users-id", ["<ID>"], "placeholder", "tg-users-id[0]", '"<ID>"', ""),
    ("tg-users-id", ["<123456789>"], "brackets", "tg-users-id[0]", "", "< >"),
    ("tg-api-token", f"<{TOKEN}>", "brackets", "tg-api-token", "", "< >"),
    ("servers/office/client_secret", f"<{SECRET}>", "brackets", "servers.office.client_secret", "",
     "< >"),
    ("servers/office/ip", "<192.168.0.7>", "brackets", "servers.office.ip", "", "< >"),
    ("tg-users-id", [0], "user", "tg-users-id[0]", "0", "123456789"),
    ("tg-users-id", [True], "user", "tg-users-id[0]", "true", "123456789"),
    ("tg-users-id", [1.5], "user", "tg-users-id[0]", "1.5", "123456789"),
    ("tg-users-id", [None], "user", "tg-users-id[0]", "null", "123456789"),
    ("tg-users-id", [2**60], "user", "tg-users-id[0]", "1152921504606846976", "123456789"),
    ("tg-users-id", [-1001234567890], "only_groups", "tg-users-id", "", ""),
    ("language", "xx", "choice", "language", '"xx"', "ru, en, de, es"),
    ("language", 5, "choice", "language", "5", "ru, en, de, es"),
    ("language", ["ru"], "choice", "language", "…", "ru, en, de, es"),
    ("tg-proxy", "host:3128", "address", "tg-proxy", "", "socks5h"),
    ("tg-proxy", "ftp://host:21", "address", "tg-proxy", "", "socks5h"),
    ("tg-proxy", "http://", "address", "tg-proxy", "", "socks5h"),
    ("tg-proxy", "http://host:99999", "address", "tg-proxy", "", "socks5h"),
    ("tg-proxy", "http://[::1", "address", "tg-proxy", "", "socks5h"),
    ("tg-proxy", "http://my host:3128", "address", "tg-proxy", "", "socks5h"),
    *[
        ("tg-proxy", link, "proxy_link", "tg-proxy", "", "socks5h")
        for link in [
            "tg://proxy?server=a&port=1&secret=x", "https://t.me/proxy?server=a&port=1&secret=x",
            "t.me/proxy?server=a", "https://telegram.me/socks?server=a", "mtproto://a:1",
        ]
    ],
    *[
        ("tg-proxy", f"{scheme}://anna:hunter{letter}2@host:3128", "proxy_password", "tg-proxy", "",
         f"%{ord(letter):02X}")
        for scheme in ("http", "socks5h") for letter in "#/?[]\\"
    ],
    ("tg-api-url", "http://127.0.0.1:8081/bot", "api_url_bot", "tg-api-url", "", "8081"),
    ("tg-api-url", "http://127.0.0.1/bot{0}/{1}", "api_url_bot", "tg-api-url", "", "8081"),
    ("tg-api-url", f"https://host/x/bot{TOKEN}/getMe", "api_url_bot", "tg-api-url", "", "8081"),
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
    ("tg-users-id", [1, 777000], "nobody", "tg-users-id[1]", "777000", "@userinfobot"),
    ("tg-users-id", ["136817688"], "nobody", "tg-users-id[0]", "136817688", "@userinfobot"),
    ("tg-users-id", [1087968824], "nobody", "tg-users-id[0]", "1087968824", "@userinfobot"),
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


def test_each_problem_is_a_sentence_with_key_found_and_expected(tmp_path):
    for path, value, code, key, shown, expected in WRONG:
        problems = error_of(tmp_path, put(BASE, path, value)).problems
        assert [(problem.code, problem.key) for problem in problems] == [(code, key)], (path, value)
        sentences = set()
        for language in texts.LANGUAGES:
            texts.use(language)
            said = screens.problem(problems[0])
            sentences.add(said)
            assert is_sentence(said), said
            assert [part for part in (key, shown, expected) if part not in said] == [], said
            hidden = ("&", "hunter", TOKEN, TOKEN.partition(":")[2], SECRET, SECRET[:12])
            assert [part for part in hidden if part in said] == [], said
        assert len(sentences) == len(texts.LANGUAGES)


FILES = {
    "empty": b"",
    "json": b'{"tg-api-token": ',
    "json_comma": b'{"a": 1\n"b": 2}',
    "json_quotes": b"{'a': 1}",
    "json_character": b'{"a":\xc2\xa01}',
    "json_escape": rb'{"log-file": "C:\logs\bot.log"}',
    "not_object": b"[]",
    "encoding": "Сервер".encode("cp1251"),
    "utf_16": "{}".encode("utf-16"),
    "twice": b'{"language": "ru", "language": "ru"}',
    "backslash": rb'{"log-file": "C:\trueconf-bot\bot.log"}',
}
OTHER_FILES = ("unreadable", "no_file", "hidden_ending", "dotenv_quotes")


@pytest.mark.parametrize("code", [*FILES, *OTHER_FILES])
def test_each_problem_of_a_file_is_a_sentence(tmp_path, code):
    file = tmp_path / "settings.json"
    if code in FILES:
        file.write_bytes(FILES[code])
    if code == "unreadable":
        file.mkdir()
    if code == "hidden_ending":
        (tmp_path / "settings.json.txt").touch()
    if code == "dotenv_quotes":
        (tmp_path / ".env").write_text(f"settings={dumped(BASE)}", encoding="utf-8")
    with pytest.raises(SettingsError) as caught:
        settings.load("missing.json" if code == "no_file" else None, tmp_path)
    problem = next(one for one in caught.value.problems if one.code == code)
    for language in texts.LANGUAGES:
        texts.use(language)
        said = screens.problem(problem)
        assert is_sentence(said) or code in ("not_object", "dotenv_quotes")
        assert problem.key in said


def test_every_problem_that_the_code_can_find_was_tried_above():
    files = [ROOT / "lib" / name for name in ("settings.py", "settings_files.py")]
    trees = [ast.parse(file.read_text(encoding="utf-8")) for file in files]
    nodes = [node for tree in trees for node in ast.walk(tree)]
    constants = {node.value for node in nodes if isinstance(node, ast.Constant)}
    tried = {code for _, _, code, *_ in WRONG} | set(FILES) | set(OTHER_FILES)
    warnings = {"unencrypted", "unencrypted_api", "unchecked", "unknown", "unknown_near"}
    known = {key.removeprefix("problem_") for key in texts.LANGUAGES["en"] if "problem_" in key}
    assert known == tried | warnings
    assert known <= constants


def test_single_backslashes_in_a_path_are_told(tmp_path):
    for key in ["log-file", "servers/office/ssl_certificate"]:
        for path in ["\temp.log", "\new.log", "C:\bot\new.log"]:
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


MISPLACED = [
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
]


def test_secret_in_the_wrong_place_is_not_shown(tmp_path):
    for path, value in MISPLACED:
        said = command_line.settings_error(error_of(tmp_path, put(BASE, path, value)))
        secrets = (SECRET, TOKEN, TOKEN.partition(":")[2])
        assert [secret for secret in secrets if secret[:12] in said] == [], path


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


def filled_in_example() -> dict:
    content = json.loads((ROOT / "settings.json.example").read_text(encoding="utf-8"))
    content.update({"tg-api-token": TOKEN, "tg-users-id": [111111111]})
    [server] = content["servers"].values()
    server.update(ip="192.168.0.1", client_id="e2633da5", client_secret=SECRET)
    return content


def test_example_works_once_it_is_filled_in_and_nothing_is_off(tmp_path):
    loaded = load(tmp_path, filled_in_example())
    assert loaded.warnings == []
    [server] = loaded.servers.values()
    assert (server.is_monitored, server.has_forgotten_alerts) == (True, True)


def test_example_shows_the_defaults(tmp_path):
    """But for the two switches. Whoever changes a default changes it there too."""
    content = filled_in_example()
    [(name, server)] = content["servers"].items()
    server["server_status"]["state"] = server["forgotten_conferences"]["state"] = 0
    shown = load(tmp_path, content)
    needed = ("ip", "client_id", "client_secret")
    content["servers"][name] = {key: server[key] for key in needed}
    bare = load(tmp_path, {key: content[key] for key in ("tg-api-token", "tg-users-id", "servers")})
    for loaded in (shown, bare):
        assert (loaded.language, loaded.quiet_hours, loaded.proxy) == ("ru", None, "")
    plain = {key: value for key, value in vars(bare.servers[name]).items() if is_plain(value)}
    assert vars(shown.servers[name]).items() >= plain.items()
    assert {"look_interval_s", "forgotten_age_min", "verify"} <= set(plain)


def is_plain(value: object) -> bool:
    return value is None or isinstance(value, (str, int, float, dict))


SAMPLE = re.compile(r"```json\n(\{.*?\n\})\n```", re.DOTALL)
ROW = re.compile(r"^\| `servers\.\w+\.(\w+\.\w+)` \|.*\| `?([\d.]+)`? \|$", re.M)


@pytest.mark.parametrize("readme", ["README.md", "README.ru.md"])
def test_readme_shows_the_values_of_the_example_and_the_defaults_of_the_code(tmp_path, readme):
    text = (ROOT / readme).read_text(encoding="utf-8")
    samples = [json.loads(one) for one in SAMPLE.findall(text)]
    [example] = filled_in_example()["servers"].values()
    servers = [server for one in samples for server in one["servers"].values()]
    assert servers
    for server in servers:
        for section in ("server_status", "forgotten_conferences"):
            assert server.get(section, {}).items() <= example[section].items()

    [server] = load(tmp_path).servers.values()
    defaults = {
        "server_status.state": server.is_monitored,
        "server_status.timeout": server.look_interval_s,
        "server_status.port": server.status_port,
        "server_status.repeat": server.repeat_h,
        "forgotten_conferences.state": server.has_forgotten_alerts,
        "forgotten_conferences.hours": server.forgotten_age_min / 60,
        "forgotten_conferences.timeout": server.forgotten_interval_s,
    }
    rows = dict(ROW.findall(text))
    assert len(rows) >= 6
    assert {key: float(value) for key, value in rows.items()}.items() <= defaults.items()


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
