"""Many servers: pages of them, all in one message, and dead ones that hold up nobody."""

import re

import pytest

from tests.conftest import ask, press, wait_until
from texts.screens import OVERVIEWS_A_PAGE

BACK, REFRESH, NEXT, PREVIOUS = "← Back", "🔄 Refresh", "▶", "◀"


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
    assert "Page 1 of 3" in message.text
    assert all(len(row) <= 2 for row in message.rows)
    seen = names_on(message)
    for page in (2, 3):
        press(anna, message, NEXT)
        assert f"Page {page} of 3" in message.text
        seen += names_on(message)
    assert seen == [f"server {number:02}" for number in range(1, 41)]
    assert NEXT not in message.labels
    press(anna, message, PREVIOUS)
    assert "Page 2 of 3" in message.text


def test_back_leads_to_the_page_of_the_server(anna):
    message = press(anna, ask(anna, "/start"), NEXT, NEXT, "server 37", "Online users", BACK, BACK)
    assert "Page 3 of 3" in message.text
    assert any("server 37" in label for label in message.labels)


def to_the_last_page(person, message):
    while NEXT in message.labels:
        press(person, message, NEXT)
    return message


def test_all_servers_come_in_pages(anna):
    message = press(anna, ask(anna, "/start"), "All servers")
    pages = -(-40 // OVERVIEWS_A_PAGE)
    shown = []
    for page in range(1, pages + 1):
        assert f"Page {page} of {pages}" in message.text
        names = re.findall(r"^🟢 (server \d\d)$", message.text, re.MULTILINE)
        assert message.text.count("Running conferences: ") == len(names)
        assert message.text.count("Users online: ") == len(names)
        shown += names
        if page < pages:
            press(anna, message, NEXT)
    assert shown == [f"server {number:02}" for number in range(1, 41)]
    assert "server 39\nRunning conferences: 1" in message.text
    assert "server 40\nRunning conferences: 0" in message.text
    press(anna, message, PREVIOUS, REFRESH)
    assert f"Page {pages - 1} of {pages}" in message.text
    press(anna, message, BACK)
    assert "Choose a server." in message.text


def test_status_names_what_is_wrong_with_a_server(anna, dead):
    dead.go_down()
    message = to_the_last_page(anna, ask(anna, "/status"))
    assert "🔴 server 40\nThe server does not respond: connection refused" in message.text
    assert "🟢 server 39\n" in message.text
    dead.come_back()
    dead.core_down()
    press(anna, message, REFRESH)
    assert "🟡 server 40\nThe service does not respond" in message.text
    assert re.search(r"🟡 server 40\n.*\nRunning conferences: 0", message.text)
    dead.core_back()
    dead.break_path("users", "status", status=500)
    press(anna, message, REFRESH)
    assert (
        "🟢 server 40\nRunning conferences: 0\nThe server answered with HTTP error 500."
        in message.text
    )


@pytest.mark.parametrize("number_of_dead", [1, OVERVIEWS_A_PAGE - 1])
def test_dead_servers_hold_up_no_line_of_the_others(own_stage, number_of_dead):
    """Every other server is asked while the dead ones still owe their first answer."""
    dead = own_stage.new_server()
    live = own_stage.new_server()
    names = [f"dead {number}" for number in range(number_of_dead)]
    servers = {name: dead.settings() for name in names}
    own_stage.start_bot({**servers, "live": live.settings()})
    wait_until(lambda: live.requests and dead.requests, what="the first access tokens")
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
    assert paths(dead) == everything
    assert own_stage.anna.chat.last is None
    dead.mend()
    message = own_stage.anna.chat.wait_for("All servers")
    assert message.text.count("🟢") == number_of_dead + 1


def test_server_that_stays_silent_costs_its_own_timeout_only(own_stage):
    silent, live = own_stage.new_server(), own_stage.new_server()
    own_stage.start_bot({"silent": silent.settings(), "live": live.settings()})
    silent.break_path("vsstatus", "hang")
    message = ask(own_stage.anna, "/status")
    assert "🟢 live\nRunning conferences: 0\nUsers online: 8" in message.text
    assert "🟡 silent\nThe service does not respond" in message.text
    assert "connected, but no answer came" in message.text


def test_slow_server_holds_up_no_press_on_another(anna, stage, live, dead):
    last_page = press(anna, ask(anna, "/start"), NEXT, NEXT)
    dead.break_path("users", "hang")
    waiting = [press(anna, ask(anna, "/start"), NEXT, NEXT, "server 40") for _ in range(8)]
    for menu in waiting:
        anna.press(menu, "Online users")
    wait_until(
        lambda: sum(one.path == "/api/v3.3/users" for one in dead.requests) >= len(waiting),
        what="8 presses that wait",
    )
    for screen in ("Status", "Running conferences", "Online users", "Forgotten conferences"):
        message = press(stage.boris, ask(stage.boris, "/start"), "server 01", screen)
        assert f"server 01 · {screen}" in message.text
    press(anna, last_page, "server 33", "Running conferences")
    assert "1. Planning" in last_page.text
    assert all("What would you like to see?" in menu.text for menu in waiting)
    dead.mend()
    stage.telegram.wait_until(lambda: all("Online: " in menu.text for menu in waiting))
