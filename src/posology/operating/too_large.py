"""Enumerations that would not fit into memory."""

from __future__ import annotations


class TooLarge(ValueError):
    """An enumeration that would not fit, with its size."""


def too_large(tallies: float, most: int, words: int) -> TooLarge:
    """Return the error for so many tallies of so many words, more than ``most``.

    Parameters
    ----------
    tallies
        how many there would be.
    most
        how many there may be.
    words
        of each.

    Examples
    --------
    >>> print(str(too_large(3e9, 100_000_000, 1)).split(":")[0])
    this design reaches some 3,000,000,000 tallies, more than 100,000,000 (144.0 GB)
    """
    return TooLarge(
        f"this design reaches some {tallies:,.0f} tallies, more than {most:,} "
        f"({tallies * 8 * (words + 1) * 3 / 1e9:,.1f} GB): simulate it instead, or use larger cohorts"
    )
