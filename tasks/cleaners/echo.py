"""Answers that are the question over again, or its text untranslated."""

import polars as pl

from tasks.core.text import normalised

LEAST_WORDS = 5  # Han characters or words of a prompt; a shorter one may be given back by right: 早上好, Good morning
HEAD_CHARS, HEAD_LETTERS = 100, 4  # what two texts must have in common before they are cut into tokens
FULL_WIDTH = {
    chr(letter + 0xFEE0): chr(letter) for letter in (*range(ord("0"), ord("9") + 1), *range(ord("a"), ord("z") + 1))
}
# Labels, numbers, marks and courtesy round a text, which are neither its words nor an answer.
LABEL = (
    r"(?:question|instructions?|prompt|task|user|human|input|answer|assistant|response|output|[qa]"
    r"|问题|问|题目|指令|任务|用户|输入|回答|答案|答|助手|输出)\s*[:：]"
)
MARK = r"[\s#*>_~`\"'“”‘’「」『』:：]"
BEFORE = (
    rf"(?i)\A{MARK}*(?:(?:{LABEL}|(?:sure|okay|ok|of course|certainly|好的|好|当然|没问题)\s*[,.!，。！:：]"
    rf"|[-•]\s|[(（]?\d{{1,2}}[.)、）]|请问?[您你]?|please\b,?|(?:could|can|would) you (?:please)?){MARK}*)*"
)
AFTER = (
    rf"(?i)(?:(?:[\s#*]{LABEL}|[,.!?，。！？、\s]+(?:谢谢|多谢|感谢|拜托|please|thanks?|thank you)[您你了啦]?)"
    rf"[\s.!。！]*|{MARK}|[.!?。！？])*\z"
)
# Prompts to which their own words are the answer: they ask for them, or greet, thank, wish and part.
GIVEN_BACK = (
    r"(?i)repeat|verbatim|\becho\b|\bcopy\b|after me|say (?:it|this) "
    r"|as[ -]is\b|unchanged|word for word|hello|how are you|nice to meet"
    r"|happy|merry|good (?:morning|afternoon|evening|night|luck)|thank|goodbye|\bbye\b|see you|congratulat|cheers"
    r"|重复|重復|复述|原样|原封不动|照抄|抄写|跟我|跟着|保持不变|一字不|你好|您好|早上好|晚上好|晚安|快乐|高兴认识|谢谢|感谢|再见|恭喜|祝"
)
# A request for a text in another language, and then the text. Other requests may rightly leave theirs unchanged: the
# sentence to correct is right, the list to sort is sorted.
TO_TRANSLATE = r"(?i)\A[^\n:：]*(?:translat|翻译|翻譯|译[成为]|譯成)[^\n:：]*(?:[:：]\s*|\n+)"


def echo_ratio(prompt: pl.Expr, answer: pl.Expr) -> pl.Expr:
    """Share of an answer that is the whole prompt over again, 0 to 1; 1 is an answer that adds nothing.

    Compared are tokens, so case, width, spacing and punctuation are no difference, and labels (Question:, 答：), list
    numbers, Markdown marks and courtesy (请, please) round the text are left out. The prompt several times over is 1,
    and so is the text of a prompt that asks to translate it. Anything else that is less than the whole prompt is no
    echo: a rewriting or a label copies part of it by right. Nor is a prompt of fewer than five words, a greeting, a
    request to repeat. `prompt` is the last user turn.
    """
    return pl.struct(prompt=prompt, answer=answer).map_batches(
        _echo_ratio, return_dtype=pl.Float64, is_elementwise=True
    )


def _echo_ratio(rows: pl.Series) -> pl.Series:
    """In stages: only texts that begin alike are cut into tokens."""
    prompt, answer, asked, replied = (pl.col(name) for name in ("prompt", "answer", "asked", "replied"))
    pairs = rows.struct.unnest().with_row_index()
    whole = pairs.filter(_head(prompt) == _head(answer))
    texts = pairs.filter(prompt.str.contains(TO_TRANSLATE)).with_columns(prompt.str.replace(TO_TRANSLATE, ""))
    candidates = (
        pl.concat([whole, texts.filter(_head(prompt) == _head(answer))])
        .with_columns(asked=_bare(prompt), replied=_bare(answer))
        .filter(~asked.str.contains(GIVEN_BACK))
        .filter(asked.str.count_matches(r"\p{Han}|[\p{L}--\p{Han}]+") >= LEAST_WORDS)
        .with_columns(asked=normalised(asked) + " ", replied=normalised(replied) + " ")
        .filter(replied.str.starts_with(asked))
    )
    shares = [_share(a, r) for a, r in candidates.select("asked", "replied").iter_rows()]
    found = (
        candidates.select("index", share=pl.Series(shares, dtype=pl.Float64))
        .group_by("index")
        .agg(pl.col("share").max())
    )
    return pairs.join(found, on="index", how="left", maintain_order="left")["share"].fill_null(0.0)


def _share(asked: str, replied: str) -> float:
    """Of tokens that each are followed by a blank."""
    is_repeated = asked * (len(replied) // len(asked)) == replied
    return 1.0 if is_repeated else asked.count(" ") / replied.count(" ")


def _bare(text: pl.Expr) -> pl.Expr:
    return text.str.replace(BEFORE, "").str.replace(AFTER, "")


def _head(text: pl.Expr) -> pl.Expr:
    """The first letters and digits in half width and lower case, as tokens are."""
    head = text.str.slice(0, HEAD_CHARS).str.replace(BEFORE, "").str.slice(0, 2 * HEAD_LETTERS)
    return (
        head.str.to_lowercase()
        .str.replace_many(FULL_WIDTH)
        .str.replace_all(r"[^\p{L}\p{N}]", "")
        .str.slice(0, HEAD_LETTERS)
    )
