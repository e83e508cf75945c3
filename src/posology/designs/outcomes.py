"""Outcomes of patients as people write them: a line of letters, or a table with a row a patient."""

from __future__ import annotations

import csv
import io
import re
from math import inf

from posology.designs.tally import PatientOutcome, Tally, level_number

PATIENT = re.compile(r"([NMT])(?:/([^NMT]*))?")
HOW = (
    "write the level, then one letter a patient: N (no DLT), M (moderate toxicity) or T (DLT), as in 2NTN; after a"
    " slash, for a patient still followed, the share of the window, as in 2NN/0.5T, or the days, as in 2NN/14dT"
)
WHOLE = "[0-9]{1,9}"
COLUMNS = ("level", "outcome", "followed", "days", "cohort")


def read_outcomes(text: str, levels: int, window: float | None = None) -> list[PatientOutcome]:
    """Read a line of outcomes; see :meth:`posology.designs.tally.Tally.of`.

    >>> [p.followed for p in read_outcomes("1NN/0.25T", levels=2)]
    [1.0, 0.25, 1.0]

    Parameters
    ----------
    text
        the line.
    levels
        number of dose levels.
    window
        days of the DLT window, for follow-up in days.
    """
    patients = []
    for number, cohort in enumerate(text.split()):
        digits = cohort[: len(cohort) - len(cohort.lstrip("0123456789"))]
        letters = cohort[len(digits) :].upper()
        if not digits or not letters or not re.fullmatch(rf"(?:{PATIENT.pattern})+", letters):
            raise ValueError(f"cannot read the cohort {cohort!r}: {HOW}")
        level = _level(int(digits), levels, f"cohort {cohort!r}")
        for patient in PATIENT.finditer(letters):
            letter, followed = patient.groups()
            share = 1.0 if followed is None else _share(followed, window, f"cohort {cohort!r}")
            patients.append(PatientOutcome(level, letter, share, number))
    return patients


def read_outcome_table(text: str, levels: int, window: float | None = None) -> Tally:
    """Read a table of patients as CSV, in the order in which they were treated.

    Parameters
    ----------
    text
        a header, then a row a patient: ``level``, from 1; ``outcome``, N, M or T; and, for a patient whose window is
        still open (or for a DLT, when it came), ``followed``, the share of the window, or ``days``; ``cohort`` may
        number the cohorts. Other columns are left aside.
    levels
        number of dose levels of the design.
    window
        days of the DLT window, for the column ``days``.

    Raises
    ------
    ValueError
        naming the line and what would be right.

    Examples
    --------
    >>> tally = read_outcome_table("level,outcome,days\\n1,N,\\n1,N,21\\n1,T,", levels=3, window=28)
    >>> tally, tally.pending.fraction.tolist()
    (Tally(treated=[[3 0 0]], dlts=[[1 0 0]], level=[0]), [[0.75]])
    """
    rows = csv.DictReader(io.StringIO(text))
    names = [(name or "").strip().lower() for name in rows.fieldnames or ()]
    rows.fieldnames = names
    missing = [name for name in COLUMNS[:2] if name not in names]
    if missing:
        raise ValueError(f"line 1: there is no column {missing[0]!r}; the header names {', '.join(COLUMNS)}")
    patients: list[PatientOutcome] = []
    for line, row in enumerate(rows, start=2):
        cell = {name: (row.get(name) or "").strip() for name in COLUMNS}
        if not any(cell.values()):
            continue
        where = f"line {line}"
        if not re.fullmatch(WHOLE, cell["level"]):
            raise ValueError(f"{where}: level is {cell['level']!r}: write its number, from 1 to {levels}")
        if cell["outcome"].upper() not in ("N", "M", "T"):
            raise ValueError(
                f"{where}: outcome is {cell['outcome']!r}: write N (no DLT), M (moderate toxicity) or T (DLT)"
            )
        if cell["followed"] and cell["days"]:
            raise ValueError(f"{where}: followed and days are both given: give one of them")
        level = _level(int(cell["level"]), levels, where)
        followed = cell["followed"] or (f"{cell['days']}d" if cell["days"] else "")
        share = _share(followed, window, where) if followed else 1.0
        begins = not patients or patients[-1].level != level
        cohort = patients[-1].cohort + begins if patients else 0
        if cell["cohort"]:
            if not re.fullmatch(WHOLE, cell["cohort"]):
                raise ValueError(f"{where}: cohort is {cell['cohort']!r}: write a number")
            cohort = int(cell["cohort"])
        patients.append(PatientOutcome(level, cell["outcome"].upper(), share, cohort))
    return Tally.from_patients(patients, levels)


def _level(number: int, levels: int, where: str) -> int:
    if not 1 <= number <= levels:
        raise ValueError(f"{where} names level {number}; this design has levels 1 to {level_number(levels - 1)}")
    return number - 1


def _share(text: str, window: float | None, where: str) -> float:
    """Read a follow-up: a share of the window, or days of it ("14d")."""
    if window is not None and not 0 < window < inf:
        raise ValueError(f"the DLT window is {window:g} days: it must be a finite number above 0")
    days = text.lower().endswith("d")
    try:
        value = float(text[:-1] if days else text)
    except ValueError:
        value = -1.0
    if days and window is None:
        raise ValueError(f"{where}: follow-up in days, {text!r}, needs the length of the DLT window")
    if days and window is not None:
        value = min(value / window, 1.0)
    if not 0 <= value <= 1:
        raise ValueError(
            f"{where}: a follow-up of {text!r}: write the share of the window, from 0 to 1, as 0.5, or days, as 14d"
        )
    return value
