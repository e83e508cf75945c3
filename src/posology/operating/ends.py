"""The ends that a trial under a design can come to: counts, the MTD, and how many sequences of outcomes lead there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from posology.operating.count_packing import Packing
from posology.shared.arrays import Floats, Ints


@dataclass(frozen=True)
class Ends:
    """Every end that a trial under a design can come to.

    Parameters
    ----------
    packing
        how the counts are packed.
    keys
        (words, ends): the packed counts.
    mtd
        (ends,): index of the level declared, ``NONE`` where none is.
    n_paths
        (ends,): number of sequences of outcomes that lead there.
    """

    packing: Packing
    keys: Ints
    mtd: Ints
    n_paths: Floats

    @property
    def levels(self) -> int:
        """Number of dose levels."""
        return self.packing.levels

    @property
    def treated(self) -> Ints:
        """(ends, levels): patients by level at the end."""
        return self.packing.unpack(self.keys)[0]

    @property
    def toxic(self) -> Ints:
        """(ends, levels): DLTs by level at the end."""
        return self.packing.unpack(self.keys)[1]

    def parts(self, rows: int) -> Iterator[tuple[Ints, Ints, Ints, Floats]]:
        """Yield treated, toxic, mtd and numbers of paths of so many ends at a time."""
        for at in range(0, len(self.n_paths), rows):
            part = slice(at, at + rows)
            yield *self.packing.unpack(self.keys[:, part]), self.mtd[part].astype(np.int64), self.n_paths[part]
