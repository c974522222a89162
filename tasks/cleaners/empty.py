"""Answers that say nothing: stops and dashes, placeholders alone, "No output"."""

import polars as pl

# Stops and dashes together are Morse code.
NOTHING_SAID = (
    r"\A\s*(?:[.。…·\s]+|[-—–_]+|[,，、;；:：]+|(?:<(?:EMAIL|PHONE|ID_CARD|BANK_CARD|IP|KEY)_\d+>\W*)+)?\s*\z"
)
NO_OUTPUT = (
    r"(?i)\A\W*(?:no[ -]?output(?: (?:is )?(?:required|needed|available|possible|given))?|n/a|not applicable"
    r"|(?:无|没有|无需|不需要|无可用)输出|不适用)\W*\z"
)
MAY_BE_MEANT = r"(?i)output|n/a|applicable|输出|适用"  # in a prompt that offers these words as an answer


def says_nothing(prompt: pl.Expr, answer: pl.Expr) -> pl.Expr:
    """Whether an answer has nothing but marks, placeholders of redacted values, or the word that there is no output."""
    return answer.str.contains(NOTHING_SAID) | (answer.str.contains(NO_OUTPUT) & ~prompt.str.contains(MAY_BE_MEANT))
