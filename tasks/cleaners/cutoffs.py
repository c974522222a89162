"""Answers that say when their own knowledge ends.

A model trained on them takes over another's date. What counts is the first person: "the knowledge of GPT-4 ends in
2021" answers a question, "my knowledge ends in 2021" does not. A text may be several turns, one after the other.
"""

import polars as pl

from tasks.cleaners.refusals import ascii_bounds

_YEAR = r"(?:(?:19|20)\d\d|二[〇零]二[〇零一二三四五六])"
_CUT_EN = r"(?:cut[- ]?offs?|cuts? off)"
_STORE_EN = (
    r"(?:knowledge(?: base)?|training(?: data| set| corpus)?|data(?:base|set)?|corpus|information|records|sources)"
)
_LINK_EN = (
    r"(?:[ ,]+(?:only|last|is|was|are|were|which|that|it|currently|includes?|has|been|information|data|about|may|be"
    r"|outdated|out of date|does(?:n['’]t| not)|don['’]t|do not|may|might|as|be|since|because|for|this|topic"
    r"|events|text))*[ ,]+"
)
_ENDS_EN = (
    r"(?:goes|go|extends?|ends?|ended|stops?|stopped|covers?|limited|current|accurate|up[- ]to[- ]date|updated|based"
    r"|runs?|ran|until|through|up|dates?|frozen|collected|from|reach(?:es)?|compiled|gathered|refreshed|captured)"
)
_NEWS_EN = r"(?:information|data|knowledge|events?|anything|news|developments|things|what (?:has )?happened)"
_CUTOFF_EN = (
    rf"\bmy (?:current )?(?:knowledge|training|data|information|last)[ \w]{{0,20}}{_CUT_EN}"
    rf"|\bmy {_CUT_EN} (?:date|is|was)|\b(?:with|given|due to) (?:a|my|the) knowledge {_CUT_EN}[^.\n]{{0,60}}\b(?:i"
    rf"|my)\b|\b(?:i have a knowledge {_CUT_EN}|the {_CUT_EN}(?: date)? (?:of|for) my)"
    r"|\b(?:as of|since|up (?:to|until)|until|after|before|at|beyond"
    r"|the time of) my (?:(?:last|latest|most recent|knowledge|training|data)[ \w]{0,20}(?:update|training)(?: data"
    rf"| update|[^.\n]{{0,20}}{_YEAR})|[ \w]{{0,20}}{_CUT_EN})"
    r"|\b(?:as of|up (?:to|until)|the time of) my [ \w]{0,20}(?:update\b|training(?:[.,;]|\z))"
    rf"|\bmy (?:[a-z]+ ){{0,2}}?{_STORE_EN}{_LINK_EN}{_ENDS_EN}\b[^.\n]{{0,40}}\b{_YEAR}"
    r"|\bmy (?:most recent|last|latest) (?:knowledge |training )?update (?:was|is|came) (?:in|on"
    rf"|from)\b[^.\n]{{0,12}}{_YEAR}"
    r"|\bi (?:was|am|have(?: not)? been|haven['’]t been) (?:only |last |just )*(?:trained"
    r"|updated)(?: (?:only|on|with|using|an?|the|that|was|were|available|publicly|data(?:set)?|texts?|information"
    r"|sources|of))* (?:up to|until|before|since|through|to|end(?:s|ed|ing)?|collected|gathered|dat(?:ed|ing)"
    rf"|(?:data(?:set)?|texts?|information) (?:from|of|in))\b[^.\n]{{0,20}}\b{_YEAR}"
    rf"|\bi (?:was|am) last (?:trained|updated) (?:in|on)\b[^.\n]{{0,20}}\b{_YEAR}"
    r"|\b(?:information|data|knowledge) (?:(?:available|accessible|known) to me|i (?:have|know"
    r"|was trained on))\b[^.\n]{0,10} (?:(?:is|are) (?:from|up|only"
    rf"|current|limited)|dates?|ends?|goes|stops?)\b[^.\n]{{0,20}}\b{_YEAR}"
    r"|\b(?:i (?:only )?(?:have|know)"
    rf"|i(?:['’]m| am) only (?:aware of|familiar with))\b[^.\n]{{0,20}}\b{_NEWS_EN}[^.\n]{{0,25}}\b(?:up to"
    r"|until|through|to"
    rf"|before)\b[^.\n]{{0,15}}\b{_YEAR}|\bi (?:do not|don['’]t|cannot|can['’]t|am not"
    r"|have no)\b[^.\n]{0,60}\b(?:after|beyond|past|since)\b (?:my"
    rf"|[a-z]* ?{_YEAR}[^.\n]{{0,30}}\bmy)\b[^.\n]{{0,20}}(?:{_CUT_EN}|knowledge|training|update)"
    r"|\bi(?:['’]m not| am not| do not| don['’]t| cannot| can['’]t"
    rf"| have no)\b[^.\n]{{0,40}}\b{_NEWS_EN}\b[^.\n]{{0,40}}\b(?:after|beyond|past|since)\b[^.\n]{{0,12}}{_YEAR}"
)
_STORE_ZH = r"(?:知识(?:库|储备)?|训练|数据库?|信息|资料|语料|了解|培训)"
_MINE_ZH = (
    r"(?:我|本模型)(?:们)?(?:所?(?:掌握|拥有|接受|接触|获取|学习|学|了解|知道|受)?(?:到|过)?的?)?(?:全部|所有|最新"
    r"|最后|培训|的)*"
)
_CUT_ZH = (
    r"(?:截[止至]|止于|更新[到至于]|只到|仅到|最晚到|可能只?到|[仅只]限于|局限于|限制在|停留在"
    r"|[只仅]?(?:涵盖|覆盖|包含|包括)(?:范围)?(?:到|至|是|了)?|为止|(?:都|所用的数据)是)"
)
_LAST_ZH = r"(?:(?:最后|最近|上次|上一次|最新)(?:一次)?)"
_AFTER_ZH = rf"{_YEAR}\s?年(?:\s?\d+\s?月)?(?:份)?(?:之|以)?后"
_NEWS_ZH = r"(?:信息|数据|事件|知识|资料|事情|情况|新闻|内容|消息)"
_OWN_ZH = (  # my knowledge, what I learned; not my data analysis
    r"(?:\A|[^们])我(?:的|本身的|目前的|现有的|当前的)?(?:所?(?:学|学习|掌握|了解|知道|接受|接触|使用|拥有"
    r"|具备|受)(?:到|过)?的?)?(?:全部|所有)?"
    r"(?:知识|训练|培训|数据|资料|语料|信息|内容|学习)(?:数据|语料|资料|材料|内容|库|储备|集|体系)?的?"
)
_STOPS_ZH = (
    r"(?:(?:最后|最近|最新|上|只|仅|可能|大[约概]|都|也|目前|已经?|一次|的|是)*(?:更新|停[在留止]|止|收集|采集"
    r"|截[止至]|整理|冻结|定格|到)"
    r"(?:时间|日期|节点|了|就|是|为|在|于|到|至|停|大约)*)"
)
_CUTOFF_ZH = (
    rf"{_OWN_ZH}{_STOPS_ZH}[^。！？，\n]{{0,3}}{_YEAR}|{_OWN_ZH}(?:在|到|于|是|只"
    rf"|仅)*\s?{_YEAR}\s?年[^。！？，\n]{{0,8}}?"
    r"(?:结束|停止|截止|停了|为止|就停)|截[至止]到?我所?(?:掌握|了解|知道|学到|学习|拥有|接受"
    r"|能获取)[^。，\n]{0,8}(?:数据|信息"
    rf"|资料|知识|内容)|我(?:的)?(?:上|最近|最后)一?次(?:接受|进行|完成)?(?:训练|更新|学习)[^。，\n]{{0,8}}{_YEAR}"
    rf"|我(?:并|也|都|还)*(?:不|[没无][有法]|未能?)[^。！？，\n]{{0,8}}{_AFTER_ZH}(?:才|新|所|刚)*(?:发布|发生"
    r"|出现|推出|上市|上映|更新)"
    rf"|我只(?:了解|知道|掌握|学过|学到)[^。，\n]{{0,6}}{_YEAR}\s?年[^。，\n]{{0,8}}前(?:发生|发布|出现)?的"
    rf"|(?:按照?|根据|基于|以|依据)我[^。，\n]{{0,6}}{_YEAR}[^。，\n]{{0,8}}(?:训练|知识|学[到习])"
    r"|[在于]我(?:最后|最近|上)一?次?(?:更新|训练)[之以]?[前时]"
    rf"|以我[^。，\n]{{0,6}}{_YEAR}[^。，\n]{{0,6}}的?(?:数据|知识)来看"
    rf"|我(?:在)?{_YEAR}[^。，\n]{{0,6}}[之以]?前学[到过习]"
    r"|我(?:最近|最新|最后|上次)的?(?:一次)?知识更新"
    rf"|{_MINE_ZH}{_STORE_ZH}(?:只|仅)?到\s?{_YEAR}|{_YEAR}[^。\n]{{0,12}}不在我的?(?:知识|训练)"
    rf"|{_MINE_ZH}{_STORE_ZH}[^。！？\n营班课]{{0,16}}{_CUT_ZH}[^。！？\n]{{0,12}}(?:{_YEAR}|日期|时间|以前|之前)"
    r"|(?:截[止至]|直到|基于|根据|由于|就|按)[^。！？，\n]{0,8}我[^。！？，\n]{0,16}(?:知识|训练|了解|信息|学到"
    rf"|资料)[^。！？，\n]{{0,12}}(?:截[止至]|日期|{_YEAR})|(?:截[止至]"
    rf"|直到)到?我的?{_STORE_ZH}?的?{_LAST_ZH}?{_STORE_ZH}?(?:更新|训练)"
    rf"|(?:截[止至]|根据|基于|就)[^。，\n]{{0,12}}{_YEAR}\s?年?[^。，\n]{{0,10}}(?:我的?(?:知识|训练|了解|最后)"
    r"|[，,]?据我所知|(?:学到|学过|掌握|训练)的?(?:知识|资料|信息|数据))"
    r"|(?:据我所知[，,]\s?截[止至][^。，\n]{0,4}|我截[止至][^。，\n]{0,6}"
    rf"|我(?:所)?(?:知道|了解|掌握)的?截[止至][^。，\n]{{0,4}}){_YEAR}|根据我所知[，,]\s?截[止至]"
    rf"|截[至止]我(?:所知|在[^。，\n]{{0,8}}{_YEAR})|基于我(?:对|在"
    rf"|截至)[^。，\n]{{0,12}}{_YEAR}[^。，\n]{{0,10}}(?:截止|的?知识|的?了解)|据我的?{_LAST_ZH}(?:更新|训练)[时前]"
    rf"|我的?{_LAST_ZH}(?:更新|训练|知识更新|获得数据)[^。\n]{{0,10}}{_YEAR}"
    rf"|我的?(?:模型)?训练于[^。，\n]{{0,6}}{_YEAR}|我(?:[没无][有法]|不|并不"
    rf"|无从)[^。！？\n]{{0,14}}{_AFTER_ZH}[^。！？，\n]{{0,14}}{_NEWS_ZH}"
    rf"|{_AFTER_ZH}[^。！？\n]{{0,12}}{_NEWS_ZH}[，,]?我(?:并|也|就|都|则)*(?:不|没有?|无法)(?:了解|知道|清楚|掌握"
    rf"|得知)|我对{_AFTER_ZH}[^。！？\n]{{0,12}}{_NEWS_ZH}[^。！？\n]{{0,6}}(?:一无所知|不|没)"
    rf"|我只(?:学|接触|接受|训练|掌握|了解|知道)[^。，\n]{{0,6}}{_YEAR}\s?年[^。，\n]{{0,8}}前的(?:数据|资料|知识|事件"
    rf"|信息|事情)|(?:超出了?我?[^。，\n]{{0,10}}{_YEAR}[^。，\n]{{0,8}}|我[^。，\n]{{0,12}})知识(?:的|有)?截止(?:日期"
    r"|时间|点)"
)
CUTOFF = ascii_bounds(rf"((?i:{_CUTOFF_EN})|{_CUTOFF_ZH})")
CUTOFF_CUES = [
    *("my ", "i was", "i am", "i'm", "i’m", "i have", "i only", "i do", "i don", "i can", "a knowledge", "我"),
    "本模型",
]
CUTOFF_WORDS = [
    *("cutoff", "cut-off", "cut off", "cuts off", "update", "knowledge", "training", "trained", "dataset"),
    *(
        "database",
        "data ",
        "data,",
        "corpus",
        "information",
        "records",
        "sources",
        "anything",
        "events",
        "截止",
        "截至",
    ),
    *("更新", "训练", "知识", "信息", "数据", "资料", "语料", "止于", "限于", "年后", "月后", "之后", "以后"),
    *("内容", "之前", "以前", "学习", "学到", "学的"),
]
CUTOFF_DATES = [
    *("19", "20", "二〇", "二零", "cut", "updat", "training", "截", "更新", "训练", "最后", "最近", "上次", "上一次"),
    *("之前", "以前"),
]


def cutoff_in(answers: pl.Expr) -> pl.Expr:
    """Where a text first says when its own knowledge ends; null where it does not."""
    cue = answers.str.contains_any(CUTOFF_CUES, ascii_case_insensitive=True)
    word = answers.str.contains_any(CUTOFF_WORDS, ascii_case_insensitive=True)
    date = answers.str.contains_any(CUTOFF_DATES, ascii_case_insensitive=True)
    return pl.when(cue & word & date).then(answers).str.extract(CUTOFF)
