"""The doses that the lines of event data stand for: repeats written out, steady states, and what these cancel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from posology.shared.arrays import Floats

if TYPE_CHECKING:
    from posology.interchange.pk.nonmem import Event

SAME_TIME = 1e-9
"""Two times nearer than this part of the later one are one: 3 x 1.1 is not the double 3.3."""
AFTER = 1e-6
"""An infusion without an end goes on past a patient's last line by more than this part of the time to it."""


@dataclass(frozen=True)
class GivenDose:
    """One dose: time, amount, duration of infusion (0: a bolus), dosing interval if given at steady state (else 0).

    ``line`` is the place of its line among the patient's, ``repeat`` 0 for the line's own dose, else which of those
    that ADDL adds. ``duration`` is NaN where the model is to estimate it (RATE -1, -2). ``replaces`` says whether
    nothing is left of what was given before: at steady state but for SS 2, and after a reset.
    """

    time: float
    amount: float
    duration: float
    steady_interval: float
    line: int
    repeat: int
    replaces: bool = False

    @property
    def row(self) -> tuple[float, float, float, float]:
        """The dose as a model takes it."""
        return self.time, self.amount, self.duration, self.steady_interval


def given_doses(events: Sequence[Event]) -> list[GivenDose]:
    """Return a patient's doses in the order of their lines.

    A dose that ADDL adds at the time of another line, but for rounding, is given at that line's time. A dose with SS 1
    cancels what ADDL of earlier lines still had to come,
    as a reset does (EVID 3, 4); SS 2 does not. With SS 1, RATE above 0 and neither AMT nor II the infusion has
    run for ever and goes on: one that begins again as it ends, longer than the patient is followed.

    Examples
    --------
    >>> from posology.interchange.pk.nonmem import Event
    >>> events = [Event("1", 0.0, 1, 100.0, interval=1.1, additional=3), Event("1", 3.3, 0, value=1.0)]
    >>> [dose.time for dose in given_doses(events)]
    [0.0, 1.1, 2.2, 3.3]
    """
    doses: list[GivenDose] = []
    times = np.array([e.time for e in events])
    begins = False
    for place, e in enumerate(events):
        begins |= e.evid in (3, 4) and bool(doses)
        if e.evid in (3, 4) or (e.evid == 1 and e.steady == 1):
            doses = [dose for dose in doses if dose.time <= e.time]
        if e.evid not in (1, 4):
            continue
        at_steady_state, replaces = e.steady > 0, begins or e.steady == 1
        begins = False
        if at_steady_state and e.amount == 0:
            length = 2 * (float(times.max()) - e.time) + 1 + AFTER
            doses.append(GivenDose(e.time, e.rate * length, length, length, place, 0, replaces))
            continue
        duration = float("nan") if e.rate < 0 else e.amount / e.rate if e.rate else 0.0
        own = GivenDose(e.time, e.amount, duration, e.interval if at_steady_state else 0.0, place, 0, replaces)
        doses.append(own)
        for n in range(1, e.additional + 1):
            time = _on_a_line(e.time + n * e.interval, times)
            doses.append(replace(own, time=time, steady_interval=0.0, repeat=n, replaces=False))
    return doses


def _on_a_line(time: float, times: Floats) -> float:
    """Return the time of a line that differs by rounding alone, else the time itself."""
    near = times[np.abs(times - time) <= SAME_TIME * max(abs(time), 1e-300)]
    return float(near[0]) if near.size else time
