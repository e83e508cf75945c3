"""Concentrations wherever they are: event data of NONMEM or another program, SDTM (PC as a file, or a folder of
datasets), or a trial's record."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path

from posology.interchange.pk.from_record import HOURS, Analyte, DosedSubject, Recorded, TimeUnit, recorded
from posology.interchange.pk.nonmem import EventData
from posology.interchange.pk.nonmem_read import read
from posology.interchange.pk.pc_domain import PcDomain, is_pc, read_pc
from posology.interchange.pk.pc_profiles import Profile, profiles
from posology.record.snapshot import refuse_day_to_come
from posology.shared.findings import Finding


@dataclass(frozen=True)
class ConcentrationChoice:
    """Which concentrations of a record are read: the analyte and specimen, else the only one; ``infusion`` is how long
    an
    infusion took whose end is not recorded [h]."""

    analyte: str | None = None
    specimen: str | None = None
    infusion: float | None = None


@dataclass(frozen=True)
class BesidePc:
    """What a PC file is read with: the doses of EX, the weights of VS that doses by body weight need, and the unit into
    which its concentrations are converted (else their own)."""

    ex: Path | None = None
    vs: Path | None = None
    unit: str = ""


@dataclass(frozen=True)
class ColumnChoice:
    """What the columns of event data mean: ``names`` what they are to be called, by their name in the file; ``used`` which
    are covariates or number occasions, all others but customary ones being refused (None: none is); ``ignored`` which
    mean nothing."""

    names: Mapping[str, str] = field(default_factory=dict)
    used: Sequence[str] | None = None
    ignored: Sequence[str] = ()


@dataclass(frozen=True)
class Measured:
    """Concentrations of one analyte as profiles and as events; of ``analytes``, all of them as events.

    ``units`` are those of time, concentration (of the first analyte) and dose, empty where the data do not say;
    ``unit_of`` that of each analyte's concentration; ``interval`` is the planned time between doses where a protocol
    says it. ``unused`` and ``notes`` are for the reader: what was left out, and what was taken as planned. ``of`` is
    the (first) analyte of a record or a folder, and ``subjects`` who the patients are in SDTM.
    """

    path: str
    pc: PcDomain | None = None
    data: EventData | None = None
    units: tuple[str, str, str] = ("", "", "")
    unused: Sequence[Finding] = ()
    notes: Sequence[str] = ()
    interval: float | None = None
    unit_of: Mapping[str, str] = field(default_factory=dict)
    of: Analyte | None = None
    subjects: Mapping[str, DosedSubject] = field(default_factory=dict)

    @property
    def profiles(self) -> Sequence[Profile]:
        """Return the profiles of the one analyte.

        Raises
        ------
        DataError
            as :func:`posology.interchange.pk.pc_profiles.profiles`.
        """
        return profiles(self.events) if self.pc is None else self.pc.profiles

    @property
    def events(self) -> EventData:
        """Return the doses and samples that a model is fitted to.

        Raises
        ------
        DataError
            of a PC file, as :attr:`posology.interchange.pk.pc_domain.PcDomain.events`.
        """
        if self.data is None:
            assert self.pc is not None
            return self.pc.events
        return self.data

    def labels(self, time: str = "", concentration: str = "") -> tuple[str, str]:
        """Return the units of time and concentration: those of the data, else as they are said to be.

        Raises
        ------
        ValueError
            if others are said where the data say theirs.
        """
        for what, said, known in zip(("time", "concentration"), (time, concentration), self.units, strict=False):
            if known and said and said != known:
                raise ValueError(
                    f"{self.path}: the unit of {what} is {known}, not {said}"
                    + ("; d and h can be had" if what == "time" else "")
                )
        return time or self.units[0], concentration or self.units[1]


def measured(
    path: str | Path,
    *,
    analyte: str | None = None,
    analytes: Sequence[str] = (),
    specimen: str | None = None,
    cutoff: date | None = None,
    known_by: datetime | None = None,
    time: TimeUnit | None = None,
    infusion: float | None = None,
    beside: BesidePc = BesidePc(),
    columns: ColumnChoice = ColumnChoice(),
) -> Measured:
    """Read concentrations from whatever ``path`` is.

    Parameters
    ----------
    path
        event data (CSV), an SDTM PC domain (a file), a folder of SDTM datasets, or a record (file or URL).
    analyte, specimen
        which, where there are several.
    analytes
        several analytes that belong together, instead of one.
    cutoff, known_by
        of a record: what had occurred by then, and was known by then.
    time
        the unit of times of SDTM or a record (else hours of a PC file, days of the others).
    infusion
        of a record: how long an infusion took whose end it does not hold [h].
    beside
        of a PC file: its doses and weights, and the unit of its concentrations.
    columns
        of event data: what its columns mean.

    Raises
    ------
    DataError, ValueError
        saying what is wrong and where.
    """
    if is_record(path) or ("://" not in str(path) and Path(path).is_dir()):
        _refuse_columns(path, "no event data", columns)
        if beside.ex or beside.vs:
            raise ValueError(f"{path} holds its doses and weights: no other file of them is read")
        made = from_record(
            path,
            analyte=analyte,
            specimen=specimen,
            cutoff=cutoff,
            known_by=known_by,
            time=time or "d",
            infusion=infusion,
        )
        data = made.data.among(analytes) if analytes else made.data.of(analyte)
        unit_of = {a.code: a.unit for a in made.analytes}
        wanted = analytes[0] if analytes else analyte
        first = next(a for a in made.analytes if wanted in (None, a.code))
        notes = (*made.notes, *(f"left out: {text}" for text in made.left))
        return Measured(
            str(path),
            None,
            data,
            (made.time, first.unit, "mg"),
            (),
            notes,
            made.interval,
            unit_of,
            first,
            made.subjects,
        )
    if cutoff or known_by or infusion:
        what = "a cutoff" if cutoff or known_by else "an infusion's length"
        raise ValueError(f"{path} is no record: {what} is given for a trial's record")
    if is_pc(path):
        if analytes:
            raise ValueError(f"{path} is a PC domain, read one analyte at a time: name the folder for several")
        _refuse_columns(path, "a PC domain", columns)
        hours = HOURS[time or "h"]
        pc = read_pc(path, beside.ex, beside.vs, analyte=analyte, specimen=specimen, unit=beside.unit, hours=hours)
        units = (time or "h", pc.unit, pc.dose_unit)
        return Measured(str(path), pc, None, units, pc.unused, pc.notes)
    for option, file in (("EX", beside.ex), ("VS", beside.vs)):
        if file is not None:
            raise ValueError(f"{path} is event data, which hold the doses: {option} ({file}) goes with a PC domain")
    if specimen:
        raise ValueError(f"{path} is NONMEM event data: it holds no specimen; --analyte names one of several (DVID)")
    held = read(path, columns.names)
    if columns.used is not None:
        held.refuse_unknown(columns.used, columns.ignored)
    chosen = held.among(analytes) if analytes else held.of(analyte)
    return Measured(str(path), None, chosen, units=held.units, notes=held.notes)


def _refuse_columns(path: str | Path, what: str, columns: ColumnChoice) -> None:
    if columns.names or columns.ignored:
        raise ValueError(f"{path} is {what}: columns are named or ignored of event data")


def is_record(path: str | Path) -> bool:
    """Say whether there is a record at a path or URL."""
    from posology.shared.files import holds_record

    return "://" in str(path) or holds_record(path)


def from_record(
    path: str | Path,
    *,
    analyte: str | None = None,
    specimen: str | None = None,
    cutoff: date | None = None,
    known_by: datetime | None = None,
    time: TimeUnit = "d",
    infusion: float | None = None,
) -> Recorded:
    """Return the doses and concentrations of a record, or of a folder of SDTM datasets, which is read as one.

    Raises
    ------
    DataError, ValueError
        as :func:`posology.interchange.pk.from_record.recorded`; or if the record or the folder cannot be read.
    """
    from posology.conduct.trial import Trial
    from posology.interchange.sdtm.reader.read import import_sdtm

    with tempfile.TemporaryDirectory() as folder:
        where = path
        if "://" not in str(path) and Path(path).is_dir():
            where = Path(folder) / "sdtm.posology"
            import_sdtm(path, where, by="posology")
        with Trial.open(where) as trial:
            if cutoff is not None:
                refuse_day_to_come(cutoff, trial.today())
            state = trial.state(occurred_by=cutoff, recorded_by=known_by)
    if not state.trial.documents:
        raise ValueError(f"{path}: the trial had not begun by {cutoff or known_by}")
    return recorded(state, analyte=analyte, specimen=specimen, time=time, infusion=infusion, file=str(path))
