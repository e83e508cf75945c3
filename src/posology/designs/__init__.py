"""Which dose next: one file a design family, pure functions of a tally.

>>> from posology.designs import ThreePlusThree, Tally
>>> tally = Tally.of("1NNN 2NNT", levels=5)
>>> Action(ThreePlusThree(levels=5).decide(tally).action[0]).name
'STAY'
"""

from posology.designs.a_plus_b import APlusB
from posology.designs.backfill import BeBoin, BfBoin
from posology.designs.blrm import Blrm, Normal, prior_from_quantiles
from posology.designs.boin import Boin, Iboin
from posology.designs.committee_table import CommitteeTable
from posology.designs.crm import Crm
from posology.designs.ewoc import Ewoc
from posology.designs.gboin import GBoin
from posology.designs.inference import Inference, infer
from posology.designs.modifiers import (
    FORMER_NAMES,
    MODIFIERS,
    BetaBinomial,
    Coherent,
    CohortSizes,
    IsotonicMtd,
    MaxChance,
    MaxLevel,
    MaxPatients,
    MinPatients,
    NoSkipping,
    StopAt,
    StopPrecise,
    StopStable,
    StopSure,
    StopToxic,
    Titration,
)
from posology.designs.tally import Action, Decision, Design, PendingPatients, Tally
from posology.designs.three_plus_three import ThreePlusThree
from posology.designs.time_to_event import RollingSix, TiteBoin, TiteCrm
from posology.designs.tpi import I3plus3, Keyboard, Mtpi, Mtpi2, Tpi

DESIGNS: dict[str, type] = {
    "3+3": ThreePlusThree,
    "a+b": APlusB,
    "boin": Boin,
    "iboin": Iboin,
    "mtpi": Mtpi,
    "mtpi-2": Mtpi2,
    "keyboard": Keyboard,
    "tpi": Tpi,
    "i3+3": I3plus3,
    "crm": Crm,
    "blrm": Blrm,
    "ewoc": Ewoc,
    "gboin": GBoin,
    "table": CommitteeTable,
    "tite-crm": TiteCrm,
    "tite-boin": TiteBoin,
    "rolling six": RollingSix,
    "bf-boin": BfBoin,
    "be-boin": BeBoin,
}
"""Every design by the name a protocol gives it."""

__all__ = [
    "DESIGNS",
    "FORMER_NAMES",
    "MODIFIERS",
    "APlusB",
    "Action",
    "BeBoin",
    "BetaBinomial",
    "BfBoin",
    "Blrm",
    "Boin",
    "Coherent",
    "CohortSizes",
    "CommitteeTable",
    "Crm",
    "Decision",
    "Design",
    "Ewoc",
    "GBoin",
    "I3plus3",
    "Iboin",
    "Inference",
    "IsotonicMtd",
    "Keyboard",
    "MaxChance",
    "MaxLevel",
    "MaxPatients",
    "MinPatients",
    "Mtpi",
    "Mtpi2",
    "NoSkipping",
    "Normal",
    "PendingPatients",
    "RollingSix",
    "StopAt",
    "StopPrecise",
    "StopStable",
    "StopSure",
    "StopToxic",
    "Tally",
    "ThreePlusThree",
    "TiteBoin",
    "TiteCrm",
    "Titration",
    "Tpi",
    "infer",
    "prior_from_quantiles",
]
