"""Virtual patients written in the record's own events, so that decisions, endpoints, readout and exports work on them."""

from posology.interchange.virtual.trial import Simulation, World, simulate

__all__ = ["Simulation", "World", "simulate"]
