"""Other names for the companies and the city of a Chinese conversation.

A company's kind stays (云雀航空 → 望舒航空), a city becomes one of its region. Where a string that is a name here is no
name there (长安), or something ties it to the world, nothing is replaced.
"""

import re
from functools import cache, partial
from typing import Any

from tasks.augmenters.lac import HAN, always_tagged, tagged
from tasks.augmenters.names import Conversation, drawn, groups, longest_first, words

# Words that tie a city to the world: what is true of it is not true of another.
KEEPS_PLACES = re.compile(
    r"机票|航班|飞往|飞[^机]|高铁|动车|火车|地铁|机场|车站|站台|天气|气温|景点|旅游|游玩|攻略|特产|博物馆|区号|邮编|方言|本地人|当地|车程|公里|大学"
)
PLACEHOLDER_STEM = re.compile(r"[某贵本该我你您他她它这那哪各家大小总分子老新和与及的在于是由市省县区州镇国局]")


@cache
def cities() -> tuple[str, ...]:
    """All cities that may be replaced or take another's place."""
    return tuple(city for line in groups("zh", "cities") for city in line)


def organisations_of(conversation: Conversation, lines: list[str], names: Any) -> dict[str, str]:
    """Another first part for companies named like 云雀航空; what kind of company it is stays."""
    kinds = f"(?:{longest_first(words('zh', 'kinds_of_organisations'))})"
    stems = set()
    for line in lines:
        for at, word, tag in tagged(line):
            match = re.match(rf"([{HAN}]{{2,3}}?){kinds}+", line[at:]) if tag == "ORG" else None
            if match and word in (match[0], match[1]):  # 海岳银行 is one word, 青松 and 商城 may be two
                stems.add(match[1])
    text = conversation.text
    known = {*words("zh", "famous_organisations"), *words("zh", "famous"), *cities()}
    if any(stem in known or PLACEHOLDER_STEM.search(stem) or tagged(stem)[0][2] == "LOC" for stem in stems):
        return {}
    if not stems or not always_tagged(text, sorted(stems), _stands_as_organisation):
        return {}
    renamed: dict[str, str] = {}
    for stem in sorted(stems):
        pool = words("zh", "organisations")
        other = drawn(
            partial(names.random_element, pool), lambda name: name not in text and name not in renamed.values()
        )
        if other is None:
            return {}
        renamed[stem] = other
    return renamed


def _stands_as_organisation(line: str, at: int, stem: str) -> bool:
    return any(start == at and tag in ("ORG", "nz") for start, _, tag in tagged(line))


def place_of(conversation: Conversation, lines: list[str], names: Any) -> dict[str, str]:
    """Another city, where it is the only place of the conversation and nothing ties it to the world."""
    text = conversation.text
    asked = {
        city for line in lines for _, word, tag in tagged(line) for city in cities() if tag == "LOC" and city in word
    }
    if len(asked) != 1 or KEEPS_PLACES.search(text):
        return {}
    (city,) = asked
    places = {word for line in text.split("\n") for _, word, tag in tagged(line) if tag == "LOC"}
    if not places <= {city, f"{city}市"} or not always_tagged(text, [city], _stands_as_place):
        return {}
    alike = next(line for line in groups("zh", "cities") if city in line)
    other = drawn(lambda: names.random_element(alike), lambda name: name not in text)
    return {city: other} if other else {}


def _stands_as_place(line: str, at: int, city: str) -> bool:
    return any(start == at and tag == "LOC" for start, _, tag in tagged(line))
