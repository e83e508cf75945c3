"""NONMEM event data: doses, samples and covariates, one line an event, as a fit takes them; and written.

Beal SL, Sheiner LB, Boeckmann AJ, Bauer RJ. NONMEM Users Guides, 1989 and later. The columns and what they mean are in
:mod:`posology.interchange.pk.nonmem_read`.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from itertools import groupby
from pathlib import Path

from posology.interchange.pk.event_doses import given_doses
from posology.pharmacology.pk_models.data import Period, PkDataset, SubjectData, pk_dataset
from posology.shared.files import write_text
from posology.shared.findings import Finding

SHOWN = 100  # findings written out
CUSTOMARY = (
    *("WT", "BW", "BWT", "WEIGHT", "HT", "HEIGHT", "BMI", "BSA", "IBW", "AIBW", "LBM", "FFM"),
    *("AGE", "SEX", "SEXF", "SEXM", "RACE", "ECOG", "CRCL", "EGFR", "SCR", "ALB", "AST", "ALT", "BILI"),
    *(
        "OCC",
        "CYCLE",
        "PERIOD",
        "VISIT",
        "LEVEL",
        "DOSE",
        "ARM",
        "GROUP",
        "STUDY",
        "IHC",
        "PCT2",
        "NTIME",
        "NTPD",
        "TAD",
    ),
)
"""Columns that say who the patient is or where a line stands: they change nothing unless named as a covariate."""
EVENTS = {0: "sample", 1: "dose", 2: "other", 3: "reset", 4: "reset and dose"}


class DataError(ValueError):
    """Data that cannot be used, with everything that is wrong with them."""

    def __init__(self, findings: Iterable[Finding]) -> None:
        self.findings = sorted(findings, key=lambda f: (f.file, f.line, f.patient, f.on or date.min))
        more = len(self.findings) - SHOWN
        lines = [*map(str, self.findings[:SHOWN]), *([f"... and {more} more"] if more > 0 else [])]
        super().__init__("\n".join(lines))


ESTIMATED = "a rate or duration that is estimated is not fitted"


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
    """The events of all patients, in the order of the file, with the names of its covariates.

    ``text_columns`` are the columns that hold no numbers, ``units`` those of time and concentration where the file says
    them. ``notes`` are for the reader: which lines and columns were left out.
    """

    events: tuple[Event, ...]
    covariates: tuple[str, ...] = ()
    file: str = ""
    notes: tuple[str, ...] = ()
    text_columns: tuple[str, ...] = ()
    units: tuple[str, str, str] = ("", "", "")

    def refuse_unknown(self, used: Sequence[str], ignored: Sequence[str] = ()) -> None:
        """Refuse columns that nobody named: neither used as a covariate or occasion, nor ignored, nor customary ones.

        Raises
        ------
        DataError
            naming each; or one to ignore that the file does not have.
        """
        own = (*self.covariates, *self.text_columns)
        upper = [name.strip().upper() for name in ignored]
        right = f"name it: --covariate, --occasion or --map where it is used, else --ignore {{}}; known are {', '.join(CUSTOMARY)}"
        unknown = [name for name in own if name not in (*CUSTOMARY, *used, *upper)]
        if missing := [name for name in upper if name not in own]:
            held = ", ".join(own) or "none besides those that are read"
            raise DataError([finding(self.file, 1, missing[0], "", "is no column to ignore", f"the file holds {held}")])
        if unknown:
            raise DataError(
                finding(self.file, 1, name, "", "a column of unknown meaning", right.format(name)) for name in unknown
            )

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
        """Return the patients as a fit takes them: repeated doses written out, covariates as on the first line, times going on after
        a reset.

        Where the samples are of several ``analytes``, these are named in their order.

        Raises
        ------
        DataError
            where a rate is one that the model is to estimate, or a concentration is measured between a reset and the
            dose after it; or where there are several analytes and none is named.
        """
        if analytes:
            self = self.among(analytes)
        elif len(self.analytes) > 1:
            self.of(None)
        findings, patients = [], []
        for name, events in self.by_patient():
            findings += [self._says(e, "RATE", f"{e.rate:g}: {ESTIMATED}", "give it") for e in events if e.rate < 0]
            events = continued(events)
            findings += [
                self._says(e, "DV", "is measured after a reset and before a dose", "nothing is left then: MDV 1")
                for e in _after_resets(events)
            ]
            doses = given_doses(events)
            samples: list[tuple[float, float, bool]] = []
            after: list[int] = []
            what: list[int] = []
            for place, e in enumerate(events):
                if e.measured and e.value is not None:
                    if e.below and not (e.limit or e.value):
                        wrong = "is missing for a value below quantification"
                        findings.append(self._says(e, "LLOQ", wrong, "the limit, in a column LLOQ or as <0.5"))
                    limit = e.limit if e.below and e.limit else e.value
                    samples.append((e.time, limit, e.below))
                    after.append(sum(d.time == e.time and d.line < place for d in doses))
                    what.append(analytes.index(e.analyte) if analytes else 0)
            first = {n: v for n, v in events[0].covariates.items() if v is not None}
            replaces = [d.replaces for d in doses]
            rows = [d.row for d in doses]
            patients.append(SubjectData(name, rows, samples, after, first, analyte=what, replaces=replaces))
        if findings:
            raise DataError(findings)
        return patients

    def check_compartments(self, absorbed: bool | None = None) -> None:
        """Check that the doses go into one compartment, and into the one that a model doses.

        ``absorbed`` says whether the model has a depot, compartment 1, that the samples are not of; None of no model. A
        dose without CMT goes into compartment 1, the default. Samples with a DVID or ANALYTE may have a CMT of their own.

        Raises
        ------
        DataError
            naming CMT: doses into several compartments, or into another than that of the model.
        """
        doses = [e for e in self.events if e.evid in (1, 4)]
        if not doses:
            return
        target = doses[0].compartment or 1
        other = next((e for e in doses if (e.compartment or 1) != target), None)
        if other is not None:
            wrong = (
                f"this dose goes into compartment {other.compartment or 1}, that of line {doses[0].line} into {target}"
            )
            raise DataError([self._says(other, "CMT", wrong, "doses by one route in a file: each route by itself")])
        by_compartment = all(e.analyte in ("", f"CMT {e.compartment}") for e in self.events if e.evid == 0)
        sampled = {e.compartment for e in self.events if e.measured and e.compartment} if by_compartment else set()
        if absorbed is None or not by_compartment:
            return
        where = f"the doses go into compartment {target}, the samples are of {', '.join(map(str, sorted(sampled))) or 'the default'}"
        if absorbed and (target != 1 or target in sampled):
            right = "a model with absorption doses compartment 1 and samples another"
            raise DataError([self._says(doses[0], "CMT", where, right)])
        if not absorbed and (sampled != {target} if sampled else target != 1):
            right = "a model without absorption samples the compartment that is dosed"
            raise DataError([self._says(doses[0], "CMT", where, right)])

    def measurements(
        self,
        covariates: Sequence[str] = (),
        occasion: str | None = None,
        analytes: Sequence[str] = (),
        absorbed: bool | None = None,
    ) -> PkDataset:
        """Return the patients who have samples, as arrays, with these covariates, and of ``analytes`` if there are
        several.

        With ``occasion``, the column that numbers the occasions, or with a covariate that changes, each patient has
        periods: as in NONMEM, a line's values hold from the line before it up to it. Where a covariate is missing, its
        value before stays. ``absorbed`` is as :meth:`check_compartments` takes it.

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
        self.check_compartments(absorbed)
        found = [
            replace(p, covariates={n: p.covariates[n] for n in covariates if n in p.covariates})
            for p in self.patients(analytes)
        ]
        if occasion or set(covariates) & set(self.varying):
            kept = self.among(analytes) if analytes else self
            lines = (continued(events) for _, events in kept.by_patient())
            found = [self._in_periods(p, events, covariates, occasion) for p, events in zip(found, lines, strict=True)]
        return pk_dataset([p for p in found if p.samples], analytes or ("",))

    def _in_periods(
        self, p: SubjectData, events: Sequence[Event], covariates: Sequence[str], occasion: str | None
    ) -> SubjectData:
        blank = [e for e in events if occasion and e.covariates[occasion] is None]
        if blank:
            raise DataError([self._says(e, str(occasion), "is missing", "every line has its occasion") for e in blank])
        periods: list[Period] = []
        of_line: list[int] = []
        sampled: list[int] = []
        now = dict(p.covariates)
        for e in events:
            now |= {n: v for n in covariates if (v := e.covariates[n]) is not None}
            period = Period(e.time, f"{e.covariates[occasion]:g}" if occasion else "", dict(now))
            if periods and replace(periods[-1], until=e.time) == period:
                periods[-1] = period
            else:
                periods.append(period)
            of_line.append(len(periods) - 1)
            if e.measured:
                sampled.append(len(periods) - 1)

        def by_time(time: float) -> int:
            return min(sum(q.until < time for q in periods), len(periods) - 1)

        doses = [by_time(dose.time) if dose.repeat else of_line[dose.line] for dose in given_doses(events)]
        return replace(p, periods=periods, dose_period=doses, sample_period=sampled)

    def _says(self, event: Event, column: str, wrong: str, right: str) -> Finding:
        return finding(self.file, event.line, column, event.patient, wrong, right)


def continued(events: Sequence[Event]) -> list[Event]:
    """Return a patient's events with times that go on where a reset begins to count anew: nothing is left by then."""
    shift, last, shifted = 0.0, 0.0, []
    for e in events:
        if e.evid in (3, 4) and e.time + shift < last:
            shift = last - e.time
        shifted.append(replace(e, time=e.time + shift) if shift else e)
        last = shifted[-1].time
    return shifted


def _after_resets(events: Sequence[Event]) -> list[Event]:
    """Return what was measured after a reset (EVID 3) and before the next dose."""
    is_empty, found = False, []
    for e in events:
        is_empty = e.evid == 3 or (is_empty and e.evid not in (1, 4))
        if is_empty and e.measured:
            found.append(e)
    return found


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


def _plain(value: float | None) -> str:
    return (
        "." if value is None else str(int(value)) if value == int(value) and abs(value) < 1e15 else repr(float(value))
    )
