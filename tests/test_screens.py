"""The screens: pages, Back and Refresh, errors in words, and texts of any length and letters."""

import time

import pytest

import keyboards
import texts
import trueconf_api
from keyboards import Press, pack, short_id
from tests.conftest import ask, open_menu, press, walk
from texts import screens
from trueconf_api import UP

BACK, REFRESH, NEXT, PREVIOUS = "← Back", "🔄 Refresh", "▶", "◀"


@pytest.fixture(scope="module")
def moscow(stage):
    return stage.new_server(name="moscow.example.org")


@pytest.fixture(scope="module")
def berlin(stage):
    return stage.new_server(name="berlin.example.org")


@pytest.fixture(scope="module")
def anna(stage, moscow, berlin):
    """Anna, with a bot that knows two servers."""
    stage.start_bot({"Moscow": moscow.settings(), "Berlin": berlin.settings()})
    return stage.anna


@pytest.fixture(autouse=True)
def _fresh_servers(moscow, berlin):
    for server in (moscow, berlin):
        server.mend()
        server.come_back()
        server.conferences.clear()
        server.stops.clear()
        server.clear_requests()


# ---------------------------------------------------------------- the way around


def test_start_shows_the_servers_two_a_row_where_their_names_are_short(anna):
    message = ask(anna, "/start")
    assert "Choose a server." in message.text
    assert [len(row) for row in message.rows] == [2, 1]
    assert [label.split()[-1] for label in message.labels] == ["Moscow", "Berlin", "servers"]
    names = ["A" * 14, "B" * 14, "C", "D" * 15, "E", "F", "G"]
    servers = [trueconf_api.Server(name, "https://10.0.0.1") for name in names]
    rows = keyboards.servers(screens.page_of(servers, 0, 16)).keyboard
    assert [[button.text[0] for button in row] for row in rows[:-1]] == [
        ["A", "B"], ["C"], ["D"], ["E", "F"], ["G"],
    ]  # fmt: skip


def test_servers_show_their_last_known_state_without_being_asked(anna, moscow, berlin):
    moscow.core_down()
    press(anna, open_menu(anna, "Moscow"), "Status")
    berlin.go_down()
    message = press(anna, open_menu(anna, "Berlin"), "Status")
    moscow.clear_requests()
    press(anna, message, BACK, BACK)
    assert message.labels[:2] == ["🟡 Moscow", "🔴 Berlin"]
    moscow.come_back()
    press(anna, message, "Moscow", "Status", BACK, BACK)
    assert message.labels[:2] == ["🟢 Moscow", "🔴 Berlin"]


# Minutes since the last look, seconds between looks, is monitoring on: is the light of now?
LIGHTS = [(0, 15, False, True), (0.9, 15, True, True), (1.1, 15, True, False)]
LIGHTS += [(5, 120, True, True), (7, 120, False, False), (-60, 15, True, False)]


def test_light_is_shown_as_long_as_it_is_fresh_and_the_menu_says_when_it_was_so(monkeypatch):
    monkeypatch.setattr(texts, "_language", "en")
    for minutes, interval_s, is_on, is_fresh in LIGHTS:
        looked_at = time.time() - minutes * 60
        status = trueconf_api.Status(UP, looked_at=looked_at)
        server = trueconf_api.Server(
            "Moscow", "https://10.0.0.1", look_interval_s=interval_s, is_monitored=is_on
        )
        server.last_status = status
        [[button]] = keyboards.servers(screens.page_of([server], 0, 16)).keyboard
        assert button.text == ("🟢 Moscow" if is_fresh else "Moscow"), minutes
        said = screens.menu(server).splitlines()[1]
        was = f"🟢 Was up at {texts.moment(looked_at)}{'' if is_on else ' (monitoring is off)'}"
        assert said == ("🟢 The server is up" if is_fresh else was), minutes


def test_what_the_bot_will_not_tell_of_is_said_where_people_look(own_stage):
    server, watched = own_stage.new_server(), {"state": 1, "timeout": 60}
    own_stage.start_bot(
        {
            "Moscow": server.settings(server_status=watched),
            "Berlin": server.settings(forgotten_conferences=watched),
        }
    )
    anna = own_stage.anna
    for command in ("/start", "/help"):
        said = ask(anna, command).text
        assert "🔕 No word of outages: Berlin. To turn monitoring on: server → “Status”" in said
        assert "🔕 No word of forgotten conferences: Moscow. To turn alerts on: server →" in said
    press(anna, open_menu(anna, "Berlin"), "Status", "Turn monitoring on")
    press(anna, open_menu(anna, "Moscow"), "Forgotten conferences", "Turn on")
    assert "🔕" not in ask(anna, "/start").text + ask(anna, "/help").text


def test_menu_has_the_four_screens_of_the_original_and_leads_back(anna):
    """Their order is held in the laboratory: here somebody may have added a button."""
    labels = open_menu(anna, "Moscow").labels
    screens = {"Status", "Running conferences", "Online users", "Forgotten conferences"}
    assert screens <= set(labels)
    assert labels[-1] == BACK


@pytest.mark.parametrize(
    "screen", ["Status", "Running conferences", "Online users", "Forgotten conferences"]
)
def test_screens_edit_one_message_and_lead_back_to_the_menu(anna, screen):
    menu = open_menu(anna, "Moscow")
    number = len(anna.chat.bot_messages)
    press(anna, menu, screen)
    assert menu.text.startswith(f"Moscow · {screen}")
    assert "As of " in menu.text
    assert REFRESH in menu.labels
    press(anna, menu, BACK)
    assert "What would you like to see?" in menu.text
    press(anna, menu, BACK)
    assert "Choose a server." in menu.text
    assert len(anna.chat.bot_messages) == number


def test_refresh_reads_the_server_again(anna, moscow):
    screen = press(anna, open_menu(anna, "Moscow"), "Running conferences")
    assert "No conference is running now." in screen.text
    moscow.add_conference("Planning")
    press(anna, screen, REFRESH)
    assert "1. Planning" in screen.text


def test_refresh_that_changes_nothing_is_no_error(anna, moscow, stage):
    screen = press(anna, open_menu(anna, "Moscow"), "Status")
    for _ in range(3):
        press(anna, screen, REFRESH)
    assert "🟢 The server is up" in screen.text


def test_commands_are_in_telegrams_menu(anna, stage):
    names = [command["command"] for command in stage.telegram.commands]
    assert names == ["start", "status", "id", "help"]
    assert "This bot shows" in ask(anna, "/help").text
    assert f"Your ID: {anna.id}" in ask(anna, "/id").text
    assert "All servers" in ask(anna, "/status").text
    assert "This bot shows" in ask(anna, "hello?").text


def test_button_of_a_very_old_message_works(anna, stage):
    menu = open_menu(anna, "Moscow")
    stage.telegram.forget_messages(anna.chat)
    press(anna, menu, "Online users")
    assert "Online: " in anna.chat.last.text


# ---------------------------------------------------------------- pages


def test_conferences_come_in_pages(anna, moscow):
    for number in range(1, 13):
        moscow.add_conference(f"Talk {number:02}", age_s=1000 - number)
    screen = press(anna, open_menu(anna, "Moscow"), "Running conferences")
    assert "12 conferences are running" in screen.text
    seen = titles_on(screen)
    assert "Page 1 of 3" in screen.text
    assert PREVIOUS not in screen.labels
    press(anna, screen, NEXT)
    seen += titles_on(screen)
    press(anna, screen, NEXT)
    assert "Page 3 of 3" in screen.text
    assert NEXT not in screen.labels
    seen += titles_on(screen)
    assert sorted(seen) == [f"Talk {number:02}" for number in range(1, 13)]
    press(anna, screen, PREVIOUS)
    assert "Page 2 of 3" in screen.text


def titles_on(screen):
    return [label.partition(". ")[2] for label in screen.labels if label.startswith("⏹")]


def test_confirmation_leads_back_to_the_page_it_was_opened_from(anna, moscow):
    for number in range(14):
        moscow.add_conference(f"Talk {number:02}", age_s=7200, people=())
    for list_name in ("Running conferences", "Forgotten conferences"):
        screen = press(anna, open_menu(anna, "Moscow"), list_name, NEXT, "⏹ 7.")
        assert "Stop this conference?" in screen.text
        press(anna, screen, BACK)
        assert list_name in screen.text
        assert "Page 2 of 3" in screen.text
        press(anna, screen, "⏹ 8.", "Yes, stop", BACK)
        assert list_name in screen.text
        assert "Page 2 of 3" in screen.text


def test_page_that_is_gone_becomes_the_last_there_is(anna, moscow):
    for number in range(11):
        moscow.add_conference(f"Talk {number:02}")
    screen = press(anna, open_menu(anna, "Moscow"), "Running conferences", NEXT, NEXT)
    assert "Page 3 of 3" in screen.text
    press(anna, screen, "⏹ 11.", "Yes, stop", BACK)
    assert "Page 2 of 2" in screen.text
    moscow.conferences.clear()
    press(anna, screen, REFRESH)
    assert "No conference is running now." in screen.text


def test_call_without_a_conference_id_is_shown_and_has_no_stop_button(anna, moscow):
    moscow.add_conference("Somebody's call", conference_id="")
    screen = press(anna, open_menu(anna, "Moscow"), "Running conferences")
    assert "1. Somebody's call" in screen.text
    assert "No ID: it cannot be stopped from here" in screen.text
    assert titles_on(screen) == []


# ---------------------------------------------------------------- errors in words


def test_server_that_is_down_is_said_and_not_taken_for_an_empty_list(anna, moscow):
    moscow.go_down()
    menu = open_menu(anna, "Moscow")
    for screen in ("Running conferences", "Online users", "Forgotten conferences"):
        press(anna, menu, screen)
        assert "⚠️ The server's website does not respond: connection refused." in menu.text
        assert menu.labels == [REFRESH, "Status", BACK]
        press(anna, menu, BACK)
    press(anna, menu, "Status")
    assert "🔴 The server does not respond: connection refused" in menu.text


def test_refresh_under_an_error_tries_the_same_screen_again(anna, moscow):
    moscow.break_path("logs/calls", "status", status=500)
    screen = press(anna, open_menu(anna, "Moscow"), "Running conferences")
    assert "⚠️ The server answered with HTTP error 500." in screen.text
    moscow.mend()
    press(anna, screen, REFRESH)
    assert "No conference is running now." in screen.text


@pytest.mark.parametrize(
    ("screen", "missing"),
    [
        ("Running conferences", "logs.calls:read"),
        ("Online users", "users:read"),
        ("Forgotten conferences", "logs.calls.participants:read"),
        ("Forgotten conferences", "conferences"),
    ],
)
def test_missing_permission_is_named(anna, moscow, screen, missing):
    allowed, moscow.scopes = moscow.scopes, tuple(set(moscow.scopes) - {missing})
    moscow.expire_tokens()
    moscow.add_conference("Left alone", people=(), age_s=7200)
    try:
        message = press(anna, open_menu(anna, "Moscow"), screen)
        assert f"The permission {missing} is missing." in message.text
    finally:
        moscow.scopes = allowed
        moscow.expire_tokens()


def test_web_part_alone_is_yellow(anna, moscow):
    moscow.core_down()
    screen = press(anna, open_menu(anna, "Moscow"), "Status")
    assert "🟡 The service does not respond (port" in screen.text
    assert "connection refused), the website does. The service has probably been" in screen.text


def test_button_that_cannot_be_understood_is_out_of_date(anna, stage, moscow):
    menu = open_menu(anna, "Moscow")
    text, key = menu.text, short_id("Moscow")
    for data in (
        "",
        ":",
        "menu",
        "nonsense",
        f"nonsense:{key}",
        "menu:AAAAAAAA",
        f"menu:{key}:x:y",
        f"status:{key}:::::::",
        f"conferences:{key}::-1",
        f"conferences:{key}::1e9",
        f"menu:{key}<b>",
        "\0",
        "stop",
        "{}",
        "м" * 32,
        f"__class__:{key}",
    ):
        pressed = anna.press_data(menu, data).wait()
        assert pressed.text.startswith("This button is out of date."), data
        assert pressed.show_alert
    assert menu.text == text
    assert moscow.requests == []


def test_made_up_pages_and_ages_do_no_harm(anna, moscow):
    moscow.add_conference("Planning", age_s=7200, people=())
    menu, key = open_menu(anna, "Moscow"), short_id("Moscow")
    for made_up in (
        Press("conferences", key, page=10**12 - 1),
        Press("forgotten", key, page=7, minutes=1),
        Press("forgotten", key, minutes=10**12 - 1),
        Press("servers", page=99),
        Press("all", page=99),
        Press("ask_stop", key, "AAAAAAAA"),
        Press("ask_stop", key),
        Press("ask_stop_all", key),
    ):
        data = pack(made_up)
        pressed = anna.press_data(menu, data).wait()
        assert pressed.text is None, data
        assert BACK in menu.labels or made_up.action == "servers"
    assert moscow.stops == []


# ---------------------------------------------------------------- texts of any kind

HOSTILE = "<b>&amp;\"'😀</b>" * 16  # 240 characters
LONG_NAME = "Ж" * 100


def add_hostile(stage, count):
    """A server with so many conferences whose texts are as long and odd as they can be."""
    assert len(HOSTILE) == 240
    server = stage.new_server(name="x" * 60 + ".example.org")
    for number in range(count):
        server.add_conference(
            HOSTILE,
            owner=f"{number}" + "<&>" * 60,
            people=(),
            age_s=100_000,
            conference_id=f"{number:02}" + "\\/#?&%<>\"'яЖ 😀" * 9,
        )
    assert {len(conference.id) for conference in server.conferences} == {128}
    return server


def settings_of_hostile(server, **more):
    settings = server.settings(**more)
    return {LONG_NAME: settings, "<b>&quot;": settings}


def all_whole(stage):
    messages = [message for one in (stage.anna, stage.boris) for message in one.chat.bot_messages]
    return all(not message.dropped_entities and not message.dropped_links for message in messages)


@pytest.mark.parametrize("language", ["ru", "de", "es"])
def test_texts_of_any_length_and_letters_arrive_in_each_language(own_stage, language):
    own_stage.start_bot(settings_of_hostile(add_hostile(own_stage, 12)), language=language)
    message = ask(own_stage.anna, "/start")
    for _ in walk(own_stage.anna, message, most=13):
        assert "⚠️" not in message.text
        assert all_whole(own_stage)


def test_texts_of_any_length_and_letters_arrive(own_stage):
    anna, hostile = own_stage.anna, add_hostile(own_stage, 60)
    watched = {"state": 1, "timeout": 1}
    settings = settings_of_hostile(hostile, server_status=watched, forgotten_conferences=watched)
    own_stage.start_bot(settings)
    for name in ("ЖЖЖЖ", "<b>&quot;"):
        flood = anna.chat.wait_for(f"Forgotten? 60 conferences on “{name}")
        assert "\n50. <b>&" in flood.text
        assert "10 more" in flood.text
    menu = open_menu(anna, "ЖЖЖЖ")
    press(anna, menu, "Running conferences")
    numbers = []
    for page in range(1, 13):
        assert f"Page {page} of 12" in menu.text
        assert all_whole(own_stage)
        numbers += [label.partition(".")[0] for label in menu.labels if label.startswith("⏹")]
        if page < 12:
            press(anna, menu, NEXT)
    assert numbers == [f"⏹ {number}" for number in range(1, 61)]
    shown = next(one for one in hostile.conferences if one.id in menu.text)
    assert f"ID: {shown.id}" in menu.text

    press(anna, menu, "⏹ 60.")
    assert "Stop this conference?" in menu.text
    press(anna, menu, "Yes, stop")
    assert "is stopped." in menu.text
    assert len(hostile.stops) == 1
    own_stage.boris.chat.wait_for("was stopped by Anna")

    press(anna, menu, BACK, BACK, "Forgotten conferences", "24 h")
    for _ in range(11):
        assert all_whole(own_stage)
        press(anna, menu, NEXT)
    for number in (50, 9):
        press(anna, menu, f"⏹ Stop all: {number}")
        assert f"Stop {number} conferences" in menu.text
        assert f"\n{number}. <b>&" in menu.text
        assert all_whole(own_stage)
        press(anna, menu, "Yes, stop")
        assert menu.text.count("✅ “") == number
        own_stage.boris.chat.wait_for(f"stopped {number} conferences")
        press(anna, menu, BACK)
    assert len(hostile.stops) == 60
    assert "There are no forgotten conferences." in menu.text

    press(anna, menu, BACK, "Online users", BACK, "Status", BACK, BACK, "All servers")
    assert LONG_NAME in menu.text
    assert "<b>&quot;" in menu.text
    hostile.go_down()
    own_stage.boris.chat.wait_for("ЖЖЖЖ\nThe server does not respond")
    press(anna, menu, REFRESH)
    press(anna, menu, BACK, "ЖЖЖЖ", "Running conferences")
    assert "⚠️" in menu.text
    assert all_whole(own_stage)


def test_single_alert_of_a_forgotten_conference_arrives_whole(own_stage):
    server = own_stage.new_server()
    server.add_conference(HOSTILE, people=(), age_s=100_000, conference_id="<&>" * 42)
    settings = server.settings(forgotten_conferences={"state": 1, "timeout": 1})
    own_stage.start_bot({LONG_NAME: settings})
    alert = own_stage.anna.chat.wait_for("🕓 Forgotten?")
    assert alert.labels == ["⏹ Stop", "Remind me in 1 h", "Not forgotten"]
    press(own_stage.anna, alert, "⏹ Stop")
    assert "Stop this conference?" in alert.text
    assert all_whole(own_stage)


def test_rows_with_half_a_character_and_line_breaks_are_shown(anna, moscow):
    moscow.add_conference("one\ntwo\x00three \ud83d four\u202e", owner="a\ud83d", people=())
    screen = press(anna, open_menu(anna, "Moscow"), "Running conferences")
    assert "1. one two three ? four" in screen.text
    press(anna, screen, "one two")
    assert "Stop this conference?" in screen.text


def test_refresh_under_an_error_shows_the_list_and_turns_no_switch():
    pressed = keyboards.Press("forgotten_alerts_on", "somewhere", minutes=60)
    server = trueconf_api.Server("Moscow", "https://moscow.example.org")
    refresh = keyboards.error(server, pressed).keyboard[0][0].callback_data
    assert keyboards.unpack(refresh) == keyboards.Press("forgotten", "somewhere", minutes=60)
