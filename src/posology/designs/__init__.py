"""Which dose next: one file a design family, pure functions of a tally.

>>> from posology.designs import ThreePlusThree, Tally
>>> tally = Tally.of("1NNN 2NNT", levels=5)
>>> Action(ThreePlusThree(levels=5).decide(tally).action[0]).name
'STAY'
"""

from posology.designs.boin import Boin, Iboin
from posology.designs.tally import Action, Decision, Design, Tally
from posology.designs.three_plus_three import ThreePlusThree
from posology.designs.titration import Titrated
from posology.designs.tpi import I3plus3, Keyboard, Mtpi, Mtpi2, Tpi

DESIGNS: dict[str, type] = {
    "3+3": ThreePlusThree, "boin": Boin, "iboin": Iboin, "mtpi": Mtpi, "mtpi-2": Mtpi2, "keyboard": Keyboard, "tpi": Tpi,
    "i3+3": I3plus3,
}  # fmt: skip
"""Every design by the name a protocol gives it."""

__all__ = [
    "DESIGNS",
    "Action",
    "Boin",
    "Decision",
    "Design",
    "I3plus3",
    "Iboin",
    "Keyboard",
    "Mtpi",
    "Mtpi2",
    "Tally",
    "ThreePlusThree",
    "Titrated",
    "Tpi",
]
