"""Answers that say the input is missing, and do nothing else.

"Please provide the text you want me to translate" answers a prompt whose text got lost: a pair of them teaches a model
to ask for what it has. What counts is a short answer that begins so: it says what it lacks, asks which one is meant, or
asks for it. One that does not begin so counts where the prompt speaks of material (this text, the code below) and the
answer says anywhere that it lacks it and asks for it. A shop that asks for an order number, or an assistant that says
"Sure" and asks for an address, is at work; so is one that helps and then offers more.
"""

import polars as pl

from tasks.cleaners.missing_material import GIVE_EN, MAX_BYTES, THING_EN, THING_ZH, lacks_material_in
from tasks.cleaners.refusals import BEGINS, ascii_bounds

HEAD_CHARS = 160  # of an answer, in which the lack is looked for
CUE_CHARS = 80
CUES = [
    *("provide", "given", "give me", "share", "specif", "include", "attach", "missing", "contain", "received"),
    *("not see", "need more", "i need", "need the", "need to see", "input", "not enough", "without", "supply"),
    *("mention", "forgot", "paste", "see any", "see the", "don't see", "don’t see", "more context", "send me"),
    *("send the", "post", "upload", "resend", "enter the", "add the", "which "),
    *("what text", "would you like me", "what is the"),
    *("what's the", "come through", "empty", " in your ", "no text", "发送", "请发", "提供", "给出", "给定", "给我"),
    *("给予", "给到", "输入", "附上", "附件", "指定", "缺少", "缺乏", "少了", "说明", "告诉", "上传", "看到", "收到"),
    *("更多", "发给", "发来", "发过来", "发出来", "再发", "贴", "不完整", "列出", "补充", "哪", "是什么"),
]

# What a prompt brings along. An order number, an account or an address is none: asking for it is somebody's work.
_SORRY_EN = (
    r"(?:(?:i['’]?m |i am )?(?:so |very |really )?sorry|apologies|i apologi[sz]e|unfortunately|hi|hello|hey"
    r"|sure(?: thing)?|certainly|of course|okay|ok|no problem|absolutely|gladly"
    r"|(?:i['’]d|i would|i['’]m|i am) (?:be )?(?:more than )?(?:happy|glad"
    r"|love)(?: to(?: [^.,!?\n]{1,40})?)?)[,.;:!–—-]*\s?(?:but,? |however,? )?"
)
_IT_SEEMS = (
    r"(?:it (?:seems|looks|appears)(?: like| that| as (?:if|though))? |i (?:notice|see|think|believe)d?(?: that)? |as "
    r"|since |because |well, )?"
)
_NOT_EN = r"(?: not|n['’]t)"
_ABSENT_EN = (
    r"you(?:['’]ve)?(?: (?:have|may have|might have|seem to have|did|do))?(?:(?: not|n['’]t)(?: seem to have)?"
    rf"| forgot(?:ten)? to| neglected to| failed to)(?: actually| yet)? {GIVE_EN}"
)
_THE_EN = (
    r"(?:(?:the|your|this|that|any|an?|some|both|more|all|of|which|two|full|complete|entire|actual|original|specific"
    r"|relevant|[a-z-]+) ){0,4}?"
)
_CANNOT_EN = r"(?:cannot|can['’]t|(?:am |is |['’]m |['’]s )?(?:unable|not able|not possible|impossible))"
_LACK_EN = (
    rf"{_IT_SEEMS}(?:(?:i['’]m |i am )(?:happy|glad) to [a-z]+ (?:your|the) {THING_EN}[.,!] please {GIVE_EN} it\b"
    rf"|{_ABSENT_EN}[^.,;!?\n]{{0,60}}\b{THING_EN}\b|(?:there (?:is|was|are|were|seems to be|appears to be) )?(?:no"
    rf"|there does{_NOT_EN} (?:appear|seem) to be any) (?:[a-z-]+ )?{THING_EN}(?: (?:or|and) [a-z]+)?(?: (?:was|is"
    r"|were|are|has been|have been))? (?:provided|given|supplied|included|attached|specified|mentioned|available"
    r"|in your|to (?:work|go))|(?:there (?:is|was) )?no (?:input|context)\s?(?:\.|\z|,)"
    rf"|(?:the|your) (?:[a-z-]+ )?{THING_EN}(?: you (?:want|mentioned|referred to)[^.,\n]{{0,30}})? (?:is|was|are|were"
    r"|seems? to be|appears? to be|did|has)(?: (?:missing|incomplete)"
    rf"|{_NOT_EN} (?:been )?(?:provided|given|included|attached|specified|visible|come through|uploaded))(?:[.,;!]|\z"
    rf"| (?:from your|in your|so|and))|(?:the|your) (?:[a-z-]+ )?{THING_EN} (?:is|was|seems"
    r"|appears)(?: to be)? (?:empty|blank|cut off)[.,;!] (?:so|please|could|can|i)\b"
    rf"|your (?:message|prompt|question|request) (?:does{_NOT_EN}"
    rf"|did{_NOT_EN}) (?:seem to )?{GIVE_EN} {_THE_EN}{THING_EN}\b"
    rf"|(?:i|we) (?:(?:do|could|can|have|did){_NOT_EN}|cannot|can['’]t) (?:see|find|have|receive[d]?|seen"
    rf"|got) {_THE_EN}{THING_EN}(?:[^.!?\n]{{0,40}}(?:provided|attached|yet(?:[.!]|,? (?:so|please))|in your"
    r"|you mention|you(?:['’]re| are) (?:referring|talking)|to (?:work|go) (?:with|on|from)"
    r"|[.!,;] (?:please|could|can) ))|(?:to [^.,\n]{4,50}, )?(?:i|we)(?:['’]d|['’]ll| would"
    r"| will)?(?: first)? need (?:(?:you to (?:provide|share|give)"
    r"|(?:some |a bit |a little )?more (?:information|context|details)"
    r"|to (?:know|see) (?:the|what|which))[^.!?\n]{0,100}(?:to (?:help|assist|answer|complete|provide|give|generate"
    r"|perform|do|be able)|before i|in order)|(?:to (?:see|have"
    rf"|read) )?{_THE_EN}{THING_EN}\b[^.!?\n]{{0,40}}(?:\bfirst\b|before i can|in order to"
    r"|[.,;] (?:please|could you|can you)))|to [^.,\n]{4,50}, i(?:['’]d|['’]ll| would"
    rf"| will)? need {_THE_EN}{THING_EN}\.?\s*\z|without (?:the |any |more |further "
    rf"|additional )?(?:[a-z-]+ )?{THING_EN}[^.!?\n]{{0,40}}, (?:i|it) ?{_CANNOT_EN}"
    rf"|i ?{_CANNOT_EN}(?: to)?[^.!?\n]{{0,70}} (?:without (?:the |any |more |further |additional |seeing |knowing )+"
    rf"|as you|because you|since you|as no|since no|because no)[^.!?\n]{{0,40}}\b(?:{THING_EN}|it)\b"
    rf"|(?:the|this) (?:data|information|context|details)[^.!?\n]{{0,40}}(?:is|are){_NOT_EN} (?:enough|sufficient))"
)
_WANT_EN = (
    r"(?:\byou(?:['’]d| would)? (?:want|like|need|wish|are referring|have in mind|refer)"
    r"|to be (?:translated|summari[sz]ed|edited|rewritten|analy[sz]ed|classified|corrected)|for me to"
    r"|to (?:compare|translate|summari[sz]e|edit|rewrite|analy[sz]e|classify|correct)|so (?:that )?i can"
    r"|and i(?:['’]ll| will)|that (?:needs|should|is to)|i (?:should|need to|can|could)|in question|above|below)"
)
_PLEASE_EN = (
    r"(?:please|kindly|go ahead and|(?:could|can|would) you(?: please)?|you(?:['’]ll| will)? (?:need|have) to"
    r"|i(?:['’]ll| will) need you to|to (?:help|assist|do)[^.,\n]{0,40}, please|just|once you)"
)
_HAND_EN = r"(?:provide|share|paste|enter|supply|include|attach|upload|specify|type|input|post|re-?send)"
_ME_EN = rf"(?: us| me)?(?: with)? {_THE_EN}{THING_EN}\b"
_END_EN = r"(?:, or [^.!?\n]{1,60})?[.!?]?\s*\z"
_ASK_EN = (  # Please provide the text you want me to translate.
    rf"{_PLEASE_EN} (?:(?:{_HAND_EN}|send|give|add){_ME_EN}[^.!?\n]{{0,40}}{_WANT_EN}|{_HAND_EN}{_ME_EN}{_END_EN})"
)
_SURE_EN = (  # Sure, what is the sentence? After such a word only: without it people ask that of each other.
    rf"(?:{_PLEASE_EN} (?:send|give|add){_ME_EN}|what(?:['’]s| is"
    rf"| are) the {THING_EN}(?: you[^.!?\n]{{0,40}})?){_END_EN}"
)
_WHICH_EN = (  # Which sentence would you like me to correct?
    r"(?:(?:could|can) you (?:please )?(?:clarify|specify|tell me) )?(?:which"
    rf"|what) {_THE_EN}{THING_EN} (?:would you like|do you want|should i|(?:are you|you are|you['’]re) referring"
    r"|do you mean)[^.!?\n]{0,40}\?(?: (?:please|could|can)|\s*\z)"
)
_SORRY_ZH = (
    r"(?:(?:[您你]好|我|很|非常|十分|真的?|实在|深感)*(?:抱歉|对不起|不好意思|遗憾|[您你]好|好[的呀啊]?|当然(?:可以)?"
    r"|可以的?|没问题|乐意[^，。！\n]{0,6})[，,。！!]?\s?(?:但是?|不过|只是)?[，,]?\s?)"
)
_NOT_ZH = r"(?:[没沒]有?|未|未曾|没能|忘记?了?)"
_ABSENT_ZH = (
    rf"(?:(?:并|似乎|好像|还|尚|也|可能|忘记?了?|漏)*{_NOT_ZH}(?:在[^，。\n]{{0,12}}中)?(?:给我|向我|为我|具体|实际"
    r"|有效地?|明确|完整|成功)*(?:提供|给出|给定|给予|给到|给|输入|附上|指定|指明|说明|告诉|上传|粘贴|贴[出上]?|发送"
    rf"|发[给来出]?|列出|包含|写出|提及|把[^，。\n]{{0,6}}{THING_ZH}))"
)
_SEND_ZH = r"(?:发|贴|粘贴|传|上传|列|写|补充|提供|复制)"
_GIVEN_ZH = (
    r"(?:[您你]?(?:所)?(?:想要?|需要|要|希望|打算|提到|指)[^，。！？\n]{0,16}"
    r"|(?:更多|具体|完整|详细|相关|原始|有关|足够|必要|需|待|的|要|一下|给我"
    r"|一[个段篇句首])*)(?:[^，。！？\n]{0,8}的)?"
)
_LACK_ZH = (
    r"(?:(?:由于|因为|鉴于|看起来|看来|似乎|好像|我(?:看到|注意到|发现|不好意思)|但是?|题目|这里|目前|问题|请求|指令"
    rf"|输入|[，,\s])*(?:[您你](?:还|似乎|好像)*{_NOT_ZH}把{_GIVEN_ZH}{THING_ZH}"
    rf"|(?:[您你]们?的?(?:问题|请求|指令|消息|输入)?中?)?{_ABSENT_ZH}[^。！？\n]{{0,30}}(?:{THING_ZH}|[吗么]|哪"
    r"|什么))|我?(?:[无無]法|不能|没法|没有办法)[^。！？\n]{0,40}[，,]?(?:因为|由于"
    rf"|除非)[^。！？\n]{{0,6}}(?:[您你]|题目|这里|文中){_ABSENT_ZH}"
    rf"|(?:我(?:这边|这里)?)?(?:还|并|似乎|好像)*(?:没有?|未能?)(?:看到|收到|找到)[^。！？\n]{{0,16}}{THING_ZH}"
    rf"|我(?:看不到|[无無]法看到)[^。！？\n]{{0,12}}{THING_ZH}[^。\n]{{0,20}}[。，][^。\n]{{0,30}}(?:提供|描述|上传"
    r"|发给)|我?(?:需要|还需要|必须)(?:先)?(?:[您你](?:先)?(?:提供|给出|告诉|补充)|更多(?:的)?(?:关于)?"
    r"|看(?:到|一下)?|知道|了解)[^。！？\n]{0,40}(?:才能|以便|来(?:回答|完成|帮助)|后才)"
    r"|(?:(?:题目|问题|消息)里?中?|由于|因为)?(?:似乎|好像)?(?:缺少|缺乏|没有|少了)(?:任何|足够的?|必要的?|相关的?"
    rf"|具体的?|一[段个篇])*{THING_ZH}[^。\n]{{0,20}}[，,。][^。\n]{{0,30}}(?:[无無]法|不能|没法|请)"
    r"|[^。！？\n]{0,30}(?:[您你]|题目|消息里?)(?:并|还|也|似乎)?(?:没有|未|没)(?:给(?:出|我|定)|提供|说明|告诉"
    rf"|指定|输入)?[^。！？\n]{{0,30}}(?:{THING_ZH}|哪|什么)[^。！？\n]{{0,12}}[。，][^。\n]{{0,30}}(?:请|[吗？])"
    r"|[^。！？\n]{0,30}(?:[您你]|题目)(?:并|还|也|似乎)?(?:没有|未|没)(?:给(?:出|我|定)|提供|说明|告诉|指定"
    rf"|输入)[^。！？\n]{{0,30}}(?:{THING_ZH}|哪|什么)|[^。！？\n]{{0,20}}(?:信息|内容|{THING_ZH})(?:似乎|好像"
    r"|可能)?(?:不足|不完整|不够|缺失|为空|没有?(?:发送|上传)?(?:完整|成功)|没有?显示)[^。\n]{0,30}(?:[无無]法|不能"
    r"|请|提供|补充)|[^。！？\n]{0,50}[，,。]?请[您你]?提供(?:一下)?更多(?:的|相关|具体|详细)*(?:信息|细节|背景"
    r"|上下文|内容)[^。\n]{0,20}[。！]?\s*\z|(?:为了[^。！？\n]{0,40}[，,]\s?)?我(?:还)?需要更多(?:的|关于|相关"
    r"|具体|一些)*[^。！？\n]{0,24}(?:信息|上下文|细节|背景)|[您你]需要(?:先)?提供)"
)
_TASK_ZH = r"(?:排序|翻译|总结|改写|修改|润色|分析|分类|检查|比较|计算|编辑|概括|转换|纠正|判断)"
_ASK_ZH = (  # 请提供需要翻译的文本
    r"(?:为了[^。！？\n]{0,40}[，,])?(?:请|麻烦|能否请?|可否请?|可以请?|烦请)[您你]?(?:先|再)?(?:给我|向我"
    r"|为我)?(?:(?:提供|给出|输入|粘贴|发送|附上|上传|补充|贴出|列出)(?:一下|给我|我"
    rf"|一[个段篇句首])?(?:{_GIVEN_ZH}{THING_ZH}|[您你]?(?:所)?(?:需要|要"
    rf"|想要?){_TASK_ZH}[^，。！？\n]{{0,6}}的[^，。！？\n]{{1,8}})"
    rf"|(?:把|将){_GIVEN_ZH}{THING_ZH}[^。！？\n]{{0,6}}{_SEND_ZH}"
    rf"|(?:给我|告诉我)[您你]?(?:需要|要|想要?){_TASK_ZH}[^，。！？\n]{{0,6}}的{THING_ZH})"
    rf"|[您你](?:可以|能)把{_GIVEN_ZH}{THING_ZH}[^。！？\n]{{0,4}}{_SEND_ZH}[^。！？\n]{{0,4}}吗"
)
_WHICH_ZH = (  # 请问是哪个句子？请把句子发出来
    rf"[^。！？“\n]{{0,16}}(?:(?:哪(?:一?[段篇句]|[一个首张份些]*{THING_ZH})[^。！？\n]{{0,6}}"
    rf"|{THING_ZH}[^。！？\n]{{0,4}}(?:在哪里?|是什么|是哪[^。！？\n]{{0,4}}))？\s?(?:请"
    rf"|麻烦)[^。！？\n]{{0,12}}{_SEND_ZH}|(?:要|需要|想)[^。！？\n]{{0,10}}的{THING_ZH}是(?:什么"
    rf"|哪[^。！？\n]{{0,4}})？?\s*\z|(?:要|需要|想|让|希望)我?{_TASK_ZH}哪[^。！？\n]{{0,6}}？\s*\z)"
)
MISSING = ascii_bounds(
    rf"({BEGINS}(?:(?i:(?:{_SORRY_EN}){{0,2}}(?:{_LACK_EN}|{_ASK_EN}|{_WHICH_EN})|(?:{_SORRY_EN}){{1,2}}{_SURE_EN})"
    rf"|{_SORRY_ZH}?(?:{_LACK_ZH}|{_ASK_ZH}|{_WHICH_ZH})))"
)
# Where one of these stands, the answer does something too, or it is somebody at work.
AT_WORK = ascii_bounds(
    r"(?i)\b(?:order (?:number|id)|account|tracking|refund|customer"
    r"|your (?:name|email|address|phone|location|budget|reservation)|(?:email|phone|e-mail) (?:address|number)"
    r"|reservation|booking|check-in|appointment|warranty|delivery|purchase|invoice|resume|dear)\b"
    r"|\bhere(?: is| are|['’]s)\b|\bin general\b|\bgenerally\b|```|(?m:^\s*\d[.)、])|[:：]\s*\z|订单|账[号户]|退款"
    r"|退货|快递|物流|客服|手机号|姓名|地址|预[订约定]|会员|保修|发票|收货|包裹|尊敬的|亲爱的|以下是|如下|下面是"
    r"|一般来说|通常来说|一般而言|例如：|我们会|我们将"
)


def missing_input_in(answer: pl.Expr, prompt: pl.Expr | None = None) -> pl.Expr:
    """Where a short answer says that its input is missing; null for one that does not, or does something too.

    Without a prompt only answers that begin so are found.
    """
    n_bytes = answer.str.len_bytes()
    has_cue = answer.str.slice(0, CUE_CHARS).str.contains_any(CUES, ascii_case_insensitive=True)
    short = pl.when(has_cue & (n_bytes <= MAX_BYTES)).then(answer)
    found = short.str.slice(0, HEAD_CHARS).str.extract(MISSING)
    if prompt is not None:
        found = pl.coalesce(found, lacks_material_in(answer, prompt))
    return pl.when(~pl.when(found.is_not_null()).then(answer).str.contains(AT_WORK)).then(found)
