"""A record's doses and concentrations written as NONMEM event data, with a key of its columns beside it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from posology.interchange.pk.from_record import COVARIATES, Recorded
from posology.interchange.pk.nonmem import text_of
from posology.shared.files import holds_record, write_text


def export_nonmem(made: Recorded, path: str | Path, about: Mapping[str, Any]) -> Path:
    """Write the data, and beside it (FILE.json) what each column holds and in which unit; return where that is.

    ``about`` is said first in the key: which trial, at which cutoff. No file is there in part.

    Raises
    ------
    FileExistsError
        if there is such a file already, or one in the place of its key.
    """
    path = Path(path)
    beside = path.with_name(path.name + ".json")
    for file in (path, beside):
        if file.is_file() and not holds_record(path):
            raise FileExistsError(f"{file} exists: give a new file")
    text = text_of(made.data)
    header = text.split("\n", 1)[0].split(",")
    key = {
        **about,
        "file": path.name,
        "columns": {name: {"is": what, "unit": unit} for name, what, unit in columns(made) if name in header},
        "analytes": [{"DVID": n, **asdict(a)} for n, a in enumerate(made.analytes, 1)],
        "notes": made.notes,
        "left_out": made.left,
    }
    write_text(path, text)
    write_text(beside, json.dumps(key, indent=2, ensure_ascii=False, default=str) + "\n")
    return beside


def columns(made: Recorded) -> Iterator[tuple[str, str, str]]:
    """Yield each column of the data as written: its name, what it is, and its unit or key."""
    several = {a.code: str(n) for n, a in enumerate(made.analytes, 1)}
    units = ", ".join(dict.fromkeys(a.unit for a in made.analytes))
    yield from (
        ("ID", "patient, numbered by first dose", ""),
        ("PATIENT", "patient as in the record", ""),
        ("TIME", "time from the patient's first dose", made.time),
        ("EVID", "event", "0 sample, 1 dose"),
        ("MDV", "not to be fitted", "1 for doses and samples before the first dose"),
        ("AMT", "dose", "mg"),
        ("RATE", "rate of infusion", f"mg/{made.time}"),
        ("CMT", "compartment", "1 for doses, the DVID for samples"),
        ("DV", "concentration; the limit where it is below quantification", units),
        ("DVID", "analyte", ", ".join(f"{n} {code}" for code, n in several.items())),
        ("ANALYTE", "analyte as in the record", ""),
        ("BLQ", "below quantification", "1 yes, 0 no"),
        ("LLOQ", "limit of quantification", units),
    )
    yield from ((name, *COVARIATES[name]) for name in made.data.covariates)
