"""The main job from end to end, in Russian, with the settings of the original guide and a server
of each kind (API v3.3, v3.2 and v4 alone): a person presses every button, stops a conference, and
is told when a server goes down and comes back."""

import re
import signal
import time

import pytest

from demo.trueconf.server import FOUR_SCOPES, V4_SCOPES
from tests.conftest import ANNA, BORIS, TOKEN, ask, open_menu, press, shows_moment, wait_until, walk

NAMES = ("192.168.0.1", "server #2", "Сервер 3")
VERSIONS = ("v3.3", "v3.2", "v4")  # of the API, each server speaks one
OLD_TOKEN = "2f7d2b5eeba33fcfbe7c2f419b0d2114dbe5dc27"
BACK = "← Назад"
CLOCK = r"(?:\d\d\.\d\d\.\d{4} )?\d\d:\d\d:\d\d"


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
    actions = set()
    for button in walk(stage.anna, message):
        actions.add(button.data.partition(":")[0])
        assert "⚠️" not in message.text
        is_first_screen = message.text.startswith("Серверы")
        assert is_first_screen or BACK in message.labels, message
    screens = {"servers", "all", "menu", "status", "conferences", "online", "forgotten"}
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
    assert menu.labels[-1] == BACK
    status = press(stage.anna, menu, "Состояние")
    assert "🟢 Сервер работает" in status.text
    assert re.search(f"По состоянию на {CLOCK}$", status.text)

    conferences = press(stage.anna, status, BACK, "Запущенные конференции")
    [conference] = server.conferences
    assert "Идёт 1 конференция" in conferences.text
    assert "1. Совещание" in conferences.text
    assert f"ID: {conference.id}" in conferences.text
    assert "Владелец: anna\n" in conferences.text
    assert "Идёт 2 ч 05 мин · всего заходило: 2" in conferences.text
    links = [entity["url"] for entity in conferences.entities if entity["type"] == "text_link"]
    assert links[0].endswith(f"/c/{conference.id}")
    assert "/tools/real-time/" in links[1]

    online = press(stage.anna, conferences, BACK, "Пользователи онлайн")
    expected = [person for person in server.people if person.is_active]
    free = sum(person.status == 1 for person in expected)
    assert f"Онлайн: {free + 4} из 11 учётных записей" in online.text
    assert f"Свободны: {free}\nВ звонке или конференции: 4" in online.text

    forgotten = press(stage.anna, online, BACK, "Забытые конференции")
    assert "Забытых конференций нет." in forgotten.text


def test_conference_is_stopped_by_a_button_and_a_confirmation(stage, servers):
    server = servers["Сервер 3"]
    conference = server.add_conference("Забытый вебинар <2>", owner="clara", people=("clara",))
    screen = press(stage.anna, open_menu(stage.anna, "Сервер 3"), "Запущенные конференции")
    press(stage.anna, screen, "Забытый вебинар")
    assert "Остановить конференцию?" in screen.text
    assert "Забытый вебинар <2>" in screen.text
    assert "Сейчас в ней 1 человек" in screen.text
    assert conference.is_running
    press(stage.anna, screen, "Да, остановить")
    assert "✅ Конференция «Забытый вебинар <2>» на сервере «Сервер 3» остановлена." in screen.text
    assert not conference.is_running
    assert server.stops == [conference.id]
    told = stage.boris.chat.wait_for("остановлена")
    assert f"Кто остановил: Anna ({ANNA})" in told.text
    press(stage.anna, screen, BACK)
    assert "Запущенные конференции" in screen.text


def test_server_that_goes_down_and_comes_back_is_announced(stage, servers):
    server = servers["192.168.0.1"]
    status = press(stage.anna, open_menu(stage.anna, "192.168.0.1"), "Состояние")
    if "Включить постоянную проверку" in status.labels:
        press(stage.anna, status, "Включить постоянную проверку")
    assert "Постоянная проверка включена: раз в 1 сек" in status.text

    went_down_at = time.time()
    server.go_down()
    for person in (stage.anna, stage.boris):
        alert = person.chat.wait_for("🔴 192.168.0.1\nСервер не отвечает")
        assert "соединение отклонено" in alert.text
        assert shows_moment(alert.text, "\nС", went_down_at)
    press(stage.anna, status, "Обновить")
    assert re.search(rf"С {CLOCK} \(\d+ сек\)", status.text)
    press(stage.anna, status, BACK)
    assert "🔴 192.168.0.1" in press(stage.anna, status, BACK).labels

    came_back_at = time.time()
    server.come_back()
    for person in (stage.anna, stage.boris):
        alert = person.chat.wait_for("🟢 192.168.0.1\nСнова работает")
        assert re.search(r"Не работал \d+ сек: ", alert.text)
        assert shows_moment(alert.text, ":", went_down_at)
        assert shows_moment(alert.text, "–", came_back_at)
    menu = press(stage.anna, stage.anna.chat.last, "192.168.0.1")
    assert "Состояние" in menu.labels


def test_renewed_access_token_stands_in_the_settings_file(stage, servers):
    for name, server in servers.items():

        def saved_token(name=name):
            return stage.bot.read_settings()["servers"][name]["access_token"]

        wait_until(lambda: saved_token() != OLD_TOKEN, what="a new token in the file")
        assert server.scopes_of_token(saved_token())
    before = saved_token()
    server.expire_tokens()
    press(stage.anna, open_menu(stage.anna, name), "Пользователи онлайн")
    wait_until(lambda: saved_token() != before, what="a new token in the file")
    assert server.scopes_of_token(saved_token())


def test_sigterm_ends_it_all(stage, servers):
    assert stage.bot.stop(signal.SIGTERM) == 0
    assert "Traceback" not in stage.bot.output
    assert list(stage.bot.read_settings()["servers"]) == list(NAMES)
