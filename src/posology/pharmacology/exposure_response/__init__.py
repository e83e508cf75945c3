"""Exposure and what happened."""
