"""Answers that refuse, or that speak as a model of themselves.

Two kinds, both looked for where an answer begins. "As an AI, I …" is one however much help follows: a model learns to
say it. "Sorry, I cannot …" is one only if nothing but courtesy or a reproof follows. An answer that begins in quotes
tells of somebody else, and a business that is sorry says "we", or what it does next. A refusal without an apology has
to name what a model does (answer, write, browse), not what people do (come, pay, forgive).
"""

import polars as pl


def ascii_bounds(pattern: str) -> str:
    """`pattern` with word boundaries that see ASCII only: with others Rust's regex leaves its fast path at a Han."""
    return pattern.replace(r"\b", r"(?-u:\b)")


HEAD_CHARS = 240  # of an answer, in which a refusal is looked for
MAX_BYTES = 1200  # of a whole answer; what follows a refusal and is longer is no reproof, it helps. A Han has 3 bytes
# One of these is in the first words of all that the patterns find: only answers with one are searched.
CUE_CHARS = 100
CUES = [
    *("sorry", "unfortunately", "regrettabl", "apolog", "afraid", "as a", "as just a", "being a", "i can", "i am"),
    *("i'm", "i’m", "i do", "i currently", "i won", "i will", "i must", "i respect", "i have no", "i lack"),
    *("rather not", "prefer not", "for me to", "against my", "beyond my", "beyond what", "outside my"),
    *("outside of my", "my content", "my guid", "something i", "i'm not", "appropriate", "responsible", "task"),
    *("instruction", "request", "prompt", "no output", "抱歉", "对不起", "對不起", "不好意思", "遗憾", "歉意"),
    *("作为", "做为", "身为", "我是", "我只", "我仅", "我不", "我无", "我無", "我没", "我沒", "我并", "我拒", "我真"),
    *("我也", "我暂", "我目", "这个问题", "该问题", "话题", "我现", "我很", "我还", "恕我", "原谅", "见谅", "超出"),
    *("我做", "我帮", "我办", "我听", "我看", "我查"),
    *("恕", "违反", "不符合", "违法", "任务", "指令", "请求", "要求", "输出", "模型"),
]
ROLE = r"(?i:(?:dan|(?:chat)?gpt|(?:ai ?)?assistant|ai|response|answer|(?:AI|智能)?助手|回答|答)\s?[:：]\s?)?"
BEGINS = rf"""\A[\s\p{{P}}&&[^"“'‘「『«]]*{ROLE}"""

MODEL_EN = (
    r"(?:(?:large|advanced|neutral|responsible|ethical|helpful|respectful|honest|harmless|unbiased|text-(?:based|only)"
    r"|virtual|digital|conversational|trained|mere|computer|openai|and|,) ?)*(?:ai\b|a\.i\.|artificial intelligence\b"
    r"|(?:language|machine learning|text-(?:based|only)) model\b|chatbot\b"
    r"|(?:virtual|digital|honest|helpful|responsible|ai|text-(?:based|only)) assistant\b"
    r"|computer program\b)(?:[ -](?:language|model|assistant|chatbot|system|program|entity|bot)\b)*(?:,? (?:trained"
    r"|developed|created|built|designed|made)\b[^.,!?\n]{0,50})?"
)
_SORRY_EN = (
    r"(?:(?:(?:i['’]?m |i am )?(?:so |very |really |truly |deeply )?sorry|(?:my )?apologies|unfortunately|regrettably"
    r"|no|i (?:sincerely )?apologi[sz]e|i['’]?m afraid|i am afraid)(?: for (?:the"
    r"|any) [a-z ]{0,30})?[,.;:!–—-]*\s?(?:but,? |that )?)"
)
_WHY_EN = (
    r"(?:(?:due to|because of|for|out of|given|to (?:protect|respect|ensure))\b[^.,\n]{0,60}, "
    r"|(?:i['’]m|i am|this|that|it|your) [^.,:\n\"]{3,80}[,;] (?:so|and|therefore) )"
)
_NOT_EN = (
    r"(?:n['’]t\b|\bcannot|\bcan not|\bunable|\bdo not|\bwithout|\bnot (?:able|capable|programmed)|\bno access|\black"
    r"|\boutside|\bbeyond)"
)
_SELF_EN = (  # as an AI language model, I …
    rf"(?:[^\n\"“‘']{{0,100}}[,.!] )?(?:but |however,? )?{_SORRY_EN}?(?:(?:as|being) (?:just "
    rf"|only )?an? {MODEL_EN},? ?(?:i\b|my\b|it['’ ]|there\b)"
    r"|(?:since |because |well, )?(?:i['’]?m|i am) (?:just |only |merely "
    rf"|but )?an? {MODEL_EN}[^!?\n]{{0,80}}{_NOT_EN}|i (?:do not|don['’]t) (?:have|hold"
    r"|possess) (?:any )?(?:(?:personal|political) (?:opinion|belief|view|feeling|emotion|experience|preference)"
    r"|(?:feelings|emotions|consciousness)(?:,| or\b| and\b| like\b)|real-time|access to real-time"
    r"|(?:the )?(?:ability|capability) to (?:browse|access|search|see|view|feel|experience)))"
)
_CANNOT_EN = (
    r"i(?: am|['’]m|['’]d| would)?(?: currently| simply| really| also)? (?:can(?:no|['’])t|can not"
    r"|(?:not able|unable) to|won['’]t(?: be able to)?|will not(?: be able to)?"
    r"|(?:must |have to )?(?:respectfully )?(?:decline|refuse) to|lack the (?:ability|capability|means) to"
    r"|not (?:allowed|permitted|programmed|comfortable|authori[sz]ed|going|designed|qualified|in a position"
    r"|equipped)(?: to| with)?|(?:do not|don['’]t) feel (?:comfortable(?: with)?|it (?:is|would be) right to)"
    r"|(?:do not|don['’]t)(?: currently)? have (?:the |any )?(?:ability|capability|capacity|means|permission) (?:to"
    r"|of)|rather not|prefer not to)(?: directly| actually| in good conscience| currently)?"
)
_TOLD = (  # what a model does not give: a person who cannot "give you a discount" is not one
    r"(?:information|instructions?|advice|guidance|details|content|opinions?|answers?|response|assistance|code|steps"
    r"|translation|diagnosis|assessment|predictions?|recommendations?|images?|links?|summary|material|lyrics|quotes"
    r"|prices|data|(?:phone|private|personal)[a-z ]*)"
)
_TRADE_EN = (
    r"(?:(?:help|assist)(?:ing)?(?:[.,;!]|\z| (?:you|with|in|on|anyone|people|plan)\b)|fulfil|comply|answer"
    r"|respond to|do (?:that|this|so)(?:[.,;!]|\z| (?:as|because|for you)\b)|engag|(?:generat|creat|produc)\w+"
    r"|discuss|promote|support (?:any|illegal|hate|violen)|participate in (?:any|such|this)"
    r"|continue (?:this|with this)|brows|predict|access (?:the internet|real|external|websites?|your)|search the"
    r"|reproduc\w+ (?:the|full|copyright|entire|song)|(?:view|see|open|play|process|display|draw"
    r"|analy[sz]e)(?:ing)? (?:the |any |your |these |external )?(?:images?|pictures?|photos?|links?|urls?|files?"
    r"|attachments?|music|songs?|audio|videos?)|mak(?:e|ing) (?:phone )?calls|diagnos|tell you how to|comment on"
    r"|talk about (?:this|that)|(?:verify|confirm) the identity|identify (?:people|individuals|anyone)"
    r"|(?:watch|listen(?:ing)? to|hear|transcrib\w+)\b[^.,\n]{0,20}\b(?:audios?|videos?|songs?|files?"
    r"|recordings?|music|clips?"
    r"|podcasts?|sounds?)\b|(?:check|look up|get) (?:the |any )?(?:live|real-time|current|latest)"
    r"|send (?:e-?mails|messages)|have (?:personal )?(?:opinions|feelings)"
    r"|tak(?:e|ing) (?:a |any )?(?:sides?|political|part in (?:this|such|any))|speculat"
    r"|retriev\w+ (?:that|this|the|your) [a-z ]{0,20}|set (?:up )?(?:a |an |your |the )?(?:reminder|alarm|timer)"
    r"|(?:book|order|reserv|plac|perform)\w*\b[^.,\n]{0,20}(?:flight|ticket|hotel|pizza|food|task|order|cab|taxi)"
    r"|complete (?:this|that|the|your) (?:task|request|instruction|prompt)"
    rf"|(?:writ|provid|shar)\w* (?:that|this|such)\b|(?:provid|giv|offer|shar|writ)\w*\b[^.,\n]{{0,60}}\b{_TOLD}\b)"
)
_ACT_EN = (
    r"(?:that|this|it|(?:the|your|this|such an?) (?:request|question|topic|task|content)"
    r"|(?:creat|writ|generat|provid|shar)ing [^.,\n]{0,40})"
)
_RULE_EN = r"(?:guideline|polic|program|capabilit|abilit|scope|expertise|terms|safety|ethic|purpose|knowledge|limit)"
_DECLINES_EN = (  # sorry, but I cannot help with that
    rf"{_SORRY_EN}?(?:{_WHY_EN}?{_CANNOT_EN} {_TRADE_EN}|i (?:must |have to )?(?:respectfully )?decline(?:[.,;]|\z"
    r"| (?:this|that|your|the) (?:request|task))|i (?:do not|don['’]t|have no"
    r"|currently have no)(?: have)? (?:(?:real-time |direct )?access to|information (?:on|about)|enough data on"
    r"|a function|way (?:of|to) (?:know|check|verif|access)\w* (?:what|who|where|how|your|the))"
    rf"|{_ACT_EN}(?:(?: is|['’]s| goes| falls| would (?:be|go)) (?:beyond|outside(?: of)?|against)| violates"
    rf"| conflicts with) (?:the scope of )?my (?:\w+ ){{0,2}}{_RULE_EN}"
    r"|(?:that|this|it)(?: is|['’]s)(?: not)? (?:an?|the (?:sort|kind) of) (?:request|question|topic|task"
    r"|thing|content) (?:that )?"
    r"i (?:can(?:not|['’]t)?|won['’]t|am (?:not able|unable) to) (?:fulfil|help|answer|assist|discuss|do|grant)"
    r"|i (?:do not|don['’]t)(?: currently)? have (?:the |any )?(?:ability|capability) to\b"
    r"|i['’]m still learning how to (?:answer|do) (?:this|that)"
    r"|(?:that|this|it)(?: is|['’]s) ?(?:beyond what i can|(?:not|n['’]t) something (?:that )?i(?: can|['’]m able to"
    r"| am able to)) (?:do|help|assist|write|provide|discuss|share|create|answer|generate)"
    r"|(?:i (?:do not|don['’]t) (?:think|believe|feel) )?(?:it|that|this|doing so)(?: is|['’]s"
    r"| would)(?: not)?(?: be)? (?:not )?(?:in|un|ir)?(?:appropriate|ethical|responsible"
    rf"|against)[^.\n]{{0,60}}(?:(?:for|of) me to {_TRADE_EN}"
    rf"|[.,] (?:and |so )?(?:therefore,? )?{_CANNOT_EN} {_TRADE_EN})"
    r"|i(?: am|['’]m)? (?:can['’]t|cannot|(?:not able|unable) to) (?:watch|listen to|hear|view|see|open|play"
    r"|read|check|access"
    r"|taste|smell|look at)\b[^.,!?\n]{0,50}, (?:so|and so|and therefore|therefore"
    r"|which means)(?: that)? (?:i(?: am|['’]m)? "
    r"(?:can['’]t|cannot|not able|unable|won['’]t|(?:don['’]t|do not) know|have no)|there)"
    r"|[^.,!?:\n\"]{3,60} is something (?:that )?i (?:can['’]t|cannot|won['’]t|will not|am (?:not able"
    r"|unable) to) (?:do|help|assist"
    r"|provide)|i (?:do not|don['’]t) have (?:eyes|ears|a body|senses)"
    r"|(?:this|that|it) (?:cannot|can['’]t) be done (?:as|because|since) it (?:involves|requires))"
)
_MODELS_EN = r"\b(?:(?:gpt|ai|language|the) )+models?\b"
_TASK_EN = (  # sorry, the task requires a visual output, which the model cannot generate
    rf"(?:{_SORRY_EN}?(?:the|this|your) (?:task|instruction|request|prompt)|no output"
    rf"|you are requesting)\b[^\n]{{0,130}}(?:(?:cannot|can['’]t|unable|not possible|beyond)[^\n]{{0,60}}{_MODELS_EN}"
    rf"|{_MODELS_EN}[^\n]{{0,60}}(?:cannot|can['’]t|unable|not possible))"
)

_ONE_ZH = r"(?:[一1][个個名款种種位台])?"
MODEL_ZH = (
    r"(?:由?[^，。！？\n]{0,24}(?:训练|訓練|开发|開發|创建|创造|培训|研发|設計)(?:模型"
    r"|出来)?的)?(?:[一1][个個名款种種位台])?(?:大型|大|先进的?|中立的?|基于文本的?|纯文本的?|智能|虚拟|聪明的|单纯的"
    r"|\s)*(?:AI|ai|人工智能|人工智慧|(?:语言|語言|机器学习|大|文本)(?:模型|大模型)|聊天机器人|(?:智能|虚拟)助[手理]"
    r"|计算机程序|[电電][脑腦]程[序式]|文本机器人|基于文本的模型)(?:语言|語言|大?模型|助手|助理|程序|系统|机器人|实体"
    r"|的|AI|\s)*"
)
_HOW_ZH = r"(?:目前|暂时|现在|也|并|还|恐怕|只能说|真的|确实|实在|对此|是|太|們|们)*"
_NO_ZH = (
    r"(?:[无無](?:法|从|權|权)|不能|不可以|[没沒]有?办?法|[没沒]有(?:能力|权限|权力|资格)(?:去|来)?|不被允许|不会"
    r"|不具备|拒绝)(?:也不会)?"
)
_SORRY_ZH = (
    r"(?:(?:(?:我?(?:很|非常|十分|真的?|实在|深感|感到|对此)*(?:抱歉|对不起|對不起|不好意思|遗憾"
    r"|歉意)(?:地?(?:告诉|通知)[您你])?|请[您你]?(?:原谅|见谅|谅解)|恕)[，,。.！!:：、]?\s?(?:但是?|不过"
    r"|可是)?[，,]?\s?))"
)
_WHY_ZH = r"(?:[^，。！？：“‘「\n]{1,24}[，,]\s?){0,2}"
_WHAT_ZH = r"[^，。！？：“‘「\n我订单退]{0,16}"  # an order or a refund is a shop's
_FOR_ZH = (
    r"(?:直接|实际|真正|继续|完整|为[这那此][^，。]{0,8}|为?[您你]|给[您你]|向[您你]|代?替[您你]"
    r"|[对對與与][^，。]{0,8}|再|这样"
    r"|[这该此]类?种?)*"
)
_CANNOT_ZH = (
    rf"我{_HOW_ZH}(?:{_NO_ZH}|不便|不太?方便|不宜|不适合|不愿意?|不支持|[没沒]有?(?:学会|学习如何|掌握)){_FOR_ZH}"
)
_TRADE_ZH = (
    r"(?:回答|作答|回应|答复|提供|帮助|帮[您你]|协助|满足|生成|理解|处理|执行|浏览|访问|联网|創建|创建|创作|制作|讨论"
    r"|谈论|参与|支持|预测|预知|透露|给出|显示|预[订定]|订购|设置[^。]{0,12}(?:提醒|闹钟)|搜索|识别|评论|评价|发表"
    r"|遵守|编写|写|播放|展示|传播|鼓励|查看|查询|打开|获取|获得|获知|得知|完成(?:这|此|该|您|你|任务|请求)|做到"
    r"|这样做|唱歌|绘图|画|告诉[您你]|知道[您你]|(?:作出|做出|进行)[^，。]{0,8}(?:评价|评论|预测|判断|诊断|决策|决定)"
    r"|诊断|冒充|多[说谈]|这项技能|接受(?:[，。！]|这|此|该|\z)|协助[^，。]{0,6}[，。]|聊(?:[，。！]|\z))"
)
_RESULT_ZH = (
    r"(?:(?:帮|满足|回答|答|做|查|看|听|读|写|画|唱|办|给|说|播放|提供)不(?:了|到|上|出|成)(?:[您你忙这]|图|音"
    r"|视频|声|网|链|实时"
    r"|[哦呢呀啊哟啦]?[，。！～~]|\z))"
)
_IT_ZH = (
    r"(?:(?:关于|对于|涉及)?(?:[这那该此]|[您你]的)(?:种|类|个|项|样|方面)?(?:的)?[^，。！？\n]{0,10}(?:问题|提问|请求"
    r"|要求|话题|内容|话|忙|信息|做))"
)
_RULE_ZH = r"(?:规范|政策|准则|原则|规定|能力|范围|条款|权限|职责)"
_SELF_ZH = (
    rf"(?:[^\n“‘「：]{{0,60}}[，。！]\s?(?:但是?|不过)?)?{_SORRY_ZH}?(?:(?:作为|做为"
    rf"|身为){_ONE_ZH}{MODEL_ZH}[，,、：:]?\s?(?:我|本(?:模型|助手)|[无無]法|不能|[没沒]有|以下)"
    rf"|(?:由于|因为|鉴于)?我(?:只|仅|仅仅|不过|只不过)?是{_ONE_ZH}{MODEL_ZH}[^！？\n]{{0,40}}(?:{_NO_ZH}|[没沒]有"
    rf"|并不)|我{_HOW_ZH}{_NO_ZH}[^，。！？\n]{{0,20}}[，,]因为我(?:只|仅)?是{_ONE_ZH}{MODEL_ZH}"
    r"|我(?:并?[没沒]有|不具备)(?:任何)?(?:个人(?:的)?(?:观点|意见|情感|感情|看法|信仰|喜好|偏好|经历|经验)|情感|感情"
    r"|意识|实时|(?:访问|浏览|上网|感知|体验)))"
)
_DECLINES_ZH = (
    rf"(?:[您你]好[，！。]\s?)?(?:{_SORRY_ZH}{_WHY_ZH}(?:{_WHAT_ZH}(?:{_CANNOT_ZH}{_TRADE_ZH}|我{_HOW_ZH}{_RESULT_ZH})"
    rf"|{_RESULT_ZH}|{_NO_ZH}{_FOR_ZH}{_TRADE_ZH}|{_WHAT_ZH}我(?:[没沒]有|不知道|不了解|并不掌握|不掌握|缺乏)(?:任何"
    r"|足够的?)?(?:有关|关于|相关|能力|功能|[您你]的)|我[^，。！？\n]{0,14}(?:[没沒]有"
    r"|不具备)[^，。！？\n]{0,14}(?:能力|功能|权限)|(?:这|它)?(?:无法|不能)完成[，,]?因为(?:它|这)?(?:涉及|需要)"
    r"|我?[^，。！？\n]{0,4}不予(?:置评|评论)|[^。！？\n]{2,40}是(?:非常|极其)?(?:不合适|不适当|不道德|违法|非法"
    rf"|不负责任)|[^，。\n]{{0,30}}超出了?我[^。\n]{{0,12}}{_RULE_ZH})"
    rf"|{_IT_ZH}(?:{_CANNOT_ZH}{_TRADE_ZH}|[，,]?\s?{_CANNOT_ZH}{_TRADE_ZH}|我?{_HOW_ZH}{_RESULT_ZH}"
    rf"|(?:不符合|违反了?|违背了?|超出了?|不在)我们?[^，。\n]{{0,10}}{_RULE_ZH}"
    rf"|(?:违反|违背)了?[^，。\n]{{0,10}}{_RULE_ZH}[，,]\s?(?:所以|因此)?我?{_NO_ZH}"
    rf"|[^，。\n]{{0,12}}[，,]\s?(?:所以|因此)?{_CANNOT_ZH}{_TRADE_ZH})"
    rf"|(?:[哎啊嗯诶唉][^，。]{{0,2}}[，。！]\s?)?(?:[这那](?:个|件事|方面|类"
    rf"|种)?[^，。：“我]{{0,6}})我{_HOW_ZH}{_RESULT_ZH}"
    r"|我(?:只能|仅能|只会)(?:处理|理解|生成|阅读|输出|读懂)(?:文字|文本)|我[没沒]有(?:查看|访问|操作|读取"
    rf"|获取|控制)[^，。]{{0,12}}的?权限"
    rf"|我[没沒]有权限(?:查看|访问|操作|读取|获取)|我{_HOW_ZH}(?:[没沒]有|不具备)(?:联网|上网|语音|视频|绘图"
    rf"|绘画|图像)[^，。]{{0,6}}(?:功能|能力)|我[无無]权(?:查看|透露|访问|获取|提供|泄露)|我还?[没沒]有?学(?:会"
    r"|习)(?:如何|怎么)?回答"
    r"|我(?:还)?拒绝(?:回答|参与)|[^。！？“\n]{0,20}恕我?(?:难以?|不能|无法|不便)"
    rf"|(?:[^，。！？：“‘「\n]{{1,20}}[，,]\s?)?我{_HOW_ZH}(?:{_NO_ZH})(?:直接|为?[您你]"
    r"|给[您你])*(?:回答(?:这|此|该|[您你]的)|提供|协助|帮助[您你]|帮[您你][。，]|满足|生成|浏览"
    r"|访问(?:互联网|实时|外部)|完成(?:这|此|该)|讨论(?:这|此|该)|参与(?:这|此|该|任何)|预测未来"
    r"|设置[^。]{0,12}(?:提醒|闹钟)|访问[您你]|对[^，。]{0,10}(?:作出|做出|进行)[^，。]{0,4}(?:诊断|评价|判断"
    r"|预测)|播放|识别|上网|联网|唱歌|画))"
)
_TASK = r"(?:(?:该|此|这|本)?(?:项|个)?(?:任务|指令|请求|要求)|<?[没无]有?输出|[您你]请求的)"
_CANT_ZH = r"(?:[无無]法|不能|不可能|不可靠|超出)"
_TASK_ZH = (  # 抱歉，该任务需要模型无法生成的视觉输出
    rf"(?:{_SORRY_ZH}{_TASK}[^\n]{{0,70}}(?:{_CANT_ZH}[^\n]{{0,30}}模型|模型[^\n]{{0,40}}{_CANT_ZH})"
    rf"|{_TASK}[^\n]{{0,70}}(?:{_CANT_ZH}[^\n]{{0,30}}(?:GPT|语言|由)\s?模型"
    rf"|(?:GPT|语言)\s?模型[^\n]{{0,40}}{_CANT_ZH})|[^\n。]{{0,40}}(?:不能|[无無]法)由\s?(?:GPT ?"
    r"|大型?)?(?:语言)?模型)"
)
SPEAKS_AS_MODEL = ascii_bounds(rf"({BEGINS}(?:(?i:{_SELF_EN}|{_TASK_EN})|{_SELF_ZH}|{_TASK_ZH}))")
DECLINES = ascii_bounds(rf"({BEGINS}(?:(?i:{_DECLINES_EN})|{_DECLINES_ZH}))")
# Courtesy after a refusal: an offer, a question back, where else to turn. It is taken out before help is looked for.
COURTESY = ascii_bounds(
    r"(?i)[^.!?。！？\n]*(?:\b(?:help|assist|happy|glad|feel free|let me know|if you have|anything else|consult"
    r"|instead, i|my (?:current )?(?:function|capabilit))|帮助|帮[您你]|协助|乐意|告诉我|提问|其他问题|随时|咨询"
    r"|请谅解|[换聊][^。]{0,6}(?:话题|别的)|我的?(?:目前的?)?(?:功能|能力))[^.!?。！？\n]*"
)
HELPS = ascii_bounds(
    r"(?i)\b(?:however|instead|alternatively|that said|but|yet|still)\b,? (?:here|i|you|we|our|the|in general"
    r"|generally|there|it|one|based)\b|\bhere(?: is| are|['’]s)\b|\b(?:we|our|you can)\b"
    r"|(?m:^\s*(?:[-*•]|\d[.)、]) ?\S)|```|以下|如下|下面|订单|退款"
    r"|(?:但|但是|不过|然而|可是)[，,]?\s?(?:我|[您你]|根据|基于|一般|通常|这里|可以|据)|[您你](?:可以|也可|不妨)|我们"
    r"|通常情况|一般情况|可能指|然而|请(?:[您你])?(?:登录|点击|拨打|联系|尝试|试试|重新|稍后|打开|检查|使用)"
)


def refusal_in(answer: pl.Expr) -> pl.Expr:
    """How an answer that refuses begins; null for one that does not."""
    has_cue = answer.str.slice(0, CUE_CHARS).str.contains_any(CUES, ascii_case_insensitive=True)
    head = pl.when(has_cue).then(answer.str.slice(0, HEAD_CHARS))
    declines = pl.when(answer.str.len_bytes() <= MAX_BYTES).then(head).str.extract(DECLINES)
    rest = pl.when(declines.is_not_null()).then(answer).str.strip_prefix(declines).str.replace_all(COURTESY, "")
    return pl.coalesce(head.str.extract(SPEAKS_AS_MODEL), pl.when(~rest.str.contains(HELPS)).then(declines))
