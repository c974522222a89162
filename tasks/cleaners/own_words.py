"""Answers that speak for themselves, and not for a tool or for somebody whose words they give."""

import polars as pl

ASKS_FOR_WORDING = (
    r"(?i)translat|rephras|paraphras|reword|rewrite|rearrange|翻译|翻譯|译成|改写|重写|重新排列|重组|换一种说法"
    r"|(?:create|write|generate) a (?:response|reply)|(?:创建|写|生成)一个(?:回应|响应|回复)"
)
SPEAKS_OF_WORK = r"(?i)translat|翻译|翻譯|language model|语言模型|\bai\b|人工智能|provide|提供|model\b|模型"


def own_words(question: pl.Expr, answer: pl.Expr, has_tools: pl.Expr) -> pl.Expr:
    """The answer, null where a refusal or a request may be what is taught.

    In a row with tools it says that no tool fits or that an argument is missing. A sentence that was translated or
    worded otherwise may be one, too, unless it speaks of the work or of the model.
    """
    is_wording = question.str.contains(ASKS_FOR_WORDING) & ~answer.str.contains(SPEAKS_OF_WORK)
    return pl.when(~has_tools & ~is_wording).then(answer)
