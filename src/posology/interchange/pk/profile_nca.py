"""Non-compartmental analysis of profiles as they were measured: the route of each, areas asked for, proportionality."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from posology.interchange.pk.pc_profiles import Profile
from posology.interchange.pk.sources import Measured
from posology.pharmacology.nca.auc import TrapezoidMethod
from posology.pharmacology.nca.dose_proportionality import Proportionality, dose_proportionality
from posology.pharmacology.nca.parameters import NcaResults, nca
from posology.pharmacology.nca.profiles import padded
from posology.shared.arrays import Floats

__all__ = ["ProfileAnalysis", "RouteUnknown", "analyse_profiles"]

Route = Literal["extravascular", "bolus", "infusion"]


class RouteUnknown(ValueError):
    """Profiles that do not say how the dose was given."""


@dataclass(frozen=True)
class ProfileAnalysis:
    """Profiles, what the analysis found of them, and what it was told.

    ``time`` and ``concentration`` are (profiles, samples), NaN where a row has no more; ``named`` each parameter by its
    name, (profiles,), the partial areas among them; ``proportionality`` is None where the doses do not tell it.
    """

    profiles: Sequence[Profile]
    route: Route
    time: Floats
    concentration: Floats
    results: NcaResults
    named: Mapping[str, Floats]
    proportionality: Proportionality | None


def analyse_profiles(
    read: Measured,
    route: Route | None = None,
    *,
    tau: float | None = None,
    method: TrapezoidMethod = "linear-up log-down",
    with_c_max: bool = False,
    partial: Sequence[tuple[float, float]] = (),
) -> ProfileAnalysis:
    """Analyse the profiles that were read.

    Parameters
    ----------
    read
        concentrations of one analyte.
    route
        how the dose was given; None: an infusion, where every profile says how long it took.
    tau, method, with_c_max
        as :func:`posology.pharmacology.nca.parameters.nca`.
    partial
        the start and end of each partial area, in the unit of the times.

    Raises
    ------
    RouteUnknown
        if no route is given and not all profiles are infusions.
    ValueError
        if there is no profile, an infusion's length is not known, or as the analysis raises.
    """
    found = read.profiles
    if not found:
        raise ValueError(f"{read.path}: no profile: it takes two samples after a dose at least")
    infused = [profile.duration > 0 for profile in found]
    if route is None and not all(infused):
        raise RouteUnknown(
            "say how the dose was given"
            + (", or how long the infusions took whose end is not recorded: --infusion-hours" if read.interval else "")
        )
    if route in (None, "infusion") and not all(infused):
        first, known = found[infused.index(False)], "--infusion-hours" if read.interval else "the column RATE"
        raise ValueError(
            f"{read.path}: patient {first.label}: how long the infusion took is not known; {known} says it"
        )
    given: Route = route or "infusion"
    time, concentration = padded([(profile.time, profile.concentration) for profile in found])
    dose = np.array([np.nan if profile.dose is None else profile.dose for profile in found])
    results = nca(
        time,
        concentration,
        None if np.isnan(dose).all() else dose,
        route=given,
        tau=tau,
        method=method,
        duration=np.array([profile.duration for profile in found]) if given == "infusion" else 0.0,
        with_c_max=with_c_max,
    )
    named = results.named() | {f"auc {a:g} to {b:g}": results.partial(a, b) for a, b in partial}
    return ProfileAnalysis(
        found, given, time, concentration, results, named, _proportionality(dose, results.auc_inf_obs)
    )


def _proportionality(dose: Floats, auc: Floats) -> Proportionality | None:
    """Judge dose proportionality, where three profiles or more have an AUC and their doses differ twofold or more."""
    use = np.isfinite(auc) & np.isfinite(dose)
    if use.sum() < 3 or dose[use].max() < 2 * dose[use].min():
        return None
    return dose_proportionality(dose[use], auc[use])
