"""What each patient was exposed to, and what happened."""

from posology.pharmacology.exposure_response.exposure_metrics import (
    FirstCycle,
    average_concentration_until,
    first_cycle_from_model,
    first_cycle_from_samples,
)
from posology.pharmacology.exposure_response.regression import (
    ExposureQuantiles,
    ExposureResponse,
    by_quantile,
    cox,
    exponential,
    logistic,
    predicted_exposures,
)

__all__ = [
    "ExposureQuantiles",
    "ExposureResponse",
    "FirstCycle",
    "average_concentration_until",
    "by_quantile",
    "cox",
    "exponential",
    "first_cycle_from_model",
    "first_cycle_from_samples",
    "logistic",
    "predicted_exposures",
]
