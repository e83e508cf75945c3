"""Recorded responses: laid out, compared with what follows from the lesions, and by two sets of rules."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from posology.endpoints.readings import arrange_readings, differences, disagreements
from posology.endpoints.recist import ADMIRALONCO, RECIST_11, Response, best_response
from tests.endpoints.lesion_cases import ABSENT, CR, ND, NE, NON, PD, PR, SD, assessed

rows = st.lists(
    st.tuples(st.integers(0, 2), st.integers(-20, 200), st.sampled_from([CR, PR, SD, PD, NE, NON, ND, ABSENT])),
    max_size=12,
)


def laid(given_: list[tuple[int, int, Response]], **options: Any) -> Any:
    columns = np.array(given_, dtype=np.int64).reshape(-1, 3).T
    return arrange_readings(*columns, 3, **options)


@given(rows, st.randoms(use_true_random=False))
def test_the_order_of_rows_never_matters(given_: Any, chance: Any) -> None:
    shuffled = list(given_)
    chance.shuffle(shuffled)
    one, other = laid(given_), laid(shuffled)
    np.testing.assert_array_equal(one.overall, other.overall)
    np.testing.assert_array_equal(one.day, other.day)


@given(rows)
def test_days_rise_and_each_has_one_response(given_: Any) -> None:
    found = laid(given_)
    for i in range(3):
        taken = found.day[i, 1:][found.overall[i, 1:] != ABSENT]
        assert (np.diff(taken) > 0).all()
        assert set(taken.tolist()) == {on for who, on, code in given_ if who == i and code != ABSENT}


def test_of_two_responses_on_a_day_the_worse_is_kept_and_one_not_evaluable_only_alone() -> None:
    assert laid([(0, 42, PR), (0, 42, SD), (0, 84, NE), (0, 84, CR)]).overall[0, 1:].tolist() == [SD, CR]


def test_what_lies_before_the_start_can_be_left_out() -> None:
    found = laid([(0, -3, PD), (0, 42, PR)], not_before=np.zeros(3, dtype=np.int64))
    assert found.overall[0, 1:].tolist() == [PR]


def test_the_investigators_reading_is_compared_with_the_lesions() -> None:
    seen = assessed((0, "T1", 100), (1, "T1", 70), (2, "T1", 60), (3, "T1", 80))
    theirs = np.array([[Response.NONE, SD, ABSENT, PD]])
    (one,) = disagreements(seen.overall, theirs, seen.day)
    assert (one.assessment, one.day, one.one, one.other, one.on_progression) == (1, 42, PR, SD, False)


def test_the_investigators_reading_is_an_alternative_source() -> None:
    theirs = laid([(0, 42, PR), (0, 84, PR), (0, 126, PD)])
    best = best_response(theirs.overall, theirs.day, np.zeros(3, dtype=np.int64))
    assert (Response(best.response[0]), bool(best.confirmed[0]), int(best.progressed_at[0])) == (PR, True, 3)


@given(rows)
def test_two_equal_sets_of_rules_never_differ(given_: Any) -> None:
    found = laid(given_)
    start = np.zeros(3, dtype=np.int64)
    assert differences(found.overall, found.day, start, None, RECIST_11, RECIST_11) == []
    there = {d.patient for d in differences(found.overall, found.day, start)}
    back = {d.patient for d in differences(found.overall, found.day, start, None, ADMIRALONCO, RECIST_11)}
    assert there == back
