"""iRECIST: RECIST 1.1 for immune therapy, where a first progression must be confirmed.

Seymour L, Bogaerts J, Perrone A, et al. iRECIST: guidelines for response criteria for use in trials testing
immunotherapeutics. Lancet Oncol 2017;18:e143-e152.

Codes are those of RECIST with the letter i before them in writing: PD is the confirmed progression (iCPD), UPD the
unconfirmed one (iUPD). A patient is a row, an assessment a column: column 0 is the baseline.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from posology.endpoints.best_response import Best, best_response, first_column
from posology.endpoints.recist import PD_MM, PD_SHARE, Assessments
from posology.endpoints.response import MM_TOLERANCE, NEVER, RECIST_11, STABLE, RecistRules, Response, overall
from posology.shared.arrays import Bools, Floats, Ints

FURTHER_MM = 5.0  # growth over the unconfirmed progression that confirms it
WINDOW_DAYS = (28, 56)  # four to eight weeks
SHRUNK = (Response.SD, Response.PR, Response.CR)
ORDER = np.array([{Response.PD: 1, Response.SD: 2, Response.PR: 3, Response.CR: 4}.get(r, 0) for r in Response])

#: Rules for the best response: what follows an iCR may turn out unconfirmed, so it is read as recorded.
IRECIST = replace(RECIST_11, name="iRECIST", disease_after_cr="as recorded")


@dataclass(frozen=True)
class Confirmed:
    """Progression in iRECIST: arrays (patients,), columns, ``NEVER`` for none.

    Parameters
    ----------
    progressed_at
        the iUPD that was confirmed, which dates the progression.
    confirmed_at
        the iCPD that confirmed it.
    open_at, last_open_at
        the first and the last iUPD of those still unconfirmed at the end. iRECIST dates a progression at the first;
        admiralonco reports the last.
    """

    progressed_at: Ints
    confirmed_at: Ints
    open_at: Ints
    last_open_at: Ints


def assess(seen: Assessments, *, window_days: tuple[int, int] | None = WINDOW_DAYS) -> Ints:
    """Return the iRECIST response at each assessment: (patients, assessments) of :class:`Response`.

    Parameters
    ----------
    seen
        the same lesions by RECIST 1.1, nothing left out after the first progression.
    window_days
        the least and the most days from an iUPD to the assessment that may confirm it; None for no limits.

    Notes
    -----
    The first progression is iUPD. A later assessment confirms it, iCPD, if it shows more in the kind of lesion that had
    progressed (target: 5 mm more; new lesions: more of them, or 5 mm more of those measured; non-target: any further
    growth) or progression of another kind. If it shows neither, iUPD goes on. If the disease is no progression any
    more, or the target lesions have shrunk into a better category since, that is the response, though new lesions are
    still there, and the bar is reset: the next progression is iUPD again, and new lesions known by then count only if
    they grow by the rule of target lesions or become more. Growth is counted from the first iUPD of a series, so that
    slow growth adds up; so are the four weeks; the eight weeks count from the last. (Lancet Oncol 2017, tables 2 and 3;
    the last three points from the questions and answers of the RECIST working group, recist.eortc.org.)

    Examples
    --------
    >>> from posology.endpoints.recist import Lesions, assess as by_recist
    >>> n, of = 4, np.array
    >>> rows = Lesions(np.zeros(n, int), np.arange(n), np.zeros(n, int), 42 * np.arange(n), np.zeros(n, int),
    ...                np.zeros(n, int), np.zeros(n, bool), of([50.0, 65.0, 45.0, 70.0]))
    >>> [Response(r).immune_text for r in assess(by_recist(rows, 1, n))[0, 1:]]
    ['iUPD', 'iSD', 'iUPD']
    """
    patients, columns = seen.overall.shape
    found = np.array(seen.overall)
    pending, ended = np.zeros(patients, dtype=bool), np.zeros(patients, dtype=bool)
    began, last = np.zeros(patients, dtype=np.int64), np.zeros(patients, dtype=np.int64)  # days of the series of iUPD
    by_target, by_other, by_new = (np.zeros(patients, dtype=bool) for _ in range(3))
    was, size, number, number_mm = (np.zeros(patients) for _ in range(4))  # at the first iUPD of the series
    known, known_mm = np.zeros(patients), np.zeros(patients)  # new lesions at the last reset
    least, most = window_days or (0, np.iinfo(np.int64).max)
    for k in range(1, columns):
        many, many_mm, sum_mm = seen.new_lesions[:, k], seen.new_mm[:, k], seen.measured_mm[:, k]
        target, other = seen.target[:, k] == Response.PD, seen.non_target[:, k] == Response.PD
        new = seen.new[:, k] & ((many > known) | _grown(many_mm, known_mm))
        now = np.where(seen.new[:, k], overall(seen.target[:, k], seen.non_target[:, k], new), seen.overall[:, k])
        more = pending & by_other & seen.non_target_increased[:, k]  # growth that need not be unequivocal any more
        worse = ((now == Response.PD) | more) & ~ended
        further = (
            (target & (~by_target | (sum_mm - size >= FURTHER_MM - MM_TOLERANCE)))
            | (other & ~by_other)
            | more
            | (new & (~by_new | (many > number) | (many_mm - number_mm >= FURTHER_MM - MM_TOLERANCE)))
        )
        in_time = (seen.day[:, k] - began >= least) & (seen.day[:, k] - last <= most)
        confirms = worse & pending & further & in_time
        better = (
            pending & worse & ~further & ~other & np.isin(seen.target[:, k], SHRUNK) & (ORDER[seen.target[:, k]] > was)
        )
        now = np.where(better, overall(seen.target[:, k], seen.non_target[:, k], np.zeros(patients, dtype=bool)), now)
        starts = worse & ~pending
        found[:, k] = np.select([ended, confirms, worse & ~better], [Response.ABSENT, Response.PD, Response.UPD], now)
        reset = pending & np.isin(now, STABLE) & (better | ~worse)
        known, known_mm = np.where(reset, many, known), np.where(reset, many_mm, known_mm)
        pending = (pending & ~reset) | starts
        ended |= confirms
        began = np.where(starts, seen.day[:, k], began)
        last = np.where(worse, seen.day[:, k], last)
        by_target, by_other = np.where(starts, target, by_target), np.where(starts, other, by_other)
        by_new = np.where(starts, new, by_new)
        was, size = np.where(starts, ORDER[seen.target[:, k]], was), np.where(starts, sum_mm, size)
        number, number_mm = np.where(starts, many, number), np.where(starts, many_mm, number_mm)
    return found


def _grown(value: Floats, base: Floats) -> Bools:
    return np.asarray((value - base >= PD_SHARE * base - MM_TOLERANCE) & (value - base >= PD_MM - MM_TOLERANCE))


def progression(overall: Ints) -> Confirmed:
    """Return when progression was confirmed, and which iUPD dates it.

    An iCPD confirms the first iUPD of the series that leads up to it, with nothing but iUPD and what was not evaluable
    between.

    Parameters
    ----------
    overall
        (patients, assessments): iRECIST responses, column 0 the baseline.

    Examples
    --------
    >>> found = progression(np.array([[Response.NONE, Response.UPD, Response.NE, Response.PD]]))
    >>> found.progressed_at.tolist(), found.confirmed_at.tolist()
    ([1], [3])
    """
    confirmed_at = first_column(overall == Response.PD)
    columns = overall.shape[1]
    passes = np.isin(overall, (Response.UPD, Response.NE, Response.ND, Response.ABSENT))
    upd = overall == Response.UPD
    after = np.where(confirmed_at == NEVER, columns, confirmed_at)[:, None] <= np.arange(columns)
    run = np.logical_and.accumulate((passes | after)[:, ::-1], axis=1)[:, ::-1]  # unbroken up to the iCPD, or the end
    series = run & upd & ~after
    start, stop = first_column(series), np.where(series, np.arange(columns), NEVER).max(axis=1, initial=NEVER)
    confirmed = confirmed_at != NEVER
    return Confirmed(
        np.where(confirmed, start, NEVER),
        np.where(confirmed & (start != NEVER), confirmed_at, NEVER),
        np.where(confirmed, NEVER, start),
        np.where(confirmed, NEVER, stop),
    )


def best(
    overall: Ints, day: Ints, start: Ints, followed: Bools | None = None, rules: RecistRules = IRECIST
) -> tuple[Best, Confirmed]:
    """Return the best overall response by iRECIST (iBOR), and the progression.

    An iUPD does not end the search: a response after one that was not confirmed counts. iCPD is dated at the iUPD it
    confirms. An iCPD without any iUPD before it confirms nothing and is read as iUPD.

    Parameters
    ----------
    overall, day, start, followed
        as in :func:`posology.endpoints.best_response.best_response`, the responses iRECIST's.
    rules
        the rules to follow; with ``confirmation_days=0`` responses need no confirmation.

    Examples
    --------
    >>> seen = np.array([[Response.NONE, Response.UPD, Response.PR, Response.PR]])
    >>> found, _ = best(seen, np.array([[0, 42, 84, 126]]), np.array([0]))
    >>> Response(found.response[0]).immune_text, int(found.at[0])
    ('iPR', 2)
    """
    bare = progression(overall)
    lone = (bare.confirmed_at == NEVER)[:, None] & (overall == Response.PD)
    while lone.any():
        overall = np.where(lone & (np.cumsum(lone, axis=1) == 1), Response.UPD, overall)
        bare = progression(overall)
        lone = (bare.confirmed_at == NEVER)[:, None] & (overall == Response.PD)
    found = best_response(overall, day, start, followed, rules)
    at = np.where(found.response == Response.PD, bare.progressed_at, found.at)
    return replace(found, at=at, progressed_at=bare.progressed_at), bare
