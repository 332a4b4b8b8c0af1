"""The server's version: tables over pure functions, and what a look learns of it."""

import json

import pytest

import trueconf_api
from lib.server_version import LONGEST_BODY, first_safe_version, version_in
from tests.conftest import label, open_menu, press, says, wait_until
from texts import duration
from trueconf_api import Server


def product(version: object) -> bytes:
    return json.dumps({"product": {"display_name": "x", "version": version}}).encode()


BODIES = {
    b"TrueConf Server 5.5.3.10021\n": "5.5.3.10021",
    b"<p>TrueConf Server 5.3.8.1, running</p>": "5.3.8.1",
    b"TrueConf Server 5.5.3": "5.5.3",
    product("5.5.6.10021"): "5.5.6.10021",
    product("5.4.0"): "5.4.0",
    **dict.fromkeys(
        [
            b"", b"TrueConf Server", b"TrueConf Server 5", b"5.5.3.1", b"[]", b"{", b"null",
            b"\xff\xfe",
            b'{"product": "5.5.3.1"}', b'{"product": null}', b"[" * 5000,
            product(None), product(5), product("5"), product("<b>5.5.3</b>"), product("5.5.3.1.2"),
            b"TrueConf Server 5.5.3.1.2", b" " * LONGEST_BODY + b"TrueConf Server 5.5.3.1",
        ],
        "",
    ),
}  # fmt: skip
FIRST_SAFE = {
    "4.7.2.100": "5.3.9", "5.0.0": "5.3.9", "5.2.12.9": "5.3.9", "5.3.8.99999": "5.3.9",
    "5.3.9": None, "5.3.9.1": None, "5.3.10.1": None,
    "5.4.0.1": "5.4.9", "5.4.8.1": "5.4.9", "5.4.9.1": None, "5.4.10.1": None,
    "5.5.0.1": "5.5.5", "5.5.4.20000": "5.5.5", "5.5.5": None, "5.5.5.1": None, "5.5.6.10021": None,
    "5.6.0.1": None, "5.10.0": None, "6.0.0.1": None, "10.0.0": None,
    "": None, "5.5": None, "unknown": None,
}  # fmt: skip


def test_version_that_a_body_tells():
    assert {body: version_in(body) for body in BODIES} == BODIES


def test_first_version_of_a_branch_that_is_not_known_to_be_attacked():
    assert {version: first_safe_version(version) for version in FIRST_SAFE} == FIRST_SAFE


@pytest.mark.parametrize("has_service", [True, False])
def test_look_learns_the_version_and_forgets_what_is_no_longer_told(new_server, has_service):
    simulated = new_server()
    port = simulated.settings()["server_status"]["port"] if has_service else 0
    server = Server(
        "office", f"https://{simulated.address}", verify=simulated.ca_file, status_port=port
    )
    assert server.product_version == ""
    for version in ("5.5.3.10021", "5.5.6.10022"):
        simulated.version = version
        trueconf_api.get_status(server)
        assert server.product_version == version
    if not has_service:
        simulated.hides_version = True
        trueconf_api.get_status(server)
        assert server.product_version == ""


# The version, None if it is hidden, and the first safe one that Status names.
ON_STATUS = [
    ("5.5.4.10021", "5.5.5"),
    ("5.3.8.1", "5.3.9"),
    ("4.7.2.100", "5.3.9"),
    ("5.5.5.1", None),
    ("5.6.0.1", None),
    ("6.0.0.1", None),
    (None, None),
]


def test_status_tells_the_version_and_warns_of_the_attacked_alone(own_stage):
    """It follows an update of the server, and nothing that it says reads as "safe"."""
    server, anna = own_stage.new_server(), own_stage.anna
    own_stage.start_bot({"office": server.settings(server_status={"port": 0})})
    status = press(anna, open_menu(anna, "office"), label("status"))
    for version, first in ON_STATUS:
        server.hides_version, server.version = version is None, version or "5.5.4.10021"
        press(anna, status, label("refresh"))
        warned, told = says(status, "version_attacked"), says(status, "version_known")
        assert (warned["first"] if warned else None) == first, version
        assert bool(told) == (version is not None), version
        assert version is None or version in status.text
        assert "safe" not in status.text


def notices(stage):
    return [one for one in stage.anna.chat.bot_messages if one.text.startswith("office\n⚠️")]


@pytest.mark.waits(15)
def test_attacked_version_is_a_notice_once_for_each_version(own_stage):
    """Not again after a restart, and nothing where the version is newer than the table, good
    enough or hidden."""
    attacked, others = own_stage.new_server(), [own_stage.new_server() for _ in range(3)]
    attacked.version = "5.5.3.10021"
    others[0].version, others[1].version = "6.0.0.1", "5.4.9.1"
    others[2].version, others[2].hides_version = "5.3.0.1", True
    status = {"state": 1, "timeout": 1}
    servers = {"office": attacked.settings(server_status=status)}
    for number, server in enumerate(others):
        hidden = {"port": 0} if server.hides_version else {}
        servers[f"other {number}"] = server.settings(server_status={**status, **hidden})
    own_stage.start_bot(servers)
    chats = [own_stage.anna.chat, own_stage.boris.chat]
    for chat in chats:
        notice = chat.wait_for("5.5.3.10021")
        assert notice.text.startswith("office\n")
        assert says(notice, "version_attacked", version="5.5.3.10021", first="5.5.5")
        assert notice.labels == [label("open", server="office")]
        assert "safe" not in notice.text
    attacked.version = "5.5.4.1"
    for chat in chats:
        chat.wait_for("5.5.4.1")
    assert own_stage.bot.stop() == 0
    for server in (attacked, *others):
        server.clear_requests()
    attacked.version = "5.5.3.10021"  # somebody went back
    own_stage.wake_bot()
    for server in (attacked, *others):
        wait_until(lambda server=server: len(server.requests) > 6, what="some looks")
    assert [len(chat.bot_messages) for chat in chats] == [2, 2]


@pytest.mark.waits(15)
def test_notice_of_a_version_waits_for_the_end_of_a_pause_and_is_none_after_an_update(own_stage):
    server, anna = own_stage.new_server(), own_stage.anna
    own_stage.start_bot({"office": server.settings(server_status={"state": 1, "timeout": 1})})
    status = press(anna, open_menu(anna, "office"), label("status"))
    press(anna, status, label("pause", duration=duration(3600)))

    def see(version):
        server.version = version
        server.clear_requests()
        wait_until(lambda: len(server.requests) > 6, what="some looks")

    see("5.5.3.1")
    see("5.5.4.1")  # so the notice of 5.5.3.1 would be none any more
    press(anna, status, label("refresh"), label("pause_end"))
    [notice] = wait_until(lambda: notices(own_stage), what="the notice")
    assert says(notice, "version_attacked", version="5.5.4.1")
    server.version = "5.5.5.1"
    press(anna, status, label("pause", duration=duration(3600)))
    see("5.3.1.1")
    see("5.5.5.2")
    press(anna, status, label("refresh"), label("pause_end"))
    wait_until(lambda: sum(bool(says(one, "pause_over")) for one in anna.chat.bot_messages) == 2)
    see("5.5.5.3")
    assert len(notices(own_stage)) == 1
