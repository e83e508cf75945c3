"""SDTM PP: the parameters of a non-compartmental analysis, one row a parameter of a profile (SDTMIG 3.3).

Codes and names are those of CDISC's controlled terminology (PKPARMCD, PKPARM); a parameter that it has no code for is
not written, and neither is one that was not asked for (no dosing interval, no bolus).
"""

from __future__ import annotations

import csv
import math
from collections.abc import Collection
from datetime import datetime, timedelta
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from posology.interchange.datasets.dataset import Dataset, DatasetError
from posology.interchange.datasets.formats import Format, check_format, read_dataset, write_dataset
from posology.interchange.pk.from_record import DosedSubject
from posology.interchange.pk.pc_profiles import Profile
from posology.interchange.pk.profile_nca import ProfileAnalysis
from posology.interchange.pk.sources import Measured
from posology.pharmacology.nca.registry import PARAMETERS, NcaParameter

if TYPE_CHECKING:
    import polars as pl

LABELS = {
    "STUDYID": "Study Identifier",
    "DOMAIN": "Domain Abbreviation",
    "USUBJID": "Unique Subject Identifier",
    "PPSEQ": "Sequence Number",
    "PPGRPID": "Group ID",
    "PPTESTCD": "Parameter Short Name",
    "PPTEST": "Parameter Name",
    "PPCAT": "Parameter Category",
    "PPORRES": "Result or Finding in Original Units",
    "PPORRESU": "Original Units",
    "PPSTRESC": "Character Result/Finding in Std Format",
    "PPSTRESN": "Numeric Result/Finding in Standard Units",
    "PPSTRESU": "Standard Units",
    "PPSTAT": "Completion Status",
    "PPREASND": "Reason Not Done",
    "PPSPEC": "Specimen Material Type",
    "PPRFTDTC": "Date/Time of Reference Point",
}
UNITS = {
    "c": "{c}",
    "t": "{t}",
    "%": "%",
    "1": "",
    "1/t": "/{t}",
    "c*t": "{t}*{c}",
    "c*t2": "{t}2*{c}",
    "dose/(t*c)": "{dose}/({t}*{c})",
    "dose/c": "{dose}/({c})",
    "c/dose": "{c}/{dose}",
    "c*t/dose": "{t}*{c}/{dose}",
}
"""The units of the registry as CDISC's terms write them: time goes first."""
TIME = {"d": "day", "h": "h"}


@cache
def parameter_names() -> dict[str, str]:
    """Return the names of parameters by their codes, as the terminology has them.

    >>> parameter_names()["LAMZHL"]
    'Half-Life Lambda z'
    """
    text = (files("posology.interchange") / "standards/sdtm/pk_parameters.csv").read_text(encoding="utf-8")
    return {row["code"]: row["test"] for row in csv.DictReader(text.splitlines())}


def pp_dataset(made: ProfileAnalysis, read: Measured) -> Dataset:
    """Return the parameters of profiles as the domain PP.

    A parameter that could not be determined is NOT DONE, with the reason.

    Raises
    ------
    ValueError
        if the data say neither who the subjects are nor when they were dosed, as NONMEM event data.
    """
    import polars as pl

    if read.of is None or not read.subjects:
        raise ValueError(
            f"{read.path} does not say who the subjects are in SDTM, and when they were dosed: "
            "PP is written of a trial's record or a folder of SDTM"
        )
    rows = []
    for i, profile in enumerate(made.profiles):
        for parameter in PARAMETERS:
            row = _row(made, read, i, profile, parameter)
            if row is not None:
                rows.append(row)
    schema = dict.fromkeys(LABELS, pl.String) | {"PPSEQ": pl.Int64, "PPSTRESN": pl.Float64}
    frame = pl.DataFrame(rows, schema=schema).sort(["USUBJID", "PPRFTDTC"], maintain_order=True)
    frame = frame.with_columns(pl.int_range(1, pl.len() + 1).over("USUBJID").cast(pl.Int64).alias("PPSEQ"))
    return Dataset.of("PP", frame, "Pharmacokinetics Parameters", labels=LABELS)


def _row(
    made: ProfileAnalysis, read: Measured, i: int, profile: Profile, parameter: NcaParameter
) -> dict[str, str | float | None] | None:
    """Return the row of a parameter of a profile; None where it has no code, or nobody can have it in this analysis."""
    code = parameter.code_extravascular if made.route == "extravascular" else parameter.code
    values = made.named.get(parameter.name)
    if code not in parameter_names() or values is None or all(math.isnan(value) for value in values):
        return None
    assert read.of is not None
    subject, value = read.subjects[profile.patient], float(values[i])
    is_known = math.isfinite(value)
    unit = UNITS[parameter.unit].format(t=TIME.get(read.units[0], read.units[0]), c=read.of.unit, dose=read.units[2])
    text = f"{value:.12g}" if is_known else None
    return {
        "STUDYID": subject.study,
        "DOMAIN": "PP",
        "USUBJID": subject.usubjid,
        "PPSEQ": None,
        "PPGRPID": profile.label,
        "PPTESTCD": code,
        "PPTEST": parameter_names()[code],
        "PPCAT": read.of.name.upper(),
        "PPORRES": text,
        "PPORRESU": unit or None,
        "PPSTRESC": text,
        "PPSTRESN": value if is_known else None,
        "PPSTRESU": unit or None,
        "PPSTAT": None if is_known else "NOT DONE",
        "PPREASND": None if is_known else parameter.missing,
        "PPSPEC": read.of.specimen.upper(),
        "PPRFTDTC": _reference(subject, profile.at, read.units[0]),
    }


def _reference(subject: DosedSubject, at: float, time: str) -> str:
    """Return when the dose of a profile began, by the first dose and the time from it."""
    since = timedelta(hours=at if time == "h" else 24 * at)
    if isinstance(subject.begun, datetime):
        return (subject.begun + since).isoformat(timespec="minutes")
    return (subject.begun + since).isoformat()


def write_pp(made: ProfileAnalysis, read: Measured, file: Path) -> None:
    """Write the domain PP to a file, whole or not at all, in the format that its name ends in.

    Raises
    ------
    ValueError
        as :func:`pp_dataset`; or if the format is not known, or cannot hold the data.
    """
    kind = file.suffix.removeprefix(".").lower()
    format_ = next((name for name in get_args(Format) if name == kind), None)
    if format_ is None:
        raise ValueError(f"{file}: PP is written as {', '.join(f'.{name}' for name in get_args(Format))}")
    dataset = pp_dataset(made, read)
    wrong = check_format(dataset, format_)
    if wrong:
        raise DatasetError(f"PP cannot be written as {format_}:", wrong)
    write_dataset(dataset, file, format_)


def parameters_of(file: Path, subjects: Collection[str]) -> pl.DataFrame:
    """Return the domain PP of a file, of these subjects.

    Raises
    ------
    ValueError
        if it is no PP, or of somebody else.
    """
    dataset = read_dataset(file)
    frame = dataset.frame.rename(str.upper)
    lacking = [name for name in ("USUBJID", "PPTESTCD", "PPSTRESN") if name not in frame.columns]
    if lacking:
        raise ValueError(f"{file} is no PP: it has no {', '.join(lacking)}")
    others = sorted(set(frame["USUBJID"].drop_nulls().to_list()) - set(subjects))
    if others:
        raise ValueError(
            f"{file} holds parameters of {', '.join(others[:3])}, who {'is' if len(others) == 1 else 'are'} "
            "not in the record"
        )
    return frame
