"""Many servers: pages of them, all in one message, and dead ones that hold up nobody."""

import re
import time

import pytest

from keyboards import unpack
from tests.conftest import (
    ask,
    label,
    open_menu,
    press,
    saying,
    says,
    shows_moment,
    wait_until,
)
from texts import age_choice, words
from texts.screens import OVERVIEWS_A_PAGE

BACK, REFRESH, NEXT, PREVIOUS = map(label, ("back", "refresh", "next", "previous"))


@pytest.fixture(scope="module")
def live(stage):
    server = stage.new_server(name="live.example.org")
    server.add_conference("Planning", people=("anna", "boris"))
    return server


@pytest.fixture(scope="module")
def dead(stage):
    return stage.new_server(name="dead.example.org")


@pytest.fixture(scope="module")
def anna(stage, live, dead):
    """Anna, with a bot that knows 40 servers; the last one is another than the first 39."""
    servers = {f"server {number:02}": live.settings() for number in range(1, 40)}
    stage.start_bot({**servers, "server 40": dead.settings()})
    return stage.anna


@pytest.fixture(autouse=True)
def _mended(live, dead):
    yield
    for server in (live, dead):
        server.mend()
        server.come_back()


def names_on(message):
    return [label for label in message.labels if "server " in label]


def test_servers_come_in_pages(anna):
    message = ask(anna, "/start")
    assert says(message, "page", number=1, total=3)
    assert all(len(row) <= 2 for row in message.rows)
    seen = names_on(message)
    for page in (2, 3):
        press(anna, message, NEXT)
        assert says(message, "page", number=page, total=3)
        seen += names_on(message)
    assert seen == [f"server {number:02}" for number in range(1, 41)]
    assert NEXT not in message.labels
    press(anna, message, PREVIOUS)
    assert says(message, "page", number=2, total=3)


def test_back_leads_to_the_page_of_the_server(anna):
    message = press(anna, ask(anna, "/start"), NEXT, NEXT, "server 37", label("online"), BACK, BACK)
    assert says(message, "page", number=3, total=3)
    assert any("server 37" in label for label in message.labels)


def entry_of(message, name):
    """What the message says of this server, without its name."""
    [entry] = [part for part in message.text.split("\n\n") if part.split("\n")[0][2:] == name]
    return entry.partition("\n")[2]


def buttons_to_servers(message):
    return [one.text for one in message.buttons if unpack(one.data).action == "menu"]


def to_the_last_page(person, message):
    while NEXT in message.labels:
        press(person, message, NEXT)
    return message


def test_all_servers_come_in_pages(anna):
    message = press(anna, ask(anna, "/start"), label("all_servers"))
    pages = -(-40 // OVERVIEWS_A_PAGE)
    shown = []
    for page in range(1, pages + 1):
        assert says(message, "page", number=page, total=pages)
        names = re.findall(r"^🟢 (server \d\d)$", message.text, re.MULTILINE)
        for name in names:
            assert says(entry_of(message, name), "overview_conferences")
            assert says(entry_of(message, name), "overview_online")
        shown += names
        if page < pages:
            press(anna, message, NEXT)
    assert shown == [f"server {number:02}" for number in range(1, 41)]
    for name, number in (("server 39", 1), ("server 40", 0)):
        assert says(entry_of(message, name), "overview_conferences", number=number)
    press(anna, message, PREVIOUS, REFRESH)
    assert says(message, "page", number=pages - 1, total=pages)
    press(anna, message, BACK)
    assert says(message, "servers")


def test_status_names_what_is_wrong_with_a_server(anna, dead):
    dead.go_down()
    message = to_the_last_page(anna, ask(anna, "/status"))
    assert "🔴 server 40\n" in message.text
    assert says(entry_of(message, "server 40"), "state_down", reason=words("reason_refused"))
    assert "🟢 server 39\n" in message.text
    assert buttons_to_servers(message) == [f"🔴 {label('server_down', server='server 40')}"]
    dead.come_back()
    dead.core_down()
    press(anna, message, REFRESH)
    assert "🟡 server 40\n" in message.text
    assert says(entry_of(message, "server 40"), "state_service_down")
    assert buttons_to_servers(message) == [f"🟡 {label('server_service_down', server='server 40')}"]
    assert says(entry_of(message, "server 40"), "overview_conferences", number=0)
    dead.core_back()
    dead.break_path("users", "status", status=500)
    press(anna, message, REFRESH)
    assert "🟢 server 40\n" in message.text
    assert says(entry_of(message, "server 40"), "overview_conferences", number=0)
    assert says(entry_of(message, "server 40"), "error_status", status=500)
    assert buttons_to_servers(message) == []


def test_button_of_a_server_that_is_not_up_leads_to_it(anna, dead):
    dead.go_down()
    message = to_the_last_page(anna, ask(anna, "/status"))
    press(anna, message, "server 40")
    assert says(message, "menu_question")
    assert "server 40" in message.text
    dead.come_back()
    press(anna, message, BACK, label("all_servers"))
    assert buttons_to_servers(to_the_last_page(anna, message)) == []


def test_pause_stands_in_the_entry_of_its_server(own_stage):
    server, watched = own_stage.new_server(), {"state": 1, "timeout": 60}
    own_stage.start_bot(
        {"calm": server.settings(), "paused": server.settings(server_status=watched)}
    )
    anna = own_stage.anna
    pause = label("pause", duration=age_choice(60))
    press(anna, open_menu(anna, "paused"), label("status"), pause)
    until = time.time() + 3600
    message = ask(anna, "/status")
    assert shows_moment(says(entry_of(message, "paused"), "paused"), "time", until)
    assert not says(entry_of(message, "calm"), "paused")


@pytest.mark.parametrize("number_of_dead", [1, OVERVIEWS_A_PAGE - 1])
def test_dead_servers_hold_up_no_line_of_the_others(own_stage, number_of_dead):
    """Every other server is asked while the dead ones still owe their first answer."""
    dead = own_stage.new_server()
    live = own_stage.new_server()
    names = [f"dead {number}" for number in range(number_of_dead)]
    servers = {name: dead.settings() for name in names}
    own_stage.start_bot({**servers, "live": live.settings()})
    for name in [*names, "live"]:
        own_stage.bot.wait_for_output(f"{name}: API v3.3")
    live.clear_requests()
    dead.clear_requests()
    dead.break_path("vsstatus", "hang")
    dead.break_path("", "hang")
    own_stage.anna.send("/status")

    def paths(server):
        return {request.path for request in server.requests}

    everything = {"/vsstatus", "/api/v4/server"}
    everything |= {f"/api/v3.3/{path}" for path in ("conferences", "logs/calls", "users")}
    wait_until(lambda: paths(live) == everything, what="all questions to the live server")
    wait_until(lambda: len(dead.requests) >= 3 * number_of_dead, what="questions to the dead ones")
    wait_until(lambda: paths(dead) == everything, what="all questions to a dead one")
    assert own_stage.anna.chat.last is None
    dead.mend()
    message = own_stage.anna.chat.wait_for(saying("all_servers"))
    assert message.text.count("🟢") == number_of_dead + 1


def test_server_that_stays_silent_costs_its_own_timeout_only(own_stage):
    silent, live = own_stage.new_server(), own_stage.new_server()
    own_stage.start_bot({"silent": silent.settings(), "live": live.settings()})
    silent.break_path("vsstatus", "hang")
    message = ask(own_stage.anna, "/status")
    assert "🟢 live\n" in message.text
    assert says(entry_of(message, "live"), "overview_conferences", number=0)
    assert says(entry_of(message, "live"), "overview_online", number=8)
    assert "🟡 silent\n" in message.text
    reason = words("reason_no_answer")
    assert says(entry_of(message, "silent"), "state_service_down", reason=reason)


def test_slow_server_holds_up_no_press_on_another(anna, stage, live, dead):
    last_page = press(anna, ask(anna, "/start"), NEXT, NEXT)
    dead.break_path("users", "hang")
    waiting = [press(anna, ask(anna, "/start"), NEXT, NEXT, "server 40") for _ in range(8)]
    for menu in waiting:
        anna.press(menu, label("online"))
    wait_until(
        lambda: sum(one.path == "/api/v3.3/users" for one in dead.requests) >= len(waiting),
        what="8 presses that wait",
    )
    for screen in ("status", "conferences", "online", "forgotten"):
        message = press(stage.boris, ask(stage.boris, "/start"), "server 01", label(screen))
        assert says(message, "heading", server="server 01", screen=words(screen))
    press(anna, last_page, "server 33", label("conferences"))
    assert "Planning" in last_page.text
    assert all(says(menu, "menu_question") for menu in waiting)
    dead.mend()
    stage.telegram.wait_until(lambda: all(says(menu, "online_of") for menu in waiting))
