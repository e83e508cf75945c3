"""Benchmarks of the spine: loading, folding, deciding and reading out a big trial; starting the program.

Run: python benchmarks/spine.py [PATIENTS EVENTS]. Prints medians, and ratios to the limits that were set.
"""

from __future__ import annotations

import csv
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from posology.conduct.csv_import import load
from posology.conduct.trial import Trial
from posology.protocol.load import load_document
from posology.readout.readout import make_readout
from posology.readout.write import write_readout
from posology.record.snapshot import take_snapshot
from posology.record.state import fold

EXAMPLE = Path(__file__).parents[1] / "src/posology/examples/imgn853"
COLUMNS = (
    "kind",
    "patient",
    "occurred",
    "author",
    "sex",
    "age",
    "tumour_type",
    "height_cm",
    "weight_kg",
    "ecog",
    "criterion",
    "met",
    "cohort",
    "cycle",
    "level",
    "actual_mg",
    "ae",
    "term",
    "grade",
    "related",
    "assessment",
    "lesion",
    "role",
    "organ",
    "diameter_mm",
    "value",
    "upper_limit",
    "percent_2plus",
    "assay",
    "intensity",
    "action",
    "why",
    "decision",
    "name",
    "role_of",
    "override",
)


def rows(patients: int, events: int) -> list[dict[str, object]]:
    """Make a trial of many patients in an expansion cohort: doses, scans of five lesions, markers, adverse events."""
    chance = random.Random(853)
    start = date(2015, 1, 5)
    made: list[dict[str, object]] = [
        {
            "kind": "decision_taken",
            "occurred": start,
            "action": "declare MTD",
            "level": 6,
            "why": "benchmark",
            "override": "no-higher-than-advised, cohort-is-evaluable: benchmark",
        },
        {"kind": "decision_signed", "occurred": start, "decision": 1, "author": "M", "name": "M", "role": "monitor"},
    ]
    each = (events - 2) // patients
    for k in range(patients):
        p, day = f"B{k:05}", start + timedelta(days=k % 400)
        add = lambda kind, on, p=p, **fields: made.append({"kind": kind, "patient": p, "occurred": on, **fields})
        begun = len(made)
        add("consented", day)
        add("screened", day, sex="F", age=60, tumour_type="ovarian", height_cm=165, weight_kg=60, ecog=1)
        add("target_scored", day, assay="x", intensity=3, percent_2plus=80)
        for criterion in ("I4", "I5", "I6", "I7"):
            add("criterion_attested", day, criterion=criterion, met="yes")
        for lesion in range(5):
            add(
                "lesion_measured",
                day,
                assessment=0,
                lesion=f"T{lesion}",
                role="target",
                organ=f"organ {lesion}",
                diameter_mm=30,
            )
        add("marker_measured", day, value=500, upper_limit=35)
        add("slot_reserved", day + timedelta(days=1), cohort="ovarian-relapsed")
        add("enrolled", day + timedelta(days=1), cohort="ovarian-relapsed")
        visit = 0
        while len(made) - begun < each:
            on = day + timedelta(days=2 + 21 * visit)
            wanted = [("dosed", on, {"cycle": visit + 1, "level": 6, "weight_kg": 60, "actual_mg": 300})]
            if visit:
                wanted.append(
                    ("marker_measured", on, {"value": round(500 * chance.uniform(0.2, 1.2)), "upper_limit": 35})
                )
                grade = chance.randint(1, 3)
                wanted.append(
                    (
                        "adverse_event",
                        on,
                        {
                            "ae": visit,
                            "term": chance.choice(("Fatigue", "Nausea", "Blurred vision")),
                            "grade": grade,
                            "related": "yes",
                        },
                    )
                )
            if visit and visit % 2 == 0:
                wanted += [
                    (
                        "lesion_measured",
                        on,
                        {
                            "assessment": visit // 2,
                            "lesion": f"T{n}",
                            "role": "target",
                            "organ": f"organ {n}",
                            "diameter_mm": round(30 * chance.uniform(0.6, 1.05), 1),
                        },
                    )
                    for n in range(5)
                ]
            for kind, when, fields in wanted[: each - (len(made) - begun)]:
                add(kind, when, **fields)
            visit += 1
    return made


def timed(work: Callable[[], object]) -> float:
    """Return the seconds a piece of work takes."""
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def command(*arguments: str, runs: int = 7) -> float:
    """Return the median seconds of a whole command."""
    call = [sys.executable, "-m", "posology", *arguments]
    return statistics.median(timed(lambda: subprocess.run(call, check=True, capture_output=True)) for _ in range(runs))


def report(what: str, seconds: float, limit: float, note: str = "") -> None:
    """Print one line of the table."""
    print(f"{what:<52} {seconds:>9.3f} s   limit {limit:>6.2f} s   ratio {seconds / limit:>5.2f}   {note}")


def main() -> None:
    patients, events = (int(a) for a in sys.argv[1:3]) if len(sys.argv) > 2 else (1000, 200_000)
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        plan = load_document(EXAMPLE / "protocol.yaml")
        made = rows(patients, events)
        with (home / "events.csv").open("w", newline="", encoding="utf-8") as handle:
            writer = csv.DictWriter(handle, [c for c in COLUMNS if c != "role_of"])
            writer.writeheader()
            writer.writerows(made)
        with Trial.create(
            home / "big.posology", plan, by="x", on=date(2014, 1, 1), recorded=datetime(2014, 1, 1, tzinfo=UTC)
        ) as trial:
            seconds = timed(lambda: load(trial, home / "events.csv", by="x", protocol=plan))
            report(
                f"load {len(made)} events of {patients} patients",
                seconds,
                len(made) / 10_000,
                f"{len(made) / seconds:,.0f} events/s",
            )
            held: list[object] = []
            report("read them from the store", timed(lambda: held.append(trial.events())), 2.0)
            known = trial.events()
            report("fold them", statistics.median(timed(lambda: fold(known)) for _ in range(3)), 2.0)
            report("read and fold", timed(lambda: fold(trial.events())), 2.0)
            report("verify the chain", timed(lambda: trial.store.check()), 10.0)
            cutoff = date(2018, 1, 1)
            report(
                "read out: endpoints, tables",
                timed(lambda: held.append(make_readout(take_snapshot(known, cutoff)))),
                30.0,
            )
            report(
                "read out: write page, data and figures",
                timed(lambda: write_readout(make_readout(take_snapshot(known, cutoff)), home / "out")),
                60.0,
                f"page {(home / 'out/readout.html').stat().st_size / 1e6:.0f} MB",
            )
        with Trial.create(
            home / "t.posology", plan, by="x", on=date(2012, 6, 1), recorded=datetime(2012, 6, 1, 8, tzinfo=UTC)
        ) as trial:
            load(trial, EXAMPLE / "events.csv", by="x", protocol=plan)
        report(
            "whole command: posology trial advise (IMGN853)", command("trial", "advise", str(home / "t.posology")), 0.5
        )
        report("whole command: posology --help", command("--help"), 0.3)
        report(
            "whole command: posology trial advise (big trial)",
            command("trial", "advise", str(home / "big.posology"), runs=3),
            4.0,
        )


if __name__ == "__main__":
    main()
