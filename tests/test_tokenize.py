"""A release becomes a tokenizer and token files, the same on each run."""

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest

from tasks.core.errors import SourceError
from tasks.core.params import TokenizeParams
from tasks.core.report import Report
from tasks.core.schema import SPLITS, examples_frame
from tasks.core.tokens import TokenRows, load_tokenizer
from tasks.tokenize import tokenize

PARAMS = TokenizeParams(vocab_size=320)


def example(id: str, language: str, question: str, answer: str, **more) -> dict:
    messages = [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
    return {"id": id, "language": language, "messages": messages, **more}


TRAIN = [
    example("b", "zh", "北京的天气怎么样？", "今天晴，气温二十度。"),
    example("a", "en", "How is the weather today?", "The weather is fine today. 😀", weight=0.5),
    example("c", "zh", "天气", "好", tools='[{"name": "weather_of"}]'),
]
OTHERS = {"val": [example("d", "en", "unseenword zq", "ok")], "test": [example("e", "zh", "未见之字", "龘")]}


@pytest.fixture
def release(tmp_path) -> Path:
    write_release(tmp_path / "release", TRAIN)
    return tmp_path / "release"


def write_release(folder: Path, train: list[dict]) -> None:
    folder.mkdir()
    for split, rows in {"train": train, **OTHERS}.items():
        examples_frame(rows).write_parquet(folder / f"{split}.parquet")


def sha256s(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_each_split_leaves_its_tokens_and_rows_in_the_order_of_ids(release, tmp_path):
    report = tokenize(release, tmp_path / "out", PARAMS)
    tokenizer = load_tokenizer(tmp_path / "out" / "tokenizer.json")
    rows = TokenRows.read(tmp_path / "out" / "tokens" / "train")
    assert rows.rows["id"].to_list() == ["a", "b", "c"]
    assert rows.rows["weight"].to_list() == [0.5, 1, 1]
    assert str(rows.tokens.dtype) == "uint16"
    tokens, weights = rows[1]
    assert tokenizer.decode(tokens[weights > 0].tolist()) == "今天晴，气温二十度。"
    assert report.counts["train_tokens"]["en"] == len(rows[0][0])
    assert report.measures["test"]["rows_longer_than"]["128"] == 0
    assert set(report.measures["train"]["chars_per_token"]) == {"zh", "en"}


def test_text_that_the_tokenizer_never_saw_comes_back_whole(release, tmp_path):
    tokenize(release, tmp_path / "out", PARAMS)
    tokenizer = load_tokenizer(tmp_path / "out" / "tokenizer.json")
    for text in ("龘 and 😀\n\n\tẞ", "未见之字 1234", ""):
        assert tokenizer.decode(tokenizer.encode(text).ids) == text


def test_two_processes_write_the_same_bytes_whatever_the_order_of_rows(release, tmp_path):
    tokenize(release, tmp_path / "out", PARAMS)
    write_release(tmp_path / "turned", TRAIN[::-1])
    code = (
        "from pathlib import Path; from tasks.tokenize import *; "
        f"tokenize(Path({str(tmp_path / 'turned')!r}), Path({str(tmp_path / 'again')!r}), "
        "TokenizeParams(vocab_size=320))"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env={"PYTHONHASHSEED": "7"})
    out, again = sha256s(tmp_path / "out"), sha256s(tmp_path / "again")
    assert len(out) == 2 + 3 * len(SPLITS)
    assert {name for name in out if again[name] != out[name]} == {"report.json"}
    measures = [Report.read(tmp_path / name).measures for name in ("out", "again")]
    assert {name for name in measures[0] if measures[0][name] != measures[1][name]} == {"release"}


def test_the_report_names_the_files_that_were_read(release, tmp_path):
    read = tokenize(release, tmp_path / "out", PARAMS).measures["release"]
    assert {f"{split}.parquet": sha256 for split, sha256 in read.items()} == sha256s(release)


def test_the_vocabulary_depends_on_the_train_split_only(release, tmp_path):
    tokenize(release, tmp_path / "out", PARAMS)
    examples_frame([example("d", "en", "entirely different text", "text different entirely")]).write_parquet(
        release / "val.parquet"
    )
    tokenize(release, tmp_path / "again", PARAMS)
    tokenizers = [(tmp_path / name / "tokenizer.json").read_bytes() for name in ("out", "again")]
    assert tokenizers[0] == tokenizers[1]


@pytest.mark.parametrize("split", SPLITS)
def test_a_split_that_is_missing_is_named(release, tmp_path, split):
    (release / f"{split}.parquet").unlink()
    with pytest.raises(SourceError, match=rf"{split}\.parquet: not there"):
        tokenize(release, tmp_path / "out", PARAMS)
    assert not (tmp_path / "out").exists()


def test_an_empty_split_is_encoded_but_train_must_have_rows(release, tmp_path):
    examples_frame([]).write_parquet(release / "val.parquet")
    tokenize(release, tmp_path / "out", PARAMS)
    assert len(TokenRows.read(tmp_path / "out" / "tokens" / "val")) == 0
    examples_frame([]).write_parquet(release / "train.parquet")
    with pytest.raises(SourceError, match=r"train\.parquet: no rows"):
        tokenize(release, tmp_path / "out", PARAMS)


def test_tokenize_imports_no_torch():
    code = "import sys, tasks.tokenize, tasks.train; sys.exit('torch' in sys.modules or 'prefect' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
