"""Virtual patients written in the record's own events, so that decisions, endpoints, readout and exports work on them."""

from posology.simulation.trial.simulator import Simulation, World, simulate

__all__ = ["Simulation", "World", "simulate"]
