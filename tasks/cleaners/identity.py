"""Answers that say which model is speaking or who made it.

A model trained on them takes over another's name. What counts is the first person: "ChatGPT was developed by
OpenAI" answers a question, "I was developed by OpenAI" does not. Words in quotes are somebody else's. A text may be
several turns, one after the other.
"""

import re

import polars as pl

from tasks.cleaners.refusals import MODEL_EN, MODEL_ZH, ascii_bounds

# Names that are nothing but a model's: to say "I am X" is enough. A version may follow each, spaces are optional.
MODELS = (
    *("Chat GPT", "GPT-1", "GPT-2", "GPT-3", "GPT-4", "GPT-5", "GPT3", "GPT4", "Instruct GPT", "文心一言"),
    *("文心大模型", "ERNIE Bot", "通义千问", "通義千問", "Tongyi Qianwen", "Qwen", "千问", "讯飞星火"),
    *("星火认知大模型", "iFlytek Spark", "ChatGLM", "智谱清言", "DeepSeek", "深度求索", "腾讯混元", "混元大模型"),
    *("盘古大模型", "百川大模型", "Baichuan", "InternLM", "书生浦语", "书生·浦语", "Open Assistant", "Hugging Chat"),
    *("StableLM", "WizardLM", "StableVicuna", "ChatLLaMA", "BLOOMZ", "LaMDA", "Bing Chat", "GitHub Copilot"),
    *("Google Bard", "Google Gemini", "MOSS", "LLaMA"),
)
# Names that people, animals and things have too: only with a model's trade or its maker in the same sentence.
NAMESAKES = (
    *("Claude", "Bard", "Gemini", "Vicuna", "Koala", "Alpaca", "Guanaco", "Dolly", "Belle", "Falcon", "Phoenix"),
    *("Baize", "Copilot", "Grok", "Mistral", "Mixtral", "Kimi", "PaLM", "Bing", "Sydney", "GPT", "GLM", "Doubao"),
    *("BLOOM", "豆包", "天工", "星火", "盘古", "混元", "百川", "小度", "小爱同学", "天猫精灵", "小冰", "悟道"),
    *("紫东太初", "克劳德", "巴德", "双子座", "Alexa", "Siri", "Cortana", "Gemma", "Hunyuan", "海螺", "元宝"),
    "文小言",
)
# Makers of models and of little else.
MAKERS = (
    *("Open AI", "Anthropic", "LMSYS", "Large Model Systems Organization", "DeepSeek", "Moonshot AI", "月之暗面"),
    *("MiniMax", "Zhipu", "智谱华章", "智谱", "百川智能", "深度求索", "Mistral AI", "Stability AI", "LAION"),
    *("EleutherAI", "01.AI", "零一万物", "Hugging Face", "Cohere", "xAI", "DeepMind", "Alibaba Cloud", "阿里云"),
    *("通义实验室", "BigScience", "Databricks", "Inflection AI", "Perplexity"),
)
# Makers that also train people: only of a model, or of what was created or developed.
EMPLOYERS = (
    *("Google", "谷歌", "Microsoft", "微软", "Meta", "Facebook", "Baidu", "百度", "Alibaba", "阿里巴巴", "达摩院"),
    *("Tencent", "腾讯", "Huawei", "华为", "ByteDance", "字节跳动", "iFlytek", "科大讯飞", "讯飞", "SenseTime"),
    *("商汤", "昆仑万维", "Kunlun", "Tsinghua", "清华", "Fudan", "复旦", "Stanford", "UC Berkeley", "Berkeley"),
    *("BAIR", "BAAI", "智源", "上海人工智能实验室", "Shanghai AI Lab", "IBM", "Amazon", "苹果公司", "Apple"),
)
# A text without any of these names nobody.
NAMES = sorted({form for name in (*MODELS, *NAMESAKES, *MAKERS, *EMPLOYERS) for form in (name, name.replace(" ", ""))})


def _any_of(names: tuple[str, ...], tail: str) -> str:
    """A pattern of names, each with optional spaces."""
    return "(?:" + "|".join(re.escape(name).replace(r"\ ", " ?") for name in names) + f"){tail}"


_VERSION = r"(?:[-. ]?[a-zA-Z]{0,2}[-.]?\d[0-9A-Za-z.-]*|o|-[a-z]+)?"
_MODEL, _NAMESAKE = _any_of(MODELS, _VERSION), _any_of(NAMESAKES, _VERSION)
_MAKER = _any_of(MAKERS, "(?: ?AI|公司)?")
_EMPLOYER = _any_of(EMPLOYERS, "(?: (?:AI|University)|大学|科技|公司|集团|研究院)?")
_ANY_NAME, _ANY_MAKER = f"(?:{_MODEL}|{_NAMESAKE})", f"(?:{_MAKER}|{_EMPLOYER})"
_ALONE_EN, _ALONE_ZH = r"""(?:\A|[^"“'‘’\w「『-])""", r"(?:\A|[^“\"‘「『《])"  # what stands before the first person
_MADE_EN = r"(?:trained|developed|created|built|made|designed|fine-tuned|programmed|powered|launched|released)"
_AI_EN = rf"(?:an? |the )?{MODEL_EN}"
_SELF_EN = (
    rf"{_ALONE_EN}(?:i am|i['’]m|my (?:full )?name is|call me|refer to me as|(?:go by|got|have) the name|i am called"
    r"|known as|you(?:['’]re| are) (?:now )?(?:talking|speaking|chatting) (?:to|with)) (?:actually |just |indeed "
    r"|also )?"
)
_TRADE_EN = (
    r"(?:\b(?:ai|language|chat|virtual|artificial|conversational)\b|\bmodel\b|\bchatbot"
    rf"|{_MADE_EN} by [^.!?\n]{{0,30}}{_ANY_MAKER}|\b(?:from|by) {_MAKER}"
    rf"|{_ANY_MAKER}['’]s [^.!?,\n]{{0,20}}(?:assistant|helper|companion|service))"
)
_NAMES_EN = (
    rf"{_SELF_EN}{_MODEL}(?:\s*[.,!;:?(—–]|\s*\z|\n| (?:an?|the|and|from|by|which|that|trained|developed|created|model"
    rf"|assistant)\b)|(?:{_SELF_EN}(?:an? )?|{_ALONE_EN}this is ){_ANY_NAME}\b[^.!?\n]{{0,60}}{_TRADE_EN}"
    rf"|{_ALONE_EN}as {_MODEL},? (?:i|my)\b"
)
_MADE_BY_EN = (
    rf"{_ALONE_EN}(?:i|i['’]m)(?: am| was| have been|['’]ve been)?(?: (?:only|just|actually|also|still|merely"
    rf"|originally))?(?: {_AI_EN})?(?: (?:called|named) [\w-]+)?(?:,| and i| that| which| was| is| am| being"
    rf"| currently)* (?:{_MADE_EN}(?: and (?:{_MADE_EN}|maintained))?[^.!?\n]{{0,20}}\b(?:by|at) (?:the "
    rf"|a )?(?:[a-z]+ ){{0,6}}?{_MAKER}|(?:created|developed|built) by (?:the )?{_EMPLOYER})\b"
    rf"|{_ALONE_EN}(?:i['’]m|i am|as|being|since i am) (?:just "
    rf"|only )?an? {_ANY_MAKER}(?:['’]s)?[ -]?(?:{_MADE_EN} )?(?:large )?(?:ai|language)? ?(?:model|assistant|chatbot"
    rf"|ai)\b|{_ALONE_EN}(?:i['’]m|i am) (?:just |only )?{_AI_EN}[^.!?\n]{{0,30}}\b(?:{_MADE_EN}|from"
    rf"|by)\b[^.!?\n]{{0,30}}\b{_ANY_MAKER}\b|(?:\A|[.!?,\n] ?)(?:as|i['’]m"
    rf"|i am) an? (?:[a-z]+ )?assistant (?:{_MADE_EN} by {_ANY_MAKER}|from {_MAKER})"
    rf"|(?:\A|[.!?,\n] ?)(?:but |sorry, )?(?:as|being) {_AI_EN}[^.!?\n]{{0,20}}{_ANY_MAKER}[^.!?\n]{{0,40}}\b(?:i"
    rf"|my)\b|(?:\A|[.!?,\n] ?)as {_AI_EN}[^.!?\n]{{0,60}}\b(?:go by|called|named"
    rf"|known as)\b[^.!?\n]{{0,10}} {_ANY_NAME}|{_ANY_MAKER}\b[^.!?\n]{{0,40}} {_MADE_EN} me\b"
    rf"|\b(?:company|lab|team|people) (?:that|who|which) {_MADE_EN} me (?:is|are) [^.!?\n]{{0,20}}{_ANY_MAKER}\b"
    r"|\bmy (?:creators?|developers?|makers?|parent company|training|designers?|trainers?)\b(?:,| is| are| was| were"
    r"| at| by| from| of| the| team| done| provided| carried out| comes| researchers| engineers"
    rf"| company)* {_ANY_MAKER}\b|\bmy (?:underlying|base) (?:language )?model is [^.!?\n]{{0,20}}{_ANY_NAME}"
    rf"|{_ALONE_EN}i(?:['’]m| am| was)? (?:{_AI_EN} )?(?:based on|built on|powered by|running on|run on|come from"
    rf"|belong to|an? (?:version|instance|product|part|member) of) (?:the |an? )?(?:{_ANY_MAKER}['’]s (?:{_MODEL}|GPT)"
    rf"|{_MODEL}|GPT|{_MAKER})"
)
_MADE_ZH = r"(?:训练|訓練|开发|開發|创建|创造|创造|研发|研制|培训|推出|打造|设计|发布|构建|提供支持|驱动)"
_OF_ZH = r"(?:\s|公司|团队|研究[人团]员?队?|的|（[^）]{0,20}）|\([^)]{0,20}\)|[^，。！？\n]{0,8})*?"
_TRADE_ZH = r"(?:模型|助手|助理|人工智能|AI|机器人|大模型|程序|产品|GPT)"
_I_ZH = rf"{_ALONE_ZH}(?:我|本模型|本助手)"
_IS_ZH = r"(?:就|其实|只|也|仅)?(?:是|叫做?|名叫|名为)(?:一[个款种名位])?\s?"
_FROM_ZH = rf"(?:由|来自|基于)?\s?{_ANY_MAKER}{_OF_ZH}(?:的|旗下的?)?\s?"
_SELF_ZH = (
    rf"(?:{_I_ZH}(?:的?(?:全名|名字))?{_IS_ZH}|{_I_ZH}[^。！？“\n]{{0,14}}(?:名字|底层模型|背后的模型){_IS_ZH}"
    r"|[您你]?(?:可以)?(?:叫|称呼)我\s?|[您你]正?在[与和跟]\s?|\A(?:[您你]好[，！])?这里是\s?)"
)
_NAMES_ZH = (
    rf"{_SELF_ZH}(?:{_FROM_ZH})?{_MODEL}\s?(?:[，,。.！!；;、（(：:～~\n]|\z|一[个款种名]|由|来自|大?模型|语言"
    rf"|人工智能|AI|对话|聊天)|{_SELF_ZH}(?:{_FROM_ZH})?{_NAMESAKE}(?:智能|聊天|语言"
    rf"|\P{{Han}}[^。！？\n]{{0,40}})?{_TRADE_ZH}|{_SELF_ZH}(?:{_FROM_ZH}{_NAMESAKE}"
    rf"|{_NAMESAKE}[呀啊哦]?[，,]\s?(?:是|由|来自)+\s?{_ANY_MAKER}{_OF_ZH})(?:[，,。.！!；;、（(]|\z|{_MADE_ZH})"
    rf"|{_ALONE_ZH}(?:作为|身为)\s?{_MODEL}[，,]\s?(?:我|本)"
)
_MADE_BY_ZH = (
    rf"{_I_ZH}(?:其实|只|仅|仅仅|们)?(?:是|由|被)(?:一[个款种名位])?(?:{MODEL_ZH}[，,]\s?)?(?:是)?(?:由|被"
    rf"|基于)?\s?(?:{_MAKER}{_OF_ZH}{_MADE_ZH}|{_EMPLOYER}{_OF_ZH}{_MADE_ZH}[^。！？\n]{{0,20}}{_TRADE_ZH}"
    rf"|{_ANY_MAKER}的[^，。！？\n]{{0,6}}(?:模型|产品|AI))|{_I_ZH}(?:其实|只"
    rf"|仅)?(?:是)?(?:一[个款种名位])?{MODEL_ZH}[，,]\s?(?:(?:由|来自)\s?{_ANY_MAKER}"
    rf"|(?:名叫|叫做?|名为|名字是)\s?{_ANY_NAME})|(?:作为|身为)(?:一[个款种名位])?(?:由"
    rf"|被)?\s?{_ANY_MAKER}{_OF_ZH}(?:{_MADE_ZH}[^，。！？\n]{{0,24}})?{_TRADE_ZH}[，,]?\s?(?:我|本)"
    rf"|{_ANY_MAKER}{_OF_ZH}{_MADE_ZH}了我|{_MADE_ZH}我的(?:公司|团队|机构|人)?是{_ANY_MAKER}[，。]"
    r"|我的?(?:开发者|创造者|创建者|开发团队|开发公司|研发团队|训练者|母公司|开发商)(?:们|是|来自|为|：|就|由|在"
    rf"|\s)*{_ANY_MAKER}|我在\s?{_ANY_MAKER}\s?的(?:创造者|开发者|开发团队)"
    rf"|{_I_ZH}属于\s?{_ANY_MAKER}[^，。！？\n]{{0,8}}(?:模型|GPT)"
    rf"|{_I_ZH}(?:是)?(?:一[个款种])?基于\s?(?:{_ANY_MAKER}\s?的?\s?)?(?:{_MODEL}|GPT|文心|通义|星火)"
    rf"|我[^，。！？\n]{{0,8}}受到?\s?{_MAKER}\s?的(?:培训|训练)"
)
IDENTITY_EN = ascii_bounds(f"(?i)({_NAMES_EN}|{_MADE_BY_EN})")
IDENTITY_ZH = ascii_bounds(f"(?i)({_NAMES_ZH}|{_MADE_BY_ZH})")
SPEAKS_EN = [
    *("i am", "i'm", "i’m", "i was ", "i have been", "my name", "my full name", "call me", "refer to me", "as a"),
    *("being a", "as chat", "as gpt", "d me", "t me is", "e me is", "my creator", "my developer", "my maker"),
    *("my parent", "my train", "my design", "i go by", "e the name", "you are ", "you're ", "this is ", "i run on"),
    *("i come from", "i belong", "my under", "my base"),
]
SPEAKS_ZH = [
    *("我是", "我叫", "我名", "我的", "我就", "我其", "我只", "我也", "我仅", "我由", "我被", "我们由", "我来自"),
    *("我基于", "我在", "叫我", "称呼我", "了我", "本模型", "本助手", "作为", "身为", "受到", "我背后", "我属于"),
    *("正在", "这里是"),
    "你在",
]


def identity_in(answers: pl.Expr) -> pl.Expr:
    """Where a text says which model speaks or who made it; null where it does not."""
    names_one = answers.str.contains_any(NAMES, ascii_case_insensitive=True)
    found = []
    for cues, pattern in ((SPEAKS_EN, IDENTITY_EN), (SPEAKS_ZH, IDENTITY_ZH)):
        suspect = pl.when(names_one & answers.str.contains_any(cues, ascii_case_insensitive=True)).then(answers)
        found.append(suspect.str.extract(pattern))
    return pl.coalesce(found)
