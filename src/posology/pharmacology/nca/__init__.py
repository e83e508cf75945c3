"""Non-compartmental analysis: profiles, areas, parameters, dose proportionality."""

from posology.pharmacology.blq import BlqAction, BlqRule
from posology.pharmacology.nca.auc import TrapezoidMethod, concentration_at, partial_auc, segment_auc
from posology.pharmacology.nca.dose_proportionality import Proportionality
from posology.pharmacology.nca.dosing_interval import DosingInterval
from posology.pharmacology.nca.parameters import Dosing, NcaResults, accumulation, nca
from posology.pharmacology.nca.profiles import Route, padded
from posology.pharmacology.nca.registry import PARAMETERS, NcaParameter
from posology.pharmacology.nca.terminal_slope import TerminalSlope

__all__ = [
    "PARAMETERS",
    "BlqAction",
    "BlqRule",
    "BlqRuleByTmax",
    "Dosing",
    "DosingInterval",
    "NcaParameter",
    "NcaResults",
    "Proportionality",
    "Route",
    "TerminalSlope",
    "TrapezoidMethod",
    "accumulation",
    "concentration_at",
    "nca",
    "padded",
    "partial_auc",
    "segment_auc",
]
