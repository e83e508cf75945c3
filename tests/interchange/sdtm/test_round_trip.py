"""The record as SDTM: what is written, at a cutoff, and that it comes back with the same endpoints."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from posology.conduct.csv_import import load
from posology.conduct.patient_courses import patient_courses
from posology.conduct.rulebook import rule_names
from posology.conduct.trial import Trial
from posology.interchange.datasets.folder import SourceError
from posology.interchange.datasets.formats import read_dataset as read_dataset
from posology.interchange.sdtm.layout import LAYOUTS
from posology.interchange.sdtm.reader.read import import_sdtm
from posology.interchange.sdtm.supplemental import QNAMS, RESERVED, qnam, types_of
from posology.interchange.sdtm.writer.write import datasets, export_sdtm, split
from posology.protocol.load import load_document
from posology.record import collected as c
from posology.record import facts as f
from posology.record.event import to_dict
from posology.record.fact import KINDS
from posology.record.state import State, fold

EXAMPLE = Path(str(files("posology.examples") / "imgn853"))
PLAN = load_document(str(EXAMPLE / "protocol.yaml"))
NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Path:
    where = tmp_path_factory.mktemp("trial") / "imgn853.posology"
    with Trial.create(where, PLAN, by="me", on=date(2012, 5, 30), recorded=datetime(2012, 5, 30, tzinfo=UTC)) as trial:
        load(trial, EXAMPLE / "events.csv", by="me", protocol=PLAN)
    return where


def state_of(where: Path, cutoff: date | None = None) -> State:
    with Trial.open(where) as trial:
        return trial.state(occurred_by=cutoff)


def endpoints(state: State, on: date) -> list[Any]:
    """Return all that the endpoints of each patient say, without the events behind them."""
    return [
        (
            p.id,
            p.level,
            p.dose,
            p.standing and (p.standing.outcome, p.standing.why, p.standing.until),
            [(s.number, s.on, s.study_day, s.cycles, s.sum_mm, s.change, s.overall) for s in p.scans],
            {k: v for k, v in vars(p.response).items() if k != "sources"},
            p.marker and {k: v for k, v in vars(p.marker).items() if k not in ("sources", "samples")},
        )
        for p in sorted(patient_courses(state, on), key=lambda p: p.id)
    ]


def facts(state: State) -> dict[str, list[Any]]:
    """Return every patient's facts, but for what SDTM adds (DM's own) or names (the visit).

    Of what a judgement was made on, what the definition said comes along; the hashes are of the record it was made in.
    """

    def plain(fact: Any) -> list[tuple[str, str]]:
        held = {k: v for k, v in to_dict(fact).items() if k not in ("visit", "dated")}
        if "judged" in held:
            held["judged"] = held["judged"].get("definition_says")
        return sorted((k, str(v)) for k, v in held.items())

    return {
        p.id: sorted((e.occurred, e.kind, plain(e.fact)) for e in p.events if e.kind != c.Demographics.kind)
        for p in state.patients.values()
    }


def again(state: State, folder: Path, format_: Any, cutoff: date | None, plan: dict[str, Any] | None) -> State:
    export_sdtm(state, folder / "sdtm", format=format_)
    report = import_sdtm(folder / "sdtm", folder / "again.posology", by="me", protocol=plan, now=NOW)
    unscreened = {p.id for p in state.patients.values() if p.screening is None}
    assert {finding.patient for finding in report.findings if finding.field == "SEX"} == unscreened
    assert len(report.findings) == len(unscreened) and report.not_understood == []
    return state_of(folder / "again.posology", cutoff)


@pytest.mark.parametrize(
    ("format_", "cutoff"),
    [("xpt", None), ("json", None), ("ndjson", None), ("parquet", None), ("csv", None), ("xpt", date(2013, 5, 10))],
)
def test_the_example_comes_back_as_it_was(example: Path, tmp_path: Path, format_: str, cutoff: date | None) -> None:
    state = state_of(example, cutoff)
    back = again(state, tmp_path, format_, cutoff, PLAN)
    on = cutoff or date(2014, 6, 1)
    assert facts(back) == facts(state)
    assert endpoints(back, on) == endpoints(state, on) and len(endpoints(state, on)) >= 17


EVERY_RULE = f"{', '.join(rule_names())}: simulated"


def simulated(where: Path, patients: int = 40, seed: int = 853) -> None:
    """Write a record of virtual patients, of every kind of fact that a patient has."""
    chance = np.random.default_rng(seed)
    levels = PLAN["dose"]["levels"]
    start = date(2012, 6, 4)
    with Trial.create(
        where, PLAN, by="simulation", on=date(2012, 5, 30), recorded=datetime(2012, 5, 30, tzinfo=UTC)
    ) as trial:
        pending = trial.pending_events()
        for k in range(patients):
            p, day, level = f"V{k:03}", start + timedelta(days=int(k * 3)), 1 + k % len(levels)
            enter = lambda fact, on, p=p: pending.add(
                fact, patient=p, occurred=on, recorded=NOW, by="simulation", override=EVERY_RULE
            )
            days = lambda n, day=day: day + timedelta(days=int(n))
            weight = round(float(chance.uniform(45, 95)), 1)
            enter(f.Consented(), day)
            enter(
                f.Screened(
                    sex="F" if k % 3 else "M",
                    age=40 + k % 40,
                    tumour_type="ovarian",
                    histology="serous" if k % 2 else None,
                    height_cm=165.5,
                    weight_kg=weight,
                    ecog=k % 2,
                ),
                days(1),
            )
            enter(
                f.PriorTherapy(
                    regimens=k % 6, platinum_status="resistant", description=("carboplatin; " * (1 + k % 30)).strip()
                ),
                days(1),
            )
            enter(f.TargetScored(assay="IHC", intensity=k % 4, percent_2plus=float(chance.integers(0, 100))), days(2))
            enter(f.SlotReserved(level=level), days(3))
            enter(f.Enrolled(level=level), days(4))
            for lesion in range(3):
                enter(
                    f.LesionMeasured(
                        assessment=0,
                        lesion=f"T{lesion}",
                        role="target",
                        organ="pelvic lymph node" if lesion == 2 else "liver",
                        nodal=lesion == 2,
                        diameter_mm=round(float(chance.uniform(16, 60)), 2),
                        method="CT",
                    ),
                    days(2),
                )
            enter(
                f.LesionMeasured(assessment=0, lesion="N1", role="non-target", organ="peritoneum", status="present"),
                days(2),
            )
            enter(
                f.MarkerMeasured(value=round(float(chance.lognormal(5, 1)), 1), upper_limit=35.0, laboratory="central"),
                days(4),
            )
            for cycle in range(1, 2 + k % 5):
                enter(
                    f.Dosed(cycle=cycle, level=level, weight_kg=weight, actual_mg=round(levels[level - 1] * weight, 2)),
                    days(5 + 21 * (cycle - 1)),
                )
                enter(
                    f.MarkerMeasured(value=round(float(chance.lognormal(4.5, 1)), 1), upper_limit=35.0),
                    days(20 + 21 * (cycle - 1)),
                )
                enter(
                    c.LaboratoryMeasured(
                        test="ALT",
                        value=float(chance.integers(5, 90)),
                        unit="U/L",
                        upper_limit=40.0,
                        result="<5" if cycle == 2 else None,
                    ),
                    days(20 + 21 * (cycle - 1)),
                )
            scale = float(chance.uniform(0.3, 1.4))
            for assessment in range(1, 1 + k % 4):
                for lesion in range(3):
                    gone = chance.random() < 0.1
                    enter(
                        f.LesionMeasured(
                            assessment=assessment,
                            lesion=f"T{lesion}",
                            role="target",
                            organ="pelvic lymph node" if lesion == 2 else "liver",
                            nodal=lesion == 2,
                            diameter_mm=None if gone else round(30 * scale, 2),
                            status=("not evaluable", "too small to measure")[k % 2] if gone else None,
                        ),
                        days(5 + 42 * assessment),
                    )
                said = ("present", "absent", "unequivocal progression")[int(chance.integers(0, 3))]
                enter(
                    f.LesionMeasured(
                        assessment=assessment, lesion="N1", role="non-target", organ="peritoneum", status=said
                    ),
                    days(5 + 42 * assessment),
                )  # type: ignore[arg-type]
                if chance.random() < 0.2:
                    enter(
                        f.LesionMeasured(
                            assessment=assessment, lesion=f"W{assessment}", role="new", organ="bone", status="present"
                        ),
                        days(5 + 42 * assessment),
                    )
                enter(f.TumourAssessed(assessment=assessment, overall="SD", note="as read"), days(6 + 42 * assessment))
            if k % 3 == 0:
                enter(
                    f.AdverseEvent(ae="1", term="Blurred vision", grade=3, related=True, serious=bool(k % 2)), days(12)
                )
                enter(f.DltAdjudicated(ae="1", dlt=bool(k % 2), why=("by the definition " * 20).strip()), days(14))
                if k % 2:
                    enter(f.AdverseEventResolved(ae="1", outcome="recovered with sequelae"), days(30))
            if k % 5 == 0:
                enter(f.DoseReduced(to_level=max(1, level - 1), why="toxicity"), days(27))
                enter(f.DoseDelayed(days=7, why="toxicity"), days(27))
            if k % 2:
                enter(
                    f.Discontinued(
                        why=("progression", "dose-limiting toxicity", "withdrawal", "other")[k % 4], note="noted"
                    ),
                    days(140),
                )  # type: ignore[arg-type]
            if k % 7 == 1:
                enter(f.Died(cause="disease"), days(150))
        trial.commit(pending)


@pytest.mark.parametrize("cutoff", [None, date(2012, 8, 15)])
def test_simulated_patients_come_back_as_they_were(tmp_path: Path, cutoff: date | None) -> None:
    simulated(tmp_path / "simulated.posology")
    state = state_of(tmp_path / "simulated.posology", cutoff)
    back = again(state, tmp_path, "xpt", cutoff, PLAN)
    on = cutoff or date(2013, 6, 1)
    assert endpoints(back, on) == endpoints(state, on)
    assert facts(back) == facts(state)


def test_without_the_protocol_arms_are_cohorts_and_tumours_read_the_same(example: Path, tmp_path: Path) -> None:
    state = state_of(example)
    export_sdtm(state, tmp_path / "sdtm")
    import_sdtm(tmp_path / "sdtm", tmp_path / "again.posology", by="me", now=NOW)
    on = date(2014, 6, 1)
    back = state_of(tmp_path / "again.posology")
    assert back.protocol().dose.levels == state.protocol().dose.levels[: len(back.protocol().dose.levels)]
    scans = lambda of: {p.id: [(s.on, s.sum_mm, s.overall) for s in p.scans] for p in patient_courses(of, on)}
    assert scans(back) == scans(state)
    with (
        Trial.open(tmp_path / "again.posology") as trial,
        pytest.raises(ValueError, match="imported without its protocol"),
    ):
        trial.advise(on)


def test_nothing_after_the_cutoff_leaks_in(tmp_path: Path) -> None:
    simulated(tmp_path / "simulated.posology")
    cutoff = date(2012, 8, 15)
    state = state_of(tmp_path / "simulated.posology", cutoff)
    patient = next(p for p in state.patients.values() if p.first_dose and p.enrolment)
    given = c.TreatmentGiven(treatment="X", ended="2012-09-01")
    described = c.Demographics(last_exposure="2013-01-01", participation_end="2012-08-01", death="2013-02-01")
    late = [replace_fact(state, patient.id, given), replace_fact(state, patient.id, described)]
    seen = fold(late, onto=state)
    for dataset in datasets(seen):
        for variable in dataset.frame.columns:
            if variable.endswith("DTC") or variable == "QVAL":
                values = [v for v in dataset.frame[variable].drop_nulls().to_list() if v[:2] == "20" and v[4:5] == "-"]
                assert all(v <= "2012-08-15" for v in values), (dataset.name, variable, max(values))
    cut = next(d for d in datasets(seen) if d.name == "TS").frame
    assert dict(cut.select("TSPARMCD", "TSVAL").iter_rows())["DCUTDTC"] == "2012-08-15"


def replace_fact(state: State, patient: str, fact: f.Fact) -> Any:
    import msgspec

    event = state.patients[patient].events[0]
    return msgspec.structs.replace(event, seq=state.seq + 1, kind=fact.kind, fact=fact)


def test_labels_lengths_keys_and_days(example: Path, tmp_path: Path) -> None:
    export_sdtm(state_of(example), tmp_path / "sdtm", format="xpt")
    for path in (tmp_path / "sdtm").glob("*.xpt"):
        dataset = read_dataset(path)
        assert dataset.label and all(v.label for v in dataset.variables), path.name
        frame = dataset.frame
        assert frame["STUDYID"].unique().to_list() == ["IMGN853-0401"]
        if "DOMAIN" in frame.columns and dataset.name not in ("DM", "TS"):
            assert not frame.select("USUBJID", f"{dataset.name}SEQ").is_duplicated().any()
    ae = read_dataset(tmp_path / "sdtm/ae.xpt").frame
    dm = read_dataset(tmp_path / "sdtm/dm.xpt").frame
    starts = dict(dm.select("USUBJID", "RFSTDTC").iter_rows())
    for subject, on, day in ae.select("USUBJID", "AESTDTC", "AESTDY").iter_rows():
        days = (date.fromisoformat(on) - date.fromisoformat(starts[subject])).days
        assert day == (days + 1 if days >= 0 else days)
    assert dm.filter(dm["DTHFL"] == "Y").height == dm["DTHDTC"].drop_nulls().len() if "DTHFL" in dm.columns else True


def test_a_folder_is_never_written_over(example: Path, tmp_path: Path) -> None:
    (tmp_path / "sdtm").mkdir()
    (tmp_path / "sdtm/mine.txt").write_text("mine")
    with pytest.raises(SourceError, match="is there already and holds something"):
        export_sdtm(state_of(example), tmp_path / "sdtm")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["sdtm"]


def test_no_two_fields_of_a_kind_share_a_qualifier() -> None:
    for kind in KINDS.values():
        if kind.about != "patient":
            continue
        layout = next((x for x in LAYOUTS.values() if x.kind is kind), None)
        held = {v.field for v in layout.variables} if layout else set()
        names = [qnam(name) for name in types_of(kind) if name not in held]
        if len(names) == len({*names}):
            continue
        assert kind in (c.IndependentLesion,), kind
    assert all(len(name) <= 8 for name in (*QNAMS.values(), *RESERVED))
    assert not {*QNAMS.values()} & {*RESERVED}


@given(
    st.text(st.characters(codec="utf-8", exclude_characters="\0", exclude_categories=("Cs", "Cc")), max_size=900),
    st.integers(8, 200),
)
def test_text_in_parts_is_the_text_again(text: str, longest: int) -> None:
    text = text.strip()
    parts = split(text, longest)
    assert "".join(parts) == text
    assert all(len(part.encode()) <= longest for part in parts)


def test_kinds_before_this_version_read_as_before() -> None:
    old = {"ae": "1", "term": "Nausea", "grade": 1, "related": True, "serious": False}
    assert to_dict(replace(f.AdverseEvent(**old))) == old  # type: ignore[arg-type]
