"""What each patient was exposed to: in the first cycle, by the samples or by a model, and on average until a day.

The first cycle's exposure follows from the first dose alone: it is settled before dose reductions, delays and most
events, so that it can be set against what came later. By the samples it is that of Gabrielsson and Weiner (see
:mod:`posology.pharmacology.nca.parameters`); by a model, that of the patient's most likely parameters.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from posology.pharmacology.nca.auc import concentration_at
from posology.pharmacology.nca.parameters import MAX_PERCENT_EXTRAPOLATED, nca
from posology.pharmacology.nca.profiles import Route
from posology.pharmacology.pk_models.base import StructuralModel
from posology.pharmacology.pk_models.data import PkDataset
from posology.shared.arrays import Floats

GAUSS_PANELS = np.array([0.0, 1e-4, 1e-3, 1e-2, 0.03, 0.1, 0.3, 0.6, 1.0])
"""Where an interval between doses is cut for integration: finely after its start, where concentrations bend."""
GAUSS_NODES = 10
MIN_TAU_FRACTION = 0.95
"""A last sample so near to τ, as part of it, is the trough where no terminal slope leads on to it."""


@dataclass(frozen=True)
class FirstCycle:
    """Exposure of the first cycle of length τ, arrays (patients,): AUC from 0 to τ, Cmax, and Ctrough, that at τ.

    ``why`` says of each patient what it rests on where that is weak; NaN is what cannot be determined.
    """

    auc: Floats
    c_max: Floats
    c_trough: Floats
    why: tuple[tuple[str, ...], ...]


def first_cycle_from_samples(
    time: Floats, concentration: Floats, tau: float, *, duration: float | Floats = 0.0, bolus: bool = False
) -> FirstCycle:
    """Return the exposure of the first cycle by trapezoids (linear up, logarithmic down).

    Where the samples end before τ the terminal slope goes on to it; where there is none, a value below quantification
    after the last measurable one ends the profile.

    Parameters
    ----------
    time, concentration
        (patients, samples): since the first dose, as :func:`posology.pharmacology.nca.parameters.nca` takes them.
    tau
        the length of the cycle.
    duration
        of the infusion, one or (patients,): λz takes no point before its end. 0 where not known.
    bolus
        whether the dose was a bolus: where none was sampled, the concentration at it is then back-extrapolated (and no
        Cmax), else 0.

    Raises
    ------
    ValueError
        if ``tau`` is not above 0; and as :func:`posology.pharmacology.nca.parameters.nca`.

    Examples
    --------
    >>> t = np.array([[0.0, 1, 2, 4, 8]])
    >>> found = first_cycle_from_samples(t, 10 * np.exp(-0.5 * t), 8.0, bolus=True)
    >>> round(float(found.auc[0]), 4), round(float(found.c_trough[0]), 4)  # 20 (1 − e^−4)
    (19.6337, 0.1832)
    """
    if not tau > 0:
        raise ValueError(f"the cycle is of length {tau:g}; it is above 0")
    time, concentration = np.atleast_2d(np.asarray(time, float)), np.atleast_2d(np.asarray(concentration, float))
    length = np.broadcast_to(np.asarray(duration, float), len(time))
    found = {name: np.full(len(time), np.nan) for name in ("auc", "c_max", "c_trough")}
    why: list[tuple[str, ...]] = [()] * len(time)
    for infused in (True, False):
        rows = np.flatnonzero((length > 0) == infused)
        if not len(rows):
            continue
        route: Route = "infusion" if infused else "bolus" if bolus else "extravascular"
        result = nca(time[rows], concentration[rows], route=route, duration=length[rows] if infused else 0.0)
        area = result.partial(0.0, tau)
        trough = concentration_at(result.time, result.concentration, tau, result.slope.lambda_z, result.method)
        none = result.c_max == 0
        low = (
            (time[rows] > np.where(none, -1.0, result.t_last)[:, None])
            & (time[rows] <= tau)
            & (concentration[rows] == 0)
        )
        cut = np.isnan(area) & low.any(axis=1)
        near = np.isnan(area) & ~cut & (result.t_last >= MIN_TAU_FRACTION * tau)
        area = np.where(
            cut, result.auc_all, np.where(near, result.auc_last + result.c_last * (tau - result.t_last), area)
        )
        trough = np.where(cut, 0.0, np.where(near, result.c_last, trough))
        with np.errstate(invalid="ignore", divide="ignore"):
            beyond = np.where(result.t_last < tau, 100 * (1 - result.auc_last / area), 0.0)
        found["auc"][rows], found["c_max"][rows], found["c_trough"][rows] = area, result.c_max, trough
        for i, row in enumerate(rows):
            said = []
            if cut[i]:
                said.append("no terminal slope: the profile ends below quantification, and the trough is 0")
            elif np.isnan(area[i]):
                said.append(
                    f"the samples end at {result.t_last[i]:.3g}, before the cycle does, and there is no terminal slope"
                )
            elif beyond[i] > MAX_PERCENT_EXTRAPOLATED:
                said.append(f"{beyond[i]:.1f} % of the cycle's AUC is extrapolated")
            why[row] = tuple(said)
    return FirstCycle(found["auc"], found["c_max"], found["c_trough"], tuple(why))


def first_cycle_from_model(form: StructuralModel, data: PkDataset, phi: Floats, tau: float) -> FirstCycle:
    """Return the exposure of the first cycle as a model has it after the first dose alone.

    Parameters
    ----------
    form, data
        the model, and the doses given.
    phi
        (patients, parameters): the logs of each patient's parameters.
    tau
        the length of the cycle.

    Raises
    ------
    ValueError
        if ``tau`` is not above 0.

    Examples
    --------
    >>> from posology.pharmacology.pk_models.data import SubjectData, pk_dataset
    >>> from posology.pharmacology.pk_models.linear import ONE_COMPARTMENT
    >>> data = pk_dataset([SubjectData("1", [(0.0, 100.0, 0.0, 0.0), (8.0, 50.0, 0.0, 0.0)], [(1.0, 6.0, False)])])
    >>> found = first_cycle_from_model(ONE_COMPARTMENT, data, np.log([[5.0, 10.0]]), 8.0)
    >>> round(float(found.auc[0]), 4), round(float(found.c_max[0]), 4), round(float(found.c_trough[0]), 4)
    (19.6337, 10.0, 0.1832)
    """
    if not tau > 0:
        raise ValueError(f"the cycle is of length {tau:g}; it is above 0")
    first = np.argmin(np.where(data.amount > 0, data.dose_time, np.inf), axis=1)[:, None]
    is_first = np.arange(data.amount.shape[1]) == first
    one = replace(data, dose_time=np.zeros(data.amount.shape), amount=np.where(is_first, data.amount, 0.0))
    length = np.take_along_axis(data.duration, first, axis=1)
    until = np.full(len(data), float(tau))
    grid = (
        np.concatenate([np.sort(np.concatenate([np.linspace(0, 1, 1001), np.geomspace(1e-5, 1, 1000)])), [1.0]]) * tau
    )
    times = np.concatenate([np.broadcast_to(grid, (len(data), len(grid))), np.minimum(length, tau)], axis=1)
    seen = form.predict(one.at(times), phi)
    return FirstCycle(_area(form, one, phi, until), seen.max(axis=1), seen[:, -2], ((),) * len(data))


def average_concentration_until(form: StructuralModel, data: PkDataset, phi: Floats, until: Floats) -> Floats:
    """Return the average concentration from the first dose to a time, (patients,), by the doses given up to it.

    ``until`` is (patients,), above 0, since the first dose; parameters as :func:`first_cycle_from_model`.

    Raises
    ------
    ValueError
        naming the patient whose time is not above 0.
    """
    until = np.asarray(until, float)
    if not (until > 0).all():
        row = int(np.argmin(until > 0))
        raise ValueError(f"patient {data.names[row]}: an average until {until[row]:g}; the time is above 0")
    begin = np.where(data.amount > 0, data.dose_time, np.inf).min(axis=1)
    moved = replace(data, dose_time=np.where(data.amount > 0, data.dose_time - begin[:, None], 0.0))
    return np.asarray(_area(form, moved, phi, until) / until)


def _area(form: StructuralModel, data: PkDataset, phi: Floats, until: Floats) -> Floats:
    """Return the area from 0 to ``until``: Gauss and Legendre's rule on the parts between doses and ends of
    infusions."""
    given = data.amount > 0
    edges = np.concatenate(
        [
            np.zeros((len(data), 1)),
            np.where(given, data.dose_time, 0.0),
            np.where(given, data.dose_time + data.duration, 0.0),
            until[:, None],
        ],
        axis=1,
    )
    edges = np.sort(np.clip(edges, 0.0, until[:, None]), axis=1)
    begin, width = edges[:, :-1, None], np.diff(edges, axis=1)[:, :, None]
    cuts = (begin + width * GAUSS_PANELS).reshape(len(data), -1, len(GAUSS_PANELS))
    low, size = cuts[:, :, :-1, None], np.diff(cuts, axis=2)[..., None]
    at, weight = np.polynomial.legendre.leggauss(GAUSS_NODES)
    times = (low + size * (at + 1) / 2).reshape(len(data), -1)
    weights = (size * weight / 2).reshape(len(data), -1)
    return np.asarray((form.predict(data.at(times), phi) * weights).sum(axis=1))
