"""Designs side by side under the same true DLT rates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Annotated, Any

import typer

from posology.cli._design import (
    DesignOptions,
    DosesOption,
    RulesOption,
    SkeletonOption,
    StartLevelOption,
    TargetNeeded,
)
from posology.cli._options import JsonOption, number, options
from posology.cli._output import print_json, print_table
from posology.cli.design.oc import AcceptableOption, TrialsOption, TruthsOption, World, range_of
from posology.shared.written_values import assigned, numbers

if TYPE_CHECKING:
    from posology.designs import Design

app = typer.Typer(no_args_is_help=True)

USUAL = ("3+3", "i3+3", "boin", "keyboard", "crm")

ScenarioOption = Annotated[
    list[str] | None,
    typer.Option(
        "--scenario",
        metavar="NAME=P1,P2,...",
        help="A scenario: its name, and the true DLT rate of each level, 0 to 1 (else --truth); may be given again.",
    ),
]


@dataclass(frozen=True)
class Shared:
    """What the designs have in common, as far as each has a parameter for it."""

    target: TargetNeeded
    cohort_size: Annotated[int, number("--cohort-size", "Patients in a cohort", least=1)] = 3
    max_patients: Annotated[int, number("--max-patients", "Patients in all", least=1, most=1000)] = 30
    start_level: StartLevelOption = 1
    skeleton: SkeletonOption = None
    doses: DosesOption = None
    rules: RulesOption = None

    def build(self, name: str, levels: int, settings: Sequence[str]) -> Design:
        """Build a design with those of the shared options that it has a parameter for."""
        from posology.designs import DESIGNS
        from posology.operating.design_text import stop_to_compare

        has = {f.name for f in fields(DESIGNS[name])} if name in DESIGNS else set()
        return DesignOptions(
            design=name,
            levels=levels,
            target=self.target,
            cohort_size=self.cohort_size if "cohort" in has else None,
            max_patients=self.max_patients if "max_patients" in has else None,
            start_level=self.start_level,
            skeleton=self.skeleton if "skeleton" in has else None,
            doses=self.doses if "doses" in has else None,
            settings=[*stop_to_compare(name), *settings],
            rules=self.rules,
        ).build()


@app.command("compare")
@options
def compare(
    shared: Shared,
    world: World,
    truth: TruthsOption = None,
    scenario: ScenarioOption = None,
    design: Annotated[
        list[str] | None,
        typer.Option("--design", metavar="NAME", help=f"A design (else {', '.join(USUAL)}); may be given again."),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="[DESIGN.]NAME=VALUE",
            help=(
                "A parameter of one design, as boin.stop_at=9, or of all that have it (else their own); may be given"
                " again."
            ),
        ),
    ] = None,
    trials: TrialsOption = None,
    acceptable: AcceptableOption = None,
    as_json: JsonOption = False,
) -> None:
    """Set designs side by side under the same true DLT rates: exact, or simulated on the same patients where time
    matters.

    A usual design whose own margins do not fit the target is left out, and why is said. CRM, TITE-CRM and EWOC, which have
    no rule to stop for safety of their own, stop once their model puts Pr(rate at level 1 > target) above 0.95, from 3
    patients on (--set stop_toxic=null: never); the table states it.

    Example: posology design compare --target 0.3 --truth 0.05,0.15,0.3,0.45,0.6

    Example: posology design compare --target 0.3 --scenario steep=0.05,0.3,0.6 --design boin --design tite-boin --set
    boin.stop_at=9
    """
    from posology.operating.evaluation import evaluate, safety_stop

    scenarios = scenarios_of(truth, scenario)
    names = tuple(dict.fromkeys(design)) if design else USUAL
    found: dict[str, list[dict[str, Any]]] = {}
    stops: dict[str, str] = {}
    left_out: dict[str, str] = {}
    own = _settings(settings or (), names)
    for name in names:
        try:
            built = shared.build(name, len(next(iter(scenarios.values()))), own[name])
        except ValueError as wrong:
            if design:
                raise
            left_out[name] = str(wrong)
            continue
        stops[name] = safety_stop(built)
        found[name] = evaluate(
            built,
            list(scenarios.values()),
            shared.target,
            simulation=world.simulation(built, trials),
            acceptable=range_of(acceptable),
        )
    if as_json:
        designs: dict[str, dict[str, Any]] = {
            name: (each[0] if len(each) == 1 else {"scenarios": each}) | {"safety_stop": stops[name]}
            for name, each in found.items()
        }
        print_json({"target": shared.target, "scenarios": list(scenarios), "designs": designs, "left_out": left_out})
        return
    for s, (name, rates) in enumerate(scenarios.items()):
        _show(
            name if len(scenarios) > 1 or scenario else "",
            rates,
            shared.target,
            {n: each[s] for n, each in found.items()},
            stops,
        )
    for name, why in left_out.items():
        print(f"left out: {name}: {why.removeprefix(name + ': ')}")


def scenarios_of(truth: Sequence[str] | None, scenario: Sequence[str] | None) -> dict[str, list[float]]:
    """Read scenarios with and without a name: true DLT rates by the name, all for the same number of levels."""
    found: dict[str, list[float]] = {}
    for k, text in enumerate(truth or (), start=1):
        found[f"scenario {k}"] = numbers(text, "--truth")
    for text in scenario or ():
        name, equals, rates = text.partition("=")
        if not equals or not name.strip():
            raise ValueError(f"--scenario {text!r}: write NAME=P1,P2,..., as steep=0.05,0.1,0.3,0.6")
        if name in found:
            raise ValueError(f"--scenario {name!r} is given twice: each scenario needs a name of its own")
        found[name] = numbers(rates, "--scenario")
    if not found:
        raise ValueError("no scenario: give --truth, the true DLT rate of each level, or --scenario NAME=P1,P2,...")
    sizes = {len(rates) for rates in found.values()}
    if len(sizes) > 1:
        raise ValueError(f"the scenarios have {', '.join(map(str, sorted(sizes)))} levels: give each the same number")
    return found


def _settings(settings: Sequence[str], names: Sequence[str]) -> dict[str, list[str]]:
    """Return the settings of each design: those that name it, and those that it has a parameter for."""
    from posology.designs import DESIGNS

    own: dict[str, list[str]] = {name: [] for name in names}
    for text in settings:
        whose, dot, _ = text.partition("=")[0].rpartition(".")
        if dot and whose in own:
            own[whose].append(text[len(whose) + 1 :])
            continue
        parameter, _ = assigned(text, "--set")
        having = [n for n in names if n in DESIGNS and parameter in {f.name for f in fields(DESIGNS[n])}]
        if dot or not having:
            raise ValueError(
                f"--set {text!r}: {whose or 'none of the designs'} {'is not compared' if dot else 'has this parameter'}"
            )
        for name in having:
            own[name].append(text)
    return own


def _show(
    name: str, rates: Sequence[float], target: float, found: dict[str, dict[str, Any]], stops: dict[str, str]
) -> None:
    """Print one scenario: what each design selects and gives, and the designs in short."""
    if not found:
        return
    right = next(iter(found.values()))["true_mtd"]
    columns = [
        "",
        *(f"level {j}{' (MTD)' if j == right else ''}: {p:g}" for j, p in enumerate(rates, start=1)),
        "none",
        "all",
    ]
    rows: list[list[str]] = []
    for design, data in found.items():
        percent = [f"{100 * p:.1f} %" for p in (*data["selection"], data["no_mtd"])]
        rows.append([f"{design}: selected", *percent, ""])
        rows.append(["   patients", *(f"{n:.1f}" for n in data["patients"]), "", f"{data['expected_patients']:.1f}"])
    if right is None:
        columns[-2] = "none (right)"
    print_table(f"Operating characteristics, target {target:g}{', ' + name if name else ''}", columns, rows)
    summary = [_in_short(design, data, stops[design]) for design, data in found.items()]
    heads = list(dict.fromkeys(head for row in sorted(summary, key=len, reverse=True) for head in row))
    print_table("In short", heads, [[row.get(head, "-") for head in heads] for row in summary])


def _in_short(design: str, data: dict[str, Any], stop: str) -> dict[str, str]:
    def error(key: str) -> str:
        return "" if data["exact"] else f" ± {100 * data[key + '_error']:.1f}"

    row = {
        "Design": design,
        "Method": "exact" if data["exact"] else f"{data['trials']:,} trials",
        "Correct (%)": f"{100 * data['correct']:.1f}{error('correct')}",
        "Over 60 % of patients above the MTD (%)": f"{100 * data['overdosed_60']:.1f}{error('overdosed_60')}",
        "Accuracy index": "-" if data["accuracy"] is None else f"{data['accuracy']:.3f}",
        "Patients": f"{data['expected_patients']:.1f}",
        "DLTs": f"{data['expected_dlts']:.1f}",
    }
    if "within" in data:
        row["Within the range (%)"] = f"{100 * data['within']:.1f}{error('within')}"
    if not data["exact"]:
        row["Days"] = f"{data['days']:.0f}"
    row["Stops for safety when"] = stop
    return row
