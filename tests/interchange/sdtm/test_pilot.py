"""The CDISC pilot trial from SDTM into a record, against the ADaM that another system (admiral) made of the same
SDTM."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest

from posology.conduct.patient_courses import patient_courses
from posology.conduct.trial import Trial
from posology.interchange.datasets.formats import read_dataset as read_dataset
from posology.interchange.sdtm.reader.read import import_sdtm
from posology.interchange.sdtm.reader.report import Report
from posology.interchange.sdtm.writer.write import datasets
from posology.record import collected as c
from posology.record import facts as f
from posology.record.entry import fact_from
from posology.record.event import to_dict
from posology.record.state import State
from posology.record.store import Store
from tests.interchange.sdtm.sdtm_folder import DATA, pilot

ADAM = DATA / "pharmaverse/adam"
NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
LEFT_OUT = ("rs_onco_ca125", "supprs_onco_ca125", "rs_onco")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return pilot(tmp_path_factory.mktemp("sdtm"))


@pytest.fixture(scope="module")
def imported(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Report]:
    where = tmp_path_factory.mktemp("trial") / "pilot.posology"
    return where, import_sdtm(folder, where, by="data manager", leave_out=LEFT_OUT, now=NOW)


@pytest.fixture(scope="module")
def state(imported: tuple[Path, Report]) -> Iterator[State]:
    with Trial.open(imported[0]) as trial:
        yield trial.state()


def adam(name: str) -> pl.DataFrame:
    return read_dataset(ADAM / f"{name}.csv.gz").frame


def sdtm(folder: Path, name: str) -> pl.DataFrame:
    return read_dataset(folder / f"{name}.csv.gz").frame


def test_patients_arms_and_first_doses_are_those_of_adsl(state: State) -> None:
    adsl = adam("adsl")
    assert set(state.patients) == set(adsl["USUBJID"])
    for subject, arm, start, age, sex in adsl.select("USUBJID", "ARMCD", "TRTSDT", "AGE", "SEX").iter_rows():
        patient = state.patients[subject]
        assert (patient.first_dose.occurred if patient.first_dose else None) == start
        assert patient.screening is not None and (patient.screening.age, patient.screening.sex) == (age, sex)
        place = patient.enrolment.fact if patient.enrolment else None
        assert (place.cohort if isinstance(place, f.Enrolled) else None) == (arm if start else None)


def test_adverse_events_by_arm_are_those_of_adae(state: State) -> None:
    adae = adam("adae")
    wanted = Counter(adae.select("ARMCD", "AEDECOD", "AESEV", "AESER").iter_rows())
    severity = {1: "MILD", 2: "MODERATE", 3: "SEVERE"}
    found: Counter[tuple[str, str, str, str]] = Counter()
    for patient in state.patients.values():
        described = patient.last(c.Demographics)
        assert described is not None and isinstance(described.fact, c.Demographics)
        for toxicity in patient.toxicities:
            fact = toxicity.fact
            said = fact.severity or severity[fact.grade]
            found[described.fact.planned_arm_code or "", fact.term, said, "Y" if fact.serious else "N"] += 1
    assert found == wanted and sum(found.values()) == 1191


def test_onsets_and_ends_are_those_of_adae(state: State) -> None:
    """Where the day is known in SDTM; partial onsets are imputed by the rule of ADaM: not before the first dose."""
    rows = adam("adae").select("USUBJID", "AESEQ", "ASTDT", "AENDT", "AENDTF")
    for subject, number, start, end, guessed in rows.iter_rows():
        toxicity = next(t for t in state.patients[subject].toxicities if t.fact.ae == str(number))
        assert toxicity.event.occurred == start
        if end is not None and not guessed:
            assert toxicity.resolved is not None and toxicity.resolved.occurred == end


def test_exposure_is_that_of_adex(state: State) -> None:
    """Every interval, and its dose but for three that the other system's program sets to 0 as an example of
    adjustment."""
    intervals = adam("adex").filter(pl.col("PARAMCD") == "DURD").filter(pl.col("EXSEQ").is_not_null())
    wanted = {
        (who, start): (dose, end)
        for who, dose, start, end in intervals.select("USUBJID", "EXDOSE", "ASTDT", "AENDT").iter_rows()
    }
    found = {
        (p.id, e.occurred): (e.fact.dose, date.fromisoformat(e.fact.ended) if e.fact.ended else None)
        for p in state.patients.values()
        for e in p.of(c.TreatmentGiven)
        if isinstance(e.fact, c.TreatmentGiven)
    }
    assert found.keys() == wanted.keys() and len(found) == intervals.height == 591
    different = {key for key in found if found[key] != wanted[key]}
    adjusted = {
        ("01-701-1034", date(2014, 7, 16)),
        ("01-701-1034", date(2014, 12, 18)),
        ("01-701-1148", date(2014, 2, 9)),
    }
    assert different == adjusted and all(wanted[key][0] == 0 for key in adjusted)


def test_laboratory_values_are_those_of_lb(state: State, folder: Path) -> None:
    lb = sdtm(folder, "lb")
    values = [e.fact for p in state.patients.values() for e in p.of(c.LaboratoryMeasured)]
    assert len(values) == lb.height
    wanted = Counter(lb.select("LBTESTCD", pl.col("LBSTRESN").cast(pl.Float64), "LBSTRESU", "LBSTRESC").iter_rows())
    found = Counter((v.test, v.value, v.unit, v.result) for v in values if isinstance(v, c.LaboratoryMeasured))
    assert found == wanted
    assert (
        sum(count for (_, value, _, text), count in found.items() if value is None and (text or "").startswith("<"))
        == 6
    )


def test_history_drugs_concentrations_and_disposition_are_all_there(state: State, folder: Path) -> None:
    for name, kind in (
        ("mh", c.MedicalHistory),
        ("cm", c.ConcomitantTherapy),
        ("pc", c.PkConcentration),
        ("vs", c.VitalSignMeasured),
        ("ds", c.DispositionEvent),
    ):
        assert sum(len(p.of(kind)) for p in state.patients.values()) == sdtm(folder, name).height, name
    reasons = Counter(
        e.fact.why for p in state.patients.values() for e in p.of(f.Discontinued) if isinstance(e.fact, f.Discontinued)
    )
    ends = (
        sdtm(folder, "ds").filter(pl.col("DSCAT") == "DISPOSITION EVENT").filter(pl.col("DSDECOD") != "SCREEN FAILURE")
    )
    assert reasons["adverse event"] == (ends["DSDECOD"] == "ADVERSE EVENT").sum() == 92
    assert reasons["withdrawal"] == 27 and reasons["death"] == 3 and sum(reasons.values()) == ends.height == 254
    assert {p.id for p in state.patients.values() if p.death} == set(
        adam("adsl").filter(pl.col("DTHFL") == "Y")["USUBJID"]
    )


def test_responses_of_the_readers_are_all_there(state: State, folder: Path) -> None:
    rs = sdtm(folder, "rs_onco_recist")
    own = [
        (p.id, e.fact.overall.upper())
        for p in state.patients.values()
        for e in p.of(f.TumourAssessed)
        if isinstance(e.fact, f.TumourAssessed)
    ]
    others = [e for p in state.patients.values() for e in p.of(c.IndependentResponse)]
    wanted = rs.filter(pl.col("RSEVAL") == "INVESTIGATOR").select("USUBJID", "RSSTRESC").rows()
    assert Counter(own) == Counter(wanted) and len(own) + len(others) == rs.height


def test_every_fact_keeps_the_bounds_of_the_record(state: State) -> None:
    seen: Counter[str] = Counter()
    for patient in state.patients.values():
        for event in patient.events:
            seen[event.kind] += 1
            if seen[event.kind] <= 400:
                assert fact_from(event.kind, to_dict(event.fact)) == event.fact


def test_the_record_says_where_it_comes_from_and_is_sound(imported: tuple[Path, Report]) -> None:
    where, report = imported
    with Store.open(where) as store:
        rows, head = list(store.rows()), store.check()
    assert rows[-1].seq == head.seq
    source = rows[1].event()
    assert isinstance(source.fact, c.DataImport) and source.fact.protocol == "derived"
    assert source.fact.files["dm.csv.gz"] == report.files["dm.csv.gz"] and len(source.fact.files["dm.csv.gz"]) == 64
    assert (
        source.override is not None
        and "enrolled-before-dosing" in source.override.rules
        and source.override.by == "data manager"
    )
    assert sum(source.fact.events.values()) == len(rows) - 2
    lab = next(row for row in rows if row.kind == "laboratory_measured")
    assert (lab.reason or "").startswith("LB ")


def test_nothing_goes_in_silence(imported: tuple[Path, Report], folder: Path) -> None:
    """Each row becomes an event, or is told of: rows read are events, readings of one lesion, or not understood."""
    report = imported[1]
    for domain, kinds in {
        "AE": ["adverse_event"],
        "CM": ["concomitant_therapy"],
        "MH": ["medical_history"],
        "EX": ["treatment_given"],
        "LB": ["laboratory_measured", "marker_measured"],
        "VS": ["vital_sign_measured"],
        "DM": ["subject_described"],
        "RS": ["tumour_assessed", "response_read"],
        "PC": ["concentration_measured"],
    }.items():
        assert sum(report.events[kind] for kind in kinds) == report.rows[domain], domain
    left = {(n.domain, n.variable) for n in report.not_understood}
    assert left == {("RS_ONCO", ""), ("RS_ONCO_CA125", ""), ("SUPPRS_ONCO_CA125", ""), ("TS", "TSPARMCD")}
    assert [f for f in report.findings if "ts.csv.gz, line 10" in str(f)]


def test_endpoints_are_the_same_after_a_way_through_sdtm(state: State, tmp_path: Path) -> None:
    from posology.interchange.datasets.formats import write_dataset

    for dataset in datasets(state):
        write_dataset(dataset, tmp_path / f"{dataset.name.lower()}.parquet")
    where = tmp_path / "again.posology"
    report = import_sdtm(tmp_path, where, by="data manager", now=NOW)
    with Trial.open(where) as trial:
        again = trial.state()
    on = date(2016, 1, 1)
    read = lambda of: [
        (
            course.id,
            course.response.text,
            course.response.on,
            [(s.number, s.on, s.sum_mm, s.overall) for s in course.scans],
        )
        for course in sorted(patient_courses(of, on), key=lambda course: course.id)
    ]
    assert read(again) == read(state)
    count = lambda of: Counter((p.id, e.kind) for p in of.patients.values() for e in p.events)
    assert count(again) == count(state)
    assert {n.variable for n in report.not_understood} <= {"TSPARMCD"}
