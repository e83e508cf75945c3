"""CA-125 response and progression by the criteria of the Gynecologic Cancer Intergroup (GCIG).

Rustin GJS, Vergote I, Eisenhauer E, et al. Definitions for response and progression in ovarian cancer clinical trials
incorporating RECIST 1.1 and CA 125. Int J Gynecol Cancer 2011;21:419-423.

A patient is a row, a sample a column, in order of time; patients with fewer samples have empty columns (NaN).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

NEVER = -1
BASELINE_DAYS = 14  # the pre-treatment sample lies within two weeks before the first dose
CONFIRM_DAYS = 28
VARIABILITY = 1.10  # a sample may lie up to 10 % above the one before
WEEK = 7
SMALL = 1e-9


@dataclass(frozen=True)
class Courses:
    """What the samples of each patient amount to: arrays (patients,), columns of samples, ``NEVER`` for none.

    ``baseline`` is the pre-treatment sample; ``evaluable`` whether it is at least twice the upper limit; ``response``
    the first sample reduced by half, of a response confirmed at ``confirmed``; ``awaiting`` the first sample of a
    response that may yet be confirmed; ``normalised`` whether a confirmed response fell to normal; ``progression`` the
    first of the two samples that show it; ``lowest`` the lowest sample after the baseline.
    """

    evaluable: Bools
    baseline: Ints
    response: Ints
    confirmed: Ints
    awaiting: Ints
    normalised: Bools
    progression: Ints
    lowest: Ints


def course(value: Floats, day: Ints, upper_limit: Floats, start: Ints) -> Courses:
    """Return the CA-125 response and progression of each patient.

    Parameters
    ----------
    value
        (patients, samples) [U/mL], NaN where there is no sample, or where it cannot be used (mouse antibodies given
        before, peritoneal or pleural surgery or drainage in the 28 days before).
    day
        (patients, samples): the day of each sample, rising along a row.
    upper_limit
        (patients,): the laboratory's upper limit of normal [U/mL].
    start
        (patients,): the day of the first dose.

    Examples
    --------
    >>> found = course(np.array([[400.0, 200, 190]]), np.array([[-5, 21, 49]]), np.array([35.0]), np.array([0]))
    >>> int(found.response[0]), int(found.confirmed[0])
    (1, 2)
    """
    patients, samples = value.shape
    index = np.arange(samples)
    limit = upper_limit[:, None]
    taken = ~np.isnan(value)
    before = taken & (day <= start[:, None]) & (day >= start[:, None] - BASELINE_DAYS)
    baseline = np.where(before, index, NEVER).max(axis=1, initial=NEVER)
    base = np.where(
        baseline == NEVER, np.nan, np.take_along_axis(value, np.maximum(baseline, 0)[:, None], axis=1)[:, 0]
    )
    evaluable = np.nan_to_num(base) >= 2 * upper_limit - SMALL
    later = taken & (day > start[:, None])
    low = np.where(later, value, np.inf)
    lowest = np.where(later.any(axis=1), low.argmin(axis=1), NEVER)

    halved = later & evaluable[:, None] & (np.nan_to_num(value, nan=np.inf) <= 0.5 * base[:, None] + SMALL)
    response, confirmed = np.full(patients, NEVER), np.full(patients, NEVER)
    awaiting = np.full(patients, NEVER)
    for i in range(samples):
        kept = halved[:, i] & (response == NEVER)
        previous = value[:, i]
        for j in range(i + 1, samples):
            here = taken[:, j]
            steady = (value[:, j] <= VARIABILITY * previous + SMALL) | (value[:, j] <= upper_limit)
            kept &= ~here | (halved[:, j] & steady)
            hit = kept & here & (day[:, j] - day[:, i] >= CONFIRM_DAYS) & (response == NEVER)
            response, confirmed = np.where(hit, i, response), np.where(hit, j, confirmed)
            previous = np.where(here, value[:, j], previous)
        awaiting = np.where(kept & (response == NEVER) & (awaiting == NEVER), i, awaiting)
    awaiting = np.where(response == NEVER, awaiting, NEVER)
    normal = later & (np.nan_to_num(value, nan=np.inf) <= limit)
    normalised = (response != NEVER) & (normal & (index >= response[:, None])).any(axis=1)
    return Courses(
        evaluable,
        baseline,
        response,
        confirmed,
        awaiting,
        normalised,
        _progression(value, day, upper_limit, base, later),
        lowest,
    )


def _progression(value: Floats, day: Ints, upper_limit: Floats, base: Floats, later: Bools) -> Ints:
    """Return the first of two samples, a week apart, at or above the threshold.

    The threshold is twice the upper limit where CA-125 was normal before treatment or became so (categories A and C),
    twice the nadir where it never was (category B).
    """
    patients, samples = value.shape
    limit = upper_limit[:, None]
    known = np.where(later, value, np.inf)
    lowest_so_far = np.minimum.accumulate(np.minimum(known, np.nan_to_num(base, nan=np.inf)[:, None]), axis=1)
    nadir = np.concatenate([np.nan_to_num(base, nan=np.inf)[:, None], lowest_so_far[:, :-1]], axis=1)
    threshold = np.where(nadir <= limit, 2 * limit, 2 * nadir)
    raised = later & (np.nan_to_num(value, nan=0.0) >= threshold - SMALL)
    found = np.full(patients, NEVER)
    for i in range(samples):
        open_ = raised[:, i] & (found == NEVER)
        for j in range(i + 1, samples):
            again = later[:, j] & (np.nan_to_num(value[:, j], nan=0.0) >= threshold[:, i] - SMALL)
            found = np.where(open_ & again & (day[:, j] - day[:, i] >= WEEK) & (found == NEVER), i, found)
    return found
