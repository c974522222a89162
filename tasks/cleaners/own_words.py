"""Answers that speak for themselves, and not for a tool or for somebody whose words they give."""

import polars as pl

ASKS_FOR_WORDING = (
    r"(?i)translat|rephras|paraphras|reword|rewrite|rearrange|翻译|翻譯|译成|改写|重写|重新排列|重组"
    r"|(?:create|write|generate) a (?:response|reply)|(?:创建|写|生成)一个(?:回应|响应|回复)"
)
DECLINES = (
    r"(?i)refus|can(?:no|['’])t|can not|unable|impossible|sorry|did(?:n['’]t| not)|no input|拒绝|拒絕|无法|無法|不能"
    r"|没|沒|不可能|抱歉|对不起|對不起"
)  # in a prompt whose own words may be such a sentence
SPEAKS_OF_WORK = r"(?i)translat|翻译|翻譯|language model|语言模型|\bai\b|人工智能|provide|提供|model\b|模型"


def own_words(question: pl.Expr, answer: pl.Expr, has_tools: pl.Expr) -> pl.Expr:
    """The answer, null where a refusal or a request may be what is taught.

    In a row with tools it says that no tool fits or that an argument is missing. A sentence of the prompt's that was
    translated or worded otherwise may be one, too, unless the answer speaks of the work or of the model.
    """
    asks = question.str.contains(ASKS_FOR_WORDING) & question.str.contains(DECLINES)
    return pl.when(~has_tools & ~(asks & ~answer.str.contains(SPEAKS_OF_WORK))).then(answer)
