"""Structural models to fit to concentrations."""
