"""Concentrations wherever they are: NONMEM event data, SDTM (PC as CSV, or a folder of datasets), or a trial's
record."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path

from posology.interchange.pk.from_record import Analyte, DosedSubject, Recorded, TimeUnit, recorded
from posology.interchange.pk.nonmem import EventData
from posology.interchange.pk.nonmem_read import read
from posology.interchange.pk.pc_profiles import Profile, is_sdtm, profiles, sdtm_profiles
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
class Measured:
    """Concentrations of one analyte as profiles and, but for a PC file, as events; of ``analytes``, all of them as
    events.

    ``units`` are those of time, concentration (of the first analyte) and dose, empty where the data do not say;
    ``unit_of`` that of each analyte's concentration; ``interval`` is the planned time between doses where a protocol
    says it. ``unused`` and ``notes`` are for the reader: what was left out, and what was taken as planned. ``of`` is
    the (first) analyte of a record or a folder, and ``subjects`` who the patients are in SDTM.
    """

    path: str
    sampled: Sequence[Profile] = ()
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
        return self.sampled if self.data is None else profiles(self.data)

    @property
    def events(self) -> EventData:
        """Return the doses and samples that a model is fitted to.

        Raises
        ------
        ValueError
            for a PC file: it holds neither the patients' doses nor limits of quantification.
        """
        if self.data is None:
            raise ValueError(
                f"{self.path} is SDTM PC alone: name the folder that holds EX and DM with it, or a record of it"
            )
        return self.data

    def labels(self, time: str = "", concentration: str = "") -> tuple[str, str]:
        """Return the units of time and concentration: those of the data, else as they are said to be.

        Raises
        ------
        ValueError
            if others are said of a record's, which are known.
        """
        for what, said, known in zip(("time", "concentration"), (time, concentration), self.units, strict=False):
            if self.interval and said and said != known:
                raise ValueError(
                    f"{self.path}: the unit of {what} is {known}, not {said}"
                    + ("; d and h can be had" if what == "time" else "")
                )
        return time or self.units[0], concentration or self.units[1]


def measured(
    path: str | Path,
    *,
    ex: Path | None = None,
    analyte: str | None = None,
    analytes: Sequence[str] = (),
    specimen: str | None = None,
    cutoff: date | None = None,
    known_by: datetime | None = None,
    time: TimeUnit = "d",
    infusion: float | None = None,
) -> Measured:
    """Read concentrations from whatever ``path`` is.

    Parameters
    ----------
    path
        NONMEM event data (CSV), an SDTM PC domain (CSV), a folder of SDTM datasets, or a record (file or URL).
    ex
        the doses of a PC file.
    analyte, specimen
        which, where there are several.
    analytes
        several analytes that belong together, instead of one.
    cutoff, known_by
        of a record: what had occurred by then, and was known by then.
    time, infusion
        the unit of times from a record or a folder; how long an infusion took whose end it does not hold [h].

    Raises
    ------
    DataError, ValueError
        saying what is wrong and where.
    """
    if is_record(path) or ("://" not in str(path) and Path(path).is_dir()):
        made = from_record(
            path, analyte=analyte, specimen=specimen, cutoff=cutoff, known_by=known_by, time=time, infusion=infusion
        )
        data = made.data.among(analytes) if analytes else made.data.of(analyte)
        unit_of = {a.code: a.unit for a in made.analytes}
        wanted = analytes[0] if analytes else analyte
        first = next(a for a in made.analytes if wanted in (None, a.code))
        notes = (*made.notes, *(f"left out: {text}" for text in made.left))
        return Measured(
            str(path), (), data, (made.time, first.unit, "mg"), (), notes, made.interval, unit_of, first, made.subjects
        )
    if cutoff or known_by or infusion:
        what = "a cutoff" if cutoff or known_by else "an infusion's length"
        raise ValueError(f"{path} is no record: {what} is given for a trial's record")
    if Path(path).suffix.lower() in (".xpt", ".json", ".ndjson", ".parquet"):
        raise ValueError(f"{path} is no CSV: of SDTM in another format, name the folder with PC, EX and DM")
    if is_sdtm(path):
        found, unused, of = sdtm_profiles(path, ex, analyte=analyte, specimen=specimen)
        return Measured(str(path), found, None, ("h", *of), unused)
    if specimen:
        raise ValueError(f"{path} is NONMEM event data: it holds no specimen; --analyte names one of several (DVID)")
    held = read(path)
    chosen = held.among(analytes) if analytes else held.of(analyte)
    return Measured(str(path), (), chosen, notes=held.notes)


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
