"""A real web server in front of TrueConf Server, as companies put it there."""

import contextlib
import ssl
import time
import urllib.error
import urllib.request

import pytest

import texts
from demo.trueconf.certificates import ca_file, own_file
from demo.trueconf.server import TrueConfServer
from tests.conftest import open_menu, press, wait_until
from tests.laboratory import parts
from tests.laboratory.parts import tls

SCREENS = ("Running", "Back", "Online", "Back", "Forgotten", "Back", "Status", "Back")


@pytest.fixture
def front(own_stage):
    """A function that puts nginx in front of a server and starts the bot. `options`: what stands
    in `server { }` besides; `location`: what stands in `location / { }` there."""
    with contextlib.ExitStack() as stack:

        def build(options="", location="", kind="good", trusted=None, **more):
            office = own_stage.new_server(tls=False)
            office.add_conference("Weekly planning " + 100 * "x")
            server = f"{tls(kind)} {options} {passed_on(office, location)}"
            front = stack.enter_context(parts.nginx(server))
            front.office, front.stage = office, own_stage
            settings = office.settings(
                ip=f"127.0.0.1:{front.port}", ssl_certificate=trusted or ca_file(), **more
            )
            own_stage.start_bot({"office": settings})
            return front

        yield build


def passed_on(office: TrueConfServer, location: str = "") -> str:
    return f"location / {{ {location} proxy_pass {office.address}; }}"


def see_everything(front) -> None:
    """Every screen of the server is as it should be."""
    anna = front.stage.anna
    menu = open_menu(anna, "office")
    for label in SCREENS:
        press(anna, menu, label)
        if label != "Back":
            assert "⚠️" not in menu.text, menu.text
        if label == "Running":
            assert "Weekly planning" in menu.text
        if label == "Status":
            assert "🟢" in menu.text, menu.text


@pytest.mark.parametrize(
    ("options", "location"),
    [
        ("keepalive_timeout 1s;", ""),
        ("keepalive_requests 1;", ""),
        ("keepalive_timeout 0;", ""),
        ("gzip on; gzip_min_length 1; gzip_types *; gzip_proxied any;", ""),
        ("gzip on; gzip_min_length 1; gzip_types *; gzip_proxied any;", "proxy_buffering off;"),
        ("ssl_protocols TLSv1.2;", ""),
        ("ssl_protocols TLSv1.3;", ""),
        ("ssl_protocols TLSv1.2; ssl_ciphers ECDHE-ECDSA-AES128-GCM-SHA256;", ""),
    ],
)
def test_every_screen_comes_through_nginx(front, options, location):
    """Twice, with a pause that its kept connections do not outlive."""
    built = front(options, location)
    see_everything(built)
    time.sleep(1.5 if "keepalive" in options else 0)
    see_everything(built)


def test_reload_of_nginx_is_no_news(front):
    """502 for two looks, then nginx with the right upstream again."""
    built = front(server_status={"state": 1, "timeout": 1})
    office, bot = built.office, built.stage.bot
    looked(office, 2)
    right = built.config_file.read_text()
    built.config_file.write_text(right.replace(office.address, "http://127.0.0.1:1"))
    built.reload()
    wait_until(lambda: "502" in status_line(built), what="a 502")
    built.config_file.write_text(right)
    built.reload()
    wait_until(lambda: "200" in status_line(built), what="a 200")
    looked(office, 6)
    assert built.stage.anna.chat.bot_messages == [], bot.output
    see_everything(built)


def test_502_is_the_web_part_alone(front):
    built = front(server_status={"state": 1, "timeout": 1})
    see_everything(built)
    right = built.config_file.read_text()
    built.config_file.write_text(right.replace(built.office.address, "http://127.0.0.1:1"))
    built.reload()
    alert = built.stage.anna.chat.wait_for("🟠", 60)
    assert "502" in alert.text
    built.config_file.write_text(right)
    built.reload()
    built.stage.anna.chat.wait_for("🟢", 60)


def looked(office: TrueConfServer, more: int) -> None:
    """Wait for so many looks at the service."""

    def count() -> int:
        return sum(request.port_kind == "status" for request in office.requests)

    wanted = count() + more
    wait_until(lambda: count() >= wanted, 60, f"{more} looks")


def status_line(front) -> str:
    """What nginx answers now, asked over a connection of its own."""
    context = ssl._create_unverified_context()
    try:
        with urllib.request.urlopen(
            f"https://127.0.0.1:{front.port}/api/v4/server", context=context
        ) as answer:
            return str(answer.status)
    except urllib.error.HTTPError as error:
        return str(error.code)


def test_old_tls_is_named(front):
    """B20: the server offers only what this Python does not speak any more."""
    built = front("ssl_protocols TLSv1; ssl_ciphers ALL:@SECLEVEL=0;")
    menu = press(built.stage.anna, open_menu(built.stage.anna, "office"), "Running")
    assert "TLS" in menu.text, menu.text
    assert "does not speak HTTPS" not in menu.text, menu.text


@pytest.mark.parametrize("status", [400, 401, 403])
def test_refusal_of_nginx_is_not_taken_for_one_of_trueconf(front, status):
    """B16: its HTML page says nothing of client_secret or a permission."""
    built = front(location=f"return {status};")
    menu = open_menu(built.stage.anna, "office")
    for label in ("Running", "Online", "Forgotten"):
        press(built.stage.anna, menu, label)
        assert f"HTTP {status}" in menu.text, menu.text
        assert "client_secret" not in menu.text, menu.text
        assert "ermission" not in menu.text, menu.text
        press(built.stage.anna, menu, "Back")


def test_password_of_nginx_is_not_taken_for_a_refused_token(front):
    """B16: the token was given out, and the calls meet a password."""
    with parts.open_folder() as folder:
        (folder / "users").write_text("")
        basic = f'location /api {{ auth_basic "Staff"; auth_basic_user_file {folder}/users; }}'
        built = front(basic)
        menu = press(built.stage.anna, open_menu(built.stage.anna, "office"), "Running")
        assert "HTTP 401" in menu.text, menu.text
        assert "client_secret" not in menu.text, menu.text
        tokens = [one for one in built.office.requests if "token" in one.path]
        assert len(tokens) <= 2, tokens


@pytest.mark.parametrize(
    ("kind", "trusted"),
    [
        ("chain", lambda: ca_file()),
        ("chain", lambda: ca_file("middle")),
        ("chain", lambda: own_file("chain")),
        ("broken_chain", lambda: ca_file("middle")),
        ("broken_chain", lambda: own_file("broken_chain")),
        ("self_signed", lambda: own_file("self_signed")),
        ("good", lambda: own_file("good")),
    ],
    ids=["root", "middle", "own", "left_out_middle", "left_out_own", "self_signed", "pinned"],
)
def test_certificate_of_a_companys_authority_is_taken(front, kind, trusted):
    """D1: the authority, its intermediate or the server's own certificate in ssl_certificate."""
    see_everything(front(kind=kind, trusted=trusted()))


@pytest.mark.parametrize(
    ("kind", "words"), [("broken_chain", "intermediate"), ("no_name", "names no host")]
)
def test_certificate_that_cannot_be_trusted_is_named(front, kind, words):
    """D2, D3: with the cause that it has."""
    built = front(kind=kind)
    menu = press(built.stage.anna, open_menu(built.stage.anna, "office"), "Running")
    assert words in menu.text, menu.text


@pytest.mark.parametrize(
    ("options", "said"),
    [
        # What companies answer with where a name is asked for that they do not serve.
        ("ssl_reject_handshake on;", texts.words("reason_tls_refused")),
        (f"ssl_verify_client on; ssl_client_certificate {ca_file()};", "HTTP 400"),
    ],
    ids=["reject_handshake", "mutual_tls"],
)
def test_nginx_that_lets_nobody_in_is_named(front, options, said):
    """D6: in TLS itself, or by a page that wants a certificate of its clients."""
    built = front(options)
    menu = press(built.stage.anna, open_menu(built.stage.anna, "office"), "Running")
    assert said in menu.text, menu.text
    assert "client_secret" not in menu.text, menu.text
