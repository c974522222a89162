"""What the wording of a request says about its instruction type; `type_rules.yaml` has the rules, in both languages.

A rule looks at one part of a conversation: `ask` is where people say what they want (the first and the last words of
the first user turn), `system` the system turn, `answer` the head of the last one, `tools` the functions that are given,
`turns` the number of user turns. Points of all rules that match are summed.
"""

from functools import cache
from pathlib import Path
from typing import NamedTuple

import polars as pl
import yaml

RULES = Path(__file__).with_name("type_rules.yaml")
HEAD_CHARS, TAIL_CHARS = 240, 120  # of a user's turn: what lies between is mostly the text to work on
ANSWER_CHARS = 400
SATURATION = 1.0  # points that a type must be ahead of nothing at all for a confidence of one half


class Rule(NamedTuple):
    """`points` for `type` where `pattern` is found in `part` (a Rust regular expression over lower-case text)."""

    type: str
    part: str
    points: float
    pattern: str


@cache
def rules() -> tuple[Rule, ...]:
    """The rules of the file, in order."""
    by_type = yaml.safe_load(RULES.read_text(encoding="utf-8"))
    return tuple(
        Rule(name, rule["part"], float(rule["points"]), "|".join([*rule.get("en", []), *rule.get("zh", [])]))
        for name, of_type in by_type.items()
        for rule in of_type
    )


def parts_of(examples: pl.DataFrame) -> pl.DataFrame:
    """What the rules look at: id, ask, system, answer, tools, turns (as text)."""
    role, content = pl.element().struct.field("role"), pl.element().struct.field("content")
    turns = pl.col("messages")
    asked = turns.list.eval(content.filter(role == "user"))
    first = asked.list.first().fill_null("").str.to_lowercase()
    ends = pl.concat_str(first.str.head(HEAD_CHARS), first.str.tail(TAIL_CHARS), separator="\n")
    return examples.select(
        "id",
        ask=pl.when(first.str.len_chars() > HEAD_CHARS + TAIL_CHARS).then(ends).otherwise(first).str.strip_chars(),
        system=turns.list.eval(content.filter(role == "system")).list.join("\n").str.to_lowercase(),
        answer=turns.list.last().struct.field("content").str.head(ANSWER_CHARS).str.to_lowercase(),
        tools=pl.col("tools").fill_null(""),
        turns=asked.list.len().cast(pl.String),
    )


def rule_types(examples: pl.DataFrame) -> pl.DataFrame:
    """What the rules say of each example: id, rule_type, rule_confidence in 0..1.

    The type with the most points wins, of equals the one that the file names first. Confidence is its lead, first /
    (first + second + SATURATION): one plain rule alone gives about 0.7, a draw less than 0.5; without a match the type
    is other and the confidence 0.
    """
    names = list(dict.fromkeys(rule.type for rule in rules()))
    points = parts_of(examples).select("id", *(_points(name).alias(name) for name in names))
    ranked = pl.concat_list(names).list.sort(descending=True)
    first, second = ranked.list.get(0), ranked.list.get(1)
    best = pl.concat_list(names).list.arg_max().replace_strict(dict(enumerate(names)), return_dtype=pl.String)
    return points.select(
        "id",
        rule_type=pl.when(first > 0).then(best).otherwise(pl.lit("other")),
        rule_confidence=pl.when(first > 0).then(first / (first + second + SATURATION)).otherwise(0.0).cast(pl.Float32),
    )


def _points(name: str) -> pl.Expr:
    return pl.sum_horizontal(
        pl.when(pl.col(rule.part).str.contains(rule.pattern)).then(rule.points).otherwise(0.0)
        for rule in rules()
        if rule.type == name
    )
