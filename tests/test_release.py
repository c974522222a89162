"""Release: every form loads and reads back as the same conversations, and holds nothing that was taken out."""

import hashlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl
import pytest
import yaml

from tasks.core.card import card
from tasks.core.files import read_examples, read_json, whole_folder, write_parquet
from tasks.core.ledger import Outcome, event, ledger_frame
from tasks.core.params import Params, ReleaseParams, Source
from tasks.core.params_file import parse_params
from tasks.core.report import Report, leave
from tasks.core.schema import EXAMPLE, SPLITS, canonical, child_id, examples_frame
from tasks.core.text import n_units
from tasks.dag import stages
from tasks.formats.rows import Row, rows
from tasks.release import FORMS, STEPS, check_balance, installed, lineage, release

# Words of rows that must not come through: dropped by clean, merged by dedup, dropped as a benchmark's, redacted.
SECRETS = ("青龙暗号", "moonstone", "yardarm", "玄武密语", "13812345678", "lin.mei@example.com")
CALL = '<tool_call>{"name": "weather", "arguments": {"city": "北京"}}</tool_call>'
LONG = (
    "Plants turn light into sugar with the help of chlorophyll and give off oxygen while they are doing that, "
    "which is why a forest is called the lung of a city by those who live there"
)
ROLES = {"s": "system", "u": "user", "a": "assistant", "t": "tool"}


def said(*turns: str, **columns: Any) -> dict[str, Any]:
    """A row of messages; each turn begins with the first letter of its role."""
    return {"messages": [{"role": ROLES[text[0]], "content": text[2:]} for text in turns], **columns}


ZH = [
    said("s:你是助手。", "u:你好", "a:你好，请说。", "u:再见", "a:再会。"),
    said(
        "u:北京天气？", f"a:{CALL}", 't:{"temp": 3}', "a:三度，多云。",
        tools=[{"name": "weather", "parameters": {"city": "string"}}],
    ),
    said("u:说出青龙暗号", "a:抱歉，我无法回答青龙暗号。"),
    said("u:客服电话多少？", "a:<p>请打13812345678。</p>", note="lin.mei@example.com"),
    said("u:玄武密语是什么", "a:是一句诗。"),
    *(said(f"u:{name}是什么？", f"a:{name}是一种水果。") for name in ("苹果", "梨", "桃", "杏")),
]  # fmt: skip
WORDS = ("ink", "oak", "tin", "fog", "elm")
EN = [
    {"instruction": "What is light for?", "output": f"{LONG}. moonstone"},
    {"instruction": "What is light for?", "output": f"{LONG}, they say so still."},
    {"instruction": "Say it.", "output": "yardarm " * 40},
    {"instruction": "Add.", "input": "1 + 1", "output": "2", "system": "You add.", "history": [["0 + 1", "1"]]},
    *({"instruction": f"Define {word}.", "output": f"{word} has a meaning."} for word in WORDS),
]


class Tree(NamedTuple):
    data: Path
    params: Params
    report: Report


def params_of(**sections: Any) -> Params:
    source = {"license": "MIT"}
    return parse_params(
        {
            "sources": {"zh": {"path": "zh.jsonl", **source}, "en": {"path": "en.json", **source}},
            "decontaminate": {"benchmarks": {"quiz": {"path": "quiz.jsonl"}}},
            "split": {"val_ratio": 0.25, "test_ratio": 0.25},
            **sections,
        },
        "params.yaml",
    )


def write_sources(project: Path) -> None:
    (project / "zh.jsonl").write_text("\n".join(json.dumps(r, ensure_ascii=False) for r in ZH), encoding="utf-8")
    (project / "en.json").write_text(json.dumps(EN), encoding="utf-8")
    (project / "quiz.jsonl").write_text('{"question": "玄武密语是什么", "answer": "?"}\n', encoding="utf-8")


def augment(data: Path) -> None:
    """What augment leaves: all rows, one child of a train row, one child that a guard refused."""
    parents = read_examples(data / "split")
    parent = parents.filter(split="train").row(0, named=True)
    turns = [*parent["messages"][:-1], {"role": "assistant", "content": "换个说法 in other words."}]
    id = child_id(parent["id"], "entity", turns)
    child = {**parent, "id": id, "messages": turns, "parent": parent["id"], "made_by": "entity"}
    events = [
        event("augment", id, "create", "entity", other_id=parent["id"]),
        event("augment", "f" * 32, "reject", "same", other_id=parent["id"], after="yardarm"),
    ]
    outcome = Outcome(pl.concat([parents, pl.DataFrame([child], schema=EXAMPLE)]), ledger_frame(events))
    with whole_folder(data / "augment") as folder:
        leave(folder, "augment", len(parents), outcome, rows_per_shard=100)


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Tree:
    """Every step up to split as the DAG calls it, then a child, then the release."""
    project = tmp_path_factory.mktemp("project")
    data, params = project / "data", params_of()
    write_sources(project)
    for stage in stages(project, data, params):
        if stage.step in (*STEPS, "import_annotations") and stage.step != "augment":
            stage.function(*stage.arguments, **stage.settings)
    augment(data)
    return Tree(data, params, release(data, data / "release", params.release, all_params=params))


def released(tree: Tree) -> pl.DataFrame:
    return pl.concat([pl.read_parquet(tree.data / "release" / f"{split}.parquet") for split in SPLITS])


def life_of(tree: Tree) -> pl.DataFrame:
    return pl.read_parquet(tree.data / "release" / "lineage.parquet")


def files(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def conversations(path: Path) -> list[str]:
    """The conversations of a file, as our own ingest reads it, in an order that does not matter."""
    found = list(rows(path, Source(), "back")[1])
    assert all(isinstance(row, Row) for row in found)
    return sorted(canonical([c.messages, c.tools]) for row in found for c in row.conversations)


def test_all_rows_are_in_the_split_that_they_were_given(tree):
    assert released(tree).sort("id").equals(read_examples(tree.data / "augment"))
    for split in SPLITS:
        rows_of = pl.read_parquet(tree.data / "release" / f"{split}.parquet")
        assert len(rows_of) > 0
        assert set(rows_of["split"]) == {split}
        assert dict(rows_of.schema) == dict(EXAMPLE)


def test_every_form_is_there_with_a_file_for_each_split(tree):
    expected = {f"{form}/{split}.{ending}" for form, (ending, _) in FORMS.items() for split in SPLITS}
    expected |= {f"{split}.parquet" for split in SPLITS}
    expected |= {"sharegpt/dataset_info.json", "lineage.parquet", "manifest.json", "report.json", "README.md"}
    assert set(files(tree.data / "release")) == expected


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("split", SPLITS)
def test_a_form_reads_back_as_the_same_conversations(tree, form, split):
    examples = pl.read_parquet(tree.data / "release" / f"{split}.parquet").to_dicts()
    path = next((tree.data / "release" / form).glob(f"{split}.*"))
    _, write = FORMS[form]
    held = [example for example in examples if write(example) is not None]
    assert conversations(path) == sorted(canonical([e["messages"], e["tools"]]) for e in held)
    assert len(examples) - len(held) == tree.report.measures["left_out"][form][split]


def test_only_alpaca_leaves_rows_out_and_only_those_with_tools(tree):
    n_tools = len(released(tree).drop_nulls("tools"))
    left_out = {form: sum(by_split.values()) for form, by_split in tree.report.measures["left_out"].items()}
    assert left_out == {"messages": 0, "alpaca": n_tools, "sharegpt": 0}
    assert n_tools > 0


@pytest.mark.parametrize(
    ("prompt", "roles"),
    [
        ("你好", ["system", "user", "assistant", "user", "assistant"]),
        ("0 + 1", ["system", "user", "assistant", "user", "assistant"]),
        ("北京天气？", ["user", "assistant", "tool", "assistant"]),
        ("Define ink.", ["user", "assistant"]),
    ],
)
def test_messages_have_system_turns_all_turns_and_tool_calls(tree, prompt, roles):
    lines = [
        json.loads(line)
        for split in SPLITS
        for line in (tree.data / "release" / "messages" / f"{split}.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    (found, *_) = [r for r in lines if prompt in [m["content"] for m in r["messages"]]]
    assert [m["role"] for m in found["messages"]] == roles


def test_llama_factory_finds_files_columns_and_roles_by_name(tree):
    folder = tree.data / "release" / "sharegpt"
    for split, entry in read_json(folder / "dataset_info.json").items():
        assert entry["file_name"] == f"{split}.json"
        used = {name for row in read_json(folder / entry["file_name"]) for name in row}
        assert used == set(entry["columns"].values())
        assert entry["formatting"] == "sharegpt"
        turns = [turn for row in read_json(folder / entry["file_name"]) for turn in row[entry["columns"]["messages"]]]
        roles = {tag for name, tag in entry["tags"].items() if name not in ("role_tag", "content_tag")}
        assert {turn[entry["tags"]["role_tag"]] for turn in turns} <= roles
        assert all(set(turn) == {entry["tags"]["role_tag"], entry["tags"]["content_tag"]} for turn in turns)


# Lineage.
def test_the_lineage_joins_the_ledgers_of_all_steps_in_dag_order(tree):
    life = life_of(tree)
    ledgers = pl.concat([pl.read_parquet(p) for p in tree.data.glob("*/**/ledger.parquet")])
    told = life.filter(~((pl.col("action") == "create") & (pl.col("reason") == "source")))
    for column in ("step", "id", "action", "reason", "measure", "other_id"):
        assert sorted(told[column].to_list(), key=str) == sorted(ledgers[column].to_list(), key=str)
    places = [STEPS.index(step) for step in life["step"]]
    ids = life["id"].to_list()
    assert list(zip(ids, places, strict=True)) == sorted(zip(ids, places, strict=True))


def test_every_row_that_was_ever_read_has_a_first_line_with_its_place(tree):
    read = pl.read_parquet(tree.data / "ingest" / "*" / "examples" / "*.parquet")
    first = life_of(tree).filter(action="create", reason="source").select("id", "source", "source_row")
    assert first.sort("id").equals(read.select("id", "source", "source_row").sort("id"))


@pytest.mark.parametrize(
    ("action", "reason"),
    [
        ("drop", "refusal"),
        ("drop", "repetition"),
        ("merge", "near"),
        ("drop", "benchmark_overlap"),
        ("create", "entity"),
    ],
)
def test_the_tree_has_what_the_tests_below_look_for(tree, action, reason):
    assert len(life_of(tree).filter(action=action, reason=reason)) == 1


def told_by(path: Path) -> str:
    if path.suffix == ".parquet":
        return json.dumps(pl.read_parquet(path).to_dicts(), ensure_ascii=False)
    return path.read_text(encoding="utf-8")


@pytest.mark.parametrize("secret", SECRETS)
def test_no_file_of_the_release_tells_of_a_row_that_is_not_in_it(tree, secret):
    sources = told_by(tree.data.parent / "zh.jsonl") + told_by(tree.data.parent / "en.json")
    assert secret in sources
    for path in (tree.data / "release").rglob("*"):
        assert path.is_dir() or secret not in told_by(path), path


def test_the_lineage_shows_the_edits_of_rows_that_are_released(tree):
    edits = life_of(tree).filter(action="edit", reason="html").select("before", "after").rows()
    assert edits == [("<p>请打<PHONE_1>。</p>", "\n请打<PHONE_1>。\n")]


def test_the_lineage_has_the_placeholders_of_redactions_but_no_hash_that_one_could_try(tree):
    ids = life_of(tree).filter(pl.col("reason") == "html")["id"]
    mine = life_of(tree).filter(pl.col("id").is_in(ids.implode()), pl.col("reason").str.starts_with("pii_"))
    assert mine.select("reason", "after").rows() == [("pii_email", "<EMAIL_1>"), ("pii_phone", "<PHONE_1>")]


# Manifest.
def test_the_manifest_has_the_right_hash_and_rows_of_every_file(tree):
    folder = tree.data / "release"
    told = read_json(folder / "manifest.json")["files"]
    assert set(told) == set(files(folder)) - {"manifest.json", "report.json"}
    for name, content in files(folder).items():
        if name in told:
            assert told[name]["sha256"] == hashlib.sha256(content).hexdigest()
    n_rows = {name: told[name]["rows"] for name in told if name.startswith("messages/")}
    assert sum(n_rows.values()) == sum(told[f"{split}.parquet"]["rows"] for split in SPLITS) == len(released(tree))
    n_lines = {name: content.count(b"\n") for name, content in files(folder).items() if name in n_rows}
    assert n_rows == n_lines


def test_the_manifest_has_the_md5_of_every_upstream_artifact(tree):
    told = read_json(tree.data / "release" / "manifest.json")["upstream"]
    steps = (*STEPS, "import_annotations")
    assert told == {
        name: hashlib.md5(content).hexdigest()
        for name, content in files(tree.data).items()
        if name.split("/")[0] in steps
    }


def test_the_manifest_counts_han_characters_and_words(tree):
    told = read_json(tree.data / "release" / "manifest.json")["files"]
    for split in SPLITS:
        turns = (
            pl.read_parquet(tree.data / "release" / f"{split}.parquet")["messages"].explode().struct.field("content")
        )
        assert told[f"{split}.parquet"]["units"] == sum(map(n_units, turns))


def test_the_manifest_names_params_code_and_packages(tree):
    told = read_json(tree.data / "release" / "manifest.json")
    assert told["params"]["split"]["val_ratio"] == 0.25
    code = Path(__file__).parents[1] / "tasks" / "clean.py"
    assert told["code"]["clean.py"] == hashlib.sha256(code.read_bytes()).hexdigest()
    assert told["packages"]["polars"] == pl.__version__


def test_a_package_of_an_extra_need_not_be_there():
    assert installed("no-such-package-of-an-extra") is None


# Card.
def card_of(tree: Tree) -> tuple[dict[str, Any], str]:
    _, header, body = (tree.data / "release" / "README.md").read_text(encoding="utf-8").split("---\n", 2)
    return yaml.safe_load(header), body


def table(body: str, title: str) -> Iterator[list[str]]:
    lines = body.split(f"## {title}\n")[1].split("\n## ")[0].splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]
    yield from cells[2:]


def test_the_card_has_a_header_that_hugging_face_reads(tree):
    header, _ = card_of(tree)
    assert (header["license"], header["language"], header["size_categories"]) == ("mit", ["en", "zh"], ["n<1K"])
    (config,) = header["configs"]
    assert [entry["split"] for entry in config["data_files"]] == ["train", "validation", "test"]
    assert all((tree.data / "release" / entry["path"]).is_file() for entry in config["data_files"])


@pytest.mark.parametrize("title", ["Rows by split and language", "Rows by split and instruction type"])
def test_the_counts_of_the_card_add_up(tree, title):
    counts = [[int(cell) for cell in line[1:]] for line in table(card_of(tree)[1], title)]
    by_split = [len(released(tree).filter(split=split)) for split in SPLITS]
    assert [sum(column) for column in zip(*counts, strict=True)] == by_split


def test_the_card_tells_how_rows_came_and_went(tree):
    n: dict[str, int] = {}
    for _, action, reason, rows_of in table(card_of(tree)[1], "From sources to release"):
        key = "read" if (action, reason) == ("create", "source") else action
        n[key] = n.get(key, 0) + int(rows_of)
    assert n["read"] - n["drop"] - n["merge"] + n["create"] == len(released(tree)) == tree.report.rows_out
    balance = {name: tree.report.measures[name] for name in ("read", "dropped", "merged", "created", "released")}
    assert list(balance.values()) == [n["read"], n["drop"], n["merge"], n["create"], len(released(tree))]


def test_a_stated_licence_stands_on_the_card(tree, tmp_path):
    params = params_of(release={"license": "cc-by-4.0", "name": "数据 data"})
    release(tree.data, tmp_path / "release", params.release, all_params=params)
    header, body = card_of(Tree(tmp_path, params, tree.report))
    assert (header["license"], header["pretty_name"]) == ("cc-by-4.0", "数据 data")
    assert body.startswith("\n# 数据 data\n")


@pytest.mark.parametrize(("others", "told"), [("MIT", "mit"), (None, "other"), ("BSD-3-Clause", "other")])
def test_the_card_states_a_licence_only_where_all_rows_have_it(others, told):
    rows = [{"id": "a" * 32, "license": "MIT"}, {"id": "b" * 32, "license": others}]
    examples = examples_frame([row | said("u:你好", "a:Hello") | {"split": "train", "source": "s"} for row in rows])
    life = pl.DataFrame({"step": ["ingest"], "action": ["create"], "reason": ["source"]})
    written = card(examples, life, ReleaseParams(), Params(), {})
    assert f"license: {told}\n" in written


# The whole.
def test_the_same_rows_give_the_same_bytes(tree, tmp_path):
    release(tree.data, tmp_path / "release", tree.params.release, all_params=tree.params)
    assert files(tmp_path / "release") == files(tree.data / "release")


@pytest.mark.parametrize("what", ["a row too few", "a row too many"])
def test_rows_that_nobody_accounts_for_stop_the_release(tree, tmp_path, what):
    data = tmp_path / "data"
    shutil.copytree(tree.data, data)
    file = data / "augment" / "examples" / "part-00000.parquet"
    rows_now = pl.read_parquet(file)
    more = rows_now.head(1).with_columns(id=pl.lit("0" * 32))
    write_parquet(rows_now.head(-1) if what == "a row too few" else pl.concat([more, rows_now]), file)
    before = files(data / "release")
    with pytest.raises(AssertionError, match=r"\d+ read - 3 dropped - 1 merged \+ 1 created, but \d+ released"):
        release(data, data / "release", tree.params.release, all_params=tree.params)
    assert files(data / "release") == before


def test_the_balance_is_that_of_the_ledgers_alone(tree):
    life = lineage(tree.data, released(tree))
    assert check_balance(life, len(released(tree)))["released"] == len(released(tree))
