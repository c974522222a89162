"""Short answers that say, anywhere, that they lack the material their prompt speaks of, and ask for it."""

import polars as pl

from tasks.cleaners.refusals import ascii_bounds

MAX_BYTES = 500  # of a whole answer; a longer one does more than ask. A Han character has 3 bytes
THING_EN = (
    r"(?:texts?|sentences?|paragraphs?|passages?|articles?|documents?|inputs?|content|contexts?|data(?:set)?"
    r"|stor(?:y|ies)|poems?|lyrics|images?|pictures?|photos?|codes?(?: snippet)?|snippets?|questions?|statements?"
    r"|words?|lists?|numbers?|options|choices|equations?|expressions?|problems?|topics?|phrases?|quotes?|reviews?"
    r"|conversations?|dialogues?|scenarios?|essays?|excerpts?|materials?|files?|links?|urls?|examples?|prompts?"
    r"|instructions?|information|details|recipes?|tweets?|values|items|tables?|chart|graph|source|letters?|functions?"
    r"|programs?|scripts?|contracts?|clauses|names|attachments?|speech|drafts?|e-?mails?|posts?|reports?|messages?)"
)
GIVE_EN = (
    r"(?:provided?|giv(?:e|en)|gave|shared?|include[d]?|suppl(?:y|ied)|specif(?:y|ied)|mention(?:ed)?|attach(?:ed)?"
    r"|paste[d]?|enter(?:ed)?|upload(?:ed)?|tell|told|stated?|post(?:ed)?|sen[dt]|contain(?:ed)?)"
)
THING_ZH = (
    r"(?:文本|文字|文章|句子|段落|段文|内容|原文|正文|全文|语句|陈述|诗歌?|歌词|故事|图[像片]?|图表|照片|代码|程序"
    r"|函数|问题|题目|数据|列表|清单|表格|信息|资料|材料|附件|细节|背景|上下文|语境|单词|词语|短语|文档|文件|选项"
    r"|表达式|方程|公式|数字|对话|主题|链接|网址|示例|例子|输入|评论|标志|作文|论文|报告|情境|场景|描述|音频|视频|食谱"
    r"|剧本|要求|说明|邮件|演讲稿|作品|小说|漫画|指令|食材|合同|稿件?|条件|推文)"
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
    rf"(?: actually| yet| seem to have)* (?:list(?:ed)?|sa(?:y|id)|add(?:ed)?|{GIVE_EN}) "
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
    rf"(?:{THING_ZH}|诗|歌曲|图|信件?的?|会议纪要|记录|简历|演讲稿|方案|说法|格式|原句|截图|日志|录音|字幕|笔记"
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


def lacks_material_in(answer: pl.Expr, prompt: pl.Expr) -> pl.Expr:
    """Where the answer says what it lacks; null for one that does not, or that is at some other work."""
    pairs = pl.struct(answer=answer, prompt=prompt)
    return pairs.map_batches(_two_acts, return_dtype=pl.String, is_elementwise=True)


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
