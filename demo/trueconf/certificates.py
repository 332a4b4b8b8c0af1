"""Certificates for the simulated servers, good ones and bad ones.

They are made when the first one is needed, kept in a temporary folder, shared by all simulators of
the process and removed at exit. Not for production: nobody should trust this authority.
"""

import atexit
import functools
import secrets
import shutil
import ssl
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path

from demo.trueconf import x509

LOCAL_NAMES = "IP:127.0.0.1,DNS:localhost"


@dataclass(frozen=True)
class Certificate:
    """What is special about the certificate of a server."""

    authority: str = "ca"  # or "middle" (an intermediate, signed by "ca"), "stranger", "self"
    names: str = LOCAL_NAMES  # the subjectAltName; "": none, only the CN names the host
    starts_in_days: float = -1
    ends_in_days: float = 365
    has_key_identifiers: bool = True
    sends_chain: bool = True  # False: the server leaves out the intermediate


KINDS = {
    "good": Certificate(),
    "expired": Certificate(starts_in_days=-30, ends_in_days=-2),
    "other_name": Certificate(names="DNS:other.example.org"),
    "no_name": Certificate(names=""),
    "untrusted": Certificate(authority="stranger"),
    "self_signed": Certificate(authority="self"),
    "chain": Certificate(authority="middle"),
    "broken_chain": Certificate(authority="middle", sends_chain=False),
    # As many a company makes them. Python 3.13 checks strictly (VERIFY_X509_STRICT): then the key
    # identifiers must be there.
    "plain": Certificate(has_key_identifiers=False),
}

_making = threading.RLock()  # guards the folder: two servers may start at the same time


def ca_file(name="ca"):
    """Return the path of an authority's certificate: "ca", or its intermediate "middle"."""
    with _making:
        return str(_authority(name))


def own_file(kind="good", host="127.0.0.1"):
    """Return the path of the certificate of a server itself."""
    with _making:
        return str(_leaf(_certificate(kind), host))


def server_context(kind="good", host="127.0.0.1"):
    """Return an ssl context for a server at `host`. kind: a Certificate, or a name in KINDS."""
    with _making:
        return _server_context(_certificate(kind), host)


def server_files(kind="good", host="127.0.0.1"):
    """Return the paths of what a server shows (with the intermediate) and of its key."""
    with _making:
        return _server_files(_certificate(kind), host)


def _certificate(kind):
    return kind if isinstance(kind, Certificate) else KINDS[kind]


def remove():
    """Remove all certificates, for a process that ends without the usual clean-up."""
    with _making:
        shutil.rmtree(_folder(), ignore_errors=True)
        for made in (_server_context, _folder, _key, _authority, _leaf):
            made.cache_clear()


@functools.cache
def _server_context(certificate, host):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*_server_files(certificate, host))
    return context


def _server_files(certificate, host):
    leaf = _leaf(certificate, host)
    if certificate.authority == "middle" and certificate.sends_chain:
        chain = leaf.with_suffix(".chain")
        chain.write_bytes(leaf.read_bytes() + _authority("middle").read_bytes())
        leaf = chain
    return str(leaf), str(_folder() / "leaf.key")


@functools.cache
def _folder():
    folder = Path(tempfile.mkdtemp(prefix="simulated-trueconf-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


@functools.cache
def _key(name):
    key = x509.Key()
    _written(f"{name}.key", key.pem)
    return key


@functools.cache
def _authority(name):
    """Return the path of the certificate of a new authority; "middle" is signed by "ca"."""
    issuer = "ca" if name == "middle" else name
    return _written(
        f"{name}.crt",
        x509.certificate(
            _authority_name(name),
            _key(name),
            _authority_name(issuer),
            _key(issuer),
            (-1, 3650),
            x509.for_an_authority() + x509.key_identifiers(_key(name), _key(issuer)),
        ),
    )


def _authority_name(name):
    return f"Simulated authority ({name})"


@functools.cache
def _leaf(certificate, host):
    """Return the path of a new server certificate, signed by its authority."""
    names = certificate.names.replace("127.0.0.1", host)
    subject, key = "Simulated TrueConf Server" if names else host, _key("leaf")
    if certificate.authority == "self":
        issuer, signer = subject, key
    else:
        issuer, signer = _authority_name(certificate.authority), _key(certificate.authority)
    extensions = x509.alternative_names(names)
    if certificate.has_key_identifiers:
        extensions += x509.for_a_server() + x509.key_identifiers(key, signer)
    days = (certificate.starts_in_days, certificate.ends_in_days)
    pem = x509.certificate(subject, key, issuer, signer, days, extensions)
    return _written(f"leaf-{secrets.token_hex(4)}.crt", pem)


def _written(name, pem):
    path = _folder() / name
    path.write_text(pem, encoding="ascii")
    return path
