"""NONMEM event data and SDTM concentrations: read, refused, written and read again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from posology.interchange.pk.nonmem import DataError, Event, EventData, text_of, write
from posology.interchange.pk.nonmem_read import parse, read
from posology.interchange.pk.pc_domain import is_pc, read_pc
from posology.interchange.pk.pc_profiles import profiles
from posology.pharmacology.nca.parameters import nca
from posology.pharmacology.nca.profiles import padded

DATA = Path(__file__).parent.parent / "data" / "pharmacology"


def test_theophylline() -> None:
    data = read(DATA / "theophylline.csv")
    assert data.covariates == ("WT",) and not data.varying
    gathered = data.measurements(["WT"])
    assert len(gathered) == 12 and gathered.samples == 132
    assert gathered.covariates["WT"][0] == 79.6
    assert len(profiles(data)) == 12
    assert profiles(data)[0].time[:3] == (0.0, 0.25, 0.57)


def test_doses_in_every_form() -> None:
    data = parse(
        "ID,TIME,AMT,RATE,II,ADDL,SS,CMT,DV,LLOQ,WT\n"
        "A,0,100,50,24,2,0,1,.,.,70\nA,1,.,.,.,.,.,.,9,0.5,70\nA,30,0,.,.,.,.,.,0.2,0.5,71\n"
        "# a remark\nB,0,80,0,12,0,1,1,.,.,55\nB,12,.,.,.,.,.,.,3,0.5,55\n"
    )
    first, second = data.patients()
    assert first.doses == [(0.0, 100.0, 2.0, 0.0), (24.0, 100.0, 2.0, 0.0), (48.0, 100.0, 2.0, 0.0)]
    assert first.samples == [(1.0, 9.0, False), (30.0, 0.5, True)]
    assert second.doses == [(0.0, 80.0, 0.0, 12.0)]
    assert data.varying == ("WT",) and first.covariates == {"WT": 70.0}


def test_a_sample_at_a_dose_is_before_it_or_after_it_as_the_lines_stand() -> None:
    before = parse("ID,TIME,AMT,DV\n1,0,10,.\n1,24,.,2\n1,24,10,.\n")
    after = parse("ID,TIME,AMT,DV\n1,0,10,.\n1,24,10,.\n1,24,.,7\n")
    assert [p.after_dose for d in (before, after) for p in d.patients()] == [[0], [1]]


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        ("1,0,10,.,1\n1,x,.,2,0", "data:3: patient 1, TIME: 'x' is no number"),
        ("1,0,10,.,1\n1,.,.,2,0", "data:3: patient 1, TIME: is missing"),
        ("1,0,0,.,1", "data:2: patient 1, AMT: a dose of 0"),
        ("1,0,10,.,7", "data:2: patient 1, EVID: is 7"),
        ("1,0,10,.,1\n1,5,.,-2,0", "data:3: patient 1, DV: is -2"),
        ("1,5,10,.,1\n1,2,.,2,0", "data:3: patient 1, TIME: 2 follows 5"),
        ("1,0,10,.,1\n2,0,10,.,1\n1,2,.,2,0", "data:4: patient 1, ID: the patient's lines are apart"),
        ("1,0,10,.,1,9", "data:2: patient 1, line: 6 values for 5 columns"),
        ("1,0,10,3,0", "10 on a sample"),
        ("1,0,10,.,1.5", "1.5 cannot be"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(lines: str, says: str) -> None:
    with pytest.raises(DataError, match=says.replace("(", r"\(")) as caught:
        parse(f"ID,TIME,AMT,DV,EVID\n{lines}\n")
    assert len(caught.value.findings) == 1


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is empty"),
        ("ID,TIME\n1,0\n", "DV: is missing"),
        ("ID,TIME,TIME,DV\n", "appears twice"),
        ("ID,DATE,TIME,DV\n", "calendar dates"),
        ("ID,TIME,AMT,ADDL,DV\n1,0,10,2,.\n", "patient 1, II: is missing"),
        ("ID,TIME,AMT,SS,DV\n1,0,10,1,.\n", "as SS is given"),
        ("ID,TIME,AMT,DV,BLQ\n1,0,10,.,.\n1,2,.,0,1\n", "patient 1, LLOQ: is missing"),
        ("ID,TIME,AMT,RATE,DV\n1,0,10,-3,.\n", "patient 1, RATE: is -3"),
        ("ID,TIME,DV\n", "holds no event"),
        ("ID,TIME,AMT,DV,MDV\n1,0,10,.,.\n1,1,.,.,0\n", "is missing where MDV is 0"),
    ],
)
def test_headers_and_combinations(text: str, says: str) -> None:
    with pytest.raises(DataError, match=says):
        parse(text)


def test_every_error_at_once() -> None:
    with pytest.raises(DataError) as caught:
        parse("ID,TIME,AMT,DV,EVID\n1,x,10,.,1\n1,0,-1,.,1\n2,0,.,y,0\n")
    assert [f.line for f in caught.value.findings] == [2, 3, 4]


@pytest.mark.parametrize("line", ["1,0,10,.,1,-1", "1,0,10,.,1,-2"])
def test_a_rate_that_is_estimated_is_refused_by_the_fit_only(line: str) -> None:
    data = parse(f"ID,TIME,AMT,DV,EVID,RATE\n{line}\n1,2,.,5,0,.\n")
    assert parse(text_of(data)).events[0].evid == data.events[0].evid
    with pytest.raises(DataError, match="not fitted"):
        data.patients()


numbers = st.floats(0.001, 1e6).filter(lambda x: x == x)
samples = st.builds(
    lambda v, low, w: Event("", 0.0, 0, value=v, below=low, limit=v, covariates={"WT": w}),
    numbers,
    st.booleans(),
    st.none() | numbers,
)
doses = st.builds(
    lambda a, r, n, i, w: Event("", 0.0, 1, a, r, i, n, compartment=1, missing=True, covariates={"WT": w}),
    numbers,
    st.just(0.0) | numbers,
    st.integers(0, 5),
    numbers,
    st.none() | numbers,
)


@given(st.lists(st.lists(samples | doses, min_size=1, max_size=5), min_size=1, max_size=4), st.data())
def test_written_and_read_again(patients: list[list[Event]], draw: st.DataObject) -> None:
    from dataclasses import replace

    events = []
    for name, held in enumerate(patients, 1):
        times = sorted(draw.draw(st.lists(st.floats(0, 1e4), min_size=len(held), max_size=len(held))))
        events += [replace(e, patient=str(name), time=t) for e, t in zip(held, times, strict=True)]
    again = parse(text_of(EventData(tuple(events), ("WT",))))
    assert [replace(e, line=0) for e in again.events] == events


def test_a_file_written_is_the_file_read(tmp_path: Path) -> None:
    data = read(DATA / "theophylline.csv")
    write(data, tmp_path / "again.csv")
    again = read(tmp_path / "again.csv")
    assert [(e.patient, e.time, e.value) for e in again.events] == [(e.patient, e.time, e.value) for e in data.events]


def test_profiles_between_doses_share_the_trough() -> None:
    data = parse("ID,TIME,AMT,DV\n1,0,10,.\n1,1,.,9\n1,24,.,2\n1,24,10,.\n1,25,.,11\n1,48,.,3\n")
    first, second = profiles(data)
    assert (first.label, first.time, first.concentration, first.until) == ("1, dose 1", (1.0, 24.0), (9.0, 2.0), 24.0)
    assert (second.time, second.concentration, second.until) == ((0.0, 1.0, 24.0), (2.0, 11.0, 3.0), None)


def test_sdtm() -> None:
    assert is_pc(DATA / "pilot_pc.csv.gz") and not is_pc(DATA / "theophylline.csv")
    pilot = read_pc(DATA / "pilot_pc.csv.gz")
    found = pilot.profiles
    assert len(found) == 168 and not pilot.unused
    assert found[0].time[:2] == (-0.5, 0.08) and found[0].concentration[0] == 0.0


CASES = DATA / "cases"


def test_sdtm_profiles_are_by_dose() -> None:
    """A visit a day is one profile after one dose; a lost sample is named; a dose by weight needs the weight."""
    whole = read_pc(CASES / "k9_pc_plain.csv", CASES / "k9_ex.csv")
    (plain,) = whole.profiles
    (by_day,) = read_pc(CASES / "k9_pc_visit_by_day.csv", CASES / "k9_ex.csv").profiles
    assert by_day == plain and len(plain.time) == 8 and (whole.unit, whole.dose_unit) == ("ug/mL", "mg")
    time, value = padded([(plain.time, plain.concentration)])
    found = nca(time, value, np.array([350.0]), route="infusion", duration=2.0)
    assert found.auc_last[0] == pytest.approx(19260, rel=1e-3)
    assert found.clearance_obs[0] == pytest.approx(0.0173, rel=5e-3)
    lost = read_pc(CASES / "k9_pc_not_done.csv", CASES / "k9_ex.csv")
    assert len(lost.profiles[0].time) == 7 and "NOT DONE, planned at 4; SAMPLE LOST" in str(lost.unused[0])
    with pytest.raises(DataError, match="EXDOSU: is mg/kg"):
        read_pc(CASES / "k9_pc_plain.csv", CASES / "k9_ex_mg_per_kg.csv")


def test_sdtm_second_dose_and_its_trough(tmp_path: Path) -> None:
    lines = (
        "1,X,SERUM,5,5,1,2020-01-01T10:00,C1D1\n1,X,SERUM,3,3,24,2020-01-02T09:00,C1D2\n"
        "1,X,SERUM,1,1,0,2020-01-22T08:30,C2D1\n1,X,SERUM,6,6,1,2020-01-22T10:00,C2D1\n"
        "1,X,SERUM,4,4,24,2020-01-23T09:00,C2D2\n"
    )
    doses = "1,100,2020-01-01T09:00,2020-01-01T09:00\n1,100,2020-01-22T09:00,2020-01-22T09:00\n"
    first, second = read_pc(*sdtm(tmp_path, lines, doses)).profiles
    assert (first.label, first.time, first.until) == ("1, dose 1", (1.0, 24.0), 504.0)
    assert (second.label, second.time, second.number) == ("1, dose 2", (-0.5, 1.0, 24.0), 2)
    with pytest.raises(DataError, match="pc.csv:2: patient 1, PCDTC: is missing: which of several doses"):
        read_pc(*sdtm(tmp_path, lines.replace("2020-01-01T10:00", ""), doses))


PC = "USUBJID,PCTESTCD,PCSPEC,PCSTRESC,PCSTRESN,PCTPTNUM,PCDTC,VISIT\n"


def sdtm(tmp_path: Path, lines: str, ex: str | None = None) -> tuple[Path, Path | None]:
    (tmp_path / "pc.csv").write_text(PC + lines)
    if ex is None:
        return tmp_path / "pc.csv", None
    (tmp_path / "ex.csv").write_text("USUBJID,EXDOSE,EXSTDTC,EXENDTC\n" + ex)
    return tmp_path / "pc.csv", tmp_path / "ex.csv"


def test_sdtm_actual_times_and_doses(tmp_path: Path) -> None:
    lines = (
        "1,X,PLASMA,5,5,1,2020-01-01T10:30,C1\n1,X,PLASMA,3,3,4,2020-01-01T13:15,C1\n"
        "1,X,PLASMA,<0.1,,24,2020-01-02T09:00,C1\n"
    )
    found = read_pc(*sdtm(tmp_path, lines, "1,200,2020-01-01T09:00,2020-01-01T11:00\n")).profiles
    assert found[0].time == (1.5, 4.25, 24.0) and found[0].concentration == (5.0, 3.0, 0.0)
    assert (found[0].dose, found[0].duration) == (200.0, 2.0)


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        ("1,X,PLASMA,5,5,1,,C1\n1,Y,PLASMA,3,3,4,,C1\n", "name the analyte"),
        (
            "1,X,PLASMA,high,,1,,C1\n1,X,PLASMA,3,3,4,,C1\n",
            "pc.csv:2: patient 1, PCSTRESN: is missing where PCSTRESC says 'high'",
        ),
        ("1,X,PLASMA,5,5,1,,C1\n1,X,PLASMA,3,3,1,,C1\n", "pc.csv:3: patient 1, PCTPTNUM: two samples at 1 h"),
        ("1,X,PLASMA,5,-5,1,,C1\n1,X,PLASMA,3,3,2,,C1\n", "is -5"),
        ("1,X,PLASMA,5,5,?,,C1\n1,X,PLASMA,3,3,2,,C1\n", "is no time"),
    ],
)
def test_sdtm_refused(tmp_path: Path, lines: str, says: str) -> None:
    with pytest.raises(DataError, match=says.replace("?", r"\?")):
        read_pc(*sdtm(tmp_path, lines))


def test_sdtm_profiles_too_short_are_listed(tmp_path: Path) -> None:
    found = read_pc(*sdtm(tmp_path, "1,X,PLASMA,5,5,1,,C1\n1,X,PLASMA,4,4,2,,C1\n2,X,PLASMA,5,5,1,,C1\n"))
    assert [p.patient for p in found.profiles] == ["1"] and [u.patient for u in found.unused] == ["2"]


OCCASIONS = """ID,TIME,AMT,ADDL,II,EVID,DV,OCC,CRCL
A,0,100,.,.,1,.,1,90
A,10,.,.,.,0,5,1,90
A,24,.,.,.,0,1,1,60
A,24,100,1,12,1,.,2,60
A,30,.,.,.,2,.,2,.
A,40,.,.,.,0,4,2,80
B,0,100,.,.,1,.,1,70
B,10,.,.,.,0,6,1,70
"""


def test_occasions_and_covariates_that_change() -> None:
    """A line's values hold from the line before it; one that is missing stays what it was."""
    data = parse(OCCASIONS)
    found = data.measurements(["CRCL"], "OCC")
    assert found.period_start.tolist() == [[-np.inf, 10.0, 24.0, 30.0], [-np.inf, np.inf, np.inf, np.inf]]
    assert found.occasions == (("1", "2"), ("1",)) and found.occasion.tolist() == [[0, 0, 1, 1], [0, 0, 0, 0]]
    assert found.covariates["CRCL"].tolist() == [[90, 60, 60, 80], [70] * 4]
    assert found.sample_period.tolist() == [[0, 1, 3], [0, 0, 0]]
    assert found.dose_period.tolist() == [[0, 2, 3], [0, 0, 0]]  # the one added at 36 falls before the line at 40
    assert data.measurements(["CRCL"]).period_start.tolist()[0] == [-np.inf, 10.0, 30.0]
    alone = data.measurements(occasion="OCC")
    assert alone.period_start.tolist()[0] == [-np.inf, 24.0] and alone.covariates == {}
    assert data.measurements().periods == 1


def test_a_line_without_an_occasion() -> None:
    with pytest.raises(DataError, match="data:6: patient A, OCC: is missing; every line has its occasion"):
        parse(OCCASIONS.replace("A,30,.,.,.,2,.,2", "A,30,.,.,.,2,.,.")).measurements(occasion="OCC")
    with pytest.raises(ValueError, match="no column of occasions 'VISIT'; the file holds OCC, CRCL"):
        parse(OCCASIONS).measurements(occasion="VISIT")
    with pytest.raises(ValueError, match="patient A: CRCL is missing"):
        parse(OCCASIONS.replace("1,.,1,90", "1,.,1,.", 1)).measurements(["CRCL"])


def test_a_value_below_quantification_needs_no_number() -> None:
    """BLQ 1 and the limit in LLOQ say it all."""
    data = parse("ID,TIME,AMT,DV,BLQ,LLOQ\n1,0,10,.,.,.\n1,1,.,5,0,0.5\n1,9,.,.,1,0.5\n")
    assert data.patients()[0].samples == [(1.0, 5.0, False), (9.0, 0.5, True)]


def test_samples_before_and_after_a_dose_at_its_time_are_those_of_two_profiles() -> None:
    data = parse("ID,TIME,AMT,DV\n1,0,10,.\n1,1,.,5\n1,2,.,1\n1,2,10,.\n1,2,.,9\n1,3,.,4\n")
    first, second = profiles(data)
    assert dict(zip(first.time, first.concentration, strict=True)) == {1.0: 5.0, 2.0: 1.0}
    assert dict(zip(second.time, second.concentration, strict=True)) == {0.0: 9.0, 1.0: 4.0}


def test_several_analytes_together() -> None:
    """Samples know their analyte, in the order asked for; periods and doses stay; what is not there is said."""
    lines = (
        "1,0,100,50,.,.,1,0",
        "1,1,.,.,5,1,1,1",
        "1,1,.,.,0.2,2,1,1",
        "1,1,.,.,9,3,1,1",
        "1,3,80,0,.,.,2,0",
        "1,4,.,.,0.1,2,2,1",
        "1,4,.,.,4,1,2,0",
    )
    data = parse("\n".join(("ID,TIME,AMT,RATE,DV,DVID,OCC,BLQ", *lines)), "d.csv")
    found = data.measurements(analytes=("2", "1"), occasion="OCC")
    assert found.analytes == ("2", "1") and found.analyte.tolist() == [[1, 0, 0, 1]]
    assert found.value.tolist() == [[5.0, 0.2, 0.1, 4.0]] and found.below.tolist() == [[True, True, True, False]]
    assert found.sample_period.tolist() == [[0, 0, 1, 1]] and found.amount.tolist() == [[100.0, 80.0]]
    assert found.subset([0]).analyte.tolist() == found.analyte.tolist()
    assert found.at(np.array([2.0])).analyte.tolist() == [[0]]
    assert [p.analyte for p in data.among(["3"]).patients()] == [[0]]
    for wanted, says in ((("1", "4"), "there is no '4'; it holds 1, 2, 3"), (("1", "1"), "'1' is named twice")):
        with pytest.raises(DataError, match=says):
            data.measurements(analytes=wanted)
    with pytest.raises(DataError, match="name the analyte"):
        data.measurements()
