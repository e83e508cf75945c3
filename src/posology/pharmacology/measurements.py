"""Doses given and concentrations measured, patient by patient: what a model is fitted to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from posology.pharmacology.areas import Bools, Floats


@dataclass(frozen=True)
class Patient:
    """One patient's doses and samples, in order of time.

    ``doses`` are (time, amount, duration of infusion, dosing interval if the dose is given at steady state, else 0);
    ``samples`` are (time, concentration, below quantification). Below quantification, the concentration is the limit.
    A sample at the time of a dose was taken before it, unless ``after_dose`` says otherwise for that sample.
    """

    name: str
    doses: Sequence[tuple[float, float, float, float]]
    samples: Sequence[tuple[float, float, bool]]
    after_dose: Sequence[bool] = ()
    covariates: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Measurements:
    """All patients as arrays: doses (patients, doses), samples (patients, samples), filled up with zeros.

    ``observed`` marks the samples there are, ``below`` those below quantification (their ``value`` is the limit), and
    ``counts`` (patients, samples, doses) which doses precede a sample.
    """

    names: tuple[str, ...]
    dose_time: Floats
    amount: Floats
    duration: Floats
    interval: Floats
    time: Floats
    value: Floats
    below: Bools
    observed: Bools
    counts: Bools
    covariates: Mapping[str, Floats]

    def __len__(self) -> int:
        return len(self.names)

    @property
    def samples(self) -> int:
        """How many concentrations there are."""
        return int(self.observed.sum())

    def at(self, time: Floats) -> Measurements:
        """Return the same patients and doses with other times of sampling, (patients, times) or (times,), nothing measured."""
        time = np.broadcast_to(time, (len(self), np.shape(time)[-1])).astype(float)
        counts = (self.amount[:, None, :] > 0) & (self.dose_time[:, None, :] <= time[:, :, None])
        nothing = np.zeros(time.shape, bool)
        return Measurements(
            self.names, self.dose_time, self.amount, self.duration, self.interval, time, np.zeros(time.shape), nothing,
            ~nothing, counts, self.covariates,
        )  # fmt: skip

    def only(self, rows: Sequence[int]) -> Measurements:
        """Return some of the patients."""
        pick = list(rows)
        return Measurements(
            tuple(self.names[i] for i in pick), self.dose_time[pick], self.amount[pick], self.duration[pick],
            self.interval[pick], self.time[pick], self.value[pick], self.below[pick], self.observed[pick],
            self.counts[pick], {name: values[pick] for name, values in self.covariates.items()},
        )  # fmt: skip

    def replaced(self, value: Floats, limit: float = 0.0) -> Measurements:
        """Return the same samples with other concentrations; what is under ``limit`` is below quantification."""
        below = self.observed & (value < limit)
        return Measurements(
            self.names, self.dose_time, self.amount, self.duration, self.interval, self.time,
            np.where(below, limit, value), below, self.observed, self.counts, self.covariates,
        )  # fmt: skip


def measurements(patients: Sequence[Patient]) -> Measurements:
    """Gather patients into arrays.

    Raises
    ------
    ValueError
        naming the patient, if there is no dose or no sample, a dose, duration or concentration cannot be, a limit of
        quantification is missing, an infusion at steady state is longer than the dosing interval, or a covariate is
        missing.

    Examples
    --------
    >>> one = Patient("1", [(0.0, 100.0, 1.0, 0.0)], [(2.0, 8.1, False), (24.0, 0.5, True)])
    >>> measurements([one]).samples
    2
    """
    if not patients:
        raise ValueError("no patient: a fit needs one at least")
    known = sorted({name for p in patients for name in p.covariates})
    for p in patients:
        _check(p, known)
    count, doses = len(patients), max(len(p.doses) for p in patients)
    samples = max(len(p.samples) for p in patients)
    given = np.zeros((4, count, doses))
    taken = np.zeros((3, count, samples))
    observed, after = np.zeros((count, samples), bool), np.zeros((count, samples), bool)
    for row, p in enumerate(patients):
        given[:, row, : len(p.doses)] = np.array(p.doses, float).T
        taken[:, row, : len(p.samples)] = np.array(p.samples, float).T
        observed[row, : len(p.samples)] = True
        after[row, : len(p.after_dose)] = p.after_dose
    time, dose_time = taken[0][:, :, None], given[0][:, None, :]
    counts = (given[1][:, None, :] > 0) & ((dose_time < time) | ((dose_time == time) & after[:, :, None]))
    return Measurements(
        tuple(p.name for p in patients), given[0], given[1], given[2], given[3], taken[0], taken[1],
        taken[2].astype(bool), observed, counts, {n: np.array([p.covariates[n] for p in patients]) for n in known},
    )  # fmt: skip


def _check(p: Patient, known: Sequence[str]) -> None:
    def refuse(text: str) -> None:
        raise ValueError(f"patient {p.name}: {text}")

    if not p.doses:
        refuse("no dose; a concentration without a dose cannot be fitted")
    if not p.samples:
        refuse("no concentration; leave the patient out")
    for time, amount, duration, interval in p.doses:
        if not (np.isfinite(time) and amount > 0 and np.isfinite(amount)):
            refuse(f"dose {amount:g} at time {time:g}; a dose is above 0")
        if duration < 0 or interval < 0:
            refuse(f"dose at time {time:g}: duration {duration:g}, interval {interval:g}; neither is negative")
        if 0 < interval < duration:
            refuse(f"dose at time {time:g}: an infusion of {duration:g} every {interval:g}; it ends before the next")
    for time, value, below in p.samples:
        if not (np.isfinite(time) and np.isfinite(value) and value >= 0):
            refuse(f"concentration {value:g} at time {time:g}; it is 0 or above")
        if below and value <= 0:
            refuse(f"time {time:g}: below quantification, but the limit is {value:g}; it is above 0")
    missing = [name for name in known if name not in p.covariates or not np.isfinite(p.covariates[name])]
    if missing:
        refuse(f"{missing[0]} is missing; every patient needs each covariate")
