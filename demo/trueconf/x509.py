"""Keys and certificates from the standard library alone, so that Windows needs no other program.

As much of X.509 (RFC 5280) and ECDSA (FIPS 186-5) as the simulated servers show. Not for
production: how long the arithmetic takes gives a key away.
"""

import hashlib
import ipaddress
import secrets
import ssl
from datetime import datetime, timedelta, timezone

# The curve P-256: y^2 = x^3 - 3x + b modulo PRIME, and a point that comes back after ORDER steps.
PRIME = 2**256 - 2**224 + 2**192 + 2**96 - 1
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
START = (
    0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
    0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
)


class Key:
    """A private key."""

    def __init__(self):
        self._secret = 1 + secrets.randbelow(ORDER - 1)
        x, y = _steps(self._secret)
        point = _bits(b"\4" + x.to_bytes(32, "big") + y.to_bytes(32, "big"))
        self.public = _sequence(_sequence(_oid("ecPublicKey"), _oid("P-256")), point)
        self.identifier = hashlib.sha256(point).digest()[:20]
        secret = _der(0x04, self._secret.to_bytes(32, "big"))
        private = _sequence(_integer(1), secret, _der(0xA0, _oid("P-256")), _der(0xA1, point))
        self.pem = ssl.DER_cert_to_PEM_cert(private).replace("CERTIFICATE", "EC PRIVATE KEY")

    def signature_of(self, content):
        digest = int.from_bytes(hashlib.sha256(content).digest(), "big")
        once = 1 + secrets.randbelow(ORDER - 1)
        x = _steps(once)[0] % ORDER
        return _sequence(
            _integer(x), _integer(pow(once, -1, ORDER) * (digest + x * self._secret) % ORDER)
        )


def certificate(subject, key, issuer, signer, days, extensions):
    """Return a certificate as PEM. days: its first and last, from now."""
    how = _sequence(_oid("ecdsa-with-SHA256"))
    content = _sequence(
        _der(0xA0, _integer(2)),  # version 3
        _integer(secrets.randbits(64)),
        how,
        _name(issuer),
        _sequence(*map(_time, days)),
        _name(subject),
        key.public,
        _der(0xA3, _sequence(*extensions)),
    )
    return ssl.DER_cert_to_PEM_cert(_sequence(content, how, _bits(signer.signature_of(content))))


# ---------------------------------------------------------------- extensions
def for_an_authority():
    return [
        _extension("basicConstraints", _sequence(b"\x01\x01\xff"), critical=True),
        _extension("keyUsage", b"\x03\x02\x01\x06", critical=True),  # keyCertSign, cRLSign
    ]


def for_a_server():
    return [
        _extension("basicConstraints", _sequence(), critical=True),
        _extension("keyUsage", b"\x03\x02\x07\x80", critical=True),  # digitalSignature
        _extension("extKeyUsage", _sequence(_oid("serverAuth"))),
    ]


def key_identifiers(key, signer):
    return [
        _extension("subjectKeyIdentifier", _der(0x04, key.identifier)),
        _extension("authorityKeyIdentifier", _sequence(_der(0x80, signer.identifier))),
    ]


def alternative_names(names):
    """names: like "IP:127.0.0.1,DNS:localhost"; without any there is no such extension."""
    found = []
    for kind, _, name in (one.partition(":") for one in names.split(",") if one):
        if kind == "IP":
            found.append(_der(0x87, ipaddress.ip_address(name).packed))
        else:
            found.append(_der(0x82, name.encode("ascii")))
    return [_extension("subjectAltName", _sequence(*found))] if found else []


def _extension(name, value, critical=False):
    return _sequence(_oid(name), b"\x01\x01\xff" if critical else b"", _der(0x04, value))


# ---------------------------------------------------------------- the encoding (X.690, DER)
OIDS = {
    "ecPublicKey": "2a8648ce3d0201",
    "P-256": "2a8648ce3d030107",
    "ecdsa-with-SHA256": "2a8648ce3d040302",
    "commonName": "550403",
    "subjectKeyIdentifier": "551d0e",
    "keyUsage": "551d0f",
    "subjectAltName": "551d11",
    "basicConstraints": "551d13",
    "authorityKeyIdentifier": "551d23",
    "extKeyUsage": "551d25",
    "serverAuth": "2b06010505070301",
}


def _der(tag, *parts):
    content = b"".join(parts)
    size = len(content)
    if size < 0x80:
        return bytes([tag, size]) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 + len(length)]) + length + content


def _sequence(*parts):
    return _der(0x30, *parts)


def _integer(number):
    return _der(0x02, number.to_bytes(number.bit_length() // 8 + 1, "big"))


def _bits(content):
    return _der(0x03, b"\0", content)


def _oid(name):
    return _der(0x06, bytes.fromhex(OIDS[name]))


def _name(common_name):
    text = _der(0x0C, common_name.encode())
    return _sequence(_der(0x31, _sequence(_oid("commonName"), text)))


def _time(days_from_now):
    moment = datetime.now(timezone.utc) + timedelta(days=days_from_now)
    if moment.year < 2050:
        return _der(0x17, moment.strftime("%y%m%d%H%M%SZ").encode())
    return _der(0x18, moment.strftime("%Y%m%d%H%M%SZ").encode())


# ---------------------------------------------------------------- the curve
def _steps(count):
    """Return the point so many steps from START on."""
    found, step = None, START
    while count:
        if count & 1:
            found = _sum(found, step) if found else step
        step = _sum(step, step)
        count >>= 1
    return found


def _sum(one, other):
    (x, y), (other_x, other_y) = one, other
    if one == other:
        slope = 3 * (x * x - 1) * pow(2 * y, -1, PRIME)
    else:
        slope = (other_y - y) * pow(other_x - x, -1, PRIME)
    new_x = (slope * slope - x - other_x) % PRIME
    return new_x, (slope * (x - new_x) - y) % PRIME
