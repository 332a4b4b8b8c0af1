"""TLS handshakes by many threads at once: `python -m tests.laboratory.handshakes --seconds 300`.

All connections to TrueConf Servers share one TLS context. As long as urllib3 changed it for each
new connection while other threads copied from it, 13 of 381,637 ClientHellos were garbled. The
exit status is 1 if one handshake failed here. Needs nginx, which closes after each answer.
"""

import argparse
import sys
import threading
import time
from collections import Counter

from demo.trueconf.certificates import ca_file
from lib.trueconf_client import Client, Server, TrueConfError
from tests.laboratory import parts

THREADS = 8
ANSWER = "keepalive_timeout 0; ssl_session_tickets off; location / { return 200 '{}'; }"


def shake_hands(seconds: float) -> Counter:
    """Return how often it went well, and the reasons where it did not."""
    counted: Counter = Counter()
    with parts.nginx(f"{parts.tls()} {ANSWER}") as front:
        server = Server("nginx", f"https://127.0.0.1:{front.port}", verify=ca_file())
        ends_at = time.monotonic() + seconds

        def ask() -> None:
            while time.monotonic() < ends_at:
                try:
                    Client(server).get_public("api/v4/server")
                    outcome = "well"
                except TrueConfError as error:
                    outcome = str(error)
                with counting:
                    counted[outcome] += 1

        counting = threading.Lock()
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
    well = counted.pop("well", 0)
    print(f"{well} handshakes of {THREADS} threads in {seconds:g} s, failed: {counted.total()}")
    for reason, count in counted.most_common():
        print(f"{count} x {reason}")
    return 1 if counted or not well else 0


if __name__ == "__main__":
    sys.exit(main())
