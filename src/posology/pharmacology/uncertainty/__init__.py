"""Global sensitivity: Sobol indices over the priors of uncertain numbers."""

from posology.pharmacology.uncertainty.sobol import Indices, Prior, indices, sample_points

__all__ = ["Indices", "Prior", "indices", "sample_points"]
