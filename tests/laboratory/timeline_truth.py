"""What must hold of a timeline that is over, by the truth of the world and by what people read.

It knows nothing of the bot's record: the words of each chat are read as a person reads them.
"""

import itertools
import re
import time
from collections import Counter
from dataclasses import dataclass

from lib.trueconf_model import DOWN, SERVICE_DOWN, UP, WEB_DOWN
from tests.laboratory.virtual_time import BEGIN

STATES = {"🟢": UP, "🟡": SERVICE_DOWN, "🟠": WEB_DOWN, "🔴": DOWN}
TIME = r"\d\d:\d\d:\d\d"
LOOKS_S = 3 * (4 + 2)  # three of them, where packets vanish
IN_FLIGHT_S = 35  # so long a message may be under way, or a look
SETTLE_S = 60

_FULL = re.compile(r"([🟢🟡🟠🔴]) (\w+)")
_LINE = re.compile(
    rf"([🟡🟠🔴]) (\w+): (?:down|service down|website down) \(.*?\), ({TIME})"
    rf"(?:, 🙋 (\w+))?(?:, (?:up again:|✅) ({TIME}))?"
)
_UP_LINE = re.compile(rf"🟢 (\w+): (.+), ({TIME}) – ({TIME})")
_SPAN = re.compile(
    rf"(?:It was down|The service did not respond|The website did not respond|"
    rf"It was not up|.*) for (.+): ({TIME}) – ({TIME})"
)
_SINCE = re.compile(rf"(?:Since|Noticed at startup or after a break:) ({TIME})")
_OWN = re.compile(rf"the bot itself was offline for .+, ({TIME}) – ({TIME})")
_MEANWHILE = re.compile(rf"Meanwhile .+: ({TIME}) – ({TIME})")
_STILL = re.compile(rf"No change for .+, since ({TIME})")


@dataclass
class Word:
    """What a message says of a server. `since` and `until`: seconds since the begin, None where a
    clock that was set has made them unknown."""

    kind: str  # "down", "reminder", "up" or "pause_end"
    server: str
    state: str
    since: float | None = None
    until: float | None = None
    taker: str = ""
    is_over: bool = False
    as_said: tuple[float | None, float | None] = (None, None)  # since when, until when


def _seconds(clock):
    hour, minute, second = map(int, clock.split(":"))
    begun = time.localtime(BEGIN)
    return 3600 * (hour - begun.tm_hour) + 60 * (minute - begun.tm_min) + second - begun.tm_sec


def words_of(text):
    """What a message says of servers, in its order."""
    lines = text.replace("\u00a0", " ").replace("\u2060", "").split("\n")
    is_reminder = lines[0].startswith("🔔")
    found, parts = [], []
    for line in lines:
        if _FULL.fullmatch(line) or re.fullmatch(r"🔧 \w+", line):
            parts.append([line])
        elif one := _LINE.fullmatch(line):
            kind = "reminder" if is_reminder else "down"
            word = Word(kind, one[2], STATES[one[1]], _seconds(one[3]), None, one[4] or "")
            word.is_over = bool(one[5])
            found.append(word)
        elif one := _UP_LINE.fullmatch(line):
            found.append(Word("up", one[1], UP, _seconds(one[3]), _seconds(one[4])))
        elif parts:
            parts[-1].append(line)
    return found + [word for part in parts if (word := _word(part))]


def _word(part):
    head, *lines = part
    if head.startswith("🔧"):
        light = next((line[0] for line in lines if line[:1] in STATES), "")
        word = Word("pause_end", head[2:], STATES[light]) if light else None
        if word and (one := _MEANWHILE.search("\n".join(lines))):
            word.since, word.until = _seconds(one[1]), _seconds(one[2])
        return word
    light, name = _FULL.fullmatch(head).groups()
    word = Word("down", name, STATES[light])
    for line in lines:
        if one := _SINCE.fullmatch(line) or _STILL.fullmatch(line):
            word.since = _seconds(one[1])
            word.kind = "reminder" if line.startswith("No change") else word.kind
        elif line == "Up again":
            word.kind = "up"
        elif word.kind == "up" and (one := _SPAN.fullmatch(line)):
            word.since, word.until = _seconds(one[2]), _seconds(one[3])
        elif line.startswith("🙋 On it: "):
            word.taker = line.removeprefix("🙋 On it: ")
        elif line.startswith("✅ Up again"):
            word.is_over = True
    return word


# ---------------------------------------------------------------- the truth


class Truth:
    """What was so in the world of a timeline."""

    def __init__(self, world):
        self.world, self.plan = world, world.plan
        self.is_clock_good = not world.clock_sets
        self.ends_at = world.loop.elapsed

    def outages(self, name):
        """When a server was not up: a list of (begin, end), without gaps in between."""
        spans = sorted(
            (span.begin, span.end) for span in self.plan.servers[name] if span.kind != "slow"
        )
        merged = []
        for begin, end in spans:
            if merged and begin <= merged[-1][1] + 0.001:
                merged[-1] = merged[-1][0], max(end, merged[-1][1])
            else:
                merged.append((begin, end))
        return merged

    def seen_until(self, name, end):
        """When an outage ends for one who does not see that it was up for a moment."""
        for begin, until in self.outages(name):
            end = until if end < begin <= end + LOOKS_S else end
        return end

    def was_down(self, name, since, until):
        return any(begin <= until and since <= end for begin, end in self.outages(name))

    def was_in(self, name, state, since, until):
        return any(
            span.kind != "slow" and span.more == state and span.begin <= until and since <= span.end
            for span in self.plan.servers[name]
        )

    def was_up(self, name, since, until):
        return not any(begin <= since and until <= end for begin, end in self.outages(name))

    def blind(self):
        """When the bot could not see or say anything."""
        spans = (*self.plan.cuts, *self.plan.telegram, *self.plan.lags)
        return [*((span.begin, span.end) for span in spans), *self.world.asleep, *self.dead()]

    def dead(self):
        alive = [(0, 0), *self.world.alive, (self.ends_at, 0)]
        return [(one[1], other[0]) for one, other in itertools.pairwise(alive)]

    def switches(self):
        """When several servers went down together, all of them up for long before: from when to
        when, and which."""
        starts = {}
        for name in self.plan.servers:
            for begin, end in self.outages(name):
                if not self.was_down(name, begin - 60, begin - 1):
                    starts.setdefault(begin, []).append((end, name))
        for begin, found in starts.items():
            if len(found) > 1:
                yield begin, min(end for end, _ in found), [name for _, name in found]

    def is_alone(self, away):
        """Whether nothing else kept the bot from Telegram before and after."""
        others = [span for span in (*self.plan.cuts, *self.plan.telegram) if span is not away]
        return not any(
            one.begin <= away.end + 60 and away.begin - 60 <= one.end
            for one in (*others, *self.plan.lags)
        )

    def was_watched(self, name, since, until):
        """Whether there was a bot that looked at this server."""
        spans = [*self.dead(), *self.world.asleep, *self.unwanted(name)]
        return not any(begin <= until and since <= end for begin, end in spans)

    def is_proved(self, name, since, until):
        """Whether another server was seen up all the while."""
        return any(
            other != name
            and not self.was_down(other, since, until)
            and self.was_watched(other, since, until)
            for other in self.plan.servers
        )

    def is_clear(self, since, until, *more):
        return not any(begin <= until and since <= end for begin, end in (*self.blind(), *more))

    def unwanted(self, name):
        """When nobody wanted to hear of a server."""
        return [*self.world.off[name], *self.world.paused[name]]

    @property
    def needed_s(self):
        """How long it may take to tell what is seen."""
        return SETTLE_S + self.plan.interval_s + LOOKS_S

    def ups(self, name):
        """When a server was up."""
        edges = [0, *(at for outage in self.outages(name) for at in outage), self.ends_at]
        return list(zip(edges[::2], edges[1::2], strict=True))

    def pieces(self, name, spans):
        """Parts of these in which nothing kept the bot from seeing and telling how it is."""
        for begin, end in spans:
            parts = [(begin, min(end, self.ends_at))]
            for from_, until in [*self.blind(), *self.unwanted(name)]:
                parts = [
                    piece
                    for one, other in parts
                    for piece in ((one, min(other, from_)), (max(one, until), other))
                    if piece[1] > piece[0]
                ]
            yield from parts


class View:
    """One chat as its people have seen it."""

    def __init__(self, recipient, truth):
        self.recipient, self.truth = recipient, truth
        self.troubles = truth.plan.chats[recipient]
        self.posts = truth.world.posts[recipient[0]]
        self.said = [(post, words_of(post.first_text)) for post in self.posts]
        for word in [word for _, words in self.said for word in words]:
            word.as_said = word.since, word.until
            if not truth.is_clock_good:
                word.since = word.until = None

    @property
    def was_refused(self):
        return self.has_refused(float("inf"))

    def has_refused(self, by):
        """Whether it has blocked the bot by then: that it no longer does, the bot learns late."""
        return any(span.kind == "403" and span.begin <= by for span in self.troubles)

    def is_clear(self, since, until, name):
        """Whether nothing kept it from being told of this server at once."""
        troubles = [(span.begin, span.end) for span in self.troubles if span.kind in ("403", "429")]
        return self.truth.is_clear(since, until, *troubles, *self.truth.unwanted(name))

    def words(self, name, *kinds):
        """(post, word) about a server, the oldest first."""
        return [
            (post, word)
            for post, words in self.said
            for word in words
            if word.server == name and word.kind in kinds
        ]


def violations(world):
    """What does not hold, in words; [] if all is well."""
    truth = Truth(world)
    found = list(world.problems)
    for recipient in world.plan.chats:
        view = View(recipient, truth)
        for name in world.plan.servers:
            for check in CHECKS:
                found += [f"{recipient}: {name}: {what}" for what in check(view, truth, name)]
        for check in CHAT_CHECKS:
            found += [f"{recipient}: {what}" for what in check(view, truth)]
    return found


# ---------------------------------------------------------------- of each server, in each chat


def ends_with_the_truth(view, truth, name):
    if not truth.world.is_monitored[name]:
        return
    said = view.words(name, "down", "reminder", "up", "pause_end")
    if said and view.was_refused and not said[-1][0].is_confirmed:
        return  # the bot does not know that it was told this
    last = said[-1][1].state if said else UP
    is_so = truth.world.state(name, truth.ends_at)
    if last != is_so:
        yield f"the last word is {last}, and it is {is_so}"


def says_nothing_false(view, truth, name):
    for post, word in view.words(name, "down", "reminder"):
        if word.since is None:
            continue
        if not truth.was_down(name, word.since - 2, post.at):
            yield f"{word.kind} at {post.at:.0f} since {word.since}: it was up all the while"
        elif not truth.was_in(name, word.state, word.since - 2, post.at):
            yield f"{word.state} at {post.at:.0f} since {word.since}: it was never in this state"
    for post, word in view.words(name, "up"):
        if word.since is None:
            if truth.is_clock_good:
                yield f"up at {post.at:.0f} without its times"
        elif not truth.was_down(name, word.since - 2, word.until + 2):
            yield f"up at {post.at:.0f}: {word.since} to {word.until}, and it was up all the while"
        elif not truth.was_up(name, word.until - 2, word.until + LOOKS_S):
            yield f"up at {post.at:.0f}, and it was down all the while"


def says_nothing_stale(view, truth, name):
    """What is said of now is of now, where nothing kept the bot from looking."""
    for post, word in view.words(name, "down", "reminder", "pause_end"):
        since = post.at - truth.needed_s
        if word.state == UP or not truth.is_clear(since - 60, post.at):
            continue
        if not truth.was_down(name, since, post.at):
            yield f"{word.kind} at {post.at:.0f}, and it was up for long"


def says_nothing_twice(view, truth, name):
    """But for what Telegram took without the bot's getting to know it."""
    counts, unconfirmed, last = Counter(), Counter(), None
    for post, word in view.words(name, "down", "up"):
        key = word.kind, word.state, *word.as_said
        counts[key] += 1
        unconfirmed[key] += not post.is_confirmed
        if not post.is_confirmed:
            continue
        is_again = last and (word.kind, word.state) == ("down", last.state)
        if is_again and last.kind == "down" and not view.was_refused:
            yield f"{word.state} at {post.at:.0f} is said again, with no recovery in between"
        last = word
    for key, count in counts.items():
        if key[2] is not None and count > 1 + unconfirmed[key]:
            yield f"{key} is said {count} times"


def tells_each_long_outage(view, truth, name):
    if view.was_refused:
        return
    needed_s, said = truth.needed_s, view.words(name, "down", "up", "reminder", "pause_end")
    for begin, end in truth.pieces(name, truth.outages(name)):
        if end - begin < needed_s:
            continue
        places, seen_until = range(len(said)), truth.seen_until(name, end)
        told = [post.at for place in places if (post := _about(said, place, begin, seen_until))]
        is_clear = view.is_clear(begin - 60, begin + needed_s, name)
        if not told and (is_clear or not truth.world.off[name]):
            yield f"not up from {begin:.0f} to {end:.0f}, and nothing is said of it"
        elif told and min(told) > begin + needed_s and is_clear:
            yield f"not up from {begin:.0f}, and told at {min(told):.0f}"


def _about(said, place, begin, end):
    """The message, if it is about an outage that falls into this time."""
    post, word = said[place]
    if word.since is None and word.kind == "up":
        return post if post.at >= begin else None
    ups = [later.at for later, one in said[place + 1 :] if one.kind == "up"]
    until = word.until or min(ups, default=float("inf"))
    since = post.at if word.since is None else word.since
    return post if since <= end and until >= begin else None


def tells_what_happened_without_telegram(view, truth, name):
    """A whole outage, seen while Telegram alone was away, that neither began nor ended with it:
    another server proves that the network was there."""
    if view.was_refused or not truth.world.is_monitored[name]:
        return
    said = view.words(name, "down", "up", "reminder", "pause_end")
    for away in truth.plan.telegram:
        if not truth.is_alone(away):
            continue
        for begin, end in truth.outages(name):
            is_within = away.begin + 25 <= begin and end <= away.end - 50
            is_long = end - begin >= truth.needed_s
            if not (is_within and is_long and truth.was_watched(name, begin - 30, end + 40)):
                continue
            if not truth.is_proved(name, begin, end):
                continue
            if not any(_about(said, place, begin, end) for place in range(len(said))):
                yield f"not up from {begin:.0f} to {end:.0f}, without Telegram, and never told"


def tells_each_recovery(view, truth, name):
    said = view.words(name, "down", "up", "pause_end")
    for begin, end in truth.pieces(name, truth.ups(name)):
        at = begin + truth.needed_s
        if end < at or not view.is_clear(begin - 60, at, name) or view.has_refused(at):
            continue
        before = [word for post, word in said if post.at <= at]
        if before and before[-1].state != UP:
            yield f"up since {begin:.0f} at the latest, and not told by {at:.0f}"


def holds_back_what_is_unwanted(view, truth, name):
    for post, word in view.words(name, "down", "up", "reminder"):
        if any(begin + IN_FLIGHT_S < post.at < end for begin, end in truth.unwanted(name)):
            yield f"{word.kind} at {post.at:.0f}, and nobody wanted to hear it"


def shows_in_the_alert_that_it_is_over(view, truth, name):
    """An alert is marked once the recovery has been told, and not before."""
    if view.was_refused or not truth.world.is_monitored[name]:
        return
    ups = [post.at for post, _ in view.words(name, "up")]
    for post in view.posts:
        for word in words_of(post.text):
            if word.server != name or word.kind not in ("down", "reminder"):
                continue
            if not post.is_confirmed or post.is_left_behind:
                continue
            is_over = any(at > post.at for at in ups)
            if word.is_over != is_over:
                yield f"{word.kind} of {post.at:.0f} marked as over: {word.is_over}, {ups}"


CHECKS = (
    ends_with_the_truth,
    says_nothing_false,
    says_nothing_stale,
    says_nothing_twice,
    tells_each_long_outage,
    tells_each_recovery,
    tells_what_happened_without_telegram,
    holds_back_what_is_unwanted,
    shows_in_the_alert_that_it_is_over,
)


# ---------------------------------------------------------------- of each chat


def tells_the_others_who_takes_it(view, truth):
    if view.was_refused:
        return
    for _, who, keys, chat_id, _, is_take in truth.world.takes:
        words = "is on it" if is_take else "has handed it back"
        lines = [
            post for post in view.posts for _ in re.findall(rf"\b{who} {words}", post.first_text)
        ]
        unconfirmed = sum(not post.is_confirmed for post in lines)
        most = 0 if chat_id == view.recipient[0] else len(keys)
        if not most <= len(lines) <= most + unconfirmed:
            yield f"{who} {words}: said {len(lines)} times, not {most}"


def shows_who_takes_it(view, truth):
    """In the message that was pressed, as long as the bot may change it. Where the clock was set
    there is no telling one outage from the other."""
    if not truth.is_clock_good:
        return
    takers = {}
    for _, who, keys, _, _, is_take in truth.world.takes:
        takers |= dict.fromkeys(keys, who if is_take else "")
    for _, _, keys, chat_id, post, _ in truth.world.takes:
        is_elsewhere = chat_id != view.recipient[0] or post.is_left_behind
        if is_elsewhere or view.was_refused or not post.is_confirmed:
            continue
        for server, begun in keys:
            shown = [word.taker for word in words_of(post.text) if word.server == server]
            if takers[server, begun] not in shown:
                yield f"{server}: {takers[server, begun]!r} is on it, and {shown} is shown"


def says_once_that_the_topic_is_gone(view, truth):
    gone = sum(span.kind == "topic" for span in view.troubles)
    remarks = [post for post in view.posts if "is gone or closed" in post.first_text]
    if len(remarks) > gone + sum(not post.is_confirmed for post in remarks):
        yield f"said {len(remarks)} times that the topic is gone"


def blames_the_own_network_rightly(view, truth):
    plan = truth.plan
    for post in view.posts if truth.is_clock_good else ():
        for found in _OWN.finditer(post.first_text.replace("\u00a0", " ")):
            since, until = map(_seconds, found.groups())
            spans = (*plan.cuts, *plan.telegram, *plan.lags)
            if not any(one.begin <= until + 2 and since - 2 <= one.end for one in spans):
                yield f"at {post.at:.0f} it was the own network, {since} to {until}"


def shares_what_belongs_together(view, truth):
    """What happens to all at once comes in few messages: two for each time, and one for each
    further state, as some are noticed sooner."""
    for begin, end, names in truth.switches():
        at = begin + truth.needed_s
        quiet = [span for name in names for span in truth.unwanted(name)]
        if end < at or not view.is_clear(begin - 60, at, names[0]):
            continue
        if not truth.is_clear(begin - 60, at, *quiet):
            continue
        posts = {
            post.id
            for name in names
            for post, word in view.words(name, "down")
            if begin <= post.at <= at
        }
        if len(posts) > 1:
            yield f"{len(names)} servers go down at {begin:.0f}, and that is {len(posts)} messages"


CHAT_CHECKS = (
    tells_the_others_who_takes_it,
    shows_who_takes_it,
    blames_the_own_network_rightly,
    says_once_that_the_topic_is_gone,
    shares_what_belongs_together,
)
