"""What a patient received before: prior regimens counted by a stated rule, and the platinum-free interval.

The platinum-free interval runs from the last dose of platinum to progression: platinum-refractory if the disease
progressed on platinum or within a month of it, resistant within 6 months, partially sensitive from 6 to 12 months,
sensitive after more (Friedlander M et al., Int J Gynecol Cancer 2011;21:771, the fourth ovarian cancer consensus
conference). Months are calendar months: six months after 31 August is 28 February.
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

from posology.shared.dates import ImputationRule, PartialDate, impute, possible
from posology.shared.findings import Finding

Setting = Literal["neoadjuvant", "adjuvant", "advanced", "maintenance"]
Status = Literal[
    "refractory", "resistant", "partially sensitive", "sensitive", "not known yet", "not evaluable", "not applicable"
]


@dataclass(frozen=True)
class Regimen:
    """One regimen: what for, with which dates as far as they are known, and whether it held platinum.

    Parameters
    ----------
    name
        of the regimen.
    setting
        what it was given for.
    start, end
        first and last dose; None where nothing is known of it.
    platinum
        whether it held platinum.
    progression
        when the disease progressed on it or after it; None if it did not, or nothing is known.
    """

    name: str
    setting: Setting
    start: PartialDate | None = None
    end: PartialDate | None = None
    platinum: bool = False
    progression: PartialDate | None = None


@dataclass(frozen=True)
class CountingRule:
    """The rule by which regimens are counted, as a protocol states it.

    Parameters
    ----------
    neoadjuvant, adjuvant, maintenance
        whether each counts.
    together
        whether neoadjuvant and adjuvant treatment around one operation are one regimen, where both count.
    """

    neoadjuvant: bool = True
    adjuvant: bool = True
    maintenance: bool = False
    together: bool = True


@dataclass(frozen=True)
class PriorRegimens:
    """The number of prior regimens, and what was made of each."""

    regimens: int
    why: tuple[str, ...]


def count(regimens: Sequence[Regimen], rule: CountingRule | None = None) -> PriorRegimens:
    """Count prior regimens by a stated rule; their order does not matter.

    Examples
    --------
    >>> given = [Regimen("carboplatin, paclitaxel", "neoadjuvant"), Regimen("carboplatin, paclitaxel", "adjuvant"),
    ...     Regimen("bevacizumab", "maintenance"), Regimen("liposomal doxorubicin", "advanced")]
    >>> count(given).regimens, count(given, CountingRule(together=False)).regimens, count(given, CountingRule(maintenance=True)).regimens
    (2, 3, 3)
    """
    by = rule or CountingRule()
    counts = {"neoadjuvant": by.neoadjuvant, "adjuvant": by.adjuvant, "maintenance": by.maintenance, "advanced": True}
    before = [r for r in regimens if r.setting == "neoadjuvant"]
    merged = min(len(before), sum(r.setting == "adjuvant" for r in regimens)) if by.together else 0
    if not (by.neoadjuvant and by.adjuvant):
        merged = 0
    number, why, left = 0, [], merged
    for regimen in sorted(regimens, key=lambda r: (list(counts).index(r.setting), r.name)):
        if not counts[regimen.setting]:
            why.append(f"{regimen.name}, {regimen.setting}: not counted")
        elif regimen.setting == "adjuvant" and left:
            left -= 1
            why.append(f"{regimen.name}, adjuvant: one with the neoadjuvant regimen")
        else:
            number += 1
            why.append(f"{regimen.name}, {regimen.setting}: number {number}")
    return PriorRegimens(number, tuple(why))


@dataclass(frozen=True)
class Platinum:
    """A patient's platinum status.

    Parameters
    ----------
    status
        as defined in the module.
    interval_days
        the platinum-free interval; None where a date is missing. Of imputed dates where ``flag`` says so.
    flag
        the highest component imputed of the two dates: D, M or empty.
    why
        how it came about.
    """

    status: Status
    interval_days: int | None
    flag: str
    why: str


def platinum(regimens: Sequence[Regimen], as_of: date, rule: ImputationRule | None = None) -> Platinum:
    """Return the platinum status after the last regimen with platinum.

    A partial date does not matter where every date that it can be gives the same status. Where it matters, it is
    imputed by the rule stated and flagged; without a rule the status is not evaluable.

    Parameters
    ----------
    regimens
        the patient's, in any order; maintenance with platinum would count as platinum.
    as_of
        the day of the question: what is not known to have progressed by then is free of progression until then.
    rule
        how partial dates are imputed (:func:`posology.shared.dates.impute`).

    Examples
    --------
    >>> from posology.shared.dates import parse_date
    >>> given = [Regimen("carboplatin", "advanced", None, parse_date("2012-01-10"), True, parse_date("2012-07-09"))]
    >>> found = platinum(given, date(2013, 5, 10))
    >>> found.status, found.interval_days
    ('resistant', 181)
    """
    with_platinum = [r for r in regimens if r.platinum]
    if not with_platinum:
        return Platinum("not applicable", None, "", "no platinum was given")
    dated = [r for r in with_platinum if r.end is not None and r.end.year is not None]
    if len(dated) < len(with_platinum):
        return Platinum("not evaluable", None, "", "the last dose of platinum has no date")
    last = max(dated, key=lambda r: possible(r.end)[1] if r.end else date.min)
    assert last.end is not None
    if last.progression is None:
        return _free(last.end, as_of)
    if last.progression.year is None:
        return Platinum("not evaluable", None, "", "the progression after platinum has no year")
    if possible(last.progression)[0] > as_of:
        return _free(last.end, as_of)
    low, high = possible(last.end), possible(last.progression)
    earliest, latest = _status(low[0], high[1]), _status(low[1], high[0])
    complete = last.end.complete and last.progression.complete
    if not complete and rule is None and earliest != latest:
        said = f"last platinum {last.end} and progression {last.progression} make it {latest} or {earliest}"
        return Platinum("not evaluable", None, "", f"{said}, and no rule of imputation is stated")
    if not complete and rule is None:
        return Platinum(earliest, None, "", f"{earliest} for every date that {last.end} and {last.progression} can be")
    end, end_flag = impute(last.end, rule or "first")
    progressed, flag = impute(last.progression, rule or "first")
    assert end is not None and progressed is not None
    days = (progressed - end).days
    worst = "M" if "M" in (end_flag, flag) else end_flag or flag
    how = f", dates imputed by the rule {rule!r}" if worst else ""
    return Platinum(
        _status(end, progressed), days, worst, f"progression on {progressed}, {days} days after platinum{how}"
    )


def _free(end: PartialDate, as_of: date) -> Platinum:
    """Return the status of a patient without progression so far: known only once more than 12 months have gone."""
    earliest, latest = possible(end)
    if earliest > as_of:
        return Platinum("not evaluable", None, "", f"the last dose of platinum, {end}, is after {as_of}")
    days = (as_of - latest).days if end.complete else None
    if as_of > months_after(latest, 12):
        return Platinum("sensitive", days, "", f"no progression by {as_of}, more than 12 months after platinum")
    return Platinum("not known yet", days, "", f"no progression by {as_of}, not more than 12 months after platinum")


def _status(end: date, progressed: date) -> Status:
    if progressed < months_after(end, 1):
        return "refractory"
    if progressed < months_after(end, 6):
        return "resistant"
    return "partially sensitive" if progressed <= months_after(end, 12) else "sensitive"


def months_after(day: date, months: int) -> date:
    """Return the same day so many calendar months later, or the last of that month.

    >>> str(months_after(date(2012, 8, 31), 6))
    '2013-02-28'
    """
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def is_anticancer(category: str | None, subcategory: str | None = None) -> bool:
    """Whether a therapy is one against the cancer that is given after the trial's own, by the category it is recorded
    in.

    A name says it in any spelling (ANTI-CANCER THERAPY, Antineoplastic); what was given before the trial (PRIOR ...) is
    none.

    >>> is_anticancer("ANTI-CANCER THERAPY"), is_anticancer("PRIOR ANTICANCER THERAPY"), is_anticancer("ANALGESIC", None)
    (True, False, False)
    """
    words = re.sub(r"[^A-Z]", "", f"{category or ''}{subcategory or ''}".upper())
    return ("ANTICANCER" in words or "ANTINEOPLASTIC" in words) and "PRIOR" not in words


def check_regimens(patient: str, regimens: Sequence[Regimen], first_dose: date) -> tuple[Finding, ...]:
    """Return what cannot be in a patient's history; a partial date is wrong only if no date it can be is right.

    Parameters
    ----------
    patient
        whose history it is.
    regimens
        in any order.
    first_dose
        of the trial's drug.

    Examples
    --------
    >>> from posology.shared.dates import parse_date
    >>> print(check_regimens("001", [Regimen("carboplatin", "advanced", parse_date("2012-05"), parse_date("2012-04"))], date(2013, 5, 10))[0])
    patient 001, 2012-04-30, end: carboplatin ends on 2012-04, before its start on 2012-05; correct one of the two
    """
    findings = []
    for regimen in regimens:
        dates = {"start": regimen.start, "end": regimen.end, "progression": regimen.progression}
        known = {name: possible(d) for name, d in dates.items() if d is not None and d.year is not None}
        for name, partial in dates.items():
            if partial is not None and partial.year is None:
                findings.append(Finding(patient, None, name, f"{regimen.name}: {partial} has no year", "not used"))
            elif name in known and name != "progression" and known[name][0] > first_dose - timedelta(days=1):
                wrong = f"{regimen.name}: {partial} is not before the first dose of the trial on {first_dose}"
                findings.append(
                    Finding(patient, known[name][0], name, wrong, "prior treatment ends before the trial's")
                )
        for name, verb in (("end", "ends"), ("progression", "progresses")):
            if "start" in known and name in known and known[name][1] < known["start"][0]:
                wrong = f"{regimen.name} {verb} on {dates[name]}, before its start on {regimen.start}"
                findings.append(Finding(patient, known[name][1], name, wrong, "correct one of the two"))
    return tuple(findings)
