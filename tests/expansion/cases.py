"""The cases of other packages."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

DATA = Path(__file__).parents[1] / "data" / "expansion"


def cases(name: str) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Return the inputs and outputs of each case of a file."""
    held = json.loads((DATA / f"{name}.json").read_text(encoding="utf-8"))
    return [(case["inputs"], case["outputs"]) for case in held["cases"]]
