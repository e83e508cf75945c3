"""A+B, gBOIN and agreed tables: against 3+3, BOIN, the paper's formulas and the R package UnifiedDoseFinding."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from posology.designs import Action, APlusB, Boin, CommitteeTable, GBoin, Tally, ThreePlusThree
from posology.operating import enumerate_trials
from tests.designs.test_three_plus_three import cases

TRUTH = [0.05, 0.15, 0.3, 0.5]


@pytest.mark.parametrize("start", [0, 2])
@pytest.mark.parametrize("deescalate", [True, False])
def test_3_plus_3_is_an_a_plus_b(start: int, deescalate: bool) -> None:
    ours = enumerate_trials(APlusB(4, start, deescalate=deescalate)).characteristics(TRUTH)
    known = enumerate_trials(ThreePlusThree(4, start, mtd_patients=6 if deescalate else 3)).characteristics(TRUTH)
    np.testing.assert_allclose(ours.selection, known.selection, atol=1e-12)
    np.testing.assert_allclose(ours.patients, known.patients, atol=1e-12)


def test_a_plus_b_without_deescalation_in_closed_form() -> None:
    """Lin and Shih's equations (2) and (3): P0 that A patients pass, Q0 that A + B do; the MTD is the level before the
    failure."""
    from math import comb

    a, b, c, d, e = 4, 3, 1, 2, 2
    binomial = lambda k, n, p: comb(n, k) * p**k * (1 - p) ** (n - k)
    passes = []
    for p in TRUTH:
        p0 = sum(binomial(k, a, p) for k in range(c))
        q0 = sum(binomial(k, a, p) * binomial(m, b, p) for k in range(c, d + 1) for m in range(e - k + 1))
        passes.append(p0 + q0)
    expected = [1 - passes[0]]
    for i in range(4):
        expected.append(np.prod(passes[: i + 1]) * ((1 - passes[i + 1]) if i < 3 else 1))
    found = enumerate_trials(APlusB(4, a=a, b=b, c=c, d=d, e=e, deescalate=False)).characteristics(TRUTH)
    np.testing.assert_allclose(found.selection[0], expected, atol=1e-12)


@pytest.mark.parametrize(("inputs", "outputs"), cases("gboin_next"))
def test_gboin_of_unified_dose_finding(inputs: dict[str, Any], outputs: dict[str, Any]) -> None:
    kind: Any = "continuous" if inputs["fn"] == "next_gBOIN_continuous" else "quasi-binary"
    n = np.array([inputs["n"]])
    tally = Tally(
        n, np.zeros_like(n), np.array([inputs["d"] - 1]), toxicity_score_sum=np.array([inputs["y"]], dtype=float)
    )
    design = GBoin(n.shape[1], inputs["target"], score=kind, elimination=1, max_patients=60)
    assert design.decide(tally).level[0] + 1 == outputs["value"]


def test_gboin_with_scores_of_0_and_1_is_boin() -> None:
    for outcomes in ("1NNN", "1NNN 2NNT", "1NNN 2TTN", "1NNN 2TTT", "1NNN 2NNT 2NTN", "1TTT"):
        tally = Tally.of(outcomes, 5)
        ours, known = GBoin(5, 0.3).decide(tally), Boin(5, 0.3).decide(tally)
        assert (ours.action[0], ours.level[0]) == (known.action[0], known.level[0]), outcomes
        assert GBoin(5, 0.3).select(tally)[0] == Boin(5, 0.3).select(tally)[0]


def test_boins_own_table_is_boin() -> None:
    boin = Boin(4, 0.3, max_patients=18)
    up, down, out = boin.boundaries
    letter = lambda n, y: "DU" if y >= out[n] else "E" if y <= up[n] else "D" if y >= down[n] else "S"
    header = "patients," + ",".join(str(k) for k in range(19))
    lines = [header, *(f"{n}," + ",".join(letter(n, y) for y in range(n + 1)) for n in range(3, 19, 3))]
    agreed = CommitteeTable.from_csv("\n".join(lines), levels=4, target=0.3, max_patients=18)
    ours, known = enumerate_trials(agreed).characteristics(TRUTH), enumerate_trials(boin).characteristics(TRUTH)
    np.testing.assert_allclose(ours.selection, known.selection, atol=1e-12)
    np.testing.assert_allclose(ours.patients, known.patients, atol=1e-12)


def test_a_table_may_be_of_any_kind() -> None:
    """Not monotone, as no design would have it: run as it was agreed."""
    design = CommitteeTable.from_csv(
        "patients,0,1,2,3\n3,S,E,D,DU\n6,E,E,E,S,D,DU,DU".replace("2,3\n", "2,3,4,5,6\n", 1), 3, 0.3
    )
    assert Action(design.decide(Tally.of("1NNN", 3)).action[0]) is Action.STAY
    assert Action(design.decide(Tally.of("1NNT", 3)).action[0]) is Action.ESCALATE
    assert Action(design.decide(Tally.of("1TTT", 3)).action[0]) is Action.STOP


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("n,0,1\n3,E,S", "line 1: the header"),
        ("patients,0,1,2,3\n3,E,S,D", "line 2: 3 actions for 3 patients"),
        ("patients,0,1,2,3\n3,E,S,X,D", "line 2, 2 DLTs: 'X'"),
        ("patients,0,1,2,3\nthree,E,S,D,D", "line 2: 'three'"),
        ("patients,0,1,2\n2,E,S,D", "no row for 3|fits|cohort"),
        ("patients,0,2\n1,E,D", "0,1,2"),
    ],
)
def test_a_table_that_cannot_be_read(table: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        CommitteeTable.from_csv(table, levels=3, target=0.3)


@pytest.mark.parametrize(
    ("build", "said"),
    [
        (lambda: APlusB(3, c=2, d=1), "c not above d"),
        (lambda: APlusB(3, e=9), "fewer than the 6"),
        (lambda: GBoin(3, 0.3, scores=(0.5, 0.2)), "rising"),
        (lambda: Tally([[3]], [[0]], [0], toxicity_score_sum=[[3.5]]), "between 0 and the number"),
    ],
)
def test_nonsense_is_refused(build: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        build()
