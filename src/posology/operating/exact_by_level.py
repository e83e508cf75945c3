"""Every end of a trial under an interval design, level by level instead of cohort by cohort.

Under such a design the move after a cohort depends on the counts at the current level, and on whether the level above
is eliminated. A trial is then a walk on the levels that is put together from one *course* a level: what its cohorts
saw, in order, and where the trial went after each. The courses of two neighbouring levels fit if as many steps go down
from the upper one as came back to the lower one, and whether the upper one ends eliminated is what the lower one took
for granted after its last step up. Given courses that fit, the order of all cohorts follows (each level's moves are
used up in their order). So the number of sequences that lead to given counts is a product over levels, summed over the
numbers of steps between them: a chain of small matrices, which is cut in the middle so that each half is worked out
once.

Nothing is enumerated twice, nothing is sorted: the ends come out of a product of two matrices. Decisions are asked of
the design itself, once for each count at a level.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from math import comb
from typing import Any, TypeGuard

import numpy as np

from posology.designs.boin import Boin
from posology.designs.cohort_design import CohortDesign
from posology.designs.interval import IntervalDesign
from posology.designs.tally import NONE, Action, DependsOn, Design, Tally
from posology.operating.count_packing import Packing
from posology.operating.processors import cores
from posology.operating.selection_by_parts import Selection
from posology.operating.too_large import too_large
from posology.shared.arrays import Bools, Floats, Ints

STAY, UP, DOWN, END = range(4)
ENDS_AT_ONCE = 1 << 15  # so that the work on them stays in the processor's cache
WORD = 62  # bits
BELOW, ABOVE, PLANNED, EARLY = range(4)  # a level lies below or above the last one; or there the trial ends


def is_by_level(design: Design) -> TypeGuard[IntervalDesign]:
    """Return whether a design's moves depend on the current level's counts and the elimination of the one above
    alone."""
    return (
        isinstance(design, IntervalDesign)
        and design.depends_on is DependsOn.LEVEL
        and type(design).rule is CohortDesign.rule
        and type(design).propose is IntervalDesign.propose
        and type(design).eliminated is IntervalDesign.eliminated
        and type(design).mtd in (IntervalDesign.mtd, Boin.mtd)
        and not getattr(design, "bounded", False)
        and (design.stop_at is None or design.stop_when == "stays")
        and design.max_patients % design.cohort == 0
    )


@dataclass(frozen=True)
class Courses:
    """Courses of one level, those alike counted together: one entry each.

    ``cohorts`` and ``dlts`` seen; steps ``up`` and ``down`` from the level; ``blocked``: the level above is eliminated
    after the last step up; ``eliminated``: this level is; ``where`` the level lies from the trial's last, or how the
    trial ends there; ``paths``: how many.
    """

    cohorts: Ints
    dlts: Ints
    up: Ints
    down: Ints
    blocked: Ints
    eliminated: Ints
    where: Ints
    paths: Floats

    def ending(self, how: int) -> Courses:
        """Return the courses of trials that end as planned, or early."""
        kept = (self.where <= ABOVE) | (self.where == how)
        return Courses(**{name: values[kept] for name, values in vars(self).items()})


def _moves(design: IntervalDesign) -> tuple[Ints, Bools]:
    """Ask the design: (levels, 2, cohorts + 1, DLTs + 1) moves, the level above eliminated or not; and eliminated
    counts."""
    levels, size, top = design.levels, design.cohort, design.max_patients
    n, y = (a.ravel() for a in np.meshgrid(np.arange(size, top + 1, size), np.arange(top + 1), indexing="ij"))
    n, y = n[y <= n], y[y <= n]
    counts = len(n)
    here = np.repeat(np.arange(levels), counts)
    treated, dlts = np.zeros((2, levels * counts, levels), dtype=np.int64)
    rows = np.arange(levels * counts)
    treated[rows, here], dlts[rows, here] = np.tile(n, levels), np.tile(y, levels)
    out = design.eliminated(Tally.unchecked(treated, dlts, here))[rows, here].reshape(levels, counts)
    moves = np.full((levels, 2, top // size + 1, top + 1), END)
    eliminated = np.zeros((levels, top // size + 1, top + 1), dtype=bool)
    eliminated[:, n // size, y] = out
    for blocked in (0, 1):
        if blocked:  # the fewest patients with whom the level above is eliminated
            for level in range(levels - 1):
                fewest = np.flatnonzero(out[level + 1])[:1]
                if len(fewest):
                    at = here == level
                    treated[at, level + 1], dlts[at, level + 1] = n[fewest], y[fewest]
        decision = design.decide(Tally.unchecked(treated, dlts, here))
        move = np.select(
            [decision.action >= Action.DECLARE, decision.level > here, decision.level < here], [END, UP, DOWN], STAY
        )
        moves[:, blocked, n // size, y] = move.reshape(levels, counts)
    return moves, eliminated


def _courses(moves: Ints, eliminated: Bools, size: int, from_above: bool) -> Courses:
    """Return the courses of a level: every sequence of its cohorts' outcomes, cohort by cohort, counts alike merged.

    ``from_above``: the trial starts above the level, so that the one above may be eliminated before any step up.
    """
    last = moves.shape[1] - 1
    room = last // 2 + 2  # a step up and its return take a cohort each: more steps do not fit into the trial
    shape = (size * last + 1, room, room, 2)  # DLTs, steps up, steps down, blocked
    rises = bool((moves == UP).any())
    found = np.zeros((4, last + 1, *shape))
    here = np.zeros(shape)  # courses of so many cohorts after which another one comes
    here[0, 0, 0, : 1 + from_above] = 1.0
    for m in range(1, last + 1):
        seen = np.zeros(shape)
        top = size * (m - 1) + 1
        for dlts in range(size + 1):
            seen[dlts : dlts + top] += comb(size, dlts) * here[:top]
        move = moves[:, m].T[:, None, None, :]
        found[PLANNED, m], found[EARLY, m] = seen, np.where(move == END, seen, 0.0)
        up, down = found[BELOW, m], found[ABOVE, m]
        down[:, :, 1:] = np.where(move == DOWN, seen, 0.0)[:, :, :-1]
        here = np.where(move == STAY, seen, 0.0) + np.where(eliminated[m][:, None, None, None], 0.0, down)
        if rises:
            up[:, 1:, :, 0] = np.where(move == UP, seen, 0.0)[:, :-1, :, 0]
            here += up[..., :1]  # either the level above may still be given after this step, or it was the last one
    where, cohorts, seen_dlts, ups, downs, blocked = np.nonzero(found)
    paths = found[where, cohorts, seen_dlts, ups, downs, blocked]
    gone = eliminated[cohorts, seen_dlts].astype(np.int64)
    return Courses(cohorts, seen_dlts, ups, downs, blocked, gone, where, paths)


@dataclass(frozen=True)
class Part:
    """Counts of some neighbouring levels with the ways in which they fit to the levels beside them.

    ``counts`` (parts, levels): index of each level's counts, 0 where untouched; ``cohorts`` (parts,) in all; ``paths``
    (parts, fits): how many sequences, by how the part fits.
    """

    counts: Ints
    cohorts: Ints
    paths: Floats


def _fit_number(steps: Any, eliminated: Any, ended: Any) -> Any:
    """Return the number of a fit of two levels: steps down between them, the upper one eliminated, the trial's end
    below."""
    return (steps * 2 + eliminated) * 2 + ended


def _with_untouched(courses: Courses, level: int, start: int) -> Courses:
    """Return a level's courses with the one in which nobody is treated there."""
    if level == start:
        return courses
    none = {name: np.array([0], dtype=values.dtype) for name, values in vars(courses).items()}
    none |= {"where": np.array([BELOW if level < start else ABOVE]), "paths": np.ones(1)}
    return Courses(**{name: np.concatenate([values, none[name]]) for name, values in vars(courses).items()})


def _fits(courses: Courses, level: int, start: int) -> tuple[Ints, Ints]:
    """Return the fit of each course to the level below, and to that above."""
    ended = courses.where == ABOVE
    gone = courses.eliminated * ended  # where the trial ends at the level, or above, the one below is not seen again
    below = _fit_number(courses.down, gone, ended.astype(np.int64))
    # of the steps up from here all come back down, but for one that leads to the last level, or from the first
    over = courses.where != BELOW
    returned = courses.up - ((courses.where == BELOW) & (start <= level)) + (over & (level < start))
    above = np.where(returned >= 0, _fit_number(np.maximum(returned, 0), courses.blocked, over.astype(np.int64)), NONE)
    return below, above


def _own_courses(design: IntervalDesign) -> list[Courses]:
    """Return the courses of each level; levels that move alike share them."""
    moves, eliminated = _moves(design)
    known: dict[bytes, Courses] = {}
    courses = []
    for level in range(design.levels):
        same = moves[level].tobytes() + eliminated[level].tobytes() + bytes([level < design.start])
        if same not in known:
            known[same] = _courses(moves[level], eliminated[level], design.cohort, level < design.start)
        courses.append(_with_untouched(known[same], level, design.start))
    return courses


def _joined(parts: Part, courses: Courses, fit: Ints, onward: Ints, spare: Ints, size: int, limit: int) -> Part | None:
    """Return parts, each with the courses of one more level that fit it; None where none does.

    ``fit``, ``onward``: (courses,) the fit of each course to the part, and to what comes next; ``spare``: (courses,)
    the cohorts that a part may have had, so that the trial can still be completed.
    """
    most = int(parts.cohorts.max())
    able = np.flatnonzero((onward >= 0) & (spare >= 0))
    if not len(able):
        return None
    most = max(most, int(spare[able].max()))
    rank = fit[able] * (most + 1) + (most - spare[able])  # by fit, the courses that leave most room first
    order = np.argsort(rank, kind="stable")
    rank, able = rank[order], able[order]
    row, has = np.nonzero(parts.paths)
    first = np.searchsorted(rank, has * (most + 1))
    times = np.searchsorted(rank, has * (most + 1) + (most - parts.cohorts[row]), side="right") - first
    if times.sum() > limit:
        raise too_large(float(times.sum()), limit, 1)
    if not times.any():
        return None
    of = np.repeat(np.arange(len(row), dtype=np.int32), times)
    course = able[np.arange(len(of)) - np.repeat(np.cumsum(times) - times - first, times)]
    n = courses.cohorts * size
    kinds, own = np.unique(n * (n + 1) // 2 + courses.dlts, return_inverse=True)
    code = row[of] * len(kinds) + own[course]
    present = np.zeros(len(parts.counts) * len(kinds), dtype=bool)
    present[code] = True
    distinct = np.flatnonzero(present)
    number = np.empty(len(present), dtype=np.int64)
    number[distinct] = np.arange(len(distinct))
    fits = int(onward[course].max()) + 1
    paths = np.bincount(
        number[code] * fits + onward[course], parts.paths[row, has][of] * courses.paths[course], len(distinct) * fits
    )
    before, kind = np.divmod(distinct, len(kinds))
    counts = np.concatenate([parts.counts[before], kinds[kind][:, None]], axis=1)
    cohorts = np.zeros(len(distinct), dtype=np.int64)
    cohorts[number[code]] = parts.cohorts[row[of]] + courses.cohorts[course]
    return Part(counts, cohorts, np.asarray(paths, dtype=np.float64).reshape(len(distinct), fits))


def _halves(design: IntervalDesign, own: list[Courses], most: int) -> tuple[Part, Part] | None:
    """Return the parts of the lower and of the upper levels, the fits between them in their columns; None if no trial ends so."""
    last, size, start = design.max_patients // design.cohort, design.cohort, design.start
    lower = _outside([_fit_number(0, 0, 0), _fit_number(0, 1, 0)])
    upper = _outside([_fit_number(0, 0, 1)])
    middle = (design.levels + 1) // 2
    for level in range(middle):
        below, above = _fits(own[level], level, start)
        steps, goes_on = above >> 2, (above & 1) == 0  # what must still happen above takes a cohort each
        need = np.maximum(steps + goes_on, np.where(own[level].cohorts > 0, start - level, start > level))
        joined = _joined(lower, own[level], below, above, last - own[level].cohorts - need, size, most)
        if joined is None:
            return None
        lower = joined
    for level in reversed(range(middle, design.levels)):
        below, above = _fits(own[level], level, start)
        steps, went_on = below >> 2, (below & 1) == 0
        rises = (start < level) & (own[level].cohorts > 0)  # each level from the first up to this one takes a cohort
        need = np.maximum(steps + (went_on & rises), rises) + np.where(rises, level - 1 - start, 0)
        joined = _joined(upper, own[level], above, below, last - own[level].cohorts - need, size, most)
        if joined is None:
            return None
        upper = joined
    fits = min(lower.paths.shape[1], upper.paths.shape[1])
    return (
        Part(lower.counts, lower.cohorts, lower.paths[:, :fits]),
        Part(upper.counts[:, ::-1], upper.cohorts, upper.paths[:, :fits]),
    )


def _outside(fits: list[int]) -> Part:
    """Return the part of no level at all, which fits in the given ways."""
    paths = np.zeros((1, max(fits) + 1))
    paths[0, fits] = 1.0
    return Part(np.zeros((1, 0), dtype=np.int64), np.zeros(1, dtype=np.int64), paths)


def _bits(paths: Floats) -> list[Ints]:
    """Return the ways in which each part fits, as bits of as few words (parts,) as hold them."""
    held = paths > 0
    pieces = (held[:, at : at + WORD] for at in range(0, held.shape[1], WORD))
    return [np.asarray(piece @ (1 << np.arange(piece.shape[1]))) for piece in pieces]


def _blocks(lower: Part, upper: Part, last: int, how: int) -> Iterator[tuple[Ints, Ints, Floats]]:
    """Yield lower parts (i,), upper parts (j,) each of which fits each of them, and the number of paths (i, j)."""
    mine, theirs = _bits(lower.paths), _bits(upper.paths)
    order = np.lexsort([*mine, lower.cohorts])
    alike = np.ones(len(order) - 1, dtype=bool)
    for values in (*mine, lower.cohorts):
        alike &= values[order[1:]] == values[order[:-1]]
    bounds = np.concatenate([[0], np.flatnonzero(~alike) + 1, [len(order)]])
    before, others = NONE, np.empty(0, dtype=np.int64)
    for start, end in zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True):
        i = order[start:end]
        if (cohorts := int(lower.cohorts[i[0]])) != before:
            fits = upper.cohorts == last - cohorts if how == PLANNED else upper.cohorts < last - cohorts
            before, others = cohorts, np.flatnonzero(fits)
            held = [word[others] for word in theirs]
        fitting = held[0] & mine[0][i[0]]
        for word, own in zip(held[1:], mine[1:], strict=True):
            fitting |= word & own[i[0]]
        j = others[fitting != 0]
        if not len(j):
            continue
        used = np.flatnonzero(lower.paths[i[0]])
        paths = upper.paths[j[:, None], used].T
        rows = max(1, ENDS_AT_ONCE // len(j))
        for at in range(0, len(i), rows):
            some = i[at : at + rows]
            yield some, j, lower.paths[some[:, None], used] @ paths


def ends_by_level(design: IntervalDesign, most: int) -> tuple[Packing, Ints, Ints, Floats]:
    """Return packing, packed counts (words, ends), MTD (ends,) and number of paths (ends,) of all ends of a trial.

    Raises
    ------
    posology.operating.TooLarge
        if there are more ends than ``most``.
    """
    packing = Packing.of(design.levels, design.max_patients)
    courses = _own_courses(design)
    ends: list[tuple[Ints, Ints, Floats]] = []
    number = 0
    with ThreadPoolExecutor(cores()) as pool:
        for how in (PLANNED, EARLY):
            halves = _halves(design, [c.ending(how) for c in courses], most)
            if halves is None:
                continue
            lower, upper = halves
            put_together = _PutTogether(
                packing.packed(lower.counts, 0),
                packing.packed(upper.counts, lower.counts.shape[1]),
                Selection.of(design, packing, lower.counts, upper.counts),
            )
            blocks = []
            for block in _gathered(_blocks(lower, upper, design.max_patients // design.cohort, how)):
                blocks.append(block)
                number += block[2].size
                if number > most:
                    raise too_large(number, most, packing.words)
            ends += pool.map(put_together, blocks)
    keys, mtd, paths = (np.concatenate(columns, axis=-1) for columns in zip(*ends, strict=True))
    return packing, keys, mtd, paths


@dataclass(frozen=True)
class _PutTogether:
    """Keys (words, parts) of lower parts and of upper ones, and the selection of their MTD."""

    low: Ints
    high: Ints
    selection: Selection

    def __call__(self, block: tuple[Ints, Ints, Floats]) -> tuple[Ints, Ints, Floats]:
        """Return keys, MTD and number of paths of each lower part with each upper part of a block."""
        i, j, paths = block
        keys = np.stack([low[i] + high[j] for low, high in zip(self.low, self.high, strict=True)])
        mtd: Ints = self.selection.choose(i, j).astype(np.int8)
        return keys.reshape(len(self.low), -1), mtd.ravel(), paths


def _gathered(blocks: Iterator[tuple[Ints, Ints, Floats]]) -> Iterator[tuple[Ints, Ints, Floats]]:
    """Yield lower and upper parts whose indices broadcast, and numbers of paths: large blocks as they are, small ones
    together."""
    small: list[tuple[Ints, Ints, Floats]] = []
    held = 0
    for i, j, number in blocks:
        if number.size >= ENDS_AT_ONCE // 8:
            yield i[:, None], j, number.ravel()
            continue
        small.append((np.repeat(i, len(j)), np.tile(j, len(i)), number.ravel()))
        held += number.size
        if held >= ENDS_AT_ONCE:
            yield _together(small)
            small, held = [], 0
    if small:
        yield _together(small)


def _together(blocks: list[tuple[Ints, Ints, Floats]]) -> tuple[Ints, Ints, Floats]:
    i, j, paths = (np.concatenate(columns) for columns in zip(*blocks, strict=True))
    return i, j, paths
