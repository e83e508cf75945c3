"""The boundaries that the design of an expansion cohort comes to."""

from __future__ import annotations

from functools import lru_cache

from posology.expansion.one_arm.boundaries import Boundaries
from posology.protocol.model import ExpansionDesign

MAX_PATIENTS = 200
"""The most patients that a design found from its error rates may have."""


@lru_cache(maxsize=64)
def cohort_boundaries(design: ExpansionDesign) -> Boundaries:
    """Return how many responses are too few, and how many are enough, at each look.

    Priors are worth one patient: beta(p0, 1 - p0).

    Raises
    ------
    ValueError
        if no design meets the error rates, or its boundaries contradict each other.

    Examples
    --------
    >>> cohort_boundaries(ExpansionDesign(method="simon optimal", p0=0.1, p1=0.3)).rows()[0]
    {'patients': 10, 'futility at most': 1, 'success at least': None}
    """
    from posology.expansion.beta_mixture import BetaMixture  # with the designs: most commands ask for none
    from posology.expansion.one_arm.bop2 import bop2_binary
    from posology.expansion.one_arm.posterior import posterior_boundaries, predictive_boundaries
    from posology.expansion.one_arm.simon import admissible, simon_designs
    from posology.expansion.one_arm.single_stage import a_hern

    p0, p1 = design.p0, design.p1 or 1.0
    prior = BetaMixture.of(p0, 1 - p0)
    match design.method:
        case "simon optimal" | "simon minimax":
            two_stage = simon_designs(p0, p1, alpha=design.alpha, beta=design.beta, max_patients=MAX_PATIENTS)
            frontier = [each for each, *_ in admissible(two_stage)]
            return (frontier[0] if design.method == "simon minimax" else frontier[-1]).boundaries
        case "single stage":
            return a_hern(p0, p1, alpha=design.alpha, beta=design.beta, tolerance=1e-9).boundaries
        case "posterior":
            futile, enough = (p0, 1 - design.futility), (p0, design.success)
            return posterior_boundaries(design.looks, prior, futility=futile, success=enough)
        case "predictive":
            return predictive_boundaries(design.looks, prior, rate=p0, chance=design.success, futility=design.futility)
        case "bop2":
            return bop2_binary(design.looks, p0, lambda_=design.futility, gamma=design.gamma)
