"""Designs run on virtual patients: patients that carry the drug, or coin flips of given rates."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

import typer

from posology.cli._design import DesignOptions, ParamOption
from posology.cli._options import FigureOption, JsonOption, SeedOption, number, options
from posology.cli._output import print_json, print_table
from posology.shared.written_values import numbers

if TYPE_CHECKING:
    from posology.designs import Design
    from posology.endpoints.body_size import Metric
    from posology.operating.simulate import PatientModel
    from posology.pharmacology.virtual_patients.demographics import VirtualPatients
    from posology.protocol.model import Protocol
    from posology.shared.arrays import Floats
    from posology.shared.tables import Table
    from posology.simulation.potential_outcomes import DrugDrivenPatients

app = typer.Typer(no_args_is_help=True)
ASSUMED = (
    "other DLTs: 5 % at 355 mg in cycle 1, the odds going with the square of the dose (the slope is assumed)",
    (
        "ocular events: onset, frequency and worst grade calibrated to the label, quoted from memory; they come back"
        " with the same hazard, assumed; slope g assumed"
    ),
    "response: calibrated to MIRASOL, in tumours with much FRα; how it falls with less is assumed",
    (
        "patients: virtual women with ovarian cancer, unselected for FRα; between-patient spread of clearance from the"
        " label"
    ),
    "progression ends treatment; DLTs after it do not count",
)
"""What the numbers of a drug-driven simulation rest on."""


DROPS = (
    "steroid drops: the ocular hazard times 0.8, grades 3 and 4 times 0.15, assumed after 40 patients (Matulonis 2019)"
)


@dataclass(frozen=True)
class Drug:
    """How patients that carry the drug are dosed and treated."""

    body_size: Annotated[
        str | None,
        typer.Option(
            "--body-size",
            metavar="MEASURE",
            help="Dose by this measure, such as 'adjusted ideal body weight' (else the protocol's).",
        ),
    ] = None
    slope: Annotated[
        int,
        number(
            "--ocular-slope",
            "Slope g of the ocular hazard with exposure: not identifiable, a scenario",
            least=1,
            most=3,
        ),
    ] = 2
    drops: Annotated[
        bool, typer.Option("--steroid-drops", help="Steroid drops: fewer and milder ocular events, a scenario.")
    ] = False
    reduce: Annotated[
        bool, typer.Option("--reduce/--no-reduce", help="Hold and reduce doses as labelled, or give all as planned.")
    ] = True

    def metric(self, protocol: Protocol) -> Metric:
        """Return the measure of body size that doses go by."""
        from posology.protocol.model import UNITS

        chosen, unit = self.body_size or protocol.dose.body_size, protocol.dose.unit
        if chosen not in UNITS[unit]:
            raise ValueError(f"--body-size is {chosen!r}: a dose in {unit} goes by {' or '.join(UNITS[unit])}")
        return cast("Metric", chosen)

    @property
    def scenario(self) -> str:
        """The scenario in words."""
        return f"g = {self.slope}{', steroid drops' if self.drops else ''}"


@dataclass(frozen=True)
class Others:
    """The designs beside the protocol's."""

    design: Annotated[
        list[str] | None,
        typer.Option(
            "--design",
            metavar="NAME",
            help="Another design beside the protocol's (else none); may be given again.",
        ),
    ] = None
    target: Annotated[
        float, number("--target", "Target DLT rate, for the other designs and the true MTD", above=0, below=1)
    ] = 0.3
    cohort_size: Annotated[int, number("--cohort-size", "Patients in a cohort of the other designs", least=1)] = 3
    max_patients: Annotated[int, number("--max-patients", "Patients in all of the other designs", least=1)] = 30
    settings: ParamOption = None

    def build(self, protocol: Protocol) -> dict[str, Design]:
        """Return the designs by name, the protocol's first."""
        from posology.designs import DESIGNS
        from posology.protocol.build import design_from_protocol

        if self.settings and not self.design:
            raise ValueError("--set is for a design of --design: the protocol's stands in its file")
        designs = {f"{protocol.design['method']} (protocol)": design_from_protocol(protocol)}
        doses = ",".join(f"{dose:g}" for dose in protocol.dose.levels)
        for name in self.design or ():
            has = {f.name for f in fields(DESIGNS[name])} if name in DESIGNS else set()
            designs[name] = DesignOptions(
                design=name,
                levels=len(protocol.dose.levels),
                target=self.target,
                cohort_size=self.cohort_size if "cohort" in has else None,
                max_patients=self.max_patients if "max_patients" in has else None,
                start_level=protocol.dose.start_level,
                doses=doses if "doses" in has else None,
                settings=self.settings,
            ).build()
        return designs


@app.command("designs")
@options
def simulate_designs(
    file: Annotated[
        Path, typer.Argument(metavar="PROTOCOL", help="A protocol file: its design, levels, body size and window.")
    ],
    others: Others,
    drug: Drug,
    model: Annotated[
        Literal["drug", "rates"],
        typer.Option("--patient-model", help="Patients that carry the drug, or coin flips of the rates of --truth."),
    ] = "drug",
    truth: Annotated[
        str | None,
        typer.Option(
            "--truth",
            metavar="P1,P2,...",
            help="The true DLT rate of each level within the window, 0 to 1; with --patient-model rates (else none).",
        ),
    ] = None,
    window: Annotated[
        list[float] | None,
        number(
            "--window",
            "A DLT window, in days (else the protocol's); may be given again",
            metavar="DAYS",
            least=1,
            most=365,
        ),
    ] = None,
    trials: Annotated[int, number("--trials", "Simulated trials", least=10, most=100_000)] = 1000,
    seed: SeedOption = 1,
    accrual: Annotated[float, number("--accrual", "Patients who come in 28 days", above=0, most=10_000)] = 3.0,
    dropout: Annotated[
        float, number("--dropout", "Share of patients who leave before the window ends", least=0, below=1)
    ] = 0.0,
    figure: FigureOption = None,
    as_json: JsonOption = False,
) -> None:
    """Run a protocol's design, and others, on virtual patients: true DLT rates by level and window, and what each
    design finds.

    Every design meets the same patients. A DLT after the window is one that the trial misses. --figure draws the true
    DLT rates by window.

    Example: posology simulate designs protocol.yaml --trials 1000 --window 21 --window 42 --window 63 --design
    tite-boin
    """
    import numpy as np

    from posology.designs.tally import level_number_or_none
    from posology.operating import PotentialOutcomes
    from posology.operating.evaluation import patients_to_draw
    from posology.protocol.load import load_document
    from posology.protocol.model import protocol_from

    if (model == "rates") != (truth is not None):
        raise ValueError("--truth goes with --patient-model rates, and only with it")
    if figure is not None and model == "rates":
        raise ValueError("--figure draws what the drug does: it goes with --patient-model drug")
    protocol = protocol_from(load_document(file))
    metric = drug.metric(protocol)
    windows = sorted(set(window or [float(protocol.dlt.window_days)]))
    designs = others.build(protocol)
    needed = max(patients_to_draw(each, dropout) for each in designs.values())
    told: dict[str, Any] = {
        "protocol": protocol.trial.id,
        "patients": model,
        "trials": trials,
        "seed": seed,
        "target": others.target,
        "levels": [float(dose) for dose in protocol.dose.levels],
        "unit": protocol.dose.unit,
    }
    people: PatientModel
    table: Table | None = None
    if truth is not None:
        people = PotentialOutcomes.draw(np.random.default_rng(seed), trials, needed)
        rates = dict.fromkeys(windows, tuple(numbers(truth, "--truth")))
    else:
        carriers = _carriers(protocol, metric, trials, needed, seed, drug)
        people, rates = carriers, {days: tuple(carriers.rate(days).tolist()) for days in windows}
        table = carriers.table(windows, [f"{dose:g}" for dose in protocol.dose.levels])
        told |= {
            "drug": protocol.drug.name,
            "body_size": metric,
            "slope": drug.slope,
            "drops": drug.drops,
            "reduced": drug.reduce,
            "truth": table.rows(),
            "true_mtd_while_treated": level_number_or_none(carriers.true_mtd(others.target)),
            "most_response_without_dlt": int(carriers.benefit().argmax()) + 1,
            "assumed": (*ASSUMED, DROPS) if drug.drops else ASSUMED,
        }
        if figure is not None:
            from posology.reports.dlt_rate_figure import dlt_rate_chart
            from posology.shared.charts import save_chart

            save_chart(dlt_rate_chart(carriers, windows, protocol, metric, drug.scenario), figure)
    world = {"accrual": accrual / 28, "dropout": dropout}
    told["designs"] = [
        {"design": name, "window": days, **_run(each, rates[days], people, others.target, window=days, **world)}
        for days in windows
        for name, each in designs.items()
    ]
    if as_json:
        print_json(told)
        return
    _show(told, table)
    if figure is not None:
        print(f"wrote {figure}")


def _run(design: Design, rates: tuple[float, ...], people: PatientModel, target: float, **world: Any) -> dict[str, Any]:
    """Run a design on patients, and return what it finds with standard errors."""
    from posology.designs.tally import level_number_or_none
    from posology.operating import Scenario, simulate

    result = simulate(design, Scenario(rates, **world), people)
    (length, error), missed = result.mean_duration, result.later.sum(axis=1)
    return {
        "selection": result.selection[1:].tolist(),
        "selection_error": result.selection_error[1:].tolist(),
        "no_mtd": float(result.selection[0]),
        "patients": result.patients.tolist(),
        "expected_patients": float(result.patients.sum()),
        "dlts_seen": float(result.dlts.sum()),
        "dlts_missed": float(missed.mean()),
        "dlts_missed_error": float(missed.std() / len(missed) ** 0.5),
        "days": length,
        "days_error": error,
        "true_mtd": level_number_or_none(result.true_mtd(target)),
    }


def _carriers(
    protocol: Protocol, metric: Metric, trials: int, needed: int, seed: int, drug: Drug
) -> DrugDrivenPatients:
    """Draw the virtual patients that carry the drug, and treat each at each level."""
    import numpy as np
    from rich.console import Console
    from rich.progress import Progress

    from posology.endpoints.body_size import dose_mg
    from posology.pharmacology.clinical.dose_modification import as_labelled, as_planned
    from posology.pharmacology.clinical.ocular_toxicity import IMGN853_OCULAR
    from posology.simulation.potential_outcomes import draw_patients

    if protocol.drug.name != "IMGN853":
        raise ValueError(
            f"the protocol's drug is {protocol.drug.name}: toxicity and response are known of IMGN853 alone; "
            "use --patient-model rates with --truth"
        )
    amounts, schedule = np.array([float(dose) for dose in protocol.dose.levels]), protocol.schedule
    if list(schedule.dosing_days) != [1]:
        raise ValueError(
            f"schedule.dosing_days is {list(schedule.dosing_days)}: virtual patients are treated on day 1 of a cycle"
        )

    def sized(p: VirtualPatients) -> Floats:
        mg: Floats = dose_mg(1.0, metric, p.weight_kg, p.height_cm, p.sex)[:, None] * amounts
        return mg

    ocular = IMGN853_OCULAR.with_power(drug.slope)
    with Progress(console=(shown := Console(stderr=True)), transient=True, disable=not shown.is_terminal) as progress:
        bar = progress.add_task("treating virtual patients", total=trials * needed)
        return draw_patients(
            np.random.default_rng(seed),
            trials,
            needed,
            sized,
            ocular=ocular.with_drops() if drug.drops else ocular,
            rule=as_labelled if drug.reduce else as_planned,
            interval=float(schedule.cycle_days),
            progress=lambda done, of: progress.update(bar, completed=done, total=of),
        )


def _dose_of(level: int | None, doses: list[str], unit: str) -> str:
    """Write the dose of a level numbered from 1; of none, why there is none."""
    return "none, every level is too toxic" if level is None else f"{doses[level - 1]} {unit}"


def _show(told: dict[str, Any], table: Table | None) -> None:
    number, unit = [f"{dose:g}" for dose in told["levels"]], told["unit"]

    def plain(value: float, digits: int = 0) -> str:
        return f"{100 * value:.{digits}f}"

    def with_error(value: float, error: float, digits: int = 0) -> str:
        return f"{plain(value, digits)} ± {plain(error, digits)}"

    if table is not None:
        days = [name.removeprefix("± ") for name in table.columns if name.startswith("±")]
        rates = [[row["level"], *(with_error(row[f"DLT {d}"], row[f"± {d}"], 1) for d in days)] for row in table.rows()]
        print_table(
            f"{told['drug']} by {told['body_size']}: true DLT rate, percent ± standard error", [unit, *days], rates
        )
        others = [name for name in table.columns if name.startswith(("ocular", "response"))]
        shares = [
            [row["level"], *("-" if row[name] is None else plain(row[name], 1) for name in others)]
            for row in table.rows()
        ]
        print_table(
            "Percent of ocular DLTs that each window misses, and response",
            [unit, *(n.removeprefix("ocular DLTs ") for n in others)],
            shares,
        )
    rows = [
        [
            each["design"],
            f"{each['window']:g}",
            *(with_error(p, e) for p, e in zip(each["selection"], each["selection_error"], strict=True)),
            plain(each["no_mtd"]),
        ]
        for each in told["designs"]
    ]
    title = f"{told['trials']:,} simulated trials, seed {told['seed']}"
    print_table(
        f"{title}: level selected as MTD ({unit}), percent of trials ± standard error",
        ["Design", "Days", *number, "none"],
        rows,
    )
    rows = [
        [
            each["design"],
            f"{each['window']:g}",
            f"{each['expected_patients']:.1f}",
            f"{each['dlts_seen']:.2f}",
            f"{each['dlts_missed']:.2f} ± {each['dlts_missed_error']:.2f}",
            f"{each['days']:.0f} ± {each['days_error']:.0f}",
        ]
        for each in told["designs"]
    ]
    print_table(
        "Means over trials", ["Design", "Window (d)", "Patients", "DLTs seen", "DLTs missed", "Duration (d)"], rows
    )
    mtd = {each["window"]: each["true_mtd"] for each in told["designs"]}
    print(
        f"level with the true DLT rate nearest {told['target']:g}: "
        + "; ".join(f"within {w:g} d {_dose_of(k, number, told['unit'])}" for w, k in mtd.items())
    )
    if table is not None:
        print(
            f"while treated: {_dose_of(told['true_mtd_while_treated'], number, told['unit'])}; "
            f"most responses without a DLT: {number[told['most_response_without_dlt'] - 1]} {told['unit']}"
        )
        print(
            f"ocular slope g = {told['slope']}: cannot be told from public data; compare 1, 2 and 3. Assumed or from"
            " memory:"
        )
        for line in told["assumed"]:
            print(f"  {line}")
