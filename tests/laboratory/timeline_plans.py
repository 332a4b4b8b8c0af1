"""Plans of timelines by a seed: what goes wrong when, and what people do meanwhile."""

import random

from lib.trueconf_model import DOWN, SERVICE_DOWN, WEB_DOWN
from tests.laboratory.timelines import Plan, Span

ANNA, BORIS, GROUP, FORUM = (111, None), (222, None), (-333, None), (-444, 17)
NAMES = ("Alpha", "Beta", "Gamma", "Delta", "Epsilon", "Zeta", "Eta")
CUTS_S = (5, 8, 12, 20, 40, 90)
OUTAGES_S = (3, 8, 15, 25, 40, 70, 120, 200, 400, 900)
LASTS_S, QUIET_S = 1800, 700


def plan_of(seed):
    """A third of them are cuts of the own network alone, a third outages and chats, the rest all
    at once."""
    chance = random.Random(seed)
    plan = Plan(seed, interval_s=chance.choice([5, 10, 15, 15]))
    kind = (_cuts, _outages, _everything)[seed % 3]
    kind(plan, chance)
    _calm_down(plan, chance)
    return plan


def _cuts(plan, chance):
    _servers(plan, chance, chance.choice([1, 2, 5]), 0)
    plan.chats = {ANNA: [], GROUP: []}
    _out_of_step(plan, chance)
    special = chance.choice(list(plan.servers))
    fate = chance.choice(["none", "paused", WEB_DOWN, SERVICE_DOWN, DOWN])
    if fate == "paused":
        plan.actions.append((50, "pause", special, 8 * 3600))
        plan.actions.append((LASTS_S, "end_pause", special))
    elif fate != "none":
        mode = chance.choice(["refused", "vanish"])
        plan.servers[special] = [Span(chance.uniform(0, 60), LASTS_S, mode, fate)]
    _add_cuts(plan, chance, 150, chance.randint(4, 9))


def _outages(plan, chance):
    _servers(plan, chance, chance.choice([1, 2, 3, 7]), 4)
    _chats(plan, chance)
    _presses(plan, chance, chance.randint(0, 12))
    if chance.random() < 0.3:
        _pauses(plan, chance)
    plan.repeat_h = chance.choice([0, 0, 0.03, 0.06])
    for _ in range(chance.choice([0, 0, 1, 2])):
        plan.telegram.append(_away(chance))


def _everything(plan, chance):
    _servers(plan, chance, chance.choice([1, 2, 3, 5]), 3)
    _chats(plan, chance)
    _out_of_step(plan, chance)
    _presses(plan, chance, chance.randint(0, 12))
    _add_cuts(plan, chance, 150, chance.randint(0, 4))
    plan.repeat_h = chance.choice([0, 0, 0.03, 0.06])
    for _ in range(chance.choice([0, 1, 2])):
        plan.telegram.append(_away(chance))
    for _ in range(chance.choice([0, 0, 1, 2])):
        plan.actions.append((chance.uniform(30, LASTS_S), "kill_next"))
    for _ in range(chance.choice([0, 1, 2, 3])):
        at = chance.uniform(30, LASTS_S)
        if chance.random() < 0.5:  # so that messages are under way at that moment
            plan.lags.append(Span(at - 60, at + 20, "slow", chance.uniform(1, 4)))
        plan.actions.append((at, "kill", chance.random() < 0.2))
        plan.actions.append((at + chance.choice([1, 5, 30, 200]), "start"))
    if chance.random() < 0.2:
        plan.actions.append((chance.uniform(60, LASTS_S), "sleep", chance.choice([20, 90, 600])))
    if chance.random() < 0.2:
        step_s = chance.choice([-3600, -120, -30, 30, 120, 3600])
        plan.actions.append((chance.uniform(60, LASTS_S), "clock", step_s))


def _servers(plan, chance, count, most_outages):
    for name in NAMES[:count]:
        spans, at = [], chance.uniform(0, 300)
        for _ in range(chance.randint(0, most_outages)):
            at, span = _outage(chance, at)
            spans.append(span)
            if chance.random() < 0.2:  # it goes on in another state
                at, span = _outage(chance, span.end)
                spans.append(span)
            at += chance.choice([4, 20, 60, 300, 600])
        plan.servers[name] = spans
        if chance.random() < 0.15:
            begin = chance.uniform(0, LASTS_S)
            slow = Span(begin, begin + chance.uniform(30, 300), "slow", chance.uniform(1, 3.4))
            plan.servers[name].append(slow)
    if most_outages and count > 1 and chance.random() < 0.5:  # one switch
        begin, length_s = chance.uniform(100, LASTS_S), chance.choice(OUTAGES_S[3:])
        mode = chance.choice(["refused", "vanish"])
        for name in chance.sample(NAMES[:count], chance.randint(2, count)):
            here = Span(begin, begin + length_s + chance.uniform(0, 5), mode, DOWN)
            kept = [span for span in plan.servers[name] if _is_apart(span, here)]
            plan.servers[name] = [*kept, here]


def _is_apart(one, other):
    return one.end < other.begin or other.end < one.begin


def _outage(chance, at):
    state = chance.choice([DOWN, DOWN, DOWN, SERVICE_DOWN, WEB_DOWN])
    end = at + chance.choice(OUTAGES_S) * chance.uniform(0.8, 1.2)
    return end, Span(at, end, chance.choice(["refused", "vanish"]), state)


def _out_of_step(plan, chance):
    """So that the looks at the servers do not begin together."""
    for name in plan.servers:
        if chance.random() < 0.5:
            at = chance.uniform(5, 60)
            plan.actions += [(at, "switch", name, False), (at + 3, "switch", name, True)]


def _add_cuts(plan, chance, at, count):
    for _ in range(count):
        at += chance.uniform(30, 250)
        length_s = chance.choice(CUTS_S) + chance.uniform(-1, 1)
        kind = chance.choice(["refused", "swallowed", "swallowed", "portal"])
        plan.cuts.append(Span(at, at + length_s, kind))
        at += length_s


def _away(chance):
    begin, length_s = chance.uniform(60, LASTS_S), chance.choice([10, 30, 90, 300, 900])
    return Span(begin, begin + length_s, chance.choice(["refused", "swallowed", "front"]))


def _chats(plan, chance):
    plan.chats = {one: [] for one in (ANNA, BORIS, GROUP, FORUM)[: chance.randint(1, 4)]}
    for recipient, troubles in plan.chats.items():
        if chance.random() < 0.4:
            begin, length_s = chance.uniform(30, LASTS_S), chance.choice([20, 90, 300, 900])
            kinds = ["403", "429"] + (["topic"] if recipient[1] else [])
            troubles.append(Span(begin, begin + length_s, chance.choice(kinds)))
        elif recipient == GROUP and chance.random() < 0.3:
            troubles.append(Span(chance.uniform(30, LASTS_S), float("inf"), "moved"))


def _presses(plan, chance, count):
    begins = [span.begin for spans in plan.servers.values() for span in spans]
    for _ in range(count):
        at, name = chance.uniform(60, LASTS_S), chance.choice(list(plan.servers))
        if begins and chance.random() < 0.7:
            at = min(LASTS_S, chance.choice(begins) + chance.uniform(10, 200))
        chat_id = chance.choice(list(plan.chats))[0]
        action = chance.choice(
            [("take", chat_id, "take")] * 4
            + [("take", chat_id, "release")] * 2
            + [("pause", name, chance.choice([60, 300, 900]))]
            + [("end_pause", name), ("switch", name, False), ("switch", name, True)]
        )
        plan.actions.append((at, *action))


def _pauses(plan, chance):
    """One after the other, of one server."""
    name, at = chance.choice(list(plan.servers)), chance.uniform(30, 300)
    while at < LASTS_S:
        length_s = chance.uniform(30, 400)
        plan.actions.append((at, "pause", name, length_s))
        at += length_s + chance.uniform(20, 300)


def _calm_down(plan, chance):
    """Nothing more goes wrong, and long enough for all to be told. Some servers stay down."""
    plan.actions.append((LASTS_S, "start"))
    spans = [span for each in plan.chats.values() for span in each] + plan.cuts + plan.telegram
    spans = [span for span in spans if span.kind != "moved"]
    plan.quiet_from = max([LASTS_S + 250, *(span.end + 5 for span in spans)])
    for spans in plan.servers.values():
        for span in spans:
            if span.end > LASTS_S:
                is_lasting = span.kind != "slow" and span.more != "" and chance.random() < 0.3
                span.end = float("inf") if is_lasting else min(span.end, plan.quiet_from)
        spans[:] = [span for span in spans if span.begin < plan.quiet_from]
    for name in plan.servers:
        if chance.random() < 0.7:
            plan.actions.append((plan.quiet_from, "switch", name, True))
        plan.actions.append((plan.quiet_from + 1, "end_pause", name))
    for chat_id, _ in plan.chats:
        plan.actions.append((plan.quiet_from + 2, "hear", chat_id))
    plan.ends_at = plan.quiet_from + QUIET_S
