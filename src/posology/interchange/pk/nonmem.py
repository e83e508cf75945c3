"""NONMEM event data: a table of doses, samples and covariates, one line an event, read and written.

Beal SL, Sheiner LB, Boeckmann AJ, Bauer RJ. NONMEM Users Guides, 1989 and later: ID, TIME, AMT, RATE, II, ADDL, SS,
CMT, EVID, MDV and DV mean what they mean there. BLQ (1: below quantification) and LLOQ (the limit) are in wide use
beside them; without LLOQ, a DV with BLQ 1 is the limit. NONMEM numbers patients and analytes; PATIENT and ANALYTE
beside ID and DVID hold what they are called, and then name them here. Every other column that holds numbers is a
covariate.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from itertools import groupby
from pathlib import Path

from posology.pharmacology.pk_models.data import Period, PkDataset, SubjectData, pk_dataset
from posology.shared.files import write_text
from posology.shared.findings import Finding

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
)
SHOWN = 100  # findings written out
MOST_DOSES = 10_000  # that one line may repeat
EVENTS = {0: "sample", 1: "dose", 2: "other", 3: "reset", 4: "reset and dose"}


class DataError(ValueError):
    """Data that cannot be used, with everything that is wrong with them."""

    def __init__(self, findings: Iterable[Finding]) -> None:
        self.findings = sorted(findings, key=lambda f: (f.file, f.line, f.patient, f.on or date.min))
        more = len(self.findings) - SHOWN
        lines = [*map(str, self.findings[:SHOWN]), *([f"... and {more} more"] if more > 0 else [])]
        super().__init__("\n".join(lines))


def finding(file: str, line: int, column: str, patient: str, wrong: str, right: str = "") -> Finding:
    """Return what is wrong at a line and column of a file."""
    return Finding(patient, None, column, wrong, right, file, line)


@dataclass(frozen=True)
class Event:
    """One line: a sample (``evid`` 0), a dose (1), another event such as a covariate's change (2), a reset (3, 4).

    ``missing`` is MDV: a value that is not to be fitted, or none. ``analyte`` says what a sample was measured for,
    empty where the file does not.
    """

    patient: str
    time: float
    evid: int
    amount: float = 0.0
    rate: float = 0.0
    interval: float = 0.0
    additional: int = 0
    steady: int = 0
    compartment: int | None = None
    missing: bool = False
    value: float | None = None
    below: bool = False
    limit: float | None = None
    covariates: Mapping[str, float | None] = field(default_factory=dict)
    line: int = 0
    analyte: str = ""

    @property
    def measured(self) -> bool:
        """Say whether it is a sample with a concentration."""
        return self.evid == 0 and not self.missing and self.value is not None


@dataclass(frozen=True)
class EventData:
    """The events of all patients, in the order of the file, with the names of its covariates."""

    events: tuple[Event, ...]
    covariates: tuple[str, ...] = ()
    file: str = ""

    def by_patient(self) -> Iterator[tuple[str, list[Event]]]:
        """Yield each patient with the patient's events."""
        for name, events in groupby(self.events, key=lambda e: e.patient):
            yield name, list(events)

    @property
    def analytes(self) -> tuple[str, ...]:
        """Return what was measured, in order of CMT, then of the alphabet; empty where the file does not say."""
        found: dict[str, int] = {}
        for e in self.events:
            if e.analyte:
                found[e.analyte] = min(found.get(e.analyte, e.compartment or 0), e.compartment or 0)
        return tuple(sorted(found, key=lambda analyte: (found[analyte], analyte)))

    def of(self, analyte: str | None) -> EventData:
        """Return the events with the samples of one analyte; it need not be named where there is only one.

        Raises
        ------
        DataError
            if there are several and none is named, or none of this name.
        """
        held = self.analytes
        if analyte is None and len(held) > 1:
            raise DataError(
                [finding(self.file, 0, "analyte", "", f"holds {', '.join(held)}", "name the analyte: --analyte")]
            )
        if analyte is not None and analyte not in held:
            says = f"it holds {', '.join(held)}" if held else "no analyte is named"
            raise DataError([finding(self.file, 0, "analyte", "", f"there is no {analyte!r}", says)])
        if analyte is None or len(held) == 1:
            return self
        kept = (e for e in self.events if e.evid != 0 or e.analyte == analyte)
        return replace(self, events=tuple(kept))

    def among(self, analytes: Sequence[str]) -> EventData:
        """Return the events with the samples of these analytes.

        Raises
        ------
        DataError
            if there is none of such a name, or one is named twice.
        """
        for analyte in analytes:
            self.of(analyte)
        twice = [name for name in analytes if list(analytes).count(name) > 1]
        if twice:
            raise DataError([finding(self.file, 0, "analyte", "", f"{twice[0]!r} is named twice", "name each once")])
        return replace(self, events=tuple(e for e in self.events if e.evid != 0 or e.analyte in analytes))

    @property
    def varying(self) -> tuple[str, ...]:
        """Return the covariates that change within a patient."""
        found = []
        for name in self.covariates:
            if any(len({e.covariates.get(name) for e in events}) > 1 for _, events in self.by_patient()):
                found.append(name)
        return tuple(found)

    def patients(self, analytes: Sequence[str] = ()) -> list[SubjectData]:
        """Return the patients as a fit takes them: repeated doses written out, covariates as on the first line.

        Where the samples are of several ``analytes``, these are named in their order.

        Raises
        ------
        DataError
            where an event is of a kind that the closed forms do not hold: a reset, a rate that the model is to
            estimate, steady state beside earlier doses (SS 2); or where there are several analytes and none is named.
        """
        if analytes:
            self = self.among(analytes)
        elif len(self.analytes) > 1:
            self.of(None)
        findings, patients = [], []
        for name, events in self.by_patient():
            doses: list[tuple[float, float, float, float]] = []
            samples: list[tuple[float, float, bool]] = []
            after: list[int] = []
            what: list[int] = []
            for e in events:
                if e.evid in (3, 4):
                    findings.append(self._says(e, "EVID", f"a {EVENTS[e.evid]} is not fitted", "leave it to NONMEM"))
                elif e.rate < 0:
                    findings.append(
                        self._says(e, "RATE", f"{e.rate:g}: a rate that is estimated is not fitted", "give it")
                    )
                elif e.steady > 1:
                    findings.append(self._says(e, "SS", f"{e.steady} is not fitted", "write the earlier doses out"))
                elif e.evid == 1:
                    length = e.amount / e.rate if e.rate else 0.0
                    doses += [
                        (e.time + n * e.interval, e.amount, length, e.interval if e.steady and not n else 0.0)
                        for n in range(e.additional + 1)
                    ]
                elif e.measured and e.value is not None:
                    limit = e.limit if e.below and e.limit else e.value
                    samples.append((e.time, limit, e.below))
                    after.append(sum(d[0] == e.time for d in doses))
                    what.append(analytes.index(e.analyte) if analytes else 0)
            first = {n: v for n, v in events[0].covariates.items() if v is not None}
            patients.append(SubjectData(name, doses, samples, after, first, analyte=what))
        if findings:
            raise DataError(findings)
        return patients

    def measurements(
        self, covariates: Sequence[str] = (), occasion: str | None = None, analytes: Sequence[str] = ()
    ) -> PkDataset:
        """Return the patients who have samples, as arrays, with these covariates, and of ``analytes`` if there are
        several.

        With ``occasion``, the column that numbers the occasions, or with a covariate that changes, each patient has
        periods: as in NONMEM, a line's values hold from the line before it up to it. Where a covariate is missing, its
        value before stays.

        Raises
        ------
        DataError, ValueError
            as :meth:`patients`, and as :func:`posology.pharmacology.pk_models.data.pk_dataset`; or where a line has no
            occasion.
        """
        missing = [name for name in (*covariates, *([occasion] if occasion else [])) if name not in self.covariates]
        if missing:
            held = ", ".join(self.covariates) or "none"
            what = "column of occasions" if missing[0] == occasion else "covariate"
            raise ValueError(f"{self.file}: no {what} {missing[0]!r}; the file holds {held}")
        found = [
            replace(p, covariates={n: p.covariates[n] for n in covariates if n in p.covariates})
            for p in self.patients(analytes)
        ]
        if occasion or set(covariates) & set(self.varying):
            kept = self.among(analytes) if analytes else self
            lines = (events for _, events in kept.by_patient())
            found = [self._in_periods(p, events, covariates, occasion) for p, events in zip(found, lines, strict=True)]
        return pk_dataset([p for p in found if p.samples], analytes or ("",))

    def _in_periods(
        self, p: SubjectData, events: Sequence[Event], covariates: Sequence[str], occasion: str | None
    ) -> SubjectData:
        blank = [e for e in events if occasion and e.covariates[occasion] is None]
        if blank:
            raise DataError([self._says(e, str(occasion), "is missing", "every line has its occasion") for e in blank])
        periods: list[Period] = []
        given: list[int | None] = []
        sampled: list[int] = []
        now = dict(p.covariates)
        for e in events:
            now |= {n: v for n in covariates if (v := e.covariates[n]) is not None}
            period = Period(e.time, f"{e.covariates[occasion]:g}" if occasion else "", dict(now))
            if periods and replace(periods[-1], until=e.time) == period:
                periods[-1] = period
            else:
                periods.append(period)
            if e.evid == 1:
                given += [len(periods) - 1, *[None] * e.additional]
            elif e.measured:
                sampled.append(len(periods) - 1)

        def by_time(t: float) -> int:
            return min(sum(q.until < t for q in periods), len(periods) - 1)

        doses = [by_time(d[0]) if own is None else own for d, own in zip(p.doses, given, strict=True)]
        return replace(p, periods=periods, dose_period=doses, sample_period=sampled)

    def _says(self, event: Event, column: str, wrong: str, right: str) -> Finding:
        return finding(self.file, event.line, column, event.patient, wrong, right)


def read(path: str | Path) -> EventData:
    """Read a file of events: comma-separated, the first line the names of its columns.

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
    return parse(text, str(path))


def parse(text: str, file: str = "data") -> EventData:
    """Read events from text; see :func:`read`.

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
        finding(file, line, name, "", "is missing", "it is needed")
        for name in ("ID", "TIME", "DV")
        if name not in names
    ]
    findings += [finding(file, line, n, "", "appears twice") for n in sorted(set(names)) if names.count(n) > 1]
    if {"DATE", "DAT1", "DAT2", "DAT3"} & set(names):
        findings.append(
            finding(
                file, line, "DATE", "", "calendar dates are not read", "give TIME as hours or days since the first dose"
            )
        )
    if findings:
        raise DataError(findings)
    reader = _Reader(file, names, findings)
    events = [reader.event(n, row) for n, row in rows[1:]]
    found = [e for e in events if e is not None]
    reader.ordered(found)
    if findings:
        raise DataError(findings)
    if not found:
        raise DataError([finding(file, line, "file", "", "holds no event")])
    return EventData(tuple(found), tuple(n for n in names if n not in KNOWN and n not in reader.text), file)


@dataclass
class _Reader:
    """Reads lines, and gathers what is wrong."""

    file: str
    names: list[str]
    findings: list[Finding]
    text: set[str] = field(default_factory=set)
    numbers: dict[str, str] = field(default_factory=dict)

    def event(self, line: int, row: list[str]) -> Event | None:
        if len(row) != len(self.names):
            says = f"{len(row)} values for {len(self.names)} columns"
            self.findings.append(
                finding(self.file, line, "line", row[0], says, "one value a column, `.` where there is none")
            )
            return None
        cells = dict(zip(self.names, (cell.strip() for cell in row), strict=True))
        before = len(self.findings)
        patient = _said(cells, "PATIENT") or cells["ID"]

        def wrong(column: str, what: str, right: str = "") -> None:
            self.findings.append(finding(self.file, line, column, patient, what, right))

        def number(column: str, whole: bool = False) -> float | None:
            cell = cells.get(column, "")
            if cell in ("", ".", "NA"):
                return None
            try:
                value = float(cell)
            except ValueError:
                wrong(column, f"{cell!r} is no number", "a number, or `.` where there is none")
                return None
            if value != value or value in (float("inf"), float("-inf")) or (whole and value != int(value)):
                wrong(column, f"{cell} cannot be", "a whole number" if whole else "a finite number")
                return None
            return value

        time, amount, rate, interval = number("TIME"), number("AMT") or 0.0, number("RATE") or 0.0, number("II") or 0.0
        additional, steady = int(number("ADDL", True) or 0), int(number("SS", True) or 0)
        given = number("EVID", True)
        evid = int(given) if given is not None else int(amount > 0)
        value, flag, limit = number("DV"), number("BLQ", True), number("LLOQ")
        if flag and value is None:
            value = limit
        skipped, compartment = number("MDV", True), number("CMT", True)
        covariates = {}
        for name in self.names:
            if name not in KNOWN and name not in self.text:
                cell = cells[name]
                try:
                    covariates[name] = None if cell in ("", ".", "NA") else float(cell)
                except ValueError:
                    self.text.add(name)
        if not patient or not cells["ID"]:
            wrong("ID", "is missing")
        elif self.numbers.setdefault(cells["ID"], patient) != patient:
            wrong("PATIENT", f"is ID {cells['ID']}, as {self.numbers[cells['ID']]} is", "a number is one patient's")
        if time is None and not any(f.line == line and f.field == "TIME" for f in self.findings):
            wrong("TIME", "is missing", "every event has a time")
        if evid not in EVENTS:
            wrong("EVID", f"is {evid}", f"one of {', '.join(f'{k} ({v})' for k, v in EVENTS.items())}")
        if evid in (1, 4) and not amount > 0:
            wrong("AMT", f"a dose of {amount:g}", "a dose is above 0")
        if evid == 0 and amount:
            wrong("AMT", f"{amount:g} on a sample (EVID 0)", "EVID 1 for a dose, on a line of its own")
        if rate < 0 and rate not in (-1, -2):
            wrong("RATE", f"is {rate:g}", "above 0, or -1 or -2 for a rate or duration that is estimated")
        if additional < 0 or interval < 0:
            wrong("ADDL" if additional < 0 else "II", "is negative")
        if additional > MOST_DOSES:
            wrong("ADDL", f"{additional} further doses", f"{MOST_DOSES} at most")
        if (additional > 0 or steady == 1) and not interval > 0:
            wrong("II", "is missing", f"the time between doses, as {'ADDL' if additional else 'SS'} is given")
        if steady not in (0, 1, 2):
            wrong("SS", f"is {steady}", "0, 1 or 2")
        missing = bool(skipped) if skipped is not None else (evid != 0 or value is None)
        if evid == 0 and not missing and value is None:
            wrong("DV", "is missing where MDV is 0", "a concentration, or MDV 1")
        if value is not None and value < 0 and evid == 0 and not missing:
            wrong("DV", f"is {value:g}", "a concentration is 0 or above")
        below = bool(flag) if flag is not None else bool(limit and value is not None and value < limit and evid == 0)
        if below and not (limit or value):
            wrong("LLOQ", "is missing for a value below quantification", "the limit, in LLOQ or as DV")
        if len(self.findings) > before or time is None:
            return None
        return Event(
            patient,
            time,
            evid,
            amount,
            rate,
            interval,
            additional,
            steady,
            None if compartment is None else int(compartment),
            missing,
            value,
            below,
            limit,
            covariates,
            line,
            (_said(cells, "ANALYTE") or _said(cells, "DVID")) if evid == 0 else "",
        )

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


def text_of(data: EventData) -> str:
    """Write events as text, every number in full; columns that say nothing are left out.

    Patients whose names are no numbers are numbered (ID) and named beside it (PATIENT); so are analytes.

    Examples
    --------
    >>> print(text_of(EventData((Event("1", 0.0, 1, 350.0, 175.0, missing=True), Event("1", 2.0, 0, value=120.0)))), end="")
    ID,TIME,EVID,MDV,AMT,RATE,DV
    1,0,1,1,350,175,.
    1,2,0,0,.,.,120
    """
    patients = tuple(dict.fromkeys(e.patient for e in data.events))
    analytes = data.analytes
    numbered, coded = (all(n.isdigit() and str(int(n)) == n for n in names) for names in (patients, analytes))
    number, code = ({name: str(n) for n, name in enumerate(names, 1)} for names in (patients, analytes))
    columns: dict[str, list[str]] = {
        "ID": [e.patient if numbered else number[e.patient] for e in data.events],
        "PATIENT": ["." if numbered else e.patient for e in data.events],
        "TIME": [_plain(e.time) for e in data.events],
        "EVID": [str(e.evid) for e in data.events],
        "MDV": [str(int(e.missing)) for e in data.events],
        "AMT": [_plain(e.amount or None) for e in data.events],
        "RATE": [_plain(e.rate or None) for e in data.events],
        "II": [_plain(e.interval or None) for e in data.events],
        "ADDL": [_plain(e.additional or None) for e in data.events],
        "SS": [_plain(e.steady or None) for e in data.events],
        "CMT": [_plain(e.compartment) for e in data.events],
        "DV": [_plain(e.value) for e in data.events],
        "DVID": ["." if not e.analyte else e.analyte if coded else code[e.analyte] for e in data.events],
        "ANALYTE": ["." if coded or not e.analyte else e.analyte for e in data.events],
        "BLQ": ["1" if e.below else "." if e.evid else "0" for e in data.events],
        "LLOQ": [_plain(e.limit) for e in data.events],
    }
    if not any(e.below for e in data.events):
        del columns["BLQ"]
    used = {n: v for n, v in columns.items() if n in ("ID", "TIME", "EVID", "MDV", "DV") or set(v) != {"."}}
    used |= {n: [_plain(e.covariates.get(n)) for e in data.events] for n in data.covariates}
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(used)
    writer.writerows(zip(*used.values(), strict=True))
    return out.getvalue()


def write(data: EventData, path: str | Path) -> None:
    """Write events to a file; nothing is written if they cannot be."""
    write_text(Path(path), text_of(data))


def _said(cells: Mapping[str, str], column: str) -> str:
    cell = cells.get(column, "")
    return "" if cell in (".", "NA") else cell


def _plain(value: float | None) -> str:
    return (
        "." if value is None else str(int(value)) if value == int(value) and abs(value) < 1e15 else repr(float(value))
    )
