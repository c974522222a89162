"""Dedup held against the exact truth (brute_force.py) on real rows: recall, precision, prefixes, formats, counts.

`pytest tests/benchmarks/test_dedup_truth.py -s` prints the tables. Needs the folder that INSTRUCTFLOW_DATA names;
skipped where it is not there. Recall is the share of true pairs of which at least one row went: a row goes into one
that stays, so a pair of which both stay was missed. Precision is the share of the rows that went that are what their
reason says of the row that stays.
"""

import csv
import gzip
import json
import os
import random
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable
from fractions import Fraction
from math import comb
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

import polars as pl
import pytest
from brute_force import (
    TOKEN,
    TURN,
    Row,
    Truth,
    Vocabulary,
    is_beginning,
    near_pairs,
    near_pairs_all_with_all,
    rows_of,
)
from brute_force import tokens as own_tokens

from tasks.core.files import read_examples, write_examples
from tasks.core.params import DedupParams, IngestParams, Source
from tasks.core.schema import examples_frame
from tasks.core.text import tokens
from tasks.dedup import dedup
from tasks.ingest import ingest

DATA = Path(os.environ.get("INSTRUCTFLOW_DATA", "")).resolve()
OPEN_CHINESE = "alpaca_zh_en/open_chinese_v3"
THRESHOLDS = {Fraction("0.8"): 0.999, Fraction("0.7"): 0.998}  # and the least recall; 16 x 3 MinHash has .9998, .9988
SEED = 0
ALPACA = ("instruction", "input", "output")
PIECE = re.compile(r"[\u3400-\u9fff]|[^\s\u3400-\u9fff]+")
TRANSLATED = {"columns": {"en": 0, "output": 1}, "template": "Translate into Chinese: {en}", "family_key": "en"}
pytestmark = [
    pytest.mark.timeout(3600),
    pytest.mark.skipif(not (DATA / OPEN_CHINESE).is_dir(), reason="INSTRUCTFLOW_DATA names no folder with real data"),
]


def half(language: str, **settings: Any) -> dict[str, Any]:
    columns = {field: f"{language}_{field}" for field in ALPACA}
    return {"path": OPEN_CHINESE, "columns": columns, **settings}


CHATS = {
    "sharegpt_zh": {"path": "chat/medicalgpt_sharegpt_zh_1k.jsonl.gz"},
    "glaive": {"path": "chat", "include": "llamafactory_glaive*"},
    "dummy": {"path": "chat/fastchat_dummy_conversation.json.gz"},
    "sgd": {"path": "dialog", "include": "sgd*"},
    "crosswoz": {"path": "dialog/crosswoz_val.json.gz"},
}
CORPORA: dict[str, dict[str, dict[str, Any]]] = {
    "en": {"open_chinese_en": half("en", max_rows=20_000)},
    "zh": {"open_chinese_zh": half("zh", max_rows=20_000)},
    "two translations": {"open_chinese_zh": half("zh"), "carbonz0": {"path": "alpaca_zh", "include": "carbonz0*"}},
    "templates": {
        "roleplay": {"path": "other/gpteacher_roleplay.json.gz"},
        "toolformer": {"path": "other/gpteacher_toolformer.json.gz"},
        "code": {"path": "code/gpteacher_codegen.json.gz"},
        "ecqa": {"path": "math_qa/cot_ecqa_train.json.gz"},
    },
    "mixed": {
        **{name: CHATS[name] for name in ("sharegpt_zh", "glaive", "dummy")},
        "chatterbot": {"path": "dialog/chatterbot_corpus_1.3.3_en_zh.tar.gz"},
        "codealpaca": {"path": "code/codealpaca_2k.json.gz"},
        "gsm8k": {"path": "math_qa/gsm8k_train.jsonl.gz", "max_rows": 1_500},
        "tatoeba": {"path": "translation/tatoeba_cmn_eng_28447.tsv.gz", **TRANSLATED, "max_rows": 1_500},
    },
}
N_EDITED = {"en": 2_000, "zh": 2_000}  # rows that come once more, edited: 20,000 rows of one half have one near pair
EDITED_SHARE = (0, 0.01, 0.02, 0.03, 0.05, 0.08)  # of a row's pieces


class Corpus(NamedTuple):
    """Some sources as ingest left them, in place of what clean leaves; `folder` is the parent of the sources."""

    name: str
    folder: Path
    sources: dict[str, Source]
    rows: dict[str, Row]


class Done(NamedTuple):
    """What a run of the step left: the ids that stay, the ledger's lines of the others by id, near pairs; seconds."""

    stay: set[str]
    gone: dict[str, dict[str, Any]]
    near_pairs: list[dict[str, Any]]
    seconds: float


def ingested(name: str, folder: Path, settings: dict[str, dict[str, Any]]) -> Corpus:
    """Ingest each source, its path below DATA or a whole one, into `folder/data/clean/<source>`."""
    clean, sources = folder / "data" / "clean", {}
    for source_name, of_source in settings.items():
        sources[source_name] = source = Source(**of_source | {"path": str(DATA / of_source["path"])})
        ingest(Path(source.path), clean / source_name, IngestParams(), name=source_name, source=source)
    return Corpus(name, clean, sources, rows_of(read_examples(clean)))


def deduped(corpus: Corpus, target: str, **params: Any) -> Done:
    """Run the step; every row that went has one line in the ledger, and no other has."""
    folder, start = corpus.folder.with_name(target), perf_counter()
    dedup(corpus.folder, folder, DedupParams(**params), sources=corpus.sources)
    seconds = perf_counter() - start
    stay = set(read_examples(folder)["id"])
    lines = pl.read_parquet(folder / "ledger.parquet").filter(pl.col("action").is_in(["merge", "drop"])).to_dicts()
    gone = {line["id"]: line for line in lines}
    assert len(gone) == len(lines)
    assert stay.isdisjoint(gone)
    assert stay | set(gone) == set(corpus.rows)
    near = pl.read_parquet(folder / "pairs.parquet").filter(level="near").to_dicts()
    return Done(stay, gone, near, seconds)


def edited(examples: pl.DataFrame, n: int) -> pl.DataFrame:
    """A seeded sample of the rows once more, a share of their Han characters and words those of another place.

    Where that share is nothing, the case is another and each turn ends with an ellipsis: equal tokens.
    """
    rng, rows = random.Random(SEED), examples.sample(n, seed=SEED).to_dicts()
    some = [piece for row in rows for turn in row["messages"] for piece in PIECE.findall(turn["content"])]
    made = []
    for place, row in enumerate(rows):
        share = rng.choice(EDITED_SHARE)

        def other(piece: re.Match[str], share: float = share) -> str:
            return rng.choice(some) if rng.random() < share else piece[0]

        texts = [
            PIECE.sub(other, turn["content"]) if share or not TOKEN.search(turn["content"])
            else f"{turn['content'].swapcase()} …"
            for turn in row["messages"]
        ]  # fmt: skip
        turns = [turn | {"content": text} for turn, text in zip(row["messages"], texts, strict=True)]
        made.append({"id": f"edited-{place:04}", "messages": turns, "tools": row["tools"], "source": "edited"})
    return examples_frame(made)


def wrong_with(
    line: dict[str, Any], truth: Truth, done: Done, place: dict[str, int], threshold: Fraction
) -> str | None:
    """What is not true of one row that went; None where all is. `place` is the order in which rows are visited."""
    row, kept = truth.rows[line["id"]], truth.rows.get(line["other_id"])
    if kept is None or kept.id not in done.stay:
        return "the other row is not in the output"
    if line["action"] != "merge":
        return f"a row that repeats another has the action {line['action']}"
    if place[kept.id] > place[row.id]:
        return "the row that stays comes after the other in the keep order"
    same_bytes, same_text, measure = row.bytes == kept.bytes, row.text == kept.text, line["measure"]
    match line["reason"]:
        case "exact" | "normalised":
            if (line["reason"] == "exact") != same_bytes or not same_text:
                return f"equal bytes: {same_bytes}, equal tokens: {same_text}"
            return None if measure in (None, 1) else f"measure {measure} of equal rows"
        case "near":
            similarity, of_answers = truth.of_texts(row.id, kept.id), truth.of_answers(row.id, kept.id)
            if same_text or min(similarity, of_answers) < threshold:
                return f"J {float(similarity):.4f}, of the answers {float(of_answers):.4f}, equal tokens: {same_text}"
            return None if measure == pytest.approx(float(similarity)) else f"measure {measure}, J {similarity}"
        case "prefix":
            if not is_beginning(row, kept):
                return "no beginning of the row that stays"
            share = len(row.turns) / len(kept.turns)
            return None if measure == pytest.approx(share) else f"measure {measure}, turns {share}"
    return f"unknown reason {line['reason']}"


def reasons(lines: Iterable[dict[str, Any]]) -> dict[str, int]:
    """How many rows went for which reason."""
    return dict(sorted(Counter(line["reason"] for line in lines).items()))


def said(counts: dict[str, int]) -> str:
    return ", ".join(f"{n:,} {reason}" for reason, n in counts.items()) or "none"


class Held(NamedTuple):
    """One run of the step beside the truth."""

    truth: Truth
    done: Done
    threshold: Fraction
    least_recall: float
    pairs: list[tuple[str, str]]  # true ones, between classes of equal text
    missed: list[tuple[str, str]]  # those of which both have a row that stays
    n_row_pairs: int  # the same between rows, with those of equal text
    n_row_pairs_missed: int
    wrong: dict[str, str]  # a row that went -> what is not true of it
    expected: set[str]  # the rows that go where every pair is looked at


@pytest.fixture(scope="module")
def table():
    lines: list[str] = []
    yield lines
    print(
        "\n| rows | t | rows in | true pairs | of rows | go | should go | reasons | recall | recall, of rows |", end=""
    )
    print(" precision | s | s of the truth |\n|---|---|---:|---:|---:|---:|---:|---|---:|---:|---:|---:|---:|")
    print("\n".join(lines))


@pytest.fixture(scope="module", params=CORPORA)
def known(request, tmp_path_factory):
    """A corpus, its truth from the lowest threshold, and the seconds that took."""
    name = request.param
    corpus = ingested(name, tmp_path_factory.mktemp("corpus"), CORPORA[name])
    if n := N_EDITED.get(name):
        write_examples(edited(read_examples(corpus.folder), n), corpus.folder / "edited" / "examples", 20_000)
        sources = corpus.sources | {"edited": Source()}
        corpus = corpus._replace(sources=sources, rows=rows_of(read_examples(corpus.folder)))
    start = perf_counter()
    return corpus, Truth(corpus.rows, min(THRESHOLDS)), perf_counter() - start


@pytest.fixture(scope="module")
def runs(known, table) -> dict[Fraction, Held]:
    """The step at each threshold."""
    return {threshold: run(*known, threshold, table) for threshold in THRESHOLDS}


@pytest.fixture(params=THRESHOLDS, ids=lambda t: f"{float(t)}")
def held(request, runs) -> Held:
    return runs[request.param]


def run(corpus: Corpus, truth: Truth, seconds: float, threshold: Fraction, table: list[str]) -> Held:
    done = deduped(corpus, f"dedup-{float(threshold)}", threshold=float(threshold))
    pairs = truth.near(threshold)
    stay_of = {one: sum(id in done.stay for id in ids) for one, ids in truth.classes.items()}
    missed = [(a, b) for a, b in pairs if stay_of[a] and stay_of[b]]
    size = {one: len(ids) for one, ids in truth.classes.items()}
    place = {id: n for n, id in enumerate(truth.visits())}
    wrong = {id: why for id, line in done.gone.items() if (why := wrong_with(line, truth, done, place, threshold))}
    n_row_pairs, n_row_pairs_missed = (
        sum(n[a] * n[b] for a, b in pairs) + sum(comb(of_class, 2) for of_class in n.values()) for n in (size, stay_of)
    )
    expected = truth.goes(threshold)
    table.append(
        f"| {corpus.name} | {float(threshold)} | {len(corpus.rows):,} | {len(pairs):,} | {n_row_pairs:,} "
        f"| {len(done.gone):,} | {len(expected):,} | {said(reasons(done.gone.values()))} "
        f"| {1 - len(missed) / len(pairs):.5f} | {1 - n_row_pairs_missed / n_row_pairs:.5f} "
        f"| {1 - len(wrong) / len(done.gone):.4f} | {done.seconds:.1f} | {seconds:.1f} |"
    )
    least = THRESHOLDS[threshold]
    return Held(truth, done, threshold, least, pairs, missed, n_row_pairs, n_row_pairs_missed, wrong, expected)


def shown(truth: Truth, *ids: str) -> str:
    """Rows for people to read."""
    return "\n".join(f"    {id} {truth.rows[id].source}: {truth.rows[id].said[:300]!r}" for id in ids)


def test_the_inverted_index_finds_what_all_with_all_finds(known):
    _, truth, _ = known
    some = [one for pair in truth.near(truth.lowest)[:150] for one in pair]  # so that there is something to find
    some += random.Random(SEED).sample(sorted(truth.classes), 150)
    sets = {id: truth.vocabulary.shingles(truth.rows[id].text) for id in some}
    for threshold in (Fraction("0.5"), *THRESHOLDS, Fraction(1)):
        found = near_pairs(sets, threshold)
        assert found == near_pairs_all_with_all(sets, threshold)
        assert found or threshold == 1


def test_both_tokenizers_say_the_same_of_the_real_rows(known):
    corpus, _, _ = known
    examples = read_examples(corpus.folder).select("id", "messages").explode("messages").unnest("messages")
    theirs = examples.select("id", "content", tokens=tokens(pl.col("content")))
    assert theirs["tokens"].list.len().sum() > 200_000
    differ = [
        (id, content, [pair for pair in zip(found, own, strict=False) if pair[0] != pair[1]] or [found, own])
        for id, content, found in theirs.iter_rows()
        if tuple(found) != (own := own_tokens(content))
    ]
    print(f"\n{corpus.name}: {len(theirs):,} turns, {len(differ)} differ")
    for id, content, pairs in differ[:20]:
        print(f"    {id} {content[:100]!r}: {pairs[:3]}")
    assert differ == []


def test_almost_every_true_pair_loses_a_row(held):
    for a, b in held.missed[:5]:
        similarities = [float(held.truth.of_texts(a, b)), float(held.truth.of_answers(a, b))]
        print(f"\nmissed at {float(held.threshold)}, J {similarities}:\n{shown(held.truth, a, b)}")
    assert len(held.pairs) > 50
    assert len(held.done.gone) > 50
    assert len(held.missed) <= (1 - held.least_recall) * len(held.pairs)
    assert held.n_row_pairs_missed <= (1 - held.least_recall) * held.n_row_pairs


def test_every_row_that_goes_repeats_the_row_that_stays_and_the_measure_is_true(held):
    for id, why in list(held.wrong.items())[:10]:
        line = held.done.gone[id]
        print(f"\n{line['reason']}: {why}\n{shown(held.truth, *{id, line['other_id']} & set(held.truth.rows))}")
    assert Counter(held.wrong.values()) == {}


def test_no_two_rows_that_stay_have_equal_tokens(held):
    texts = Counter(held.truth.rows[id].text for id in held.done.stay)
    assert {text: n for text, n in texts.items() if n > 1} == {}


def test_no_row_that_stays_is_the_beginning_of_another_that_stays(held):
    left = [id for id in held.done.stay if not held.done.stay.isdisjoint(held.truth.begins.get(id, ()))]
    print("\n" + shown(held.truth, *left[:5]))
    assert left == []


def test_the_rows_that_go_are_those_that_go_when_every_pair_is_looked_at(held):
    more, fewer = set(held.done.gone) - held.expected, held.expected - set(held.done.gone)
    print(f"\ngo, and should not: {len(more)}\n{shown(held.truth, *sorted(more)[:5])}")
    print(f"should go, and do not: {len(fewer)}\n{shown(held.truth, *sorted(fewer)[:5])}")
    assert len(more) + len(fewer) <= 2 * len(held.missed)  # where a row stays that should go, another may go into it


def test_the_stored_pairs_are_true_and_almost_all_from_the_floor_on(held):
    truth, floor = held.truth, Fraction(str(DedupParams().floor))
    stored = {tuple(sorted((truth.class_of[p["a"]], truth.class_of[p["b"]]))): p for p in held.done.near_pairs}
    assert len(stored) == len(held.done.near_pairs)
    for (a, b), pair in stored.items():
        assert pair["similarity"] == pytest.approx(float(truth.of_texts(a, b)))
        assert pair["answer_similarity"] == pytest.approx(float(truth.of_answers(a, b)))
    true = set(truth.near(floor))
    share = len(true & set(stored)) / len(true)
    print(f"\nstored {len(stored):,} of {len(true):,} true pairs from {float(floor)} on: {share:.5f}")
    assert set(stored) <= true
    assert len(true - set(stored)) <= (1 - THRESHOLDS[floor]) * len(true)


def cut(row: dict[str, Any], rng: random.Random, n: int) -> dict[str, Any]:
    """The beginning of a conversation up to an assistant turn that is not its last.

    In every second one each turn ends with an ellipsis, which is no token: it says the same.
    """
    ends = [place for place, turn in enumerate(row["messages"][:-1], 1) if turn["role"] == "assistant"]
    turns = row["messages"][: rng.choice(ends)]
    if n % 2:
        turns = [turn | {"content": turn["content"] + " …" * bool(TOKEN.search(turn["content"]))} for turn in turns]
    return {"id": f"cut-{n:04}", "messages": turns, "tools": row["tools"], "source": "beginnings"}


def test_every_beginning_of_a_real_conversation_that_stays_goes_into_a_row_that_it_begins(tmp_path):
    whole, rng, threshold = ingested("chats", tmp_path, CHATS), random.Random(SEED), Fraction("0.8")
    rows = read_examples(whole.folder).to_dicts()
    long = [row for row in rows if sum(turn["role"] == "assistant" for turn in row["messages"]) > 1]
    chosen = rng.sample(long, 800)
    planted = [cut(row, rng, n) for n, row in enumerate(chosen)]
    write_examples(examples_frame(planted), whole.folder / "beginnings" / "examples", 20_000)
    sources = whole.sources | {"beginnings": Source()}
    corpus = whole._replace(rows=rows_of(read_examples(whole.folder)), sources=sources)
    done, truth = deduped(corpus, "dedup"), Truth(corpus.rows, threshold)
    print("\n| beginnings of | planted | go | reasons |\n|---|---:|---:|---|")
    for source in sorted({row["source"] for row in chosen}):
        ids = [beginning["id"] for beginning, row in zip(planted, chosen, strict=True) if row["source"] == source]
        went = [done.gone[id] for id in ids if id in done.gone]
        print(f"| {source} | {len(ids)} | {len(went)} | {said(reasons(went))} |")
    others = [line for id, line in done.gone.items() if not id.startswith("cut-")]
    print(f"| (not planted) | {len(whole.rows)} | {len(others)} | {said(reasons(others))} |")
    place = {id: n for n, id in enumerate(truth.visits())}
    wrong = {id: why for id, line in done.gone.items() if (why := wrong_with(line, truth, done, place, threshold))}
    for id, why in list(wrong.items())[:10]:
        print(f"{done.gone[id]['reason']}: {why}\n{shown(truth, id, done.gone[id]['other_id'])}")
    left = [row["id"] for row in planted if row["id"] in done.stay]
    longer = Counter(done.gone.get(other, {"reason": "stay"})["reason"] for id in left for other in truth.begins[id])
    print(f"{len(left)} beginnings stay; the rows that they begin: {said(longer)}")
    assert [id for id in left if not done.stay.isdisjoint(truth.begins[id])] == []
    assert set(left) == {row["id"] for row in planted} - truth.goes(threshold)
    assert len(left) < 0.1 * len(planted)  # all that they begin went into rows of other words
    assert wrong == {}
    assert reasons(line for id, line in done.gone.items() if id.startswith("cut-"))["prefix"] > 600
    assert [id for id in done.stay if not done.stay.isdisjoint(truth.begins.get(id, ()))] == []


def as_chat(pair: dict[str, str]) -> tuple[str, str]:
    """Prompt and answer as every format says them."""
    return "\n".join(part for part in (pair["instruction"], pair["input"]) if part), pair["output"]


def write_alpaca(pairs: list[dict[str, str]], file: Path) -> None:
    file.write_text(json.dumps(pairs, ensure_ascii=False, indent=1), encoding="utf-8")


def write_lines(form: Callable[[str, str], dict[str, Any]]) -> Callable[[list[dict[str, str]], Path], None]:
    def write(pairs: list[dict[str, str]], file: Path) -> None:
        lines = (json.dumps(form(*as_chat(pair)), ensure_ascii=False) + "\n" for pair in pairs)
        file.write_text("".join(lines), encoding="utf-8")

    return write


def write_csv(pairs: list[dict[str, str]], file: Path) -> None:
    """Every fourth answer with one more ellipsis, which is no token: equal after normalisation, not in bytes."""
    with file.open("w", encoding="utf-8", newline="") as out:
        table = csv.DictWriter(out, ALPACA)
        table.writeheader()
        table.writerows(pair | {"output": pair["output"] + "…" * (n % 4 == 0)} for n, pair in enumerate(pairs))


FORMATS: dict[str, tuple[str, str, Callable[[list[dict[str, str]], Path], None]]] = {
    "alpaca": ("pairs.json", "alpaca", write_alpaca),
    "sharegpt": ("pairs.jsonl", "sharegpt", write_lines(
        lambda q, a: {"conversations": [{"from": "human", "value": q}, {"from": "gpt", "value": a}]})),
    "messages": ("pairs.jsonl", "messages", write_lines(
        lambda q, a: {"messages": [{"role": "user", "content": q}, {"role": "assistant", "content": a}]})),
    "prompt_completion": ("pairs.jsonl", "prompt_completion", write_lines(lambda q, a: {"prompt": q, "completion": a})),
    "csv": ("pairs.csv", "alpaca", write_csv),
}  # fmt: skip


def real_pairs(n_each: int) -> list[dict[str, str]]:
    """`n_each` Chinese and English pairs with something on both sides, no two of them near or equal."""
    records = [record for record in raw(OPEN_CHINESE) if record["en_output"].strip() and record["zh_output"].strip()]
    some = random.Random(SEED).sample(records, n_each * 4)
    found, vocabulary = dict[str, dict[str, str]](), Vocabulary()
    for n, record in enumerate(some):  # by turns, so that no pair is there in both languages
        language = ("zh", "en")[n % 2]
        found[f"{language} {n:05}"] = {field: record[f"{language}_{field}"] for field in ALPACA}
    sets = {name: vocabulary.shingles(own_tokens(TURN.join(as_chat(pair)))) for name, pair in found.items()}
    near = {other for _, other in near_pairs(sets, min(THRESHOLDS))}
    apart = {language: [found[name] for name in found if name not in near and language in name]
             for language in ("zh", "en")}  # fmt: skip
    return [pair for of_language in apart.values() for pair in of_language[:n_each]]


def test_the_same_pairs_in_five_formats_are_one_row_a_pair(tmp_path):
    pairs, settings = real_pairs(500), dict[str, dict[str, Any]]()
    for name, (file, _, write) in FORMATS.items():
        (tmp_path / name).mkdir()
        write(pairs, tmp_path / name / file)
        settings[name] = {"path": str(tmp_path / name / file)}
    corpus = ingested("formats", tmp_path, settings)
    for name, (_, form, _) in FORMATS.items():
        report = json.loads((corpus.folder / name / "report.json").read_text(encoding="utf-8"))
        assert (report["measures"]["format"], report["rows_out"]) == (form, len(pairs)), name
    done = deduped(corpus, "dedup")
    print("\n| source | rows | stay | exact | normalised |\n|---|---:|---:|---:|---:|")
    for name in FORMATS:
        ids = [row.id for row in corpus.rows.values() if row.source == name]
        n = reasons(done.gone[id] for id in ids if id in done.gone)
        stay = sum(id in done.stay for id in ids)
        print(f"| {name} | {len(ids)} | {stay} | {n.get('exact', 0)} | {n.get('normalised', 0)} |")
    by_text = {row.text: row.id for row in corpus.rows.values() if row.id in done.stay}
    assert len(pairs) == len(by_text) == len(done.stay) == 1_000
    assert len(done.gone) == (len(FORMATS) - 1) * len(pairs)
    levels = Counter()
    for id, line in done.gone.items():
        row, kept = corpus.rows[id], corpus.rows[line["other_id"]]
        assert kept.id == by_text[row.text]
        assert line["reason"] == ("exact" if row.bytes == kept.bytes else "normalised"), shown_rows(row, kept)
        levels[line["reason"]] += 1
    assert set(levels) == {"exact", "normalised"}
    # Where the CSV's row stays, four others are normalised repeats of it; else it alone is.
    n_stay = sum(corpus.rows[id].source == "csv" and corpus.rows[id].said.endswith("…") for id in done.stay)
    assert levels["normalised"] == len(pairs) // 4 + 3 * n_stay


def shown_rows(*rows: Row) -> str:
    return "\n".join(f"    {row.id} {row.source}: {row.said[:300]!r}" for row in rows)


def raw(path: str) -> list[dict[str, Any]]:
    """The records of a JSON or JSON lines file, or of a folder of them, read without the project's readers."""
    records = []
    for file in sorted((DATA / path).iterdir()) if (DATA / path).is_dir() else [DATA / path]:
        text = gzip.decompress(file.read_bytes()).decode()
        records += [json.loads(line) for line in text.splitlines()] if ".jsonl" in file.name else json.loads(text)
    return records


def as_they_are(text: str) -> str:
    return text


def letters_and_digits(text: str) -> str:
    """NFKC, lower case, nothing but letters and digits; the first 400: how the overlap of the files was counted."""
    folded = unicodedata.normalize("NFKC", text).lower()
    return "".join(char for char in folded if char.isalnum())[:400]


class Count(NamedTuple):
    """How many pairs, or prompts, of one file are equal to one of the other, and under which normalisation."""

    n: int
    what: str  # pairs, or prompts
    equal: Callable[[str], str]


class Overlap(NamedTuple):
    """Two files: their fields (prompt, its input, answer), how they are ingested, what is counted of them."""

    paths: tuple[str, str]
    fields: tuple[tuple[str, ...], tuple[str, ...]]
    settings: tuple[dict[str, Any], dict[str, Any]]
    counts: tuple[Count, ...]


OVERLAPS = {
    "codealpaca_new and gpteacher_codegen": Overlap(
        ("code/codealpaca_new.json.gz", "code/gpteacher_codegen.json.gz"),
        (ALPACA, ("instruction", "input", "response")),
        ({}, {}),
        (Count(4_535, "pairs", as_they_are),),
    ),
    "gsm8k_train and gsm8k_train_alpaca": Overlap(
        ("math_qa/gsm8k_train.jsonl.gz", "math_qa/gsm8k_train_alpaca.json.gz"),
        (("question", "-", "answer"), ALPACA),
        ({}, {}),
        (Count(7_473, "prompts", as_they_are), Count(5, "pairs", letters_and_digits), Count(0, "pairs", as_they_are)),
    ),
    "alpagasus_random_9k and open_chinese_en": Overlap(
        ("alpaca_en/alpagasus_random_9k.json.gz", OPEN_CHINESE),
        (ALPACA, tuple(f"en_{field}" for field in ALPACA)),
        ({}, {"columns": half("en")["columns"]}),
        (Count(9_098, "pairs", letters_and_digits), Count(9_096, "pairs", as_they_are)),
    ),
}


def compared(named: Iterable[tuple[str, str, str]], count: Count) -> dict[Any, str]:
    """Of (name, prompt, answer): what is compared -> the name; no two of one file are equal."""
    found: dict[Any, str] = {}
    for name, prompt, answer in named:
        key = count.equal(prompt) if count.what == "prompts" else (count.equal(prompt), count.equal(answer))
        assert key not in found
        found[key] = name
    return found


def raw_pairs(path: str, fields: tuple[str, ...]) -> list[tuple[str, str, str]]:
    """(number, prompt, answer) of each record of a file."""
    question, more, answer = fields
    return [
        (f"{n}", "\n".join(part for part in (record[question], record.get(more, "")) if part), record[answer])
        for n, record in enumerate(raw(path))
    ]


def fate(a: Row, b: Row, done: Done, truth: Truth) -> str:
    """What became of two rows that a count has as equal, in words."""
    into = {row.id: done.gone[row.id] for row in (a, b) if row.id in done.gone}
    for row, other in ((a, b), (b, a)):
        if row.id in into and into[row.id]["other_id"] == other.id:
            return f"one goes into the other, {into[row.id]['reason']}"
    levels = " and ".join(sorted(line["reason"] for line in into.values()))
    if len(into) == 2:
        n_others = len({line["other_id"] for line in into.values()})
        return f"both go into {'the same third row' if n_others == 1 else 'two other rows'}, {levels}"
    if into:
        return f"one goes into a third row and the other stays, {levels}"
    similarities = {"texts": truth.of_texts(a.id, b.id), "answers": truth.of_answers(a.id, b.id)}
    low = [what for what, similarity in similarities.items() if similarity < Fraction("0.8")]
    assert low, shown_rows(a, b)
    return f"both stay, J below 0.8 of their {' and '.join(low)}"


@pytest.mark.parametrize("name", OVERLAPS)
def test_the_known_overlap_of_two_files_is_merged_and_every_pair_accounted_for(name, tmp_path):
    case, threshold = OVERLAPS[name], Fraction("0.8")
    sides = [raw_pairs(path, fields) for path, fields in zip(case.paths, case.fields, strict=True)]
    of_files = zip(("one", "other"), case.paths, case.settings, strict=True)
    sources = {source: {"path": path, **settings} for source, path, settings in of_files}
    corpus = ingested(name, tmp_path, sources)
    done, truth = deduped(corpus, "dedup"), Truth(corpus.rows, threshold)
    of_source = [[row for row in corpus.rows.values() if row.source == source] for source in sources]
    assert [len(rows) for rows in of_source] == [len(side) for side in sides]
    lines = list(done.gone.values())
    crosses = [corpus.rows[line["id"]].source != corpus.rows[line["other_id"]].source for line in lines]
    across = [line for line, crossing in zip(lines, crosses, strict=True) if crossing]
    within = [line for line, crossing in zip(lines, crosses, strict=True) if not crossing]
    print(f"\n{name}: {' + '.join(f'{len(side):,}' for side in sides)} rows, {done.seconds:.1f} s")
    print(f"    {len(across):,} rows go into one of the other file: {said(reasons(across))}")
    print(f"    {len(within):,} rows go into one of their own file: {said(reasons(within))}")
    for count in case.counts:
        counted = [compared(side, count) for side in sides]
        assert len(counted[0].keys() & counted[1].keys()) == count.n
        ids = [compared(((r.id, *(turn[1] for turn in r.bytes[0])) for r in rows), count) for rows in of_source]
        pairs = {(ids[0][key], ids[1][key]) for key in ids[0].keys() & ids[1].keys()}
        assert len(pairs) == count.n
        fates = {(a, b): fate(corpus.rows[a], corpus.rows[b], done, truth) for a, b in pairs}
        print(f"  {count.n:,} {count.what} equal by {count.equal.__name__}, of which")
        for what, n in Counter(fates.values()).most_common():
            print(f"    {n:,}: {what}")
        for a, b in sorted(pairs) if len(pairs) < 10 else ():
            line = done.gone.get(a, done.gone.get(b, {"reason": "both stay", "measure": None}))
            print(f"      {line['reason']} {line['measure']}, J of answers {float(truth.of_answers(a, b)):.3f}")
        others = [
            line for line in across if not {(line["id"], line["other_id"]), (line["other_id"], line["id"])} & pairs
        ]
        print(f"    besides, {len(others):,} rows go into one of the other file with which they are no such pair")
        for line in others[:2]:
            print(f"      {line['reason']} {line['measure']}\n{shown(truth, line['id'], line['other_id'])}")
        assert len(across) - len(others) == sum(what.startswith("one goes into the other") for what in fates.values())
        for a, b in pairs:
            if corpus.rows[a].text == corpus.rows[b].text:  # one of the two goes, or both into one that stays for both
                assert fates[a, b].startswith(("one goes into the other, ", "both go into the same third row"))
                assert done.gone[a if a in done.gone else b]["reason"] in {"exact", "normalised", "near", "prefix"}
    place = {id: n for n, id in enumerate(truth.visits())}
    assert {id: why for id, line in done.gone.items() if (why := wrong_with(line, truth, done, place, threshold))} == {}
    missed = [(a, b) for a, b in truth.near(threshold) if {a, b} <= done.stay]
    print(
        f"  true pairs {len(truth.near(threshold)):,}, missed {len(missed)}; should go {len(truth.goes(threshold)):,}"
    )
    assert len(missed) <= (1 - THRESHOLDS[threshold]) * len(truth.near(threshold))
