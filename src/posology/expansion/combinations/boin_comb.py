"""BOIN for two drugs, and the waterfall design for the contour of MTDs.

Lin R, Yin G, Statistical Methods in Medical Research 2017;26:2155-2167. BOIN's boundaries say whether to go up, stay or
go down; of the neighbours with one more (or one less) level of one drug, the one most likely to lie inside BOIN's
interval is taken. A neighbour that is eliminated is never given, upwards or downwards.

Zhang L, Yuan Y, Statistics in Medicine 2016;35:4924-4936 (waterfall): a contour is found by subtrials, each along one
row of drug A, from the highest row down; the next starts one row lower and one column further than the MTD of the last.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import betainc

from posology.designs.boin import Boin
from posology.designs.isotonic import nearest_to_target
from posology.designs.tally import NONE, Action, Tally
from posology.expansion.combinations.grid import GridTally, bivariate_isotonic, too_toxic_on_grid
from posology.shared.arrays import Floats, Ints

__all__ = ["BoinComb", "CombinationDecision", "Subtrial"]

UP = ((1, 0), (0, 1))
DOWN = ((-1, 0), (0, -1))


@dataclass(frozen=True)
class CombinationDecision:
    """What to do next, one row a trial.

    Parameters
    ----------
    action
        (trials,): :class:`posology.designs.tally.Action`.
    level
        (trials, 2): indices of the combination to treat; ``NONE`` twice if none.
    alike
        (trials, 2): whether each neighbour, one more level of A or of B, is as good as the one taken: a tie.
    """

    action: Ints
    level: Ints
    alike: np.ndarray


@dataclass(frozen=True)
class Subtrial:
    """The next subtrial of a waterfall: its first combination and its combinations, as indices (A, B)."""

    start: tuple[int, int]
    combinations: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class BoinComb:
    """The design.

    Parameters
    ----------
    levels
        of drug A (rows) and of drug B (columns), each 1 to 20, and one of them 2 or more.
    target
        DLT rate, in (0, 1).
    p_saf, p_tox
        highest DLT rate deemed too low, lowest deemed too high; 0.6 and 1.4 times the target.
    elimination
        chance above which a combination is too toxic, in (0, 1).
    eliminate_from
        patients from which this is judged.

    Raises
    ------
    ValueError
        if a parameter is out of its bounds.

    Examples
    --------
    >>> design = BoinComb(levels=(2, 4), target=0.3)
    >>> tally = GridTally.one([[3, 3, 0, 0], [0, 3, 0, 0]], [[0, 0, 0, 0], [0, 0, 0, 0]], (2, 2))
    >>> (design.decide(tally).level[0] + 1).tolist()
    [2, 3]
    """

    levels: tuple[int, int]
    target: float
    p_saf: float | None = None
    p_tox: float | None = None
    elimination: float = 0.95
    eliminate_from: int = 3

    def __post_init__(self) -> None:
        if not all(1 <= count <= 20 for count in self.levels) or max(self.levels) < 2:
            raise ValueError(f"levels are {self.levels}: 1 to 20 of each drug, and 2 or more of one")
        if not 0 < self.elimination < 1 or self.eliminate_from < 1:
            raise ValueError(
                f"elimination is {self.elimination} from {self.eliminate_from} patients: 0 to 1, and 1 or more"
            )
        _ = self.boin  # its bounds

    @property
    def boin(self) -> Boin:
        """The design whose boundaries judge a combination."""
        return Boin(levels=max(self.levels), target=self.target, p_saf=self.p_saf, p_tox=self.p_tox)

    def decide(self, tally: GridTally, rng: np.random.Generator | None = None) -> CombinationDecision:
        """Return what to do next.

        Parameters
        ----------
        tally
            counts so far.
        rng
            by which a tie between the two drugs is broken; None: drug A is raised or lowered.

        Raises
        ------
        ValueError
            if the grid is not the design's.
        """
        self._check(tally)
        rows = np.arange(len(tally.level))
        at_a, at_b = tally.level.T
        n, y = tally.treated[rows, at_a, at_b], tally.dlts[rows, at_a, at_b]
        eliminated = too_toxic_on_grid(tally, self.target, self.elimination, self.eliminate_from)
        move = np.where(n > 0, self.boin.transitions(n, y), 0)
        move = np.where(eliminated[rows, at_a, at_b], -1, move)

        inside = self._inside(tally)
        level = tally.level.copy()
        alike = np.zeros((len(rows), 2), bool)
        for step, ways in ((1, UP), (-1, DOWN)):
            score = np.stack([self._score(tally.level + way, inside, eliminated) for way in ways], axis=1)
            best = score.max(axis=1)
            tied = (score >= best[:, None] - 1e-12) & (best[:, None] >= 0)
            pick = tied.argmax(axis=1)
            if rng is not None:
                pick = np.where(tied.all(axis=1), rng.integers(0, 2, len(rows)), pick)
            goes = (move == step) & (best >= 0)
            level[goes] += np.array(ways)[pick[goes]]
            alike[goes] = tied[goes]
        stopped = eliminated[rows, level[:, 0], level[:, 1]]
        level[stopped] = self._below(tally, eliminated, stopped)
        gone = level[:, 0] == NONE
        change = level.sum(axis=1) - tally.level.sum(axis=1)
        action = np.select(
            [gone, change > 0, change < 0], [Action.STOP, Action.ESCALATE, Action.DEESCALATE], Action.STAY
        )
        return CombinationDecision(action, level, alike & ~stopped[:, None])

    def _inside(self, tally: GridTally) -> Floats:
        """Return (trials, A, B): chance that the rate lies inside BOIN's interval, beta(1/2, 1/2) prior.

        A little is added for each patient, so that of equal ones the better known is taken, as BOIN's package does.
        """
        n, y = tally.treated, tally.dlts
        shapes = (y + 0.5, n - y + 0.5)
        chance = betainc(*shapes, self.boin.lambda_d) - betainc(*shapes, self.boin.lambda_e)
        return np.asarray(chance + 0.0005 * n)

    def _score(self, level: Ints, inside: Floats, eliminated: np.ndarray) -> Floats:
        """Return (trials,): the chance at a combination; -1 off the grid or eliminated."""
        on_grid = ((level >= 0) & (level < self.levels)).all(axis=1)
        a, b = np.clip(level, 0, np.array(self.levels) - 1).T
        rows = np.arange(len(level))
        return np.where(on_grid & ~eliminated[rows, a, b], inside[rows, a, b], -1.0)

    def _below(self, tally: GridTally, eliminated: np.ndarray, which: np.ndarray) -> Ints:
        """Return (trials, 2): for trials whose combination is eliminated with no neighbour below to go to, the nearest
        that is not, with no more of either drug; ``NONE`` if none."""
        found = []
        for trial in np.flatnonzero(which):
            a, b = tally.level[trial]
            allowed = np.argwhere(~eliminated[trial, : a + 1, : b + 1])
            found.append(allowed[allowed.sum(axis=1).argmax()] if len(allowed) else np.array([NONE, NONE]))
        return np.array(found, dtype=np.int64).reshape(-1, 2)

    def estimates(self, treated: Ints, dlts: Ints) -> Floats:
        """Return (A, B): DLT rates that fall with neither drug, (y + 0.05) / (n + 0.1) smoothed."""
        weights = np.asarray(treated + 0.1, dtype=float)
        return bivariate_isotonic((dlts + 0.05) / weights, weights)

    def select(self, tally: GridTally, trial: int = 0) -> tuple[int, int] | None:
        """Return the indices of the MTD of a trial: of the tried combinations that are not eliminated, the one whose
        smoothed DLT rate is nearest the target; None if none.

        Between equal ones the one with more of both drugs is taken below the target, with less above it.
        """
        self._check(tally)
        n, y = tally.treated[trial], tally.dlts[trial]
        eliminated = too_toxic_on_grid(tally, self.target, self.elimination, self.eliminate_from)[trial]
        allowed = (n > 0) & ~eliminated
        if not allowed.any():
            return None
        slope = 1e-5 * np.add.outer(np.arange(self.levels[0]) + 1, np.arange(self.levels[1]) + 1)
        distance = np.where(allowed, np.abs(self.estimates(n, y) + slope - self.target), np.inf)
        a, b = np.unravel_index(int(distance.argmin()), distance.shape)
        return int(a), int(b)

    def contour(self, tally: GridTally, trial: int = 0) -> list[tuple[int, int]]:
        """Return the contour of MTDs: in each row of drug A the tried combination nearest the target.

        A row whose MTD is the highest level of drug B takes that of no lower row with it: the higher row's is enough.
        """
        self._check(tally)
        n, y = tally.treated[trial], tally.dlts[trial]
        eliminated = too_toxic_on_grid(tally, self.target, self.elimination, self.eliminate_from)[trial]
        slope = 1e-5 * np.add.outer(np.arange(self.levels[0]) + 1, np.arange(self.levels[1]) + 1)
        rates = self.estimates(n, y) + slope
        contour: list[tuple[int, int]] = []
        top = self.levels[1] - 1
        for row in range(self.levels[0] - 1, -1, -1):
            allowed = (n[row] > 0) & ~eliminated[row]
            if not allowed.any() or any(b == top for _, b in contour):
                continue
            distance = np.where(allowed, np.abs(rates[row] - self.target), np.inf)
            contour.append((row, int(distance.argmin())))
        return sorted(contour)

    def next_subtrial(self, tally: GridTally, trial: int = 0) -> Subtrial | None:
        """Return the waterfall's next subtrial, once the last is complete; None if there is none.

        The first subtrial goes up drug A at the lowest level of drug B, then along the highest row; each further one
        along the row below, from the second level of drug B on.
        """
        self._check(tally)
        n, y = tally.treated[trial], tally.dlts[trial]
        rows, columns = self.levels
        first = [(row, 0) for row in range(rows - 1)] + [(rows - 1, column) for column in range(columns)]
        spaces = [[(row, column) for column in range(1, columns)] for row in range(rows - 1)] + [first]
        current = next(k for k, space in enumerate(spaces) if any(n[at] for at in space) or k == rows - 1)
        if current == 0:
            return None
        space = spaces[current]
        line = Tally(np.array([[n[at] for at in space]]), np.array([[y[at] for at in space]]), np.array([0]))
        design = Boin(levels=max(len(space), 2), target=self.target, p_saf=self.p_saf, p_tox=self.p_tox)
        safe = ~too_toxic_on_grid(
            GridTally(line.treated[:, None], line.dlts[:, None], np.zeros((1, 2), dtype=np.int64)),
            self.target,
            self.elimination,
        )[:, 0]
        mtd = int(nearest_to_target(line, design.target, safe)[0])
        if mtd == NONE:
            return None
        a, b = space[mtd]
        row = max(a - 1, 0)
        return Subtrial((row, min(b + 1, columns - 1)), tuple((row, column) for column in range(1, columns)))

    def _check(self, tally: GridTally) -> None:
        if tally.treated.shape[1:] != self.levels:
            raise ValueError(f"the counts are on a grid of {tally.treated.shape[1:]}, the design's is {self.levels}")
