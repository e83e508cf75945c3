"""What the tests of tumour response share: cases from files, rows of lesions in a short form, recorded responses."""

from __future__ import annotations

import csv
import gzip
import json
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from posology.endpoints.best_response import Best
from posology.endpoints.readings import Readings, arrange_readings
from posology.endpoints.recist import (
    RECIST_11,
    Assessments,
    Lesions,
    RecistRules,
    Response,
    Role,
    Status,
    assess,
    best_response,
)

DATA = Path(__file__).parents[1] / "data/endpoints"
CR, PR, SD, PD, NE = Response.CR, Response.PR, Response.SD, Response.PD, Response.NE
NON, ND, UPD, ABSENT = Response.NON_CR_NON_PD, Response.ND, Response.UPD, Response.ABSENT
NAN = float("nan")


def load(name: str) -> Any:
    """Read a case file."""
    path = DATA / name
    return json.loads(gzip.decompress(path.read_bytes()) if name.endswith(".gz") else path.read_bytes())


def table(name: str) -> list[dict[str, str]]:
    """Read a table, all as text."""
    data = (DATA / name).read_bytes()
    return list(csv.DictReader((gzip.decompress(data) if name.endswith(".gz") else data).decode().splitlines()))


def day(text: str, first: bool = False) -> int:
    """Read a date as its ordinal; a missing day is the last of the month or the first, as the example programs impute
    it."""
    if len(text) == 7:
        if first:
            return date.fromisoformat(f"{text}-01").toordinal()
        year, month = (int(part) for part in text.split("-"))
        return date(year + month // 12, month % 12 + 1, 1).toordinal() - 1
    return date.fromisoformat(text[:10]).toordinal()


def iso(ordinal: int | None) -> str | None:
    """Write an ordinal as a date."""
    return None if ordinal is None else date.fromordinal(int(ordinal)).isoformat()


def laid_out(rows: list[tuple[str, int, Response]], patients: list[str]) -> Readings:
    """Lay out (patient, day, response)."""
    index = {who: i for i, who in enumerate(patients)}
    columns = [[index[who] for who, _, _ in rows], [on for _, on, _ in rows], [code for *_, code in rows]]
    return arrange_readings(*(np.array(column, dtype=np.int64) for column in columns), len(patients))


def on(readings: Readings, patient: int, column: int) -> str | None:
    """Return the date of a column."""
    return iso(int(readings.day[patient, column])) if column >= 0 else None


def best(
    *seen: Response,
    days: list[int] | None = None,
    start: int = 0,
    followed: bool = False,
    rules: RecistRules = RECIST_11,
) -> Best:
    """Return the best response of one patient; assessments every 42 days unless said otherwise."""
    when = np.array([[0, *(days or [42 * (k + 1) for k in range(len(seen))])]])
    return best_response(np.array([[Response.NONE, *seen]]), when, np.array([start]), np.array([followed]), rules)


Row = tuple[int, str, Any]  # assessment, lesion, size or status


def made(*rows: Row, days: list[int] | None = None, **columns: Any) -> Lesions:
    """Make one patient's lesions: (assessment, name, size in mm or a status).

    A name begins with T (target), N (target node), O (other, non-target), P (a non-target node) or X (new lesion).
    """
    names: dict[str, int] = {}
    roles = {"T": Role.TARGET, "N": Role.TARGET, "O": Role.NON_TARGET, "P": Role.NON_TARGET, "X": Role.NEW}
    lists: list[list[Any]] = [[] for _ in range(8)]
    for k, name, what in rows:
        status = what if isinstance(what, Status) else Status.MEASURED
        size = NAN if isinstance(what, Status) else float(what)
        values = (
            0,
            k,
            names.setdefault(name, len(names)),
            days[k] if days else 42 * k,
            roles[name[0]],
            status,
            name[0] in "NP",
            size,
        )
        for column, value in zip(lists, values, strict=True):
            column.append(value)
    return Lesions(*(np.array(column) for column in lists), **{key: np.array(value) for key, value in columns.items()})


def assessed(*rows: Row, rules: RecistRules = RECIST_11, **columns: Any) -> Assessments:
    """Assess one patient's lesions."""
    lesions = made(*rows, **columns)
    return assess(lesions, 1, int(lesions.assessment.max()) + 1, rules)


def names(codes: Any) -> list[str]:
    """Return the responses after the baseline by name."""
    return [Response(code).name for code in codes[0, 1:]]
