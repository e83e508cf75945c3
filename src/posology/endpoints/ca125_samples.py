"""CA-125 samples as laboratories report them, made into the arrays that the criteria read, with findings.

Nothing is guessed. A value that cannot be read makes the patient not evaluable, and the finding says which it is. Two
readings are certain and therefore used: a value below a limit of quantification that itself lies in the normal range
(GCIG tells no values there apart), and, of two values on one day, the higher.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from posology.endpoints.ca125 import NEVER, PUBLISHED, Ca125Results, GcigRules, Reason, assess_ca125
from posology.endpoints.recist import Response
from posology.shared.arrays import Floats, Ints
from posology.shared.findings import Finding

UNITS = {
    "u/ml": 1.0,
    "iu/ml": 1.0,
    "ku/l": 1.0,
    "kiu/l": 1.0,
    "[iu]/ml": 1.0,
    "[arb'u]/ml": 1.0,
    "k[iu]/l": 1.0,
    "k[arb'u]/l": 1.0,
    "u/l": 0.001,
    "iu/l": 0.001,
    "mu/l": 0.000001,
    "mu/ml": 0.001,
}
"""What one of a unit is in U/mL, by the unit's name in lower case."""


@dataclass(frozen=True)
class Ca125Value:
    """One CA-125 result as it was reported.

    Parameters
    ----------
    patient
        whose it is.
    on
        the day it was taken; None where that is unknown.
    value
        the result: a number, or the text that was reported ("<5").
    upper_limit
        the laboratory's upper limit of normal, in the same unit.
    unit
        the unit of both.
    laboratory
        which laboratory measured it; empty where unknown.
    """

    patient: str
    on: date | None
    value: float | str | None
    upper_limit: float | None
    unit: str = "U/mL"
    laboratory: str = ""


@dataclass(frozen=True)
class Series:
    """All patients' samples as arrays, a row a patient, in order of time, and what is wrong with them.

    ``blocked`` holds the :class:`~posology.endpoints.ca125.Reason` why a patient cannot be evaluated at all, else 0.
    Days are ordinals (``date.toordinal``).
    """

    patients: tuple[str, ...]
    value: Floats
    day: Ints
    upper_limit: Floats
    start: Ints
    antibodies: Floats
    interference: Floats
    blocked: Ints
    findings: tuple[Finding, ...]

    def course(self, *, cutoff: date | None = None, rules: GcigRules = PUBLISHED) -> Ca125Results:
        """Return what the samples amount to (see :func:`posology.endpoints.ca125.assess_ca125`)."""
        return assess_ca125(
            self.value,
            self.day,
            self.upper_limit,
            self.start,
            antibodies=self.antibodies,
            interference=self.interference,
            blocked=self.blocked,
            rules=rules,
            cutoff=None if cutoff is None else cutoff.toordinal(),
        )

    def on(self, column: Ints) -> tuple[date | None, ...]:
        """Return the date of each patient's sample in a column, None for ``NEVER``."""
        return tuple(date.fromordinal(int(self.day[i, k])) if k >= 0 else None for i, k in enumerate(column))

    def text(self, found: Ca125Results) -> tuple[str, ...]:
        """Return each patient's CA-125 course in words."""
        return tuple(_words(found, i) for i in range(len(self.patients)))


def _words(found: Ca125Results, i: int) -> str:
    reason, best = Reason(found.reason[i]), Response(found.best[i])
    progressed = found.progression[i] != NEVER
    if reason:
        why = f"not evaluable, because {reason.text}"
        return f"progression; response {why}" if progressed else why
    if best in (Response.CR, Response.PR):
        kind = "complete response" if best is Response.CR else "partial response"
        return f"{kind}, then progression" if progressed else kind
    if progressed:
        return "progression"
    if found.awaiting[i] != NEVER:
        return "response awaiting confirmation"
    return "no response" if best is Response.SD else "not evaluable, because no sample was taken on treatment"


def arrange_samples(
    samples: Iterable[Ca125Value],
    first_dose: Mapping[str, date],
    *,
    antibodies: Mapping[str, date] | None = None,
    interference: Mapping[str, Sequence[date]] | None = None,
    cutoff: date | None = None,
) -> Series:
    """Return the samples of each patient as arrays, and the findings.

    Parameters
    ----------
    samples
        in any order.
    first_dose
        each treated patient's first day of treatment; patients without samples are kept.
    antibodies
        when a patient was given mouse antibodies, for an assay they disturb.
    interference
        when a patient's peritoneum or pleura were operated on or drained.
    cutoff
        the last day that counts: a sample after it is left out, and gives no finding.

    Examples
    --------
    >>> series = arrange_samples(
    ...     [
    ...         Ca125Value("001", date(2013, 1, 5), 400, 35),
    ...         Ca125Value("001", date(2013, 1, 31), "150 U", 35),
    ...     ],
    ...     {"001": date(2013, 1, 10)},
    ... )
    >>> print(series.findings[0])
    patient 001, 2013-01-31, value: is '150 U'; it must be a number
    >>> series.text(series.course())[0]
    'not evaluable, because a sample cannot be read'
    """
    rows = [s for s in samples if cutoff is None or s.on is None or s.on <= cutoff]
    rows.sort(key=lambda s: (s.patient, s.on is None, s.on or date.min, repr(s.value), repr(s.upper_limit), s.unit))
    names = tuple(sorted({s.patient for s in rows} | set(first_dose)))
    findings: list[Finding] = []
    blocked = dict.fromkeys(names, 0)
    read: dict[str, list[tuple[date, float, float]]] = defaultdict(list)
    for sample in rows:
        one = _read(sample, findings)
        if one is None:
            blocked[sample.patient] = int(Reason.UNREADABLE)
        else:
            read[sample.patient].append(one)
    for name in names:
        if name not in first_dose:
            findings.append(Finding(name, None, "first_dose", "is missing", "CA-125 is read from the first dose on"))
            blocked[name] = int(Reason.NOT_TREATED)
        findings += _same_day(name, read[name])
    findings += _laboratories(rows)

    width = max([1, *(len(r) for r in read.values())])
    value, limit = np.full((len(names), width), np.nan), np.full((len(names), width), np.nan)
    day = np.zeros((len(names), width), dtype=np.int64)
    start = np.array([first_dose.get(name, date.min).toordinal() for name in names], dtype=np.int64)
    mice, surgery = antibodies or {}, interference or {}
    times = max([len(surgery.get(name, ())) for name in names], default=0)
    operated = np.full((len(names), times), np.nan)
    for i, name in enumerate(names):
        for k, (on, size, upper) in enumerate(read[name]):
            value[i, k], day[i, k], limit[i, k] = size, on.toordinal(), upper
        for k, at in enumerate(sorted(surgery.get(name, ()))):
            operated[i, k] = at.toordinal()
    given = np.array([mice[name].toordinal() if name in mice else np.nan for name in names], dtype=np.float64)
    return Series(
        names,
        value,
        day,
        limit,
        start,
        given,
        operated,
        np.array([blocked[n] for n in names], dtype=np.int64),
        tuple(findings),
    )


def _read(sample: Ca125Value, findings: list[Finding]) -> tuple[date, float, float] | None:
    """Return the sample's day, value and upper limit [U/mL]; None, with a finding, where one cannot be read."""

    def wrong(field: str, what: str, right: str) -> None:
        findings.append(Finding(sample.patient, sample.on, field, what, right))

    factor = UNITS.get(sample.unit.strip().replace(" ", "").casefold())
    limit = sample.upper_limit
    bad = False
    if sample.on is None:
        wrong("on", "is missing", "a sample needs the day it was taken")
        bad = True
    if factor is None:
        wrong("unit", f"is {sample.unit!r}" if sample.unit else "is missing", "CA-125 is in U/mL or kU/L")
        bad = True
    if limit is None or not 0 < limit < float("inf"):
        wrong("upper_limit", "is missing" if limit is None else f"is {limit:g}", "an upper limit lies above 0")
        bad = True
    value, below = _number(sample, wrong)
    if value is None or bad or factor is None or limit is None or sample.on is None:
        return None
    if below and value > limit:
        wrong(
            "value",
            f"is {str(sample.value).strip()!r}",
            f"only below the upper limit of {limit:g} is that known well enough",
        )
        return None
    if below:
        wrong("value", f"is {str(sample.value).strip()!r}", f"read as {value:g}, within the normal range")
    return sample.on, value * factor, limit * factor


def _number(sample: Ca125Value, wrong: object) -> tuple[float | None, bool]:
    """Return the value, and whether it was reported as lying below it."""
    assert callable(wrong)
    raw = sample.value
    text = "" if raw is None else str(raw).strip()
    below = text.startswith(("<", "≤"))
    try:
        number = float(text.lstrip("<≤= ")) if below else float(text)
    except ValueError:
        if text.startswith((">", "≥")):
            wrong("value", f"is {text!r}", "a value above the range of the assay must be diluted and measured")
        else:
            wrong("value", f"is {text!r}" if text else "is missing", "it must be a number")
        return None, False
    if not 0 <= number < float("inf"):
        wrong("value", f"is {text}", "it cannot be negative" if number < 0 else "it must be a number")
        return None, False
    return number, below


def _same_day(patient: str, read: list[tuple[date, float, float]]) -> list[Finding]:
    """Find days with two different values."""
    by_day: dict[date, set[float]] = defaultdict(set)
    for on, value, _ in read:
        by_day[on].add(value)
    return [
        Finding(
            patient, on, "value", f"is {' and '.join(f'{v:g}' for v in sorted(values))} on one day", "the higher counts"
        )
        for on, values in sorted(by_day.items())
        if len(values) > 1
    ]


def _laboratories(rows: list[Ca125Value]) -> list[Finding]:
    """Find limits that differ: within one laboratory, and within one patient (the assay changed)."""
    found = []

    def limit(s: Ca125Value) -> float:
        assert s.upper_limit is not None  # of those known alone
        return s.upper_limit * UNITS.get(s.unit.strip().replace(" ", "").casefold(), 1.0)

    known = [s for s in rows if s.upper_limit is not None and s.upper_limit > 0]
    for who, kind in ((lambda s: s.laboratory, "laboratory"), (lambda s: s.patient, "patient")):
        groups: dict[str, Counter[float]] = defaultdict(Counter)
        for s in known:
            groups[who(s)][limit(s)] += 1
        for s in known:
            seen = groups[who(s)]
            usual = min(seen, key=lambda x, seen=seen: (-seen[x], x))  # type: ignore[misc]
            if who(s) and len(seen) > 1 and limit(s) != usual:
                where = f"laboratory {s.laboratory}" if kind == "laboratory" else "the patient's other samples"
                right = (
                    "a laboratory has one upper limit" if kind == "laboratory" else "one assay must be used throughout"
                )
                found.append(
                    Finding(s.patient, s.on, "upper_limit", f"is {limit(s):g}, but {usual:g} in {where}", right)
                )
    return found
