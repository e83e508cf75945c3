"""Rules that go around any design, one a file: each changes one thing about its decisions and leaves the rest to it.

They compose: ``StopAt(NoSkipping(Crm(...)), patients=12)``. A rule that ends a trial names the level that the design
behind it would choose.
"""

from posology.designs.modifiers.base import Modifier
from posology.designs.modifiers.beta_binomial import BetaBinomial
from posology.designs.modifiers.coherent import Coherent
from posology.designs.modifiers.cohort_sizes import CohortSizes
from posology.designs.modifiers.isotonic_mtd import IsotonicMtd
from posology.designs.modifiers.max_chance import MaxChance
from posology.designs.modifiers.max_level import MaxLevel
from posology.designs.modifiers.max_patients import MaxPatients
from posology.designs.modifiers.min_patients import MinPatients
from posology.designs.modifiers.no_skipping import NoSkipping
from posology.designs.modifiers.stop_at import StopAt
from posology.designs.modifiers.stop_precise import StopPrecise
from posology.designs.modifiers.stop_stable import StopStable
from posology.designs.modifiers.stop_sure import StopSure
from posology.designs.modifiers.stop_toxic import StopToxic
from posology.designs.modifiers.titration import Titration

MODIFIERS: dict[str, type] = {
    "no skipping": NoSkipping,
    "coherent": Coherent,
    "stop toxic": StopToxic,
    "stop at": StopAt,
    "stop precise": StopPrecise,
    "stop sure": StopSure,
    "stop stable": StopStable,
    "beta-binomial": BetaBinomial,
    "max chance": MaxChance,
    "max patients": MaxPatients,
    "min patients": MinPatients,
    "max level": MaxLevel,
    "cohort sizes": CohortSizes,
    "isotonic mtd": IsotonicMtd,
    "titration": Titration,
}
"""Every rule by the name that a protocol, a study or the command line gives it; its file has the same name."""

FORMER_NAMES: dict[str, str] = {
    "at most": "max patients",
    "at least": "min patients",
    "capped": "max level",
    "through": "last_titration_level",
    "worth": "prior_sample_size",
}
"""Names of rules and parameters in protocols written before, and what they are called now."""

__all__ = [
    "FORMER_NAMES",
    "MODIFIERS",
    "BetaBinomial",
    "Coherent",
    "CohortSizes",
    "IsotonicMtd",
    "MaxChance",
    "MaxLevel",
    "MaxPatients",
    "MinPatients",
    "Modifier",
    "NoSkipping",
    "StopAt",
    "StopPrecise",
    "StopStable",
    "StopSure",
    "StopToxic",
    "Titration",
]
