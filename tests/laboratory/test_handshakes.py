"""The shared TLS context under many threads; see handshakes.py."""

from tests.laboratory.handshakes import shake_hands

SECONDS = 20


def test_no_handshake_of_many_threads_is_garbled():
    """D5."""
    counted = shake_hands(SECONDS)
    print(f"{counted['understood']} handshakes")
    assert counted["understood"] > 1000
    assert set(counted) == {"understood"}, counted
