"""`python main.py --check`, against servers that are right and servers that are not."""

import contextlib
import json
import os
import re
import socketserver
import threading
import time
from pathlib import Path

import pytest

import command_line
import texts
from demo.trueconf.server import FOUR_SCOPES, V4_SCOPES, Certificate, Person
from tests import conftest
from tests.conftest import ANNA, BORIS, PATIENCE_S, STRANGER, TOKEN, BotProcess, says
from texts import words


@pytest.fixture
def check(tmp_path):
    """A function that runs --check and returns its exit code and what it printed."""

    def run(settings: dict, *options: str) -> tuple[int, str]:
        bot = BotProcess(tmp_path, settings)
        bot.start("--settings", str(bot.settings_file), "--check", *options)
        code = bot.process.wait(PATIENCE_S)
        assert "Traceback" not in bot.output
        for server in settings["servers"].values():
            assert server["client_secret"] not in bot.output
        assert TOKEN not in bot.output
        return code, bot.output

    return run


def marked(mark, said, key, number=None, /, **known):
    """Whether a line with this mark says this."""
    lines = [line for line in said.splitlines() if line.startswith(mark)]
    return any(says(line, key, number, **known) for line in lines)


def test_all_is_well_and_said_so(check, anna, new_server, settings_for):
    server = new_server()
    server.add_conference("Planning")
    code, said = check(settings_for({"office": server.settings()}, users=[ANNA]))
    assert code == 0
    assert "[!!]" not in said
    assert "@trueconf_demo_bot" in said
    for permission in ("conferences", "users:read", "logs.calls:read"):
        assert marked("[OK]", said, "check_permission", permission=permission)
    assert says(said, "check_permission", permission="logs.calls.participants:read")
    assert marked("[??]", said, "silent_monitoring", servers="office")
    assert marked("[??]", said, "silent_forgotten", servers="office")


@pytest.mark.parametrize("missing", ["conferences", "users:read", "logs.calls.participants:read"])
def test_the_missing_permission_is_named(check, anna, new_server, settings_for, missing):
    scopes = ["conferences", "users:read", "logs.calls:read", "logs.calls.participants:read"]
    server = new_server(scopes=tuple(scope for scope in scopes if scope != missing))
    server.add_conference("Planning")
    code, said = check(settings_for({"office": server.settings()}, users=[ANNA]))
    assert code == 1
    assert marked("[!!]", said, "error_permission", permission=missing)
    assert sum(bool(says(line, "error_permission")) for line in said.splitlines()) == 1


def test_the_right_to_read_conferences_is_not_the_right_to_stop_them(
    check, anna, new_server, settings_for
):
    scopes = ("conferences:read", "users:read", "logs.calls:read", "logs.calls.participants:read")
    server = new_server(scopes=scopes)
    code, said = check(settings_for({"office": server.settings()}, users=[ANNA]))
    assert code == 1
    assert says(said, "error_permission", permission="conferences")


def test_each_trouble_of_a_server_has_its_advice(check, anna, new_server, settings_for):
    good, slow_clock = new_server(), new_server()
    slow_clock.clock_skew_s = -3600
    expired, other_name = new_server(certificate="expired"), new_server(certificate="other_name")
    code, said = check(
        settings_for(
            {
                "closed port": good.settings(server_status={"port": 1}),
                "no name": good.settings(ip="nowhere.invalid"),
                "untrusted": new_server(certificate="untrusted").settings(ssl_certificate=True),
                "old file": new_server(certificate="untrusted").settings(),
                "expired": expired.settings(),
                "other name": other_name.settings(),
                "wrong secret": good.settings(client_secret="0" * 40),
                "clock": slow_clock.settings(),
            },
            users=[ANNA],
        )
    )
    assert code == 1
    parts = {part.partition(" (")[0]: part for part in said.split("\n\n")}
    closed = says(parts["closed port"], "check_service_silent", port=1)
    assert '"port": 0' in closed[0]
    assert says(parts["no name"], "check_name_not_found", host="nowhere.invalid")
    untrusted = words("reason_certificate_chain")
    assert "ca.crt" in says(parts["untrusted"], "check_certificate_chain", reason=untrusted)[0]
    old_file = says(parts["old file"], "check_certificate_chain_file", reason=untrusted)
    assert "ssl_certificate" in old_file[0]
    for name, kind in (("expired", "certificate_expired"), ("other name", "certificate_name")):
        assert says(parts[name], f"check_{kind}", reason=words(f"reason_{kind}"))
        assert "ca.crt" not in parts[name]
    assert says(parts["wrong secret"], "error_wrong_secret")
    assert says(parts["clock"], "check_clock")


def test_a_person_who_never_pressed_start_is_named(check, anna, telegram, new_server, settings_for):
    telegram.person(BORIS, first_name="Boris")
    server = new_server().settings()
    code, said = check(settings_for({"office": server}, users=[ANNA, BORIS]))
    assert code == 1
    assert marked("[!!]", said, "check_user_silent", id=BORIS)
    assert marked("[OK]", said, "check_user", id=ANNA)


def test_topic_that_is_gone_or_closed_is_named(check, anna, telegram, new_server, settings_for):
    group = telegram.group(-1001234567890, members=[anna], topics={17: "Alerts", 18: "Old"})
    group.closed_topics.add(18)
    listed = [f"{group.id}:{topic}" for topic in (17, 18, 19)]
    code, said = check(settings_for({"office": new_server().settings()}, users=[ANNA, *listed]))
    assert code == 1
    assert marked("[OK]", said, "check_topic", id=listed[0])
    for one in listed[1:]:
        assert marked("[!!]", said, "check_topic_silent", id=one)


def test_viewers_are_tried_like_users_and_called_viewers(
    check, anna, boris, telegram, new_server, settings_for
):
    telegram.person(STRANGER, first_name="Mallory")
    server, viewers = new_server().settings(), [BORIS, STRANGER, ANNA]
    code, said = check(settings_for({"office": server}, users=[ANNA], **{"tg-viewers-id": viewers}))
    assert code == 1
    assert marked("[OK]", said, "check_user", id=ANNA)
    assert marked("[OK]", said, "check_viewer", id=BORIS)
    assert marked("[!!]", said, "check_viewer_silent", id=STRANGER)
    assert marked("[??]", said, "problem_viewer_too", key="tg-viewers-id[2]", id=ANNA)
    assert not says(said, "check_viewer", id=ANNA)


def test_a_token_that_telegram_refuses_is_said(check, anna, telegram, new_server, settings_for):
    telegram.fail("getMe", code=401, description="Unauthorized", times=9)
    code, said = check(settings_for({"office": new_server().settings()}, users=[ANNA]))
    assert code == 1
    assert marked("[!!]", said, "token_refused_api", url=telegram.url)
    assert says(said, "check_login")  # the servers are checked all the same


def test_telegram_out_of_reach_leads_to_the_proxy(check, telegram, new_server, settings_for):
    telegram.stop()
    server = new_server().settings()
    code, said = check(settings_for({"office": server}))
    assert code == 1
    assert "tg-proxy" in says(said, "telegram_silent")[0]
    code, said = check(settings_for({"office": server}, **{"tg-proxy": "http://u:pw@127.0.0.1:1"}))
    assert code == 1
    assert says(said, "telegram_by_proxy", proxy="127.0.0.1:1", where="tg-proxy")
    assert "pw" not in said


@pytest.mark.parametrize("proxy", ["http://u:hunter2@127.0.0.1:1", "127.0.0.1:1", "http://[x"])
def test_proxy_of_the_system_is_named_and_its_password_is_not(
    check, monkeypatch, new_server, settings_for, proxy
):
    monkeypatch.setattr(conftest, "FOREIGN_VARIABLES", re.compile("(?!)"))
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    settings = settings_for({"office": new_server().settings()})
    del settings["tg-api-url"]
    code, said = check(settings)
    assert code == 1
    if "[" in proxy:
        assert says(said, "telegram_proxy_address", proxy="[x", where="HTTPS_PROXY")
    else:
        assert marked("[OK]", said, "check_proxy", host="127.0.0.1:1")
        known = {"proxy": "127.0.0.1:1", "where": "HTTPS_PROXY"}
        assert says(said, "telegram_by_proxy", **known, reason=words("reason_refused"))
    assert says(said, "check_login")
    assert "hunter2" not in said


def test_connection_without_encryption_has_no_certificate_that_could_be_right(
    check, anna, new_server, settings_for
):
    server = new_server(tls=False)
    code, said = check(settings_for({"office": server.settings()}, users=[ANNA]))
    assert code == 0
    assert marked(
        "[OK]", said, "check_web_plain", url=f"http://{server.address.partition('//')[2]}"
    )
    assert not says(said, "check_web")
    assert not says(said, "certificate_until")


def test_the_advice_is_in_the_language_of_the_settings(check, telegram, new_server, settings_for):
    telegram.stop()
    for language in texts.LANGUAGES:
        texts.use(language)
        expected = texts.plain_text("check_not_well")
        _, said = check(settings_for({"a": new_server().settings()}, language=language))
        assert expected in said


def test_version_of_the_api_is_named(check, anna, new_server, settings_for):
    servers = {name: new_server(scopes=(*FOUR_SCOPES, *V4_SCOPES)) for name in ("a", "b", "c", "d")}
    servers["a"].api_versions = {"v3.2"}
    servers["b"].api_versions = {"v4"}
    servers["c"].api_versions = {"v3.8", "v4"}
    servers["d"].api_versions = set()
    parts = {name: server.settings() for name, server in servers.items()}
    parts["b"]["api_version"] = "v4"
    parts["c"]["api_version"] = "v3.11"
    code, said = check(settings_for(parts, users=[ANNA]))
    assert code == 1
    about = dict(zip("abcd", said.split("\n\n")[1:5], strict=True))
    assert marked("[OK]", about["a"], "check_version", version="v3.2")
    assert marked("[OK]", about["b"], "check_version", version="v4")
    for permission in V4_SCOPES:
        assert marked("[OK]", about["b"], "check_permission", permission=permission)
    assert marked("[!!]", about["c"], "check_other_version", wanted="v3.11", version="v3.8")
    assert marked("[!!]", about["d"], "check_no_version")
    for key in ("check_permission", "error_permission"):
        assert not says(about["c"] + about["d"], key)


def test_end_of_the_certificate_and_an_unknown_zone_are_told(check, anna, new_server, settings_for):
    good, ending = new_server(), new_server(certificate=Certificate(ends_in_days=3))
    good.timezone, good.live_duration = "Nowhere/Unknown", False
    good.add_conference("Planning")
    parts = {"good": good.settings(), "ending": ending.settings()}
    code, said = check(settings_for(parts, users=[ANNA]))
    assert code == 0
    assert any(marked("[OK]", said, "certificate_until", days) for days in range(360, 370))
    assert marked("[??]", said, "certificate_until", 3)
    assert marked("[??]", said, "check_zone", zone="Nowhere/Unknown")


def test_report_holds_names_and_types_and_no_value(check, anna, new_server, settings_for):
    people = [Person("anna", "Anna Petrova"), Person("boris", "Boris Ivanov")]
    v3, v4 = new_server(people=people), new_server(people=people, scopes=V4_SCOPES)
    v4.api_versions = {"v4"}
    for server in (v3, v4):
        server.add_conference("Secret planning", conference_id="4821907733")
    parts = {"Head office": v3.settings(), "Branch": v4.settings()}
    code, said = check(settings_for(parts, users=[ANNA]), "--report")
    assert code == 0
    report = said[says(said, "report_begins").end() :]
    assert "server 1: API v3.3" in report
    assert "server 2: API v4" in report
    assert "GET logs/calls: 200 {cnt: int, list: [{" in report
    assert "end_time: null" in report
    assert "GET conferences: 200 {results: int, conferences: [{" in report
    assert "GET conferences/{example}/participants: 200 {cnt: int, list: [{" in report
    assert "POST token: 200 {access_token: str" in report
    assert says(report.splitlines()[-1], "report_ends")
    values = (
        "127.0.0.1",
        "example.org",
        "Secret",
        "4821907733",
        "Anna",
        "anna",
        "office",
        "Branch",
    )
    assert [value for value in values if value in report] == []


def test_fields_that_no_document_knows_are_counted_and_not_named(
    check, anna, new_server, settings_for
):
    """As an answer may have one for each person, named by the login."""
    server = new_server(people=[Person("anna", "Anna Petrova")])
    row = {"status": 1, "anna": {"status": 1}, "boris_ivanov": 2, "groups": {"ivanova": []}}
    server.break_path("users", "many_rows", count=2, row=row)
    parts = {"office": server.settings()}
    _, said = check(settings_for(parts, users=[ANNA]), "--report")
    report = said[says(said, "report_begins").end() :]
    assert "users: [{status: int, groups: {+1}, +2}]" in report
    assert [name for name in ("anna", "boris", "ivanova") if name in report] == []


def test_report_of_the_simulators_counts_no_field(check, anna, new_server, settings_for):
    """What they answer is documented, so that none of it is missing from the list."""
    v3, v4 = new_server(), new_server(scopes=V4_SCOPES)
    v4.api_versions = {"v4"}
    for server in (v3, v4):
        server.add_conference("Planning")
    parts = {"old": v3.settings(), "new": v4.settings()}
    _, said = check(settings_for(parts, users=[ANNA]), "--report")
    report = said[says(said, "report_begins").end() :]
    assert not re.search(r"\+\d", report), report


def test_report_ends_whatever_the_size_of_an_answer():
    rows = [{**dict.fromkeys(map(str, range(number)))} for number in range(1000)]
    wide = dict.fromkeys(map(str, range(100_000)), rows)
    assert len(command_line._shape(rows)) < 200
    assert command_line._shape(wide) == "{+100000}"


@pytest.mark.parametrize("text", ["[" * 900 + "]" * 900, '{"a":' * 900 + "1" + "}" * 900])
def test_report_ends_whatever_the_depth_of_an_answer(text):
    assert len(command_line._shape(json.loads(text))) < 200


def test_report_of_a_server_that_is_silent_ends_too(check, anna, new_server, settings_for):
    server = new_server()
    server.go_down()
    code, said = check(settings_for({"office": server.settings()}, users=[ANNA]), "--report")
    assert code == 1
    assert "GET vsstatus: refused" in said
    assert "server 1: API not found" in said


def test_log_file_that_is_something_else_is_told(check, anna, new_server, settings_for):
    settings = settings_for({"office": new_server().settings()}, users=[ANNA])
    code, said = check({**settings, "log-file": "settings.json"})
    assert code == 1
    file = says(said, "check_log_file_other").group("file")
    assert Path(file).name == "settings.json"
    assert check({**settings, "log-file": "bot.log"})[0] == 0


def test_clock_and_zone_of_the_bots_computer_are_named(check, anna, new_server, settings_for):
    _, said = check(settings_for({"office": new_server().settings()}, users=[ANNA]))
    zone = says(said, "check_own_clock").group("zone")
    assert zone == time.strftime("%Z (UTC%z)")


# The zone, and where its data are looked for. C understands no names of places on Windows.
ZONES = [("Nowhere/Unknown", ""), ("Europe/Moscow", "/nowhere"), ("MSK", "")]
KNOWN_ZONES = [("MSK-3", ""), ("UTC", "/nowhere"), ("Etc/UTC", "")]
PLACES = [("Europe/Moscow", ""), ("Africa/Abidjan", "")]
(ZONES if os.name == "nt" else KNOWN_ZONES).extend(PLACES)
HAS_ZONES = os.name == "nt" or Path("/usr/share/zoneinfo").exists()


@pytest.mark.skipif(not HAS_ZONES, reason="no zones here at all")
@pytest.mark.parametrize(("zone", "folder"), [*ZONES, *KNOWN_ZONES])
def test_zone_of_the_bot_that_is_not_understood_is_told(
    tmp_path, telegram, anna, new_server, settings_for, zone, folder
):
    variables = {"TZ": zone, **({"TZDIR": folder} if folder else {})}
    bot = BotProcess(tmp_path, settings_for({"office": new_server().settings()}, users=[ANNA]))
    bot.start("--settings", str(bot.settings_file), "--check", **variables)
    assert bot.process.wait(PATIENCE_S) == 0
    is_told = marked("[??]", bot.output, "check_own_zone", zone=zone)
    assert is_told == ((zone, folder) in ZONES), bot.output
    bot.output_file.write_text("")
    try:
        bot.start(**variables)
        bot.wait_for_output("Bot is running...")
        assert bool(says(bot.output, "check_own_zone", zone=zone)) == is_told
        assert bot.stop() == 0
    finally:
        bot.kill()


def test_http_before_a_port_that_speaks_https_is_told(check, anna, new_server, settings_for):
    server = new_server()
    with listening(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n") as apache:
        for address in (server.address, apache):
            settings = server.settings(ip=f"http://{address}", server_status={"port": 0})
            code, said = check(settings_for({"office": settings}, users=[ANNA]))
            assert code == 1
            assert marked("[!!]", said, "check_web_silent_plain", url=f"http://{address}")
            assert not says(said, "check_web_plain")


def test_version_is_named_and_that_it_is_attacked(check, anna, new_server, settings_for):
    old, new, hiding = new_server(), new_server(), new_server()
    old.version, new.version, hiding.hides_version = "5.5.4.10021", "5.5.6.10021", True
    no_port = {"server_status": {"port": 0}}
    servers = {
        "old": old.settings(),
        "old web": old.settings(**no_port),
        "new": new.settings(),
        "hiding": hiding.settings(**no_port),
    }
    code, said = check(settings_for(servers, users=[ANNA]))
    assert code == 0
    assert "safe" not in said
    parts = {part.partition(" (")[0]: part for part in said.split("\n\n")}
    for name in ("old", "old web"):
        assert marked("[??]", parts[name], "version_attacked", version="5.5.4.10021", first="5.5.5")
    assert marked("[OK]", parts["new"], "version_known", version="5.5.6.10021")
    assert not says(parts["hiding"], "version_known")


def test_website_without_an_api_is_called_so(check, anna, new_server, settings_for):
    server = new_server()
    with listening(b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno") as website:
        settings = server.settings(ip=f"http://{website}", server_status={"port": 0})
        code, said = check(settings_for({"office": settings}, users=[ANNA]))
    assert code == 1
    assert marked("[!!]", said, "error_no_api")


@contextlib.contextmanager
def listening(answer: bytes):
    """Something that gives each request this answer; its address."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self):
            length = 0
            while line := self.rfile.readline(1000).strip().lower():
                if line.startswith(b"content-length:"):
                    length = int(line.partition(b":")[2])
            self.rfile.read(length)  # what is left unread would reset the connection
            self.wfile.write(answer)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
        yield f"127.0.0.1:{server.server_address[1]}"
        server.shutdown()
