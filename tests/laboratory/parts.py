"""Real programs between the bot and the simulators: a web server and proxies, from Debian.

Each is a context manager that writes its configuration, starts the program and gives its port.
"""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
from pathlib import Path

from demo.trueconf import certificates
from tests.conftest import wait_until
from tests.laboratory.conftest import need_programs, search_path

NAME, PASSWORD = "anna", "p#ss/w[o]rd@1"  # with what must be percent-encoded in an address
QUOTED_PASSWORD = "p%23ss%2Fw%5Bo%5Drd%401"


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


@contextlib.contextmanager
def open_folder():
    """A folder that a program may read which gives up being root."""
    folder = Path(tempfile.mkdtemp(prefix="laboratory-"))
    folder.chmod(0o777)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def running(folder: Path, port: int, *command: str):
    """A program from its first accepted connection to its end."""
    program = shutil.which(command[0], path=search_path())
    with open(folder / "said.txt", "wb") as said:
        process = subprocess.Popen(
            [program, *command[1:]], cwd=folder, stdout=said, stderr=said, stdin=subprocess.DEVNULL
        )

    def is_open() -> bool:
        assert process.poll() is None, (folder / "said.txt").read_text()
        with socket.socket() as sock:
            return sock.connect_ex(("127.0.0.1", port)) == 0

    try:
        wait_until(is_open, what=f"{command[0]} on its port")
        yield process
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


# ---------------------------------------------------------------- nginx


class Nginx:
    """nginx with one `server { ... }`. `write` gives it another configuration, `reload` uses it."""

    def __init__(self, folder: Path, server: str):
        self.folder, self.port = folder, free_port()
        self.write(server)

    @property
    def config_file(self) -> Path:
        return self.folder / "nginx.conf"

    def write(self, server: str) -> None:
        user = "" if os.geteuid() else "user root;"
        self.config_file.write_text(
            f"daemon off; {user} pid {self.folder}/nginx.pid; error_log {self.folder}/error.log;"
            f"worker_processes 1; events {{ worker_connections 512; }}"
            f"http {{ access_log off; client_body_temp_path {self.folder}/body;"
            f"proxy_temp_path {self.folder}/proxy; fastcgi_temp_path {self.folder}/fastcgi;"
            f"uwsgi_temp_path {self.folder}/uwsgi; scgi_temp_path {self.folder}/scgi;"
            f"proxy_http_version 1.1; proxy_read_timeout 120s; proxy_ssl_verify off;"
            f"server {{ {server.replace('PORT', str(self.port))} }} }}"
        )

    def reload(self) -> None:
        self.process.send_signal(signal.SIGHUP)


@contextlib.contextmanager
def nginx(server: str):
    """nginx in front of something. `server`: what stands in `server { }`, with PORT for its own."""
    need_programs("nginx")
    with open_folder() as folder:
        front = Nginx(folder, server)
        command = ("nginx", "-p", str(folder), "-c", str(front.config_file))
        with running(folder, front.port, *command) as front.process:
            yield front


def tls(kind: str = "good") -> str:
    """The part of a server that speaks TLS. kind: the certificate, as certificates.KINDS has it."""
    certificate, key = certificates.server_files(kind)
    return f"listen 127.0.0.1:PORT ssl; ssl_certificate {certificate}; ssl_certificate_key {key};"


# ---------------------------------------------------------------- proxies


@contextlib.contextmanager
def squid(rules: str = "http_access allow known"):
    """squid, which knows Anna. `rules`: who may do what."""
    need_programs("squid", "openssl")
    helper = Path("/usr/lib/squid/basic_ncsa_auth")
    if not helper.exists():
        need_programs(str(helper))
    with open_folder() as folder:
        port = free_port()
        hashed = subprocess.run(
            ["openssl", "passwd", "-apr1", PASSWORD], capture_output=True, text=True, check=True
        ).stdout.strip()
        (folder / "passwords").write_text(f"{NAME}:{hashed}\n")
        (folder / "squid.conf").write_text(
            f"http_port 127.0.0.1:{port}\n"
            f"auth_param basic program {helper} {folder}/passwords\n"
            "auth_param basic children 1\n"
            "acl known proxy_auth REQUIRED\n"
            f"{rules}\nhttp_access deny all\ncache deny all\naccess_log none\n"
            f"cache_log {folder}/cache.log\npid_filename {folder}/squid.pid\n"
            f"coredump_dir {folder}\nshutdown_lifetime 0 seconds\n"
            "connect_timeout 3 seconds\nforward_timeout 4 seconds\n"
        )
        command = ("squid", "-N", "-f", str(folder / "squid.conf"))
        with running(folder, port, *command):
            yield port


@contextlib.contextmanager
def tinyproxy():
    """tinyproxy, which knows Anna by a password that needs no percent-encoding."""
    need_programs("tinyproxy")
    with open_folder() as folder:
        port = free_port()
        (folder / "tinyproxy.conf").write_text(
            f"Port {port}\nListen 127.0.0.1\nTimeout 600\nBasicAuth {NAME} secret1\n"
            f'LogFile "{folder}/log.txt"\n'
        )
        command = ("tinyproxy", "-d", "-c", str(folder / "tinyproxy.conf"))
        with running(folder, port, *command):
            yield port


@contextlib.contextmanager
def microsocks():
    """A SOCKS5 proxy that knows Anna."""
    need_programs("microsocks")
    with open_folder() as folder:
        port = free_port()
        command = ("microsocks", "-i", "127.0.0.1", "-p", str(port), "-u", NAME, "-P", PASSWORD)
        with running(folder, port, *command):
            yield port


@contextlib.contextmanager
def danted(rule: str = "pass"):
    """A SOCKS5 proxy without passwords. `rule`: pass, or block to let nobody through."""
    need_programs("danted", root=True)
    with open_folder() as folder:
        port = free_port()
        (folder / "danted.conf").write_text(
            f"logoutput: {folder}/log.txt\ninternal: 127.0.0.1 port = {port}\n"
            "external: lo\nclientmethod: none\nsocksmethod: none\nuser.unprivileged: nobody\n"
            "client pass { from: 0.0.0.0/0 to: 0.0.0.0/0 }\n"
            f"socks {rule} {{ from: 0.0.0.0/0 to: 0.0.0.0/0 }}\n"
        )
        with running(folder, port, "danted", "-f", str(folder / "danted.conf")):
            yield port
