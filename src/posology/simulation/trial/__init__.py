"""Virtual patients written in the record's own events, so that decisions, endpoints, readout and exports work
on them."""

from posology.simulation.trial.settings import TrialSettings
from posology.simulation.trial.simulator import TrialSimulator, simulate_trial

__all__ = ["TrialSettings", "TrialSimulator", "simulate_trial"]
