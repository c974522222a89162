"""Write the rows that stay, from shards to shards, with the memory of a shard whatever the number of rows."""

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import polars as pl

from tasks.core.files import PART, read_table, write_parquet
from tasks.core.schema import EXAMPLE


def write_kept(files: list[Path], kept: pl.DataFrame, folder: Path, rows_per_shard: int, threads: int) -> int:
    """Write the rows of `files` (shards of Examples) whose id is in `kept` as the shards of `folder`, sorted by id.

    `kept` has id and columns that take the place of a row's own. Every shard is cut where the new shards
    begin, then the pieces of each new shard are put together: each row is read and written twice. Gives the rows
    written; the bytes are those that `write_examples` writes. Raises ValueError when an id comes twice.
    """
    kept = kept.sort("id")
    if twice := kept.filter(pl.col("id").is_duplicated())["id"].unique().sort().to_list():
        raise ValueError(f"ids that come twice: {twice[:3]}")
    begins = kept["id"].gather_every(rows_per_shard)
    pieces = folder.with_name("pieces")
    pieces.mkdir(parents=True)

    def cut(n: int) -> None:
        rows = read_table(files[n], schema=EXAMPLE).drop(kept.drop("id").columns).join(kept, on="id").sort("id")
        places = [*rows["id"].search_sorted(begins), len(rows)]
        for part, begin in enumerate(places[:-1]):
            if places[part + 1] > begin:
                rows[begin : places[part + 1]].write_ipc(pieces / f"{part:05}-{n:05}.arrow")

    def join(part: int) -> int:
        found = sorted(pieces.glob(f"{part:05}-*.arrow"))
        rows = pl.concat([pl.DataFrame(schema=EXAMPLE), *(pl.read_ipc(piece).select(list(EXAMPLE)) for piece in found)])
        write_parquet(rows.sort("id"), folder / PART.format(part))
        return len(rows)

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(cut, range(len(files))))
        n_rows = sum(pool.map(join, range(max(1, len(begins)))))
    shutil.rmtree(pieces)
    return n_rows
