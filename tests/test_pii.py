"""Personal data and secrets: found wherever they stand, nothing but they, and not what only looks like them.

Values are made here, from seeds: check digits by python-stdnum, numbers of other countries by libphonenumber.
`pytest -s tests/test_pii.py` prints the recall of every kind in Chinese and in English.
"""

import base64
import ipaddress
import json
import random
import re
import string
import time

import phonenumbers
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stdnum import luhn
from stdnum.iso7064 import mod_11_2

from tasks.cleaners.pii import FOLD, KINDS, SUSPECT, Found, Redactor, find
from tasks.cleaners.secrets import DETECTORS, FORMS

N_VALUES = 200  # of each kind and language
LEAST_RECALL = 0.98
WIDE = {half: full for full, half in FOLD.items() if full >= 0xFF01} | {0x20: 0x3000, 0x2D: 0xFF0D}
LETTERS = string.ascii_letters + string.digits


def chars(rng: random.Random, n: int, of: str = LETTERS) -> str:
    return "".join(rng.choices(of, k=n))


def digits(rng: random.Random, n: int) -> str:
    return chars(rng, n, string.digits)


def email(rng: random.Random) -> str:
    name = rng.choice(["lin", "Mei.Wang", "a_b", "j.doe+news", "13812345678", "x", "li-na99", "O", "user%a"])
    host = rng.choice(
        ["example.com", "mail.qq.com", "163.com", "a-b.co.uk", "pku.edu.cn", "test.io", "x.museum", "T.DE"]
    )
    return f"{name}{rng.choice(['', digits(rng, 3)])}@{host}"


def chinese_phone(rng: random.Random) -> str:
    a, b, c = f"1{rng.choice('3456789')}{digits(rng, 1)}", digits(rng, 4), digits(rng, 4)
    area, line = rng.choice(["010", "021", "0755", "0571"]), rng.choice("2345678") + digits(rng, 3)
    return rng.choice(
        [
            *(f"{a}{b}{c}", f"{a} {b} {c}", f"{a}-{b}-{c}", f"{a}.{b}.{c}", f"{a} {b[:3]} {b[3]}{c}"),
            *(f"+86 {a}{b}{c}", f"+86{a}{b}{c}", f"86-{a}{b}{c}", f"0086 {a} {b} {c}", f"(+86) {a}-{b}-{c}"),
            *(f"{area}-{line}{c}", f"({area}){line}-{c}", f"({area}) {line}{c}", f"{area} {line} {c}"),
            *(f"+86 {area[1:]} {line} {c}", f"86-{area[1:]}-{line}{c}", f"{area}-{line}{c}转{digits(rng, 3)}"),
            f"{area}-{line}{c}转分机{digits(rng, 4)}",
        ]
    )


COUNTRIES = ["GB", "DE", "JP", "HK", "TW", "FR", "SG", "KR", "AU", "IN", "RU", "BR", "ES", "IT", "CA"]


def foreign_phone(rng: random.Random) -> str:
    kind = rng.choice([phonenumbers.PhoneNumberType.FIXED_LINE, phonenumbers.PhoneNumberType.MOBILE])
    number = phonenumbers.example_number_for_type(rng.choice(COUNTRIES), kind)
    assert number is not None
    spelled = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.INTERNATIONAL)
    plain = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return rng.choice(
        [spelled, plain, spelled.replace(" ", "-"), spelled.replace("+", "00"), spelled.replace(" ", ".")]
    )


def american_phone(rng: random.Random) -> str:
    a, b, c = rng.choice(["212", "415", "650", "312"]), rng.choice("23456789") + digits(rng, 2), digits(rng, 4)
    return rng.choice(
        [f"({a}) {b}-{c}", f"({a}){b}-{c}", f"{a}-{b}-{c}", f"{a}.{b}.{c}", f"+1 {a}-{b}-{c}", f"1-{a}-{b}-{c}",
         f"+1 ({a}) {b}-{c}", f"{a}-{b}-{c} ext. 12", f"({a}) {b}-{c} x123"]
    )  # fmt: skip


def phone(rng: random.Random) -> str:
    return rng.choice([chinese_phone, chinese_phone, foreign_phone, american_phone])(rng)


def id_card(rng: random.Random) -> str:
    county = rng.choice(["110105", "310104", "440305", "510107", "330106", "420106", "610113", "320102"])
    born = f"{rng.randint(1930, 2020)}{rng.randint(1, 12):02}{rng.randint(1, 28):02}"
    body = county + born + digits(rng, 3)
    number = body + mod_11_2.calc_check_digit(body)
    return rng.choice([number, number.lower(), f"{number[:6]} {number[6:14]} {number[14:]}"])


def bank_card(rng: random.Random) -> str:
    prefix, n = rng.choice(
        [("62", 16), ("62", 17), ("62", 18), ("62", 19), ("4", 16), ("51", 16), ("55", 16), ("2221", 16), ("34", 15),
         ("37", 15), ("3528", 16), ("36", 14), ("6011", 16)]
    )  # fmt: skip
    body = prefix + digits(rng, n - 1 - len(prefix))
    number = body + luhn.calc_check_digit(body)
    groups = re.findall(r"\d{1,4}", number) if n >= 16 else [number[:4], number[4:10], number[10:]]
    return rng.choice([number, " ".join(groups), "-".join(groups)])


def ip(rng: random.Random) -> str:
    while True:
        v4 = ipaddress.IPv4Address(rng.getrandbits(32))
        v6 = ipaddress.IPv6Address((0x2001_0DA8 << 96) + rng.getrandbits(rng.choice([16, 64, 96])))
        if v4.is_global and not v4.is_multicast and v4.packed[3] not in (0, 255) and max(v4.packed) >= 30:
            return str(rng.choice([v4, v4, v6, v6.exploded]))


def web_token(rng: random.Random) -> str:
    head, body = (
        base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")
        for part in ({"alg": "HS256"}, {"sub": digits(rng, 8)})
    )
    return f"{head}.{body}.{chars(rng, 43)}"


HEX = "0123456789abcdef"
UPPER = string.ascii_uppercase + string.digits
KEYS = {
    "aws": lambda r: r.choice(["AKIA", "ASIA"]) + chars(r, 16, UPPER),
    "discord": lambda r: f"M{chars(r, 23)}.{chars(r, 6)}.{chars(r, 27)}",
    "github_token": lambda r: f"gh{r.choice('pousr')}_{chars(r, 36)}",
    "gitlab_token": lambda r: f"{r.choice(['glpat', 'gldt', 'glrt'])}-{chars(r, 20)}",
    "mailchimp": lambda r: f"{chars(r, 32, HEX)}-us{r.randint(1, 21)}",
    "openai": lambda r: f"sk-{chars(r, 20)}T3BlbkFJ{chars(r, 20)}",
    "pypi_token": lambda r: f"pypi-AgEIcHlwaS5vcmc{chars(r, 80)}",
    "sendgrid": lambda r: f"SG.{chars(r, 22)}.{chars(r, 43)}",
    "slack": lambda r: f"xoxb-{digits(r, 12)}-{digits(r, 12)}-{chars(r, 24)}",
    "square_oauth": lambda r: f"sq0csp-{chars(r, 43)}",
    "stripe": lambda r: f"{r.choice('sr')}k_live_{chars(r, r.choice([24, 99]))}",
    "telegram_token": lambda r: f"{r.randint(1, 9)}{digits(r, 9)}:AA{chars(r, 33)}",
    "twilio": lambda r: f"SK{chars(r, 32, HEX)}",
    "slack_hook": lambda r: f"https://hooks.slack.com/services/T{chars(r, 8)}/B{chars(r, 8)}/{chars(r, 24)}",
    "private": lambda r: f"-----BEGIN RSA PRIVATE KEY-----\n{chars(r, 64)}\nab=\n-----END RSA PRIVATE KEY-----",
    "pgp": lambda r: f"-----BEGIN PGP PRIVATE KEY BLOCK-----\n\n{chars(r, 64)}\n-----END PGP PRIVATE KEY BLOCK-----",
    "jwt": web_token,
    "sk-ant": lambda r: f"sk-ant-api03-{chars(r, 92)}1-{chars(r, 6)}AA",
    "openai_project": lambda r: f"sk-proj-{chars(r, 47)}1",
    "deepseek": lambda r: f"sk-{chars(r, 31, HEX)}1",
    "github_pat": lambda r: f"github_pat_{chars(r, 22)}_{chars(r, 59)}",
    "stripe_test": lambda r: f"sk_test_{chars(r, 24)}",
    "stripe_hook": lambda r: f"whsec_{chars(r, 32)}",
    "square": lambda r: f"sq0atp-{chars(r, 22)}",
    "slack_app": lambda r: f"xapp-1-A{chars(r, 10, UPPER)}-{digits(r, 13)}-{chars(r, 64, HEX)}",
    "npm": lambda r: f"npm_{chars(r, 36)}",
    "hugging_face": lambda r: f"hf_{chars(r, 34)}",
    "google": lambda r: f"AIza{chars(r, 35)}",
    "google_client": lambda r: f"GOCSPX-{chars(r, 28)}",
    "google_oauth": lambda r: f"ya29.{chars(r, 120)}",
    "aliyun": lambda r: f"LTAI5t{chars(r, 18)}",
    "tencent": lambda r: f"AKID{chars(r, 31)}1",
    "artifactory": lambda r: f"AKCp{chars(r, 69)}",
    "digitalocean": lambda r: f"dop_v1_{chars(r, 64, HEX)}",
    "shopify": lambda r: f"shpat_{chars(r, 32, HEX)}",
    "groq": lambda r: f"gsk_{chars(r, 52)}",
    "databricks": lambda r: f"dapi{chars(r, 32, HEX)}",
    "putty": lambda r: (
        f"PuTTY-User-Key-File-3: ssh-ed25519\nPrivate-Lines: 1\n{chars(r, 48)}\nPrivate-MAC: {chars(r, 64, HEX)}"
    ),
}  # fmt: skip


def key(rng: random.Random) -> str:
    return rng.choice(list(KEYS.values()))(rng)


MAKERS = {"email": email, "phone": phone, "id_card": id_card, "bank_card": bank_card, "ip": ip, "key": key}
CONTEXTS = {
    "zh": [
        "{}", "请记下{}谢谢", "{}是我的", "我的是{}", "我的是：{}。", "“{}”", "（{}）", "【{}】", "**{}**请收好",
        "| 张三 | {} |",
        '{{"联系": "{}"}}', "- {}\n- 无", "第一行\n{}\n第三行", "给{}，还有{}", "{} {}", "{}、{}。", "{}；{}", "`{}`",
        "在\\n{}\\n里",
    ],
    "en": [
        "{}", "Note {} please", "{} is mine", "It is {}", "It is {}.", '"{}"', "({})", "[{}]", "**{}** here",
        "| Ann | {} |",
        '{{"contact": "{}"}}', "- {}\n- none", "first\n{}\nthird", "{}, and {}", "{} {}", "{}; {}", "is it {}?", "`{}`",
        "one\\n{}\\ntwo",
    ],
}  # fmt: skip


def planted(kind: str, language: str) -> list[tuple[str, list[Found]]]:
    """Texts with values of `kind`, and where they stand; every fifth in full width, but for keys."""
    rng = random.Random(f"{kind} {language}")
    texts = []
    while sum(len(where) for _, where in texts) < N_VALUES:
        parts = rng.choice(CONTEXTS[language]).replace("{{", "{").replace("}}", "}").split("{}")
        text, where = parts[0], []
        for part in parts[1:]:
            value = MAKERS[kind](rng)
            if kind != "key" and rng.random() < 0.2:
                value = value.translate(WIDE)
            where.append(Found(len(text), len(text) + len(value), kind))
            text += value + part
        texts.append((text, where))
    return texts


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("kind", KINDS)
def test_values_are_found_wherever_they_stand_and_nothing_but_they(kind, language):
    missed, more, n = [], [], 0
    for text, where in planted(kind, language):
        found = find(text)
        n += len(where)
        missed += [(text[w.start : w.end], text) for w in where if w not in found]
        more += [(text[f.start : f.end], text) for f in found if f not in where]
    print(f"{kind} {language}: recall {1 - len(missed) / n:.3f} of {n}")  # noqa: T201
    assert len(missed) <= (1 - LEAST_RECALL) * n, missed
    assert len(more) <= (1 - LEAST_RECALL) * n, more


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("kind", KINDS)
def test_the_look_at_a_column_passes_over_no_value(kind, language):
    texts = pl.Series([text for text, _ in planted(kind, language)])
    assert texts.filter(~texts.str.contains(SUSPECT)).to_list() == []


@settings(max_examples=500, derandomize=True, deadline=None)
@given(st.text("0123456789" * 3 + "１２３ 　-－.．()（）+@＠:：abcfXat转电话是tel", max_size=60))
def test_what_the_look_at_a_column_passes_over_has_no_value(text):
    if not pl.Series([text]).str.contains(SUSPECT).item():
        assert find(text) == []


@pytest.mark.parametrize("name", KEYS)
def test_keys_are_found_whole_in_chinese_and_english(name):
    rng = random.Random(name)
    for around in ("密钥{}请保密", "the key: {}, keep it", 'KEY="{}"'):
        value = KEYS[name](rng)
        text = around.format(value)
        assert [text[f.start : f.end] for f in find(text)] == [value]


def test_every_detector_and_form_of_keys_has_a_test():
    made = {name: make(random.Random(1)) for name, make in KEYS.items()} | {
        "aws_secret": "aws_secret_access_key", "azure": "AccountKey="
    }  # fmt: skip
    assert {module for module, *_ in DETECTORS} <= set(made)
    assert [begins for begins, _ in FORMS if not any(re.match(begins, value) for value in made.values())] == []


AWS_SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("密码库 postgres://lin:s3cr3t!x@db.example.com:5432/a 连接", "lin:s3cr3t!x"),
        ("clone https://ann:tok3n@git.example.org/repo.git", "ann:tok3n"),
        (f"配置aws_secret_access_key = '{AWS_SECRET}' 如下", AWS_SECRET),
        (f"export AWS_SECRET_ACCESS_KEY={AWS_SECRET}\n", AWS_SECRET),
        ("AccountName=a;AccountKey=" + "aB3/" * 21 + "aB==;End", "aB3/" * 21 + "aB=="),
        ("连接串AccountKey=" + "xY9+" * 21 + "xY==。", "xY9+" * 21 + "xY=="),
    ],
)  # fmt: skip
def test_of_an_assignment_or_url_only_the_secret_is_taken(text, value):
    assert [(text[f.start : f.end], f.kind) for f in find(text)] == [(value, "key")]


@pytest.mark.parametrize(
    ("text", "values"),
    [
        # after a word that announces it, a number may have any form
        ("电话是65686553、65673663。", ["65686553", "65673663"]),
        ("电话是64045361-3015和01051952712。", ["64045361-3015", "01051952712"]),
        ("手机号：4155550123，谢谢", ["4155550123"]),
        ("Phone: 12345678\nMessage: hi", ["12345678"]),
        ("The phone number is 55 5395 4586.", ["55 5395 4586"]),
        ("call me at 555-1212, or 555-1213", ["555-1212", "555-1213"]),
        # after a word that asks to ring, ten digits as in North America
        ("The voicemail says to call back 4045550128 about it.", ["4045550128"]),
        ("有事 ring me on 2125550143, or text us at 3125550187", ["2125550143", "3125550187"]),
        ("Reach her at 6175550122。", ["6175550122"]),
        # links
        ("加我 https://wa.me/447911123456 聊", ["447911123456"]),
        ("see wa.me/8613812345678", ["8613812345678"]),
        ('<a href="tel:+14155550123">拨打</a>', ["+14155550123"]),
        ("api.whatsapp.com/send?phone=447911123456 now", ["447911123456"]),
        # national prefixes beside a country code
        ("ring +44 (0)20 7946 0958 现在", ["+44 (0)20 7946 0958"]),
        ("打+852 2345 6789或+886-2-2345-6789", ["+852 2345 6789", "+886-2-2345-6789"]),
        ("座机01062720130，or (010)6552-9988", ["01062720130", "(010)6552-9988"]),
        ("电话１３８１２３４５６７８请打", ["１３８１２３４５６７８"]),
        ("邮箱ｌｉｎ＠ｅｘａｍｐｌｅ．ｃｏｍ。", ["ｌｉｎ＠ｅｘａｍｐｌｅ．ｃｏｍ"]),
        ("tel13812345678 and 联系QQ13987654321", ["13812345678", "13987654321"]),
        # obfuscated addresses
        ("写给 lin.mei (at) example (dot) com 谢谢", ["lin.mei (at) example (dot) com"]),
        ("email ann[at]example.co.uk, please", ["ann[at]example.co.uk"]),
        ("ann at example dot com", ["ann at example dot com"]),
        ("邮箱：...lin@example.com", ["lin@example.com"]),
        # old identity cards, after the word
        ("身份证号码：110105491231002。", ["110105491231002"]),
        # of an address with a port, the address
        ("登录 ssh root@45.33.32.156:22 now", ["45.33.32.156"]),
        ('"45.33.32.156 - - [10/Oct]" 日志', ["45.33.32.156"]),
        ("I gave the vet 07911 284 635 but 那是旧卡", ["07911 284 635"]),
        ("Ring Hugh on 0131 556 2947 after six 晚上", ["0131 556 2947"]),
        ("Text 07911284635, or ring Jo on 07700 900123 吧", ["07911284635", "07700 900123"]),
        ("Appelle-moi au 06 12 34 56 78, 号码不变", ["06 12 34 56 78"]),
        ("Rufen Sie mich unter 030 12345678 an 柏林", ["030 12345678"]),
        ("日本090-1234-5678，台湾手机 0912-345-678 and more", ["090-1234-5678", "0912-345-678"]),
        ("my Hong Kong mobile 9123 4567 香港", ["9123 4567"]),
        ("座机 8462 3391，有事致电 87654321，打63726688找 Wang", ["8462 3391", "87654321", "63726688"]),
    ],
)  # fmt: skip
def test_uncommon_spellings_are_found_whole(text, values):
    assert [text[f.start : f.end] for f in find(text)] == values


@pytest.mark.parametrize(
    "text",
    [
        # dates, prices, measures, mathematics
        "2024-01-02 03:04:05 到 2024/12/31", "时间戳1700000000000，or 1700000000", "电话费1299.00元，phone $1,299.99",
        "ring 0800 123 4567 免费", "call 1300 123 456 or 0345 600 7010 客服", "tracking number is 123-456-789 单号",
        "call them between 1990-1999 打了 1000 2000 下", "routing number is 021000322 路由",
        "订单号 0131 556 2947, order 0131 556 2947",
        "phone: 2021-05-12", "手机2019-2020款", "1 2 3 4 5 6 7 8 9 10 11 12", "40 50 60 70 80 90 100 乘法表",
        "4 8 12 16 20 24 28 32 36 40", "355909190063-746等于", "821091117+4908374100427 是多少",
        "8+8+8-(2(4)) - 3 = 13",
        "3.14159265358979 圆周率", "0.4111111111111111 and 1.13812345678", "400-120-2000=?", "12500+21000-6300=27200",
        "84834150134 - 6778576 = -16666579378", "p**3 - 13747812500*q**6 多项式", "10.01569306+36.23293216j 复数",
        "181.93835853",
        "E = mc^2, $x_{12345678} \\approx 1.38\\times 10^{-23}$", "北纬39.904211, 东经116.407395", "39.9042N 116.4074W",
        # numbers of things
        "ISBN 978-7-302-11111-4 与 9787302111114", "EAN 4006381333931", "订单号 138123456789012345",
        "IMEI 356938035643809 手机串号",
        "IMEI 490154203237518", "order B13812345678", "型号RTX4090-24576", "bits 01010111000, 10101011100",
        "PB987654321 号",
        "卡号4111 1111 1111 1112 wrong", "身份证110105194912310021号 wrong", "the 15 digits 110105491231002 alone 单独",
        # hotlines
        "热线400-800-1234和4008001234", "helpline 1-800-273-8255 or (888) 407-4747", "客服 +86 400-810-8888",
        "dial 911, 拨打 110", "the text 2718281828 and a number called 2718281828", "reach 7894561230 users 用户",
        # hashes and identifiers
        "550e8400-e29b-41d4-a716-446655440000", "md5 d41d8cd98f00b204e9800998ecf8427e 哈希", "a1b13812345678c9",
        "sha 9f13812345678ab",
        "MAC 2c:54:91:88:c9:e3", "serial 02:05:4B:01:71:B8:E2:48 序列号", "commit 13812345678abcdef",
        # versions, sections, addresses of nobody
        "version 1.2.3.4 与 v1.2.3.4", "版本1.2.3.4，版本号：11.22.33.44", "Chrome/114.0.5735.90 Safari/7.1.2.3",
        "pkg==1.2.3.4 安装",
        "1.2.3.4 标题", "目录\n  1.2.3.1 6306号法案\n# 2.3.4.5 Title", "firmware 12.34.56.78", "lib-45.33.32.156.tar",
        "1.2.3.4.5 多级",
        "第1.2.3.4节", '__version__ = "45.33.32.156"', '{"version": "45.33.32.156"} 版本', "RFC 5545 3.8.2.4 条",
        "256.1.2.3 不是", "45.33.32.1560", "ping 8.8.8.8 和 1.1.1.1", "dns 2001:4860:4860::8888 谷歌",
        "192.168.0.1, 10.0.0.1, 172.16.1.1 内网", "127.0.0.1 0.0.0.0 255.255.255.0",
        "192.0.2.1 198.51.100.7 2001:db8::1 文档",
        "route 157.240.0.0/16 and 31.13.24.0/21", "2024:01:02 03:04", "std::face::feed", "224.0.0.251 组播",
        "fe80::1 ::1",
        # at signs
        "@app.route('/') 装饰器", "@Override\npublic void 方法()", "npm i @types/node @vue/cli", "关注 @user_name 微博",
        "git@github.com:org/repo.git 克隆", "icon@2x.png 图", "react@17.0.2", "A@B.T", "y = X@w.mean(axis=0)",
        r"正则 ^[\w.]+@[\w-]+\.[a-z]{2,}$", "ftp://username:password@ftp.example.com/",
        "postgres://doadmin:...@db.a.com",
        "meet at noon dot dot dot", "用户 at 公司", "(at) home", "https://medium.com/@user/a-1", "数组arr[at]值",
        # words like keys
        "task-list-of-words-that-is-long-enough-9", "sk-learn-is-a-library-of-many-many-words",
        "AKIA 是前缀 hf_hub ghp_ npm_config",
        "password=hunter2 密码", "ASIAPACIFIC", "AccountKey=<你的密钥>", "xoxb-your-token", "Bearer eyJhbGciOi... 省略",
        'BEGINS = "-----BEGIN RSA PRIVATE KEY-----"\nENDS = "-----END RSA PRIVATE KEY-----" 常量',
        "文件以 -----BEGIN OPENSSH PRIVATE KEY----- 开头",
        "engine://SAS_POLICY:SAS_KEY@HOST 与 amqp://user:password@host",
        "-----BEGIN PUBLIC KEY-----\nMIGf\n-----END PUBLIC KEY----- 公钥", "SG.com.cn",
        # placeholders
        "<PHONE_1> <EMAIL_2>号 <IP_3>",
    ],
)  # fmt: skip
def test_what_only_looks_like_a_value_stays(text):
    assert [(text[f.start : f.end], f.kind) for f in find(text)] == []


@pytest.mark.parametrize(
    "spellings",
    [
        ["13812345678", "138 1234 5678", "+86 138-1234-5678", "0086 13812345678", "86-13812345678"],
        ["13812345678", "１３８１２３４５６７８", "１３８　１２３４　５６７８", "138.1234.5678"],
        ["010-62345678", "(010)6234-5678", "+86 10 6234 5678", "０１０－６２３４５６７８"],
        ["+44 20 7946 0958", "0044 20 7946 0958", "+44 (0)20 7946 0958", "+442079460958"],
        ["(212) 555-0123", "+1 212-555-0123", "212.555.0123"],
        ["lin@example.com", "Lin@Example.COM", "lin (at) example (dot) com", "lin at example dot com"],
        ["lin@example.com", "ｌｉｎ＠ｅｘａｍｐｌｅ．ｃｏｍ", "lin[at]example.com"],
        ["11010519491231002X", "11010519491231002x", "110105 19491231 002X"],
        ["4111111111111111", "4111 1111 1111 1111", "4111-1111-1111-1111"],
        ["2001:da8::1", "2001:0da8:0000:0000:0000:0000:0000:0001", "2001:DA8::1"],
    ],
)  # fmt: skip
def test_spellings_of_one_value_get_one_placeholder(spellings):
    redactor = Redactor("salt")
    left = {redactor.redact(f"这是 this is {value} 好") for value in spellings}
    (placeholder,) = redactor.placeholders.values()
    assert left == {f"这是 this is {placeholder} 好"}


def test_values_side_by_side_are_all_redacted():
    for kind, make in MAKERS.items():
        rng = random.Random(kind)
        for between in (" ", "，", "/", "\n", "-", ","):
            values = [make(rng) for _ in range(3)]
            left = Redactor("salt").redact(between.join(values))
            assert not re.search(r"\d{4}", left), (values, left)


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("kind", KINDS)
def test_what_was_redacted_has_no_value_any_more(kind, language):
    for text, _ in planted(kind, language):
        left = Redactor("salt").redact(text)
        again = Redactor("salt")
        again.takes([left])
        assert again.redact(left) == left
        assert again.n_found.total() == 0


def test_a_new_value_gets_no_number_that_stands_in_the_texts_already():
    texts = [
        "打<PHONE_1>或13812345678",
        "mail <EMAIL_2> or a@example.com",
        "13987654321 和 b@example.com, c@example.com",
    ]
    redactor = Redactor("salt")
    redactor.takes(texts)
    assert [redactor.redact(text) for text in texts] == [
        "打<PHONE_1>或<PHONE_2>", "mail <EMAIL_2> or <EMAIL_1>", "<PHONE_3> 和 <EMAIL_3>, <EMAIL_4>",
    ]  # fmt: skip


def test_its_own_placeholders_stay_its_own_when_they_are_told_to_it():
    redactor = Redactor("salt")
    first = redactor.redact("电话13812345678")
    redactor.takes([first])
    assert redactor.redact(f"{first} or 138-1234-5678, 13987654321") == "电话<PHONE_1> or <PHONE_1>, <PHONE_2>"


@pytest.mark.parametrize(
    "unit",
    [
        *("a", "1", "1 ", "1.", ".", "@", "a@", "a.", "a@a.", "+1 ", "0:", "2001:", "://a:", "eyJ", "sk-", "aws key "),
        *(
            "电话",
            "电话1 ",
            "-----BEGIN ",
            "-----BEGIN PRIVATE KEY-----",
            "AKIA0000000000000000",
            "(at) ",
            "a at b dot ",
        ),
        *("xoxb-1-", "-us1", "SG.", "1:", "hf_", "glpat-", "M.", "://", "phone ", "86 ", "(86)", "010-", "1-2-"),
    ],
)
def test_time_is_in_proportion_to_the_length(unit):
    started = time.process_time()
    find(unit * (200_000 // len(unit)))
    assert time.process_time() - started < 5  # in proportion to its square it is minutes
