"""Dose transition pathways: what a design would do next, for every outcome of the cohorts to come.

Yap C, Billingham LJ, Cheung YK, Craddock C, O'Quigley J. Dose transition pathways: the missing link between complex
dose-finding designs and simple decision-making. Clin Cancer Res 2017;23:7440-7447.
"""

from __future__ import annotations

import html
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import comb
from typing import TYPE_CHECKING

import numpy as np

from posology.designs.tally import NONE, Action, Design, Tally, level_number
from posology.shared.arrays import Floats
from posology.shared.tables import Table

if TYPE_CHECKING:
    import altair

MOST = 200_000
MOST_DRAWN = 400  # nodes that a notebook shows as a chart
LETTERS = {
    Action.ESCALATE: "E",
    Action.STAY: "S",
    Action.DEESCALATE: "D",
    Action.WAIT: "",
    Action.DECLARE: "MTD",
    Action.STOP: "STOP",
}


@dataclass(frozen=True)
class Node:
    """A point of the tree: what has been seen, and what the design says then.

    Parameters
    ----------
    key, parent
        numbers of the node and of the one it comes from; the root has parent -1.
    depth
        cohorts seen since the root.
    outcome
        the last cohort, such as ``"2NNT"``; empty at the root.
    tally
        all counts so far: a batch of one.
    action, level, more
        the decision: an :class:`Action`, the number of the level from 1 (None where no level is safe), patients to
        treat.
    reason
        the decision's reason in words.
    n_paths
        how many orders of the patients in the cohort lead here from the parent.
    """

    key: int
    parent: int
    depth: int
    outcome: str
    tally: Tally
    action: Action
    level: int | None
    more: int
    reason: str
    n_paths: int

    @property
    def letter(self) -> str:
        """The decision as committees write it: E, S, D; MTD and STOP end the trial; a wait has no letter."""
        return LETTERS[self.action]


@dataclass(frozen=True)
class Pathways:
    """The tree of decisions: nodes in the order of their depth, the root first."""

    nodes: tuple[Node, ...]

    @cached_property
    def _following(self) -> dict[int, list[Node]]:
        following: dict[int, list[Node]] = {}
        for node in self.nodes:
            following.setdefault(node.parent, []).append(node)
        return following

    def children(self, node: Node) -> list[Node]:
        """Return the nodes that follow one."""
        return self._following.get(node.key, [])

    def outcomes(self, node: Node) -> str:
        """Return what was seen from the root to a node, such as ``"1NNN 2NNT"``."""
        before = "" if node.parent < 0 else self.outcomes(self.nodes[node.parent])
        return f"{before} {node.outcome}".strip()

    def probabilities(self, truth: Floats | Sequence[float]) -> Floats:
        """Return the chance of each node under true DLT rates, given the root.

        Raises
        ------
        ValueError
            if there is not one rate for each level, between 0 and 1.
        """
        rates = np.asarray(truth, dtype=np.float64)
        if rates.shape != (self.nodes[0].tally.levels,) or not ((rates >= 0) & (rates <= 1)).all():
            raise ValueError(f"truth needs {self.nodes[0].tally.levels} rates between 0 and 1")
        chance = np.ones(len(self.nodes))
        for node in self.nodes[1:]:
            before = self.nodes[node.parent].tally
            n, y = (node.tally.treated - before.treated)[0], (node.tally.dlts - before.dlts)[0]
            chance[node.key] = chance[node.parent] * node.n_paths * float(np.prod(rates**y * (1 - rates) ** (n - y)))
        return chance

    def _labels(self, truth: Floats | Sequence[float] | None) -> list[str]:
        """Return what stands beside each node: its decision, and the chance of its path."""
        if truth is None:
            return [decision_label(node) for node in self.nodes]
        chances = self.probabilities(truth)
        return [f"{decision_label(n)} ({_percent(float(p))})" for n, p in zip(self.nodes, chances, strict=True)]

    def text(self, truth: Floats | Sequence[float] | None = None) -> str:
        """Return the tree as text, a line a node; with true DLT rates, the chance of each path in brackets."""
        return "\n".join(self._lines(self.nodes[0], "", self._labels(truth)))

    def _lines(self, node: Node, before: str, labels: list[str]) -> Iterator[str]:
        yield f"{before}{node.outcome or 'now'}: {labels[node.key]}"
        for child in self.children(node):
            yield from self._lines(child, before + "  ", labels)

    def rows(self, truth: Floats | Sequence[float] | None = None) -> list[dict[str, object]]:
        """Return a row for each node; with true DLT rates, the chance of its path among them."""
        chances = [None] * len(self.nodes) if truth is None else self.probabilities(truth).tolist()
        rows: list[dict[str, object]] = [
            {
                "node": n.key,
                "parent": None if n.parent < 0 else n.parent,
                "cohort": n.depth,
                "outcome": n.outcome,
                "action": n.action.name.lower(),
                "letter": n.letter,
                "level": n.level,
                "more": n.more,
                "reason": n.reason,
            }
            for n in self.nodes
        ]
        if truth is not None:
            for row, chance in zip(rows, chances, strict=True):
                row["probability"] = chance
        return rows

    def table(self, truth: Floats | Sequence[float] | None = None) -> Table:
        """Return the nodes as a table."""
        rows = self.rows(truth)
        return Table("Dose transition pathways", {name: [row[name] for row in rows] for name in rows[0]})

    def __str__(self) -> str:
        return self.text()

    def plot(self, truth: Floats | Sequence[float] | None = None) -> altair.TopLevelMixin:
        """Return the tree as a chart: cohorts from left to right, each point with the outcome and the decision.

        With the true DLT rates of the levels the chance of each path stands beside it.
        """
        from posology.operating.figures import BRANCHES, DECISIONS, pathways_chart

        place: dict[int, float] = {}
        leaves = 0
        for node in self.leaves_first(self.nodes[0]):
            below = [place[child.key] for child in self.children(node)]
            place[node.key] = sum(below) / len(below) if below else float(leaves)
            leaves += not below
        names = dict(zip(LETTERS.values(), DECISIONS, strict=True))
        said = self._labels(truth)
        rows = [
            {
                "x": n.depth,
                "y": place[n.key],
                "x2": n.depth - BRANCHES if n.depth else 0.0,
                "y2": place[max(n.parent, 0)],
                "label": f"{n.outcome or 'now'}: {said[n.key]}",
                "decision": names[n.letter],
            }
            for n in self.nodes
        ]
        return pathways_chart(rows)

    def leaves_first(self, node: Node) -> Iterator[Node]:
        """Yield the nodes at and below one, each after those that follow it."""
        for child in self.children(node):
            yield from self.leaves_first(child)
        yield node

    def _repr_html_(self) -> str:
        from posology.shared.charts import svg

        return svg(self.plot()) if len(self.nodes) <= MOST_DRAWN else f"<pre>{html.escape(self.text())}</pre>"

    def dot(self, truth: Floats | Sequence[float] | None = None) -> str:
        """Return the tree as a Graphviz graph."""
        labels = self._labels(truth)
        shape = {Action.DECLARE: "doubleoctagon", Action.STOP: "octagon"}
        lines = ["digraph pathways {", '  rankdir="LR"; node [shape="box", fontname="sans-serif"];']
        for n in self.nodes:
            lines.append(f'  n{n.key} [label="{labels[n.key]}", shape="{shape.get(n.action, "box")}"];')
            if n.parent >= 0:
                lines.append(f'  n{n.parent} -> n{n.key} [label="{n.outcome}"];')
        return "\n".join([*lines, "}"])


def _percent(chance: float) -> str:
    return f"{100 * chance:.1f} %" if chance == 0 or chance >= 0.001 else "under 0.1 %"


def decision_label(node: Node) -> str:
    """Say a node's decision in a few words."""
    if node.action is Action.DECLARE:
        return f"stop, MTD is level {node.level}"
    if node.action is Action.STOP:
        return "stop, no level is safe enough"
    if node.action is Action.WAIT:
        return "wait for those still followed"
    verb = {Action.STAY: "stay", Action.ESCALATE: "escalate", Action.DEESCALATE: "de-escalate"}[node.action]
    return f"{verb}, {node.more} at level {node.level}"


def pathways(design: Design, tally: Tally | str = "", cohorts: int = 2) -> Pathways:
    """Return the decisions of a design for every outcome of the next cohorts.

    Parameters
    ----------
    design
        any design.
    tally
        what has been seen: counts of one trial, or outcomes such as ``"1NNN 2NTN"``; nothing, if left out.
    cohorts
        how many cohorts to look ahead.

    Raises
    ------
    ValueError
        if the tree would have more than 200,000 nodes.

    Examples
    --------
    >>> from posology.designs import ThreePlusThree
    >>> print(pathways(ThreePlusThree(3), "1NNN", 1).text())
    now: escalate, 3 at level 2
      2NNN: escalate, 3 at level 3
      2NNT: stay, 3 at level 2
      2NTT: de-escalate, 3 at level 1
      2TTT: de-escalate, 3 at level 1
    """
    if cohorts < 0:
        raise ValueError(f"cohorts is {cohorts}: look ahead 0 cohorts or more")
    start = Tally.of(tally, design.levels) if isinstance(tally, str) and tally.strip() else tally
    root = Tally.start(1, design.levels) if isinstance(start, str) else start
    if root.trials != 1:
        raise ValueError(f"the tally has {root.trials} trials: pathways start from one")
    nodes = [_node(design, root, 0, -1, 0, "", 1)]
    front = nodes[:]
    for depth in range(1, cohorts + 1):
        grown: list[Node] = []
        for node in front:
            if node.action >= Action.DECLARE or not node.more or node.level is None:
                continue
            at = node.level - 1
            one = np.eye(design.levels, dtype=np.int64)[at]
            for dlts in range(node.more + 1):
                before = node.tally
                after = Tally(
                    before.treated + node.more * one,
                    before.dlts + dlts * one,
                    np.array([at]),
                    before.moderate,
                    before.ceiling,
                )
                outcome = f"{node.level}{'N' * (node.more - dlts)}{'T' * dlts}"
                key = len(nodes) + len(grown)
                grown.append(_node(design, after, key, node.key, depth, outcome, comb(node.more, dlts)))
            if len(nodes) + len(grown) > MOST:
                raise ValueError(f"the tree has more than {MOST:,} nodes after {depth} cohorts: look ahead fewer")
        nodes += grown
        front = grown
    return Pathways(tuple(nodes))


def _node(design: Design, tally: Tally, key: int, parent: int, depth: int, outcome: str, n_paths: int) -> Node:
    decision = design.decide(tally)
    level = int(decision.level[0])
    return Node(
        key,
        parent,
        depth,
        outcome,
        tally,
        Action(decision.action[0]),
        None if level == NONE else level_number(level),
        int(decision.patients_to_treat[0]),
        decision.words(tally),
        n_paths,
    )
