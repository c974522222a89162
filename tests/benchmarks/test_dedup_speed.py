"""Speed, memory, recall and precision of near-duplicate removal beside rensa, datasketch, text-dedup and Data-Juicer;
the whole steps dedup and decontaminate; a million rows.

`pytest tests/benchmarks/test_dedup_speed.py -s` prints the tables. Needs INSTRUCTFLOW_DATA (the folder with the real
data) and, to compare, INSTRUCTFLOW_PEERS (the folder that make_peers.py has filled); skipped without them.
INSTRUCTFLOW_1M=1 goes on to a million rows, INSTRUCTFLOW_ROUNDS says how often each tool runs (3).

Every tool is a whole process, start-up included, that reads one Parquet file and leaves the rows that stay. Its answer
is held against all pairs by exact Jaccard similarity: recall is the share of true pairs of which at least one row has
gone, precision the share of rows gone that have a true neighbour. The truth comes twice: by words between white space
and runs of 5 of them, the same for all, and by the tool's own tokens and runs of its own n.
"""

import gzip
import json
import os
import random
import re
import sys
from collections.abc import Callable, Iterable
from itertools import islice
from math import ceil, nan
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import yaml
from cost import COLUMNS, Cost, measured, middle, print_table, ratios

from tasks.core.files import file_hash, write_examples
from tasks.core.params import DecontaminateParams, DedupParams, IngestParams, Source
from tasks.core.schema import examples_frame
from tasks.core.text import normalised
from tasks.ingest import ingest

ROOT = Path(os.environ.get("INSTRUCTFLOW_DATA", "")).resolve()
DATA = ROOT / "alpaca_zh_en" / "open_chinese_v3"
PEERS = Path(os.environ.get("INSTRUCTFLOW_PEERS") or os.devnull).resolve()
ROUNDS = int(os.environ.get("INSTRUCTFLOW_ROUNDS", "3"))
SIZES = (50_000, 250_000) + (1_000_000,) * (os.environ.get("INSTRUCTFLOW_1M") == "1")
ROWS_PER_SHARD, WORD_NGRAM = 20_000, 5
THRESHOLD = 0.7  # beside the peers; MinHash tools have it as default
LANGUAGES = {"en": 0.7, "zh": 0.3}  # and their shares of the made rows
OFFLINE = dict.fromkeys(("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE", "UV_OFFLINE", "PIP_NO_INDEX"), "1")

# Ours, as whole processes: the only places that know how the steps are called.
NEAR = """
import json, sys, time
from pathlib import Path
import polars as pl
from tasks.core.database import database
from tasks.core.params import DedupParams
from tasks.core.text import normalised
from tasks.duplicates.near import near_pairs
from tasks.duplicates.rows import key_of
from tasks.duplicates.survivors import PAIRS, decide

begin = time.perf_counter()
texts, kept, params = Path(sys.argv[1]), Path(sys.argv[2]), DedupParams.model_validate_json(sys.argv[3])
kept.mkdir(parents=True)
key = pl.int_range(pl.len(), dtype=pl.UInt32)
rows = pl.scan_parquet(texts).select(key=key, text=normalised(pl.col("text")))
rows.sink_parquet(kept / "texts", compression="lz4", row_group_size=10_000)
keys = pl.scan_parquet(kept / "texts").select("key", text=key_of(pl.col("text"))).collect(engine="streaming")
first = pl.col("key").min().over("text")
same = keys.select(a=first, b="key", level=pl.lit("normalised"), similarity=1.0).filter(pl.col("a") != pl.col("b"))
del keys
with database(params) as db:
    db.register("same", same.select(key="b").to_arrow())
    db.read_parquet(str(kept / "texts")).create_view("told")
    db.execute("create temp view texts as select key, text from told anti join same using (key)")
    near, _ = near_pairs(db, params.threshold, params)
(kept / "texts").unlink()
near = near.with_columns(level=pl.lit("near"))
gone = decide(pl.concat([pl.DataFrame(schema=PAIRS), same, near], how="diagonal_relaxed"))
stays = pl.scan_parquet(texts).with_row_index("key").join(gone.lazy(), on="key", how="anti", maintain_order="left")
stays.select("id", "text").sink_parquet(kept / "kept.parquet")
n_rows = pl.scan_parquet(texts).select(pl.len()).collect().item()
print(json.dumps({"rows_out": n_rows - len(gone), "seconds": time.perf_counter() - begin}))
"""
DEDUP = """
import json, sys, time
from pathlib import Path
from tasks.core.params import DedupParams, Source
from tasks.dedup import dedup

begin = time.perf_counter()
examples, target, params = Path(sys.argv[1]), Path(sys.argv[2]), DedupParams.model_validate_json(sys.argv[3])
sources = {folder.name: Source(path=str(folder)) for folder in sorted(examples.iterdir())}
report = dedup(examples, target, params, sources=sources)
print(json.dumps({"rows_out": report.rows_out, "seconds": time.perf_counter() - begin}))
"""
DECONTAMINATE = """
import json, sys, time
from pathlib import Path
from tasks.core.params import DecontaminateParams
from tasks.decontaminate import decontaminate

begin = time.perf_counter()
examples, target, params = Path(sys.argv[1]), Path(sys.argv[2]), DecontaminateParams.model_validate_json(sys.argv[3])
paths = {name: Path(source.path) for name, source in params.benchmarks.items()}
report = decontaminate(examples, target, params, paths=paths)
print(json.dumps({"rows_out": report.rows_out, "seconds": time.perf_counter() - begin}))
"""

needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="INSTRUCTFLOW_DATA names no folder with the real data")
needs_peers = pytest.mark.skipif(
    not PEERS.is_dir(), reason="INSTRUCTFLOW_PEERS names no folder with the peers: see make_peers.py"
)


def ours(script: str, source: Path, target: Path, params: DedupParams | DecontaminateParams) -> Cost:
    return measured([sys.executable, "-c", script, source, target, params.model_dump_json()])


def peer(name: str, texts: Path, work: Path, threshold: float) -> Cost:
    """A peer with an empty cache of its own; it installs and downloads nothing."""
    script = Path(__file__).with_name("peer_dedup.py")
    env = OFFLINE | {"HF_HOME": str(work / "home"), "DATA_JUICER_CACHE_HOME": str(work / "home")}
    return measured([_python(name), script, name, texts, work, f"--threshold={threshold}"], env)


def _python(name: str) -> Path:
    return PEERS / name.removesuffix("-rho") / "bin" / "python"


# What the tools compare: how each makes tokens, and how many of them in a row.
Tokens = Callable[[str], list[str]]


def words(text: str) -> list[str]:
    return text.lower().split()


def our_tokens(text: str) -> list[str]:
    return pl.select(normalised(pl.lit(text))).item().split(" ")


def letters_and_digits(text: str) -> list[str]:
    return re.split(r"\W", text.lower())


def between_spaces(text: str) -> list[str]:
    return [word for word in text.lower().split(" ") if word]


PEER_TOKENS: dict[str, Tokens] = {
    "rensa": words,
    "rensa-rho": words,
    "datasketch": words,
    "text-dedup": letters_and_digits,
    "data-juicer": between_spaces,
}
OUR_PARAMS = {
    "instructflow": DedupParams(threshold=THRESHOLD),
    f"instructflow, ngram {WORD_NGRAM}": DedupParams(threshold=THRESHOLD, ngram=WORD_NGRAM),
}


class Truth:
    """All pairs of `texts` whose exact Jaccard similarity is >= `threshold`, over runs of `n` tokens.

    A text of fewer tokens is one run. Two sets with similarity >= t share one of the |x| - ceil(t |x|) + 1 rarest
    members of each (Chaudhuri, Ganti and Kaushik 2006, "A primitive operator for similarity joins in data cleaning"):
    an inverted index of those alone loses no pair.
    """

    def __init__(self, texts: Iterable[str], tokens: Tokens, n: int, threshold: float) -> None:
        number: dict[tuple[str, ...], int] = {}
        sets = []
        for text in texts:
            found = tokens(text)
            runs = {tuple(found[i : i + n]) for i in range(max(len(found) - n + 1, 1))}
            sets.append(np.array([number.setdefault(run, len(number)) for run in runs]))
        sizes = np.array([len(runs) for runs in sets])
        counts = np.bincount(np.concatenate(sets))
        least = np.ceil(threshold * sizes - 1e-9).astype(int)
        rarest = [
            runs[np.lexsort((runs, counts[runs]))[: size - at_least + 1]]
            for runs, size, at_least in zip(sets, sizes, least, strict=True)
        ]
        index = pl.DataFrame(
            {"key": np.repeat(np.arange(len(sets)), [len(runs) for runs in rarest]), "run": np.concatenate(rarest)}
        )
        met = (
            index.join(index, on="run").filter(pl.col("key") < pl.col("key_right")).select("key", "key_right").unique()
        )
        a, b = (met[name].to_numpy() for name in ("key", "key_right"))
        fits = np.minimum(sizes[a], sizes[b]) >= np.maximum(least[a], least[b])
        shared = [
            (a, b)
            for a, b in zip(a[fits].tolist(), b[fits].tolist(), strict=True)
            if (both := len(np.intersect1d(sets[a], sets[b], assume_unique=True)))
            >= threshold * (sizes[a] + sizes[b] - both) - 1e-9
        ]
        self.pairs = np.array(shared, dtype=int).reshape(-1, 2)

    def recall_and_precision(self, gone: set[int]) -> tuple[float, float]:
        """Of the pairs, those of which a row has `gone`; of the rows gone, those that have a neighbour; nan of none."""
        rows = np.array(sorted(gone), dtype=int)
        found = np.isin(self.pairs, rows).any(axis=1)
        near = np.isin(rows, self.pairs)
        return (found.mean() if len(found) else nan), (near.mean() if len(near) else nan)


def gone_of(texts: pl.DataFrame, work: Path) -> set[int]:
    """The rows of `texts`, by number, that a tool has not left in `work`/kept."""
    files = sorted((work / "kept").iterdir())
    kept = [pl.read_parquet(file) for file in files if file.suffix == ".parquet"]
    kept += [pl.read_ipc_stream(file) for file in files if file.suffix == ".arrow"]
    return set(texts.with_row_index("key").join(pl.concat(kept), on="id", how="anti")["key"].to_list())


def real_rows(language: str) -> list[tuple[str, str]]:
    """Prompt and answer of all rows of one half of the data."""
    names = [f"{language}_{name}" for name in ("instruction", "input", "output")]
    rows = []
    for file in sorted(DATA.glob("*.json.gz")):
        for row in json.loads(gzip.decompress(file.read_bytes())):
            instruction, further, answer = (row[name] for name in names)
            rows.append((f"{instruction}\n{further}" if further else instruction, answer))
    return rows


def as_texts(rows: Iterable[tuple[str, str]]) -> pl.DataFrame:
    texts = [f"{prompt}\n{answer}" for prompt, answer in rows]
    return pl.DataFrame({"id": [f"{n:08}" for n in range(len(texts))], "text": texts})


class Tokeniser:
    """Text as words with the space between them, or as characters; a sample of others to put in their place."""

    def __init__(self, rows: list[tuple[str, str]], language: str, rng: random.Random) -> None:
        self.space, self.rng = {"en": " ", "zh": ""}[language], rng
        sample = [token for row in rng.sample(rows, min(5000, len(rows))) for text in row for token in self.split(text)]
        self.others = [token for token in sample if token.isalnum()]

    def split(self, text: str) -> list[str]:
        return text.split(self.space) if self.space else list(text)

    def replaced(self, text: str, positions: Callable[[int], Iterable[int]]) -> str:
        """`text` with other tokens at those `positions` of its n tokens."""
        tokens = self.split(text)
        for i in positions(len(tokens)):
            tokens[i] = self.rng.choice(self.others)
        return self.space.join(tokens)

    def another(self, text: str) -> str:
        """`text` with every 4th token replaced: with runs of 3 and more at most a third is like it (J <= 1/3)."""
        return self.replaced(text, lambda n: range(self.rng.randrange(min(4, n)), n, 4) if n else ())

    def near(self, text: str) -> str:
        """`text`, of 80 tokens or more, with one of 80 replaced: J = (L - 5) / (L + 1) = .93 with runs of 3 in 80."""
        return self.replaced(text, lambda n: self.rng.sample(range(n), n // 80))


def made_rows(language: str, n: int) -> tuple[list[tuple[str, str]], int]:
    """`n` rows, prompt and answer, always the same, and how many of them repeat another one.

    2 % are copies byte for byte and 6 % near copies, whose prompts are equal and whose answers differ in one token of
    80, in clusters of 2 to 5. The others are the real rows, then again and again the real rows with every 4th token of
    prompt and answer replaced by one of another row: no near copies, but they have in common with the others what
    natural text has in common, and the more of them there are, the more rows share a run of tokens.
    """
    rng, real = random.Random(f"{language} {n}"), real_rows(language)
    rng.shuffle(real)
    by = Tokeniser(real, language, rng)
    n_copies, n_near = int(0.02 * n), int(0.06 * n)
    rows = real[: n - n_copies - n_near]
    while len(rows) < n - n_copies - n_near:
        prompt, answer = real[len(rows) % len(real)]
        rows.append((by.another(prompt), by.another(answer)))
    n_first = len(rows)
    while len(rows) < n_first + n_copies:
        rows += [rows[rng.randrange(n_first)]] * rng.randint(1, 4)
    del rows[n_first + n_copies :]
    while len(rows) < n:
        prompt, answer = rows[rng.randrange(n_first)]
        if len(by.split(answer)) >= 80:
            rows += [(prompt, by.near(answer)) for _ in range(rng.randint(1, 4))]
    del rows[n:]
    rng.shuffle(rows)
    return rows, n_copies + n_near


def made(folder: Path, n: int) -> tuple[Path, Path, int]:
    """A file of `n` made texts (id, text) and the same rows as cleaned examples of two sources; how many repeat."""
    clean, n_repeats, texts = folder / "clean", 0, []
    for language, share in LANGUAGES.items():
        n_rows = int(share * n)
        rows, repeats = made_rows(language, n_rows)
        n_repeats += repeats
        rng = random.Random(language)
        # in order, and those of one language between those of the other
        ids = [f"{i * 2**32 // n_rows:08x}{rng.getrandbits(96):024x}" for i in range(n_rows)]
        numbered = zip(ids, rows, strict=True)
        part = 0
        while shard := list(islice(numbered, ROWS_PER_SHARD)):
            examples = examples_frame(
                [
                    {
                        "id": id,
                        "source": language,
                        "language": language,
                        "messages": [{"role": "user", "content": p}, {"role": "assistant", "content": a}],
                    }
                    for id, (p, a) in shard
                ]
            )
            write_examples(examples, folder / "part" / "examples", ROWS_PER_SHARD)
            target = clean / language / "examples" / f"part-{part:05}.parquet"
            target.parent.mkdir(parents=True, exist_ok=True)
            (folder / "part" / "examples" / "part-00000.parquet").rename(target)
            texts.append(pl.DataFrame({"id": [id for id, _ in shard], "text": [f"{p}\n{a}" for _, (p, a) in shard]}))
            part += 1
    pl.concat(texts).sort("id").write_parquet(folder / "texts.parquet")
    return folder / "texts.parquet", clean, n_repeats


def with_near_copies(rows: list[tuple[str, str]], share: float = 0.1) -> list[tuple[str, str]]:
    """`rows` and, for a share of them, a copy with so many words replaced that J is about even from .5 to 1."""
    rng = random.Random("near copies")
    by = Tokeniser(rows, "en", rng)
    copies = []
    for prompt, answer in rng.sample(rows, int(share * len(rows))):
        similarity = rng.uniform(0.5, 1)
        n_lost = (1 - similarity) / (1 + similarity) / WORD_NGRAM  # of one token; a replaced one costs n runs
        copies.append(
            (prompt, by.replaced(answer, lambda n, lost=n_lost: rng.sample(range(n), min(n, max(1, ceil(lost * n))))))
        )
    return rows + copies


def ingested(folder: Path) -> int:
    """Both halves of the data, as `folder`/NAME/examples; gives their rows."""
    n_rows = 0
    for language in LANGUAGES:
        columns = {name: f"{language}_{name}" for name in ("instruction", "input", "output")}
        name = f"open_chinese_{language}"
        source = Source(path=str(DATA), columns=columns, language=language, license="Apache-2.0")
        params = IngestParams(rows_per_shard=ROWS_PER_SHARD)
        n_rows += ingest(DATA, folder / name, params, name=name, source=source).rows_out or 0
    return n_rows


def bytes_of(folder: Path) -> dict[str, str]:
    """The hash of every file below `folder`."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): file_hash(path, "sha256") for path in files}


def test_the_truth_is_what_comparing_all_with_all_says():
    said = [
        "keep calm and carry on my son",
        "he said 保持冷静 继续前进 and left",
        "yes no",
        "谢谢 你",
        "a b c d e f g h",
    ]
    texts = said + [f"{text} {word}" for text in said for word in ("too", "吗", "")]
    for n, threshold in ((1, 0.5), (2, 0.4), (3, 0.7)):
        runs = [{tuple(w[i : i + n]) for i in range(max(len(w) - n + 1, 1))} for w in map(words, texts)]
        near = [
            (a, b)
            for b in range(len(runs))
            for a in range(b)
            if len(runs[a] & runs[b]) / len(runs[a] | runs[b]) >= threshold
        ]
        assert near
        assert sorted(map(tuple, Truth(texts, words, n, threshold).pairs.tolist())) == sorted(near)


@needs_data
@needs_peers
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("near_copies", [False, True], ids=["as they are", "with near copies"])
def test_near_duplicates_beside_the_peers(tmp_path, near_copies):
    rows = real_rows("en")
    texts = as_texts(with_near_copies(rows) if near_copies else rows)
    file = tmp_path / "texts.parquet"
    texts.write_parquet(file)
    peers = [name for name in PEER_TOKENS if _python(name).exists()]
    print(f"\nNot there, so not measured: {', '.join(sorted(set(PEER_TOKENS) - set(peers))) or 'none'}.")
    runs: dict[str, list[Cost]] = {}
    for n in range(1 if near_copies else ROUNDS):
        for name, params in OUR_PARAMS.items():
            runs.setdefault(name, []).append(ours(NEAR, file, tmp_path / f"{name}-{n}" / "kept", params))
        for name in peers:
            runs.setdefault(name, []).append(peer(name, file, tmp_path / f"{name}-{n}", THRESHOLD))
    costs = {name: middle(of_tool) for name, of_tool in runs.items()}
    truths: dict[tuple[Tokens, int], Truth] = {}
    table, scores = [], {}
    for name, cost in costs.items():
        n = OUR_PARAMS[name].ngram if name in OUR_PARAMS else WORD_NGRAM
        gone = gone_of(texts, tmp_path / f"{name}-0")
        found = []
        for tokens, of_tokens in ((words, WORD_NGRAM), (PEER_TOKENS.get(name, our_tokens), n)):
            if (tokens, of_tokens) not in truths:
                truths[tokens, of_tokens] = Truth(texts["text"], tokens, of_tokens, THRESHOLD)
            found += truths[tokens, of_tokens].recall_and_precision(gone)
        scores[name] = found
        table.append([name, *cost.cells(), *(f"{value:.4f}" for value in found)])
    title = f"{len(texts):,} English rows{', a tenth of them near copies' * near_copies}, J >= {THRESHOLD}"
    columns = ["", *COLUMNS, "recall, words", "precision, words", "recall, own tokens", "precision, own tokens"]
    print_table(title, columns, table)
    for (tokens, n), truth in truths.items():
        print(f"{len(truth.pairs):,} true pairs by {tokens.__name__}, runs of {n}.")
    for name in OUR_PARAMS:
        for other in peers:
            print(f"{name} / {other}: {ratios(costs[name], costs[other])}.")
    for name in OUR_PARAMS:
        assert scores[name][3] == 1, "a row has gone that has no neighbour"
        assert scores[name][2] > 0.95


@needs_data
@pytest.mark.timeout(3600)
def test_the_whole_step_dedup(tmp_path):
    n_rows = ingested(tmp_path / "clean")
    costs = [ours(DEDUP, tmp_path / "clean", tmp_path / f"dedup-{n}", DedupParams()) for n in range(ROUNDS)]
    print_table(f"The step dedup, {n_rows:,} rows, both halves", COLUMNS, [middle(costs).cells()])
    assert 0.9 * n_rows < costs[0].rows_out <= n_rows
    assert all(bytes_of(tmp_path / "dedup-0") == bytes_of(tmp_path / f"dedup-{n}") for n in range(1, ROUNDS))


@needs_data
@pytest.mark.timeout(3600)
def test_the_whole_step_decontaminate(tmp_path):
    n_rows = ingested(tmp_path / "dedup")
    benchmarks = yaml.safe_load(Path(__file__).with_name("real.yaml").read_text())["decontaminate"]["benchmarks"]
    for source in benchmarks.values():
        source["path"] = source["path"].replace("$INSTRUCTFLOW_DATA", str(ROOT))
    params = DecontaminateParams(benchmarks=benchmarks)
    costs = [ours(DECONTAMINATE, tmp_path / "dedup", tmp_path / f"out-{n}", params) for n in range(ROUNDS)]
    report = json.loads((tmp_path / "out-0" / "report.json").read_text())["measures"]["benchmarks"]
    n_items = sum(counts["items"] for counts in report.values())
    title = f"The step decontaminate, {n_rows:,} rows, {n_items:,} items of {len(report)} benchmarks"
    print_table(title, COLUMNS, [middle(costs).cells()])
    assert 0.9 * n_rows < costs[0].rows_out <= n_rows
    assert all(bytes_of(tmp_path / "out-0") == bytes_of(tmp_path / f"out-{n}") for n in range(1, ROUNDS))


@needs_data
@pytest.mark.timeout(7200)
def test_it_grows_with_the_rows_and_not_with_the_memory(tmp_path):
    table, per_row = [], {}
    for n in SIZES:
        texts, clean, n_repeats = made(tmp_path / str(n), n)
        for memory in (2048, 1000) if n == SIZES[-1] else (2048,):
            for what, script, source in (("near", NEAR, texts), ("step", DEDUP, clean)):
                target = tmp_path / str(n) / f"{what}-{memory}"
                cost = ours(script, source, target, DedupParams(memory_limit_mb=memory))
                table.append(
                    [f"instructflow, {what}", f"{n:,}", memory, *cost.cells(), f"{cost.seconds_cpu / n * 1e6:.0f}"]
                )
                per_row.setdefault(what, {})[n] = cost.seconds_cpu / n
                assert n * 0.85 < cost.rows_out <= n - 0.98 * n_repeats, (what, n, memory)
        if n == SIZES[-1] and _python("rensa").exists():
            cost = peer("rensa", texts, tmp_path / str(n) / "rensa", DedupParams().threshold)
            table.append(["rensa", f"{n:,}", "", *cost.cells(), f"{cost.seconds_cpu / n * 1e6:.0f}"])
    columns = ["", "rows", "limit, MB", *COLUMNS, "CPU µs/row"]
    print_table(f"Made rows, 30 % Chinese, 8 % repeats, J >= {DedupParams().threshold}", columns, table)
    for what, of_size in per_row.items():
        growth = of_size[SIZES[-1]] / of_size[SIZES[0]]
        print(f"{what}: {growth:.2f} times the CPU time of a row from {SIZES[0]:,} to {SIZES[-1]:,} rows.")
    for what in per_row:
        folder = tmp_path / str(SIZES[-1])
        assert bytes_of(folder / f"{what}-2048") == bytes_of(folder / f"{what}-1000")
