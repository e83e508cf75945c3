"""A fit as a file: what `pk fit --json` says of the model, and read again to simulate from it."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np

from posology.pharmacology.estimation.error_models import ERROR_MODELS, ErrorModel
from posology.pharmacology.estimation.estimate import Scale
from posology.pharmacology.estimation.foce import Fit
from posology.pharmacology.estimation.parameterisation import Parameterisation
from posology.pharmacology.estimation.random_effects import CategoryEffect, CovariateEffect, Effect, Population
from posology.pharmacology.pk_models import MODELS
from posology.pharmacology.pk_models.base import StructuralModel
from posology.shared.arrays import Floats

__all__ = ["FittedModel", "model_of", "read_fit"]


@dataclass(frozen=True)
class FittedModel:
    """A fit of one analyte, as it was read.

    Parameters
    ----------
    name, form
        the structural model, by its name and itself.
    parameterisation
        how what is reported maps to a population.
    values, covariance, scales
        the estimates, in its order: (estimates,), (estimates, estimates), and the scale on which each is symmetric.
    units
        of time, concentration and dose; empty where the data did not say.
    """

    name: str
    form: StructuralModel
    parameterisation: Parameterisation
    values: Floats
    covariance: Floats
    scales: list[Scale]
    units: tuple[str, str, str]

    @property
    def population(self) -> Population:
        """What the fit found."""
        return self.parameterisation.of_reported(self.values)


def model_of(
    found: Fit, begin: Population, name: str, error: str, *, full: bool, units: Sequence[str]
) -> dict[str, Any]:
    """Return what a file says of a fitted model.

    Parameters
    ----------
    found, begin
        the fit, and the population that the search began with: it says which powers were estimated.
    name, error
        the structural model and the residual error, by their names.
    full
        whether the correlations of the random effects were estimated.
    units
        of time, concentration and dose.
    """
    residual = cast("ErrorModel", found.population.residual)
    return {
        "name": name,
        "residual_error": error,
        "residual": list(residual.parameters.values()),
        "typical": dict(found.population.typical),
        "random": list(found.population.random),
        "omega": found.population.omega.tolist(),
        "full_omega": full,
        "between_occasions": dict(found.population.between_occasions),
        "effects": [
            {
                "parameter": effect.parameter,
                "covariate": effect.covariate,
                **(
                    {"reference": effect.reference}
                    if isinstance(effect, CovariateEffect)
                    else {"category": effect.category}
                ),
                "power": effect.power,
                "estimated": before.power is None,
            }
            for effect, before in zip(found.population.effects, begin.effects, strict=True)
        ],
        "covariance": [[v if math.isfinite(v) else None for v in row] for row in found.covariance.tolist()],
        "units": dict(zip(("time", "concentration", "dose"), units, strict=True)),
    }


def read_fit(path: str | Path) -> FittedModel:
    """Read a fit that `pk fit --json` wrote.

    Raises
    ------
    ValueError
        if the file is no such fit, or of a model of several analytes, saying where.
    """
    try:
        plain = json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise ValueError(f"{path}: cannot be read: {error.strerror}") from None
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ValueError(f"{path}: is no JSON ({error}): write it with `posology pk fit ... --json`") from None
    right = "write it with `posology pk fit ... --json`, of a population and a model of one analyte"
    if not isinstance(plain, dict) or not isinstance(plain.get("model"), dict):
        raise ValueError(f"{path}: holds no fitted model: {right}")
    try:
        return _fitted(plain["model"])
    except (KeyError, TypeError, ValueError, np.linalg.LinAlgError) as error:
        what = f"lacks {error}" if isinstance(error, KeyError) else str(error)
        raise ValueError(f"{path}: model: {what}: {right}") from None


def _fitted(model: Mapping[str, Any]) -> FittedModel:
    form = MODELS[model["name"]]
    values = [float(model["typical"][name]) for name in form.parameters]
    omega = np.array(model["omega"], float)
    random = tuple(map(str, model["random"]))
    if omega.shape != (len(random), len(random)) or not set(random) <= set(form.parameters):
        raise ValueError("omega does not fit the random effects")
    kind = ERROR_MODELS[model["residual_error"]]
    residual = kind.start(list(kind.defaults)).with_parameters([float(v) for v in model["residual"]])
    effects = [_effect(each) for each in model["effects"]]
    started = tuple(
        effect if not each["estimated"] else _without_power(effect)
        for effect, each in zip(effects, model["effects"], strict=True)
    )
    found = Population(
        dict(zip(form.parameters, values, strict=True)),
        random,
        omega,
        residual,
        started,
        {str(name): float(v) for name, v in model["between_occasions"].items()},
    )
    parameterisation = Parameterisation(form, found, bool(model["full_omega"]))
    _, reported, scales = parameterisation.reported_estimates(parameterisation.vector())
    powers = [effect.power or 0.0 for effect, each in zip(effects, model["effects"], strict=True) if each["estimated"]]
    reported[len(values) : len(values) + len(powers)] = powers
    covariance = np.array(model["covariance"], float)
    if covariance.shape != (len(reported), len(reported)):
        raise ValueError("the covariance does not fit the estimates")
    units = model["units"]
    return FittedModel(
        model["name"],
        form,
        parameterisation,
        reported,
        covariance,
        scales,
        (str(units["time"]), str(units["concentration"]), str(units["dose"])),
    )


def _effect(each: Mapping[str, Any]) -> Effect:
    power = float(each["power"])
    if "reference" in each:
        return CovariateEffect(str(each["parameter"]), str(each["covariate"]), float(each["reference"]), power)
    return CategoryEffect(str(each["parameter"]), str(each["covariate"]), float(each["category"]), power)


def _without_power(effect: Effect) -> Effect:
    if isinstance(effect, CovariateEffect):
        return CovariateEffect(effect.parameter, effect.covariate, effect.reference)
    return CategoryEffect(effect.parameter, effect.covariate, effect.category)
