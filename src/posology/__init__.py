"""Posology takes a first-in-human oncology trial from protocol to readout."""

__version__ = "0.1.0"
