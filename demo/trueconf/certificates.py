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
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path

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
[intermediate]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
[leaf]
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = serverAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
{alternative_names}
[plain]
subjectKeyIdentifier = none
authorityKeyIdentifier = none
{alternative_names}
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
    return str(leaf), str(_key("leaf"))


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
    """Return the path of the certificate of a new authority; "middle" is signed by "ca"."""
    _begin_register(name)
    if name == "middle":
        return _signed("ca", name, f"Simulated authority ({name})", "intermediate", (-1, 3650))
    config = _config(name, f"Simulated authority ({name})")
    _openssl(
        *("req", "-x509", "-new", "-key", _key(name), "-out", f"{name}.crt"),
        *("-sha256", "-days", "3650", "-config", config),
    )
    return _folder() / f"{name}.crt"


def _begin_register(name):
    """`openssl ca` notes what it signs."""
    (_folder() / f"{name}.index").touch()
    (_folder() / f"{name}.serial").write_text(secrets.token_hex(8) + "\n", encoding="ascii")


@functools.cache
def _leaf(certificate, host):
    """Return the path of a new server certificate, signed by its authority."""
    names = certificate.names.replace("127.0.0.1", host)
    common_name = "Simulated TrueConf Server" if names else host
    extensions = "leaf" if certificate.has_key_identifiers else "plain"
    days = (certificate.starts_in_days, certificate.ends_in_days)
    return _signed(certificate.authority, "leaf", common_name, extensions, days, names)


def _signed(authority, key_name, common_name, extensions, days, names=""):
    """Return the path of a new certificate for the key of this name. days: first and last."""
    if authority == "self":
        _begin_register(authority)
        signer = ("-selfsign", "-keyfile", _key(key_name))
    else:
        signer = ("-cert", _authority(authority), "-keyfile", _key(authority))
    path = _folder() / f"{key_name}-{secrets.token_hex(4)}.crt"
    config = _config(authority, common_name, names)
    request = path.with_suffix(".csr")
    _openssl("req", "-new", "-key", _key(key_name), "-out", request, "-config", config)
    # `openssl x509` cannot make an expired certificate in every version, `openssl ca` can.
    _openssl(
        *("ca", "-batch", "-notext", "-config", config, "-extensions", extensions, *signer),
        *("-startdate", _asn1_time(days[0]), "-enddate", _asn1_time(days[1])),
        *("-in", request, "-out", path),
    )
    return path


def _config(name, common_name, names=""):
    path = _folder() / f"{secrets.token_hex(4)}.cnf"
    alternative_names = f"subjectAltName = {names}" if names else ""
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
