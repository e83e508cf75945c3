"""The terminal slope λz: which points it goes through, and how well.

Gabrielsson J, Weiner D. Pharmacokinetic and Pharmacodynamic Data Analysis, 5th ed. 2016, section 2.8. The choice of
points is PKNCA's (Denney W, Duvvuri S, Buckeridge C. J Pharmacokinet Pharmacodyn 2015;42 Suppl 1:S65).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from posology.shared.arrays import Bools, Floats, Ints


@dataclass(frozen=True)
class TerminalSlope:
    """How λz was chosen. Arrays (profiles,); ``used`` is (profiles, samples as given).

    Of all regressions of ln C on time through the last 3, 4, ... points after Cmax, those within a tolerance of the
    best adjusted r² and with λz above 0 are kept; of these the one with the most points is taken (PKNCA's rule).
    ``span_ratio`` is the time spanned in half-lives; ``too_few`` says where there were not enough points.
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
    too_few: Bools


def terminal_slope(
    time: Floats,
    concentration: Floats,
    points: Bools,
    t_last: Floats,
    *,
    min_points: int = 3,
    adj_r2_factor: float = 1e-4,
    by_hand: Bools | None = None,
) -> TerminalSlope:
    """Regress ln C on time through the last k of the points for every k, and choose; or through all, chosen by hand.

    Parameters
    ----------
    time, concentration
        (profiles, samples).
    points
        (profiles, samples): those that may be taken, each with a concentration above 0.
    t_last
        (profiles,): the time for which the slope predicts a concentration.
    min_points, adj_r2_factor
        the fewest points, and the tolerance on adjusted r².
    by_hand
        (profiles,): where all of the points are taken, two or more.

    Examples
    --------
    >>> t = np.array([[1.0, 2, 4, 8]])
    >>> found = terminal_slope(t, 10 * np.exp(-0.5 * t), np.ones((1, 4), bool), np.array([8.0]))
    >>> round(float(found.lambda_z[0]), 6), int(found.points[0])
    (0.5, 4)
    """
    count, samples = time.shape
    chosen_by_hand = (np.zeros(count, bool) if by_hand is None else by_hand)[:, None]
    reference = np.where(points.any(axis=1), np.nanmax(np.where(points, time, -np.inf), axis=1), 0.0)
    x = np.where(points, time - reference[:, None], 0.0)
    y = np.where(points, np.log(np.where(points, concentration, 1.0)), 0.0)
    offset = np.where(points.any(axis=1), y[np.arange(count), samples - 1 - np.argmax(points[:, ::-1], axis=1)], 0.0)
    y = np.where(points, y - offset[:, None], 0.0)
    n, sx, sy = (_from_the_end(values) for values in (points.astype(float), x, y))
    with np.errstate(invalid="ignore", divide="ignore"):
        sxx = _from_the_end(x * x) - sx**2 / n
        syy = _from_the_end(y * y) - sy**2 / n
        sxy = _from_the_end(x * y) - sx * sy / n
        gradient = sxy / sxx
        r2 = np.clip(sxy**2 / (sxx * syy), 0.0, 1.0)
        adjusted = 1 - (1 - r2) * (n - 1) / (n - 2)
        intercept = sy / n - gradient * sx / n
    candidate = points & (n >= np.where(chosen_by_hand, 2, min_points)) & np.isfinite(gradient)
    eligible = _eligible(candidate, gradient, adjusted, n, adj_r2_factor, chosen_by_hand)
    at = np.argmax(eligible, axis=1)  # the first column that stands is the regression with the most points
    chosen, rows = np.asarray(eligible.any(axis=1)), np.arange(count)

    def of_chosen(values: Floats) -> Floats:
        return np.asarray(np.where(chosen, values[rows, at], np.nan))

    lambda_z = -of_chosen(gradient)
    half_life = np.log(2) / lambda_z
    first, last = of_chosen(np.where(points, time, np.nan)), np.where(chosen, reference, np.nan)
    at_reference = of_chosen(intercept) + offset
    with np.errstate(invalid="ignore"):
        predicted = np.exp(at_reference - lambda_z * (t_last - reference))
    return TerminalSlope(
        lambda_z=lambda_z,
        half_life=half_life,
        intercept=at_reference + lambda_z * reference,
        r_squared=of_chosen(r2),
        adjusted_r_squared=of_chosen(adjusted),
        points=np.where(chosen, n[rows, at], 0).astype(np.int64),
        first=first,
        last=last,
        span_ratio=(last - first) / half_life,
        predicted_last=predicted,
        used=points & chosen[:, None] & (np.arange(samples) >= at[:, None]),
        too_few=np.asarray(~candidate.any(axis=1)),
    )


def _from_the_end(values: Floats) -> Floats:
    """Return for each column the sum from it to the last."""
    return np.asarray(np.cumsum(values[:, ::-1], axis=1)[:, ::-1])


def _eligible(
    candidate: Bools, gradient: Floats, adjusted: Floats, n: Floats, adj_r2_factor: float, by_hand: Bools
) -> Bools:
    """Return the regressions that may be taken, by the column that each begins in."""
    falling = candidate & (gradient < 0)
    most: Floats = np.max(n, axis=1, initial=0)
    judged = candidate & (n > 2) & np.isfinite(adjusted)  # two points, or a level line, have no adjusted r2
    rank = np.where(judged, adjusted, np.where(candidate & ~judged.any(axis=1, keepdims=True), 1.0, -np.inf))
    best: Floats = np.max(rank, axis=1, initial=-np.inf)
    return np.asarray(falling & np.where(by_hand, n == most[:, None], rank > best[:, None] - adj_r2_factor))
