"""Versions of a protocol: dated amendments merged onto the document, JSON Merge Patch by RFC 7396."""

from __future__ import annotations

from datetime import date
from typing import Any


def merge(document: Any, patch: Any) -> Any:
    """Merge ``patch`` into ``document`` (RFC 7396): mappings merge, ``null`` removes, all else replaces.

    >>> merge({"a": 1, "b": {"c": 2}}, {"b": {"c": None, "d": 3}})
    {'a': 1, 'b': {'d': 3}}
    """
    if not isinstance(patch, dict):
        return patch
    merged = dict(document) if isinstance(document, dict) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = merge(merged.get(key), value)
    return merged


def amend(document: dict[str, Any], amendment: dict[str, Any]) -> dict[str, Any]:
    """Return the protocol document as ``amendment`` (version, date, reason, changes) leaves it."""
    amended: dict[str, Any] = merge(document, amendment["changes"])
    stamp = {"trial": {"version": amendment["version"], "date": amendment["date"]}}
    stamped: dict[str, Any] = merge(amended, stamp)
    return stamped


def versions(document: dict[str, Any]) -> list[dict[str, Any]]:
    """Return every version that a document with its amendments holds, first to last, none with amendments of its
    own."""
    base = {key: value for key, value in document.items() if key != "amendments"}
    chain = [base]
    for amendment in document.get("amendments") or ():
        chain.append(amend(chain[-1], amendment))
    return chain


def in_force(document: dict[str, Any], on: date) -> dict[str, Any]:
    """Return the version in force on a date: the last one dated on or before it (the first, if none is)."""
    chain = versions(document)
    return next((v for v in reversed(chain) if str(v["trial"]["date"]) <= on.isoformat()), chain[0])
