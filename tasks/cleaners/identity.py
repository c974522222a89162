"""Answers that say which model is speaking, who made it, or when its knowledge ends.

A model trained on them takes over another's name and date. What counts is the first person: "ChatGPT was developed by
OpenAI" answers a question, "I was developed by OpenAI" does not. Words in quotes are somebody else's. A text may be
several turns, one after the other.
"""

import polars as pl

from tasks.cleaners.refusals import MODEL_EN, MODEL_ZH, ascii_bounds

# Names that are nothing but a model's: to say "I am X" is enough.
MODELS = (
    *("ChatGPT", "Chat GPT", "GPT-?[1-5][.o\\w]*", "InstructGPT", "文心一言", "文心大模型", "ERNIE Bot"),
    *("通义千问", "通義千問", "Tongyi Qianwen", "Qwen[\\w.-]*", "千问", "讯飞星火", "星火认知大模型"),
    *("iFlytek Spark", "ChatGLM[\\w-]*", "智谱清言", "DeepSeek[\\w-]*", "深度求索", "腾讯混元", "混元大模型"),
    *("盘古大模型", "百川大模型", "Baichuan[\\w-]*", "InternLM", "书生[·・]?浦语", "Open ?Assistant"),
    *("HuggingChat", "StableLM", "WizardLM", "StableVicuna", "ChatLLaMA", "BLOOMZ?\\b", "LaMDA", "Bing Chat"),
    *("GitHub Copilot", "Google Bard", "Google Gemini", "MOSS", "LLaMA[\\w-]*"),
)
# Names that people, animals and things have too: only with a model's trade in the same sentence.
NAMESAKES = (
    *("Claude", "Bard", "Gemini", "Vicuna", "Koala", "Alpaca", "Guanaco", "Dolly", "Belle", "Falcon"),
    *("Phoenix", "Baize", "Copilot", "Grok", "Mistral", "Mixtral", "Kimi", "PaLM", "Bing", "Sydney", "GPT"),
    *("GLM", "豆包", "天工", "星火", "盘古", "混元", "百川", "小度", "小爱同学", "天猫精灵", "小冰", "悟道"),
    *("紫东太初", "克劳德", "巴德", "双子座"),
)
# Makers of models and of little else.
MAKERS = (
    *("Open ?AI", "Anthropic", "LMSYS", "Large Model Systems Organization", "DeepSeek", "Moonshot AI"),
    *("月之暗面", "MiniMax", "Zhipu(?: ?AI)?", "智谱(?:华章|AI)?", "百川智能", "深度求索", "Mistral AI"),
    *("Stability AI", "LAION", "EleutherAI", "01\\.AI", "零一万物", "Hugging ?Face", "Cohere", "xAI"),
    *("DeepMind", "Alibaba Cloud", "阿里云", "通义实验室", "BigScience", "Databricks"),
)
# Makers that also train people: only of a model, or of what was created or developed.
EMPLOYERS = (
    *("Google", "谷歌", "Microsoft", "微软", "Meta(?: AI)?", "Facebook", "Baidu", "百度", "Alibaba"),
    *("阿里巴巴", "达摩院", "Tencent", "腾讯", "Huawei", "华为", "ByteDance", "字节跳动", "iFlytek"),
    *("科大讯飞", "讯飞", "SenseTime", "商汤(?:科技)?", "昆仑万维", "Kunlun", "Tsinghua(?: University)?"),
    *("清华(?:大学)?", "Fudan(?: University)?", "复旦(?:大学)?", "Stanford(?: University)?", "UC Berkeley"),
    *("Berkeley", "BAIR", "BAAI", "智源(?:研究院)?", "上海人工智能实验室", "Shanghai AI Lab\\w*", "IBM"),
    *("Amazon", "苹果公司", "Apple"),
)

_MODEL, _NAMESAKE, _MAKER, _EMPLOYER = (f"(?:{'|'.join(names)})" for names in (MODELS, NAMESAKES, MAKERS, EMPLOYERS))
_ANY_MAKER = f"(?:{_MAKER}|{_EMPLOYER})"
_ALONE_EN, _ALONE_ZH = r"""(?:\A|[^"“'‘’\w「『-])""", r"(?:\A|[^“\"‘「『《])"  # what stands before the first person
_BY_EN = r"[^.!?\n]{0,20}\bby (?:the |a )?(?:[a-z]+ ){0,6}?"
_MADE_EN = r"(?:trained|developed|created|built|made|designed|fine-tuned|programmed|powered|launched|released)"
_NAMED_EN = r"(?:i am|i['’]m|my name is|call me|refer to me as|(?:go by|got|have) the name|i am called|known as)"
_NAMES_EN = (
    rf"{_ALONE_EN}{_NAMED_EN} (?:actually |just |indeed |also )?{_MODEL}(?:\s*[.,!;:?(—–]|\s*\z|\n"
    r"| (?:an?|the|and|from|by|which|that|trained|developed|created|model|assistant)\b)"
    rf"|{_ALONE_EN}{_NAMED_EN} (?:actually |just |indeed |also )?(?:an? )?(?:{_NAMESAKE}|{_MODEL})\b[^.!?\n]{{0,60}}"
    rf"(?:\b(?:ai|language|chat|virtual|artificial)\b|\bmodel\b|\bchatbot|{_MADE_EN} by {_MAKER})"
    rf"|{_ALONE_EN}as {_MODEL},? (?:i|my)\b"
)
_OF_MODEL_EN = rf"an? {MODEL_EN}"
_MADE_BY_EN = (
    rf"{_ALONE_EN}(?:i|i['’]m)(?: am| was| have been|['’]ve been)?(?: (?:only|just|actually|also|still|merely"
    rf"|originally))?"
    rf"(?: {_OF_MODEL_EN})?(?: (?:called|named) [\w-]+)?(?:,| and i| that| which| was| is| am| being| currently)*"
    rf" (?:{_MADE_EN}(?: and (?:{_MADE_EN}|maintained))?{_BY_EN}{_MAKER}|(?:created|developed"
    rf"|built) by (?:the )?{_EMPLOYER})\b"
    rf"|{_ALONE_EN}(?:i['’]m|i am|as|being|since i am) (?:just "
    rf"|only )?an? (?:{_ANY_MAKER}(?:['’]s)?[ -]?(?:trained|developed|created)? ?)"
    r"(?:large )?(?:ai|language)? ?(?:model|assistant|chatbot|ai)\b"
    rf"|{_ALONE_EN}(?:i['’]m|i am) (?:just |only )?{_OF_MODEL_EN}[^.!?\n]{{0,30}}\b(?:{_MADE_EN}|from|by)\b"
    rf"[^.!?\n]{{0,30}}\b{_ANY_MAKER}\b"
    rf"|(?:\A|[.!?,\n] ?)(?:but |sorry, )?(?:as"
    rf"|being) an? {MODEL_EN}[^.!?\n]{{0,20}}{_ANY_MAKER}[^.!?\n]{{0,40}}\b(?:i|my)\b"
    rf"|(?:\A|[.!?,\n] ?)as an? {MODEL_EN}[^.!?\n]{{0,60}}\b(?:go by|called|named"
    rf"|known as)\b[^.!?\n]{{0,10}} (?:{_MODEL}|{_NAMESAKE})"
    rf"|{_ANY_MAKER}\b[^.!?\n]{{0,40}} (?:{_MADE_EN}) me\b"
    rf"|\bmy (?:creators?|developers?|makers?|parent company|training|designers?|trainers?)\b"
    rf"(?:,| is| are| was| were| at| by| from| of| the| team| done| provided| carried out| comes| researchers"
    rf"| engineers| company)* {_ANY_MAKER}\b"
    rf"|{_ALONE_EN}i(?:['’]m| am) (?:{_OF_MODEL_EN} )?(?:based on|built on|powered by|running on) "
    rf"(?:the |an? )?(?:{_ANY_MAKER}['’]s )?(?:{_MODEL}|GPT)"
)
_OF_ZH = r"(?:\s|公司|团队|研究[人团]员?队?|的|（[^）]{0,20}）|\([^)]{0,20}\)|[^，。！？\n]{0,8})*?"
_MADE_ZH = r"(?:训练|訓練|开发|開發|创建|创造|研发|研制|培训|推出|打造|设计|发布|构建|提供支持|驱动)"
_TRADE_ZH = r"(?:模型|助手|助理|人工智能|AI|机器人|大模型|程序)"
_NAMES_ZH = (
    rf"{_ALONE_ZH}(?:我|本模型|本助手)(?:的名字)?(?:就|其实|只|也)?(?:是|叫做?|名叫"
    rf"|名为)(?:一[个款种名])?\s?(?:{_ANY_MAKER}(?:的|公司的)?\s?)?{_MODEL}\s?"
    r"(?:[，,。.！!；;、（(：:～~\n]|\z|一[个款种名]|由|来自|大?模型|语言|人工智能|AI)"
    rf"|{_ALONE_ZH}(?:我|本模型|本助手)(?:的名字)?(?:就|其实|只|也)?(?:是|叫做?|名叫"
    rf"|名为)\s?(?:{_ANY_MAKER}的?\s?)?{_NAMESAKE}[^。！？\n]{{0,40}}{_TRADE_ZH}"
    rf"|{_ALONE_ZH}(?:作为|身为)\s?{_MODEL}[，,]\s?(?:我|本)"
)
_MADE_BY_ZH = (
    rf"{_ALONE_ZH}(?:我|本模型|本助手)(?:其实|只|仅|仅仅|们)?(?:是|由"
    rf"|被)(?:一[个款种名位])?(?:{MODEL_ZH}[，,]\s?)?(?:是)?(?:由|被|基于)?\s?"
    rf"(?:{_MAKER}{_OF_ZH}{_MADE_ZH}|{_EMPLOYER}{_OF_ZH}{_MADE_ZH}[^。！？\n]{{0,20}}{_TRADE_ZH})"
    rf"|{_ALONE_ZH}(?:我|本模型|本助手)(?:其实|只|仅)?(?:是)?(?:一[个款种名位])?{MODEL_ZH}[，,]\s?(?:由"
    rf"|来自)\s?{_ANY_MAKER}"
    rf"|(?:作为|身为)(?:一[个款种名位])?(?:由"
    rf"|被)?\s?{_ANY_MAKER}{_OF_ZH}(?:{_MADE_ZH}[^，。！？\n]{{0,24}})?{_TRADE_ZH}[，,]?\s?(?:我|本)"
    rf"|{_ANY_MAKER}{_OF_ZH}{_MADE_ZH}了我"
    rf"|我的?(?:开发者|创造者|创建者|开发团队|开发公司|研发团队|训练者|母公司|开发商)(?:们|是|来自|为|：|就|由"
    rf"|在|\s)*{_ANY_MAKER}|我在\s?{_ANY_MAKER}\s?的(?:创造者|开发者|开发团队)"
    rf"|{_ALONE_ZH}我(?:是)?(?:一[个款种])?基于\s?(?:{_ANY_MAKER}\s?的?\s?)?(?:{_MODEL}|GPT|文心|通义|星火)"
    rf"|我[^，。！？\n]{{0,8}}受到?\s?{_MAKER}\s?的(?:培训|训练)"
)
IDENTITY_EN = [ascii_bounds(f"(?i)({pattern})") for pattern in (_NAMES_EN, _MADE_BY_EN)]
IDENTITY_ZH = [ascii_bounds(f"(?i)({pattern})") for pattern in (_NAMES_ZH, _MADE_BY_ZH)]
# A text without any of these names nobody.
NAMES = [
    *("gpt", "chat gpt", "文心", "ernie", "通义", "通義", "qianwen", "qwen", "千问", "星火", "glm", "智谱"),
    *("zhipu", "deepseek", "深度求索", "混元", "盘古", "百川", "baichuan", "internlm", "书生"),
    *("open assistant", "openassistant", "huggingchat", "stablelm", "wizardlm", "vicuna", "llama", "bloom"),
    *("lamda", "bing chat", "i am bing", "i'm bing", "copilot", "bard", "gemini", "moss", "claude", "koala"),
    *("alpaca", "guanaco", "dolly", "belle", "falcon", "phoenix", "baize", "grok", "mistral", "mixtral"),
    *("kimi", "palm", "sydney", "cohere", "豆包", "天工", "小度", "小爱", "天猫精灵", "小冰", "悟道", "紫东"),
    *("克劳德", "巴德", "双子座", "openai", "open ai", "anthropic", "lmsys", "large model systems", "moonshot"),
    *("月之暗面", "minimax", "stability ai", "laion", "eleuther", "01.ai", "零一万物", "hugging", "xai"),
    *("deepmind", "alibaba", "阿里", "通义", "bigscience", "databricks", "google", "谷歌", "microsoft", "微软"),
    *("meta", "facebook", "baidu", "百度", "达摩院", "tencent", "腾讯", "huawei", "华为", "bytedance", "字节"),
    *("iflytek", "讯飞", "sensetime", "商汤", "昆仑", "kunlun", "tsinghua", "清华", "fudan", "复旦"),
    *("stanford", "berkeley", "bair", "baai", "智源", "上海人工智能", "shanghai ai", "ibm", "amazon"),
    *("apple", "苹果公司"),
]
SPEAKS_EN = [
    *("i am", "i'm", "i’m", "i was ", "i have been", "my name", "call me", "refer to me", "as a", "being a"),
    *("as chatgpt", "d me", "my creator", "my developer", "my maker", "my parent", "my train", "my design"),
    *("i go by", "e the name"),
    "as gpt",
]
SPEAKS_ZH = [
    *("我是", "我叫", "我名", "我的名", "我就", "我其", "我只", "我也", "我仅", "我由", "我被", "我们由"),
    *("我基于", "我在", "了我", "本模型", "本助手", "作为", "身为", "我的开发", "我的创", "我的研", "我的母"),
    *("我的训", "受到"),
]

_YEAR = r"(?:19|20)\d\d"
_CUT_EN = r"(?:cut[- ]?offs?|cuts? off)"
CUTOFF_EN = (
    rf"\bmy (?:current )?(?:knowledge|training|data|information|last)[ \w]{{0,20}}{_CUT_EN}"
    rf"|\bmy {_CUT_EN} (?:date|is|was)"
    rf"|\b(?:as of|since|up to|until|after|before|at) my (?:last|latest|most recent|knowledge|training)[ \w]{{0,20}}"
    rf"(?:update|training|{_CUT_EN}|data)"
    r"|\bmy (?:knowledge(?: base)?|training(?: data| set)?|dataset|data|information)(?: about [^.,\n]{0,20})? "
    r"(?:only |last |is |was |currently |includes? |has |information |data )*"
    r"(?:goes|go|extends?|ends?|ended|stops?|stopped|covers?|limited|current|accurate|up[- ]to[- ]date|updated"
    r"|based|runs?|until|up|dates?|frozen)"
    rf"[^.\n]{{0,40}}\b{_YEAR}"
    rf"|\bi (?:was|am|have been) (?:only )?(?:last )?(?:trained|updated)\b[^.\n]{{0,60}}\b(?:up to|until|before"
    rf"|in|through|to)\b[^.\n]{{0,20}}\b{_YEAR}"
    rf"|\bi (?:only )?have (?:knowledge|information|data|access to (?:information"
    rf"|data))\b[^.\n]{{0,25}}\b(?:up to|until|through|to)\b[^.\n]{{0,15}}\b{_YEAR}"
    rf"|\bi (?:do not|don['’]t|cannot|can['’]t|am not|have no)\b[^.\n]{{0,60}}\b(?:after|beyond|past"
    rf"|since)\b (?:my|[a-z]* ?{_YEAR}[^.\n]{{0,30}}\bmy)\b"
    rf"[^.\n]{{0,20}}(?:{_CUT_EN}|knowledge|training|update)"
    rf"|\bi (?:do not|don['’]t) have (?:any )?(?:information|data|knowledge|access to (?:information|data"
    rf"|events))\b[^.\n]{{0,40}}"
    rf"\b(?:after|beyond|past)\b[^.\n]{{0,12}}{_YEAR}"
    rf"|\b(?:with|given|due to) (?:a|my|the) knowledge {_CUT_EN}[^.\n]{{0,60}}\b(?:i|my)\b"
    rf"|\bi have a knowledge {_CUT_EN}"
)
_MINE_ZH = r"我(?:们)?(?:所?(?:掌握|拥有|接受|学习|了解|知道|受)?(?:到|过)?的?)?(?:全部|所有|最新|最后|培训|的)*"
_CUT_ZH = (
    r"(?:截[止至]|止于|更新[到至于]|只到|仅到|[仅只]限于|局限于|限制在|停留在"
    r"|[只仅]?(?:涵盖|覆盖|包含|包括)(?:范围)?(?:到|至|是|了)|为止)"
)
CUTOFF_ZH = (
    rf"{_MINE_ZH}(?:知识|训练|数据|信息|资料|知识库|了解"
    rf"|培训)[^。！？\n]{{0,16}}{_CUT_ZH}[^。！？\n]{{0,12}}(?:{_YEAR}|日期|时间|以前|之前)"
    rf"|(?:截[止至]|直到|基于|根据|由于)[^。！？，\n]{{0,8}}我[^。！？，\n]{{0,16}}(?:知识|训练|了解"
    rf"|信息)[^。！？，\n]{{0,12}}(?:截[止至]|日期|{_YEAR})"
    rf"|(?:截[止至]|直到)我的?(?:知识|训练|数据|信息|模型)?(?:库)?的?(?:最后|最近|上次|最新)?(?:一次)?(?:知识"
    rf"|训练|数据)?(?:更新|训练)"
    rf"|我截[止至][^。，\n]{{0,6}}{_YEAR}[^。，\n]{{0,6}}(?:知识|信息|了解|数据)"
    rf"|(?:截[止至]|根据|基于)[^。，\n]{{0,12}}{_YEAR}\s?年[^。，\n]{{0,10}}(?:我的?(?:知识|训练|了解|最后)"
    rf"|[，,]?据我所知)|据我所知[，,]\s?截[止至][^。，\n]{{0,4}}{_YEAR}|根据我所知[，,]\s?截[止至]"
    rf"|我(?:所)?(?:知道|了解|掌握)的?截[止至][^。，\n]{{0,4}}{_YEAR}"
    rf"|基于我(?:对|在|截至)[^。，\n]{{0,12}}{_YEAR}[^。，\n]{{0,10}}(?:截止|的?知识|的?了解)|截[至止]我(?:所知"
    rf"|在[^。，\n]{{0,8}}{_YEAR})"
    rf"|我的?(?:最后|上[一次]+|最近)一?次?(?:更新|训练|知识更新)[^。\n]{{0,10}}{_YEAR}"
    rf"|我(?:[没无][有法]|不|并不|无从)[^。！？\n]{{0,14}}{_YEAR}\s?年(?:\s?\d+\s?月)?(?:份)?(?:之"
    rf"|以)?后[^。！？，\n]{{0,14}}(?:信息|数据|事件|知识|资料|事情|情况|新闻|内容)"
    rf"|超出了?我?[^。，\n]{{0,10}}{_YEAR}[^。，\n]{{0,8}}知识截止|我的?知识(?:的)?截止(?:日期|时间|点)"
    rf"|我[^。，\n]{{0,12}}知识截止(?:日期|时间)"
    rf"|我(?:是|只|仅)?[^。，\n]{{0,8}}训练[^。，\n]{{0,6}}(?:数据"
    rf"|资料)?[^。，\n]{{0,6}}截[至止][^。，\n]{{0,4}}{_YEAR}"
)
CUTOFF = ascii_bounds(rf"((?i:{CUTOFF_EN})|{CUTOFF_ZH})")
CUTOFF_CUES = ["my ", "i was", "i am", "i have", "i only", "i do", "i don", "i can", "a knowledge", "我"]
CUTOFF_WORDS = [
    "cutoff",
    "cut-off",
    "cut off",
    "cuts off",
    "update",
    "knowledge",
    "training",
    "trained",
    "dataset",
    "data ",
]
CUTOFF_WORDS += [
    "information",
    "截止",
    "截至",
    "更新",
    "训练",
    "知识",
    "信息",
    "数据",
    "资料",
    "止于",
    "限于",
    "年后",
    "月后",
    "之后",
    "以后",
]


def identity_in(answers: pl.Expr) -> pl.Expr:
    """Where a text says which model speaks or who made it; null where it does not."""
    names_one = answers.str.contains_any(NAMES, ascii_case_insensitive=True)
    found = []
    for cues, patterns in ((SPEAKS_EN, IDENTITY_EN), (SPEAKS_ZH, IDENTITY_ZH)):
        suspect = pl.when(names_one & answers.str.contains_any(cues, ascii_case_insensitive=True)).then(answers)
        found += [suspect.str.extract(pattern) for pattern in patterns]
    return pl.coalesce(found)


def claims_identity(answers: pl.Expr) -> pl.Expr:
    """Whether a text says, of itself, which model it is or who made it."""
    return identity_in(answers).is_not_null()


def cutoff_in(answers: pl.Expr) -> pl.Expr:
    """Where a text first says when its own knowledge ends; null where it does not."""
    cue = answers.str.contains_any(CUTOFF_CUES, ascii_case_insensitive=True)
    word = answers.str.contains_any(CUTOFF_WORDS, ascii_case_insensitive=True)
    return pl.when(cue & word).then(answers).str.extract(CUTOFF)


def tells_cutoff(answers: pl.Expr) -> pl.Expr:
    """Whether a text says, of itself, when its knowledge ends."""
    return cutoff_in(answers).is_not_null()
