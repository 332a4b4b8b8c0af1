"""What is wrong in the settings: the sentence for each, and no secret in any."""

import ast

import pytest

import command_line
import texts
from lib import settings
from lib.settings import SettingsError
from tests.conftest import PATIENCE_S, TOKEN, BotProcess, says
from tests.test_settings import (
    BASE,
    FORGOTTEN,
    FORGOTTEN_KEYS,
    GONE,
    SECRET,
    SERVER_KEYS,
    STATUS,
    STATUS_KEYS,
    TOP_KEYS,
    codes_of,
    dumped,
    error_of,
    is_sentence,
    load,
    put,
)
from tests.this_version import sources
from texts import screens

AT_STATUS, AT_FORGOTTEN = "servers.office.server_status", "servers.office.forgotten_conferences"
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
    ("tg-users-id", ["123 456 789"], "user_several", "tg-users-id[0]", '"123 456 789"',
     "123456789,"),
    ("tg-users-id", ["1, 2;3"], "user_several", "tg-users-id[0]", '"1, 2;3"', ", 98765"),
    # What was complained of already is not complained of again as if nobody were listed.
    ("tg-users-id", [-1001234567890, "anna"], "user", "tg-users-id[1]", '"anna"', "123456789"),
    ("tg-users-id", [777000, -1001234567890], "nobody", "tg-users-id[0]", "777000", "@userinfobot"),
    ("language", "<ru|en|de|es>", "placeholder", "language", '"<ru|en|de|es>"', ""),
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
        ("tg-proxy", script, "proxy_script", "tg-proxy", "", "socks5h")
        for script in [
            "http://wpad.example.org/wpad.dat", "https://proxy:8080/x/Proxy.PAC?a=1",
            "file:///C:/proxy.pac", "pac+http://127.0.0.1:8081",
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
    ("servers", [{"ip": SECRET}], "servers_list", "servers", "", "settings.json.example"),
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
    ("tg-viewers-id", 5, "users", "tg-viewers-id", "5", "[123456789, 987654321]"),
    ("tg-viewers-id", "1", "users", "tg-viewers-id", '"1"', "[123456789, 987654321]"),
    ("tg-viewers-id", None, "users", "tg-viewers-id", "null", "[123456789, 987654321]"),
    ("tg-viewers-id", ["anna"], "viewer", "tg-viewers-id[0]", '"anna"', "123456789"),
    ("tg-viewers-id", [1, True], "viewer", "tg-viewers-id[1]", "true", "123456789"),
    ("tg-viewers-id", ["123:17"], "viewer", "tg-viewers-id[0]", '"123:17"', "123456789"),
    ("tg-viewers-id", [-1001234567890], "viewer", "tg-viewers-id[0]", "-100123", "tg-users-id"),
    ("tg-viewers-id", ["-1005:17"], "viewer", "tg-viewers-id[0]", '"-1005:17"', "tg-users-id"),
    ("tg-viewers-id", ["1 2"], "user_several", "tg-viewers-id[0]", '"1 2"', "[123456789, "),
    ("tg-viewers-id", [777000], "nobody", "tg-viewers-id[0]", "777000", "@userinfobot"),
    ("tg-viewers-id", ["<ID>"], "placeholder", "tg-viewers-id[0]", '"<ID>"', ""),
    ("heartbeat-url", "hc-ping.com/x", "address", "heartbeat-url", "", "http, https"),
    ("heartbeat-url", "ftp://host/x", "address", "heartbeat-url", "", "http, https"),
    ("heartbeat-url", "https://host/a b", "address", "heartbeat-url", "", "http, https"),
    ("heartbeat-url", True, "not_text", "heartbeat-url", "", ""),
    ("heartbeat-url", "<https://host/x>", "brackets", "heartbeat-url", "", ""),
    (f"{STATUS}/maintenance", "03:00-03:30", "windows", f"{AT_STATUS}.maintenance",
     '"03:00-03:30"', '["03:00-03:30", "sun 02:00-04:00"]'),
    (f"{STATUS}/maintenance", {"a": 1}, "windows", f"{AT_STATUS}.maintenance", "…", '["03:00'),
    (f"{STATUS}/maintenance", [3], "window", f"{AT_STATUS}.maintenance[0]", "3", '"03:00-03:30"'),
    *[
        (f"{STATUS}/maintenance", ["03:00-04:00", wrong], "window",
         f"{AT_STATUS}.maintenance[1]", f'"{wrong}"', '"sun 02:00-04:00"')
        for wrong in ("3-4", "03:00-03:00", "03:00-24:30", "So 02:00-04:00", "")
    ],
    ("digest", "9", "digest", "digest", '"9"', '"mon 09:00"'),
    ("digest", "24:00", "digest", "digest", '"24:00"', '"09:00"'),
    ("digest", "Mo 09:00", "digest", "digest", '"Mo 09:00"', '"mon 09:00"'),
    ("digest", 9, "not_text", "digest", "", ""),
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
    *[
        (path, word, "quoted", path.replace("/", "."), "", word.strip().lower())
        for path in (f"{STATUS}/state", f"{FORGOTTEN}/state", "servers/office/ssl_certificate")
        for word in ("false", "true", "False", " TRUE")
    ],
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


# What stands where it does not belong, the code and the key of the problem, where it belongs.
AT_WRONG_DEPTH = [
    ("branch", BASE["servers"]["office"], "misplaced_server", "branch", "servers"),
    ("branch", {"ip": "10.0.0.1"}, "misplaced_server", "branch", "servers"),
    ("branches/north", {"client_id": "x"}, "misplaced_server", "branches.north", "servers"),
    ("servers/office/branch", {"ip": "x"}, "misplaced_server", "servers.office.branch", "servers"),
    ("servers/office/quiet-hours", "22:00-07:00", "misplaced_top", "servers.office.quiet-hours",
     ""),
    ("servers/office/quiet_hours", "", "misplaced_top", "servers.office.quiet_hours", ""),
    (f"{STATUS}/language", "en", "misplaced_top", f"{AT_STATUS}.language", ""),
    ("telegram/tg-proxy", "", "misplaced_top", "telegram.tg-proxy", ""),
    ("servers/tg-proxy", "", "misplaced_top", "servers.tg-proxy", ""),
    ("servers/office/servers", {"b": {}}, "misplaced_top", "servers.office.servers", ""),
    ("servers/office/port", 4307, "misplaced", "servers.office.port", AT_STATUS),
    ("port", 0, "misplaced", "port", AT_STATUS),
    ("server_status", {"state": 1}, "misplaced", "server_status", "servers.office"),
    ("ssl_certificate", False, "misplaced", "ssl_certificate", "servers.office"),
    ("servers/office/hours", 2, "misplaced", "servers.office.hours", AT_FORGOTTEN),
    (f"{STATUS}/hours", 2, "misplaced", f"{AT_STATUS}.hours", AT_FORGOTTEN),
    (f"{FORGOTTEN}/client_id", "x", "misplaced", f"{AT_FORGOTTEN}.client_id", "servers.office"),
    ("servers/office/state", 1, "misplaced", "servers.office.state",
     f"{AT_STATUS} / {AT_FORGOTTEN}"),
]  # fmt: skip


def test_what_stands_at_the_wrong_depth_is_a_problem_that_says_where_it_belongs(tmp_path):
    for path, value, code, key, place in AT_WRONG_DEPTH:
        problems = error_of(tmp_path, put(BASE, path, value)).problems
        assert [(problem.code, problem.key) for problem in problems] == [(code, key)], path
        for language in texts.LANGUAGES:
            texts.use(language)
            said = screens.problem(problems[0])
            assert is_sentence(said)
            assert key in said
            assert place in said, said


def test_keys_of_a_server_right_in_servers_belong_into_one(tmp_path):
    content = put(BASE, "servers", {**BASE["servers"]["office"], "server_status": {"state": 1}})
    problems = error_of(tmp_path, content).problems
    assert [(one.code, one.key, dict(one.details)["places"]) for one in problems] == [
        ("misplaced", f"servers.{key}", "servers.NAME") for key in content["servers"]
    ]


def test_every_known_key_at_any_other_depth_is_a_problem(tmp_path):
    """Whatever key is added later: it is found without being listed anywhere."""
    places = {
        "": TOP_KEYS, "servers/office/": SERVER_KEYS, f"{STATUS}/": STATUS_KEYS,
        f"{FORGOTTEN}/": FORGOTTEN_KEYS,
    }  # fmt: skip
    for place in places:
        for other, keys in places.items():
            for key in set(keys) - set(places[place]):
                codes = codes_of(tmp_path, put(BASE, place + key, None))
                assert codes[0].startswith("misplaced"), (place, other, key)


def test_check_does_not_call_a_server_at_the_wrong_depth_well(tmp_path):
    content = put(BASE, "branch", BASE["servers"]["office"])
    bot = BotProcess(tmp_path, content).start("--settings", "settings.json", "--check")
    assert bot.process.wait(PATIENCE_S) == command_line.EXIT_SETTINGS
    assert says(bot.output, "problem_misplaced_server", key="branch")
    assert not says(bot.output, "check_all_well")


def test_what_was_put_aside_on_purpose_is_only_warned_of(tmp_path):
    content = put(BASE, "_old", {"branch": BASE["servers"]["office"]})
    content = put(content, "servers/office/#quiet-hours", "22:00-07:00")
    content = put(content, "comment", {"by": "me", "of": [1]})
    loaded = load(tmp_path, content)
    found = [(warning.code, warning.key) for warning in loaded.warnings]
    assert found == [
        ("unknown", "_old"),
        ("unknown", "comment"),
        ("unknown", "servers.office.#quiet-hours"),
    ]


def test_server_may_have_the_name_of_a_key(tmp_path):
    for name in ("language", "server_status", "told", "ip"):
        servers = {name: BASE["servers"]["office"]}
        assert list(load(tmp_path, put(BASE, "servers", servers)).servers) == [name]


ALIKE = [
    ("Caf\u00e9", "Cafe\u0301"), ("HQ", "HQ "), ("HQ", "hq"), ("Head  office", "head office"),
    ("ОФИС", "офис\u200b"), ("office 1", "office\u00a01"),
]  # fmt: skip


def test_names_of_servers_that_look_alike_are_warned_of(tmp_path):
    for name, other in ALIKE:
        servers = dict.fromkeys([name, "another", other], BASE["servers"]["office"])
        loaded = load(tmp_path, put(BASE, "servers", servers))
        [warning] = loaded.warnings
        assert (warning.code, warning.key) == ("alike", f"servers.{other}")
        assert list(loaded.servers) == [name, "another", other]
        assert is_sentence(screens.problem(warning))


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
    "json_extra_comma": b'{"a": 1,}',
    "json_semicolon": b'{"a": 1;}',
    "json_colon": b'{"a" 1}',
    "json_open": b'{"a": 1',
    "json_bracket": b'{"a": [1}',
    "json_after": b'{"a": 1}}',
    "json_comment": b'{"a": 1 // b\n}',
    "json_fence": b'```\n{"a": 1}',
    "json_python": b'{"a": True}',
    "json_unquoted": b'{"a": b}',
    "json_string": b'{"a": "b\n}',
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
        assert is_sentence(said) or code in (
            "not_object",
            "dotenv_quotes",
            "json_open",
            "json_bracket",
        )
        assert problem.key in said


def test_every_problem_that_the_code_can_find_was_tried_above():
    files = sources("lib/settings*.py")
    trees = [ast.parse(file.read_text(encoding="utf-8")) for file in files]
    nodes = [node for tree in trees for node in ast.walk(tree)]
    constants = {node.value for node in nodes if isinstance(node, ast.Constant)}
    tried = {code for _, _, code, *_ in WRONG} | set(FILES) | set(OTHER_FILES)
    tried |= {code for _, _, code, *_ in AT_WRONG_DEPTH}
    warnings = {"alike", "viewer_too", "unchecked", "unknown", "unknown_near"}
    warnings |= {"unencrypted", "unencrypted_api", "unencrypted_heartbeat", "long_window"}
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
    assert "settings.json.example" in lines[-1]


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


# Of every shape: an access token, base64, a password.
SHAPES = [
    "3f9a1b2c4d5e6f708192", "dGhpcyBpcyBhIHNlY3JldCBrZXk", "QWxhZGRpbjpvcGVu+/==",
    "sk_live_4eC39HqLyjWDarjtT1zdp7dc", "Hunter2Hunter", "pa55word!",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.SflKxwRJSMeKKF2QT4",
]  # fmt: skip
SHOWING = [
    "tg-users-id", "language", "quiet-hours", "servers", "servers/office", "servers/office/ip",
    "servers/office/api_version", "servers/office/ssl_certificate", STATUS, f"{STATUS}/state",
    f"{STATUS}/port", f"{FORGOTTEN}/hours",
]  # fmt: skip


def test_secret_of_any_shape_in_a_wrong_key_is_not_shown(tmp_path):
    for path in SHOWING:
        for secret in SHAPES:
            try:
                load(tmp_path, put(BASE, path, secret))
            except SettingsError as error:
                said = command_line.settings_error(error)
            else:
                assert path.endswith("/ip")  # it might be the name of a host
                said = ""
            assert secret[:6] not in said


def test_secret_in_the_wrong_place_is_not_shown(tmp_path):
    for path, value in MISPLACED:
        said = command_line.settings_error(error_of(tmp_path, put(BASE, path, value)))
        secrets = (SECRET, TOKEN, TOKEN.partition(":")[2])
        assert [secret for secret in secrets if secret[:12] in said] == [], path
