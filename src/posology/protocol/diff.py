"""What changed between two versions of a protocol, in words."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any


def differences(old: Any, new: Any, path: str = "") -> Iterator[str]:
    """Yield each difference between two protocol documents, as a sentence that names the field.

    >>> list(differences({"dose": {"levels": [1, 2]}}, {"dose": {"levels": [1, 2, 4]}}))
    ['dose: levels: was 1, 2; is 1, 2, 4']
    """
    if isinstance(old, dict) and isinstance(new, dict):
        for key in [*old, *(k for k in new if k not in old)]:
            below = f"{path}: {key}" if path else str(key)
            if key not in new:
                yield f"{below}: removed (was {_shown(old[key])})"
            elif key not in old:
                yield f"{below}: added: {_shown(new[key])}"
            else:
                yield from differences(old[key], new[key], below)
    elif _named(old) and _named(new):
        yield from differences({e["id"]: e for e in old}, {e["id"]: e for e in new}, path)
    elif old != new:
        yield f"{path}: was {_shown(old)}; is {_shown(new)}"


def _named(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(e, dict) and "id" in e for e in value)


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        if "title" in value or "text" in value:
            inner = ", ".join(f"{e['text']}" for e in value.get("eligibility", ()) if "text" in e)
            return str(value.get("title") or value["text"]) + (f" ({inner})" if inner else "")
        return ", ".join(f"{key} {_shown(inner)}" for key, inner in value.items())
    if isinstance(value, list):
        return ", ".join(_shown(inner) for inner in value) or "nothing"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
