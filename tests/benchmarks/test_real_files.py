"""Every file of the real data through ingest and clean: no record is lost; `pytest -s` prints what became of them.

Needs the folder that INSTRUCTFLOW_DATA names; skipped where it is not there.
"""

import json
import os
from itertools import islice
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

import polars as pl
import pytest
from lost_values import lost_values

from tasks.clean import clean
from tasks.core.errors import ParamsError, SourceError
from tasks.core.files import read_examples
from tasks.core.params import CleanParams, IngestParams, Source
from tasks.formats.conversation import REASONS
from tasks.formats.read import Record, records
from tasks.ingest import check, ingest

DATA = Path(os.environ.get("INSTRUCTFLOW_DATA", "")).resolve()
STEP, N_LOOKED_AT = 20, 50  # of every 20th record, until 50 were looked at
INTENT = {"columns": {"output": "category"}, "template": "What does the customer want? {text}"}
REASONED = {"columns": {"question": 0, "answer": 1}}
TRANSLATED = {"columns": {"en": 0, "output": 1}, "template": "Translate into Chinese: {en}", "family_key": "en"}
NO_ANSWER, NO_ROWS = "gives an example", "cannot tell the format"


class Case(NamedTuple):
    """A file or a folder below DATA, how it is read, and what is wrong where nothing of it can be."""

    path: str
    format: str
    settings: dict[str, Any] = {}  # noqa: RUF012
    error: str | None = None


OPEN_CHINESE = "alpaca_zh_en/open_chinese_v3"
CASES = [
    *(Case(f"alpaca_en/{name}.json.gz", "alpaca")
      for name in ("alpagasus_random_9k", "alpagasus_dolly_3k", "llamafactory_alpaca_en_demo")),
    *(Case(f"alpaca_zh/{name}.json.gz", "alpaca")
      for name in ("carbonz0_zh_data_part_00", "carbonz0_zh_data_part_01", "llamafactory_alpaca_zh_demo")),
    *(Case(OPEN_CHINESE, "alpaca", {"columns": {field: f"{language}_{field}" for field in
      ("instruction", "input", "output")}}) for language in ("zh", "en")),
    Case("bench/cmmlu_test.tar.gz", "multiple_choice"),
    Case("bench/gsm8k_test.jsonl.gz", "qa"),
    Case("bench/humaneval.jsonl.gz", "humaneval"),
    Case("bench/mt_bench_question.jsonl.gz", "turns"),
    Case("bench/mt_bench_reference_gpt4.jsonl.gz", "turns", error=NO_ANSWER),  # answers without their questions
    Case("bench/vicuna_bench_question.jsonl.gz", "turns", error=NO_ANSWER),
    Case("chat/fastchat_dummy_conversation.json.gz", "sharegpt"),
    Case("chat/llamafactory_dataset_info.json.gz", "", error=NO_ROWS),
    Case("chat/llamafactory_glaive_toolcall_en.json.gz", "sharegpt"),
    Case("chat/llamafactory_glaive_toolcall_zh.json.gz", "sharegpt"),
    Case("chat/llamafactory_identity.json.gz", "alpaca"),
    Case("chat/llamafactory_reason_tool_use_50.jsonl.gz", "messages"),
    Case("chat/llamafactory_v1_sft_demo.jsonl.gz", "messages"),
    Case("chat/medicalgpt_medical_sft_1k.jsonl.gz", "sharegpt"),
    Case("chat/medicalgpt_sharegpt_zh_1k.jsonl.gz", "sharegpt"),
    Case("code/codealpaca_2k.json.gz", "alpaca"),
    Case("code/codealpaca_new.json.gz", "alpaca"),
    Case("code/gpteacher_codegen.json.gz", "alpaca"),
    Case("code/spider_train.parquet", "qa"),
    Case("code/spider_validation.parquet", "qa", {"columns": {"question": "question", "answer": "query"}}),
    Case("dialog/banking77_categories.json.gz", "text", error=NO_ANSWER),
    Case("dialog/banking77_test.csv.gz", "text", error=NO_ANSWER),
    Case("dialog/banking77_train.csv.gz", "alpaca", INTENT),
    Case("dialog/chatterbot_corpus_1.3.3_en_zh.tar.gz", "chatterbot"),
    Case("dialog/crosswoz_val.json.gz", "dialog_crosswoz"),
    *(Case(f"dialog/sgd_{name}.json.gz", "dialog_sgd")
      for name in ("dev_dialogues_005", "dev_dialogues_007", "train_dialogues_033", "train_dialogues_043")),
    *(Case(f"math_qa/cot_{name}_train.tsv.gz", "qa", REASONED) for name in ("aqua", "creak", "ecqa", "strategyqa")),
    *(Case(f"math_qa/cot_{name}_train.json.gz", "alpaca") for name in ("aqua", "ecqa", "strategyqa")),
    Case("math_qa/gsm8k_train.jsonl.gz", "qa"),
    Case("math_qa/gsm8k_train_alpaca.json.gz", "alpaca"),
    Case("other/gpteacher_roleplay.json.gz", "alpaca"),
    Case("other/gpteacher_toolformer.json.gz", "alpaca"),
    Case("other/llamafactory_c4_demo.jsonl.gz", "text", error=NO_ANSWER),
    *(Case(f"preference/llamafactory_{name}.json.gz", "preference") for name in ("dpo_en", "dpo_zh", "kto_en")),
    Case("seeds/belle_zh_seed_tasks.json.gz", "seed_tasks"),
    Case("seeds/codealpaca_seed_tasks.jsonl.gz", "seed_tasks"),
    Case("seeds/self_instruct_seed_tasks.jsonl.gz", "seed_tasks"),
    Case("seeds/self_instruct_user_oriented_252.jsonl.gz", "seed_tasks"),
    *(Case(f"seeds/instructwild_{name}.jsonl.gz", "alpaca", error=NO_ANSWER)
      for name in ("seed_prompts_ch", "seed_prompts_en", "user_2", "user_3")),
    Case("translation/tatoeba_cmn_eng_22075.tsv.gz", "alpaca", TRANSLATED),
    Case("translation/tatoeba_cmn_eng_28447.tsv.gz", "alpaca", TRANSLATED),
]  # fmt: skip
pytestmark = [
    pytest.mark.timeout(3600),
    pytest.mark.skipif(not (DATA / OPEN_CHINESE).is_dir(), reason="INSTRUCTFLOW_DATA names no folder with real data"),
]


@pytest.fixture(scope="module")
def table():
    lines: list[str] = []
    yield lines
    print("\n| file | format | kind | records | examples | rejects | s | dropped | flagged | edited | s |")
    print("|---|---|---|---:|---:|---|---:|---:|---:|---:|---:|")
    print("\n".join(lines))


def said(rejects: dict[str, int]) -> str:
    return ", ".join(f"{n:,} {reason}" for reason, n in rejects.items())


def test_every_file_is_among_the_cases():
    files = {path for path in DATA.rglob("*") if path.is_file() and path.parent != DATA}
    assert {path for path in files if not any(path.is_relative_to(DATA / case.path) for case in CASES)} == set()


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.path} {case.format}")
def test_no_record_of_a_real_file_is_lost(case, table, tmp_path):
    path, source, start = DATA / case.path, Source(**case.settings), perf_counter()
    if case.error is not None:
        with pytest.raises((SourceError, ParamsError), match=case.error) as error:
            ingest(path, tmp_path / "out", IngestParams(), name="real", source=source)
        found = check(path, source) if case.format else {"format": "", "files": {}, "records": "", "rejects": {}}
        kinds, why = ", ".join(set(found["files"].values())), said(found["rejects"]) or str(error.value)[:90]
        table.append(f"| {case.path} | {found['format']} | {kinds} | {found['records']} | error | {why} | | | | | |")
        assert sum(found["rejects"].values()) == (found["records"] or 0)
        assert not (tmp_path / "out").exists()
        return
    report = ingest(path, tmp_path / "out", IngestParams(), name="real", source=source)
    seconds, m = perf_counter() - start, report.measures
    kinds = ", ".join(f"{kind} × {n}" if n > 1 else kind for kind, n in m["files"].items())
    table.append(
        f"| {case.path} | {m['format']} | {kinds} | {m['records']:,} | {report.rows_out:,} | {said(m['rejects'])} "
        f"| {seconds:.1f} | {cleaned_twice(tmp_path)} |"
    )
    examples, rejects = read_examples(tmp_path / "out"), pl.read_parquet(tmp_path / "out" / "rejects.parquet")
    assert m["format"] == case.format
    assert (len(examples), len(rejects)) == (report.rows_out, sum(m["rejects"].values()))
    assert examples["source_row"].n_unique() == m["records_with_example"] == m["records"] - len(rejects)
    assert examples["id"].is_unique().all()
    assert set(rejects["error"]) <= set(REASONS)
    assert not set(rejects["row"]) & set(examples["source_row"])
    assert lost_in(path, source, examples) == {}


def cleaned_twice(folder: Path) -> str:
    """Clean; every row that went or changed has its line, and what was cleaned is clean. How many, and seconds."""
    start = perf_counter()
    report = clean(folder / "out", folder / "once", CleanParams())
    seconds = perf_counter() - start
    before, after = (read_examples(folder / name).select("id", "messages", "tools", "meta") for name in ("out", "once"))
    ids = {
        action: set(lines["id"])
        for (action,), lines in pl.read_parquet(folder / "once" / "ledger.parquet").group_by("action")
    }
    assert set(before["id"]) - set(after["id"]) == ids.get("drop", set())
    changed = set(after.join(before, on=after.columns, how="anti", nulls_equal=True)["id"])
    assert changed == ids.get("edit", set()) - ids.get("drop", set())
    assert report.rows_in - len(ids.get("drop", ())) == report.rows_out == len(after)
    if len(after):
        again = clean(folder / "once", folder / "twice", CleanParams())
        assert {action: n for action, n in again.ledger.items() if action != "flag"} == {}
        assert read_examples(folder / "twice").equals(read_examples(folder / "once"))
    n = {action: f"{len(ids.get(action, ())):,}" for action in ("drop", "flag", "edit")}
    return f"{n['drop']} | {n['flag']} | {n['edit']} | {seconds:.1f}"


def lost_in(path: Path, source: Source, examples: pl.DataFrame) -> dict[str, list[str]]:
    """What some records, by place, hold that their examples do not."""
    read = (record for record in records(path, source) if isinstance(record, Record))
    some = {record.row: record.fields for record in islice(read, 0, STEP * N_LOOKED_AT, STEP)}
    made: dict[str, list[Any]] = {}
    columns = ("source_row", "messages", "tools", "meta")
    for row, messages, tools, meta in examples.filter(pl.col("source_row").is_in(list(some))).select(columns).rows():
        made.setdefault(row, []).append((messages, tools, json.loads(meta)))
    return {row: lost for row, found in made.items() if (lost := lost_values(some[row], found))}
