"""Which dose next: one file a design family, pure functions of a tally.

>>> from posology.designs import ThreePlusThree, Tally
>>> tally = Tally.of("1NNN 2NNT", levels=5)
>>> Action(ThreePlusThree(levels=5).decide(tally).action[0]).name
'STAY'
"""

from posology.designs.boin import Boin
from posology.designs.tally import Action, Decision, Design, Tally
from posology.designs.three_plus_three import ThreePlusThree
from posology.designs.titration import Titrated

DESIGNS: dict[str, type] = {"3+3": ThreePlusThree, "boin": Boin}
"""Every design by the name a protocol gives it."""

__all__ = ["DESIGNS", "Action", "Boin", "Decision", "Design", "Tally", "ThreePlusThree", "Titrated"]
