"""The arrays that the science rooms take and return, by what they hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:  # numpy.typing is a third of numpy's import, and for the type checker alone
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Bools = NDArray[np.bool_]
else:
    Floats = Ints = Bools = np.ndarray
    ArrayLike = object

__all__ = ["ArrayLike", "Bools", "Floats", "Ints"]
