"""From a trial's record to event data: times, units, what is wrong, and the same numbers by every way."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posology.conduct.trial import Trial
from posology.interchange.pk.from_record import recorded
from posology.interchange.pk.nonmem import DataError, text_of
from posology.interchange.pk.nonmem_read import parse, read
from posology.interchange.pk.nonmem_write import export_nonmem
from posology.interchange.pk.sample_times import planned_hours
from posology.interchange.pk.sources import BesidePc, from_record, measured
from posology.interchange.sdtm.writer.write import export_sdtm
from posology.pharmacology.nca.parameters import nca
from posology.pharmacology.nca.profiles import padded
from posology.record.collected import PkConcentration, TreatmentGiven
from tests.interchange.pk_record import CLEARANCE, HOURS, START, concentration, course, dosed, made, sample


def analysed(path: Any, **more: Any) -> Any:
    found = measured(path, **more)
    time, value = padded([(p.time, p.concentration) for p in found.profiles])
    return nca(
        time,
        value,
        np.array([p.dose for p in found.profiles]),
        route="infusion",
        duration=np.array([p.duration for p in found.profiles]),
    )


@pytest.fixture
def two(tmp_path: Path, imgn853_document: dict[str, Any]) -> str:
    return made(
        tmp_path / "t.posology",
        imgn853_document,
        {"0401-009": course(350.0, level=6), "0401-002": course(210.0, level=5)},
    )


def test_the_record_and_the_file_made_of_it_give_the_same_numbers(two: str, tmp_path: Path) -> None:
    export_nonmem(from_record(two), tmp_path / "pk.csv", {})
    by_record, by_file = analysed(two), analysed(tmp_path / "pk.csv")
    for name, values in by_record.named().items():
        np.testing.assert_array_equal(values, by_file.named()[name], err_msg=name)
    np.testing.assert_allclose(
        by_record.clearance_obs, CLEARANCE, rtol=0.05
    )  # trapezoids and a tail, against the model
    assert [p.label for p in measured(two).profiles] == ["0401-002", "0401-009"]
    assert list(measured(two).profiles) == [replace(p, line=0) for p in measured(tmp_path / "pk.csv").profiles]


def test_an_independent_area(two: str) -> None:
    """The area by hand: linear up, logarithmic down, in days and mg/L."""
    times, values = [0.0, *(h / 24 for h in HOURS)], [0.0, *(concentration(h / 24, 350.0, 2 / 24) for h in HOURS)]
    area = sum(
        (t2 - t1) * ((a - b) / np.log(a / b) if 0 < b < a else (a + b) / 2)
        for t1, t2, a, b in zip(times, times[1:], values, values[1:], strict=False)
    )
    found = analysed(two)
    assert found.auc_last[1] == pytest.approx(area, rel=1e-12)
    assert analysed(two, time="h").auc_last[1] == pytest.approx(24 * area, rel=1e-12)
    assert found.c_max[1] == pytest.approx(values[1]) and found.t_max[1] == pytest.approx(2 / 24)


def test_a_folder_of_sdtm_gives_them_too(two: str, tmp_path: Path, imgn853_document: dict[str, Any]) -> None:
    with Trial.open(two) as trial:
        export_sdtm(trial.state(), tmp_path / "sdtm", format="xpt")
    want, got = analysed(two).named(), analysed(tmp_path / "sdtm").named()
    for name, values in want.items():
        np.testing.assert_allclose(got[name], values, rtol=1e-12, err_msg=name)
    assert [p.duration for p in measured(tmp_path / "sdtm").profiles] == pytest.approx([2 / 24, 2 / 24])


def test_what_is_written(two: str, tmp_path: Path) -> None:
    key = export_nonmem(from_record(two), tmp_path / "pk.csv", {"trial": "t", "cutoff": date(2013, 5, 10)})
    lines = (tmp_path / "pk.csv").read_text().splitlines()
    assert (
        lines[0]
        == "ID,PATIENT,TIME,EVID,MDV,AMT,RATE,CMT,DV,DVID,ANALYTE,BLQ,LLOQ,WT,HT,AGE,SEXF,AIBW,LEVEL,OCC,IHC,PCT2"
    )
    assert lines[1] == "1,0401-002,-0.020833333333333332,0,1,.,.,1,0.5,1,ADC,1,0.5,70,165,60,1,61.9,5,1,3,80"
    assert lines[2] == "1,0401-002,0,1,1,210,2520,1,.,.,.,.,.,70,165,60,1,61.9,5,1,3,80"
    assert lines[12].startswith("2,0401-009,")
    said = json.loads(key.read_text())
    assert said["cutoff"] == "2013-05-10" and said["columns"]["TIME"]["unit"] == "d"
    assert said["columns"]["RATE"]["unit"] == "mg/d" and said["columns"]["DV"]["unit"] == "ug/mL"
    assert said["analytes"] == [
        {"DVID": 1, "code": "ADC", "name": "ADC", "specimen": "serum", "unit": "ug/mL", "samples": 20, "below": 2}
    ]
    assert set(said["columns"]) == set(lines[0].split(","))
    again = read(tmp_path / "pk.csv")
    assert [replace(e, line=0) for e in again.events] == list(from_record(two).data.events)
    hours = from_record(two, time="h").data.events
    assert [e.time for e in hours] == pytest.approx([24 * e.time for e in again.events])
    assert hours[1].rate == pytest.approx(105.0)
    before = (tmp_path / "pk.csv").read_bytes()
    with pytest.raises(FileExistsError, match="pk.csv exists: give a new file"):
        export_nonmem(from_record(two), tmp_path / "pk.csv", {})
    assert (tmp_path / "pk.csv").read_bytes() == before
    (tmp_path / "pk.csv").unlink()
    with pytest.raises(FileExistsError, match="pk.csv.json exists: give a new file"):
        export_nonmem(from_record(two), tmp_path / "pk.csv", {})
    assert not (tmp_path / "pk.csv").exists()


def test_before_the_first_dose_nothing_is_fitted(two: str) -> None:
    gathered = from_record(two).data.measurements(["WT"])
    assert gathered.samples == 18 and (gathered.time > 0).all()
    assert measured(two).profiles[0].time[0] < 0 and measured(two).profiles[0].concentration[0] == 0


def test_cycles_reductions_and_weights_as_they_were(tmp_path: Path, imgn853_document: dict[str, Any]) -> None:
    second = START + timedelta(days=24, hours=2)
    facts = [
        dosed(350.0),
        sample(2, 120.0),
        sample(24 * 24 + 1, 8.0),
        dosed(240.0, on=second, cycle=2, level=5, weight=66.0),
        sample(2, 90.0, dose=second),
        sample(24.0, 70.0, dose=second),
    ]
    data = from_record(made(tmp_path / "t.posology", imgn853_document, {"7": facts})).data
    doses = [e for e in data.events if e.evid == 1]
    assert [(e.time, e.amount, e.covariates["LEVEL"], e.covariates["OCC"], e.covariates["WT"]) for e in doses] == [
        (0.0, 350.0, 6, 1, 70.0),
        (pytest.approx(24 + 2 / 24), 240.0, 5, 2, 66.0),
    ]
    trough = next(e for e in data.events if e.value == 8.0)
    assert trough.covariates["WT"] == 70.0 and trough.time == pytest.approx(24 + 1 / 24)
    assert data.varying == ("WT", "AIBW", "LEVEL", "OCC")
    first, later = measured(tmp_path / "t.posology").profiles
    assert first.time[-1] == pytest.approx(24 + 1 / 24)
    assert (
        later.time[0] == pytest.approx(-1 / 24) and later.concentration[0] == 8.0
    )  # stands for the concentration at the dose


def test_days_alone_go_by_the_plan(tmp_path: Path, imgn853_document: dict[str, Any]) -> None:
    second = START + timedelta(days=23)
    facts = [
        dosed(350.0, clock=False),
        sample(0, None, clock=False, result="BLQ"),
        sample(2, 120.0, clock=False),
        sample(168, 40.0, clock=False),
        dosed(350.0, on=second, cycle=2, clock=False),
        sample(0, 9.0, clock=False, dose=second),
        sample(2, 121.0, clock=False, dose=second),
        (second.date() + timedelta(days=9), sample(168, 41.0, clock=False)[1]),
    ]
    made_ = from_record(made(tmp_path / "t.posology", imgn853_document, {"7": facts}), time="h")
    assert [(e.time, e.evid) for e in made_.data.events] == [
        (0, 0),
        (0, 1),
        (2, 0),
        (168, 0),
        (552, 0),
        (552, 1),
        (554, 0),
        (552 + 216, 0),
    ]
    assert [n.split(" ", 1)[0] for n in made_.notes] == ["2", "1", "1"]
    assert "as boluses" in made_.notes[0] and "another day than planned" in made_.notes[2]
    troughs = measured(tmp_path / "t.posology", time="h").profiles
    assert troughs[0].time[-1] == 552 and (troughs[1].time[0], troughs[1].concentration[0]) == (0, 9.0)


@pytest.mark.parametrize(
    ("facts", "says"),
    [
        (
            [dosed(350.0), sample(2, 120.0), sample(4, 110.0, unit="ng/mL")],
            "patient 7, 2013-01-07, unit: of ADC is ng/mL, before it was ug/mL; one unit an analyte",
        ),
        ([dosed(350.0), sample(2, 120.0, unit=None)], "patient 7, 2013-01-07, unit: of ADC is missing"),
        ([dosed(350.0), sample(2, 120.0, dated=None)], "patient 7, 2013-01-07, dated: ADC has no time of day"),
        (
            [dosed(350.0, clock=False), sample(2, 120.0)],
            "patient 7, 2013-01-07, dated: ADC: the dose of 2013-01-07 has no time of day; correct the dose (dated)",
        ),
        (
            [dosed(350.0), sample(2, 120.0, dated="2013-01-08T11:00")],
            "dated: is 2013-01-08T11:00, but the event is of 2013-01-07",
        ),
        ([dosed(350.0), sample(2, 120.0, dated="2013-01-07T11:00Z")], "has a time zone"),
        ([dosed(350.0), sample(2, 120.0, dated="2013-01-07T25:00")], "'2013-01-07T25:00' is no time"),
        (
            [dosed(350.0), sample(2, 120.0, dated="not stated", timepoint_number=2.0)],
            "dated: ADC has no day (not stated)",
        ),
        ([dosed(350.0), sample(2, 120.0, dated="2013-01", timepoint_number=2.0)], "dated: ADC has no day (2013-01)"),
        (
            [(START.date(), replace(dosed(350.0)[1], dated="2013-01")), sample(2, 120.0)],
            "dated: is 2013-01: the day of the dose is not known",
        ),
        ([dosed(350.0), sample(2, 120.0), sample(2, 121.0)], "ADC: a second sample at 2 h after the first dose"),
        ([dosed(350.0), sample(2, -1.0)], "value: ADC is -1; a concentration is 0 or above"),
        ([dosed(350.0), sample(2, None)], "value: ADC has none"),
        ([dosed(350.0), sample(2, None, result="lost")], "value: ADC has none: lost"),
        ([dosed(350.0), sample(2, None, result="BLQ", quantification_limit=None)], "and its limit is not known"),
        (
            [dosed(350.0), (START.date() + timedelta(days=3), sample(2, 5.0, clock=False)[1])],
            "2013-01-10, timepoint_number: ADC: planned 2 h after the dose",
        ),
        ([dosed(350.0, hours=100.0), sample(2, 5.0)], "ended: is 2013-01-11T13:00: 100 h after the start"),
        ([dosed(350.0), dosed(350.0, clock=False, cycle=2), sample(2, 5.0)], "dosed: two doses 0 h apart"),
    ],
)
def test_what_is_wrong_is_said_with_patient_date_and_field(
    tmp_path: Path, imgn853_document: dict[str, Any], facts: Any, says: str
) -> None:
    path = made(tmp_path / "t.posology", imgn853_document, {"7": facts})
    with pytest.raises(DataError) as caught:
        from_record(path)
    assert says in str(caught.value) and str(caught.value).startswith(path)


def test_below_quantification_in_every_spelling(tmp_path: Path, imgn853_document: dict[str, Any]) -> None:
    facts = [
        dosed(350.0),
        sample(2, 120.0),
        sample(400, None, result="<0.7", quantification_limit=None),
        sample(410, 0.0, result="BLQ"),
        sample(420, 0.2),
        sample(430, None, result="< LLOQ", unit=None),
        sample(440, None, not_done="tube broken"),
    ]
    made_ = from_record(made(tmp_path / "t.posology", imgn853_document, {"7": facts}))
    below = [(e.value, e.limit) for e in made_.data.events if e.below]
    assert below == [(0.7, 0.7), (0.5, 0.5), (0.5, 0.5), (0.5, 0.5)]
    assert "1 sample not done: left out" in made_.notes and made_.analytes[0].below == 4


def test_several_analytes_have_a_number_each(tmp_path: Path, imgn853_document: dict[str, Any]) -> None:
    more = [
        sample(h, v, of="S-METHYL DM4", unit="ng/mL", specimen="plasma", name="S-methyl DM4")
        for h, v in ((2, 0.9), (24, 6.0), (96, 3.0))
    ]
    path = made(tmp_path / "t.posology", imgn853_document, {"A": [*course(350.0), *more]})
    both = from_record(path)
    assert [(a.code, a.specimen, a.unit) for a in both.analytes] == [
        ("ADC", "serum", "ug/mL"),
        ("S-METHYL DM4", "plasma", "ng/mL"),
    ]
    assert {(e.analyte, e.compartment) for e in both.data.events if e.evid == 0} == {("ADC", 1), ("S-METHYL DM4", 2)}
    lines = text_of(both.data).splitlines()
    assert [line.split(",")[7:11] for line in lines if ",0.9," in line] == [["2", "0.9", "2", "S-METHYL DM4"]]
    again = parse(text_of(both.data))
    assert again.analytes == both.data.analytes
    with pytest.raises(DataError, match="holds ADC, S-METHYL DM4; name the analyte: --analyte"):
        measured(path)
    with pytest.raises(DataError, match="name the analyte"):
        again.measurements()
    assert measured(path, analyte="S-METHYL DM4").profiles[0].concentration == (0.9, 6.0, 3.0)
    assert again.of("S-METHYL DM4").measurements().samples == 3
    with pytest.raises(ValueError, match="holds no 'DM4'; it holds ADC, S-METHYL DM4"):
        from_record(path, analyte="DM4")


def test_what_is_dosed_is_the_first_analyte(tmp_path: Path, imgn853_document: dict[str, Any]) -> None:
    facts = [
        dosed(350.0),
        *(
            sample(2, 9.0, of=code, name=name)
            for code, name in (("DM4", "DM4, free"), ("TOTAL", "total antibody"), ("CONJ", "IMGN853 conjugate"))
        ),
    ]
    found = from_record(made(tmp_path / "t.posology", imgn853_document, {"A": facts}))
    assert [a.code for a in found.analytes] == ["CONJ", "DM4", "TOTAL"] == list(found.data.analytes)
    assert [e.compartment for e in found.data.events if e.analyte == "CONJ" or e.evid == 1] == [1, 1]
    again = parse(text_of(found.data))
    assert again.analytes == found.data.analytes and [replace(e, line=0) for e in again.events] == list(
        found.data.events
    )


def test_specimens(tmp_path: Path, imgn853_document: dict[str, Any]) -> None:
    urine = [sample(24, 3.0, specimen="urine")]
    path = made(tmp_path / "t.posology", imgn853_document, {"A": [*course(350.0), *urine], "B": course(350.0)})
    assert from_record(path).analytes[0].specimen == "serum"
    found = from_record(path, specimen="urine")
    assert found.analytes[0].samples == 1 and found.left == ("B: no concentration",)
    with pytest.raises(DataError, match="there is no 'saliva'; the record holds SERUM, URINE"):
        from_record(path, specimen="saliva")
    second = made(
        tmp_path / "u.posology", imgn853_document, {"A": [*course(350.0), sample(24, 3.0, specimen="plasma")]}
    )
    with pytest.raises(DataError, match="ADC was measured in PLASMA, SERUM; name it: --specimen"):
        from_record(second)


def test_a_cutoff_takes_what_had_occurred(two: str) -> None:
    found = from_record(two, cutoff=date(2013, 1, 9))
    assert found.analytes[0].samples == 2 * 6
    with pytest.raises(ValueError, match="holds no concentration by 2013-01-06"):
        from_record(two, cutoff=date(2013, 1, 6))
    with pytest.raises(ValueError, match="had not begun by 2011-01-01"):
        from_record(two, cutoff=date(2011, 1, 1))
    with pytest.raises(ValueError, match="had not begun by 2013"):
        from_record(two, known_by=datetime.fromisoformat("2013-06-01T00:00:00+00:00"))


def test_who_is_left_out_is_said(tmp_path: Path, imgn853_document: dict[str, Any]) -> None:
    patients = {"A": course(350.0), "B": [dosed(350.0)], "C": [sample(-48.0, None, result="BLQ")]}
    found = from_record(made(tmp_path / "t.posology", imgn853_document, patients))
    assert found.left == ("B: no concentration", "C: 1 concentrations, and no dose")
    early = made(tmp_path / "u.posology", imgn853_document, {"A": [dosed(350.0), sample(-1, 3.0), sample(2, 100.0)]})
    assert from_record(early).notes == ("A, 2013-01-07: ADC is 3 ug/mL before the first dose",)


def test_repeated_doses_and_unknown_covariates(tmp_path: Path, imgn853_document: dict[str, Any]) -> None:
    day = START.date()
    given = lambda **more: (
        day,
        TreatmentGiven(**{"treatment": "IMGN853", "dose": 350.0, "dated": START.isoformat(), **more}),
    )
    samples = [sample(2, 120.0), sample(24, 90.0)]
    other = (day, TreatmentGiven(treatment="PACLITAXEL", dose=80.0, unit="mg/m2"))
    path = made(
        tmp_path / "t.posology", imgn853_document, {"A": [given(unit="mg"), other, *samples], "B": course(350.0)}
    )
    found = from_record(path)
    assert [e.amount for e in found.data.events if e.evid == 1] == [350.0, 350.0]
    assert "LEVEL is not known of 1 (A): `.` in the file, which NONMEM takes for 0" in found.notes
    wrong = (
        {"unit": "mg", "frequency": "QD"},
        {"unit": "mg/kg"},
        {"unit": "mg", "dose": None},
        {"unit": "mg", "ended": "2013-01-20"},
    )
    for name, more in zip("uvwx", wrong, strict=True):
        path = made(tmp_path / f"{name}.posology", imgn853_document, {"A": [given(**more), *samples]})
        with pytest.raises(
            DataError, match="what has no one amount and time is not placed; each dose by itself, in mg"
        ):
            from_record(path)


def test_a_correction_is_what_counts(two: str) -> None:
    with Trial.open(two) as trial:
        event = next(e for e in trial.events() if isinstance(e.fact, PkConcentration) and e.fact.value)
        trial.correct(event.seq, by="Dr A", reason="transcribed wrongly", value=1.0)
        made_ = recorded(trial.state())
    assert 1.0 in [e.value for e in made_.data.events]


@pytest.mark.parametrize(
    ("text", "hours"), [("PT2H", 2.0), ("-PT15M", -0.25), ("P1DT12H", 36.0), ("P2D", 48.0), ("P", 7.0), ("x", 7.0)]
)
def test_planned_hours(text: str, hours: float) -> None:
    assert planned_hours(PkConcentration(test="ADC", timepoint_elapsed=text, timepoint_number=7.0)) == hours


def test_a_number_is_one_patient() -> None:
    with pytest.raises(DataError, match="patient B, PATIENT: is ID 1, as A is"):
        parse("ID,PATIENT,TIME,AMT,DV\n1,A,0,10,.\n1,B,0,10,.\n")


def test_the_length_of_an_infusion_can_be_given(tmp_path: Path, imgn853_document: dict[str, Any]) -> None:
    facts = [dosed(350.0, hours=None), sample(2, 120.0), sample(96, 60.0), sample(200, 20.0)]
    path = made(tmp_path / "t.posology", imgn853_document, {"A": facts, "B": course(350.0)})
    found = from_record(path, infusion=3.0)
    assert found.notes == ("1 dose without the infusion's length (`ended`): 3 h long, as given",)
    assert [p.duration for p in measured(path, infusion=3.0).profiles] == pytest.approx([3 / 24, 2 / 24])
    assert [p.duration for p in measured(path).profiles] == pytest.approx([0, 2 / 24])
    export_nonmem(found, tmp_path / "pk.csv", {})
    with pytest.raises(ValueError, match="an infusion's length is given for a trial's record"):
        measured(tmp_path / "pk.csv", infusion=3.0)


@pytest.mark.parametrize("kind", ["csv", "xpt", "json", "ndjson", "parquet"])
def test_the_files_of_sdtm_say_what_their_folder_says(two: str, tmp_path: Path, kind: Any) -> None:
    """PC with EX, in any format, gives the profiles and the events that the folder gives, and so the record."""
    with Trial.open(two) as trial:
        export_sdtm(trial.state(), tmp_path / "sdtm", format=kind)
    beside = BesidePc(tmp_path / "sdtm" / f"ex.{kind}")
    files = measured(tmp_path / "sdtm" / f"pc.{kind}", beside=beside, time="d")
    folder = measured(tmp_path / "sdtm", time="d")
    assert len(files.profiles) == len(folder.profiles) == 2
    for one, other in zip(files.profiles, folder.profiles, strict=True):
        assert one.time == pytest.approx(other.time) and one.concentration == pytest.approx(other.concentration)
        assert (one.dose, one.duration) == pytest.approx((other.dose, other.duration))
    ours, theirs = files.events.measurements(), folder.events.measurements()
    for name in ("dose_time", "amount", "duration", "time", "value", "below", "dose_counts"):
        np.testing.assert_allclose(getattr(ours, name), getattr(theirs, name), rtol=1e-9, err_msg=name)


def test_concentrations_without_doses_are_not_fitted() -> None:
    with pytest.raises(DataError, match="has concentrations and no dose; the doses of EX: --dosing EX"):
        _ = measured(Path(__file__).parents[1] / "data/pharmacology/pilot_pc.csv.gz").events


plans = st.lists(
    st.tuples(
        st.integers(1, 24),
        st.integers(-2, 26),
        st.lists(st.tuples(st.integers(-40, 1100), st.booleans(), st.floats(0.0, 500.0)), max_size=6),
    ),
    min_size=1,
    max_size=3,
)


@given(st.lists(plans, min_size=1, max_size=3), st.booleans())
@settings(max_examples=60)
def test_whatever_is_recorded_is_either_refused_or_written_and_read_again(
    tmp_path_factory: pytest.TempPathFactory, imgn853_document: dict[str, Any], patients: list[Any], clock: bool
) -> None:
    held = {}
    for number, cycles in enumerate(patients):
        begin, facts = START, []
        for cycle, (length, late, samples) in enumerate(cycles, 1):
            facts.append(dosed(350.0, on=begin, cycle=cycle, hours=length / 4, clock=clock or cycle % 2 == 0))
            facts += [sample(h, v, dose=begin, clock=by_clock) for h, by_clock, v in samples]
            begin += timedelta(days=21 + late)
        held[f"P-{number}"] = facts
    path = made(tmp_path_factory.mktemp("any") / "t.posology", imgn853_document, held)
    try:
        found = from_record(path, time="h")
    except DataError as error:
        assert all(f.patient and f.on and f.field for f in error.findings)
        return
    except ValueError as error:
        assert "holds no concentration" in str(error)
        return
    again = parse(text_of(found.data))
    assert [replace(e, line=0) for e in again.events] == list(found.data.events)
    for name, events in found.data.by_patient():
        assert sorted(e.time for e in events) == [e.time for e in events]
        first = next(e.time for e in events if e.evid == 1)
        assert first == 0 and all(e.missing == (e.time <= 0) for e in events if e.evid == 0)
        sampled_ = sum(isinstance(f, PkConcentration) for _, f in held[name])
        assert sum(e.evid == 0 for e in events) == sampled_
    if any(e.evid == 0 and not e.missing for e in again.events):
        assert (again.measurements().time > 0).sum() == sum(e.evid == 0 and not e.missing for e in again.events)
