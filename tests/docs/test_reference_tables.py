"""The reference tables are those of the classes."""

from __future__ import annotations

import pytest

from tests.docs.reference_tables import REFERENCE, pages


@pytest.mark.parametrize("name", sorted(pages()))
def test_a_page_is_current(name: str) -> None:
    assert (REFERENCE / name).read_text(encoding="utf-8") == pages()[name], "run `make reference`"
