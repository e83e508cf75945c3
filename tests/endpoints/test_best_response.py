"""Best overall response by RECIST 1.1: table 3, confirmation, the minimum for stable disease, and properties."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from posology.endpoints.best_response import best_response, clinical_benefit, days_from, is_evaluable
from posology.endpoints.recist import NEVER, RECIST_11, Reason, RecistRules, Response
from tests.endpoints.lesion_cases import ABSENT, CR, ND, NE, NON, PD, PR, SD, best, load

SPEC = load("recist11_spec_cases.json")
CODE = {r.text.upper(): r for r in Response}
UNCONFIRMED = RecistRules(confirmation_days=0)


def seen(found: Any) -> Response:
    return Response(int(found.response[0]))


# Table 3 --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", SPEC["best_overall_confirmed"], ids=lambda c: f"{c['first']}-{c['second']}")
@pytest.mark.parametrize("met", [True, False])
def test_best_overall_confirmed(case: dict[str, str], met: bool) -> None:
    """The first response on day 42 or 28 from the start, the second 28 or more days later; SD must last 42 days.

    Where the table's answer hangs on the minimum, it is the last assessment without progression that must reach it.
    """
    found = best(CODE[case["first"]], CODE[case["second"]], days=[42, 84] if met else [28, 56])
    assert seen(found).text.upper() == case["bor_if_sd_minimum_met" if met else "bor_if_not_met"]


@pytest.mark.parametrize("case", SPEC["best_overall_confirmed"], ids=lambda c: f"{c['first']}-{c['second']}")
def test_best_overall_confirmed_with_both_before_the_minimum(case: dict[str, str]) -> None:
    """The row PR-SD has no proviso in the table: it is SD whatever the minimum, unless the rules ask for it."""
    found = best(CODE[case["first"]], CODE[case["second"]], days=[28, 56], rules=RecistRules(minimum_sd_days=84))
    assert seen(found).text.upper() == case["bor_if_not_met"]
    strict = RecistRules(minimum_sd_days=84, pr_then_sd_stands=False)
    if (case["first"], case["second"]) == ("PR", "SD"):
        assert seen(best(PR, SD, days=[28, 56], rules=strict)) is NE


@pytest.mark.parametrize("case", load("recist11_divergences.json"), ids=lambda c: c["id"])
def test_where_the_other_system_departs_the_criteria_are_followed(case: dict[str, Any]) -> None:
    codes, days = zip(*case["seq"], strict=True)
    found = best(
        *(CODE[code] for code in codes), days=list(days), rules=RecistRules(minimum_sd_days=case["sd_min_days"])
    )
    assert seen(found).name == case["recist11"].split()[0]


def test_disease_after_a_complete_response_is_progression_at_that_assessment() -> None:
    found = best(CR, SD, days=[28, 74])
    assert (seen(found), found.progressed_at[0]) == (PD, 2)
    assert seen(best(CR, PR, days=[42, 84])) is SD


def test_a_complete_response_that_was_none_is_recoded_by_an_option() -> None:
    recoded = RecistRules(disease_after_cr="recoded")
    assert seen(best(CR, PR, rules=recoded)) is PR
    found = best(CR, CR, PR, rules=recoded)  # seen twice, it was real
    assert (seen(found), found.progressed_at[0]) == (CR, 3)


# Confirmation (4.6) ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("gap", "confirmed"), [(27, False), (28, True)])
def test_confirmation_takes_28_days(gap: int, confirmed: bool) -> None:
    assert best(PR, PR, days=[42, 42 + gap]).confirmed[0] == confirmed


def test_a_partial_response_is_confirmed_by_a_complete_one() -> None:
    found = best(PR, CR)
    assert (seen(found), found.confirmed[0], found.at[0], found.confirmed_at[0]) == (PR, True, 1, 2)


def test_one_not_evaluable_assessment_between_does_not_break_a_confirmation() -> None:
    assert best(PR, NE, PR).confirmed[0]
    assert not best(PR, NE, NE, PR).confirmed[0]
    assert best(PR, NE, NE, PR, rules=RecistRules(max_ne=2)).confirmed[0]
    assert not best(PR, NE, PR, rules=RecistRules(max_ne=0)).confirmed[0]


@pytest.mark.parametrize("missing", [ABSENT, ND])
def test_a_missing_assessment_between_counts_as_not_evaluable(missing: Response) -> None:
    strict = RecistRules(max_ne=0)
    assert best(PR, missing, PR).confirmed[0]
    assert not best(PR, missing, PR, rules=strict).confirmed[0]
    if missing is ABSENT:
        assert best(PR, missing, PR, rules=replace(strict, missed_is_ne=False)).confirmed[0]


def test_stable_disease_between_breaks_a_confirmation_unless_accepted() -> None:
    assert not best(PR, SD, PR).confirmed[0]
    accepted = RecistRules(accept_sd=True)
    assert best(PR, SD, PR, rules=accepted).confirmed[0]
    assert not best(PR, SD, SD, PR, rules=accepted).confirmed[0]


def test_a_later_assessment_cannot_rescue_a_failed_confirmation() -> None:
    found = best(PR, SD, PR, PR)
    assert (found.confirmed[0], found.at[0]) == (True, 3)  # by the second response, not the first


def test_a_response_not_seen_again_is_stable_disease() -> None:
    found = best(PR, SD)
    assert (seen(found), found.unconfirmed[0], found.confirmed[0]) == (SD, True, False)


def test_a_last_response_awaits_confirmation_while_the_patient_is_followed() -> None:
    found = best(SD, PR, followed=True)
    assert (seen(found), found.awaiting[0], found.confirmed[0], found.at[0]) == (PR, True, False, 2)
    assert Response(found.best_if_no_more_data[0]) is SD
    left = best(SD, PR)
    assert (seen(left), left.awaiting[0], left.unconfirmed[0]) == (SD, False, True)


def test_what_is_awaited_is_the_response_that_can_still_be_confirmed() -> None:
    assert best(PR, SD, PR, followed=True).at[0] == 3
    assert not best(PR, SD, followed=True).awaiting[0]
    assert best(PR, NE, followed=True).awaiting[0]
    assert not best(PR, NE, NE, followed=True).awaiting[0]
    assert seen(best(PR, CR, days=[42, 56], followed=True)) is CR


def test_a_confirmed_partial_response_is_reported_though_a_complete_one_may_follow() -> None:
    found = best(PR, PR, CR, followed=True)
    assert (seen(found), found.confirmed[0], found.awaiting[0]) == (PR, True, False)


def test_without_required_confirmation_a_response_stands_alone() -> None:
    found = best(PR, SD, CR, rules=UNCONFIRMED)
    assert (seen(found), found.at[0], found.response_at[0], found.complete_at[0]) == (CR, 3, 1, 3)
    assert not found.confirmed[0] and not found.unconfirmed[0]


def test_the_duration_starts_at_the_first_response_that_counts() -> None:
    found = best(PR, PR, CR, CR, PD)
    assert (seen(found), found.at[0], found.response_at[0], found.complete_at[0]) == (CR, 3, 1, 3)
    assert days_from(np.array([[0, 42, 84, 126, 168, 210]]), found.progressed_at, np.array([42])).tolist() == [168]


# Stable disease, progression, not evaluable (4.4.1) -------------------------------------------------------------------


@pytest.mark.parametrize(("day", "expected"), [(41, NE), (42, SD)])
def test_stable_disease_has_a_minimum_interval_from_the_start(day: int, expected: Response) -> None:
    assert seen(best(SD, days=[day])) is expected
    assert seen(best(SD, days=[day + 1], start=1)) is expected


def test_stable_then_lost_before_the_minimum_is_not_evaluable_and_says_why() -> None:
    found = best(SD, days=[28])
    assert (seen(found), Reason(found.reason[0])) == (NE, Reason.TOO_EARLY)


def test_stable_then_progression_before_the_minimum_is_progression() -> None:
    assert seen(best(SD, PD, days=[21, 35])) is PD


def test_non_target_disease_alone_is_never_stable_disease() -> None:
    assert seen(best(NON, NON)) is NON
    assert seen(best(NON, days=[28])) is NE


def test_nobody_assessed_is_not_evaluable_or_missing() -> None:
    assert (seen(best(ABSENT)), Reason(best(ABSENT).reason[0])) == (NE, Reason.NOT_ASSESSED)
    assert seen(best(ABSENT, rules=RecistRules(missing_as_ne=False))) is ABSENT
    assert Reason(best(NE, ND).reason[0]) is Reason.ALL_NOT_EVALUABLE


def test_what_was_assessed_before_the_start_does_not_count() -> None:
    found = best(PD, PR, PR, days=[-3, 42, 84])
    assert (seen(found), found.progressed_at[0]) == (PR, NEVER)
    assert seen(best(PD, PR, PR, days=[-3, 42, 84], rules=RecistRules(from_start=False))) is PD


def test_the_last_adequate_assessment_is_evaluable_and_no_later_than_progression() -> None:
    found = best(SD, NE, ABSENT)
    assert (found.last_at[0], found.evaluable_at[0]) == (2, 1)
    assert best(NE).evaluable_at[0] == 0  # the baseline
    assert best(SD, PD, SD).evaluable_at[0] == 2
    assert is_evaluable(np.array([[NE, SD, NE, ND, ABSENT, PD]])).tolist() == [[True, True, False, False, False, True]]


def test_clinical_benefit_is_a_response_that_counts_or_disease_stable_long_enough() -> None:
    def benefit(*codes: Response, days: list[int], **options: Any) -> int:
        rules = options.pop("rules", RECIST_11)
        return int(
            clinical_benefit(np.array([[1, *codes]]), np.array([[0, *days]]), np.array([0]), rules, **options)[0]
        )

    assert benefit(SD, SD, days=[56, 168], minimum_days=168) == 2
    assert benefit(SD, PD, days=[56, 168], minimum_days=168) == NEVER
    assert benefit(PR, PR, PD, days=[56, 84, 112], minimum_days=168) == 1
    assert benefit(PR, SD, PD, days=[56, 84, 112], minimum_days=168) == NEVER
    assert benefit(PR, PD, days=[56, 84], minimum_days=168, rules=UNCONFIRMED) == 1
    assert benefit(NON, days=[56], values=(CR, PR, SD)) == NEVER


# Properties -----------------------------------------------------------------------------------------------------------

codes = st.lists(st.sampled_from([CR, PR, SD, PD, NE, NON, ND, ABSENT]), min_size=1, max_size=7)
rules = st.builds(
    RecistRules,
    confirmation_days=st.integers(0, 90),
    minimum_sd_days=st.integers(0, 90),
    max_ne=st.integers(0, 3),
    accept_sd=st.booleans(),
    missed_is_ne=st.booleans(),
    pr_then_sd_stands=st.booleans(),
    missing_as_ne=st.booleans(),
    disease_after_cr=st.sampled_from(["progression", "recoded", "as recorded"]),
)
RANK = {CR: 5, PR: 4, SD: 3, NON: 2, PD: 1, NE: 0, ND: 0, ABSENT: 0}


@given(codes, codes, rules)
def test_nothing_after_progression_changes_the_best_response(
    before: list[Response], after: list[Response], by: RecistRules
) -> None:
    one, two = best(*before, PD, rules=by), best(*before, PD, *after, rules=by)
    for name in ("response", "at", "progressed_at", "response_at", "evaluable_at", "reason"):
        assert getattr(one, name)[0] == getattr(two, name)[0], name


@given(codes, rules, st.integers(0, 90))
def test_a_shorter_window_confirms_no_less(sequence: list[Response], by: RecistRules, days: int) -> None:
    by = replace(by, disease_after_cr="as recorded")
    short, long_ = sorted((1 + days, 1 + by.confirmation_days))
    one, two = (best(*sequence, rules=replace(by, confirmation_days=d)) for d in (short, long_))
    assert one.confirmed[0] >= two.confirmed[0]
    assert RANK[seen(one)] >= RANK[seen(two)]


@given(codes, rules)
def test_a_higher_minimum_never_makes_a_better_response(sequence: list[Response], by: RecistRules) -> None:
    higher = replace(by, minimum_sd_days=by.minimum_sd_days + 40)
    one, two = seen(best(*sequence, rules=by)), seen(best(*sequence, rules=higher))
    assert two is one or one in (SD, NON)


@given(codes, rules)
def test_asking_for_confirmation_never_makes_a_better_response(sequence: list[Response], by: RecistRules) -> None:
    one, two = best(*sequence, rules=replace(by, confirmation_days=0)), best(*sequence, rules=by)
    if by.disease_after_cr != "recoded" and ND not in sequence:
        assert RANK[seen(one)] >= RANK[seen(two)]


@given(codes, rules, st.booleans())
def test_a_response_has_its_column_and_what_is_not_evaluable_its_reason(
    sequence: list[Response], by: RecistRules, followed: bool
) -> None:
    found = best(*sequence, rules=by, followed=followed)
    assert (found.at[0] == NEVER) == (Reason(found.reason[0]) is Reason.NOT_ASSESSED)
    assert (seen(found) in (NE, ND, ABSENT)) == (found.reason[0] != Reason.NONE)
    assert found.confirmed[0] + found.awaiting[0] <= 1
    assert found.progressed_at[0] == NEVER or found.progressed_at[0] == found.last_at[0]
    if found.confirmed[0]:
        assert 0 < found.response_at[0] <= found.at[0] < found.confirmed_at[0]


@given(st.lists(codes, min_size=1, max_size=5), rules)
def test_a_patient_is_judged_alone_as_in_a_batch(sequences: list[list[Response]], by: RecistRules) -> None:
    wide = 1 + max(map(len, sequences))
    grid = np.array([[1, *s, *[ABSENT] * (wide - 1 - len(s))] for s in sequences])
    day = np.tile(42 * np.arange(wide), (len(sequences), 1))
    together = best_response(grid, day, np.zeros(len(sequences), int), None, by)
    for i, sequence in enumerate(sequences):
        alone = best(*sequence, rules=by)
        for name in vars(alone):
            assert getattr(alone, name)[0] == getattr(together, name)[i], name
