"""The bot, a router and the servers in three network namespaces of Linux.

It shows what loopback cannot: packets that vanish without a word, a router that forgets the
connections it translated, a resolver that is silent. Needs root, iproute2, nftables, conntrack.

    with Network() as network:
        with network.among_servers():
            office = TrueConfServer(host=OFFICE).start()
        bot.python = network.python
        network.lose()
        network.mend()
"""

import contextlib
import ctypes
import itertools
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
from pathlib import Path

from demo.portal import Portal

CLONE_NEWNET = 0x40000000
NETNS_FILES = Path("/etc/netns")  # `ip netns exec NAME` puts what is in NAME/ over /etc

BOT, OTHER_BOT, BOT_GATEWAY = "10.77.1.2", "10.77.1.3", "10.77.1.1"
TELEGRAM, OFFICE, FACTORY, RESOLVER = "10.77.2.10", "10.77.2.11", "10.77.2.12", "10.77.2.53"
PORTAL = "10.77.2.99"
NO_RESOLVERS = ("10.78.0.1", "10.78.0.2")  # packets to them are lost on their way
SERVERS_GATEWAY = "10.77.2.1"
IPV6_NOWHERE = "fd77:2::10"  # the route to it is there and leads nowhere
PROGRAMS = ("ip", "nft", "conntrack", "ss", "sysctl")

# As home routers have it: packets of a connection that the router does not know are dropped.
RULES = """
table inet lab {
    chain losses {
    }
    chain forward {
        type filter hook forward priority 0
        ip daddr 10.78.0.0/24 drop
        jump losses
        ct state invalid drop
        meta nfproto ipv6 drop
    }
    chain input {
        type filter hook input priority 0
        meta nfproto ipv4 ct state new drop
        meta nfproto ipv4 ct state invalid drop
    }
    chain inwards {
        type nat hook prerouting priority -100
    }
    chain outwards {
        type nat hook postrouting priority 100
        oifname "servers" masquerade
    }
}
"""

_numbers = itertools.count(1)
_libc = ctypes.CDLL(None, use_errno=True)


def run(*command: str, given: str | None = None) -> str:
    """Run a program of the system and return what it prints."""
    done = subprocess.run(command, input=given, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}")
    return done.stdout


@contextlib.contextmanager
def inside(namespace: str):
    """Sockets that this thread makes meanwhile belong to the namespace, and so do the connections
    that they accept later."""
    with (
        open("/proc/thread-self/ns/net", "rb") as home,
        open(f"/run/netns/{namespace}", "rb") as there,
    ):
        _enter(there)
        try:
            yield
        finally:
            _enter(home)


def _enter(namespace_file) -> None:
    if _libc.setns(namespace_file.fileno(), CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns failed")


class Network:
    """Three namespaces. `names`: what the resolver knows, name -> address."""

    def __init__(
        self,
        names: dict[str, str] | None = None,
        hosts: dict[str, list[str]] | None = None,
        silent_resolvers: int = 0,
    ):
        mark = f"lab-{os.getpid()}-{next(_numbers)}"
        self.bot, self.router, self.servers = (f"{mark}-{end}" for end in ("bot", "router", "net"))
        self.names = names or {}
        self.hosts = hosts or {}  # name -> addresses, as in /etc/hosts
        self.silent_resolvers = silent_resolvers  # which are asked before the one that answers
        self.python = ["ip", "netns", "exec", self.bot, sys.executable]

    def __enter__(self) -> "Network":
        try:
            self._build()
        except BaseException:
            self._remove()
            raise
        return self

    def __exit__(self, *exception) -> None:
        self._remove()

    def _build(self) -> None:
        self._write_files()
        for namespace in (self.bot, self.router, self.servers):
            run("ip", "netns", "add", namespace)
            run("ip", "-n", namespace, "link", "set", "lo", "up")
        self._connect("bot", self.bot, BOT_GATEWAY, [BOT], "fd77:1::")
        here = [TELEGRAM, OFFICE, FACTORY, RESOLVER, PORTAL]
        self._connect("servers", self.servers, SERVERS_GATEWAY, here, "fd77:2::")
        self._set("net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1")
        self.nft(given=RULES)
        self._set("net.netfilter.nf_conntrack_tcp_loose=0")
        if self.names:
            self._answer_names()

    def _connect(self, side, namespace, gateway, addresses, prefix) -> None:
        """One cable between the router and a namespace."""
        run("ip", "link", "add", side, "netns", self.router, "type", "veth",
            "peer", "name", "eth0", "netns", namespace)  # fmt: skip
        for where, link, ends in [
            (self.router, side, [f"{gateway}/24", f"{prefix}1/64"]),
            (namespace, "eth0", [*(f"{address}/24" for address in addresses), f"{prefix}2/64"]),
        ]:
            for address in ends:
                at_once = ["nodad"] if ":" in address else []
                run("ip", "-n", where, "address", "add", address, "dev", link, *at_once)
            run("ip", "-n", where, "link", "set", link, "up")
        run("ip", "-n", namespace, "route", "add", "default", "via", gateway)
        run("ip", "-n", namespace, "-6", "route", "add", "default", "via", f"{prefix}1")

    def _write_files(self) -> None:
        folder = NETNS_FILES / self.bot
        folder.mkdir(parents=True)
        resolvers = [*NO_RESOLVERS[: self.silent_resolvers], RESOLVER]
        (folder / "resolv.conf").write_text("".join(f"nameserver {one}\n" for one in resolvers))
        lines = [f"{one} {name}" for name, found in self.hosts.items() for one in found]
        (folder / "hosts").write_text("\n".join(["127.0.0.1 localhost", *lines, ""]))

    def _set(self, *values: str) -> None:
        run("ip", "netns", "exec", self.router, "sysctl", "-qw", *values)

    def _remove(self) -> None:
        """Connections and the resolver's thread end with the namespaces."""
        for namespace in (self.bot, self.router, self.servers):
            with contextlib.suppress(RuntimeError):
                run("ip", "netns", "delete", namespace)
        if self.names:
            self._resolver.close()
        shutil.rmtree(NETNS_FILES / self.bot, ignore_errors=True)

    def among_servers(self):
        """Where the simulated servers are started, stopped, taken down and brought back."""
        return inside(self.servers)

    def nft(self, *command: str, given: str | None = None) -> None:
        rules = ["-f", "-"] if given else command
        run("ip", "netns", "exec", self.router, "nft", *rules, given=given)

    # ---------------------------------------------------------------- what goes wrong

    def lose(self, which: str = "") -> None:
        """Drop packets without a word until mend(): all, or those of an nft expression."""
        self.nft("add", "rule", "inet", "lab", "losses", *which.split(), "drop")

    def mend(self) -> None:
        self.nft("flush", "chain", "inet", "lab", "losses")

    def ask_to_sign_in(self, portal: Portal, encrypted_ports: list[int]) -> None:
        """Whatever the bot connects to, the portal answers, until let_in(); in TLS on these ports.
        Open connections lead nowhere any more."""
        ports = f"{{ {', '.join(map(str, encrypted_ports))} }}"
        for which, door in [(f"dport {ports}", portal.encrypted), ("dport 1-65535", portal.plain)]:
            way = f"iifname bot ip protocol tcp tcp {which} dnat ip to {PORTAL}:{door.port}"
            self.nft("add", "rule", "inet", "lab", "inwards", *way.split())
        self.forget_connections()

    def let_in(self) -> None:
        """Whoever is at the portal has signed in."""
        self.nft("flush", "chain", "inet", "lab", "inwards")
        self.forget_connections()

    def forget_connections(self) -> None:
        """The router loses its table: what belongs to open connections is dropped both ways."""
        run("ip", "netns", "exec", self.router, "conntrack", "-F")

    def translate_anew(self) -> None:
        """The router gives each open connection another port, which the servers do not know."""
        self._set("net.netfilter.nf_conntrack_tcp_loose=1")
        self.nft("flush", "chain", "inet", "lab", "outwards")
        self.nft("add", "rule", "inet", "lab", "outwards", "oifname", "servers",
                 "meta", "l4proto", "tcp", "masquerade", "to", ":20000-30000")  # fmt: skip
        self.forget_connections()

    def lose_open_connections(self, except_of: frozenset[int] = frozenset()) -> None:
        """Drop the packets of the connections that are open now, as a firewall does that takes
        them for too old. `except_of`: the bot's ports that stay."""
        ports = self.open_ports() - except_of
        if ports:
            self.lose(f"tcp sport {{ {', '.join(map(str, ports))} }}")
            self.lose(f"tcp dport {{ {', '.join(map(str, ports))} }}")

    def open_ports(self, to: str = "") -> set[int]:
        """The bot's ends of its open connections."""
        lines = run("ss", "-N", self.bot, "-Htn", "state", "established").splitlines()
        return {int(re.search(r":(\d+)\s", line)[1]) for line in lines if to in line}

    def kill_at_the_servers(self) -> None:
        """The servers forget all connections, and nobody is told."""
        self.lose()
        run("ss", "-N", self.servers, "-K", "state", "established")
        self.mend()

    def change_address(self) -> None:
        """The bot's computer gets another address, as in another Wi-Fi."""
        run("ip", "-n", self.bot, "address", "del", f"{BOT}/24", "dev", "eth0")
        run("ip", "-n", self.bot, "address", "add", f"{OTHER_BOT}/24", "dev", "eth0")
        run("ip", "-n", self.bot, "route", "replace", "default", "via", BOT_GATEWAY)

    def unsent(self) -> list[str]:
        """Connections that the bot has closed and the kernel still delivers data of."""
        return run("ss", "-N", self.bot, "-Htan", "state", "fin-wait-1").splitlines()

    # ---------------------------------------------------------------- the resolver

    def _answer_names(self) -> None:
        with self.among_servers():
            self._resolver = socket.socket(type=socket.SOCK_DGRAM)
            self._resolver.bind((RESOLVER, 53))
        threading.Thread(target=self._resolve, daemon=True).start()

    def _resolve(self) -> None:
        while True:
            try:
                question, asker = self._resolver.recvfrom(512)
                self._resolver.sendto(dns_answer(question, self.names), asker)
            except OSError:
                return


def dns_answer(question: bytes, names: dict[str, str]) -> bytes:
    """Answer one question for an IPv4 address; for all others there is no record."""
    labels, at = [], 12
    while question[at]:
        labels.append(question[at + 1 : at + 1 + question[at]].decode().lower())
        at += 1 + question[at]
    asked, is_a = question[12 : at + 5], question[at + 1 : at + 3] == b"\0\1"
    address = names.get(".".join(labels))
    record = b""
    if address and is_a:
        record = b"\xc0\x0c\0\1\0\1\0\0\0\0\0\4" + socket.inet_aton(address)
    code = 0x8580 if address else 0x8583
    counts = b"\0\1" + len(record[:1]).to_bytes(2, "big") + bytes(4)
    return question[:2] + code.to_bytes(2, "big") + counts + asked + record
