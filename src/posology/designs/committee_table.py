"""A decision table of the user's own: what a committee agreed, run as it was agreed."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np

from posology.designs.interval import IntervalDesign
from posology.shared.arrays import Floats, Ints

DECISION_LABELS = {
    "E": "E",
    "ESCALATE": "E",
    "S": "S",
    "STAY": "S",
    "D": "D",
    "DE-ESCALATE": "D",
    "DEESCALATE": "D",
    "DU": "DU",
    "ELIMINATE": "DU",
}


@dataclass(frozen=True)
class CommitteeTable(IntervalDesign):
    """A design whose decisions stand in a table.

    Parameters
    ----------
    rows
        (patients at the level, the action for 0, 1, ... DLTs): E escalate, S stay, D de-escalate, DU de-escalate and
        never give the level, or a higher one, again. A row for every number of patients at which a cohort may end.

    Notes
    -----
    The MTD is the level with the isotonic rate nearest the target, of those not eliminated by the table. A trial ends
    at ``max_patients``, or where the dose would stay at a level that has as many patients as the table's last row.

    Examples
    --------
    >>> table = '''patients,0,1,2,3,4,5,6
    ... 3,E,S,D,DU
    ... 6,E,E,S,D,DU,DU,DU'''
    >>> design = CommitteeTable.from_csv(table, levels=4, target=0.3)
    >>> from posology.designs.tally import Tally
    >>> tally = Tally.of("1NNN 2NNT", levels=4)
    >>> design.decide(tally).action.tolist()  # stay
    [0]
    """

    rows: tuple[tuple[int, tuple[str, ...]], ...] = ()

    def __post_init__(self) -> None:
        if not self.rows:
            raise ValueError("the table has no rows: give one for each number of patients at a level")
        for n, actions in self.rows:
            if len(actions) != n + 1:
                raise ValueError(f"the row for {n} patients has {len(actions)} actions: one for each of 0 to {n} DLTs")
            for dlts, action in enumerate(actions):
                if action not in ("E", "S", "D", "DU"):
                    raise ValueError(f"the table says {action!r} for {dlts} of {n} patients: write E, S, D or DU")
        sizes = [n for n, _ in self.rows]
        if sizes != sorted(set(sizes)):
            raise ValueError(f"the table's rows are for {sizes} patients: each number once, rising")
        if self.stop_at is None:
            object.__setattr__(self, "stop_at", sizes[-1])
        super().__post_init__()
        missing = [
            n
            for n in range(self.cohort, max(min(sizes[-1], self.max_patients), self.cohort) + 1, self.cohort)
            if n not in sizes
        ]
        if missing:
            raise ValueError(
                f"the table has no row for {missing[0]} patients, at which a cohort of {self.cohort} may end"
            )

    @classmethod
    def from_csv(cls, text: str, levels: int, target: float, **others: Any) -> Self:
        """Build the design from a table as CSV; see :func:`rows_from_csv`.

        Parameters
        ----------
        text
            the table, as for :func:`rows_from_csv`.
        levels, target
            number of dose levels, and target DLT rate.
        others
            further parameters of the design.

        Examples
        --------
        >>> table = "patients,0,1,2,3\\n3,E,stay,D,DU"
        >>> CommitteeTable.from_csv(table, levels=4, target=0.3).levels
        4
        """
        return cls(levels, target, rows=rows_from_csv(text), **others)

    def _read(self, n: Ints, y: Ints, value: dict[str, int]) -> Ints:
        """Return the value of the action in the row for n patients, or of the longest row below."""
        sizes = np.array([size for size, _ in self.rows])
        row = np.maximum(np.searchsorted(sizes, n, side="right") - 1, 0)
        table = np.zeros((len(sizes), int(sizes[-1]) + 1), dtype=np.int64)
        for k, (size, actions) in enumerate(self.rows):
            table[k, : size + 1] = [value[a] for a in actions]
            table[k, size + 1 :] = value[actions[-1]]
        return table[row, np.minimum(y, table.shape[1] - 1)]

    def transitions(self, n: Ints, y: Ints) -> Ints:
        """Return the move that the table says."""
        return self._read(n, y, {"E": 1, "S": 0, "D": -1, "DU": -1})

    @cached_property
    def elimination_table(self) -> Floats:
        """(N + 1, N + 1): 1 where the table eliminates."""
        size = 2 * self.max_patients + 1
        n, y = np.meshgrid(np.arange(size), np.arange(size), indexing="ij")
        sure = self._read(n, y, {"E": 0, "S": 0, "D": 0, "DU": 1}) * (y <= n) * (n >= self.rows[0][0])
        return sure.astype(np.float64)

    def _fewest(self, cutoff: float) -> Ints:
        eliminates = self.elimination_table > 0
        return np.where(eliminates.any(axis=1), eliminates.argmax(axis=1), np.arange(len(eliminates)) + 1)


def rows_from_csv(text: str) -> tuple[tuple[int, tuple[str, ...]], ...]:
    """Read a table: a header "patients,0,1,2,...", a row for each number of patients.

    Raises
    ------
    ValueError
        naming the line and column that cannot be read.

    Examples
    --------
    >>> rows_from_csv("patients,0,1,2,3\\n3,E,stay,D,DU")
    ((3, ('E', 'S', 'D', 'DU')),)
    """
    lines = [row for row in csv.reader(io.StringIO(text)) if any(cell.strip() for cell in row)]
    if not lines or lines[0][0].strip().lower() != "patients":
        raise ValueError("line 1: the header must read patients,0,1,2,... (numbers of DLTs)")
    if [cell.strip() for cell in lines[0][1:]] != [str(k) for k in range(len(lines[0]) - 1)]:
        raise ValueError("line 1: the columns after patients must be numbers of DLTs: 0,1,2,...")
    rows = []
    for number, line in enumerate(lines[1:], start=2):
        cells = [cell.strip().upper() for cell in line]
        if not cells[0].isdigit() or int(cells[0]) < 1:
            raise ValueError(f"line {number}: {line[0]!r} is not a number of patients")
        n = int(cells[0])
        actions = [c for c in cells[1:] if c]
        for dlts, action in enumerate(actions):
            if action not in DECISION_LABELS:
                raise ValueError(f"line {number}, {dlts} DLTs: {action!r} is not an action: write E, S, D or DU")
        if len(actions) != n + 1:
            raise ValueError(f"line {number}: {len(actions)} actions for {n} patients: one for each of 0 to {n} DLTs")
        rows.append((n, tuple(DECISION_LABELS[a] for a in actions)))
    return tuple(rows)
