"""The main job from end to end, in Russian, with the settings of the original guide and a server
of each kind (API v3.3, v3.2 and v4 alone): a person presses every button, stops a conference, and
is told when a server goes down and comes back."""

import signal
import time

import pytest

import texts
from demo.trueconf.server import FOUR_SCOPES, V4_SCOPES
from keyboards import short_id
from tests.conftest import (
    ANNA,
    BORIS,
    TOKEN,
    ask,
    label,
    open_menu,
    press,
    saying,
    says,
    shows_moment,
    wait_until,
    walk,
)
from texts import duration, plural, words

NAMES = ("192.168.0.1", "server #2", "Сервер 3")
OF_PEOPLE = ("conference", "by_name")  # screens that each version fills from other requests
VERSIONS = ("v3.3", "v3.2", "v4")  # of the API, each server speaks one
OLD_TOKEN = "2f7d2b5eeba33fcfbe7c2f419b0d2114dbe5dc27"


@pytest.fixture(autouse=True)
def _russian():
    texts.use("ru")


def section_of_the_guide(server):
    """A server's settings as the guide shows them, and the ports and the CA of the simulator."""
    return {
        "ip": server.address,
        "client_id": server.client_id,
        "client_secret": server.client_secret,
        "access_token": OLD_TOKEN,
        "server_status": {"state": 0, "timeout": 1, "port": server.status_port},
        "ssl_certificate": server.ca_file,
    }


@pytest.fixture(scope="module")
def servers(stage):
    """The three servers, by name, each with another version of the API; the bot that watches them
    is running."""
    started = {}
    for name, version in zip(NAMES, VERSIONS, strict=True):
        scopes = V4_SCOPES if version == "v4" else FOUR_SCOPES
        started[name] = stage.new_server(name=f"host{name[-1]}.example.org", scopes=scopes)
        started[name].api_versions = {version}
    stage.bot.write_settings(
        {
            "tg-api-token": TOKEN,
            "tg-users-id": [ANNA, BORIS, BORIS],
            "servers": {name: section_of_the_guide(server) for name, server in started.items()},
            "tg-api-url": stage.telegram.url,
        }
    )
    stage.wake_bot()
    return started


def test_every_button_leads_to_a_screen_with_a_way_back(stage, servers):
    for name, server in servers.items():
        server.add_conference(f"Планёрка {name}", age_s=7200, people=())
        server.add_conference(f"Вебинар {name}", age_s=7200, people=("anna",))
    message = ask(stage.anna, "/start")
    reached = set()
    for button in walk(stage.anna, message):
        reached.add(tuple(button.data.split(":")[:2]))  # the action, the server
        assert "⚠️" not in message.text
        assert says(message, "servers") or label("back") in message.labels, message
    actions = {action for action, *_ in reached}
    screens = {"servers", "all", "menu", "status", "conferences", "online", "forgotten", "history"}
    for name in NAMES:
        assert {(action, short_id(name)) for action in OF_PEOPLE} <= reached, name
    switches = {"monitoring_on", "monitoring_off", "pause"}
    switches |= {"forgotten_alerts_on", "forgotten_alerts_off"}
    actions.discard("pause_end")  # whether it is there when its turn comes is a matter of order
    assert actions >= screens | switches | {"ask_stop", "ask_stop_all"}  # and one's own buttons
    assert not any(server.stops for server in servers.values())


def test_screens_say_what_the_server_knows(stage, servers):
    server = servers["server #2"]
    server.conferences.clear()
    server.add_conference("Совещание", owner="anna", people=("anna", "boris"), age_s=7500)
    server.set_online("daniel", 2)
    menu = open_menu(stage.anna, "server #2")
    assert menu.labels[-1] == label("back")
    asked_at = time.time()
    status = press(stage.anna, menu, label("status"))
    assert "🟢" in status.text
    assert says(status, "state_up")
    assert shows_moment(says(status, "read_at"), "time", asked_at)

    conferences = press(stage.anna, status, label("back"), label("conferences"))
    [conference] = server.conferences
    assert says(conferences, "conferences_number", 1)
    assert says(conferences, "entry_title", number=1, title="Совещание")
    assert says(conferences, "entry_id", id=conference.id)
    assert says(conferences, "entry_owner", owner="anna")
    assert "anna@" not in conferences.text
    assert says(conferences, "entry_age", duration=duration(7500))
    assert says(conferences, "entry_participants", number=2)
    links = [entity["url"] for entity in conferences.entities if entity["type"] == "text_link"]
    assert links[0].endswith(f"/c/{conference.id}")
    assert "/tools/real-time/" in links[1]

    page = press(stage.anna, conferences, "Совещание")
    assert says(page, "heading", server="server #2", screen=words("conference"))
    assert says(page, "people_now_of", 2)
    press(stage.anna, page, label("back"))

    online = press(stage.anna, conferences, label("back"), label("online"))
    expected = [person for person in server.people if person.is_active]
    free = sum(person.status == 1 for person in expected)
    assert says(online, "online_of", online=free + 4, accounts=plural("accounts", 11))
    assert says(online, "online_free", number=free)
    assert says(online, "online_in_conference", number=4)
    press(stage.anna, online, label("by_name"))
    assert says(online, "online_free", number=free)
    assert "Anna Petrova" in online.text
    press(stage.anna, online, label("back"))
    assert says(online, "online_of")

    forgotten = press(stage.anna, online, label("back"), label("forgotten"))
    assert says(forgotten, "forgotten_none")


def test_conference_is_stopped_by_a_button_and_a_confirmation(stage, servers):
    server = servers["Сервер 3"]
    conference = server.add_conference("Забытый вебинар <2>", owner="clara", people=("clara",))
    screen = press(stage.anna, open_menu(stage.anna, "Сервер 3"), label("conferences"))
    press(stage.anna, screen, "Забытый вебинар", label("stop"))
    assert says(screen, "confirm_stop")
    assert "Забытый вебинар <2>" in screen.text
    assert says(screen, "people_now", 1)
    assert conference.is_running
    press(stage.anna, screen, label("confirm_stop"))
    stopped = {"title": "Забытый вебинар <2>", "server": "Сервер 3"}
    assert says(screen, "result_stopped", **stopped)
    assert not conference.is_running
    assert server.stops == [conference.id]
    stage.boris.chat.wait_for(saying("stopped_by", **stopped, who="Anna"))
    press(stage.anna, screen, label("back"))
    assert says(screen, "heading", server="Сервер 3", screen=words("conferences"))


def test_server_that_goes_down_and_comes_back_is_announced(stage, servers):
    server = servers["192.168.0.1"]
    status = press(stage.anna, open_menu(stage.anna, "192.168.0.1"), label("status"))
    if label("monitoring_on") in status.labels:
        press(stage.anna, status, label("monitoring_on"))
    assert says(status, "monitoring_on", interval=duration(1))

    went_down_at = time.time()
    server.go_down()
    for person in (stage.anna, stage.boris):
        alert = person.chat.wait_for("🔴 192.168.0.1\n")
        assert says(alert, "state_down", reason=words("reason_refused"))
        assert shows_moment(says(alert, "alert_since"), "time", went_down_at)
    press(stage.anna, status, label("refresh"))
    since = says(status, "state_since")
    assert shows_moment(since, "time", went_down_at)
    assert says(since["duration"], "duration_seconds")
    press(stage.anna, status, label("back"))
    down = label("server_down", server="192.168.0.1")
    assert f"🔴 {down}" in press(stage.anna, status, label("back")).labels

    came_back_at = time.time()
    server.come_back()
    for person in (stage.anna, stage.boris):
        alert = person.chat.wait_for("🟢 192.168.0.1\n")
        assert says(alert, "alert_up")
        outage = says(alert, "alert_outage")
        assert says(outage["duration"], "duration_seconds")
        assert shows_moment(outage, "since", went_down_at)
        assert shows_moment(outage, "until", came_back_at)
    stage.anna.press(alert := stage.anna.chat.last, alert.button("192.168.0.1")).wait()
    assert label("status") in stage.anna.chat.wait_for(saying("menu_question")).labels


def test_renewed_access_token_stands_in_the_settings_file(stage, servers):
    for name, server in servers.items():

        def saved_token(name=name):
            return stage.bot.read_settings()["servers"][name]["access_token"]

        wait_until(lambda: saved_token() != OLD_TOKEN, what="a new token in the file")
        assert server.scopes_of_token(saved_token())
    before = saved_token()
    server.expire_tokens()
    press(stage.anna, open_menu(stage.anna, name), label("online"))
    wait_until(lambda: saved_token() != before, what="a new token in the file")
    assert server.scopes_of_token(saved_token())


def test_sigterm_ends_it_all(stage, servers):
    assert stage.bot.stop(signal.SIGTERM) == 0
    assert "Traceback" not in stage.bot.output
    assert list(stage.bot.read_settings()["servers"]) == list(NAMES)
