"""Answers that refuse, or that speak as a model of themselves.

Two kinds, both looked for where an answer begins. "As an AI, I …" is one however much help follows: a model learns to
say it. "Sorry, I cannot …" is one only if nothing but courtesy or a reproof follows. An answer that begins in quotes
tells of somebody else, and a business that is sorry says "we", or what it does next.
"""

import polars as pl


def ascii_bounds(pattern: str) -> str:
    """`pattern` with word boundaries that see ASCII only: with others Rust's regex leaves its fast path at a Han."""
    return pattern.replace(r"\b", r"(?-u:\b)")


HEAD_CHARS = 240  # of an answer, in which a refusal is looked for
MAX_REST_BYTES = 900  # what follows a refusal and is longer is no reproof, it helps; a Han character has 3 bytes
# One of these is in the first words of all that the patterns find: only answers with one are searched.
CUE_CHARS = 100
CUES = [
    *("sorry", "unfortunately", "regrettabl", "apolog", "afraid", "as a", "as just a", "being a", "i can"),
    *("i am", "i'm", "i’m", "i do", "i currently", "i won", "i will", "i must", "task", "instruction"),
    *("request", "prompt", "no output", "抱歉", "对不起", "對不起", "不好意思", "遗憾", "歉意", "作为", "做为"),
    *("身为", "我是", "我只", "我仅", "我不", "我无", "我無", "我没", "我沒", "我并", "我拒", "任务", "指令"),
    *("请求", "要求", "输出", "模型"),
]
BEGINS = r"""\A[\s\p{P}&&[^"“'‘「『«]]*"""

MODEL_EN = (
    r"(?:(?:large|advanced|neutral|responsible|ethical|helpful|respectful|honest|harmless|unbiased|text-based|virtual"
    r"|digital|conversational|trained|mere|computer|openai|and|,) ?)*"
    r"(?:ai\b|a\.i\.|artificial intelligence\b|(?:language|machine learning) model\b|chatbot\b"
    r"|(?:virtual|digital|honest|helpful|responsible|ai) assistant\b|computer program\b)"
    r"(?:[ -](?:language|model|assistant|chatbot|system|program|entity|bot)\b)*"
    r"(?:,? (?:trained|developed|created|built|designed|made)\b[^.,!?\n]{0,50})?"
)
_SORRY_EN = (
    r"(?:(?:(?:i['’]?m |i am )?(?:so |very |really |truly |deeply )?sorry|(?:my )?apologies|unfortunately|regrettably"
    r"|i (?:sincerely )?apologi[sz]e|i['’]?m afraid|i am afraid)(?: for (?:the|any) [a-z ]{0,30})?"
    r"[,.;:!–—-]*\s?(?:but,? |that )?)"
)
_SELF_EN = (  # as an AI language model, I …
    rf"(?i){BEGINS}(?:[^\n\"“‘']{{0,100}}[,.!] |(?:dan|gpt|chatgpt|ai|assistant): )?(?:but |however,? )?{_SORRY_EN}?"
    rf"(?:(?:as|being) (?:just |only )?an? {MODEL_EN},? ?(?:i\b|my\b|it['’ ]|there\b)"
    rf"|(?:since |because |well, )?(?:i['’]?m|i am) (?:just |only |merely |but )?an? {MODEL_EN}[^!?\n]{{0,80}}"
    r"(?:n['’]t\b|\bcannot|\bcan not|\bunable|\bdo not|\bwithout|\bnot (?:able|capable|programmed)|\bno access|\black)"
    r"|i (?:do not|don['’]t) (?:have|hold|possess) (?:any )?(?:personal (?:opinion|belief|view|feeling|emotion"
    r"|experience"
    r"|preference)|(?:feelings|emotions|consciousness)(?:,| or\b| and\b| like\b)|real-time|access to real-time"
    r"|(?:the )?(?:ability|capability) to (?:browse|access|search|see|view|feel|experience)))"
)
_CANNOT_EN = (
    r"i(?: am|['’]m)?(?: currently| simply| really)? "
    r"(?:can(?:no|['’])t|can not|(?:not able|unable) to|won['’]t(?: be able to)?|will not(?: be able to)?"
    r"|must decline to"
    r"|not (?:allowed|permitted|programmed|comfortable|authori[sz]ed)(?: to)?"
    r"|(?:do not|don['’]t)(?: currently)? have (?:the |any )?(?:ability|capability|capacity|means"
    r"|permission) (?:to|of))"
)
_TOLD = (  # what a model does not give: a person who cannot "give you a discount" is not one
    r"(?:information|instructions?|advice|guidance|details|content|opinions?|answers?|response|assistance|code|steps"
    r"|translation|diagnosis|assessment|predictions?|recommendations?|images?|links?|summary|material)"
)
_ANSWER_EN = (
    r"(?: directly| actually)? (?:(?:help|assist)\b|fulfil|comply|answer|respond to|do (?:that|this|so)\b|engage"
    r"|(?:generat|creat|produc)\w+|discuss|promote|support (?:any|illegal|hate|violen)|participate in (?:any|such|this)"
    r"|continue (?:this|with this)|browse|access (?:the internet|real|external|websites?)|search the|predict"
    r"|set (?:up )?(?:a |an |your |the )?(?:reminder|alarm|timer)|(?:book|order|reserv|plac"
    r"|perform)\w*\b[^.,\n]{0,20}(?:flight|ticket|hotel|pizza|food|task|order|cab|taxi)"
    r"|complete (?:this|that|the|your) (?:task|request|instruction|prompt)"
    rf"|(?:provid|giv|offer|shar|writ)\w*\b[^.,\n]{{0,60}}\b{_TOLD}\b)"
)
_DECLINES_EN = (  # sorry, but I cannot help with that
    rf"(?i){BEGINS}{_SORRY_EN}?(?:it (?:is|would be) (?:against|inappropriate)[^.\n]{{0,60}}\. )?"
    rf"(?:{_CANNOT_EN}{_ANSWER_EN}|i must (?:respectfully )?decline"
    r"|i (?:do not|don['’]t) have (?:access to|information (?:on|about)|enough data on|a function)"
    r"|(?:that|this|the|your) (?:request|question|topic|task) (?:is|goes) (?:beyond|outside|against) "
    r"(?:my|the scope of my)|(?:this|that|it) (?:cannot|can['’]t) be done (?:as|because|since) it (?:involves"
    r"|requires))"
)
_TASK_EN = (  # sorry, the task requires a visual output, which the model cannot generate
    rf"(?i){BEGINS}(?:{_SORRY_EN}?(?:the|this|your) (?:task|instruction|request|prompt)|no output|you are requesting)\b"
    r"[^\n]{0,130}(?:(?:cannot|can['’]t|unable|not possible|beyond)[^\n]{0,60}\b(?:(?:gpt|ai|language|the) )+models?\b"
    r"|\b(?:(?:gpt|ai|language|the) )+models?\b[^\n]{0,60}(?:cannot|can['’]t|unable|not possible))"
)

_ONE_ZH = r"(?:[一1][个個名款种種位台])?"
MODEL_ZH = (
    r"(?:由?[^，。！？\n]{0,24}(?:训练|訓練|开发|開發|创建|创造|培训|研发)(?:模型|出来)?的)?"
    r"(?:大型|大|先进的?|中立的?|基于文本的?|纯文本的?|智能|虚拟|聪明的|单纯的|\s)*"
    r"(?:AI|ai|人工智能|人工智慧|(?:语言|語言|机器学习|大)(?:模型|大模型)|聊天机器人|(?:智能|虚拟)助[手理]"
    r"|计算机程序|电脑程序|基于文本的模型)"
    r"(?:语言|語言|大?模型|助手|助理|程序|系统|机器人|实体|的|AI|\s)*"
)
_SORRY_ZH = (
    r"(?:我?(?:很|非常|十分|真的?|实在|深感|感到|对此)*(?:抱歉|对不起|對不起|不好意思|遗憾|歉意)(?:地?(?:告诉"
    r"|通知)[您你])?"
    r"[，,。.！!:：、]?\s?(?:但是?|不过|可是)?[，,]?\s?)"
)
_CANNOT_ZH = (
    r"我(?:目前|暂时|现在|也|并|还|恐怕|只能说|真的|确实|們|们)*(?:[无無]法|不能|不可以|[没沒]有?办法|[没沒]法"
    r"|[没沒]有(?:能力|权限|权力|功能|资格)(?:去|来)?|不被允许|不会|拒绝)(?:直接|实际|真正|继续|为?[您你]"
    r"|给[您你]|向[您你]|[对與与]|再)*"
)
_ANSWER_ZH = (
    r"(?:回答|回应|答复|提供|帮助|协助|满足|生成|理解|处理|执行|浏览|访问|創建|创建|创作|制作|讨论|参与|支持"
    r"|预测|透露|给出|显示|"
    r"预[订定]|订购|设置[^。]{0,12}(?:提醒|闹钟)|搜索|识别|评论|遵守|编写|播放|展示|传播|鼓励|查看|打开"
    r"|完成(?:这|此|该|您|你|任务|请求)|做到|这样做)"
)
_SELF_ZH = (
    rf"{BEGINS}(?:[^\n“‘「：]{{0,60}}[，。！]\s?(?:但是?|不过)?|(?:DAN|GPT|ChatGPT|AI|助手)[：:]\s?)?{_SORRY_ZH}?"
    rf"(?:(?:作为|做为|身为){_ONE_ZH}{MODEL_ZH}[，,、：:]?\s?(?:我|本(?:模型|助手)|[无無]法|不能|[没沒]有|以下)"
    rf"|(?:由于|因为|鉴于)?我(?:只|仅|仅仅|不过|只不过)?是{_ONE_ZH}{MODEL_ZH}[^！？\n]{{0,40}}(?:[无無]法|不能"
    rf"|[没沒]有|不具备|不会|并不)"
    r"|我(?:并?[没沒]有|不具备)(?:任何)?(?:个人(?:的)?(?:观点|意见|情感|感情|看法|信仰|喜好|偏好|经历|经验)"
    r"|情感|感情|意识|实时"
    r"|(?:访问|浏览|上网|感知|体验)))"
)
_DECLINES_ZH = (
    rf"{BEGINS}(?:{_SORRY_ZH}(?:{_CANNOT_ZH}{_ANSWER_ZH}|我(?:[没沒]有|不知道|不了解)(?:任何|足够的?)?(?:有关"
    rf"|关于|相关|能力|功能)"
    r"|我[^，。！？\n]{0,14}(?:[没沒]有|不具备)[^，。！？\n]{0,14}(?:能力|功能|权限)|这(?:个|项)?(?:任务|请求"
    r"|要求|问题)?超出了?我"
    r"|(?:这|它)?(?:无法|不能)完成[，,]?因为(?:它|这)?(?:涉及|需要)"
    r"|[^，。\n]{0,30}超出(?:了)?我[^。\n]{0,12}(?:能力|范围))"
    r"|我(?:[无無]法|不能|不会|拒绝)(?:直接|为?[您你]|给[您你])*(?:回答(?:这|此|该|[您你]的)|提供|协助"
    r"|帮助[您你]|满足|生成|浏览|访问(?:互联网|实时|外部)|"
    r"完成(?:这|此|该)|讨论(?:这|此|该)|参与(?:这|此|该|任何)))"
)
_TASK = r"(?:(?:该|此|这|本)?(?:项|个)?(?:任务|指令|请求|要求)|<?[没无]有?输出|[您你]请求的)"
_CANT_ZH = r"(?:[无無]法|不能|不可能|不可靠|超出)"
_TASK_ZH = (  # 抱歉，该任务需要模型无法生成的视觉输出
    rf"{BEGINS}(?:{_SORRY_ZH}{_TASK}[^\n]{{0,70}}(?:{_CANT_ZH}[^\n]{{0,30}}模型|模型[^\n]{{0,40}}{_CANT_ZH})"
    rf"|{_TASK}[^\n]{{0,70}}(?:{_CANT_ZH}[^\n]{{0,30}}(?:GPT|语言|由)\s?模型|(?:GPT"
    rf"|语言)\s?模型[^\n]{{0,40}}{_CANT_ZH})"
    r"|[^\n。]{0,40}(?:不能|[无無]法)由\s?(?:GPT ?|大型?)?(?:语言)?模型)"
)
SPEAKS_AS_MODEL = ascii_bounds(rf"((?:{_SELF_EN})|(?:{_SELF_ZH})|(?:{_TASK_EN})|(?:{_TASK_ZH}))")
DECLINES = ascii_bounds(rf"((?:{_DECLINES_EN})|(?:{_DECLINES_ZH}))")
# Courtesy after a refusal: an offer, a question back, where else to turn. It is taken out before help is looked for.
COURTESY = ascii_bounds(
    r"(?i)[^.!?。！？\n]*(?:\b(?:help|assist|happy|glad|feel free|let me know|if you have|anything else|consult"
    r"|instead, i"
    r"|my (?:current )?(?:function|capabilit))|帮助|帮[您你]|协助|乐意|告诉我|提问|其他问题|随时|咨询|请谅解"
    r"|我的?(?:目前的?)?(?:功能|能力))[^.!?。！？\n]*"
)
HELPS = ascii_bounds(
    r"(?i)\b(?:however|instead|alternatively|that said|but|yet|still)\b,? (?:here|i|you|we|our|the|in general|generally"
    r"|there|it|one|based)\b|\bhere(?: is| are|['’]s)\b|\b(?:we|our|you can)\b|(?m:^\s*(?:[-*•]|\d[.)、]) ?\S)|```"
    r"|以下|如下|下面|(?:但|但是|不过|然而|可是)[，,]?\s?(?:我|[您你]|根据|基于|一般|通常|这里|可以|据)"
    r"|[您你](?:可以|也可|不妨)|我们"
    r"|通常情况|一般情况|可能指|然而|请(?:[您你])?(?:登录|点击|拨打|联系|尝试|试试|重新|稍后|打开|检查|使用)"
)


def refusal_in(answer: pl.Expr) -> pl.Expr:
    """How an answer that refuses begins; null for one that does not."""
    has_cue = answer.str.slice(0, CUE_CHARS).str.contains_any(CUES, ascii_case_insensitive=True)
    head = pl.when(has_cue).then(answer.str.slice(0, HEAD_CHARS))
    declines = head.str.extract(DECLINES)
    rest = pl.when(declines.is_not_null()).then(answer).str.replace(DECLINES, "").str.replace_all(COURTESY, "")
    only_declines = ~rest.str.contains(HELPS) & (rest.str.len_bytes() <= MAX_REST_BYTES)
    return pl.coalesce(head.str.extract(SPEAKS_AS_MODEL), pl.when(only_declines).then(declines))


def refuses(answer: pl.Expr) -> pl.Expr:
    """Whether an answer refuses, or speaks as a model of itself."""
    return refusal_in(answer).is_not_null()
