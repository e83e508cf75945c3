"""Non-compartmental analysis of profiles as they were measured: what each dose is, the points of λz,
proportionality."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from posology.interchange.pk.pc_profiles import Profile
from posology.interchange.pk.sources import Measured
from posology.pharmacology.blq import BlqRule
from posology.pharmacology.nca.auc import TrapezoidMethod
from posology.pharmacology.nca.dose_proportionality import Proportionality, dose_proportionality
from posology.pharmacology.nca.parameters import Dosing, NcaResults, nca
from posology.pharmacology.nca.profiles import padded
from posology.shared.arrays import Bools, Floats

__all__ = ["Choices", "ProfileAnalysis", "WrongChoice", "analyse_profiles"]

Route = Literal["extravascular", "bolus", "infusion"]
SteadyState = Literal["flagged", "later", "all"]


class WrongChoice(ValueError):
    """A choice that does not fit the profiles; ``option`` is its name on the command line."""

    def __init__(self, option: str, wrong: str) -> None:
        super().__init__(wrong)
        self.option = option


@dataclass(frozen=True)
class Choices:
    """How profiles are analysed.

    ``route`` is None for infusions that all say how long they took; ``tau`` the dosing interval where the data do not
    say it; ``steady_state`` which profiles are at steady state: those that the data flag, also all but a patient's
    first, or all. ``partial`` are the start and end of each partial area; ``points`` and ``exclude`` by a profile's
    label the times of the samples that λz is, or may not be, of. All times are in the unit of the data.
    """

    route: Route | None = None
    tau: float | None = None
    steady_state: SteadyState = "flagged"
    blq: BlqRule = field(default_factory=BlqRule)
    points: Mapping[str, Sequence[float]] = field(default_factory=dict)
    exclude: Mapping[str, Sequence[float]] = field(default_factory=dict)
    method: TrapezoidMethod = "linear-up log-down"
    allow_tmax: bool = False
    partial: Sequence[tuple[float, float]] = ()


@dataclass(frozen=True)
class ProfileAnalysis:
    """Profiles, and what the analysis found of them.

    ``time`` and ``concentration`` are (profiles, samples), NaN where a row has no more; ``named`` each parameter by its
    name, (profiles,), the partial areas among them; ``proportionality`` what was judged, of which area, if the doses
    tell it.
    """

    profiles: Sequence[Profile]
    route: Route
    time: Floats
    concentration: Floats
    results: NcaResults
    named: Mapping[str, Floats]
    proportionality: Sequence[tuple[str, Proportionality]]


def analyse_profiles(read: Measured, choices: Choices) -> ProfileAnalysis:
    """Analyse the profiles that were read.

    Raises
    ------
    WrongChoice
        if no route is given and not all profiles are infusions, or a point of λz is none of a profile.
    ValueError
        if there is no profile, an infusion's length is not known, or as the analysis raises.
    """
    profiles = read.profiles
    if not profiles:
        raise ValueError(f"{read.path}: no profile: it takes two samples after a dose at least")
    route = _route(read, profiles, choices.route)
    time, concentration = padded([(p.time, p.concentration) for p in profiles])
    dose = np.array([np.nan if p.dose is None else p.dose for p in profiles])
    results = nca(
        time,
        concentration,
        None if np.isnan(dose).all() else dose,
        route=route,
        dosing=[_dosing(p, choices.steady_state) for p in profiles],
        tau=np.array([p.steady_interval or choices.tau or np.nan for p in profiles]),
        method=choices.method,
        blq=choices.blq,
        duration=np.array([p.duration for p in profiles]) if route == "infusion" else 0.0,
        allow_tmax=choices.allow_tmax,
        manual_points=_points("--points", choices.points, profiles, time),
        excluded_points=_points("--exclude", choices.exclude, profiles, time),
    )
    areas = {f"auc {a:g} to {b:g}": results.partial(a, b) for a, b in choices.partial}
    return ProfileAnalysis(
        profiles,
        route,
        time,
        concentration,
        results,
        results.named() | areas,
        _proportionality(profiles, dose, results),
    )


def _route(read: Measured, profiles: Sequence[Profile], route: Route | None) -> Route:
    """Return how the doses were given: as said, or infusions that all say how long they took."""
    infused = [p.duration > 0 for p in profiles]
    if route is None and not all(infused):
        lacking = ", or how long the infusions took whose end is not recorded: --infusion-hours"
        raise WrongChoice("--route", f"say how the dose was given{lacking if read.interval else ''}")
    if route in (None, "infusion") and not all(infused):
        first, known = profiles[infused.index(False)], "--infusion-hours" if read.interval else "the column RATE"
        raise ValueError(
            f"{read.path}: patient {first.label}: how long the infusion took is not known; {known} tells it"
        )
    return route or "infusion"


def _dosing(profile: Profile, steady_state: SteadyState) -> Dosing:
    """Return what a profile's dose is: the patient's first, one at steady state (flagged, or said to be), or
    another."""
    said = steady_state == "all" or (steady_state == "later" and profile.number > 1)
    if profile.steady_interval or said:
        return "steady state"
    return "first" if profile.number == 1 else "later"


def _points(
    option: str, by_label: Mapping[str, Sequence[float]], profiles: Sequence[Profile], time: Floats
) -> Bools | None:
    """Return which samples are named, (profiles, samples); None if none is."""
    if not by_label:
        return None
    labels = [p.label for p in profiles]
    points = np.zeros(time.shape, bool)
    for label, times in by_label.items():
        if label not in labels:
            known = "; ".join(labels[:6]) + ("; ..." if len(labels) > 6 else "")
            raise WrongChoice(option, f"{label!r} is no profile; they are {known}")
        row = labels.index(label)
        for at in times:
            named = np.isclose(time[row], at, rtol=1e-9, atol=1e-9)
            if not named.any():
                there = ", ".join(f"{t:g}" for t in time[row] if np.isfinite(t))
                raise WrongChoice(option, f"profile {label} has no sample at {at:g}; it has {there}")
            points[row] |= named
    return points


def _proportionality(
    profiles: Sequence[Profile], doses: Floats, results: NcaResults
) -> list[tuple[str, Proportionality]]:
    """Judge dose proportionality where doses differ twofold or more: of first doses by AUCinf, at steady state by
    AUCτ."""
    judged = []
    for what, kind, exposure in (
        ("AUCinf after first doses", "first", results.auc_inf_obs),
        ("AUCτ at steady state", "steady state", results.auc_tau),
    ):
        of_kind = np.array([dosing == kind for dosing in results.dosing])
        use = of_kind & np.isfinite(exposure) & (exposure > 0) & np.isfinite(doses)
        names = [p.patient for p, used in zip(profiles, use, strict=True) if used]
        distinct = set(zip(names, doses[use].tolist(), strict=True))
        patients = len({name for name, _ in distinct})
        if len(distinct) < 3 or doses[use].max() < 2 * doses[use].min():
            continue
        if patients < len(distinct) - 1 or patients == len(distinct):  # else one patient alone was given two doses
            judged.append((what, dose_proportionality(doses[use], exposure[use], names)))
    return judged
