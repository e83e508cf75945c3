"""A command for each kind of event, made from its entry: what can be recorded, can be entered."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from dataclasses import MISSING, Field, fields
from datetime import date
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

import typer
from annotated_doc import Doc
from annotated_types import Ge, Gt, Le, Lt

from posology.cli._options import ByOption, JsonOption, OnOption, TrialArgument, in_words
from posology.cli._output import acknowledge
from posology.record import collected  # noqa: F401  (its kinds are registered)
from posology.record.fact import KINDS, Fact

PatientArgument = Annotated[str, typer.Argument(metavar="PATIENT", help="The patient's identifier.")]
ReasonOption = Annotated[str | None, typer.Option("--reason", help="Why this is entered, if it needs saying.")]
OverrideOption = Annotated[
    str | None,
    typer.Option(
        "--override",
        metavar="RULE,...:WHY",
        help="Set aside rules that refuse this, by their names, and why; stays visible for good.",
    ),
]


def add_commands(app: typer.Typer, about: Literal["patient", "trial"]) -> None:
    """Add the commands of all kinds of events about a patient, or about the trial."""
    for kind in KINDS.values():
        if kind.about == about and isinstance(kind.verb, str):
            app.command(kind.verb, help=_help(kind))(_command(kind))


def entered_fields(kind: type[Fact]) -> Iterator[tuple[Field[Any], Any]]:
    """Return the fields of a kind that people enter, with their types: its own first, then what it shares with others.

    A field without a ``Doc`` is written by the system; a mapping comes with an import only.
    """
    hints = get_type_hints(kind, include_extras=True)
    own = sorted(fields(kind), key=lambda field: field.name not in kind.__annotations__)  # type: ignore[arg-type]
    for field in own:
        if _metadata(hints[field.name], Doc) and _plain_type(hints[field.name]) is not dict:
            yield field, hints[field.name]


def _help(kind: type[Fact]) -> str:
    where = f"posology {kind.about} {kind.verb} mytrial.posology{' 001' if kind.about == 'patient' else ''}"
    return f"{inspect.cleandoc(kind.__doc__ or '').replace('``', '`')}\n\nExample: {where} {kind.example}"


def _command(kind: type[Fact]) -> Any:
    parameters = [_parameter("trial", TrialArgument)]
    if kind.about == "patient":
        parameters.append(_parameter("patient", PatientArgument))
    parameters += [_option(field, hint) for field, hint in entered_fields(kind)]
    parameters += [
        _parameter("on", OnOption, None),
        _parameter("by", ByOption, None),
        _parameter("reason", ReasonOption, None),
        _parameter("override", OverrideOption, None),
        _parameter("as_json", JsonOption, False),
    ]

    def run(
        trial: str,
        on: date | None,
        by: str | None,
        reason: str | None,
        override: str | None,
        as_json: bool,
        patient: str | None = None,
        **values: Any,
    ) -> None:
        from posology.conduct.trial import Trial, current_user
        from posology.record.entry import fact_from

        fact = fact_from(kind.kind, {name: value for name, value in values.items() if value is not None})
        with Trial.open(trial) as opened:
            event = opened.record(
                fact, patient=patient, occurred=on, by=by or current_user(), reason=reason, override=override
            )
        acknowledge([event], as_json)

    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {p.name: p.annotation for p in parameters}
    return run


def _parameter(name: str, annotation: Any, default: Any = inspect.Parameter.empty) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=default, annotation=annotation)


def _option(field: Field[Any], hint: Any) -> inspect.Parameter:
    flag, kind = "--" + field.name.replace("_", "-"), _plain_type(hint)
    if kind is bool:
        annotation: Any = Annotated[bool | None, typer.Option(f"{flag}/--no{flag[1:]}", help=_explained(field, hint))]
    else:
        metavar = {str: "TEXT", int: "NUMBER", float: "NUMBER", date: "DATE"}[kind]
        annotation = Annotated[str | None, typer.Option(flag, help=_explained(field, hint), metavar=metavar)]
    return _parameter(field.name, annotation, None)


def _explained(field: Field[Any], hint: Any) -> str:
    """Say what a field holds, within which bounds, and what it is if left out."""
    (doc,) = _metadata(hint, Doc)
    said: str = doc.documentation.removesuffix(".")
    choices = [choice for part in _parts(hint) if get_origin(part) is Literal for choice in get_args(part)]
    if choices:
        said += f": {', '.join(map(str, choices[:-1]))} or {choices[-1]}" if len(choices) > 1 else f": {choices[0]}"

    def bound(kind: type, name: str) -> Any:
        return next((getattr(m, name) for m in _metadata(hint, kind)), None)

    bounds = in_words(above=bound(Gt, "gt"), least=bound(Ge, "ge"), below=bound(Lt, "lt"), most=bound(Le, "le"))
    said += f"; {bounds}." if bounds else "."
    if field.default is MISSING:
        return f"{said}  [required]"
    if field.default is None or field.default == "":
        return said
    default = ("yes" if field.default else "no") if isinstance(field.default, bool) else field.default
    return f"{said}  [default: {default}]"


def _parts(hint: Any) -> Iterator[Any]:
    """Return a type and all that it is made of."""
    yield hint
    if get_origin(hint) is not Literal:
        for part in get_args(hint)[: 1 if get_origin(hint) is Annotated else None]:
            yield from _parts(part)


def _metadata(hint: Any, kind: type) -> list[Any]:
    """Return what ``Annotated`` says of a type, or of what it is made of, of one kind."""
    return [m for part in _parts(hint) for m in getattr(part, "__metadata__", ()) if isinstance(m, kind)]


def _plain_type(hint: Any) -> type:
    """Return the plain type of a field: int of ``Annotated[int, Ge(1)] | None``, str of words to choose from."""
    for part in _parts(hint):
        if get_origin(part) is dict:
            return dict
        if get_origin(part) is Literal:
            return str
        if isinstance(part, type) and part is not type(None):
            return part
    return str
