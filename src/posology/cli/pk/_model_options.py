"""How a model to be fitted is named on the command line: its options, the structural model and where the search
begins."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from posology.cli._options import number

if TYPE_CHECKING:
    from posology.pharmacology.estimation.error_models import ErrorModel
    from posology.pharmacology.estimation.random_effects import Effect, Population
    from posology.pharmacology.pk_models.base import StructuralModel

Form = Literal[
    "one", "oral", "two", "three", "two-oral", "oral-lag", "two-oral-lag", "transit", "saturable", "conjugate"
]
Error = Literal["additive", "proportional", "combined", "power", "log-additive"]


@dataclass(frozen=True)
class ModelOptions:
    """A model, what differs between patients and occasions, and where the search begins."""

    start: Annotated[
        str,
        typer.Option(
            "--start",
            metavar="CL=0.4,V1=3,...",
            help="The initial estimate of each parameter of the model, above 0, in the data's units.",
        ),
    ]
    model: Annotated[
        Form,
        typer.Option(
            "--model",
            help=(
                "One, two or three compartments; one or two with first-order absorption, after a lag time too, or"
                " through transit compartments; two with saturable loss too (Vmax, Km); or a conjugate with what it"
                " becomes."
            ),
        ),
    ] = "two"
    random: Annotated[
        str | None,
        typer.Option(
            "--random-effects", metavar="CL,V1", help="The parameters that differ between patients (else all)."
        ),
    ] = None
    cv: Annotated[
        float,
        number(
            "--cv",
            "The coefficient of variation between patients that the search begins with; 0.3 is 30 %",
            above=0,
            most=20,
        ),
    ] = 0.3
    error: Annotated[Error, typer.Option("--error", help="The residual error.")] = "proportional"
    sd: Annotated[
        list[str] | None,
        typer.Option(
            "--residual-sd",
            metavar="PROP[,ADD]",
            help=(
                "Where the parameters of the residual error begin, above 0: proportional, additive (else 0.2,0.1); of a"
                " power error its SD and power; given again, of each analyte."
            ),
        ),
    ] = None
    covariate: Annotated[
        list[str] | None,
        typer.Option(
            "--covariate",
            metavar="CL~WT/70[^0.75]|CL~SEXF=1[*0.85]",
            help=(
                "A covariate's effect (else none): a power, or a factor for one category; estimated unless given; may be"
                " given again."
            ),
        ),
    ] = None
    iov: Annotated[
        str | None,
        typer.Option(
            "--iov",
            metavar="CL,V1[=0.2]",
            help=(
                "The parameters that differ between a patient's occasions (else none), and the coefficient of variation"
                " that the search begins with (else half of --cv)."
            ),
        ),
    ] = None
    occasion: Annotated[
        str | None,
        typer.Option(
            "--occasion", metavar="COLUMN", help="The column that numbers the occasions (else OCC); goes with --iov."
        ),
    ] = None
    analytes: Annotated[
        str | None,
        typer.Option(
            "--analytes",
            metavar="ADC,DRUG[,METABOLITE]",
            help=(
                "Of --model conjugate: the conjugate, its payload and, if measured, the payload's metabolite (else"
                " none)."
            ),
        ),
    ] = None

    def several(self, analyte: str | None) -> tuple[str, ...]:
        """Return the analytes of a conjugate, empty for a model of one."""
        names = _names(self.analytes)
        if self.model != "conjugate":
            if names:
                raise typer.BadParameter(
                    f"the model {self.model!r} is of one: --analyte names it; --model conjugate is of several",
                    param_hint="--analytes",
                )
            return ()
        if analyte or len(names) not in (2, 3):
            raise typer.BadParameter(
                "name the conjugate, its payload and, if measured, the metabolite, in this order: IMGN853,DM4,SMEDM4",
                param_hint="--analytes",
            )
        return names

    def form(self) -> StructuralModel:
        """Return the structural model."""
        from posology.pharmacology.pk_models import MODELS
        from posology.pharmacology.pk_models.adc import conjugate_model

        return conjugate_model(len(_names(self.analytes))) if self.model == "conjugate" else MODELS[self.model]

    def population(self, form: StructuralModel, analytes: tuple[str, ...]) -> Population:
        """Return the population that the search begins with."""
        import numpy as np

        from posology.pharmacology.estimation.random_effects import Population

        names = _names(self.random) or tuple(form.parameters)
        errors = self._errors(analytes)
        residual = dict(zip(analytes, errors * (len(analytes) // len(errors)), strict=True)) if analytes else errors[0]
        return Population(
            self._typical(form),
            names,
            np.eye(len(names)) * np.log1p(self.cv**2),
            residual,
            tuple(_effect(text) for text in self.covariate or ()),
            self._between_occasions(),
        )

    def _typical(self, form: StructuralModel) -> dict[str, float]:
        """Return the initial estimate of each parameter of the model."""
        parts = [part.partition("=") for part in self.start.split(",")]
        try:
            typical = {name.strip(): float(value) for name, _, value in parts}
        except ValueError:
            raise typer.BadParameter(f"{self.start!r}: write CL=0.4,V1=3", param_hint="--start") from None
        if set(typical) != set(form.parameters):
            raise typer.BadParameter(
                f"needs {', '.join(form.parameters)}; it has {', '.join(typical)}", param_hint="--start"
            )
        if not all(1e-30 < value < 1e30 for value in typical.values()):
            raise typer.BadParameter(
                f"{self.start!r}: each starting value is above 0 (1e-30 to 1e30)", param_hint="--start"
            )
        return typical

    def _errors(self, analytes: tuple[str, ...]) -> list[ErrorModel]:
        """Return the residual error of each analyte, or one for all."""
        from posology.pharmacology.estimation.error_models import ERROR_MODELS

        kind = ERROR_MODELS[self.error]
        try:
            spreads = [[float(part) for part in each.split(",")] for each in self.sd or ()] or [[*kind.defaults]]
        except ValueError:
            raise typer.BadParameter(
                f"{' '.join(self.sd or [])!r}: write 0.2 or 0.2,0.1", param_hint="--residual-sd"
            ) from None
        if len(spreads) not in (1, max(len(analytes), 1)):
            raise typer.BadParameter(
                f"given {len(spreads)} times; once, or once for each of {', '.join(analytes) or 'one analyte'}",
                param_hint="--residual-sd",
            )
        if not all(0 < sd < math.inf for each in spreads for sd in each):
            raise typer.BadParameter("a standard deviation is above 0", param_hint="--residual-sd")
        return [kind.start(each) for each in spreads]

    def _between_occasions(self) -> dict[str, float]:
        """Return the variance to begin with of each parameter that differs between occasions."""
        variances = {}
        for name, _, text in (part.partition("=") for part in (self.iov or "").split(",") if part):
            try:
                cv = float(text) if text else self.cv / 2
            except ValueError:
                cv = 0.0
            if not 0 < cv < math.inf:
                raise typer.BadParameter(f"{self.iov!r}: write CL,V1 or CL=0.2,V1=0.1", param_hint="--iov")
            variances[name.strip()] = math.log1p(cv**2)
        return variances


def _names(text: str | None) -> tuple[str, ...]:
    return tuple(part.strip() for part in (text or "").split(",") if part.strip())


def _effect(text: str) -> Effect:
    """Read what a covariate does to a parameter: a power, as CL~WT/70^0.75, or that of a category, as CL~SEXF=1."""
    from posology.pharmacology.estimation.random_effects import CategoryEffect, CovariateEffect

    found = re.fullmatch(r"\s*(\w+)\s*~\s*(\w+)\s*/\s*([\d.]+)\s*(?:\^\s*(-?[\d.]+))?\s*", text)
    category = re.fullmatch(r"\s*(\w+)\s*~\s*(\w+)\s*=\s*(-?[\d.]+)\s*(?:\*\s*([\d.]+))?\s*", text)
    try:
        if found is not None:
            parameter, covariate, reference, power = found.groups()
            if float(reference) > 0:
                return CovariateEffect(parameter, covariate.upper(), float(reference), float(power) if power else None)
        if category is not None:
            parameter, covariate, value, ratio = category.groups()
            log_ratio = math.log(float(ratio)) if ratio else None
            return CategoryEffect(parameter, covariate.upper(), float(value), log_ratio)
    except ValueError:
        pass
    raise typer.BadParameter(
        f"{text!r}: write CL~WT/70 or CL~WT/70^0.75, or of a category CL~SEXF=1 or CL~SEXF=1*0.85",
        param_hint="--covariate",
    )
