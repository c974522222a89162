"""Keys, tokens and private keys in a text, by the form their issuer gave them; nothing is guessed from randomness.

Two sources: detect-secrets' named detectors (https://github.com/Yelp/detect-secrets, 1.5) and patterns of our own for
issuers it lacks or whose spans it gives wrongly. Left out of detect-secrets: its entropy and keyword detectors and
those of Cloudant, IBM and SoftLayer, which tell a key by the name of a variable; Artifactory's, which takes a word
like APCentralSchool for a password; GitLab's, which finds no key before a Han character; OpenAI's, whose time grows
with the square of a text. Forms of those, of AWS secrets, private keys, web tokens, Azure, npm and logins are ours, as
the issuers have them: https://github.com/gitleaks/gitleaks/blob/master/config/gitleaks.toml.
"""

import re
from collections.abc import Iterator
from functools import cache
from importlib import import_module

# Module and class in detect_secrets.plugins, and how its keys begin: only a text that has this is searched.
DETECTORS = (
    ("aws", "AWSKeyDetector", r"(?:A3T[A-Z0-9]|ABIA|ACCA|AKIA|ASIA)[0-9A-Z]{16}"),
    ("discord", "DiscordBotTokenDetector", r"\.[a-zA-Z0-9_-]{6}\.[a-zA-Z0-9_-]{27}"),
    ("github_token", "GitHubTokenDetector", r"gh[pousr]_[A-Za-z0-9]{36}"),
    ("mailchimp", "MailchimpDetector", r"[0-9a-z]-us[0-9]"),
    ("pypi_token", "PypiTokenDetector", r"pypi-AgE"),
    ("sendgrid", "SendGridDetector", r"SG\.[a-zA-Z0-9_-]{22}\."),
    ("slack", "SlackDetector", r"(?i:xox[abposr]-[0-9]|hooks\.slack\.com)"),
    ("square_oauth", "SquareOAuthDetector", r"sq0csp-"),
    ("stripe", "StripeDetector", r"[rs]k_live_"),
    ("telegram_token", "TelegramBotTokenDetector", r"[0-9]{8}:[0-9A-Za-z_-]{35}"),
    ("twilio", "TwilioKeyDetector", r"(?:AC|SK)[a-z0-9]{32}"),
)
AWS_SECRET = r"(?i:aws)[a-zA-Z0-9_]{0,24}(?i:key|secret|token)"  # it has no form of its own: its name tells it
_BODY = (
    r"(?:(?:[^\"'`]{0,4999}?|(?=(?s:.{0,300}?)[a-zA-Z0-9+/]{40})(?s:.{0,4999}?))"
    r"-----END [A-Z0-9 ]*PRIVATE KEY[A-Z ]*-----|(?=[^\"'`]{0,300}?[a-zA-Z0-9+/]{16})[\s\w+/=\\:,-]*)"
)
# How a key of ours begins, and how it goes on. What is in (?P<value>…) is the key, without it all is.
FORMS = (
    # A header alone, as in code that looks for it, is none. A key whose end was cut off goes on to its last letter.
    (r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----", _BODY),
    (
        r"PuTTY-User-Key-File-",
        r"[23]: (?:(?s:.{0,20000}?)Private-MAC: [0-9a-f]+|(?s:.{0,2000}?)Private-Lines: \d+\s[\w+/=\s]*)",
    ),
    (AWS_SECRET, r"\W{1,8}(?P<value>[0-9a-zA-Z/+]{40})(?![0-9a-zA-Z/+])"),
    (r"AccountKey=", r"(?P<value>[a-zA-Z0-9+/]{86}==)"),  # Azure storage
    (r"eyJ", r"[\w-]{1,4096}\.eyJ[\w-]+(?:\.[\w-]*)?"),  # JSON web tokens (RFC 7519), with their signature
    (r"sk-", r"(?=[a-zA-Z_-]{0,99}\d)[\w-]{32,}"),  # OpenAI, Anthropic (sk-ant-…), DeepSeek, OpenRouter
    (r"gl(?:pat|dt|ft|soat|rt|cbt|imt|ptt|agent|oas)-|GR1348941", r"[\w-]{20,}"),  # GitLab
    (r"github_pat_", r"\w{22,}"),
    (r"[rs]k_test_", r"[0-9a-zA-Z]{24,}"),  # Stripe
    (r"whsec_", r"[0-9a-zA-Z+/]{32,}"),
    (r"sq0atp-", r"[\w-]{22}"),  # Square
    (r"xapp-|xoxe[.-]", r"[\w-]{20,}"),  # Slack
    (r"npm_", r"[0-9a-zA-Z]{36}"),
    (r"hf_", r"[0-9a-zA-Z]{34}"),  # Hugging Face
    (r"AIza", r"[\w-]{35}"),  # Google
    (r"GOCSPX-", r"[\w-]{28}"),
    (r"ya29\.", r"[\w-]{50,}"),
    (r"LTAI", r"(?=[a-zA-Z]*\d)[0-9a-zA-Z]{12,26}(?![0-9a-zA-Z])"),  # Aliyun
    (r"AKID", r"(?=[a-zA-Z]*\d)[0-9a-zA-Z]{32}(?![0-9a-zA-Z])"),  # Tencent Cloud
    (r"AKCp", r"[0-9a-zA-Z]{69}"),  # Artifactory
    (r"dop_v1_", r"[0-9a-f]{64}"),  # DigitalOcean
    (r"shp(?:at|ca|pa|ss)_", r"[0-9a-fA-F]{32}"),  # Shopify
    (r"gsk_", r"[0-9a-zA-Z]{52}"),  # Groq
    (r"dapi", r"[0-9a-f]{32}(?![0-9a-z])"),  # Databricks
)  # fmt: skip
KEY_BEGINS = "|".join([*(begins for *_, begins in DETECTORS), *(begins for begins, _ in FORMS)])
# Quicker than KEY_BEGINS: all but a private key has so long a word.
_LONG = re.compile(r"[\w+/-]{20}|-----BEGIN|PuTTY", re.A)
_FORMS = tuple(
    (re.compile(begins), re.compile(f"(?:(?<![a-zA-Z0-9])|(?<=\\\\[nrt]))(?:{begins}){rest}", re.A))
    for begins, rest in FORMS
)
# The name and the password in a URL (RFC 3986, 3.2.1), unless they say what should stand there: user:password@.
_LOGIN = re.compile(
    r"(?<=://)[\w.~%+-]+:(?!(?i:pass(?:word|wd)?|pwd|secret|x+|your_?\w*|my_?\w*|token)@)(?=[^@\s]*(?-i:[a-z0-9]))"
    r"[\w.~%!$&*+=,;-]+(?=@[\w\[])",
    re.A | re.I,
)
_REST = re.compile(r"[a-zA-Z0-9]*")


@cache
def _detectors() -> tuple[tuple[re.Pattern[str], tuple[re.Pattern[str], ...]], ...]:
    """Patterns of each detector, below how its keys begin; imported late, for they import requests.

    They are searched here: a detector itself gives a match's group, of a GitHub token its first three letters.
    """
    loaded = []
    for module, name, begins in DETECTORS:
        patterns = getattr(import_module(f"detect_secrets.plugins.{module}"), name).denylist
        # The second pattern of AWS takes the name of the variable with the secret: AWS_SECRET is ours.
        loaded.append((re.compile(begins), tuple(patterns[:1] if module == "aws" else patterns)))
    return tuple(loaded)


def secrets(text: str) -> Iterator[tuple[int, int]]:
    """Where each key begins and ends; spans may overlap."""
    if "://" in text and "@" in text:
        yield from (match.span() for match in _LOGIN.finditer(text))
    if not _LONG.search(text):
        return
    for begins, patterns in _detectors():
        if begins.search(text):
            for pattern in patterns:
                yield from filter(None, (_whole(text, *match.span()) for match in pattern.finditer(text)))
    for begins, form in _FORMS:
        if begins.search(text):
            value = "value" if "value" in form.groupindex else 0
            yield from (match.span(value) for match in form.finditer(text))


def _whole(text: str, start: int, end: int) -> tuple[int, int] | None:
    """The token that begins at `start`, to its end; none where that is the middle of a longer one, as in base64."""
    if re.search(r"(?<!\\)[a-zA-Z0-9]\Z", text[max(0, start - 2) : start]):
        return None
    rest = _REST.match(text, end)
    return start, rest.end() if rest else end
