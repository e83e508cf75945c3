"""Forms made of the kinds of fact, as the commands are: what can be recorded, can be entered here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from posology.conduct.pending_events import Refused
from posology.conduct.rulebook import Refusal
from posology.record.entry import EntryError, fact_from
from posology.record.entry_fields import EntryField, entry_fields
from posology.record.event import Event, to_dict
from posology.record.fact import Fact
from posology.record.store import Conflict
from posology.shared.typed_dates import read_date
from posology.web.accounts import Accounts

__all__ = ["FilledField", "Outcome", "filled", "posted_once", "read_fact", "tried"]


@dataclass(frozen=True)
class FilledField:
    """A field of a form with what was typed, and what is wrong with it."""

    field: EntryField
    typed: str
    problem: str

    @property
    def label(self) -> str:
        """What the field is called."""
        return label_of(self.field.name)

    @property
    def is_changed(self) -> bool:
        """Whether something stands in it that is not there from the beginning."""
        return self.typed not in ("", _initial(self.field))


@dataclass(frozen=True)
class Outcome:
    """What became of an entry: the event; or what is wrong, by field; or the rules that refuse it."""

    event: Event | None = None
    problems: Mapping[str, str] | None = None
    refusals: tuple[Refusal, ...] = ()
    conflict: str = ""

    @property
    def can_be_set_aside(self) -> bool:
        """Whether the rules that refuse it may be set aside by name and reason."""
        return bool(self.refusals) and not any(r.absolute for r in self.refusals)


def filled(kind: type[Fact], typed: Mapping[str, str], problems: Mapping[str, str] | None = None) -> list[FilledField]:
    """Return the fields of a kind with what was typed in them.

    Parameters
    ----------
    kind
        the kind of fact.
    typed
        what was typed, or is there already, by field.
    problems
        what is wrong, by field.
    """
    wrong = problems or {}
    return [FilledField(f, typed.get(f.name, _initial(f)), wrong.get(f.name, "")) for f in entry_fields(kind)]


UNITS = {"kg": "kg", "mg": "mg", "mm": "mm", "cm": "cm"}
WHOLE = {"ae": "Number of the adverse event", "dlt": "DLT", "ecog": "ECOG", "pk": "PK"}


def label_of(name: str) -> str:
    """Return what a field is called on a form.

    >>> label_of("weight_kg"), label_of("ae"), label_of("tumour_type"), label_of("percent_2plus")
    ('Weight (kg)', 'Number of the adverse event', 'Tumour type', 'Percent 2plus')
    """
    if name in WHOLE:
        return WHOLE[name]
    *words, last = name.split("_")
    text = " ".join([*words, f"({UNITS[last]})"] if words and last in UNITS else [*words, last])
    return text[:1].upper() + text[1:]


def _initial(field: EntryField) -> str:
    if field.default is None or field.plain_type is bool:
        return {True: "yes", False: "no"}.get(field.default, "")
    return str(field.default)


def as_typed(fact: Fact) -> dict[str, str]:
    """Return a fact's fields as they would be typed."""
    values = {name: value for name, value in to_dict(fact).items() if not isinstance(value, dict)}
    return {
        name: {True: "yes", False: "no"}.get(value, str(value)) if isinstance(value, bool) else _plain(value)
        for name, value in values.items()
    }


def _plain(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def read_fact(kind: type[Fact], form: Mapping[str, str], today: date) -> tuple[Fact, date]:
    """Read the fact and its day from a form.

    Raises
    ------
    EntryError
        naming everything that is wrong at once, each as ``field: what``.
    """
    values: dict[str, object] = {}
    problems: list[str] = []
    for field in entry_fields(kind):
        text = form.get(field.name, "").strip()
        if not text:
            continue
        values[field.name] = text
        if field.plain_type is date:
            try:
                values[field.name] = read_date(text, today)
            except ValueError as error:
                problems.append(f"{field.name} {error}")
                del values[field.name]
    day = today
    try:
        day = read_date(form.get("occurred", "").strip() or "t", today)
    except ValueError as error:
        problems.append(f"occurred {error}")
    missing = [f.name for f in entry_fields(kind) if f.required and f.name not in values]
    problems += [f"{name} is missing" for name in missing if not any(p.startswith(name) for p in problems)]
    try:
        fact = fact_from(kind.kind, values)
    except EntryError as error:
        raise EntryError(list(dict.fromkeys([*problems, *error.problems]))) from None
    if problems:
        raise EntryError(problems)
    return fact, day


def by_field(kind: type[Fact], problems: list[str]) -> dict[str, str]:
    """Return problems by the field that each names; the empty name for what is of none."""
    names = {"occurred", *(f.name for f in entry_fields(kind))}
    found: dict[str, str] = {}
    for problem in problems:
        name = problem.split(" ", 1)[0].partition(".")[0]
        key, text = (name, problem.split(" ", 1)[1]) if name in names and " " in problem else ("", problem)
        found[key] = f"{found[key]}; {text}" if key in found else text
    return found


def tried(kind: type[Fact], act: Callable[[], Event]) -> Outcome:
    """Do something to the record, and say what became of it."""
    try:
        return Outcome(act())
    except EntryError as error:
        return Outcome(problems=by_field(kind, error.problems))
    except Refused as error:
        return Outcome(refusals=tuple(error.refusals))
    except Conflict as error:
        return Outcome(conflict=str(error))


def posted_once(request: Request, accounts: Accounts | None, act: Callable[[], str | Response]) -> Response:
    """Answer a form; one that is sent again is answered as the first time, and does nothing.

    ``act`` returns the address to go on to, or the page that says what is wrong.
    """
    person, form = request.state.person, request.state.form
    identity = form.get("form_id", "")
    if accounts is not None and person is not None and identity:
        before = accounts.answered(identity, person.account)
        if before is not None:
            return RedirectResponse(before, 303)
    answer = act()
    if isinstance(answer, Response):
        return answer
    if accounts is not None and person is not None and identity:
        accounts.note_answer(identity, person.account, answer)
    return RedirectResponse(answer, 303)
