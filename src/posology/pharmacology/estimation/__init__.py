"""Population estimation: FOCE-I, empirical Bayes, full Bayes, and what a fit does not know."""

from posology.pharmacology.estimation.diagnostics import (
    Residuals,
    VisualPredictiveCheck,
    residuals,
    visual_predictive_check,
)
from posology.pharmacology.estimation.empirical_bayes import EmpiricalBayes
from posology.pharmacology.estimation.error_models import (
    ERROR_MODELS,
    ErrorKind,
    ErrorModel,
    LogAdditiveError,
    PowerError,
    ResidualError,
)
from posology.pharmacology.estimation.estimate import Estimate
from posology.pharmacology.estimation.foce import (
    Fit,
    Individual,
    default_start,
    fit,
    individual,
    objective_function,
    simulate,
)
from posology.pharmacology.estimation.identifiability import poorly_identified, saturation_not_observed
from posology.pharmacology.estimation.log_posterior import Prior
from posology.pharmacology.estimation.nuts import Posterior, sample_individual, sample_population
from posology.pharmacology.estimation.random_effects import CategoryEffect, CovariateEffect, Population
from posology.pharmacology.estimation.residual_error import ResidualErrors

__all__ = [
    "ERROR_MODELS",
    "CategoryEffect",
    "CovariateEffect",
    "EmpiricalBayes",
    "ErrorKind",
    "ErrorModel",
    "Estimate",
    "Fit",
    "Individual",
    "LogAdditiveError",
    "Population",
    "Posterior",
    "PowerError",
    "Prior",
    "ResidualError",
    "ResidualErrors",
    "Residuals",
    "VisualPredictiveCheck",
    "default_start",
    "fit",
    "individual",
    "objective_function",
    "poorly_identified",
    "residuals",
    "sample_individual",
    "sample_population",
    "saturation_not_observed",
    "simulate",
    "visual_predictive_check",
]
