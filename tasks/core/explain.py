"""The life of one row: where it came from, what every step did to it and why, what became of it.

Reads the release's lineage, or the steps' own ledgers where there is no release yet. Text that was redacted is never
shown: a row with a redaction is shown as cleaned, not as ingested.
"""

from pathlib import Path
from typing import Any

import polars as pl

from tasks.core.errors import SourceError
from tasks.core.files import read_table, unreadable, whole_paths
from tasks.core.ledger import LEDGER, STEPS, read_ledgers
from tasks.core.schema import EXAMPLE, SPLITS

REDACTED = "pii_"  # how the reasons of redactions begin
SHORTEST_PREFIX = 6
RELATIVES_SHOWN = 20
IS_ORIGIN = (pl.col("action") == "create") & (pl.col("reason") == "source")  # a row's first line in the lineage


def explain(data: Path, id_or_prefix: str) -> dict[str, Any]:
    """Everything that is known of the row, as plain values.

    Raises SourceError when no row, or more than one, has such an id.
    """
    events = _events(data)
    id = _full_id(data, events, id_or_prefix)
    events = events.filter(~IS_ORIGIN)
    mine = events.filter(pl.col("id") == id)
    rows = {step: row for step in STEPS if (row := _row(data / step, id)) is not None}
    released, row_of_release = _row_of_release(data, id)
    last = next(reversed(rows.values()), row_of_release)
    gone = mine.filter(pl.col("action").is_in(["drop", "merge"]))
    redacted = bool(mine["reason"].str.starts_with(REDACTED).any())
    origin = rows.get("ingest")
    if redacted and origin is not None:
        origin["messages"] = None  # also where it is the last that is known, for the row was dropped
    known = origin or row_of_release
    return {
        "id": id,
        "source": known and known["source"],
        "source_row": known and known["source_row"],
        "ingested": origin and origin["messages"],
        "withheld": redacted,
        "events": mine.drop("id").to_dicts(),
        "fate": gone["action"][0] if len(gone) else ("released" if released else "not released yet"),
        "survivor": gone["other_id"][0] if len(gone) and gone["action"][0] == "merge" else None,
        "merged_into_it": events.filter((pl.col("other_id") == id) & (pl.col("action") == "merge"))["id"].to_list(),
        "children": events.filter((pl.col("other_id") == id) & (pl.col("action") == "create"))["id"].to_list(),
        **{
            name: last[name] if last else None for name in ("parent", "language", "instruction_type", "type_confidence")
        },
        **{name: last[name] if last else None for name in ("license", "family", "split", "messages")},
        "relatives": _relatives(data / next(reversed(rows)), last) if rows and last else [],
        "released_in": released,
    }


def _events(data: Path) -> pl.DataFrame:
    lineage = data / "release" / "lineage.parquet"
    if lineage.is_file():
        return read_table(lineage).select(list(LEDGER))
    if not any(whole_paths(data / step, "**/ledger.parquet") for step in STEPS):
        raise SourceError(f"{data}: nothing was built here; run `instructflow build`, or name the folder with --data")
    return read_ledgers(*(data / step for step in STEPS))


def _full_id(data: Path, events: pl.DataFrame, start: str) -> str:
    if len(start) < SHORTEST_PREFIX:
        raise SourceError(f"{start}: too short; give at least {SHORTEST_PREFIX} characters of an id")
    is_it = pl.col("id").str.starts_with(start)
    frames = [events.filter(is_it).select("id")]
    frames += [_found(data / step, is_it).select("id") for step in ("ingest", "augment") if _files(data / step)]
    ids = pl.concat(frames)["id"].unique().sort().to_list()
    if len(ids) == 1:
        return str(ids[0])
    if not ids:
        raise SourceError(
            f"{start}: no row with this id below {data}; ids are in data/release/*.parquet and lineage.parquet"
        )
    raise SourceError(f"{start}: {len(ids)} rows begin like this: {', '.join(ids[:5])}; give more characters")


def _files(folder: Path) -> list[Path]:
    return whole_paths(folder, "**/examples/*.parquet")


def _found(folder: Path, is_it: pl.Expr) -> pl.DataFrame:
    """The rows below `folder` of which `is_it` holds; raises SourceError for a damaged file."""
    try:
        return pl.scan_parquet(_files(folder), schema=EXAMPLE).filter(is_it).collect()
    except pl.exceptions.PolarsError as error:
        raise unreadable(folder, error) from None


def _row(folder: Path, id: str) -> dict[str, Any] | None:
    if not _files(folder):
        return None
    found = _found(folder, pl.col("id") == id)
    return found.row(0, named=True) if len(found) else None


def _row_of_release(data: Path, id: str) -> tuple[str | None, dict[str, Any] | None]:
    """The file of the release that has the row, and the row."""
    for path in [data / "release" / f"{split}.parquet" for split in SPLITS]:
        if path.is_file() and len(found := pl.scan_parquet(path).filter(pl.col("id") == id).collect()):
            return path.name, found.row(0, named=True)
    return None, None


def _relatives(step: Path, row: dict[str, Any]) -> list[str]:
    """The other rows of its family in the output of `step`, the last that has the row."""
    same = (pl.col("family") == row["family"]) & (pl.col("id") != row["id"])
    return _found(step, same)["id"].head(RELATIVES_SHOWN).to_list()


def render(life: dict[str, Any]) -> str:
    """The life as lines for a terminal."""
    lines = [f"{life['id']}  {life['fate']}"]
    if life["source"]:
        lines.append(f"  from {life['source']} {life['source_row']} ({life['license'] or 'no licence stated'})")
    if life["parent"]:
        lines.append(f"  made from {life['parent']}")
    if life["withheld"]:
        lines.append("  as ingested: withheld, it held personal data")
    lines += [f"  as ingested | {m['role']}: {_short(m['content'])}" for m in life["ingested"] or []]
    lines += [f"  {_event(event)}" for event in life["events"]]
    if life["messages"] != life["ingested"]:
        lines += [f"  as it is now | {m['role']}: {_short(m['content'])}" for m in life["messages"] or []]
    known = ("language", "instruction_type", "type_confidence", "family", "split", "survivor", "released_in")
    lines += [f"  {name}: {_plain(life[name])}" for name in known if life[name] is not None]
    for name in ("merged_into_it", "children", "relatives"):
        lines += [f"  {name}: {', '.join(life[name])}"] if life[name] else []
    return "\n".join(lines)


def _event(event: dict[str, Any]) -> str:
    text = f"{event['step']}: {event['action']} ({event['reason']})"
    if event["measure"] is not None:
        text += f", measured {event['measure']:.3g}"
    if event["threshold"] is not None:
        text += f", threshold {event['threshold']:.3g}"
    if event["other_id"]:
        text += f", {'into' if event['action'] == 'merge' else 'with'} {event['other_id']}"
    if event["before"] is not None or event["after"] is not None:
        text += f"\n      - {_short(event['before'] or '')}\n      + {_short(event['after'] or '')}"
    return text


def _plain(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _short(text: str, most: int = 200) -> str:
    flat = text.replace("\n", "⏎")
    return flat if len(flat) <= most else f"{flat[:most]}…"
