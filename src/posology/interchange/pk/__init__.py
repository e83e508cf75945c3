"""Concentrations and doses, in and out."""
