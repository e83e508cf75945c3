"""Which uncertain numbers matter: Sobol indices of the tumour model and of what a trial would see."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from posology.cli._options import FigureOption, JsonOption, SeedOption, csv_option, number
from posology.cli._output import bar, print_json, print_table

if TYPE_CHECKING:
    from posology.pharmacology.tumour.sensitivity import SobolIndex
    from posology.pharmacology.uncertainty.sobol import Prior
    from posology.pharmacology.virtual_patients.demographics import VirtualPatients
    from posology.shared.arrays import Floats
    from posology.shared.tables import Table

app = typer.Typer(no_args_is_help=True)
CvOption = Annotated[
    list[str] | None,
    typer.Option(
        "--cv",
        metavar="NAME=CV",
        help=(
            "How uncertain a number is, as its coefficient of variation, 0 to 20, 0.4 being 40 % and 0 not at all "
            "(else by its evidence); may be given again."
        ),
    ),
]
CsvOption = Annotated[Path | None, csv_option("the indices")]
HOW_TO_READ = (
    "first: share of the variance that the number explains alone; total: that which goes with it in any way. "
    "± half of the 95 % bootstrap interval."
)


@app.command("tumour")
def tumour(
    compound: Annotated[
        str, typer.Option("--compound", metavar="NAME", help="A conjugate of the library.")
    ] = "IMGN853",
    dose: Annotated[float, number("--dose-mg", "The dose, in mg", above=0, most=100_000)] = 355.0,
    pumps: Annotated[
        float,
        number(
            "--pgp-efflux",
            "How far target-positive cells pump the payload out by P-gp: 0 not, 1 fully",
            least=0,
            most=100,
        ),
    ] = 0.0,
    positive: Annotated[float, number("--positive", "Share of the cells that bear the target", above=0, most=1)] = 0.8,
    samples: Annotated[int, number("--samples", "Base samples, a power of 2", least=2, most=1 << 20)] = 1024,
    seed: SeedOption = 1,
    cv: CvOption = None,
    csv: CsvOption = None,
    figure: FigureOption = None,
    as_json: JsonOption = False,
) -> None:
    """Which numbers of the compound and the target matter for how fast a dose shrinks a tumour: Sobol indices.

    Example: posology sensitivity tumour --compound IMGN853 --pgp-efflux 1 --figure tumour.png
    """
    from posology.pharmacology.compounds.library import COMPOUNDS
    from posology.pharmacology.tumour.sensitivity import priors, sobol_indices

    if compound not in COMPOUNDS:
        raise ValueError(f"--compound is {compound!r}; known: {'; '.join(COMPOUNDS)}")
    drug, wide = COMPOUNDS[compound], _cv(cv)
    found = sobol_indices(drug, dose, samples=samples, seed=seed, pumps=pumps, positive=positive, cv=wide)
    title = f"{compound}: what matters for the logarithm of the shrinkage rate, {dose:g} mg"
    told = f"{samples:,} base samples, seed {seed}; {positive:.0%} of the cells positive, P-gp {pumps:g}"
    given = {
        "compound": compound,
        "dose_mg": dose,
        "pgp": pumps,
        "positive": positive,
        "samples": samples,
        "seed": seed,
    }
    _show(title, told, {"shrinkage": found}, priors(drug, cv=wide), None, given, csv, figure, as_json)


@app.command("trial")
def trial(
    dose: Annotated[
        float,
        number(
            "--dose", "Dose level of IMGN853, in the unit of --body-size: mg/kg, mg/m² or mg", above=0, most=100_000
        ),
    ] = 6.0,
    body_size: Annotated[
        str, typer.Option("--body-size", metavar="MEASURE", help="The measure of body size that the dose goes by.")
    ] = "adjusted ideal body weight",
    window: Annotated[float, number("--window", "DLT window, in days", least=1, most=365)] = 21.0,
    cycles: Annotated[int, number("--cycles", "Cycles at most", least=1, most=50)] = 8,
    interval: Annotated[float, number("--cycle-days", "Length of a cycle, in days", least=7, most=365)] = 21.0,
    ps2: Annotated[
        float, number("--min-ps2", "Least share of tumour cells at 2+ or more, to be treated", least=0, most=1)
    ] = 0.0,
    patients: Annotated[int, number("--patients", "Virtual patients of each base sample", least=2, most=100_000)] = 160,
    samples: Annotated[int, number("--samples", "Base samples, a power of 2", least=2, most=1 << 20)] = 128,
    seed: SeedOption = 1,
    cv: CvOption = None,
    csv: CsvOption = None,
    figure: FigureOption = None,
    as_json: JsonOption = False,
) -> None:
    """Which uncertain numbers of the clinical model matter for what a trial sees: Sobol indices.

    Outcomes: DLT rate in the window, ocular events of grade 3 or more, response rate, median PFS.

    Example: posology sensitivity trial --dose 6 --window 42 --figure trial.png
    """
    from typing import get_args

    import numpy as np

    from posology.endpoints.body_size import Metric, dose_mg
    from posology.reports.sensitivity import outcomes_table
    from posology.simulation.global_sensitivity import outcome_sensitivities, priors
    from posology.simulation.regimens.file import UNIT_OF

    if body_size not in get_args(Metric):
        raise ValueError(f"--body-size is {body_size!r}; known: {'; '.join(get_args(Metric))}")

    def sized(amount: float, metric: str, p: VirtualPatients) -> Floats:
        return dose_mg(amount, cast(Metric, metric), p.weight_kg, p.height_cm, p.sex)

    reference = "adjusted ideal body weight"
    wide = _cv(cv)
    with bar("treating virtual patients") as progress:
        found = outcome_sensitivities(
            lambda p: np.stack([sized(dose, body_size, p), sized(6.0, reference, p)], axis=1),
            patients=patients,
            window=window,
            cycles=cycles,
            interval=interval,
            samples=samples,
            seed=seed,
            least=ps2,
            cv=wide,
            progress=progress,
        )
    unit = UNIT_OF[cast("Metric", body_size)]
    title = f"IMGN853, {dose:g} {unit} by {body_size}: what matters for a trial"
    told = (
        f"{samples:,} base samples of {patients:,} virtual patients each, seed {seed}; DLT window {window:g} d, at most"
        f" {cycles} cycles of {interval:g} d" + (f"; tumours with {ps2:.0%} or more cells at 2+" if ps2 else "")
    )
    given = {
        "dose": dose,
        "unit": unit,
        "body_size": body_size,
        "window_d": window,
        "cycles": cycles,
        "cycle_d": interval,
        "ps2": ps2,
        "patients": patients,
        "samples": samples,
        "seed": seed,
    }
    rows = {each.outcome: each.rows for each in found}
    _show(title, told, rows, priors(cv=wide), outcomes_table(found), given, csv, figure, as_json)


def _cv(given: list[str] | None) -> dict[str, float]:
    """Read NUMBER=CV as often as it was given."""
    found = {}
    for text in given or ():
        name, _, value = text.partition("=")
        try:
            found[name] = float(value)
        except ValueError:
            raise ValueError(f"--cv is {text!r}: write it as ocular.power=0.4") from None
        if not 0 <= found[name] <= 20:
            raise ValueError(f"--cv is {text!r}: a coefficient of variation lies between 0 and 20")
    return found


def _show(
    title: str,
    told: str,
    found: Mapping[str, Sequence[SobolIndex]],
    priors: Mapping[str, Prior],
    outcomes: Table | None,
    given: dict[str, Any],
    csv: Path | None,
    figure: Path | None,
    as_json: bool,
) -> None:
    from posology import __version__
    from posology.reports import sensitivity as influence
    from posology.shared.charts import save_chart
    from posology.shared.files import write_text

    table, known = influence.indices_table(title, found), influence.priors_table(priors)
    if csv is not None:
        write_text(csv, table.to_csv())
    if figure is not None:
        save_chart(influence.figure(title, told, found), figure)
    if as_json:
        print_json(
            {
                "title": title,
                **given,
                "posology": __version__,
                "level": 0.95,
                "indices": table.rows(),
                "outcomes": outcomes.rows() if outcomes else [],
                "priors": known.rows(),
            }
        )
        return
    head = ["number", "median", "95 % range", "distribution", "spread from"]
    print_table("What is varied", head, influence.shown_priors(priors))
    if outcomes is not None:

        def number(x: Any) -> Any:
            return f"{x:.3g}" if isinstance(x, float) else x

        print_table(
            outcomes.title, list(outcomes.columns), [[number(v) for v in row.values()] for row in outcomes.rows()]
        )
    print(title)
    for outcome, rows in found.items():
        if not rows:
            print(f"{outcome}: the same in every run, or different by chance alone (see the noise share); no indices")
            continue
        some, others = influence.listed(rows)
        print_table(outcome, ["number", "median", "first", "total"], [influence.shown(row) for row in some])
        if others:
            print(others)
    from posology.pharmacology.compounds.quantity import LEGEND

    print(told)
    print(HOW_TO_READ)
    if outcomes is not None:
        print(
            "noise share: of the variance between runs, what goes with which patients were drawn; it is kept out of the"
            " indices and widens their intervals. PFS median: between visits; noise share and indices are of the"
            " difference from the medians."
        )
    print(LEGEND)
    for path in (csv, figure):
        if path is not None:
            print(f"wrote {path}")
