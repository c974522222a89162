"""Answers that break off: in a code block, in a word, in a sentence."""

import polars as pl

from tasks.core.text import units_of

TAIL_CHARS = 60  # of an answer, shown where it breaks off
LEAST_UNITS = 12  # of the last line, for a linking word to say that a sentence goes on; titles are shorter
LEAST_COMMA_UNITS = 16  # the same for a comma, unless a sentence ends before; closings and verses are shorter
FENCE = r"(?m)^[ \t]*(?:[-*>] |\d+\. )?(?:```|~~~)"
# What no sentence stands in: items of lists, headings, table rows, code, addresses, formulas, tags.
NO_PROSE = (
    r"^\s*(?:[-*+•|#>]|\d+[.)、）]|[a-zA-Z][.)）]\s)|[{}=;<>|`\\_#]|://|www\.|\.[a-z]{2,4}/|\$\$|[\p{Sm}]"
    r"|^\s*(?:def|for|while|if|elif|return|print|import|SELECT)\s.*[:()]"
)
# How a sentence goes on in English: an article or a conjunction, or a preposition that something must follow.
GOES_ON_EN = (
    r"(?:^|[\p{L}\p{N}%)’'”\"],? )(?:and|or|the|an|because|although|whereas|including|"
    r"(?:[a-z]+ing|[a-z]+ed|in|on|at|of|to|for|with|from|by|as|is|are|was|were|be|has|have|had|get|make|such) a|"
    r"(?:in|on|at|of|to|for|with|from|by|as|than|into) (?:their|its|our|your|his|my|these|those|each|every)|"
    r"(?:number|importance|amount|variety|range|part|use|one|some|most|many|each|both|because|result|means|lot|set"
    r"|series|rest|lack|percentage|sense|level|loss|cost|value|sum|role|impact|effects?|benefits?|instead|consists?"
    r"|capable) of|"
    r"(?:equal|according|due|thanks|addition|order|able|likely|used|from \d+|between \d+|refers|leads?|compared"
    r"|relative) (?:to|and|in)|"
    r"such as|as well as|in order to|so that|(?:will|would|can|could|should|may|might|must) (?:also )?be)\z"
)
# The same after a finished sentence in the same line, which shows that the answer sets its full stops.
GOES_ON_AFTER_SENTENCE_EN = (
    r"[a-z0-9][.!?][\"”’)]* (?:The|A|An|In|For|If|When|While|And|But|Or|By|To|With|As|Of|From|At|On"
    r"|Additionally|However),?\z"
    r"|[\p{L}\p{N}%)’'”\",] (?:a|an|the|their|our|its|his|your|my|these|those|which|if|when|while|whether|been|may"
    r"|might|must|into|from|than|as|also|such|between|we|they|she|he|and|or|but|very|through)\z"
)
# How a sentence goes on in Chinese: linking words that end no other word (not the 和 of 总和) and no list (、但是).
GOES_ON_ZH = (
    r"(?:[^、“\"‘「『《：:\s](?:以及|并且|而且|或者|但是|然而|因为|由于|所以|因此|如果|虽然|尽管|即使|例如|比如|譬如|包括"
    r"|根据|按照|关于|对于|除了|为了|等于|来源于|取决于|位于|属于|基于|设置为|分别为|称为|分为|约为|得分为|变为|转换为"
    r"|定义为|命名为)|作为一[个种名]|这是|原因是|结果是|重要的是|之一是|目的是|关键是|需要注意的是|特别是|尤其是"
    r"|[是为成出]一[个种些]|[，。]突然，?|(?:[们它他她]|，)(?:将|把|被)|[，。](?:在|通过|从|当)|正在"
    r"|[^总之温饱柔暖缓共平随谦中调祥求讲亲附晴议掺混、\s]和|[^参赋寄施赠付、\s]与)\z"
)
GOES_ON_AFTER_SENTENCE_ZH = (
    r"(?:[我你他她它人]们的|[^合兼\s]并|[然从因反进故]而|[\p{Han}]但|[^间抑\s]或|[^变三五\s]更|[这那][些种]|将是"
    r"|[^现存所实好内外潜自健\s]在|[^行作认因成人\s]为|[^可所予给加得足\s]以|[^普涉顾提波来不\s]及)\z"
)
COMMA = r"[，、,]\s*\z"
CUT_WORD = r"(?:[a-z]{2}|\d)[-–]\z"  # inter-, from 1-
SPLIT_PREFIX = r"[a-z]-(?:[\s,.;)\"”’]|and\b)"  # a text about prefixes: un- and re-
ENDED = r"[.!?。！？…][\"”’)）」』】\]*]*\s*\z"
ENDED_INSIDE = r"(?:(?:[a-z]|\d{3})[.!?][\"”’)]* +[\"“(]*[A-Z]|[。！？])"  # an earlier sentence of the same line
UNENDED = r"[a-z,，、\p{Han}]\z"


def truncated_in(answer: pl.Expr) -> pl.Expr:
    """The last 60 characters of an answer that breaks off, null of one that does not.

    It breaks off where a fence is open and its text does not end as prose does, where a word ends with a hyphen, and
    where a line of prose ends with a comma or with a word that another must follow: the, and, such as, 以及, 因为.
    A missing full stop alone is no break (see `unended_units`); nor is a closing (Sincerely,), a list or a verse.
    """
    text = answer.str.strip_chars_end()
    line = text.str.extract(r"([^\n]*)\z")
    is_prose = (units_of(line) >= LEAST_UNITS) & ~line.str.contains(NO_PROSE)
    after_sentence = line.str.contains(ENDED_INSIDE)
    goes_on_after = line.str.contains(GOES_ON_AFTER_SENTENCE_EN) | line.str.contains(GOES_ON_AFTER_SENTENCE_ZH)
    goes_on = line.str.contains(GOES_ON_EN) | line.str.contains(GOES_ON_ZH) | (after_sentence & goes_on_after)
    cut_word = line.str.contains(CUT_WORD) & ~line.str.contains(SPLIT_PREFIX)
    comma = line.str.contains(COMMA) & (after_sentence | (units_of(line) >= LEAST_COMMA_UNITS))
    breaks_off = _fence_is_open(text) | (is_prose & (goes_on | cut_word | comma))
    return pl.when(breaks_off).then(text.str.slice(-TAIL_CHARS))


def _fence_is_open(text: pl.Expr) -> pl.Expr:
    """An odd number of fences, the last of which is followed by more than nothing and by no finished sentence."""
    odd = text.str.count_matches(FENCE) % 2 == 1
    line = text.str.extract(r"([^\n]*)\z")
    return odd & ~line.str.contains(FENCE) & ~line.str.contains(ENDED)


def unended_units(answer: pl.Expr) -> pl.Expr:
    """Units of an answer whose last line is prose without a final mark after sentences that have one, else 0.

    A long one may have met a cap of its generator; a short one is careless. A hint to look at, not to drop by.
    """
    line = answer.str.strip_chars_end().str.extract(r"([^\n]*)\z")
    unended = line.str.contains(ENDED_INSIDE) & line.str.contains(UNENDED) & ~line.str.contains(NO_PROSE)
    return pl.when(unended & (units_of(line) >= LEAST_UNITS)).then(units_of(answer)).otherwise(0)
