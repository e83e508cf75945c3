"""Operating characteristics of a design under true DLT rates: exact, or simulated where time matters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from posology.cli._design import DesignOptions, numbers, parameters
from posology.cli._options import JsonOption, SeedOption, number, options
from posology.cli._output import print_json, print_table

if TYPE_CHECKING:
    from posology.designs import Design

app = typer.Typer(no_args_is_help=True)
TIMED_TRIALS = 10_000
"""Simulated trials of a design that depends on time, where none are asked for."""


@dataclass(frozen=True)
class World:
    """The trials that are simulated, where they are."""

    trials: Annotated[
        int | None,
        number(
            "--simulate",
            "Simulate so many trials (else exact results; of a design that depends on time, 10,000 trials)",
            metavar="TRIALS",
            least=1,
            most=10_000_000,
        ),
    ] = None
    seed: SeedOption = 1
    window: Annotated[float, number("--window", "Simulated: the DLT window, in days", above=0, most=1000)] = 28.0
    accrual: Annotated[float, number("--accrual", "Simulated: patients who come in 28 days", above=0, most=10_000)] = (
        3.0
    )
    late: Annotated[
        float,
        number(
            "--late-dlt-share",
            "Simulated: share of the DLTs that come in the second half of the window",
            least=0,
            most=1,
        ),
    ] = 0.5
    dropout: Annotated[
        float, number("--dropout", "Simulated: share of patients who leave before the window ends", least=0, below=1)
    ] = 0.0

    def setting(self, chances: list[list[float]]) -> dict[str, Any]:
        """Return what a scenario of the simulation needs beside its DLT rates."""
        return {
            "window": self.window,
            "accrual": self.accrual / 28,
            "late": self.late,
            "dropout": self.dropout,
            "grades": tuple(map(tuple, chances)),
        }


@app.command("oc")
@options
def oc(
    design: DesignOptions,
    world: World,
    truth: Annotated[
        list[str] | None,
        typer.Option(
            "--truth",
            metavar="P1,P2,...",
            help="True DLT rate of each level, 0 to 1 (else --grades); may be given again, a scenario each.",
        ),
    ] = None,
    grades: Annotated[
        list[str] | None,
        typer.Option(
            "--grades",
            metavar="P0,P1,...",
            help="Chances of grades 0, 1, ... at a level, 3 and above a DLT: once for each level (else --truth).",
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Give a design's operating characteristics under true DLT rates: exact, where they depend on counts alone.

    Designs that depend on time (TITE-CRM, TITE-BOIN, rolling six, backfilling), and any with --simulate, are simulated;
    the Monte Carlo error then stands beside every figure.

    Example: posology design oc --design boin --target 0.3 --levels 5 --cohort-size 3 --max-patients 30
    --truth 0.05,0.15,0.3,0.45,0.6
    """
    if bool(truth) == bool(grades):
        raise ValueError("give either --truth, the DLT rate of each level, or --grades, once for each level")
    rates = [numbers(text, "--truth") for text in truth or ()]
    chances = [numbers(text, "--grades") for text in grades or ()]
    built = design.build()
    if chances:
        rates = [_dlt_rates(chances, built.levels)]
    for each in rates:
        if len(each) != built.levels:
            raise ValueError(f"--truth has {len(each)} rates; the design has {built.levels} levels")
    target = design.target if design.target is not None else target_of(built)
    if world.trials is None and not depends_on_time(built):
        found = [graded(built, chances, target)] if chances else exact(built, rates, target)
    else:
        trials = world.trials or TIMED_TRIALS
        found = [simulated(built, each, target, trials, world.seed, world.setting(chances)) for each in rates]
    if as_json:
        shared: dict[str, Any] = {"parameters": parameters(built)}
        print_json({**found[0], **shared} if len(found) == 1 else {"scenarios": found, **shared})
        return
    for k, data in enumerate(found):
        _show(data, f", scenario {k + 1}" if len(found) > 1 else "")


def _dlt_rates(chances: list[list[float]], levels: int) -> list[float]:
    """Return the DLT rate of each level from its chances of grades 0, 1, ..."""
    from posology.operating.exact_graded import DLT, check_grades

    if len({len(each) for each in chances}) > 1:
        raise ValueError("--grades: give the same number of grades at each level")
    return [float(p) for p in check_grades(chances, levels)[:, DLT:].sum(axis=1)]


def graded(design: Design, chances: list[list[float]], target: float | None) -> dict[str, Any]:
    """Return the exact operating characteristics under chances of each grade at each level."""
    from posology.operating import enumerate_graded

    found = enumerate_graded(design, chances)
    told: dict[str, Any] = {
        "truth": found.truth[0].tolist(),
        "grades": chances,
        "selection": found.selection[0, 1:].tolist(),
        "no_mtd": float(found.selection[0, 0]),
        "patients": found.patients[0].tolist(),
        "dlts": found.dlts[0].tolist(),
        "expected_patients": float(found.patients.sum()),
        "expected_dlts": float(found.dlts.sum()),
        "exact": True,
        "sample_size": {int(n): float(p) for n, p in zip(found.sizes, found.size_chances[0], strict=True)},
    }
    if target is not None:
        told |= {
            "target": target,
            "true_mtd": int(found.true_mtd(target)[0]) + 1,
            "correct": float(found.correct(target)[0]),
        }
    return told


def depends_on_time(design: Design) -> bool:
    """Whether a design depends on when DLTs are seen, and so is simulated."""
    from posology.designs.inference import innermost
    from posology.operating.study import TIME_DEPENDENT

    return isinstance(innermost(design), TIME_DEPENDENT)


def target_of(design: Design) -> float | None:
    """Return a design's target DLT rate, None if it has none."""
    from posology.designs.inference import innermost

    return getattr(innermost(design), "target", None)


def exact(design: Design, rates: list[list[float]], target: float | None) -> list[dict[str, Any]]:
    """Return the exact operating characteristics under each scenario of true DLT rates."""
    from posology.operating import TooLarge, enumerate_trials

    try:
        found = enumerate_trials(design).characteristics(rates)
    except TooLarge as error:
        raise ValueError(f"{error}; add --simulate 10000") from None
    sizes, chance = found.size
    told = []
    for s, truth in enumerate(rates):
        data: dict[str, Any] = {
            "truth": truth,
            "selection": found.selection[s, 1:].tolist(),
            "no_mtd": float(found.selection[s, 0]),
            "patients": found.patients[s].tolist(),
            "dlts": found.dlts[s].tolist(),
            "expected_patients": float(found.patients[s].sum()),
            "expected_dlts": float(found.dlts[s].sum()),
            "sample_size": {int(n): float(p) for n, p in zip(sizes, chance[s], strict=True) if p > 0},
            "exact": True,
            "ends": len(found.ends.n_paths),
        }
        for name, of in (("patients_distribution", found.patients_at), ("dlts_distribution", found.dlts_at)):
            each = [of(j) for j in range(design.levels)]
            data[name] = [{int(n): float(p) for n, p in zip(ns, ps[s], strict=True) if p > 0} for ns, ps in each]
        if target is not None:
            data |= {
                "target": target,
                "true_mtd": int(found.true_mtd(target)[s]) + 1,
                "correct": float(found.correct(target)[s]),
                "overdosed_60": float(found.overdosed(target)[s]),
                "overdosed_80": float(found.overdosed(target, 0.8)[s]),
                "accuracy": float(found.accuracy(target)[s]),
            }
        planned = getattr(design, "max_patients", None)
        if planned is not None:
            data["stopped_early"] = float(found.stopped_early(planned)[s])
        told.append(data)
    return told


def simulated(
    design: Design, truth: list[float], target: float | None, trials: int, seed: int, world: dict[str, Any]
) -> dict[str, Any]:
    """Return the operating characteristics under true DLT rates, from simulated trials, with standard errors."""
    import numpy as np

    from posology.operating import PotentialOutcomes, Scenario, simulate
    from posology.operating.study import patients_to_draw

    patients = PotentialOutcomes.draw(np.random.default_rng(seed), trials, patients_to_draw(design, world["dropout"]))
    found = simulate(design, Scenario(tuple(truth), **world), patients)
    days, error = found.mean_duration
    data: dict[str, Any] = {
        "truth": truth,
        "selection": found.selection[1:].tolist(),
        "selection_error": found.selection_error[1:].tolist(),
        "no_mtd": float(found.selection[0]),
        "patients": found.patients.tolist(),
        "patients_error": found.patients_error.tolist(),
        "dlts": found.dlts.tolist(),
        "dlts_error": found.dlts_error.tolist(),
        "expected_patients": float(found.patients.sum()),
        "expected_dlts": float(found.dlts.sum()),
        "days": days,
        "days_error": error,
        "exact": False,
        "trials": trials,
        "seed": seed,
    }
    if target is not None:
        (correct, e1), (over, e2) = found.correct(target), found.overdosed(target)
        data |= {
            "target": target,
            "true_mtd": found.true_mtd(target) + 1,
            "correct": correct,
            "correct_error": e1,
            "overdosed_60": over,
            "overdosed_60_error": e2,
        }
    return data


def _show(data: dict[str, Any], which: str) -> None:
    exact = data["exact"]
    with_error = lambda name, k, form, scale=1.0: (
        f"{scale * data[name][k]:{form}}" + ("" if exact else f" ± {scale * data[name + '_error'][k]:{form}}")
    )
    rows = [
        (
            k + 1,
            f"{rate:g}",
            with_error("selection", k, ".2f", 100.0),
            with_error("patients", k, ".2f"),
            with_error("dlts", k, ".2f"),
        )
        for k, rate in enumerate(data["truth"])
    ]
    how = "Exact operating characteristics" if exact else f"{data['trials']:,} simulated trials, ± standard error"
    print_table(how + which, ("Level", "True DLT rate", "Selected as MTD (%)", "Patients", "DLTs"), rows)
    tail = f"no MTD: {100 * data['no_mtd']:.2f} %; {data['expected_patients']:.2f} patients and {data['expected_dlts']:.2f} DLTs expected"
    if "stopped_early" in data:
        tail += f"; fewer patients than planned: {100 * data['stopped_early']:.2f} %"
    if not exact:
        tail += f"; {data['days']:.0f} ± {data['days_error']:.1f} days"
    print(tail)
    if "correct" in data:
        said = lambda name: (
            f"{100 * data[name]:.2f}" + ("" if exact else f" ± {100 * data[name + '_error']:.2f}") + " %"
        )
        over = f"; over 60 % of patients above it: {said('overdosed_60')}" if "overdosed_60" in data else ""
        accuracy = f"; accuracy index {data['accuracy']:.3f}" if "accuracy" in data else ""
        print(f"correct selection (level {data['true_mtd']}): {said('correct')}{over}{accuracy}")
