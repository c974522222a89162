"""Rows that look wrong to the model are listed, the worst first, and short answers and small groups are left alone."""

import polars as pl
import pytest

from tasks.core.suspects import shown, suspicion


def judged(*rows: tuple[str, str, float, float], n_tokens: int = 20) -> pl.DataFrame:
    """Rows of (id, language, loss, loss_alone)."""
    table = pl.DataFrame(rows, schema=["id", "language", "loss", "loss_alone"], orient="row")
    return table.with_columns(
        ifd=pl.col("loss") / pl.col("loss_alone"),
        n_tokens=pl.lit(n_tokens),
        split=pl.lit("train"),
        source=pl.lit("s"),
        instruction_type=pl.lit("math"),
    )


@pytest.mark.parametrize("language", ["zh", "en"])
def test_an_answer_that_its_instruction_does_not_help_is_a_mismatch(language):
    rows = judged(("good", language, 2.0, 3.0), ("bad", language, 3.3, 3.0), ("worse", language, 4.0, 3.0))
    assert suspicion(rows).rows() == [
        ("worse", "mismatch", pytest.approx(4 / 3)),
        ("bad", "mismatch", pytest.approx(1.1)),
    ]


def test_short_answers_are_left_alone():
    assert suspicion(judged(("short", "zh", 4.0, 3.0), n_tokens=7)).is_empty()


def test_a_loss_far_above_its_language_and_type_is_an_outlier():
    usual = [
        (f"{language}{i}", language, mean + 0.1 * (i % 5), 9.0)
        for language, mean in (("zh", 2), ("en", 5))
        for i in range(25)
    ]
    found = suspicion(judged(*usual, ("odd", "zh", 5.0, 9.0)))  # 5.0 is usual for English
    assert found.select("id", "kind").rows() == [("odd", "outlier")]
    few = suspicion(judged(*usual[:10], ("odd", "zh", 5.0, 9.0)))
    assert few.is_empty()


def test_rows_that_were_not_trained_on_are_no_outliers_for_that():
    seen, unseen = (
        [(f"{n}{i}", "zh", mean + 0.1 * (i % 5), 9.0) for i in range(30)] for n, mean in (("a", 1.0), ("b", 3.0))
    )
    both = pl.concat([judged(*seen), judged(*unseen).with_columns(split=pl.lit("test"))])
    assert suspicion(both).is_empty()


def test_equal_losses_make_no_outlier():
    assert suspicion(judged(*[(f"a{i}", "en", 2.0, 3.0) for i in range(30)], ("b", "en", 2.1, 3.0))).is_empty()


def test_the_worst_are_shown_with_their_texts():
    rows = judged(("a", "zh", 3.3, 3.0), ("b", "en", 4.0, 3.0))
    texts = pl.DataFrame({"id": ["a", "b"], "prompt": ["三加五", "Say hi"], "answer": ["苹果", "42"]})
    found = shown(suspicion(rows), rows, texts, 1)
    assert [(row["id"], row["prompt"], row["answer"], row["kind"], row["ifd"]) for row in found] == [
        ("b", "Say hi", "42", "mismatch", 1.3333)
    ]
    assert shown(suspicion(rows), rows, texts, 0) == []
