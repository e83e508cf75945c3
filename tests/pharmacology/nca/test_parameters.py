"""Non-compartmental analysis against NonCompart, WinNonlin, the CDISC pilot's own parameters and closed forms."""

from __future__ import annotations

import csv
import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from posology.pharmacology.nca.parameters import accumulation, nca
from posology.pharmacology.nca.profiles import padded
from tests.pharmacology.nca.test_auc import profile

DATA = Path(__file__).parents[2] / "data" / "pharmacology"


def samples(name: str) -> tuple[Any, Any]:
    profiles: dict[str, tuple[list[float], list[float]]] = {}
    for row in csv.DictReader((DATA / name).read_text().splitlines()):
        if row["EVID"] == "0":
            times, values = profiles.setdefault(row["ID"], ([], []))
            times.append(float(row["TIME"]))
            values.append(float(row["DV"]))
    return padded(list(profiles.values()))


def test_theophylline_data_are_the_published_ones() -> None:
    time, value = samples("theophylline.csv")
    assert time.shape == (12, 11)
    assert value.max(axis=1).tolist() == [10.5, 8.33, 8.2, 8.6, 11.4, 6.44, 7.09, 7.56, 9.03, 10.21, 8.0, 9.75]
    assert time[0, value[0].argmax()] == 1.12
    assert float(value.mean()) == pytest.approx(4.960455, abs=1e-6)


def test_theophylline_agrees_with_noncompart_in_every_digit_printed() -> None:
    time, value = samples("theophylline.csv")
    linear = nca(time, value, 320.0, method="linear").named()
    log = nca(time, value, 320.0).named()
    compared = 0
    for row, expected in enumerate(csv.DictReader((DATA / "theophylline_noncompart.csv").read_text().splitlines())):
        for name, text in expected.items():
            if name == "id":
                continue
            found = log[name.removeprefix("log_")][row] if name.startswith("log_") else linear[name][row]
            assert found == pytest.approx(float(text), rel=5e-7), (row + 1, name)
            compared += 1
    assert compared == 12 * 25


def test_the_vignette_of_pknca() -> None:
    time, value = samples("theophylline.csv")
    found = nca(time, value, 320.0)
    assert found.auc_last[0] == pytest.approx(147.2347485, abs=1e-7)
    # PKNCA's "auclast 0 to 24" stops at the last sample before 24 h (12.12 h); we stop where PKNCA does if told to
    assert found.partial(0, 12.12)[0] == pytest.approx(92.3654416, abs=1e-7)
    assert found.partial(0, 24)[0] > 145
    assert found.slope.lambda_z[0] == pytest.approx(0.0484570, abs=5e-8)
    assert found.slope.used[0].nonzero()[0].tolist() == [8, 9, 10]
    assert found.notes[0] == (
        "the terminal points span 1.07 half-lives, fewer than 2",
        "31.5 % of AUCinf is extrapolated",
        "extravascular: clearance and volume are CL/F and Vz/F; Vss cannot be determined",
    )


def test_partial_areas_of_noncompart() -> None:
    time, value = samples("theophylline.csv")
    found = nca(time, value, 320.0, method="linear")
    assert found.partial(0, 12)[0] == pytest.approx(91.7355220, abs=1e-7)
    assert found.partial(0, 24)[0] == pytest.approx(147.6945866, abs=1e-7)


def test_indomethacin_by_winnonlin_takes_cmax_into_the_slope() -> None:
    time, value = samples("indomethacin.csv")
    found = nca(time, value, 25.0, route="bolus", method="linear", allow_tmax=True)
    # subject 4: all eleven samples from Cmax on, which peers that exclude Cmax cannot reproduce
    expected = [0.158320, 0.302280, 0.421893, 0.455445, 0.252748, 0.353521]
    assert found.slope.lambda_z == pytest.approx(expected, abs=5e-7)
    assert found.slope.points[3] == 11
    assert found.start == ("back-extrapolated",) * 6
    assert found.c_0[0] == pytest.approx(1.5 * 1.5 / 0.94)
    # what is extrapolated back is no Cmax, and no area goes missing before the first sample
    assert found.c_max == pytest.approx([1.5, 2.03, 2.72, 1.85, 2.05, 2.31]) and (found.t_max == 0.25).all()
    assert found.auc_last[0] == pytest.approx(0.25 * (found.c_0[0] + 1.5) / 2 + np.trapezoid(value[0], time[0]))
    assert nca(time, value, 25.0, route="bolus").slope.points[3] < 11


def test_the_cdisc_pilot() -> None:
    """All 168 patients: linear trapezoids, Cmax among the terminal points, nominal time 0.08 h for 5 minutes.

    The parameter submitted as AUCALL is AUC to infinity, and its half-lives are 0.693 / λz; ours are ln 2 / λz.
    """
    expected: dict[str, dict[str, float]] = {}
    for row in csv.DictReader(gzip.decompress((DATA / "pilot_pp.csv.gz").read_bytes()).decode().splitlines()):
        expected.setdefault(row["USUBJID"], {})[row["PPTESTCD"]] = float(row["PPSTRESN"])
    profiles: dict[str, tuple[list[float], list[float]]] = {patient: ([], []) for patient in expected}
    for row in csv.DictReader(gzip.decompress((DATA / "pilot_pc.csv.gz").read_bytes()).decode().splitlines()):
        profiles[row["USUBJID"]][0].append(float(row["PCTPTNUM"]))
        profiles[row["USUBJID"]][1].append(float(row["PCSTRESN"] or 0))
    time, value = padded(list(profiles.values()))
    found = nca(time, value, method="linear", allow_tmax=True)
    ours = {
        "AUCALL": found.auc_inf_obs,
        "AUCLST": found.auc_last,
        "CMAX": found.c_max,
        "CLST": found.c_last,
        "TMAX": found.t_max,
        "LAMZ": found.slope.lambda_z,
        "LAMZNPT": found.slope.points,
        "LAMZHL": found.slope.half_life * 0.693 / np.log(2),
    }
    assert len(expected) == 168
    for code, values in ours.items():
        assert values == pytest.approx([expected[p][code] for p in expected], rel=1e-12), code
    assert (found.auc_all > found.auc_last).all()


def test_an_infusion_in_one_compartment_is_recovered() -> None:
    dose, volume, rate, length = 100.0, 20.0, 0.1, 2.0
    time = np.concatenate([np.linspace(0, length, 200), np.linspace(length, 80, 2000)[1:]])
    during = dose / length / (volume * rate) * (1 - np.exp(-rate * np.minimum(time, length)))
    found = nca(time, during * np.exp(-rate * np.maximum(time - length, 0)), dose, route="infusion", duration=length)
    assert found.clearance_obs[0] == pytest.approx(volume * rate, rel=1e-5)
    assert found.vss_obs[0] == pytest.approx(volume, rel=1e-4)
    assert found.mrt_inf_obs[0] == pytest.approx(1 / rate, rel=1e-4)
    assert found.slope.lambda_z[0] == pytest.approx(rate, rel=1e-9)
    assert found.slope.first[0] > length


def test_steady_state_of_a_bolus_is_the_closed_form() -> None:
    rate, tau, volume, dose = 0.2, 12.0, 10.0, 50.0
    time = np.linspace(0, tau, 25)
    value = dose / volume * np.exp(-rate * time) / (1 - np.exp(-rate * tau))
    found = nca(time, value, dose, route="bolus", dosing="steady state", tau=tau)
    peak, trough = value[0], value[-1]
    assert found.interval.auc_tau[0] == pytest.approx(dose / (volume * rate), rel=1e-12)
    assert found.clearance_ss[0] == pytest.approx(volume * rate, rel=1e-12)
    assert found.interval.swing[0] == pytest.approx(100 * (peak - trough) / trough, rel=1e-12)
    assert found.interval.fluctuation[0] == pytest.approx(100 * (peak - trough) * tau * volume * rate / dose, rel=1e-12)
    assert found.interval.accumulation[0] == pytest.approx(1 / (1 - np.exp(-rate * tau)), rel=1e-9)
    first = nca(time, dose / volume * np.exp(-rate * time), dose, route="bolus", tau=tau)
    assert accumulation(first.interval.auc_tau, found.interval.auc_tau)[0] == pytest.approx(
        found.interval.accumulation[0]
    )


def test_steady_state_peaks_and_troughs_are_samples() -> None:
    found = nca(
        np.array([1.0, 4, 8, 12]), np.array([8.0, 6, 3, 2]), 50.0, route="bolus", dosing="steady state", tau=12.0
    )
    assert found.start == ("back-extrapolated",)
    assert found.interval.fluctuation[0] == pytest.approx(100 * (8 - 2) / found.interval.average[0])
    assert found.interval.swing[0] == pytest.approx(300) and found.interval.peak_trough[0] == pytest.approx(4)


def test_points_chosen_by_hand() -> None:
    time, value = samples("theophylline.csv")
    chosen = np.zeros(time.shape, bool)
    chosen[:, -5:] = True
    found = nca(time, value, manual_points=chosen)
    slope = [np.polyfit(t[-5:], np.log(c[-5:]), 1)[0] for t, c in zip(time, value, strict=True)]
    assert found.slope.lambda_z == pytest.approx([-s for s in slope], rel=1e-10)
    assert (found.slope.used == chosen).all()


def test_a_level_end_is_no_perfect_fit() -> None:
    """Three equal samples at the end have no r²: the regressions that fall are judged without them."""
    time, value = np.arange(7.0), np.array([0.0, 16, 8, 4, 2, 2, 2])
    found = nca(time, value, 10.0)
    slope, _ = np.polyfit(time[2:], np.log(value[2:]), 1)
    assert found.slope.points[0] == 5 and found.slope.lambda_z[0] == pytest.approx(-slope)
    level = nca(time, np.array([0.0, 5, 2, 2, 2, 2, 2]), 10.0)
    assert np.isnan(level.slope.lambda_z[0]) and "falls" in level.notes[0][0]


def test_two_points_are_taken_only_where_there_are_no_more() -> None:
    """Two points fit any line: with min_points=2 they do not outdo a regression through more."""
    time, value = np.array([0.0, 1, 2, 4, 8, 12, 24]), np.array([0.0, 2, 4, 3, 2, 1, 0.25])
    assert nca(time, value, min_points=2).slope.points[0] == 4
    two = nca(time[:5], value[:5], min_points=2)
    assert two.slope.points[0] == 2 and two.slope.lambda_z[0] == pytest.approx(np.log(1.5) / 4)


def test_nothing_measured_is_not_zero() -> None:
    value = np.array([[np.nan, np.nan, np.nan, np.nan], [0.0, 4, 2, 1]])
    found = nca(np.arange(4.0), value, np.array([10.0, np.nan]), tau=3.0)
    for values in (found.c_max, found.auc_last, found.auc_all, found.c_0, found.partial(0, 2), found.interval.auc_tau):
        assert np.isnan(values[0]) and np.isfinite(values[1])
    assert "every concentration is missing" in found.notes[0][0]
    assert any("no dose" in reason for reason in found.notes[1])


def test_no_slope_is_said_and_nothing_guessed() -> None:
    found = nca(np.arange(5.0), np.array([[0.0, 1, 2, 3, 4], [0, 0, 0, 0, 0], [0, 1, 2, 0.2, 2.5]]), 10.0)
    assert np.isnan(found.slope.lambda_z).all() and np.isnan(found.auc_inf_obs).all()
    assert "fewer than 3" in found.notes[0][0]
    assert found.auc_last[1] == 0 and "no concentration above" in found.notes[1][0]
    rising = nca(np.arange(6.0), np.array([0.0, 9, 1, 2, 3, 4]), 10.0)
    assert "falls" in rising.notes[0][0]


@pytest.mark.parametrize(
    ("time", "value", "options", "says"),
    [
        ([0.0, 2, 1], [0.0, 1, 2], {}, "profile 1: time 1 follows 2"),
        ([0.0, 1, 1], [0.0, 1, 2], {}, "profile 1: time 1 follows 1"),
        ([0.0, 1, 2], [0.0, -1, 2], {}, "concentration -1"),
        ([0.0, 1, 2], [0.0, 1, 2], {"dose": 0.0}, "dose 0"),
        ([0.0, 1, 2], [0.0, 1, 2], {"route": "infusion"}, "duration 0"),
        ([0.0, 1, 2], [0.0, 1, 2], {"method": "cubic"}, "linear-up log-down"),
        ([0.0, 1, 2], [0.0, 1, 2], {"tau": -1.0}, "dosing interval"),
        ([0.0, 1], [0.0, 1, 2], {}, "one shape"),
        ([np.nan], [1.0], {}, "no sample"),
        ([0.0, np.nan, 2], [0.0, 1, 2], {}, "profile 1: concentration 1 has no time"),
        ([0.0, 1, np.inf], [0.0, 1, 2], {}, "profile 1: time inf"),
        ([0.0, 1, 2], [0.0, 1, 2], {"dose": np.array([1.0, 2])}, "one for each of 1 profiles"),
        ([0.0, 1, 2], [0.0, 1, 2], {"dose": np.inf}, "dose inf"),
        ([0.0, 1, 2], [0.0, 1, 2], {"adj_r2_factor": -1.0}, "tolerance"),
        ([0.0, 1, 2], [0.0, 1, 2], {"manual_points": np.ones((1, 2), bool)}, "one shape"),
        (
            [0.0, 1, 2],
            [0.0, 1, 0],
            {"manual_points": np.array([[False, True, True]])},
            "profile 1: the point chosen at time 2",
        ),
    ],
)
def test_bad_input(time: list[float], value: list[float], options: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        nca(np.array(time), np.array(value), **options)


@given(profile, st.floats(0.1, 10), st.floats(0.1, 100))
def test_scaling_dose_and_time(values: list[float], stretch: float, scale: float) -> None:
    time, value = np.arange(1.0, len(values) + 1), np.array(values)
    one, more = nca(time, value, 10.0), nca(time, scale * value, 10.0 * scale)
    assert more.auc_last[0] == pytest.approx(scale * one.auc_last[0], rel=1e-9)
    assert more.auc_last_dose[0] == pytest.approx(one.auc_last_dose[0], rel=1e-9)
    other = nca(stretch * time, value, 10.0)  # another unit of time
    assert other.auc_last[0] == pytest.approx(stretch * one.auc_last[0], rel=1e-9)
    assert other.aumc_last[0] == pytest.approx(stretch**2 * one.aumc_last[0], rel=1e-9)


def test_a_profile_alone_and_in_a_batch_are_the_same() -> None:
    time, value = samples("theophylline.csv")
    together = nca(time, value, 320.0).named()
    for row in (0, 5):
        alone = nca(time[row], value[row], 320.0).named()
        for name, values in alone.items():
            assert values[0] == pytest.approx(together[name][row], nan_ok=True), name


TAU, RATE, VOLUME, DOSE = 12.0, 0.15, 20.0, 100.0


def bolus(doses: int) -> tuple[Any, Any]:
    """The profile after the last of so many boluses of one compartment, sampled far beyond the interval."""
    time = np.concatenate([[0.0, 0.25, 0.5], np.arange(1.0, 13), np.arange(14.0, 80, 2)])
    left = sum(np.exp(-RATE * TAU * k) for k in range(doses))
    return time, DOSE / VOLUME * left * np.exp(-RATE * time)


def test_the_formula_fits_the_dose_it_follows() -> None:
    """One compartment: CL 3, V 20, MRT 1/0.15. After many doses AUCinf is of all of them: CL from it would be 0.5."""
    time, first = bolus(1)
    _, many = bolus(1000)
    single = nca(time, first, DOSE, route="bolus", tau=TAU)
    steady = nca(time, many, DOSE, route="bolus", dosing="steady state", tau=TAU)
    later = nca(time, many, DOSE, route="bolus", dosing="later", tau=TAU)
    for found, names in (
        (single, ("clearance_obs", "vz_obs", "vss_obs", "mrt_inf_obs")),
        (steady, ("clearance_ss", "vz_ss", "vss_ss", "mrt_ss")),
    ):
        right = (RATE * VOLUME, VOLUME, VOLUME, 1 / RATE)
        assert [found.values[n][0] for n in names] == pytest.approx(right, rel=1e-9)
    of_first = ("clearance_obs", "clearance_pred", "vz_obs", "vss_obs", "mrt_last", "mrt_inf_obs")
    of_steady = ("clearance_ss", "vz_ss", "vss_ss", "mrt_ss")
    for found, names in ((single, of_steady), (steady, of_first), (later, of_first + of_steady)):
        assert np.isnan([found.values[n][0] for n in names]).all()
    assert single.auc_tau[0] < steady.auc_tau[0] == later.auc_tau[0]
    assert any("not known to be at steady state" in note for note in later.notes[0])
    unknown = nca(time, many, DOSE, route="bolus", dosing="steady state")
    assert np.isnan(unknown.clearance_ss[0]) and any("interval is not known" in note for note in unknown.notes[0])


def test_an_infusion_at_steady_state() -> None:
    """Of one compartment: mean residence time 1 / k, Vss = V, whatever the infusion's length."""
    length, rate, tau = 2.0, 0.2, 8.0
    time = np.concatenate([np.linspace(0, length, 200), np.linspace(length, 60, 3000)[1:]])
    unit = lambda t: (
        DOSE
        / length
        / (VOLUME * rate)
        * (1 - np.exp(-rate * np.clip(t, 0, length)))
        * np.exp(-rate * np.maximum(t - length, 0))
    )
    value = sum(unit(time + tau * k) for k in range(400))
    found = nca(time, value, DOSE, route="infusion", duration=length, dosing="steady state", tau=tau)
    assert found.clearance_ss[0] == pytest.approx(rate * VOLUME, rel=1e-4)
    assert found.mrt_ss[0] == pytest.approx(1 / rate, rel=1e-3)
    assert found.vss_ss[0] == pytest.approx(VOLUME, rel=1e-3)


def test_tau_makes_no_first_dose_a_steady_state() -> None:
    """Before a first oral dose there was nothing; the areas by linear up, logarithmic down are by hand."""
    time, value = np.array([6.0, 12, 24, 36]), np.array([8.0, 6, 4, 2.6])
    found = nca(time, value, 100.0, tau=24.0)
    pieces = [24.0, *((t1 - t0) * (a - b) / np.log(a / b) for t0, t1, a, b in ((6, 12, 8, 6), (12, 24, 6, 4)))]
    last = 12 * (4 - 2.6) / np.log(4 / 2.6)
    assert found.c_0[0] == 0 and found.start == ("zero",)
    assert found.auc_tau[0] == pytest.approx(sum(pieces)) == pytest.approx(124.90, abs=0.005)
    assert found.auc_last[0] == pytest.approx(sum(pieces) + last) == pytest.approx(163.90, abs=0.005)
    assert np.isnan(found.clearance_ss[0])


def test_one_point_is_no_profile() -> None:
    for time, value in (([4.0], [3.0]), ([0.0, 4.0], [0.0, 3.0]), ([-1.0, 4.0, 8.0], [0.0, 3.0, np.nan])):
        found = nca(np.array(time), np.array([value]), 10.0, tau=24.0, route="bolus")
        names = (
            "auc_last",
            "auc_all",
            "auc_inf_obs",
            "aumc_last",
            "clearance_obs",
            "mrt_last",
            "mrt_inf_obs",
            "vz_obs",
        )
        assert np.isnan([found.values[n][0] for n in names]).all()
        assert np.isnan(found.partial(0, 4)[0])
        assert found.c_max[0] == 3 and any("fewer than two samples" in note for note in found.notes[0])


def test_percent_back_extrapolated() -> None:
    """One exponential sampled from 2 on: 1 − e^(−0.3 × 2) of the area lies before."""
    time = np.array([2.0, 3, 5, 8, 12])
    found = nca(time, 7 * np.exp(-0.3 * time), 10.0, route="bolus")
    assert found.back_extrapolated_obs[0] == pytest.approx(100 * -np.expm1(-0.6), rel=1e-9)
    assert any("extrapolated back to the dose" in note for note in found.notes[0])
    assert np.isnan(nca(np.append(0, time), np.append(7, 7 * np.exp(-0.3 * time)), route="bolus").back_extrapolated_obs)


def test_excluded_points_are_no_points_of_the_slope() -> None:
    time = np.array([[0.5, 1, 2, 4, 6, 8]])
    value = 10 * np.exp(-0.4 * time)
    value[0, 4] *= 1.5
    found = nca(time, value, excluded_points=np.array([[False, False, False, False, True, False]]))
    assert found.lambda_z[0] == pytest.approx(0.4) and not found.slope.used[0, 4]
    assert found.lambda_z[0] != nca(time, value).lambda_z[0]
