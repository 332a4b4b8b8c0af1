"""Outages of the bot's own network and connections that the way forgot, with real packets."""

import contextlib
import json
import re
import socket
import subprocess
import time

import pytest

from demo import portal
from demo.telegram.server import TelegramServer
from demo.trueconf.server import TrueConfServer
from lib import connections
from tests.conftest import (
    ANNA,
    ROOT,
    TOKEN,
    BotProcess,
    calm,
    open_menu,
    press,
    settings_of,
    wait_until,
)
from tests.laboratory.conftest import need_programs
from tests.laboratory.networks import (
    FACTORY,
    IPV6_NOWHERE,
    OFFICE,
    PORTAL,
    PROGRAMS,
    TELEGRAM,
    Network,
    inside,
    run,
)

INTERVAL_S = 15
LOOKS_AFTERWARDS = 4  # so many looks later, all that is to be told was told
ANSWER_LIMIT_S = 15
MONITORED = {"state": 1, "timeout": INTERVAL_S}
NAMES = {"telegram.test": TELEGRAM, "office.test": OFFICE, "factory.test": FACTORY}
LIGHTS = re.compile("[🟢🟡🟠🔴]")


class Site:
    """A bot behind a router; Telegram and two TrueConf Servers beyond it."""

    def __init__(self, network: Network, folder):
        self.network = network
        with network.among_servers():
            self.telegram = TelegramServer(token=TOKEN, host=TELEGRAM).start()
            self.office = TrueConfServer(host=OFFICE).start()
            self.factory = TrueConfServer(host=FACTORY).start()
        self.anna = self.telegram.person(ANNA, first_name="Anna").starts_bot()
        self.bot = BotProcess(folder)
        self.bot.python = network.python

    def start_bot(self, by_name: tuple[str, ...] = (), **more) -> None:
        self.write_settings(by_name, **more)
        self.bot.start()
        # Many bots may start at the same time.
        wait_until(lambda: "Bot is running..." in self.bot.output, 120, "the bot's start")
        self.telegram.wait_for_poll(60)

    def write_settings(
        self, by_name: tuple[str, ...] = (), unchecked: tuple[str, ...] = (), **status
    ) -> None:
        """`by_name`: the addresses in place of which the settings have names; `unchecked`: those
        whose certificate is not checked."""
        office = self.office.settings(server_status=status)
        factory = self.factory.settings(server_status=status)
        settings = settings_of(self.telegram, {"office": office, "factory": factory}, [ANNA])
        for name, address in NAMES.items():
            if address in by_name:
                settings["tg-api-url"] = settings["tg-api-url"].replace(address, name)
                for section in (office, factory):
                    if address in section["ip"]:  # the certificate is for the address
                        section["ip"] = section["ip"].replace(address, name)
                        section["ssl_certificate"] = False
        for section in (office, factory):
            if section["ip"].startswith(unchecked):
                section["ssl_certificate"] = False
        self.bot.write_settings(settings)

    def wait_for_looks(self, count: int) -> None:
        """Wait until the bot has looked so often more at each server."""
        for server in (self.office, self.factory):
            self.wait_for_looks_at(server, count)

    @staticmethod
    def wait_for_looks_at(server: TrueConfServer, count: int) -> None:
        def looks() -> int:
            return sum(request.port_kind == "status" for request in server.requests)

        wanted = looks() + count
        wait_until(lambda: looks() >= wanted, 600, f"{count} looks")

    @property
    def told(self) -> list[str]:
        return [message.text for message in self.anna.chat.bot_messages]

    def close(self) -> None:
        self.bot.kill()
        with self.network.among_servers():
            for simulator in (self.telegram, self.office, self.factory):
                simulator.stop()
        if self.bot.process:
            assert "Traceback" not in self.bot.output, self.bot.output


@pytest.fixture
def new_site(tmp_path):
    """A function that builds a Site; the options are those of Network."""
    need_programs(*PROGRAMS, root=True)
    with contextlib.ExitStack() as stack:

        def build(**options) -> Site:
            try:
                network = stack.enter_context(Network(**options))
            except RuntimeError as error:  # root in a container may not do everything
                pytest.skip(f"cannot make network namespaces: {error}")
            site = Site(network, tmp_path)
            stack.callback(site.close)
            return site

        yield build


# ---------------------------------------------------------------- outages of the own network


def test_outage_of_the_own_network_is_no_news_of_a_server(new_site, outage_s):
    """B12, B13: all packets are dropped, both servers are up all the while."""
    site = new_site()
    site.start_bot(**MONITORED)
    site.wait_for_looks(1)

    site.network.lose()
    time.sleep(outage_s)
    site.network.mend()

    expect_no_news(site)
    assert site.network.unsent() == []


def expect_no_news(site: Site) -> None:
    """When all has come to rest, no server was said to be down or up again."""
    site.telegram.wait_for_poll(90)
    site.wait_for_looks(LOOKS_AFTERWARDS)
    assert [text for text in site.told if LIGHTS.search(text)] == [], site.bot.output
    assert len(site.told) <= 1, site.told
    assert all(text.startswith("📡") for text in site.told), site.told


def test_server_that_goes_down_in_an_outage_is_told_once_with_true_times(new_site, away_s):
    site = new_site()
    site.start_bot(**MONITORED)
    site.wait_for_looks(1)

    site.network.lose()
    vanished_at = time.time()
    time.sleep(away_s / 2)
    with site.network.among_servers():
        site.office.go_down()
    time.sleep(away_s / 2)
    site.network.mend()
    mended_at = time.time()

    site.anna.chat.wait_for("🔴", 120)
    with site.network.among_servers():
        site.office.come_back()
    back_at = time.time()
    site.anna.chat.wait_for("🟢", 120)
    site.wait_for_looks(LOOKS_AFTERWARDS)

    told = [text for text in site.told if LIGHTS.search(text)]
    assert [LIGHTS.search(text)[0] for text in told] == ["🔴", "🟢"], site.told
    assert all("office" in text for text in told), told
    began, ended = moments(told[1])
    # It vanished with the network, so nobody can know more than that.
    assert vanished_at - 1 <= began <= mended_at + 2 * INTERVAL_S, told
    assert back_at - 1 <= ended <= back_at + 2 * INTERVAL_S, told


def moments(text: str) -> list[float]:
    """The clock times in a text of today, as time.time()."""
    now = time.localtime()
    found = re.findall(r"(\d\d):(\d\d):(\d\d)", text)
    return [time.mktime((*now[:3], *map(int, clock), 0, 0, -1)) for clock in found]


def test_alert_that_hung_on_its_way_comes_once(new_site):
    """B12: Telegram alone is away, and what the bot sends there vanishes."""
    site = new_site()
    site.start_bot(**MONITORED)
    site.wait_for_looks(1)

    site.network.lose(f"ip daddr {TELEGRAM}")
    with site.network.among_servers():
        site.office.go_down()
    gone_at = time.time()
    site.wait_for_looks_at(site.factory, LOOKS_AFTERWARDS)
    site.network.mend()

    alert = site.anna.chat.wait_for("🔴", 120)
    site.wait_for_looks_at(site.factory, LOOKS_AFTERWARDS)
    assert sum("🔴" in text for text in site.told) == 1, site.told
    assert not any("🟢" in text for text in site.told), site.told
    began = moments(alert.text.partition("Since")[2])[0]
    assert gone_at - 1 <= began <= gone_at + 2 * INTERVAL_S, alert.text


def test_what_was_given_up_is_never_delivered_later(new_site):
    """B12: neither an alert nor a stop; the kernel would go on sending what was written."""
    site = new_site()
    planning = site.office.add_conference("Weekly planning")
    site.start_bot()
    menu = press(site.anna, open_menu(site.anna, "office"), "Running", "Weekly planning", "⏹ Stop")

    calm(menu)
    site.network.lose(f"ip daddr {OFFICE}")
    pressed = site.anna.press(menu, "Yes, stop").wait(60)
    assert pressed.answered
    assert "is stopped" not in menu.text, menu.text
    assert site.network.unsent() == []

    site.network.lose(f"ip daddr {TELEGRAM}")
    site.anna.send("/id")
    wait_until(lambda: not site.network.open_ports(TELEGRAM), 90, "the end of the connections")
    assert site.network.unsent() == []
    site.network.mend()
    site.telegram.wait_for_poll(60)
    assert planning.is_running


# ---------------------------------------------------------------- connections that were forgotten


def nat_forgets(network: Network) -> None:
    network.forget_connections()


def nat_translates_anew(network: Network) -> None:
    network.translate_anew()


def firewall_drops_them(network: Network) -> None:
    network.lose_open_connections()


def servers_forget(network: Network) -> None:
    network.kill_at_the_servers()


def address_changes(network: Network) -> None:
    network.change_address()


FORGETTING = [
    nat_forgets,
    nat_translates_anew,
    firewall_drops_them,
    servers_forget,
    address_changes,
]


@pytest.mark.parametrize("forget", FORGETTING, ids=lambda function: function.__name__)
def test_first_press_after_the_connections_were_forgotten_is_answered(new_site, forget):
    """B5, B17: of the poll, of the edit and answer, and of the questions to the server."""
    site = new_site()
    site.start_bot()
    menu = press(site.anna, open_menu(site.anna, "office"), "Status", "Back")

    forget(site.network)

    for label in ("Status", "Back", "Running", "Back"):
        pressed = site.anna.press(menu, label).wait(120)
        assert pressed.text is None
        print(f"{forget.__name__}: {label} answered in {pressed.answer_seconds:.1f} s")
        assert pressed.answer_seconds < ANSWER_LIMIT_S
        assert "🔴" not in menu.text, menu.text


def test_press_is_answered_where_only_the_poll_still_lives(new_site):
    """B5: the edit and the answer take another dead connection than the poll."""
    site = new_site()
    site.start_bot()
    menu = press(site.anna, open_menu(site.anna, "office"), "Status", "Back")
    site.telegram.wait_for_poll()
    poll = frozenset({site.telegram._waiting_poll._socket.getpeername()[1]})

    site.network.lose_open_connections(except_of=poll)

    pressed = site.anna.press(menu, "Status").wait(120)
    print(f"answered in {pressed.answer_seconds:.1f} s")
    assert pressed.answer_seconds < ANSWER_LIMIT_S
    assert "🟢" in menu.text


# ---------------------------------------------------------------- names and families


def test_silent_resolver_holds_up_no_press(new_site):
    """B14: the system itself would wait 10 to 20 s."""
    site = new_site(names=NAMES)
    site.start_bot((OFFICE,))
    menu = press(site.anna, open_menu(site.anna, "office"), "Status")
    site.network.lose("udp dport 53")
    with site.network.among_servers():
        site.office.go_down()
        site.office.come_back()
    for label in ("Refresh", "Back", "Running"):
        pressed = site.anna.press(menu, label).wait(60)
        print(f"{label} answered in {pressed.answer_seconds:.1f} s")
        assert pressed.answer_seconds < ANSWER_LIMIT_S
        # The address that is known serves.
        assert "⚠️" not in menu.text, menu.text
        assert "🔴" not in menu.text, menu.text


@pytest.mark.parametrize("silent", [1, 2])
def test_slow_resolver_is_no_news_of_a_server(new_site, silent):
    """The first name servers are silent: each lookup takes 5 s, or 8 s, as a browser's does."""
    site = new_site(names=NAMES, silent_resolvers=silent)
    site.start_bot((TELEGRAM, OFFICE, FACTORY), **MONITORED)
    expect_no_news(site)
    menu = press(site.anna, open_menu(site.anna, "office"), "Status")
    assert "🟢" in menu.text, menu.text


def test_firewall_that_resets_what_it_let_in_is_an_outage(new_site):
    """It takes the connection and resets it as soon as anything is sent."""
    site = new_site()
    site.start_bot(**MONITORED)
    site.wait_for_looks(1)
    rule = f"ip daddr {OFFICE} tcp flags & (syn | ack) == ack reject with tcp reset"
    site.network.nft("insert", "rule", "inet", "lab", "forward", *rule.split())
    alert = site.anna.chat.wait_for("🔴", 120)
    assert "office" in alert.text
    assert not any("factory" in text for text in site.told), site.told


# What the bot would find out, as JSON: whether Telegram answers, and of each server the state and
# whether something on the way could have answered so.
LOOKS = """
import json, sys
from lib import settings, telegram
from trueconf_api import get_status
config = settings.load(sys.argv[1])
bot = telegram.Bot(config.token, config.api_url)
looks = [get_status(server) for server in config.servers.values()]
print(json.dumps([telegram.answers(bot), [(one.state, one.is_doubtful) for one in looks]]))
"""


def test_sign_in_page_is_an_answer_of_nobody(new_site):
    """It takes all connections, as long as nobody has signed in there. Afterwards all is well."""
    site = new_site()
    site.write_settings(unchecked=(FACTORY,))
    looking = [*site.network.python, "-c", LOOKS, str(site.bot.settings_file)]

    def look() -> list:
        return json.loads(subprocess.run(looking, capture_output=True, check=True, cwd=ROOT).stdout)

    well = [True, [["up", False], ["up", False]]]
    assert look() == well
    with site.network.among_servers():
        page = portal.Portal(PORTAL).start()
    site.network.ask_to_sign_in(page, [site.office.web_port, site.factory.web_port])
    tried = [(answer, "untrusted") for answer in portal.ANSWERS]
    tried += [("page", certificate) for certificate in portal.CERTIFICATES]
    for page.answer, page.certificate in tried:
        answers, looks = look()
        assert not answers, (page.answer, page.certificate)
        assert all(is_doubtful for _, is_doubtful in looks), (page.answer, page.certificate, looks)
    site.network.let_in()
    assert look() == well
    page.stop()


@pytest.mark.parametrize(
    ("answer", "certificate"),
    [
        ("redirect", "untrusted"),
        ("page", "other_name"),
        ("json", "self_signed"),
        ("refusal", portal.NO_TLS),
        ("busy", "expired"),
    ],
)
def test_sign_in_page_is_no_news_of_a_server(new_site, answer, certificate):
    """What it answers is neither an outage of a healthy server nor a sign of its health."""
    site = new_site()
    site.start_bot(unchecked=(FACTORY,), **MONITORED)
    site.wait_for_looks(1)
    with site.network.among_servers():
        page = portal.Portal(PORTAL, answer, certificate).start()
    site.network.ask_to_sign_in(page, [site.office.web_port, site.factory.web_port])
    time.sleep(50)
    site.network.let_in()
    expect_no_news(site)
    page.stop()


def test_router_that_forgets_and_resolves_no_names_is_no_news_of_a_server(new_site, silent_s):
    """B13, B14: after a restart it has no open connections, and for a while no names."""
    site = new_site(names=NAMES)
    site.start_bot((TELEGRAM, OFFICE, FACTORY), **MONITORED)
    site.wait_for_looks(1)

    site.network.lose("udp dport 53")
    site.network.forget_connections()
    time.sleep(silent_s)
    site.network.mend()

    expect_no_news(site)


def test_broken_ipv6_route_costs_a_press_little(new_site):
    """B4, B15: the name has an address to which packets go and never arrive."""
    name = {"telegram.test": [IPV6_NOWHERE, TELEGRAM], "office.test": [IPV6_NOWHERE, OFFICE]}
    site = new_site(hosts=name)
    site.start_bot((TELEGRAM, OFFICE))
    site.anna.send("/start")
    menu = site.anna.chat.wait_for("Choose a server", 60)
    for label in ("office", "Status", "Refresh"):
        pressed = site.anna.press(menu, label).wait(60)
        print(f"{label} answered in {pressed.answer_seconds:.1f} s")
        assert pressed.answer_seconds < ANSWER_LIMIT_S
    assert "🟢" in menu.text


def test_address_that_names_a_network_interface_is_reached():
    """As pages write it, too. It is good on one cable alone, so the interface must be said."""
    need_programs(*PROGRAMS, root=True)
    with contextlib.ExitStack() as stack:
        try:
            network = stack.enter_context(Network())
        except RuntimeError as error:
            pytest.skip(f"cannot make network namespaces: {error}")
        shown = run("ip", "-n", network.router, "-6", "address", "show", "dev", "bot")
        address = re.search(r"fe80::[0-9a-f:]+", shown)[0]
        with inside(network.router), socket.create_server(("::", 0), family=socket.AF_INET6) as at:
            port = at.getsockname()[1]
            with inside(network.bot):
                wait_until(lambda: "tentative" not in run(
                    "ip", "-n", network.bot, "-6", "address", "show", "dev", "eth0"
                ))  # fmt: skip
                for zone in ("%eth0", "%25eth0"):
                    connections.open_socket(f"[{address}{zone}]", port, 15).close()
                with pytest.raises(OSError, match="no interface") as error:
                    connections.open_socket(f"[{address}%none]", port, 15)
                assert connections.reason_of(error.value) == "no_route"
