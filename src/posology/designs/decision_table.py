"""A design's decisions at one level, as the table that a committee reads: it says what ``decide`` says."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from posology.designs.inference import innermost
from posology.designs.interval import IntervalDesign
from posology.designs.modifiers.max_patients import MaxPatients
from posology.designs.modifiers.stop_at import StopAt
from posology.designs.modifiers.stop_precise import StopPrecise
from posology.designs.modifiers.titration import Titration
from posology.designs.tally import NONE, Action, Decision, DependsOn, Design, Tally
from posology.shared.arrays import Bools

DECISION_LABELS = {
    "E": "escalate",
    "S": "treat {more} more",
    "D": "de-escalate",
    "DU": "de-escalate, never to return",
    "MTD": "this level is the MTD",
    "STOP": "stop",
}
ENDING = (MaxPatients, StopAt, StopPrecise)  # rules that only end a trial: a table is for one that goes on
NO_END = 10**6


@dataclass(frozen=True)
class Cell:
    """What to do after ``dlts`` of ``patients`` at a level: a letter for tables, and words.

    Letters: E escalate, S stay, D de-escalate, DU de-escalate and never return; in a table for a stated trial also MTD,
    the level is the MTD, and STOP, no level is safe.
    """

    patients: int
    dlts: int
    letter: str
    words: str


def has_decision_table(design: Design) -> bool:
    """Return whether the next dose depends on the counts at the level last given alone, so that a table says it all."""
    return behind_titration(design).depends_on is DependsOn.LEVEL


def decision_table(design: Design, most: int | None = None, given: Tally | None = None) -> list[Cell]:
    """Return what a design does after each number of DLTs of each number of patients at a level, from one patient on.

    Parameters
    ----------
    design
        a design whose next dose depends on the counts at the level alone; behind a titration, if there is one. In
        cohorts the dose goes up only once the first cohort is complete: rows of fewer patients say so. The table is for
        a level with one below and one above, in a trial that goes on: it holds whatever the maximum.
    most
        patients at the level up to which the table goes; the design's maximum where not given.
    given
        a trial: then of any design, for the level last given in it, its counts at the other levels standing.

    Raises
    ------
    ValueError
        if the design has no such table and no trial is given.

    Examples
    --------
    >>> from posology.designs import Boin
    >>> [" ".join(c.letter for c in decision_table(Boin(5, 0.3)) if c.patients == n) for n in (3, 4, 6)]
    ['E S D DU', 'E S D DU DU', 'E E S D DU DU DU']
    """
    design = behind_titration(design)
    if given is None and not has_decision_table(design):
        name = type(innermost(design)).__name__
        raise ValueError(
            f"{name} has no decision table: its next dose depends on {design.depends_on}. Ask for the pathways of a"
            " trial, or for the table of a level in a trial that you state"
        )
    if given is not None and (given.trials != 1 or given.level[0] == NONE):
        raise ValueError(
            "the table is for the level last given in one trial: state a trial in which a patient was treated"
        )
    top = most or min(int(getattr(design, "max_patients", 6)), int(getattr(design, "most_at_level", 6)))
    rows = [(n, y) for n in range(1, top + 1) for y in range(n + 1)]
    cells = []
    if given is not None:
        going = _endless(design, top + int(given.treated.sum()))
        decision, out = _asked(going, rows, int(given.level[0]), given)
        letters = [_letter(decision, out, i, int(given.level[0]), stated=True) for i in range(len(rows))]
    else:
        levels = design.levels
        going = _endless(design, top + 6 * levels)
        middle = levels // 2 if levels > 2 else levels - 1
        decision, out = _asked(going, rows, middle, None)
        letters = [_letter(decision, out, i, middle, stated=False) for i in range(len(rows))]
        if levels == 2:  # the upper one cannot go up, the lower one can
            up, _ = _asked(going, rows, 0, None)
            letters = ["E" if up.action[i] == Action.ESCALATE else letter for i, letter in enumerate(letters)]
    for (n, y), letter, more in zip(rows, letters, decision.patients_to_treat, strict=True):
        cells.append(Cell(n, y, letter, DECISION_LABELS[letter].format(more=int(more))))
    return cells


def behind_titration(design: Design) -> Design:
    """Return the design that takes over from a titration, the rules around it kept."""
    if isinstance(design, Titration):
        return behind_titration(design.design)
    inner = getattr(design, "design", None)
    if inner is None:
        return design
    rule: Any = design
    ruled: Design = replace(rule, design=behind_titration(inner))
    return ruled


def _endless(design: Any, patients: int) -> Design:
    """Return the design without what ends a trial by numbers of patients."""
    if isinstance(design, ENDING):
        return _endless(design.design, patients)
    if hasattr(design, "design"):
        design = replace(design, design=_endless(design.design, patients))
    elif hasattr(design, "stop_at"):
        design = replace(design, max_patients=max(patients, design.max_patients), stop_at=NO_END)
    endless: Design = design
    return endless


def _asked(design: Design, rows: list[tuple[int, int]], here: int, given: Tally | None) -> tuple[Decision, Bools]:
    """Return the decisions on each number of patients and DLTs at a level, and whether the level is eliminated."""
    if given is None:
        treated = np.zeros((len(rows), design.levels), dtype=np.int64)
        treated[:, :here] = int(design.decide(Tally.start(1, design.levels)).patients_to_treat[0])
        dlts = np.zeros_like(treated)
        ceiling = np.full(len(rows), design.levels - 1)
    else:
        treated, dlts = (np.repeat(counts, len(rows), axis=0) for counts in (given.treated, given.dlts))
        ceiling = np.repeat(given.ceiling, len(rows))
    treated[:, here], dlts[:, here] = np.transpose(rows)
    tally = Tally(treated, dlts, np.full(len(rows), here), ceiling=ceiling, last_cohort=treated[:, here])
    model = innermost(design)
    out = model.eliminated(tally)[:, here] if isinstance(model, IntervalDesign) else np.zeros(len(rows), dtype=bool)
    return design.decide(tally), out


def _letter(decision: Decision, out: Bools, i: int, here: int, *, stated: bool) -> str:
    action, level = Action(int(decision.action[i])), int(decision.level[i])
    if stated and action is Action.STOP:
        return "STOP"
    if action is Action.DECLARE:
        return ("MTD" if stated else "S") if level == here else "D"
    if action in (Action.DEESCALATE, Action.STOP):
        return "DU" if out[i] else "D"
    return "E" if action is Action.ESCALATE else "S"


def as_csv(cells: list[Cell]) -> str:
    """Return a decision table as CSV: a row for each number of patients, a column for each number of DLTs.

    >>> from posology.designs import ThreePlusThree
    >>> print(as_csv(decision_table(ThreePlusThree(3))))
    patients,0,1,2,3,4,5,6
    1,S,S
    2,S,S,D
    3,E,S,D,D
    4,E,S,D,D,D
    5,E,S,D,D,D,D
    6,E,E,D,D,D,D,D
    <BLANKLINE>
    """
    widest = max(cell.patients for cell in cells)
    lines = [",".join(["patients", *map(str, range(widest + 1))])]
    for n in dict.fromkeys(cell.patients for cell in cells):
        lines.append(",".join([str(n), *(cell.letter for cell in cells if cell.patients == n)]))
    return "\n".join(lines) + "\n"
