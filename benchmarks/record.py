"""Benchmark of the record: what a data manager waits for when events are loaded, entered, read, corrected.

Run: python benchmarks/record.py [PATIENTS EVENTS]. Prints medians where a step is repeated; a minute in all at the sizes preset.
"""

from __future__ import annotations

import csv
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

from spine import COLUMNS, EXAMPLE, rows

from posology.conduct.csv_import import load
from posology.conduct.trial import Trial
from posology.protocol.load import load_document
from posology.record.facts import AdverseEvent

ENTRIES, CORRECTIONS = 50, 5


def seconds_of(work: Callable[[], object]) -> float:
    """Return the seconds a piece of work takes."""
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def report(what: str, seconds: float, note: str = "") -> None:
    """Print one line of the table."""
    print(f"{what:<48} {1000 * seconds:>10.1f} ms   {note}")


def main() -> None:
    """Make a record of the size asked for and time each step."""
    patients, events = (int(a) for a in sys.argv[1:3]) if len(sys.argv) > 2 else (200, 40_000)
    plan = load_document(EXAMPLE / "protocol.yaml")
    with tempfile.TemporaryDirectory() as folder:
        place, table = Path(folder) / "trial.posology", Path(folder) / "events.csv"
        made = rows(patients, events)
        with table.open("w", newline="", encoding="utf-8") as handle:
            writer = csv.DictWriter(handle, [c for c in COLUMNS if c != "role_of"])
            writer.writeheader()
            writer.writerows(made)
        created = datetime(2014, 1, 1, tzinfo=UTC)
        with Trial.create(place, plan, by="x", on=created.date(), recorded=created) as trial:
            seconds = seconds_of(lambda: load(trial, table, by="x", protocol=plan))
        report(f"load {len(made):,} events", seconds, f"{len(made) / seconds:,.0f} events/s")
        with Trial.open(place) as trial:
            seconds = seconds_of(trial.state)
            report("first reading: every event checked, and the state", seconds, f"{len(made) / seconds:,.0f} events/s")
            report("advise: first", seconds_of(trial.advise))
            report("advise: again", statistics.median(seconds_of(trial.advise) for _ in range(3)))

            def enter(number: int) -> None:
                fact = AdverseEvent(ae=f"x{number}", term="Fatigue", grade=1, related=True)
                trial.record(fact, patient=f"B{number % patients:05}", occurred=date(2026, 1, 1), by="x")

            entries = [seconds_of(lambda n=n: enter(n)) for n in range(ENTRIES)]  # type: ignore[misc]
            report("one entry, on disk", statistics.median(entries), f"worst {1000 * max(entries):.1f} ms")
            last = len(trial.events())

            def correct(number: int) -> None:
                trial.correct(last - number, by="x", reason="benchmark", grade=2)

            corrections = [seconds_of(lambda n=n: correct(n)) for n in range(CORRECTIONS)]  # type: ignore[misc]
            report("one correction, every rule asked again", statistics.median(corrections))


if __name__ == "__main__":
    main()
