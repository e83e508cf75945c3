"""What the commands of expansion cohorts share."""

from __future__ import annotations

from typing import Annotated

import typer

NullRateOption = Annotated[
    float, typer.Option("--p0", metavar="RATE", help="Response rate of no interest, between 0 and 1.")
]
RateOfInterestOption = Annotated[
    float, typer.Option("--p1", metavar="RATE", help="Response rate of interest, between --p0 and 1.")
]
AlphaOption = Annotated[
    float, typer.Option("--alpha", metavar="CHANCE", help="The most that the type I error may be, between 0 and 1.")
]
BetaOption = Annotated[
    float, typer.Option("--beta", metavar="CHANCE", help="The most that the type II error may be, between 0 and 1.")
]
TruthOption = Annotated[
    str | None,
    typer.Option(
        "--truth",
        metavar="P1,P2,...",
        help="True response rates, each from 0 to 1 (else no operating characteristics).",
    ),
]


def numbers(text: str, name: str) -> tuple[float, ...]:
    """Read numbers with commas between.

    Raises
    ------
    typer.BadParameter
        naming the option and what is no number.
    """
    values = []
    for part in text.split(","):
        try:
            values.append(float(part))
        except ValueError:
            raise typer.BadParameter(f"{part.strip()!r} is no number; write 0.1,0.2,0.3", param_hint=name) from None
    return tuple(values)


def whole_numbers(text: str, name: str) -> tuple[int, ...]:
    """Read whole numbers with commas between; see :func:`numbers`."""
    values = numbers(text, name)
    for value in values:
        if not value.is_integer():
            raise typer.BadParameter(f"{value:g} is no whole number; write 10,20,30", param_hint=name)
    return tuple(int(value) for value in values)


def percent(chance: float) -> str:
    """Write a chance in per cent, small ones as small.

    >>> percent(0.0471), percent(0.000004), percent(0.0)
    ('4.7', '<0.1', '0.0')
    """
    return "<0.1" if 0 < chance < 0.0005 else f"{100 * chance:.1f}"
