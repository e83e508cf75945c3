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

from posology.pharmacology.nca.auc import concentration_at, partial_auc, segment_auc
from posology.pharmacology.nca.blq import BlqRule, BlqRuleByTmax
from posology.pharmacology.nca.dose_proportionality import dose_proportionality
from posology.pharmacology.nca.parameters import accumulation, nca
from posology.pharmacology.nca.profiles import padded

DATA = Path(__file__).parent.parent / "data" / "pharmacology"


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
    assert found.why[0] == (
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
    found = nca(time, value, 25.0, route="bolus", method="linear", with_c_max=True)
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
    found = nca(time, value, method="linear", with_c_max=True)
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


@pytest.mark.parametrize(
    ("rule", "method", "last", "whole"),
    [  # PKNCA's own cases: 0 2 0 1 2 1 0 0, one apart
        (BlqRule("zero", "zero", "zero"), "linear", 5.5, 6.0),
        (BlqRule("zero", "zero", "zero"), "linear-up log-down", 4 + 1 / np.log(2), 4.5 + 1 / np.log(2)),
        (BlqRule(), "linear", 7.0, 7.5),
        (BlqRule(), "linear-up log-down", 2.5 + 3 / np.log(2), 3 + 3 / np.log(2)),
    ],
)
def test_values_below_quantification(rule: BlqRule, method: Any, last: float, whole: float) -> None:
    found = nca(np.arange(8.0), np.array([0.0, 2, 0, 1, 2, 1, 0, 0]), below=rule, method=method)
    assert found.auc_last[0] == pytest.approx(last, abs=1e-12)
    assert found.auc_all[0] == pytest.approx(whole, abs=1e-12)


def test_values_below_quantification_by_tmax_and_by_number() -> None:
    time, value = np.arange(6.0), np.array([0.0, 4, 2, 0, 1, 0])
    dropped = nca(time, value, below=BlqRuleByTmax(), method="linear")
    assert dropped.auc_last[0] == dropped.auc_all[0] == pytest.approx(2 + 3 + 3)
    half = nca(time, value, below=BlqRule("zero", 0.5, "drop"), method="linear")
    assert half.auc_last[0] == pytest.approx(2 + 3 + 1.25 + 0.75)


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
    found = nca(time, value, dose, route="bolus", tau=tau)
    assert found.steady is not None
    peak, trough = value[0], value[-1]
    assert found.steady.auc_tau[0] == pytest.approx(dose / (volume * rate), rel=1e-12)
    assert found.steady.clearance[0] == pytest.approx(volume * rate, rel=1e-12)
    assert found.steady.swing[0] == pytest.approx(100 * (peak - trough) / trough, rel=1e-12)
    assert found.steady.fluctuation[0] == pytest.approx(100 * (peak - trough) * tau * volume * rate / dose, rel=1e-12)
    assert found.steady.accumulation[0] == pytest.approx(1 / (1 - np.exp(-rate * tau)), rel=1e-9)
    first = nca(time, dose / volume * np.exp(-rate * time), dose, route="bolus", tau=tau)
    assert first.steady is not None
    assert accumulation(first.steady.auc_tau, found.steady.auc_tau)[0] == pytest.approx(found.steady.accumulation[0])


def test_the_concentration_at_the_dose_is_said() -> None:
    value = np.array([[1.0, 4, 2, 1, 0.5]])
    after = np.array([[1.0, 2, 3, 4, 5]])
    assert nca(after, value).start == ("zero",)
    assert nca(after - 1.5, value).start == ("sample before the dose",)
    assert nca(after - 1, value).start == ("sampled",)
    assert nca(after, value, tau=5.0).start == ("lowest in the interval",)
    assert nca(after, value, tau=5.0).c_0[0] == 0.5


def test_steady_state_peaks_and_troughs_are_samples() -> None:
    found = nca(np.array([1.0, 4, 8, 12]), np.array([8.0, 6, 3, 2]), 50.0, route="bolus", tau=12.0)
    assert found.steady is not None and found.start == ("back-extrapolated",)
    assert found.steady.fluctuation[0] == pytest.approx(100 * (8 - 2) / found.steady.average[0])
    assert found.steady.swing[0] == pytest.approx(300) and found.steady.peak_trough[0] == pytest.approx(4)


def test_points_chosen_by_hand() -> None:
    time, value = samples("theophylline.csv")
    chosen = np.zeros(time.shape, bool)
    chosen[:, -5:] = True
    found = nca(time, value, chosen=chosen)
    slope = [np.polyfit(t[-5:], np.log(c[-5:]), 1)[0] for t, c in zip(time, value, strict=True)]
    assert found.slope.lambda_z == pytest.approx([-s for s in slope], rel=1e-10)
    assert (found.slope.used == chosen).all()


@pytest.mark.parametrize("gap", [0.0, 1e-16, 1e-15, 1e-12, 1e-9, 1e-7, 1e-5, 1e-3, 9e-3, 1.1e-2, 0.1])
def test_concentrations_that_are_all_but_equal(gap: float) -> None:
    """A plateau in arithmetic of limited precision: the logarithmic trapezoid nears the linear one."""
    from fractions import Fraction as F

    c1, c0 = 3.3, 3.3 * (1 + gap)
    area, moment = segment_auc(np.array([[100.0, 101]]), np.array([[c0, c1]]))
    u = F(c0) / F(c1) - 1
    log = sum((-1) ** (k + 1) * u**k / k for k in range(1, 40)) or F(1)
    lever = (F(c0) - F(c1) - F(c1) * log) / log**2
    exact = (F(c0) - F(c1)) / log if u else F(c1)
    assert area[0, 0] == pytest.approx(float(exact), rel=1e-13)
    assert moment[0, 0] == pytest.approx(float(100 * exact + (lever if u else F(c1) / 2)), rel=1e-13)
    partial = partial_auc(np.array([[100.0, 101]]), np.array([[c0, c1]]), 100.0, 100.5, np.array([np.nan]))
    assert partial[0] == pytest.approx(0.5 * c0, rel=gap / 2 + 1e-13)


def test_a_level_end_is_no_perfect_fit() -> None:
    """Three equal samples at the end have no r²: the regressions that fall are judged without them."""
    time, value = np.arange(7.0), np.array([0.0, 16, 8, 4, 2, 2, 2])
    found = nca(time, value, 10.0)
    slope, _ = np.polyfit(time[2:], np.log(value[2:]), 1)
    assert found.slope.points[0] == 5 and found.slope.lambda_z[0] == pytest.approx(-slope)
    level = nca(time, np.array([0.0, 5, 2, 2, 2, 2, 2]), 10.0)
    assert np.isnan(level.slope.lambda_z[0]) and "falls" in level.why[0][0]


def test_two_points_are_taken_only_where_there_are_no_more() -> None:
    """Two points fit any line: with least=2 they do not outdo a regression through more."""
    time, value = np.array([0.0, 1, 2, 4, 8, 12, 24]), np.array([0.0, 2, 4, 3, 2, 1, 0.25])
    assert nca(time, value, least=2).slope.points[0] == 4
    two = nca(time[:5], value[:5], least=2)
    assert two.slope.points[0] == 2 and two.slope.lambda_z[0] == pytest.approx(np.log(1.5) / 4)


def test_a_bolus_whose_sample_before_the_dose_is_zero_has_the_peak_that_was_measured() -> None:
    after = nca(np.array([1.0, 2, 4, 8]), np.array([8.0, 4, 2, 1]), 10.0, route="bolus")
    before = nca(np.array([0.0, 1, 2, 4, 8]), np.array([0.0, 8, 4, 2, 1]), 10.0, route="bolus")
    assert before.c_0[0] == after.c_0[0] == 16
    assert before.c_max[0] == after.c_max[0] == 8 and before.t_max[0] == after.t_max[0] == 1


@pytest.mark.parametrize("when", [0.0, -0.2])
def test_a_trough_before_a_bolus_is_not_the_concentration_at_the_dose(when: float) -> None:
    """At steady state: AUCtau is dose / clearance, which a trough in place of C0 would miss by 7 %."""
    rate, tau, dose, volume = 0.2, 12.0, 100.0, 4.0
    after = np.array([0.5, 1, 2, 4, 8, 12])
    level = lambda t: dose / volume * np.exp(-rate * t) / (1 - np.exp(-rate * tau))
    found = nca(np.append(when, after), np.append(level(tau), level(after)), dose, route="bolus", tau=tau)
    assert found.steady is not None and found.start == ("back-extrapolated",)
    assert found.c_0[0] == pytest.approx(level(0.0), rel=1e-12)
    assert found.steady.clearance[0] == pytest.approx(rate * volume, rel=1e-12)
    assert found.c_max[0] == level(0.5) and found.steady.lowest[0] == pytest.approx(level(tau))
    sampled = nca(np.append(0.0, after), np.append(level(0.0), level(after)), dose, route="bolus", tau=tau)
    assert sampled.start == ("sampled",) and sampled.c_max[0] == level(0.0)


def test_nothing_measured_is_not_zero() -> None:
    value = np.array([[np.nan, np.nan, np.nan, np.nan], [0.0, 4, 2, 1]])
    found = nca(np.arange(4.0), value, np.array([10.0, np.nan]), tau=3.0)
    assert found.steady is not None
    for values in (found.c_max, found.auc_last, found.auc_all, found.c_0, found.partial(0, 2), found.steady.auc_tau):
        assert np.isnan(values[0]) and np.isfinite(values[1])
    assert "every concentration is missing" in found.why[0][0]
    assert any("no dose" in reason for reason in found.why[1])


@pytest.mark.parametrize("rule", [-1.0, 0.0, np.nan, np.inf, "half"])
def test_a_rule_for_values_below_quantification_is_checked(rule: Any) -> None:
    for wrong in (lambda: BlqRule(middle=rule), lambda: BlqRuleByTmax(after=rule)):
        with pytest.raises(ValueError, match="'zero', 'drop' or a number above 0"):
            wrong()


def test_no_slope_is_said_and_nothing_guessed() -> None:
    found = nca(np.arange(5.0), np.array([[0.0, 1, 2, 3, 4], [0, 0, 0, 0, 0], [0, 1, 2, 0.2, 2.5]]), 10.0)
    assert np.isnan(found.slope.lambda_z).all() and np.isnan(found.auc_inf_obs).all()
    assert "fewer than 3" in found.why[0][0]
    assert found.auc_last[1] == 0 and "no concentration above" in found.why[1][0]
    rising = nca(np.arange(6.0), np.array([0.0, 9, 1, 2, 3, 4]), 10.0)
    assert "falls" in rising.why[0][0]


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
        ([0.0, 1, 2], [0.0, 1, 2], {"factor": -1.0}, "tolerance"),
        ([0.0, 1, 2], [0.0, 1, 2], {"chosen": np.ones((1, 2), bool)}, "one shape"),
        (
            [0.0, 1, 2],
            [0.0, 1, 0],
            {"chosen": np.array([[False, True, True]])},
            "profile 1: the point chosen at time 2",
        ),
    ],
)
def test_bad_input(time: list[float], value: list[float], options: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        nca(np.array(time), np.array(value), **options)


profile = st.lists(st.floats(0.05, 50), min_size=5, max_size=12)


@given(profile, st.floats(0.1, 10), st.floats(0.1, 100))
def test_scaling_dose_and_time(values: list[float], stretch: float, scale: float) -> None:
    time, value = np.arange(1.0, len(values) + 1), np.array(values)
    one, more = nca(time, value, 10.0), nca(time, scale * value, 10.0 * scale)
    assert more.auc_last[0] == pytest.approx(scale * one.auc_last[0], rel=1e-9)
    assert more.auc_last_dose[0] == pytest.approx(one.auc_last_dose[0], rel=1e-9)
    other = nca(stretch * time, value, 10.0)  # another unit of time
    assert other.auc_last[0] == pytest.approx(stretch * one.auc_last[0], rel=1e-9)
    assert other.aumc_last[0] == pytest.approx(stretch**2 * one.aumc_last[0], rel=1e-9)


@given(profile, st.tuples(st.floats(0, 20), st.floats(0, 20), st.floats(0, 20)))
def test_partial_areas_add_up(values: list[float], cuts: tuple[float, float, float]) -> None:
    time, value = np.arange(float(len(values)))[None], np.array([values])
    a, b, c = sorted(cuts)
    rate = np.array([0.1])
    whole = partial_auc(time, value, a, c, rate)
    assert partial_auc(time, value, a, b, rate) + partial_auc(time, value, b, c, rate) == pytest.approx(whole, abs=1e-9)
    area, _ = segment_auc(time, value)
    assert partial_auc(time, value, 0, len(values) - 1, rate)[0] == pytest.approx(area.sum())
    ends = concentration_at(time, value, float(len(values) - 1), rate)
    assert ends[0] == values[-1]


def test_a_profile_alone_and_in_a_batch_are_the_same() -> None:
    time, value = samples("theophylline.csv")
    together = nca(time, value, 320.0).named()
    for row in (0, 5):
        alone = nca(time[row], value[row], 320.0).named()
        for name, values in alone.items():
            assert values[0] == pytest.approx(together[name][row], nan_ok=True), name


def test_dose_proportionality_by_hand() -> None:
    dose, exposure = np.array([1.0, 1, 2, 2, 4, 4, 8, 8]), np.array([10.0, 12, 21, 19, 43, 39, 78, 85])
    found = dose_proportionality(dose, exposure)
    slope, intercept = np.polyfit(np.log(dose), np.log(exposure), 1)
    assert (found.slope, found.intercept) == pytest.approx((slope, intercept))
    assert found.region == pytest.approx((1 + np.log(0.8) / np.log(8), 1 + np.log(1.25) / np.log(8)))
    assert found.verdict == "proportional" and found.degrees == 6
    # at the doses' ratio that is just reached, the interval touches the region
    touching = max(abs(found.lower - 1) / -np.log(0.8), abs(found.upper - 1) / np.log(1.25))
    assert np.log(found.reach) == pytest.approx(1 / touching, rel=1e-9)
    assert dose_proportionality(dose, dose**2).verdict == "not proportional"


def test_dose_proportionality_needs_two_doses() -> None:
    with pytest.raises(ValueError, match="two at least"):
        dose_proportionality(np.ones(4), np.ones(4))
    with pytest.raises(ValueError, match="above 0"):
        dose_proportionality(np.array([1.0, 2, 3]), np.array([1.0, 0, 3]))
    with pytest.raises(ValueError, match="between 0 and 1"):
        dose_proportionality(np.array([1.0, 2, 3]), np.array([1.0, 2, 3]), level=90.0)
