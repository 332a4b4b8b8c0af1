"""Forgotten conferences: what counts as forgotten and why, by button and unasked."""

import json
import time

import pytest

from demo.trueconf.server import FOUR_SCOPES
from keyboards import short_id, unpack
from tests.conftest import (
    ANNA,
    BORIS,
    label,
    open_menu,
    press,
    saying,
    says,
    shows_moment,
    wait_until,
)
from texts import age_choice, duration, plain, plain_text, words

BACK, REFRESH = label("back"), label("refresh")
BY_ANNA = "Anna"
ROLES = "conferences.sessions.participants:read"
OLD_S = 3 * 3600
GROUP = -5005
REMIND = label("remind", pause=duration(3600))
OPEN = label("open", server="Moscow")


@pytest.fixture(scope="module")
def server(stage):
    """With the four permissions of the guide."""
    return stage.new_server(name="moscow.example.org")


@pytest.fixture(scope="module")
def roles_server(stage):
    """Its tokens may also see who is a moderator."""
    return stage.new_server(name="berlin.example.org", scopes=(*FOUR_SCOPES, ROLES))


@pytest.fixture(scope="module")
def anna(stage, server, roles_server):
    forgotten = {"state": 0, "hours": 0.5, "timeout": 1}
    stage.start_bot(
        {
            "Moscow": server.settings(),
            "Berlin": roles_server.settings(),
            "Madrid": server.settings(forgotten_conferences=forgotten),
        }
    )
    return stage.anna


@pytest.fixture(autouse=True)
def _fresh_servers(server, roles_server):
    yield
    for one in (server, roles_server):
        one.mend()
        one.conferences.clear()
        one.stops.clear()
        one.clear_requests()
        one.counts_everybody = one.device_suffix = one.odd_letter_case = False


def forgotten_screen(person, name="Moscow"):
    return press(person, open_menu(person, name), label("forgotten"))


def hours(number, is_chosen=False):
    """The button of an age."""
    text = plain(age_choice(60 * number))
    return label("chosen", text=text) if is_chosen else text


def entry_of(screen, title):
    """The lines of one conference on the screen; "" if it is not there."""
    entries = [part for part in screen.text.split("\n\n") if title in part.partition("\n")[0]]
    return entries[0] if entries else ""


# ---------------------------------------------------------------- what is forgotten


# Who is in a conference of Anna's, and what its entry says; None: it is not forgotten.
REASONS = {
    "Empty": ((), ["forgotten_empty"]),
    "Owner": (("anna",), ["forgotten_owner_alone"]),
    "Guest": (("boris",), ["forgotten_no_leader", 1]),
    "Crowd": (("boris", "clara"), ["forgotten_no_leader", 2]),
    "Led": (("anna", "boris"), None),
}


@pytest.mark.parametrize("how", ["as documented", "with devices", "in capitals"])
def test_reason_stands_in_each_entry(anna, server, how):
    server.device_suffix = how == "with devices"
    server.odd_letter_case = how == "in capitals"
    for title, (people, _) in REASONS.items():
        server.add_conference(title, owner="anna", people=people, age_s=OLD_S)
    screen = forgotten_screen(anna)
    for title, (_, reason) in REASONS.items():
        entry = entry_of(screen, title)
        assert says(entry, *reason) if reason else not entry, title


def test_conference_that_everybody_left_is_empty(anna, server):
    conference = server.add_conference("Webinar", people=("anna", "boris"), age_s=OLD_S)
    screen = forgotten_screen(anna)
    assert says(screen, "forgotten_none")
    conference.everybody_leaves()
    press(anna, screen, REFRESH)
    assert says(entry_of(screen, "Webinar"), "forgotten_empty")


def test_somebody_on_two_devices_is_one_person(anna, server):
    conference = server.add_conference("Webinar", people=("anna", "anna"), age_s=OLD_S)
    server.device_suffix = True
    screen = forgotten_screen(anna)
    assert says(entry_of(screen, "Webinar"), "forgotten_owner_alone")
    conference.join("boris")
    press(anna, screen, REFRESH)
    assert not entry_of(screen, "Webinar")


def test_without_roles_a_moderator_is_not_known(anna, server):
    conference = server.add_conference("Webinar", people=("boris", "clara"), age_s=OLD_S)
    conference.set_role("boris", 2)
    assert says(entry_of(forgotten_screen(anna), "Webinar"), "forgotten_no_leader", 2)


def test_without_owner_and_roles_only_an_empty_conference_is_forgotten(anna, server):
    server.add_conference("Led by somebody", owner=None, people=("boris",), age_s=OLD_S)
    server.add_conference("Empty one", owner=None, people=(), age_s=OLD_S)
    screen = forgotten_screen(anna)
    assert says(entry_of(screen, "Empty one"), "forgotten_empty")
    assert not entry_of(screen, "Led by somebody")


# The same where roles are known: who is in it, who of them is a moderator.
REASONS_WITH_ROLES = {
    "Empty": ((), None, ["forgotten_empty"]),
    "Owner": (("anna",), None, ["forgotten_owner_alone"]),
    "Leader": (("boris",), "boris", ["forgotten_leader_alone"]),
    "Crowd": (("boris", "clara"), None, ["forgotten_no_leader", 2]),
    "Moderated": (("boris", "clara"), "boris", None),
    "Led": (("anna", "clara"), None, None),
}


def test_with_the_fifth_permission_moderators_count(anna, roles_server):
    for title, (people, moderator, _) in REASONS_WITH_ROLES.items():
        conference = roles_server.add_conference(title, people=people, age_s=OLD_S)
        if moderator:
            conference.set_role(moderator, 2)
    screen = forgotten_screen(anna, "Berlin")
    for title, (_, _, reason) in REASONS_WITH_ROLES.items():
        entry = entry_of(screen, title)
        assert says(entry, *reason) if reason else not entry, title
    paths = [request.path for request in roles_server.requests]
    assert any("conference-sessions" in path for path in paths)


def test_server_without_the_list_of_roles_is_judged_by_its_log(anna, roles_server):
    roles_server.sessions_endpoint = False
    try:
        roles_server.add_conference("Webinar", people=("anna",), age_s=OLD_S)
        entry = entry_of(forgotten_screen(anna, "Berlin"), "Webinar")
        assert says(entry, "forgotten_owner_alone")
    finally:
        roles_server.sessions_endpoint = True


def test_ages_are_chosen_by_button(anna, server):
    ages = (1, 2, 4, 8, 24)
    for age in ages:
        server.add_conference(f"Of {age} hours.", people=(), age_s=age * 3600 + 60)
    server.add_conference("Young", people=(), age_s=3500)
    screen = forgotten_screen(anna)
    assert screen.labels[:5] == [hours(age, is_chosen=age == 1) for age in ages]
    for age in ages:
        press(anna, screen, hours(age))
        assert hours(age, is_chosen=True) in screen.labels
        assert says(screen, "forgotten_age", age=age_choice(60 * age))
        for other in ages:
            assert (f"Of {other} hours." in screen.text) == (other >= age)
        press(anna, screen, REFRESH)
        assert says(screen, "forgotten_age", age=age_choice(60 * age))
    assert "Young" not in screen.text


def test_default_age_is_the_one_of_the_settings(anna, server):
    server.add_conference("Half an hour.", people=(), age_s=1900)
    server.add_conference("Young", people=(), age_s=1700)
    screen = forgotten_screen(anna, "Madrid")
    others = [hours(age) for age in (1, 2, 4, 8, 24)]
    assert screen.labels[:6] == [label("chosen", text=plain(age_choice(30))), *others]
    assert says(screen, "forgotten_age", age=age_choice(30))
    assert says(screen, "forgotten_number", 1)
    assert "Half an hour." in screen.text


def test_log_row_of_a_crashed_server_is_no_candidate(anna, server):
    server.add_conference("Left open by a crash", people=(), age_s=OLD_S, listed=False)
    server.add_conference("Truly forgotten", people=(), age_s=OLD_S)
    screen = forgotten_screen(anna)
    assert says(screen, "forgotten_number", 1)
    assert "Truly forgotten" in screen.text
    press(anna, screen, BACK, label("conferences"))
    assert "Left open by a crash" in screen.text


def test_participants_call_that_fails_neither_hides_nor_condemns(anna, server):
    for number in (1, 2, 3):
        server.add_conference(f"Webinar {number}", people=(), age_s=OLD_S)
    server.break_path("participants", "status", times=1, status=500)
    screen = forgotten_screen(anna)
    assert says(screen, "forgotten_number", 3)
    assert screen.text.count(plain_text("forgotten_not_examined")) == 1
    assert screen.text.count(plain_text("forgotten_empty")) == 2
    assert label("stop_all", number=2) in screen.labels


def test_conference_of_unknown_age_is_shown_as_that(anna, server):
    server.add_conference("Ageless", people=(), duration=None, start_time=None)
    assert says(entry_of(forgotten_screen(anna), "Ageless"), "forgotten_age_unknown")


def test_fifty_candidates_are_examined_at_the_same_time(anna, server):
    """One after the other would take 50 s, and a press gives up after 12 s."""
    for number in range(50):
        server.add_conference(f"Webinar {number}", people=(), age_s=OLD_S)
    server.break_path("participants", "slow", delay_s=1)
    screen = forgotten_screen(anna)
    assert says(screen, "forgotten_number", 50)
    assert label("stop_all", number=50) in screen.labels


def test_log_that_cannot_be_read_is_not_an_empty_list(anna, server):
    server.add_conference("Webinar", people=(), age_s=OLD_S)
    for part in ("logs/calls", "conferences"):
        server.break_path(part, "status", status=500)
        screen = forgotten_screen(anna)
        assert says(screen, "error_status", status=500)
        assert not says(screen, "forgotten_none")
        server.mend()


# ---------------------------------------------------------------- unasked


@pytest.fixture
def watched(own_stage):
    """A server that is asked for forgotten conferences each second."""
    server = own_stage.new_server(name="moscow.example.org")
    forgotten = {"state": 1, "hours": 1, "timeout": 1}
    own_stage.telegram.group(GROUP, members=[own_stage.anna])
    own_stage.start_bot(
        {"Moscow": server.settings(forgotten_conferences=forgotten), "Berlin": server.settings()},
        users=(ANNA, BORIS, GROUP),
    )
    return server


def looks(server):
    """How often the watcher has read the log; a press reads it too."""
    return sum(request.path.endswith("/logs/calls") for request in server.requests)


def wait_for_looks(server, count):
    """Wait until so many more looks are over: until the one after them has begun."""
    wanted = looks(server) + count + 1
    wait_until(lambda: looks(server) >= wanted, what=f"{count} looks")


def forgotten(title):
    return saying("alert_forgotten", title=title)


def alerts_about(chat, title):
    return [one for one in chat.bot_messages if title in one.history[0][0]]


def test_one_message_for_each_person_conference_and_run(own_stage, watched):
    first = watched.add_conference(
        "Webinar", owner="clara", people=("clara",), age_s=OLD_S, conference_id="webinar"
    )
    chats = [own_stage.anna.chat, own_stage.boris.chat]
    for chat in chats:
        alert = chat.wait_for(forgotten("Webinar"))
        why = {"reason": words("forgotten_owner_alone"), "duration": duration(OLD_S)}
        assert says(alert, "alert_forgotten_why", **why)
        assert says(alert, "entry_server", server="Moscow")
        assert says(alert, "entry_id", id="webinar")
        assert says(alert, "entry_owner", owner="clara")
        assert alert.labels == [label("stop"), REMIND, label("not_forgotten"), OPEN]
    wait_for_looks(watched, 1)
    assert [len(alerts_about(chat, "Webinar")) for chat in chats] == [1, 1]

    first.end()
    second = watched.add_conference("Webinar", people=(), age_s=OLD_S, conference_id="webinar")
    for chat in chats:
        own_stage.telegram.wait_until(lambda chat=chat: len(alerts_about(chat, "Webinar")) == 2)
    assert first.session_id != second.session_id


def test_stop_leads_to_the_confirmation_and_back(own_stage, watched):
    anna = own_stage.anna
    webinar = watched.add_conference("Webinar", people=(), age_s=OLD_S)
    alert = anna.chat.wait_for(forgotten("Webinar"))
    anna.press(alert, label("stop")).wait()
    question = anna.chat.wait_for(saying("confirm_stop"))
    assert webinar.is_running
    press(anna, question, BACK)
    assert says(question, "heading", server="Moscow", screen=words("forgotten"))
    press(anna, question, "Webinar", label("confirm_stop"))
    assert says(question, "result_stopped")
    own_stage.telegram.wait_until(lambda: says(alert, "mark_stopped", who=BY_ANNA))
    assert alert.labels == [OPEN]
    assert watched.stops == [webinar.id]
    own_stage.boris.chat.wait_for(saying("stopped_by", who=BY_ANNA))


def test_remind_reminds_after_an_hour_and_once(own_stage, watched):
    anna, bot = own_stage.anna, own_stage.bot
    watched.add_conference("Webinar", people=(), age_s=OLD_S)
    alert = anna.chat.wait_for(forgotten("Webinar"))
    pressed = anna.press(alert, REMIND).wait()
    assert says(pressed, "reminder_set", pause=duration(3600))

    until = time.time() + 3600
    own_stage.telegram.wait_until(lambda: says(alert, "mark_reminder"))
    bot.stop()
    change_memory(bot, lambda entry: {**entry, "until": entry["until"] - 3600})  # an hour goes by
    own_stage.wake_bot()
    own_stage.telegram.wait_until(lambda: len(alerts_about(anna.chat, "Webinar")) == 2)
    assert len(alerts_about(anna.chat, "Webinar")[1].labels) == 4
    wait_for_looks(watched, 1)
    assert len(alerts_about(anna.chat, "Webinar")) == 2
    assert time.time() < until


def change_memory(bot, change):
    """Change each entry that the bot's record holds of Moscow."""
    path = bot.settings_file.with_name("settings-memory.json")
    memory = json.loads(path.read_text(encoding="utf-8"))
    entries = memory["servers"]["Moscow"]["entries"]
    entries.update({number: change(entry) for number, entry in entries.items()})
    path.write_text(json.dumps(memory), encoding="utf-8")


def test_restart_does_not_repeat_and_old_buttons_work(own_stage, watched):
    anna, bot = own_stage.anna, own_stage.bot
    webinar = watched.add_conference("Webinar", people=(), age_s=OLD_S)
    alert = anna.chat.wait_for(forgotten("Webinar"))
    bot.stop()
    own_stage.wake_bot()
    wait_for_looks(watched, 2)
    assert anna.chat.bot_messages == [alert]
    for action in ("remind", "not_forgotten"):
        for name, item in (("Moscow", "AAAAAAAA"), ("Berlin", short_id(webinar.session_id))):
            pressed = anna.press_data(alert, f"{action}:{short_id(name)}:{item}").wait()
            assert pressed.text == plain_text("out_of_date")
    assert says(anna.press(alert, REMIND).wait(), "reminder_set")
    anna.press(alert, label("stop")).wait()
    anna.chat.wait_for(saying("confirm_stop"))


def test_what_somebody_decides_is_seen_by_all_who_got_the_alert(own_stage, watched):
    """Also after a restart."""
    anna, boris, bot = own_stage.anna, own_stage.boris, own_stage.bot
    webinar = watched.add_conference("A <b> & webinar", people=(), age_s=OLD_S)
    chats = [anna.chat, boris.chat, own_stage.telegram.group(GROUP, members=[anna])]
    alerts = [chat.wait_for(forgotten("A <b> & webinar")) for chat in chats]
    told = alerts[0].text
    assert says(told, "forgotten_empty")
    anna.press(alerts[0], REMIND).wait()
    in_an_hour = time.time() + 3600
    for alert in alerts:
        own_stage.telegram.wait_until(lambda alert=alert: says(alert, "mark_reminder"))
        assert alert.text.startswith(told)
        assert shows_moment(says(alert, "mark_reminder", who=BY_ANNA), "time", in_an_hour)
        assert alert.labels == [label("stop"), label("not_forgotten"), OPEN]
    bot.wait_for_output(f"Moscow: reminder by Anna ({ANNA}): {webinar.session_id}")

    bot.stop()
    own_stage.wake_bot()
    pressed = boris.press(alerts[1], label("not_forgotten")).wait()
    assert pressed.text == plain_text("not_forgotten_set")
    by_boris = saying("mark_not_forgotten", who="Boris")
    for alert in alerts:
        own_stage.telegram.wait_until(lambda alert=alert: by_boris(alert))
        assert alert.text.startswith(told)
        assert alert.labels == [label("stop"), OPEN]


def test_alert_of_a_conference_that_was_stopped_elsewhere_says_by_whom(own_stage, watched):
    anna, boris = own_stage.anna, own_stage.boris
    watched.add_conference("Webinar", people=(), age_s=OLD_S)
    alerts = [one.chat.wait_for(forgotten("Webinar")) for one in (anna, boris)]
    page = press(anna, open_menu(anna, "Moscow"), label("conferences"), "Webinar")
    screen = press(anna, page, label("stop"), label("confirm_stop"))
    stopped_at = time.time()
    for one in alerts:
        stopped = saying("alert_stopped", title="Webinar")
        own_stage.telegram.wait_until(lambda one=one, stopped=stopped: stopped(one))
        assert shows_moment(says(one, "mark_stopped", who=BY_ANNA), "time", stopped_at)
        assert says(one, "entry_server", server="Moscow")
        assert not says(one, "alert_forgotten")
        assert one.labels == [OPEN]
    assert says(screen, "result_stopped")


def test_twenty_at_once_come_as_one_message_with_a_list(own_stage):
    server = own_stage.new_server()
    for number in range(1, 21):
        server.add_conference(f"Webinar {number:02}.", people=(), age_s=OLD_S)
    forgotten = {"state": 1, "timeout": 1}
    own_stage.telegram.strict_pacing = True
    own_stage.start_bot({"Moscow": server.settings(forgotten_conferences=forgotten)})
    alert = own_stage.anna.chat.wait_for(saying("alert_forgotten_list", 20, server="Moscow"))
    assert all(f"Webinar {number:02}." in alert.text for number in range(1, 21))
    own_stage.bot.stop()
    own_stage.wake_bot()
    wait_for_looks(server, 2)
    assert own_stage.anna.chat.bot_messages == [alert]
    own_stage.anna.press(alert, label("forgotten")).wait()
    own_stage.anna.chat.wait_for(saying("forgotten_number", 20))
    assert says(alert, "alert_forgotten_list", 20, server="Moscow")


def alerts_on(age_h):
    """The button that switches them on, from this age."""
    return label("forgotten_alerts_on", age=age_choice(60 * age_h))


def test_switch_acts_at_once_and_is_saved(own_stage):
    servers = {name: own_stage.new_server() for name in ("Moscow", "Berlin")}
    for name, server in servers.items():
        server.add_conference(f"Webinar {name}", people=(), age_s=OLD_S)
    own_stage.start_bot(
        {
            "Moscow": servers["Moscow"].settings(forgotten_conferences={"state": 0, "timeout": 1}),
            "Berlin": servers["Berlin"].settings(forgotten_conferences={"state": 1, "timeout": 1}),
        }
    )
    anna, bot = own_stage.anna, own_stage.bot

    def state(name, key="state"):
        return bot.read_settings()["servers"][name]["forgotten_conferences"].get(key)

    screen = press(anna, open_menu(anna, "Moscow"), label("forgotten"), hours(2))
    assert says(screen, "forgotten_alerts_off")
    press(anna, screen, alerts_on(2))
    assert says(screen, "forgotten_alerts_on", age=age_choice(120))
    assert hours(2, is_chosen=True) in screen.labels
    assert not any(unpack(one.data).action == "forgotten_alerts_on" for one in screen.buttons)
    wait_until(lambda: state("Moscow", "hours") == 2, what="the chosen age in the file")
    press(anna, screen, hours(1), alerts_on(1))
    assert says(screen, "forgotten_alerts_on", age=age_choice(60))
    press(anna, screen, hours(2), alerts_on(2))
    for minutes in (0, 1, 10**11):  # of no button: the age stays as it is
        made_up = f"forgotten_alerts_on:{short_id('Moscow')}:::{minutes or ''}"
        assert anna.press_data(screen, made_up).wait().text is None
        assert says(screen, "forgotten_alerts_on", age=age_choice(120))
    anna.chat.wait_for(forgotten("Webinar Moscow"))
    wait_until(lambda: state("Moscow") == 1, what="the switch in the file")
    own_stage.bot.wait_for_output(f"Moscow: forgotten alerts on, by Anna ({ANNA})")

    anna.chat.wait_for(forgotten("Webinar Berlin"))
    screen = press(anna, open_menu(anna, "Berlin"), label("forgotten"))
    press(anna, screen, label("forgotten_alerts_off"))
    assert says(screen, "forgotten_alerts_off")
    servers["Berlin"].add_conference("Another", people=(), age_s=OLD_S)
    servers["Berlin"].clear_requests()
    wait_for_looks(servers["Moscow"], 2)
    assert looks(servers["Berlin"]) == 0
    wait_until(lambda: state("Berlin") == 0, what="the switch in the file")
    assert alerts_about(anna.chat, "Another") == []
