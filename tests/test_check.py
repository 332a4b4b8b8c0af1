"""`python main.py --check`, against servers that are right and servers that are not."""

import re

import pytest

import texts
from demo.trueconf.server import FOUR_SCOPES, V4_SCOPES, Certificate, Person
from tests import conftest
from tests.conftest import ANNA, BORIS, PATIENCE_S, TOKEN, BotProcess


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


def test_all_is_well_and_said_so(check, anna, new_server, settings_for):
    server = new_server()
    server.add_conference("Planning")
    code, said = check(settings_for({"office": server.settings()}, users=[ANNA]))
    assert code == 0
    assert "[!!]" not in said
    assert "@trueconf_demo_bot" in said
    for permission in ("conferences", "users:read", "logs.calls:read"):
        assert f"[OK] The permission {permission} is there" in said
    assert "The permission logs.calls.participants:read is there" in said
    assert "[??] No word of outages: office. To turn monitoring on: server → “Status”" in said
    assert "[??] No word of forgotten conferences: office." in said


@pytest.mark.parametrize("missing", ["conferences", "users:read", "logs.calls.participants:read"])
def test_the_missing_permission_is_named(check, anna, new_server, settings_for, missing):
    scopes = ["conferences", "users:read", "logs.calls:read", "logs.calls.participants:read"]
    server = new_server(scopes=tuple(scope for scope in scopes if scope != missing))
    server.add_conference("Planning")
    code, said = check(settings_for({"office": server.settings()}, users=[ANNA]))
    assert code == 1
    assert f"[!!] The permission {missing} is missing." in said
    assert said.count("is missing") == 1


def test_the_right_to_read_conferences_is_not_the_right_to_stop_them(
    check, anna, new_server, settings_for
):
    scopes = ("conferences:read", "users:read", "logs.calls:read", "logs.calls.participants:read")
    server = new_server(scopes=scopes)
    code, said = check(settings_for({"office": server.settings()}, users=[ANNA]))
    assert code == 1
    assert "The permission conferences is missing" in said


def test_each_trouble_of_a_server_has_its_advice(check, anna, new_server, settings_for):
    good, slow_clock = new_server(), new_server()
    slow_clock.clock_skew_s = -3600
    expired, other_name = new_server(certificate="expired"), new_server(certificate="other_name")
    code, said = check(
        settings_for(
            {
                "closed port": good.settings(server_status={"port": 1}),
                "no name": good.settings(ip="nowhere.invalid"),
                "untrusted": new_server(certificate="untrusted").settings(),
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
    assert "open the port" in parts["closed port"]
    assert '"port": 0' in parts["closed port"]
    assert "was not found" in parts["no name"]
    assert "issuer of the certificate is unknown" in parts["untrusted"]
    assert "put its ca.crt beside settings.json" in parts["untrusted"]
    assert "has expired or is not valid yet. Renew the certificate" in parts["expired"]
    assert "issued for another name. Put the name" in parts["other name"]
    assert all("ca.crt" not in parts[name] for name in ("expired", "other name"))
    assert "client_id and client_secret" in parts["wrong secret"]
    assert "differ by" in parts["clock"]
    assert "time synchronisation" in parts["clock"]


def test_a_person_who_never_pressed_start_is_named(check, anna, telegram, new_server, settings_for):
    telegram.person(BORIS, first_name="Boris")
    server = new_server().settings()
    code, said = check(settings_for({"office": server}, users=[ANNA, BORIS]))
    assert code == 1
    assert f"cannot write to the user {BORIS}" in said
    assert f"[OK] The bot can write to user {ANNA}" in said


def test_a_token_that_telegram_refuses_is_said(check, anna, telegram, new_server, settings_for):
    telegram.fail("getMe", code=401, description="Unauthorized", times=9)
    code, said = check(settings_for({"office": new_server().settings()}, users=[ANNA]))
    assert code == 1
    assert f"[!!] {telegram.url}, the address in tg-api-url, did not accept the bot's token" in said
    assert "client_id and client_secret are right" in said  # the servers are checked all the same


def test_telegram_out_of_reach_leads_to_the_proxy(check, telegram, new_server, settings_for):
    telegram.stop()
    server = new_server().settings()
    code, said = check(settings_for({"office": server}))
    assert code == 1
    assert "set a proxy in tg-proxy" in said
    code, said = check(settings_for({"office": server}, **{"tg-proxy": "http://u:pw@127.0.0.1:1"}))
    assert code == 1
    assert "through the proxy" in said
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
        assert "HTTPS_PROXY has a proxy that the bot cannot use ([x)" in said
    else:
        assert "[OK] Proxy for Telegram: 127.0.0.1:1\n" in said
        assert "through the proxy 127.0.0.1:1 (connection refused" in said
    assert "client_id and client_secret are right" in said
    assert "HTTPS_PROXY" in said
    assert "hunter2" not in said


def test_connection_without_encryption_has_no_certificate_that_could_be_right(
    check, anna, new_server, settings_for
):
    server = new_server(tls=False)
    code, said = check(settings_for({"office": server.settings()}, users=[ANNA]))
    assert code == 0
    assert "[OK] The web part answers, without encryption: http://" in said
    assert "certificate" not in said


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
    assert "[OK] API v3.2 answers" in about["a"]
    assert "[OK] API v4 answers" in about["b"]
    for permission in V4_SCOPES:
        assert f"[OK] The permission {permission} is there" in about["b"]
    assert "[!!] This server has no API v3.11, but v3.8 answers." in about["c"]
    assert "[!!] This server has none of the API versions that the bot knows" in about["d"]
    assert "permission" not in about["c"] + about["d"]


def test_end_of_the_certificate_and_an_unknown_zone_are_told(check, anna, new_server, settings_for):
    good, ending = new_server(), new_server(certificate=Certificate(ends_in_days=3))
    good.timezone, good.live_duration = "Nowhere/Unknown", False
    good.add_conference("Planning")
    parts = {"good": good.settings(), "ending": ending.settings()}
    code, said = check(settings_for(parts, users=[ANNA]))
    assert code == 0
    assert re.search(r"\[OK\] The certificate is good for 36\d more days", said)
    assert "[??] The certificate is good for 3 more days" in said
    assert "[??] This computer does not know the time zone Nowhere/Unknown" in said


def test_report_holds_names_and_types_and_no_value(check, anna, new_server, settings_for):
    people = [Person("anna", "Anna Petrova"), Person("boris", "Boris Ivanov")]
    v3, v4 = new_server(people=people), new_server(people=people, scopes=V4_SCOPES)
    v4.api_versions = {"v4"}
    for server in (v3, v4):
        server.add_conference("Secret planning", conference_id="4821907733")
    parts = {"Head office": v3.settings(), "Branch": v4.settings()}
    code, said = check(settings_for(parts, users=[ANNA]), "--report")
    assert code == 0
    report = said.partition("Report for the developers")[2]
    assert "server 1: API v3.3" in report
    assert "server 2: API v4" in report
    assert "GET logs/calls: 200 {cnt: int, list: [{" in report
    assert "end_time: null" in report
    assert "GET conferences: 200 {results: int, conferences: [{" in report
    assert "GET conferences/{example}/participants: 200 {cnt: int, list: [{" in report
    assert "POST token: 200 {access_token: str" in report
    assert report.rstrip().endswith("the page that you downloaded the bot from.")
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


def test_report_of_a_server_that_is_silent_ends_too(check, anna, new_server, settings_for):
    server = new_server()
    server.go_down()
    code, said = check(settings_for({"office": server.settings()}, users=[ANNA]), "--report")
    assert code == 1
    assert "GET vsstatus: refused" in said
    assert "server 1: API not found" in said
