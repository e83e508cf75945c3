"""Which dose next: one file a design family, pure functions of a tally.

>>> from posology.designs import ThreePlusThree, Tally
>>> tally = Tally.of("1NNN 2NNT", levels=5)
>>> Action(ThreePlusThree(levels=5).decide(tally).action[0]).name
'STAY'
"""

from posology.designs.blrm import Blrm, Normal, prior_from_quantiles
from posology.designs.boin import Boin, Iboin
from posology.designs.crm import Crm
from posology.designs.ewoc import Ewoc
from posology.designs.tally import Action, Decision, Design, Tally
from posology.designs.three_plus_three import ThreePlusThree
from posology.designs.titration import Titrated
from posology.designs.tpi import I3plus3, Keyboard, Mtpi, Mtpi2, Tpi

DESIGNS: dict[str, type] = {
    "3+3": ThreePlusThree, "boin": Boin, "iboin": Iboin, "mtpi": Mtpi, "mtpi-2": Mtpi2, "keyboard": Keyboard, "tpi": Tpi,
    "i3+3": I3plus3, "crm": Crm, "blrm": Blrm, "ewoc": Ewoc,
}  # fmt: skip
"""Every design by the name a protocol gives it."""

__all__ = [
    "DESIGNS", "Action", "Blrm", "Boin", "Crm", "Decision", "Design", "Ewoc", "I3plus3", "Iboin", "Keyboard", "Mtpi", "Mtpi2",
    "Normal", "Tally", "ThreePlusThree", "Titrated", "Tpi", "prior_from_quantiles",
]  # fmt: skip
