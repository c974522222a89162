"""Mail addresses and IP addresses of hosts in a text."""

import ipaddress
import re

from tasks.cleaners.values import rule

# Mail addresses. Endings of files are no domains: icon@2x.png; nor are methods of a product: A@b.mean().
_FILES = r"(?!(?:png|jpe?g|gif|svg|webp|[jt]sx?|css|json|html?|xml|ya?ml|txt|csv)(?![a-z0-9]))"
_DOMAIN = rf"[a-z0-9-]+(?:\.[a-z0-9-]+)*\.{_FILES}(?:(?:com|net|org|edu|gov|[a-z]{{2}})(?![a-z])|[a-z]{{3,}}(?![a-z(]))"
_AT, _DOT = r"(?:\( ?at ?\)|\[ ?at ?\])", r"(?:\.|\( ?dot ?\)|\[ ?dot ?\])"
_ENDS = r"(?:com|net|org|edu|gov|io|cn|uk|de|jp)(?![a-z])"


def _is_mail(text: str, start: int, end: int) -> int:
    """Not git@github.com:org/repo, which is no person, nor what follows the password in a URL."""
    is_password = re.search(r"://[^\s/@]*:\Z", text[max(0, start - 99) : start])
    return 0 if is_password or text[start:end].startswith("git@") else end


# Global addresses of nobody: public resolvers of Google, Cloudflare, Quad9, OpenDNS, 114DNS, AliDNS, DNSPod, Baidu
# (https://en.wikipedia.org/wiki/Public_recursive_name_server), which every lesson on ping has.
RESOLVERS = {
    *("8.8.8.8", "8.8.4.4", "1.1.1.1", "1.0.0.1", "9.9.9.9", "149.112.112.112", "208.67.222.222", "208.67.220.220"),
    *("114.114.114.114", "114.114.115.115", "223.5.5.5", "223.6.6.6", "119.29.29.29", "180.76.76.76", "2620:fe::fe"),
    *("2001:4860:4860::8888", "2001:4860:4860::8844", "2606:4700:4700::1111", "2606:4700:4700::1001"),
}
_VERSION = re.compile(
    r"(?:(?<![a-z])v|(?<![a-z])ver\.?|version|release|build|firmware|update|section|chapter|版本?|固件|章节?|第|§)[号]?"
    r"[\s:=\"'(_*]{0,6}(?:number|no\.|is|to|[为是到])?\s?\Z|[a-z]/\Z|[a-z0-9][_-]\Z|[=~<>]=\s?\Z",
    re.A | re.I,
)


def _is_ip(text: str, start: int, end: int) -> int:
    """A host's global address: no network or broadcast address (.0, .255), no version or section.

    Numbers that are all below 30 are sections and versions; of addresses they are 3 in 10,000.
    """
    value = text[start:end]
    try:
        address = ipaddress.ip_address(value)
    except ValueError:
        return 0
    if not address.is_global or address.is_multicast or address.compressed in RESOLVERS:
        return 0
    if address.version == 4:
        numbers = [int(number) for number in value.split(".")]
        is_version = max(numbers) < 30 or _VERSION.search(text[max(0, start - 24) : start])
        return 0 if is_version or numbers[-1] in (0, 255) else end
    return end


# It begins where its letters do: tried from each of a long run of them, a file in base64 would take hours.
MAIL = (rule("email", rf"(?<![\w.%+-])(?:(?<=\\)[nrt])?[.%+-]*(?P<value>\w[\w.%+-]*@{_DOMAIN})", _is_mail),)
SPELLED = rf"(?i:{_AT}| dot )"
SPELLED_MAIL = (
    rule("email", rf"(?<![\w.%+-])\w[\w.%+-]* ?{_AT} ?[a-z0-9-]+(?: ?{_DOT} ?[a-z0-9-]+)*? ?{_DOT} ?{_ENDS}"),
    rule("email", rf"(?<![\w.%+-])\w[\w.%+-]* at [a-z0-9-]+(?: dot [a-z0-9-]+)*? dot {_ENDS}"),
)
IP = (
    rule("ip", r"(?:(?<![\w.])|(?<=\\[nrt]))\d{1,3}(?:\.\d{1,3}){3}(?![\w-]|\.\w)", _is_ip),
    rule("ip", r"(?:(?<![\w.])(?<![\d:]:)|(?<=\\[nrt]))[23][\da-f]{3}:[\da-f:]*[\da-f](?![\w:])", _is_ip),
)


def plain_mail(value: str) -> str:
    """The address in small letters, with the signs for (at) and (dot)."""
    value = re.sub(r" ?[(\[] ?at ?[)\]] ?| at ", "@", value.lower())
    return re.sub(r" ?[(\[] ?dot ?[)\]] ?| dot ", ".", value)


def plain_ip(value: str) -> str:
    """The address in its shortest form."""
    return ipaddress.ip_address(value).compressed
