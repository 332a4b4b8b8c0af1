"""Certificates for the simulated servers, made with the `openssl` program.

They are made when the first one is needed, kept in a temporary folder, shared by all simulators of
the process and removed at exit. Not for production: nobody should trust this authority.
"""

import atexit
import functools
import secrets
import shutil
import ssl
import subprocess
import tempfile
import threading
from datetime import datetime, timedelta, timezone
from pathlib import Path

# What is special about each certificate: (authority, name in the certificate, days it is valid).
LOCAL_NAMES = "IP:127.0.0.1,DNS:localhost"
KINDS = {
    "good": ("ca", LOCAL_NAMES, (-1, 365)),
    "expired": ("ca", LOCAL_NAMES, (-30, -2)),
    "other_name": ("ca", "DNS:other.example.org", (-1, 365)),
    "untrusted": ("stranger", LOCAL_NAMES, (-1, 365)),
    "plain": ("ca", LOCAL_NAMES, (-1, 365)),  # as many a company makes them, with nothing in it
}

# Python 3.13 checks strictly (VERIFY_X509_STRICT): then the key identifiers must be there, which
# `plain` lacks.
CONFIG = """
[req]
distinguished_name = names
prompt = no
x509_extensions = authority
[names]
commonName = {common_name}
[authority]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
[leaf]
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = serverAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
subjectAltName = {alternative_names}
[plain]
subjectKeyIdentifier = none
authorityKeyIdentifier = none
subjectAltName = {alternative_names}
[ca]
default_ca = here
[here]
database = {name}.index
serial = {name}.serial
new_certs_dir = .
default_md = sha256
policy = any_name
unique_subject = no
[any_name]
commonName = supplied
"""

_making = threading.RLock()  # guards the folder: two servers may start at the same time


def openssl_is_here():
    """Tell whether the `openssl` program is installed; without it only plain HTTP is simulated."""
    return shutil.which("openssl") is not None


def ca_file():
    """Return the path of the CA certificate that a client must trust."""
    with _making:
        return str(_authority("ca"))


def server_context(kind="good", host="127.0.0.1"):
    """Return an ssl context for a server at `host` with one of the certificates in KINDS."""
    with _making:
        return _server_context(kind, host)


def remove():
    """Remove all certificates, for a process that ends without the usual clean-up."""
    with _making:
        shutil.rmtree(_folder(), ignore_errors=True)
        for made in (_server_context, _folder, _key, _authority):
            made.cache_clear()


@functools.cache
def _server_context(kind, host):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(_leaf(kind, host), _key("leaf"))
    return context


@functools.cache
def _folder():
    folder = Path(tempfile.mkdtemp(prefix="simulated-trueconf-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


@functools.cache
def _key(name):
    """Return the path of a new private key (EC P-256: quicker to make than RSA)."""
    _openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", f"{name}.key")
    return _folder() / f"{name}.key"


@functools.cache
def _authority(name):
    key = _key(name)
    config = _config(name, f"Simulated authority ({name})")
    _openssl(
        *("req", "-x509", "-new", "-key", key, "-out", f"{name}.crt"),
        *("-sha256", "-days", "3650", "-config", config),
    )
    (_folder() / f"{name}.index").touch()
    (_folder() / f"{name}.serial").write_text(secrets.token_hex(8) + "\n", encoding="ascii")
    return _folder() / f"{name}.crt"


def _leaf(kind, host):
    """Return the path of a new server certificate, signed by the authority of its kind."""
    authority, alternative_names, (first_day, last_day) = KINDS[kind]
    alternative_names = alternative_names.replace("127.0.0.1", host)
    name = f"{kind}-{host}"
    authority_file = _authority(authority)
    config = _config(authority, "Simulated TrueConf Server", alternative_names)
    _openssl("req", "-new", "-key", _key("leaf"), "-out", f"{name}.csr", "-config", config)
    # `openssl x509` cannot make an expired certificate in every version, `openssl ca` can.
    _openssl(
        *("ca", "-batch", "-notext", "-config", config),
        *("-extensions", "plain" if kind == "plain" else "leaf"),
        *("-cert", authority_file, "-keyfile", _key(authority)),
        *("-startdate", _asn1_time(first_day), "-enddate", _asn1_time(last_day)),
        *("-in", f"{name}.csr", "-out", f"{name}.crt"),
    )
    return _folder() / f"{name}.crt"


def _config(name, common_name, alternative_names=LOCAL_NAMES):
    path = _folder() / f"{secrets.token_hex(4)}.cnf"
    text = CONFIG.format(name=name, common_name=common_name, alternative_names=alternative_names)
    path.write_text(text, encoding="ascii")
    return path


def _asn1_time(days_from_now):
    moment = datetime.now(timezone.utc) + timedelta(days=days_from_now)
    return moment.strftime("%Y%m%d%H%M%SZ")


def _openssl(*arguments):
    if not openssl_is_here():
        raise RuntimeError("The program `openssl` was not found; use TrueConfServer(tls=False).")
    command = ["openssl", *map(str, arguments)]
    done = subprocess.run(command, cwd=_folder(), capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"`openssl {arguments[0]}` failed: {done.stderr.strip()}")
