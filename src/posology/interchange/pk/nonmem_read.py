"""NONMEM event data read: a table, one line a dose, sample or other event, checked line by line.

Beal SL, Sheiner LB, Boeckmann AJ, Bauer RJ. NONMEM Users Guides, 1989 and later: ID, TIME, AMT, RATE, II, ADDL, SS, CMT, EVID, MDV
and DV mean what they mean there. BLQ (1: below quantification) and LLOQ (the limit) are in wide use beside them;
without LLOQ, a DV with BLQ 1 is the limit. So it is with CENS 1, Monolix's and nlmixr2's mark. NONMEM numbers patients and analytes;
PATIENT and ANALYTE beside ID and DVID hold what they are called, and then name them here. A line with a mark in C or
IGNORE is left out, as by $DATA IGNORE. A column that another program gives a meaning, which would change what a line is,
is refused; every other column that holds numbers is a covariate, used where it is named, and one of text is not read.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from posology.interchange.pk.nonmem import EVENTS, DataError, Event, EventData, finding
from posology.interchange.pk.profile_table import event_lines, renamed
from posology.shared.findings import Finding

MARKS = ("C", "IGNORE")
"""Columns whose mark leaves a line out."""
COMMENTS = ("COMMENT", "COMMENTS", "CMNT", "NOTE", "NOTES", "REMARK", "REMARKS")
REFUSED = {
    **dict.fromkeys(
        ("DATE", "DAT1", "DAT2", "DAT3"),
        ("calendar dates are not read", "give TIME as hours or days since the first dose"),
    ),
    **dict.fromkeys(("TINF", "DUR"), ("the length of an infusion is not read", "give RATE, AMT over the length")),
    **dict.fromkeys(
        ("SKIP", "EXCL", "EXCLUDE", "EXCLUDED", "OMIT"),
        ("whether it leaves lines out is not known", "mark these lines with C in a column C, or take the column away"),
    ),
    **dict.fromkeys(
        ("YTYPE", "ADM"),
        ("Monolix's number of an output or a dose is not read", "DVID numbers analytes, CMT the compartment"),
    ),
    **dict.fromkeys(
        ("F1", "ALAG1", "PCMT", "CALL", "CONT", "L2", "MTIME"),
        ("it changes NONMEM's prediction and is not read", "take it away, or rename it where it is a covariate"),
    ),
}
"""Columns that mean something which is not read: what is said, and what to do."""
KNOWN = (
    "ID",
    "PATIENT",
    "TIME",
    "AMT",
    "RATE",
    "II",
    "ADDL",
    "SS",
    "CMT",
    "EVID",
    "MDV",
    "DV",
    "DVID",
    "ANALYTE",
    "BLQ",
    "LLOQ",
    "CENS",
    "LIMIT",
    *MARKS,
    *COMMENTS,
)

MOST_DOSES = 10_000  # that one line may repeat
MISSING = ("", ".", "NA")


def read(path: str | Path, columns: Mapping[str, str] | None = None) -> EventData:
    """Read a file of events: comma-separated, the first line the names of its columns; ``columns`` says what some mean.

    A full stop or nothing is a missing value; lines that start with ``#`` are left out. Without EVID, a line with an
    AMT is a dose, any other a sample. A time never falls within a patient, whose lines stand together.

    Raises
    ------
    DataError
        listing every error of the file with its line, column and patient.
    """
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise DataError([finding(str(path), 1, "file", "", "is no text in UTF-8", "save it as CSV in UTF-8")]) from None
    return parse(text, str(path), columns)


def parse(text: str, file: str = "data", columns: Mapping[str, str] | None = None) -> EventData:
    """Read events from text; see :func:`read`.

    ``columns`` maps names of the file to those that are read here, as Conc to DV: profiles as WinNonlin keeps them, one
    line a sample, are read by naming their columns, and that of the DOSE given at time 0.

    Examples
    --------
    >>> data = parse("ID,TIME,AMT,RATE,DV,WT\\n1,0,350,175,.,70\\n1,2,.,.,120,70\\n")
    >>> data.patients()[0].doses
    [(0.0, 350.0, 2.0, 0.0)]
    """
    rows = [(n, row) for n, row in enumerate(csv.reader(io.StringIO(text)), 1) if row and not row[0].startswith("#")]
    if not rows:
        raise DataError(
            [finding(file, 1, "file", "", "is empty", "the first line names the columns: ID,TIME,AMT,DV,...")]
        )
    line, header = rows[0]
    names = [name.strip().strip('"').upper() for name in header]
    units = ("", "", "")
    if columns:
        names = renamed(names, columns, file, line)
        names, lines, units = event_lines(names, rows[1:])
        rows = [rows[0], *lines]
    if len(header) == 1 and (other := next((c for c in ";\t" if c in header[0]), "")):
        what = {";": "semicolons", "\t": "tabs"}[other]
        raise DataError(
            [
                finding(
                    file,
                    line,
                    "file",
                    "",
                    f"its columns are parted by {what}",
                    "commas between columns, and a decimal point",
                )
            ]
        )
    findings = [
        finding(file, line, name, "", "is missing", f"name the column that holds it: --map COLUMN={name}")
        for name in ("ID", "TIME", "DV")
        if name not in names
    ]
    findings += [finding(file, line, n, "", "appears twice") for n in sorted(set(names)) if names.count(n) > 1]
    findings += [finding(file, line, name, "", *REFUSED[name]) for name in names if name in REFUSED]
    if {"BLQ", "CENS"} <= set(names):
        findings.append(finding(file, line, "CENS", "", "stands beside BLQ", "one mark of values below quantification"))
    if findings:
        raise DataError(findings)
    reader = _Reader(file, names, findings, bool(columns))
    events = [reader.event(n, row) for n, row in rows[1:]]
    found = [e for e in events if e is not None]
    reader.numbered(rows[1:])
    reader.ordered(found)
    if findings:
        raise DataError(findings)
    if not found:
        raise DataError([finding(file, line, "file", "", "holds no event")])
    covariates = tuple(n for n in names if n not in KNOWN and n not in reader.text)
    notes = tuple(_notes(found, covariates, reader))
    return EventData(tuple(_by_compartment(found)), covariates, file, notes, tuple(sorted(reader.text)), units)


def _by_compartment(events: list[Event]) -> list[Event]:
    """Call samples of several compartments so many analytes, where the file names none: they are never pooled."""
    sampled = {e.compartment for e in events if e.evid == 0 and e.compartment}
    if len(sampled) < 2 or any(e.analyte for e in events):
        return events
    return [replace(e, analyte=f"CMT {e.compartment or 'default'}") if e.evid == 0 else e for e in events]


def _notes(events: list[Event], covariates: Sequence[str], reader: _Reader) -> list[str]:
    """Say which lines and columns were left out, and where a value may be taken in two ways."""
    notes = [
        f"{len(lines)} line{'s'[: len(lines) != 1]} marked in {column} left out: {_places(lines)}"
        for column, lines in reader.marked.items()
    ]
    if reader.remarks:
        notes.append(f"lines with a comment, which is not read: {_places(list(dict.fromkeys(reader.remarks)))}")
    if reader.text:
        notes.append(f"columns of text, not read: {', '.join(sorted(reader.text))}")
    if covariates:
        notes.append(f"other columns, used only where named as a covariate or occasion: {', '.join(covariates)}")
    zeros = [e.line for e in events if e.measured and e.value == 0 and not e.below]
    if zeros:
        notes.append(
            f"{len(zeros)} concentration{'s'[: len(zeros) != 1]} of 0 without a limit of quantification (LLOQ): a fit takes "
            "0 as measured, a non-compartmental analysis as below quantification"
        )
    return notes


def _places(lines: Sequence[int]) -> str:
    shown = ", ".join(map(str, lines[:8]))
    return f"line{'s'[: len(lines) != 1]} {shown}" + (", ..." if len(lines) > 8 else "")


@dataclass
class _Reader:
    """Reads lines, and gathers what is wrong."""

    file: str
    names: list[str]
    findings: list[Finding]
    is_table: bool = False
    text: set[str] = field(default_factory=set)
    numbers: dict[str, str] = field(default_factory=dict)
    marked: dict[str, list[int]] = field(default_factory=dict)
    remarks: list[int] = field(default_factory=list)

    def event(self, line: int, row: list[str]) -> Event | None:
        """Return the event of a line; None where it is left out, or wrong: then with findings."""
        if len(row) != len(self.names):
            says = f"{len(row)} values for {len(self.names)} columns"
            self.findings.append(
                finding(self.file, line, "line", row[0], says, "one value a column, `.` where there is none")
            )
            return None
        cells = dict(zip(self.names, (cell.strip() for cell in row), strict=True))
        if self._left_out(line, cells):
            return None
        findings_before = len(self.findings)
        event = self._read(line, cells)
        self._check_identity(line, cells, event.patient)
        if event.time is None and not any(f.line == line and f.field == "TIME" for f in self.findings):
            self._wrong(event, "TIME", "is missing", "every event has a time")
        self._check_dose(event)
        self._check_sample(event)
        if len(self.findings) > findings_before or event.time is None:
            return None
        return event

    def _wrong(self, event: Event, column: str, what: str, right: str = "") -> None:
        self.findings.append(finding(self.file, event.line, column, event.patient, what, right))

    def _read(self, line: int, cells: dict[str, str]) -> Event:
        """Return what a line says, as its columns mean it; a cell that is no number is a finding."""
        patient = _named(cells, "PATIENT") or cells["ID"]

        def number(column: str, whole: bool = False) -> float | None:
            return self._number(line, patient, cells, column, whole)

        time, amount, rate, interval = number("TIME"), number("AMT") or 0.0, number("RATE") or 0.0, number("II") or 0.0
        additional, steady = int(number("ADDL", True) or 0), int(number("SS", True) or 0)
        stated = number("EVID", True)
        evid = int(stated) if stated is not None else int(amount > 0)
        value, flag, limit = number("DV"), number("BLQ", True), number("LLOQ")
        if "CENS" in cells:
            flag = self._censored(line, patient, number("CENS", True), number("LIMIT")) if evid == 0 else None
        if flag and value is None:
            value = limit
        skipped, compartment = number("MDV", True), number("CMT", True)
        below = bool(flag) if flag is not None else bool(limit and value is not None and value < limit and evid == 0)
        return Event(
            patient,
            time,  # type: ignore[arg-type]  # a line without a time is refused
            evid,
            amount,
            rate,
            interval,
            additional,
            steady,
            None if compartment is None else int(compartment),
            bool(skipped) if skipped is not None else (evid != 0 or value is None),
            value,
            below,
            limit,
            self._covariates(cells),
            line,
            (_named(cells, "ANALYTE") or _named(cells, "DVID")) if evid == 0 else "",
        )

    def _covariates(self, cells: dict[str, str]) -> dict[str, float | None]:
        """Return the numbers of the columns that NONMEM has no meaning for; a column with a text is one of text."""
        covariates: dict[str, float | None] = {}
        for name in self.names:
            if name not in KNOWN and name not in self.text:
                try:
                    covariates[name] = None if cells[name] in MISSING else float(cells[name])
                except ValueError:
                    self.text.add(name)
        return covariates

    def _check_identity(self, line: int, cells: dict[str, str], patient: str) -> None:
        def wrong(column: str, what: str, right: str = "") -> None:
            self.findings.append(finding(self.file, line, column, patient, what, right))

        if not patient or not cells["ID"]:
            wrong("ID", "is missing")
        elif self.numbers.setdefault(cells["ID"], patient) != patient:
            wrong("PATIENT", f"is ID {cells['ID']}, as {self.numbers[cells['ID']]} is", "a number is one patient's")

    def _check_dose(self, event: Event) -> None:
        amount, rate, interval, additional = event.amount, event.rate, event.interval, event.additional
        steady, compartment = event.steady, event.compartment
        if event.evid not in EVENTS:
            self._wrong(
                event, "EVID", f"is {event.evid}", f"one of {', '.join(f'{k} ({v})' for k, v in EVENTS.items())}"
            )
        constant = steady == 1 and rate > 0 and not amount and not interval and not additional
        if event.evid in (1, 4) and not amount > 0 and not constant:
            self._wrong(event, "AMT", f"a dose of {amount:g}", "a dose is above 0")
        if event.evid == 0 and amount:
            self._wrong(event, "AMT", f"{amount:g} on a sample (EVID 0)", "EVID 1 for a dose, on a line of its own")
        if rate < 0 and rate not in (-1, -2):
            self._wrong(event, "RATE", f"is {rate:g}", "above 0, or -1 or -2 for a rate or duration that is estimated")
        if additional < 0 or interval < 0:
            self._wrong(event, "ADDL" if additional < 0 else "II", "is negative")
        if additional > MOST_DOSES:
            self._wrong(event, "ADDL", f"{additional} further doses", f"{MOST_DOSES} at most")
        if (additional > 0 or steady > 0) and not interval > 0 and not constant:
            given = "ADDL" if additional else "SS"
            self._wrong(event, "II", "is missing", f"the time between doses, as {given} is given")
        if compartment is not None and compartment < 0:
            self._wrong(event, "CMT", f"is {compartment:g}: a compartment turned off", "0 or above")
        if steady not in (0, 1, 2):
            self._wrong(event, "SS", f"is {steady}", "0, 1 or 2")

    def _check_sample(self, event: Event) -> None:
        value, is_sample = event.value, event.evid == 0 and not event.missing
        if is_sample and value is None:
            self._wrong(event, "DV", "is missing where MDV is 0", "a concentration, or MDV 1")
        if is_sample and value is not None and value < 0:
            self._wrong(event, "DV", f"is {value:g}", "a concentration is 0 or above")
        if event.below and not (event.limit or value or self.is_table):
            self._wrong(event, "LLOQ", "is missing for a value below quantification", "the limit, in LLOQ or as DV")

    def _left_out(self, line: int, cells: dict[str, str]) -> bool:
        """Say whether a line is marked to be left out; a mark that is not understood is a finding."""
        if any(cells.get(name, "") not in MISSING for name in COMMENTS):
            self.remarks.append(line)
        for column in MARKS:
            mark = cells.get(column, "").upper()
            if mark in (*MISSING, "0"):
                continue
            if mark == "C" or (column == "IGNORE" and mark in ("1", "I", "IGNORE", "Y", "@", "#")):
                self.marked.setdefault(column, []).append(line)
                return True
            right = "C leaves the line out, `.` keeps it"
            self.findings.append(finding(self.file, line, column, cells["ID"], f"is {cells[column]!r}", right))
        return False

    def _number(self, line: int, patient: str, cells: dict[str, str], column: str, whole: bool) -> float | None:
        cell = cells.get(column, "")
        if cell in MISSING:
            return None

        def wrong(what: str, right: str) -> None:
            self.findings.append(finding(self.file, line, column, patient, what, right))

        try:
            value = float(cell)
        except ValueError:
            wrong(f"{cell!r} is no number", "a number, or `.` where there is none")
            return None
        if not math.isfinite(value) or (whole and value != int(value)):
            wrong(f"{cell} cannot be", "a whole number" if whole else "a finite number")
            return None
        return value

    def _censored(self, line: int, patient: str, flag: float | None, lower: float | None) -> float | None:
        """Return BLQ as CENS says it: 1 where the concentration is between LIMIT (0 if it is missing) and DV."""
        if flag not in (None, 0, 1):
            right = "1 (below DV) or 0; a value above a limit is not read"
            self.findings.append(finding(self.file, line, "CENS", patient, f"is {flag:g}", right))
        elif flag and lower is not None and lower > 0:
            wrong = f"{lower:g}: a value between two limits is not read"
            self.findings.append(finding(self.file, line, "LIMIT", patient, wrong, "0 or missing, DV being the limit"))
        return flag

    def numbered(self, rows: Sequence[tuple[int, list[str]]]) -> None:
        """Find lines that are commented out in the column ID: C or @ before a number, where all others are numbers."""
        place = self.names.index("ID")
        cells = [(line, row[place].strip()) for line, row in rows if len(row) == len(self.names)]
        odd = [(line, cell) for line, cell in cells if not _is_number(cell) and cell not in MISSING]
        if len(odd) == len(cells):
            return
        for line, cell in odd:
            if cell.upper().startswith(("C", "@")) and (len(cell) == 1 or _is_number(cell[1:])):
                right = "a line that is left out begins with #, or has C in a column C"
                self.findings.append(finding(self.file, line, "ID", cell, f"is {cell!r} among numbers", right))

    def ordered(self, events: Sequence[Event]) -> None:
        seen: set[str] = set()
        for previous, e in zip([None, *events], events, strict=False):
            if previous is not None and previous.patient == e.patient:
                if e.time < previous.time and e.evid not in (3, 4):
                    self.findings.append(
                        finding(
                            self.file,
                            e.line,
                            "TIME",
                            e.patient,
                            f"{e.time:g} follows {previous.time:g}",
                            "times do not fall",
                        )
                    )
            elif e.patient in seen:
                self.findings.append(
                    finding(
                        self.file,
                        e.line,
                        "ID",
                        e.patient,
                        "the patient's lines are apart",
                        "a patient's lines stand together",
                    )
                )
            seen.add(e.patient)


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def _named(cells: Mapping[str, str], column: str) -> str:
    cell = cells.get(column, "")
    return "" if cell in (".", "NA") else cell
