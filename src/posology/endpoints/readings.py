"""Responses as they were recorded: the investigator's own, laid out by assessment, and where two readings differ.

The investigator's overall response is an alternative source for every endpoint of tumour response: what is laid out
here goes into :func:`posology.endpoints.best_response.best_response` as what follows from the lesions does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from datetime import date

import numpy as np

from posology.endpoints.best_response import Best, best_response
from posology.endpoints.response import ADMIRALONCO, NEVER, RECIST_11, RecistRules, Response
from posology.shared.arrays import Bools, Ints
from posology.shared.findings import Finding

# Of two responses on one day the worse is kept; one that is not evaluable only if alone.
BY_SEVERITY = (
    Response.ABSENT,
    Response.NONE,
    Response.ND,
    Response.NE,
    Response.NED,
    Response.CR,
    Response.PR,
    Response.SD,
    Response.NON_CR_NON_PD,
    Response.UPD,
    Response.PD,
)
SEVERITY = np.array([BY_SEVERITY.index(r) for r in Response])


@dataclass(frozen=True)
class Readings:
    """Recorded responses by assessment: (patients, assessments), column 0 the baseline, the rest in order of time."""

    overall: Ints
    day: Ints


def arrange_readings(
    patient: Ints, day: Ints, response: Ints, patients: int, *, not_before: Ints | None = None
) -> Readings:
    """Lay out recorded responses, one column a day of assessment. Rows may come in any order.

    Parameters
    ----------
    patient, day, response
        (rows,): which patient, counted from 0; the day; a :class:`Response`.
    patients
        how many patients.
    not_before
        (patients,): the day of the start of treatment, or of randomisation: what was recorded before is left out. None:
        all is kept.

    Examples
    --------
    >>> of = lambda *values: np.array(values)
    >>> found = arrange_readings(of(0, 0, 0), of(84, 42, 42), of(Response.PD, Response.PR, Response.SD), 1)
    >>> [Response(r).name for r in found.overall[0, 1:]], found.day.tolist()
    (['SD', 'PD'], [[0, 42, 84]])
    """
    kept = response != Response.ABSENT
    if not_before is not None:
        kept &= day >= not_before[patient]
    patient, day, response = patient[kept], day[kept], response[kept]
    order = np.lexsort((SEVERITY[response], day, patient))
    patient, day, response = patient[order], day[order], response[order]
    last = np.ones(len(order), dtype=bool)  # the worst of its day
    last[:-1] = (patient[1:] != patient[:-1]) | (day[1:] != day[:-1])
    patient, day, response = patient[last], day[last], response[last]
    begin = np.searchsorted(patient, patient)
    column = np.arange(len(patient)) - begin + 1
    shape = (patients, 1 + int(column.max(initial=0)))
    overall, days = np.full(shape, Response.ABSENT), np.zeros(shape, dtype=np.int64)
    overall[:, 0] = Response.NONE
    overall[patient, column], days[patient, column] = response, day
    return Readings(overall, days)


def read_responses(
    patient: Sequence[str], on: Sequence[date], text: Sequence[str], starts: dict[str, date], field: str = "overall"
) -> tuple[Ints, list[Finding]]:
    """Return the responses that texts name, (rows,) of :class:`Response`, and what is wrong with them.

    Unknown words, and assessments of patients without a start, are left out (``ABSENT``); so are, with a finding, those
    before the start. Two responses on one day are reported.

    Parameters
    ----------
    patient, on, text
        (rows,): who was assessed, when, and the response as written.
    starts
        of each patient the day from which assessments count.
    field
        how findings call the text.

    Examples
    --------
    >>> day = date(2024, 3, 1)
    >>> codes, found = read_responses(["1", "1"], [day, day], ["PR", "good"], {"1": date(2024, 1, 1)})
    >>> codes.tolist(), str(found[0])
    ([6, 0], "patient 1, 2024-03-01, overall: 'good' is no response by RECIST 1.1 or iRECIST; ...")
    """
    codes, found = np.full(len(text), Response.ABSENT), []
    seen: dict[tuple[str, date], str] = {}
    for row, (who, when, word) in enumerate(zip(patient, on, text, strict=True)):
        try:
            code = Response.read(word)
        except ValueError as error:
            wrong, _, right = str(error).partition("; ")
            found.append(Finding(who, when, field, wrong, right))
            continue
        if who not in starts:
            found.append(
                Finding(
                    who,
                    when,
                    "start",
                    "the patient has no day of first dose",
                    "an assessment has a start to count from",
                )
            )
        elif when < starts[who]:
            found.append(
                Finding(
                    who,
                    when,
                    "day",
                    f"an assessment of response before the start on {starts[who]}",
                    "only the baseline is done before treatment: it is not used",
                )
            )
        else:
            codes[row] = code
            other = seen.setdefault((who, when), code.text)
            if other != code.text:
                found.append(Finding(who, when, field, f"{other} and {code.text} on one day", "the worse is kept"))
    return codes, found


@dataclass(frozen=True)
class Disagreement:
    """An assessment that two readings call differently."""

    patient: int
    assessment: int
    day: int
    one: Response
    other: Response

    @property
    def on_progression(self) -> bool:
        """Whether one of them calls it progression."""
        return Response.PD in (self.one, self.other)


def disagreements(one: Ints, other: Ints, day: Ints) -> list[Disagreement]:
    """Return where two readings of the same assessments differ, say what follows from the lesions and the
    investigator's.

    Parameters
    ----------
    one, other
        (patients, assessments): of :class:`Response`, column 0 the baseline. Where either has no assessment there is
        nothing to compare.
    day
        (patients, assessments): the days.

    Examples
    --------
    >>> one, other = np.array([[1, Response.PR, Response.SD]]), np.array([[1, Response.PR, Response.PD]])
    >>> found = disagreements(one, other, np.array([[0, 42, 84]]))
    >>> [(d.assessment, d.one.name, d.other.name) for d in found]
    [(2, 'SD', 'PD')]
    """
    differ = (one != other) & (one != Response.ABSENT) & (other != Response.ABSENT)
    differ[:, 0] = False
    return [
        Disagreement(int(i), int(k), int(day[i, k]), Response(one[i, k]), Response(other[i, k]))
        for i, k in zip(*np.nonzero(differ), strict=True)
    ]


@dataclass(frozen=True)
class Difference:
    """A patient whose best response two sets of rules see differently.

    ``on`` and ``other_on`` are the days of the two, None where there is none; ``because`` names the rules each of which
    alone, taken from the other set, changes what the first says of this patient.
    """

    patient: int
    one: Response
    on: int | None
    other: Response
    other_on: int | None
    because: tuple[str, ...]


def differences(
    overall: Ints,
    day: Ints,
    start: Ints,
    followed: Bools | None = None,
    one: RecistRules = RECIST_11,
    other: RecistRules = ADMIRALONCO,
) -> list[Difference]:
    """Return the patients whose best response, or its day, differs between two sets of rules, and which rules make it
    so.

    Parameters
    ----------
    overall, day, start, followed
        as in :func:`posology.endpoints.best_response.best_response`.
    one, other
        the two sets.

    Examples
    --------
    >>> seen, day = np.array([[1, Response.CR, Response.SD]]), np.array([[0, 28, 74]])
    >>> found = differences(seen, day, np.array([0]))[0]
    >>> found.one.name, found.other.name, found.because
    ('PD', 'SD', ('disease_after_cr',))
    """
    first, second = (best_response(overall, day, start, followed, rules) for rules in (one, other))
    differ = _days_apart(first, second, day)
    if not differ.any():
        return []
    because: list[list[str]] = [[] for _ in range(len(start))]
    for field in fields(RecistRules):
        value = getattr(other, field.name)
        if field.name != "name" and value != getattr(one, field.name):
            turned = best_response(overall, day, start, followed, replace(one, **{field.name: value}))
            for i in np.flatnonzero(differ & _days_apart(first, turned, day)):
                because[i].append(field.name)
    return [
        Difference(
            i,
            Response(first.response[i]),
            _on(first, day, i),
            Response(second.response[i]),
            _on(second, day, i),
            tuple(because[i]),
        )
        for i in np.flatnonzero(differ).tolist()
    ]


def _days_apart(one: Best, other: Best, day: Ints) -> Bools:
    return np.asarray((one.response != other.response) | (one.at != other.at))


def _on(best: Best, day: Ints, patient: int) -> int | None:
    return None if best.at[patient] == NEVER else int(day[patient, best.at[patient]])
