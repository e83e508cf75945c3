"""The combination of RECIST 1.1 and CA-125: the tables of the paper row by row, the rules of date, and collected
responses."""

from __future__ import annotations

import csv
import json
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posology.endpoints import recist
from posology.endpoints.ca125 import Ca125Results, assess_ca125
from posology.endpoints.gcig import (
    CombinedBest,
    MarkerStatus,
    ProgressionSource,
    best_response,
    marker_at,
    overall,
    progression,
)
from posology.endpoints.investigator_ca125 import collected_responses
from posology.endpoints.recist import Assessments, Response

DATA = Path(__file__).parents[1] / "data/endpoints"
CR, PR, SD, PD, NE, NON, NONE = (Response[n] for n in ("CR", "PR", "SD", "PD", "NE", "NON_CR_NON_PD", "NONE"))
M = MarkerStatus

# The tables -----------------------------------------------------------------------------------------------------------

NOT_PD = (M.NEITHER, M.NORMAL, M.RESPONSE, M.COMPLETE)
RESPONDS = (M.RESPONSE, M.COMPLETE)
NOT_PR = (M.NEITHER, M.NORMAL)

NO, YES, EITHER = (False,), (True,), (False, True)

MEASURABLE = [
    ("CR, CR, normal: CR", (CR,), (CR, NONE), NO, (M.NORMAL, M.COMPLETE), CR),
    ("CR, non-CR/non-PD, not PD: PR", (CR,), (NON,), NO, NOT_PD, PR),
    ("CR, CR, PR but not normal: PR", (CR,), (CR, NONE), NO, (M.RESPONSE,), PR),
    ("CR, NE, PR: PR", (CR,), (NE,), NO, RESPONDS, PR),
    ("PR, non-PD or NE, not PD: PR", (PR,), (CR, NON, NE, NONE), NO, NOT_PD, PR),
    ("NE, non-PD, PR: PR", (NE,), (CR, NON, NONE), NO, RESPONDS, PR),
    ("SD, non-PD, PR: PR", (SD,), (CR, NON, NONE), NO, RESPONDS, PR),
    ("SD, non-PD or NE, neither PR nor PD: SD", (SD,), (CR, NON, NE, NONE), NO, NOT_PR, SD),
    ("PD, any, any: PD", (PD,), (CR, NON, NE, NONE, PD), EITHER, (*NOT_PD, M.PD), PD),
    ("any, PD, any: PD", (CR, PR, SD, NE), (PD,), EITHER, (*NOT_PD, M.PD), PD),
    ("any, any, new lesion: PD", (CR, PR, SD, NE), (CR, NON, NE, NONE), YES, (*NOT_PD, M.PD), PD),
    ("any, any, CA-125 PD: PD", (CR, PR, SD, NE), (CR, NON, NE, NONE), EITHER, (M.PD,), PD),
    ("unlisted: CR, CR, neither normal nor PR: PR", (CR,), (CR, NONE), NO, (M.NEITHER,), PR),
    ("unlisted: CR, NE, not PR: PR as by RECIST", (CR,), (NE,), NO, NOT_PR, PR),
    ("unlisted: SD, NE, PR: SD", (SD,), (NE,), NO, RESPONDS, SD),
    ("unlisted: NE, NE, PR: NE", (NE,), (NE,), NO, RESPONDS, NE),
    ("NE, non-PD, not PR: NE", (NE,), (CR, NON, NE, NONE), NO, NOT_PR, NE),
]
NOT_MEASURABLE = [
    ("response and normalised, CR: CR", (NONE,), (CR, NONE), NO, (M.COMPLETE,), CR),
    ("response, non-PD: PR", (NONE,), (CR, NON, NONE), NO, (M.RESPONSE,), PR),
    ("response and normalised, non-CR/non-PD: PR", (NONE,), (NON,), NO, (M.COMPLETE,), PR),
    ("normalised but no response, non-CR/non-PD: SD", (NONE,), (NON,), NO, (M.NORMAL,), SD),
    ("neither PR nor PD, non-PD: SD", (NONE,), (CR, NON, NONE), NO, NOT_PR, SD),
    ("CA-125 PD: PD", (NONE,), (CR, NON, NE, NONE), EITHER, (M.PD,), PD),
    ("non-target PD: PD", (NONE,), (PD,), EITHER, (*NOT_PD, M.PD), PD),
    ("new lesion: PD", (NONE,), (CR, NON, NE, NONE), YES, (*NOT_PD, M.PD), PD),
    ("unlisted: non-target NE: NE", (NONE,), (NE,), NO, NOT_PD, NE),
]


@pytest.mark.parametrize(
    ("row", "targets", "others", "news", "markers", "result"),
    [*MEASURABLE, *NOT_MEASURABLE],
    ids=lambda v: v if isinstance(v, str) else "",
)
def test_row(row: str, targets: Any, others: Any, news: Any, markers: Any, result: Response) -> None:
    columns = zip(*product(targets, others, news, markers), strict=True)
    assert (overall(*(np.array(column) for column in columns)) == result).all(), row


def test_every_combination_with_measurable_disease_is_in_one_row() -> None:
    every = set(product((CR, PR, SD, NE, PD), (CR, NON, NE, NONE, PD), EITHER, (*NOT_PD, M.PD)))
    assert every == {case for _, *parts, _ in MEASURABLE for case in product(*parts)}


def test_every_combination_without_measurable_disease_is_in_one_row() -> None:
    every = set(product((NONE,), (CR, NON, NE, NONE, PD), EITHER, (*NOT_PD, M.PD)))
    assert every == {case for _, *parts, _ in NOT_MEASURABLE for case in product(*parts)}


def test_a_patient_not_evaluable_by_ca125_is_read_by_recist() -> None:
    target, other = np.array([CR, SD, NONE, NE]), np.array([CR, NON, NON, NON])
    new, marker = np.zeros(4, dtype=bool), np.full(4, M.NOT_EVALUABLE)
    assert (overall(target, other, new, marker) == recist.overall(target, other, new)).all()


# In time --------------------------------------------------------------------------------------------------------------


def seen(*visits: tuple[int, Response, Response], new_on: int | None = None) -> Assessments:
    """One patient: a baseline on day -3 and visits (day, target, non-target)."""
    rows = [(-3, visits[0][1] if visits[0][1] is NONE else SD, visits[0][2]), *visits]
    day, target, other = (np.array([column]) for column in zip(*rows, strict=True))
    new = day == new_on if new_on is not None else np.zeros(day.shape, dtype=bool)
    both = recist.overall(target, other, new)
    nan, no = np.full(day.shape, np.nan), np.zeros(day.shape, dtype=bool)
    return Assessments(
        day=day,
        sum_mm=nan,
        measured_mm=nan,
        nadir_mm=nan,
        target=target,
        non_target=other,
        overall=both,
        new=new,
        new_lesions=new.astype(int),
        new_mm=nan,
        non_target_increased=no,
        reason=no.astype(int),
    )


def best(scans: Assessments, *samples: tuple[float, int], followed: bool = False, **options: Any) -> CombinedBest:
    value, day = np.array([[float(v) for v, _ in samples]]), np.array([[d for _, d in samples]])
    limit, start = np.array([35.0]), np.array([0])
    found: Ca125Results = assess_ca125(value, day, limit, start)
    return best_response(scans, found, value, day, limit, start, np.array([followed]), **options)


def says(found: CombinedBest) -> tuple[str, bool, float | None]:
    day = float(found.day[0])
    return Response(found.response[0]).name, bool(found.confirmed[0]), None if np.isnan(day) else day


RESPONSE = ((400, -3), (150, 21), (140, 49))
COMPLETE = ((400, -3), (150, 21), (30, 49), (30, 120))
NOTHING = ((400, -3), (380, 21), (390, 49))


def test_what_ca125_says_at_each_assessment() -> None:
    value, day = np.array([[400.0, 150, 30, 28, 90, 95]]), np.array([[-3, 21, 49, 60, 90, 100]])
    limit = np.array([35.0])
    found = assess_ca125(value, day, limit, np.array([0]))
    says = marker_at(found, value, day, limit, np.array([[0, 20, 21, 49, 89, 90, 200]]))
    assert [MarkerStatus(m).name for m in says[0]] == [
        "NEITHER",
        "NEITHER",
        "RESPONSE",
        "COMPLETE",
        "COMPLETE",
        "PD",
        "PD",
    ]


def test_stable_with_a_ca125_response_is_a_partial_response() -> None:
    assert says(best(seen((42, SD, NON)), *RESPONSE)) == ("PR", True, 21.0)
    assert says(best(seen((42, SD, NON)), *NOTHING)) == ("SD", False, 42.0)


def test_a_ca125_response_after_the_only_assessment_counts_too() -> None:
    assert says(best(seen((14, SD, NON)), *RESPONSE)) == ("PR", True, 21.0)


def test_a_ca125_response_without_an_assessment_of_the_tumour_is_not_evaluable() -> None:
    nothing = seen((42, SD, NON))
    nothing = Assessments(**{name: a[:, :1] for name, a in vars(nothing).items()})
    assert says(best(nothing, *RESPONSE))[0] == "NE"


def test_complete_response_needs_a_normal_ca125() -> None:
    scans = seen((56, CR, CR), (98, CR, CR))
    assert says(best(scans, *COMPLETE)) == ("CR", True, 56.0)
    assert says(best(scans, *RESPONSE)) == ("PR", True, 21.0)
    assert says(best(scans, *NOTHING)) == ("PR", True, 56.0)


@pytest.mark.parametrize(("day", "confirmed"), [(83, False), (84, True)])
def test_a_tumour_response_is_kept_28_days(day: int, confirmed: bool) -> None:
    found = says(best(seen((56, PR, NON), (day, PR, NON)), *NOTHING))
    assert found == (("PR", True, 56.0) if confirmed else ("SD", False, 56.0))


def test_a_tumour_response_may_await_confirmation() -> None:
    found = best(seen((56, PR, NON)), *NOTHING, followed=True)
    assert (says(found), bool(found.awaiting[0])) == (("PR", False, 56.0), True)


@pytest.mark.parametrize(("day", "expected"), [(49, "PD"), (50, "PR")])
def test_tumour_progression_more_than_28_days_after_the_ca125_response_leaves_it(day: int, expected: str) -> None:
    """The CA-125 response is dated day 21; progression on day 49 is 28 days later."""
    found = best(seen((20, SD, NON), (day, PD, NON)), *RESPONSE, (140, 60))
    assert says(found)[0] == expected
    assert (float(found.progression[0]), ProgressionSource(found.by[0])) == (float(day), ProgressionSource.RECIST)


def test_a_new_lesion_is_progression_of_the_tumour() -> None:
    assert says(best(seen((20, SD, NON), (45, SD, NON), new_on=45), *RESPONSE))[0] == "PD"


def test_a_ca125_response_after_tumour_progression_does_not_count() -> None:
    assert says(best(seen((14, PD, NON)), *RESPONSE))[0] == "PD"


def test_ca125_progression_ends_the_course() -> None:
    worse = ((400, -3), (100, 21), (250, 49), (260, 60))
    found = best(seen((42, SD, NON), (84, CR, CR), (126, CR, CR)), *worse)
    assert says(found) == ("SD", False, 42.0)
    assert (float(found.progression[0]), ProgressionSource(found.by[0])) == (49.0, ProgressionSource.CA125)
    assert says(best(seen((84, SD, NON)), *worse)) == ("PD", False, 49.0)


def test_without_measurable_disease() -> None:
    assert says(best(seen((56, NONE, CR), (98, NONE, CR)), *COMPLETE)) == ("CR", True, 56.0)
    assert says(best(seen((56, NONE, NON)), *RESPONSE)) == ("PR", True, 21.0)
    assert says(best(seen((56, NONE, NON)), *NOTHING)) == ("SD", False, 56.0)


def test_disease_seen_after_a_complete_response_is_progression() -> None:
    found = best(seen((56, CR, CR), (98, PR, NON)), *NOTHING)
    assert (float(found.progression[0]), ProgressionSource(found.by[0])) == (98.0, ProgressionSource.RECIST)


@pytest.mark.parametrize(("days", "expected"), [(41, "NE"), (42, "SD")])
def test_stable_disease_lasts_its_minimum(days: int, expected: str) -> None:
    assert says(best(seen((days, SD, NON)), *NOTHING))[0] == expected


def test_the_date_of_progression_is_the_earlier() -> None:
    nan = np.nan
    day, by = progression(np.array([84, 84, nan, nan, 70]), np.array([70.0, nan, 70, nan, 70]))
    assert day[:3].tolist() == [70, 84, 70] and np.isnan(day[3]) and day[4] == 70
    assert [ProgressionSource(x).name for x in by] == ["CA125", "RECIST", "CA125", "NONE", "BOTH"]


visits = st.lists(
    st.tuples(st.sampled_from([CR, PR, SD, PD, NE]), st.sampled_from([CR, NON, PD, NE])), min_size=1, max_size=5
)
values = st.lists(st.floats(10, 900), min_size=1, max_size=6)


@given(visits, values, visits)
@settings(max_examples=200, deadline=None)
def test_nothing_after_progression_changes_the_best_response(course_: Any, samples: Any, more: Any) -> None:
    rows = [(42 * (k + 1), *v) for k, v in enumerate(course_)]
    later = [(rows[-1][0] + 42 * (k + 2), *v) for k, v in enumerate(more)]
    ended = [*rows, (rows[-1][0] + 42, PD, NON)]
    marker = [(v, 21 * k - 3) for k, v in enumerate(samples)]
    assert says(best(seen(*ended), *marker)) == says(best(seen(*ended, *later), *marker))


# Collected responses, against admiralonco 1.4.0 -----------------------------------------------------------------------

CASE = json.loads((DATA / "gcig_ca125_case.json").read_text())
EXPECTED = list(csv.DictReader((DATA / "adrs_gcig_adrs.csv").read_text().splitlines()))
CODES = {"CR": CR, "PR": PR, "SD": SD, "NON-CR/NON-PD": NON, "PD": PD, "NE": NE, "MISSING": Response.ABSENT}


def day(text: str | None) -> int:
    return int(np.datetime64(text, "D").astype(int)) if text else -1


def of(patient: str, kind: str, *, keep: bool = True) -> tuple[list[dict[str, Any]], Any]:
    rows = [r for r in CASE["input"] if r["USUBJID"] == patient and r["PARAMCD"] == kind]
    start = next(day(s["RANDDT"]) for s in CASE["adsl"] if s["USUBJID"] == patient)
    evaluable = any(r["CA125EFL"] == "Y" for r in CASE["input"] if r["USUBJID"] == patient)
    rows = rows or [{"AVALC": "MISSING", "ADT": None, "MOUSEANT": None}]
    mice = np.array([[r["MOUSEANT"] == "Y" for r in rows]])
    found = collected_responses(
        np.array([[CODES[r["AVALC"]] for r in rows]]),
        np.array([[day(r["ADT"]) for r in rows]]),
        np.array([start]),
        np.array([evaluable]),
        mice,
        keep_disturbed=keep,
    )
    return rows, found


@pytest.mark.parametrize("patient", [s["USUBJID"] for s in CASE["adsl"]])
@pytest.mark.parametrize("source", ["case", "published"])
def test_collected_as_admiralonco(patient: str, source: str) -> None:
    expected = {
        r["PARAMCD"]: r for r in (CASE["expected"] if source == "case" else EXPECTED) if r["USUBJID"] == patient
    }
    for kind, collected_kind in (("CBORCA", "OVRCA125"), ("BORCA11", "OVRR11CA")):
        rows, found = of(patient, collected_kind)
        assert found.best[0] == CODES[expected[kind]["AVALC"]]
        when = rows[found.best_at[0]]["ADT"] if found.best_at[0] >= 0 else None
        assert when == (expected[kind]["ADT"] or None)
    rows, found = of(patient, "OVRCA125")
    when = rows[found.progression_at[0]]["ADT"] if found.progression_at[0] >= 0 else None
    assert when == (expected["PDCA125"]["ADT"] or None)


@pytest.mark.parametrize("kind", ["OVRCA125", "OVRR11", "OVRR11CA"])
@pytest.mark.parametrize("patient", [s["USUBJID"] for s in CASE["adsl"]])
def test_flags_as_admiralonco(patient: str, kind: str) -> None:
    rows, found = of(patient, kind)
    if rows[0]["ADT"]:
        assert ["Y" if x else None for x in found.one_a_day[0]] == [r["ANL01FL"] for r in rows]
        assert ["Y" if x else None for x in found.counted[0]] == [r["ANL02FL"] for r in rows]


def test_a_record_with_mouse_antibodies_counts_in_admiralonco_and_not_by_gcig() -> None:
    (_, theirs), (_, ours) = of("01-701-1015", "OVRCA125"), of("01-701-1015", "OVRCA125", keep=False)
    assert theirs.counted[0].tolist() == [True, True, False]
    assert ours.counted[0].tolist() == [True, False, False]


def test_of_one_day_the_worst_counts_and_ne_only_alone() -> None:
    response, days = np.array([[CR, PD, NE, NE, SD]]), np.array([[21, 21, 42, 7, 7]])
    found = collected_responses(response, days, np.array([0]), np.array([True]))
    assert found.one_a_day[0].tolist() == [False, True, True, False, True]
    assert Response(found.best[0]) is SD


def test_mouse_antibodies_before_the_start_leave_nothing_to_count() -> None:
    response, days = np.array([[Response.SD, Response.CR, Response.PD]]), np.array([[-7, 42, 84]])
    mice = np.array([[True, False, False]])
    found = collected_responses(response, days, np.array([0]), np.array([True]), mice)
    assert Response(found.best[0]) is Response.ABSENT and found.progression_at[0] == -1
    theirs = collected_responses(response, days, np.array([0]), np.array([True]), mice, keep_disturbed=True)
    assert Response(theirs.best[0]) is Response.CR
