"""Commands on a design before anyone is treated: decisions, operating characteristics, pathways, comparisons."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from posology.cli.common import JsonOption, print_json, print_table
from posology.cli.designing import (
    CohortOption,
    DataOption,
    DesignOption,
    DosesOption,
    LevelsOption,
    MaxOption,
    ProtocolOption,
    RuleOption,
    SetOption,
    SkeletonOption,
    StartOption,
    TargetOption,
)

if TYPE_CHECKING:
    from posology.designs import Design

TruthOption = Annotated[
    list[str], typer.Option("--truth", metavar="P1,P2,...", help="True DLT rate of each level; may come again.")
]
TrialsOption = Annotated[
    int | None, typer.Option("--simulate", metavar="TRIALS", help="Simulate so many trials, instead of exact results.")
]
SeedOption = Annotated[int, typer.Option("--seed", help="Of the simulated patients.")]
TIMED_TRIALS = 10_000


def register(app: typer.Typer) -> None:
    """Add the commands."""
    commands: dict[str, Callable[..., None]] = {
        "designs": designs,
        "oc": oc,
        "compare": compare,
        "table": table,
        "next": next_dose,
        "pathways": paths,
    }
    for name, command in commands.items():
        app.command(name, rich_help_panel="Plan")(command)


def designs(as_json: JsonOption = False) -> None:
    """List the designs, and the rules that go around any of them, with their parameters.

    Example: posology designs
    """
    from dataclasses import fields

    from posology.designs import DESIGNS
    from posology.protocol.build import RULES

    told = lambda cls: [f.name for f in fields(cls) if f.name not in ("levels", "start", "design")]
    brief = lambda cls: (cls.__doc__ or "").strip().splitlines()[0]
    if as_json:
        listed = lambda kinds: {n: {"what": brief(c), "parameters": told(c)} for n, c in kinds.items()}
        print_json({"designs": listed(DESIGNS), "rules": listed(RULES)})
        return
    for title, kinds in (("Designs (--design)", DESIGNS), ("Rules around any design (--rule)", RULES)):
        rows = [(name, brief(cls), ", ".join(told(cls))) for name, cls in kinds.items()]
        print_table(title, ("Name", "What it is", "Parameters"), rows)


def oc(
    truth: Annotated[
        list[str] | None,
        typer.Option("--truth", metavar="P1,P2,...", help="True DLT rate of each level; may come again."),
    ] = None,
    design: DesignOption = None,
    protocol: ProtocolOption = None,
    levels: LevelsOption = None,
    target: TargetOption = None,
    cohort: CohortOption = None,
    most: MaxOption = None,
    start: StartOption = 1,
    skeleton: SkeletonOption = None,
    doses: DosesOption = None,
    settings: SetOption = None,
    rules: RuleOption = None,
    trials: TrialsOption = None,
    seed: SeedOption = 1,
    window: Annotated[float, typer.Option(help="Simulated: the DLT window, in days.")] = 28.0,
    accrual: Annotated[float, typer.Option(help="Simulated: patients a month of 28 days.")] = 3.0,
    late: Annotated[float, typer.Option(help="Simulated: share of DLTs in the second half of the window.")] = 0.5,
    dropout: Annotated[
        float, typer.Option(help="Simulated: share of patients who leave before the window ends.")
    ] = 0.0,
    grades: Annotated[
        list[str] | None,
        typer.Option(
            "--grades",
            metavar="P0,P1,...",
            help="Instead of --truth, for each level in turn the chances of grades 0, 1, ...; 3 is a DLT.",
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Give a design's operating characteristics under true DLT rates: exact, with no Monte Carlo error.

    Designs that depend on time (TITE-CRM, TITE-BOIN, rolling six, backfilling) are simulated, the error beside every figure.

    Example: posology oc --design boin --target 0.3 --levels 5 --cohort 3 --max 30 --truth 0.05,0.15,0.3,0.45,0.6
    """
    from posology.cli.designing import build, numbers, parameters

    if bool(truth) == bool(grades):
        raise ValueError("give either --truth, the DLT rate of each level, or --grades, once for each level")
    rates = [numbers(text, "--truth") for text in truth or ()]
    chances = [numbers(text, "--grades") for text in grades or ()]
    built = build(
        design,
        protocol,
        levels,
        target,
        cohort,
        most,
        start=start,
        skeleton=skeleton,
        doses=doses,
        settings=settings or (),
        rules=rules or (),
    )
    if chances:
        rates = [_dlt_rates(chances, built.levels)]
    for each in rates:
        if len(each) != built.levels:
            raise ValueError(f"--truth has {len(each)} rates; the design has {built.levels} levels")
    target = target if target is not None else _target(built)
    if trials is None and not _timed(built):
        found = [_graded(built, chances, target)] if chances else _exact(built, rates, target)
    else:
        number = trials or TIMED_TRIALS
        world = {
            "window": window,
            "accrual": accrual / 28,
            "late": late,
            "dropout": dropout,
            "grades": tuple(map(tuple, chances)),
        }
        found = [_simulated(built, each, target, number, seed, world) for each in rates]
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


def _graded(design: Design, chances: list[list[float]], target: float | None) -> dict[str, Any]:
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


def _timed(design: Design) -> bool:
    from posology.designs.inference import innermost
    from posology.operating.study import TIME_DEPENDENT

    return isinstance(innermost(design), TIME_DEPENDENT)


def _target(design: Design) -> float | None:
    from posology.designs.inference import innermost

    return getattr(innermost(design), "target", None)


def _exact(design: Design, rates: list[list[float]], target: float | None) -> list[dict[str, Any]]:
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


def _simulated(
    design: Design, truth: list[float], target: float | None, trials: int, seed: int, world: dict[str, Any]
) -> dict[str, Any]:
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


def compare(
    truth: TruthOption,
    target: Annotated[float, typer.Option("--target", help="Target DLT rate.")],
    design: Annotated[
        list[str] | None, typer.Option("--design", metavar="NAME", help="A design; may come again. Five, if left out.")
    ] = None,
    cohort: Annotated[int, typer.Option("--cohort", help="Patients a cohort.")] = 3,
    most: Annotated[int, typer.Option("--max", help="Patients in all.")] = 30,
    start: StartOption = 1,
    skeleton: SkeletonOption = None,
    doses: DosesOption = None,
    as_json: JsonOption = False,
) -> None:
    """Set designs side by side under the same true DLT rates: exact operating characteristics.

    Example: posology compare --target 0.3 --truth 0.05,0.15,0.3,0.45,0.6
    """
    from dataclasses import fields

    from posology.cli.designing import build, numbers
    from posology.designs import DESIGNS

    rates = [numbers(text, "--truth") for text in truth]
    names = design or ["3+3", "i3+3", "boin", "keyboard", "crm"]
    found: dict[str, list[dict[str, Any]]] = {}
    for name in names:
        has = {f.name for f in fields(DESIGNS[name])} if name in DESIGNS else set()
        built = build(
            name,
            None,
            len(rates[0]),
            target,
            cohort if "cohort" in has else None,
            most if "max_patients" in has else None,
            start=start,
            skeleton=skeleton if "skeleton" in has else None,
            doses=doses if "doses" in has else None,
        )
        if _timed(built):
            raise ValueError(f"{name} depends on time: simulate it with `posology oc`, or in a study")
        found[name] = _exact(built, rates, target)
    if as_json:
        print_json(
            {"target": target, "designs": {n: f[0] if len(f) == 1 else {"scenarios": f} for n, f in found.items()}}
        )
        return
    for s, each in enumerate(rates):
        at = min(range(len(each)), key=lambda j: abs(each[j] - target))
        columns = [
            "",
            *(f"level {j + 1}{' (MTD)' if j == at else ''}: {p:g}" for j, p in enumerate(each)),
            "none",
            "all",
        ]
        rows: list[list[str]] = []
        for name, results in found.items():
            data = results[s]
            percent = [f"{100 * p:.1f} %" for p in (*data["selection"], data["no_mtd"])]
            rows.append([f"{name}: selected", *percent, ""])
            rows.append(
                ["   patients", *(f"{n:.1f}" for n in data["patients"]), "", f"{data['expected_patients']:.1f}"]
            )
        print_table(f"Exact operating characteristics, target {target:g}", columns, rows)
        summary = [
            (
                name,
                f"{100 * r[s]['correct']:.1f}",
                f"{100 * r[s]['overdosed_60']:.1f}",
                f"{r[s]['accuracy']:.3f}",
                f"{r[s]['expected_patients']:.1f}",
                f"{r[s]['expected_dlts']:.1f}",
            )
            for name, r in found.items()
        ]
        heads = (
            "Design",
            "Correct (%)",
            "Over 60 % of patients above the MTD (%)",
            "Accuracy index",
            "Patients",
            "DLTs",
        )
        print_table("In short", heads, summary)


def table(
    protocol: Annotated[
        Path | None, typer.Argument(metavar="[PROTOCOL]", help="A protocol file; else name a design.")
    ] = None,
    design: DesignOption = None,
    levels: LevelsOption = None,
    target: TargetOption = None,
    cohort: CohortOption = None,
    most: MaxOption = None,
    start: StartOption = 1,
    skeleton: SkeletonOption = None,
    doses: DosesOption = None,
    settings: SetOption = None,
    rules: RuleOption = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print as CSV.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Print the decision table of a design: for each number of patients at a level and of DLTs, what to do.

    Example: posology table --design boin --target 0.3 --levels 5
    """
    from posology.cli.designing import build
    from posology.designs import decision_table as decisions
    from posology.designs.modifiers.titration import Titration

    built = build(
        design,
        protocol,
        levels,
        target,
        cohort,
        most,
        start=start,
        skeleton=skeleton,
        doses=doses,
        settings=settings or (),
        rules=rules or (),
    )
    behind = built.design if isinstance(built, Titration) else built
    cells = decisions.decision_table(behind)
    if as_json:
        print_json([{"patients": c.patients, "dlts": c.dlts, "action": c.words, "letter": c.letter} for c in cells])
    elif as_csv:
        print(decisions.as_csv(cells), end="")
    else:
        print_table(
            "Decision table at a level",
            ("Patients evaluable", "DLTs", "", "What to do"),
            [(c.patients, c.dlts, c.letter, c.words) for c in cells],
        )


def next_dose(
    data: DataOption = "",
    design: DesignOption = None,
    protocol: ProtocolOption = None,
    levels: LevelsOption = None,
    target: TargetOption = None,
    cohort: CohortOption = None,
    most: MaxOption = None,
    start: StartOption = 1,
    skeleton: SkeletonOption = None,
    doses: DosesOption = None,
    settings: SetOption = None,
    rules: RuleOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say what a design does next after outcomes, why, and what they tell of each level.

    Example: posology next --design crm --target 0.25 --levels 5 --data "1NNN 2NNT"
    """
    from posology.cli.designing import build, parameters, seen
    from posology.designs import Action, infer

    built = build(
        design,
        protocol,
        levels,
        target,
        cohort,
        most,
        start=start,
        skeleton=skeleton,
        doses=doses,
        settings=settings or (),
        rules=rules or (),
    )
    tally = seen(data, built.levels)
    decision = built.decide(tally)
    action, level = Action(decision.action[0]), int(decision.level[0])
    result: dict[str, Any] = {
        "action": action.name.lower(),
        "level": level + 1 if level >= 0 else None,
        "more": int(decision.patients_to_treat[0]),
        "why": decision.words(tally),
    }
    found = infer(built, tally)
    result["levels"] = found.rows()
    if as_json:
        print_json({**result, "parameters": parameters(built)})
        return
    where = f"level {result['level']}" if result["level"] else "no level"
    print(
        f"{action.name.lower().replace('deescalate', 'de-escalate')}: {where}, {result['more']} patients\n{result['why']}"
    )
    rows = [
        (
            r["level"],
            int(tally.treated[0, k]),
            int(tally.dlts[0, k]),
            *(
                f"{100 * float(str(r[n])):.1f}" if r["known"] else "-"
                for n in ("rate", "lower", "upper", "under", "within", "over")
            ),
            "yes" if r["admissible"] else "no",
            "MTD now" if r["recommended"] else "",
        )
        for k, r in enumerate(found.rows())
    ]
    heads = (
        "Level",
        "Patients",
        "DLTs",
        "DLT rate (%)",
        "from",
        "to (95 %)",
        "Under (%)",
        "Target (%)",
        "Over (%)",
        "May be given",
        "",
    )
    print_table("What is known of each level", heads, rows)


def paths(
    data: DataOption = "",
    cohorts: Annotated[int, typer.Option("--cohorts", help="Cohorts to look ahead.")] = 2,
    design: DesignOption = None,
    protocol: ProtocolOption = None,
    levels: LevelsOption = None,
    target: TargetOption = None,
    cohort: CohortOption = None,
    most: MaxOption = None,
    start: StartOption = 1,
    skeleton: SkeletonOption = None,
    doses: DosesOption = None,
    settings: SetOption = None,
    rules: RuleOption = None,
    form: Annotated[
        Literal["text", "table", "csv", "dot", "svg", "png"], typer.Option("--format", help="How to show the tree.")
    ] = "text",
    out: Annotated[Path | None, typer.Option("--out", help="The file to write it to.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Show dose transition pathways: what a design does for every outcome of the next cohorts.

    Example: posology pathways --design boin --target 0.3 --levels 5 --data "1NNN 2NNT" --cohorts 2
    """
    from posology.cli.designing import build, seen
    from posology.operating.pathways import pathways

    built = build(
        design,
        protocol,
        levels,
        target,
        cohort,
        most,
        start=start,
        skeleton=skeleton,
        doses=doses,
        settings=settings or (),
        rules=rules or (),
    )
    tree = pathways(built, seen(data, built.levels), cohorts)
    if as_json:
        print_json(tree.rows())
        return
    if form in ("svg", "png"):
        if out is None:
            raise ValueError(f"--format {form} needs --out FILE")
        from posology.shared.charts import save

        save(tree.plot(), out, form)
        print(f"written: {out}")
        return
    text = {
        "text": tree.text,
        "dot": tree.dot,
        "csv": lambda: tree.table().to_csv(),
        "table": lambda: str(tree.table()),
    }[form]()
    if out is None:
        print(text)
    else:
        from posology.shared.files import write_text

        write_text(out, text + "\n")
        print(f"written: {out}")
