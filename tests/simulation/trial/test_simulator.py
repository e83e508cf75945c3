"""A simulated trial as a record: conducted by the rules, decided as advised, blind to the future, and what the model
says."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from posology.conduct.cohort_advice import advise_cohorts
from posology.conduct.patient_courses import patient_courses
from posology.conduct.protocol_in_force import plan_in_force
from posology.conduct.trial import Trial
from posology.designs import DESIGNS as DESIGNS_KNOWN
from posology.operating import Scenario
from posology.operating import simulate as operate
from posology.pharmacology.clinical.dose_modification import IMGN853_GRADES
from posology.pharmacology.clinical.tumour_size import assess_recist
from posology.pharmacology.compounds.library import IMGN853
from posology.pharmacology.disposition.adc_plasma import Plasma
from posology.pharmacology.disposition.dosing_regimen import LABEL_RATES, infusion_doses
from posology.protocol.build import design_from_protocol as of_protocol
from posology.protocol.load import load_document
from posology.protocol.model import protocol_from
from posology.readout.readout import make_readout
from posology.readout.write import write_readout
from posology.record import facts as f
from posology.record.collected import DispositionEvent
from posology.record.entry import fact_from
from posology.record.event import to_dict
from posology.record.snapshot import take_snapshot
from posology.record.state import State
from posology.simulation.trial import TrialSettings, TrialSimulator, simulate_trial
from posology.simulation.trial.course import FOLLOW_UP_DAYS, simulate_course
from posology.simulation.trial.dosing import TERMS
from posology.simulation.trial.pk_samples import TIMES, samples
from posology.simulation.trial.simulator import DOSE_FINDING
from tests.cli.test_commands import go  # noqa: F401
from tests.conftest import EXAMPLE
from tests.interchange.sdtm.test_round_trip import again, facts

GRADES = {TERMS[kind][0]: act for kind, act in IMGN853_GRADES.items()}
FILE = EXAMPLE / "protocol.yaml"
FIRST = date(2014, 1, 6)
PLAN = load_document(FILE)
DESIGNS: dict[str, dict[str, Any]] = {
    "3+3": {"method": "3+3", "mtd_patients": 6},
    "boin": {"method": "boin", "target": 0.3, "max_patients": 30},
    "crm": {
        "method": "crm",
        "target": 0.25,
        "skeleton": [0.02, 0.04, 0.08, 0.12, 0.18, 0.25, 0.33],
        "max_patients": 24,
    },
}


def with_design(name: str, **changes: Any) -> dict[str, Any]:
    """Return the example's protocol with another design."""
    plan = copy.deepcopy(PLAN) | {"design": DESIGNS[name]} | changes
    if name != "3+3":
        plan.pop("titration", None)
    return {key: value for key, value in plan.items() if value is not None}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[TrialSimulator, Trial]]:
    """Conduct the example's protocol, with small expansion cohorts."""
    where = tmp_path_factory.mktemp("virtual") / "v.posology"
    made = simulate_trial(where, PLAN, TrialSettings(seed=4, patients=10))
    with Trial.open(where) as trial:
        yield made, trial


def test_the_trial_is_conducted_from_consent_to_last_follow_up(whole: tuple[TrialSimulator, Trial]) -> None:
    made, trial = whole
    events, state = trial.events(), trial.state()
    assert not [e for e in events if e.override] and not [e for e in events if e.supersedes]
    assert all(e.mark() == "assumed" for e in events) and all(e.recorded.date() == e.occurred for e in events)
    assert state.trial.simulated and not TrialSimulator(PLAN, TrialSettings()).subjects
    assert {p.enrolment.fact.cohort for p in state.patients.values() if p.enrolment} == {
        None,
        *state.protocol().expansion,
    }
    places = [p.enrolment.fact for p in state.patients.values() if p.enrolment]
    assert all(sum(place.cohort == name for place in places) == 10 for name in state.protocol().expansion)
    failed = [p for p in state.patients.values() if p.of(DispositionEvent)]
    assert failed and all(p.enrolment is None and not p.of(f.LesionMeasured) for p in failed)
    assert any("X4" in p.of(DispositionEvent)[0].fact.term for p in failed), "too little target"
    assert any("X3" in p.of(DispositionEvent)[0].fact.term for p in failed), "too many prior regimens"
    last = max(s.first for s in made.subjects if s.first)
    assert made.today <= last + timedelta(days=FOLLOW_UP_DAYS)
    trial.store.check()
    for event in events[1:]:
        assert fact_from(event.kind, to_dict(event.fact)) == event.fact, event.seq


def test_each_decision_is_what_the_design_advised_on_its_day(whole: tuple[TrialSimulator, Trial]) -> None:
    replayed(whole[1])


def replayed(trial: Trial) -> State:
    """Ask for the advice before each decision anew."""
    state = trial.state()
    assert state.trial.decisions
    for decided in state.trial.decisions:
        advice = trial.advise(on=decided.event.occurred)
        fact = decided.fact
        assert advice.settled and not fact.departs
        assert (fact.action, fact.level, fact.why) == (advice.action, advice.level, advice.why)
        assert fact.slots == (advice.more if fact.action in ("escalate", "expand", "de-escalate") else 0)
        day_before = decided.event.occurred - timedelta(days=1)
        if {e.kind for e in trial.events() if e.occurred == day_before} & {"slot_reserved", "enrolled", "dosed"}:
            continue  # what a slot taken or a first dose allows is decided on the next morning
        before = trial.advise(on=day_before)
        assert (before.action, before.settled) != (fact.action, True), "the committee met on the day it was settled"
    return state


@dataclass(frozen=True)
class Carried:
    """The patients of one trial, for the simulation of designs: (patients, levels) study days of first DLT and first
    moderate toxicity."""

    dlt: Any
    moderate: Any

    @property
    def shape(self) -> tuple[int, int]:
        return 1, len(self.dlt)

    @property
    def gap(self) -> Any:
        return np.zeros(self.shape)

    @property
    def leaves(self) -> Any:
        return np.ones(self.shape)

    left_at = gap

    def dlt_day(self, setting: Scenario, rows: Any, k: Any, level: Any) -> Any:
        return self.dlt[k, level]

    def respond(self, setting: Scenario, rows: Any, k: Any, level: Any) -> Any:
        return np.zeros(len(k), dtype=bool)

    def grades(self, setting: Scenario, rows: Any, k: Any, level: Any) -> Any:
        within = lambda day: day[k, level] <= setting.window
        return np.where(within(self.dlt), 3, np.where(within(self.moderate), 2, 0))


@pytest.mark.parametrize("name", DESIGNS)
@pytest.mark.parametrize("seed", [1, *(pytest.param(s, marks=pytest.mark.slow) for s in (2, 3, 4, 5))])
def test_conduct_and_simulation_agree(name: str, seed: int, tmp_path: Path) -> None:
    """The same patients, treated in the same order, give the counts and the MTD that the simulation of the design
    gives."""
    plan = with_design(name, eligibility=[])
    made = simulate_trial(
        tmp_path / "v.posology",
        plan,
        TrialSettings(seed=seed, per_month=280, arrivals="fixed", expansion=False, cycles=2),
    )
    with Trial.open(tmp_path / "v.posology") as trial:
        advice, state = trial.advise(on=made.today), replayed(trial)
    treated = [s for s in made.subjects if s.first and s.stream == DOSE_FINDING]
    assert [s.first for s in treated] == sorted(s.first for s in treated if s.first)
    protocol, levels = protocol_from(plan), range(1, 8)
    shape = (1, len(treated), len(levels))
    dlt, moderate = np.full(shape, np.inf), np.full(shape, np.inf)
    for k, subject in enumerate(treated):
        for level in levels:
            for t in simulate_course(subject.person, level, lambda day: protocol, most=3).toxicities:
                into = dlt if t.grade >= 3 else moderate
                if t.grade >= 2:
                    into[0, k, level - 1] = min(into[0, k, level - 1], np.floor(t.onset) + 1)  # study day
    carriers = Carried(dlt[0], moderate[0])
    setting = Scenario((0.1,) * 7, window=float(protocol.dlt.window_days), accrual=100.0, arrivals="fixed")
    found = operate(of_protocol(protocol), setting, carriers)
    assert found.treated[0].tolist() == [c.treated for c in advice.counts]
    assert found.toxic[0].tolist() == [c.dlt for c in advice.counts]
    assert found.mtd[0] == (-1 if advice.open_level.mtd is None else advice.open_level.mtd - 1)
    assert plan_in_force(state).design == of_protocol(protocol)


def test_doses_follow_the_protocol(whole: tuple[TrialSimulator, Trial]) -> None:
    """No dose while a toxicity holds it; a level less after one of grade 3; none after one that ends treatment."""
    _, trial = whole
    delays = reductions = 0
    for patient in trial.state().patients.values():
        grades = [(t.event, t.fact, t.resolved) for t in patient.toxicities]
        for before, event in zip(patient.doses, patient.doses[1:], strict=False):
            for onset, fact, end in grades:
                assert not (fact.grade >= GRADES[fact.term].stop and onset.occurred < event.occurred)
                if fact.grade >= GRADES[fact.term].hold and onset.occurred < event.occurred:
                    assert end is not None and end.occurred <= event.occurred, (patient.id, event.occurred)
            severe = [
                a
                for a, fact, _ in grades
                if fact.grade >= GRADES[fact.term].reduce and before.occurred < a.occurred < event.occurred
            ]
            lower = before.fact.level - event.fact.level
            assert lower == min(len(severe), 1) or (lower == 1 and not severe), patient.id
            reductions += lower
            late = (event.occurred - before.occurred).days - 21
            told = sum(e.fact.days for e in patient.of(f.DoseDelayed) if before.occurred < e.occurred < event.occurred)
            assert late == told and 0 <= late <= 21
            delays += late > 0
        assert len(patient.of(f.DoseReduced)) <= 2
    assert delays > 3 and reductions > 0


def test_endpoints_find_what_the_model_says(whole: tuple[TrialSimulator, Trial]) -> None:
    made, trial = whole
    courses = {c.id: c for c in patient_courses(trial.state(made.today), made.today)}
    responders = 0
    for subject in (s for s in made.subjects if s.first):
        told, course = subject.course, courses[subject.id]
        dead = told.dead
        day = lambda d, first=subject.first: first + timedelta(days=int(d)) if d <= FOLLOW_UP_DAYS else None
        assert course.response.progression == day(told.progression if told.progression <= dead else np.inf)
        assert [e.occurred for e in course.patient.doses] == [day(d) for d, *_ in told.given]
        assert (course.patient.death.occurred if course.patient.death else None) == day(dead)
        assert {(t.fact.term, t.fact.grade, t.event.occurred) for t in course.patient.toxicities} == {
            (t.term, t.grade, day(t.onset)) for t in told.toxicities
        }
        sums = np.array([[s.sum_mm for s in course.scans]])
        days = np.array([(s.on - subject.first).days if s.number else 0 for s in course.scans])
        model = told.treated.size[:, : len(days)]
        assert np.abs(sums - model).max() <= 0.05 * 5 + 1e-9, (
            "the scans are the model's, to a tenth of a millimetre a lesion"
        )
        sums[:, 1:] -= 1e-9  # 30 % to the tenth of a millimetre is a partial response
        judged = assess_recist(sums, days, told.person.fate.dynamics.new_lesion, np.array([dead]))
        if course.response.best in ("PR", "CR") and course.response.confirmation == "confirmed":
            responders += 1
            # a lesion that shrinks below the twentieth of a millimetre is gone: then CR comes after the model's PR
            assert course.response.on >= day(judged.response[0])
            assert course.response.best == "CR" or course.response.on == day(judged.response[0])
        else:
            assert not np.isfinite(judged.response[0])
    assert responders > 5


def test_nothing_is_known_before_its_day(tmp_path: Path, whole: tuple[TrialSimulator, Trial]) -> None:
    """A run that ends on a day holds, to the hash, what the whole run holds by that day."""
    events = whole[1].events()
    for until in (date(2012, 5, 30), date(2012, 11, 3), date(2013, 9, 17)):
        where = tmp_path / f"{until}.posology"
        simulate_trial(where, PLAN, TrialSettings(seed=4, patients=10, until=until))
        with Trial.open(where) as trial:
            assert [e.hash for e in trial.events()] == [e.hash for e in events if e.occurred <= until]


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(set(DESIGNS_KNOWN) - {"iboin", "table"}))
def test_every_design_can_be_conducted(name: str, tmp_path: Path) -> None:
    has = {each.name for each in fields(DESIGNS_KNOWN[name])}
    spec = {"method": name} | {k: v for k, v in (DESIGNS["crm"] | {"target": 0.3}).items() if k in has}
    plan = {k: v for k, v in PLAN.items() if k != "titration"} | {"design": spec}
    simulate_trial(tmp_path / "v.posology", plan, TrialSettings(seed=5, per_month=12, expansion=False, cycles=2))
    with Trial.open(tmp_path / "v.posology") as trial:
        assert [d.fact.action for d in replayed(trial).trial.decisions][-1] in ("declare MTD", "stop")


def test_marker_and_sex_go_with_the_tumour(whole: tuple[TrialSimulator, Trial]) -> None:
    patients = [p for p in whole[1].state().patients.values() if p.screening]
    types = {p.screening.tumour_type for p in patients}
    assert {"ovarian", "endometrial", "NSCLC"} <= types
    assert all(bool(p.of(f.MarkerMeasured)) <= (p.screening.tumour_type == "ovarian") for p in patients)
    assert all(p.of(f.MarkerMeasured) for p in patients if p.enrolment and p.screening.tumour_type == "ovarian")
    assert {p.screening.sex for p in patients if p.screening.tumour_type == "NSCLC"} == {"F", "M"}
    assert {p.screening.sex for p in patients if p.screening.tumour_type in ("ovarian", "endometrial")} == {"F"}
    ages = np.array([p.screening.age for p in patients])
    assert 55 < ages.mean() < 70 and 7 < ages.std() < 13
    assert {p.screening.ecog for p in patients} == {0, 1, 2}


def test_samples_scatter_about_the_course_as_pouzin_says() -> None:
    """Of many samples of one patient: mean and spread against the exact course; what is low is said to be, and has no
    number."""
    rng, n = np.random.default_rng(7), 120
    given = ([0.0, 21.0, 42.0, 63.0], [355.0] * 4)
    exact = Plasma.of(IMGN853).course(
        [1.0, 62.9999999], infusion_doses(np.array([given[0]]), np.array([given[1]]), LABEL_RATES)
    )
    drawn = [samples({}, rng.standard_normal((1, len(TIMES), 3)), *given, 100.0, FIRST) for _ in range(n)]
    assert {(s.day, s.fact.visit, s.fact.timepoint) for s in drawn[0]} >= {
        (0, "CYCLE 1", "END OF INFUSION"),
        (14, "CYCLE 1", "DAY 15"),
        (21, "CYCLE 1", "TROUGH"),
        (45, "CYCLE 3", "DAY 4"),
        (63, "CYCLE 3", "TROUGH"),
    }
    assert len(drawn[0]) == 36
    for code, analyte, additive, share in (("IMGN853", "adc", 1.03, 0.089), ("DM4", "payload", 0.0, 0.335)):
        first = lambda each, code=code: next(s.fact for s in each if (s.fact.test, s.fact.timepoint) == (code, "DAY 2"))
        found = np.array([first(each).value or 0.0 for each in drawn])
        truth = float(exact.of(analyte)[0, 0])
        sd = float(np.hypot(additive, share * truth))
        assert abs(found.mean() - truth) < 4 * sd / np.sqrt(n) + 0.01 * truth
        assert abs(found.std() / sd - 1) < 4 / np.sqrt(2 * n)
    low = samples({}, np.zeros((1, len(TIMES), 3)), [0.0, 21.0], [9.0, 9.0], 30.0, FIRST)
    assert [(s.fact.value, s.fact.result) for s in low if s.fact.timepoint == "TROUGH"] == [
        (None, "<1"),
        (None, "<0.1"),
        (None, "<0.1"),
    ]
    assert samples({}, np.zeros((1, len(TIMES), 3)), [0.0], [355.0], 5.0, FIRST)[-1].fact.timepoint == "DAY 4", (
        "none after the last day"
    )


def test_the_readout_says_that_nobody_was_treated(whole: tuple[TrialSimulator, Trial]) -> None:
    made, trial = whole
    readout = make_readout(take_snapshot(trial.events(), made.today))
    assert readout.headline[0].cited.text == "This trial was simulated: nobody was treated."
    assert readout.snapshot.is_simulated and not readout.results.findings
    assert {c.dose for c in readout.results.courses if c.level is None} == set(readout.results.protocol.expansion)


@pytest.mark.slow
def test_readout_and_exports(whole: tuple[TrialSimulator, Trial], go: Any, tmp_path: Path) -> None:  # noqa: F811
    made, trial = whole
    readout = make_readout(take_snapshot(trial.events(), made.today))
    written = write_readout(readout, tmp_path / "readout")
    page = next(p for p in written if p.name == "readout.html").read_text(encoding="utf-8")
    assert "nobody was treated" in page and "A reconstruction" not in page
    back = again(trial.state(), tmp_path, "xpt", None, PLAN)
    assert facts(back) == facts(trial.state()), "SDTM gives back every fact, and finds nothing in them"
    where = trial.store.name
    for export in (("sdtm", where, "csv", "--format", "csv"), ("adam", where, "adam", "--json")):
        code, out, err = go("export", *export)
        assert code == 0, err
    assert all(
        "below twice the upper limit" in said or "no second sample" in said for said in json.loads(out)["findings"]
    ), out
    code, out, err = go(
        "pk",
        "nca",
        "csv/pc.csv",
        "--dosing",
        "csv/ex.csv",
        "--analyte",
        "IMGN853",
        "--route",
        "bolus",
        "--json",
    )
    assert code == 0, err
    assert "Simulated, nobody was treated" in (tmp_path / "csv" / "ts.csv").read_text(encoding="utf-8")
    assert "Simulated, nobody was treated" in (tmp_path / "adam" / "define.xml").read_text(encoding="utf-8")
    code, out, err = go("trial", "status", where)
    assert code == 0 and "nobody was treated" in out, err
    assert "nobody was treated" in go("trial", "advise", where, "--cutoff", "2013-02-12")[1]


@pytest.mark.parametrize(("p0", "outcome"), [(0.75, "stop for futility"), (0.05, "success")])
def test_a_cohort_goes_as_far_as_its_design_lets_it(tmp_path: Path, p0: float, outcome: str) -> None:
    """Nobody enters after the design has ended the cohort; what it says then is what the record says."""
    looks = [6, 12, 18]
    design = {"method": "posterior", "p0": p0, "looks": looks, "futility": 0.1, "success": 0.9}
    plan = copy.deepcopy(PLAN)
    plan["expansion"]["ovarian-relapsed"]["design"] = {**design, "respond_within_days": 120}
    made = simulate_trial(tmp_path / "v.posology", plan, TrialSettings(seed=5, alone=("ovarian-relapsed", 6)))
    with Trial.open(tmp_path / "v.posology") as trial:
        (advice,) = advise_cohorts(trial.state(), made.today)
        assert not [e for e in trial.events() if e.override and e.kind in ("slot_reserved", "enrolled")]
    assert advice.action == outcome and advice.treated in looks and advice.enrolled == advice.treated
    assert advice.treated < looks[-1], "it ended early"


def test_a_cohort_alone_at_a_level_that_is_given(go: Any, tmp_path: Path) -> None:  # noqa: F811
    arguments = (
        "simulate",
        "trial",
        str(FILE),
        "c.posology",
        "--cohort",
        "ovarian-resistant",
        "--level",
        "6",
        "--patients",
        "12",
        "--seed",
        "3",
    )
    code, out, err = go(*arguments, "--json")
    assert code == 0, err
    told = json.loads(out)
    assert told["treated"] == 12 and told["cohorts"] == {"ovarian-resistant": 12} and told["mtd"] == 6
    assert "exists" in go(*arguments)[2]
    with Trial.open(tmp_path / "c.posology") as trial:
        state = trial.state()
        overridden = [e for e in trial.events() if e.override]
        said = [s.cited.text for s in make_readout(take_snapshot(trial.events(), date(2020, 1, 1))).headline]
    assert [e.kind for e in overridden] == ["decision_taken"]
    assert "Nobody was treated in dose finding, where dose-limiting toxicities count." in said
    assert any("the rules were set aside" in text for text in said)
    treated = [p for p in state.patients.values() if p.enrolment]
    assert all(p.history.regimens <= 3 and p.history.platinum_status == "resistant" for p in treated)
    assert all(p.target.percent_2plus >= 25 and p.current_level <= 6 for p in treated)


@pytest.mark.parametrize(
    ("world", "changes", "said"),
    [
        ({"alone": ("none", 6)}, {}, "is no expansion cohort"),
        ({"alone": ("ovarian-relapsed", 9)}, {}, "levels 1 to 7"),
        ({"until": date(2012, 5, 29)}, {}, "before it nothing happens"),
        ({}, {"drug": {"name": "XYZ", "type": "other", "target": "T"}}, "the drug is XYZ"),
        ({}, {"schedule": {"route": "iv", "cycle_days": 21, "dosing_days": [1, 8]}}, "dosing_days"),
        ({}, {"endpoints": {"primary": ["MTD"], "response": {"assess_every_days": 56}}}, "scanned every 42 days"),
        (
            {},
            {"eligibility": [{"id": "I", "text": "Breast", "fact": "tumour_type", "one_of": ["breast"]}]},
            "virtual patients with ovarian",
        ),
        (
            {},
            {
                "eligibility": [{"id": "I", "text": "Mucinous", "fact": "histology", "one_of": ["mucinous"]}],
                "expansion": {},
            },
            "histology is mucinous",
        ),
        (
            {"alone": ("old", 6)},
            {
                "expansion": {
                    "old": {"title": "Old", "eligibility": [{"id": "I", "text": "Old", "fact": "age", "at_least": 99}]}
                }
            },
            "seldom meet its criteria",
        ),
    ],
)
def test_what_cannot_be_simulated_is_refused(
    world: dict[str, Any], changes: dict[str, Any], said: str, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=said):
        simulate_trial(
            tmp_path / "v.posology", copy.deepcopy(PLAN) | changes, replace(TrialSettings(per_month=300), **world)
        )


def test_a_trial_that_does_not_end_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("posology.simulation.trial.simulator.MAX_TRIAL_DAYS", 5 * 365)
    with pytest.raises(ValueError, match="does not end within 5 years: "):
        simulate_trial(tmp_path / "v.posology", PLAN, TrialSettings(per_month=1e-6))


def test_who_leaves_for_a_dlt_says_so(tmp_path: Path) -> None:
    """Where no dose may be reduced, a patient with a DLT leaves for it; a delay that is too long is a DLT, once it
    is."""
    plan = copy.deepcopy(PLAN) | {"modification": {"maximum_reductions": 0, "maximum_delay_days": 21}}
    plan["dlt"] = plan["dlt"] | {"maximum_delay_days": 6}
    left = delayed = 0
    for seed in range(1, 4):
        simulate_trial(
            tmp_path / f"{seed}.posology", plan, TrialSettings(seed=seed, per_month=12, expansion=False, cycles=3)
        )
        with Trial.open(tmp_path / f"{seed}.posology") as trial:
            for patient in replayed(trial).patients.values():
                dlts = [t for t in patient.toxicities if t.is_dlt]
                why = {e.fact.why for e in patient.of(f.Discontinued)}
                assert not patient.of(f.DoseReduced)
                assert not dlts or "other" not in why or all(t.fact.grade < 3 for t in dlts)
                assert "dose-limiting toxicity" not in why or dlts
                left += "dose-limiting toxicity" in why
                for t in (t for t in dlts if t.fact.grade < 3):
                    second = next((e.occurred for e in patient.doses if e.fact.cycle == 2), None)
                    due = patient.doses[0].occurred + timedelta(days=21)
                    assert t.adjudicated.occurred == due + timedelta(days=7)
                    assert second is None or second >= t.adjudicated.occurred
                    delayed += 1
    assert left > 1 and delayed > 0


@pytest.mark.parametrize(
    ("wrong", "said"),
    [({"per_month": 0.0}, "a month"), ({"patients": 0}, "one or more"), ({"cycles": 0}, "one or more")],
)
def test_a_world_that_cannot_be(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        TrialSettings(**wrong)


def test_nothing_is_written_where_it_fails(go: Any, tmp_path: Path) -> None:  # noqa: F811
    for arguments, said in (
        (("--until", "2011-01-01"), "nothing happens"),
        (("--cohort", "ovarian-relapsed"), "go together"),
        (("--accrual", "nan"), "nan must be above 0"),
    ):
        code, _, err = go("simulate", "trial", str(FILE), "w.posology", *arguments)
        assert code != 0 and said in err
    assert "no folder" in go("simulate", "trial", str(FILE), "nowhere/w.posology")[2]
    assert list(tmp_path.iterdir()) == []
