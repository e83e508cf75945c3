"""A whole simulated trial, conducted day by day: the record's own events, entered under the record's own rules.

Patients come, are screened and get a place where :mod:`posology.conduct` says that one is open; the committee follows
the design's advice on the day on which it is settled, and signs. Nothing is entered that was not known on its day, and
no rule is set aside: what a run until a day holds is what a longer run holds by that day. Nobody was treated; every
value is assumed.
"""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from posology import __version__
from posology.conduct.advice import Advice, advise
from posology.conduct.cohort_advice import CohortAdvice, advise_cohorts
from posology.conduct.eligibility import Verdict, check, criteria
from posology.conduct.open_level import open_level, slot_holders
from posology.conduct.protocol_in_force import ConductPlan, plan_in_force
from posology.conduct.trial import PendingEvents, Trial
from posology.protocol.amendments import versions
from posology.protocol.model import EligibilityCriterion, protocol_from
from posology.record import facts as f
from posology.record.collected import DispositionEvent
from posology.record.fact import Fact
from posology.record.facts import SIMULATION
from posology.record.state import State
from posology.record.store import gc_paused
from posology.simulation.trial import events as diary
from posology.simulation.trial.accrual import MAX_REFERRAL_TRIES, MONTH_DAYS, REFERRED, Accrual, _takes, tumour_mix
from posology.simulation.trial.checks import check_simulable
from posology.simulation.trial.course import FOLLOW_UP_DAYS, TreatmentCourse, simulate_course
from posology.simulation.trial.events import ScheduledFact
from posology.simulation.trial.patients import TrialPatients, patient_stream
from posology.simulation.trial.settings import TrialSettings

DOSE_FINDING = ""
"""The stream of patients who come for dose finding; every expansion cohort has one of its own, by its name."""
SCREENING_DAYS, MAX_WAIT_DAYS = 7, 35
"""Days from consent: when eligibility is known, and until when a place is waited for."""
MAX_SCREENED_WITHOUT_SUCCESS = 200
"""Patients screened for a cohort, a twentieth of them or fewer with success, after which it cannot be filled."""
MAX_TREATMENT_DAYS = 2 * 365
"""Days of treatment after which nobody is given another cycle, where no number of cycles is asked for."""
ADJUDICATION_DAYS = 60
"""Days after the DLT window for which toxicities are looked at once the dose finding is over."""
FINAL_ACTIONS = ("MTD declared", "stopped")
MEETING_DAYS = 7
"""Days between meetings at which the designs of expansion cohorts are asked."""
ENDED = ("stop for futility", "success", "inconclusive")
"""What a cohort's design says once the cohort takes nobody more."""
MAX_TRIAL_DAYS = 100 * 365
"""Days after which a trial is given up."""
PROVENANCE = {"*": "assumed"}
BY = "simulation"


@dataclass
class Subject:
    """A patient of the simulation: who it is, what is still to be entered, by day, and the course once treated."""

    id: str
    person: TrialPatients
    stream: str
    consent: date
    diary: dict[date, list[Fact]] = field(default_factory=dict)
    kept: f.SlotReserved | None = None
    course: TreatmentCourse | None = None
    first: date | None = None

    def write(self, begin: date, entries: list[ScheduledFact]) -> None:
        """Put entries in the diary, in days from ``begin``."""
        for entry in entries:
            self.diary.setdefault(begin + timedelta(days=entry.day), []).append(entry.fact)


def simulate_trial(
    where: str | Path,
    document: dict[str, Any],
    world: TrialSettings,
    progress: Callable[[date, int], None] = lambda day, came: None,
) -> TrialSimulator:
    """Conduct a simulated trial under a checked protocol document, and write its record; return how it was made.

    Raises
    ------
    ValueError
        if something of it cannot be simulated. What was written by then is not kept.
    """
    title = f"Simulated, nobody was treated: {document['trial']['title']}"  # so that whatever is exported says it too
    document = {**document, "trial": {**document["trial"], "title": title}}
    start = protocol_from(document).trial.date
    made = TrialSimulator(document, world)
    began = datetime.combine(start, time(8), UTC)
    with Trial.create(where, document, by=BY, on=start, recorded=began, provenance=PROVENANCE) as trial, gc_paused():
        pending = trial.pending_events()
        made.run(pending, progress)
        trial.commit(pending)
    return made


class TrialSimulator:
    """A trial in the making: see :func:`simulate_trial`. ``subjects`` are its patients, in the order of their
    consent."""

    def __init__(self, document: dict[str, Any], world: TrialSettings) -> None:
        self.world = world
        self.start = protocol_from(document).trial.date
        self.document = document
        self.today = self.start
        self.subjects: list[Subject] = []
        self.screening: list[Subject] = []
        self.taken: Counter[str] = Counter()
        self.advice: Advice | None = None
        self.asked = 0
        self.streams: dict[str, Accrual] = {}
        self.cohorts: dict[str, CohortAdvice] = {}
        self.cohorts_asked: date | None = None
        self.versions = [(date.fromisoformat(str(v["trial"]["date"])), protocol_from(v)) for v in versions(document)]
        if world.until is not None and world.until < self.start:
            raise ValueError(
                f"the simulation is to end on {world.until}: the protocol is of {self.start}, before it nothing happens"
            )
        check_simulable(document, world)

    @property
    def state(self) -> State:
        """What is known today."""
        return self.pending.state

    @property
    def plan(self) -> ConductPlan:
        """The protocol in force today."""
        return plan_in_force(self.state, self.today)

    def run(self, pending: PendingEvents, progress: Callable[[date, int], None]) -> None:
        """Enter all into the events still to be committed of a record just created: until the last follow-up, or the
        last day that was asked for.

        Raises
        ------
        ValueError
            if a cohort cannot be filled, or the trial does not end.
        """
        self.pending, self.moment = pending, pending.last
        told = "nobody was treated: " + "; ".join(
            [f"seed {self.world.seed}", f"{self.world.per_month:g} patients a month", f"posology {__version__}"]
        )
        self.enter(
            f.BackgroundFact(
                subject=SIMULATION, item="virtual patients", properties=told, source="posology simulate trial"
            )
        )
        if self.world.alone is not None:
            self._given(*self.world.alone)
        while True:
            self._amended()
            for subject in self.subjects:
                for fact in subject.diary.pop(self.today, ()):
                    self.enter(self._left(subject, fact), subject)
            self._judge()
            self._decide()
            self._open()
            for name, stream in self.streams.items():
                self._arrive(name, stream)
            for subject in list(self.screening):
                self._place(subject)
            progress(self.today, len(self.subjects))
            over = not self.streams and not self.screening and not any(subject.diary for subject in self.subjects)
            if over or self.today == self.world.until:
                return
            if (self.today - self.start).days > MAX_TRIAL_DAYS:
                raise ValueError(
                    f"the trial does not end within {MAX_TRIAL_DAYS // 365} years: "
                    f"{self.advice.why if self.advice else 'too few patients come'}"
                )
            self.today += timedelta(days=1)

    def enter(self, fact: Fact, subject: Subject | None = None, override: str | None = None) -> None:
        """Enter a fact of today."""
        self.moment = max(datetime.combine(self.today, time(12), UTC), self.moment)
        self.pending.add(
            fact,
            patient=subject.id if subject else None,
            occurred=self.today,
            recorded=self.moment,
            by=BY,
            override=override,
            provenance=PROVENANCE,
        )

    # The trial --------------------------------------------------------------------------------------------------------

    def _given(self, cohort: str, level: int) -> None:
        """Declare the level of a cohort that is simulated alone: it is given, not found."""
        self.enter(
            f.DecisionTaken(action="declare MTD", level=level, why=f"{cohort} is simulated alone: the level is given"),
            override="cohort-is-evaluable, no-higher-than-advised: simulated alone",
        )
        self.enter(f.DecisionSigned(decision=1, name=BY, role="model"))

    def _amended(self) -> None:
        """Enter the amendments of today."""
        for amendment in self.document.get("amendments") or ():
            if date.fromisoformat(str(amendment["date"])) == self.today > self.start:
                self.enter(
                    f.ProtocolAmended(
                        version=amendment["version"], why=amendment["reason"], changes=amendment["changes"]
                    )
                )

    def _judge(self) -> None:
        """Judge the toxicities of those in dose finding as soon as the protocol's definition tells what they are."""
        window, over = self.plan.protocol.dlt.window_days, bool(self.advice and self.advice.action in FINAL_ACTIONS)
        for subject in self.subjects:
            since = (self.today - subject.first).days if subject.first else None
            if subject.stream != DOSE_FINDING or since is None or (over and since > window + ADJUDICATION_DAYS):
                continue
            patient = self.state.patients[subject.id]
            for toxicity in patient.toxicities:
                if toxicity.is_dlt is None:
                    meets, why = self.plan.meets_definition(patient, toxicity, self.today)
                    if meets:
                        self.enter(f.DltAdjudicated(ae=toxicity.fact.ae, dlt=True, why=why), subject)

    def _decide(self) -> None:
        """Follow the design's advice once it is settled, and sign."""
        if self.world.alone is not None or (self.advice and self.advice.action in FINAL_ACTIONS):
            return
        if self.advice and not self.advice.pending and self.state.seq == self.asked:
            return  # nothing has happened, and nobody's window goes on
        self.advice, self.asked = advise(self.state, self.today), self.state.seq
        if not self.advice.settled or self.advice.action in ("stay", *FINAL_ACTIONS):
            return
        action: Any = self.advice.action
        slots = self.advice.more if action in ("escalate", "expand", "de-escalate") else 0
        self.enter(f.DecisionTaken(action=action, level=self.advice.level, slots=slots, why=self.advice.why))
        self.enter(f.DecisionSigned(decision=len(self.state.trial.decisions), name=BY, role="committee"))
        self.advice = advise(self.state, self.today)

    # Who comes --------------------------------------------------------------------------------------------------------

    def _open(self) -> None:
        """Open and close the streams of patients."""
        if self.world.alone is not None:
            wanted = [self.world.alone[0]]
        elif self.advice is None or self.advice.action not in FINAL_ACTIONS:
            wanted = [DOSE_FINDING]
        else:
            declared = self.advice.open_level.mtd is not None and self.world.expansion
            wanted = list(self.plan.protocol.expansion) if declared else []
        known = self.plan.protocol.expansion
        wanted = [name for name in wanted if not name or (name in known and self._takes_more(name))]
        self.streams = {name: self.streams.get(name) or self._stream(name) for name in wanted}

    def _stream(self, name: str) -> Accrual:
        who, when = np.random.default_rng([self.world.seed, zlib.crc32(name.encode())]).spawn(2)
        mean = MONTH_DAYS / self.world.per_month
        gap = (lambda: mean) if self.world.arrivals == "fixed" else (lambda: float(when.exponential(mean)))
        passed = (self.today - self.start).days
        return Accrual(patient_stream(who, tumour_mix(self.plan.protocol, name or None)), gap, passed + gap())

    def _arrive(self, name: str, stream: Accrual) -> None:
        """Screen those who come today, as many as there may be places for; others go elsewhere."""
        passed = (self.today - self.start).days
        while stream.next < passed + 1:
            stream.next += stream.gap()
            person = self._referred(stream.people, criteria(self.plan.protocol, name or None))
            if self._free(name) <= sum(s.stream == name and s.kept is None for s in self.screening):
                continue
            stream.screened += 1
            if stream.screened > MAX_SCREENED_WITHOUT_SUCCESS and stream.treated < stream.screened / 20:
                raise ValueError(
                    f"{stream.screened} patients were screened for {name or 'dose finding'}, {stream.treated} treated: "
                    "virtual patients seldom meet its criteria"
                )
            subject = Subject(f"V-{len(self.subjects) + 1:04}", person, name, self.today)
            self.subjects.append(subject)
            self.screening.append(subject)
            protocol = self.plan.protocol
            asked = criteria(protocol, name or None)
            subject.write(self.today, diary.screening(person, protocol, asked))
            for fact in subject.diary.pop(self.today, ()):
                self.enter(fact, subject)

    def _referred(self, people: Iterator[TrialPatients], asked: Sequence[EligibilityCriterion]) -> TrialPatients:
        """Return the next patient whom a site would refer: tumour, histology and platinum status are known
        beforehand."""
        asked = [c for c in asked if c.fact in REFERRED]
        for person in islice(people, MAX_REFERRAL_TRIES):
            if all(_takes(c, str(REFERRED[c.fact](person)[0])) for c in asked):
                return person
        raise ValueError(
            f"none of {MAX_REFERRAL_TRIES} virtual patients has {' and '.join(c.condition for c in asked)}"
        )

    # Places -----------------------------------------------------------------------------------------------------------

    def _places(self, cohort: str) -> int:
        """Return how many patients a cohort takes."""
        return self.plan.protocol.expansion[cohort].patients or self.world.patients

    def _cohort_advice(self, name: str, *, anew: bool = False) -> CohortAdvice | None:
        """Return what a cohort's design says, asked once a week and, ``anew``, today; None if it has none."""
        if self.plan.protocol.expansion[name].design is None:
            return None
        asked = self.cohorts_asked
        if asked is None or (self.today - asked).days >= MEETING_DAYS or (anew and asked != self.today):
            self.cohorts = {advice.cohort: advice for advice in advise_cohorts(self.state, self.today)}
            self.cohorts_asked = self.today
        return self.cohorts[name]

    def _has_ended(self, name: str) -> bool:
        """Return whether a cohort's design, asked today, takes nobody more."""
        advice = self._cohort_advice(name, anew=True)
        return advice is not None and advice.action in ENDED

    def _takes_more(self, name: str) -> bool:
        """Return whether a cohort may still take patients, today or later."""
        advice = self._cohort_advice(name)
        if advice is None:
            return self.taken[name] < self._places(name)
        return advice.action not in ENDED

    def _free(self, name: str) -> int:
        """Return how many places are free today, for dose finding or in a cohort: by its design, if it has one."""
        open_ = open_level(self.state, self.plan.protocol, self.plan.first_cohort, self.today)
        if name:
            if not open_.mtd or name not in self.plan.protocol.expansion:
                return 0
            advice = self._cohort_advice(name)
            places = self._places(name) if advice is None else advice.enrolled + advice.more
            return max(0, places - self.taken[name])
        return (
            0
            if open_.mtd or open_.stopped
            else open_.slots - len(slot_holders(self.state, open_, self.plan.protocol, self.today))
        )

    def _place(self, subject: Subject) -> None:
        """Find an eligible patient a place, treat the day after; send away who is not eligible, or finds none
        in time."""
        days = (self.today - subject.consent).days
        if days < SCREENING_DAYS:
            return
        if subject.kept:
            self._treat(subject)
            return
        patient, protocol = self.state.patients[subject.id], self.plan.protocol
        names = [subject.stream, *(name for name in self.streams if name and name != subject.stream)]
        unmet = {
            name: [c for c in check(patient, criteria(protocol, name or None)) if c.verdict is not Verdict.MET]
            for name in names
            if not name or name in protocol.expansion
        }
        name = next((name for name, found in unmet.items() if not found and self._free(name) > 0), None)
        if name and self._has_ended(name):
            return
        if name is not None:
            level = None if name else open_level(self.state, protocol, self.plan.first_cohort, self.today).level
            subject.stream, subject.kept = name, f.SlotReserved(cohort=name or None, level=level)
            self.taken[name] += 1
            self.enter(subject.kept, subject)
            if not patient.of(f.LesionMeasured):
                for fact in diary.baseline(subject.person, protocol):
                    self.enter(fact, subject)
        elif all(unmet.values()):
            found = unmet.get(subject.stream) or next(iter(unmet.values()), [])
            why = "; ".join(f"{c.criterion.id}: {c.found}" for c in found) or f"{subject.stream} is no longer open"
            self._away(subject, "SCREEN FAILURE", why)
        elif days > MAX_WAIT_DAYS:
            self._away(subject, "NO PLACE", "no place was free in time")

    def _away(self, subject: Subject, term: str, why: str) -> None:
        self.enter(
            DispositionEvent(term=why, standard_term=term, category="DISPOSITION EVENT", epoch="SCREENING"), subject
        )
        self.screening.remove(subject)

    def _treat(self, subject: Subject) -> None:
        """Enrol and treat a patient in the place kept, if it is still open; else give it back."""
        kept, first = subject.kept, self.today
        assert kept is not None
        open_ = open_level(self.state, self.plan.protocol, self.plan.first_cohort, first)
        level = kept.level or open_.mtd
        if level is None or (not kept.cohort and (open_.mtd or open_.stopped or open_.level != level)):
            self.enter(f.SlotReleased(why=f"level {kept.level} is no longer open"), subject)
            self.taken[subject.stream] -= 1
            subject.kept = None
            return
        if kept.cohort and self._has_ended(kept.cohort):
            self.enter(f.SlotReleased(why=f"the design of {kept.cohort} ends it"), subject)
            self.taken[subject.stream] -= 1
            subject.kept = None
            return
        self.enter(f.Enrolled(level=kept.level, cohort=kept.cohort), subject)
        self.screening.remove(subject)

        def on(day: int) -> Any:
            return next(
                (p for begin, p in reversed(self.versions) if begin <= first + timedelta(days=day)), self.versions[0][1]
            )

        cycles = self.world.cycles or -(-MAX_TREATMENT_DAYS // self.plan.protocol.schedule.cycle_days)
        subject.first, subject.course = first, simulate_course(subject.person, level, on, most=cycles)
        subject.write(first, diary.treatment_events(subject.course, on, first, FOLLOW_UP_DAYS))
        for fact in subject.diary.pop(first):
            self.enter(fact, subject)
        if stream := self.streams.get(subject.stream):
            stream.treated += 1

    def _left(self, subject: Subject, fact: Fact) -> Fact:
        """Return the fact; that a patient left for a dose-limiting toxicity says so."""
        if not isinstance(fact, f.Discontinued) or fact.why != "adverse event" or subject.stream != DOSE_FINDING:
            return fact
        patient = self.state.patients[subject.id]
        named = [t for t in patient.toxicities if (fact.note or "").startswith(t.fact.term)]
        limited = any(t.is_dlt or self.plan.meets_definition(patient, t, self.today)[0] for t in named)
        return replace(fact, why="dose-limiting toxicity") if limited else fact
