"""Answers that refuse, or that speak as a model of themselves."""

import polars as pl

MODEL_EN = (
    r"(?:ai|artificial intelligence|(?:large )?language model)"
    r"(?:[ -](?:language|model|assistant|chatbot|system|program))*"
)
# Looked for where an answer begins. A business that is sorry says "we"; a model that refuses says "I" and helps nobody.
REFUSAL_EN = (
    rf"(?i)\A\W*(?:as an? {MODEL_EN},? (?:i|my|it)\b"
    rf"|(?:i['’]?m|i am) (?:just |only )?an? {MODEL_EN}\b"
    r"[^.!?\n]{0,80}(?:n['’]t\b|cannot|can not|unable|do not|without)"
    r"|(?:(?:i['’]?m |i am )?(?:very |really )?sorry|unfortunately|i apologi[sz]e)[,.;!]? ?(?:but )?"
    r"(?:as an? (?:ai|language model)|i (?:can(?:no|['’])t|can not|am (?:not able|unable)|won['’]t be able) (?:to )?"
    r"(?:help|assist|fulfil|comply|answer|do that|provide|generate|create|complete|engage|continue|discuss))"
    r"|i (?:can(?:no|['’])t|am (?:not able|unable) to) (?:help|assist|fulfil|comply)(?: you)? with (?:that|this)"
    r"|(?:(?:i['’]?m |i am )?sorry|unfortunately)\b[^\n]{0,120}\b(?:task|prompt|instruction|language model|ai model)\b"
    r"[^\n]{0,120}(?:cannot|can['’]t|unable to|not possible|beyond)"
    r"|(?:sorry|unfortunately)\b[^\n]{0,120}(?:cannot|can['’]t|unable to)[^\n]{0,60}"
    r"\b(?:this task|language model|ai model)\b)"
)
REFUSAL_ZH = (
    r"\A[\s\p{P}]*(?:作为(?:一个|一名|一款|一种)?(?:AI|ai|人工智能|(?:大型?)?语言模型|聊天机器人|智能助手)"
    r"(?:语言|大?模型|助手|助理|程序|系统|机器人)*[，,、：]?\s?(?:我|本(?:模型|助手)|无法|不能|没有)"
    r"|我(?:只)?是(?:一个|一名|一款|一种)?(?:AI|ai|人工智能|(?:大型?)?语言模型)[^。！？\n]{0,30}(?:无法|不能|没有)"
    r"|(?:很|非常|十分|真的)?(?:抱歉|对不起|遗憾)[，,。！!]?\s?(?:但是?|不过)?(?:作为(?:AI|一个|人工智能)|我(?:无法|不能|没有办法|没法)"
    r"(?:回答|提供|完成|帮助|协助|满足|生成|为您提供|为你提供|理解|处理|执行)))"
    r"|\A[\s\p{P}]*(?:很|非常)?(?:抱歉|对不起|遗憾)[^\n]{0,60}(?:任务|指令|提示词?|语言模型)[^\n]{0,80}(?:无法|不能)"
    r"|\A[^\n。]{0,40}(?:不能|无法)由(?:GPT ?|大型?)?(?:语言)?模型"
)
HEAD_CHARS = 240  # of an answer, in which a refusal is looked for


def refuses(answer: pl.Expr) -> pl.Expr:
    """Whether an answer begins with a refusal."""
    head = answer.str.slice(0, HEAD_CHARS)
    return head.str.extract(f"({REFUSAL_EN})", 0).is_not_null() | head.str.contains(REFUSAL_ZH)
