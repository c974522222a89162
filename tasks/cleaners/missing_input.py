"""Answers that say the input is missing, and do nothing else.

"Please provide the text you want me to translate" answers a prompt whose text got lost: a pair of them teaches a model
to ask for what it has. What counts is a short answer that begins so. A shop that asks for an order number, or an
assistant that says "Sure" and asks for an address, is at work; so is one that helps and then offers more.
"""

import polars as pl

from tasks.cleaners.refusals import BEGINS, ascii_bounds

MAX_BYTES = 500  # of a whole answer; a longer one does more than ask. A Han character has 3 bytes
HEAD_CHARS = 160  # of an answer, in which the lack is looked for
CUE_CHARS = 80
CUES = [
    *("provide", "provided", "given", "give me", "share", "specif", "include", "attach", "missing"),
    *("need more", "input", "not enough", "without", "supply", "mention", "forgot", "paste", "see any"),
    *("see the", "don't see", "more context", "提供", "给出", "给定", "给我", "给予", "给到", "输入", "附上"),
    *("指定", "缺少", "缺乏", "说明", "告诉", "上传", "看到", "更多", "发给", "粘贴", "不完整"),
]

# What a prompt brings along. An order number, an account or an address is none: asking for it is somebody's work.
THING_EN = (
    r"(?:texts?|sentences?|paragraphs?|passages?|articles?|documents?|inputs?|content|contexts?|data(?:set)?"
    r"|stor(?:y|ies)|poems?"
    r"|lyrics|images?|pictures?|photos?|codes?(?: snippet)?|snippets?|questions?|statements?|words?|lists?"
    r"|numbers?|options"
    r"|choices|equations?|expressions?|problems?|topics?|phrases?|quotes?|reviews?|conversations?|dialogues?|scenarios?"
    r"|essays?|excerpts?|materials?|files?|links?|urls?|examples?|prompts?|instructions?|information|details"
    r"|recipes?|tweets?"
    r"|values|items|table|chart|graph|source)"
)
_SORRY_EN = (
    r"(?:(?:i['’]?m |i am )?(?:so |very |really )?sorry|apologies|i apologi[sz]e"
    r"|unfortunately|hi|hello|hey)[,.;:!–—-]*\s?(?:but,? )?"
)
_IT_SEEMS = (
    r"(?:it (?:seems|looks|appears)(?: like| that| as (?:if|though))? "
    r"|i (?:notice|see|think|believe)d?(?: that)? |as |since |because |well, )?"
)
_ABSENT_EN = (
    r"(?:you(?:['’]ve| have)? (?:have |may have |might have )?(?:not|n['’]t|forgot(?:ten)? to|neglected to|failed to)"
    r"(?: actually| yet)? (?:provided?|give|given|shared?|included?|supplied|supply|specif(?:y|ied)|mentioned?"
    r"|attach(?:ed)?|paste[d]?|enter(?:ed)?|upload(?:ed)?|tell|told|stated?)"
    r"|you (?:did(?: not|n['’]t)|have(?: not|n['’]t)|do(?: not|n['’]t)) (?:actually |yet )?(?:seem to have )?"
    r"(?:provided?|give|given|shared?|include[d]?|supply|supplied|specif(?:y|ied)|mention(?:ed)?|attach(?:ed)?"
    r"|paste[d]?|enter(?:ed)?|upload(?:ed)?|tell|told|stated?))"
)
_LACK_EN = (
    rf"(?i){BEGINS}(?:{_SORRY_EN})?{_IT_SEEMS}(?:"
    rf"{_ABSENT_EN}[^.!?\n]{{0,60}}\b{THING_EN}\b"
    rf"|(?:there (?:is|was|are|were|seems to be|appears to be) )?no (?:[a-z-]+ )?{THING_EN}(?: (?:or|and) [a-z]+)?"
    r"(?: (?:was|is|were|are|has been|have been))? (?:provided|given|supplied|included|attached|specified"
    r"|mentioned|available|to (?:work|go))"
    rf"|(?:there (?:is|was) )?no (?:input|context)\s?(?:\.|\z|,)"
    rf"|(?:the|your) (?:[a-z-]+ )?{THING_EN}(?: you (?:want|mentioned|referred to)[^.,\n]{{0,30}})? (?:is|was"
    rf"|are|were|seems? to be|appears? to be)"
    r" (?:(?:missing|empty|blank|incomplete|not (?:provided|given|included|attached|specified"
    r"|visible))(?:[.,;!]|\z| (?:from your|in your|so|and)))"
    rf"|(?:i|we) (?:do not|don['’]t|cannot|can['’]t|could not|couldn['’]t) (?:see|find|have) (?:any |the "
    rf"|an? )?(?:[a-z-]+ )?{THING_EN}"
    r"(?:[^.!?\n]{0,40}(?:provided|attached|in your|you mention|you(?:['’]re| are) (?:referring|talking)"
    r"|to (?:work|go) (?:with|on|from)|[.!,](?: (?:please|could|can) )))"
    rf"|(?:i|we)(?:['’]d| would)? need (?:you to (?:provide|share|give)|(?:some |a bit "
    rf"|a little )?more (?:information|context|details)|to (?:see|know) (?:the|what|which))"
    rf"[^.!?\n]{{0,100}}(?:to (?:help|assist|answer|complete|provide|give|generate|perform|do|be able)|before i"
    rf"|in order)"
    rf"|without (?:the |any |more |further |additional )?(?:[a-z-]+ )?{THING_EN}[^.!?\n]{{0,40}}, (?:i"
    rf"|it)(?: is|['’]s|['’]m| am)? (?:cannot|can['’]t|unable|not able|not possible|impossible)"
    rf"|i (?:cannot|can['’]t|am unable to|['’]m unable to|am not able to)[^.!?\n]{{0,70}} (?:without (?:the "
    rf"|any |more |further |additional |seeing |knowing )+|as you|because you|since you|as no|since no"
    rf"|because no)[^.!?\n]{{0,40}}\b{THING_EN}\b"
    r"|(?:the|this) (?:data|information|context|details)[^.!?\n]{0,40}(?:is(?: not|n['’]t)|are(?: not"
    r"|n['’]t)) (?:enough|sufficient)"
    r")"
)
_ASK_EN = (  # Please provide the text you want me to translate.
    rf"(?i){BEGINS}(?:{_SORRY_EN})?(?:please|kindly|(?:could|can|would) you(?: please)?|you (?:need|will need"
    rf"|have) to|i(?:['’]ll| will) need you to|to (?:help|assist|do)[^.,\n]{{0,40}}, please)"
    rf" (?:provide|share|paste|send|enter|supply|include|attach|upload|specify|type|input)(?: us| me)?(?: with)? "
    rf"(?:(?:the|your|an?|some|any|me|more|additional|further|specific|actual|full|complete|original|two"
    rf"|which)\s)*(?:[a-z-]+ )?{THING_EN}\b"
    rf"[^.!?\n]{{0,40}}(?:\b(?:you(?:['’]d| would)? (?:want|like|need|wish|are referring|have in mind|refer)"
    rf"|to be (?:translated|summari[sz]ed|edited|rewritten|analy[sz]ed|classified|corrected)"
    r"|for me to|so (?:that )?i can (?:translate|summari[sz]e|edit|rewrite|analy[sz]e|classify|answer|complete"
    r"|correct|identify|determine|generate|create)|that (?:needs|should|is to)"
    r"|i (?:should|need to|can|could)|in question|above|below)|[.!?]?\s*\z)"
)
_THING_ZH = (
    r"(?:文本|文字|文章|句子|段落|段文|内容|原文|语句|陈述|诗歌?|歌词|故事|图[像片]?|图表|照片|代码|问题|题目"
    r"|数据|列表|清单|信息|资料|材料|细节|背景|上下文|语境|"
    r"单词|词语|短语|文档|文件|选项|表达式|方程|公式|数字|对话|主题|链接|网址|示例|例子|输入|评论|标志|论文"
    r"|报告|情境|场景|描述|音频|视频|食谱|剧本|要求|说明|邮件|作品|小说|漫画|指令|食材)"
)
_SORRY_ZH = (
    r"(?:(?:[您你]好|我|很|非常|十分|真的?|实在|深感)*"
    r"(?:抱歉|对不起|不好意思|遗憾|[您你]好)[，,。！!]?\s?(?:但是?|不过)?[，,]?\s?)"
)
_ABSENT_ZH = (
    r"(?:(?:并|似乎|好像|还|尚|也|可能|忘记?了?|漏)*(?:[没沒]有?|未|未曾|没能"
    r"|忘记?了?)(?:在[^，。\n]{0,12}中)?(?:给我|向我|为我|具体|实际|有效地?|明确|完整)*"
    r"(?:提供|给出|给定|给予|给到|给|输入|附上|指定|指明|说明|告诉|上传|粘贴|发送|列出|包含|写出|提及))"
)
_LACK_ZH = (
    rf"{BEGINS}{_SORRY_ZH}?(?:(?:由于|因为|鉴于|看起来|看来|似乎|好像|我(?:看到|注意到|发现|不好意思)|但是?"
    rf"|题目|这里|目前|问题|请求|指令|输入|[，,\s])*(?:[您你]们?的?(?:问题|请求|指令|消息|输入)?中?)?{_ABSENT_ZH}"
    rf"[^。！？\n]{{0,30}}(?:{_THING_ZH}|[吗么]|哪|什么)"
    rf"|(?:我)?(?:[无無]法|不能|没法|没有办法)[^。！？\n]{{0,40}}[，,]?(?:因为|由于"
    rf"|除非)[^。！？\n]{{0,6}}(?:[您你]|题目|这里|文中){_ABSENT_ZH}"
    rf"|(?:我)?(?:没有|未能?)(?:看到|收到|找到)[^。！？\n]{{0,16}}{_THING_ZH}|我(?:看不到"
    rf"|[无無]法看到)[^。！？\n]{{0,12}}{_THING_ZH}[^。\n]{{0,20}}[。，][^。\n]{{0,30}}(?:提供|描述|上传|发给)"
    rf"|(?:我)?(?:需要|还需要|必须)(?:先)?(?:[您你](?:先)?(?:提供|给出|告诉|补充)|更多(?:的)?(?:关于)?|看(?:到"
    rf"|一下)?|知道|了解)[^。！？\n]{{0,40}}(?:才能|以便|来(?:回答|完成|帮助)|后才)"
    rf"|(?:缺少|缺乏|没有)(?:任何|足够的?|必要的?|相关的?"
    rf"|具体的?)*{_THING_ZH}[^。\n]{{0,20}}[，,。][^。\n]{{0,30}}(?:[无無]法|不能|请)"
    rf"|[^。！？\n]{{0,30}}(?:[您你]|题目)(?:并|还|也|似乎)?(?:没有|未|没)(?:给(?:出|我|定)|提供|说明|告诉|指定"
    rf"|输入)[^。！？\n]{{0,30}}(?:{_THING_ZH}|哪|什么)"
    rf"|[^。！？\n]{{0,20}}(?:信息|内容|{_THING_ZH})(?:不足|不完整|不够|缺失|为空)[^。\n]{{0,30}}(?:[无無]法"
    rf"|不能|请|提供)"
    rf"|[^。！？\n]{{0,50}}[，,。]?请[您你]?提供(?:一下)?更多(?:的|相关|具体|详细)*(?:信息|细节|背景|上下文"
    rf"|内容)[^。\n]{{0,20}}[。！]?\s*\z"
    r"|(?:为了[^。！？\n]{0,40}[，,]\s?)?我(?:还)?需要更多(?:的|关于|相关|具体|一些)*[^。！？\n]{0,24}(?:信息"
    r"|上下文|细节|背景)|[您你]需要(?:先)?提供"
    r")"
)
_ASK_ZH = (  # 请提供需要翻译的文本
    rf"{BEGINS}{_SORRY_ZH}?(?:为了[^。！？\n]{{0,40}}[，,])?(?:请|麻烦|能否请?|可否请?|可以请?"
    rf"|烦请)[您你]?(?:先|再)?(?:给我|向我|为我)?(?:提供|给出|输入|粘贴|发送|附上|上传|告诉我|补充|把"
    rf"|将)(?:一下|给我|我|一[个段篇句首])?"
    rf"(?:[您你]?(?:所)?(?:想要?|需要|要|希望|打算|提到|指)[^，。！？\n]{{0,16}}|(?:更多|具体|完整|详细|相关"
    rf"|原始|有关|足够|必要|需|待|的|要)*)(?:[^，。！？\n]{{0,8}}的)?{_THING_ZH}"
)
MISSING = ascii_bounds(f"((?:{_LACK_EN})|(?:{_ASK_EN})|(?:{_LACK_ZH})|(?:{_ASK_ZH}))")
# Where one of these stands, the answer does something too, or it is somebody at work.
AT_WORK = ascii_bounds(
    r"(?i)\b(?:order (?:number|id)|account|tracking|refund|customer|your (?:name|email|address|phone|location"
    r"|budget|reservation)|reservation|booking|check-in"
    r"|appointment|warranty|delivery|purchase|invoice|resume|dear)\b|\bhere(?: is| are|['’]s)\b|\bin general\b"
    r"|\bgenerally\b|```|(?m:^\s*\d[.)、])"
    r"|订单|账[号户]|退款|退货|快递|物流|客服|手机号|姓名|地址|预[订约定]|会员|保修|发票|收货|包裹|尊敬的"
    r"|亲爱的|以下是|如下|下面是|一般来说|通常来说|一般而言|例如：|我们会|我们将"
)


def missing_input_in(answer: pl.Expr) -> pl.Expr:
    """Where a short answer says that its input is missing; null for one that does not, or does something too."""
    has_cue = answer.str.slice(0, CUE_CHARS).str.contains_any(CUES, ascii_case_insensitive=True)
    short = pl.when(has_cue & (answer.str.len_bytes() <= MAX_BYTES)).then(answer)
    found = short.str.slice(0, HEAD_CHARS).str.extract(MISSING)
    return pl.when(~pl.when(found.is_not_null()).then(answer).str.contains(AT_WORK)).then(found)


def says_input_is_missing(answer: pl.Expr) -> pl.Expr:
    """Whether an answer only says that its input is missing."""
    return missing_input_in(answer).is_not_null()
