"""A design's decisions at one level, as the table that a committee reads."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from posology.designs.inference import innermost
from posology.designs.tally import NONE, Action, Design, Tally

DECISION_LABELS = {
    "E": "escalate",
    "S": "treat {more} more",
    "D": "de-escalate",
    "DU": "de-escalate, never to return",
    "MTD": "this level is the MTD",
    "X": "level exceeded: the level below is the MTD",
    "STOP": "stop",
}


@dataclass(frozen=True)
class Cell:
    """What to do after ``dlts`` of ``patients`` at a level: a letter for tables, and words.

    Letters: E escalate, S stay, D de-escalate, DU de-escalate and never return, MTD the level is the MTD, X the level
    below is, STOP no level is safe.
    """

    patients: int
    dlts: int
    letter: str
    words: str


def decision_table(design: Design, most: int | None = None) -> list[Cell]:
    """Return what a design does after each number of DLTs at a level, for each number of patients at which cohorts end.

    Parameters
    ----------
    design
        any design. One with a model looks at all levels: the table then holds for a level in the middle of the range, the
        start included, with one cohort without DLT at each level below and nobody above.
    most
        patients at the level up to which the table goes; six cohorts, or the design's maximum, where not given.

    Examples
    --------
    >>> from posology.designs import Boin
    >>> ["".join(c.letter for c in decision_table(Boin(5, 0.3)) if c.patients == n) for n in (3, 6)]
    ['ESDDU', 'EESDDUDUDU']
    """
    levels = design.levels
    here = min(max(levels // 2, 1), levels - 1) if levels > 1 else 0
    start = int(design.decide(Tally.start(1, levels)).patients_to_treat[0])
    cohort = int(getattr(design, "cohort", start))
    top = most or min(int(getattr(design, "max_patients", 6)), 6 * cohort)
    sizes = list(range(cohort, top + 1, cohort)) or [cohort]
    rows = [(n, dlt) for n in sizes for dlt in range(n + 1)]
    treated, toxic = np.zeros((len(rows), levels), dtype=np.int64), np.zeros((len(rows), levels), dtype=np.int64)
    treated[:, here], toxic[:, here] = np.transpose(rows)
    treated[:, :here] = sizes[0]
    tally = Tally(treated, toxic, np.full(len(rows), here))
    decision = design.decide(tally)
    model = innermost(design)
    out = model.eliminated(tally)[:, here] if hasattr(model, "eliminated") else np.zeros(len(rows), dtype=bool)
    cells = []
    for i, (n, dlts) in enumerate(rows):
        action, level = Action(decision.action[i]), int(decision.level[i])
        if action is Action.DECLARE:
            letter = "MTD" if level == here else "X"
        elif action is Action.STOP:
            letter = "STOP" if level == NONE else "X"
        else:
            letter = {Action.ESCALATE: "E", Action.DEESCALATE: "DU" if out[i] else "D"}.get(action, "S")
        cells.append(Cell(n, dlts, letter, DECISION_LABELS[letter].format(more=int(decision.patients_to_treat[i]))))
    return cells


def as_csv(cells: list[Cell]) -> str:
    """Return a decision table as CSV: a row for each number of patients, a column for each number of DLTs.

    >>> from posology.designs import ThreePlusThree
    >>> print(as_csv(decision_table(ThreePlusThree(3))))
    patients,0,1,2,3,4,5,6
    3,E,S,D,D
    6,E,E,D,D,D,D,D
    <BLANKLINE>
    """
    widest = max(cell.patients for cell in cells)
    lines = [",".join(["patients", *map(str, range(widest + 1))])]
    for n in dict.fromkeys(cell.patients for cell in cells):
        lines.append(",".join([str(n), *(cell.letter for cell in cells if cell.patients == n)]))
    return "\n".join(lines) + "\n"
