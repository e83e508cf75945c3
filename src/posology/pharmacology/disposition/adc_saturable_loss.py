"""Saturable loss of antibody beside the linear model: Michaelis-Menten in the central compartment.

With C all antibody in plasma [mg/L], every form is lost at the rate Vmax / (Km + C) / Vc. Each step splits the flow in
two that are exact (Strang G, SIAM J Numer Anal 1968;5:506): the linear system by its exponential, the saturable loss by
its implicit solution Km ln C + C = Km ln C0 + C0 - Vmax/Vc t. A whole step and two halves of it together give a result
of fourth order; steps are halved until the error is within the tolerance. How fast the results draw together tells the
error: steps that are long beside a fast state (payload, in hours) gain less than the order promises. What is lost so is
catabolised: of its drug the share F of :mod:`posology.pharmacology.disposition.adc_plasma` comes back as free payload,
as of what proteolysis clears.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from posology.pharmacology.compounds.adc import DRUGS
from posology.pharmacology.disposition.adc_states import CENTRAL, PAYLOAD
from posology.pharmacology.disposition.linear_compartments import (
    Doses,
    LinearSystem,
    Timeline,
    checked_times,
    exponentials,
    patient_shape,
)
from posology.shared.arrays import ArrayLike, Floats

MAX_STEP_DAYS = 0.5
"""The longest step that is tried [d]."""
MAX_HALVINGS = 8


class NotConverged(ValueError):
    """The steps did not settle: says for which patient, when, and which parameters."""


@dataclass(frozen=True)
class SaturableLoss:
    """The saturable loss of every form of the antibody from plasma.

    Parameters
    ----------
    vmax, km
        (P,): greatest loss [mg/d], and the concentration of all antibody at half of it [mg/L].
    volume
        (P,): of the central compartment [L].
    per_litre
        (P, 9): the concentration [mg/L] that a micromole of antibody with 0, ... 8 drugs is.
    returned
        (P, 9): drugs of a lost antibody with 0, ... 8 of them that come back to plasma as free payload.
    """

    vmax: Floats
    km: Floats
    volume: Floats
    per_litre: Floats
    returned: Floats

    @classmethod
    def of(cls, values: Mapping[str, Floats]) -> SaturableLoss:
        """Take it from the quantities of a compound in patients, (P,) by name."""
        n = np.arange(DRUGS + 1)
        mass = np.where(n == 0, values["antibody.naked_mass"][:, None], values["antibody.molar_mass"][:, None])
        return cls(
            values["antibody.vmax"],
            values["antibody.km"],
            values["antibody.vc"],
            mass / 1000 / values["antibody.vc"][:, None],
            values["linker.catabolised"][:, None] * n,
        )

    def after(self, state: Floats, step: Floats) -> Floats:
        """Return the amounts (P, S + 1) that the loss alone leaves after a step (P,) [d]."""
        rate = self.vmax / self.volume
        held = state[:, CENTRAL]
        c0 = np.maximum((held * self.per_litre).sum(axis=1), 0)
        there = c0 > 0
        start = np.where(there, c0, 1.0)
        y = np.log(start)
        goal = self.km * y + start - rate * step
        for _ in range(100):  # Newton from above on a convex function: falls to the root
            move = (self.km * y + np.exp(y) - goal) / (self.km + np.exp(y))
            y = y - move
            if (np.abs(move) < 1e-15 * (1 + np.abs(y))).all():
                break
        left = np.where(there, np.exp(y) / start, 1.0)[:, None]
        after = state.copy()
        after[:, CENTRAL] = held * left
        after[:, PAYLOAD] += (self.returned * held * (1 - left)).sum(axis=1)
        return after


def amounts(
    system: LinearSystem, loss: SaturableLoss, times: ArrayLike, doses: Doses, tolerance: float = 1e-6
) -> Floats:
    """Return the amounts (P, T, S) [umol] at times (T,) or (P, T) [d], to a ``tolerance`` relative to each state's
    greatest.

    Parameters
    ----------
    system, loss
        what is linear, and what is not.
    times, doses
        of the outputs, and what was given.
    tolerance
        the greatest error, relative to each state's greatest amount.

    Raises
    ------
    NotConverged
        if the shortest steps do not give it.
    """
    when = checked_times(times)
    (n,) = patient_shape(times=when, doses=doses.time, parameters=system.inlet)

    def rows(a: Floats) -> Floats:
        return np.asarray(np.broadcast_to(a, (n, a.shape[-1])))

    given = [rows(a) for a in (doses.time, doses.amount, doses.duration)]
    if not when.shape[-1] or not doses.time.shape[-1]:
        return np.zeros((n, when.shape[-1], system.inlet.shape[1]))
    coarse, before = _run(system, loss, rows(when), given, 1), np.inf
    for halving in range(1, MAX_HALVINGS + 1):
        fine = _run(system, loss, rows(when), given, 2**halving)
        scale = np.abs(fine).max(axis=1, keepdims=True)
        moved = np.divide(np.abs(fine - coarse), scale, out=np.zeros_like(fine), where=scale > 0)
        error = moved * _beyond(moved.max(axis=1, keepdims=True), before, tolerance)
        if (error <= tolerance).all():  # false, too, where it is not a number
            return fine
        coarse, before = fine, moved.max(axis=1, keepdims=True)
    patient, at, _ = np.unravel_index(np.argmax(np.nan_to_num(error, nan=np.inf)), error.shape)
    own = {name: np.broadcast_to(getattr(loss, name), n)[patient] for name in ("vmax", "km")}
    raise NotConverged(
        f"patient {patient + 1}, day {rows(when)[patient, at]:g}: saturable loss (antibody.vmax {own['vmax']:g} "
        "mg/d, antibody.km "
        f"{own['km']:g} ug/mL) does not settle to {tolerance:g} in steps of {MAX_STEP_DAYS / 2**MAX_HALVINGS:g} d"
    )


def _beyond(moved: Floats, before: Floats | float, tolerance: float) -> Floats:
    """Return the error that is left over what a halving moved (P, 1, S): r / (1 - r), r the part that it moved of the
    one before.

    1/15 at best (fourth order); 1 after the first halving and where nothing shrank, unless it moved next to nothing.
    """
    part = np.divide(moved, before, out=np.ones_like(moved), where=np.isfinite(before) & (np.asarray(before) > 0))
    part = np.clip(part, 1 / 16, None)
    rest = np.where(part < 1, part / np.where(part < 1, 1 - part, 1), 1e300)
    return np.asarray(np.where(moved <= 1e-3 * tolerance, 1.0, rest))


def _run(system: LinearSystem, loss: SaturableLoss, when: Floats, given: list[Floats], parts: int) -> Floats:
    """Return the amounts at the outputs (P, T, S), in steps of at most ``MAX_STEP_DAYS``, each cut into ``parts``."""
    n, size = len(when), system.inlet.shape[1]
    start, amount, long = given
    first, last = min(when.min(), start.min()), when.max()
    grid = first + MAX_STEP_DAYS * np.arange(1, int((last - first) / MAX_STEP_DAYS) + 1)
    line = Timeline.of(when, start, amount, long, np.broadcast_to(grid, (n, len(grid))))
    inlet = np.broadcast_to(system.inlet, (n, size))
    quarter, which = exponentials(system.matrix[:, None], inlet, line.steps / parts / 4)
    half = quarter @ quarter

    def go(move: Floats, x: Floats) -> Floats:
        return np.asarray((move @ x[:, :, None])[:, :, 0])

    state, course = np.zeros((n, size + 1)), np.empty((*line.breaks.shape, size))
    for k in range(line.breaks.shape[1]):
        state[:, :size] += line.bolus[:, k, None] * inlet
        course[:, k] = state[:, :size]
        if k == line.steps.shape[1]:
            break
        state[:, size] = line.infused[:, k]
        step, q, h = line.steps[:, k] / parts, quarter[which[:, k]], half[which[:, k]]
        for _ in range(parts if step.any() else 0):
            whole = go(h, loss.after(go(h, state), step))
            halves = go(q, loss.after(go(h, loss.after(go(q, state), step / 2)), step / 2))
            state = (4 * halves - whole) / 3
    return np.take_along_axis(course, line.places[:, :, None], axis=1)
