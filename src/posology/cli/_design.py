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
    int | None, number("--levels", "Number of dose levels (else as many as --skeleton or --doses has)", least=1)
]
TargetOption = Annotated[float | None, number("--target", "Target DLT rate (else the design's own)", above=0, below=1)]
TargetNeeded = Annotated[float, number("--target", "Target DLT rate", above=0, below=1)]
LevelsNeeded = Annotated[int, number("--levels", "Number of dose levels", least=1)]
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
            "The outcomes seen, as '1NNN 2NTN': level, then N or T (a DLT) for each patient (else nobody was treated)."
        ),
    ),
]
TruthOption = Annotated[
    list[str],
    typer.Option(
        "--truth", metavar="P1,P2,...", help="True DLT rate of each level, 0 to 1; may be given again, a scenario each."
    ),
]
NEED_SKELETON = ("crm", "tite-crm")


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
        int | None, number("--max-patients", "Patients in all (else the design's own)", least=1)
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

    def _named(self) -> Design:
        from pydantic import ValidationError

        from posology.protocol.build import design_from_spec
        from posology.protocol.model import FieldError

        spec, levels = self._spec()
        defaults = {} if self.target is None else {"target": self.target}
        try:
            return design_from_spec(spec, levels, self.start_level, defaults=defaults)
        except ValidationError as error:
            raise ValueError(f"{self.design}: {'; '.join(map(_words, error.errors()))}") from None
        except FieldError as problem:
            raise ValueError(f"{problem.field} {problem.wrong}: {problem.right}") from None

    def _spec(self) -> tuple[dict[str, Any], int]:
        """Return the design as a protocol would name it, and its number of levels."""
        rates, amounts = (
            numbers(text, option) if text else []
            for text, option in ((self.skeleton, "--skeleton"), (self.doses, "--doses"))
        )
        levels = self.levels or len(rates or amounts)
        if self.design is None or not levels:
            raise ValueError("give --design and --levels, or --protocol")
        if self.start_level > levels:
            raise ValueError(f"--start-level is {self.start_level}: there are {levels} levels")
        spec: dict[str, Any] = {"method": self.design, "cohort": self.cohort_size, "max_patients": self.max_patients}
        spec |= {"skeleton": rates or None, "doses": amounts or None}
        spec = {name: value for name, value in spec.items() if value is not None}
        spec |= dict(assigned(text, "--set") for text in self.settings or ())
        if self.design in NEED_SKELETON and self.target is not None and "skeleton" not in spec:
            spec["skeleton"] = usual_skeleton(levels, self.target)
        if self.rules:
            spec["rules"] = [rule(text) for text in self.rules]
        return spec, levels


def numbers(text: str, option: str) -> list[float]:
    """Read numbers with commas between them.

    >>> numbers("0.05, 0.15", "--truth")
    [0.05, 0.15]
    """
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise ValueError(f"{option} is {text!r}: write numbers with commas between them, as 0.05,0.15,0.3") from None


def assigned(text: str, option: str) -> tuple[str, Any]:
    """Read NAME=VALUE, the value as YAML; numbers with commas between them are a list.

    A value of parts, such as a prior, is written mean=...,sd=...,correlation=...; several with a semicolon between
    them.

    >>> assigned("stop_at=9", "--set"), assigned("prior=0.1,0.3", "--set")
    (('stop_at', 9), ('prior', [0.1, 0.3]))
    >>> assigned("prior=mean=-1,0,sd=2,1,correlation=0.2", "--set")
    ('prior', [{'mean': [-1, 0], 'sd': [2, 1], 'correlation': 0.2}])
    """
    name, equals, value = text.partition("=")
    if not equals or not name.strip() or not value.strip():
        raise ValueError(f"{option} {text!r}: write NAME=VALUE, as stop_at=9")
    from posology.shared.yaml_files import YamlError, parse_yaml

    if "=" in value and not value.lstrip().startswith(("[", "{")):
        parts = [dict(assigned(part, option) for part in _parts(each)) for each in value.split(";")]
        return name.strip().replace("-", "_"), parts
    many = "," in value and not value.lstrip().startswith(("[", "{"))
    try:
        return name.strip().replace("-", "_"), parse_yaml(f"[{value}]" if many else value)
    except YamlError:
        raise ValueError(f"{option} {text!r}: the value cannot be read; write a number, a word or [a, list]") from None


def rule(text: str) -> dict[str, Any]:
    """Read a rule around a design.

    >>> rule("stop at:patients=9,when=reached")
    {'rule': 'stop at', 'patients': 9, 'when': 'reached'}
    """
    name, _, rest = text.partition(":")
    return {"rule": name.strip(), **dict(assigned(part, "--rule") for part in _parts(rest))}


def _parts(text: str) -> list[str]:
    """Return the assignments in K=V,K=V,...; a comma without an equals sign after it belongs to a list."""
    parts: list[str] = []
    for part in text.split(",") if text else []:
        if "=" in part or not parts:
            parts.append(part)
        else:
            parts[-1] += f",{part}"
    return parts


def _words(detail: Any) -> str:
    """Say what pydantic found wrong in a reader's words."""
    where = ".".join(map(str, detail["loc"]))
    said = detail["msg"].removeprefix("Value error, ")
    if said.startswith("Input should"):
        said = f"is {detail['input']!r}: it should{said.removeprefix('Input should')}"
    if detail["type"] == "unexpected_keyword_argument":
        said = "is no parameter of this design"
    if detail["type"] in ("missing", "missing_argument"):
        said = "is needed"
    option = {
        "target": "--target",
        "cohort": "--cohort-size",
        "max_patients": "--max-patients",
        "skeleton": "--skeleton",
        "doses": "--doses",
    }
    return f"{option.get(where, where)} {said}".strip()


def usual_skeleton(levels: int, target: float) -> list[float]:
    """Return the skeleton taken where none is given: half-width a fifth of the target, the middle level the guess of
    the MTD."""
    from posology.operating.calibrate import skeleton

    return [round(p, 4) for p in skeleton(0.2 * target, target, (levels + 1) // 2, levels)]


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


def seen(data: str, levels: int) -> Tally:
    """Read outcomes; none stands for a trial in which nobody was treated."""
    from posology.designs import Tally

    return Tally.of(data, levels) if data.strip() else Tally.start(1, levels)
