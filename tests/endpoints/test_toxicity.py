"""Adverse events counted, and the late-onset profile of the worked example's ocular toxicity."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from posology.conduct.trial import Trial
from posology.endpoints.toxicity import (
    NEVER,
    Events,
    check_events,
    cycle_of,
    emergent,
    event_durations,
    late_onset,
    maximum_grade,
    maximum_grade_by_cycle,
    table,
)
from posology.record.facts import Dosed
from posology.shared.dates import study_day_of

EYE, GUT = "Eye disorders", "Gastrointestinal disorders"


def events(*rows: tuple[int, str, int, int, int], **more: Any) -> Events:
    patient, term, grade, onset, end = (list(column) for column in zip(*rows, strict=True))
    return Events(patient=patient, term=term, grade=grade, onset=onset, end=end, **more)


ROWS = st.lists(
    st.tuples(
        st.integers(0, 5),
        st.sampled_from(["Blurred vision", "Keratitis", "Nausea"]),
        st.integers(1, 5),
        st.integers(1, 80),
        st.one_of(st.just(NEVER), st.integers(80, 120)),
    ),
    min_size=1,
    max_size=25,
)
CLASSES = {"Blurred vision": EYE, "Keratitis": EYE, "Nausea": GUT}


@given(ROWS, st.randoms())
def test_a_patient_counts_once_at_the_highest_grade_in_any_order(
    rows: list[tuple[int, str, int, int, int]], chance: Any
) -> None:
    group = [0, 0, 1, 1, 2, 2]
    found = table(events(*rows, organ_class=[CLASSES[r[1]] for r in rows]), group, 3)
    mixed = list(rows)
    chance.shuffle(mixed)
    assert table(events(*mixed, organ_class=[CLASSES[r[1]] for r in mixed]), group, 3) == found
    for row in found:
        mine = [r for r in rows if row.term in ("", r[1]) and row.organ_class in ("", CLASSES[r[1]])]
        worst = {p: max(r[2] for r in mine if r[0] == p) for p in {r[0] for r in mine}}
        assert sum(row.any_grade) == len(worst) and row.events == len(mine)
        assert sum(row.grade_3_or_more) == sum(g >= 3 for g in worst.values())
        for g in range(3):
            assert row.by_grade[g] == tuple(
                sum(v == k and group[p] == g for p, v in worst.items()) for k in range(1, 6)
            )
    classes = [row for row in found if row.organ_class and not row.term]
    assert [sum(r.any_grade) for r in classes] == sorted((sum(r.any_grade) for r in classes), reverse=True)


@given(ROWS)
def test_maximum_grades_agree(rows: list[tuple[int, str, int, int, int]]) -> None:
    starts = np.tile([1.0, 22.0, 43.0, 64.0], (6, 1))
    by_cycle = maximum_grade_by_cycle(events(*rows), starts)
    assert (by_cycle.max(axis=1) == maximum_grade(events(*rows), 6)).all()


@given(ROWS)
def test_first_events_by_cycle_add_up_to_the_patients_with_one(rows: list[tuple[int, str, int, int, int]]) -> None:
    found = late_onset(events(*rows), np.tile([1.0, 22.0, 43.0, 64.0], (6, 1)))
    with_one = len({r[0] for r in rows})
    assert found.first.sum() == with_one and found.cumulative[-1] == pytest.approx(with_one / 6)
    assert (found.at_risk[1:] == found.at_risk[:-1] - found.first[:-1]).all()


def test_treatment_emergent_by_each_rule() -> None:
    rows = events(
        (0, "new", 1, 1, 5),
        (0, "before", 2, -5, 5),
        (0, "worse", 3, -5, 5),
        (0, "late", 1, 80, 90),
        (1, "late", 1, 80, 90),
        before=[0, 2, 1, 0, 0],
    )
    assert emergent(rows).tolist() == [True, False, True, True, True]
    assert emergent(rows, [40, 60], 30).tolist() == [True, False, True, False, True]
    with pytest.raises(ValueError, match="days_after needs the day"):
        emergent(rows, days_after=30)


def test_related_and_serious_events_are_chosen_beforehand() -> None:
    rows = events((0, "a", 1, 1, 5), (1, "b", 3, 1, 5), related=[True, False], serious=[False, True])
    assert rows.related is not None and rows.serious is not None
    assert maximum_grade(rows.only(rows.related), 2).tolist() == [1, 0]
    assert table(rows.only(rows.serious), [0, 0], 1)[0].any_grade == (1,)
    assert table(rows.only([False, False]), [0, 0], 1)[0].any_grade == (0,)


def test_a_cycle_not_given_and_a_cutoff() -> None:
    rows = events((0, "a", 2, 17, NEVER), (1, "b", 1, 25, 30))
    assert maximum_grade_by_cycle(rows, [[1, 22, 43], [1, 22, np.nan]]).tolist() == [[2, 2, 2], [0, 1, -1]]
    assert maximum_grade_by_cycle(rows, [[1, 22, 43], [1, 22, 43]], last_day=[40, 40]).tolist() == [
        [2, 2, 0],
        [0, 1, 0],
    ]
    assert cycle_of([21, 28], [0, 0], [[1, 29]]).tolist() == [1, 1]  # a delayed cycle begins when it is given


def test_resolution_takes_overlapping_events_together() -> None:
    found = event_durations(events((0, "a", 1, -2, 3), (1, "a", 1, 5, 9), (1, "a", 2, 10, 12), (1, "a", 1, 14, 20)), 2)
    assert found.onset.tolist() == [-2, 5] and found.resolved.tolist() == [3, 12]
    assert found.days.tolist() == [5.0, 8.0]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ((0, "a", 6, 1, 5), "has a grade that is none of 1 to 5"),
        ((0, "a", 1, 5, 3), "ends before its onset"),
        ((0, "a", 1, 0, 3), "there is no day 0|is on day 0"),
        ((-1, "a", 1, 1, 3), "negative number"),
    ],
)
def test_events_that_cannot_be(row: tuple[int, str, int, int, int], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        events(row)


def test_more_that_cannot_be() -> None:
    with pytest.raises(ValueError, match="there are 2, from 0"):
        maximum_grade(events((2, "a", 1, 1, 3)), 2)
    with pytest.raises(ValueError, match="a patient is in group 2"):
        table(events((0, "a", 1, 1, 3)), [2], 2)
    with pytest.raises(ValueError, match="1 terms and 2 of grade"):
        Events(patient=[0], term=["a"], grade=[1, 2], onset=[1], end=[2])


def test_findings_name_patient_date_and_field() -> None:
    day, dose = date(2013, 5, 10), date(2013, 5, 1)
    may, found = check_events(
        ["1", "2", "3", "4", "5"],
        ["A"] * 5,
        [3, None, 7, 1, 2],
        [day, day, day, None, day],
        [date(2013, 5, 12), None, None, None, None],
        [dose, dose, dose, dose, None],
    )
    assert may.tolist() == [True, False, False, False, False]
    assert [(f.patient, f.field) for f in found] == [
        ("2", "grade"),
        ("3", "grade"),
        ("4", "start"),
        ("5", "first_dose"),
    ]
    assert str(found[1]) == "patient 3, 2013-05-10, grade: A has grade 7: it must be 1 to 5; not counted"


def test_late_onset_of_ocular_toxicity_in_the_worked_example(imgn853: Trial) -> None:
    """Two of the four first ocular events came within the first cycle of 21 days, two in the third."""
    state = imgn853.state()
    treated = [p for p in state.patients.values() if p.first_dose is not None]
    rows, starts = [], np.full((len(treated), 20), np.nan)
    for i, patient in enumerate(treated):
        first = patient.first_dose
        assert first is not None
        for dose in patient.doses:
            assert isinstance(dose.fact, Dosed)
            starts[i, dose.fact.cycle - 1] = study_day_of(dose.occurred, first.occurred)
        for toxicity in patient.toxicities:
            if any(word in toxicity.fact.term.casefold() for word in ("vision", "kerat", "corneal")):
                end = study_day_of(toxicity.resolved.occurred, first.occurred) if toxicity.resolved else NEVER
                rows.append(
                    (
                        i,
                        toxicity.fact.term,
                        toxicity.fact.grade,
                        study_day_of(toxicity.event.occurred, first.occurred),
                        end,
                    )
                )
    eye = events(*rows)
    found = late_onset(eye, starts)
    assert found.at_risk[0] == len(treated) == 18
    assert found.first[:4].tolist() == [2, 0, 2, 0]
    assert found.first.sum() == 4
    when = event_durations(eye, len(treated))
    ended = when.resolved != NEVER
    assert sorted(zip(when.onset[ended].tolist(), when.resolved[ended].tolist(), strict=True)) == [
        (17, 44),
        (19, 40),
        (58, 75),
    ]
