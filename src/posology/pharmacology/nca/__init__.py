"""Non-compartmental analysis: profiles, areas, parameters, dose proportionality."""

from posology.pharmacology.nca.auc import TrapezoidMethod, concentration_at, partial_auc, segment_auc
from posology.pharmacology.nca.blq import BlqAction, BlqRule, BlqRuleByTmax
from posology.pharmacology.nca.dose_proportionality import Proportionality
from posology.pharmacology.nca.parameters import NcaResults, SteadyState, TerminalSlope, accumulation, nca
from posology.pharmacology.nca.profiles import Route, padded

__all__ = [
    "BlqAction",
    "BlqRule",
    "BlqRuleByTmax",
    "NcaResults",
    "Proportionality",
    "Route",
    "SteadyState",
    "TerminalSlope",
    "TrapezoidMethod",
    "accumulation",
    "concentration_at",
    "nca",
    "padded",
    "partial_auc",
    "segment_auc",
]
