"""Every row that comes in is in the record or in the report; what is known in part moves nothing."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posology.interchange.sdtm.reader.read import SdtmImport, read_sdtm
from posology.record import facts as f
from tests.interchange.sdtm.sdtm_folder import dose, patient, study

CASES = Path(__file__).parents[2] / "data/cases"
TODAY = date(2026, 11, 25)


def read(folder: Path) -> SdtmImport:
    return read_sdtm(folder, today=TODAY)


def of(made: SdtmImport, kind: type[f.Fact]) -> list[Any]:
    return [one for one in made.finish if isinstance(one.fact, kind)]


def lesion(visit: str | None, on: str | None, size: float | None, link: str = "T01", **more: Any) -> dict[str, Any]:
    """Return a row of TR of subject 1."""
    return {
        "USUBJID": "1",
        "TRLNKID": link,
        "TRTESTCD": "LDIAM",
        "TRSTRESN": size,
        "TRSTRESU": "mm",
        "TRGRPID": "TARGET",
        "TREVAL": "INVESTIGATOR",
        "VISIT": visit,
        "TRDTC": on,
        **more,
    }


def response(visit: str | None, on: str | None, result: str | None, **more: Any) -> dict[str, Any]:
    """Return a row of RS of subject 1."""
    said = {"RSTESTCD": "OVRLRESP", "RSCAT": "RECIST 1.1", "RSSTRESC": result, "RSEVAL": "INVESTIGATOR"}
    return {"USUBJID": "1", **said, "VISIT": visit, "RSDTC": on, **more}


def test_an_event_that_ended_before_the_first_dose_does_not_begin_after_it() -> None:
    made = read(CASES / "a1_ae_start_after_its_end/sdtm")
    begun = {one.fact.term: one.occurred for one in of(made, f.AdverseEvent)}
    assert begun["Constipation"] == date(2025, 3, 1) and begun["Cough"] == date(2025, 1, 1)
    assert begun["Vomiting"] == date(2025, 3, 2) and begun["Rash"] == date(2025, 3, 12)
    ended = {one.fact.ae: one.occurred for one in of(made, f.AdverseEventResolved)}
    assert sorted(ended.values()) == [date(2025, 3, 2), date(2025, 3, 4), date(2025, 3, 6), date(2025, 3, 25)]


def test_merged_and_split_lesions_are_the_lesions_they_were() -> None:
    made = read(CASES / "r4_merged_and_split_lesions/sdtm")
    after = [
        (o.fact.lesion, o.fact.fragment, o.fact.status, o.fact.diameter_mm)
        for o in of(made, f.LesionMeasured)
        if o.fact.assessment
    ]
    assert after == [("T01", None, None, 52), ("T02", None, "merged", None), ("T01", 1, None, 16), ("T01", 2, None, 13)]


def test_a_lesion_dated_in_part_does_not_move_its_visit(tmp_path: Path) -> None:
    """Its visit is of 18 February: the lesion that is known to the month alone is of that day too."""
    rows = [lesion("SCR", "2020-01-01", 30), lesion("SCR", "2020-01-01", 20, "T02")]
    rows += [lesion("W6", "2020-02-18", 40), lesion("W6", "2020-02", 30, "T02")]
    made = read(study(tmp_path, ex=[dose("1")], tr=rows))
    at = {(o.fact.lesion, o.fact.assessment): o.occurred for o in of(made, f.LesionMeasured)}
    assert at["T02", 1] == at["T01", 1] == date(2020, 2, 18) and len(at) == 4


def test_a_death_known_to_the_month_is_not_before_a_scan_of_that_month(tmp_path: Path) -> None:
    folder = study(
        tmp_path,
        dm=[patient("1", DTHDTC="2020-02", DTHFL="Y"), patient("2", DTHDTC="2020", DTHFL="Y")],
        ex=[dose("1"), dose("2")],
        tr=[lesion("SCR", "2020-01-01", 30), lesion("W6", "2020-02-18", 40)],
    )
    made = read(folder)
    assert [(o.patient, o.occurred) for o in of(made, f.Died)] == [("1", date(2020, 2, 18))]
    assert any(x.field == "DTHDTC" and "a year alone" in x.wrong for x in made.report.findings)


def test_responses_without_a_visit_or_a_scan_keep_their_place(tmp_path: Path) -> None:
    """RS at a visit that TR lacks is an assessment too, in the order of its day; it is not demoted to a reading."""
    rows = [lesion("SCR", "2020-01-01", 30), lesion("W12", "2020-03-31", 20)]
    stated = [
        response("W6", "2020-02-18", "SD"),
        response("W12", "2020-03-31", "PR"),
        response(None, "2020-05-12", "PD"),
    ]
    made = read(study(tmp_path, ex=[dose("1")], tr=rows, rs=stated))
    assert [(o.fact.assessment, o.fact.overall) for o in of(made, f.TumourAssessed)] == [
        (1, "SD"),
        (2, "PR"),
        (3, "PD"),
    ]
    assert [o.fact.assessment for o in of(made, f.LesionMeasured)] == [0, 2]


def test_other_criteria_stay_readings(tmp_path: Path) -> None:
    made = read(study(tmp_path, ex=[dose("1")], rs=[response("C2", "2020-02-18", "CR", RSCAT="IMWG")]))
    assert not of(made, f.TumourAssessed) and made.report.left["RS"] == 0


def test_a_new_lesion_that_was_equivocal_is_there_from_its_first_date(tmp_path: Path) -> None:
    new = {"TRTESTCD": "TUMSTATE", "TRGRPID": "NEW", "TRSTRESU": None}
    rows = [lesion("SCR", "2020-01-01", 30), lesion("W6", "2020-02-18", 30), lesion("W12", "2020-03-31", 30)]
    rows += [lesion("W6", "2020-02-18", None, "N01", TRSTRESC="EQUIVOCAL", **new)]
    rows += [lesion("W12", "2020-03-31", None, "N01", TRSTRESC="UNEQUIVOCAL", **new)]
    made = read(study(tmp_path, ex=[dose("1")], tr=rows))
    assert [o.fact.status for o in of(made, f.LesionMeasured) if o.fact.role == "new"] == ["present", "present"]


def test_without_dscat_a_discontinuation_is_one(tmp_path: Path) -> None:
    rows = [{"USUBJID": "1", "DSTERM": "Lost", "DSDECOD": "LOST TO FOLLOW-UP", "DSSTDTC": "2020-04-01"}]
    made = read(study(tmp_path, ex=[dose("1")], ds=rows))
    assert [o.fact.why for o in of(made, f.Discontinued)] == ["other"]


dates = st.sampled_from(
    ["2020-02-18", "2020-02", "2020", "", None, "2020-13-01", "2020-01-01T08:00", "soon", "2031-01-01"]
)
words = st.sampled_from(["", None, "W6", "SCR", "TARGET", "NEW", "PD", "CR", "iUPD", "ABSENT", "?", "1"])
numbers = st.sampled_from([None, 0, 12.5, -3, "", "x", "<5"])


@st.composite
def rows(draw: st.DrawFn) -> dict[str, list[dict[str, Any]]]:
    """Draw a small study in which anything may be missing, partial or nonsense."""

    def some(make: Any, most: int = 4) -> list[Any]:
        return [make() for _ in range(draw(st.integers(1, most)))]

    who = lambda: draw(st.sampled_from(["1", "2", "9"]))
    ae = lambda: {
        "USUBJID": who(),
        "AETERM": draw(words),
        "AETOXGR": draw(numbers),
        "AESTDTC": draw(dates),
        "AEENDTC": draw(dates),
        "AEREL": draw(words),
    }
    tr = lambda: lesion(
        draw(words),
        draw(dates),
        draw(numbers),
        draw(words),
        USUBJID=who(),
        TRTESTCD=draw(st.sampled_from(["LDIAM", "TUMSTATE", None, "VOL"])),
        TRSTRESC=draw(words),
        TRGRPID=draw(words),
    )
    tu = lambda: {
        "USUBJID": who(),
        "TULNKID": draw(words),
        "TUTESTCD": draw(st.sampled_from(["TUMIDENT", "MERGE", "SPLIT", None])),
        "TUSTRESC": draw(words),
        "TUDTC": draw(dates),
    }
    rs = lambda: response(
        draw(words),
        draw(dates),
        draw(words),
        USUBJID=who(),
        RSCAT=draw(st.sampled_from(["RECIST 1.1", None, "IMWG", "iRECIST"])),
        RSTESTCD=draw(st.sampled_from(["OVRLRESP", "TRGRESP", None])),
    )
    lb = lambda: {
        "USUBJID": who(),
        "LBTESTCD": draw(words),
        "LBSTRESN": draw(numbers),
        "LBSTRESC": draw(words),
        "LBDTC": draw(dates),
        "LBSTAT": draw(words),
    }
    ds = lambda: {"USUBJID": who(), "DSTERM": draw(words), "DSDECOD": draw(words), "DSSTDTC": draw(dates)}
    cm = lambda: {"USUBJID": who(), "CMTRT": draw(words), "CMSTDTC": draw(dates)}
    mh = lambda: {"USUBJID": who(), "MHTERM": draw(words), "MHDTC": draw(dates)}
    ex = lambda: dose(who(), draw(dates) or "", EXDOSE=draw(numbers), EXTRT=draw(words))
    made = {"ae": ae, "tr": tr, "tu": tu, "rs": rs, "lb": lb, "ds": ds, "cm": cm, "mh": mh, "ex": ex}
    return {
        "dm": [patient("1"), patient("2", DTHDTC=draw(dates), DTHFL=draw(words))],
        **{n: some(m) for n, m in made.items()},
    }


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return lambda: tmp_path_factory.mktemp("fuzz")


@given(rows())
@settings(max_examples=25, deadline=None)
def test_every_row_is_in_the_record_or_in_the_report(folders: Any, domains: dict[str, list[dict[str, Any]]]) -> None:
    """No row vanishes: it made a fact, or a finding or a line of what was not understood names it."""
    folder = study(folders(), **domains)
    made = read(folder)

    said = " ".join(map(str, [*made.report.findings, *made.report.not_understood]))
    for name, count in made.report.rows.items():
        assert count == len(domains[name.lower()])
        assert made.report.left.get(name, 0) == 0 or f"{name}: {made.report.left[name]} row" in said
    for one in made.finish:
        assert one.occurred <= TODAY

    assert isinstance(made.report.text(), str)
