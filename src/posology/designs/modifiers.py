"""Rules that go around any design: each changes one thing about its decisions and leaves the rest to it.

They compose: ``StopAt(NoSkipping(Crm(...)), patients=12)``. A modifier that ends a trial names the level that the design
behind it would choose.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, Any, ClassVar

import numpy as np
from annotated_types import Ge, Gt, Lt

from posology.designs.inference import infer, innermost
from posology.designs.isotonic import nearest_to_target
from posology.designs.tally import NONE, Action, Decision, Design, Tally
from posology.shared.arrays import Bools, Ints


@dataclass(frozen=True)
class Modifier:
    """What modifiers share: the design behind them, asked unless they say otherwise.

    Parameters
    ----------
    design
        the design that is modified, itself modified or not.
    """

    design: Design

    REASON: ClassVar[str] = ""

    @property
    def levels(self) -> int:
        """Number of dose levels."""
        return self.design.levels

    @property
    def most_at_level(self) -> int:
        """The most patients that may come to be treated at a level."""
        return int(getattr(self.design, "most_at_level", 255))

    @property
    def cohort(self) -> int:
        """Patients a cohort, as a rule."""
        return int(getattr(self.design, "cohort", 3))

    @property
    def max_patients(self) -> int:
        """Patients in all."""
        return int(getattr(self.design, "max_patients", 6 * self.levels))

    def decide(self, tally: Tally) -> Decision:
        """Return what to do next; see :meth:`posology.designs.Design.decide`."""
        return self.design.decide(tally)

    def select(self, tally: Tally) -> Ints:
        """Return the MTD that the design behind would choose now."""
        return self.design.select(tally)

    def _changed(self, was: Decision, where: Bools, action: Any, level: Ints, more: Any) -> Decision:
        """Return the decision with some rows changed, for this modifier's reason."""
        return Decision(
            np.where(where, action, was.action),
            np.where(where, level, was.level),
            np.where(where, more, was.more),
            np.where(where, len(was.reasons), was.why),
            (*was.reasons, self.REASON),
        )

    def _ended(self, was: Decision, tally: Tally, where: Bools) -> Decision:
        """Return the decision with some trials ended, their MTD chosen by the design behind."""
        mtd = np.full(tally.trials, NONE)
        rows = np.flatnonzero(where)
        if len(rows):
            mtd[rows] = self.select(tally.rows(rows))
        return self._changed(was, where, np.where(mtd == NONE, Action.STOP, Action.DECLARE), mtd, 0)


def _going(decision: Decision, tally: Tally) -> Bools:
    return np.asarray((decision.action < Action.DECLARE) & (tally.level != NONE))


@dataclass(frozen=True)
class NoSkipping(Modifier):
    """An untried level may not be skipped on the way up.

    >>> from posology.designs import Crm
    >>> free = Crm(4, 0.25, skeleton=(0.05, 0.1, 0.2, 0.3), no_skipping=False, coherent=False)
    >>> tally = Tally.of("1NNN", 4)
    >>> free.decide(tally).level.tolist(), NoSkipping(free).decide(tally).level.tolist()
    ([3], [1])
    """

    REASON: ClassVar[str] = "level {next} is the next one not yet tried, and none is skipped: {more} there"

    def decide(self, tally: Tally) -> Decision:
        """Return the decision, a level beyond the next untried one replaced by that."""
        was = self.design.decide(tally)
        tried = np.where(tally.treated > 0, np.arange(self.levels), NONE).max(axis=1)
        skips = _going(was, tally) & (was.level > tried + 1)
        to = np.minimum(tried + 1, self.levels - 1)
        return self._changed(was, skips, np.where(to > tally.level, Action.ESCALATE, Action.STAY), to, was.more)


@dataclass(frozen=True)
class Coherent(Modifier):
    """The dose never goes up from a level whose observed DLT rate has reached a bound.

    Parameters
    ----------
    rate
        the bound, commonly the target.
    """

    rate: Annotated[float, Gt(0), Lt(1)] = 0.3

    REASON: ClassVar[str] = (
        "{dlt} of {n} patients at level {level} had a DLT, too many to go up: {more} more at the level"
    )

    def decide(self, tally: Tally) -> Decision:
        """Return the decision, an escalation from a level too toxic replaced by a stay."""
        was = self.design.decide(tally)
        rows, here = np.arange(tally.trials), np.maximum(tally.level, 0)
        hot = tally.toxic[rows, here] >= self.rate * tally.treated[rows, here] - 1e-9
        rises = (was.action == Action.ESCALATE) & hot & (tally.treated[rows, here] > 0)
        return self._changed(was, rises, Action.STAY, here, was.more)


@dataclass(frozen=True)
class StopToxic(Modifier):
    """The trial ends without an MTD when the lowest level is probably too toxic.

    Parameters
    ----------
    rate
        the DLT rate that is too high.
    chance
        the trial ends when the chance that the lowest level's rate lies above ``rate`` exceeds this.
    patients
        patients at the lowest level before it does.
    """

    rate: Annotated[float, Gt(0), Lt(1)] = 0.3
    chance: Annotated[float, Gt(0), Lt(1)] = 0.95
    patients: Annotated[int, Ge(1)] = 3

    REASON: ClassVar[str] = "the lowest level is too toxic: no level is safe enough"

    def decide(self, tally: Tally) -> Decision:
        """Return the decision, or STOP."""
        was = self.design.decide(tally)
        model = innermost(self.design)
        if hasattr(model, "probability_above"):
            above = model.probability_above(tally, self.rate)[:, 0]
        else:
            from scipy.special import betainc

            above = 1 - betainc(1 + tally.toxic[:, 0], 1 + tally.treated[:, 0] - tally.toxic[:, 0], self.rate)
        ends = (above > self.chance) & (tally.treated[:, 0] >= self.patients) & (was.action != Action.STOP)
        return self._changed(was, ends, Action.STOP, np.full(tally.trials, NONE), 0)

    def select(self, tally: Tally) -> Ints:
        """Return the MTD, or none where the lowest level is too toxic."""
        decision = self.decide(tally)
        return np.where(decision.action == Action.STOP, NONE, self.design.select(tally))


@dataclass(frozen=True)
class StopAt(Modifier):
    """The trial ends once so many patients were treated at the level that would be given next.

    Parameters
    ----------
    patients
        patients at the level.
    """

    patients: Annotated[int, Ge(1)] = 12

    REASON: ClassVar[str] = "enough patients were treated at level {next}: it is the MTD"

    def decide(self, tally: Tally) -> Decision:
        """Return the decision, or the MTD."""
        was = self.design.decide(tally)
        there = tally.treated[np.arange(tally.trials), np.maximum(was.level, 0)]
        return self._ended(was, tally, _going(was, tally) & (there >= self.patients))


@dataclass(frozen=True)
class StopPrecise(Modifier):
    """The trial ends when the DLT rate at the MTD is known precisely enough.

    Parameters
    ----------
    width
        the widest interval of the rate that is precise enough.
    level
        the chance that the interval covers.
    patients
        patients in all before it does.
    """

    width: Annotated[float, Gt(0), Lt(1)] = 0.3
    level: Annotated[float, Gt(0), Lt(1)] = 0.9
    patients: Annotated[int, Ge(1)] = 9

    REASON: ClassVar[str] = "the DLT rate at level {next} is known precisely enough: it is the MTD"

    def decide(self, tally: Tally) -> Decision:
        """Return the decision, or the MTD."""
        was = self.design.decide(tally)
        rows = np.flatnonzero(_going(was, tally) & (tally.treated.sum(axis=1) >= self.patients))
        ends = np.zeros(tally.trials, dtype=bool)
        if len(rows):
            some = tally.rows(rows)
            mtd = self.design.select(some)
            found = infer(innermost(self.design), some, level=self.level)
            at = np.maximum(mtd, 0)[:, None]
            width = np.take_along_axis(found.upper - found.lower, at, axis=1)[:, 0]
            ends[rows] = (width <= self.width) & (mtd != NONE)
        return self._ended(was, tally, ends)


@dataclass(frozen=True)
class AtMost(Modifier):
    """The trial ends once so many patients were treated in all.

    Parameters
    ----------
    patients
        patients in all.
    """

    patients: Annotated[int, Ge(1)] = 30

    REASON: ClassVar[str] = "the planned number of patients has been treated"

    @property
    def max_patients(self) -> int:
        """Patients in all."""
        return self.patients

    def decide(self, tally: Tally) -> Decision:
        """Return the decision, its cohort no larger than what is left, or the MTD."""
        was = self.design.decide(tally)
        left = np.maximum(self.patients - tally.treated.sum(axis=1), 0)
        was = replace(was, more=np.minimum(was.more, left))
        return self._ended(was, tally, _going(was, tally) & (left == 0))


@dataclass(frozen=True)
class AtLeast(Modifier):
    """A level is called the MTD only when so many patients were treated there.

    Parameters
    ----------
    patients
        patients at the MTD.
    """

    patients: Annotated[int, Ge(1)] = 6

    REASON: ClassVar[str] = "level {next} would be the MTD; it needs {more} more patients first"

    @property
    def most_at_level(self) -> int:
        """The most patients that may come to be treated at a level."""
        return max(super().most_at_level, self.patients)

    def decide(self, tally: Tally) -> Decision:
        """Return the decision, an MTD with too few patients replaced by more patients there."""
        was = self.design.decide(tally)
        lacking = self.patients - tally.treated[np.arange(tally.trials), np.maximum(was.level, 0)]
        where = (was.action == Action.DECLARE) & (lacking > 0)
        action = np.select(
            [was.level > tally.level, was.level < tally.level], [Action.ESCALATE, Action.DEESCALATE], Action.STAY
        )
        return self._changed(was, where, action, was.level, lacking)


@dataclass(frozen=True)
class Capped(Modifier):
    """No level above a given one is given.

    Parameters
    ----------
    highest
        number of the highest level that may be given, from 1.
    """

    highest: Annotated[int, Ge(1)] = 1

    def __post_init__(self) -> None:
        if not 1 <= self.highest <= self.design.levels:
            raise ValueError(f"highest is level {self.highest}: the design has levels 1 to {self.design.levels}")

    def _under(self, tally: Tally) -> Tally:
        return replace(tally, ceiling=np.minimum(tally.ceiling, self.highest - 1))

    def decide(self, tally: Tally) -> Decision:
        """Return what the design decides when the levels above are closed."""
        return self.design.decide(self._under(tally))

    def select(self, tally: Tally) -> Ints:
        """Return the MTD, of the levels that may be given."""
        return self.design.select(self._under(tally))


@dataclass(frozen=True)
class CohortSizes(Modifier):
    """Cohorts of unequal size, whatever the level; the last size goes on.

    Parameters
    ----------
    sizes
        patients of the first cohort, the second, and so on.

    Notes
    -----
    The design behind decides at the end of each cohort only; it is built with cohorts of one.

    Examples
    --------
    >>> from posology.designs import Boin
    >>> design = CohortSizes(Boin(3, 0.3, cohort=1), sizes=(1, 2, 3))
    >>> design.decide(Tally.of("1N", 3)).more.tolist(), design.decide(Tally.of("1N 2N", 3)).more.tolist()
    ([2], [1])
    """

    sizes: tuple[Annotated[int, Ge(1)], ...] = (3,)

    REASON: ClassVar[str] = "{more} more patients at level {next} complete the cohort"

    def __post_init__(self) -> None:
        if not self.sizes or min(self.sizes) < 1:
            raise ValueError(f"sizes is {self.sizes}: each cohort has one patient or more")
        if getattr(self.design, "cohort", 1) != 1:
            raise ValueError("the design behind unequal cohorts must have cohorts of one")

    def decide(self, tally: Tally) -> Decision:
        """Return the decision at the end of a cohort, more patients within one."""
        was = self.design.decide(tally)
        total = tally.treated.sum(axis=1)
        ends = np.cumsum(self.sizes)
        beyond = np.maximum(total - ends[-1], 0)
        k = np.searchsorted(ends, total, side="right")
        last = self.sizes[-1]
        upcoming = np.where(
            total >= ends[-1], ends[-1] + (beyond // last + 1) * last, ends[np.minimum(k, len(ends) - 1)]
        )
        begun = np.where(
            total >= ends[-1],
            ends[-1] + beyond // last * last,
            np.concatenate([[0], ends])[np.minimum(k, len(ends) - 1)],
        )
        left = np.maximum(self.max_patients - total, 0)
        size = np.minimum(upcoming - total, left)
        going = was.action < Action.DECLARE
        inside = going & (total > begun)
        was = replace(was, more=np.where(going, size, was.more))
        return self._changed(was, inside, Action.STAY, np.maximum(tally.level, 0), size)


@dataclass(frozen=True)
class IsotonicMtd(Modifier):
    """The MTD is chosen by isotonic regression: the level with the rate nearest a target, of those tried.

    Parameters
    ----------
    target
        the target DLT rate.
    """

    target: Annotated[float, Gt(0), Lt(1)] = 0.3

    REASON: ClassVar[str] = "level {next} is nearest the target by isotonic regression: it is the MTD"

    def select(self, tally: Tally) -> Ints:
        """Return the level with the isotonic rate nearest the target."""
        allowed = np.arange(self.levels) <= tally.ceiling[:, None]
        model = innermost(self.design)
        if hasattr(model, "eliminated"):
            allowed = allowed & ~model.eliminated(tally)
        return nearest_to_target(tally, self.target, allowed)

    def decide(self, tally: Tally) -> Decision:
        """Return the decision, its MTD replaced."""
        was = self.design.decide(tally)
        return self._ended(was, tally, was.action == Action.DECLARE)


MODIFIERS: dict[str, type[Modifier]] = {
    "no skipping": NoSkipping,
    "coherent": Coherent,
    "stop toxic": StopToxic,
    "stop at": StopAt,
    "stop precise": StopPrecise,
    "at most": AtMost,
    "at least": AtLeast,
    "capped": Capped,
    "cohort sizes": CohortSizes,
    "isotonic mtd": IsotonicMtd,
}
"""Every modifier by the name a protocol or a study gives it."""
