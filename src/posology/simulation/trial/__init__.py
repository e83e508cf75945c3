"""Virtual patients written in the record's own events, so that decisions, endpoints, readout and exports work on them."""

from posology.simulation.trial.settings import World
from posology.simulation.trial.simulator import Simulation, simulate

__all__ = ["Simulation", "World", "simulate"]
