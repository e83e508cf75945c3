"""Non-compartmental analysis: what a concentration profile says without a model.

Gabrielsson J, Weiner D. Pharmacokinetic and Pharmacodynamic Data Analysis, 5th ed. 2016, section 2.8. The conventions
are PKNCA's (Denney W, Duvvuri S, Buckeridge C. J Pharmacokinet Pharmacodyn 2015;42 Suppl 1:S65), each named where it
matters, and each changed by an argument.

Times are since the dose; a profile is a row, a sample a column. Units are the caller's: an area is concentration ×
time, a clearance dose / area. What cannot be determined is NaN in the arrays, and ``NcaResults.why`` says the reason.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace

import numpy as np

from posology.pharmacology.nca.auc import TrapezoidMethod, concentration_at, partial_auc, segment_auc, tlast_index
from posology.pharmacology.nca.blq import BlqRule, BlqRuleByTmax
from posology.pharmacology.nca.profiles import Route, prepare_profiles, validate_profiles
from posology.shared.arrays import Bools, Floats, Ints

MIN_SPAN_HALF_LIVES = 2.0  # half-lives that the points of λz should span
MIN_ADJUSTED_R2 = 0.80  # adjusted r² below which a half-life is doubtful
MAX_PERCENT_EXTRAPOLATED = 20.0  # % of AUCinf extrapolated above which it is doubtful


@dataclass(frozen=True)
class TerminalSlope:
    """The terminal slope: how λz was chosen. Arrays (profiles,); ``used`` is (profiles, samples as given).

    Of all regressions of ln C on time through the last 3, 4, ... points after Cmax, those within ``factor`` of the best
    adjusted r² and with λz above 0 are kept; of these the one with the most points is taken (PKNCA's rule).
    ``span_ratio`` is the time spanned in half-lives.
    """

    lambda_z: Floats
    half_life: Floats
    intercept: Floats
    r_squared: Floats
    adjusted_r_squared: Floats
    points: Ints
    first: Floats
    last: Floats
    span_ratio: Floats
    predicted_last: Floats
    used: Bools


@dataclass(frozen=True)
class SteadyState:
    """Within a dosing interval τ: arrays (profiles,).

    ``swing`` is (Cmax − Cmin) / Cmin and ``fluctuation`` (Cmax − Cmin) / Cavg, both in %; ``accumulation`` is that
    predicted by λz, 1 / (1 − exp(−λz τ)); ``clearance`` is dose / AUCτ, which at steady state is CL (or CL/F).
    """

    auc_tau: Floats
    average: Floats
    lowest: Floats
    trough: Floats
    fluctuation: Floats
    swing: Floats
    peak_trough: Floats
    accumulation: Floats
    clearance: Floats


@dataclass(frozen=True)
class NcaResults:
    """The results, arrays (profiles,). ``_obs`` rests on the last concentration measured, ``_pred`` on the one that the
    terminal slope predicts.

    ``start`` says what the concentration at the dose was taken from. Clearance and volumes are CL/F and Vz/F after an
    extravascular dose, where Vss cannot be determined and the mean residence time holds the absorption time.
    """

    c_max: Floats
    t_max: Floats
    c_last: Floats
    t_last: Floats
    c_0: Floats
    auc_last: Floats
    auc_all: Floats
    auc_inf_obs: Floats
    auc_inf_pred: Floats
    extrapolated_obs: Floats
    extrapolated_pred: Floats
    aumc_last: Floats
    aumc_inf_obs: Floats
    aumc_inf_pred: Floats
    mrt_last: Floats
    mrt_inf_obs: Floats
    mrt_inf_pred: Floats
    clearance_obs: Floats
    clearance_pred: Floats
    vz_obs: Floats
    vz_pred: Floats
    vss_obs: Floats
    vss_pred: Floats
    c_max_dose: Floats
    auc_last_dose: Floats
    auc_inf_obs_dose: Floats
    slope: TerminalSlope
    steady: SteadyState | None
    start: tuple[str, ...]
    why: tuple[tuple[str, ...], ...]
    time: Floats = field(repr=False)
    concentration: Floats = field(repr=False)
    method: TrapezoidMethod = "linear-up log-down"

    def partial(self, start: float, end: float, predicted: bool = False) -> Floats:
        """Return the area of each profile from ``start`` to ``end``, extrapolated after Tlast."""
        if not 0 <= start < end:
            raise ValueError(f"a partial area runs from a time of 0 or later to a later one, not {start:g} to {end:g}")
        level = self.slope.lambda_z
        area = partial_auc(self.time, self.concentration, start, end, level, self.method)
        if predicted:  # the tail is in proportion to the concentration that it starts from
            inside = partial_auc(
                self.time, self.concentration, start, np.clip(end, start, self.t_last), level, self.method
            )
            area = inside + (area - inside) * self.slope.predicted_last / self.c_last
        return area

    def named(self) -> dict[str, Floats]:
        """Return every numeric result by its name, the slope and steady state included."""
        found = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in _NOT_NUMBERS}
        found |= {f.name: getattr(self.slope, f.name) for f in fields(self.slope) if f.name != "used"}
        if self.steady is not None:
            found |= {
                f"tau_{f.name}" if f.name == "clearance" else f.name: getattr(self.steady, f.name)
                for f in fields(self.steady)
            }
        return {name: np.asarray(values, dtype=np.float64) for name, values in found.items()}


_NOT_NUMBERS = {"slope", "steady", "start", "why", "time", "concentration", "method"}


def nca(
    time: Floats,
    concentration: Floats,
    dose: float | Floats | None = None,
    *,
    route: Route = "extravascular",
    duration: float | Floats = 0.0,
    tau: float | None = None,
    method: TrapezoidMethod = "linear-up log-down",
    below: BlqRule | BlqRuleByTmax | None = None,
    least: int = 3,
    factor: float = 1e-4,
    with_c_max: bool = False,
    chosen: Bools | None = None,
) -> NcaResults:
    """Analyse each profile.

    Parameters
    ----------
    time
        (profiles, samples), or (samples,) for all: since the dose, rising along a row; NaN where a row has no more
        samples. A row may start before the dose: its last sample before it stands for the concentration at the dose.
    concentration
        (profiles, samples): 0 for below quantification, NaN for missing (left out).
    dose
        one, or (profiles,); None if it is not known, and then nothing that needs it is determined.
    route
        decides the concentration at the dose where none was sampled (0, or by ``bolus`` the back-extrapolation of the
        first two samples; after a bolus a sample lower than the next was taken before it), and what the mean residence
        time means.
    duration
        of the infusion, one or (profiles,): half of it is taken off the mean residence time.
    tau
        the dosing interval, for results within it; where no sample was taken at the dose the lowest concentration in
        the interval stands for it.
    method
        of the trapezoids.
    below
        what is done with concentrations below quantification; PKNCA's rule by default.
    least, factor, with_c_max
        of λz: the fewest points, the tolerance on adjusted r², and whether Cmax may be one of the points.
    chosen
        (profiles, samples): the points of λz, where they are chosen by hand.

    Raises
    ------
    ValueError
        naming the profile (numbered from 1), if times do not rise, a concentration is negative, infinite or without a
        time, a dose or duration is not positive, a row holds no sample, or a point chosen is not measurable.

    Examples
    --------
    >>> t = np.array([[0.0, 1, 2, 4, 8]])
    >>> found = nca(t, 10 * np.exp(-0.5 * t), 100.0, route="bolus")
    >>> [round(float(x[0]), 6) for x in (found.auc_inf_obs, found.clearance_obs, found.vss_obs, found.slope.half_life)]
    [20.0, 5.0, 10.0, 1.386294]
    """
    time, concentration = np.atleast_2d(np.asarray(time, float)), np.atleast_2d(np.asarray(concentration, float))
    if len(time) == 1:
        time = np.broadcast_to(time, (len(concentration), time.shape[1]))
    count = len(time)
    amount, length = validate_profiles(time, concentration, dose, duration, route, tau, least)
    if not 0 <= factor < np.inf:
        raise ValueError(f"the tolerance on adjusted r² is {factor:g}; it is 0 or more")
    missing = np.asarray((np.isnan(time) | np.isnan(concentration)).all(axis=1))
    kept_time, kept, c_0, origin, start = prepare_profiles(time, concentration, below or BlqRule(), route, tau)
    kept[missing] = np.nan
    rows = np.arange(count)
    sampled = origin >= 0  # not what stands for the concentration at the dose
    filled = np.where(sampled & ~np.isnan(kept), kept, -1.0)
    highest = np.argmax(filled, axis=1)
    c_max, t_max = kept[rows, highest], kept_time[rows, highest]
    last = tlast_index(kept)
    none = last < 0
    held = np.maximum(last, 0)
    c_last, t_last = np.where(none, np.nan, kept[rows, held]), np.where(none, np.nan, kept_time[rows, held])

    points = (kept > 0) & sampled & (np.arange(kept.shape[1]) <= held[:, None])
    place = np.arange(kept.shape[1])
    points &= (place >= highest[:, None]) if with_c_max else (place > highest[:, None])
    if route == "infusion":
        points &= kept_time > length[:, None] if not with_c_max else kept_time >= length[:, None]
    by_hand = None
    if chosen is not None:
        by_hand = np.take_along_axis(
            np.pad(_measurable(chosen, time, concentration), ((0, 0), (0, 1))),
            np.where(origin < 0, time.shape[1], origin),
            axis=1,
        )
    slope, too_few = _slope(kept_time, kept, points, by_hand, least, factor, time.shape, origin, t_last)

    area, moment = segment_auc(kept_time, kept, method)
    within = np.arange(area.shape[1]) < held[:, None]
    auc_last, aumc_last = (area * within).sum(axis=1), (moment * within).sum(axis=1)
    after = np.minimum(held, max(area.shape[1] - 1, 0))
    tail = np.where(held < area.shape[1], area[rows, after] if area.shape[1] else 0.0, 0.0)
    auc_all = auc_last + np.where(none, 0.0, tail)
    auc_last, aumc_last, auc_all = (np.where(missing, np.nan, found) for found in (auc_last, aumc_last, auc_all))
    level = slope.lambda_z
    with np.errstate(invalid="ignore", divide="ignore"):
        beyond, beyond_pred = c_last / level, slope.predicted_last / level
        auc_obs, auc_pred = auc_last + beyond, auc_last + beyond_pred
        aumc_obs = aumc_last + beyond * t_last + beyond / level
        aumc_pred = aumc_last + beyond_pred * t_last + beyond_pred / level
        correction = length / 2 if route == "infusion" else np.zeros(count)
        mrt_last = aumc_last / auc_last - correction
        mrt_obs, mrt_pred = aumc_obs / auc_obs - correction, aumc_pred / auc_pred - correction
        cl_obs, cl_pred = amount / auc_obs, amount / auc_pred
        intravenous = np.full(count, np.nan if route == "extravascular" else 1.0)
        steady = _steady(kept_time, kept, sampled, level, amount, tau, method) if tau else None
        result = NcaResults(
            c_max=c_max,
            t_max=np.where(none, np.nan, t_max),
            c_last=c_last,
            t_last=t_last,
            c_0=np.where(missing, np.nan, c_0),
            auc_last=auc_last,
            auc_all=auc_all,
            auc_inf_obs=auc_obs,
            auc_inf_pred=auc_pred,
            extrapolated_obs=100 * beyond / auc_obs,
            extrapolated_pred=100 * beyond_pred / auc_pred,
            aumc_last=aumc_last,
            aumc_inf_obs=aumc_obs,
            aumc_inf_pred=aumc_pred,
            mrt_last=mrt_last,
            mrt_inf_obs=mrt_obs,
            mrt_inf_pred=mrt_pred,
            clearance_obs=cl_obs,
            clearance_pred=cl_pred,
            vz_obs=cl_obs / level,
            vz_pred=cl_pred / level,
            vss_obs=intravenous * cl_obs * mrt_obs,
            vss_pred=intravenous * cl_pred * mrt_pred,
            c_max_dose=c_max / amount,
            auc_last_dose=auc_last / amount,
            auc_inf_obs_dose=auc_obs / amount,
            slope=slope,
            steady=steady,
            start=tuple(start),
            why=(),
            time=kept_time,
            concentration=kept,
            method=method,
        )
    few = f"fewer than {least} measurable points after Cmax" if by_hand is None else "fewer than 2 points chosen"
    return replace(result, why=_reasons(result, missing, none, too_few, np.isnan(amount), route, few))


def _measurable(chosen: Bools, time: Floats, concentration: Floats) -> Bools:
    """Return the points chosen by hand, as an array; each must hold a concentration."""
    points = np.atleast_2d(np.asarray(chosen, bool))
    if points.shape != concentration.shape:
        raise ValueError(f"chosen is {points.shape} and concentrations {concentration.shape}; they need one shape")
    for row, column in np.argwhere(points & ~((concentration > 0) & (time > 0))):
        raise ValueError(
            f"profile {row + 1}: the point chosen at time {time[row, column]:g} holds no measurable concentration after the dose"
        )
    return points


def _slope(
    time: Floats,
    concentration: Floats,
    points: Bools,
    by_hand: Bools | None,
    least: int,
    factor: float,
    shape: tuple[int, ...],
    origin: Ints,
    t_last: Floats,
) -> tuple[TerminalSlope, Bools]:
    """Regress ln C on time through the last k points for every k, and choose; or through the points chosen by hand."""
    count, samples = time.shape
    use = points if by_hand is None else by_hand
    reference = np.where(use.any(axis=1), np.nanmax(np.where(use, time, -np.inf), axis=1), 0.0)
    x = np.where(use, time - reference[:, None], 0.0)
    y = np.where(use, np.log(np.where(use, concentration, 1.0)), 0.0)
    offset = np.where(use.any(axis=1), y[np.arange(count), samples - 1 - np.argmax(use[:, ::-1], axis=1)], 0.0)
    y = np.where(use, y - offset[:, None], 0.0)

    def run(values: Floats) -> Floats:
        return np.asarray(np.cumsum(values[:, ::-1], axis=1)[:, ::-1])

    n, sx, sy = run(use.astype(float)), run(x), run(y)
    with np.errstate(invalid="ignore", divide="ignore"):
        sxx, syy, sxy = run(x * x) - sx**2 / n, run(y * y) - sy**2 / n, run(x * y) - sx * sy / n
        gradient = sxy / sxx
        r2 = np.clip(sxy**2 / (sxx * syy), 0.0, 1.0)
        adjusted = 1 - (1 - r2) * (n - 1) / (n - 2)
        intercept = sy / n - gradient * sx / n
    candidate = use & (n >= (least if by_hand is None else 2)) & np.isfinite(gradient)
    falling = candidate & (gradient < 0)
    judged = candidate & (n > 2) & np.isfinite(adjusted)  # two points, or a level line, have no adjusted r2
    rank = np.where(judged, adjusted, np.where(candidate & ~judged.any(axis=1, keepdims=True), 1.0, -np.inf))
    if by_hand is None:
        best = rank.max(axis=1, initial=-np.inf)
        eligible = falling & (rank > best[:, None] - factor)
    else:
        eligible = falling & (n == n.max(axis=1, initial=0)[:, None])
    at = np.argmax(eligible, axis=1)  # the first column that stands is the regression with the most points
    found = eligible.any(axis=1)
    rows = np.arange(count)

    def picked(values: Floats) -> Floats:
        return np.asarray(np.where(found, values[rows, at], np.nan))

    level = -picked(gradient)
    half = np.log(2) / level
    first = picked(np.where(use, time, np.nan))
    end = np.where(found, reference, np.nan)
    start_value = picked(intercept) + offset
    with np.errstate(invalid="ignore"):
        predicted = np.exp(start_value - level * (t_last - reference))
    used = np.zeros((count, shape[1] + 1), np.bool_)
    taken = use & found[:, None] & (np.arange(samples) >= at[:, None])
    row, column = np.nonzero(taken)
    used[row, origin[row, column]] = True
    return TerminalSlope(
        lambda_z=level,
        half_life=half,
        intercept=start_value + level * reference,
        r_squared=picked(r2),
        adjusted_r_squared=picked(adjusted),
        points=np.where(found, n[rows, at], 0).astype(np.int64),
        first=first,
        last=end,
        span_ratio=(end - first) / half,
        predicted_last=predicted,
        used=used[:, :-1],
    ), np.asarray(~candidate.any(axis=1))


def _steady(
    time: Floats, value: Floats, sampled: Bools, level: Floats, dose: Floats, tau: float, method: TrapezoidMethod
) -> SteadyState:
    inside = (time <= tau) & sampled
    area = partial_auc(time, value, 0.0, tau, level, method)
    trough = concentration_at(time, value, tau, level, method)
    high = np.where(inside, value, -np.inf).max(axis=1)
    low = np.minimum(np.where(inside, value, np.inf).min(axis=1), np.where(np.isnan(trough), np.inf, trough))
    average = area / tau
    return SteadyState(
        auc_tau=area,
        average=average,
        lowest=low,
        trough=trough,
        fluctuation=100 * (high - low) / average,
        swing=np.where(low > 0, 100 * (high - low) / np.where(low > 0, low, 1.0), np.nan),
        peak_trough=np.where(trough > 0, high / np.where(trough > 0, trough, 1.0), np.nan),
        accumulation=1 / (1 - np.exp(-level * tau)),
        clearance=dose / area,
    )


def _reasons(
    found: NcaResults, missing: Bools, none: Bools, too_few: Bools, no_dose: Bools, route: Route, few: str
) -> tuple[tuple[str, ...], ...]:
    """Say for each profile what could not be determined and why, and what is doubtful."""
    result: list[tuple[str, ...]] = []
    slope = found.slope
    for row in range(len(none)):
        said: list[str] = []
        if missing[row]:
            said.append("every concentration is missing: nothing is determined")
        elif none[row]:
            said.append("no concentration above quantification: only Cmax, AUClast and AUCall are determined, as 0")
        elif np.isnan(slope.lambda_z[row]):
            said.append(
                f"no terminal slope: {few}"
                if too_few[row]
                else "no terminal slope: no regression within the tolerance of the best one falls"
            )
        else:
            if slope.span_ratio[row] < MIN_SPAN_HALF_LIVES:
                said.append(
                    f"the terminal points span {slope.span_ratio[row]:.2f} half-lives, fewer than {MIN_SPAN_HALF_LIVES:g}"
                )
            if slope.adjusted_r_squared[row] < MIN_ADJUSTED_R2:
                said.append(f"adjusted r² of the terminal slope is {slope.adjusted_r_squared[row]:.3f}")
            if found.extrapolated_obs[row] > MAX_PERCENT_EXTRAPOLATED:
                said.append(f"{found.extrapolated_obs[row]:.1f} % of AUCinf is extrapolated")
        if no_dose[row]:
            said.append("no dose: no clearance, volume or dose-normalised result")
        if route == "extravascular" and not no_dose[row]:
            said.append("extravascular: clearance and volume are CL/F and Vz/F; Vss cannot be determined")
        result.append(tuple(said))
    return tuple(result)


def accumulation(first: Floats, later: Floats) -> Floats:
    """Return the observed accumulation: AUCτ (or Cmax) at steady state over that after the first dose.

    >>> float(accumulation(np.array([10.0]), np.array([15.0]))[0])
    1.5
    """
    return np.asarray(later / first)
