"""Event data that other programs give a meaning to: each case with its right answer (tests/data/pharmacology/cases/README.md)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from posology.interchange.pk.nonmem import DataError
from posology.interchange.pk.nonmem_read import parse, read
from posology.interchange.pk.pc_profiles import profiles
from posology.pharmacology.nca.parameters import nca
from posology.pharmacology.nca.profiles import padded
from posology.pharmacology.pk_models.data import Period, SubjectData, pk_dataset
from posology.pharmacology.pk_models.linear import ONE_COMPARTMENT, TWO_COMPARTMENTS
from posology.pharmacology.pk_models.michaelis_menten import SATURABLE
from posology.pharmacology.pk_models.time_varying import predict

CASES = Path(__file__).parent.parent / "data" / "pharmacology" / "cases"


@pytest.mark.parametrize(
    ("case", "clearance", "volume", "right"),
    [
        ("k3_ss_after_addl", 1.0, 40.0, [1.8520, 2.7360, 2.0782, 1.5786, 1.3251, 1.0320]),
        ("k5_tie_addl", 10.0, 20.0, [7.885, 9.549, 10.509, 11.063, 11.383, 11.567]),
        ("k6_sample_between_doses", 2.0, 20.0, [1.8394, 4.3394, 14.3394]),
        ("k11_ss_constant_infusion", 2.0, 20.0, [5.0, 5.0]),
        ("k11_ss_overlapping_infusion", 2.0, 20.0, [4.1739, 0.5229]),
    ],
)
def test_predictions(case: str, clearance: float, volume: float, right: list[float]) -> None:
    data = read(CASES / f"{case}.csv").measurements()
    found = ONE_COMPARTMENT.predict(data, np.log([[clearance, volume]]))
    np.testing.assert_allclose(found, [right], atol=6e-4)


def test_a_steady_state_has_the_covariates_of_its_line() -> None:
    data = read(CASES / "k4_ss_infusion_covariate.csv").measurements(["WT"])
    weight = data.covariates["WT"]
    found = predict(ONE_COMPARTMENT, data, np.log(np.stack([2 * weight / 70, np.full_like(weight, 20.0)], axis=-1)))
    np.testing.assert_allclose(found, [[4.3047, 2.1377]], atol=6e-5)


def test_a_covariate_changes_during_an_infusion_at_steady_state() -> None:
    """The series written out: 200 infusions before it, all with the first period's parameters."""
    periods, samples = [Period(1.0), Period(9.0)], [(0.5, 1.0, False), (1.7, 1.0, False), (6.0, 1.0, False)]
    phi = np.log([[[2.0, 20.0], [1.0, 25.0]]])
    flagged = SubjectData("1", [(0.0, 100.0, 2.0, 24.0)], samples, periods=periods)
    written = SubjectData("1", [(-24.0 * n, 100.0, 2.0, 0.0) for n in range(200)], samples, periods=periods)
    values = [predict(ONE_COMPARTMENT, pk_dataset([p]), phi) for p in (flagged, written)]
    np.testing.assert_allclose(*values, rtol=1e-12)


@pytest.mark.parametrize("length", [0.0, 5.0, 12.0, 30.0, 48.0])
def test_infusions_at_steady_state_are_the_doses_before_them(length: float) -> None:
    """Values and derivatives against 400 doses, also where infusions overlap or one ends as another begins."""
    samples = [(t, 1.0, False) for t in (0.5, 6.0, 12.0, 29.0, 30.0, 50.0, 60.0)]
    phi = np.log([[2.0, 10.0, 1.0, 15.0]])
    steady = pk_dataset([SubjectData("1", [(0.0, 100.0, length, 12.0)], samples)])
    written = pk_dataset([SubjectData("1", [(-12.0 * n, 100.0, length, 0.0) for n in range(400)], samples)])
    for one, two in zip(
        TWO_COMPARTMENTS.sensitivities(steady, phi), TWO_COMPARTMENTS.sensitivities(written, phi), strict=True
    ):
        np.testing.assert_allclose(one, two, rtol=1e-9, atol=1e-12)


def test_overlapping_infusions_are_of_linear_models() -> None:
    data = read(CASES / "k11_ss_overlapping_infusion.csv").measurements()
    with pytest.raises(ValueError, match="patient 1: infusions at steady state that overlap"):
        SATURABLE.predict(data, np.zeros((1, 6)))


def test_compartments_of_doses() -> None:
    data = read(CASES / "k1_cmt_dose.csv")
    for run in (data.measurements, lambda: profiles(data)):
        with pytest.raises(DataError, match="patient 2, CMT: this dose goes into compartment 2, that of line 2 into 1"):
            run()
    oral = parse("ID,TIME,AMT,CMT,DV\n1,0,10,1,.\n1,1,.,2,5\n1,2,.,2,3\n")
    assert oral.measurements(absorbed=True).samples == 2
    with pytest.raises(DataError, match="CMT: the doses go into compartment 1, the samples are of 2"):
        oral.measurements(absorbed=False)
    vein = parse("ID,TIME,AMT,CMT,DV\n1,0,10,2,.\n1,1,.,2,5\n1,2,.,2,3\n")
    assert vein.measurements(absorbed=False).samples == 2
    with pytest.raises(DataError, match="a model with absorption doses compartment 1"):
        vein.measurements(absorbed=True)


def test_samples_of_several_compartments_are_not_pooled() -> None:
    data = parse("ID,TIME,AMT,CMT,DV\n1,0,10,1,.\n1,1,.,2,5\n1,1,.,3,0.7\n1,2,.,2,3\n")
    assert data.analytes == ("CMT 2", "CMT 3")
    with pytest.raises(DataError, match="holds CMT 2, CMT 3"):
        profiles(data)
    assert profiles(data.of("CMT 2"))[0].concentration == (5.0, 3.0)


def test_censored_values_are_below_quantification() -> None:
    text = (CASES / "k2_cens_limit.csv").read_text()
    data = parse(text).measurements()
    assert data.below.sum() == 68 and set(data.value[data.below]) == {1.0}
    with pytest.raises(DataError, match="LIMIT: 0.5: a value between two limits"):
        parse(text.replace("1,48,.,0,0,1,1,0", "1,48,.,0,0,1,1,0.5"))
    with pytest.raises(DataError, match="CENS: is -1"):
        parse(text.replace("1,48,.,0,0,1,1,0", "1,48,.,0,0,1,-1,0"))


def test_lines_left_out_are_named() -> None:
    data = read(CASES / "k2_comment_column.csv")
    assert profiles(data)[0].concentration == (5.0, 4.0, 3.0, 1.6)
    assert data.notes == ("1 line marked in C left out: line 4",)
    with pytest.raises(DataError, match="C: is '2.5'; C leaves the line out"):
        parse("C,ID,TIME,DV\n2.5,1,0,5\n")
    for first in ("C", "C1", "@1"):
        with pytest.raises(DataError, match=f"ID: is '{first}' among numbers"):
            parse(f"ID,TIME,AMT,DV\n1,0,10,.\n{first},1,.,5000\n1,2,.,4\n")


def test_columns_that_are_not_read() -> None:
    notes = parse("ID,TIME,AMT,DV,ARM,WT,COMMENT\n1,0,10,.,A,70,.\n1,1,.,0,A,70,haemolysed\n").notes
    assert notes[0] == "lines with a comment, which is not read: line 3"
    assert notes[1] == "columns of text, not read: ARM"
    assert notes[2] == "other columns, used only where named as a covariate or occasion: WT"
    assert "1 concentration of 0 without a limit" in notes[3]
    for column in ("DUR", "ADM", "YTYPE", "EXCLUDE", "F1", "DATE"):
        with pytest.raises(DataError, match=f"{column}: "):
            parse(f"ID,TIME,AMT,DV,{column}\n1,0,10,.,1\n")


def test_a_crossover_is_two_first_doses() -> None:
    found = profiles(read(CASES / "k10_crossover_evid4.csv"))
    assert [(p.label, p.dose, p.number) for p in found] == [("1, period 1", 100.0, 1), ("1, period 2", 200.0, 1)]
    time, value = padded([(p.time, p.concentration) for p in found])
    results = nca(time, value, np.array([p.dose for p in found]), route="bolus")
    np.testing.assert_allclose(results.slope.half_life, 3.466, atol=5e-4)
    np.testing.assert_allclose(results.auc_inf_obs, [50, 100], rtol=1e-3)


def test_a_rate_to_be_estimated_is_no_matter_without_a_model() -> None:
    data = parse("ID,TIME,AMT,RATE,DV\n1,0,10,-2,.\n1,1,.,.,5\n1,2,.,.,3\n")
    assert profiles(data)[0].concentration == (5.0, 3.0)
    with pytest.raises(DataError, match="RATE: -2: a rate or duration that is estimated is not fitted"):
        data.measurements()


PHI = np.log([[2.0, 10.0]])


def test_a_fit_begins_anew_at_a_reset() -> None:
    """After EVID 4, or EVID 3 and a dose, nothing is left, whatever ADDL had to come and wherever TIME begins again."""
    data = read(CASES / "k10_crossover_evid4.csv").measurements()
    np.testing.assert_allclose(ONE_COMPARTMENT.predict(data, PHI), data.value, rtol=1e-5)
    lines = ["1,0,100,1,5,3,.", "1,4,.,0,0,0,7", "1,0,.,3,0,0,.", "1,2,50,1,0,0,.", "1,3,.,0,0,0,4", "1,12,.,0,0,0,1"]
    found = parse("\n".join(["ID,TIME,AMT,EVID,ADDL,II,DV", *lines])).measurements()
    after = 5 * np.exp(-0.2 * np.array([1.0, 10.0]))
    before = 10 * (np.exp(-0.8) + np.exp(-0.2))
    np.testing.assert_allclose(ONE_COMPARTMENT.predict(found, PHI)[0], [before, *after], rtol=1e-12)
    later = found.at(found.time[:, 1:] + 1)
    np.testing.assert_allclose(ONE_COMPARTMENT.predict(later, PHI)[0], after * np.exp(-0.2), rtol=1e-12)
    with pytest.raises(DataError, match="data:3: patient 1, DV: is measured after a reset and before a dose"):
        parse("ID,TIME,AMT,EVID,DV\n1,0,.,3,.\n1,1,.,0,5\n1,2,10,1,.\n1,3,.,0,2\n").measurements()
    with pytest.raises(ValueError, match="patient 1: a reset .* of the linear models without saturable loss alone"):
        SATURABLE.predict(data, np.zeros((1, 6)))


def test_a_steady_state_beside_earlier_doses() -> None:
    """SS 2 adds a steady state to what is there, SS 1 replaces it."""
    lines = "ID,TIME,AMT,SS,II,DV\n1,0,100,0,0,.\n1,5,50,{},12,.\n1,8,.,0,0,3\n"
    series = 5 * np.exp(-0.2 * 3) / -np.expm1(-0.2 * 12)
    for steady, there in ((2, 10 * np.exp(-0.2 * 8)), (1, 0.0)):
        data = parse(lines.format(steady)).measurements()
        np.testing.assert_allclose(ONE_COMPARTMENT.predict(data, PHI), [[there + series]], rtol=1e-12)
