"""Split keeps families whole, meets its quotas up to a family, and does not care about row order."""

from collections import Counter

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.core.files import read_examples, write_examples
from tasks.core.params import SplitParams
from tasks.core.schema import examples_frame
from tasks.split import certificate, split, split_examples


def example(id: str, family: str, **columns: object) -> dict:
    prompt = columns.pop("prompt", f"问题 {id}")
    turns = [{"role": "user", "content": prompt}, {"role": "assistant", "content": f"answer {id}"}]
    return {"id": id, "messages": turns, "family": family, "source": "a", "language": "zh", **columns}


@pytest.mark.parametrize(("one", "other"), [("什么是茶？", "什么是 茶"), ("What is tea?", "what is tea")])
def test_families_whose_prompts_people_made_equal_are_one(one, other):
    rows = [example("a", "f", prompt=one), example("b", "g", prompt=other), example("c", "g"), example("d", "h")]
    for seed in range(20):
        done, _ = split_examples(examples_frame(rows), SplitParams(seed=seed, val_ratio=0.3, test_ratio=0.3))
        assert done["family"].to_list() == ["f", "f", "f", "h"]
        assert done.head(3)["split"].n_unique() == 1


@st.composite
def corpora(draw):
    """Families of 1 to 12 rows over a few strata, now and then a giant one."""
    sizes = draw(st.lists(st.one_of(st.integers(1, 12), st.just(60)), max_size=40))
    kinds = draw(st.lists(st.sampled_from(["math", "other", "translation"]), min_size=len(sizes), max_size=len(sizes)))
    return [
        example(f"{f:03}-{i:02}", f"{f:03}-00", instruction_type=kind, language="zh" if f % 2 else "en")
        for f, (size, kind) in enumerate(zip(sizes, kinds, strict=True))
        for i in range(size)
    ]


@settings(max_examples=150, deadline=None)
@given(corpora(), st.integers(0, 3), st.sampled_from([(0.1, 0.1), (0.0, 0.2), (0.3, 0.0), (0.4, 0.4)]))
def test_quotas_are_met_up_to_one_family(rows, seed, ratios):
    params = SplitParams(seed=seed, val_ratio=ratios[0], test_ratio=ratios[1])
    done, measures = split_examples(examples_frame(rows), params)
    for stratum in measures["strata"]:
        assert abs(stratum["val_over"]) <= stratum["largest_family"] + 1e-9
        assert abs(stratum["test_over"]) <= stratum["largest_family"] + 1e-9
    n = Counter(done["split"].to_list())
    largest = measures["largest_family"]
    assert abs(n["test"] - ratios[1] * len(rows)) <= largest / 2 + 1e-9
    assert abs(n["val"] - ratios[0] * len(rows)) <= largest + 1e-9
    assert done.group_by("family").agg(pl.col("split").n_unique())["split"].to_list() == [1] * done["family"].n_unique()


def test_quotas_of_single_rows_are_exact_to_half_a_row():
    rows = [example(f"{i:03}", f"{i:03}", instruction_type=f"t{i % 7}") for i in range(200)]
    done, _ = split_examples(examples_frame(rows), SplitParams())
    assert Counter(done["split"].to_list()) == {"train": 160, "val": 20, "test": 20}


def test_rare_strata_are_not_all_train():
    rows = [example(f"{i:03}", f"{i:03}", instruction_type=f"type{i}") for i in range(50)]
    assert Counter(split_examples(examples_frame(rows), SplitParams())[0]["split"].to_list())["test"] == 5


def test_row_order_and_shards_do_not_matter(tmp_path):
    rows = [example(f"{i:03}", f"{i // 3 * 3:03}", instruction_type=f"t{i % 4}") for i in range(90)]
    written = []
    for name, ordered, shard in (("a", rows, 100), ("b", rows[::-1], 7)):
        write_examples(examples_frame(ordered), tmp_path / name / "score" / "examples", shard)
        split(tmp_path / name / "score", tmp_path / name / "split", SplitParams())
        written.append({p.name: p.read_bytes() for p in (tmp_path / name / "split").rglob("*") if p.is_file()})
    assert written[0] == written[1]
    assert set(read_examples(tmp_path / "a" / "split")["split"]) == {"train", "val", "test"}


def test_another_seed_is_another_split():
    frame = examples_frame([example(f"{i:03}", f"{i:03}") for i in range(100)])
    one, other = (split_examples(frame, SplitParams(seed=seed))[0]["split"].to_list() for seed in (0, 1))
    assert one != other


def test_a_family_keeps_its_split_when_rows_of_another_stratum_come():
    rows = [example(f"{i:03}", f"{i:03}", instruction_type="a") for i in range(100)]
    more = rows + [example(f"{i:03}", f"{i:03}", instruction_type="z") for i in range(100, 200)]
    before = dict(split_examples(examples_frame(rows), SplitParams())[0].select("id", "split").iter_rows())
    after = dict(split_examples(examples_frame(more), SplitParams())[0].select("id", "split").iter_rows())
    assert {id: after[id] for id in before} == before


@pytest.mark.parametrize("n", [0, 1, 2])
def test_fewer_families_than_splits_are_fine(n):
    rows = [example(f"{i}", f"{i}") for i in range(n)]
    assert len(split_examples(examples_frame(rows), SplitParams())[0]) == n


@pytest.mark.parametrize("prompt", ["你好，世界", "Hello, world"])
def test_the_certificate_finds_a_pair_in_two_splits(prompt):
    rows = [
        example("a", "a", split="train", prompt=prompt),
        example("b", "b", split="test", prompt=prompt.upper() + "!"),
    ]
    for row in rows:
        row["messages"][1]["content"] = "同"
    with pytest.raises(AssertionError, match="pair is in two splits"):
        certificate(examples_frame(rows))


def test_the_certificate_finds_a_family_in_two_splits():
    rows = [example("a", "f", split="train"), example("b", "f", split="val")]
    with pytest.raises(AssertionError, match="family is in two splits: f"):
        certificate(examples_frame(rows))
