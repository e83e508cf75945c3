"""Values as people write them in an option or a form: numbers with commas, NAME=VALUE, rules around a design."""

from __future__ import annotations

from typing import Any

__all__ = ["assigned", "numbers", "rule"]


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
    if "=" in value and not value.lstrip().startswith(("[", "{")):
        parts = [dict(assigned(part, option) for part in _parts(each)) for each in value.split(";")]
        return name.strip().replace("-", "_"), parts
    from posology.shared.yaml_files import YamlError, parse_yaml

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
