"""Counts of a trial packed into as few 64-bit words as hold them, so that equal ones are found by sorting numbers.

The counts of a level, n patients and y DLTs, become the one number n (n + 1) / 2 + y; it rises with n and with y, so
that adding the same cohort to tallies in rising order leaves them in rising order.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from posology.shared.arrays import Floats, Ints

BITS_OF_ONE_WORD, BITS_OF_SEVERAL = (
    63,
    53,
)  # bits of a word: of one word, an integer; of several, so that a float holds each exactly


@dataclass(frozen=True)
class Packing:
    """How the counts of ``levels`` levels, up to ``most`` patients each, are packed: ``width`` bits a level."""

    levels: int
    most: int
    width: int

    @classmethod
    def of(cls, levels: int, most: int) -> Packing:
        """Return the packing for so many levels, and patients at one."""
        return cls(levels, most, (most * (most + 1) // 2 + most).bit_length())

    @property
    def per_word(self) -> int:
        """Levels in a word."""
        return (BITS_OF_ONE_WORD if self.levels * self.width <= BITS_OF_ONE_WORD else BITS_OF_SEVERAL) // self.width

    @property
    def words(self) -> int:
        """Words a tally."""
        return -(-self.levels // self.per_word)

    @cached_property
    def _tables(self) -> tuple[Ints, Ints]:
        n = np.repeat(np.arange(self.most + 1), np.arange(1, self.most + 2))
        y = np.arange(len(n)) - n * (n + 1) // 2
        return n, y

    def _place(self, level: int) -> tuple[int, int]:
        word, at = divmod(level, self.per_word)
        return word, at * self.width

    def counts_of(self, code: Ints) -> tuple[Ints, Ints]:
        """Return patients and DLTs of levels' counts, each one number."""
        n, y = self._tables
        return n[code], y[code]

    def packed(self, counts: Ints, first: int) -> Ints:
        """Return the keys (words, tallies) of counts (tallies, k), already one number a level, of levels from ``first``
        up."""
        keys = np.zeros((self.words, len(counts)), dtype=np.int64)
        for k in range(counts.shape[1]):
            word, shift = self._place(first + k)
            keys[word] += counts[:, k] << shift
        return keys

    def unpack(self, keys: Ints) -> tuple[Ints, Ints]:
        """Return treated and toxic, (tallies, levels) each, of (words, tallies)."""
        treated = np.empty(
            (self.levels, keys.shape[1]), dtype=np.int64
        ).T  # a level's counts side by side: columns are fast
        toxic = np.empty((self.levels, keys.shape[1]), dtype=np.int64).T
        n, y = self._tables
        for level in range(self.levels):
            word, shift = self._place(level)
            code = (keys[word] >> shift) & ((1 << self.width) - 1)
            treated[:, level], toxic[:, level] = n[code], y[code]
        return treated, toxic

    def added(self, keys: Ints, treated: Ints, level: int, size: int) -> Ints:
        """Return the keys after ``size`` patients more at a level that had ``treated``, none of them with a DLT.

        Parameters
        ----------
        keys
            (words, tallies): tallies as packed.
        treated
            (tallies,): patients at the level before.
        level, size
            index of the level, and how many patients more.
        """
        if len(treated) and int(treated.max()) + size > self.most:
            raise ValueError(f"level {level + 1} would have more than {self.most} patients: the design does not end")
        word, shift = self._place(level)
        keys = keys.copy()
        keys[word] += (size * treated + size * (size + 1) // 2) << shift
        return keys

    def toxic(self, keys: Ints, level: int, dlts: int) -> Ints:
        """Return the keys after so many DLTs more at a level.

        Parameters
        ----------
        keys
            (words, tallies): tallies as packed.
        level, dlts
            index of the level, and how many DLTs more.
        """
        if dlts == 0:
            return keys
        word, shift = self._place(level)
        keys = keys.copy()
        keys[word] += dlts << shift
        return keys

    def merged(self, runs: list[list[tuple[Ints, Floats]]]) -> tuple[Ints, Floats]:
        """Return the distinct keys in rising order, the numbers of paths of equal ones added."""
        parts = [part for run in runs for part in run]
        keys = np.concatenate([k for k, _ in parts], axis=1)
        n_paths = np.concatenate([w for _, w in parts])
        if self.words <= 2:  # a stable sort merges the runs; complex numbers are compared by one part, then the other
            order = np.argsort(keys[0] if self.words == 1 else keys[1] + 1j * keys[0], kind="stable")
        else:
            order = np.lexsort(keys)
        keys, n_paths = keys.take(order, axis=1), n_paths.take(order)
        fresh = np.ones(len(n_paths), dtype=bool)
        np.not_equal(keys[0, 1:], keys[0, :-1], out=fresh[1:])
        for word in keys[1:]:
            fresh[1:] |= word[1:] != word[:-1]
        at = np.flatnonzero(fresh)
        return keys.take(at, axis=1), np.add.reduceat(n_paths, at)
