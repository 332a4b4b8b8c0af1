"""Hostile servers, and what answers in their place on port 4307, next to a server that is well."""

from pathlib import Path

from tests.conftest import ANNA, open_menu, wait_until

ANSWER_LIMIT_S = 16  # the limit of one question, and some time for a slow computer
MEMORY_LIMIT_MB = 400
DRIPS = ("drip_status_line", "drip_header", "continue", "chunk_drip", "gzip_drip")
SCREENS = ("Status", "Running", "Online", "Forgotten")
PRESSES_AT_ONCE = 40


def peak_memory_mb(stage) -> int:
    status = Path(f"/proc/{stage.bot.process.pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) // 1024


def press_and_wait(person, message, label) -> float:
    """Return after how many seconds it was answered; whatever the answer says."""
    pressed = person.press(message, label).wait(60)
    return pressed.answer_seconds


def test_drips_on_every_port_blind_nobody(own_stage):
    """A1: all alerts come, all presses are answered, the other server is not slowed."""
    hostile = {name: own_stage.new_server(tls=False) for name in DRIPS}
    for name, server in hostile.items():
        server.break_path("", name, pause_s=2)
        server.break_path("vsstatus", name, pause_s=2)
    well = own_stage.new_server()
    well.add_conference("Weekly planning")
    monitored = {"state": 1, "timeout": 5}
    servers = {**hostile, "well": well}
    own_stage.telegram.query_life_s = 60
    own_stage.start_bot(
        {name: one.settings(server_status=monitored) for name, one in servers.items()}
    )
    chat = own_stage.anna.chat

    def told() -> list[str]:
        return [one.text for one in chat.bot_messages if "🔴" in one.text]

    wait_until(lambda: all(any(name in text for text in told()) for name in DRIPS), 90, "alerts")

    menus = [open_menu(own_stage.anna, name) for name in DRIPS]
    presses = [
        own_stage.anna.press(menus[number % len(menus)], SCREENS[number % len(SCREENS)])
        for number in range(PRESSES_AT_ONCE)
    ]
    menu = open_menu(own_stage.boris, "well")
    for label in (*SCREENS, "Back"):
        answered_s = press_and_wait(own_stage.boris, menu, label)
        print(f"{label} of the server that is well: {answered_s:.2f} s")
        assert answered_s < 5
        if label != "Back":
            assert "⚠️" not in menu.text, menu.text
            press_and_wait(own_stage.boris, menu, "Back")
    slowest_s = max(press.wait(120).answer_seconds for press in presses)
    print(f"slowest of {PRESSES_AT_ONCE} presses at once: {slowest_s:.1f} s")
    assert press_and_wait(own_stage.anna, menus[0], "Status") < ANSWER_LIMIT_S
    asked = own_stage.boris.send("/status")
    own_stage.boris.chat.wait_for(lambda message: message.id > asked.id, ANSWER_LIMIT_S)
    print(f"memory: {peak_memory_mb(own_stage)} MB")
    assert peak_memory_mb(own_stage) < MEMORY_LIMIT_MB


def test_answers_of_any_size_fit_into_memory(own_stage):
    """A3, A4, A6: large lists for 50 candidates, rows without end, gzip in gzip."""
    participant = {"call_id": "x" * 40 + "@video.example.org", "display_name": "y" * 40}
    large, rows, nested = (own_stage.new_server(tls=False) for _ in range(3))
    for number in range(50):
        large.add_conference(f"Meeting {number}", age_s=9000 + number)
    large.break_path("participants", "large_rows", size_mb=15, row=participant)
    rows.break_path("logs/calls", "many_rows", row={"class": 10})
    nested.break_path("", "nested_gzip")
    nested.break_path("vsstatus", "nested_gzip")
    large.break_path("vsstatus", "huge")
    watched = {"state": 1, "timeout": 2, "hours": 1}
    own_stage.telegram.query_life_s = 60
    own_stage.start_bot(
        {
            name: server.settings(server_status={"state": 1, "timeout": 2},
                                  forgotten_conferences=watched)
            for name, server in [("large", large), ("rows", rows), ("nested", nested)]
        }
    )  # fmt: skip
    menus = {name: open_menu(own_stage.anna, name) for name in ("large", "rows", "nested")}
    for name, menu in menus.items():
        for label in SCREENS:
            answered_s = press_and_wait(own_stage.anna, menu, label)
            memory_mb = peak_memory_mb(own_stage)
            print(f"{label} of {name}: {answered_s:.1f} s, {memory_mb} MB")
            assert memory_mb < MEMORY_LIMIT_MB
            press_and_wait(own_stage.anna, menu, "Back")
    assert not own_stage.bot.has_ended
    assert ANNA in own_stage.bot.read_settings()["tg-users-id"]
