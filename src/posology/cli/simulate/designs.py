"""Designs run on virtual patients: patients that carry the drug, or coin flips of given rates."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

import typer

from posology.cli._options import JsonOption
from posology.cli._output import print_json, print_table

if TYPE_CHECKING:
    from posology.designs import Design
    from posology.endpoints.body_size import Metric
    from posology.operating.simulate import PatientModel
    from posology.protocol.model import Protocol
    from posology.shared.tables import Table
    from posology.simulation.potential_outcomes import DrugDrivenPatients

app = typer.Typer(no_args_is_help=True)
ASSUMED = (
    "other DLTs: 5 % at 355 mg in cycle 1, the odds going with the square of the dose (the slope is assumed)",
    "ocular events: onset, frequency and worst grade calibrated to the label, quoted from memory; they come back with the same hazard, "
    "assumed; slope g assumed",
    "response: calibrated to MIRASOL, in tumours with much FRα; how it falls with less is assumed",
    "patients: virtual women with ovarian cancer, unselected for FRα; between-patient spread of clearance from the label",
    "progression ends treatment; DLTs after it do not count",
)
"""What the numbers of a drug-driven simulation rest on."""


DROPS = (
    "steroid drops: the ocular hazard times 0.8, grades 3 and 4 times 0.15, assumed after 40 patients (Matulonis 2019)"
)


@app.command("designs")
def simulate(
    file: Annotated[
        Path, typer.Argument(metavar="PROTOCOL", help="A protocol file: its design, levels, body size and window.")
    ],
    patients: Annotated[
        Literal["drug", "rates"],
        typer.Option("--patients", help="Patients that carry the drug, or coin flips of the rates of --truth."),
    ] = "drug",
    truth: Annotated[
        str | None,
        typer.Option(
            "--truth",
            metavar="P1,P2,...",
            help="With --patients rates: the true DLT rate of each level within the window.",
        ),
    ] = None,
    design: Annotated[
        list[str] | None,
        typer.Option("--design", metavar="NAME", help="Another design beside the protocol's; may come again."),
    ] = None,
    window: Annotated[
        list[float] | None,
        typer.Option("--window", metavar="DAYS", help="A DLT window instead of the protocol's; may come again."),
    ] = None,
    trials: Annotated[int, typer.Option("--trials", min=10, max=100_000, help="How many trials.")] = 1000,
    body_size: Annotated[
        str | None,
        typer.Option("--body-size", metavar="MEASURE", help="Dose by this instead, as 'adjusted ideal body weight'."),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of the virtual patients.")] = 1,
    target: Annotated[
        float, typer.Option("--target", help="Target DLT rate, for the other designs and the true MTD.")
    ] = 0.3,
    cohort: CohortOption = 3,
    most: MaxOption = 30,
    settings: SetOption = None,
    accrual: Annotated[float, typer.Option("--accrual", help="Patients a month of 28 days.")] = 3.0,
    dropout: Annotated[
        float, typer.Option("--dropout", help="Share of patients who leave before the window ends.")
    ] = 0.0,
    slope: Annotated[
        int,
        typer.Option(
            "--slope", min=1, max=3, help="Slope g of the ocular hazard with exposure: not identifiable, a scenario."
        ),
    ] = 2,
    drops: Annotated[
        bool, typer.Option("--drops", help="Steroid drops: fewer and milder ocular events, a scenario.")
    ] = False,
    reduce: Annotated[
        bool, typer.Option("--reduce/--no-reduce", help="Hold and reduce doses as labelled, or give all as planned.")
    ] = True,
    figure: Annotated[
        Path | None,
        typer.Option("--figure", metavar="FILE", help="Draw true DLT rates by window: a .png or .svg file."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Run a protocol's design, and others, on virtual patients: true DLT rates by level and window, and what each design finds.

    Every design meets the same patients. A DLT after the window is one that the trial misses.
    Example: posology simulate designs protocol.yaml --patients drug --trials 1000 --window 21 --window 42 --window 63 --design tite-boin
    """
    import numpy as np

    from posology.operating import PotentialOutcomes, Scenario
    from posology.operating import simulate as run
    from posology.operating.study import patients_to_draw
    from posology.protocol.build import design_from_protocol as of_protocol
    from posology.protocol.load import load_document
    from posology.protocol.model import UNITS, protocol_from

    if (patients == "rates") != (truth is not None):
        raise ValueError("--truth goes with --patients rates, and only with it")
    if not 0 < target < 1:
        raise ValueError(f"--target is {target:g}: a DLT rate lies between 0 and 1")
    check_folders(figure)
    if figure is not None and (figure.suffix not in (".png", ".svg") or patients == "rates"):
        raise ValueError(f"--figure is {figure}: it must end in .png or .svg, and goes with --patients drug")
    protocol = protocol_from(load_document(file))
    windows = sorted(set(window or [float(protocol.dlt.window_days)]))
    for days in windows:
        if not 1 <= days <= 365:
            raise ValueError(f"--window is {days:g}: a DLT window lasts from 1 to 365 days")
    metric = body_size or protocol.dose.body_size
    if metric not in UNITS[protocol.dose.unit]:
        raise ValueError(
            f"--body-size is {metric!r}: a dose in {protocol.dose.unit} goes by {' or '.join(UNITS[protocol.dose.unit])}"
        )
    if not accrual > 0 or not 0 <= dropout < 1:
        raise ValueError(
            f"--accrual is {accrual:g}, --dropout {dropout:g}: accrual is above 0, dropout from 0 to below 1"
        )
    if settings and not design:
        raise ValueError("--set is for a design of --design: the protocol's stands in its file")
    designs = {f"{protocol.design['method']} (protocol)": of_protocol(protocol)}
    for name in design or ():
        designs[name] = _other(name, protocol, target, cohort, most, settings or [])
    needed = max(patients_to_draw(each, dropout) for each in designs.values())
    people: PatientModel
    rates: dict[float, tuple[float, ...]]
    told: dict[str, Any] = {
        "protocol": protocol.trial.id,
        "patients": patients,
        "trials": trials,
        "seed": seed,
        "target": target,
        "levels": [float(dose) for dose in protocol.dose.levels],
        "unit": protocol.dose.unit,
    }
    table: Table | None = None
    if truth is not None:
        from posology.cli._design import numbers

        people = PotentialOutcomes.draw(np.random.default_rng(seed), trials, needed)
        rates = dict.fromkeys(windows, tuple(numbers(truth, "--truth")))
    else:
        carriers = _carriers(protocol, metric, trials, needed, seed, slope, drops, reduce)
        people, rates = carriers, {days: tuple(carriers.rate(days).tolist()) for days in windows}
        table = carriers.table(windows, [f"{dose:g}" for dose in protocol.dose.levels])
        told |= {
            "drug": protocol.drug.name,
            "body_size": metric,
            "slope": slope,
            "drops": drops,
            "reduced": reduce,
            "truth": table.rows(),
            "true_mtd_while_treated": _nearest(carriers.rate().tolist(), target),
            "most_response_without_dlt": int(carriers.benefit().argmax()) + 1,
            "assumed": (*ASSUMED, DROPS) if drops else ASSUMED,
        }
        if figure is not None:
            _draw(carriers, windows, protocol, metric, f"g = {slope}{', steroid drops' if drops else ''}", figure)
    found: list[dict[str, Any]] = []
    for days in windows:
        for name, each in designs.items():
            scenario = Scenario(rates[days], window=days, accrual=accrual / 28, dropout=dropout)
            result = run(each, scenario, people)
            length, error = result.mean_duration
            missed = result.later.sum(axis=1)
            found.append(
                {
                    "design": name,
                    "window": days,
                    "selection": result.selection[1:].tolist(),
                    "selection_error": result.selection_error[1:].tolist(),
                    "no_mtd": float(result.selection[0]),
                    "patients": result.patients.tolist(),
                    "expected_patients": float(result.patients.sum()),
                    "dlts_seen": float(result.dlts.sum()),
                    "dlts_missed": float(missed.mean()),
                    "dlts_missed_error": float(missed.std() / np.sqrt(trials)),
                    "days": length,
                    "days_error": error,
                    "true_mtd": _nearest(rates[days], target),
                }
            )
    told["designs"] = found
    if as_json:
        print_json(told)
        return
    _show(told, table)
    if figure is not None:
        print(f"wrote {figure}")


def _nearest(rates: Any, target: float) -> int:
    """Return the number of the level whose rate is nearest the target, the lower of two."""
    return min(range(len(rates)), key=lambda j: (round(abs(rates[j] - target), 12), j)) + 1


def _other(
    name: str, protocol: Protocol, target: float, cohort: int | None, most: int | None, settings: list[str]
) -> Design:
    from dataclasses import fields

    from posology.cli._design import build
    from posology.designs import DESIGNS

    has = {f.name for f in fields(DESIGNS[name])} if name in DESIGNS else set()
    own = lambda key, value: value if key in has else None
    doses = ",".join(f"{dose:g}" for dose in protocol.dose.levels)
    return build(
        name,
        None,
        len(protocol.dose.levels),
        target,
        own("cohort", cohort),
        own("max_patients", most),
        start=protocol.dose.start_level,
        doses=own("doses", doses),
        settings=settings,
    )


def _carriers(
    protocol: Protocol, metric: str, trials: int, needed: int, seed: int, slope: int, drops: bool, reduce: bool
) -> DrugDrivenPatients:
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
            "use --patients rates with --truth"
        )
    amounts = np.array([float(dose) for dose in protocol.dose.levels])
    schedule, measure = protocol.schedule, cast("Metric", metric)
    if list(schedule.dosing_days) != [1]:
        raise ValueError(
            f"schedule.dosing_days is {list(schedule.dosing_days)}: virtual patients are treated on day 1 of a cycle"
        )
    sized = lambda p: dose_mg(1.0, measure, p.weight_kg, p.height_cm, p.sex)[:, None] * amounts
    ocular = IMGN853_OCULAR.with_power(slope)
    with Progress(console=(shown := Console(stderr=True)), transient=True, disable=not shown.is_terminal) as progress:
        bar = progress.add_task("treating virtual patients", total=trials * needed)
        return draw_patients(
            np.random.default_rng(seed),
            trials,
            needed,
            sized,
            ocular=ocular.with_drops() if drops else ocular,
            rule=as_labelled if reduce else as_planned,
            interval=float(schedule.cycle_days),
            progress=lambda done, of: progress.update(bar, completed=done, total=of),
        )


def _show(told: dict[str, Any], table: Table | None) -> None:
    number, unit = [f"{dose:g}" for dose in told["levels"]], told["unit"]
    plain = lambda value, digits=0: f"{100 * value:.{digits}f}"
    with_error = lambda value, error, digits=0: f"{plain(value, digits)} ± {plain(error, digits)}"
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
        "level with the true DLT rate nearest "
        f"{told['target']:g}: " + "; ".join(f"within {w:g} d {number[k - 1]} {told['unit']}" for w, k in mtd.items())
    )
    if table is not None:
        print(
            f"while treated: {number[told['true_mtd_while_treated'] - 1]} {told['unit']}; "
            f"most responses without a DLT: {number[told['most_response_without_dlt'] - 1]} {told['unit']}"
        )
        print(
            f"ocular slope g = {told['slope']}: cannot be told from public data; compare 1, 2 and 3. Assumed or from memory:"
        )
        for line in told["assumed"]:
            print(f"  {line}")


def _draw(
    carriers: DrugDrivenPatients, windows: list[float], protocol: Protocol, metric: str, scenario: str, path: Path
) -> None:
    """Draw the true DLT rate by level, a line for each window, told apart by shape and dash as well as colour."""
    import altair as alt
    import numpy as np

    from posology.shared.charts import save

    names = [*(f"{w:g} days" for w in windows), "while treated"]
    rows = [
        {"dose": float(dose), "rate": float(rate), "window": name}
        for name, w in zip(names, (*windows, np.inf), strict=True)
        for dose, rate in zip(protocol.dose.levels, 100 * carriers.rate(w), strict=True)
    ]
    key: dict[str, Any] = {
        "shorthand": "window:N",
        "title": "DLTs within",
        "sort": names,
        "legend": alt.Legend(symbolSize=200, labelLimit=300),
    }
    chart = (
        alt.Chart(alt.Data(values=rows))
        .mark_line(point={"size": 60, "filled": True})
        .encode(
            x=alt.X("dose:Q", title=f"dose ({protocol.dose.unit}, {metric})", axis=alt.Axis(grid=False)),
            y=alt.Y("rate:Q", title="patients with a DLT (%)"),
            color=alt.Color(**key, scale=alt.Scale(domain=names, scheme="tableau10")),
            shape=alt.Shape(**key, scale=alt.Scale(domain=names)),
            strokeDash=alt.StrokeDash(**key, scale=alt.Scale(domain=names)),
        )
    )
    title = alt.TitleParams(
        f"{protocol.drug.name}: true DLT rate by dose and window",
        anchor="start",
        subtitle=f"{carriers.gap.size:,} virtual patients; ocular slope {scenario} (assumed)",
    )
    save(
        chart.properties(width=520, height=300, title=title)
        .configure_view(stroke=None)
        .configure(font="DejaVu Sans, Liberation Sans, Arial, sans-serif", background="white"),
        path,
        path.suffix[1:],
    )
