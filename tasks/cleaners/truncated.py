"""Answers that break off: in a code block, a bracket, a quotation, a word, a sentence, or before what they announce.

Words and characters that no sentence ends with were counted in 104k answers of Alpaca: they stand 20 times as often
anywhere as before a mark or at the end of a line.
"""

import polars as pl

from tasks.core.text import units_of

TAIL_CHARS = 60  # of an answer, shown where it breaks off
READ_CHARS = 600  # of an answer's end, read to find out
LEAST_UNITS = 12  # of the last line, for a linking word to say that a sentence goes on; titles are shorter
LEAST_COMMA_UNITS = 16  # the same for a comma, unless a sentence ends before; closings and verses are shorter
LEAST_ITEM_UNITS = 3  # the same for an item of a list whose items end with full stops
LEAST_OPEN_ITEM_UNITS = 4  # of an item of a list, for its bracket to be left open
LEAST_OPEN_UNITS = 8  # the same for a bracket or a quotation that is not closed
FENCE = r"(?m)^[ \t]*(?:[-*>] |\d+\. )?(?:```|~~~)"
MAY_BREAK_OFF = r"[\p{L}\p{N},，、:：\-–(（“\"「『]\s*\z"
ITEM = r"^\s*(?:[-*+•]|\d+[.)、）]|[a-zA-Z][.)）]\s)\s*"
AFTER_SENTENCE_LINE = r"[.!?。！？；;][\"”’)）]*[ \t]*\n\s*[^\n]*\z"
# What no sentence stands in: headings, table rows, code, addresses, formulas, tags.
NO_PROSE = (
    r"^\s*[|#>]|[{}=;<>|`\\_#]|://|www\.|\.[a-z]{2,4}/|\$\$|[\p{Sm}]"
    r"|^\s*(?:def|for|while|if|elif|return|print|import|SELECT)\s.*[:()]"
)
# How a sentence goes on in English: an article or a conjunction, or a preposition that something must follow.
GOES_ON_EN = (
    r"(?:^|[\p{L}\p{N}%)’'”\"],? )(?:and|or|the|an|because|although|whereas|including|"
    r"(?:[a-z]+ing|[a-z]+ed|in|on|at|of|to|for|with|from|by|as|is|are|was|were|be|has|have|had|get|make|such) a|"
    r"(?:in|on|at|of|to|for|with|from|by|as|than|into) (?:their|its|our|your|his|my|these|those|each|every)|"
    r"(?:number|importance|amount|variety|range|part|use|one|some|most|many|each|both|because|result|means|lot|set"
    r"|series|rest|lack|percentage|sense|level|loss|cost|value|sum|role|impact|effects?|benefits?|instead|consists?"
    r"|capable|plenty|[a-z]+ful|dozens?|hundreds?|thousands?|millions?|couple|piece|pair|bit|kind|sort|form) of|"
    r"(?:equal|according|due|thanks|addition|order|able|likely|used|from \d+|between \d+|refers|leads?|compared"
    r"|relative) (?:to|and|in)|"
    r"such as|as well as|in order to|so that)\z|, (?:and|or|but|so|yet|because|which|who|while|where|whose)\z"
)
GOES_ON_BE = r" (?:will|would|can|could|should|may|might|must) (?:also )?be\z"
GOES_ON_CLAUSE_EN = r", (?:and|or|but)\z"
LEAST_CLAUSE_UNITS = 6  # of the last line, for a conjunction after a comma
NOT_BE = r"(?i)\b(?:what|how|where|who|than|as|best|more|less|[a-z]+er)\b[^.!?]*\z"  # how hard it may be
# A participle and its preposition, unless they end a clause: what it is based on.
PARTICIPLE_EN = (
    r"[a-z,] (?:intended|designed|meant|aimed|based|composed|followed|caused|made|used|known|accompanied"
    r"|replaced|driven|filled"
    r"|associated|combined|compared|related|linked|connected|attributed|according|due|ranging|belonging"
    r"|referring|leading"
    r"|contributing|relating|consisting|resulting|depending) (?:for|to|at|on|of|by|with|as|in|from)\z"
)
RELATIVE_EN = (
    r"(?i)\b(?:is|are|was|were|be|been|being|get|got|it|they|you|we|i|he|she) (?:[a-z]+ )?[a-z]+(?:ed|ing|t|wn"
    r"|de|due|en) [a-z]+\z"
)
# The same after a finished sentence in the same line, which shows that the answer sets its full stops.
# Words that stand 25 times as often anywhere as before a mark, counted in 52k answers.
NEVER_LAST_EN = (
    r"their|should|its|his|our|how|what|who|why|but|additionally|reduce|any"
    r"|than|were|finally|where|ensures?|creat(?:e|es|ing)|until|providing|includ(?:e|es|ing)|must|artificial"
    r"|never|keep|it's"
    r"|allow(?:s|ing)?|becom(?:e|es|ing)|without|typically|because|involv(?:e|es|ing)|certain|during|reducing"
    r"|various|letting"
    r"|let|protect|usually|furthermore|against|designed|very|developing|several|requir(?:e|es|ing)|increasingly"
    r"|promot(?:e|es|ing)|determine|getting|according|ultimately|resulting|per|generally|encourag(?:e|es|ing)"
    r"|prevent|causing"
    r"|enabl(?:e|es|ing)|among|depending|whereas|making|lets|mak(?:e|es)|gives?|brings?|intended|aimed"
    r"|able|likely|refers?|consists?|tends?|namely|toward|towards"
    r"|despite|unlike|unless|almost|nearly|roughly|approximately"
    r"|had|been|every|which|whom|whose"
)
GOES_ON_AFTER_SENTENCE_EN = (
    r"[a-z0-9][.!?][\"”’)]* (?:The|A|An|In|For|If|When|While|And|But|Or|By|To|With|As|Of|From|At|On|Its?|This|These"
    r"|That|Each|Every|Since|During|Despite|After|He|She|They|We|There|His|Her|Our|Your|My"
    r"|Additionally|However|Furthermore|Moreover),?\z"
    r"|[\p{L}\p{N}%)’'”\",] (?:a|an|the|their|our|its|his|your|my|these|those|which|if|when|while|whether|been|may"
    r"|might|must|into|than|as|also|such|between|we|they|she|he|and|or|but|very|per|every|would"
    r"|should|several|various|among|during|against|until|onto|quite|almost"
    r"|whose|ensure|allows?|typically|especially|particularly|multiple)\z"
    r"|[a-z] (?:a|an|the|this|that|these|those|his|her|its|their|our|your|my|any|no|two|three) [a-z]+(?: [a-z]+)? of\z"
    r"|[a-z] (?:can|will|could|would|may|might|must|should) [a-z]+ much\z"
    rf"|[\p{{L}}\p{{N}}%)’'”\",] (?:{NEVER_LAST_EN})\z"
    r"|[a-z0-9][.!?][\"”’)]* (?:The|A|An|In|For|If|When|While|Its?|This|These|That|Those|Each|Every|His|Her"
    r"|Their|Our|Your|My"
    r"|Such|Some|Most|Many|Both|Although|Because|Since|Once|After|Before|As|With|By|To|From|At|On"
    r"|Of) (?:[a-z]+ )?[A-Za-z]+\z"
)
# Words that end a sentence which turns round an earlier word (what it was, the best there is, nothing to look at),
# and no other.
STRANDED_EN = r"[a-z,] (?:is|are|was|were|has|had|have|does|did|he|she|to|for|with|in|on|at|by|from|of|about)\z"
MORE_THAN_EN = r"(?i)\b(?:more|less|fewer) than"
AUXILIARY_EN = r"[a-z,] (?:can|could|will|would|should|may|might|must)\z"
TURNS_AUXILIARY_EN = (
    r"(?i)\b(?:as|than|that|all|what\w*|who\w*|how\w*|best|every\w*|any\w*|when\w*|where\w*|no\w*|way|much"
    r"|yes)\b[^.!?]*\z"
)
AFTER_EN = r"(?:[a-z]{3,}(?:ing|ed|e|n|r|s|t|l|m|f|d)) (?:after|until|during)\z"
NOT_AFTER_EN = (
    r"(?:days?|weeks?|months?|years?|nights?|mornings?|ever|soon|shortly|long|right|just|hours?|minutes?"
    r"|moments?|looks?|looked) after\z"
)
TURNS_ROUND_EN = (
    r"(?i)\b(?:what\w*|where\w*|how\w*|who\w*|which\w*|than|as|so|that|matter|all|any\w*|every\w*|no\w*"
    r"|some\w*|best|ones?"
    r"|you|hop\w+|there|like|looking|log\w*|check\w*|move\w*|come|came|go\w*|turn\w*|sign\w*)\b[^.!?]*\z"
)
# How a sentence goes on in Chinese: linking words that end no other word (not the 和 of 总和) and no list (、但是).
GOES_ON_ZH = (
    r"(?:[^、“\"‘「'『《：:\s](?:以及|并且|而且|或者|但是|然而|因为|由于|所以|因此|如果|虽然|尽管|即使|例如"
    r"|比如|譬如|包括"
    r"|根据|按照|关于|对于|为了|等于|来源于|取决于|位于|属于|基于|设置为|分别为|称为|分为|约为|得分为|变为|转换为"
    r"|定义为|命名为)|[，。]除了|作为一[个种名]|这是|原因是|结果是|重要的是|之一是|目的是|关键是|需要注意的是|特别是"
    r"|尤其是|[是为成出]一[个种些]|[，。](?:突然|然后)，?|(?:[们它他她]|，)(?:将|把|被)|[，。](?:在|通过|从|当)|正在"
    r"|其中[^，。！？；]{0,8}是"
    r"|[一二两三四五六七八九十几数各多\d][个位条种项名座本部只家][\p{Han}]{1,5}[^\p{P}是好大小多少高快慢贵\s]的"
    r"|[，、](?:以|并|且|或|和|与|及)|[会能而可且，]导致|得益|取决"
    r"|[^总之的温饱柔暖缓共平随谦中调祥求讲亲附晴议掺混、\s]和|[^参赋寄施赠付、\s]与"
    r"|[直路]\p{Han}?到|从[^，。、！？而]{1,20}[^迟达得看听想遇感收找做办]到)\z"
)
JUDGES_ZH = "是会可能要应该好很挺蛮够有没不这那"  # of a clause with these 的 may be the last: 这是可以治好的
GOES_ON_AFTER_SENTENCE_ZH = (
    r"(?:[我你他她它人]们的|[^合兼\s]并|[然从因反进故]而|[\p{Han}]但|[^间抑\s]或|[^变三五\s]更|[这那][些种]|将是"
    r"|[^现存所实好内外潜自健\s]在|[^行作认因成人而\s]为|[^可所予给加得足\s]以|[^普涉顾提波来不可\s]及"
    r"|能够|任何|有助|助于|必须|还可|无法|感到|令人|变得|以便|旨在|难以|用来|不可|充满|试图|意味|就像|无论"
    r"|[是的了有在每]一"
    r"|越来|[，。；](?:例|如|因|此|此外|另外|其中|[我他她它]们?|这|可|还可以|[这也它]可能|最后|同时)"
    r"|的[能影任重机关问可技内过客发潜基旅想世]"
    rf"|[，。；][^，。；{JUDGES_ZH}]{{5,}}[^，。；目{JUDGES_ZH}]的)\z"
)
# Characters that begin or join words and end none.
NEVER_LAST_ZH = (
    r"[\p{Han}，][最每两必专企自也允另某将但搜仍仅扩竞很培锻趋帮虽又怎遵媒欣创并彻呈让曾未研渐隐既努删甚被各综"
    r"按跨随邀太该优"
    r"拥继参几遗]\z"
)
# Characters that stand 10 times as often anywhere as before a mark, counted in 52k answers, and how others go on.
RARELY_LAST_ZH = (
    r"(?:[这使提自如其从经创括当帮许什第各让政专那随且几投研再企简允含朋即媒希努某哪永挑混超勇概坚讨搜隐颜操竞"
    r"偏添扩趋尝培"
    r"依恐搅倾彻阶宣虽又弗垃栖迅批欺橄耐插拼保供技之无找基非指至探领英潜寻编须检采涉植监鼓际闪饮邮微继按避双奥"
    r"橙柔乏诊启函"
    r"稳挥榄不将被]|于|[^享接感承忍遭]受|[^许认宁]可|[^反面相核应配比绝针校派作不]对|[^归偿退返]还|[^所必急]需"
    r"|[^交]往|[^所拥没只就都也还富享占稀]有"
    r"|[^不就都也才便正算总只的可]是|[^交送递寄传发补]给|[^增参添附叠追施更外强递倍愈越累相]加|[们它他她，][会能要应]"
    r"|[一二两三四五六七八九十几数每各某这那][个种些位条项名座本部只家件张块根份场]|[了着过][一二两三]"
    r"|的[^人事话是书家心爱路水花菜药钱手脸歌诗光树梦酒茶饭鱼肉猫狗鸟马车船山海河湖天地夜雨雪风声味字词句画灯"
    r"门窗床衣鞋包病伤血"
    r"肝肾肺胃骨头脚腿腰背胸腹皮牙嘴鼻眼耳发根叶果汤面油盐糖米豆孩娘爹妈爸弟妹哥姐王神鬼魂龙虎国城村街店房屋火"
    r"土金木石玉铁铜"
    r"银数值解和差积商角边圆线点债税价量度劲力气儿吗呢吧啊哦呀啦了一二三四五六七八九十位个种，。、]"
    r"|(?:已经|不断|逐渐|渐渐|始终|从来|曾经|终于|总算|忽然|居然|竟然|果然|仿佛|似乎|好像|几乎|差点|尤其|非常"
    r"|十分|极其|更加"
    r"|往往|总是|至少|不仅|不但|不再|只能|只要|只有|除非|不管|哪怕|以免|从而|接着|随后|然后|其次|总之|任何|通常|导致"
    r"|保持|成为|充满|做出|采取|变得|尽管|大量|多种|造成|表明|另一|第一|主要|自动|称为|给定|节省|取得|试图"
    r"|寻求|防止|获得|属于"
    r"|按照|以获|超过|遇到|培养|只需|无法|那么|一系列|你们?要|我们?要))\z"
)
# English words of five letters or more end otherwise: environmen-, constitut-, provi-.
CUT_WORD_EN = (
    r"[ (][a-z]{3,}(?:[bcdfgkmnprstvwxz][iu]|[aeiou]v|[bcfgkpt]l|[bcfgkptvw]r|[eou]c|[nr]c|hn|iz|pp|[bdkntv]m"
    r"|[bdfkp]n|[dgjlnv]at|[dfgjltv]ut|[fw]o|we|sio|tio|ati|[aeiou]qu|gua|rni|tiv|cau|rou|ivi|uti|enci|anc"
    r"|[aeiou]tur)\z"
)
CUT_SYLLABLE_EN = (  # in 52k answers no word of four letters or more ends so
    r"[ (-][a-z]*(?:"
    r"adl|agn|amm|arv|atc|ayi|aym|bje|bli|bse|cce|cei|cif|clu|cou|cra|cta|cyc|dba|dib|dju|dli|dne|dva|dve|eac|"
    r"efe|ehe|ehi|eig|elv|emb|enh|eop|erv|erw|esd|etw|ewa|fli|ftw|fyi|ghe|gho|gme|hme|hno|hro|hys|iab|iag|iol|"
    r"isf|itc|ldr|lgo|lig|lre|lud|lwa|lyi|mbe|mig|mmo|mpe|mun|nef|nfe|ngd|ngt|nli|nme|nsp|nsw|nve|nvo|nyt|oce|"
    r"ofe|oge|ogn|oje|olu|olv|omf|omm|omp|onf|onv|opm|opo|orr|orw|osp|oub|pab|pac|pda|pla|pli|pme|reh|rfa|roa|"
    r"rof|rpo|rui|ryi|ryp|shm|sib|sou|spe|sph|spo|ssf|sua|tba|teg|tif|tig|tli|tme|tmo|tne|tog|tua|twa|ucc|"
    r"udg|uen|ugg|uic|umm|urv|utp|vai|vem|wab|whe|wle|wor|xce|xib|xpa|xpe|xte|ydr|ymb|ynt|zat"
    r")\z"
)
# English words and units of at most two letters: what else ends a sentence is a part of a word.
SHORT_WORDS_EN = (  # noqa: SIM905
    "a ad ah al am an as at b be br by c ch cm co d da db dc de df dg do dp dr du dx dy e el en es et f "
    "fi fs ft g go gt h he hi hr i id if in io ip is it j js k kg km l la lb le li lo ls m mc me mg ml mm "
    "mt mv my n nd nn no np o of ok on op or os ox oz p pd pi pm pp px q r rd re rm s sb sc se sh so sq "
    "ss st t td tf th ti to tr tv u ul un up us v vs w wc we x xs xx xy y z "
).split()
# Three clauses with commas, set off by semicolons: who writes so ends the sentence.
GOES_ON_AFTER_SEMICOLONS = r"\A[^；“”\"]*，[^；“”\"]*(?:；[^；“”\"]*，[^；“”\"]*){2,}\p{Han}\z"
ANNOUNCES = (
    r"[a-z] [a-z]+ (?:are|is|include|includes|including|steps|ways|tips|things|ones|options|reasons|examples"
    r"|methods):\z"
    r"|\b[Hh]ere(?: are|['’]s| is)\b[^.!?\n]{10,80}:\z"
    r"|(?:以下|下面|下列|如下|[以这]?几|[一二两三四五六七八九十\d]+)[个点种步条项大方][^。！？\n：:]{0,14}[:：]\z"
    r"|(?:(?:following|these) [a-z]+(?: [a-z]+){0,2}|as follows|the following)[:：]\z"
    r"|(?:如下(?:所示)?|(?:以下|下面|下列|这|有)[几的一]?[\p{Han}\d]{0,3}[种个点些条项类步][\p{Han}]{0,6})[:：]\z"
)
# A colon after finished sentences announces something, if nothing before it is a form to fill in.
IS_FORM = (
    r"(?i)please (?:enter|select|choose|write|fill|provide|type|list|add|leave)|您的|请(?:您|你)?(?:填|输入"
    r"|选择|在|进行|提供|写)|填写|输入|选择"
)
FORM_FIELD = r"(?m)^[^\n.。！？!?]{0,30}[:：_ ]*[:：]\s*_*\s*$[\s\S]*\n"
LEAST_COLON_UNITS = 6
FORMULA = r"[A-Za-z0-9+*/^. ]{1,16}[=＝≈≤≥<>→][A-Za-z0-9+*/^. ]{1,20}"  # within Chinese prose
# Brackets and quotations that are not closed; :( is a face, 5" a length.
OPEN_BRACKET = r"(?:^|[^:;=\-\p{P}])[（(][^（()）]*\z|[「『][^「」『』]*\z"
OPEN_QUOTATION = r"(?:^|[\s,:，：(（])\"[^\s\"][^\"]*\z|“[^\s\"“”][^\"“”]*\z"
COMMA = r"[，、,]\s*\z"
CUT_WORD = r"(?:[a-z]{2}|\d)[-–]\z"  # inter-, from 1-
SPLIT_PREFIX = r"[a-z]-(?:[\s,.;)\"”’]|and\b)"  # a text about prefixes: un- and re-
ENDED = r"[.!?。！？…][\"”’)）」』】\]*]*\s*\z"
ENDED_INSIDE = r"(?:(?:[a-z]|\d{3})[.!?][\"”’)]* +[\"“(]*[A-Z]|[。！？])"  # an earlier sentence of the same line


def truncated_in(answer: pl.Expr) -> pl.Expr:
    """The last 60 characters of an answer that breaks off, null of one that does not.

    It breaks off where a fence is open and its text does not end as prose does, and where a line of prose ends in an
    open bracket or quotation, in a part of a word, with a comma, or with a word that another must follow: the, and,
    such as, 以及, 因为; or with a colon after words that announce something. A missing full stop alone is no break;
    nor is a closing (Sincerely,), a list, a form or a verse.
    """
    return answer.map_batches(_truncated, return_dtype=pl.String, is_elementwise=True)


def _truncated(answers: pl.Series) -> pl.Series:
    """In stages: only the ends of answers that have no final mark are searched, whole ones only for fences."""
    text, read, line, item = (pl.col(name) for name in ("text", "read", "line", "item"))
    texts = pl.DataFrame({"text": answers}).with_row_index()
    fenced = texts.filter(text.str.contains("```|~~~")).filter(_fence_is_open(text.str.strip_chars_end()))
    unended = (
        texts.filter(text.str.contains(MAY_BREAK_OFF))
        .with_columns(read=text.str.strip_chars_end().str.tail(READ_CHARS))
        .with_columns(line=read.str.extract(r"([^\n]*)\z"))
        .with_columns(item=line.str.contains(ITEM), line=line.str.replace(ITEM, ""))
        .with_columns(
            line=pl.when(line.str.contains(r"\p{Han}{4}")).then(line.str.replace_all(FORMULA, "x")).otherwise(line)
        )
        .filter(~line.str.contains(NO_PROSE))
        .with_columns(units=units_of(line), after_line=read.str.contains(AFTER_SENTENCE_LINE))
        .filter(~item | pl.col("after_line") | line.str.contains(OPEN_BRACKET))
        .with_columns(after_sentence=pl.col("after_line") | line.str.contains(ENDED_INSIDE))
        .filter(_breaks_off(line, pl.col("after_sentence"), pl.col("item")))
    )
    found = pl.concat([fenced.select("index"), unended.select("index")])["index"]
    tails = texts.select(pl.when(pl.col("index").is_in(found.implode())).then(text))["text"]
    return tails.str.strip_chars_end().str.tail(TAIL_CHARS)


def _breaks_off(line: pl.Expr, after_sentence: pl.Expr, is_item: pl.Expr) -> pl.Expr:
    """Whether a line of prose, less the number or bullet of an item, ends before its sentence does."""
    units = pl.col("units")
    goes_on_after = line.str.contains(
        f"{GOES_ON_AFTER_SENTENCE_EN}|{GOES_ON_AFTER_SENTENCE_ZH}|{NEVER_LAST_ZH}|{RARELY_LAST_ZH}|{CUT_WORD_EN}"
    )
    goes_on_after |= line.str.contains(AUXILIARY_EN) & ~line.str.contains(TURNS_AUXILIARY_EN)
    goes_on_after |= line.str.contains(AFTER_EN) & ~line.str.contains(NOT_AFTER_EN)
    last = line.str.extract(r"[a-z,] ([a-z]{1,2})\z")
    goes_on_after |= last.is_not_null() & ~last.is_in(SHORT_WORDS_EN)
    goes_on_after |= line.str.contains(STRANDED_EN) & ~line.str.replace_all(MORE_THAN_EN, "").str.contains(
        TURNS_ROUND_EN
    )
    goes_on = line.str.contains(f"{GOES_ON_EN}|{GOES_ON_ZH}") | (after_sentence & goes_on_after)
    goes_on |= line.str.contains(GOES_ON_BE) & ~line.str.contains(NOT_BE)
    goes_on |= line.str.contains(CUT_SYLLABLE_EN)
    goes_on |= line.str.contains(PARTICIPLE_EN) & ~line.str.contains(RELATIVE_EN)
    clause = line.str.contains(GOES_ON_CLAUSE_EN) & (units >= LEAST_CLAUSE_UNITS)
    cut_word = line.str.contains(CUT_WORD) & ~line.str.contains(SPLIT_PREFIX)
    comma = line.str.contains(COMMA) & (after_sentence | (units >= LEAST_COMMA_UNITS)) & ~is_item
    is_long = units >= pl.when(is_item).then(LEAST_ITEM_UNITS).otherwise(LEAST_UNITS)
    quotation = line.str.contains(OPEN_QUOTATION) & (line.str.count_matches('["“”]') % 2 == 1)
    least_open = pl.when(is_item).then(LEAST_OPEN_ITEM_UNITS).otherwise(LEAST_OPEN_UNITS)
    is_open = (line.str.contains(OPEN_BRACKET) | quotation) & (units >= least_open)
    announces = line.str.contains(ANNOUNCES) & ~line.str.contains(IS_FORM) & (units >= LEAST_OPEN_UNITS)
    colon = after_sentence & line.str.contains(r"[:：]\z") & (units >= LEAST_COLON_UNITS) & ~is_item
    announces |= colon & ~line.str.contains(IS_FORM) & ~pl.col("read").str.contains(FORM_FIELD)
    return (
        clause
        | (is_long & (goes_on | cut_word | comma))
        | (is_open & ~line.str.contains(r"[:：]\z"))
        | announces
        | line.str.contains(GOES_ON_AFTER_SEMICOLONS)
    )


def _fence_is_open(text: pl.Expr) -> pl.Expr:
    """An odd number of fences, the last of which is followed by more than nothing and by no finished sentence."""
    odd = text.str.count_matches(FENCE) % 2 == 1
    line = text.str.extract(r"([^\n]*)\z")
    return odd & ~line.str.contains(FENCE) & ~line.str.contains(ENDED)
