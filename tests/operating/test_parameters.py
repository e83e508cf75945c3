"""Every parameter of every design and rule is explained: type, default and meaning."""

from __future__ import annotations

import pytest

from posology.designs import DESIGNS
from posology.operating.parameters import parameters_of
from posology.protocol.build import RULES


@pytest.mark.parametrize("name", [*DESIGNS, *RULES])
def test_every_parameter_is_explained(name: str) -> None:
    for parameter in parameters_of(DESIGNS.get(name) or RULES[name]):
        assert parameter.meaning, f"{name}.{parameter.name} has no meaning"
        assert parameter.type
        assert ":class:" not in parameter.meaning
        assert parameter.needed == (parameter.default is None)
