"""iRECIST: the rules of the guideline by name, its table 3, and the example program of admiralonco."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from posology.endpoints import irecist, recist
from posology.endpoints.best_response import clinical_benefit
from posology.endpoints.recist import ADMIRALONCO, NEVER, RECIST_11, Response, Status
from tests.endpoints.lesion_cases import (
    ABSENT,
    CR,
    NE,
    NON,
    PD,
    PR,
    SD,
    UPD,
    assessed,
    day,
    laid_out,
    load,
    made,
    on,
    table,
)

PRESENT, PROGRESSION, INCREASED, GONE = Status.PRESENT, Status.PROGRESSION, Status.INCREASED, Status.ABSENT


def immune(*rows: Any, days: list[int] | None = None, **options: Any) -> list[str]:
    """Return the iRECIST responses of one patient's lesions, as they are written."""
    found = irecist.assess(assessed(*rows, days=days), **options)
    return [Response(code).immune_text for code in found[0, 1:]]


def targets(*sizes: float) -> list[Any]:
    return [(k, "T1", size) for k, size in enumerate(sizes)]


# At each assessment ---------------------------------------------------------------------------------------------------


def test_before_progression_responses_are_those_of_recist() -> None:
    assert immune(*targets(100, 80, 60, 0)) == ["iSD", "iPR", "iCR"]
    rows = [(0, "O1", PRESENT), (1, "O1", PRESENT), (2, "O1", Status.NOT_EVALUABLE)]
    assert immune(*rows) == ["non-iCR/non-iUPD", "NE"]


def test_the_first_progression_is_unconfirmed() -> None:
    assert immune(*targets(50, 65)) == ["iUPD"]


@pytest.mark.parametrize(("later", "expected"), [(69.9, "iUPD"), (70, "iCPD")])
def test_5_mm_more_of_target_lesions_confirm(later: float, expected: str) -> None:
    assert immune(*targets(50, 65, later)) == ["iUPD", expected]


def test_small_steps_of_growth_add_up() -> None:
    assert immune(*targets(50, 65, 69, 71)) == ["iUPD", "iUPD", "iCPD"]


def test_no_change_stays_unconfirmed() -> None:
    assert immune(*targets(50, 65, 65, 65)) == ["iUPD", "iUPD", "iUPD"]


@pytest.mark.parametrize(("days", "expected"), [(27, "iUPD"), (28, "iCPD"), (56, "iCPD"), (57, "iUPD")])
def test_confirmation_comes_four_to_eight_weeks_later(days: int, expected: str) -> None:
    rows = targets(50, 65, 80)
    assert immune(*rows, days=[0, 42, 42 + days]) == ["iUPD", expected]
    assert immune(*rows, days=[0, 42, 42 + days], window_days=None) == ["iUPD", "iCPD"]


def test_an_early_scan_does_not_put_off_the_confirmation() -> None:
    assert immune(*targets(50, 65, 72, 72), days=[0, 42, 56, 73]) == ["iUPD", "iUPD", "iCPD"]


def test_new_lesions_confirm_by_number_or_by_5_mm() -> None:
    begin = [*targets(50, 50, 50), (1, "X1", 10)]
    assert immune(*begin, (2, "X1", 10), (2, "X2", 8)) == ["iUPD", "iCPD"]
    assert immune(*begin, (2, "X1", 15)) == ["iUPD", "iCPD"]
    assert immune(*begin, (2, "X1", 14.9)) == ["iUPD", "iUPD"]


def test_non_target_progression_is_confirmed_by_any_further_growth() -> None:
    begin = [*targets(50, 50, 50), (0, "O1", PRESENT), (1, "O1", PROGRESSION)]
    assert immune(*begin, (2, "O1", INCREASED)) == ["iUPD", "iCPD"]  # it need not be unequivocal again
    assert immune(*begin, (2, "O1", PROGRESSION)) == ["iUPD", "iUPD"]


def test_progression_of_another_kind_confirms() -> None:
    assert immune(*targets(50, 65, 65), (2, "X1", PRESENT)) == ["iUPD", "iCPD"]
    assert immune(*targets(50, 50, 65), (1, "X1", 10), (2, "X1", 10)) == ["iUPD", "iCPD"]
    rows = [*targets(50, 65, 65), (0, "O1", PRESENT), (1, "O1", PRESENT), (2, "O1", PROGRESSION)]
    assert immune(*rows) == ["iUPD", "iCPD"]


def test_a_fall_resets_the_bar() -> None:
    assert immune(*targets(50, 65, 45, 70, 80)) == ["iUPD", "iSD", "iUPD", "iCPD"]
    assert immune(*targets(100, 130, 60)) == ["iUPD", "iPR"]
    assert immune(*targets(100, 130, 0)) == ["iUPD", "iCR"]


def test_a_new_lesion_does_not_stand_against_shrinkage_after_it() -> None:
    """Scenario B of the paper: the target lesions shrink after the new lesion, which is still there."""
    rows = [*targets(100, 90, 60, 60, 60), (1, "X1", 10), (2, "X1", 10), (3, "X1", 10)]
    assert immune(*rows, (4, "X1", 10)) == ["iUPD", "iPR", "iPR", "iPR"]
    assert immune(*rows, (4, "X1", 15)) == ["iUPD", "iPR", "iPR", "iUPD"]
    assert immune(*rows, (4, "X1", 10), (4, "X2", 8)) == ["iUPD", "iPR", "iPR", "iUPD"]


def test_a_new_lesion_after_shrinkage_stands_while_nothing_changes() -> None:
    """Scenario F: partial response first, then the new lesion."""
    assert immune(*targets(100, 60, 60, 60), (2, "X1", 10), (3, "X1", 10)) == ["iPR", "iUPD", "iUPD"]


def test_what_is_not_evaluable_between_leaves_it_pending() -> None:
    rows = [(0, "T1", 50), (1, "T1", 65), (2, "T1", Status.NOT_EVALUABLE), (3, "T1", 75)]
    assert immune(*rows, days=[0, 42, 70, 98]) == ["iUPD", "NE", "iCPD"]


def test_after_confirmation_nothing_counts() -> None:
    assert immune(*targets(50, 65, 80, 10)) == ["iUPD", "iCPD", "MISSING"]


# The patient: table 3 of the guideline --------------------------------------------------------------------------------

UNCONFIRMED = replace(irecist.IRECIST, confirmation_days=0)
TABLE_3 = [
    ("example 1", [CR, PR, UPD, UPD, PD], CR),
    ("example 2", [UPD, SD, CR, UPD, PD], CR),
    ("example 3", [UPD, PR, SD, UPD, PD], PR),
    ("example 4", [UPD, NE, PR, SD, PD], PR),
    ("example 5", [UPD, SD, UPD, UPD, PD], SD),
    ("example 6", [UPD, PD, CR, CR, CR], PD),
    ("example 7", [UPD, UPD, PD, CR, CR], PD),
    ("example 8", [UPD, NE, NE, NE, NE], UPD),
]


def patient(*codes: Response, rules: Any = UNCONFIRMED, followed: bool = False) -> Any:
    days = np.array([42 * np.arange(1 + len(codes))])
    return irecist.best(np.array([[1, *codes]]), days, np.array([0]), np.array([followed]), rules)


@pytest.mark.parametrize(("codes", "expected"), [pytest.param(*rest, id=name) for name, *rest in TABLE_3])
def test_best_response_by_table_3(codes: list[Response], expected: Response) -> None:
    assert Response(patient(*codes)[0].response[0]) is expected


def test_a_confirmed_progression_is_dated_at_the_first_iupd_of_its_series() -> None:
    found, progression = patient(UPD, SD, UPD, NE, UPD, PD, rules=irecist.IRECIST)
    assert (progression.progressed_at[0], progression.confirmed_at[0], progression.open_at[0]) == (3, 6, NEVER)
    assert found.progressed_at[0] == 3


def test_an_unconfirmed_progression_at_the_end_is_open() -> None:
    _, progression = patient(SD, UPD, NE, UPD)
    assert (progression.progressed_at[0], progression.open_at[0], progression.last_open_at[0]) == (NEVER, 2, 4)


def test_an_icpd_without_an_iupd_before_it_is_read_as_iupd() -> None:
    found, progression = patient(PD, SD)
    assert (Response(found.response[0]), progression.confirmed_at[0]) == (SD, NEVER)
    found, progression = patient(PD, PD)
    assert (Response(found.response[0]), progression.progressed_at[0], progression.confirmed_at[0]) == (PD, 1, 2)


def test_an_iupd_breaks_the_confirmation_of_a_response() -> None:
    assert not patient(PR, UPD, PR, rules=irecist.IRECIST)[0].confirmed[0]
    assert patient(UPD, PR, PR, rules=irecist.IRECIST)[0].confirmed[0]


# The example program of admiralonco -----------------------------------------------------------------------------------


def by_program(readings: Any, start: Any, patients: list[str]) -> dict[str, dict[str, Any]]:
    """Derive the parameters of the example program by its rules."""
    simple = replace(ADMIRALONCO, confirmation_days=0)
    best, progression = irecist.best(readings.overall, readings.day, start, None, simple)
    confirmed, _ = irecist.best(readings.overall, readings.day, start, None, ADMIRALONCO)
    yes = {
        "ICPD": progression.progressed_at,
        "IUPD": progression.last_open_at,
        "IRSP": best.response_at,
        "ICRSP": confirmed.response_at,
        "ICB": clinical_benefit(readings.overall, readings.day, start, simple),
        "ICCB": clinical_benefit(readings.overall, readings.day, start, ADMIRALONCO),
    }
    found: dict[str, dict[str, Any]] = {
        code: {who: ("Y" if at[i] != NEVER else "N", on(readings, i, at[i])) for i, who in enumerate(patients)}
        for code, at in yes.items()
    }
    for code, result in (("IBOR", best), ("ICBOR", confirmed)):
        found[code] = {
            who: (Response(result.response[i]).immune_text.upper(), on(readings, i, result.at[i]))
            for i, who in enumerate(patients)
        }
    return found


@pytest.mark.parametrize("source", ["the program's own rows", "SDTM"])
def test_the_example_program_on_cdisc_data(source: str) -> None:
    if source == "SDTM":
        wanted = table("irecist_adrs.csv")
        start = {r["USUBJID"]: day(r["RANDDT"]) for r in wanted}
        rows = [
            (r["USUBJID"], day(r["RSDTC"]), Response.read(r["RSSTRESC"]))
            for r in table("rs_onco_irecist.csv.gz")
            if r["RSTESTCD"] == "OVRLRESP" and r["RSEVAL"] == "INVESTIGATOR"
        ]
        rows = [row for row in rows if row[0] in start and row[1] >= start[row[0]]]
    else:
        made_ = load("vignette_irecist_case.json")
        wanted = made_["expected"]
        start = {r["USUBJID"]: day(r["RANDDT"]) for r in made_["input"]}
        rows = [(r["USUBJID"], day(r["ADT"]), Response.read(r["AVALC"])) for r in made_["input"] if r["ANL01FL"] == "Y"]
    patients = sorted({r["USUBJID"] for r in wanted})
    readings = laid_out(rows, patients)
    found = by_program(readings, np.array([start.get(who, 0) for who in patients]), patients)
    assert len(patients) == 27
    for code, answers in found.items():
        expected = {r["USUBJID"]: (r["AVALC"].upper(), r["ADT"] or None) for r in wanted if r["PARAMCD"] == code}
        assert answers == expected, code
    # Its numbers of the confirmed best response are from the wrong list: only the words are right.
    assert all(r["AVAL"] in ("", "6", "7", 6, 7, None) for r in wanted if r["PARAMCD"] == "ICBOR")


# Properties -----------------------------------------------------------------------------------------------------------

codes = st.lists(st.sampled_from([CR, PR, SD, UPD, NE, NON, ABSENT]), max_size=6)


@given(codes, codes)
def test_nothing_after_confirmed_progression_changes_the_best_response(before: Any, after: Any) -> None:
    one, two = patient(*before, UPD, PD)[0], patient(*before, UPD, PD, *after)[0]
    assert one.response[0] == two.response[0] and one.at[0] == two.at[0]


@given(st.lists(st.floats(0, 100), min_size=1, max_size=6))
def test_irecist_agrees_with_recist_up_to_the_first_progression(later: list[float]) -> None:
    seen = assessed(*targets(50, *later))
    found = irecist.assess(seen)
    for k in range(1, seen.overall.shape[1]):
        if seen.overall[0, k] == PD:
            assert found[0, k] == UPD
            break
        assert found[0, k] == seen.overall[0, k]


@given(st.lists(st.floats(0, 100), min_size=1, max_size=6))
def test_confirmed_progression_follows_an_unconfirmed_one(later: list[float]) -> None:
    found = irecist.assess(recist.assess(made(*targets(50, *later)), 1, 1 + len(later), RECIST_11), window_days=None)
    if (found == PD).any():
        assert irecist.progression(found).progressed_at[0] != NEVER
    assert (found[0] == PD).sum() <= 1
