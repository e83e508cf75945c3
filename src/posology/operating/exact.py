"""Exact operating characteristics of a design: no simulation, no Monte Carlo error.

Most designs depend on the past through counts alone. All tallies that a trial can reach are enumerated cohort by
cohort, equal ones merged, each with the number of paths that reach it (a product of binomial coefficients, summed over
paths). The probability of an end is then ``paths x prod p^y (1-p)^(n-y)``, so that one enumeration answers every
scenario.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from math import comb, log

import numpy as np

from posology.designs.inference import innermost
from posology.designs.tally import NONE, Action, Decision, DependsOn, Design, Tally
from posology.operating.characteristics import Characteristics
from posology.operating.count_packing import Packing
from posology.operating.ends import Ends
from posology.operating.exact_by_level import ends_by_level, is_by_level
from posology.operating.processors import cores
from posology.operating.too_large import too_large
from posology.shared.arrays import Bools, Floats, Ints

TALLIES_AT_ONCE = 1 << 13  # tallies decided on at once: they stay in the processor's cache


class Enumeration(Ends):
    """Every end that a trial under a design can come to; see :class:`posology.operating.ends.Ends`."""

    def characteristics(self, truth: Sequence[Sequence[float]] | Sequence[float] | Floats) -> Characteristics:
        """Return the operating characteristics under true DLT rates: one scenario, or one a row.

        Raises
        ------
        ValueError
            if a rate lies outside [0, 1], or there is not one for each level.
        """
        return Characteristics.of(self, truth)


def enumerate_trials(design: Design, most: int = 40_000_000) -> Enumeration:
    """Enumerate every trial that a design can lead to.

    Parameters
    ----------
    design
        any design whose decisions depend on the tally alone, and that ends. Of toxicities only DLTs are seen: with
        grades see :func:`posology.operating.enumerate_graded`.
    most
        tallies that may stand at once; about 16 bytes each, and 4 times as much while they are merged.

    Raises
    ------
    ValueError
        if the design depends on time: TITE-CRM, TITE-BOIN, rolling six, BF-BOIN, BE-BOIN.
    TooLarge
        if there would be more, foreseen as soon as that can be seen: simulate instead.

    Examples
    --------
    >>> from posology.designs import ThreePlusThree
    >>> found = enumerate_trials(ThreePlusThree(levels=3)).characteristics([0.1, 0.2, 0.4])
    >>> found.selection.round(3)
    array([[0.101, 0.291, 0.41 , 0.199]])
    """
    if design.depends_on is DependsOn.TIME:
        raise ValueError(
            f"{type(innermost(design)).__name__} depends on {design.depends_on}, not on counts alone: "
            "it has no exact operating characteristics; simulate it"
        )
    if is_by_level(design) and design.levels >= 4 and design.max_patients >= 12 * design.cohort:  # else not worth it
        return Enumeration(*ends_by_level(design, most))
    packing = Packing.of(design.levels, getattr(design, "most_at_level", 255))
    # Tallies by the level last given: their packed counts (words, tallies) in rising order, and their numbers of paths.
    front = {NONE: (np.zeros((packing.words, 1), dtype=np.int64), np.ones(1))}
    ended: list[tuple[Ints, Ints, Floats]] = []

    def step(
        part: tuple[Ints, Ints, Floats],
    ) -> tuple[list[tuple[int, int, int, Ints, Floats]], tuple[Ints, Ints, Floats]]:
        last, keys, n_paths = part
        treated, toxic = packing.unpack(keys)
        decision = design.decide(Tally.unchecked(treated, toxic, last))
        over = decision.action >= Action.DECLARE
        had = treated[np.arange(len(n_paths)), np.maximum(decision.level, 0)]
        grown = list(_grown(packing, keys, n_paths, had, decision, ~over))
        return grown, (keys[:, over], decision.level[over].astype(np.int8), n_paths[over])

    pool = ThreadPoolExecutor(cores())
    planned, sizes = getattr(design, "max_patients", None), list[tuple[int, int]]()  # patients so far, and tallies
    while front:
        any_keys = next(iter(front.values()))[0]
        sizes.append((int(packing.unpack(any_keys[:, :1])[0].sum()), sum(len(w) for _, w in front.values())))
        # Tallies after the next cohort: by its level, then by its size and DLTs.
        after: dict[int, dict[tuple[int, int], list[tuple[Ints, Floats]]]] = defaultdict(lambda: defaultdict(list))
        several = pool.map if sizes[-1][1] > TALLIES_AT_ONCE else map  # a few tallies are not worth a thread
        for grown, over in several(step, _parts(front)):
            ended.append(over)
            for to, size, dlts, keys, n_paths in grown:
                after[to][size, dlts].append((keys, n_paths))
        expected = sum(len(w) for runs in after.values() for run in runs.values() for _, w in run)
        foreseen = max(expected, _predicted_size(sizes, planned))
        if foreseen > most:
            raise too_large(foreseen, most, packing.words)
        front = dict(zip(after, several(packing.merged, [list(runs.values()) for runs in after.values()]), strict=True))
    keys, mtd, n_paths = (np.concatenate(columns, axis=-1) for columns in zip(*ended, strict=True))
    return Enumeration(packing, keys, mtd, n_paths)


def _predicted_size(sizes: list[tuple[int, int]], planned: int | None) -> float:
    """Return how many tallies will stand at the end: their number grows as a power of the number of patients."""
    if planned is None or len(sizes) < 3 or sizes[-1][1] < 50_000:
        return 0.0
    (n0, before), (n1, now) = sizes[-2:]
    if n1 <= n0 or now <= before:
        return 0.0
    return float(now * (planned / n1) ** (log(now / before) / log(n1 / n0)))


def _parts(front: dict[int, tuple[Ints, Floats]]) -> Iterator[tuple[Ints, Ints, Floats]]:
    """Yield levels last given, keys and numbers of paths of so many tallies at a time: all at once where they are
    few."""
    if sum(len(n_paths) for _, n_paths in front.values()) <= TALLIES_AT_ONCE:
        keys, n_paths = (np.concatenate(columns, axis=-1) for columns in zip(*front.values(), strict=True))
        yield np.repeat(list(front), [len(w) for _, w in front.values()]), keys, n_paths
        return
    for last, (keys, n_paths) in front.items():
        for at in range(0, len(n_paths), TALLIES_AT_ONCE):
            some = n_paths[at : at + TALLIES_AT_ONCE]
            yield np.full(len(some), last), keys[:, at : at + TALLIES_AT_ONCE], some


def _grown(
    packing: Packing, keys: Ints, n_paths: Floats, had: Ints, decision: Decision, live: Bools
) -> Iterator[tuple[int, int, int, Ints, Floats]]:
    """Yield level and size of the next cohort, DLTs in it, and keys and numbers of paths after it."""
    kind = np.where(live, decision.level * 1024 + decision.patients_to_treat, -1)
    for which in np.flatnonzero(np.bincount(kind[live])) if live.any() else ():
        to, size = divmod(int(which), 1024)
        rows = np.flatnonzero(kind == which)
        base, weight = packing.added(keys[:, rows], had[rows], to, size), n_paths[rows]
        for dlts in range(size + 1):
            yield to, size, dlts, packing.toxic(base, to, dlts), weight * comb(size, dlts)
