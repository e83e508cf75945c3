"""A lag time before absorption: every dose acts so much later.

The derivative by the lag is minus that by time, exact as the model's own are.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from posology.pharmacology.pk_models.data import PkDataset
from posology.pharmacology.pk_models.linear import ORAL, LinearModel, superposed_response
from posology.pharmacology.pk_models.mammillary import TWO_ORAL
from posology.shared.arrays import Floats


@dataclass(frozen=True)
class LaggedModel:
    """A linear model whose doses act ``tlag`` later, the first of its parameters.

    Examples
    --------
    >>> from posology.pharmacology.pk_models.data import SubjectData, pk_dataset
    >>> one = pk_dataset([SubjectData("1", [(0.0, 100.0, 0.0, 0.0)], [(0.4, 0.0, False), (2.0, 0.0, False)])])
    >>> ORAL_LAG.predict(one, np.log([[0.5, 1.0, 5.0, 50.0]])).round(3).tolist()
    [[0.0, 1.417]]
    """

    name: str
    model: LinearModel

    @property
    def parameters(self) -> tuple[str, ...]:
        """The names of the parameters, in order."""
        return ("tlag", *self.model.parameters)

    def predict(self, data: PkDataset, phi: Floats) -> Floats:
        """Return the concentrations (patients, samples) at log parameters ``phi`` (patients, parameters)."""
        return self.model.predict(_delayed(data, np.exp(phi[:, 0])), phi[:, 1:])

    def sensitivities(self, data: PkDataset, phi: Floats) -> tuple[Floats, Floats]:
        """Return the concentrations and their derivatives by the log parameters, (patients, samples, parameters)."""
        lag = np.exp(phi[:, 0])
        late = _delayed(data, lag)
        value, change = self.model.sensitivities(late, phi[:, 1:])
        weight, rate, _, _ = self.model.terms(phi[:, 1:])
        by_time = np.einsum("psn,pn->ps", _time_derivative(late, rate), weight)
        return value, np.concatenate([-(lag[:, None] * by_time)[..., None], change], axis=2)


def _delayed(data: PkDataset, lag: Floats) -> PkDataset:
    """Return the data with every dose ``lag`` (patients,) later.

    Raises
    ------
    ValueError
        naming the patient, where a dose is given at steady state.
    """
    if (data.interval > 0).any():
        row = int(np.argmax((data.interval > 0).any(axis=1)))
        raise ValueError(f"patient {data.names[row]}: a dose at steady state has no lag time here; write the doses out")
    dose_time = data.dose_time + lag[:, None]
    there = data.dose_counts & (dose_time[:, None, :] <= data.time[:, :, None])
    return replace(data, dose_time=dose_time, dose_counts=there)


def _time_derivative(data: PkDataset, rate: Floats) -> Floats:
    """Return the derivative by time of :func:`superposed_response`: − λ times it, and the input while it lasts."""
    unit, _ = superposed_response(data, rate)
    since = np.where(data.dose_counts, data.time[:, :, None] - data.dose_time[:, None, :], np.inf)
    running = (data.duration > 0)[:, None, :] & (since < data.duration[:, None, :]) & data.dose_counts
    speed = np.where(data.duration > 0, data.amount / np.where(data.duration > 0, data.duration, 1.0), 0.0)
    return np.asarray(-rate[:, None, :] * unit + (running * speed[:, None, :]).sum(axis=2)[..., None])


ORAL_LAG = LaggedModel("one compartment, first-order absorption after a lag time", ORAL)
TWO_ORAL_LAG = LaggedModel("two compartments, first-order absorption after a lag time", TWO_ORAL)
