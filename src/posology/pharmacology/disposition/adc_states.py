"""The states of the conjugate's plasma model: where each stands, and what is observed of them, in which unit."""

from __future__ import annotations

import numpy as np

from posology.pharmacology.compounds.adc import DRUGS

CENTRAL = np.arange(0, 2 * (DRUGS + 1), 2)
"""Where the states of the central compartment stand, by drugs on the antibody; each peripheral one follows its own."""
PAYLOAD = 2 * (DRUGS + 1)
"""Where the free payload stands; the last state is its metabolite."""
ANALYTES = ("adc", "naked", "antibody", "payload", "metabolite")
UNITS = {"adc": "ug/mL", "naked": "ug/mL", "antibody": "ug/mL", "dar": "1", "payload": "ng/mL", "metabolite": "ng/mL"}
