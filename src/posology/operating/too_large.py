"""Enumerations that would not fit into memory."""

from __future__ import annotations


class TooLarge(ValueError):
    """An enumeration that would not fit, with its size."""


def too_large(tallies: float, most: int, words: int) -> TooLarge:
    """Return the error for so many tallies of so many words, more than ``most``."""
    return TooLarge(
        f"this design reaches some {tallies:,.0f} tallies, more than {most:,} "
        f"({tallies * 8 * (words + 1) * 3 / 1e9:,.1f} GB): simulate it instead, or use larger cohorts"
    )
