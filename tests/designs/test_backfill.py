"""BF-BOIN and BE-BOIN: which level is open, and how data that contradict each other are pooled."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from posology.designs import BeBoin, BfBoin, Boin, PendingPatients, Tally
from posology.designs.tally import NONE


@pytest.mark.parametrize(
    ("outcomes", "level"),
    [
        ("1NNN 2NNN", 3),
        # 2 of 6 at level 1 (de-escalate by itself: 0.333 > 0.298), none of 3 at level 2: pooled 2 of 9, stay
        ("1NNNNTT 2NNN", 2),
        # pooled 1 of 9 lies below lambda_e: up, though level 1 alone, 1 of 4, would stay
        ("1NNNT 2NNNNN", 3),
        # 3 of 9 at level 1, 1 of 3 at level 2: pooled 4 of 12; level 1 reaches lambda_d by itself, and none is lower
        ("1NNNNNNTTT 2NNT", 1),
        # 2 of 6 at level 2, 2 of 3 at level 3, pooled 4 of 9: level 2 alone reaches lambda_d too: below it
        ("1NNN 2NNNNTT 3NTT", 1),
        # levels 2 and 3: 2 of 6, then 2 of 9 and with level 4 4 of 12: to level 3, the highest that fits
        ("1NNN 2NNNNTT 3NNN 4NTT", 3),
    ],
)
def test_conflicting_levels_are_pooled(outcomes: str, level: int) -> None:
    design = BfBoin(5, 0.25)
    decision = design.decide(Tally.of(outcomes, 5))
    assert int(decision.level[0]) + 1 == level, decision.words(Tally.of(outcomes, 5))


def test_without_backfilled_patients_it_is_boin() -> None:
    for outcomes in ("1NNN 2NNT", "1NNN 2TT", "1NNN 2NNN 3NTT", "1NNN 2NNT 2NNN", "1TTT", "1NTT"):
        tally = Tally.of(outcomes, 5)
        ours, known = BfBoin(5, 0.25).decide(tally), Boin(5, 0.25).decide(tally)
        assert (ours.action[0], ours.level[0]) == (known.action[0], known.level[0]), outcomes


def opened(design: Any, outcomes: str, responses: list[int]) -> int:
    return int(design.open_level(Tally.of(outcomes, 4), np.array([responses]))[0]) + 1


def test_which_level_is_open() -> None:
    design = BfBoin(4, 0.25, cap=6)
    assert opened(design, "1NNN 2NNN 3N", [0, 0, 0, 0]) == NONE + 1
    assert opened(design, "1NNN 2NNN 3N", [1, 0, 0, 0]) == 2
    assert opened(design, "1NNN 2NNNNNN 3N", [1, 0, 0, 0]) == 1  # six at level 2: the cap
    assert opened(BfBoin(4, 0.25, cap=6, assign="lowest"), "1NNN 2NNN 3N", [1, 0, 0, 0]) == 1
    # an unsafe level closes those above it: 2 of 3 at level 1, and with level 2 pooled 2 of 6
    assert opened(design, "1NTT 2NNN 3N", [1, 1, 1, 0]) == NONE + 1


def test_the_cap_counts_patients_still_followed() -> None:
    design = BfBoin(4, 0.25, cap=6)
    assert opened(design, "1NNNNN/0.1N/0.1N/0.2 2NNN", [1, 0, 0, 0]) == NONE + 1
    assert opened(design, "1NNNNN/0.1 2NNN", [1, 0, 0, 0]) == 1


def test_be_boin_pools_what_is_to_be_expected() -> None:
    design = BeBoin(4, 0.25)
    tally = Tally.of("1NNNNTT 2NNN", 4)
    followed = tally.with_pending(PendingPatients([[0]], [[1.0]]))
    assert design.decide(tally).level[0] == design.decide(followed).level[0] == BfBoin(4, 0.25).decide(tally).level[0]
