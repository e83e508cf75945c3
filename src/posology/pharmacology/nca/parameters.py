"""Non-compartmental analysis: what a concentration profile says without a model.

Gabrielsson J, Weiner D. Pharmacokinetic and Pharmacodynamic Data Analysis, 5th ed. 2016, section 2.8. The conventions
are PKNCA's (Denney W, Duvvuri S, Buckeridge C. J Pharmacokinet Pharmacodyn 2015;42 Suppl 1:S65), each named where it
matters, and each changed by an argument. The parameters stand in :mod:`posology.pharmacology.nca.registry`.

Times are since the dose; a profile is a row, a sample a column. Units are the caller's: an area is concentration ×
time, a clearance dose / area. What cannot be determined is NaN in the arrays, and ``NcaResults.notes`` says the reason.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

import numpy as np

from posology.pharmacology.blq import BlqRule
from posology.pharmacology.nca.auc import TrapezoidMethod, partial_auc, segment_auc, tlast_index
from posology.pharmacology.nca.dosing_interval import DosingInterval, within_interval
from posology.pharmacology.nca.profiles import Route, prepare_profiles, validate_profiles
from posology.pharmacology.nca.registry import PARAMETERS, ProfileBasis
from posology.pharmacology.nca.terminal_slope import TerminalSlope, terminal_slope
from posology.shared.arrays import Bools, Floats, Ints

Dosing = Literal["first", "later", "steady state"]
"""What a profile's dose is to the patient: the first, one of which earlier doses are still there, or one at steady
state."""
MIN_SPAN_HALF_LIVES = 2.0  # that the points of λz should span
MIN_ADJUSTED_R2 = 0.80  # below which a half-life is doubtful
MAX_PERCENT_EXTRAPOLATED = 20.0  # of AUCinf, on either side, above which it is doubtful


@dataclass(frozen=True)
class NcaResults:
    """The results: each parameter of the registry as an attribute, an array (profiles,).

    ``_obs`` is from the last concentration measured, ``_pred`` from the one that the terminal slope predicts. ``start``
    says what the concentration at the dose was taken from. Clearance and volumes are CL/F and Vz/F after an
    extravascular dose, where Vss cannot be determined and the mean residence time holds the absorption time. ``notes``
    says of each profile what could not be determined and why, and what is doubtful.
    """

    values: Mapping[str, Floats]
    slope: TerminalSlope
    interval: DosingInterval
    start: tuple[str, ...]
    notes: tuple[tuple[str, ...], ...]
    dosing: tuple[str, ...]
    time: Floats = field(repr=False)
    concentration: Floats = field(repr=False)
    method: TrapezoidMethod = "linear-up log-down"

    def __getattr__(self, name: str) -> Floats:
        try:
            return self.__dict__["values"][name]  # type: ignore[no-any-return]
        except KeyError:
            raise AttributeError(f"no parameter {name!r}") from None

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
        return np.where(np.isnan(self.auc_last), np.nan, area)

    def named(self) -> dict[str, Floats]:
        """Return every numeric result by its name; those of a dosing interval where one is known."""
        known = not np.isnan(self.interval.tau).all()
        of_interval = {p.name for p in PARAMETERS if "interval" in p.missing}
        return {
            name: np.asarray(values, dtype=np.float64)
            for name, values in self.values.items()
            if known or name not in of_interval
        }


def nca(  # noqa: PLR0913 (each an option of the method)
    time: Floats,
    concentration: Floats,
    dose: float | Floats | None = None,
    *,
    route: Route = "extravascular",
    duration: float | Floats = 0.0,
    dosing: Dosing | Sequence[Dosing] = "first",
    tau: float | Floats | None = None,
    method: TrapezoidMethod = "linear-up log-down",
    blq: BlqRule | None = None,
    min_points: int = 3,
    adj_r2_factor: float = 1e-4,
    allow_tmax: bool = False,
    manual_points: Bools | None = None,
    excluded_points: Bools | None = None,
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
        decides the concentration at the dose where none was sampled (0 before a first dose; after a ``bolus`` the
        back-extrapolation of the first two samples, and a sample lower than the next was taken before it), and what the
        mean residence time means.
    duration
        of the infusion, one or (profiles,): half of it is taken off the mean residence time.
    dosing
        of all profiles, or of each. After a "first" dose, clearance, volumes and residence time are from AUCinf; at
        "steady state" from AUCτ, if ``tau`` is known; after a "later" dose, of which neither holds, they are not
        determined.
    tau
        the dosing interval, one or (profiles,), NaN where not known: for results within it. It makes no dose a steady
        state.
    method
        of the trapezoids.
    blq
        what stands for concentrations below quantification; PKNCA's rule by default.
    min_points, adj_r2_factor, allow_tmax
        of λz: the fewest points, the tolerance on adjusted r², and whether Cmax may be one of the points.
    manual_points, excluded_points
        (profiles, samples): the points of λz of the profiles where they are chosen by hand; those that it may not take.

    Raises
    ------
    ValueError
        naming the profile (numbered from 1), if times do not rise, a concentration is negative, infinite or without a
        time, a dose or duration is not positive, a row holds no sample, or a point chosen is not measurable.

    Examples
    --------
    >>> t = np.array([[0.0, 1, 2, 4, 8]])
    >>> found = nca(t, 10 * np.exp(-0.5 * t), 100.0, route="bolus")
    >>> [round(float(x[0]), 6) for x in (found.auc_inf_obs, found.clearance_obs, found.vss_obs, found.half_life)]
    [20.0, 5.0, 10.0, 1.386294]
    """
    time, concentration = np.atleast_2d(np.asarray(time, float)), np.atleast_2d(np.asarray(concentration, float))
    if len(time) == 1:
        time = np.broadcast_to(time, (len(concentration), time.shape[1]))
    count = len(time)
    amount, length, interval = validate_profiles(time, concentration, dose, duration, route, tau, min_points)
    if not 0 <= adj_r2_factor < np.inf:
        raise ValueError(f"the tolerance on adjusted r² is {adj_r2_factor:g}; it is 0 or more")
    doses = _dosing(dosing, count)
    is_first = np.array([each == "first" for each in doses])
    missing = np.asarray((np.isnan(time) | np.isnan(concentration)).all(axis=1))
    before = np.where(is_first, np.nan, np.where(np.isnan(interval), np.inf, interval))
    kept_time, kept, c_0, origin, start = prepare_profiles(time, concentration, blq or BlqRule(), route, before)
    kept[missing] = np.nan
    rows = np.arange(count)
    sampled = origin >= 0  # not what stands for the concentration at the dose
    highest = np.argmax(np.where(sampled & ~np.isnan(kept), kept, -1.0), axis=1)
    last = tlast_index(kept)
    none, last_column = last < 0, np.maximum(last, 0)
    c_last, t_last = (np.where(none, np.nan, values[rows, last_column]) for values in (kept, kept_time))

    end = length if route == "infusion" else np.full(count, -np.inf)
    points = _slope_points(kept_time, kept, sampled, highest, last_column, end, allow_tmax)
    if excluded_points is not None:
        points &= ~_as_prepared(_shaped("excluded_points", excluded_points, concentration), origin)
    by_hand: Bools = np.zeros(count, bool)
    if manual_points is not None:
        manual = _measurable(manual_points, time, concentration)
        by_hand = np.asarray(manual.any(axis=1))
        points = np.where(by_hand[:, None], _as_prepared(manual, origin), points)
    slope = terminal_slope(
        kept_time, kept, points, t_last, min_points=min_points, adj_r2_factor=adj_r2_factor, by_hand=by_hand
    )
    used = _as_given(slope.used, origin, time.shape)

    too_short = missing | (((kept >= 0) & sampled & ((kept_time > 0) | (kept > 0))).sum(axis=1) < 2)
    auc_last, auc_all, aumc_last = _areas(kept_time, kept, last, method)
    auc_last, auc_all, aumc_last = (np.where(too_short, np.nan, area) for area in (auc_last, auc_all, aumc_last))
    back = np.asarray(start == "back-extrapolated")
    with np.errstate(invalid="ignore", divide="ignore"):
        first_segment = segment_auc(kept_time, kept, method)[0][:, 0] if kept.shape[1] > 1 else np.full(count, np.nan)
        inside = within_interval(kept_time, kept, sampled, slope.lambda_z, interval, method)
        basis = ProfileBasis(
            dose=amount,
            half_infusion=length / 2 if route == "infusion" else np.zeros(count),
            is_extravascular=route == "extravascular",
            is_first=is_first,
            is_steady=np.array([each == "steady state" for each in doses]) & ~np.isnan(interval) & ~too_short,
            c_max=kept[rows, highest],
            t_max=np.where(none, np.nan, kept_time[rows, highest]),
            c_last=c_last,
            t_last=t_last,
            c_0=np.where(missing, np.nan, c_0),
            auc_last=auc_last,
            auc_all=auc_all,
            aumc_last=aumc_last,
            auc_back=np.where(back, first_segment, np.nan),
            slope=slope,
            interval=inside,
        )
        values = {parameter.name: parameter.function(basis) for parameter in PARAMETERS}
    few = [
        "fewer than 2 points chosen" if hand else f"fewer than {min_points} measurable points after Cmax"
        for hand in by_hand
    ]
    notes = tuple(_notes(basis, values, doses[i], i, few[i], (missing[i], none[i], too_short[i])) for i in range(count))
    return NcaResults(
        values=values,
        slope=_with_used(slope, used),
        interval=inside,
        start=tuple(start),
        notes=notes,
        dosing=doses,
        time=kept_time,
        concentration=kept,
        method=method,
    )


def _dosing(dosing: Dosing | Sequence[Dosing], count: int) -> tuple[str, ...]:
    each = (dosing,) * count if isinstance(dosing, str) else tuple(dosing)
    if len(each) != count:
        raise ValueError(f"dosing is of {len(each)} profiles; there are {count}")
    for row, what in enumerate(each, 1):
        if what not in get_args(Dosing):
            raise ValueError(
                f"profile {row}: dosing is {what!r}; it is one of {', '.join(map(repr, get_args(Dosing)))}"
            )
    return each


def _slope_points(
    time: Floats, concentration: Floats, sampled: Bools, highest: Ints, last: Ints, end: Floats, allow_tmax: bool
) -> Bools:
    """Return the samples that λz may go through: measurable, after Cmax and after the end of the infusion."""
    place = np.arange(concentration.shape[1])
    points = (concentration > 0) & sampled & (place <= last[:, None])
    if allow_tmax:
        return np.asarray(points & (place >= highest[:, None]) & (time >= end[:, None]))
    return np.asarray(points & (place > highest[:, None]) & (time > end[:, None]))


def _areas(time: Floats, concentration: Floats, last: Ints, method: TrapezoidMethod) -> tuple[Floats, Floats, Floats]:
    """Return AUClast, AUCall and AUMClast of each profile."""
    area, moment = segment_auc(time, concentration, method)
    rows, segments, last_column = np.arange(len(time)), area.shape[1], np.maximum(last, 0)
    within = np.arange(segments) < last_column[:, None]
    auc_last, aumc_last = (area * within).sum(axis=1), (moment * within).sum(axis=1)
    after = np.minimum(last_column, max(segments - 1, 0))
    tail = np.where(last_column < segments, area[rows, after] if segments else 0.0, 0.0)
    return auc_last, auc_last + np.where(last < 0, 0.0, tail), aumc_last


def _shaped(name: str, points: Bools, concentration: Floats) -> Bools:
    array = np.atleast_2d(np.asarray(points, bool))
    if array.shape != concentration.shape:
        raise ValueError(f"{name} is {array.shape} and concentrations {concentration.shape}; they need one shape")
    return array


def _measurable(manual_points: Bools, time: Floats, concentration: Floats) -> Bools:
    """Return the points chosen by hand, as an array; each must hold a concentration."""
    points = _shaped("manual_points", manual_points, concentration)
    for row, column in np.argwhere(points & ~((concentration > 0) & (time > 0))):
        raise ValueError(
            f"profile {row + 1}: the point chosen at time {time[row, column]:g} holds no measurable concentration "
            "after the dose"
        )
    return points


def _as_prepared(points: Bools, origin: Ints) -> Bools:
    """Return points of the samples as given, (profiles, samples), in the columns of the prepared profile."""
    padded = np.pad(points, ((0, 0), (0, 1)))
    return np.take_along_axis(padded, np.where(origin < 0, points.shape[1], origin), axis=1)


def _as_given(points: Bools, origin: Ints, shape: tuple[int, ...]) -> Bools:
    """Return points of the prepared profile in the columns of the samples as given."""
    found = np.zeros((shape[0], shape[1] + 1), np.bool_)
    row, column = np.nonzero(points)
    found[row, origin[row, column]] = True
    return found[:, :-1]


def _with_used(slope: TerminalSlope, used: Bools) -> TerminalSlope:
    return TerminalSlope(**{**vars(slope), "used": used})


def _notes(
    basis: ProfileBasis,
    values: Mapping[str, Floats],
    dosing: str,
    row: int,
    few: str,
    lacks: tuple[bool, bool, bool],
) -> tuple[str, ...]:
    """Say of a profile what could not be determined and why, and what is doubtful."""
    notes: list[str] = []
    missing, none, too_short = lacks
    slope, has_dose = basis.slope, not np.isnan(basis.dose[row])
    if missing:
        notes.append("every concentration is missing: nothing is determined")
    elif none:
        notes.append("no concentration above quantification: only Cmax, AUClast and AUCall are determined, as 0")
    elif np.isnan(slope.lambda_z[row]):
        why = few if slope.too_few[row] else "no regression within the tolerance of the best one falls"
        notes.append(f"no terminal slope: {why}")
    else:
        notes += _doubts(slope, values, row)
    if too_short and not missing:
        notes.append("fewer than two samples hold a concentration after the dose: no area, clearance or residence time")
    if dosing == "later":
        notes.append(
            "not a first dose, and not known to be at steady state: no clearance, volume or mean residence time"
        )
    elif dosing == "steady state" and np.isnan(basis.interval.tau[row]):
        notes.append("at steady state, but the dosing interval is not known: no clearance, volume or residence time")
    if not has_dose:
        notes.append("no dose: no clearance, volume or dose-normalised result")
    elif basis.is_extravascular and dosing != "later":
        notes.append("extravascular: clearance and volume are CL/F and Vz/F; Vss cannot be determined")
    return tuple(notes)


def _doubts(slope: TerminalSlope, values: Mapping[str, Floats], row: int) -> list[str]:
    """Say what is doubtful about a terminal slope and the area that it extrapolates."""
    notes = []
    if slope.span_ratio[row] < MIN_SPAN_HALF_LIVES:
        notes.append(
            f"the terminal points span {slope.span_ratio[row]:.2f} half-lives, fewer than {MIN_SPAN_HALF_LIVES:g}"
        )
    if slope.adjusted_r_squared[row] < MIN_ADJUSTED_R2:
        notes.append(f"adjusted r² of the terminal slope is {slope.adjusted_r_squared[row]:.3f}")
    if (beyond := values["extrapolated_obs"][row]) > MAX_PERCENT_EXTRAPOLATED:
        notes.append(f"{beyond:.1f} % of AUCinf is extrapolated")
    if (back := values["back_extrapolated_obs"][row]) > MAX_PERCENT_EXTRAPOLATED:
        notes.append(f"{back:.1f} % of AUCinf is extrapolated back to the dose")
    return notes


def accumulation(first: Floats, later: Floats) -> Floats:
    """Return the observed accumulation: AUCτ (or Cmax) at steady state over that after the first dose.

    >>> float(accumulation(np.array([10.0]), np.array([15.0]))[0])
    1.5
    """
    return np.asarray(later / first)
