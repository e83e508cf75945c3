"""Randomised doses: which of two or three to take on."""
