"""The screens: pages, Back and Refresh, errors in words, and texts of any length and letters."""

import time
from dataclasses import fields

import pytest

import keyboards
import texts
import trueconf_api
from keyboards import Press, pack, short_id, unpack
from tests.conftest import ask, label, open_menu, press, saying, says, walk
from texts import age_choice, duration, plain_text, screens, words
from trueconf_api import UP

BACK, REFRESH, NEXT, PREVIOUS = map(label, ("back", "refresh", "next", "previous"))
SCREENS = ("status", "conferences", "online", "forgotten")


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
    assert says(message, "servers")
    assert [len(row) for row in message.rows] == [2, 1]
    assert [one.split()[-1] for one in message.labels[:2]] == ["Moscow", "Berlin"]
    assert message.labels[2:] == [label("all_servers")]
    names = ["A" * 14, "B" * 14, "C", "D" * 15, "E", "F", "G"]
    servers = [trueconf_api.Server(name, "https://10.0.0.1") for name in names]
    rows = keyboards.servers(screens.page_of(servers, 0, 16)).keyboard
    assert [[button.text[0] for button in row] for row in rows[:-1]] == [
        ["A", "B"], ["C"], ["D"], ["E", "F"], ["G"],
    ]  # fmt: skip


def test_servers_show_their_last_known_state_without_being_asked(anna, moscow, berlin):
    moscow.core_down()
    press(anna, open_menu(anna, "Moscow"), label("status"))
    berlin.go_down()
    message = press(anna, open_menu(anna, "Berlin"), label("status"))
    moscow.clear_requests()
    press(anna, message, BACK, BACK)
    berlin_is_down = f"🔴 {label('server_down', server='Berlin')}"
    moscow_stands = f"🟡 {label('server_service_down', server='Moscow')}"
    assert message.labels[:2] == [moscow_stands, berlin_is_down]
    moscow.come_back()
    press(anna, message, "Moscow", label("status"), BACK, BACK)
    assert message.labels[:2] == ["🟢 Moscow", berlin_is_down]


# Minutes since the last look, seconds between looks, is monitoring on: is the light of now?
LIGHTS = [(0, 15, False, True), (0.9, 15, True, True), (1.1, 15, True, False)]
LIGHTS += [(5, 120, True, True), (7, 120, False, False), (-60, 15, True, False)]


def test_light_is_shown_as_long_as_it_is_fresh_and_the_menu_says_when_it_was_so():
    for minutes, interval_s, is_on, is_fresh in LIGHTS:
        looked_at = time.time() - minutes * 60
        status = trueconf_api.Status(UP, looked_at=looked_at)
        server = trueconf_api.Server(
            "Moscow", "https://10.0.0.1", look_interval_s=interval_s, is_monitored=is_on
        )
        server.learnt.last_status = status
        [[button]] = keyboards.servers(screens.page_of([server], 0, 16)).keyboard
        assert button.text == ("🟢 Moscow" if is_fresh else "Moscow"), minutes
        said = texts.plain(screens.menu_screen(server).splitlines()[1])
        assert bool(says(said, "state_up")) == is_fresh, minutes
        was = says(said, "was_up", time=texts.moment(looked_at))
        assert bool(was) == (not is_fresh), minutes
        is_off = was and says(said, "was_monitoring_off", was=was[0])
        assert bool(is_off) == (not is_on and not is_fresh), minutes


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
        assert says(said, "silent_monitoring", servers="Berlin")
        assert says(said, "silent_forgotten", servers="Moscow")
    press(anna, open_menu(anna, "Berlin"), label("status"), label("monitoring_on"))
    press(
        anna,
        open_menu(anna, "Moscow"),
        label("forgotten"),
        label("forgotten_alerts_on", age=age_choice(60)),
    )
    assert "🔕" not in ask(anna, "/start").text + ask(anna, "/help").text


def test_menu_has_the_four_screens_of_the_original_and_leads_back(anna):
    """Their order is held in the laboratory: here somebody may have added a button."""
    labels = open_menu(anna, "Moscow").labels
    assert {label(screen) for screen in SCREENS} <= set(labels)
    assert labels[-1] == BACK


@pytest.mark.parametrize("screen", SCREENS)
def test_screens_edit_one_message_and_lead_back_to_the_menu(anna, screen):
    menu = open_menu(anna, "Moscow")
    number = len(anna.chat.bot_messages)
    press(anna, menu, label(screen))
    assert says(menu, "heading", server="Moscow", screen=words(screen))
    assert says(menu, "read_at")
    assert REFRESH in menu.labels
    press(anna, menu, BACK)
    assert says(menu, "menu_question")
    press(anna, menu, BACK)
    assert says(menu, "servers")
    assert len(anna.chat.bot_messages) == number


def test_refresh_reads_the_server_again(anna, moscow):
    screen = press(anna, open_menu(anna, "Moscow"), label("conferences"))
    assert says(screen, "conferences_none")
    moscow.add_conference("Planning")
    press(anna, screen, REFRESH)
    assert says(screen, "entry_title", number=1, title="Planning")


def test_refresh_that_changes_nothing_is_no_error(anna, moscow, stage):
    screen = press(anna, open_menu(anna, "Moscow"), label("status"))
    for _ in range(3):
        press(anna, screen, REFRESH)
    assert says(screen, "state_up")


def test_commands_are_in_telegrams_menu(anna, stage):
    names = [command["command"] for command in stage.telegram.commands]
    assert names == ["start", "status", "who", "id", "help"]
    assert says(ask(anna, "/help"), "help")
    assert says(ask(anna, "/id"), "your_id", id=anna.id)
    assert says(ask(anna, "/status"), "all_servers")
    assert says(ask(anna, "hello?"), "help")


def test_button_of_a_very_old_message_works(anna, stage):
    menu = open_menu(anna, "Moscow")
    stage.telegram.forget_messages(anna.chat)
    press(anna, menu, label("online"))
    assert says(anna.chat.last, "online_of")


# ---------------------------------------------------------------- pages


def test_conferences_come_in_pages(anna, moscow):
    for number in range(1, 13):
        moscow.add_conference(f"Talk {number:02}", age_s=1000 - number)
    screen = press(anna, open_menu(anna, "Moscow"), label("conferences"))
    assert says(screen, "conferences_number", 12)
    seen = titles_on(screen)
    assert says(screen, "page", number=1, total=3)
    assert PREVIOUS not in screen.labels
    press(anna, screen, NEXT)
    seen += titles_on(screen)
    press(anna, screen, NEXT)
    assert says(screen, "page", number=3, total=3)
    assert NEXT not in screen.labels
    seen += titles_on(screen)
    assert sorted(seen) == [f"Talk {number:02}" for number in range(1, 13)]
    press(anna, screen, PREVIOUS)
    assert says(screen, "page", number=2, total=3)


def titles_on(screen):
    """In the order of their buttons."""
    entries = [one for one in screen.buttons if unpack(one.data).item]
    return [says(one.text, "button_entry")["title"] for one in entries]


def test_confirmation_leads_back_to_the_page_it_was_opened_from(anna, moscow):
    for number in range(14):
        moscow.add_conference(f"Talk {number:02}", age_s=7200, people=())
    for list_name in ("conferences", "forgotten"):
        screen = press(anna, open_menu(anna, "Moscow"), label(list_name), NEXT)
        _, seventh, eighth, *_ = titles_on(screen)
        by_its_page = [label("stop")] if list_name == "conferences" else []
        press(anna, screen, seventh, *by_its_page)
        assert says(screen, "confirm_stop")
        press(anna, screen, BACK)
        if by_its_page:
            assert says(screen, "heading", server="Moscow", screen=words("conference"))
            assert seventh in screen.text
            press(anna, screen, BACK)
        assert says(screen, "heading", server="Moscow", screen=words(list_name))
        assert says(screen, "page", number=2, total=3)
        press(anna, screen, eighth, *by_its_page, label("confirm_stop"), BACK)
        assert says(screen, "heading", server="Moscow", screen=words(list_name))
        assert says(screen, "page", number=2, total=3)


def test_page_that_is_gone_becomes_the_last_there_is(anna, moscow):
    for number in range(11):
        moscow.add_conference(f"Talk {number:02}")
    screen = press(anna, open_menu(anna, "Moscow"), label("conferences"), NEXT, NEXT)
    assert says(screen, "page", number=3, total=3)
    press(anna, screen, *titles_on(screen), label("stop"), label("confirm_stop"), BACK)
    assert says(screen, "page", number=2, total=2)
    moscow.conferences.clear()
    press(anna, screen, REFRESH)
    assert says(screen, "conferences_none")


def test_call_without_a_conference_id_is_shown_and_has_no_stop_button(anna, moscow):
    moscow.add_conference("Somebody's call", conference_id="")
    screen = press(anna, open_menu(anna, "Moscow"), label("conferences"))
    assert says(screen, "entry_title", number=1, title="Somebody's call")
    assert says(screen, "entry_no_id")
    press(anna, screen, *titles_on(screen))
    assert says(screen, "people_now", 2)
    assert screen.labels == [REFRESH, BACK]


# ---------------------------------------------------------------- errors in words


def test_server_that_is_down_is_said_and_not_taken_for_an_empty_list(anna, moscow):
    moscow.go_down()
    menu = open_menu(anna, "Moscow")
    for screen in ("conferences", "online", "forgotten"):
        press(anna, menu, label(screen))
        assert says(menu, "error_unreachable", reason=words("reason_refused"))
        assert menu.labels == [REFRESH, label("status"), BACK]
        press(anna, menu, BACK)
    press(anna, menu, label("status"))
    assert says(menu, "state_down", reason=words("reason_refused"))
    assert "🔴" in menu.text


def test_refresh_under_an_error_tries_the_same_screen_again(anna, moscow):
    moscow.break_path("logs/calls", "status", status=500)
    screen = press(anna, open_menu(anna, "Moscow"), label("conferences"))
    assert says(screen, "error_status", status=500)
    moscow.mend()
    press(anna, screen, REFRESH)
    assert says(screen, "conferences_none")


@pytest.mark.parametrize(
    ("screen", "missing"),
    [
        ("conferences", "logs.calls:read"),
        ("online", "users:read"),
        ("forgotten", "logs.calls.participants:read"),
        ("forgotten", "conferences"),
    ],
)
def test_missing_permission_is_named(anna, moscow, screen, missing):
    allowed, moscow.scopes = moscow.scopes, tuple(set(moscow.scopes) - {missing})
    moscow.expire_tokens()
    moscow.add_conference("Left alone", people=(), age_s=7200)
    try:
        message = press(anna, open_menu(anna, "Moscow"), label(screen))
        assert says(message, "error_permission", permission=missing)
    finally:
        moscow.scopes = allowed
        moscow.expire_tokens()


def test_web_part_alone_is_yellow(anna, moscow):
    moscow.core_down()
    screen = press(anna, open_menu(anna, "Moscow"), label("status"))
    reason = words("reason_refused")
    assert says(screen, "state_service_down", port=moscow.status_port, reason=reason)
    assert says(screen, "advice_stopped")
    assert "🟡" in screen.text


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
        f"status:{key}" + ":" * len(fields(Press)),
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
        assert pressed.text == plain_text("out_of_date"), data
        assert pressed.show_alert
    assert menu.text == text
    assert moscow.requests == []


def test_made_up_pages_and_ages_do_no_harm(anna, moscow):
    moscow.add_conference("Planning", age_s=7200, people=())
    menu, key = open_menu(anna, "Moscow"), short_id("Moscow")
    for made_up in (
        Press("conferences", key, page=10**12 - 1),
        Press("forgotten", key, page=7, age_min=1),
        Press("forgotten", key, age_min=10**12 - 1),
        Press("servers", page=99),
        Press("all", page=99),
        Press("ask_stop", key, "AAAAAAAA"),
        Press("ask_stop", key),
        Press("ask_stop_all", key),
        Press("conference", key, "AAAAAAAA", page=10**12 - 1, list_page=10**12 - 1),
        Press("conference", key),
        Press("by_name", key, page=10**12 - 1),
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


def is_flood(message, name):
    found = says(message, "alert_forgotten_list", 60)
    return found and found["server"].startswith(name)


def all_whole(stage):
    messages = [message for one in (stage.anna, stage.boris) for message in one.chat.bot_messages]
    return all(not message.dropped_entities and not message.dropped_links for message in messages)


@pytest.mark.parametrize("language", [name for name in texts.LANGUAGES if name != "en"])
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
        flood = anna.chat.wait_for(lambda one, name=name: is_flood(one, name))
        assert says(flood, "short_entry_people", number=50)["title"].startswith("<b>&")
        assert says(flood, "and_more", 10)
    menu = open_menu(anna, "ЖЖЖЖ")
    press(anna, menu, label("conferences"))
    numbers = []
    for page in range(1, 13):
        assert says(menu, "page", number=page, total=12)
        assert all_whole(own_stage)
        numbers += [found["number"] for found in map(saying("button_entry"), menu.labels) if found]
        if page < 12:
            press(anna, menu, NEXT)
    assert numbers == [str(number) for number in range(1, 61)]
    shown = next(one for one in hostile.conferences if one.id in menu.text)
    assert says(menu, "entry_id", id=shown.id)

    press(anna, menu, lambda one: says(one.text, "button_entry", number=60))
    assert all_whole(own_stage)
    press(anna, menu, label("stop"))
    assert says(menu, "confirm_stop")
    press(anna, menu, label("confirm_stop"))
    assert says(menu, "result_stopped")
    assert len(hostile.stops) == 1
    own_stage.boris.chat.wait_for(saying("stopped_by", who="Anna"))

    press(anna, menu, BACK, BACK, label("forgotten"), plain_text("duration_hours", number=24))
    for _ in range(11):
        assert all_whole(own_stage)
        press(anna, menu, NEXT)
    for number in (50, 9):
        press(anna, menu, label("stop_all", number=number))
        assert says(menu, "confirm_stop_all", number)
        assert says(menu, "short_entry_people", number=number)["title"].startswith("<b>&")
        assert all_whole(own_stage)
        press(anna, menu, label("confirm_stop"))
        assert menu.text.count("✅") == number
        own_stage.boris.chat.wait_for(saying("stopped_all_by", number))
        press(anna, menu, BACK)
    assert len(hostile.stops) == 60
    assert says(menu, "forgotten_none")

    press(
        anna, menu, BACK, label("online"), BACK, label("status"), BACK, BACK, label("all_servers")
    )
    assert LONG_NAME in menu.text
    assert "<b>&quot;" in menu.text
    hostile.go_down()
    own_stage.boris.chat.wait_for(saying("group_down", 2, light="🔴"))
    press(anna, menu, REFRESH)
    press(anna, menu, BACK, "ЖЖЖЖ", label("conferences"))
    assert "⚠️" in menu.text
    assert all_whole(own_stage)


def test_single_alert_of_a_forgotten_conference_arrives_whole(own_stage):
    server = own_stage.new_server()
    server.add_conference(HOSTILE, people=(), age_s=100_000, conference_id="<&>" * 42)
    settings = server.settings(forgotten_conferences={"state": 1, "timeout": 1})
    own_stage.start_bot({LONG_NAME: settings})
    alert = own_stage.anna.chat.wait_for(saying("alert_forgotten"))
    remind = label("remind", pause=duration(screens.REMIND_IN_S))
    assert alert.labels[:3] == [label("stop"), remind, label("not_forgotten")]
    own_stage.anna.press(alert, label("stop")).wait()
    own_stage.anna.chat.wait_for(saying("confirm_stop"))
    assert all_whole(own_stage)


def test_rows_with_half_a_character_and_line_breaks_are_shown(anna, moscow):
    moscow.add_conference("one\ntwo\x00three \ud83d four\u202e", owner="a\ud83d", people=())
    screen = press(anna, open_menu(anna, "Moscow"), label("conferences"))
    assert says(screen, "entry_title", number=1, title="one two three ? four")
    press(anna, screen, "one two", label("stop"))
    assert says(screen, "confirm_stop")


def test_refresh_under_an_error_shows_the_list_and_turns_no_switch():
    pressed = keyboards.Press("forgotten_alerts_on", "somewhere", age_min=60)
    server = trueconf_api.Server("Moscow", "https://moscow.example.org")
    refresh = keyboards.error(server, pressed).keyboard[0][0].callback_data
    assert keyboards.unpack(refresh) == keyboards.Press("forgotten", "somewhere", age_min=60)
