"""What the benchmark works out from what it has measured. It measures nothing here."""

import pytest

from tests.laboratory.benchmark import SCREEN_HEADINGS, Screen, lateness, table


def measured(**more) -> Screen:
    found = {
        "times": [0.2, 0.1, 0.11, 0.1],
        "bare_times": [0.2, 0.1, 0.1, 0.1],
        "library_times": [0.2, 0.1, 0.1, 0.1],
        "requests": [3, 3, 3, 3],
        "handshakes": [1, 0, 0, 0],
        "calls": [2, 2, 2, 2],
    }
    return Screen("stop", 3, **{**found, **more})


@pytest.mark.parametrize(
    ("more", "misses"),
    [
        ({}, []),
        ({"times": [9, 0.12, 0.12, 0.12]}, ["ratio"]),
        ({"requests": [3, 3, 4, 3]}, ["requests"]),
        ({"calls": [2, 3, 2, 2], "times": [0.1, 0.2, 0.2, 0.2]}, ["Bot API", "ratio"]),
    ],
)
def test_line_names_the_targets_that_it_misses(more, misses):
    screen = measured(**more)
    assert screen.misses == misses
    assert table(SCREEN_HEADINGS, [screen.cells()]).endswith(", ".join(misses) or "met")


def test_latest_check_is_found_even_if_it_never_came():
    on_time, late, silent = [0, 15, 30, 45], [1, 16, 33.5, 48.5], [2, 17]
    assert lateness([on_time], 15, until=50) == 0
    assert lateness([on_time, late], 15, until=50) == 2.5
    assert lateness([on_time, late, silent], 15, until=50) == 18
