"""Benchmark of interchange: the CDISC pilot trial imported, its endpoints derived, its record exported.

Run: python benchmarks/interchange.py FOLDER, with a folder of SDTM (the tests' data are small; the whole pilot is in
pharmaversesdtm). Prints the wall time of each part and of the whole, beside the limit of 15 s that was set.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import TypeVar

from posology.conduct.patient_courses import patient_courses
from posology.conduct.trial import Trial
from posology.interchange.adam.analysis import export as export_adam
from posology.interchange.adam.analysis import read_folder
from posology.interchange.adam.source import AdamConventions
from posology.interchange.sdtm.reader.read import import_sdtm
from posology.interchange.sdtm.writer.write import export_sdtm

T = TypeVar("T")
LIMIT = 15.0
HERE = Path(__file__).parents[1] / "tests/data/pharmaverse/sdtm"


def main(folder: Path) -> None:
    """Run each part once and print a table."""
    parts: list[tuple[str, float]] = []

    def timed(name: str, run: Callable[[], T]) -> T:
        start = time.perf_counter()
        made = run()
        parts.append((name, time.perf_counter() - start))
        return made

    with tempfile.TemporaryDirectory() as place:
        record, out = Path(place) / "pilot.posology", Path(place) / "sdtm"
        report = timed("import: SDTM to record", lambda: import_sdtm(folder, record, by="benchmark"))
        with Trial.open(record) as trial:
            state = timed("open and fold the record", trial.state)
        timed("derive: RECIST and courses", lambda: patient_courses(state, date.today()))
        timed(
            "derive: ADaM with Define-XML",
            lambda: export_adam(read_folder(folder), Path(place) / "adam", AdamConventions(), ("xpt",)),
        )
        timed("export: record to SDTM (xpt)", lambda: export_sdtm(state, out, format="xpt"))
    total = sum(seconds for _, seconds in parts)
    print(
        f"{sum(report.rows.values()):,} rows, {sum(report.events.values()):,} events, {len(state.patients)} patients\n"
    )
    for name, seconds in [*parts, ("total", total)]:
        print(f"{name:<32}{seconds:8.2f} s")
    print(f"\n{total / LIMIT:.2f} of the limit of {LIMIT:g} s")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE)
