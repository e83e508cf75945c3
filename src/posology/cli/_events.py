"""A command for each kind of event, made from its fields: what can be recorded, can be entered."""

from __future__ import annotations

import inspect
from dataclasses import MISSING, Field, fields
from datetime import date
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

import typer

from posology.cli._options import ByOption, JsonOption, OnOption, TrialArgument
from posology.cli._output import acknowledge
from posology.record import collected as c
from posology.record import facts as f

VERBS: dict[str, type[f.Fact]] = {
    "consent": f.Consented,
    "screen": f.Screened,
    "prior-therapy": f.PriorTherapy,
    "ihc": f.TargetScored,
    "criterion": f.CriterionAttested,
    "reserve": f.SlotReserved,
    "release": f.SlotReleased,
    "enrol": f.Enrolled,
    "dose": f.Dosed,
    "reduce": f.DoseReduced,
    "delay": f.DoseDelayed,
    "ae": f.AdverseEvent,
    "ae-resolved": f.AdverseEventResolved,
    "adjudicate": f.DltAdjudicated,
    "lesion": f.LesionMeasured,
    "assessment": f.TumourAssessed,
    "marker": f.MarkerMeasured,
    "lab": c.LaboratoryMeasured,
    "vital": c.VitalSignMeasured,
    "concentration": c.PkConcentration,
    "demographics": c.Demographics,
    "medical-history": c.MedicalHistory,
    "conmed": c.ConcomitantTherapy,
    "treatment": c.TreatmentGiven,
    "disposition": c.DispositionEvent,
    "other-lesion": c.IndependentLesion,
    "other-response": c.IndependentResponse,
    "discontinue": f.Discontinued,
    "death": f.Died,
    "decision": f.DecisionTaken,
    "sign": f.DecisionSigned,
    "lock": f.CutoffLocked,
}
COMPUTED = {"planned_mg", "number", "advice", "departs", "protocol_version", "coding", "qualifiers"}
PatientArgument = Annotated[str, typer.Argument(metavar="PATIENT", help="The patient's identifier.")]
ReasonOption = Annotated[str | None, typer.Option("--reason", help="Why this is entered, if it needs saying.")]
OverrideOption = Annotated[
    str | None,
    typer.Option("--override", metavar="REASON", help="Set aside the rules that refuse this; stays visible for good."),
]


def add_commands(app: typer.Typer, about: Literal["patient", "trial"]) -> None:
    """Add the commands of all kinds of events about a patient, or about the trial."""
    for verb, kind in VERBS.items():
        if kind.about == about:
            app.command(verb, help=(kind.__doc__ or "").replace("``", "`"))(_command(kind))


def _command(kind: type[f.Fact]) -> Any:
    parameters = [_parameter("trial", TrialArgument)]
    if kind.about == "patient":
        parameters.append(_parameter("patient", PatientArgument))
    hints = get_type_hints(kind, include_extras=True)
    entered = [field for field in fields(kind) if field.name not in COMPUTED]  # type: ignore[arg-type]
    parameters += [_option(field, hints[field.name]) for field in entered]
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
    required = field.default is MISSING and field.default_factory is MISSING
    kind, allowed = _kind(hint)
    flag = "--" + field.name.replace("_", "-")
    help_ = allowed + (" [required]" if required else "")
    if kind is bool:
        annotation: Any = Annotated[bool | None, typer.Option(f"{flag}/--no{flag[1:]}", help=help_)]
    else:
        annotation = Annotated[str | None, typer.Option(flag, help=help_, metavar=kind.__name__.upper())]
    return _parameter(field.name, annotation, None)


def _kind(hint: Any) -> tuple[type, str]:
    """Return the plain type of a field and, in words, what it may hold."""
    options = [option for option in get_args(hint) if option is not type(None)]
    if get_origin(hint) is Literal:
        return str, " | ".join(map(str, options))
    if get_origin(hint) is Annotated:
        low = next(
            (f"{getattr(b, 'ge', getattr(b, 'gt', ''))}" for b in options[1:] if type(b).__name__ in ("Ge", "Gt")), ""
        )
        high = next(
            (f"{getattr(b, 'le', getattr(b, 'lt', ''))}" for b in options[1:] if type(b).__name__ in ("Le", "Lt")), ""
        )
        words = f"{low} to {high}" if low and high else f"from {low}" if low else f"to {high}" if high else ""
        return _kind(options[0])[0], words
    if options and type(None) in get_args(hint):
        return _kind(options[0])
    return (hint if isinstance(hint, type) else str), ""
