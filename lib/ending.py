"""The signals that end the program, from its first moment on.

It is imported before all else: Python 3.6 can read it, and it needs the standard library only.
Whoever starts the bot may ask that a signal be ignored, as `nohup` and a shell's `&` do: it stays
ignored.
"""

import contextlib
import os
import signal

NAMES = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")  # Windows has no SIGHUP, and only it SIGBREAK


def end_at_once():
    """Until there is anything to clean up: end without a word, as a traceback tells nobody."""
    _handle(NAMES, lambda number, frame: os._exit(0))


def raise_at_ctrl_c():
    """From now on Ctrl+C is a KeyboardInterrupt, for what has to be tidied up."""
    _handle(["SIGINT"], signal.default_int_handler)


@contextlib.contextmanager
def ctrl_c_raising():
    """Ctrl+C is a KeyboardInterrupt in here, and afterwards what it was before."""
    before = signal.getsignal(signal.SIGINT)
    raise_at_ctrl_c()
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def note():
    """Return the list into which all signals to end are put from now on."""
    ending = []  # no Event: its lock may be held by the thread that a signal interrupts
    _handle(NAMES, lambda number, frame: ending.append(number))
    return ending


def name_of(number):
    """SIGTERM, as it is written in the log."""
    return signal.Signals(number).name


def _handle(names, handler):
    for name in names:
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, handler)
