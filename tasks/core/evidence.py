"""What a report shows of the data besides counts: samples, sources, merges. All chosen by id, so the same every time.

Ids are hashes, so the first rows in their order are a random sample that does not change while the rows are there.
Texts shown are those that ledgers hold, those of released rows, and those of near-duplicates of released rows as they
left clean: what was redacted is in none of them.
"""

from pathlib import Path
from typing import Any

import polars as pl

from tasks.core.diff import Run, changes
from tasks.core.files import read_table, scan_examples
from tasks.core.ledger import ACTIONS, in_order
from tasks.core.schema import SPLITS, conversation_text
from tasks.core.text import units_of

MOST_TURNS = 8  # of a conversation are shown
MOST_CHARS = 1200  # of a turn are shown
MOST_MEMBERS = 4  # of a cluster are shown
MOST_DIFF_CHARS = 1500  # of each of two texts are compared


def spread(rows: pl.DataFrame, n: int, *columns: str) -> pl.DataFrame:
    """The first `n` rows by id, taking turns over the values of `columns`; sorted by these, then by id."""
    turn = pl.int_range(pl.len()).over(columns)
    by = [*columns, "id"]
    ordered = rows.sort(by, nulls_last=True, maintain_order=True).with_columns(_turn=turn)
    return ordered.sort("_turn", *by, nulls_last=True, maintain_order=True).head(n).drop("_turn").sort(by)


def ledger_samples(ledger: pl.DataFrame, released: pl.DataFrame, n: int) -> list[dict[str, Any]]:
    """`n` lines of a ledger, spread over actions and reasons, what goes before what changes; with their changes.

    Those of a child that is released, with its parent, are the changes of the whole text.
    """
    order = pl.col("action").replace_strict({a: i for i, a in enumerate(ACTIONS)}, return_dtype=pl.Int8)
    chosen = spread(in_order(ledger).with_columns(order=order), n, "order", "reason").drop("order")
    lines = [{**line, "changes": changes(line["before"], line["after"])} for line in chosen.to_dicts()]
    made = chosen.filter(action="create")
    shown = released.filter(pl.col("id").is_in(pl.concat([made["id"], made["other_id"]]).implode()))
    texts = dict(shown.select("id", conversation_text().str.head(MOST_DIFF_CHARS)).iter_rows())
    for line in lines:
        if line["id"] in texts and line["other_id"] in texts:
            line["changes"] = changes(texts[line["other_id"]], texts[line["id"]])
    return lines


def released_rows(release: Path) -> pl.DataFrame:
    """The rows of all splits, by id."""
    return pl.concat([read_table(release / f"{split}.parquet") for split in SPLITS]).sort("id")


def release_samples(released: pl.DataFrame, n: int) -> dict[str, list[dict[str, Any]]]:
    """By language, `n` released rows spread over instruction types, cut to what fits a page."""
    samples = {}
    for language in released["language"].unique().sort():
        of_language = released.filter(language=language).with_columns(units=units_of(conversation_text()))
        rows = spread(of_language, n, "instruction_type").to_dicts()
        samples[language] = [{**row, **_shortened(row["messages"])} for row in rows]
    return samples


def _shortened(messages: list[dict[str, str]]) -> dict[str, Any]:
    """The first turns and the last, each cut; how many were left out between them."""
    left_out = max(0, len(messages) - MOST_TURNS)
    shown = [*messages[: MOST_TURNS - 1], messages[-1]] if left_out else messages
    turns = [
        {
            "role": turn["role"],
            "content": turn["content"][:MOST_CHARS],
            "more_chars": max(0, len(turn["content"]) - MOST_CHARS),
        }
        for turn in shown
    ]
    return {"turns": turns, "turns_left_out": left_out}


def sources_of_rows(data: Path) -> pl.DataFrame:
    """The source of every row that was read: id, source."""
    return scan_examples(data / "ingest").select("id", "source").collect()


def overlap_matrix(overlap: list[dict[str, Any]], names: list[str]) -> dict[str, dict[str, dict[str, int]]]:
    """Rows of one source (outer) that dedup found in another or again in the same (inner), by level."""
    matrix: dict[str, dict[str, dict[str, int]]] = {name: {other: {} for other in names} for name in names}
    for line in overlap:
        matrix[line["source"]][line["other"]][line["level"]] = line["rows"]
    return matrix


def source_table(data: Path, lineage: pl.DataFrame, sources: pl.DataFrame) -> pl.DataFrame:
    """One row a source, by name: source, licences, rows read, dropped, merged."""
    fate = (
        lineage.filter(pl.col("action").is_in(["drop", "merge"]))
        .select("id", "action")
        .join(sources, on="id")
        .group_by("source")
        .agg(dropped=(pl.col("action") == "drop").sum(), merged=(pl.col("action") == "merge").sum())
    )
    read = (
        scan_examples(data / "ingest")
        .group_by("source")
        .agg(licences=pl.col("license").unique().sort(), read=pl.len())
        .collect()
    )
    return read.join(fate, on="source", how="left").fill_null(0).sort("source")


def cluster_samples(data: Path, released: pl.DataFrame, n: int) -> list[dict[str, Any]]:
    """`n` clusters whose survivor is released, spread over levels, near ones first; how near members differ from it."""
    rank = pl.col("level").replace_strict(
        {"near": 0, "semantic": 1, "prefix": 2, "normalised": 3, "exact": 4}, return_dtype=pl.Int8
    )
    merged = read_table(data / "dedup" / "clusters.parquet").filter(
        pl.col("level") != "kept", pl.col("kept").is_in(released["id"].implode())
    )
    heads = (
        merged.with_columns(rank=rank)
        .group_by("kept")
        .agg(pl.col("rank").min(), rows=pl.len(), least=pl.col("similarity").min())
        .rename({"kept": "id"})
    )
    chosen = spread(heads, n, "rank")
    shown = merged.join(chosen.select(kept="id"), on="kept").sort("similarity", "member")
    texts = _texts(data / "clean", {*shown["kept"], *shown["member"]}) if len(shown) else {}
    clusters = []
    for head in chosen.to_dicts():
        members = shown.filter(kept=head["id"]).head(MOST_MEMBERS).to_dicts()
        kept = texts[head["id"]]
        for member in members:
            source, text = texts[member["member"]]
            member |= {"source": source, "changes": _difference(kept[1], text)}
        clusters.append({**head, "source": kept[0], "members": members})
        clusters[-1] |= {"text": kept[1][:MOST_CHARS], "more_chars": max(0, len(kept[1]) - MOST_CHARS)}
    return clusters


def _texts(folder: Path, ids: set[str]) -> dict[str, tuple[str, str]]:
    """Source and text of the rows with these ids."""
    wanted = scan_examples(folder).filter(pl.col("id").is_in(sorted(ids)))
    rows = wanted.select("id", "source", text=conversation_text()).collect()
    return {id: (source, text) for id, source, text in rows.iter_rows()}


def _difference(kept: str, member: str) -> list[Run]:
    return [] if kept == member else changes(kept[:MOST_DIFF_CHARS], member[:MOST_DIFF_CHARS])
