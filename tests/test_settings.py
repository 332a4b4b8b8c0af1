"""The settings: what is understood, and the sentence for each thing that is wrong."""

import copy
import json
import re
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

import command_line
import texts
from lib import settings
from lib.logs import mask
from lib.schedule import Digest, Window
from lib.settings import SettingsError
from lib.trueconf_model import Server
from tests.conftest import ROOT, TOKEN
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
    "tg-api-token", "tg-users-id", "tg-viewers-id", "language", "quiet-hours", "digest",
    "heartbeat-url",    "tg-proxy", "tg-api-url", "log-file", "servers",
)  # fmt: skip
SERVER_KEYS = (
    "ip", "client_id", "client_secret", "access_token", "ssl_certificate", "api_version",
    "server_status", "forgotten_conferences", "told",
)  # fmt: skip
STATUS_KEYS = ("state", "timeout", "port", "repeat", "maintenance", "down_since", "paused_until")
FORGOTTEN_KEYS = ("state", "hours", "timeout", "reported")
STATUS = "servers/office/server_status"
FORGOTTEN = "servers/office/forgotten_conferences"
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


def certificate() -> bytes:
    """A real certificate: one of those that requests brings along."""
    import certifi

    first = Path(certifi.where()).read_text(encoding="ascii").partition("-----BEGIN")[2]
    end = "-----END CERTIFICATE-----\n"
    return f"-----BEGIN{first.partition(end)[0]}{end}".encode()


def is_sentence(said: str) -> bool:
    words = said.replace("…", "").split()
    return said[-1] in ".?" and len(words) >= 2 and not set("{}") & set(said)


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


def test_byte_order_mark_of_notepad_is_no_matter(tmp_path):
    assert load(tmp_path, dumped(BASE).encode("utf-8-sig")).token == TOKEN


@pytest.mark.parametrize("system", ["de", "en"])
def test_problem_is_told_in_the_language_asked_for_or_else_in_that_of_the_system(
    tmp_path, monkeypatch, system
):
    monkeypatch.setenv("LC_ALL", f"{system}_XX.UTF-8")
    unreadable = [
        b"", b"[]", dumped(BASE).encode("utf-16"), "Сервер".encode("cp1251"), '{"language": "xx", ',
        dumped(put(BASE, "language", "xx")), dumped(put(BASE, "language", 5)),
    ]  # fmt: skip
    last = settings.LANGUAGES[-1]
    asking = {f'{{"language" : "{last}", ': last, dumped(put(BASE, "tg-users-id", [])): "en"}
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


def test_viewers_are_people_and_have_no_fewer_rights_by_being_listed_twice(tmp_path):
    content = put(BASE, "tg-users-id", [111, -1005])
    loaded = load(tmp_path, put(content, "tg-viewers-id", ["222", 333, " 222 ", 111]))
    assert (loaded.viewers, loaded.users) == ([222, 333], [111, -1005])
    assert loaded.recipients == [(111, None), (-1005, None), (222, None), (333, None)]
    assert [one for one in (111, 222, 333, 444) if loaded.may_look(one)] == [111, 222, 333]
    [warning] = loaded.warnings
    assert (warning.code, warning.key) == ("viewer_too", "tg-viewers-id[3]")
    assert "111" in screens.problem(warning)
    assert loaded.telegram_keys()["tg-viewers-id"] == [222, 333]
    for none in ([], GONE):
        with_none = put(put(BASE, "tg-viewers-id", [1]), "tg-viewers-id", none)
        assert load(tmp_path, with_none).viewers == []


def test_digest_is_read(tmp_path):
    assert load(tmp_path).digest is None
    assert load(tmp_path, put(BASE, "digest", "")).digest is None
    assert load(tmp_path, put(BASE, "digest", " mon 09:00")).digest == Digest(540, 0)


def test_heartbeat_may_come_from_a_variable_and_is_a_secret(tmp_path, monkeypatch):
    assert load(tmp_path).heartbeat_url == ""
    url = "https://kuma.example.org/api/push/8d0e6a6e?status=up&token=1b2c3d4e"
    loaded = load(tmp_path, put(BASE, "heartbeat-url", f" {url} "))
    assert (loaded.heartbeat_url, loaded.warnings) == (url, [])
    for said in (url, url.replace("https", "HTTPS"), "GET /api/push/8d0e6a6e", "token=1b2c3d4e"):
        shown = mask(f"{said} {url.partition('?')[2]}", loaded.secrets())
        assert "8d0e6a6e" not in shown, said
        assert "1b2c3d4e" not in shown.partition(" ")[2]
    assert mask("heartbeat: kuma.example.org", loaded.secrets()) == "heartbeat: kuma.example.org"
    monkeypatch.setenv("HEARTBEAT_URL", "https://hc-ping.com/8d0e6a6e")
    assert load(tmp_path).heartbeat_url == "https://hc-ping.com/8d0e6a6e"
    monkeypatch.setenv("HEARTBEAT_URL", "ftp://hc-ping.com/8d0e6a6e")
    [problem] = error_of(tmp_path, BASE).problems
    assert (problem.code, problem.key) == ("address", "HEARTBEAT_URL")
    assert "8d0e6a6e" not in screens.problem(problem)


def test_heartbeat_that_travels_readable_to_another_computer_is_warned_of(tmp_path):
    for url, codes in [
        ("http://192.168.0.7:3001/api/push/x", ["unencrypted_heartbeat"]),
        ("http://127.0.0.1:3001/api/push/x", []),
        ("https://192.168.0.7/x", []),
    ]:
        loaded = load(tmp_path, put(BASE, "heartbeat-url", url))
        assert [warning.code for warning in loaded.warnings] == codes
        assert all("push/x" not in screens.problem(warning) for warning in loaded.warnings)


def test_planned_windows_are_read(tmp_path):
    assert load(tmp_path).servers["office"].maintenance == ()
    loaded = load(tmp_path, put(BASE, f"{STATUS}/maintenance", ["03:00-03:30", "sun 23:00-02:00"]))
    windows = (Window(180, 210), Window(1380, 120, 6))
    assert (loaded.servers["office"].maintenance, loaded.warnings) == (windows, [])


def test_window_of_more_than_half_a_day_is_warned_of(tmp_path):
    for written, is_long in [
        ("08:00-20:00", False), ("08:00-20:01", True), ("20:00-08:01", True), ("00:00-24:00", True),
        ("sat 13:00-12:59", True),
    ]:  # fmt: skip
        loaded = load(tmp_path, put(BASE, f"{STATUS}/maintenance", ["03:00-03:30", written]))
        found = [(warning.code, warning.key) for warning in loaded.warnings]
        key = "servers.office.server_status.maintenance[1]"
        assert found == [("long_window", key)] * is_long, written
        assert all("12" in screens.problem(warning) for warning in loaded.warnings)


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
        assert loaded.servers["office"].earlier.reported == kept
        assert loaded.warnings == []
    for value in (None, "x", True, -1, 0, 1e300, [5]):
        content = office("server_status", {"down_since": value, "paused_until": value})
        server = load(tmp_path, content).servers["office"].earlier
        assert (server.down_since, server.paused_until) == (None, None)
    for value in ("x", [5], {"a": 5}, {"a" * 501: {}}, {"a": {"111": "x"}}):
        keys = ("messages", "states", "certificate")
        loaded = load(tmp_path, put(BASE, "servers/office/told", dict.fromkeys(keys, value)))
        earlier = loaded.servers["office"].earlier
        assert not any(earlier.alert_messages.values())
        assert (earlier.told_states, earlier.certificate_told) == ([], 0)
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
    content.update({"tg-api-token": TOKEN, "tg-users-id": [111111111], "language": "ru"})
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


@pytest.mark.parametrize("language", ["", ".ru"])
def test_pages_show_the_values_of_the_example_and_the_defaults_of_the_code(tmp_path, language):
    pages = [ROOT / f"README{language}.md", ROOT / "docs" / f"settings{language}.md"]
    text = "\n".join(page.read_text(encoding="utf-8") for page in pages)
    samples = [json.loads(one) for one in SAMPLE.findall(text)]
    [example] = filled_in_example()["servers"].values()
    servers = [server for one in samples for server in one["servers"].values()]
    assert servers
    for server in servers:
        for section in ("server_status", "forgotten_conferences"):
            assert server.get(section, {}).items() <= example[section].items()

    rows = dict(ROW.findall(text))
    assert len(rows) >= 6
    written = BASE
    for key, value in rows.items():
        written = put(written, f"servers/office/{key.replace('.', '/')}", json.loads(value))
    bare, shown = load(tmp_path), load(tmp_path, written)
    assert shown.warnings == bare.warnings
    of_bare, of_shown = (vars(loaded.servers["office"]) for loaded in (bare, shown))
    plain = {key for key, value in of_bare.items() if is_plain(value)}
    assert {key: of_shown[key] for key in plain} == {key: of_bare[key] for key in plain}


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
        ("unknown_near", "tg-user-id", "tg-users-id"),
        ("unknown", "comment", None),
        ("unknown_near", "servers.office.Access_Token", "access_token"),
        ("unknown_near", "servers.office.server_status.time_out", "timeout"),
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


@hypothesis_settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
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
