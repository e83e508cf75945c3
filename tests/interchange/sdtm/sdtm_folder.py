"""Folders of SDTM for tests: the pilot trial put together, and small ones written out."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

DATA = Path(__file__).parents[2] / "data"
PILOT = (DATA / "pharmaverse/sdtm", DATA / "sdtm")


def pilot(folder: Path, names: Iterable[str] | None = None) -> Path:
    """Put the pilot trial's datasets into a folder: all of them, or those named."""
    folder.mkdir(parents=True, exist_ok=True)
    wanted = set(names) if names is not None else None
    for place in PILOT:
        for file in place.glob("*.csv.gz"):
            if wanted is None or file.name.split(".")[0] in wanted:
                shutil.copy(file, folder / file.name)
    return folder


def study(folder: Path, **domains: list[Mapping[str, object]]) -> Path:
    """Write a small study: rows by domain, with STUDYID, DOMAIN and a sequence added; DM is made if it is not given."""
    folder.mkdir(parents=True, exist_ok=True)
    if "dm" not in domains:
        subjects = dict.fromkeys(str(row["USUBJID"]) for rows in domains.values() for row in rows if row.get("USUBJID"))
        domains = {"dm": [patient(subject) for subject in subjects], **domains}
    for name, rows in domains.items():
        counts: dict[object, int] = {}
        full = []
        for row in rows:
            who = row.get("USUBJID")
            counts[who] = counts.get(who, 0) + 1
            extra = {} if name.startswith("supp") else {"DOMAIN": name.upper()[:2]}
            if name not in ("dm", "ts") and not name.startswith("supp"):
                extra[f"{name.upper()[:2]}SEQ"] = str(counts[who])
            full.append({"STUDYID": "S1", **extra, **row})
        columns = list(dict.fromkeys(column for row in full for column in row))
        with (folder / f"{name}.csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, columns, quoting=csv.QUOTE_NONNUMERIC)
            writer.writeheader()
            writer.writerows(full)
    return folder


def patient(subject: str, **more: object) -> dict[str, object]:
    """Return a row of DM: a woman of 60 in arm A, treated from 2 January 2020."""
    return {
        "USUBJID": subject,
        "SUBJID": subject,
        "RFSTDTC": "2020-01-02",
        "RFXSTDTC": "2020-01-02",
        "RFICDTC": "2019-12-20",
        "DMDTC": "2019-12-21",
        "AGE": 60,
        "AGEU": "YEARS",
        "SEX": "F",
        "ARMCD": "A",
        "ARM": "Arm A",
        "ACTARMCD": "A",
        "ACTARM": "Arm A",
        **more,
    }


def dose(subject: str, on: str = "2020-01-02", **more: object) -> dict[str, object]:
    """Return a row of EX."""
    return {"USUBJID": subject, "EXTRT": "DRUG", "EXDOSE": 10, "EXDOSU": "mg", "EXSTDTC": on, "EXENDTC": on, **more}
