"""A design as people write it: its name, numbers with commas between them, any other parameter as NAME=VALUE.

The command line and the explorer read the same words.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from posology.operating.calibrate import skeleton as indifference_skeleton
from posology.protocol.build import design_from_spec
from posology.protocol.model import FieldError
from posology.shared.written_values import assigned, numbers, rule

if TYPE_CHECKING:
    from posology.designs import Design

__all__ = ["design_from_text", "stop_to_compare", "usual_skeleton"]

NEED_SKELETON = ("crm", "tite-crm")
WITHOUT_STOP = ("crm", "tite-crm", "ewoc")


def stop_to_compare(name: str) -> tuple[str, ...]:
    """Return the settings by which a design whose paper states no rule to stop for safety stops as the others do.

    >>> stop_to_compare("crm"), stop_to_compare("boin")
    (('stop_toxic=0.95', 'stop_toxic_from=3'), ())
    """
    return ("stop_toxic=0.95", "stop_toxic_from=3") if name in WITHOUT_STOP else ()


def design_from_text(  # noqa: PLR0913  (the parts of a design, each optional)
    name: str,
    levels: int | None = None,
    *,
    target: float | None = None,
    start: int = 1,
    cohort: int | None = None,
    max_patients: int | None = None,
    skeleton: str | None = None,
    doses: str | None = None,
    settings: Sequence[str] = (),
    rules: Sequence[str] = (),
    called: Mapping[str, str] | None = None,
) -> Design:
    """Build a design from what somebody wrote.

    Parameters
    ----------
    name, levels
        the design, and its number of dose levels (else as many as ``skeleton`` or ``doses`` has).
    target, start, cohort, max_patients
        the target DLT rate, the first level given (from 1), patients in a cohort and in all (else the design's own).
    skeleton, doses
        numbers with commas between them: the prior guess of each level's DLT rate, the dose at each level.
    settings, rules
        any other parameter as NAME=VALUE, and the rules around the design as NAME:K=V,...
    called
        what the reader calls these parts, for errors.

    Raises
    ------
    ValueError
        saying which part is wrong, and what would be right.

    Examples
    --------
    >>> design_from_text("boin", 3, target=0.3, settings=["stop_at=9"]).stop_at
    9
    >>> design_from_text("boin", 3, target=0.3, start=4, called={"start": "Start at level"})
    Traceback (most recent call last):
        ...
    ValueError: Start at level is 4: there are 3 levels
    """
    names = {part: part for part in ("skeleton", "doses", "settings", "rules", "start")} | dict(called or {})
    rates = numbers(skeleton, names["skeleton"]) if skeleton else []
    amounts = numbers(doses, names["doses"]) if doses else []
    count = levels or len(rates or amounts)
    if start > count:
        raise ValueError(f"{names['start']} is {start}: there are {count} levels")
    spec: dict[str, Any] = {"method": name, "cohort": cohort, "max_patients": max_patients}
    spec |= {"skeleton": rates or None, "doses": amounts or None}
    spec = {part: value for part, value in spec.items() if value is not None}
    spec |= dict(assigned(text, names["settings"]) for text in settings)
    if name in NEED_SKELETON and target is not None and "skeleton" not in spec:
        spec["skeleton"] = usual_skeleton(count, target)
    if rules:
        spec["rules"] = [rule(text) for text in rules]
    try:
        return design_from_spec(spec, count, start, defaults={} if target is None else {"target": target})
    except ValidationError as error:
        wrong = "; ".join(_words(detail, called or {}) for detail in error.errors())
        raise ValueError(f"{name}: {wrong}") from None
    except FieldError as problem:
        raise ValueError(f"{problem.field} {problem.wrong}: {problem.right}") from None


def _words(detail: Any, called: Mapping[str, str]) -> str:
    """Say what pydantic found wrong in a reader's words."""
    where = ".".join(map(str, detail["loc"]))
    said = detail["msg"].removeprefix("Value error, ")
    if said.startswith("Input should"):
        said = f"is {detail['input']!r}: it should{said.removeprefix('Input should')}"
    if detail["type"] == "unexpected_keyword_argument":
        said = "is no parameter of this design"
    if detail["type"] in ("missing", "missing_argument"):
        said = "is needed"
    return f"{called.get(where, where)} {said}".strip()


def usual_skeleton(levels: int, target: float) -> list[float]:
    """Return the skeleton taken where none is given: half-width a fifth of the target, the middle level the guess of
    the MTD."""
    return [round(p, 4) for p in indifference_skeleton(0.2 * target, target, (levels + 1) // 2, levels)]
