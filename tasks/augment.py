"""Make new train examples from old ones, one child a parent at most, and refuse the children that a guard finds wrong.

Every row that came in goes out unchanged. A child stays in its parent's family and split, with a lower weight: it says
nothing new about the world, only that an answer does not hang on a name.
"""

import json
from pathlib import Path
from typing import Any

import polars as pl

from tasks.augmenters.entity import Renamed, rename_examples
from tasks.augmenters.guards import GUARDS, first_refusals
from tasks.core.files import read_table
from tasks.core.ledger import Outcome, event, ledger_frame
from tasks.core.params import AugmentParams
from tasks.core.report import Report
from tasks.core.schema import EXAMPLE, canonical, child_id
from tasks.core.shards import RunShards, by_shards, in_processes, leave_shard

OPERATION = "entity"
REASONS = (OPERATION, *GUARDS)


def augment_examples(examples: pl.DataFrame, params: AugmentParams) -> Outcome:
    """All `examples` and their accepted children; the ledger has each child, accepted or refused, with its names.

    Raises ParamsError when `entity` is on and a package that finds names is not installed.
    """
    renamed = rename_examples(examples.to_dicts(), params) if params.entity else []
    children = [child_of(each, params.child_weight) for each in renamed]
    refusals = first_refusals(pairs_of(renamed))
    events = [_event(*each) for each in zip(children, renamed, refusals, strict=True)]
    accepted = [child for child, refusal in zip(children, refusals, strict=True) if refusal is None]
    return Outcome(pl.concat([examples, pl.DataFrame(accepted, schema=EXAMPLE)]), ledger_frame(events))


def child_of(renamed: Renamed, child_weight: float) -> dict[str, Any]:
    """The child as a row: its parent's in all that is not said here.

    `meta` has the names, old to new, and of the parent's what says which turns are learned from.
    """
    parent = renamed.parent
    weights = {name: value for name, value in json.loads(parent["meta"]).items() if name == "loss_weights"}
    return {
        **parent,
        "id": child_id(parent["id"], OPERATION, renamed.messages),
        "messages": renamed.messages,
        "tools": renamed.tools,
        "parent": parent["id"],
        "made_by": OPERATION,
        "weight": child_weight * parent["weight"],
        "meta": canonical({"entity_map": renamed.names, **weights}),
    }


def pairs_of(renamed: list[Renamed]) -> pl.DataFrame:
    """What the guards compare: texts before and after, turn by turn and the tools last, and the names old and new."""
    rows = [
        {
            "before": [turn["content"] for turn in each.parent["messages"]] + [each.parent["tools"] or ""],
            "after": [turn["content"] for turn in each.messages] + [each.tools or ""],
            "old": list(each.names),
            "new": list(each.names.values()),
        }
        for each in renamed
    ]
    return pl.DataFrame(rows, schema=dict.fromkeys(("before", "after", "old", "new"), pl.List(pl.String)))


def _event(child: dict[str, Any], renamed: Renamed, refusal: str | None) -> dict[str, Any]:
    """The ledger's line of a child; `measure` counts its replaced names."""
    return event(
        "augment",
        child["id"],
        "reject" if refusal else "create",
        refusal or OPERATION,
        measure=len(renamed.names),
        other_id=child["parent"],
        before="; ".join(renamed.names),
        after="; ".join(f"{old}→{new}" for old, new in renamed.names.items()),
    )


def augment_shard(source_file: Path, target_file: Path, params: AugmentParams) -> int:
    """Augment one shard; returns the rows in."""
    examples = read_table(source_file, schema=EXAMPLE)
    leave_shard(target_file, augment_examples(examples, params))
    return len(examples)


def augment(examples: Path, target: Path, params: AugmentParams, run_shards: RunShards = in_processes) -> Report:
    """Add children to every shard below `examples`, into `target`."""
    return by_shards("augment", augment_shard, examples, target, params, run_shards)
