"""Threads that live in a time of their own: hours of it pass in a moment, always in the same order.

Each actor is a real thread, but only one of all runs at any moment: whoever waits hands over to
whoever is due next. So the bot's own loops run as they are, and what happens depends on nothing but
the plan.
"""

import contextlib
import heapq
import itertools
import threading
import time

BEGIN = time.mktime((2026, 6, 15, 8, 0, 0, 0, 0, -1))  # a morning: all times are of one day
LEAST_S = 1e-6  # that a wait takes
_REAL_SLEEP, _REAL_LOCALTIME = time.sleep, time.localtime


class Killed(BaseException):
    """Raised where an actor waits: its process is no more."""


class Loop:
    """`elapsed`: seconds since the begin, by a clock that nobody sets. `offset`: how far the clock
    that people see was set. `booted_at`: when the computer was started, and its steady clock."""

    def __init__(self):
        self.elapsed, self.offset, self.booted_at = 0.0, 0.0, -1000.0
        self.failure = None
        self._heap, self._numbers = [], itertools.count()
        self._main = _Turn()
        self._turns = {threading.get_ident(): self._main}

    def now(self):
        return BEGIN + self.elapsed + self.offset

    def steady(self):
        return self.elapsed - self.booted_at

    def run_until(self, at):
        """Let the actors live until then. Raises what one of them has raised."""
        self._wait(self._main, at)
        if self.failure:
            raise self.failure

    def interrupt(self):
        """Let `run_until` return now."""
        self._push(self._main, self.elapsed)

    def start(self, act):
        """A new actor, which begins now. Returns what `kill` takes."""
        turn = _Turn()

        def live():
            turn.may_run.acquire()
            self._turns[threading.get_ident()] = turn
            try:
                if not turn.is_killed:
                    act()
            except Killed:
                pass
            except BaseException as error:
                self.failure = self.failure or error
            finally:
                self._turns.pop(threading.get_ident(), None)
                turn.is_over = True
                self._next().may_run.release()

        threading.Thread(target=live, daemon=True).start()
        self._push(turn, self.elapsed)
        return turn

    def kill(self, turns):
        """End these actors where they wait, all of them at this moment."""
        for turn in turns:
            if not turn.is_over:
                turn.is_killed = True
                self._push(turn, self.elapsed)
        self.run_until(self.elapsed)

    def sleep(self, seconds):
        turn = self._turns.get(threading.get_ident())
        if turn is None:
            _REAL_SLEEP(seconds)
        else:
            self._wait(turn, self.elapsed + max(LEAST_S, seconds))

    def suspend(self, seconds):
        """The computer sleeps: the clocks go on, and nothing that waits is any nearer."""
        self.elapsed += seconds
        self._heap = [(at + seconds, number, turn, wait) for at, number, turn, wait in self._heap]

    def _wait(self, turn, until, signal=None):
        if signal is not None:
            signal.waiting = turn
        self._push(turn, until)
        following = self._next()
        if following is not turn:
            following.may_run.release()
            turn.may_run.acquire()
        if signal is not None:
            signal.waiting = None
        if turn.is_killed:
            raise Killed

    def _push(self, turn, at):
        turn.wait += 1  # what was pushed before counts no more
        heapq.heappush(self._heap, (at, next(self._numbers), turn, turn.wait))

    def _next(self):
        while True:
            at, _, turn, wait = heapq.heappop(self._heap)
            if wait == turn.wait and not turn.is_over:
                self.elapsed = max(self.elapsed, at)
                return turn


class _Turn:
    def __init__(self):
        self.may_run = threading.Lock()
        self.may_run.acquire()
        self.wait, self.is_killed, self.is_over = 0, False, False


class Signal:
    """What an Event is to a real thread."""

    def __init__(self, loop):
        self.loop, self.is_on, self.waiting = loop, False, None

    def set(self):
        self.is_on = True
        if self.waiting is not None:
            self.loop._push(self.waiting, self.loop.elapsed)

    def is_set(self):
        return self.is_on

    def clear(self):
        self.is_on = False

    def wait(self, timeout):
        loop = self.loop
        # A clock that goes on only while somebody waits must not stand still for a rounding error.
        until = loop.elapsed if self.is_on else loop.elapsed + max(LEAST_S, timeout)
        loop._wait(loop._turns[threading.get_ident()], until, self)
        return self.is_on


@contextlib.contextmanager
def clocks_of(loop, patch):
    """All that reads a clock, or sleeps, does so in the loop's time. `patch`: a MonkeyPatch."""
    with patch.context() as patched:
        patched.setattr(time, "time", loop.now)
        patched.setattr(time, "sleep", loop.sleep)

        def localtime(at=None):
            return _REAL_LOCALTIME(loop.now() if at is None else at)

        patched.setattr(time, "localtime", localtime)
        yield
