"""One sick server costs one question its limit, never the memory, and never the other servers."""

import contextlib
import socket
import ssl
import struct
import sys
import threading
import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import pytest

import lib.trueconf_client
import lib.trueconf_model
import lib.trueconf_transport
from demo.trueconf import certificates
from demo.trueconf.certificates import Certificate
from lib import connections
from tests.conftest import wait_until
from tests.test_trueconf_api import HOUR_S, server_for
from trueconf_api import (
    UP,
    BadAnswer,
    Client,
    ServerUnreachable,
    TrueConfError,
    find_forgotten,
    get_certificate_end,
    get_clock_skew,
    get_online,
    get_running_conferences,
    get_status,
    or_error,
    renew_access_token,
    stop_conference,
)

NAME = "server.example.org"
DAY_S = 86400

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="needs 127.0.0.2, and a full backlog")


def reason(ask, *args) -> str:
    """The reason of the error that a question ends with."""
    error = or_error(ask, *args)
    assert isinstance(error, TrueConfError), error
    return error.reason


# ---------------------------------------------------------------- time


@pytest.mark.waits(10)
def test_whatever_drips_ends_with_the_question(new_server, monkeypatch):
    monkeypatch.setattr(lib.trueconf_client, "PRESS_LIMIT_S", 2)
    simulator = new_server()
    server = server_for(simulator)
    get_online(server)
    faults = ("drip", "drip_header", "drip_status_line", "continue", "chunk_drip", "gzip_drip")
    for fault in faults:
        simulator.break_path("users", fault)
        assert reason(get_online, server) == "no_answer", fault
        simulator.mend()
    assert get_online(server).accounts


def test_drip_on_the_service_port_is_a_service_that_does_not_answer(new_server, monkeypatch):
    monkeypatch.setattr("trueconf_api.PROBE_LIMIT_S", 1)
    simulator = new_server()
    server = server_for(simulator)
    for fault in ("drip_header", "drip_status_line", "continue", "chunk_drip"):
        simulator.break_path("vsstatus", fault)
        assert get_status(server).service_reason == "no_answer", fault
    simulator.mend()
    assert get_status(server).state == UP


def test_connection_that_the_way_forgot_is_replaced_within_the_question(new_server):
    simulator = new_server()
    server = server_for(simulator)
    assert get_online(server).accounts
    assert get_status(server).state == UP
    simulator.lose_connections()
    with ThreadPoolExecutor(2) as pool:
        online, status = pool.submit(get_online, server), pool.submit(get_status, server)
        assert online.result().accounts
        assert status.result().state == UP


def test_stop_is_not_sent_twice(new_server, monkeypatch):
    monkeypatch.setattr(lib.trueconf_transport, "KEPT_LIMIT_S", 0.5)
    simulator = new_server()
    simulator.add_conference("Meeting")
    server = server_for(simulator)
    [meeting] = get_running_conferences(server)
    simulator.clear_requests()
    simulator.break_path("stop", "hang", times=1)
    assert reason(stop_conference, server, meeting) == "no_answer"
    assert len([one for one in simulator.requests if one.method == "POST"]) == 1


# ---------------------------------------------------------------- the way to the server


@pytest.fixture
def resolve(monkeypatch):
    """A function that says which addresses the name has; None: the resolver stays silent."""
    silence = threading.Event()
    asked = []
    real = socket.getaddrinfo
    found: list = []

    def answer(host, port, *args, **options):
        if host != NAME:
            return real(host, port, *args, **options)
        asked.append(host)
        if found == [None]:
            silence.wait(20)
            raise socket.gaierror(socket.EAI_AGAIN, "too late")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 0)) for address in found]

    def addresses(*given):
        found[:] = given
        asked.clear()
        return asked

    monkeypatch.setattr(socket, "getaddrinfo", answer)
    connections._worked.clear()
    yield addresses
    silence.set()
    wait_until(lambda: not connections._lookups, what="the end of the lookups")


@contextlib.contextmanager
def listening(*addresses, is_deaf=False):
    """Listen on one port of these addresses; `is_deaf`: a full queue, packets vanish."""
    with contextlib.ExitStack() as stack:
        port = 0
        for address in addresses:
            listener = stack.enter_context(socket.socket())
            listener.bind((address, port))
            port = listener.getsockname()[1]
            listener.listen(1 if is_deaf else 10)
            for _ in range(8 if is_deaf else 0):
                filler = stack.enter_context(socket.socket())
                filler.setblocking(False)
                filler.connect_ex((address, port))
        yield port


@on_linux
def test_dead_addresses_before_the_good_one_leave_it_time(resolve):
    dead = [f"127.0.1.{number}" for number in range(1, 3)]
    with listening(*dead, is_deaf=True) as port, socket.socket() as good:
        good.bind(("127.0.0.1", port))
        good.listen(10)
        asked = resolve(*dead, "127.0.0.1")
        with connections.open_socket(NAME, port, 1.5) as opened:
            assert opened.getpeername()[0] == "127.0.0.1"
        # The one that worked is tried first from now on, so the dead ones cost nothing more.
        with connections.open_socket(NAME, port, 0.2) as opened:
            assert opened.getpeername()[0] == "127.0.0.1"
        assert len(asked) == 2


@on_linux
def test_six_dead_addresses_are_a_time_out_and_a_refusal_is_told(resolve):
    dead = [f"127.0.1.{number}" for number in range(1, 7)]
    with listening(*dead, is_deaf=True) as port:
        resolve(*dead)
        with pytest.raises(connections.ConnectTimedOut):
            connections.open_socket(NAME, port, 2)
    resolve("127.0.0.1")
    with pytest.raises(ConnectionRefusedError):
        connections.open_socket(NAME, port, 2)


def test_silent_resolver_is_given_up_and_asked_once_for_all_who_wait(resolve):
    asked = resolve(None)

    def look_up(_) -> type:
        try:
            connections.look_up(NAME, 0.3)
        except OSError as error:
            return type(error)
        return type(None)

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(look_up, range(8))) == {connections.LookupTimedOut}
    assert len(asked) <= 2  # two if a new second began meanwhile
    server = lib.trueconf_model.Server("office", f"https://{NAME}")
    with pytest.raises(ServerUnreachable) as error:
        Client(server, 0.3).get_public("api/v4/server")
    assert error.value.reason == "dns_silent"


def test_resolver_that_is_back_is_asked_anew_while_an_old_lookup_still_waits(resolve):
    """B13: the packet of the old one was lost, so it fails long after the names are there."""
    resolve(None)
    with pytest.raises(connections.LookupTimedOut):
        connections.look_up(NAME, 1.1)
    resolve("127.0.0.1")
    assert connections.look_up(NAME, 5) == [(socket.AF_INET, "127.0.0.1")]


def test_what_was_given_up_is_dropped_and_not_delivered_later():
    with listening("127.0.0.1") as port, connections.open_socket("127.0.0.1", port, 5) as opened:
        linger = struct.Struct("hh" if sys.platform == "win32" else "ii")
        option = opened.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger.size)
        assert linger.unpack(option) == (1, 0)


# ---------------------------------------------------------------- size


def test_what_pours_out_is_cut_off(new_server):
    simulator = new_server()
    server = server_for(simulator)
    for fault, details in (
        ("huge", {}),
        ("nested_gzip", {}),
        ("large_rows", {}),
        ("many_rows", {"count": 2_000_000}),
    ):
        simulator.break_path("users", fault, **details)
        assert reason(get_online, server) in ("too_large", "no_answer"), fault
    simulator.mend()
    assert get_online(server).accounts


def test_answer_of_too_many_values_is_not_decoded_whatever_it_answers(new_server):
    """Two million objects would take 150 MB and more, before anybody counted them."""
    simulator = new_server()
    server = server_for(simulator)
    for path, ask in (("users", get_online), ("token", renew_access_token)):
        simulator.break_path(path, "many_rows", count=2_000_000)
        tracemalloc.start()
        with pytest.raises(BadAnswer):
            ask(server)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 60 * 2**20, (path, peak)


def test_one_budget_holds_for_all_requests_of_a_question(new_server, monkeypatch):
    monkeypatch.setattr(lib.trueconf_transport, "MAX_BYTES", 300_000)
    simulator = new_server()
    for number in range(20):
        people = tuple(f"guest{number}" for number in range(100))
        simulator.add_conference(f"Meeting {number}", people=people, age_s=2 * HOUR_S)
    server = server_for(simulator)
    found = find_forgotten(server, 60)
    # Those whose people could be read before the budget was used up, and the others.
    reasons = {forgotten.reason for forgotten in found}
    assert "not_examined" in reasons


def test_many_rows_without_an_id_are_read_in_linear_time(new_server):
    simulator = new_server()
    server = server_for(simulator)
    simulator.break_path("logs/calls", "many_rows")
    assert len(get_running_conferences(server)) == 100_000


def test_tokens_and_ids_of_no_real_server_are_not_kept(new_server):
    simulator = new_server()
    for token in ("Moscow", "x" * 15_000, "white space in it", ""):
        simulator.make_token = lambda token=token: token
        assert reason(get_online, server_for(simulator)) == "shape", len(token)
    simulator = new_server(scopes=("users:read", "s" * 1000))
    server = server_for(simulator)
    get_online(server)
    assert server.learnt.scopes == {"users:read"}
    simulator = new_server()
    simulator.add_conference("Meeting", conference_id="i" * 6000, session_id="s" * 6000)
    [found] = get_running_conferences(server_for(simulator))
    assert (found.title, found.id, found.session_id) == ("Meeting", "", "")


def test_bare_list_holds_rows_or_is_no_answer(new_server):
    simulator = new_server()
    server = server_for(simulator)
    simulator.break_path("users", "list")
    assert reason(get_online, server) == "shape"


# ---------------------------------------------------------------- certificates


def checked(new_server, certificate, **more) -> str:
    """What asking a server with this certificate ends with; "" if it is well."""
    simulator = new_server(certificate=certificate)
    found = or_error(get_online, server_for(simulator, **more))
    return found.reason if isinstance(found, TrueConfError) else ""


def test_each_fault_of_a_certificate_has_a_reason_of_its_own(new_server):
    for certificate, expected in {
        "good": "",
        "chain": "",
        "plain": "",
        "expired": "certificate_expired",
        Certificate(starts_in_days=2): "certificate_expired",
        "other_name": "certificate_name",
        "no_name": "certificate_no_names",
        "untrusted": "certificate_chain",
        "broken_chain": "certificate_chain",
        "self_signed": "certificate_untrusted",
    }.items():
        ca_file = certificates.ca_file()
        assert checked(new_server, certificate, verify=ca_file) == expected, certificate


def test_file_may_hold_an_authority_an_intermediate_or_the_certificate_itself(new_server):
    for certificate, trusted in (
        ("good", certificates.ca_file()),
        ("broken_chain", certificates.ca_file("middle")),
        ("chain", certificates.ca_file("middle")),
        ("good", certificates.own_file("good")),
        ("self_signed", certificates.own_file("self_signed")),
    ):
        assert checked(new_server, certificate, verify=trusted) == "", (certificate, trusted)


def test_end_of_the_certificate_is_known_after_any_connection(new_server):
    simulator = new_server(certificate=Certificate(ends_in_days=3))
    server = server_for(simulator)
    end = get_status(server).certificate_end
    assert end is not None
    assert 2.9 * DAY_S < end - simulator.now() < 3.1 * DAY_S
    assert get_certificate_end(server) == end
    unchecked = server_for(simulator, verify=False)
    assert get_status(unchecked).certificate_end is None
    assert get_certificate_end(unchecked) is None


def test_tls_that_cannot_be_agreed_on_is_told_apart_from_no_tls():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificates.server_files("good"))
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("ECDHE-RSA-AES128-GCM-SHA256")  # the key of the certificate is another
    with socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor(1) as pool:
        pool.submit(shake_hands_once, context, listener)
        url = f"https://127.0.0.1:{listener.getsockname()[1]}"
        server = lib.trueconf_model.Server("office", url, verify=certificates.ca_file())
        assert reason(get_clock_skew, server) == "tls_version"


def shake_hands_once(context, listener) -> None:
    connection, _ = listener.accept()
    with connection, contextlib.suppress(ssl.SSLError):
        context.wrap_socket(connection, server_side=True).close()


# ---------------------------------------------------------------- headers


def test_clock_that_cannot_be_read_is_not_known():
    for date in ("Mon, 01 Jan 99999999999999999999 00:00:00 GMT", "yesterday", "", "\x00"):
        head = f"HTTP/1.1 200 OK\r\nDate: {date}\r\nContent-Length: 0\r\n\r\n"
        with socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor(1) as pool:
            pool.submit(answer_once, listener, head)
            url = f"http://127.0.0.1:{listener.getsockname()[1]}"
            server = lib.trueconf_model.Server("office", url)
            assert get_clock_skew(server) is None, date


def answer_once(listener, head: str) -> None:
    connection, _ = listener.accept()
    with connection:
        connection.recv(65536)
        connection.sendall(head.encode())


def test_refusal_of_something_in_front_is_not_taken_for_the_servers(new_server):
    simulator = new_server()
    for part, status in (("token", 400), ("token", 401), ("token", 403), ("users", 401)):
        simulator.break_path(part, "status", status=status, html=True)
        error = or_error(get_online, server_for(simulator))
        assert isinstance(error, BadAnswer), (part, status)
        assert (error.reason, error.details) == ("in_front", {"status": status})
        simulator.mend()
