"""Clean: what is broken is mended, what is private goes, what is right stays; each change has its line."""

import json
import time
from pathlib import Path

import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tasks.clean import REASONS, clean, clean_examples
from tasks.cleaners.pii import Found, find
from tasks.core.errors import ParamsError
from tasks.core.files import read_examples, write_examples
from tasks.core.params import CleanParams
from tasks.core.schema import examples_frame
from tasks.core.shards import in_process, in_processes
from tasks.formats.tool_calls import split_calls, with_calls

PARAMS = CleanParams()


def row(*turns: str, id: str = "a", **columns: object) -> dict:
    """An example whose turns are the user's and the assistant's in turn."""
    messages = [{"role": ("user", "assistant")[i % 2], "content": text} for i, text in enumerate(turns)]
    return {"id": id, "messages": messages, **columns}


def run(*turns: str, params: CleanParams = PARAMS, **columns: object) -> tuple[dict | None, list[dict]]:
    """The row as it is left, or None, and its ledger lines."""
    outcome, _ = clean_examples(examples_frame([row(*turns, **columns)]), params)
    return next(iter(outcome.examples.to_dicts()), None), outcome.ledger.to_dicts()


def mend(text: str, params: CleanParams = PARAMS) -> tuple[str, list[str]]:
    """What becomes of the text as a prompt, and the reasons in the ledger; the answer has nothing to mend."""
    left, lines = run(text, "好 fine", params=params)
    assert left is not None
    return left["messages"][0]["content"], [line["reason"] for line in lines]


# Mojibake.
@pytest.mark.parametrize(
    ("broken", "whole"),
    [
        ("你好世界".encode().decode("gbk"), "你好世界"),
        ("请用English回答".encode().decode("gbk"), "请用English回答"),
        ("“好的，谢谢".encode().decode("gbk"), "“好的，谢谢"),
        ("你好，世界".encode().decode("latin-1"), "你好，世界"),
        ("It’s a café".encode().decode("cp1252"), "It’s a café"),
        ("São Paulo – naïve".encode().decode("cp1252"), "São Paulo – naïve"),
    ],
)
def test_text_that_was_decoded_with_the_wrong_table_is_mended(broken, whole):
    assert mend(broken) == (whole, ["encoding"])


@pytest.mark.parametrize(
    "text",
    [
        "锛子是木工用来削平木料的工具。",
        "涓涓细流，浣花溪畔，银鳞闪闪。",
        "鏄、鐨、鍦都是少见的字",
        "El niño comió piñón: “¡qué café!”",
        "“Smart quotes” — and ｆｕｌｌ width ﬁ",
    ],
)
def test_real_text_that_only_looks_misread_stays(text):
    assert mend(text) == (text, [])


# HTML.
@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("<p>Hello <b>world</b></p>", "Hello world"),
        ("第一行<br/>第二行<BR>third", "第一行\n第二行\nthird"),
        ('<font color="red">红色</font>的 text', "红色的 text"),
        ("一&nbsp;二 A&amp;B &ldquo;x&rdquo; 3 &lt; 5", "一 二 A&B “x” 3 < 5"),
        ("x<sup>2</sup> 与 H<sub>2</sub>O", "x^2 与 H_2O"),
        ("看 https://example.com/a<br>下一行 next", "看 https://example.com/a\n下一行 next"),
    ],
)
def test_remnants_of_html_go(text, left):
    mended, reasons = mend(text)
    assert (mended, reasons[0]) == (left, "html")


@pytest.mark.parametrize(
    "text",
    [
        "```\n<p>你好</p>&nbsp;\n```",
        "用 `<b>x</b>` 写 bold",
        r"\(a<b>c\) 和 \[x<i>y\] and $$p<p>q$$",
        "48 / 2 = <<48/2=24>>24 个 apples",
        "x < y and y > z，如果 a <b and c> d",
        "List<int>、Map<String, V>、Optional<B> 是泛型",
        "the letters &lt;b&gt; 和 &amp;nbsp; as they are written",
        "<placeholder> 与 <EMAIL_1> stay",
    ],
)
def test_what_only_looks_like_html_stays(text):
    assert mend(text) == (text, [])


@pytest.mark.parametrize("question", ["网页里怎么写粗体？", "How do I write HTML?"])
def test_a_row_about_markup_keeps_its_tags(question):
    assert run(question, "<b>x</b>")[1] == []


# Control characters.
@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("零\u200b宽 zero\u2060width\ufeff", "零宽 zerowidth"),
        ("bidi \u202etext\u202c 与 \u2066中文\u2069", "bidi text 与 中文"),
        ("bell\x07 和空字符\x00", "bell 和空字符"),
        ("一页\x0cnext page\x0b行", "一页\nnext page\n行"),
    ],
)
def test_control_zero_width_and_bidi_characters_go(text, left):
    assert mend(text) == (left, ["control"])


@pytest.mark.parametrize("text", ["家庭 👨\u200d👩\u200d👧 family", "می\u200cخواهم 与 ❤\ufe0f"])
def test_joiners_that_make_a_sign_stay(text):
    assert mend(text) == (text, [])


# Whitespace.
@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("  你好 hi  ", "你好 hi"),
        ("one  \n二\u3000\nthree", "one\n二\nthree"),
        ("一\n\n\n\n\ntwo", "一\n\ntwo"),
        ("a\r\nb\r乙", "a\nb\n乙"),
        ("a\u00a0b\u00a0中", "a b 中"),
    ],
)
def test_whitespace_is_tidied(text, left):
    assert mend(text) == (left, ["whitespace"])


@pytest.mark.parametrize(
    "text",
    [
        "    if 中文:\n        return x",
        "    return number % 1.0",
        "```python\ndef f():  \n\n\n\n    return '好'\n```",
        "　　首行缩进\n　　second paragraph",
        "一\n\ntwo",
    ],
)
def test_indentation_and_code_keep_their_whitespace(text):
    assert mend(text) == (text, [])


# Special tokens.
@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("<|im_start|>assistant\n你好<|im_end|>", "你好"),
        ("Hello.</s>", "Hello."),
        ("[INST] 写诗 a poem [/INST]", "写诗 a poem"),
        ("<|start_header_id|>user<|end_header_id|>\n\nHi 嗨<|eot_id|>", "Hi 嗨"),
        ("<｜begin▁of▁sentence｜>问题 question", "问题 question"),
        ("<start_of_turn>model\n答案 answer<end_of_turn>", "答案 answer"),
        ("a<|im_<|im_end|>end|>乙", "a乙"),
    ],
)
def test_special_tokens_that_leaked_go(text, left):
    mended, reasons = mend(text)
    assert (mended, reasons[0]) == (left, "special_tokens")


@pytest.mark.parametrize("text", ["用 `<|im_end|>` 结束", "```\n<s>[INST] hi\n```", "Stack<S> 与 a | b | c"])
def test_special_tokens_that_are_shown_as_code_stay(text):
    assert mend(text) == (text, [])


@pytest.mark.parametrize("name", ["encoding", "special_tokens", "html", "control", "whitespace"])
def test_each_repair_can_be_turned_off(name):
    broken = {
        "encoding": "caf\u00c3\u00a9 中文", "special_tokens": "好 ok<|im_end|>", "html": "<p>好 ok</p>",
        "control": "好\u200bok", "whitespace": "好\n\n\n\nok",
    }[name]  # fmt: skip
    assert mend(broken, CleanParams(**{name: False})) == (broken, [])


# Personal data.
EMAIL, PHONE, ID_CARD, BANK_CARD = "lin.mei@example.com", "13812345678", "11010519491231002X", "4111 1111 1111 1111"
TOKEN = "ghp_" + "aB3dE6gH9j" * 3 + "kLmN12"
WEB_TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmNHl0w5N"
PRIVATE = "-----BEGIN RSA PRIVATE KEY-----\nMIIEow\n-----END RSA PRIVATE KEY-----"


@pytest.mark.parametrize(
    ("text", "left"),
    [
        (f"邮箱{EMAIL}请回复", "邮箱<EMAIL_1>请回复"),
        (f"Write to {EMAIL}.", "Write to <EMAIL_1>."),
        (f"电话{PHONE}请打", "电话<PHONE_1>请打"),
        ("call +86 138-1234-5678 or 0086-13912345678 吧", "call <PHONE_1> or <PHONE_2> 吧"),
        ("座机010-62345678，US (212)555-0123 or 212-555-0199", "座机<PHONE_1>，US <PHONE_2> or <PHONE_3>"),
        ("ring +44 20 7946 0958 现在", "ring <PHONE_1> 现在"),
        (f"身份证{ID_CARD}号", "身份证<ID_CARD_1>号"),
        (f"ID {ID_CARD} ok", "ID <ID_CARD_1> ok"),
        (f"卡号{BANK_CARD}到期", "卡号<BANK_CARD_1>到期"),
        ("card 6222021234567894 ok", "card <BANK_CARD_1> ok"),
        (f"令牌{TOKEN}，and {WEB_TOKEN}", "令牌<KEY_1>，and <KEY_2>"),
        ("AWS AKIAIOSFODNN7EXAMPLE 密钥", "AWS <KEY_1> 密钥"),
        ("密钥sk-0123456789abcdef0123456789abcdef.", "密钥<KEY_1>."),
        (f"私钥：\n{PRIVATE}\nend", "私钥：\n<KEY_1>\nend"),
    ],
)  # fmt: skip
def test_personal_data_and_secrets_become_typed_placeholders(text, left):
    assert mend(text)[0] == left


@pytest.mark.parametrize(
    "text",
    [
        "身份证110105194912310021号 wrong check digit",  # GB 11643 checksum
        "卡号4111 1111 1111 1112 wrong check digit",  # Luhn
        "订单号 138123456789012345 is an order",
        "圆周率 3.13812345678 is not a phone",
        "12345678 和 2024-01-02 03:04 are no phones",
        "task-list-of-words-that-is-long-enough-9 与 @user",
        "1 + 1 = 2，价格 1,234,567.89 元",
    ],
)
def test_numbers_that_are_nobodys_stay(text):
    assert mend(text) == (text, [])


def test_the_same_value_gets_the_same_placeholder_in_all_turns():
    left, lines = run(
        f"我的电话{PHONE}", "My phone is 13987654321.", "再说一遍", f"+86 138 1234 5678 and {EMAIL.upper()}, {EMAIL}"
    )
    assert [m["content"] for m in left["messages"]] == [
        "我的电话<PHONE_1>", "My phone is <PHONE_2>.", "再说一遍", "<PHONE_1> and <EMAIL_1>, <EMAIL_1>",
    ]  # fmt: skip
    assert [(line["reason"], line["measure"]) for line in lines] == [("pii_email", 2), ("pii_phone", 3)]


@pytest.mark.parametrize("bare", ["9094561234", "909 - 456 - 1234", "９０９４５６１２３４"])
def test_a_number_that_one_turn_gives_away_is_redacted_in_every_spelling_and_turn(bare):
    left, _ = run(f"请改写 format {bare}", "好 (909) 456-1234", meta=f'{{"n":{{"v":"{bare}"}}}}')
    assert [m["content"] for m in left["messages"]] == ["请改写 format <PHONE_1>", "好 <PHONE_1>"]
    assert json.loads(left["meta"]) == {"n": {"v": "<PHONE_1>"}}


def test_meta_and_tools_are_redacted_and_stay_json():
    meta = {"联系人": {"mobile": int(PHONE), "n": 7}, "notes": [f"mail {EMAIL}"], PHONE: True}
    tools = [{"name": "call", "parameters": {"default": int(PHONE)}}]
    left, _ = run("打电话 call", "好的 ok", meta=json.dumps(meta, ensure_ascii=False), tools=json.dumps(tools))
    assert json.loads(left["meta"]) == {
        "联系人": {"mobile": "<PHONE_1>", "n": 7}, "notes": ["mail <EMAIL_1>"], "<PHONE_1>": True,
    }  # fmt: skip
    assert json.loads(left["tools"]) == [{"name": "call", "parameters": {"default": "<PHONE_1>"}}]


def test_a_tool_call_is_still_a_call_when_it_was_cleaned():
    call = {"name": "send", "arguments": {"to": int(PHONE), "text": "<p>你好</p> &quot;hi&quot;"}}
    left, _ = run("发短信 text her", with_calls("稍等 wait", [call]))
    text, calls = split_calls(left["messages"][1]["content"])
    assert (text, calls) == ("稍等 wait", [call | {"arguments": call["arguments"] | {"to": "<PHONE_1>"}}])


@pytest.mark.parametrize("quote", ['"', "'", ""])
def test_the_secret_key_of_aws_is_found_by_its_name(quote):
    secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
    text, reasons = mend(f"这样写 so: aws_secret_access_key = {quote}{secret}{quote}")
    assert secret not in text
    assert reasons == ["pii_key"]


def test_a_long_run_of_letters_takes_time_in_proportion_to_its_length():
    started = time.process_time()
    assert find("a" * 500_000 + " 邮箱 x@y.com-z@y.com") == [Found(500_004, 500_011, "email")]
    assert time.process_time() - started < 10  # in proportion to its square it is minutes


def test_addresses_side_by_side_are_all_redacted():
    assert mend("邮箱 mail x@y.com-z@y.com")[0] == "邮箱 mail <EMAIL_1>-<EMAIL_2>"


def test_a_card_in_pairs_of_digits_is_redacted():
    assert mend("卡号 card 62-22-02-12-34-56-78-94 谢谢")[0] == "卡号 card <BANK_CARD_1> 谢谢"


def test_redaction_can_be_turned_off():
    text = f"电话{PHONE} call"
    assert mend(text, CleanParams(pii=[])) == (text, [])


SECRETS = (EMAIL, PHONE, ID_CARD, BANK_CARD, TOKEN, WEB_TOKEN)


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("around", ["<p>{}</p>", "{}  \n\n\n\nx", "\u200b{}", "</s>{} 抱歉", "caf\u00c3\u00a9 {}"])
def test_no_value_is_anywhere_in_the_ledger_or_what_is_left(secret, around):
    text = around.format(f"联系 {secret} please")
    outcome, _ = clean_examples(
        examples_frame([row(text, f"抱歉，我无法提供 {secret}"), row(text, "好 ok", id="b")]), PARAMS
    )
    everything = json.dumps([outcome.ledger.to_dicts(), outcome.examples.to_dicts()], ensure_ascii=False, default=str)
    assert secret not in everything
    assert set(outcome.ledger.filter(action="drop")["id"]) == {"a"}


@pytest.mark.parametrize("hidden", ["138\u200b1234\u200b5678", "138<b>12345678</b>", "138</s>12345678"])
def test_a_value_that_a_repair_brings_out_is_redacted_and_withheld_from_the_ledger(hidden):
    left, lines = run(f"打 {hidden} call", "好 ok")
    assert left["messages"][0]["content"] == "打 <PHONE_1> call"
    told = {line["reason"]: (line["before"], line["after"]) for line in lines}
    del told["pii_phone"]
    assert list(told.values()) == [(None, None)]


def test_two_values_side_by_side_are_both_redacted():
    assert mend("13812345678-13987654321 两个 two")[0] == "<PHONE_1>-<PHONE_2> 两个 two"


def test_redaction_comes_before_the_repairs_so_they_show_placeholders():
    _, lines = run(f"<p>电话{PHONE} call</p>", "好 ok")
    shown = {line["reason"]: line["before"] for line in lines}
    assert shown["html"] == "<p>电话<PHONE_1> call</p>"


def test_the_ledger_joins_equal_values_by_a_salted_hash():
    told = [run(f"电话{PHONE}", "ok 好", params=CleanParams(redaction_salt=salt))[1][0]["after"] for salt in "aab"]
    assert told[0] == told[1] != told[2]


# Drops.
@pytest.mark.parametrize(
    ("turns", "reason"),
    [
        (("写诗 poem", "  \n"), "empty_answer"),
        (("写诗 poem", "<|im_end|>"), "empty_answer"),
        (("写诗 poem", "<p></p>&nbsp;"), "empty_answer"),
        (("\u200b", "答 answer"), "empty_prompt"),
    ],
)
def test_a_row_without_prompt_or_answer_is_dropped(turns, reason):
    left, lines = run(*turns)
    assert left is None
    assert [(line["measure"], line["threshold"]) for line in lines if line["reason"] == reason] == [(0, 1)]


@pytest.mark.parametrize("answer", ["是的好", "yes it is"])
def test_answers_shorter_than_asked_for_are_dropped(answer):
    assert run("问 q", answer, params=CleanParams(min_answer_units=3))[0] is not None
    assert run("问 q", answer, params=CleanParams(min_answer_units=4))[0] is None


@pytest.mark.parametrize(
    ("answer", "reason", "shown"),
    [
        ("抱歉，我无法回答这个问题。", "refusal", "我无法回答"),
        ("I'm sorry, but I cannot help with that.", "refusal", "I cannot help"),
        ("我是由OpenAI开发的人工智能助手。", "identity", "我是由OpenAI"),
        ("I am ChatGPT, a language model trained by OpenAI.", "identity", "I am ChatGPT"),
        ("您没有提供需要翻译的文本，请提供。", "missing_input", "没有提供需要翻译的文本"),
        ("Please provide the text you want me to translate.", "missing_input", "provide the text"),
        ("你他妈的到底想怎样。", "toxic", "他妈的"),
        ("You piece of shit.", "toxic", "piece of shit"),
    ],
)
def test_a_drop_or_flag_shows_what_was_found(answer, reason, shown):
    _, lines = run("你想说 what is it", answer)
    [line] = [line for line in lines if line["reason"] == reason]
    assert (line["measure"], line["threshold"], shown in line["before"]) == (1, 0, True)


@pytest.mark.parametrize("answer", ["抱歉，我无法预订机票。", "I'm sorry, but I can't book flights."])
def test_a_row_with_tools_may_say_that_no_tool_fits(answer):
    assert run("订票 book a flight", answer)[0] is None
    assert run("订票 book a flight", answer, tools='[{"name":"weather"}]')[0] is not None


@pytest.mark.parametrize("action", ["drop", "flag", "off"])
@pytest.mark.parametrize("answer", ["抱歉，我无法回答这个问题。", "I'm sorry, but I cannot help with that."])
def test_params_say_whether_a_check_drops_flags_or_is_off(answer, action):
    left, lines = run("问 q", answer, params=CleanParams(refusal=action, answer_language="off"))
    assert (left is None) == (action == "drop")
    assert [line["action"] for line in lines] == ([action] if action != "off" else [])


def test_a_tokenizer_counts_tokens_and_bounds_them(tmp_path):
    from tokenizers import Tokenizer, models, pre_tokenizers

    tokenizer = Tokenizer(models.WordLevel({"[UNK]": 0}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    path = tmp_path / "tokenizer.json"
    tokenizer.save(str(path))
    text = "one two 三 four"
    for most, reasons in ((6, []), (5, ["too_many_tokens"])):
        params = CleanParams(tokenizer=str(path), max_tokens=most)
        assert [line["reason"] for line in run(text, "好 ok", params=params)[1]] == reasons
    with pytest.raises(ParamsError, match=r"clean\.tokenizer: .*没有.json: no such file; expected a tokenizer.json"):
        run(text, "好", params=CleanParams(tokenizer=str(tmp_path / "没有.json")))
    path.write_text("{}")
    with pytest.raises(ParamsError, match=r"expected a tokenizer.json"):
        run(text, "好", params=CleanParams(tokenizer=str(path) + "/../tokenizer.json"))


@pytest.mark.parametrize("answer", ["今天天气很好。" * 12, "the cat sat on the mat " * 12])
def test_an_answer_that_repeats_itself_is_dropped_with_its_measure(answer):
    left, lines = run("问 q", answer)
    (drop,) = [line for line in lines if line["action"] == "drop"]
    assert (left, drop["reason"], drop["threshold"]) == (None, "repetition", 0.7)
    assert 0.8 < drop["measure"] < 1


@pytest.mark.parametrize(
    "answer",
    [
        "哈哈哈哈哈哈",  # too short to measure
        "\n".join(f"{i}. 步骤 step {'甲乙丙丁戊己庚辛'[i]}：打开第 {i} 个菜单" for i in range(8)),
        "```\nx = [\n" + "    [0, 0, 0, 0],\n" * 30 + "]\n```",
        "| 名 | name |\n|---|---|\n" + "".join(f"| 甲 {k} | a |\n" for k in range(30)),
        "<table>\n" + "<tr>\n<td>第 1 行 row</td>\n</tr>\n" * 12 + "</table>",
        "arr = [" + "0, " * 40 + "0]",
        "床前明月光，疑是地上霜。\n举头望明月，低头思故乡。\n" * 2,
        "Row, row, row your boat,\nGently down the stream.\nMerrily, merrily, merrily, merrily,\nLife is but a dream.",
    ],
    ids=["short", "list", "code", "table", "markup", "numbers", "zh poem", "en song"],
)
def test_lists_code_tables_and_poems_may_repeat(answer):
    assert run("问 q", answer)[0] is not None


@pytest.mark.parametrize("text", ["很长" * 30, "very long " * 30])
def test_a_conversation_that_is_too_long_is_dropped(text):
    left, lines = run(text, "好", params=CleanParams(max_units=60))
    (drop,) = [line for line in lines if line["action"] == "drop"]
    assert (left, drop["reason"], drop["measure"], drop["threshold"]) == (None, "too_long", 61, 60)


def test_a_row_is_dropped_once_for_the_first_reason():
    _, lines = run("", "", params=CleanParams(max_units=1))
    assert [line["reason"] for line in lines] == ["empty_prompt"]


# Language.
@pytest.mark.parametrize(
    ("prompt", "answer", "language"),
    [
        ("你好", "你好，有什么事？", "zh"),
        ("Hi", "Hello, what is it?", "en"),
        ("请解释 list comprehension 的用法", "它是一种写法", "zh"),
        ("写一个函数", "```python\nprint('hi')\n```", "zh"),
        ("Write a function", "`x = 1`", "en"),
        ("```a```", "```b```", "und"),
        ("1 + 1 = ?", "2", "und"),
        ("1 + 1 = ?", "等于二", "zh"),
        ("Translate: thank you very much", "非常感谢", "mixed"),
        ("Bonjour, comment allez-vous mes amis ?", "Je vais bien merci beaucoup et vous mes amis ?", "fr"),
        ("日本の首都はどこですか", "東京です", "ja"),
        ("안녕하세요", "네, 안녕하세요", "ko"),
        ("Как дела?", "Хорошо, спасибо", "ru"),
    ],
)  # fmt: skip
def test_the_language_of_a_row_is_told_from_its_question_and_answer(prompt, answer, language):
    assert run(prompt, answer)[0]["language"] == language


def test_a_language_that_the_source_stated_stays():
    assert run("Hello", "你好", language="zh")[0]["language"] == "zh"


# Properties.
WORD = st.sampled_from(
    ["你好", "世界", "今天", "天气", "hello", "world", "one", "two", "。", "，", ".", "!", "12", "的"]
)
PLAIN = st.lists(WORD, min_size=1, max_size=8).map(lambda words: " ".join([*words, "了 ok."]))
PIECES = st.sampled_from(
    [
        "你好", "hello", " ", "\n", "\n\n\n", "\u3000", "\r", "\u200b", "\x0c", "`", "```", "$$", "html", "tag", "<b>",
        "</p>", "<br", ">", "<", "&", "lt;", "&amp;", "&#60;", "&#8203;", "&nbsp;", "<s>", "</s>", "<|im_end|>", "|>",
        "[INST]", "<sup>", "</sup>", "https://x.cn/", PHONE, EMAIL, "-", ".", "138", "12345678", "caf\u00c3\u00a9",
        "\u00e2\u20ac\u2122", "\u6d63\u72b2\u30bd", "锛", "<tool_call>", "抱歉，我无法回答", "='", '"',
    ]
)  # fmt: skip
DIRTY = st.lists(PIECES | st.text(max_size=3), min_size=1, max_size=12).map("".join)


def frame_of(texts: list[str]) -> pl.DataFrame:
    return examples_frame([row(text, "好 fine " + text, id=f"{i:03}") for i, text in enumerate(texts)])


@settings(max_examples=60)
@given(st.lists(DIRTY, min_size=10, max_size=40))
@example(["&lt;b&gt;x 你", "&amp;lt;", "<<b>b>", "tag\u200bx <b>", "foo\u200b@html.com <b>", "13812345678.13812345678"])
def test_what_was_cleaned_is_clean(texts):
    once = clean_examples(frame_of(texts), PARAMS)[0].examples
    twice, _ = clean_examples(once, PARAMS)
    assert twice.ledger.to_dicts() == []
    assert twice.examples.equals(once)


@settings(max_examples=30)
@given(st.lists(PLAIN, min_size=5, max_size=40))
def test_clean_text_is_left_alone_without_a_line(texts):
    examples = frame_of(texts)
    outcome, _ = clean_examples(examples, PARAMS)
    assert outcome.ledger.to_dicts() == []
    assert outcome.examples.drop("language").equals(examples.drop("language"))


@settings(max_examples=30)
@given(st.lists(DIRTY, min_size=10, max_size=40))
def test_every_row_that_changes_has_a_line_and_no_other_has(texts):
    examples = frame_of(texts)
    outcome, _ = clean_examples(examples, PARAMS)
    both = outcome.examples.join(examples, on="id", suffix="_before")
    changed = set(both.filter(pl.col("messages") != pl.col("messages_before"))["id"])
    gone = set(examples["id"]) - set(outcome.examples["id"])
    edited = set(outcome.ledger.filter(action="edit")["id"])
    assert set(outcome.ledger.filter(action="drop")["id"]) == gone
    assert edited - gone == changed
    assert set(outcome.ledger["reason"]) <= set(REASONS)


def test_workers_change_no_byte(tmp_path: Path):
    rows = [row(f"<p>电话{PHONE} {i}</p>", f"好 fine {i}", id=f"{i:03}") for i in range(6)]
    write_examples(examples_frame([*rows, row("问 q", "", id="z")]), tmp_path / "in" / "examples", rows_per_shard=3)
    for name, run_shards in (("one", in_process), ("many", in_processes)):
        report = clean(tmp_path / "in", tmp_path / name, PARAMS, run_shards)
        assert (report.rows_in, report.rows_out) == (7, 6)
    files = [sorted(p for p in (tmp_path / name).rglob("*") if p.is_file()) for name in ("one", "many")]
    assert [p.read_bytes() for p in files[0]] == [p.read_bytes() for p in files[1]]
    assert read_examples(tmp_path / "one")["messages"][0][0]["content"] == "电话<PHONE_1> 0"


@pytest.mark.parametrize("split", ["138<|im_end|>12345678", "138&#49;2345678", "138\u200b12345678"])
def test_a_value_that_one_repair_brings_out_and_the_next_cuts_is_not_quoted(split):
    _, lines = run("问 q", f"好的，没问题。 Fine.\n\n### Instruction:\nCall {split} now")
    quoted = " ".join(f"{line['before']} {line['after']}" for line in lines if line["reason"] != "pii_phone")
    assert "138" not in quoted


def test_a_hash_that_holds_the_digits_of_a_number_stays():
    left, _ = run("问 q 0x65686553f", "电话是65686553。", meta='{"sha":"a65686553b"}')
    assert (left["messages"][0]["content"], left["meta"]) == ("问 q 0x65686553f", '{"sha":"a65686553b"}')


@pytest.mark.parametrize("value", ["13812345678.0", '"138\u200b12345678"', "13812345678"])
def test_numbers_in_meta_are_redacted_as_floats_and_with_hidden_characters_too(value):
    assert json.loads(run("问 q", "好 ok", meta=f'{{"p":{value}}}')[0]["meta"]) == {"p": "<PHONE_1>"}


def test_only_the_kinds_that_params_name_are_redacted():
    left, _ = run("发到13812345678@qq.com or call 13912345678", "好 ok", params=CleanParams(pii=["phone"]))
    assert "13912345678" not in left["messages"][0]["content"]
    assert (
        run("写信 lin@abc.cn", "好 ok", params=CleanParams(pii=["phone"]))[0]["messages"][0]["content"]
        == "写信 lin@abc.cn"
    )


def test_what_a_template_is_filled_with_is_public():
    params = CleanParams(template_values={"email": "help@shop.com"})
    left, _ = run("写信给 {{email}}", "好 ok", params=params)
    assert left["messages"][0]["content"] == "写信给 help@shop.com"


@pytest.mark.parametrize("turns", [("<|im_start|>user\n<|im_end|>", "好 ok")])
def test_a_system_turn_is_no_prompt(turns):
    messages = [{"role": "system", "content": "你是助手 You help."}, *row(*turns)["messages"]]
    outcome, _ = clean_examples(examples_frame([{"id": "a", "messages": messages}]), PARAMS)
    assert outcome.ledger.filter(action="drop")["reason"].to_list() == ["empty_prompt"]
