"""A command for each kind of event, made from its entry: what can be recorded, can be entered."""

from __future__ import annotations

import inspect
from datetime import date
from typing import Annotated, Any, Literal

import typer

from posology.cli._options import ByOption, JsonOption, OnOption, TrialArgument
from posology.cli._output import acknowledge
from posology.record.entry_fields import EntryField, entry_fields
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


def _help(kind: type[Fact]) -> str:
    where = f"posology {kind.about} {kind.verb} mytrial.posology{' 001' if kind.about == 'patient' else ''}"
    return f"{inspect.cleandoc(kind.__doc__ or '').replace('``', '`')}\n\nExample: {where} {kind.example}"


def _command(kind: type[Fact]) -> Any:
    parameters = [_parameter("trial", TrialArgument)]
    if kind.about == "patient":
        parameters.append(_parameter("patient", PatientArgument))
    parameters += [_option(field) for field in entry_fields(kind)]
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
        from posology.conduct.remarks import remarks
        from posology.conduct.trial import Trial, current_user
        from posology.record.entry import fact_from

        fact = fact_from(kind.kind, {name: value for name, value in values.items() if value is not None})
        with Trial.open(trial) as opened:
            event = opened.record(
                fact, patient=patient, occurred=on, by=by or current_user(), reason=reason, override=override
            )
            said = remarks(opened.state(), event)
        acknowledge([event], as_json, said)

    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {p.name: p.annotation for p in parameters}
    return run


def _parameter(name: str, annotation: Any, default: Any = inspect.Parameter.empty) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=default, annotation=annotation)


def _option(field: EntryField) -> inspect.Parameter:
    flag = "--" + field.name.replace("_", "-")
    if field.plain_type is bool:
        annotation: Any = Annotated[bool | None, typer.Option(f"{flag}/--no{flag[1:]}", help=field.explained)]
    else:
        metavar = {str: "TEXT", int: "NUMBER", float: "NUMBER", date: "DATE"}[field.plain_type]
        annotation = Annotated[str | None, typer.Option(flag, help=field.explained, metavar=metavar)]
    return _parameter(field.name, annotation, None)
