"""Virtual patients written in the record's own events, so that endpoints and readout work on them as on real ones.

An expansion cohort is simulated: patients of the model in :mod:`posology.pharmacology`, eligible by the protocol, are
screened, treated and assessed day by day; what the model says becomes rows as :mod:`posology.conduct.loading` loads them.
Every value is marked as assumed: nobody was treated.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np

from posology.endpoints.body_size import dose_mg
from posology.operating.virtual import conjugate, receptor
from posology.pharmacology.clinical import Fate, Standing, Treated, treat
from posology.pharmacology.compounds import IMGN853
from posology.pharmacology.plasma import Plasma
from posology.pharmacology.population import OVARIAN, Patients, Variability, by_weight, combined
from posology.protocol.model import Protocol

Row = dict[str, Any]
LIMIT = 35.0  # upper limit of normal of CA-125 [U/mL]
EYE, NERVE, LUNG, OTHER = "Blurred vision", "Peripheral sensory neuropathy", "Pneumonitis", "Hypophosphataemia"
CLASSES = {
    EYE: "Eye disorders", NERVE: "Nervous system disorders", LUNG: "Respiratory, thoracic and mediastinal disorders",
    OTHER: "Metabolism and nutrition disorders",
}  # fmt: skip


@dataclass(frozen=True)
class Virtual:
    """Virtual patients of an expansion cohort: who they are, what became of them, and the rows that say so."""

    people: Patients
    treated: Treated
    rows: tuple[Row, ...]


def expansion(
    protocol: Protocol, cohort: str, level: int, patients: int, rng: np.random.Generator, *, start: date, cycles: int = 8,
    between_days: int = 4,
) -> Virtual:  # fmt: skip
    """Simulate an expansion cohort of ovarian cancer at a dose level, as events.

    Parameters
    ----------
    protocol
        the protocol: its doses, body size, schedule and assessments are kept. The drug must be IMGN853.
    cohort
        the expansion cohort's name; it must take ovarian cancer.
    level
        number of the dose level, from 1.
    patients
        how many, all eligible: those whose tumours carry too little of the target are drawn again.
    rng
        of everything.
    start, between_days
        consent of the first patient; days from one patient to the next.
    cycles
        cycles at most.

    Raises
    ------
    ValueError
        if the drug, the cohort or the level is not one that can be simulated.
    """
    if protocol.drug.name != "IMGN853":
        raise ValueError(
            f"the drug is {protocol.drug.name}: virtual patients carry IMGN853, the one that is calibrated"
        )
    if cohort not in protocol.expansion:
        raise ValueError(f"{cohort!r} is no expansion cohort; the protocol has {', '.join(protocol.expansion)}")
    if not 1 <= level <= len(protocol.dose.levels):
        raise ValueError(f"level {level}: the protocol has levels 1 to {len(protocol.dose.levels)}")
    if patients < 1:
        raise ValueError(f"patients is {patients}: there must be one or more")
    people = _eligible(rng, patients, protocol, cohort)
    factors = combined(by_weight(people.weight_kg), Variability.of(IMGN853).draw(rng, patients))
    plasma = conjugate(Plasma.of(IMGN853, factors))
    spread = float(np.log(plasma.area).std()) if patients > 1 else 0.0
    fate = Fate.draw(
        rng, patients, s0=people.sld_mm, receptor=receptor(people.expression), ca0=people.ca125, explained=spread
    )
    doses = [float(dose) for dose in protocol.dose.levels[:level]]
    allowed = protocol.modification.maximum_reductions + 1
    ratio = np.array([*(dose / doses[-1] for dose in doses[::-1][:allowed]), 0.0])  # the level, those below, then none
    longest = min(42.0, float(protocol.modification.maximum_delay_days))
    metric = protocol.dose.body_size
    planned = dose_mg(doses[-1], metric, people.weight_kg, people.height_cm, people.sex)
    usual = dose_mg(6.0, "adjusted ideal body weight", people.weight_kg, people.height_cm, people.sex)
    treated = treat(
        fate, plasma, planned, reference=usual, cycles=cycles, interval=float(protocol.schedule.cycle_days),
        rule=lambda standing: _by_level(standing, ratio, longest),
    )  # fmt: skip
    first = [start + timedelta(days=14 + between_days * i) for i in range(patients)]
    rows = list(_opening(start, level))
    for i in range(patients):
        rows += _patient(i, first[i], protocol, cohort, level, ratio, people, treated)
    return Virtual(people, treated, tuple(sorted(rows, key=lambda row: str(row["occurred"]))))


def _eligible(rng: np.random.Generator, patients: int, protocol: Protocol, cohort: str) -> Patients:
    """Draw patients until so many meet what the protocol and the cohort ask of target expression and prior regimens."""
    drawn = Patients.draw(rng, 20 * patients + 100, [(OVARIAN, 1.0)])
    known = {"target_percent_2plus": np.round(100 * drawn.ps2, 1), "prior_regimens": drawn.prior_regimens}
    fit = np.ones(len(drawn), dtype=bool)
    for criterion in (*protocol.eligibility, *protocol.expansion[cohort].eligibility):
        if criterion.fact in known:
            values = known[criterion.fact]
            low, high = criterion.at_least, criterion.at_most
            met = (values >= (-np.inf if low is None else low)) & (values <= (np.inf if high is None else high))
            fit &= met if criterion.kind == "inclusion" else ~met
    rows = np.flatnonzero(fit)[:patients]
    if len(rows) < patients:
        raise ValueError(f"only {len(rows)} of {len(drawn)} virtual patients are eligible for {cohort}")
    return Patients(**{name: values[rows] for name, values in vars(drawn).items()})


def _by_level(standing: Standing, ratio: np.ndarray[Any, Any], longest: float) -> tuple[Any, Any]:
    """Hold for an ocular event of grade 2 or worse until it is over, as long as may be; a level less after grade 3."""
    held = standing.ocular >= 2
    wait = np.where(held, np.clip(standing.recovers - standing.due, 0, longest), 0.0)
    at = np.abs(ratio[None, :] - standing.factor[:, None]).argmin(axis=1)
    at = np.where(held & (standing.ocular == 3), np.minimum(at + 1, len(ratio) - 1), at)
    wait = np.ceil(np.maximum(wait, np.where(standing.setback, 7.0, 0.0)))
    return np.where(standing.worst >= 4, 0.0, ratio[at]), wait


def _opening(start: date, level: int) -> Iterator[Row]:
    """Yield the decision that opens the expansion: set by the simulation, not found by dose escalation."""
    yield {"kind": "decision_taken", "occurred": start, "action": "declare MTD", "level": level,
           "why": "a simulated expansion cohort: the level is given", "override": "simulated"}  # fmt: skip
    yield {"kind": "decision_signed", "occurred": start, "decision": 1, "name": "Simulation", "role": "model"}


def _patient(
    i: int, first: date, protocol: Protocol, cohort: str, level: int, ratio: np.ndarray[Any, Any], people: Patients, treated: Treated
) -> list[Row]:  # fmt: skip
    name = f"V-{i + 1:04}"
    rows: list[Row] = []
    on = lambda day: first + timedelta(days=int(np.floor(day)))
    add = lambda kind, day, **fields: rows.append({"kind": kind, "patient": name, "occurred": on(day), **fields})
    add("consented", -14)
    add("screened", -13, sex=str(people.sex[i]), age=60, tumour_type="ovarian", height_cm=round(float(people.height_cm[i]), 1),
        weight_kg=round(float(people.weight_kg[i]), 1), ecog=int(treated.fate.ecog[i]), measurable_disease="yes")  # fmt: skip
    add("prior_therapy", -13, regimens=int(people.prior_regimens[i]), platinum_status="resistant")
    stained = np.flatnonzero(people.expression[i] > 0.005)
    add("target_scored", -13, assay=protocol.biomarker.assay if protocol.biomarker else "model", intensity=int(stained.max()),
        percent_2plus=round(100 * float(people.ps2[i]), 1))  # fmt: skip
    for criterion in protocol.eligibility:
        if criterion.fact == "attested":
            add("criterion_attested", -12, criterion=criterion.id, met="yes" if criterion.kind == "inclusion" else "no")
    split = np.full(min(int(people.lesions[i]), 5), 1.0)
    shares = split / split.sum()
    scan = lambda day, number, size: [
        add("lesion_measured", day, assessment=number, lesion=f"T{k + 1}", role="target", organ=f"site {k + 1}", diameter_mm=round(float(size * share), 1))
        for k, share in enumerate(shares)
    ]  # fmt: skip
    scan(-7, 0, treated.size[i, 0])
    add("marker_measured", -7, value=round(float(people.ca125[i]), 1), upper_limit=LIMIT)
    add("slot_reserved", -2, cohort=cohort)
    add("enrolled", -1, cohort=cohort)
    given = np.flatnonzero((treated.mg[i] > 0) & (treated.start[i] < np.floor(treated.dead[i])))
    here, last = level, float(treated.start[i, given[-1]])
    starts = np.floor(treated.start[i, given])
    marker = treated.ca125(np.unique(starts))[i]
    values = dict(zip(np.unique(starts).tolist(), marker.tolist(), strict=True))
    for c in given:
        day = float(treated.start[i, c])
        at = level - int(np.abs(ratio - treated.mg[i, c] / treated.mg[i, 0]).argmin())
        due = day if c == 0 else float(treated.start[i, c - 1]) + protocol.schedule.cycle_days
        if day > due:
            add("dose_delayed", due, days=round(day - due), why="toxicity")
        if at < here:
            add("dose_reduced", day, to_level=at, why="ocular toxicity of grade 3")
            here = at
        add(
            "dosed",
            day,
            cycle=int(c) + 1,
            level=here,
            weight_kg=round(float(people.weight_kg[i]), 1),
            actual_mg=round(float(treated.mg[i, c]), 1),
        )
        if c:
            add("marker_measured", day, value=round(max(values[float(np.floor(day))], 0.1), 1), upper_limit=LIMIT)
    progression, dead = float(treated.judged.progression[i]), float(treated.dead[i])
    events = ((EYE, treated.ocular[i], treated.fate.grade[i]), (NERVE, treated.neuropathy[i], treated.fate.neuropathy_grade[i]),
              (LUNG, treated.pneumonitis[i], treated.fate.pneumonitis_grade[i]), (OTHER, treated.other[i], 3))  # fmt: skip
    seen = [(float(day), term, int(grade)) for term, day, grade in events if day < dead]
    for number, (day, term, grade) in enumerate(sorted(seen), 1):
        add(
            "adverse_event",
            day,
            ae=str(number),
            term=term,
            grade=grade,
            related="yes",
            system_organ_class=CLASSES[term],
        )
        if term == EYE and treated.recovered[i] < min(dead, last + 42):
            add("adverse_event_resolved", np.ceil(treated.recovered[i]), ae=str(number), outcome="recovered")
    visits = treated.visits[(treated.visits > 0) & (treated.visits <= min(progression, dead))]
    for number, day in enumerate(visits, 1):
        scan(day, number, treated.size[i, number])
        if day == progression and treated.fate.dynamics.new_lesion[i] <= day:
            add("lesion_measured", day, assessment=number, lesion="N1", role="new", organ="new site", status="present")
    over = last + protocol.schedule.cycle_days
    if min(progression, dead) <= over:
        add("discontinued", min(progression, dead), why="progression" if progression <= dead else "death")
    elif given[-1] + 1 < treated.mg.shape[1] and progression > over + 42:
        add("discontinued", over, why="adverse event")
    else:
        add("discontinued", over, why="other", note="all planned cycles given, or progression before the next")
    if np.isfinite(dead):
        add("died", dead, cause="disease")
    for row in rows:
        row["provenance"] = "assumed"
    return rows
