"""Doses given and concentrations measured, patient by patient: what a model is fitted to."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import NoReturn

import numpy as np

from posology.pharmacology.blq import is_blq
from posology.shared.arrays import Bools, Floats, Ints


@dataclass(frozen=True)
class Period:
    """A time in which a patient's parameters stay as they are: one occasion, and covariates that change no more often.

    It holds from the end of the period before it up to ``until``; the last one holds on. So does NONMEM: it advances
    from one record to the next with the values of the latter.
    """

    until: float
    occasion: str = ""
    covariates: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class SubjectData:
    """One patient's doses and samples, in order of time.

    ``doses`` are (time, amount, duration of infusion, dosing interval if the dose is given at steady state, else 0);
    ``samples`` are (time, concentration, below quantification). Below quantification, the concentration is the limit. A
    dose at steady state replaces all before it. A sample at the time of a dose was taken before it, unless
    ``after_dose`` says of how many doses at its time, in their order, it was taken after (True: of all). ``covariates``
    are constant; what changes is in ``periods``, to which doses and samples belong by their time, or as ``dose_period``
    and ``sample_period`` say (from 0). By its time, a dose where one period ends and the next begins belongs to the
    next, and a sample to the earlier unless it is after such a dose. ``analyte`` says of each sample what was measured,
    from 0; empty, it is the one analyte. ``replaces`` says of each dose whether it replaces all before it, where it is not
    the ones at steady state that do: a dose that begins anew, or one whose steady state is added to what is there.
    """

    name: str
    doses: Sequence[tuple[float, float, float, float]]
    samples: Sequence[tuple[float, float, bool]]
    after_dose: Sequence[bool | int] = ()
    covariates: Mapping[str, float] = field(default_factory=dict)
    periods: Sequence[Period] = ()
    dose_period: Sequence[int] = ()
    sample_period: Sequence[int] = ()
    analyte: Sequence[int] = ()
    replaces: Sequence[bool] = ()


@dataclass(frozen=True)
class PkDataset:
    """All patients as arrays: doses (patients, doses), samples (patients, samples), filled up with zeros.

    ``observed`` marks the samples there are, ``below`` those below quantification (their ``value`` is the limit).
    ``replaces`` (patients, doses) marks doses after which nothing is left of those before, as at steady state, and
    ``dose_counts`` (patients, samples, doses) which doses matter to a sample: given before it, and not before another
    that replaces them. ``period_start`` (patients, periods) is when each period begins, −∞ the first, ∞ where none is,
    and ``occasion`` the occasion it belongs to, by its place among the patient's ``occasions``. ``covariates`` are
    (patients,), or (patients, periods) where they change. ``analyte`` (patients, samples) is what was measured, by its
    place among ``analytes``.
    """

    names: tuple[str, ...]
    dose_time: Floats
    amount: Floats
    duration: Floats
    interval: Floats
    replaces: Bools
    time: Floats
    value: Floats
    below: Bools
    observed: Bools
    dose_counts: Bools
    covariates: Mapping[str, Floats]
    period_start: Floats
    occasion: Ints
    dose_period: Ints
    sample_period: Ints
    occasions: tuple[tuple[str, ...], ...]
    analyte: Ints
    analytes: tuple[str, ...] = ("",)

    def __len__(self) -> int:
        return len(self.names)

    @property
    def samples(self) -> int:
        """How many concentrations there are."""
        return int(self.observed.sum())

    @property
    def periods(self) -> int:
        """How many periods the patient with the most has."""
        return int(self.period_start.shape[1])

    def refuse_new_beginnings(self, what: str) -> None:
        """Refuse doses that replace what is there without being at steady state, and steady states that do not.

        Raises
        ------
        ValueError
            naming the patient and ``what`` cannot have them.
        """
        odd = ((self.replaces != (self.interval > 0)) & (self.amount > 0)).any(axis=1)
        if odd.any():
            raise ValueError(
                f"patient {self.names[int(np.argmax(odd))]}: a reset (EVID 3, 4) or SS 2 is of the linear models without "
                f"{what} alone; leave it to NONMEM, or name each period as a patient of its own"
            )

    @cached_property
    def by_period(self) -> PeriodRows:
        """The periods as rows of their own, as a piecewise prediction takes them."""
        return period_rows(self)

    def at(self, time: Floats) -> PkDataset:
        """Return the same patients and doses with other times of sampling, (patients, times) or (times,), nothing
        measured.

        All are of the first analyte.
        """
        time = np.broadcast_to(time, (len(self), np.shape(time)[-1])).astype(float)
        counts = _latest(self.replaces, (self.amount > 0)[:, None] & (self.dose_time[:, None] <= time[:, :, None]))
        nothing = np.zeros(time.shape, bool)
        return replace(
            self,
            time=time,
            value=np.zeros(time.shape),
            below=nothing,
            observed=~nothing,
            dose_counts=counts,
            sample_period=_sampled(time, self.period_start, counts, self.dose_period),
            analyte=np.zeros(time.shape, int),
        )

    def subset(self, rows: Sequence[int]) -> PkDataset:
        """Return some of the patients."""
        pick = list(rows)
        return PkDataset(
            tuple(self.names[i] for i in pick),
            self.dose_time[pick],
            self.amount[pick],
            self.duration[pick],
            self.interval[pick],
            self.replaces[pick],
            self.time[pick],
            self.value[pick],
            self.below[pick],
            self.observed[pick],
            self.dose_counts[pick],
            {name: values[pick] for name, values in self.covariates.items()},
            self.period_start[pick],
            self.occasion[pick],
            self.dose_period[pick],
            self.sample_period[pick],
            tuple(self.occasions[i] for i in pick),
            self.analyte[pick],
            self.analytes,
        )

    def with_values(self, value: Floats, limit: float = 0.0) -> PkDataset:
        """Return the same samples with other concentrations; what is under ``limit`` is below quantification."""
        below = self.observed & is_blq(value, limit)
        return replace(self, value=np.where(below, limit, value), below=below)


def _latest(replaces: Bools, counts: Bools) -> Bools:
    """Leave out the doses before the latest one that replaces them among those that count."""
    order = np.arange(replaces.shape[1])
    last = np.where(counts & replaces[:, None], order, -1).max(axis=2, initial=-1)
    return np.asarray(counts & (order >= last[..., None]))


def _sampled(time: Floats, begins: Floats, counts: Bools, dose_period: Ints) -> Ints:
    """Return the period of each sample: by its time, but none earlier than that of a dose it is after."""
    by_time = (begins[:, None] < time[:, :, None]).sum(axis=2) - 1
    return np.asarray(np.maximum(by_time, np.where(counts, dose_period[:, None], 0).max(axis=2, initial=0)))


def pk_dataset(patients: Sequence[SubjectData], analytes: Sequence[str] = ("",)) -> PkDataset:
    """Gather patients into arrays; ``analytes`` names what was measured, where it is more than one thing.

    Raises
    ------
    ValueError
        naming the patient, if there is no dose or no sample, a dose, duration or concentration cannot be, a limit of
        quantification is missing, a covariate is missing, periods do not follow each other, or a sample is of an analyte without a name.

    Examples
    --------
    >>> one = SubjectData("1", [(0.0, 100.0, 1.0, 0.0)], [(2.0, 8.1, False), (24.0, 0.5, True)])
    >>> pk_dataset([one]).samples
    2
    """
    if not patients:
        raise ValueError("no patient: a fit needs one at least")
    known = sorted(
        {name for p in patients for held in (p.covariates, *(q.covariates for q in p.periods)) for name in held}
    )
    for p in patients:
        _check(p, known, len(analytes))
    count, doses = len(patients), max(len(p.doses) for p in patients)
    samples, periods = max(len(p.samples) for p in patients), max(len(p.periods) or 1 for p in patients)
    given, taken = np.zeros((4, count, doses)), np.zeros((3, count, samples))
    replaces = np.zeros((count, doses), bool)
    observed, after = np.zeros((count, samples), bool), np.zeros((count, samples), int)
    begins, occasion = np.full((count, periods), np.inf), np.zeros((count, periods), int)
    dose_period, sample_period = np.zeros((count, doses), int), np.full((count, samples), -1)
    analyte = np.zeros((count, samples), int)
    begins[:, 0] = -np.inf
    occasions = []
    for row, p in enumerate(patients):
        order = sorted(range(len(p.doses)), key=lambda i, p=p: p.doses[i][0])  # type: ignore[misc]
        given[:, row, : len(order)] = np.array([p.doses[i] for i in order], float).T
        taken[:, row, : len(p.samples)] = np.array(p.samples, float).T
        replaces[row, : len(order)] = [p.replaces[i] if p.replaces else p.doses[i][3] > 0 for i in order]
        observed[row, : len(p.samples)] = True
        after[row, : len(p.after_dose)] = [doses if given_all is True else given_all for given_all in p.after_dose]
        begins[row, 1 : len(p.periods)] = [q.until for q in p.periods[:-1]]
        labels = list(dict.fromkeys(q.occasion for q in p.periods)) or [""]
        occasions.append(tuple(labels))
        occasion[row, : len(p.periods)] = [labels.index(q.occasion) for q in p.periods]
        own = (begins[row] <= given[0, row, : len(order), None]).sum(axis=1) - 1
        dose_period[row, : len(order)] = [p.dose_period[i] for i in order] if p.dose_period else own
        sample_period[row, : len(p.sample_period)] = p.sample_period
        analyte[row, : len(p.analyte)] = p.analyte
    time, dose_time = taken[0][:, :, None], given[0][:, None, :]
    at_once = dose_time == time
    counts = (given[1][:, None, :] > 0) & (
        (dose_time < time) | (at_once & (np.cumsum(at_once, axis=2) <= after[:, :, None]))
    )
    counts = _latest(replaces, counts)
    sample_period = np.where(sample_period < 0, _sampled(taken[0], begins, counts, dose_period), sample_period)
    return PkDataset(
        tuple(p.name for p in patients),
        given[0],
        given[1],
        given[2],
        given[3],
        replaces,
        taken[0],
        taken[1],
        taken[2].astype(bool),
        observed,
        counts,
        {n: _covariate(patients, n, periods) for n in known},
        begins,
        occasion,
        dose_period,
        sample_period,
        tuple(occasions),
        analyte,
        tuple(analytes),
    )


def _covariate(patients: Sequence[SubjectData], name: str, periods: int) -> Floats:
    """Return a covariate, (patients,), or (patients, periods) if it changes; a patient's last value fills up
    the row."""
    rows = []
    for p in patients:
        own = [q.covariates.get(name, p.covariates.get(name, np.nan)) for q in p.periods] or [p.covariates[name]]
        rows.append(own + [own[-1]] * (periods - len(own)))
    values = np.array(rows, float)
    return values if (values != values[:, :1]).any() else values[:, 0]


def _check(p: SubjectData, known: Sequence[str], analytes: int) -> None:
    def refuse(text: str) -> NoReturn:
        raise ValueError(f"patient {p.name}: {text}")

    if not p.doses:
        refuse("no dose; a concentration without a dose cannot be fitted")
    if not p.samples:
        refuse("no concentration; leave the patient out")
    if p.analyte and len(p.analyte) != len(p.samples):
        refuse(f"{len(p.samples)} samples, and the analyte of {len(p.analyte)}; each sample has one")
    if p.analyte and not 0 <= min(p.analyte) <= max(p.analyte) < analytes:
        refuse(f"analyte {max(p.analyte, key=abs)}; they are numbered from 0, and {analytes} named")
    _check_doses(p, refuse)
    _check_samples(p, refuse)
    _check_periods(p, known, refuse)


def _check_doses(p: SubjectData, refuse: Callable[[str], NoReturn]) -> None:
    for time, amount, duration, interval in p.doses:
        if not (np.isfinite(time) and amount > 0 and np.isfinite(amount)):
            refuse(f"dose {amount:g} at time {time:g}; a dose is above 0")
        if duration < 0 or interval < 0:
            refuse(f"dose at time {time:g}: duration {duration:g}, interval {interval:g}; neither is negative")


def _check_samples(p: SubjectData, refuse: Callable[[str], NoReturn]) -> None:
    for time, value, below in p.samples:
        if not (np.isfinite(time) and np.isfinite(value) and value >= 0):
            refuse(f"concentration {value:g} at time {time:g}; it is 0 or above")
        if below and value <= 0:
            refuse(f"time {time:g}: below quantification, but the limit is {value:g}; it is above 0")


def _check_periods(p: SubjectData, known: Sequence[str], refuse: Callable[[str], NoReturn]) -> None:
    for earlier, later in zip(p.periods, p.periods[1:], strict=False):
        if not earlier.until <= later.until:
            refuse(
                f"a period until {later.until:g} follows one until {earlier.until:g}; they follow each other in time"
            )
    for values in [{**p.covariates, **q.covariates} for q in p.periods] or [dict(p.covariates)]:
        missing = [name for name in known if not np.isfinite(values.get(name, np.nan))]
        if missing:
            refuse(f"{missing[0]} is missing; every patient needs each covariate")


@dataclass(frozen=True)
class PeriodRows:
    """Each period of each patient as a row: its doses, with infusions cut where periods end, and its points of time.

    ``data`` has patients × periods rows; its samples are those of the period, and in the last column the period's end.
    ``since`` is the time since the period began; ``carried`` marks the points at which what was there then still counts
    (it does until a dose at steady state). ``row`` and ``column`` (patients, samples) say where a sample is.
    """

    data: PkDataset
    since: Floats
    carried: Bools
    row: Ints
    column: Ints


def period_rows(data: PkDataset) -> PeriodRows:
    """Cut the doses and samples of each patient into periods.

    Raises
    ------
    ValueError
        naming patient and time, if a period ends during infusions at steady state that overlap; or where a dose begins
        anew (:meth:`PkDataset.refuse_new_beginnings`).
    """
    data.refuse_new_beginnings("parameters that change within a patient")
    count, periods = len(data), data.periods
    start = data.period_start.copy()
    start[:, 0] = np.where(data.amount > 0, data.dose_time, np.inf).min(axis=1)
    end = np.append(data.period_start[:, 1:], np.full((count, 1), np.inf), axis=1)
    pieces: list[
        list[tuple[int, float, float, float, float]]
    ] = []  # of doses: place, begin, amount, duration, interval
    points: list[list[int]] = []  # places of samples
    row, column = np.zeros(data.time.shape, int), np.zeros(data.time.shape, int)
    for p in range(count):
        steady = [(d, int(data.dose_period[p, d])) for d in np.nonzero(data.interval[p])[0]]
        for j in range(periods):
            held = []
            for d in np.nonzero(data.amount[p])[0]:
                begin, amount, length = data.dose_time[p, d], data.amount[p, d], data.duration[p, d]
                if any(d < later and period < j for later, period in steady):
                    continue  # replaced by a dose at steady state in an earlier period
                own, interval = data.dose_period[p, d] == j, data.interval[p, d]
                if length == 0:
                    if own:
                        held.append((int(d), begin, amount, 0.0, interval))
                    continue
                if interval and own:  # the series before it has this period's parameters, whatever comes during it
                    held.append((int(d), begin, amount, length, interval))
                    continue
                first, last = max(begin, start[p, j]), min(begin + length, end[p, j])
                if last > first and (not interval or j > data.dose_period[p, d]):
                    if interval and length > interval:
                        raise ValueError(
                            f"patient {data.names[p]}, time {begin:g}: the occasion or a covariate changes during "
                            "infusions at steady state that overlap; write the doses before it out"
                        )
                    held.append((int(d), first, amount * (last - first) / length, last - first, 0.0))
            pieces.append(held)
            own = np.nonzero(data.observed[p] & (data.sample_period[p] == j))[0].tolist()
            row[p, own], column[p, own] = p * periods + j, np.arange(len(own))
            points.append(own)
    doses, columns = max(map(len, pieces)), max(map(len, points)) + 1
    given = np.zeros((4, len(pieces), doses))
    counts, time = np.zeros((len(pieces), columns, doses), bool), np.zeros((len(pieces), columns))
    begun, ends = start.ravel(), end.ravel()
    for r, (held, own) in enumerate(zip(pieces, points, strict=True)):
        p = r // periods
        given[:, r, : len(held)] = np.array([d[1:] for d in held], float).reshape(-1, 4).T
        time[r] = ends[r] if np.isfinite(ends[r]) else begun[r] if np.isfinite(begun[r]) else 0.0
        time[r, : len(own)] = data.time[p, own]
        counts[r, -1, : len(held)] = np.isfinite(ends[r])
        counts[r, : len(own), : len(held)] = data.dose_counts[p][np.ix_(own, [d[0] for d in held])]
    steady_dose = given[3] > 0
    order = np.arange(doses)
    latest = np.where(counts & steady_dose[:, None], order, -1).max(axis=2, initial=-1)
    counts &= order >= latest[..., None]
    since = np.maximum(time - np.where(np.isfinite(begun), begun, time[:, -1])[:, None], 0.0)
    nothing = np.zeros(time.shape, bool)
    single, whole = np.zeros((len(pieces), 1)), np.zeros((len(pieces), doses), int)
    cut = PkDataset(
        tuple(n for n in data.names for _ in range(periods)),
        given[0],
        given[1],
        given[2],
        given[3],
        steady_dose,
        time,
        np.zeros(time.shape),
        nothing,
        ~nothing,
        counts,
        {},
        single - np.inf,
        single.astype(int),
        whole,
        np.zeros(time.shape, int),
        ((),) * len(pieces),
        np.zeros(time.shape, int),
    )
    return PeriodRows(cut, since, latest < 0, row, column)
