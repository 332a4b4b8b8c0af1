"""TLS handshakes by many threads at once: `python -m tests.laboratory.handshakes --seconds 300`.

All connections to TrueConf Servers share one TLS context. As long as urllib3 changed it for each
new connection while other threads copied from it, about 1 ClientHello in 30,000 to 100,000 was
garbled, and the server called it no TLS. Needs nginx, which here reads the ClientHello and refuses:
the rest of the handshake would take most of the time. The exit status is 1 if one was garbled.
"""

import argparse
import sys
import threading
import time
from collections import Counter

from lib.trueconf_client import Client
from lib.trueconf_model import Server, TrueConfError
from tests.laboratory import parts

THREADS = 8
REFUSING = "listen 127.0.0.1:PORT ssl; ssl_reject_handshake on;"
UNDERSTOOD = "UNRECOGNIZED_NAME"  # what OpenSSL makes of nginx's refusal


def shake_hands(seconds: float) -> Counter:
    """Return how many were understood, and what was said to the others."""
    counted: Counter = Counter()
    counting = threading.Lock()
    with parts.nginx(REFUSING) as front:
        server = Server("nginx", f"https://127.0.0.1:{front.port}")
        ends_at = time.monotonic() + seconds

        def ask() -> None:
            while time.monotonic() < ends_at:
                outcome = "answered"
                try:
                    Client(server).get_public("api/v4/server")
                except TrueConfError as error:
                    outcome = "understood" if UNDERSTOOD in str(error.__cause__) else repr(error)
                with counting:
                    counted[outcome] += 1

        threads = [threading.Thread(target=ask) for _ in range(THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    return counted


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=300)
    seconds = parser.parse_args().seconds
    counted = shake_hands(seconds)
    understood = counted.pop("understood", 0)
    print(f"{understood} of {THREADS} threads in {seconds:g} s, garbled: {counted.total()}")
    for reason, count in counted.most_common():
        print(f"{count} x {reason}")
    return 1 if counted or not understood else 0


if __name__ == "__main__":
    sys.exit(main())
