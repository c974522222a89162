"""Answers that are the question over again."""

import polars as pl

from tasks.core.text import normalised

LEAST_WORDS = 5  # Han characters or words of a prompt; a shorter one may be given back by right: 早上好, Good morning
FULL_WIDTH = {
    chr(letter + 0xFEE0): chr(letter) for letter in (*range(ord("0"), ord("9") + 1), *range(ord("a"), ord("z") + 1))
}
# Labels and courtesy round a text, which are neither its words nor an answer.
LABEL = (
    r"(?:question|instructions?|prompt|task|user|human|input|answer|assistant|response|output|[qa]"
    r"|问题|问|题目|指令|任务|用户|输入|回答|答案|答|助手|输出)\s*[:：]"
)
BEFORE = (
    rf"(?i)\A[\s#*>]*(?:{LABEL}[\s*]*|(?:sure|okay|ok|of course|certainly|好的|好|当然|没问题)\s*[,.!，。！:：]\s*)*"
)
AFTER = rf"(?i)(?:[\s#*]{LABEL}[\s*]*)+\z"
# Prompts to which their own words are the answer: they ask for them, or greet, thank, wish and part.
GIVEN_BACK = (
    r"(?i)repeat|verbatim|\becho\b|\bcopy\b|after me|say (?:it|this) "
    r"|as[ -]is\b|unchanged|word for word|hello|how are you|nice to meet"
    r"|happy|merry|good (?:morning|afternoon|evening|night|luck)|thank|goodbye|\bbye\b|see you|congratulat|cheers"
    r"|重复|重復|复述|原样|原封不动|照抄|抄写|跟我|跟着|保持不变|一字不|你好|您好|早上好|晚上好|晚安|快乐|高兴认识|谢谢|感谢|再见|恭喜|祝"
)


def echo_ratio(prompt: pl.Expr, answer: pl.Expr) -> pl.Expr:
    """Share of an answer that is the whole prompt over again, 0 to 1; 1 is an answer that adds nothing.

    Compared are tokens, so case, width, spacing and punctuation are no difference, and labels (Question:, 答：) are
    left out. Anything less than the whole prompt is no echo: a rewriting or a label copies part of it by right. Nor is
    a prompt of fewer than five words, a greeting, a request to repeat. `prompt` is the last user turn.
    """
    asked, replied = _bare(prompt), _bare(answer)
    # Texts that begin with the same letter; only these are cut into tokens.
    alike = _first_letter(asked) == _first_letter(replied)
    asked, replied = (normalised(pl.when(alike).then(text)) for text in (asked, replied))
    begins = (replied + " ").str.starts_with(asked + " ")
    says_something = asked.str.count_matches(r"\p{Han}|[\p{L}--\p{Han}]+") >= LEAST_WORDS
    is_echo = begins & says_something & ~prompt.str.contains(GIVEN_BACK)
    return pl.when(is_echo).then(_n_tokens(asked) / _n_tokens(replied)).otherwise(0.0)


def _bare(text: pl.Expr) -> pl.Expr:
    return text.str.replace(BEFORE, "").str.replace(AFTER, "")


def _first_letter(text: pl.Expr) -> pl.Expr:
    """In half width and lower case, as tokens are."""
    head = text.str.extract(r"([\p{L}\p{N}])").str.to_lowercase()
    return head.replace(FULL_WIDTH)


def _n_tokens(joined: pl.Expr) -> pl.Expr:
    return joined.str.count_matches(" ") + 1.0
