"""Redact, repair and drop, with a ledger line for every change.

Redaction runs first, so that no later line of the ledger can hold a value that was taken out. Then the repairs of
tasks/cleaners/repairs.py, in order, on every turn. What they change is looked at again until nothing changes: a
zero-width character may have hidden a number. Then every row is measured and judged by the checks of
tasks/cleaners/checks.py. docs/operations.md has each operation with its measure.
"""

import json
from collections import defaultdict
from collections.abc import Collection
from functools import lru_cache
from pathlib import Path
from typing import Any

import polars as pl

from tasks.cleaners.characters import strip_control
from tasks.cleaners.checks import CHECKS, MEASURES, SETTINGS, judge, measure, quote
from tasks.cleaners.pii import KINDS, SUSPECT, SUSPECTED, Redactor, find
from tasks.cleaners.repairs import REPAIRS, Repair, repairs
from tasks.core.errors import SourceError
from tasks.core.files import read_json, read_table, whole_paths
from tasks.core.language import language_of_example, with_languages
from tasks.core.ledger import Outcome, changed_span, event, ledger_frame
from tasks.core.params import CleanParams
from tasks.core.report import Report
from tasks.core.schema import EXAMPLE, canonical, stable_hash
from tasks.core.shards import RunShards, by_shards, in_processes, leave_shard
from tasks.core.text import CONTROL
from tasks.formats.tool_calls import split_calls, with_calls

PREVIEWED = SETTINGS  # answered from the measures that are kept
MOST_REMEMBERED = 100  # characters of a text in meta that is looked at once for all rows
MOST_PASSES = 50  # of a row through redaction and repairs; real text needs at most three
REASONS = (*(f"pii_{kind}" for kind in KINDS), *REPAIRS, *(check.name for check in CHECKS))


@lru_cache(maxsize=1 << 16)
def is_plain(text: str) -> bool:
    """Whether nothing in `text` looks like a value: most names and texts of dialog states come again and again."""
    return not SUSPECTED.search(strip_control(text))


def hidden_value(text: str, kinds: Collection[str]) -> bool:
    """Whether `text` has a value to redact, also where characters that are not seen stand in it."""
    return bool(find(strip_control(text), kinds))


def redact(examples: pl.DataFrame, redactors: defaultdict[str, Redactor]) -> pl.DataFrame:
    """Put typed placeholders for personal data and secrets, in turns, tools and meta; gives the rows that changed.

    `redactors` has one for each id and remembers its placeholders. JSON stays JSON.
    """
    turns = pl.col("messages").list.eval(pl.element().struct.field("content")).list.join("\n")
    fields = (_plain(pl.col(name)) for name in ("tools", "meta"))  # which are not repaired
    suspects = examples.filter(pl.any_horizontal(text.str.contains(SUSPECT) for text in (turns, *fields)))
    names = ("id", "messages", "tools", "meta")
    changed = []
    for row in suspects.select(names).to_dicts():
        redactor = redactors[row["id"]]
        redactor.takes([*(m["content"] for m in row["messages"]), row["tools"] or "", row["meta"]])
        n_found, n_before = -1, redactor.n_found.total()
        while n_found < redactor.n_found.total():  # a number found in the answer may stand in the question otherwise
            n_found = redactor.n_found.total()
            row = _redact_row(row, redactor)
        if n_found > n_before:
            changed.append(row)
    return pl.DataFrame(changed, schema={name: EXAMPLE[name] for name in names})


def _redact_row(row: dict[str, Any], redactor: Redactor) -> dict[str, Any]:
    messages = [{"role": m["role"], "content": _redact_turn(m["content"], redactor)} for m in row["messages"]]
    tools = row["tools"] and canonical(_redact_json(json.loads(row["tools"]), redactor))
    meta = canonical(_redact_json(json.loads(row["meta"]), redactor))
    return {"id": row["id"], "messages": messages, "tools": tools, "meta": meta}


def _redact_turn(content: str, redactor: Redactor) -> str:
    """The turn redacted; the calls in it are still calls."""
    text, calls = split_calls(content)
    return with_calls(redactor.redact(text), _redact_json(calls, redactor)) if calls else redactor.redact(content)


def _redact_json(value: Any, redactor: Redactor) -> Any:
    """`value` with its texts, names and whole numbers redacted; a number that is a value becomes its placeholder."""
    if isinstance(value, str):
        if len(value) <= MOST_REMEMBERED and is_plain(value):
            return value
        plain = strip_control(value)
        return redactor.redact(plain if hidden_value(plain, redactor.kinds) else value)
    if isinstance(value, int | float) and not isinstance(value, bool) and value > 0 and value == int(value):
        text = redactor.redact(str(int(value)))
        return value if text == str(int(value)) else text
    if isinstance(value, list):
        return [_redact_json(part, redactor) for part in value]
    if isinstance(value, dict):
        return _redact_object(value, redactor)
    return value


def _redact_object(members: dict[str, Any], redactor: Redactor) -> dict[str, Any]:
    """Names are redacted too; two names for one value stay two."""
    redacted: dict[str, Any] = {}
    for name, part in members.items():
        free = redacted_name = _redact_json(name, redactor)
        n = 1
        while free in redacted:
            n += 1
            free = f"{redacted_name} ({n})"
        redacted[free] = _redact_json(part, redactor)
    return redacted


def repair(
    turns: pl.DataFrame, operation: Repair, pii: Collection[str] = ()
) -> tuple[pl.DataFrame, list[dict[str, Any]]]:
    """Run one repair on the turns (id, turn, role, content) that look as if they needed it.

    The ledger does not quote a text in which a value of the kinds `pii` has come to light.
    """
    asked = turns.filter(role=operation.role) if operation.role else turns
    suspects = asked.filter(pl.col("content").str.contains(operation.suspect)).select("id", "turn", "content")
    if operation.unless:
        rows = turns.join(suspects, on="id", how="semi")
        left = rows.filter(operation.unless_in(pl.col("content")).str.contains(operation.unless))
        suspects = suspects.join(left, on="id", how="anti")
    tried = ((id, turn, before, operation.fix(before)) for id, turn, before in suspects.iter_rows())
    schema = {"id": pl.String, "turn": pl.UInt32, "before": pl.String, "after": pl.String}
    changed = pl.DataFrame([line for line in tried if line[2] != line[3]], schema=schema, orient="row")
    both = pl.concat_str("before", "after", separator="\n")
    looked_at = changed.select("id", "before", "after", is_suspect=_plain(both).str.contains(SUSPECT))
    events = []
    for id, before, after, is_suspect in looked_at.iter_rows():
        shows = is_suspect and any(hidden_value(text, pii) for text in (before, after))
        was, becomes = (None, None) if shows else changed_span(before, after)
        events.append(event("clean", id, "edit", operation.name, before=was, after=becomes))
    return turns.update(changed.select("id", "turn", content="after"), on=["id", "turn"]), events


def _plain(text: pl.Expr) -> pl.Expr:
    return text.str.replace_all(CONTROL, "")


def mend(examples: pl.DataFrame, params: CleanParams) -> Outcome:
    """Redact and repair until nothing changes: what one operation takes out may have hidden what another looks for.

    Where a repair brought out a value, the ledger withholds the texts of that row's repairs: they may show it.
    """
    public = params.template_values.values()
    redactors = defaultdict[str, Redactor](lambda: Redactor(params.redaction_salt, params.pii, public))
    operations = repairs(params)
    events: list[dict[str, Any]] = []
    waiting, n_passes = examples, 0
    while len(waiting):
        n_passes += 1
        if n_passes > MOST_PASSES:
            raise AssertionError(f"clean: row {waiting['id'][0]} changes without end")
        if params.pii:
            redacted = redact(waiting, redactors)
            found = set(redacted["id"])
            events = [line | {"before": None, "after": None} if line["id"] in found else line for line in events]
            waiting, examples = (rows.update(redacted, on="id") for rows in (waiting, examples))
        turns, in_pass = _explode(waiting), list[dict[str, Any]]()
        for operation in operations:
            turns, more = repair(turns, operation, params.pii)
            in_pass += more
        repaired = waiting.filter(pl.col("id").is_in([line["id"] for line in in_pass]))
        together = turns.group_by("id", maintain_order=True).agg(messages=pl.struct("role", "content"))
        waiting = repaired.update(together, on="id")
        examples = examples.update(waiting.select("id", "messages"), on="id")
        events += in_pass
    events += [
        event("clean", id, "edit", f"pii_{kind}", measure=n, after=redactor.told(kind))
        for id, redactor in redactors.items()
        for kind, n in redactor.n_found.items()
    ]
    return Outcome(examples, ledger_frame(events))


def clean_examples(examples: pl.DataFrame, params: CleanParams) -> tuple[Outcome, pl.DataFrame]:
    """Redact, repair, measure, judge; the second table has the MEASURES of every row that came in."""
    outcome = mend(examples, params)
    measured = measure(texts_of(outcome.examples), params)
    lines = quote(judge(measured, params), measured)
    judged = ledger_frame([event("clean", **line) for line in lines.to_dicts()])
    kept = (
        outcome.examples.drop("language")
        .join(measured.select("id", "language"), on="id", maintain_order="left")
        .join(lines.filter(action="drop"), on="id", how="anti", maintain_order="left")
        .select(list(EXAMPLE))
    )
    return Outcome(kept, pl.concat([outcome.ledger, judged])), measured.select(list(MEASURES))


def _explode(examples: pl.DataFrame) -> pl.DataFrame:
    """One row a turn: id, turn, role, content."""
    return (
        examples.select("id", "messages", turn=pl.int_ranges(pl.col("messages").list.len(), dtype=pl.UInt32))
        .explode("messages", "turn")
        .unnest("messages")
        .select("id", "turn", "role", "content")
    )


def texts_of(examples: pl.DataFrame) -> pl.DataFrame:
    """What is judged of each example: its texts and the languages of its turns.

    prompt: all turns before the last; questions: all user turns; question: the last one; answer: the last turn;
    answers: all assistant turns; text: all turns. stated: the language that the source states or `und`; found: what
    its turns are in; language: what is stated, else found.
    """
    content, language = pl.col("content"), pl.col("language")
    is_user, is_assistant = pl.col("role") == "user", pl.col("role") == "assistant"
    rows = (
        with_languages(_explode(examples))
        .group_by("id", maintain_order=True)
        .agg(
            prompt=content.head(pl.len() - 1).str.join("\n"),
            questions=content.filter(is_user).str.join("\n"),
            question=content.filter(is_user).last().fill_null(""),
            answer=content.last(),
            answers=content.filter(is_assistant).str.join("\n"),
            text=content.str.join("\n"),
            languages=language,
            asked=language.filter(is_user).last().fill_null("und"),
            answered=language.filter(is_assistant).last().fill_null("und"),
        )
    )
    rows = rows.with_columns(found=language_of_example(pl.col("asked"), pl.col("answered")))
    stated = examples.select("id", "source", has_tools=pl.col("tools").is_not_null(), stated="language")
    said = pl.when(pl.col("stated") == "und").then("found").otherwise("stated")
    return rows.join(stated, on="id", maintain_order="left").with_columns(language=said)


def clean_shard(source_file: Path, target_file: Path, params: CleanParams) -> int:
    """Clean one shard; returns the rows in."""
    examples = read_table(source_file, schema=EXAMPLE)
    outcome, measures = clean_examples(examples, params)
    leave_shard(target_file, outcome, measures=measures)
    return len(examples)


def clean(examples: Path, target: Path, params: CleanParams, run_shards: RunShards = in_processes) -> Report:
    """Clean every shard of one source below `examples` into `target`."""
    told = {"measured_with": measured_with(params)}
    return by_shards(
        "clean", clean_shard, examples, target, params, run_shards, tables=("measures",), measure=lambda folder: told
    )


def measured_with(params: CleanParams) -> str:
    """What the measures depend on, as a hash: all params but those that are previewed, files by their names."""
    names = {name: Path(path).name for name in ("tokenizer", "toxic_words") if (path := getattr(params, name))}
    return stable_hash(params.model_dump(exclude={*PREVIEWED, "rows_per_shard"}) | names)


def preview(data: Path, params: CleanParams) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Every row that came in (id, source, language), and who would be dropped or flagged under `params`."""
    files = whole_paths(data / "clean", "*/measures.parquet")
    if not files:
        raise SourceError(f"{data / 'clean'}: no measures here; run `instructflow build` first")
    wanted = measured_with(params)
    for file in files:
        report = read_json(file.with_name("report.json"))
        if report["measures"].get("measured_with") != wanted:
            raise SourceError(f"{file}: measured with other params of clean; run `instructflow build` first")
    measured = pl.concat([read_table(file, schema=MEASURES) for file in files])
    return measured.select("id", "source", "language"), judge(measured, params)
