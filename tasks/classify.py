"""Give every example an instruction type: a person's label wins, then the source's, then rules in both languages.

People's edits of a text are applied here too. tasks/core/type_rules.py has the rules; they are run on labelled examples
as well, and the report says how often they agree: `rules.parquet` has what they said of each row.
"""

import json
from pathlib import Path
from typing import Any

import polars as pl

from tasks.core.files import read_table
from tasks.core.ledger import Outcome, changed_span, event, ledger_frame
from tasks.core.params import ClassifyParams
from tasks.core.report import Report
from tasks.core.schema import EXAMPLE, canonical
from tasks.core.shards import RunShards, by_shards, in_processes, leave_shard
from tasks.core.type_rules import rule_types

REASONS = ("person_label", "person_edit")
BY_PERSON = 1.0  # type_confidence of a label that a person gave


def classify_examples(
    examples: pl.DataFrame, labels: pl.DataFrame, params: ClassifyParams
) -> tuple[Outcome, pl.DataFrame]:
    """Type every example and apply people's edits; the second table is (id, given, rule_type, rule_confidence).

    `labels` is what import_annotations leaves: id, instruction_type and messages, each null where a person gave none.
    """
    said = examples.select("id").join(labels, on="id", how="inner")
    current = with_edits(examples, said.drop_nulls("messages").select("id", "messages"))
    rules = rule_types(current).with_columns(
        rule_type=pl.when(pl.col("rule_confidence") < params.min_confidence)
        .then(pl.lit("other"))
        .otherwise("rule_type")
    )
    person = pl.col("said_type")
    typed = (
        current.join(rules, on="id", maintain_order="left")
        .join(said.select("id", said_type="instruction_type"), on="id", how="left", maintain_order="left")
        .with_columns(given=pl.coalesce(person, "instruction_type"))
        .with_columns(
            type_confidence=pl.when(person.is_not_null())
            .then(BY_PERSON)
            .when(pl.col("given").is_not_null())
            .then("type_confidence")
            .otherwise("rule_confidence")
            .cast(pl.Float32),
            instruction_type=pl.coalesce("given", "rule_type"),
        )
    )
    outcome = Outcome(typed.select(list(EXAMPLE)), ledger_frame(_events(examples, said)))
    return outcome, typed.select("id", "given", "rule_type", "rule_confidence")


def with_edits(examples: pl.DataFrame, edited: pl.DataFrame) -> pl.DataFrame:
    """`examples` with the messages of `edited` (id, messages); loss weights that are not one a turn any more go."""
    n_turns = pl.col("messages").list.len()
    others = examples.select("id", "meta", before=n_turns).join(edited.select("id", after=n_turns), on="id")
    metas = others.filter(pl.col("before") != pl.col("after")).select("id", "meta").rows()
    fitting = [(id, canonical({k: v for k, v in json.loads(m).items() if k != "loss_weights"})) for id, m in metas]
    changed = pl.DataFrame(fitting, schema={"id": pl.String, "meta": pl.String}, orient="row")
    return examples.update(edited, on="id").update(changed, on="id")


def _events(examples: pl.DataFrame, said: pl.DataFrame) -> list[dict[str, Any]]:
    """A ledger line for every label and every edit that a person gave and that changes something."""
    events = []
    before = examples.select("id", was_type="instruction_type", was="messages").join(said, on="id")
    for row in before.sort("id").to_dicts():
        if row["instruction_type"] is not None and row["instruction_type"] != row["was_type"]:
            label = {"before": row["was_type"], "after": row["instruction_type"]}
            events.append(event("classify", row["id"], "edit", "person_label", **label))
        if row["messages"] is not None and row["messages"] != row["was"]:
            texts = ["\n".join(m["content"] for m in messages) for messages in (row["was"], row["messages"])]
            was, becomes = changed_span(*texts)
            events.append(event("classify", row["id"], "edit", "person_edit", before=was, after=becomes))
    return events


def agreement(rules: pl.DataFrame, examples: pl.DataFrame) -> dict[str, Any]:
    """How often the rules say what a person or the source says, by language and type: {language: {type: {…}}}."""
    known = rules.drop_nulls("given").join(examples.select("id", "language"), on="id")
    counted = (
        known.group_by("language", "given")
        .agg(labelled=pl.len(), agree=(pl.col("given") == pl.col("rule_type")).sum())
        .sort("language", "given")
    )
    found: dict[str, Any] = {}
    for language, given, labelled, agree in counted.iter_rows():
        found.setdefault(language, {})[given] = {"labelled": labelled, "agree": agree}
    return found


def classify_shard(source_file: Path, target_file: Path, params: ClassifyParams, labels: Path) -> int:
    """Classify one shard; returns the rows in."""
    examples = read_table(source_file, schema=EXAMPLE)
    outcome, rules = classify_examples(examples, read_table(labels), params)
    leave_shard(target_file, outcome, rules=rules)
    return len(examples)


def classify(
    examples: Path, labels: Path, target: Path, params: ClassifyParams, run_shards: RunShards = in_processes
) -> Report:
    """Classify what is below `examples` with the labels of the folder `labels` into `target`."""
    file = labels / "labels.parquet"

    def measure(folder: Path) -> dict[str, Any]:
        typed = pl.read_parquet(folder / "examples" / "*.parquet", columns=["id", "language", "type_confidence"])
        rules = pl.read_parquet(folder / "rules.parquet")
        labelled = read_table(file).select("id")
        return {
            "rules_agree": agreement(rules, typed),
            "confidence": _histogram(typed["type_confidence"]),
            "labels_without_a_row": len(labelled.join(typed, on="id", how="anti")),
        }

    return by_shards("classify", classify_shard, examples, target, params, run_shards, (file,), ("rules",), measure)


def _histogram(confidence: pl.Series) -> dict[str, int]:
    """Rows by tenth of confidence."""
    tenths = (confidence * 10).floor().clip(0, 9).cast(pl.Int8)
    return {f"{t / 10:.1f}-{t / 10 + 0.1:.1f}": n for t, n in tenths.value_counts().sort(tenths.name).iter_rows()}
