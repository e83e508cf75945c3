"""Responses as the case report form collected them, by CA-125 or by CA-125 and RECIST together: best and progression.

Where a trial has the investigator's CA-125 response at each visit rather than the samples, nothing is left to derive
but which visits count. The options follow the published criteria (GCIG, Rustin 2011) or admiralonco 1.4.0, vignette
"Creating ADRS with GCIG criteria", which differ over mouse antibodies.

A patient is a row, a record a column, in any order; empty columns are ``Response.ABSENT``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from posology.endpoints.ca125 import as_given
from posology.endpoints.recist import Response
from posology.shared.arrays import Bools, Ints

if TYPE_CHECKING:
    from numpy.typing import NDArray

Scalar = TypeVar("Scalar", bound=np.generic)

NEVER = -1
WORST = (Response.NE, Response.CR, Response.PR, Response.SD, Response.NON_CR_NON_PD, Response.PD)
BEST = (Response.CR, Response.PR, Response.SD, Response.NON_CR_NON_PD, Response.PD, Response.NE)


@dataclass(frozen=True)
class CollectedResponses:
    """What the collected responses amount to.

    Parameters
    ----------
    one_a_day
        (patients, records): the record that counts of each day, the worst (NE only where it stands alone), of equals
        the last.
    counted
        (patients, records): of these, those up to the first progression or mouse antibodies.
    best
        (patients,): the best response that counts; ``ABSENT`` for patients not evaluable, or with no record.
    best_at, progression_at
        (patients,): the columns of the best response and of the first progression, ``NEVER`` for none.
    """

    one_a_day: Bools
    counted: Bools
    best: Ints
    best_at: Ints
    progression_at: Ints


def collected_responses(
    response: Ints,
    day: Ints,
    start: Ints,
    evaluable: Bools,
    antibodies: Bools | None = None,
    *,
    keep_disturbed: bool = False,
) -> CollectedResponses:
    """Return the records that count, the best response and the first progression.

    Parameters
    ----------
    response, day
        (patients, records): a :class:`~posology.endpoints.recist.Response` and its day.
    start
        (patients,): the day of randomisation or first dose; records before it do not count.
    evaluable
        (patients,): whether the patient is evaluable; best response is read for these alone, progression for all.
    antibodies
        (patients, records): records that say mouse antibodies were given; leave it out for none. Given before the
        start, no record counts by GCIG.
    keep_disturbed
        whether the first such record itself still counts, as in admiralonco; by GCIG it is not evaluable.

    Notes
    -----
    Stable disease needs no minimum duration here: GCIG leaves it to the protocol.

    Examples
    --------
    >>> visits = np.array([[Response.SD, Response.PR, Response.PD]])
    >>> found = collected_responses(visits, np.array([[21, 42, 63]]), np.array([0]), np.array([True]))
    >>> Response(found.best[0]).name, int(found.best_at[0]), int(found.progression_at[0])
    ('PR', 1, 2)
    """
    rank = np.full(max(Response) + 1, -1)
    rank[list(WORST)] = range(len(WORST))
    held = (rank[response] >= 0) & (day >= start[:, None])
    last_first = np.broadcast_to(-np.arange(response.shape[1]), response.shape)
    order = np.lexsort((last_first, -rank[response], np.where(held, day, np.iinfo(np.int64).max)), axis=1)

    def sort(array: NDArray[Scalar]) -> NDArray[Scalar]:
        return np.take_along_axis(array, order, axis=1)

    kept, days, seen = sort(held), sort(day), sort(response)
    kept[:, 1:] &= ~(kept[:, :-1] & (days[:, 1:] == days[:, :-1]))
    disturbed = np.zeros(kept.shape, dtype=bool) if antibodies is None else sort(antibodies & held)
    if antibodies is not None and not keep_disturbed:  # given before the start, they disturb every sample since
        kept &= ~np.any(antibodies & (day < start[:, None]), axis=1, keepdims=True)
    stops = (kept & (seen == Response.PD)) | disturbed
    before = np.logical_or.accumulate(stops, axis=1)
    before = np.concatenate([np.zeros((len(kept), 1), dtype=bool), before[:, :-1]], axis=1)
    counted = kept & ~before & ~(disturbed & (not keep_disturbed))
    worse = kept & (seen == Response.PD) & ~(before & np.logical_or.accumulate(disturbed, axis=1))
    good = np.zeros(max(Response) + 1, dtype=np.int64)
    good[list(BEST)] = range(len(BEST), 0, -1)
    score = np.where(counted & evaluable[:, None], good[seen], 0)
    at = np.where(score.any(axis=1), score.argmax(axis=1), NEVER)
    best = np.where(at == NEVER, Response.ABSENT, np.take_along_axis(seen, np.maximum(at, 0)[:, None], axis=1)[:, 0])
    pd = np.where(worse.any(axis=1), worse.argmax(axis=1), NEVER)
    one, count = np.zeros(kept.shape, dtype=bool), np.zeros(kept.shape, dtype=bool)
    np.put_along_axis(one, order, kept, axis=1)
    np.put_along_axis(count, order, counted, axis=1)

    return CollectedResponses(one, count, best, as_given(order, at), as_given(order, pd))
