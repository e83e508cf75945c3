"""What every design keeps to in every state a trial may reach: random designs on random unfinished trials."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posology.designs import (
    Action,
    APlusB,
    BeBoin,
    BetaBinomial,
    BfBoin,
    Blrm,
    Boin,
    Coherent,
    CohortSizes,
    Crm,
    Ewoc,
    GBoin,
    I3plus3,
    Iboin,
    Keyboard,
    MaxChance,
    MaxLevel,
    MaxPatients,
    MinPatients,
    Mtpi,
    Mtpi2,
    NoSkipping,
    PendingPatients,
    RollingSix,
    StopAt,
    StopStable,
    StopToxic,
    Tally,
    ThreePlusThree,
    TiteBoin,
    TiteCrm,
    Titration,
    Tpi,
)
from posology.designs.tally import NONE, DependsOn

LEVELS = 5
SKELETON = (0.05, 0.12, 0.25, 0.40, 0.55)
DOSES = (1.0, 2.0, 4.0, 8.0, 16.0)
INTERVALS: list[Any] = [Boin, Mtpi, Mtpi2, Keyboard, Tpi, I3plus3, TiteBoin, BfBoin, BeBoin, GBoin]
FREE: Any = Crm(LEVELS, 0.25, skeleton=SKELETON, no_skipping=False, coherent=False)


@st.composite
def designs(draw: st.DrawFn) -> Any:
    """Any design, of any parameters, in up to two rules."""
    course: dict[str, Any] = {
        "cohort": draw(st.integers(1, 4)),
        "max_patients": draw(st.integers(9, 40)),
        "start": draw(st.integers(0, 2)),
        "open_cohort": draw(st.sampled_from(["rule", "unanimous"])),
        "stop_at": draw(st.sampled_from([None, 6, 10])),
        "stop_when": draw(st.sampled_from(["stays", "reached", "next"])),
    }
    target = draw(st.sampled_from([0.2, 0.25, 0.3]))
    stop = {"stop_toxic": draw(st.sampled_from([None, 0.9]))}
    kind = draw(st.integers(0, 7))
    if kind == 0:
        design: Any = draw(st.sampled_from(INTERVALS))(LEVELS, target, **course)
    elif kind == 1:
        design = draw(st.sampled_from([Crm, TiteCrm]))(LEVELS, target, skeleton=SKELETON, **course, **stop)
    elif kind == 2:
        design = Blrm(LEVELS, target, doses=DOSES, choose_by=draw(st.sampled_from(["target", "highest"])), **course)
    elif kind == 3:
        design = Ewoc(
            LEVELS, target, doses=DOSES, mtd_range=(draw(st.sampled_from([0.5, 1.0])), 20.0), **course, **stop
        )
    elif kind == 4:
        design = ThreePlusThree(LEVELS, course["start"], draw(st.sampled_from([3, 6])), draw(st.booleans()))
    elif kind == 5:
        e = draw(st.sampled_from([1, 2]))
        design = APlusB(LEVELS, course["start"], a=3, b=3, c=1, d=1, e=e, deescalate=draw(st.booleans()))
    elif kind == 6:
        design = RollingSix(LEVELS, course["start"])
    else:
        design = Iboin(LEVELS, target, prior=SKELETON, **course)
    rules: list[Any] = [
        lambda d: BetaBinomial(d, target),
        lambda d: MaxChance(d, 0.5, chance=0.4),
        lambda d: StopStable(d, 3),
        lambda d: StopToxic(d, target, 0.9, level=2),
        lambda d: NoSkipping(d),
        lambda d: Coherent(d, target),
        lambda d: StopToxic(d, target, 0.9),
        lambda d: StopAt(d, 9),
        lambda d: MaxPatients(d, 24),
        lambda d: MinPatients(d, 6),
        lambda d: MaxLevel(d, 3),
        lambda d: Titration(d, 3),
    ]
    for rule in draw(st.lists(st.sampled_from(rules), max_size=2)):
        design = rule(design)
    return design


@st.composite
def tallies(draw: st.DrawFn, follow_up: bool = True) -> Tally:
    """Any unfinished trial: cohorts cut short or overrun, late DLTs below, closed levels, windows still open."""
    top = draw(st.integers(0, LEVELS - 1))
    treated = [draw(st.integers(0 if j == top else 1, 8)) if j <= top else 0 for j in range(LEVELS)]
    if draw(st.booleans()):
        treated[min(top + 1, LEVELS - 1)] += draw(st.integers(0, 3))
    rate = draw(st.sampled_from([0.1, 0.4, 0.8]))
    dlts = [int(np.ceil(n * rate * draw(st.floats(0, 1)))) if n else 0 for n in treated]
    level = draw(st.sampled_from([top, max(top - 1, 0)])) if sum(treated) else NONE
    tally = Tally(
        [treated], [dlts], [level], ceiling=[draw(st.sampled_from([LEVELS - 1, LEVELS - 1, max(top - 1, 0), top]))]
    )
    open_ = [j for j in range(LEVELS) for _ in range(min(treated[j] - dlts[j], draw(st.integers(0, 2))))]
    if follow_up and open_ and draw(st.booleans()):
        share = [[draw(st.sampled_from([0.0, 0.3, 0.9])) for _ in open_]]
        tally = tally.with_pending(PendingPatients([open_], share))
    return tally


def known(design: Any, tally: Tally) -> Tally:
    return tally if design.depends_on is DependsOn.TIME else tally.evaluable()


@given(designs(), tallies())
@settings(max_examples=400, deadline=None)
def test_whatever_is_advised_the_design_admits(design: Any, tally: Tally) -> None:
    decision, mtd = design.decide(tally), int(design.select(tally)[0])
    action, level = Action(int(decision.action[0])), int(decision.level[0])
    admissible = design.admissible(tally)[0]
    safe = int(design.highest_safe(known(design, tally))[0])
    assert decision.words(tally)
    assert mtd == NONE or (mtd <= safe and tally.treated[0, mtd:].any())
    if action in (Action.STAY, Action.ESCALATE, Action.DEESCALATE):
        assert admissible[level], f"level {level + 1} is advised, not admissible: {decision.words(tally)}"
        assert decision.patients_to_treat[0] > 0
        assert np.sign(level - max(tally.level[0], 0)) == {Action.STAY: 0, Action.ESCALATE: 1}.get(action, -1) or (
            tally.level[0] == NONE
        )
    elif action is Action.DECLARE:
        assert level <= safe
        assert level == mtd
    elif action is Action.STOP:
        assert mtd == NONE or not admissible.any()


def test_more_patients_at_the_mtd_only_where_it_may_be_given() -> None:
    """Level 4 would be the MTD, but after 1 of 2 at level 3 nobody goes up: the trial ends instead."""
    design = MinPatients(Iboin(5, 0.2, cohort=1, max_patients=9, prior=SKELETON), 6)
    decision = design.decide(Tally([[1, 1, 2, 5, 0]], [[0, 0, 1, 0, 0]], [2]))
    assert decision.action[0] == Action.DECLARE and decision.level[0] == design.select(
        Tally([[1, 1, 2, 5, 0]], [[0, 0, 1, 0, 0]], [2])
    )


@given(designs(), tallies(follow_up=False))
@settings(max_examples=200, deadline=None)
def test_a_cohort_is_no_reason_to_treat(design: Any, tally: Tally) -> None:
    """Where the same design in cohorts of one goes down on the same counts, so does the design in cohorts."""
    if not hasattr(design, "open_cohort") or design.open_cohort == "unanimous" or design.stop_at:
        return
    one = replace(design, cohort=1).decide(tally)
    ours = design.decide(tally)
    if one.action[0] in (Action.DEESCALATE, Action.STOP):
        assert (ours.action[0], ours.level[0]) == (one.action[0], one.level[0])
    here = max(int(tally.level[0]), 0)
    n = int(tally.treated[0, here])
    if one.action[0] == Action.ESCALATE:
        assert ours.action[0] in (Action.ESCALATE, Action.STAY)
        if n < design.cohort:
            assert ours.action[0] == Action.STAY
            assert ours.patients_to_treat[0] == min(design.cohort - n, design.max_patients - tally.treated.sum())
        if n % design.cohort == 0:
            assert ours.action[0] == Action.ESCALATE


@pytest.mark.parametrize(
    ("design", "outcomes", "action", "level"),
    [
        (Boin(5, 0.3), "1NNN 2TT", Action.DEESCALATE, 1),
        (Boin(5, 0.3), "1NNN 2NNTT", Action.DEESCALATE, 1),
        (Keyboard(5, 0.3), "1NNN 2NNTT", Action.DEESCALATE, 1),
        (I3plus3(5, 0.3), "1NNN 2NNTT", Action.DEESCALATE, 1),
        (Mtpi2(5, 0.3), "1NNN 2NNTT", Action.DEESCALATE, 1),
        (Blrm(6, 0.25, doses=(2, 4, 8, 16, 32, 64)), "1NNN 2NNNN 3NNN 4NNNN 5TT", Action.DEESCALATE, 4),
        (Boin(5, 0.3), "1NNN 2NNNN", Action.ESCALATE, 3),
        (Mtpi2(5, 0.3), "1NNNNN", Action.ESCALATE, 2),
        (Boin(5, 0.3), "1NNN 2NN", Action.STAY, 2),
        (Boin(4, 0.3), "1NNN 2NNN 3TTT 4NTT", Action.DEESCALATE, 2),
        (ThreePlusThree(4), "1NNN 2NNN 2NTT 3NTT", Action.DEESCALATE, 1),
        (APlusB(4), "1NNN 2NNN 2NTT 3NTT", Action.DEESCALATE, 1),
        (RollingSix(4), "1NNN 2NNN 2NTT 3NTT", Action.DEESCALATE, 1),
        (ThreePlusThree(4), "1NNN 2TT", Action.DEESCALATE, 1),
        (ThreePlusThree(4), "1NNN 2NNNN", Action.ESCALATE, 3),
        (ThreePlusThree(4), "1NNN 2NNNT", Action.STAY, 2),
        (ThreePlusThree(4), "1NNN 2NNNNNTT", Action.DECLARE, 2),  # 2 of 7: not exceeded, too many to go up
        (Boin(5, 0.3, open_cohort="unanimous"), "1NNN 2TT", Action.DEESCALATE, 1),  # 2 of 3 at best
        (Boin(5, 0.3, open_cohort="unanimous"), "1NNN 2T", Action.STAY, 2),  # 1 of 3 at best
        (Boin(5, 0.3, open_cohort="unanimous"), "1NNN 2NNT 2TT", Action.DEESCALATE, 1),  # 3 of 6 at best
        (CohortSizes(Boin(4, 0.3, cohort=1), (3, 3)), "1NNN 2TT", Action.DEESCALATE, 1),
        # five came at once, or three and then two of the next three: the same counts, not the same cohorts
        (Boin(5, 0.3), "1NNN 2NNNNT", Action.ESCALATE, 3),
        (Boin(5, 0.3), "1NNN 2NNT 2NN", Action.STAY, 2),
        # back from a level above: one patient of the new cohort does not lead up again
        (Boin(5, 0.3), "1NNN 2NTT 1N", Action.STAY, 1),
    ],
)
def test_unfinished_cohorts(design: Any, outcomes: str, action: Action, level: int) -> None:
    tally = Tally.of(outcomes, design.levels)
    decision = design.decide(tally)
    assert (Action(int(decision.action[0])).name, int(decision.level[0]) + 1) == (action.name, level)


def test_nobody_evaluable_at_a_level_is_no_reason_to_go_up() -> None:
    tally = Tally([[3, 0, 0, 0, 0]], [[0, 0, 0, 0, 0]], [1])
    for design in (Boin(5, 0.3), Boin(5, 0.3, cohort=1), Crm(5, 0.25, skeleton=SKELETON), ThreePlusThree(5)):
        assert Action(int(design.decide(tally).action[0])) is Action.STAY


@pytest.mark.parametrize(
    ("design", "outcomes", "levels"),
    [
        (Blrm(4, 0.25, doses=(1, 2, 4, 8)), "1NNN 2NNN 3TTT", [1, 2]),
        (Blrm(6, 0.25, doses=(2, 4, 8, 16, 32, 64), cohort=1), "1NNN 2NNNN 3NNN 4NNNN 5TT", [1, 2, 3, 4]),
        (ThreePlusThree(5), "1NNN 2TT", [1]),
        (Boin(5, 0.3), "1NNN 2NNN 3TTT 4NTT", [1, 2]),
        (Boin(5, 0.3), "1NNN", [1, 2]),
        (Crm(5, 0.25, skeleton=SKELETON), "1NNN 2NNT", [1, 2]),  # coherent: not up from one of three
        (MaxLevel(Boin(5, 0.3), 2), "1NNN 2NNN", [1, 2]),
        (StopToxic(FREE, 0.25, 0.7), "1TTT", []),
    ],
)
def test_what_may_be_given(design: Any, outcomes: str, levels: list[int]) -> None:
    admissible = design.admissible(Tally.of(outcomes, design.levels))[0]
    assert (np.flatnonzero(admissible) + 1).tolist() == levels


def test_designs_without_follow_up_wait_for_open_windows() -> None:
    design = Boin(4, 0.3)
    ask = lambda outcomes: design.decide(Tally.of(outcomes, 4))
    decision = ask("1NNN 2NNN/0.5")
    assert Action(int(decision.action[0])) is Action.WAIT
    assert decision.words(Tally.of("1NNN 2NNN/0.5", 4)).startswith("patients still followed: 1;")
    assert (ask("1NNN 2N/0.1N").action[0], ask("1NNN 2N/0.1N").patients_to_treat[0]) == (Action.STAY, 1)
    assert Action(int(ask("1NNN 2TTN/0.5").action[0])) is Action.DEESCALATE


@pytest.mark.parametrize(
    "design",
    [
        TiteBoin(4, 0.3, max_patients=18),
        TiteBoin(4, 0.3, max_patients=18, max_pending=1.0),
        TiteCrm(4, 0.25, skeleton=SKELETON[:4], max_patients=18, stop_toxic=0.9),
        RollingSix(4),
        BeBoin(4, 0.3, max_patients=18, cap=6),
    ],
    ids=lambda d: type(d).__name__,
)
def test_no_simulated_patient_is_given_a_level_that_the_design_forbids(
    design: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a toxic truth with late DLTs: at each assignment, what is known then is asked."""
    from posology.operating import PotentialOutcomes, Scenario, simulate
    from posology.operating.simulate import _Clock

    treat, asked = _Clock._treat, []

    def watched(clock: Any, rows: Any, level: Any) -> None:
        if len(rows):
            begun = clock.count[rows] > 0
            safe = clock.design.highest_safe(clock._tally(rows))
            assert (level <= safe)[begun].all()
            asked.append(int(begun.sum()))
        treat(clock, rows, level)

    monkeypatch.setattr(_Clock, "_treat", watched)
    patients = PotentialOutcomes.draw(np.random.default_rng(3), 300, 90)
    scenario = Scenario((0.3, 0.5, 0.6, 0.7), window=28, accrual=1 / 5, late=0.8, response=(0.4, 0.4, 0.5, 0.5))
    simulate(design, scenario, patients)
    assert sum(asked) > 1000


def test_no_backfilled_patient_is_given_a_forbidden_level_and_the_cap_holds() -> None:
    from posology.operating import PotentialOutcomes, Scenario, simulate

    design = BfBoin(4, 0.3, max_patients=18, cap=6, cohort=3)
    patients = PotentialOutcomes.draw(np.random.default_rng(3), 300, 90)
    scenario = Scenario((0.05, 0.1, 0.2, 0.3), window=28, accrual=1 / 3, response=(0.9, 0.9, 0.9, 0.9))
    found = simulate(design, scenario, patients)
    # cohorts of three: a level has more than the cap only by the escalation's own cohorts
    assert found.treated[:, 0].mean() < 7
