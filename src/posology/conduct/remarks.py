"""What is said of an event when it has been recorded: how it was understood."""

from __future__ import annotations

from posology.conduct.protocol_in_force import plan_in_force
from posology.endpoints.ctcae import Version
from posology.endpoints.ctcae_terms import find_term, nearest_terms
from posology.record import facts as f
from posology.record.event import Event
from posology.record.state import State

__all__ = ["remarks", "understood_term"]


def remarks(state: State, event: Event) -> list[str]:
    """Return what is said of an event beside that it is recorded, a sentence each.

    Parameters
    ----------
    state
        what the record says, the event included.
    event
        what was recorded.
    """
    if isinstance(event.fact, f.AdverseEvent):
        ctcae = plan_in_force(state, event.occurred).protocol.dlt.ctcae
        return [understood_term(event.fact.term, ctcae, (event.fact.coding or {}).get("LLTCD", ""))]
    return []


def understood_term(term: str, ctcae: Version, code: str = "") -> str:
    """Say which term of CTCAE an adverse event is understood as.

    Parameters
    ----------
    term
        the event as entered.
    ctcae
        the version in force.
    code
        the MedDRA code of its lowest level term, if it was coded.

    Examples
    --------
    >>> understood_term("Neutropenia", "4.03")
    'understood as Neutrophil count decreased (MedDRA 10029366), Investigations, of CTCAE 4.03'
    >>> understood_term("Keratopathy", "4.03")
    'Keratopathy is no term of CTCAE 4.03 (near: Retinopathy, Encephalopathy): criteria that name terms do not mean it'
    """
    known = find_term(term, ctcae) or find_term(code, ctcae)
    if known is None:
        near = ", ".join(nearest_terms(term, 2))
        return (
            f"{term} is no term of CTCAE {ctcae}{f' (near: {near})' if near else ''}: criteria that name terms do not"
            " mean it"
        )
    coded = f" (MedDRA {known.code})" if known.code else ""
    version = f"of CTCAE {ctcae}" if known.is_in(ctcae) else f"of CTCAE {' and '.join(known.versions)}, not {ctcae}"
    return f"understood as {known.name}{coded}, {known.organ_class}, {version}"
