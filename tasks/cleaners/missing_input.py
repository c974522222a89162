"""Answers that say the input is missing, and do nothing else.

"Please provide the text you want me to translate" answers a prompt whose text got lost: a pair of them teaches a model
to ask for what it has. What counts is a short answer that begins so: it says what it lacks, asks which one is meant, or
asks for it. One that does not begin so counts where the prompt speaks of material (this text, the code below) and the
answer says anywhere that it lacks it and asks for it. A shop that asks for an order number, or an assistant that says
"Sure" and asks for an address, is at work; so is one that helps and then offers more.
"""

import polars as pl

from tasks.cleaners.refusals import BEGINS, ascii_bounds

MAX_BYTES = 500  # of a whole answer; a longer one does more than ask. A Han character has 3 bytes
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
THING_EN = (
    r"(?:texts?|sentences?|paragraphs?|passages?|articles?|documents?|inputs?|content|contexts?|data(?:set)?"
    r"|stor(?:y|ies)|poems?|lyrics|images?|pictures?|photos?|codes?(?: snippet)?|snippets?|questions?|statements?"
    r"|words?|lists?|numbers?|options|choices|equations?|expressions?|problems?|topics?|phrases?|quotes?|reviews?"
    r"|conversations?|dialogues?|scenarios?|essays?|excerpts?|materials?|files?|links?|urls?|examples?|prompts?"
    r"|instructions?|information|details|recipes?|tweets?|values|items|tables?|chart|graph|source|letters?|functions?"
    r"|programs?|scripts?|contracts?|clauses|names|attachments?|speech|drafts?|e-?mails?|posts?|reports?|messages?)"
)
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
_GIVE_EN = (
    r"(?:provided?|giv(?:e|en)|gave|shared?|include[d]?|suppl(?:y|ied)|specif(?:y|ied)|mention(?:ed)?|attach(?:ed)?"
    r"|paste[d]?|enter(?:ed)?|upload(?:ed)?|tell|told|stated?|post(?:ed)?|sen[dt]|contain(?:ed)?)"
)
_NOT_EN = r"(?: not|n['’]t)"
_ABSENT_EN = (
    r"you(?:['’]ve)?(?: (?:have|may have|might have|seem to have|did|do))?(?:(?: not|n['’]t)(?: seem to have)?"
    rf"| forgot(?:ten)? to| neglected to| failed to)(?: actually| yet)? {_GIVE_EN}"
)
_THE_EN = (
    r"(?:(?:the|your|this|that|any|an?|some|both|more|all|of|which|two|full|complete|entire|actual|original|specific"
    r"|relevant|[a-z-]+) ){0,4}?"
)
_CANNOT_EN = r"(?:cannot|can['’]t|(?:am |is |['’]m |['’]s )?(?:unable|not able|not possible|impossible))"
_LACK_EN = (
    rf"{_IT_SEEMS}(?:(?:i['’]m |i am )(?:happy|glad) to [a-z]+ (?:your|the) {THING_EN}[.,!] please {_GIVE_EN} it\b"
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
    rf"|did{_NOT_EN}) (?:seem to )?{_GIVE_EN} {_THE_EN}{THING_EN}\b"
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
_THING_ZH = (
    r"(?:文本|文字|文章|句子|段落|段文|内容|原文|正文|全文|语句|陈述|诗歌?|歌词|故事|图[像片]?|图表|照片|代码|程序"
    r"|函数|问题|题目|数据|列表|清单|表格|信息|资料|材料|附件|细节|背景|上下文|语境|单词|词语|短语|文档|文件|选项"
    r"|表达式|方程|公式|数字|对话|主题|链接|网址|示例|例子|输入|评论|标志|作文|论文|报告|情境|场景|描述|音频|视频|食谱"
    r"|剧本|要求|说明|邮件|演讲稿|作品|小说|漫画|指令|食材|合同|稿件?|条件|推文)"
)
_SORRY_ZH = (
    r"(?:(?:[您你]好|我|很|非常|十分|真的?|实在|深感)*(?:抱歉|对不起|不好意思|遗憾|[您你]好|好[的呀啊]?|当然(?:可以)?"
    r"|可以的?|没问题|乐意[^，。！\n]{0,6})[，,。！!]?\s?(?:但是?|不过|只是)?[，,]?\s?)"
)
_NOT_ZH = r"(?:[没沒]有?|未|未曾|没能|忘记?了?)"
_ABSENT_ZH = (
    rf"(?:(?:并|似乎|好像|还|尚|也|可能|忘记?了?|漏)*{_NOT_ZH}(?:在[^，。\n]{{0,12}}中)?(?:给我|向我|为我|具体|实际"
    r"|有效地?|明确|完整|成功)*(?:提供|给出|给定|给予|给到|给|输入|附上|指定|指明|说明|告诉|上传|粘贴|贴[出上]?|发送"
    rf"|发[给来出]?|列出|包含|写出|提及|把[^，。\n]{{0,6}}{_THING_ZH}))"
)
_SEND_ZH = r"(?:发|贴|粘贴|传|上传|列|写|补充|提供|复制)"
_GIVEN_ZH = (
    r"(?:[您你]?(?:所)?(?:想要?|需要|要|希望|打算|提到|指)[^，。！？\n]{0,16}"
    r"|(?:更多|具体|完整|详细|相关|原始|有关|足够|必要|需|待|的|要|一下|给我"
    r"|一[个段篇句首])*)(?:[^，。！？\n]{0,8}的)?"
)
_LACK_ZH = (
    r"(?:(?:由于|因为|鉴于|看起来|看来|似乎|好像|我(?:看到|注意到|发现|不好意思)|但是?|题目|这里|目前|问题|请求|指令"
    rf"|输入|[，,\s])*(?:[您你](?:还|似乎|好像)*{_NOT_ZH}把{_GIVEN_ZH}{_THING_ZH}"
    rf"|(?:[您你]们?的?(?:问题|请求|指令|消息|输入)?中?)?{_ABSENT_ZH}[^。！？\n]{{0,30}}(?:{_THING_ZH}|[吗么]|哪"
    r"|什么))|我?(?:[无無]法|不能|没法|没有办法)[^。！？\n]{0,40}[，,]?(?:因为|由于"
    rf"|除非)[^。！？\n]{{0,6}}(?:[您你]|题目|这里|文中){_ABSENT_ZH}"
    rf"|(?:我(?:这边|这里)?)?(?:还|并|似乎|好像)*(?:没有?|未能?)(?:看到|收到|找到)[^。！？\n]{{0,16}}{_THING_ZH}"
    rf"|我(?:看不到|[无無]法看到)[^。！？\n]{{0,12}}{_THING_ZH}[^。\n]{{0,20}}[。，][^。\n]{{0,30}}(?:提供|描述|上传"
    r"|发给)|我?(?:需要|还需要|必须)(?:先)?(?:[您你](?:先)?(?:提供|给出|告诉|补充)|更多(?:的)?(?:关于)?"
    r"|看(?:到|一下)?|知道|了解)[^。！？\n]{0,40}(?:才能|以便|来(?:回答|完成|帮助)|后才)"
    r"|(?:(?:题目|问题|消息)里?中?|由于|因为)?(?:似乎|好像)?(?:缺少|缺乏|没有|少了)(?:任何|足够的?|必要的?|相关的?"
    rf"|具体的?|一[段个篇])*{_THING_ZH}[^。\n]{{0,20}}[，,。][^。\n]{{0,30}}(?:[无無]法|不能|没法|请)"
    r"|[^。！？\n]{0,30}(?:[您你]|题目|消息里?)(?:并|还|也|似乎)?(?:没有|未|没)(?:给(?:出|我|定)|提供|说明|告诉"
    rf"|指定|输入)?[^。！？\n]{{0,30}}(?:{_THING_ZH}|哪|什么)[^。！？\n]{{0,12}}[。，][^。\n]{{0,30}}(?:请|[吗？])"
    r"|[^。！？\n]{0,30}(?:[您你]|题目)(?:并|还|也|似乎)?(?:没有|未|没)(?:给(?:出|我|定)|提供|说明|告诉|指定"
    rf"|输入)[^。！？\n]{{0,30}}(?:{_THING_ZH}|哪|什么)|[^。！？\n]{{0,20}}(?:信息|内容|{_THING_ZH})(?:似乎|好像"
    r"|可能)?(?:不足|不完整|不够|缺失|为空|没有?(?:发送|上传)?(?:完整|成功)|没有?显示)[^。\n]{0,30}(?:[无無]法|不能"
    r"|请|提供|补充)|[^。！？\n]{0,50}[，,。]?请[您你]?提供(?:一下)?更多(?:的|相关|具体|详细)*(?:信息|细节|背景"
    r"|上下文|内容)[^。\n]{0,20}[。！]?\s*\z|(?:为了[^。！？\n]{0,40}[，,]\s?)?我(?:还)?需要更多(?:的|关于|相关"
    r"|具体|一些)*[^。！？\n]{0,24}(?:信息|上下文|细节|背景)|[您你]需要(?:先)?提供)"
)
_TASK_ZH = r"(?:排序|翻译|总结|改写|修改|润色|分析|分类|检查|比较|计算|编辑|概括|转换|纠正|判断)"
_ASK_ZH = (  # 请提供需要翻译的文本
    r"(?:为了[^。！？\n]{0,40}[，,])?(?:请|麻烦|能否请?|可否请?|可以请?|烦请)[您你]?(?:先|再)?(?:给我|向我"
    r"|为我)?(?:(?:提供|给出|输入|粘贴|发送|附上|上传|补充|贴出|列出)(?:一下|给我|我"
    rf"|一[个段篇句首])?(?:{_GIVEN_ZH}{_THING_ZH}|[您你]?(?:所)?(?:需要|要"
    rf"|想要?){_TASK_ZH}[^，。！？\n]{{0,6}}的[^，。！？\n]{{1,8}})"
    rf"|(?:把|将){_GIVEN_ZH}{_THING_ZH}[^。！？\n]{{0,6}}{_SEND_ZH}"
    rf"|(?:给我|告诉我)[您你]?(?:需要|要|想要?){_TASK_ZH}[^，。！？\n]{{0,6}}的{_THING_ZH})"
    rf"|[您你](?:可以|能)把{_GIVEN_ZH}{_THING_ZH}[^。！？\n]{{0,4}}{_SEND_ZH}[^。！？\n]{{0,4}}吗"
)
_WHICH_ZH = (  # 请问是哪个句子？请把句子发出来
    rf"[^。！？“\n]{{0,16}}(?:(?:哪(?:一?[段篇句]|[一个首张份些]*{_THING_ZH})[^。！？\n]{{0,6}}"
    rf"|{_THING_ZH}[^。！？\n]{{0,4}}(?:在哪里?|是什么|是哪[^。！？\n]{{0,4}}))？\s?(?:请"
    rf"|麻烦)[^。！？\n]{{0,12}}{_SEND_ZH}|(?:要|需要|想)[^。！？\n]{{0,10}}的{_THING_ZH}是(?:什么"
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

# Two acts, in any order: to say that material is lacking, and to ask for it. Cheap words of each come first.
SEND_CUES = [
    *("provid", "shar", "past", "send", "upload", "includ", "attach", "post", "list", "typ", "copy", "suppl", "giv"),
    *("describe", "add ", "发", "贴", "传", "补充", "提供", "列出", "告诉我", "附上", "输入"),
]
PLEASE_CUES = [
    *("please", "kindly", "could you", "can you", "would you", "if you", "send me", "go ahead", "请", "麻烦", "能否"),
    *("可否", "能不能", "可以", "能把", "再发", "再传", "重新", "一下", "来吧"),
]
LACK_CUES = [
    *(
        "n't ",
        "n’t ",
        " not ",
        "cannot",
        "missing",
        "need",
        " no ",
        "unable",
        "left out",
        "have to",
        "forg",
        "没",
        "未",
    ),
    *("缺", "忘", "需要", "看不", "看不到", "找不", "空", "漏", "无法", "先看", "呢？"),
]
_MATERIAL_EN = (
    rf"(?:{THING_EN}|transcripts?|captions?|titles|screenshots?|notes|threads?|resum[eé]s?|cv|quer(?:y|ies)|templates?"
    r"|outlines?|songs?|plans?|proposals?|audio|videos?|recordings?|pdfs?|spreadsheets?|logs?|animals|movies|books"
    r"|elements|figures|diagrams?|maps?|terms|memes?)"
)
_SOME_EN = r"(?:[a-z'’-]+ ){0,5}?"  # words before a thing
_LACKS_EN = (
    rf"(?:\byou(?:['’]ve)?(?: (?:have|may have|seem to have|did|do|still))*(?: not|n['’]t| forgot(?:ten)? to)"
    rf"(?: actually| yet| seem to have)* (?:list(?:ed)?|sa(?:y|id)|add(?:ed)?|{_GIVE_EN}) "
    rf"{_SOME_EN}{_MATERIAL_EN}\b"
    r"|\bi(?:['’]m| am)? (?:do not|don['’]t|did not|didn['’]t|cannot|can['’]t|could not|couldn['’]t|not able to"
    r"|unable to|have not|haven['’]t)(?: currently| actually| yet| seem to)* (?:see|find|have|get|got|receive[d]?|seen"
    rf"|view|access|read|open) (?:(?:it|them|one)\b|{_SOME_EN}{_MATERIAL_EN}\b)"
    r"|\bthere(?: is|['’]s| are| was| were| does(?: not|n['’]t) (?:seem|appear) to be) (?:no|an?"
    rf"|any) (?:[a-z-]+ ){{0,2}}?"
    rf"{_MATERIAL_EN} (?:in|with|attached|provided|given|included|to)\b"
    rf"|\b(?:the|your|no|any|both) (?:[a-z-]+ )?{_MATERIAL_EN}\b[^.!?,\n]{{0,40}} (?:(?:missing|left out"
    r"|omitted)(?:[.,!;]| from| in|\z)"
    r"|(?:did|was|were|is|are|has|have)(?: not|n['’]t)? (?:come through|be(?:en)? |includ|attach|provid|given|upload"
    rf"|past)\w*)|\bi(?:['’]ll|['’]d| will| would)(?: first| also)* (?:need|have)(?: to (?:see|read|know|have))?"
    rf" (?:the|your|both|some|an?) {_SOME_EN}{_MATERIAL_EN}\b)"
)
_ASKS_EN = (
    r"(?:\b(?:please|kindly|(?:could|can) you(?: please)?|would you(?: mind| please)?|if you(?: can| could)?"
    r"|go ahead and"
    r"|\A|[.!] )(?: just| also| then)? ?(?:provid|shar|past|send|upload|includ|post|list|attach|typ|supply|re-?send"
    r"|re-?upload|copy|describ|giv|add)(?:e|ing|ying)?\b)"
)
_MATERIAL_ZH = (
    rf"(?:{_THING_ZH}|诗|歌曲|图|信件?的?|会议纪要|记录|简历|演讲稿|方案|说法|格式|原句|截图|日志|录音|字幕|笔记"
    r"|计划|大纲|摘要|网页|标题|模板|试题|作业|日文|英文|诗句|古文|译文|数值|数组|变量|语音"
    r"|[这那哪][段篇句首张份道组两几些封])"
)
_HAVE_ZH = (
    r"(?:看到|见到|收到|找到|附|贴|给|提供|包含|列|写|说|告诉|上传|传|发[来给过出送上]|粘贴|输入|显示|加载"
    r"|指定|指明|把)"
)
_LACKS_ZH = (
    r"(?:(?:没有?|未能?|未曾|忘了?|忘记了?"
    rf"|漏了?)(?:在[^，。！？\n]{{0,10}}中)?{_HAVE_ZH}[^，。！？\n]{{0,12}}?{_MATERIAL_ZH}"
    rf"|(?:[您你我]|消息|问题|题目|输入|请求|这里|这边|上文)[^，。！？\n]{{0,6}}没有(?:任何|具体的?){_MATERIAL_ZH}"
    rf"|(?:看不[到见]|找不到|缺少了?|缺了)[^，。！？\n]{{0,8}}?{_MATERIAL_ZH}"
    rf"|{_MATERIAL_ZH}(?:内容|信息|部分)?[^，。！？\n的]{{0,4}}(?:(?:没有?|未){_HAVE_ZH}|缺失|遗漏|漏掉|为空"
    r"|是空的|呢？|在哪里?？)"
    r"|(?:[，。我]|\A)(?:还?需要?|还?得|必须)[您你我]?先(?:看[到过]?|了解|知道|拿到"
    rf"|收到)[^，。！？\n]{{0,12}}?{_MATERIAL_ZH})"
)
_ASKS_ZH = (
    r"(?:(?:请|麻烦|能否|可否|能不能|烦请|[，。！？\s您你](?:可以|能|再|重新))[^。！？\n]{0,24}?(?:提供"
    r"|发[给来过出一我上下送全]"
    r"|[贴传]|补充|附上|复制|列出|告诉我|告知|描述|输入)|(?:把|将)[^。！？\n]{1,12}(?:发|贴|传)(?:来|过来|出来"
    r"|给我|我))"
)
LACKS = ascii_bounds(rf"((?i:{_LACKS_EN})|{_LACKS_ZH})")
ASKS = ascii_bounds(rf"(?i:{_ASKS_EN})|{_ASKS_ZH}")
# A text for somebody else, who may be asked for an attachment, or a prompt with its material behind a colon.
WRITES = (
    r"(?i)(?:\bwrite|draft|compose|repl(?:y|ies)|respond|dialogue|conversation between"
    r"|role)[^.\n]{0,40}(?:e-?mail|letter|message"
    r"|reply|note\b|text\b|dialogue|between|customer|play)|(?:回|写|拟|起草|发)[^，。\n]{0,8}(?:邮件|信|短信"
    r"|消息|通知|回复|对话|便条"
    r"|微信)|替我|造句|续写|扮演|[:：]\s*[^\s:：]{4,}"
)
IN_MESSAGE = (
    r"(?i)in (?:your|this|our) (?:message|request|prompt|question|conversation|chat)|[您你]的(?:消息|问题|请求|提问)"
)
IS_DIALOGUE = r"(?m)^[^\n:：]{1,12}[:：]"
# What a prompt says of material that it brings along.
SPEAKS_OF_MATERIAL = ascii_bounds(
    r"(?i)\b(?:below|above|following|given|provided|attached)\b"
    r"|\A(?:summari[sz]e|translate|classify|edit|proofread|rewrite|correct|identify|compare|sort|rank"
    r"|analy[sz]e|paraphrase"
    r"|simplify|describe|explain|rate) (?:this|these|the|my)\b"
    rf"|\b(?:this|these|that|those|my|your|the|an?|of) (?:[a-z-]+ ){{0,2}}?{_MATERIAL_EN}\b|下[面列表]|以下"
    r"|上[面述文]|以上"
    rf"|给[定出的]|提供的|附件|[这那]个|{_MATERIAL_ZH}"
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
        pairs = pl.struct(answer=answer, prompt=prompt)
        found = pl.coalesce(found, pairs.map_batches(_two_acts, return_dtype=pl.String, is_elementwise=True))
    return pl.when(~pl.when(found.is_not_null()).then(answer).str.contains(AT_WORK)).then(found)


def _two_acts(pairs: pl.Series) -> pl.Series:
    """Where an answer says that it lacks material that its prompt speaks of, and asks for it; in stages."""
    answer, prompt = pl.col("answer"), pl.col("prompt")
    says = [answer.str.contains_any(cues, ascii_case_insensitive=True) for cues in (SEND_CUES, PLEASE_CUES, LACK_CUES)]
    found = (
        pairs.struct.unnest()
        .with_row_index()
        .filter(answer.str.len_bytes() <= MAX_BYTES)
        .filter(says)
        .filter(answer.str.contains(ASKS) & ~answer.str.contains(IS_DIALOGUE))
        .with_columns(lack=answer.str.extract(LACKS))
        .filter(pl.col("lack").is_not_null())
        .filter(prompt.str.contains(SPEAKS_OF_MATERIAL) | answer.str.contains(IN_MESSAGE))
        .filter(~prompt.str.contains(WRITES))
    )
    rows = pl.DataFrame({"index": pl.int_range(pairs.len(), dtype=pl.UInt32, eager=True)})
    return rows.join(found, on="index", how="left", maintain_order="left")["lack"]
