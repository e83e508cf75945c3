"""The nomenclature page names files that exist."""

from __future__ import annotations

import re
from pathlib import Path

import posology

ROOT = Path(__file__).parents[2]


def test_every_file_of_the_nomenclature_exists() -> None:
    page = (ROOT / "docs" / "reference" / "nomenclature.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`(pharmacology/[\w/]*(?:\.py|/))`", page))
    assert len(named) > 20
    source = Path(posology.__file__).parent
    assert [name for name in sorted(named) if not (source / name).exists()] == []
