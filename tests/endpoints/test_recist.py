"""RECIST 1.1 against the guideline's tables and rules restated as cases, and by properties."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from posology.endpoints.recist import Lesions, Response, Role, Status, assess, best_response, overall

SPEC = json.loads((Path(__file__).parents[1] / "data/endpoints/recist11_spec_cases.json").read_text())
CODE = {r.text.upper(): r for r in Response}


@pytest.mark.parametrize("case", SPEC["timepoint_with_target"])
def test_time_point_with_target(case: dict[str, str]) -> None:
    found = overall(
        np.array([CODE[case["target"]]]), np.array([CODE[case["nontarget"]]]), np.array([case["new_lesion"] == "Y"])
    )
    assert Response(found[0]) is CODE[case["overall"]]


@pytest.mark.parametrize("case", SPEC["timepoint_nontarget_only"])
def test_time_point_without_target(case: dict[str, str]) -> None:
    found = overall(
        np.array([Response.NONE]), np.array([CODE[case["nontarget"]]]), np.array([case["new_lesion"] == "Y"])
    )
    assert Response(found[0]) is CODE[case["overall"]]


def lesions(baseline: list[dict[str, Any]], visits: list[list[float | None]]) -> Lesions:
    """Make the measurements of one patient."""
    rows = [(0, 0, k, 0, lesion["nodal"], float(lesion["baseline_mm"])) for k, lesion in enumerate(baseline)]
    for v, sizes in enumerate(visits, 1):
        rows += [
            (0, v, k, 42 * v, baseline[k]["nodal"], np.nan if mm is None else float(mm)) for k, mm in enumerate(sizes)
        ]
    columns = [np.array(column) for column in zip(*rows, strict=True)]
    patient, assessment, lesion, day, nodal, diameter = columns
    zeros = np.zeros(len(rows), dtype=int)
    return Lesions(patient, assessment, lesion, day, zeros, zeros, nodal.astype(bool), diameter)


@pytest.mark.parametrize("case", [pytest.param(c, id=f"{c['id']} {c['why']}") for c in SPEC["target_numeric"]])
def test_target_response(case: dict[str, Any]) -> None:
    made = lesions(case["lesions"], case["visits_mm"])
    found = assess(made, 1, len(case["visits_mm"]) + 1)
    assert [Response(r).name for r in found.target[0, 1:]] == case["expected"]


@pytest.mark.parametrize("case", SPEC["best_overall_confirmed"])
@pytest.mark.parametrize("met", [True, False])
def test_best_overall_confirmed(case: dict[str, str], met: bool) -> None:
    """Table 3: the first response on day 43 or 29 from the start, the second 28 days later; SD must last 42 days.

    Where the table's answer hangs on the minimum, it is the last assessment without progression that must reach it.
    """
    seen = np.array([[Response.NONE, CODE[case["first"]], CODE[case["second"]]]])
    day = np.array([[0, 43, 85]]) if met else np.array([[0, 29, 57]])
    best = best_response(seen, day, np.array([1]), np.array([False]), minimum_sd_days=42)
    assert Response(best.response[0]).text.upper() == case["bor_if_sd_minimum_met" if met else "bor_if_not_met"]


def best(*seen: Response, days: list[int] | None = None, followed: bool = True, **options: int) -> Any:
    day = np.array([[0, *(days or [42 * (k + 1) for k in range(len(seen))])]])
    return best_response(np.array([[Response.NONE, *seen]]), day, np.array([1]), np.array([followed]), **options)


def test_a_last_response_awaits_confirmation_while_the_patient_is_followed() -> None:
    found = best(Response.SD, Response.PR)
    assert (Response(found.response[0]), found.awaiting[0], found.confirmed[0], found.at[0]) == (
        Response.PR,
        True,
        False,
        2,
    )
    left = best(Response.SD, Response.PR, followed=False)
    assert (Response(left.response[0]), left.awaiting[0], left.unconfirmed[0]) == (Response.SD, False, True)


def test_a_response_not_seen_again_is_stable_disease() -> None:
    found = best(Response.PR, Response.SD)
    assert (Response(found.response[0]), found.unconfirmed[0]) == (Response.SD, True)


@pytest.mark.parametrize(("gap", "confirmed"), [(27, False), (28, True)])
def test_confirmation_takes_28_days(gap: int, confirmed: bool) -> None:
    assert best(Response.PR, Response.PR, days=[42, 42 + gap]).confirmed[0] == confirmed


def test_what_is_not_evaluable_between_does_not_break_a_confirmation() -> None:
    assert best(Response.PR, Response.NE, Response.PR).confirmed[0]


def test_a_confirmed_partial_response_may_await_a_complete_one() -> None:
    found = best(Response.PR, Response.PR, Response.CR)
    assert (Response(found.response[0]), found.confirmed[0]) == (Response.PR, True)


def test_disease_after_a_complete_response_is_progression() -> None:
    found = best(Response.CR, Response.SD, days=[28, 74], minimum_sd_days=42)
    assert (Response(found.response[0]), found.progressed_at[0]) == (Response.PD, 2)


responses = st.lists(
    st.sampled_from([Response.CR, Response.PR, Response.SD, Response.PD, Response.NE]), min_size=1, max_size=6
)


@given(responses, responses)
def test_nothing_after_progression_changes_the_best_response(before: list[Response], after: list[Response]) -> None:
    one, two = best(*before, Response.PD), best(*before, Response.PD, *after)
    assert one.response[0] == two.response[0]
    assert one.progressed_at[0] == two.progressed_at[0]


@given(responses, st.integers(0, 100), st.integers(0, 100))
def test_a_shorter_window_confirms_no_less(seen: list[Response], one: int, two: int) -> None:
    short, long_ = sorted((one, two))
    assert best(*seen, confirmation_days=short).confirmed[0] >= best(*seen, confirmation_days=long_).confirmed[0]


@given(st.randoms(use_true_random=False))
def test_the_order_of_rows_never_matters(chance: Any) -> None:
    made = lesions([{"nodal": 0, "baseline_mm": 30}, {"nodal": 1, "baseline_mm": 20}], [[20, 12], [0, 8], [25, None]])
    order = list(range(len(made.patient)))
    chance.shuffle(order)
    shuffled = Lesions(**{name: column[order] for name, column in vars(made).items()})
    one, two = assess(made, 1, 4), assess(shuffled, 1, 4)
    for name in vars(one):
        np.testing.assert_array_equal(getattr(one, name), getattr(two, name))


def rows(*spec: tuple[int, Role, Status, float]) -> Lesions:
    """Make one patient's rows: (assessment, role, status, diameter)."""
    n = len(spec)
    assessment, role, status, diameter = (np.array(column) for column in zip(*spec, strict=True))
    return Lesions(
        np.zeros(n, int), assessment, np.arange(n), 42 * assessment, role, status, np.zeros(n, bool), diameter
    )


TARGET = (0, Role.TARGET, Status.MEASURED, 30.0)
OTHER = (0, Role.NON_TARGET, Status.PRESENT, np.nan)


@pytest.mark.parametrize(
    ("later", "expected"),
    [
        ([(1, Role.TARGET, Status.ABSENT, np.nan), (1, Role.NON_TARGET, Status.ABSENT, np.nan)], Response.CR),
        ([(1, Role.TARGET, Status.ABSENT, np.nan), (1, Role.NON_TARGET, Status.PRESENT, np.nan)], Response.PR),
        ([(1, Role.TARGET, Status.ABSENT, np.nan)], Response.PR),
        ([(1, Role.TARGET, Status.TOO_SMALL, np.nan), (1, Role.NON_TARGET, Status.PRESENT, np.nan)], Response.PR),
        ([(1, Role.TARGET, Status.MEASURED, 29.0), (1, Role.NON_TARGET, Status.PROGRESSION, np.nan)], Response.PD),
        ([(1, Role.TARGET, Status.MEASURED, 10.0), (1, Role.NEW, Status.PRESENT, np.nan)], Response.PD),
        ([(1, Role.TARGET, Status.NOT_EVALUABLE, np.nan), (1, Role.NON_TARGET, Status.PRESENT, np.nan)], Response.NE),
    ],
)
def test_an_assessment(later: list[Any], expected: Response) -> None:
    assert Response(assess(rows(TARGET, OTHER, *later), 1, 2).overall[0, 1]) is expected


def test_a_negative_diameter_is_refused() -> None:
    with pytest.raises(ValueError, match="cannot be negative"):
        rows((0, Role.TARGET, Status.MEASURED, -1.0))
