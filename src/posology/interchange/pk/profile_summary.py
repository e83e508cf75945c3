"""The parameters of a non-compartmental analysis by dose and cycle, as a table and as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from posology.interchange.pk.profile_nca import ProfileAnalysis
from posology.pharmacology.nca.registry import PARAMETERS
from posology.pharmacology.nca.summary import ParameterSummary, summarise

LEFT_OUT = ("intercept", "r_squared", "adjusted_r_squared", "points", "first", "last")
"""What tells of one profile's terminal slope, and of no group."""
ALIKE = 1.1
"""Amounts from one to this many times it are one dose: doses by body weight to a target, or weighed, differ a little."""


@dataclass(frozen=True)
class GroupSummary:
    """One parameter of the profiles after one dose: ``dose`` is the amount, or the level where the data say levels;
    ``occasion`` the cycle, or which dose of the patient's it was."""

    dose: str
    occasion: str
    profiles: int
    parameter: str
    symbol: str
    unit: str
    values: ParameterSummary


def summaries(analysis: ProfileAnalysis, units: tuple[str, str, str] = ("", "", "")) -> list[GroupSummary]:
    """Summarise each parameter by dose and cycle, in order of dose; ``units`` are those of time, concentration, dose.

    Doses are told apart by their level where every dose has one (a dose by body size is another amount in each
    patient), else by their amount: amounts within a tenth of the lowest are one dose, shown as a range. Occasions are
    told apart by the cycle where no patient has two profiles in one, else by the number of the dose.
    """
    profiles = analysis.profiles
    by_level = all(p.level is not None for p in profiles)
    cycles = [(p.patient, p.cycle) for p in profiles]
    by_cycle = None not in {c for _, c in cycles} and len(set(cycles)) == len(cycles)

    doses = [p.level if by_level else p.dose for p in profiles]
    names = _levels(doses) if by_level else _amounts(doses, units[2])
    groups: dict[tuple[float, float, str], list[int]] = {}
    for n, (p, dose) in enumerate(zip(profiles, doses, strict=True)):
        occasion = (p.cycle or 0) if by_cycle else p.number
        lowest, name = names[dose]
        groups.setdefault((lowest, occasion, name), []).append(n)
    found = []
    over = "/F" if analysis.route == "extravascular" else ""
    for (_, occasion, name), members in sorted(groups.items()):
        for q in PARAMETERS:
            if q.name in LEFT_OUT or q.name not in analysis.named:
                continue
            values = summarise(analysis.named[q.name][members])
            if values.n:
                found.append(
                    GroupSummary(
                        name,
                        f"{'cycle' if by_cycle else 'dose'} {occasion:g}",
                        len(members),
                        q.name,
                        q.symbol + over if q.name.startswith(("clearance", "vz")) else q.symbol,
                        q.unit_in(*units),
                        values,
                    )
                )
    return found


def _levels(doses: Sequence[float | None]) -> dict[float | None, tuple[float, str]]:
    """Return the place in the order and the name of each level."""
    return {level: (level or 0.0, f"level {level:g}") for level in set(doses) if level is not None}


def _amounts(doses: Sequence[float | None], unit: str) -> dict[float | None, tuple[float, str]]:
    """Return the lowest amount and the name of the group that each amount is of; no name where the dose is not known."""
    groups: list[list[float]] = []
    for amount in sorted({dose for dose in doses if dose is not None}):
        if groups and amount <= ALIKE * groups[-1][0]:
            groups[-1].append(amount)
        else:
            groups.append([amount])
    found: dict[float | None, tuple[float, str]] = {None: (0.0, "")}
    for group in groups:
        low, high = f"{group[0]:.6g}", f"{group[-1]:.6g}"
        name = f"{low if low == high else f'{low} to {high}'} {unit}".strip()
        found |= dict.fromkeys(group, (group[0], name))
    return found


def summary_csv(found: Sequence[GroupSummary]) -> str:
    """Write summaries as CSV, every number in full; what is undefined is empty."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(
        ["dose", "occasion", "profiles", "parameter", "symbol", "unit", *ParameterSummary.__dataclass_fields__]
    )
    for group in found:
        own = [group.dose, group.occasion, group.profiles, group.parameter, group.symbol, group.unit]
        writer.writerow([*own, *("" if v != v else v for v in asdict(group.values).values())])
    return out.getvalue()
