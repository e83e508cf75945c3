"""Best overall response: from the response at each assessment to the response of the patient.

Eisenhauer EA, Therasse P, Bogaerts J, et al. Eur J Cancer 2009;45:228-247: section 4.4 and table 3, section 4.6
(confirmation, duration). It serves responses that follow from lesions, the investigator's own, and iRECIST's.

A patient is a row, an assessment a column in order of time: column 0 is the baseline.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from posology.endpoints.response import NEVER, RECIST_11, STABLE, Reason, RecistRules, Response
from posology.shared.arrays import ArrayLike, Bools, Ints

# The best overall response is the first of these that an assessment reaches; of equals, the earliest assessment.
RANKS = (
    Response.CR,
    Response.PR,
    Response.SD,
    Response.NON_CR_NON_PD,
    Response.PD,
    Response.UPD,
    Response.NE,
    Response.ND,
    Response.ABSENT,
)


@dataclass(frozen=True)
class Best:
    """The best overall response of each patient: arrays (patients,).

    Parameters
    ----------
    response
        a :class:`Response`. With confirmation required, a CR or PR only if confirmed, or awaiting it.
    best_if_no_more_data
        what it is if nothing more is seen: the response without what is awaited.
    reason
        a :class:`Reason` where it is NE or missing.
    confirmed, awaiting, unconfirmed
        whether a CR or PR was confirmed; may yet be, in a patient still followed; or was seen, and not confirmed.
    at
        column of the first assessment with this response; for SD, the first after the minimum. ``NEVER`` for none.
    confirmed_at, progressed_at
        columns of the assessments that confirmed the response, and of the progression.
    response_at
        column of the first CR or PR that counts, whichever first: the start of the duration of response. One that was
        confirmed, where confirmation is required.
    complete_at
        column of the first CR that counts in the same way.
    last_at, evaluable_at
        columns of the last assessment up to the progression, and of the last evaluable one (the last *adequate*
        assessment, at which those without progression are censored); 0, the baseline, where none came after it.
    """

    response: Ints
    best_if_no_more_data: Ints
    reason: Ints
    confirmed: Bools
    awaiting: Bools
    unconfirmed: Bools
    at: Ints
    confirmed_at: Ints
    progressed_at: Ints
    response_at: Ints
    complete_at: Ints
    last_at: Ints
    evaluable_at: Ints


def best_response(
    overall: Ints, day: Ints, start: Ints, followed: Bools | None = None, rules: RecistRules = RECIST_11
) -> Best:
    """Return the best overall response (section 4.4, table 3).

    Parameters
    ----------
    overall, day
        (patients, assessments): the :class:`Response` at each assessment, column 0 the baseline, and its day, rising
        along a row. Leave out (``ABSENT``) what came after a new therapy, or after the data cutoff.
    start
        (patients,): day from which the minimum for stable disease counts: of the first dose, or of randomisation.
    followed
        (patients,): whether the patient is still assessed, so that a response may yet be confirmed; None: nobody.
    rules
        the rules to follow.

    Notes
    -----
    A response is confirmed by the first assessment that repeats it after the required days, if nothing but what
    the rules allow lies between; a later one cannot rescue it. Any CR, PR or SD that has reached the minimum
    counts at least as stable disease, which is what table 3 asks for. The minimum is an interval: day 42 after
    the start is day 43 of the study.

    Examples
    --------
    >>> seen = np.array([[1, 6, 6, 3]])
    >>> best = best_response(seen, np.array([[0, 43, 85, 127]]), np.array([1]))
    >>> Response(best.response[0]).name, bool(best.confirmed[0]), int(best.at[0])
    ('PR', True, 1)
    """
    seen = assessments_counted(overall, day, start, rules)
    patients, columns = seen.shape
    index = np.arange(columns)
    present = seen != Response.ABSENT
    progressed_at = first_column(seen == Response.PD)
    responded = (seen == Response.CR) | (seen == Response.PR)
    required = rules.confirmation_days > 0
    by, open_ = confirmations(seen, day, rules)
    counts = by != NEVER if required else responded

    stable = np.isin(seen, STABLE)
    enough = stable & (day - start[:, None] >= rules.minimum_sd_days)
    if rules.pr_then_sd_stands:
        enough |= (seen == Response.SD) & (np.cumsum(seen == Response.PR, axis=1) > 0)
    rank = np.select(
        [
            counts & (seen == Response.CR),
            counts,
            enough & (seen == Response.NON_CR_NON_PD),
            enough,
            seen == Response.PD,
            seen == Response.UPD,
            seen == Response.ND,
            present,
        ],
        [0, 1, 3, 2, 4, 5, 7, 6],
        8,
    )
    reached = rank.min(axis=1, initial=8)
    settled = np.array(RANKS)[reached]
    at = np.where(reached == 8, NEVER, rank.argmin(axis=1))
    if rules.missing_as_ne:
        settled = np.where(reached == 8, Response.NE, settled)
    evaluated = present & ~np.isin(seen, (Response.NE, Response.ND))
    reason = np.select(
        [reached < 6, reached == 8, evaluated.any(axis=1)],
        [Reason.NONE, Reason.NOT_ASSESSED, Reason.TOO_EARLY],
        Reason.ALL_NOT_EVALUABLE,
    )

    confirmed = (reached <= 1) & required
    confirmed_at = np.where(confirmed, by[np.arange(patients), at], NEVER)
    could = np.zeros(patients, dtype=bool) if followed is None else followed & (progressed_at == NEVER)
    awaited = open_ & (could & (reached > 1))[:, None]
    awaiting_cr, awaiting_pr = (
        first_column(awaited & (seen == Response.CR)),
        first_column(awaited & (seen == Response.PR)),
    )
    awaiting = (awaiting_cr != NEVER) | (awaiting_pr != NEVER)
    response = np.select([awaiting_cr != NEVER, awaiting_pr != NEVER], [Response.CR, Response.PR], settled)
    return Best(
        response=response,
        best_if_no_more_data=settled,
        reason=np.where(awaiting, Reason.NONE, reason),
        confirmed=confirmed,
        awaiting=awaiting,
        unconfirmed=responded.any(axis=1) & (reached > 1) & ~awaiting,
        at=np.select([awaiting_cr != NEVER, awaiting_pr != NEVER], [awaiting_cr, awaiting_pr], at),
        confirmed_at=confirmed_at,
        progressed_at=progressed_at,
        response_at=first_column(counts),
        complete_at=first_column(counts & (seen == Response.CR)),
        last_at=np.where(present, index, NEVER).max(axis=1, initial=NEVER),
        evaluable_at=np.where(evaluated, index, 0).max(axis=1, initial=0),
    )


def clinical_benefit(
    overall: Ints,
    day: Ints,
    start: Ints,
    rules: RecistRules = RECIST_11,
    *,
    minimum_days: int | None = None,
    values: tuple[Response, ...] = STABLE,
) -> Ints:
    """Return the column at which clinical benefit is reached: a response that counts, or stable disease that lasted.

    Parameters
    ----------
    overall, day, start, rules
        as in :func:`best_response`.
    minimum_days
        days from the start that the disease must have been without progression; None: the rules' minimum.
    values
        the responses that count from then on.

    Returns
    -------
    array (patients,), ``NEVER`` for none.

    Examples
    --------
    >>> seen, day = np.array([[1, 4, 4, 3]]), np.array([[0, 56, 168, 224]])
    >>> clinical_benefit(seen, day, np.array([0]), minimum_days=168).tolist()
    [2]
    """
    least = rules.minimum_sd_days if minimum_days is None else minimum_days
    seen = assessments_counted(overall, day, start, rules)
    lasted = np.isin(seen, values) & (day - start[:, None] >= least)
    responded = (seen == Response.CR) | (seen == Response.PR)
    if rules.confirmation_days:
        responded &= confirmations(seen, day, rules)[0] != NEVER
    return first_column(responded | lasted)


def alternative_benefit(overall: Ints, day: Ints, start: Ints, rules: RecistRules = RECIST_11) -> Ints:
    """Return the column at which clinical benefit is reached if a progression that came late enough is one too.

    A progression later than the rules' minimum for stable disease shows that the disease was stable until then, though
    no assessment had said so (ACCB of admiralonco). Parameters and result as in :func:`clinical_benefit`.

    Parameters
    ----------
    overall, day
        (patients, assessments): responses, the first the baseline, and their days.
    start
        (patients,): day of the first dose.
    rules
        how responses are read.

    Examples
    --------
    >>> seen, day = np.array([[1, 2, 3]]), np.array([[0, 42, 84]])
    >>> clinical_benefit(seen, day, np.array([0])).tolist(), alternative_benefit(seen, day, np.array([0])).tolist()
    ([-1], [2])
    """
    usual = clinical_benefit(overall, day, start, rules)
    progressed = assessments_counted(overall, day, start, rules) == Response.PD
    at = first_column(progressed & (day - start[:, None] > rules.minimum_sd_days))
    return np.where((usual == NEVER) | ((at != NEVER) & (at < usual)), at, usual)


def is_evaluable(overall: Ints) -> Bools:
    """Return which assessments are adequate: done, and evaluable. (patients, assessments); the baseline is.

    Examples
    --------
    >>> is_evaluable(np.array([[Response.NONE, Response.SD, Response.NE, Response.ABSENT]])).tolist()
    [[True, True, False, False]]
    """
    found = ~np.isin(overall, [Response.ABSENT, Response.NE, Response.ND])
    found[:, 0] = True
    return np.asarray(found)


def days_from(day: Ints, column: Ints, start: Ints) -> Ints:
    """Return the days from a start to the assessments in the given columns: (patients,), ``NEVER`` where there is none.

    Parameters
    ----------
    day
        (patients, assessments): days.
    column
        (patients,): the assessment; ``NEVER`` for none.
    start
        (patients,): the day from which is counted.

    Examples
    --------
    >>> days_from(np.array([[0, 43, 85]]), np.array([2]), np.array([1])).tolist()
    [84]
    """
    at = np.take_along_axis(day, np.maximum(column, 0)[:, None], axis=1)[:, 0]
    return np.where(column == NEVER, NEVER, at - start)


def assessments_counted(overall: Ints, day: Ints, start: Ints, rules: RecistRules) -> Ints:
    """Return the responses that count: after the baseline, up to the first progression, as the rules read them.

    Parameters as in :func:`best_response`. Disease seen after a CR is read by ``rules.disease_after_cr``.

    Parameters
    ----------
    overall, day
        (patients, assessments): responses, the first the baseline, and their days.
    start
        (patients,): day of the first dose.
    rules
        how responses are read.

    Examples
    --------
    >>> seen = np.array([[Response.NONE, Response.PD, Response.PR]])
    >>> day, start = np.array([[0, 43, 85]]), np.array([1])
    >>> Response(assessments_counted(seen, day, start, RECIST_11)[0, 2]).name
    'ABSENT'
    """
    seen = np.array(overall)
    seen[:, 0] = Response.ABSENT
    if rules.from_start:
        seen[day < start[:, None]] = Response.ABSENT
    if rules.missed_is_ne:
        seen[seen == Response.ND] = Response.NE
    elif not rules.confirmation_days:  # admiralonco knows ND in its confirmed best response alone
        seen[seen == Response.ND] = Response.ABSENT
    seen = _until_progression(seen)
    if rules.disease_after_cr == "as recorded":
        return seen
    disease = np.isin(seen, (Response.PR, Response.SD, Response.NON_CR_NON_PD))
    if rules.disease_after_cr == "recoded":
        comes = np.logical_or.accumulate(disease[:, ::-1], axis=1)[:, ::-1]
        real = (confirmations(seen, day, rules)[0] != NEVER) & (seen == Response.CR)
        claimed = (seen == Response.CR) & comes & ~real.any(axis=1)[:, None]
        seen = np.where(claimed, Response.PR, seen)
    had_cr = np.cumsum(seen == Response.CR, axis=1) > 0
    return _until_progression(np.where(had_cr & disease, Response.PD, seen))


def with_progression_read(overall: Ints, day: Ints, start: Ints, rules: RecistRules = RECIST_11) -> Ints:
    """Return the responses with PD where the rules read one: disease after a complete response (note to table 3).

    What counts as progression in the best response is one for the times to event too. Parameters as in
    :func:`best_response`.

    Parameters
    ----------
    overall, day
        (patients, assessments): responses, the first the baseline, and their days.
    start
        (patients,): day of the first dose.
    rules
        how responses are read.

    Examples
    --------
    >>> seen = np.array([[Response.NONE, Response.CR, Response.CR, Response.SD]])
    >>> Response(with_progression_read(seen, np.array([[0, 43, 85, 127]]), np.array([1]))[0, 3]).name
    'PD'
    """
    read = assessments_counted(overall, day, start, rules) == Response.PD
    return np.where(read, Response.PD, overall)


def until_new_therapy(overall: Ints, day: Ints, therapy: ArrayLike) -> Ints:
    """Return the responses up to a new anticancer therapy, ``ABSENT`` after its first day.

    Parameters
    ----------
    overall, day
        (patients, assessments): as in :func:`best_response`.
    therapy
        (patients,): the day the new therapy began, in the same count of days; NaN for none.

    Examples
    --------
    >>> until_new_therapy(np.array([[1, 4, 6]]), np.array([[0, 43, 85]]), [60]).tolist()
    [[1, 4, 0]]
    """
    after = day > np.where(np.isnan(np.asarray(therapy, np.float64)), np.inf, therapy)[:, None]
    after[:, 0] = False
    return np.where(after, Response.ABSENT, overall)


def confirmations(seen: Ints, day: Ints, rules: RecistRules) -> tuple[Ints, Bools]:
    """Return the column that confirms the CR or PR in each column, and whether it may yet be confirmed.

    Parameters
    ----------
    seen
        (patients, assessments): responses up to the first progression.
    day, rules
        as in :func:`best_response`.

    Examples
    --------
    >>> seen = np.array([[Response.ABSENT, Response.PR, Response.PR]])
    >>> by, open_ = confirmations(seen, np.array([[0, 43, 85]]), RECIST_11)
    >>> by.tolist(), open_.tolist()
    ([[-1, 2, -1]], [[False, False, True]])
    """
    patients, columns = seen.shape
    by, open_ = np.full((columns, patients), NEVER), np.zeros((columns, patients), dtype=bool)
    ended = np.logical_or.accumulate((seen != Response.ABSENT)[:, ::-1], axis=1)[:, ::-1]
    code = seen.T.astype(np.int8)
    if rules.missed_is_ne:  # an assessment that is missing between others is one that was not evaluable
        code = np.where((code == Response.ABSENT) & ended.T, np.int8(Response.NE), code)
    when = np.ascontiguousarray(day.T)
    cr, pr, sd = code == Response.CR, code == Response.PR, code == Response.SD
    ne, absent = code == Response.NE, code == Response.ABSENT
    for i in range(1, columns):
        (who,) = np.nonzero(cr[i] | pr[i])  # those with something to confirm
        partial, found = pr[i, who], np.full(len(who), NEVER)
        unread, stable = np.zeros(len(who), dtype=np.int8), np.zeros(len(who), dtype=np.int8)
        alive, had_cr = np.ones(len(who), dtype=bool), np.zeros(len(who), dtype=bool)
        for j in range(i + 1, columns):
            is_cr, is_pr, is_sd, is_ne = cr[j, who], pr[j, who], sd[j, who], ne[j, who]
            again = is_cr | (partial & is_pr)
            unread += is_ne
            stable += is_sd
            allowed = again | is_ne | absent[j, who]
            if rules.accept_sd:
                allowed |= partial & is_sd & (stable <= 1)
            alive &= allowed & (unread <= rules.max_ne) & ~(had_cr & is_pr)
            hit = alive & again & (when[j, who] - when[i, who] >= rules.confirmation_days)
            found[hit] = j
            alive &= ~hit
            had_cr |= is_cr
        by[i, who], open_[i, who] = found, alive
    return by.T, open_.T


def first_column(what: Bools) -> Ints:
    """Return the first column where ``what`` is true: (patients,), ``NEVER`` for none."""
    return np.where(what.any(axis=1), what.argmax(axis=1), NEVER)


def _until_progression(seen: Ints) -> Ints:
    """Return the responses up to and with the first progression, ``ABSENT`` after it."""
    progressed = np.cumsum(seen == Response.PD, axis=1)
    return np.where((progressed > 1) | ((progressed == 1) & (seen != Response.PD)), Response.ABSENT, seen)
