"""Flat facts about each row: the narrow table that suites are judged on, one column a promise.

Great Expectations works on pandas frames of plain values, so what a rule needs of messages, text or other rows is
computed here in polars first: one row an example, named by `id`, so that a broken rule can name the rows.
"""

import polars as pl

from tasks.core.schema import ROLES, answer_text, conversation_text, prompt_text
from tasks.core.text import CONTROL, TURN, normalised, normalised_turns, units_of


def example_facts(examples: pl.DataFrame) -> pl.DataFrame:
    """One row an example: its plain columns and the facts named below."""
    role, content = pl.element().struct.field("role"), pl.element().struct.field("content")
    turns = pl.col("messages")
    roles = turns.list.eval(role)
    spoken = roles.list.eval(pl.element().filter(pl.element() != "system"))
    conversation = normalised_turns().list.join(f" {TURN} ")  # as dedup reads it: 1 + 23 is not 12 + 3
    conversation = pl.concat_str(conversation, pl.col("tools"), separator=TURN, ignore_nulls=True)
    pair = pl.concat_str(normalised(prompt_text()), normalised(answer_text()), separator=TURN)
    return examples.select(
        pl.exclude("messages", "tools", "meta"),
        n_turns=turns.list.len(),
        first_role=spoken.list.first(),
        last_role=roles.list.last(),
        unknown_roles=roles.list.eval(~pl.element().is_in(ROLES)).list.sum(),
        empty_turns=turns.list.eval(content.str.strip_chars() == "").list.sum(),
        empty_answer=answer_text().str.strip_chars() == "",
        answer_units=units_of(answer_text()),
        has_control=conversation_text().str.contains(CONTROL),
        copies=pl.len().over(conversation),
        splits_of_family=pl.col("split").n_unique().over("family"),
        splits_of_pair=pl.col("split").n_unique().over(pair),
        # a child may stand in train only, beside its parent
        derived_in=pl.when(pl.col("made_by") != "source").then(pl.col("split")),
        parent_in_table=pl.col("parent").is_null() | pl.col("parent").is_in(pl.col("id").implode()),
    )


def ledger_facts(ledger: pl.DataFrame, kept: pl.Series) -> pl.DataFrame:
    """One row a ledger line: its columns without texts, and whether the survivor of a merge is among `kept` ids."""
    survivor = pl.when(pl.col("action") == "merge").then(pl.col("other_id").is_in(kept.implode()))
    return ledger.select(pl.exclude("before", "after"), survivor_is_kept=survivor)


def balance_facts(rows_in: int, rows_out: int, ledger: pl.DataFrame) -> pl.DataFrame:
    """One row: what conservation says should be left, beside what is."""
    n = {action: ledger.filter(action=action).height for action in ("drop", "merge", "create")}
    expected = rows_in - n["drop"] - n["merge"] + n["create"]
    return pl.DataFrame({"rows_in": [rows_in], "rows_out": [rows_out], "unexplained": [expected - rows_out]})
