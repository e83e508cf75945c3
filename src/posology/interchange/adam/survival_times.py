"""Times to an event as others have them, ADTTE or a table of their own, for a Kaplan-Meier curve a group."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from posology.interchange.datasets.formats import read_dataset
from posology.shared.arrays import Floats


@dataclass(frozen=True)
class GroupTimes:
    """Times and whether they end with the event, (patients,), and the unit of the times where it is told."""

    times: Floats
    event: Floats
    unit: str


def times_by_group(
    file: Path, *, parameter: str | None = None, time: str = "AVAL", event: str | None = None, by: str | None = None
) -> Mapping[str, GroupTimes]:
    """Return the times of a dataset by group, in order of the groups' names; one group without ``by``.

    Parameters
    ----------
    file
        ADTTE, or another table with a row a patient.
    parameter
        PARAMCD of the times; not needed where there is one alone.
    time, event
        the column of times; that which is 1 for an event and 0 for a censored time. Without ``event`` CNSR, which is 0
        for an event.
    by
        the column that tells the groups.

    Raises
    ------
    ValueError
        naming the column, or the parameter, that is not there, or what is no number in it.
    """
    import polars as pl

    frame = read_dataset(file).frame
    frame = frame.rename({name: name.upper() for name in frame.columns})
    named = [time.upper(), (event or "CNSR").upper(), *([by.upper()] if by else [])]
    for name in (*named, *(["PARAMCD"] if parameter else [])):
        if name not in frame.columns:
            raise ValueError(f"{file} has no column {name}; it has {', '.join(frame.columns)}")
    if "PARAMCD" in frame.columns:
        codes = frame["PARAMCD"].unique().drop_nulls().sort().to_list()
        if parameter is None and len(codes) > 1:
            raise ValueError(f"{file} holds {', '.join(codes)}: say which of them")
        if parameter and parameter.upper() not in codes:
            raise ValueError(f"{file} holds no {parameter}; it holds {', '.join(codes)}")
        frame = frame.filter(pl.col("PARAMCD") == (parameter.upper() if parameter else codes[0]))
    for name in named[:2]:
        if not frame[name].dtype.is_numeric() or frame[name].is_null().any():
            raise ValueError(f"{file}: {name} must be a number in every row")
    groups = pl.lit("all") if by is None else pl.col(by.upper()).cast(pl.String).fill_null("missing")
    rows = frame.select(
        groups.alias("group"), pl.col(named[0]).cast(pl.Float64), pl.col(named[1]).cast(pl.Float64).alias("status")
    )
    unit = _unit(frame["PARAM"].drop_nulls().head(1).to_list() if "PARAM" in frame.columns else [])
    found = {}
    for key, part in sorted(rows.group_by("group"), key=lambda pair: str(pair[0][0])):
        status = part["status"].to_numpy()
        happened = status if event else np.where(status == 0, 1.0, np.where(status > 0, 0.0, np.nan))
        found[str(key[0])] = GroupTimes(part[named[0]].to_numpy(), happened, unit)
    return found


def _unit(params: list[str]) -> str:
    """Return the unit that PARAM tells in parentheses."""
    text = params[0] if params else ""
    return text.rpartition("(")[2].rstrip(") ") if text.endswith(")") else ""
