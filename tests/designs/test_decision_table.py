"""Decision tables: they say what ``decide`` says, for every number of patients, and are refused where there is none."""

from __future__ import annotations

from typing import Any

import pytest

from posology.designs import (
    Action,
    APlusB,
    Blrm,
    Boin,
    CommitteeTable,
    Crm,
    I3plus3,
    Iboin,
    Keyboard,
    MaxPatients,
    Mtpi,
    RollingSix,
    StopAt,
    Tally,
    ThreePlusThree,
    TiteBoin,
    Titration,
    Tpi,
)
from posology.designs.decision_table import as_csv, decision_table, has_decision_table

SKELETON = (0.05, 0.12, 0.25, 0.40, 0.55)
LETTER = {Action.ESCALATE: "E", Action.STAY: "S", Action.DEESCALATE: "D", Action.STOP: "D"}


def row(design: Any, n: int) -> str:
    return " ".join(c.letter for c in decision_table(design) if c.patients == n)


@pytest.mark.parametrize("most", [9, 12, 30])
def test_the_table_of_boin_whatever_the_maximum(most: int) -> None:
    design = Boin(5, 0.3, max_patients=most)
    assert row(design, 3) == "E S D DU"
    assert row(design, 6) == "E E S D DU DU DU"
    assert [c.patients for c in decision_table(design) if c.dlts == 0] == list(range(1, most + 1))


@pytest.mark.parametrize(
    "design",
    [
        Boin(5, 0.3),
        Boin(2, 0.3, cohort=1),
        Boin(5, 0.3, cohort=4, stop_at=8),
        Keyboard(5, 0.25),
        Mtpi(5, 0.3),
        Tpi(5, 0.25),
        I3plus3(5, 0.3),
        Iboin(5, 0.3, prior=SKELETON),
        ThreePlusThree(5),
        APlusB(5, a=3, b=3, e=2),
        StopAt(MaxPatients(Boin(5, 0.3), 18), 9),
        Titration(Boin(5, 0.3), 3),
    ],
)
def test_the_table_says_what_the_design_says(design: Any) -> None:
    """One cohort of n at a level, with a cohort without DLT at each level below it."""
    cells = {(c.patients, c.dlts): c.letter for c in decision_table(design, 8)}
    behind = design.design if isinstance(design, Titration) else design
    here = max(behind.levels // 2, 1)
    cohort = getattr(behind, "cohort", 3)
    for (n, y), letter in cells.items():
        outcomes = " ".join(f"{j + 1}{'N' * cohort}" for j in range(here)) + f" {here + 1}{'T' * y}{'N' * (n - y)}"
        decision = behind.decide(Tally.of(outcomes, behind.levels))
        action = Action(int(decision.action[0]))
        if action in LETTER and here + 1 < behind.levels:
            assert LETTER[action] == letter[0], (n, y)


@pytest.mark.parametrize(
    "design",
    [
        Crm(5, 0.25, skeleton=SKELETON),
        Blrm(4, 0.25, doses=(1, 2, 4, 8)),
        TiteBoin(5, 0.3),
        RollingSix(5),
    ],
)
def test_no_table_where_there_is_none(design: Any) -> None:
    assert not has_decision_table(design)
    with pytest.raises(ValueError, match=f"{type(design).__name__} has no decision table.*pathways"):
        decision_table(design)


def test_a_table_for_a_stated_trial() -> None:
    design = Blrm(4, 0.25, doses=(1, 2, 4, 8))
    cells = decision_table(design, 6, given=Tally.of("1NNN 2NNN 3N", 4))
    letters = {(c.patients, c.dlts): c.letter for c in cells}
    assert (letters[3, 0], letters[3, 3], letters[6, 5]) == ("S", "D", "D")
    with pytest.raises(ValueError, match="state a trial"):
        decision_table(design, 6, given=Tally.start(1, 4))


def test_a_printed_table_is_a_design() -> None:
    boin = Boin(5, 0.3, max_patients=12)
    own = CommitteeTable.from_csv(as_csv(decision_table(boin)), 5, 0.3, max_patients=12)
    for outcomes in ("1NNN 2NNT", "1NNN 2TT", "1NNN 2NNTT", "1NNN 2NN", "1TTT", "1NNN 2NNNN"):
        tally = Tally.of(outcomes, 5)
        assert boin.decide(tally).level[0] == own.decide(tally).level[0], outcomes
