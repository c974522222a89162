"""An arm is what the build would have trained on without one step or source; it knows nothing held out, and the build
stays as it was."""

import json
import shutil
from hashlib import sha256
from pathlib import Path
from statistics import fmean
from typing import Any

import polars as pl
import pytest

from flows.arm_results import tell, told_by_lift
from flows.arms import ARM_TASKS, Arm, arms_of, compare, plan
from flows.show import show_arms
from tasks.core.errors import ParamsError, SourceError
from tasks.core.files import read_examples, read_json
from tasks.core.ledger import read_ledgers
from tasks.core.params import Params
from tasks.core.params_file import parse_params
from tasks.core.report import Report
from tasks.core.schema import prompt_text
from tasks.core.shards import in_process
from tasks.core.text import normalised
from tasks.dag import ROW_WISE, stages

PROJECT = Path(__file__).parent.parent
PLACES = {"茶馆": "teahouse", "书店": "bookshop", "邮局": "post office", "医院": "hospital", "车站": "station",
          "公园": "park", "银行": "bank", "学校": "school", "剧院": "theatre", "码头": "harbour"}  # fmt: skip
ZH = [(f"去{zh}怎么走？", f"从正门出去，沿着河边走到第二座桥，{zh}就在桥的右边。") for zh in PLACES]
EN = [(f"How do I get to the {en}?", f"Leave by the main door, follow the river, and the {en} is past the bridge.")
      for en in PLACES.values()]  # fmt: skip
NAMED = {
    "zh": [(f"请改写得客气些：{name}，下午把报告发我。", f"{name}您好，麻烦您下午把报告发给我。")
           for name in ("张伟", "李娜", "王芳")],
    "en": [(f"Rewrite politely: {name}, send me the report.", f"Dear {name}, could you send me the report?")
           for name in ("Sarah", "Tom Watkins", "Emily")],
}  # fmt: skip
BAD = {  # what only this step drops
    "clean": ("写一首关于秋天的短诗", "抱歉，作为一个人工智能语言模型，我无法完成这个请求。"),
    "decontaminate": ("What is the secret code of the old lighthouse near the northern harbour wall?", "It is 4711."),
    "score": ("写一句话介绍这座城市的历史和文化", "……。。。、、、！！！？？？——……。。。、、、！！！"),
}
# Every place is there twice, a question of two sources: whatever split holds out has a copy that dedup merged.
SOURCES = {"city_zh": ZH + NAMED["zh"], "city_en": EN + NAMED["en"], "copies": ZH + EN + list(BAD.values())}
STEPS = ("clean", "dedup", "decontaminate", "score", "augment")


def small(folder: Path) -> Params:
    """Three sources and a benchmark in `folder`."""
    for name, rows in {**SOURCES, "exam": [BAD["decontaminate"]]}.items():
        turns = [[{"role": "user", "content": q}, {"role": "assistant", "content": a}] for q, a in rows]
        lines = [json.dumps({"messages": messages}, ensure_ascii=False) + "\n" for messages in turns]
        (folder / f"{name}.jsonl").write_text("".join(lines), encoding="utf-8")
    content: dict[str, Any] = {
        "sources": {
            "city_zh": {"path": str(folder / "city_zh.jsonl"), "language": "zh"},
            "city_en": {"path": str(folder / "city_en.jsonl"), "language": "en"},
            "copies": {"path": str(folder / "copies.jsonl")},
        },
        "dedup": {"min_retention": 0.1},
        "decontaminate": {"benchmarks": {"exam": {"path": str(folder / "exam.jsonl")}}},
        "score": {"min_score": 0.85},
        "split": {"val_ratio": 0.15, "test_ratio": 0.25},
        "tokenize": {"vocab_size": 400},
        "train": {"threads": 1, "block_size": 64},
        "lift": {"seeds": [0, 1], "max_steps": 2, "batch_size": 2},
    }
    return parse_params(content, "test")


def call(run: str, function: str, *arguments: Any, **settings: Any) -> Any:
    """As the flow calls, without Prefect."""
    return ARM_TASKS[function].fn(*arguments, **settings)


def hashes(data: Path) -> dict[str, str]:
    """sha256 of all that the build left."""
    files = [path for path in data.rglob("*") if path.is_file() and "run" not in path.relative_to(data).parts]
    return {path.relative_to(data).as_posix(): sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture(scope="module")
def params(tmp_path_factory) -> Params:
    return small(tmp_path_factory.mktemp("sources"))


@pytest.fixture(scope="module")
def built(tmp_path_factory, params) -> Path:
    """What a build leaves as far as arms need it, lift too."""
    data = tmp_path_factory.mktemp("built") / "data"
    for stage in stages(PROJECT, data, params):
        if stage.step not in ("validate", "train", "evaluate", "report"):
            settings = {"run_shards": in_process} if stage.step in ROW_WISE else {}
            stage.function(*stage.arguments, **stage.settings, **settings)
    return data


@pytest.fixture(scope="module")
def before(built) -> dict[str, str]:
    return hashes(built)


@pytest.fixture(scope="module")
def told(built, before, params) -> dict[str, Any]:
    """All arms, run and judged once."""
    return compare(PROJECT, built, params, arms_of(STEPS, ["copies"], params), call, in_process)


def rows_of(built: Path, arm: str) -> pl.DataFrame:
    """What an arm trains on."""
    folder = built / "run" / "arms" / arm
    return read_examples(folder / ("split" if arm == "without-augment" else "augment"))


def held_out(built: Path) -> pl.DataFrame:
    return pl.concat([pl.read_parquet(built / "release" / f"{split}.parquet") for split in ("val", "test")])


@pytest.mark.parametrize(
    ("without", "expected"),
    [
        ("clean", ["dedup < arm/ingest", "decontaminate < arm/dedup", "classify < arm/decontaminate",
                   "score < arm/classify", "split < arm/score", "augment < arm/split"]),
        ("dedup", ["decontaminate < arm/clean", "classify < arm/decontaminate", "score < arm/classify",
                   "split < arm/score", "augment < arm/split"]),
        ("decontaminate", ["classify < data/dedup", "score < arm/classify", "split < arm/score",
                           "augment < arm/split"]),
        ("score", ["split < data/classify", "augment < arm/split"]),
        ("augment", ["split < data/score"]),
        (None, ["dedup < arm/clean", "decontaminate < arm/dedup", "classify < arm/decontaminate",
                "score < arm/classify", "split < arm/score", "augment < arm/split"]),
    ],
)  # fmt: skip
def test_an_arm_runs_what_comes_after_the_step_that_it_leaves_out(without, expected):
    planned = plan(Arm("name", "subject", {}, without), Path("data"), Path("arm"))
    assert [f"{step} < {folder.as_posix()}" for step, folder in planned] == expected


@pytest.mark.parametrize(
    ("steps", "sources", "message"),
    [
        (["split"], [], "--without split: cannot be left out; expected one of clean, dedup, decontaminate, score, aug"),
        (["polish"], [], "--without polish: cannot be left out; expected one of clean"),
        ([], ["城市"], "--without-source 城市: no such source; expected one of city_zh, city_en, copies"),
    ],
)
def test_what_cannot_be_left_out_is_told_with_what_can(params, steps, sources, message):
    with pytest.raises(ParamsError, match=message):
        arms_of(steps, sources, params)


def test_the_only_source_cannot_be_left_out(params):
    alone = params.model_copy(update={"sources": {"city_zh": params.sources["city_zh"]}})
    with pytest.raises(ParamsError, match="--without-source city_zh: the only source"):
        arms_of([], ["city_zh"], alone)


def test_an_option_given_twice_is_one_arm(params):
    assert [arm.name for arm in arms_of(["dedup", "dedup"], ["copies"] * 2, params)] == [
        "without-dedup", "without-source-copies",
    ]  # fmt: skip


@pytest.mark.parametrize("step", BAD)
def test_without_a_step_the_row_that_it_drops_is_trained_on(built, told, step):
    question, _ = BAD[step]
    prompts = {arm: rows_of(built, arm).select(prompt_text())["messages"].to_list() for arm in told["arms"]}
    with_it = {arm for arm, asked in prompts.items() if question in asked}
    assert with_it == {f"without-{step}"}


def test_without_dedup_the_merged_copies_are_back_but_for_those_of_held_out_rows(built, told):
    merges = read_ledgers(built / "dedup").filter(action="merge")
    held = held_out(built)["id"].to_list()
    trained = set(rows_of(built, "without-dedup")["id"])
    copies = {into: set(ids) for into, ids in merges.group_by("other_id").agg("id").iter_rows()}
    of_held = set.union(*(copies.get(id, set()) for id in held))
    assert of_held
    assert not trained & of_held
    assert trained >= set(merges["id"]) - of_held
    assert told["arms"]["without-dedup"]["excluded"] == {"held_out": len(held), "merged": len(of_held)}


def test_no_arm_has_the_prompt_of_a_held_out_row(built, told):
    prompt = normalised(prompt_text()).alias("prompt")
    held = set(held_out(built).select(prompt)["prompt"])
    assert len(held) > 5
    for arm in told["arms"]:
        assert not held & set(rows_of(built, arm).select(prompt)["prompt"]), arm


def test_without_augment_the_rows_are_those_of_the_build_without_children(built, told):
    train = pl.read_parquet(built / "release" / "train.parquet")
    assert train["parent"].drop_nulls().len() > 0
    rows = rows_of(built, "without-augment")
    assert rows["parent"].drop_nulls().len() == 0
    assert rows["id"].to_list() == train.filter(made_by="source")["id"].sort().to_list()


def test_the_other_arms_are_augmented_and_all_are_train(built, told):
    for arm in set(told["arms"]) - {"without-augment"}:
        rows = rows_of(built, arm)
        assert rows["parent"].drop_nulls().len() > 0, arm
        assert set(rows["split"]) == {"train"}


def test_without_a_source_none_of_its_rows_are_trained_on_and_those_merged_into_it_are_back(built, told):
    curated = pl.read_parquet(built / "release" / "train.parquet")
    rows = rows_of(built, "without-source-copies")
    assert "copies" in set(curated["source"])
    assert set(rows["source"]) == {"city_zh", "city_en"}
    assert set(rows.filter(made_by="source")["id"]) - set(curated["id"])
    # a copy of a held-out row of the source that is gone would be back too, and only the build's dedup knows of it
    assert told["arms"]["without-source-copies"]["excluded"]["merged"] > 0


def test_the_builds_own_folders_keep_their_bytes(built, before, told):
    assert hashes(built) == before


def test_the_curated_arm_is_that_of_the_step_lift(built, told):
    of_lift = told_by_lift(Report.read(built / "lift"))
    assert told["curated"] == of_lift["curated"]
    assert told["held_out_rows"] == of_lift["held_out_rows"]
    assert set(of_lift["arms"]["raw"]) == set(told["arms"]["without-dedup"])


def test_the_same_arms_give_the_same_bytes_and_those_of_an_earlier_call_are_gone(built, params, told, tmp_path):
    data = Path(shutil.copytree(built, tmp_path / "data"))
    compare(PROJECT, data, params, arms_of(["score"], [], params), call, in_process)
    again, first = (folder / "run" / "arms" / "without-score" for folder in (data, built))
    assert {path.name for path in again.parent.iterdir()} == {"without-score", "index.html", "report.json"}
    assert (again / "augment/report.json").read_bytes() == (first / "augment/report.json").read_bytes()
    found, before = read_json(again.parent / "report.json")["arms"]["without-score"], told["arms"]["without-score"]
    alone = " The interval is for this arm alone, not corrected for 6 comparisons."
    assert found | {"sentence": found["sentence"] + alone} == before


def test_page_and_table_tell_what_the_report_tells(built, told, capsys, monkeypatch):
    page = (built / "run" / "arms" / "index.html").read_text(encoding="utf-8")
    assert read_json(built / "run" / "arms" / "report.json") == told
    assert all(arm["sentence"].split(":")[0] in page for arm in told["arms"].values())
    assert page.count("<svg") == 1
    assert "<script" not in page
    assert "://" not in page.replace("http://www.w3.org", "")
    monkeypatch.setenv("COLUMNS", "200")
    show_arms(told)
    shown = capsys.readouterr().out
    assert all(arm["sentence"][:40] in shown for arm in told["arms"].values())
    assert "without-source-copies" in shown


def test_params_other_than_those_of_the_build_are_refused(built, params):
    other = params.model_copy(update={"score": params.score.model_copy(update={"min_score": 0.1})})
    with pytest.raises(ParamsError, match=r"score\.min_score: .* was built with another one"):
        compare(PROJECT, built, other, arms_of(["dedup"], [], other), call, in_process)


def test_a_tokenizer_of_another_release_is_refused(built, params, tmp_path):
    data = Path(shutil.copytree(built, tmp_path / "data"))
    report = read_json(data / "tokenize" / "report.json")
    report["measures"]["release"]["train"] = "0" * 64
    (data / "tokenize" / "report.json").write_text(json.dumps(report))
    with pytest.raises(SourceError, match="made of another release; run `instructflow train` first"):
        compare(PROJECT, data, params, arms_of(["dedup"], [], params), call, in_process)


def test_where_nothing_was_built_arms_say_so(params, tmp_path):
    with pytest.raises(SourceError, match="no release here; expected what `instructflow build` leaves"):
        compare(PROJECT, tmp_path, params, arms_of(["dedup"], [], params), call, in_process)


def found_with(**bits: list[float]) -> dict[str, Any]:
    counts = {what: dict.fromkeys(bits, 7) for what in ("rows", "tokens", "answer_tokens")}
    over_rows = {}
    for arm, of_arm in bits.items():  # as narrow as can be: the seeds decide
        differences = [curated - other for curated, other in zip(bits["curated"], of_arm, strict=True)]
        over_rows[arm] = (fmean(differences),) * 2
    return {"bits": bits, "over_rows": over_rows, "held_out_rows": 3, **counts}


@pytest.mark.parametrize(
    ("bits", "verdict", "sentence"),
    [
        (
            [2.5, 2.6, 2.41],
            "helps",
            "Without source 茶 a model needs more bits per byte of test: source 茶 helps (-0.5",
        ),
        (
            [1.5, 1.6, 1.41],
            "hurts",
            "Without source 茶 a model needs fewer bits per byte of test: source 茶 hurts (+0.4",
        ),
        ([2.0, 2.3, 1.7], "no significant difference", "Without source 茶: no significant difference in bits per byte"),
    ],
)
def test_more_bits_without_something_mean_that_it_helps(bits, verdict, sentence):
    told = tell({"arm": "source 茶"}, found_with(curated=[2.0, 2.1, 1.9], arm=bits), {"arm": {}})["arms"]["arm"]
    assert told["verdict"] == verdict
    assert told["sentence"].startswith(sentence)
    assert told["sentence"].endswith("over test rows).")


def test_of_several_arms_each_says_that_its_interval_is_its_own():
    found = found_with(curated=[2.0, 2.1], a=[2.1, 2.3], b=[1.9, 2.0])
    told = tell({"a": "dedup", "b": "source b"}, found, {"a": {}, "b": {}})
    assert all(
        arm["sentence"].endswith("The interval is for this arm alone, not corrected for 2 comparisons.")
        for arm in told["arms"].values()
    )


def test_one_seed_gives_a_table_without_an_interval(capsys):
    show_arms(
        tell(
            {"without-dedup": "dedup"}, found_with(**{"curated": [2.0], "without-dedup": [2.5]}), {"without-dedup": {}}
        )
    )
    shown = capsys.readouterr().out
    assert "-0.5000" in shown
    assert "nothing is proven" in shown
