"""How a design is named on the command line: its options, and the design that they build."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from posology.cli._options import number

if TYPE_CHECKING:
    from posology.designs import Design, Tally

LevelsOption = Annotated[
    int | None,
    number("--levels", "Number of dose levels (else as many as --skeleton or --doses has)", least=1, most=100),
]
TargetOption = Annotated[float | None, number("--target", "Target DLT rate (else the design's own)", above=0, below=1)]
TargetNeeded = Annotated[float, number("--target", "Target DLT rate", above=0, below=1)]
LevelsNeeded = Annotated[int, number("--levels", "Number of dose levels", least=1, most=100)]
StartLevelOption = Annotated[int, number("--start-level", "Number of the first dose level given", least=1)]
SkeletonOption = Annotated[
    str | None,
    typer.Option(
        "--skeleton",
        metavar="P1,P2,...",
        help="Prior guess of each level's DLT rate, for a CRM, each above the one before (else by --target).",
    ),
]
DosesOption = Annotated[
    str | None,
    typer.Option(
        "--doses", metavar="D1,D2,...", help="The dose at each level, for a BLRM or EWOC (else they cannot be built)."
    ),
]
ParamOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="NAME=VALUE",
        help=(
            "Any other parameter of the design, as `posology design list` names it (else the design's own); may be"
            " given again."
        ),
    ),
]
RulesOption = Annotated[
    list[str] | None,
    typer.Option(
        "--rule",
        metavar="NAME[:K=V,...]",
        help="A rule around the design, as 'stop at:patients=9' (else none); may be given again, the last outermost.",
    ),
]
OutcomesOption = Annotated[
    str,
    typer.Option(
        "--data",
        metavar="OUTCOMES",
        help=(
            "The outcomes seen, as '1NNN 2NTN': level, then N or T (a DLT) for each patient; after a slash how long one"
            " is followed so far, as 2NN/0.5T or 2NN/14dT; or a CSV file with the columns level, outcome and days (else"
            " nobody was treated)."
        ),
    ),
]
WindowOption = Annotated[
    float | None,
    number("--window", "The DLT window in days, for follow-up in days (else the protocol's)", above=0, most=1000),
]
TruthOption = Annotated[
    list[str],
    typer.Option(
        "--truth", metavar="P1,P2,...", help="True DLT rate of each level, 0 to 1; may be given again, a scenario each."
    ),
]

OPTION_OF = {
    "target": "--target",
    "start": "--start-level",
    "cohort": "--cohort-size",
    "max_patients": "--max-patients",
    "skeleton": "--skeleton",
    "doses": "--doses",
    "settings": "--set",
    "rules": "--rule",
}
"""How the options are called that give a design's parts."""


@dataclass(frozen=True)
class DesignOptions:
    """A design by its name and parameters, or a protocol's."""

    design: Annotated[
        str | None,
        typer.Option(
            "--design", metavar="NAME", help="The design; `posology design list` lists them (else --protocol)."
        ),
    ] = None
    protocol: Annotated[
        Path | None, typer.Option("--protocol", metavar="FILE", help="A protocol file, for its design (else --design).")
    ] = None
    levels: LevelsOption = None
    target: TargetOption = None
    cohort_size: Annotated[
        int | None, number("--cohort-size", "Patients in a cohort (else the design's own)", least=1)
    ] = None
    max_patients: Annotated[
        int | None, number("--max-patients", "Patients in all (else the design's own)", least=1, most=1000)
    ] = None
    start_level: StartLevelOption = 1
    skeleton: SkeletonOption = None
    doses: DosesOption = None
    settings: ParamOption = None
    rules: RulesOption = None

    def build(self) -> Design:
        """Build the design.

        Raises
        ------
        ValueError
            saying which option is wrong, and what would be right.
        """
        from posology.protocol.build import design_from_protocol
        from posology.protocol.load import load_document
        from posology.protocol.model import protocol_from

        if self.protocol is None:
            return self._named()
        own = {"protocol": None, "target": self.target}
        given = [f.name for f in fields(self) if own.get(f.name, getattr(self, f.name)) not in (None, f.default)]
        if given:
            option = {"settings": "set", "rules": "rule"}.get(given[0], given[0].replace("_", "-"))
            raise ValueError(f"--{option} goes with --design: the design of --protocol stands in its file")
        return design_from_protocol(protocol_from(load_document(self.protocol)))

    def dlt_window(self) -> float | None:
        """Return the days of the protocol's DLT window; None without a protocol."""
        from posology.protocol.load import load_document
        from posology.protocol.model import protocol_from

        return None if self.protocol is None else protocol_from(load_document(self.protocol)).dlt.window_days

    def _named(self) -> Design:
        from posology.operating.design_text import design_from_text

        if self.design is None or not (self.levels or self.skeleton or self.doses):
            raise ValueError("give --design and --levels, or --protocol")
        return design_from_text(
            self.design,
            self.levels,
            target=self.target,
            start=self.start_level,
            cohort=self.cohort_size,
            max_patients=self.max_patients,
            skeleton=self.skeleton,
            doses=self.doses,
            settings=self.settings or (),
            rules=self.rules or (),
            called=OPTION_OF,
        )


def parameters(design: Design) -> dict[str, Any]:
    """Return a design's parameters as plain data, the rules around it included."""
    told: dict[str, Any] = {"design": type(design).__name__}
    for name, value in vars(design).items():
        if name in design.__dataclass_fields__:  # type: ignore[attr-defined]
            told[name] = parameters(value) if hasattr(value, "decide") else _plain(value)
    return told


def _plain(value: Any) -> Any:
    """Return a parameter's value as plain data: a prior as a mapping of its parts."""
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    return dict(vars(value)) if hasattr(value, "__dataclass_fields__") else value


@dataclass(frozen=True)
class Outcomes:
    """The outcomes seen so far."""

    data: OutcomesOption = ""
    window: WindowOption = None

    @property
    def stated(self) -> bool:
        """Whether there are any."""
        return bool(self.data.strip())

    def tally(self, design: DesignOptions, levels: int) -> Tally:
        """Count them; none stands for a trial in which nobody was treated.

        Raises
        ------
        ValueError
            saying which cohort, or which line of the file, cannot be read, and what would be right.
        """
        from posology.designs import Tally
        from posology.designs.outcomes import read_outcome_table

        if not self.stated:
            return Tally.start(1, levels)
        window = self.window or design.dlt_window()
        if not self.data.lower().endswith(".csv"):
            return Tally.of(self.data, levels, window)
        try:
            return read_outcome_table(Path(self.data).read_text(encoding="utf-8-sig"), levels, window)
        except (OSError, UnicodeDecodeError) as problem:
            raise ValueError(f"--data {self.data}: the file cannot be read: {problem}") from None
        except ValueError as wrong:
            raise ValueError(f"--data {self.data}: {wrong}") from None
