"""Several baskets: their posteriors with borrowing, and exact operating characteristics."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from posology.cli._options import JsonOption
from posology.cli._output import print_json, print_table
from posology.cli.expansion._shared import TruthOption, numbers, percent, whole_numbers

if TYPE_CHECKING:
    from posology.expansion.baskets.posterior import BasketModel


class ModelName(StrEnum):
    """How baskets borrow."""

    exnex = "exnex"
    hierarchical = "hierarchical"
    mem = "mem"
    bma = "bma"
    local_mem = "local-mem"
    fujikawa = "fujikawa"
    calibrated = "calibrated-power-prior"
    none = "none"
    pooled = "pooled"


app = typer.Typer(no_args_is_help=True)


@app.command("baskets")
def baskets(
    patients: Annotated[str, typer.Option("--sizes", metavar="N1,N2,...", help="Patients of each basket.")],
    rate: Annotated[
        float, typer.Option("--rate", metavar="RATE", help="Response rate of no interest, between 0 and 1.")
    ],
    responses: Annotated[
        str | None,
        typer.Option("--responses", metavar="X1,X2,...", help="Responses seen in each basket (else --truth is given)."),
    ] = None,
    model: Annotated[ModelName, typer.Option("--model", help="How the baskets borrow.")] = ModelName.exnex,
    chance: Annotated[
        float,
        typer.Option(
            "--chance", metavar="CHANCE", help="A basket is worth study if its rate is above --rate with this chance."
        ),
    ] = 0.95,
    exchangeable: Annotated[
        float,
        typer.Option(
            "--exchangeable", metavar="WEIGHT", help="Prior chance that a basket shares, of exnex, from 0 to 1."
        ),
    ] = 0.5,
    spread: Annotated[
        float,
        typer.Option(
            "--spread",
            metavar="SCALE",
            help="Half-normal scale of the spread between baskets on the logit scale, of exnex and hierarchical.",
        ),
    ] = 1.0,
    truth: TruthOption = None,
    as_json: JsonOption = False,
) -> None:
    """Analyse baskets that borrow from one another, and give exact operating characteristics at true rates.

    Example: posology expansion baskets --sizes 15,13,12,28 --responses 2,0,1,6 --rate 0.1

    Example: posology expansion baskets --sizes 15,15,15 --rate 0.2 --model fujikawa --truth 0.2,0.2,0.5
    """
    from posology.expansion.baskets.exact import BasketDesign

    sizes = whole_numbers(patients, "--sizes")
    for name, value in (("--rate", rate), ("--chance", chance)):
        if not 0 < value < 1:
            raise typer.BadParameter(f"{value:g} does not lie between 0 and 1", param_hint=name)
    if min(sizes) < 1:
        raise typer.BadParameter("a basket has one patient or more", param_hint="--sizes")
    if responses is None and truth is None:
        raise typer.BadParameter("give --responses, what was seen, or --truth, true rates, or both")
    chosen = _model(model, rate, exchangeable, spread)
    result: dict[str, Any] = {"model": model.value, "rate": rate, "chance": chance}
    if responses is not None:
        seen = whole_numbers(responses, "--responses")
        if len(seen) != len(sizes):
            raise typer.BadParameter(f"{len(seen)} baskets, --sizes has {len(sizes)}", param_hint="--responses")
        posterior = chosen.posterior([seen], [sizes], rate)
        result["baskets"] = [
            {
                "basket": j + 1,
                "responses": seen[j],
                "patients": sizes[j],
                "mean": float(posterior.mean[0, j]),
                "sd": float(posterior.sd[0, j]),
                "above": float(posterior.above[0, j]),
                "go": bool(posterior.above[0, j] >= chance),
            }
            for j in range(len(sizes))
        ]
    if truth is not None:
        rates = numbers(truth, "--truth")
        found = BasketDesign(sizes, chosen, rate, chance).enumerate().characteristics(rates)
        result["characteristics"] = {
            "truth": list(rates),
            "go": found.go.tolist(),
            "any_false": found.any_false,
            "any_true": found.any_true,
            "mean": found.mean.tolist(),
            "mse": found.mse.tolist(),
        }
    if as_json:
        return print_json(result)
    _show(result)


def _model(name: ModelName, rate: float, exchangeable: float, spread: float) -> BasketModel:
    from scipy.special import logit

    from posology.expansion.baskets.exchangeability import MultiSourceExchangeability
    from posology.expansion.baskets.hierarchical import Exchangeable, Exnex, HalfNormal
    from posology.expansion.baskets.partitions import BayesianModelAveraging, LocalExchangeability
    from posology.expansion.baskets.power_prior import PowerPrior

    if name in (ModelName.exnex, ModelName.hierarchical):
        centre, sd = float(logit(rate)), (1 / rate + 1 / (1 - rate)) ** 0.5  # worth one patient
        weight = exchangeable if name is ModelName.exnex else 1.0
        return Exnex((Exchangeable(centre, sd, HalfNormal(spread)),), (weight, 1 - weight), centre, sd)
    others: dict[ModelName, BasketModel] = {
        ModelName.mem: MultiSourceExchangeability(),
        ModelName.bma: BayesianModelAveraging(),
        ModelName.local_mem: LocalExchangeability(),
        ModelName.fujikawa: PowerPrior("Fujikawa"),
        ModelName.calibrated: PowerPrior("calibrated"),
        ModelName.none: PowerPrior("none"),
        ModelName.pooled: PowerPrior("pooled"),
    }
    return others[name]


def _show(result: dict[str, Any]) -> None:
    if "baskets" in result:
        print_table(
            f"Response rates, model {result['model']}",
            (
                "Basket",
                "Responses",
                "Patients",
                "Posterior mean (%)",
                "± (%)",
                f"Chance above {result['rate']:g} (%)",
                "Worth study",
            ),
            [
                (
                    row["basket"],
                    row["responses"],
                    row["patients"],
                    percent(row["mean"]),
                    percent(row["sd"]),
                    percent(row["above"]),
                    "yes" if row["go"] else "no",
                )
                for row in result["baskets"]
            ],
        )
    if "characteristics" in result:
        found = result["characteristics"]
        print_table(
            f"Exact operating characteristics, model {result['model']}",
            ("Basket", "True rate", "Worth study (%)", "Expected mean (%)", "Root mean squared error (%)"),
            [
                (
                    j + 1,
                    f"{found['truth'][j]:g}",
                    percent(found["go"][j]),
                    percent(found["mean"][j]),
                    percent(found["mse"][j] ** 0.5),
                )
                for j in range(len(found["truth"]))
            ],
        )
        for name, words in (
            ("any_false", "a basket of no interest is found worth study"),
            ("any_true", "one of interest is"),
        ):
            if found[name] == found[name]:
                print(f"chance that {words}: {percent(found[name])} %")
