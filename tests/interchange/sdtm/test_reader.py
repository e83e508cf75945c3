"""What cannot be in SDTM data is a finding with patient, date and field, and yields no number; nothing goes in
silence."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from posology.interchange.datasets.folder import SourceError
from posology.interchange.sdtm.reader.read import SdtmImport, import_sdtm, read_sdtm
from posology.record import collected as c
from posology.record import facts as f
from tests.interchange.sdtm.sdtm_folder import dose, patient, study

TODAY = date(2024, 1, 1)


def taken(folder: Path, **options: Any) -> SdtmImport:
    return read_sdtm(folder, today=TODAY, **options)


def told(made: SdtmImport) -> str:
    return "\n".join(map(str, made.report.findings))


def facts(made: SdtmImport, kind: type) -> list[Any]:
    return [one.fact for one in made.finish if isinstance(one.fact, kind)]


def event(subject: str = "1", **more: object) -> dict[str, object]:
    return {
        "USUBJID": subject,
        "AETERM": "Nausea",
        "AEDECOD": "Nausea",
        "AETOXGR": "2",
        "AEREL": "Y",
        "AESER": "N",
        "AESTDTC": "2020-01-05",
        **more,
    }


def lesion(
    value: object, on: str = "2019-12-28", visit: str = "BASELINE", link: str = "T01", **more: object
) -> dict[str, object]:
    return {
        "USUBJID": "1",
        "TRGRPID": "TARGET",
        "TRLNKID": link,
        "TRTESTCD": "LDIAM",
        "TRTEST": "Longest Diameter",
        "TRORRES": str(value),
        "TRORRESU": "mm",
        "TRSTRESC": str(value),
        "TRSTRESN": value,
        "TRSTRESU": "mm",
        "VISIT": visit,
        "TRDTC": on,
        **more,
    }


def sample(test: str, value: object, **more: object) -> dict[str, object]:
    return {
        "USUBJID": "1",
        "LBTESTCD": test,
        "LBTEST": test,
        "LBORRES": str(value),
        "LBSTRESC": str(value),
        "LBSTRESN": value,
        "LBSTRESU": "U/mL",
        "LBSTNRHI": 35,
        "LBDTC": "2019-12-30",
        **more,
    }


def test_a_date_that_cannot_be(tmp_path: Path) -> None:
    made = taken(study(tmp_path, ex=[dose("1")], ae=[event(), event(AESTDTC="2020-02-30")]))
    assert "AESTDTC: '2020-02-30' is impossible: February 2020 has 29 days" in told(made)
    late = next(one for one in made.finish if isinstance(one.fact, f.AdverseEvent) and one.fact.ae == "2")
    assert (
        late.occurred == date(2020, 1, 2) and late.assumed == {"occurred": "assumed"} and late.fact.dated == c.UNDATED
    )


def test_a_partial_date_is_imputed_by_the_stated_rule_and_flagged(tmp_path: Path) -> None:
    made = taken(
        study(
            tmp_path,
            ex=[dose("1", "2020-01-10")],
            dm=[patient("1", RFSTDTC="2020-01-10", RFXSTDTC="2020-01-10")],
            ae=[event(AESTDTC="2020-01"), event(AESTDTC="2020-02"), event(AESTDTC="2019-12")],
        )
    )
    events = [one for one in made.finish if isinstance(one.fact, f.AdverseEvent)]
    assert [one.occurred for one in events] == [date(2019, 12, 1), date(2020, 1, 10), date(2020, 2, 1)]
    assert {one.fact.dated for one in events} == {"2019-12", "2020-01", "2020-02"}  # type: ignore[attr-defined]
    assert all(one.assumed == {"occurred": "assumed"} for one in events)
    assert any(rule.startswith("AESTDTC: partial date read as the first day it can be") for rule in made.report.rules)


def test_a_date_to_come(tmp_path: Path) -> None:
    made = taken(
        study(
            tmp_path,
            ex=[dose("1")],
            vs=[{"USUBJID": "1", "VSTESTCD": "PULSE", "VSSTRESN": 70, "VSSTRESU": "/min", "VSDTC": "2031-01-01"}],
        )
    )
    assert "patient 1, 2031-01-01, VSDTC: 2031-01-01 is after today, 2024-01-01; the row is not taken" in told(made)
    assert not facts(made, c.VitalSignMeasured)


def test_an_event_ends_before_it_begins(tmp_path: Path) -> None:
    made = taken(
        study(
            tmp_path, ex=[dose("1", EXENDTC="2020-01-01")], ae=[event(AEENDTC="2020-01-03", AEOUT="RECOVERED/RESOLVED")]
        )
    )
    assert "AEENDTC: 2020-01-03 is before the onset; the end is not used" in told(made)
    assert "EXENDTC: 2020-01-01 is before the start" in told(made)
    assert not facts(made, f.AdverseEventResolved)


def test_a_subject_that_is_not_in_dm(tmp_path: Path) -> None:
    made = taken(study(tmp_path, dm=[patient("1")], ex=[dose("1")], ae=[event(), event("2"), event("2")]))
    assert "patient 2, AE.USUBJID: is not in DM; 2 rows of AE not taken" in told(made)
    assert {one.patient for one in made.finish} == {"1"}


def test_a_patient_without_treatment(tmp_path: Path) -> None:
    made = taken(study(tmp_path, dm=[patient("1"), patient("2", RFXSTDTC="")], ex=[dose("1")]))
    assert "patient 2, EX: has no dose, though put in an arm" in told(made)
    assert {one.patient for one in made.finish if isinstance(one.fact, f.Enrolled)} == {"1"}


def test_a_first_dose_that_dm_and_ex_disagree_on(tmp_path: Path) -> None:
    made = taken(study(tmp_path, dm=[patient("1", RFXSTDTC="2020-01-09")], ex=[dose("1")]))
    assert "RFXSTDTC: is 2020-01-09, but the first dose in EX is of 2020-01-02; EX is followed" in told(made)


def test_keys_used_twice_and_a_subject_twice(tmp_path: Path) -> None:
    made = taken(
        study(
            tmp_path,
            dm=[patient("1"), patient("1", AGE=61)],
            ex=[dose("1")],
            ae=[event(AESEQ=1), event(AESEQ=1, AETERM="Rash", AEDECOD="Rash")],
        )
    )
    assert "USUBJID: is in DM twice; the first row is taken" in told(made)
    assert "AESEQ: 1 used for more than one row; all of them are read" in told(made)
    assert sorted(e.ae for e in facts(made, f.AdverseEvent)) == ["1", "1.2"]
    assert [s.age for s in facts(made, f.Screened)] == [60]


def test_a_row_twice_is_read_once(tmp_path: Path) -> None:
    made = taken(study(tmp_path, ex=[dose("1")], ae=[event(AESEQ=1), event(AESEQ=1)]))
    assert "AESEQ: 1 used for more than one row; read once" in told(made)
    assert len(facts(made, f.AdverseEvent)) == 1


def test_sex_and_age_out_of_bounds(tmp_path: Path) -> None:
    made = taken(study(tmp_path, dm=[patient("1", SEX="U"), patient("2", AGE=160)], ex=[dose("1"), dose("2")]))
    assert "SEX: is 'U'; F or M; no screening is recorded" in told(made)
    assert "age: is 160: it must be at most 120; no screened is recorded" in told(made)


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        ({"TRSTRESN": -3}, "TRSTRESN: is -3; a diameter cannot be negative"),
        ({"TRSTRESU": "inch", "TRORRESU": "inch"}, "TRSTRESU: is 'inch'; a diameter is in mm or cm"),
        ({"TRSTRESU": "", "TRORRESU": ""}, "TRSTRESU: is missing; a diameter is in mm or cm"),
        ({"TRLNKID": ""}, "TRLNKID: is missing; the row is not taken"),
    ],
)
def test_a_diameter_that_cannot_be(tmp_path: Path, change: dict[str, object], wrong: str) -> None:
    made = taken(study(tmp_path, ex=[dose("1")], tr=[{**lesion(30), **change}]))
    assert wrong in told(made)
    assert all(found.diameter_mm is None for found in facts(made, f.LesionMeasured))


def test_centimetres_become_millimetres(tmp_path: Path) -> None:
    made = taken(study(tmp_path, ex=[dose("1")], tr=[lesion(3.2, TRSTRESU="cm")]))
    assert [found.diameter_mm for found in facts(made, f.LesionMeasured)] == [32.0]


def test_a_diameter_that_is_no_number(tmp_path: Path) -> None:
    made = taken(study(tmp_path, ex=[dose("1")], tr=[lesion("abc"), lesion(20, link="T02")]))
    assert "TRSTRESN: is 'abc', no number; not used" in told(made)


def test_assessments_before_the_baseline_and_without_one(tmp_path: Path) -> None:
    early = [lesion(30, "2019-12-01", "SCREENING"), lesion(32), lesion(20, "2020-02-01", "WEEK 4")]
    made = taken(study(tmp_path, ex=[dose("1")], tr=early))
    assert "2019-12-01, TRDTC: SCREENING is an assessment before the baseline; kept as a reading" in told(made)
    assert [(m.assessment, m.diameter_mm) for m in facts(made, f.LesionMeasured)] == [(0, 32.0), (1, 20.0)]
    assert [r.diameter_mm for r in facts(made, c.IndependentLesion)] == [30.0]
    without = taken(study(tmp_path / "b", ex=[dose("1")], tr=[lesion(20, "2020-02-01", "WEEK 4")]))
    assert "there is no assessment before treatment; no baseline: response is not evaluable" in told(without)


def test_a_lesion_measured_twice(tmp_path: Path) -> None:
    made = taken(study(tmp_path, ex=[dose("1")], tr=[lesion(30), lesion(31)]))
    assert "LDIAM of lesion T01 is there twice at BASELINE; the first is taken" in told(made)
    assert [m.diameter_mm for m in facts(made, f.LesionMeasured)] == [30.0]


def test_states_of_lesions(tmp_path: Path) -> None:
    state = lambda group, link, said, on, visit: {
        **lesion("", on, visit, link),
        "TRGRPID": group,
        "TRTESTCD": "TUMSTATE",
        "TRSTRESC": said,
        "TRORRES": said,
        "TRSTRESU": "",
        "TRORRESU": "",
    }
    week = ("2020-02-01", "WEEK 4")
    made = taken(
        study(
            tmp_path,
            ex=[dose("1")],
            tr=[
                lesion(30),
                lesion("", *week, TRSTAT="NOT DONE", TRREASND="Image obscured"),
                state("NON-TARGET", "NT1", "PRESENT", "2019-12-28", "BASELINE"),
                state("NON-TARGET", "NT1", "UNEQUIVOCAL", *week),
                state("NEW", "N1", "UNEQUIVOCAL", *week),
                state("NEW", "N2", "EQUIVOCAL", *week),
                state("NEW", "N3", "SMUDGE", *week),
            ],
        )
    )
    later = {m.lesion: m.status for m in facts(made, f.LesionMeasured) if m.assessment == 1}
    assert later == {
        "T01": "not evaluable",
        "NT1": "unequivocal progression",
        "N1": "present",
        "N2": "not evaluable",
        "N3": "not evaluable",
    }
    assert any(n.variable == "TRSTRESC" and n.examples == ("SMUDGE",) for n in made.report.not_understood)


def test_ca125_without_limit_unit_or_number(tmp_path: Path) -> None:
    made = taken(
        study(
            tmp_path,
            ex=[dose("1")],
            lb=[
                sample("CA125", 420),
                sample("CA125", 400),
                sample("CA125", 300, LBSTNRHI="", LBDTC="2020-02-01"),
                sample("CA125", 200, LBSTRESU="ng/L", LBDTC="2020-03-01"),
                sample("CA125", "", LBSTRESC="<5", LBDTC="2020-04-01"),
                sample("CA125", -1, LBDTC="2020-05-01"),
            ],
        )
    )
    assert [m.value for m in facts(made, f.MarkerMeasured)] == [420]
    for wrong in (
        "LBDTC: has two values of CA-125 on one day",
        "LBSTNRHI: of CA-125 is missing",
        "LBSTRESU: of CA-125 is 'ng/L'",
        "LBSTRESN: of CA-125 is missing (<5)",
        "LBSTRESN: of CA-125 is -1",
    ):
        assert wrong in told(made)
    assert [v.result for v in facts(made, c.LaboratoryMeasured)][-2:] == ["<5", "-1"]


def test_laboratory_units_and_limits(tmp_path: Path) -> None:
    made = taken(
        study(
            tmp_path,
            ex=[dose("1")],
            lb=[
                sample("ALT", 20, LBSTRESU="U/L", LBNAM="Central"),
                sample("ALT", 21, LBSTRESU="", LBNAM="Central"),
                sample("ALT", 22, LBSTRESU="U/L", LBSTNRHI=60, LBNAM="Central", LBDTC="2020-02-01"),
                sample("AST", 22, LBSTRESU="U/L", LBSTNRLO=50, LBSTNRHI=30),
            ],
        )
    )
    assert "LBSTRESU: is missing of ALT 21; elsewhere it is in U/L" in told(made)
    assert "LBSTNRHI: ALT has upper limits 35 and 60 U/L at Central; each value keeps its own" in told(made)
    assert "LBSTNRLO: 50 is above the upper limit 30; the limits are not used" in told(made)


def test_grades_and_relation_as_they_are_known(tmp_path: Path) -> None:
    made = taken(
        study(
            tmp_path,
            ex=[dose("1")],
            ae=[
                event(AETOXGR="", AESEV="SEVERE"),
                event(AETOXGR="", AESEV=""),
                event(AETOXGR="7", AESEV=""),
                event(AEREL="MAYBE"),
                event(AETERM="", AEDECOD=""),
                event(AETOXGR="GRADE 3"),
                event(AEREL="UNLIKELY"),
            ],
        )
    )
    grades = {e.ae: (e.grade, e.related) for e in facts(made, f.AdverseEvent)}
    assert grades == {"1": (3, True), "4": (2, True), "6": (3, True), "7": (2, False)}
    assert "AETOXGR: is missing, and AESEV too; the event is not taken" in told(made)
    assert "AETOXGR: is '7'; a grade is 1 to 5" in told(made) and "AEDECOD: is missing, and AETERM too" in told(made)
    guessed = next(one for one in made.finish if isinstance(one.fact, f.AdverseEvent) and one.fact.ae == "1")
    assert guessed.assumed == {"grade": "assumed"}
    assert any(n.variable == "AEREL" and n.examples == ("MAYBE",) for n in made.report.not_understood)


def test_what_no_field_holds_is_reported_with_rows_and_examples(tmp_path: Path) -> None:
    made = taken(
        study(
            tmp_path,
            ex=[dose("1", EXLAT="LEFT"), dose("1", "2020-02-02", EXLAT="RIGHT")],
            qs=[{"USUBJID": "1", "QSTESTCD": "X"}],
            suppae=[{"RDOMAIN": "AE", "USUBJID": "1", "IDVAR": "AESEQ", "IDVARVAL": "1", "QNAM": "X", "QVAL": "y"}],
        )
    )
    left = {(n.domain, n.variable): n for n in made.report.not_understood}
    assert (
        left["EX", "EXLAT"].rows == 2
        and left["EX", "EXLAT"].examples == ("LEFT", "RIGHT")
        and left["EX", "EXLAT"].files == ("ex.csv",)
    )
    assert left["QS", ""].rows == 1 and left["SUPPAE", ""].why == "its domain is not there"


def test_a_misspelled_variable_is_named_with_the_one_it_may_be(tmp_path: Path) -> None:
    extra = {"AETOXGRR": "3", "AEENDCT": "2020-03-01", "AEPTCD": "10037844", "AEXYZ": "q"}
    made = taken(study(tmp_path, ae=[event(**extra)]))
    why = {n.variable: n.why for n in made.report.not_understood if n.domain == "AE"}
    assert why["AETOXGRR"].endswith("; is AETOXGR meant?") and why["AEENDCT"].endswith("; is AEENDTC meant?")
    assert why["AEXYZ"] == "no field of the record holds this variable"
    assert "meant" not in why.get("AEPTCD", "")


def test_qualifiers_are_kept_and_those_of_no_row_are_told(tmp_path: Path) -> None:
    supp = lambda number, value: {
        "RDOMAIN": "AE",
        "USUBJID": "1",
        "IDVAR": "AESEQ",
        "IDVARVAL": number,
        "QNAM": "AEWHERE",
        "QVAL": value,
    }
    made = taken(
        study(tmp_path, ex=[dose("1")], ae=[event()], suppae=[supp("1", "home"), supp("1", "work"), supp("9", "x")])
    )
    assert facts(made, f.AdverseEvent)[0].qualifiers == {"AEWHERE": "home"}
    assert "SUPPAE.AEWHERE: says two things of one row; the first is read" in told(made)
    assert any(
        n.domain == "SUPPAE" and n.examples == ("x",) and "no row of AE" in n.why for n in made.report.not_understood
    )


def test_an_arm_that_the_protocol_does_not_know(tmp_path: Path) -> None:
    from importlib.resources import files

    from posology.protocol.load import load_document

    plan = load_document(str(files("posology.examples") / "imgn853" / "protocol.yaml"))
    made = taken(
        study(
            tmp_path,
            dm=[patient("1"), patient("2", ARM="Dose level 2"), patient("3", ARM="IMGN853 3.3 mg/kg")],
            ex=[dose("1"), dose("2"), dose("3")],
        ),
        protocol=plan,
    )
    assert "patient 1, 2020-01-02, ARM: 'Arm A' is neither a level nor a cohort of the protocol" in told(made)
    assert {one.patient: one.fact.level for one in made.finish if isinstance(one.fact, f.Enrolled)} == {"2": 2, "3": 5}
    assert "STUDYID: is S1, but the protocol is of" in told(made)


def test_doses_at_a_level_of_the_protocol(tmp_path: Path) -> None:
    from importlib.resources import files

    from posology.protocol.load import load_document

    plan = load_document(str(files("posology.examples") / "imgn853" / "protocol.yaml"))
    weight = {"USUBJID": "1", "VSTESTCD": "WEIGHT", "VSSTRESN": 60, "VSSTRESU": "kg", "VSDTC": "2019-12-30"}
    drug = lambda amount, unit, on, visit: dose(
        "1", on, EXTRT="Mirvetuximab Soravtansine", EXDOSE=amount, EXDOSU=unit, VISIT=visit
    )
    made = taken(
        study(
            tmp_path,
            dm=[patient("1", ARM="Level 3")],
            vs=[weight],
            ex=[
                drug(60, "mg", "2020-01-02", "CYCLE 1 DAY 1"),
                drug(1.0, "mg/kg", "2020-01-23", "C2D1"),
                drug(30, "mg", "2020-02-13", ""),
            ],
        ),
        protocol=plan,
    )
    doses = [(d.cycle, d.day, d.level, d.planned_mg, d.actual_mg) for d in facts(made, f.Dosed)]
    assert doses == [(1, 1, 3, 60.0, 60.0), (2, 1, 3, 60.0, 60.0), (3, 1, 2, 30.0, 30.0)]


@pytest.mark.parametrize(
    ("make", "wrong"),
    [
        (lambda p: p / "nowhere", "is no folder"),
        (lambda p: p, "holds no dataset"),
        (lambda p: study(p, ae=[event(STUDYID="S2")]), "must be of one study; their STUDYID says S1, S2"),
    ],
)
def test_a_folder_that_holds_no_study(tmp_path: Path, make: Any, wrong: str) -> None:
    with pytest.raises(SourceError, match=wrong):
        taken(make(tmp_path))


def test_no_dm_two_formats_and_a_name_that_is_not_there(tmp_path: Path) -> None:
    folder = study(tmp_path, ex=[dose("1")])
    with pytest.raises(SourceError, match="holds no dataset lb to leave out"):
        taken(folder, leave_out=["lb"])
    (folder / "ex.csv.gz").write_bytes(b"")
    with pytest.raises(SourceError, match=r"ex.csv and ex.csv.gz hold the same dataset"):
        taken(folder)
    (folder / "ex.csv.gz").unlink()
    (folder / "dm.csv").unlink()
    with pytest.raises(SourceError, match="holds no DM"):
        taken(folder)


def test_nothing_is_written_where_a_file_cannot_be_read(tmp_path: Path) -> None:
    folder = study(tmp_path / "in", ex=[dose("1")])
    (folder / "lb.xpt").write_bytes(b"no transport file")
    with pytest.raises(ValueError, match=r"lb.xpt is no SAS transport file"):
        import_sdtm(folder, tmp_path / "t.posology", by="me")
    assert not (tmp_path / "t.posology").exists()
