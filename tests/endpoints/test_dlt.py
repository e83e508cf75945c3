"""Definitions of a DLT as protocols write them: each rule of the definition by name."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posology.endpoints.dlt import (
    AdverseEvent,
    Criterion,
    Definition,
    Exemption,
    TriState,
    delay_is_dlt,
    evaluable,
    febrile_neutropenia,
    is_dlt,
    laboratory_events,
)

GUT = ("Nausea", "Vomiting", "Diarrhoea")
SOON = Exemption("grade 3 that resolves within 72 hours with supportive care", 3, GUT, 3, with_treatment=True)
TIRED = Exemption("fatigue of grade 3 for less than a week", 6, ("Fatigue",))
BLOOD = ("Neutropenia", "Thrombocytopenia", "Febrile neutropenia")
RULE = Definition(
    28,
    (
        Criterion("grade 3 or worse, related, not haematological", 3, except_terms=BLOOD, exempt=(SOON, TIRED)),
        Criterion("grade 4 neutropenia for more than 7 days", 4, ("Neutropenia",), minimum_days=8),
        Criterion("febrile neutropenia", 3, ("Febrile neutropenia",)),
        Criterion("death, whatever the cause", 5, related=False),
    ),
    maximum_delay_days=14,
    minimum_dose_percent=80.0,
    planned_doses=4,
)


def event(term: str = "Keratitis", grade: int = 3, onset: int = 5, **more: Any) -> AdverseEvent:
    return AdverseEvent(term, grade, more.pop("related", True), onset, **more)


@pytest.mark.parametrize(
    ("what", "day", "answer", "said"),
    [
        # supportive care
        (event("Nausea", treated=True, end_day=8), 20, TriState.NO, "excepted: grade 3 that resolves within 72 hours"),
        (event("Nausea", treated=True, end_day=9), 20, TriState.YES, "grade 3 or worse"),
        (event("Nausea", treated=True, improved_day=7, end_day=15), 20, TriState.NO, "excepted"),
        (event("Nausea", treated=True), 8, TriState.NOT_YET, "no DLT if it resolves by day 8"),
        (event("Nausea", treated=True), 9, TriState.YES, "grade 3 or worse"),
        (event("Nausea", treated=False), 6, TriState.YES, "grade 3 or worse"),
        (event("Nausea", treated=None, end_day=7), 20, TriState.NOT_YET, "not known whether it was treated"),
        (event("Nausea", 4, treated=True, end_day=6), 20, TriState.YES, "grade 3 or worse"),
        # what is known later counts later
        (event("Nausea", treated=True, end_day=9), 6, TriState.NOT_YET, "no DLT if it resolves by day 8"),
        # duration without treatment
        (event("Fatigue", end_day=11), 20, TriState.NO, "less than a week"),
        (event("Fatigue", end_day=12), 20, TriState.YES, "grade 3 or worse"),
        # relation
        (event(related=False), 10, TriState.NO, "not related to the drug"),
        (event(related=None), 10, TriState.NOT_YET, "relation to the drug is not judged yet"),
        (event(grade=5, related=False), 10, TriState.YES, "death, whatever the cause"),
        # haematological
        (event("Neutropenia", 4, end_day=11), 20, TriState.NO, "lasted 7 days, less than 8"),
        (event("Neutropenia", 4, end_day=12), 20, TriState.YES, "more than 7 days"),
        (event("Neutropenia", 4), 11, TriState.NOT_YET, "7 days so far; a DLT from 8 days on"),
        (event("Neutropenia", 4, end_day=13, seen_until=10), 20, TriState.NOT_YET, "lasted 6 to 9 days"),
        (event("Neutropenia", 4, end_day=13, seen_until=12), 20, TriState.YES, "more than 7 days"),
        (event("Neutropenia", 4, seen_until=10), 20, TriState.NOT_YET, "6 days so far"),
        (event("Neutropenia", 3), 20, TriState.NO, "below grade 4"),
        (event("febrile neutropenia", 3), 5, TriState.YES, "febrile neutropenia"),
        # window
        (event(onset=28), 28, TriState.YES, "grade 3 or worse"),
        (event(onset=29), 40, TriState.NO, "after the window of 28 days"),
        (event(onset=-1), 40, TriState.NO, "before the first dose"),
    ],
)
def test_each_rule(what: AdverseEvent, day: int, answer: TriState, said: str) -> None:
    found, why = is_dlt(what, RULE, day)
    assert found is answer and said in why


@pytest.mark.parametrize(
    ("due", "given_on", "day", "answer"),
    [
        (29, 29, 60, TriState.NO),
        (29, 43, 60, TriState.NO),
        (29, 44, 60, TriState.YES),
        (29, None, 43, TriState.NOT_YET),
        (29, None, 44, TriState.YES),
        (29, None, 20, TriState.NOT_YET),
        (29, 50, 40, TriState.NOT_YET),
    ],
)
def test_delay(due: int, given_on: int | None, day: int, answer: TriState) -> None:
    assert delay_is_dlt(RULE, due, given_on, day)[0] is answer
    assert delay_is_dlt(Definition(28, ()), due, given_on, day)[0] is TriState.NO


def test_minimum_exposure() -> None:
    """Of four doses planned, three are 75 %: not evaluable once the window is over, unless there was a DLT."""
    assert evaluable(RULE, 20, False, [100.0] * 3)[0] is TriState.NOT_YET
    assert evaluable(RULE, 29, False, [100.0] * 3) == (TriState.NO, "received 75 % of the planned dose, less than 80 %")
    assert evaluable(RULE, 29, True, [100.0])[0] is TriState.YES
    assert evaluable(RULE, 29, False, [100.0] * 4)[0] is TriState.YES
    assert evaluable(RULE, 29, False, [])[0] is TriState.NO


def test_early_withdrawal() -> None:
    assert evaluable(RULE, 20, False, [100.0] * 2, left_on_day=12)[0] is TriState.NO
    assert evaluable(RULE, 40, False, [100.0] * 4, left_on_day=29)[0] is TriState.YES


def test_runs_of_laboratory_grades() -> None:
    found = laboratory_events("Neutropenia", [22, 8, 15, 11, 29, 36], [4, 4, 4, 2, 1, 4], 4)
    assert [(e.onset_day, e.seen_until, e.end_day) for e in found] == [(8, 8, 10), (15, 22, 28), (36, 36, None)]
    assert is_dlt(found[1], RULE, 29)[0] is TriState.YES  # eight days are certain
    assert is_dlt(found[0], RULE, 29)[0] is TriState.NO  # three at most
    assert laboratory_events("Neutropenia", [1, 1], [2, 4], 4)[0].grade == 4
    with pytest.raises(ValueError, match="2 days and 1 grades"):
        laboratory_events("x", [1, 2], [4], 4)


@given(st.dictionaries(st.integers(1, 60), st.integers(0, 4), max_size=15), st.integers(1, 4), st.randoms())
def test_runs_hold_every_value_once_in_any_order(values: dict[int, int], least: int, chance: Any) -> None:
    days = list(values)
    chance.shuffle(days)
    found = laboratory_events("x", days, [values[d] for d in days], least)
    inside = [d for d, g in values.items() if g >= least]
    assert sorted(d for e in found for d in inside if e.onset_day <= d <= (e.seen_until or 0)) == sorted(inside)
    for e in found:
        assert e.grade == max(values[d] for d in inside if e.onset_day <= d <= (e.seen_until or 0))


@given(
    st.integers(1, 40), st.one_of(st.none(), st.integers(0, 30)), st.integers(1, 80), st.integers(0, 40), st.booleans()
)
def test_what_is_decided_stays_decided(onset: int, lasts: int | None, day: int, later: int, treated: bool) -> None:
    """More time never turns yes into no or no into yes."""
    for term, grade in (("Nausea", 3), ("Neutropenia", 4), ("Keratitis", 3)):
        what = event(term, grade, onset, end_day=None if lasts is None else onset + lasts, treated=treated)
        first = is_dlt(what, RULE, max(day, onset))[0]
        if first is not TriState.NOT_YET:
            assert is_dlt(what, RULE, max(day, onset) + later)[0] is first


def test_febrile_neutropenia() -> None:
    assert not febrile_neutropenia(0.5, 38.3) and not febrile_neutropenia(0.5, 38.2, 1.0)
    with pytest.raises(ValueError, match="highest_c is 101"):
        febrile_neutropenia(0.5, 101.0)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"grade": 6}, "grade is 1 to 5"),
        ({"end_day": 3}, "end_day 3 is before its onset"),
        ({"seen_until": 1}, "seen_until 1"),
    ],
)
def test_events_that_cannot_be(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        event(**wrong)


PLAIN_RULE = Definition(
    21,
    (
        Criterion("g3", 3, except_terms=("Neutropenia",)),
        Criterion("g4 neutropenia, 7 days", 4, ("Neutropenia",), minimum_days=7),
    ),
)


@pytest.mark.parametrize(
    ("event", "day", "answer"),
    [
        (AdverseEvent("Keratitis", 3, True, 21), 21, TriState.YES),
        (AdverseEvent("Keratitis", 3, True, 22), 30, TriState.NO),
        (AdverseEvent("Keratitis", 2, True, 5), 30, TriState.NO),
        (AdverseEvent("Keratitis", 3, False, 5), 30, TriState.NO),
        (AdverseEvent("Keratitis", 3, True, -3), 30, TriState.NO),
        (AdverseEvent("neutropenia", 3, True, 5), 30, TriState.NO),
        (AdverseEvent("Neutropenia", 4, True, 5), 10, TriState.NOT_YET),
        (AdverseEvent("Neutropenia", 4, True, 5), 11, TriState.YES),
        (AdverseEvent("Neutropenia", 4, True, 5, 10), 30, TriState.NO),
        (AdverseEvent("Neutropenia", 4, True, 5, 11), 30, TriState.YES),
    ],
)
def test_a_definition_at_its_edges(event: AdverseEvent, day: int, answer: TriState) -> None:
    assert is_dlt(event, PLAIN_RULE, day)[0] is answer


@pytest.mark.parametrize(
    ("day", "dlt", "doses", "left", "answer"),
    [
        (21, False, [100.0], None, TriState.NOT_YET),
        (22, False, [100.0], None, TriState.YES),
        (5, True, [100.0], None, TriState.YES),
        (22, False, [80.0], None, TriState.NO),
        (22, False, [100.0], 21, TriState.NO),
        (30, False, [100.0], 22, TriState.YES),
        (22, False, [], None, TriState.NO),
    ],
)
def test_who_is_evaluable(day: int, dlt: bool, doses: list[float], left: int | None, answer: TriState) -> None:
    assert evaluable(PLAIN_RULE, day, dlt, doses, left)[0] is answer
