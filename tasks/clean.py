"""Redact, repair and drop, with a ledger line for every change.

Redaction runs first, so that no later line of the ledger can hold a value that was taken out. Then the repairs of
tasks/core/repair.py, in order, on every turn. What they change is looked at again until nothing changes: a zero-width
character may have hidden a number. Then the rows are judged: an answer that is empty, refuses or repeats itself, a
conversation that is too long. Last, the language. docs/operations.md has each operation with its measure.
"""

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import polars as pl

from tasks.core.files import read_table
from tasks.core.language import language_of_example, with_languages
from tasks.core.ledger import Outcome, changed_span, event, ledger_frame
from tasks.core.params import CleanParams
from tasks.core.pii import KINDS, SUSPECT, Redactor
from tasks.core.repair import REPAIRS, Repair
from tasks.core.report import Report
from tasks.core.schema import EXAMPLE, canonical
from tasks.core.shards import RunShards, by_shards, in_processes, leave_shard
from tasks.core.text import ngrams, tokens, units_of
from tasks.formats.tool_calls import split_calls, with_calls

DROPS = ("empty_prompt", "empty_answer", "refusal", "repetition", "too_long")
REASONS = (*(f"pii_{kind}" for kind in KINDS), *(repair.name for repair in REPAIRS), *DROPS)

MODEL_EN = (
    r"(?:ai|artificial intelligence|(?:large )?language model)"
    r"(?:[ -](?:language|model|assistant|chatbot|system|program))*"
)
# Looked for where an answer begins. A business that is sorry says "we"; a model that refuses says "I" and helps nobody.
REFUSAL_EN = (
    rf"(?i)\A\W*(?:as an? {MODEL_EN},? (?:i|my|it)\b"
    rf"|(?:i['’]?m|i am) (?:just |only )?an? {MODEL_EN}\b"
    r"[^.!?\n]{0,80}(?:n['’]t\b|cannot|can not|unable|do not|without)"
    r"|(?:(?:i['’]?m |i am )?(?:very |really )?sorry|unfortunately|i apologi[sz]e)[,.;!]? ?(?:but )?"
    r"(?:as an? (?:ai|language model)|i (?:can(?:no|['’])t|can not|am (?:not able|unable)|won['’]t be able) (?:to )?"
    r"(?:help|assist|fulfil|comply|answer|do that|provide|generate|create|complete|engage|continue|discuss))"
    r"|i (?:can(?:no|['’])t|am (?:not able|unable) to) (?:help|assist|fulfil|comply)(?: you)? with (?:that|this)"
    r"|(?:(?:i['’]?m |i am )?sorry|unfortunately)\b[^\n]{0,120}\b(?:task|prompt|instruction|language model|ai model)\b"
    r"[^\n]{0,120}(?:cannot|can['’]t|unable to|not possible|beyond)"
    r"|(?:sorry|unfortunately)\b[^\n]{0,120}(?:cannot|can['’]t|unable to)[^\n]{0,60}"
    r"\b(?:this task|language model|ai model)\b)"
)
REFUSAL_ZH = (
    r"\A[\s\p{P}]*(?:作为(?:一个|一名|一款|一种)?(?:AI|ai|人工智能|(?:大型?)?语言模型|聊天机器人|智能助手)"
    r"(?:语言|大?模型|助手|助理|程序|系统|机器人)*[，,、：]?\s?(?:我|本(?:模型|助手)|无法|不能|没有)"
    r"|我(?:只)?是(?:一个|一名|一款|一种)?(?:AI|ai|人工智能|(?:大型?)?语言模型)[^。！？\n]{0,30}(?:无法|不能|没有)"
    r"|(?:很|非常|十分|真的)?(?:抱歉|对不起|遗憾)[，,。！!]?\s?(?:但是?|不过)?(?:作为(?:AI|一个|人工智能)|我(?:无法|不能|没有办法|没法)"
    r"(?:回答|提供|完成|帮助|协助|满足|生成|为您提供|为你提供|理解|处理|执行)))"
    r"|\A[\s\p{P}]*(?:很|非常)?(?:抱歉|对不起|遗憾)[^\n]{0,60}(?:任务|指令|提示词?|语言模型)[^\n]{0,80}(?:无法|不能)"
    r"|\A[^\n。]{0,40}(?:不能|无法)由(?:GPT ?|大型?)?(?:语言)?模型"
)
HEAD_CHARS = 240  # of an answer, in which a refusal is looked for
REPEATED_TOKENS = 4  # an answer's repetition is the share of its token 4-grams that occurred before in it
LEAST_NGRAMS = 24  # with fewer 4-grams a ratio says nothing
# Lines that repeat by right, also outside a fence: rows of tables, markup, statements, lists of numbers.
NO_PROSE = r"(?m)^.*(?:\||</?[a-zA-Z][^<>\n]*>|&lt;|[{};]\s*$).*$|^[^\p{L}\n]*$|\[[^\p{L}\n]*\]"


def redact(examples: pl.DataFrame, redactors: defaultdict[str, Redactor]) -> pl.DataFrame:
    """Put typed placeholders for personal data and secrets, in turns, tools and meta; gives the rows that changed.

    `redactors` has one for each id and remembers its placeholders. JSON stays JSON.
    """
    turns = pl.col("messages").list.eval(pl.element().struct.field("content")).list.join("\n")
    suspects = examples.filter(
        pl.any_horizontal(c.str.contains(SUSPECT) for c in (turns, pl.col("tools"), pl.col("meta")))
    )
    changed = []
    for row in suspects.select("id", "messages", "tools", "meta").to_dicts():
        redactor = redactors[row["id"]]
        n_before = redactor.n_found.total()
        messages = [{"role": m["role"], "content": _redact_turn(m["content"], redactor)} for m in row["messages"]]
        tools = row["tools"] and canonical(_redact_json(json.loads(row["tools"]), redactor))
        meta = canonical(_redact_json(json.loads(row["meta"]), redactor))
        if redactor.n_found.total() > n_before:
            changed.append({"id": row["id"], "messages": messages, "tools": tools, "meta": meta})
    return pl.DataFrame(changed, schema={name: EXAMPLE[name] for name in ("id", "messages", "tools", "meta")})


def _redact_turn(content: str, redactor: Redactor) -> str:
    """The turn redacted; the calls in it are still calls."""
    text, calls = split_calls(content)
    return with_calls(redactor.redact(text), _redact_json(calls, redactor)) if calls else redactor.redact(content)


def _redact_json(value: Any, redactor: Redactor) -> Any:
    """`value` with its texts, names and whole numbers redacted; a number that is a value becomes its placeholder."""
    if isinstance(value, str):
        return redactor.redact(value)
    if isinstance(value, int) and not isinstance(value, bool):
        text = redactor.redact(str(value))
        return value if text == str(value) else text
    if isinstance(value, list):
        return [_redact_json(part, redactor) for part in value]
    if isinstance(value, dict):
        return {redactor.redact(name): _redact_json(part, redactor) for name, part in value.items()}
    return value


def repair(turns: pl.DataFrame, operation: Repair) -> tuple[pl.DataFrame, list[dict[str, Any]]]:
    """Run one repair on the turns (id, turn, role, content) that look as if they needed it."""
    suspects = turns.filter(pl.col("content").str.contains(operation.suspect))
    if operation.unless:
        rows = turns.join(suspects, on="id", how="semi")
        suspects = suspects.join(rows.filter(pl.col("content").str.contains(operation.unless)), on="id", how="anti")
    events, changed = [], []
    for id, turn, before in suspects.select("id", "turn", "content").iter_rows():
        after = operation.fix(before)
        if after != before:
            changed.append((id, turn, after))
            was, becomes = changed_span(before, after)
            events.append(event("clean", id, "edit", operation.name, before=was, after=becomes))
    fixed = pl.DataFrame(changed, schema={"id": pl.String, "turn": pl.UInt32, "content": pl.String}, orient="row")
    return turns.update(fixed, on=["id", "turn"]), events


def mend(examples: pl.DataFrame, params: CleanParams) -> Outcome:
    """Redact and repair until nothing changes: what one operation takes out may have hidden what another looks for.

    Where a repair brought out a value, the ledger withholds the texts of that row's repairs: they may show it.
    """
    redactors = defaultdict[str, Redactor](lambda: Redactor(params.redaction_salt))
    events: list[dict[str, Any]] = []
    waiting = examples
    while len(waiting):
        if params.pii:
            redacted = redact(waiting, redactors)
            found = set(redacted["id"])
            events = [line | {"before": None, "after": None} if line["id"] in found else line for line in events]
            waiting, examples = (rows.update(redacted, on="id") for rows in (waiting, examples))
        turns, in_pass = _explode(waiting), list[dict[str, Any]]()
        for operation in REPAIRS:
            if getattr(params, operation.name):
                turns, more = repair(turns, operation)
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


def repetition(answer: pl.Expr) -> pl.Expr:
    """Share of token 4-grams that occurred before in the same text, 0 to 1; code, markup and tables are left out.

    Tokens are words or Han characters, so it is right for both. After the duplicate n-gram fractions of Rae et al.
    2021, arXiv:2112.11446, table A1, with one n and a laxer threshold: answers are short and lists repeat by right.
    """
    prose = answer.str.replace_all(r"(?s)```.*?(?:```|\z)", " ").str.replace_all(NO_PROSE, " ")
    found = ngrams(tokens(prose), REPEATED_TOKENS)
    n = found.list.len()
    return pl.when(n >= LEAST_NGRAMS).then(1 - found.list.n_unique() / n).otherwise(0.0)


def judge(rows: pl.DataFrame, params: CleanParams) -> pl.DataFrame:
    """The first reason to drop each of `rows` (id, prompt, answer, text): id, reason, measure, threshold, before."""
    head = pl.col("answer").str.slice(0, HEAD_CHARS)
    refuses = head.str.extract(f"({REFUSAL_EN})", 0).is_not_null() | head.str.contains(REFUSAL_ZH)
    measured = rows.select(
        "id",
        prompt_units=units_of(pl.col("prompt")).cast(pl.Float64),
        answer_units=units_of(pl.col("answer")).cast(pl.Float64),
        units=units_of(pl.col("text")).cast(pl.Float64),
        refusal=pl.lit(params.refusals) & refuses,
        repetition=repetition(pl.col("answer")),
        head=head,
    )
    checks = (
        ("empty_prompt", pl.col("prompt_units") < 1, "prompt_units", 1),
        (
            "empty_answer",
            pl.col("answer_units") < max(1, params.min_answer_units),
            "answer_units",
            max(1, params.min_answer_units),
        ),
        ("refusal", pl.col("refusal"), None, None),
        ("repetition", pl.col("repetition") > params.max_repetition_ratio, "repetition", params.max_repetition_ratio),
        ("too_long", pl.col("units") > params.max_units, "units", params.max_units),
    )
    found = [
        measured.filter(is_bad).select(
            "id",
            reason=pl.lit(reason),
            measure=pl.col(measure) if measure else pl.lit(None, pl.Float64),
            threshold=pl.lit(threshold, pl.Float64),
            before=pl.col("head") if reason in {"refusal", "repetition"} else pl.lit(None, pl.String),
        )
        for reason, is_bad, measure, threshold in checks
    ]
    return pl.concat(found).unique("id", keep="first", maintain_order=True)


def clean_examples(examples: pl.DataFrame, params: CleanParams) -> Outcome:
    """Redact, repair, judge and name the language; see the module's docstring for the order."""
    outcome = mend(examples, params)
    rows = _texts(with_languages(_explode(outcome.examples)))
    dropped = judge(rows, params)
    drops = ledger_frame([event("clean", action="drop", **line) for line in dropped.to_dicts()])
    kept = (
        outcome.examples.join(rows.select("id", "found"), on="id", maintain_order="left")
        .join(dropped, on="id", how="anti", maintain_order="left")
        .with_columns(language=pl.when(pl.col("language") == "und").then("found").otherwise("language"))
        .select(list(EXAMPLE))
    )
    return Outcome(kept, pl.concat([outcome.ledger, drops]))


def _explode(examples: pl.DataFrame) -> pl.DataFrame:
    """One row a turn: id, turn, role, content."""
    return (
        examples.select("id", "messages", turn=pl.int_ranges(pl.col("messages").list.len(), dtype=pl.UInt32))
        .explode("messages", "turn")
        .unnest("messages")
        .select("id", "turn", "role", "content")
    )


def _texts(turns: pl.DataFrame) -> pl.DataFrame:
    """One row an example again: id, its texts (prompt, answer, text), its language as found."""
    content, language = pl.col("content"), pl.col("language")
    rows = turns.group_by("id", maintain_order=True).agg(
        prompt=content.head(pl.len() - 1).str.join("\n"),
        answer=content.last(),
        text=content.str.join("\n"),
        asked=language.filter(pl.col("role") == "user").last(),
        answered=language.filter(pl.col("role") == "assistant").last(),
    )
    asked, answered = pl.col("asked").fill_null("und"), pl.col("answered").fill_null("und")
    return rows.with_columns(found=language_of_example(asked, answered))


def clean_shard(source_file: Path, target_file: Path, params: CleanParams) -> int:
    """Clean one shard; returns the rows in."""
    examples = read_table(source_file, schema=EXAMPLE)
    leave_shard(target_file, clean_examples(examples, params))
    return len(examples)


def clean(examples: Path, target: Path, params: CleanParams, run_shards: RunShards = in_processes) -> Report:
    """Clean every shard of one source below `examples` into `target`."""
    return by_shards("clean", clean_shard, examples, target, params, run_shards)
