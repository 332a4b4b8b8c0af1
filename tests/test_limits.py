"""One sick server costs one question its limit, never the memory, and never the other servers."""

import contextlib
import errno
import shutil
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
from demo import portal
from demo.trueconf import certificates
from demo.trueconf.certificates import Certificate
from demo.wire import Door
from lib import connections
from tests.conftest import says, wait_until
from tests.test_trueconf_api import HOUR_S, server_for
from texts import screens
from trueconf_api import (
    DOWN,
    SERVICE_DOWN,
    UP,
    WEB_DOWN,
    BadAnswer,
    Client,
    Server,
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

resource = pytest.importorskip("resource") if sys.platform == "linux" else None
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


@pytest.mark.waits(5)
def test_kept_connection_that_was_forgotten_takes_the_others_with_it(new_server, monkeypatch):
    """What forgot one has forgotten all, most likely: no other question has to find that out."""
    monkeypatch.setattr(lib.trueconf_transport, "KEPT_LIMIT_S", 0.5)
    simulator = new_server()
    server = server_for(simulator)
    assert get_online(server).accounts
    assert get_status(server).state == UP
    kept = server.shared.connections
    assert get_online(server).accounts
    assert server.shared.connections is kept
    simulator.break_path("users", "cut", times=1)  # this one was closed, which says nothing of them
    assert get_online(server).accounts
    assert server.shared.connections is kept
    simulator.lose_connections()
    assert get_online(server).accounts
    assert server.shared.connections is not kept


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
    """A function that says which addresses the name has; None: the resolver stays silent.
    `wakes`: an Event, before which it does not answer."""
    silence = threading.Event()
    slow = []
    asked = []
    real = socket.getaddrinfo
    found: list = []

    def answer(host, port, *args, **options):
        if host != NAME:
            return real(host, port, *args, **options)
        asked.append(host)
        names = list(found)
        if names == [None]:
            silence.wait(20)
            raise socket.gaierror(socket.EAI_AGAIN, "too late")
        for wakes in list(slow):
            wakes.wait(20)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 0)) for address in names]

    def addresses(*given, wakes=None):
        found[:] = given
        slow[:] = [wakes] if wakes else []
        asked.clear()
        return asked

    monkeypatch.setattr(socket, "getaddrinfo", answer)
    connections._names.pop(NAME, None)
    yield addresses
    silence.set()
    wait_until(lambda: not connections._names[NAME].under_way, what="the end of the lookups")


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


def test_what_a_lookup_found_is_kept_although_its_asker_has_gone(resolve):
    """A resolver that needs 5 s, as where the first of two name servers is silent."""
    wakes = threading.Event()
    resolve("127.0.0.1", wakes=wakes)
    with pytest.raises(connections.LookupTimedOut):
        connections.look_up(NAME, 0.1)
    wakes.set()
    wait_until(lambda: not connections._names[NAME].under_way, what="the end of the lookup")
    resolve(None)  # it needs so long again
    assert connections.look_up(NAME, 5) == [(socket.AF_INET, "127.0.0.1")]


def test_older_lookup_serves_whoever_asks_while_it_runs(resolve):
    """Looks that are shorter than the resolver needs: one of them gets what the first asked for."""
    wakes = threading.Event()
    resolve("127.0.0.1", wakes=wakes)
    with pytest.raises(connections.LookupTimedOut):
        connections.look_up(NAME, 1.1)  # so that the next one asks anew
    resolve(None)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(connections.look_up, NAME, 15)
        wait_until(lambda: len(connections._names[NAME].under_way) == 2)
        wakes.set()
        assert waiting.result() == [(socket.AF_INET, "127.0.0.1")]


@on_linux
def test_name_that_has_moved_is_noticed(resolve, monkeypatch):
    with listening("127.0.0.1") as port, socket.socket() as other:
        other.bind(("127.0.0.2", port))
        other.listen(10)

        def address() -> str:
            with connections.open_socket(NAME, port, 15) as opened:
                return opened.getpeername()[0]

        resolve("127.0.0.1")
        assert address() == "127.0.0.1"
        resolve("127.0.0.2")  # at once, though the old address still answers
        assert address() == "127.0.0.2"
        monkeypatch.setattr(connections, "KNOWN_WAIT_S", 0)
        resolve(None)  # the last known address serves
        assert address() == "127.0.0.2"
        other.close()  # it refuses, so what the lookup brings is waited for
        wakes = threading.Event()
        resolve("127.0.0.1", wakes=wakes)
        connections._names[NAME].begun_at = 0  # the one that is silent does not count any more
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(address)
            changed = connections._names[NAME].changed
            wait_until(lambda: changed._waiters or waiting.done())  # it was refused
            wakes.set()
            assert waiting.result() == "127.0.0.1"


def test_name_that_is_gone_is_not_known_any_more(resolve, monkeypatch):
    resolve("127.0.0.1")
    connections.look_up(NAME, 5)
    monkeypatch.setattr(socket, "getaddrinfo", gone)
    for _ in range(2):
        with pytest.raises(socket.gaierror):
            connections.look_up(NAME, 5)
    monkeypatch.setattr(socket, "getaddrinfo", unanswered)
    with pytest.raises(connections.LookupTimedOut):
        connections.look_up(NAME, 5)


def gone(*_, **__):
    raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")


def unanswered(*_, **__):
    raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")


def test_slow_resolver_delays_the_first_look_and_makes_nothing_unreachable(
    new_server, resolve, monkeypatch
):
    monkeypatch.setattr("trueconf_api.PROBE_LIMIT_S", 1)
    simulator = new_server(tls=False)
    url = f"http://{NAME}:{simulator.web_port}"
    server = server_for(simulator, url=url)
    wakes = threading.Event()
    resolve("127.0.0.1", wakes=wakes)
    with ThreadPoolExecutor(1) as pool:
        status = pool.submit(get_status, server)
        with pytest.raises(connections.LookupTimedOut):
            connections.look_up(NAME, 2)  # longer than a look may take
        wakes.set()
        assert status.result().state == UP
    resolve(None)
    server.shared.connections = lib.trueconf_transport.Connections()
    for _ in range(3):
        assert get_status(server).state == UP
    assert get_online(server).accounts


@pytest.mark.parametrize("is_encrypted", [True, False])
@pytest.mark.parametrize(
    ("ports", "state"),
    [
        (("status",), SERVICE_DOWN),
        (("web",), WEB_DOWN),
        (("status", "web"), DOWN),
    ],
)
def test_connection_that_is_taken_and_reset_at_once_is_no_answer(
    new_server, ports, state, is_encrypted
):
    """The reset comes while it connects, sends or reads, so it is tried often."""
    simulator = new_server(tls=is_encrypted)
    server = server_for(simulator)
    simulator.slam(*ports)
    for _ in range(30):
        status = get_status(server)
        assert status.state == state
        assert {status.service_reason, status.web_reason} - {""} == {"cut"}
        if "web" in ports:
            assert reason(get_online, server) == "cut"
    simulator.come_back()
    assert get_status(server).state == UP


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


def refuse_once(context, listener) -> None:
    """As web servers do: the alert, then the end, and a moment for whatever comes still."""
    connection, _ = listener.accept()
    with connection, contextlib.suppress(OSError):
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        greeting = context.wrap_bio(incoming, outgoing, server_side=True)
        while data := connection.recv(65536):
            incoming.write(data)
            try:
                greeting.do_handshake()
            except ssl.SSLWantReadError:
                connection.sendall(outgoing.read())
            except ssl.SSLError:
                connection.sendall(outgoing.read())
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(65536):
                    pass


def shake_hands_once(context, listener) -> None:
    connection, _ = listener.accept()
    with connection, contextlib.suppress(ssl.SSLError):
        context.wrap_socket(connection, server_side=True).close()


ALERTS = {  # https://www.rfc-editor.org/rfc/rfc8446#section-6
    49: "tls_refused",  # access_denied
    80: "tls_refused",  # internal_error
    112: "tls_refused",  # unrecognized_name
    120: "tls_refused",  # no_application_protocol
    116: "tls_wants_certificate",  # certificate_required
    40: "tls_version",  # handshake_failure
    70: "tls_version",  # protocol_version
}


def test_refusal_in_tls_is_told_apart_from_no_tls():
    for alert, expected in ALERTS.items():
        with socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor(1) as pool:
            pool.submit(answer_once, listener, bytes([21, 3, 3, 0, 2, 2, alert]))
            server = Server("office", f"https://127.0.0.1:{listener.getsockname()[1]}")
            assert reason(get_clock_skew, server) == expected, alert
            sentence = screens.error_sentence(ServerUnreachable(server, expected))
            assert says(sentence, f"reason_{expected}")


def test_server_that_wants_a_certificate_of_its_clients_is_told():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificates.server_files("good"))
    context.load_verify_locations(certificates.ca_file())
    context.verify_mode = ssl.CERT_REQUIRED
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    with socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor(1) as pool:
        pool.submit(refuse_once, context, listener)
        url = f"https://127.0.0.1:{listener.getsockname()[1]}"
        server = Server("office", url, verify=certificates.ca_file())
        assert reason(get_clock_skew, server) == "tls_wants_certificate"


@pytest.mark.parametrize("old", ["missing", "other"])
def test_certificate_file_that_is_replaced_is_read_again(new_server, tmp_path, old):
    file = tmp_path / "ca.crt"
    if old == "other":
        shutil.copy(certificates.own_file("self_signed"), file)
    server = server_for(new_server(), verify=str(file))
    assert reason(get_online, server) == ("ca_file" if old == "missing" else "certificate_chain")
    new = tmp_path / "new.crt"
    shutil.copy(certificates.ca_file(), new)
    new.replace(file)
    assert get_online(server).accounts


def test_advice_about_a_certificate_knows_whether_there_is_a_file():
    for kind in ("untrusted", "chain"):
        said = {
            screens.error_sentence(ServerUnreachable(Server("a", "https://a", verify=verify), kind))
            for kind in [f"certificate_{kind}"]
            for verify in (True, "ca.crt")
        }
        assert len(said) == 2
        assert sum(bool(says(one, f"advice_certificate_{kind}_file")) for one in said) == 1


def test_second_greeting_is_within_the_limit_too(new_server):
    """A certificate of another name is looked at again, to say why. Here a greeting takes 1 s."""
    simulator = new_server(certificate="no_name", round_trip_s=0.5)
    server = server_for(simulator)
    limits = {60: "certificate_no_names", 1.5: "certificate_name"}
    for limit_s, expected in limits.items():
        with pytest.raises(ServerUnreachable) as error:
            Client(server, limit_s).get_public("api/v4/server")
        assert error.value.reason == expected


def test_token_that_another_thread_asks_for_is_waited_for_within_the_limit(new_server):
    simulator = new_server()
    server = server_for(simulator)
    simulator.break_path("token", "hang")
    with ThreadPoolExecutor(1) as pool:
        patient = pool.submit(or_error, Client(server, 60).access_token)
        wait_until(lambda: simulator.requests)
        with pytest.raises(ServerUnreachable):
            Client(server, 0.5).access_token()
        assert not patient.done()
        simulator.mend()
        assert patient.result() == server.access_token  # asked for again, on a new connection


# ---------------------------------------------------------------- what proves nothing


@on_linux
def test_lack_of_files_is_told_of_the_bot_and_not_of_the_server(new_server):
    server = server_for(new_server())
    assert get_status(server).state == UP
    before = server.learnt.last_status
    server.shared.connections = lib.trueconf_transport.Connections()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with socket.socket() as newest:
        resource.setrlimit(resource.RLIMIT_NOFILE, (newest.fileno() + 1, hard))
        try:
            with pytest.raises(ServerUnreachable) as error:
                get_status(server)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert error.value.reason == "own_lack"
    assert server.learnt.last_status is before
    assert says(screens.error_sentence(error.value), "error_own_lack")
    assert get_status(server).state == UP


def test_each_lack_of_the_own_computer_is_one():
    for number in (errno.ENFILE, errno.EADDRNOTAVAIL, errno.ENOBUFS, errno.ENOMEM):
        assert connections.reason_of(OSError(number, "lack")) == "own_lack"
    assert connections.reason_of(OSError(errno.ENETUNREACH, "no way")) == "no_route"
    assert connections.reason_of(OSError(errno.EIO, "odd")) == "failed"


def test_answer_that_something_on_the_way_could_have_given_is_doubtful(new_server):
    portal = (
        ("redirect", {"location": "https://portal.example/login"}),
        ("html", {}),
        ("status", {"status": 511, "html": True}),
    )
    for verify, in_the_web in ((False, True), (certificates.ca_file(), False)):
        simulator = new_server()
        server = server_for(simulator, verify=verify)
        assert not get_status(server).is_doubtful
        for fault, details in portal:
            simulator.break_path("vsstatus", fault, **details)
            assert get_status(server).is_doubtful, fault
            simulator.mend()
            simulator.break_path("", fault, **details)  # nobody else has its certificate
            assert get_status(server).is_doubtful == in_the_web, fault
            simulator.mend()
        simulator.slam()
        lost = get_status(server)
        assert (lost.state, lost.is_doubtful) == (DOWN, False)
    stranger = server_for(new_server(certificate="untrusted"))
    assert get_status(stranger).is_doubtful


@pytest.mark.parametrize("answer", portal.ANSWERS)
def test_no_answer_of_a_sign_in_page_could_only_be_the_servers(answer):
    """Whatever it is, and however the server is to be asked."""
    with portal.Portal(answer=answer) as page:
        for port in (page.plain.port, 0):
            assert get_status(behind(page, page.plain, port)).is_doubtful
            for page.certificate in portal.CERTIFICATES:
                for verify in (False, certificates.ca_file()):
                    server = behind(page, page.encrypted, port, verify=verify)
                    assert get_status(server).is_doubtful, (page.certificate, verify)


def behind(page: portal.Portal, door: Door, status_port: int, **more) -> Server:
    scheme = "https" if door is page.encrypted else "http"
    url = f"{scheme}://{page.host}:{door.port}"
    return Server("office", url, "client", "secret", status_port=status_port, **more)


def test_no_answer_of_the_server_is_taken_for_a_sign_in_page(new_server):
    """Whatever it does not tell, and whichever versions of the API it speaks."""
    for versions in ({"v3.3"}, {"v4"}, set()):
        simulator = new_server()
        simulator.api_versions = versions
        simulator.hides_version = True
        for verify in (False, certificates.ca_file()):
            status = get_status(server_for(simulator, verify=verify))
            assert (status.state, status.is_doubtful) == (UP, False), versions


def test_redirect_is_said_to_lead_elsewhere_only_where_it_does(new_server):
    simulator = new_server()
    server = server_for(simulator)
    port = simulator.web_port
    for location, elsewhere in {
        "https://other.example/login": "other.example",
        "//other.example": "other.example",
        f"https://127.0.0.1:{port}/login": "",
        f"HTTPS://anna@127.0.0.1:{port}?next=": "",
        "https://127.0.0.1/": "127.0.0.1",
        "http://127.0.0.1/": "http://127.0.0.1",
        f"http://127.0.0.1:{port}/": "",
        "/login": "",
        "login": "",
        "javascript:alert(1)": "",
        "https://other.example:99999999/": "",
        "": "",
    }.items():
        simulator.break_path("users", "redirect", location=location)
        error = or_error(get_online, server)
        if elsewhere:
            assert (error.reason, error.details) == ("redirect", {"location": elsewhere}), location
        else:
            assert error.reason == "redirect_here", location
        assert "127.0.0.1:" not in screens.error_sentence(error)


# ---------------------------------------------------------------- headers


def test_clock_that_cannot_be_read_is_not_known():
    for date in ("Mon, 01 Jan 99999999999999999999 00:00:00 GMT", "yesterday", "", "\x00"):
        head = f"HTTP/1.1 200 OK\r\nDate: {date}\r\nContent-Length: 0\r\n\r\n"
        with socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor(1) as pool:
            pool.submit(answer_once, listener, head.encode())
            url = f"http://127.0.0.1:{listener.getsockname()[1]}"
            server = lib.trueconf_model.Server("office", url)
            assert get_clock_skew(server) is None, date


def answer_once(listener, answer: bytes) -> None:
    connection, _ = listener.accept()
    with connection:
        connection.recv(65536)
        connection.sendall(answer)


def test_refusal_of_something_in_front_is_not_taken_for_the_servers(new_server):
    simulator = new_server()
    for part, status in (("token", 400), ("token", 401), ("token", 403), ("users", 401)):
        simulator.break_path(part, "status", status=status, html=True)
        error = or_error(get_online, server_for(simulator))
        assert isinstance(error, BadAnswer), (part, status)
        assert (error.reason, error.details) == ("in_front", {"status": status})
        simulator.mend()
