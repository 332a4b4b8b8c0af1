"""The addresses and certificates of the servers in the settings."""

import ssl
from pathlib import Path

from tests.test_settings import certificate, codes_of, error_of, load, office
from texts import screens

ADDRESSES = {
    "192.168.0.1": "https://192.168.0.1",
    "video.example.org": "https://video.example.org",
    "Video.Example.ORG": "https://video.example.org",
    "video.example.org:8443": "https://video.example.org:8443",
    "https://video.example.org": "https://video.example.org",
    "https://video.example.org/": "https://video.example.org",
    "HTTPS://video.example.org:443/": "https://video.example.org:443",
    "http://video.example.org": "http://video.example.org",
    "http://10.0.0.1:8080/": "http://10.0.0.1:8080",
    "::1": "https://[::1]",
    "[::1]": "https://[::1]",
    "[2001:db8::7]:8443": "https://[2001:db8::7]:8443",
    "2001:db8::7": "https://[2001:db8::7]",
    "https://[2001:db8::7]/": "https://[2001:db8::7]",
    # International names as browsers read them: ß and the final ς are letters of their own.
    "сервер.рф": "https://xn--b1afb6bcb.xn--p1ai",
    "https://Видео.РФ:8443/": "https://xn--b1aedk6a.xn--p1ai:8443",
    "straße.example": "https://xn--strae-oqa.example",
    "faß.example:443": "https://xn--fa-hia.example:443",
    "βόλος.example": "https://xn--nxasmm1c.example",
    "пример。рф": "https://xn--e1afmkfd.xn--p1ai",
    "xn--strae-oqa.example": "https://xn--strae-oqa.example",
    "localhost": "https://localhost",
    "trueconf_server": "https://trueconf_server",
    "[fe80::1%eth0]": "https://[fe80::1%eth0]",
    "fe80::1%wlan-0.7": "https://[fe80::1%wlan-0.7]",
    "http://[fe80::1%25eth0]:8080": "http://[fe80::1%25eth0]:8080",
}


def test_every_form_of_an_address_is_understood(tmp_path):
    for ip, url in ADDRESSES.items():
        loaded = load(tmp_path, office("ip", ip))
        assert loaded.servers["office"].url == url
        codes = [warning.code for warning in loaded.warnings]
        assert codes == (["unencrypted"] if url.startswith("http:") else [])


NO_ADDRESSES = [
    "my server", "ftp://host", "://host", "https://", "http:/host", "host:99999", "host:0",
    "host:port", "host:443:443", "host/path", "https://host/c/123?x=1", "host#part",
    "user:hunter2@host", "https://user:hunter2@host/", "[::1", "[nonsense]", "[1.2.3.4]", "1:2:3",
    "host..name", "-host", "ж" * 300, "h" * 300, "?", "a,b", "192.168.0.1;192.168.0.2", "-ж.рф",
    "☃.example", "а\u0338/б.рф", "[fe80::1%]", "[fe80::1%a b]", "fe80::1%<fill in>",
]  # fmt: skip


def test_nonsense_is_no_address(tmp_path):
    for ip in NO_ADDRESSES:
        [problem] = error_of(tmp_path, office("ip", ip)).problems
        assert (problem.code, problem.key) == ("ip", "servers.office.ip"), ip
        assert "hunter2" not in screens.problem(problem)


def test_certificate_is_checked_unless_the_settings_say_false(tmp_path):
    assert load(tmp_path, office("ssl_certificate", True)).servers["office"].verify is True
    loaded = load(tmp_path, office("ssl_certificate", False))
    assert loaded.servers["office"].verify is False
    [warning] = loaded.warnings
    assert (warning.code, warning.key) == ("unchecked", "servers.office.ssl_certificate")


def test_path_of_a_certificate_is_relative_to_the_settings(tmp_path, monkeypatch):
    monkeypatch.chdir("/")
    for path in ["ca.crt", "certs/ca.crt", "certs\\ca.crt", ".\\certs\\ca.crt"]:
        file = tmp_path / path.replace("\\", "/")
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(certificate())
        verify = load(tmp_path, office("ssl_certificate", path)).servers["office"].verify
        assert Path(verify).samefile(file)


def test_absolute_path_of_a_certificate_and_a_folder_of_certificates_are_taken(tmp_path):
    file = tmp_path / "a long name with spaces and кириллица-trueconf-server-2026.crt"
    file.write_bytes(certificate())
    for path in (file, tmp_path):
        verify = load(tmp_path, office("ssl_certificate", str(path))).servers["office"].verify
        assert Path(verify).samefile(path)


def test_own_certificate_of_a_server_is_taken_as_well_as_an_authoritys(tmp_path, new_server):
    address = new_server().address.split(":")
    pem = ssl.get_server_certificate((address[0], int(address[1])))
    for text in (pem, f"Bag Attributes\r\n{pem}".replace("\n", "\r\n"), pem + pem):
        (tmp_path / "own.crt").write_bytes(text.encode())
        assert codes_of(tmp_path, office("ssl_certificate", "own.crt")) == []


def test_file_that_is_missing_or_no_certificate_is_named(tmp_path):
    key = "servers.office.ssl_certificate"
    pasted = "-----BEGIN\n" + "x" * 5000
    for path in ["missing.crt", "C:\\certs\\ca.crt", "a\x00b", "x" * 300, pasted]:
        [problem] = error_of(tmp_path, office("ssl_certificate", path)).problems
        assert (problem.code, problem.key) == ("no_certificate", key)
    for raw in [b"", b"hello", b"\x30\x82\x01\x0a\x02", b"-----BEGIN CERTIFICATE-----\nx\n"]:
        (tmp_path / "ca.crt").write_bytes(raw)
        [problem] = error_of(tmp_path, office("ssl_certificate", "ca.crt")).problems
        assert (problem.code, problem.found) == ("bad_certificate", "ca.crt")
