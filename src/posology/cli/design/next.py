"""The next dose after outcomes."""

from __future__ import annotations

from typing import Any

import typer

from posology.cli._design import DesignOptions, OutcomesOption, parameters, seen
from posology.cli._options import JsonOption, options
from posology.cli._output import print_json, print_table

app = typer.Typer(no_args_is_help=True)


@app.command("next")
@options
def next_dose(
    design: DesignOptions,
    data: OutcomesOption = "",
    as_json: JsonOption = False,
) -> None:
    """Say what a design does next after outcomes, why, and what they tell of each level.

    Example: posology design next --design crm --target 0.25 --levels 5 --data "1NNN 2NNT"
    """
    from posology.designs import Action, infer

    built = design.build()
    tally = seen(data, built.levels)
    decision = built.decide(tally)
    action, level = Action(decision.action[0]), int(decision.level[0])
    result: dict[str, Any] = {
        "action": action.name.lower(),
        "level": level + 1 if level >= 0 else None,
        "more": int(decision.patients_to_treat[0]),
        "why": decision.words(tally),
    }
    found = infer(built, tally)
    result["levels"] = found.rows()
    if as_json:
        print_json({**result, "parameters": parameters(built)})
        return
    where = f"level {result['level']}" if result["level"] else "no level"
    print(
        f"{action.name.lower().replace('deescalate', 'de-escalate')}: {where}, {result['more']}"
        f" patients\n{result['why']}"
    )
    rows = [
        (
            r["level"],
            int(tally.treated[0, k]),
            int(tally.dlts[0, k]),
            *(
                f"{100 * float(str(r[n])):.1f}" if r["known"] else "-"
                for n in ("rate", "lower", "upper", "under", "within", "over")
            ),
            "yes" if r["admissible"] else "no",
            "MTD now" if r["recommended"] else "",
        )
        for k, r in enumerate(found.rows())
    ]
    heads = (
        "Level",
        "Patients",
        "DLTs",
        "DLT rate (%)",
        "from",
        "to (95 %)",
        "Under (%)",
        "Target (%)",
        "Over (%)",
        "May be given",
        "",
    )
    print_table("What is known of each level", heads, rows)
