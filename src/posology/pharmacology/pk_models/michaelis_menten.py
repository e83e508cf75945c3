"""What a fit needs of two compartments with saturable loss: concentrations and exact derivatives by the log parameters.

Beside linear clearance CL, the central compartment loses Vmax C / (Km + C) (Michaelis L, Menten ML. Biochem Z
1913;49:333-369): the loss of an antibody to a target that its lowest doses do not fill. The variational equations go
along with the concentrations (:mod:`posology.pharmacology.pk_models.michaelis_menten_taylor`, compiled at first use).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from posology.pharmacology.pk_models.data import PkDataset
from posology.shared.arrays import Floats, Ints

FAILURE_REASONS = {
    1: "the concentration moves too fast to follow; start from a lower CL/V1, Q/V1 or Q/V2, or a higher Km",
    2: "doses at this interval reach no steady state; write them out (ADDL), or start from a higher CL",
}


@dataclass(frozen=True)
class MichaelisMenten:
    """Two compartments, linear and saturable loss; Vmax is an amount by time, Km a concentration.

    A dose at steady state sets the concentrations to those of the steady state, as NONMEM's SS 1, whatever came before.

    Examples
    --------
    >>> from posology.pharmacology.pk_models.data import SubjectData, pk_dataset
    >>> low, high = (SubjectData(str(mg), [(0.0, mg, 0.1, 0.0)], [(7.0, 0.0, False)]) for mg in (10.0, 500.0))
    >>> phi = np.log(np.tile([0.36, 2.5, 0.45, 1.6, 4.9, 7.4], (2, 1)))  # L, mg, days
    >>> SATURABLE.predict(pk_dataset([low, high]), phi).round(2).tolist()  # 50 times the dose, 138 times the mg/L
    [[0.36], [49.78]]
    """

    name: str = "two compartments, linear and saturable loss, intravenous"
    parameters: tuple[str, ...] = ("CL", "V1", "Q", "V2", "Vmax", "Km")

    def predict(self, data: PkDataset, phi: Floats) -> Floats:
        """Return the concentrations (patients, samples) at log parameters ``phi`` (patients, 6).

        Raises
        ------
        ValueError
            naming the patient, if a parameter is no number above 0, a dose has no steady state, or the concentration
            moves too fast.
        """
        return self._course(data, phi, 0)[0]

    def sensitivities(self, data: PkDataset, phi: Floats) -> tuple[Floats, Floats]:
        """Return the concentrations and their derivatives by the log parameters, (patients, samples, 6); raises
        likewise."""
        return self._course(data, phi, 6)

    def _course(self, data: PkDataset, phi: Floats, columns: int) -> tuple[Floats, Floats]:
        from posology.pharmacology.pk_models.michaelis_menten_taylor import solve

        with np.errstate(over="ignore"):
            theta = np.exp(np.ascontiguousarray(phi, np.float64))
        for row, column in np.argwhere(~((theta > 0) & (theta < np.inf)))[:1]:
            raise ValueError(
                f"patient {data.names[row]}: {self.parameters[column]} is {theta[row, column]:g}; it is a number "
                "above 0"
            )
        time, order = _events(data)
        value, change = np.zeros(data.time.shape), np.zeros((*data.time.shape, columns))
        failed = np.zeros((len(data), 2))
        solve(theta, time, order, data.amount, data.duration, data.interval, value, change, failed)
        wrong = (failed[:, 0] > 0) | ~np.isfinite(value).all(axis=1) | ~np.isfinite(change).all(axis=(1, 2))
        if wrong.any():
            row = int(np.argmax(wrong))
            own = ", ".join(f"{n} {v:.3g}" for n, v in zip(self.parameters, theta[row], strict=True))
            raise ValueError(
                f"patient {data.names[row]}, time {failed[row, 1]:g}: "
                f"{FAILURE_REASONS.get(int(failed[row, 0]), FAILURE_REASONS[1])} ({own})"
            )
        return value, change


def _events(data: PkDataset) -> tuple[Floats, Ints]:
    """Return when samples, doses and ends of infusions are (patients, events), infinite where not, and their order.

    At one time: the end of an infusion, then doses in their order, and each sample after those that count for it.
    """
    data.refuse_new_beginnings("saturable loss")
    given, steady = data.amount > 0, data.interval > 0
    number = np.arange(data.amount.shape[1])
    before = np.where(data.dose_counts, number + 1, 0).max(axis=2, initial=0)
    start = np.where(given, data.dose_time, np.inf)
    end = np.where(given & (data.duration > 0), data.dose_time + data.duration, np.inf)
    resets = np.sort(np.where(steady, start, np.inf), axis=1)
    twice = ((resets[:, 1:] == resets[:, :-1]) & (resets[:, 1:] < np.inf)).any(axis=1)
    if twice.any():
        raise ValueError(
            f"patient {data.names[int(np.argmax(twice))]}: two doses at steady state at one time; write them out"
        )
    overlap = steady & (data.duration > data.interval)
    if overlap.any():
        raise ValueError(
            f"patient {data.names[int(np.argmax(overlap.any(axis=1)))]}: infusions at steady state that overlap are of "
            "the linear models alone; write them out"
        )
    time = np.concatenate([data.time, start, end], axis=1)
    rank = np.concatenate([before, np.broadcast_to(number + 0.5, start.shape), np.full(end.shape, -1.0)], axis=1)
    return time, np.lexsort((rank, time), axis=1)


SATURABLE = MichaelisMenten()
