"""Records with concentrations for tests: doses by the clock, samples from a model in closed form."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from posology.conduct.import_trial import ImportedFact, import_events
from posology.record.collected import DataImport, PkConcentration
from posology.record.fact import Fact
from posology.record.facts import AdverseEvent, Consented, Dosed, Enrolled, Screened, TargetScored

START = datetime(2013, 1, 7, 9, 0)
RECORDED = datetime(2014, 1, 1, tzinfo=UTC)
CLEARANCE, CENTRAL, BETWEEN, PERIPHERAL = 0.4, 2.5, 0.6, 1.5  # L/d, L, L/d, L
RATES = np.roots(
    [1.0, -(CLEARANCE / CENTRAL + BETWEEN / CENTRAL + BETWEEN / PERIPHERAL), CLEARANCE / CENTRAL * BETWEEN / PERIPHERAL]
)
SHARES = np.array(
    [
        (RATES[0] - BETWEEN / PERIPHERAL) / (RATES[0] - RATES[1]),
        (RATES[1] - BETWEEN / PERIPHERAL) / (RATES[1] - RATES[0]),
    ]
)


def concentration(days: float, mg: float, length: float) -> float:
    """Return mg/L after an infusion of ``length`` days: the sum of two exponentials, integrated over the infusion."""
    if days <= 0:
        return 0.0
    during, after = min(days, length), max(days - length, 0.0)
    return float(
        (mg / length / CENTRAL * SHARES / RATES * (1 - np.exp(-RATES * during)) * np.exp(-RATES * after)).sum()
    )


def sample(
    hours: float,
    value: float | None,
    *,
    of: str = "ADC",
    unit: str = "ug/mL",
    clock: bool = True,
    dose: datetime = START,
    **more: Any,
) -> tuple[date, Fact]:
    """Return a sample so many hours after a dose: by its clock, or by its day and the hours planned."""
    at = dose + timedelta(hours=hours)
    when = {"dated": at.isoformat(timespec="minutes")} if clock else {"timepoint_number": hours}
    said: dict[str, Any] = {
        "test": of,
        "value": value,
        "unit": unit,
        "specimen": "serum",
        "quantification_limit": 0.5,
        **when,
    } | more
    return at.date(), PkConcentration(**said)


def dosed(
    mg: float,
    *,
    on: datetime = START,
    cycle: int = 1,
    level: int = 6,
    weight: float = 70.0,
    hours: float | None = 2.0,
    clock: bool = True,
) -> tuple[date, Fact]:
    """Return a dose: by its clock with the infusion's length, or by its day."""
    ended = (on + timedelta(hours=hours)).isoformat(timespec="minutes") if hours and clock else None
    dated = on.isoformat(timespec="minutes") if clock else None
    return on.date(), Dosed(cycle=cycle, level=level, weight_kg=weight, actual_mg=mg, dated=dated, ended=ended)


def eye(day: int) -> tuple[date, Fact]:
    """Return an ocular adverse event on a day after the first dose."""
    fact = AdverseEvent(ae="1", term="Blurred vision", system_organ_class="Eye disorders", grade=2, related=True)
    return START.date() + timedelta(days=day), fact


def made(where: Path, document: dict[str, Any], patients: dict[str, Sequence[tuple[date, Fact]]]) -> str:
    """Make a record of these patients, each consented, screened, scored and enrolled a week before the first dose."""
    taken = []
    for name, facts in patients.items():
        before = START.date() - timedelta(days=7)
        level = next((f.level for _, f in facts if isinstance(f, Dosed)), 6)
        opening: Iterable[Fact] = (
            Consented(),
            Screened(sex="F", age=60, tumour_type="ovarian", height_cm=165.0, weight_kg=70.0),
            TargetScored(assay="IHC", intensity=3, percent_2plus=80.0),
            Enrolled(level=level),
        )
        taken += [ImportedFact(fact, name, before, "test") for fact in opening]
        taken += [ImportedFact(fact, name, on, "test") for on, fact in sorted(facts, key=lambda entry: entry[0])]
    source = DataImport(
        source="test", standard="none", files={}, events={}, not_understood={}, findings=0, protocol="given"
    )
    import_events(where, document, source, taken, by="test", recorded=RECORDED, created=date(2012, 12, 1))
    return str(where)


HOURS = (2.0, 4.0, 8.0, 24.0, 48.0, 96.0, 168.0, 336.0, 503.5)


def course(mg: float, *, scale: float = 1.0, **more: Any) -> list[tuple[date, Fact]]:
    """Return one dose with its samples: before it (below quantification), at the end of infusion, and down to the
    trough."""
    facts = [dosed(mg, **more), sample(-0.5, None, result="<0.5")]
    facts += [sample(h, scale * concentration(h / 24, mg, 2 / 24)) for h in HOURS]
    return facts
