"""Exact operating characteristics where the grade of a toxicity matters: titration with moderate toxicities, gBOIN.

A cohort's outcome is then multinomial, not binomial. The tallies a trial can reach are enumerated cohort by cohort as
for binary outcomes, equal ones merged; but as several rates belong to a level, each tally carries its probability under
every scenario instead of the number of its paths.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement
from math import factorial

import numpy as np

from posology.designs.gboin import GBoin
from posology.designs.inference import innermost
from posology.designs.tally import NONE, Action, Design, Tally
from posology.operating.too_large import TooLarge
from posology.operating.true_mtd import true_mtd
from posology.shared.arrays import Floats, Ints
from posology.shared.tables import Table

MODERATE, DLT = 2, 3  # grades: the moderate one that a titration counts, and the least that is a DLT
SCORE_UNITS = 1000  # scores are whole multiples of a thousandth


@dataclass(frozen=True)
class GradedCharacteristics:
    """The operating characteristics under grade probabilities, exact.

    Parameters
    ----------
    grades
        (scenarios, levels, grades): chance of each grade of toxicity, from grade 0 up.
    truth
        (scenarios, levels): what the target is compared with: the mean score for gBOIN, else the DLT rate.
    selection
        (scenarios, levels + 1): chance that no level (first), or each level, is declared the MTD.
    patients, dlts
        (scenarios, levels): expected patients, and DLTs.
    sizes
        the numbers of patients a trial may treat.
    size_chances
        (scenarios, numbers): the chance of each.
    """

    grades: Floats
    truth: Floats
    selection: Floats
    patients: Floats
    dlts: Floats
    sizes: Ints
    size_chances: Floats

    @property
    def levels(self) -> int:
        """Number of dose levels."""
        return int(self.truth.shape[1])

    def true_mtd(self, target: float) -> Ints:
        """(scenarios,): the level that is right to select; see :func:`posology.operating.true_mtd.true_mtd`."""
        return true_mtd(self.truth, target)

    def correct(self, target: float) -> Floats:
        """(scenarios,): chance that the right level is selected, or none where that is right."""
        return np.asarray(self.selection[np.arange(len(self.truth)), self.true_mtd(target) + 1])

    def table(self) -> Table:
        """Return a row for each scenario and level, and one for no level: level 0."""
        rows = [
            (
                s + 1,
                j + 1,
                float(self.truth[s, j]) if j >= 0 else 0.0,
                float(self.selection[s, j + 1]),
                float(self.patients[s, j]) if j >= 0 else 0.0,
                float(self.dlts[s, j]) if j >= 0 else 0.0,
            )
            for s in range(len(self.truth))
            for j in range(NONE, self.levels)
        ]
        names = ("scenario", "level", "truth", "selected", "patients", "DLTs")
        return Table(
            "Exact operating characteristics", dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))
        )

    def __str__(self) -> str:
        return str(self.table())


def check_grades(grades: Sequence[Sequence[float]] | Floats, levels: int) -> Floats:
    """Return (levels, grades), or (scenarios, levels, grades), as an array of chances that sum to 1 at each level.

    Raises
    ------
    ValueError
        if they do not, or the shape is another.
    """
    chances = np.asarray(grades, dtype=np.float64)
    if chances.ndim not in (2, 3) or chances.shape[-2] != levels or chances.shape[-1] < DLT + 1:
        raise ValueError(
            f"grades has shape {chances.shape}: give for each of the {levels} levels the chances of grades 0 to {DLT}"
            " or more"
        )
    if not ((chances >= 0) & (chances <= 1)).all() or np.abs(chances.sum(axis=-1) - 1).max() > 1e-9:
        raise ValueError("the chances of the grades at a level lie between 0 and 1, and sum to 1")
    return chances


def enumerate_graded(
    design: Design, grades: Sequence[Sequence[float]] | Floats, most: int = 3_000_000
) -> GradedCharacteristics:
    """Return exact operating characteristics under grade probabilities.

    Parameters
    ----------
    design
        any design whose decisions depend on the tally: titration counts grade 2 as moderate, gBOIN scores each grade.
    grades
        (levels, grades) or (scenarios, levels, grades): chance of grades 0, 1, 2, ...; grade 3 or worse is a DLT.
    most
        tallies that may stand at once.

    Raises
    ------
    ValueError
        if the chances do not sum to 1.
    posology.operating.TooLarge
        if there would be more tallies.

    Examples
    --------
    >>> from posology.designs import ThreePlusThree, Titration
    >>> grades = [[0.6, 0.2, 0.15, 0.05, 0.0], [0.4, 0.2, 0.2, 0.15, 0.05], [0.2, 0.2, 0.2, 0.3, 0.1]]
    >>> found = enumerate_graded(Titration(ThreePlusThree(3), last_titration_level=2), grades)
    >>> found.selection.round(3), found.patients.round(2)
    (array([[0.019, 0.289, 0.446, 0.245]]), array([[2.88, 4.74, 3.41]]))
    """
    chances = check_grades(grades, design.levels)
    chances = chances[None] if chances.ndim == 2 else chances
    scenarios, levels, count = chances.shape
    model = innermost(design)
    scores = np.array(model.scores if isinstance(model, GBoin) else [float(g >= DLT) for g in range(count)])
    if len(scores) < count:
        raise ValueError(f"the design scores {len(scores)} grades, grades has {count}: give a score for each")
    scores = scores[:count]
    units = np.rint(scores * SCORE_UNITS).astype(np.int64)
    kinds = np.stack([np.arange(count) >= DLT, np.arange(count) == MODERATE, units], axis=1).astype(np.int64)

    # A tally: patients, DLTs, moderate toxicities and units of score at each level, then the level last given.
    state = np.zeros((1, 4 * levels + 1), dtype=np.int64)
    state[0, -1] = NONE
    weight = np.ones((1, scenarios))
    selection = np.zeros((scenarios, levels + 1))
    patients = np.zeros((scenarios, levels))
    sizes: dict[int, Floats] = {}
    while len(state):
        part = state[:, :-1].reshape(-1, 4, levels)
        tally = Tally(part[:, 0], part[:, 1], state[:, -1], part[:, 2], toxicity_score_sum=part[:, 3] / SCORE_UNITS)
        decision = design.decide(tally)
        over = decision.action >= Action.DECLARE
        for chosen in range(NONE, levels):
            selection[:, chosen + 1] += weight[over & (decision.level == chosen)].sum(axis=0)
        patients += weight[over].T @ part[over, 0]
        total = part[:, 0].sum(axis=1)
        for n in np.unique(total[over]):
            sizes[int(n)] = sizes.get(int(n), np.zeros(scenarios)) + weight[over & (total == n)].sum(axis=0)
        grown, masses = [], []
        for to, more in {
            (int(a), int(b)) for a, b in zip(decision.level[~over], decision.patients_to_treat[~over], strict=True)
        }:
            rows = ~over & (decision.level == to) & (decision.patients_to_treat == more)
            for (dlts, moderate, scored), chance in _cohort(chances[:, to], kinds, more).items():
                after = state[rows].copy()
                for offset, add in enumerate((more, dlts, moderate, scored)):
                    after[:, offset * levels + to] += add
                after[:, -1] = to
                grown.append(after)
                masses.append(weight[rows] * chance)
        if not grown:
            break
        every = np.concatenate(grown)
        if len(every) > most:
            raise TooLarge(f"this design reaches more than {most:,} tallies with grades: simulate it instead")
        order = np.lexsort(every.T)
        every, mass = every[order], np.concatenate(masses)[order]
        fresh = np.flatnonzero(np.concatenate([[True], (every[1:] != every[:-1]).any(axis=1)]))
        state, weight = every[fresh], np.add.reduceat(mass, fresh, axis=0)
    rate = chances[:, :, DLT:].sum(axis=2)
    numbers = np.array(sorted(sizes))
    truth = chances @ scores if isinstance(model, GBoin) else rate
    return GradedCharacteristics(
        chances,
        truth,
        selection,
        patients,
        patients * rate,
        numbers,
        np.stack([sizes[n] for n in numbers.tolist()], axis=1),
    )


def _cohort(chances: Floats, kinds: Ints, size: int) -> dict[tuple[int, int, int], Floats]:
    """Return, for each sum of DLTs, moderate toxicities and scores in a cohort, its chance under each scenario."""
    found: dict[tuple[int, int, int], Floats] = {}
    for outcome in combinations_with_replacement(range(len(kinds)), size):
        times = np.bincount(outcome, minlength=len(kinds))
        ways = factorial(size) / np.prod([float(factorial(int(t))) for t in times])
        dlts, moderate, scored = (int(v) for v in kinds[list(outcome)].sum(axis=0))
        chance = ways * np.prod(chances**times, axis=1)
        key = (dlts, moderate, scored)
        found[key] = found.get(key, np.zeros(len(chances))) + chance
    return found
