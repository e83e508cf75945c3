"""A finding: something in the data that cannot be as it stands, said so that a data manager can act on it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True)
class Finding:
    """What is wrong with a value, where, and what would be right.

    Parameters
    ----------
    patient
        whose value; empty for one that belongs to no patient.
    on
        the date it belongs to; None where it has none, or none that can be read.
    field
        the field's name in the data.
    wrong
        what is wrong with it.
    right
        what would be right, or what is done instead.
    file, line
        the file and line it stands in, where the data are a file that people mend line by line.

    Examples
    --------
    >>> str(Finding("001", date(2013, 5, 10), "diameter_mm", "is -3", "a diameter cannot be negative"))
    'patient 001, 2013-05-10, diameter_mm: is -3; a diameter cannot be negative'
    >>> str(Finding("1", None, "AMT", "is -5", "a dose is above 0", "data.csv", 2))
    'data.csv:2: patient 1, AMT: is -5; a dose is above 0'
    """

    patient: str
    on: date | None
    field: str
    wrong: str
    right: str = ""
    file: str = ""
    line: int = 0

    def __str__(self) -> str:
        who = f"patient {self.patient}" if self.patient else ""
        where = ", ".join(part for part in (who, str(self.on or ""), self.field) if part)
        place = "".join(f"{part}:" for part in (self.file, self.line) if part)
        return " ".join(filter(None, (place, f"{where}: {self.wrong}"))) + (f"; {self.right}" if self.right else "")
