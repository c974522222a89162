"""Explain: the life of a row that stayed, changed, went, or was made; never what was redacted."""

import json
import shutil
from pathlib import Path

import pytest

from tasks.core.errors import SourceError
from tasks.core.explain import explain, render
from tasks.core.files import whole_folder
from tasks.core.ledger import Outcome, event, ledger_frame
from tasks.core.params import Params
from tasks.core.report import leave
from tasks.core.schema import examples_frame, stable_hash
from tasks.release import release

KEPT, EDITED, MERGED, DROPPED, REDACTED, GONE, CHILD = (
    stable_hash(name) for name in ("kept", "edited", "merged", "dropped", "redacted", "gone", "child")
)
PHONE = "13812345678"


def row(id: str, prompt: str, answer: str, **columns: object) -> dict:
    turns = [{"role": "user", "content": prompt}, {"role": "assistant", "content": answer}]
    return {
        "id": id,
        "messages": turns,
        "source": "shop",
        "source_row": f"shop.jsonl#{id[:2]}",
        "license": "MIT",
    } | columns


INGESTED = [
    row(KEPT, "你好", "Hello"),
    row(EDITED, "写诗 poem", "<p>春眠 spring</p>", family=KEPT),
    row(MERGED, "你好！", "hello"),
    row(DROPPED, "说 say", "抱歉，我无法回答。"),
    row(REDACTED, "电话 phone", f"打{PHONE}"),
    row(GONE, f"我的号码{PHONE}", "抱歉，我无法回答。"),
]
MENDED = row(EDITED, "写诗 poem", "春眠 spring", family=KEPT)
HIDDEN = row(REDACTED, "电话 phone", "打<PHONE_1>")
CLEANED = (
    event("clean", EDITED, "edit", "html", before="<p>春眠 spring</p>", after="春眠 spring"),
    event("clean", DROPPED, "drop", "refusal", before="抱歉，我无法回答。"),
    event("clean", REDACTED, "edit", "pii_phone", measure=1, after="<PHONE_1> 7e679700d292fa27"),
    event("clean", GONE, "edit", "pii_phone", measure=1, after="<PHONE_1> 7e679700d292fa27"),
    event("clean", GONE, "drop", "refusal", before="抱歉，我无法回答。"),
)
MERGES = (event("dedup", MERGED, "merge", "near", measure=0.9, threshold=0.8, other_id=KEPT),)
MADE = (event("augment", CHILD, "create", "entity", other_id=EDITED),)


def leave_step(
    folder: Path, step: str, rows: list[dict], events: tuple[dict, ...] = (), rows_in: int | None = None
) -> None:
    with whole_folder(folder) as scratch:
        outcome = Outcome(examples_frame(rows), ledger_frame(list(events)))
        leave(scratch, step, len(rows) if rows_in is None else rows_in, outcome, 100)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small build before its release."""
    data = tmp_path_factory.mktemp("built") / "data"
    stayed = [INGESTED[0], MENDED, HIDDEN]
    leave_step(data / "ingest" / "shop", "ingest", INGESTED)
    leave_step(data / "clean" / "shop", "clean", [*stayed, INGESTED[2]], CLEANED, rows_in=6)
    leave_step(data / "dedup", "dedup", stayed, MERGES, rows_in=4)
    split = [{**row, "split": "train", "language": "zh", "instruction_type": "other"} for row in stayed]
    leave_step(data / "split", "split", split)
    child = {**row(CHILD, "写诗 poem", "春晓 dawn"), "parent": EDITED, "made_by": "entity", "family": KEPT}
    leave_step(data / "augment", "augment", [*split, {**split[0], **child}], MADE, rows_in=3)
    return data


@pytest.fixture(scope="module")
def released(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with its release."""
    data = tmp_path_factory.mktemp("released") / "data"
    shutil.copytree(built, data)
    params = Params()
    release(data, data / "release", params.release, all_params=params)
    return data


@pytest.fixture(params=["built", "released"])
def data(request: pytest.FixtureRequest) -> Path:
    return request.getfixturevalue(request.param)


def test_a_row_that_stayed_has_a_place_and_relatives(data):
    life = explain(data, KEPT)
    assert (life["source"], life["source_row"], life["license"]) == ("shop", f"shop.jsonl#{KEPT[:2]}", "MIT")
    assert life["events"] == []
    assert life["ingested"] == life["messages"] == INGESTED[0]["messages"]
    assert (life["split"], life["merged_into_it"], set(life["relatives"])) == ("train", [MERGED], {EDITED, CHILD})


@pytest.mark.parametrize(
    ("which", "fate", "file"), [("built", "not released yet", None), ("released", "released", "train.parquet")]
)
def test_a_row_is_released_when_a_file_of_the_release_has_it(request, which, fate, file):
    life = explain(request.getfixturevalue(which), KEPT)
    assert (life["fate"], life["released_in"]) == (fate, file)


def test_an_edited_row_shows_both_texts_and_why(data):
    life = explain(data, EDITED)
    (edit,) = life["events"]
    assert (edit["step"], edit["reason"], edit["before"], edit["after"]) == (
        "clean", "html", "<p>春眠 spring</p>", "春眠 spring",
    )  # fmt: skip
    assert [m["content"] for m in (life["ingested"][1], life["messages"][1])] == ["<p>春眠 spring</p>", "春眠 spring"]
    assert life["children"] == [CHILD]
    assert "as it is now | assistant: 春眠 spring" in render(life)


def test_a_merged_row_names_its_survivor_and_how_near_it_was(data):
    life = explain(data, MERGED)
    assert (life["fate"], life["survivor"]) == ("merge", KEPT)
    assert f"dedup: merge (near), measured 0.9, threshold 0.8, into {KEPT}" in render(life)


def test_a_dropped_row_says_why_and_what_it_was(data):
    life = explain(data, DROPPED)
    assert (life["fate"], life["released_in"], life["survivor"]) == ("drop", None, None)
    assert [(e["step"], e["reason"]) for e in life["events"]] == [("clean", "refusal")]
    assert life["ingested"][1]["content"] == "抱歉，我无法回答。"


def test_a_created_row_names_its_parent(data):
    life = explain(data, CHILD)
    assert (life["parent"], life["ingested"], life["messages"][1]["content"]) == (EDITED, None, "春晓 dawn")
    assert f"made from {EDITED}" in render(life)
    assert f"augment: create (entity), with {EDITED}" in render(life)


@pytest.mark.parametrize(("id", "text"), [(REDACTED, "打<PHONE_1>"), (GONE, None)])
def test_what_was_redacted_is_withheld_also_where_the_row_was_dropped(data, id, text):
    life = explain(data, id)
    assert (life["withheld"], life["ingested"]) == (True, None)
    assert (life["messages"] and life["messages"][1]["content"]) == text
    assert PHONE not in json.dumps(life, ensure_ascii=False) + render(life)
    assert "as ingested: withheld, it held personal data" in render(life)


def test_a_row_can_be_named_by_the_beginning_of_its_id(data):
    assert explain(data, DROPPED[:6])["id"] == DROPPED


@pytest.mark.parametrize(
    ("id", "says"),
    [
        ("0" * 32, "no row with this id below"),
        ("你好你好你好", "no row with this id below"),
        (KEPT[:5], "too short; give at least 6 characters"),
    ],
)
def test_an_unknown_or_too_short_id_is_refused_with_a_sentence(data, id, says):
    with pytest.raises(SourceError, match=says):
        explain(data, id)


def test_an_id_that_several_rows_begin_with_is_refused_with_some_of_them(tmp_path):
    ids = ["abcdef" + digit * 26 for digit in "01"]
    leave_step(tmp_path / "ingest" / "shop", "ingest", [row(id, "你好", "Hi") for id in ids])
    with pytest.raises(SourceError, match=f"2 rows begin like this: {ids[0]}, {ids[1]}; give more characters"):
        explain(tmp_path, "abcdef")


def test_a_folder_without_a_build_is_refused(tmp_path):
    with pytest.raises(SourceError, match="nothing was built here"):
        explain(tmp_path, KEPT)


@pytest.mark.parametrize("id", [KEPT, EDITED])
def test_the_release_alone_is_enough_for_the_rows_in_it(released, tmp_path, id):
    shutil.copytree(released / "release", tmp_path / "release")
    life = explain(tmp_path, id)
    assert (life["fate"], life["source_row"], life["split"]) == ("released", f"shop.jsonl#{id[:2]}", "train")
    assert life["messages"] == explain(released, id)["messages"]


def test_the_terminal_shows_line_breaks_as_signs_and_cuts_long_texts():
    life = {
        "id": KEPT, "fate": "released", "source": "shop", "source_row": "a#1", "license": None, "parent": None,
        "withheld": False, "ingested": [{"role": "user", "content": "一\ntwo" + "好" * 300}], "events": [],
        "messages": None, "merged_into_it": [], "children": [], "relatives": [],
    }  # fmt: skip
    life |= dict.fromkeys(
        ("language", "instruction_type", "type_confidence", "family", "split", "survivor", "released_in")
    )
    (_, origin, text) = render(life).splitlines()
    assert origin == "  from shop a#1 (no licence stated)"
    assert text.startswith("  as ingested | user: 一⏎two好")
    assert text.endswith("好…")
    assert len(text) < 240
