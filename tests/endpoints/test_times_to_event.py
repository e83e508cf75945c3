"""Each time to event is declared once, and every place that shows one takes it from there."""

from __future__ import annotations

from posology.endpoints.times_to_event import TIMES_TO_EVENT
from posology.interchange.datasets.metadata import standard
from posology.readout.results.times_to_event import ENDPOINTS, NOTES


def test_each_has_what_its_places_need() -> None:
    """A parameter of ADTTE is described in the standard's table, and a table of the readout has its note."""
    known = {p.paramcd for p in standard("adam").parameters if p.dataset == "ADTTE"}
    assert {kind.adam for kind in TIMES_TO_EVENT if kind.adam} == known
    assert {kind.name for kind in TIMES_TO_EVENT if kind.in_readout} == set(NOTES) == {kind.name for kind in ENDPOINTS}
    assert all(kind.adam or kind.in_readout for kind in TIMES_TO_EVENT)
    names = [kind.name for kind in TIMES_TO_EVENT]
    assert len(names) == len(set(names))
