"""Random timelines: whatever happens in which order, each chat ends with the truth."""

import os
import pprint

import pytest

import texts
from tests.laboratory.timeline_plans import plan_of
from tests.laboratory.timeline_truth import violations
from tests.laboratory.timelines import live_through

# TIMELINES=3000 tries so many, TIMELINES_FROM=7 begins at another seed.
TIMELINES = int(os.environ.get("TIMELINES", "300"))
FIRST = int(os.environ.get("TIMELINES_FROM", "0"))
PARTS = 10


@pytest.mark.parametrize("part", range(PARTS))
def test_chats_end_with_the_truth_in_random_timelines(part, tmp_path, monkeypatch):
    texts.use("en")
    for seed in range(FIRST + part, FIRST + TIMELINES, PARTS):
        plan = plan_of(seed)
        found = violations(live_through(plan, tmp_path, monkeypatch))
        assert not found, f"{found}\n{pprint.pformat(plan)}"
