"""The design that the options of the command line build."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from posology.designs import Design, Tally


NEED_SKELETON = ("crm", "tite-crm")


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

    A value of parts, such as a prior, is written mean=...,sd=...,correlation=...; several with a semicolon between them.

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


def build(
    design: str | None,
    protocol: Path | None,
    levels: int | None,
    target: float | None,
    cohort: int | None,
    most: int | None,
    *,
    start: int = 1,
    skeleton: str | None = None,
    doses: str | None = None,
    settings: Sequence[str] = (),
    rules: Sequence[str] = (),
) -> Design:
    """Build the design that the options name, or the protocol's.

    Raises
    ------
    ValueError
        saying which option is wrong, and what would be right.
    """
    from pydantic import ValidationError

    from posology.protocol.build import design_from_protocol as of_protocol
    from posology.protocol.build import design_from_spec
    from posology.protocol.load import load_document
    from posology.protocol.model import FieldError, protocol_from

    if protocol is not None:
        return of_protocol(protocol_from(load_document(protocol)))
    rates, amounts = (numbers(t, o) if t else [] for t, o in ((skeleton, "--skeleton"), (doses, "--doses")))
    if levels is None and (rates or amounts):
        levels = len(rates or amounts)
    if design is None or levels is None:
        raise ValueError("give --design and --levels, or --protocol")
    if levels < 1 or not 1 <= start <= levels:
        raise ValueError(
            f"--levels {levels}, --start {start}: a design has one level or more, and starts at one of them"
        )
    spec: dict[str, Any] = {"method": design, "cohort": cohort, "max_patients": most}
    spec |= {"skeleton": rates or None, "doses": amounts or None}
    spec = {name: value for name, value in spec.items() if value is not None}
    spec |= dict(assigned(text, "--set") for text in settings)
    if design in NEED_SKELETON and target is not None and "skeleton" not in spec:
        spec["skeleton"] = usual_skeleton(levels, target)
    if rules:
        spec["rules"] = [rule(text) for text in rules]
    try:
        return design_from_spec(spec, levels, start, defaults={} if target is None else {"target": target})
    except ValidationError as error:
        raise ValueError(f"{design}: {'; '.join(map(_words, error.errors()))}") from None
    except FieldError as problem:
        raise ValueError(f"{problem.field} {problem.wrong}: {problem.right}") from None


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
        "cohort": "--cohort",
        "max_patients": "--max",
        "skeleton": "--skeleton",
        "doses": "--doses",
    }
    return f"{option.get(where, where)} {said}".strip()


def usual_skeleton(levels: int, target: float) -> list[float]:
    """Return the skeleton taken where none is given: half-width a fifth of the target, the middle level the guess of the MTD."""
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
