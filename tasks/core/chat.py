"""The chat template: a conversation as text with special tokens, and which of it the model learns to say.

    <|bos|><|tools|>[…]<|end|><|system|>…<|end|><|user|>…<|end|><|assistant|>…<|end|>

It stands here twice, `render` for us and `JINJA` for whoever loads the exported tokenizer; a test holds the two equal.
What a turn says is encoded as plain text: `<|end|>` typed by a user is never the token that ends a turn.
"""

import json
from collections.abc import Sequence
from typing import NamedTuple

from tasks.core.errors import SourceError
from tasks.core.schema import ROLES, Message, canonical

PAD, BOS, END, TOOLS = "<|pad|>", "<|bos|>", "<|end|>", "<|tools|>"
ROLE = {role: f"<|{role}|>" for role in ROLES}
SPECIAL_TOKENS = (PAD, BOS, END, TOOLS, *ROLE.values())  # in the order of their token ids

# `generation` marks what has loss, for trainers that ask transformers for the assistant's mask.
JINJA = (
    "{{ '<|bos|>' }}"
    "{% if tools %}{{ '<|tools|>' + (tools | tojson(sort_keys=true, separators=(',', ':'))) + '<|end|>' }}{% endif %}"
    "{% for message in messages %}"
    "{% if message.role == 'assistant' %}"
    "{{ '<|assistant|>' }}{% generation %}{{ message.content + '<|end|>' }}{% endgeneration %}"
    "{% else %}{{ '<|' + message.role + '|>' + message.content + '<|end|>' }}{% endif %}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)


MOST_WEIGHT = 1000.0  # of a turn's loss: far above what anyone means, and held exactly enough by a 16-bit float


class Piece(NamedTuple):
    """A stretch of a rendered conversation: one special token, or plain text."""

    text: str
    is_special: bool
    weight: float  # of its loss; 0 where the model need not say it

    @property
    def has_loss(self) -> bool:
        """Whether the model is to say it."""
        return self.weight > 0


def render(
    messages: Sequence[Message],
    tools: str | None = None,
    loss_weights: Sequence[float | None] | None = None,
    *,
    for_answer: bool = False,
) -> list[Piece]:
    """The conversation in pieces; loss is on what an assistant says and on the token that ends its turn.

    `tools` is a JSON list. `loss_weights` has one a message, which only assistant turns use; null is 1, 0 no loss.
    `for_answer` opens one more assistant turn for the model to fill. Raises SourceError for an unknown role, or for
    weights that are not one a message or not numbers from 0 to MOST_WEIGHT.
    """
    weights = loss_weights if loss_weights is not None else [None] * len(messages)
    if len(weights) != len(messages):
        raise SourceError(f"meta.loss_weights: expected one a message, {len(messages)}, found {len(weights)}")
    pieces = [_token(BOS)]
    if tools:
        pieces += [_token(TOOLS), Piece(canonical(json.loads(tools)), False, 0.0), _token(END)]
    for message, given in zip(messages, weights, strict=True):
        if message["role"] not in ROLE:
            raise SourceError(f"messages: expected a role of {ROLES}, found {message['role']!r}")
        weight = _weight(given) if message["role"] == "assistant" else 0.0
        pieces += [_token(ROLE[message["role"]]), Piece(message["content"], False, weight), _token(END, weight)]
    return [*pieces, _token(ROLE["assistant"])] if for_answer else pieces


def as_text(pieces: Sequence[Piece]) -> str:
    """The pieces as one string, as the Jinja template writes it."""
    return "".join(piece.text for piece in pieces)


def _token(text: str, weight: float = 0.0) -> Piece:
    return Piece(text, True, weight)


def _weight(given: float | None) -> float:
    if given is None:
        return 1.0
    if not isinstance(given, (int, float)) or not 0 <= given <= MOST_WEIGHT:
        raise SourceError(f"meta.loss_weights: {given!r}; expected null or a number from 0 to {MOST_WEIGHT:.0f}")
    return float(given)
