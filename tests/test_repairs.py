"""Repairs of one text: what is broken goes, what only looks broken stays, what was repaired is left alone."""

import re
import time
import unicodedata
from collections.abc import Callable

import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tasks.clean import repair
from tasks.cleaners.characters import LOOKS_COMPOSABLE
from tasks.cleaners.encoding import mend_encoding
from tasks.cleaners.protected import PROTECTED
from tasks.cleaners.repairs import REPAIRS, repairs
from tasks.cleaners.templates import LOOKS_ASKED, fill, strip_asker, unfilled_in
from tasks.core.params import CleanParams

OFF = dict.fromkeys(("encoding", "special_tokens", "template_remnants", "html", "control", "whitespace"), False)
ALL = CleanParams(unicode="NFKC", half_width=True, simplified=True, template_values={"name": "小明", "author": "Ann"})


def only(name: str, value: object = True) -> Callable[..., str]:
    """The last of `turns`, an answer, after the one repair, as a row with these turns is treated."""
    operations = repairs(CleanParams(**(OFF | {name: value})))
    assert {operation.name for operation in operations} == {name}

    def repaired(*turns: str) -> str:
        text = turns[-1]
        for operation in operations:
            row = [*turns[:-1], text]
            table = pl.DataFrame({"content": row}, {"content": pl.String}).with_row_index("turn")
            table = table.with_columns(pl.lit("a").alias("id"), pl.lit("assistant").alias("role"))
            text = repair(table, operation)[0]["content"][-1]
        return text

    return repaired


special_tokens, template_remnants, html = only("special_tokens"), only("template_remnants"), only("html")
control, half_width, simplified = only("control"), only("half_width"), only("simplified")
whitespace, encoding = only("whitespace"), only("encoding")


def test_repairs_run_in_the_order_that_is_told():
    assert list(dict.fromkeys(operation.name for operation in repairs(ALL))) == list(REPAIRS)


def test_a_repair_that_params_turn_off_does_not_run():
    assert repairs(CleanParams(**OFF)) == []


# Encoding.
@pytest.mark.parametrize(
    ("whole", "left"),
    [
        ("你好，世界", "你好，世\ufffd"),
        ("今天天气怎么样？Good.", "今天天气怎么样？Good."),
        ("“好的，谢谢", "“好的，谢谢"),
    ],
)
@pytest.mark.parametrize("errors", ["ignore", "replace"])
def test_text_misread_as_gbk_is_mended_up_to_the_character_that_lost_a_byte(whole, left, errors):
    broken = whole.encode().decode("gbk", errors=errors)
    assert encoding(broken) == left
    assert encoding(broken.replace("\ufffd", "?")) == left


@pytest.mark.parametrize(
    "text",
    [
        "颞肌", "饪烩饭", "狮尾猕猴", "电池没电", "涓涓细流", "锛子?",  # valid UTF-8 by chance, or nearly
        "café crème, naïve 的意思", "数据 \ufffd\ufffd 丢失 lost", "茅台酒 and 25掳", "“það” «très» ô»",
    ],
)  # fmt: skip
def test_chinese_that_is_not_misread_stays(text):
    assert encoding(text) == text


@pytest.mark.parametrize(
    ("whole", "broken"),
    [
        ("don’t", "don鈥檛"),
        ("请翻译：You’re late — “Hi”", "请翻译：You鈥檙e late — 鈥淗i”"),
        ("It’s a café", "It鈥檚 a caf茅"),
        ("早上好 😊 hi 🎉", "早上好 😊 hi 🎉".encode().decode("cp1252", errors="replace").replace("\ufffd", "\x90")),
        ("water 😊", "water ðŸ˜Š"),
        ("the area A = π * r^2.", "the area A = Ï€ * r^2."),
        ("привет 你好", "Ð¿Ñ€Ð¸Ð²ÐµÑ‚ 你好"),
    ],
)
def test_signs_and_emoji_that_were_misread_inside_a_right_text_are_mended(whole, broken):
    assert encoding(broken) == whole


@pytest.mark.parametrize("text", ["“Don’t bin it — bring it.” Café, €5, 20°C…", "数据库的索引为什么快？“是的”。"])
def test_utf_8_read_as_mac_roman_is_mended_also_twice(text):
    misread = text.encode().decode("mac_roman")
    assert encoding(misread) == text
    assert encoding(misread.encode().decode("mac_roman")) == text
    assert encoding("±√2 与 25/√π and ¬p") == "±√2 与 25/√π and ¬p"


def test_control_characters_of_windows_1252_become_what_they_meant():
    assert encoding("It\x92s \x93quoted\x94 引用") == "It’s “quoted” 引用"


# Unicode.
@pytest.mark.parametrize(("form", "left"), [("NFC", "é が ① ﬁ ，！ m²"), ("NFKC", "é が 1 fi ,! m²")])
def test_a_text_is_brought_into_the_normal_form_that_is_asked_for(form, left):
    assert only("unicode", form)("e\u0301 か\u3099 ① ﬁ ，！ m²") == left


@pytest.mark.parametrize("text", ["10⁵ 和 H₂O, 45º ™", "1½ cups 又½杯", "`①` 与 $x_①=1$"])
def test_nfkc_leaves_what_would_say_something_else(text):
    assert only("unicode", "NFKC")(text) == text


def test_every_character_that_a_normal_form_changes_is_looked_for():
    changed = [
        c for c in map(chr, range(0x110000)) if not "\ud800" <= c <= "\udfff" and unicodedata.normalize("NFKC", c) != c
    ]
    assert pl.Series(changed).str.contains(LOOKS_COMPOSABLE).all()


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("ＡＢＣ１２３　ｘ", "ABC123 x"),
        ("你好，世界！（ＡＩ）：１００％", "你好，世界！（AI）：100％"),
        ("`Ａ` 和 https://x.cn/Ａ", "`Ａ` 和 https://x.cn/Ａ"),
    ],
)
def test_letters_digits_and_blanks_become_half_width_and_chinese_punctuation_stays(text, left):
    assert half_width(text) == left


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("滑鼠與鍵盤 mouse", "滑鼠与键盘 mouse"),
        ("頭髮發展，乾隆與乾燥", "头发发展，乾隆与干燥"),
        ("`變數` 是 variable", "`變數` 是 variable"),
        ("日本の學校です", "日本の學校です"),
        ("English only", "English only"),
    ],
)
def test_traditional_characters_become_simplified_and_words_stay(text, left):
    assert simplified(text) == left


@pytest.mark.parametrize("question", ["「國」的简体字怎么写？", "Write it in Traditional Chinese"])
def test_a_row_about_the_two_scripts_keeps_both(question):
    assert simplified(question, "國") == "國"


# Characters that are not seen.
@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("左\u200e右 left\u200fright", "左右 leftright"),
        ("中\u200d文 a\u200cb \u200d", "中文 ab "),
        ("\ufe0f文字\ufe0f a\ufe01", "文字 a"),
        ("注\ufff9音\ufffa、对象\ufffc object", "注音、对象 object"),
        ("\ue000图标 icon\uf0b7", "图标 icon"),
        ("hidden\U000e0041\U000e0042 隐藏", "hidden 隐藏"),
        ("f\u2061(x) 与 A\u180eB", "f(x) 与 AB"),
        ("\x1b[32m绿色\x1b[0m \x1b[1;31mred\x1b[K\x1b[m", "绿色 red"),
        ("\x1b]0;标题 title\x07内容\x1b(B", "内容"),
        ("键 key\x1b", "键 key"),
        ("一行\u2028next\u2029段\x85end", "一行\nnext\n段\nend"),
    ],
)
def test_characters_that_are_not_seen_go_where_they_make_no_sign(text, left):
    assert control(text) == left


@pytest.mark.parametrize(
    "text",
    [
        "שלום\u200f (hi) و\u200fعربي",
        "می\u200cخواهم 与 क्\u200dष",
        "家庭 👨\u200d👩\u200d👧 ❤\ufe0f\u200d🔥 🤷🏽\u200d♀\ufe0f 1\ufe0f\u20e3 ㊗\ufe0f",
        "flag 🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f 旗",
        "葛\U000e0100城 与 ᠠ\u180eᠠ",
        "数据丢失 \ufffd lost",
    ],
)
def test_characters_that_are_not_seen_stay_where_they_make_a_sign(text):
    assert control(text) == text


# Special tokens.
@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("<|im_start|>assistant\n你好<|im_end|>", "你好"),
        ("<|im_start|>user<|im_sep|>Hi 嗨<|im_end|>", "Hi 嗨"),
        ("<|start_header_id|>assistant<|end_header_id|>\n\nHi 嗨<|eot_id|>", "Hi 嗨"),
        ("<|begin_of_text|>问 ask<|end_of_text|>", "问 ask"),
        ("<start_of_turn>model\n答 answer<end_of_turn>", "答 answer"),
        ("<s>[INST] <<SYS>>\n助手\n<</SYS>>\n\n写诗 a poem [/INST]", "助手\n\n写诗 a poem "),
        ("<|user|>\n问 ask<|end|>", "问 ask"),
        ("def f():<|fim_middle|> 中间<|endoftext|>", "def f(): 中间"),
        ("[gMASK]<sop><|assistant|>\n答 yes<eop>", "答 yes"),
        ("<reserved_106>问 ask<reserved_107>", "问 ask"),
        ("<|User|>:问 ask<eoh>\n<|Bot|>:答 yes<eoa>", "问 ask\n答 yes"),
        ("<|Human|>: 问 ask<eoh>", "问 ask"),
        ("<｜begin▁of▁sentence｜><｜User｜>问 ask<｜Assistant｜>", "问 ask"),
        ("<|start|>assistant<|channel|>final<|message|>答 yes<|return|>", "答 yes"),
        ("<pad><pad>答 yes<extra_id_0><unused3>", "答 yes"),
        ("[CLS] 句子 one [SEP] 句子 two [UNK]", " 句子 one  句子 two "),
        ("Hello.</s>", "Hello."),
        ("你好<s>", "你好"),
    ],
)
def test_special_tokens_of_every_family_go_with_the_role_they_name(text, left):
    assert special_tokens(text) == left


@pytest.mark.parametrize(
    "text",
    [
        "<think>想一想 let me see</think>答 yes",
        '<tool_call>{"name": "查", "arguments": {"q": "</s>"}}</tool_call>',
        "今天[MASK]很好，the <mask> is nice",
        "原价<s>100 元</s>现价 80",
        "Stack<S> 与 Map<EOS, V>",
        "x <| f |> g 与 a | b",
        "<｜tool▁calls▁begin｜> stays 保留",
        "用 `<|im_end|>` 结束, in code",
        "跟我说“<|bingo|>”, say '<|bingo|>'",
    ],
)
def test_what_only_looks_like_a_special_token_stays(text):
    assert special_tokens(text) == text


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("[CLS]和[SEP]各放在哪里？", "[CLS]和[SEP]各放在哪里？"),
        ("The [SEP] mark goes between two parts.", "The [SEP] mark goes between two parts."),
        ("今天晴。[SEP]明天雨。[PAD][PAD]", "今天晴。明天雨。"),
        ("[CLS]Rain today.[SEP]", "Rain today."),
    ],
)
def test_tokens_of_bert_stay_where_a_sentence_speaks_of_them(text, left):
    assert special_tokens(text) == left


@pytest.mark.parametrize(
    "question", ["BERT里的[CLS]是什么？", "BERT 的输入以什么开头？", "Which token ends a turn in ChatML?"]
)
@pytest.mark.parametrize("answer", ["[CLS]", "<|im_end|>", "以 [SEP] 结尾, with <s> first"])
def test_a_row_about_tokens_keeps_them(question, answer):
    assert special_tokens(question, answer) == answer


@pytest.mark.parametrize("answer", ["一个 token 是词元。", "A token is a piece of a word."])
def test_a_row_about_tokens_loses_what_no_author_puts_at_its_ends(answer):
    assert special_tokens(f"<|im_start|>assistant\n{answer}<|im_end|>\n") == answer


# HTML.
@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("诗一<br>\nline two<br/>三", "诗一\nline two\n三"),
        ("买：<ul><li>苹果</li><li>pears</li></ul>", "买：\n\n- 苹果\n- pears\n"),
        ("<tr><td>名</td><td>name</td></tr>", "\n名 | name\n"),
        ("don&#39;t 用&#8220;引号&#8221; 3&times;4 &copy;", "don't 用“引号” 3×4 ©"),
        ("半&nbsp个 half&nbsp;one", "半 个 half one"),
        ("看 https://x.cn/?a=1&amp;b=2 there", "看 https://x.cn/?a=1&b=2 there"),
        ("AT&amp;T 的 R&amp;D", "AT&T 的 R&D"),
        ('<span style="font-size:14px;color:#333">异味</span> smell', "异味 smell"),
        (
            '看<a href="https://example.cn/html/a.html" target="_blank">指南</a>, <font color=red>now</font>',
            "看指南, now",
        ),
        ("<div class=\"post-body\"><p align='left'>好 fine</p></div>", "\n\n好 fine\n\n"),
        ('揉面，<img src="/upload/bing03.jpg" alt="">rest', "揉面，rest"),
        ('<p nowrap>词<o:p></o:p> word<sup class="reference"><a href="#n">[1]</a></sup></p>', "\n词 word[1]\n"),
        (
            '<sup class="x">2</sup>与<table border="1"><tr><td width=9>甲</td><td>B</td></tr></table>',
            "^2与\n\n甲 | B\n\n",
        ),
    ],
)
def test_what_pages_leave_behind_goes_and_the_text_stays_readable(text, left):
    assert html(text) == left


@pytest.mark.parametrize(
    "text",
    [
        "48 / 2 = <<48/2=24>>24 个 apples",
        "a<b 且 c>d, x &lt b",
        "邮件 <lin@example.com> mail",
        "若 $a_1<b>c$ 或 \\(p<i>q\\), then",
        "| 名 | 甲<br>乙 |",
        "&circle; &value; 是 names",
        "the letters &lt;b&gt; 和 &amp;nbsp; as they are written",
        "List<int>、Optional<B> 与 <placeholder>",
    ],
)
def test_what_only_looks_like_html_stays(text):
    assert html(text) == text


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("写一段HTML", '<p class="a">你好</p>'),
        ("Use a CSS class", '<p class="a">hi</p>'),
        ("怎么让div居中？", '<div style="margin:0 auto">甲</div>'),
        ("Turn the address into a link", '<a href="http://a.com">a</a>'),
        ("Make a navigation bar", '<ul class="nav">\n  <li><a href="#">Home</a></li>\n</ul>'),
        ("做一张表", "<table>\n<tr>\n<td>甲 a</td>\n</tr>\n</table>"),
        ("做一个登录框", '<div class="login">\n  <p>用户名</p>\n</div>'),
        ("显示用户名", '<p class="{style.name}">用户</p><div className={name}>x</div>'),
        ("显示饼图", '<img src="pie.png" width="500">'),
        ("一段话", "<head><style>p {}</style></head><p class='x'>甲</p>"),
    ],
)
def test_a_row_about_markup_and_an_answer_that_is_markup_keep_their_tags(question, answer):
    assert html(question, answer) == answer


def test_what_is_about_markup_is_told_beside_the_tags_and_urls():
    answer = '<a class="css" href="http://a.cn/web/html.html">甲 a</a>见 https://a.cn/css/x.html'
    assert html("去哪里？ Where?", answer) == "甲 a见 https://a.cn/css/x.html"


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("蜡梅。<img src='a.jpg'><script>var _hmt=[];</script>腊月开花", "蜡梅。腊月开花"),
        ("One.<!-- ad --> Two.\n<script>\n(adsbygoogle).push()\n</script>\nThree.", "One. Two.\n\nThree."),
        ("红<style>p{color:red}</style>花 red", "红花 red"),
        ("<script>alert(1)</script>", "<script>alert(1)</script>"),
        ("日期格式 date format: <!-- 2020 -->", "日期格式 date format: <!-- 2020 -->"),
        ("这段脚本弹窗：<script>alert(1)</script> pops up", "这段脚本弹窗：<script>alert(1)</script> pops up"),
        ("Add names:\n<script>\nlet a = 1;\n</script>\n到页面", "Add names:\n<script>\nlet a = 1;\n</script>\n到页面"),
    ],
)
def test_scripts_and_remarks_of_a_page_go_unless_they_are_shown(text, left):
    assert html(text) == left


@pytest.mark.parametrize("question", ["给名词加下划线", "Underline the nouns"])
def test_marks_that_were_asked_for_stay(question):
    assert html(question, "月亮是<u>景象</u>, a <u>sight</u>") == "月亮是<u>景象</u>, a <u>sight</u>"


@pytest.mark.parametrize(
    ("text", "left"),
    [
        (
            "def f(n):\n  if n &lt; 2 &amp;&amp; n &gt; 0:\n    print(&quot;小&quot;)",
            'def f(n):\n  if n < 2 && n > 0:\n    print("小")',
        ),
        ("&lt;html&gt;\n&lt;p&gt;你好 hi&lt;/p&gt;\n&lt;/html&gt;", "<html>\n<p>你好 hi</p>\n</html>"),
    ],
)
def test_code_that_was_escaped_as_a_whole_is_code_again(text, left):
    assert html("写代码 write code", text) == left


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("写代码 code", 'if (a &lt; b) {\n  print("小");\n}'),  # has signs that are not escaped
        ("HTML 实体怎么写？", "x = &quot;小&quot;;"),
        ("How do I escape a quote?", "x = &quot;q&quot;;"),
    ],
)
def test_entities_that_may_be_meant_stay(question, answer):
    assert html(question, answer) == answer


# Templates.
@pytest.mark.parametrize(
    ("text", "left"),
    [
        (
            "Below is an instruction that describes a task, paired with an input that provides further context. "
            "Write a response that appropriately completes the request.\n\n### Instruction:\nTranslate.\n\n"
            "### Input:\n你好\n\n### Response:",
            "Translate.\n你好",
        ),
        (
            "Below is an instruction that describes a task. Write a response that appropriately completes the request."
            "\n\n### Instruction:\n写诗\n\n### Response:\n",
            "写诗",
        ),
        ("### 指令：\n写诗 a poem\n\n### 回答：", "写诗 a poem"),
        ("### Response:\n好的 sure", "好的 sure"),
        ("好的 sure\n\n### Human:", "好的 sure"),
        ("It is so.\nUser:", "It is so."),
        ("是这样。\n用户：", "是这样。"),
        ("Assistant: 气温低了，叶子就黄了。", "气温低了，叶子就黄了。"),
        ("ASSISTANT:\nKeep a rope.", "Keep a rope."),
        ("AI助手：好的，步骤如下：\n1. 煮水", "好的，步骤如下：\n1. 煮水"),
        ("擦净就好。\n\n### End", "擦净就好。"),
        ("It is so.\n\n###", "It is so."),
        ("It cracks.\n\n### Instruction:\nWhat makes cake moist?\n\n### Response:\nButter.", "It cracks."),
        ("会裂。\n\n### 指令：\n蛋糕怎么做？", "会裂。"),
        ("写诗 a poem\n<noinput>", "写诗 a poem\n"),
        ("写诗 a poem\nInput: <noinput>", "写诗 a poem\n"),
        ("写诗 a poem\n输入：<无输入>", "写诗 a poem\n"),
        ("写诗 a poem\n< no input >.", "写诗 a poem\n"),
        ("写诗 a poem\n（无输入）", "写诗 a poem"),
        ("写诗 a poem\nNo input required.", "写诗 a poem"),
        ("写诗 a poem\n`<无输入>`", "写诗 a poem"),
        ("命名两个地标\n不适用", "命名两个地标"),
        ("Name a landmark\nN/A", "Name a landmark"),
        ("列出三种方法。\n没有", "列出三种方法。"),
        ("Describe a desk.\nnone", "Describe a desk."),
        ("<nooutput> - 模型做不到 cannot", "模型做不到 cannot"),
        ("<无输入>\n\n输出：\n从前 once", "从前 once"),
        ("Output:\n从前 once", "从前 once"),
    ],
)
def test_what_prompt_templates_leave_goes(text, left):
    assert template_remnants(text) == left


@pytest.mark.parametrize(
    "text",
    [
        "问：是吗？\n答：是的 yes",
        "Input: 2 + 3\nOutput: 5 得五",
        "Human: hi\nAI: 你好\nHuman:",
        "问题：首都是什么？ Answer:",
        "翻译成英文：没有\n没有",
        "Translate into Chinese.\nnone",
        "缺点：\n无",
        "Symptoms\n\n\nfever\n\nNone",
        "N/A",
        "没有",
        '规则：没有输入就写“<noinput>”, or "<noinput>"',
        "用 `<noinput>` 表示 nothing",
        "```\n### Response:",
        "## 输入\n文字 text\n## 输出\n文字 text",
        "Assistant: Where to?\nUser: Oslo.\nAssistant: Fine.",
        "AI：你好\n小明：你好",
        "GPT: I cannot.\nDAN: I can.",
        "Assistants: two of them 助手们",
        "##",
        "The mark is\n```\n### Instruction:\nx\n```",
    ],
)
def test_what_only_looks_like_a_template_stays(text):
    assert template_remnants(text) == text


@pytest.mark.parametrize("question", ["Alpaca 的提示词是什么样的？", "Show me a prompt template"])
def test_a_row_about_templates_keeps_them(question):
    answer = "### Instruction:\n{指令}\n\n### Response:"
    assert template_remnants(question, answer) == answer


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("### 问题：\n怎样跟房东谈降租？", "怎样跟房东谈降租？"),
        ("【问题】怎样降租？", "怎样降租？"),
        ("指令：写一首诗", "写一首诗"),
        ("Human: 能喝牛奶吗？", "能喝牛奶吗？"),
        ("USER: why do my knees crack", "why do my knees crack"),
        ("**Question:** Why?", "Why?"),
        ("User: Hi!\nBot: Hello!", "User: Hi!\nBot: Hello!"),
        ("【任务】写诗\n【要求】四行", "【任务】写诗\n【要求】四行"),
        ("## Task\nSort.\n## Rules\nNone.", "## Task\nSort.\n## Rules\nNone."),
        ("Users: how many? 用户数", "Users: how many? 用户数"),
    ],
)
def test_the_label_of_a_question_goes_where_there_is_no_other(text, left):
    assert strip_asker(text) == left
    assert left == text or pl.select(pl.lit(text).str.contains(LOOKS_ASKED)).item()


@pytest.mark.parametrize(
    ("question", "answer", "left"),
    [
        ("果酱和果冻有什么不同？", "回答：果酱有果肉。", "果酱有果肉。"),
        ("Jam or jelly?", "Answer: Jam has fruit in it.", "Jam has fruit in it."),
        ("Jam or jelly?", "**Answer:** Jam has fruit.", "Jam has fruit."),
        ("Q: 果酱？", "A: 有果肉 fruit", "A: 有果肉 fruit"),
        ("写一段对话", "A：你好 hello", "A：你好 hello"),
        ("A. 一 one\nB. 二 two", "Answer: A", "Answer: A"),
        ("Rate it 评分", "Answer: Agree\nConfidence: 90%", "Answer: Agree\nConfidence: 90%"),
        ("写一封邮件", "回复：附上文件 file", "回复：附上文件 file"),
    ],
)
def test_the_label_of_an_answer_goes_where_there_is_no_other(question, answer, left):
    assert template_remnants(question, answer) == left


@pytest.mark.parametrize("question", ["写一段对话", "Write a chat bot's script"])
def test_the_name_of_a_speaker_stays_where_a_dialogue_was_asked_for(question):
    assert template_remnants(question, "Assistant: 你好 hi") == "Assistant: 你好 hi"


def test_a_prompt_keeps_what_would_be_a_next_instruction_in_an_answer():
    prompt = {"id": "a", "turn": 0, "role": "user", "content": "Be kind 友善。\n\n### Instruction:\n写诗 a poem"}
    turns = pl.DataFrame([prompt])
    for operation in repairs(CleanParams(**(OFF | {"template_remnants": True}))):
        turns, _ = repair(turns, operation)
    assert turns["content"].to_list() == [prompt["content"]]


def test_placeholders_get_their_values_and_others_stay():
    values = only("template_values", {"name": "小明", "author": "Ann"})
    assert values("你好 {{name}}，by {{ author }}, {{other}}") == "你好 小明，by Ann, {{other}}"


@pytest.mark.parametrize("text", ["`{{name}}` 是变量", "\\frac{{name}}{2} 一半", "{% if x %}{{name}} 好{% endif %}"])
def test_braces_of_code_and_latex_are_no_placeholders(text):
    assert only("template_values", {"name": "小明"})(text) == text


def test_a_value_that_holds_a_placeholder_is_refused():
    with pytest.raises(ValueError, match=r"template_values\.name"):
        fill({"name": "{{author}}"})


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("亲爱的{{姓名}}：你好", "{{姓名}}"),
        ("Dear {{ first_name }}, hi {{x}}", "{{ first_name }}"),
        ("写一个邮件模板：{{name}}", None),
        ("the Jinja variable {{ name }}", None),
        ("分数 \\frac{{a}}{b}", None),
        ("没有 none", None),
        ("买：{% for item in items %}{{ item }}、{% endfor %}", "{% for item in items %}"),
        ("I am away. {%- if x -%} Ask Ann. {% endif %}", "{%- if x -%}"),
        ("去 {{{剩余}}} to go", "{{{剩余}}}"),
        ("the Liquid tag {% if x %}{{ y }}", None),
        ("打八折 {% 折扣 %}", None),
        ("您的包裹已到${station_name}，取件码${code}。", "${station_name}"),
        ("Hi ${patientName}, see you on ${date}.", "${patientName}"),
        ("亲爱的{客户姓名}，您好", "{客户姓名}"),
        ("Dear {customer_name}, thank you", "{customer_name}"),
        ("Hello <%= name %>, 你好", "<%= name %>"),
        ("It costs $5 or ${5}，数列{a_n}", None),
        ("console.log(`Hi ${name}`)", None),
        ("echo ${HOME} 目录", None),
        ("f-string: {user_name}", None),
        ("他带着想法{淹没}。 Use {slots}.", None),
    ],
)
def test_a_placeholder_that_nobody_filled_is_found(text, left):
    assert pl.select(unfilled_in(pl.lit(text))).item() == left


# Whitespace.
@pytest.mark.parametrize(
    ("text", "left"),
    [("thin\u2009blank 窄\u202f格", "thin blank 窄 格"), ("行尾\u2003\nline end\u200a\n.", "行尾\nline end\n.")],
)
def test_blanks_of_every_width_are_plain_ones(text, left):
    assert whitespace(text) == left


@pytest.mark.parametrize("text", ["今天好 fine\n用户：", "Reword this: it is so\nUser:"])
def test_a_stop_word_at_the_end_goes_unless_the_text_is_a_dialogue(text):
    assert template_remnants(text) == text.split("\n")[0]


# Properties.
PIECES = st.sampled_from(
    [
        *("你好", "繁體", "發", "hello", "World", "，", "。", ".", ":", "：", "1", "Ａ", "①", "²", "½", "e\u0301", "ﬁ"),
        *(" ", "\n", "\n\n\n", "\t", "\u3000", "\u00a0", "\u2009", "\r", "\x0c", "\x85", "\u2028", "\x00", "\x92"),
        *("\u200b", "\u200c", "\u200d", "\u200e", "\ufe0f", "\ufe00", "\u180e", "\ufffd", "\ue000", "\U000e0041"),
        *("\U000e0100", "👨", "👩", "❤", "🏴", "\U000e0067\U000e007f", "می", "क्", "が", "か\u3099", "한", "葛"),
        *("`", "``", "```", "~~~", "$$", "$", "\\(", "\\)", "\\[", "\\]", "https://x.cn/"),
        *("<tool_call>", "</tool_call>"),
        *("<", ">", "<b>", "</b>", "<br>", "</p>", "<li>", "</td><td>", "<sup>", "</sup>", "<s>", "</s>", "<br", "="),
        *("&", "&amp;", "&lt;", "&gt;", "&quot;", "&#39;", "&nbsp", ";", "lt;", "&#60;", "&#8203;", "&#96;", "#36;"),
        *("<|im_start|>", "assistant\n", "<|im_end|>", "<|", "|>", "im_end", "[INST]", "[SEP]", "<eos>", "<｜x｜>"),
        *("### Instruction:\n", "### Input:\n", "### Response:", "Output:\n", "User:", "用户：", "<noinput>", "无输入"),
        *("N/A", "none", "没有", "Input: ", "{{name}}", "{{", "}}", "author", "浣犲ソ", "锛"),
        *("\x1b[32m", "\x1b", "[0m", "鈥檛", "鈥", "ðŸ˜Š", "### End", "##", "AI: ", "助手：", "{% if x %}", "{{{"),
        *('<p class="a">', "<o:p>", '<img src="a">', "<sup a=b>", "[1]"),
        *("涓\ufffd", "caf\u00c3\u00a9"),
        *("{", "}", "\\", "^", "_", "|", "-", '"', "(", ")"),
    ]
)  # fmt: skip
TEXTS = st.lists(PIECES | st.text(max_size=2), max_size=14).map("".join)
OPERATIONS = {f"{i}-{operation.name}": operation for i, operation in enumerate(repairs(ALL))}


@pytest.mark.parametrize("name", OPERATIONS)
@settings(max_examples=400, deadline=None)
@given(text=TEXTS)
@example(text="<<b>b>x &amp;lt; 中\u200d\u200d文")
@example(text="### Response:\n### Response:\nOutput:\n\nOutput:\n<no<noinput>input>")
def test_what_was_repaired_is_left_alone(name, text):
    once = OPERATIONS[name].fix(text)
    assert OPERATIONS[name].fix(once) == once


@pytest.mark.parametrize("name", OPERATIONS)
@settings(max_examples=200, deadline=None)
@given(text=TEXTS)
def test_a_text_that_a_repair_changes_is_one_that_it_looks_for(name, text):
    operation = OPERATIONS[name]
    if operation.fix(text) != text:
        assert pl.Series([text]).str.contains(operation.suspect).item()


KEPT = st.sampled_from(
    [
        "```html\n<p>你好</p>&nbsp;  \n\n\n\n{{name}} Ａ 體 <|im_end|>\n```",
        "~~~\n<b>x</b>  \n~~~", "`<br>&lt; Ａ 體 {{name}} </s>`",
        "$$a<b>c  \n\n\n d</b>$$", "\\(p<i>q\\)", "\\[x<br>y</s>\\]", "$a_i<b>Ａ體$",
        '<tool_call>{"name": "f", "arguments": {"體": "<b>Ａ &lt; {{name}} </s></b>"}}</tool_call>',
        "https://x.cn/a?體=Ａ",
    ]
)  # fmt: skip
WORDS = st.lists(
    st.sampled_from(["你好", "hello", "<b>", "</b>", "</s>", "&nbsp;", "Ａ", "體", "{{name}}", "  \n", "\n\n\n"]),
    max_size=5,
).map(lambda words: " ".join(["好", *words, "ok"]))


@pytest.mark.parametrize(
    "name",
    [
        "unicode",
        "special_tokens",
        "template_remnants",
        "template_values",
        "html",
        "half_width",
        "simplified",
        "whitespace",
    ],
)
@settings(max_examples=100, deadline=None)
@given(parts=st.lists(st.tuples(WORDS, KEPT), min_size=1, max_size=3), tail=WORDS)
def test_code_math_calls_and_urls_are_the_same_to_the_byte(name, parts, tail):
    text = "".join(f"{words} {kept} " for words, kept in parts) + tail
    for operation in repairs(ALL):
        if operation.name == name:
            after = operation.fix(text)
            position = 0
            for _, kept in parts:
                position = after.index(kept, position) + len(kept)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("价格 $5 and $10 total", []),
        ("US$3/US$4 或 $20,000-$30k", []),
        ("设 $x$ 为 $a_1$, $2x+1=5$", ["$x$", "$a_1$", "$2x+1=5$"]),
        ("看 https://x.cn/a?b=1&c=2&nbsp;后 see", ["https://x.cn/a?b=1&c=2"]),
        ("`a` 与 ```b``` and \\(c\\)", ["`a`", "```b```", "\\(c\\)"]),
    ],
)
def test_inline_math_is_told_from_prices(text, kept):
    assert PROTECTED.findall(text) == kept


@pytest.mark.parametrize(
    "piece",
    [
        "\x1b[",
        "\x1b]",
        "### Instruction:\n",
        "AI: ",
        '<sup a="b">',
        "<p a=",
        "$=",
        "`",
        "\\(",
        "\\[",
        "<tool_call>",
        "<sup>",
        "<b ",
        "{{",
        " ",
        "\n",
        "\n ",
        "中\u200d",
        "</s>",
    ],
)
def test_repairs_take_time_in_proportion_to_a_text(piece):
    started = time.process_time()
    for operation in repairs(ALL):
        operation.fix(f"a 中{piece * 20_000}x")
    assert time.process_time() - started < 8  # in proportion to its square it is minutes


def test_mending_of_encodings_is_the_same_twice():
    broken = "你好，世界".encode().decode("gbk", errors="replace")
    assert mend_encoding(mend_encoding(broken)) == mend_encoding(broken)
    assert re.search("\ufffd", mend_encoding(broken))


@settings(max_examples=200, deadline=None)
@given(text=TEXTS)
def test_the_repairs_together_come_to_an_end(text):
    for _ in range(20):
        before = text
        for operation in repairs(ALL):
            text = operation.fix(text)
        if text == before:
            return
    pytest.fail(f"still changing after 20 rounds: {text!r}")


@pytest.mark.parametrize(
    "text",
    [
        "<b" * 2000 + ">" * 2000 + "中",
        "### Instruction:\n" * 2000,
        "\nNo input" * 2000,
        "\n输入：<无输入>" * 2000,
        "<|a" * 2000 + "|>" * 2000,
    ],
)
def test_markup_that_is_nested_to_take_time_is_left_as_it_is_or_goes_at_once(text):
    started = time.process_time()
    for operation in repairs(CleanParams()):
        operation.fix(text)
    assert time.process_time() - started < 10  # in proportion to the square of the passes it is minutes
