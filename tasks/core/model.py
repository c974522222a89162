"""The whole Transformer, in this one file: a decoder that predicts each next token.

    x = E[token]                      the embedding; E^T is the output layer too     Press & Wolf 2017, arXiv:1608.05859
    x = x + Attention(RMSNorm(x))     in each layer, normed before each part         Xiong et al. 2020, arXiv:2002.04745
    x = x + SwiGLU(RMSNorm(x))
    p = softmax(RMSNorm(x) E^T)

    Attention  = concat_h [softmax(Q_h K_h^T / sqrt(hs)) V_h] W_o,   no token sees a later one
                 Vaswani et al. 2017, arXiv:1706.03762, (1) and 3.2.2
                 where n_kv_head < n_head, groups of heads share K and V: Ainslie et al. 2023, arXiv:2305.13245
                 Q and K are turned by position, so Q K^T sees distances: Su et al. 2021, arXiv:2104.09864, (34)
    RMSNorm(x) = x / sqrt(mean(x^2) + eps) * g                       Zhang & Sennrich 2019, arXiv:1910.07467, (4)
    SwiGLU(x)  = (silu(x W_gate) * x W_up) W_down                    Shazeer 2020, arXiv:2002.05202, (6)

No biases, no dropout. It computes what transformers' LlamaForCausalLM does (tasks/exporters/huggingface.py), with Q, K,
V in one matrix and gate, up in another. Several examples may lie in one row of a batch: attention stays within a
segment, where positions begin at 0 (Krell et al. 2021, arXiv:2107.02027).

Shapes: B rows of the batch, T tokens of a row, C = n_embd, nh = n_head, nkv = n_kv_head, hs = C / nh.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.attention.flex_attention import BlockMask, create_block_mask, flex_attention

from tasks.core.cross_entropy import WeightedCrossEntropy

LOGITS_STEP = 128  # tokens of whose multiples logits are computed
IGNORE_INDEX = -100  # the label of a token that has no loss, as torch and transformers have it


@dataclass(frozen=True)
class ModelConfig:
    """The shape of a model."""

    vocab_size: int
    n_layer: int = 4
    n_head: int = 4
    n_kv_head: int = 4  # n_head / n_kv_head query heads share one head of keys and values
    n_embd: int = 128
    n_hidden: int = 352  # width of SwiGLU; 8/3 n_embd has as many weights as the 4 n_embd of a plain MLP
    block_size: int = 256  # longest row, in tokens
    rope_theta: float = 10_000.0  # base of the rotary wavelengths
    norm_eps: float = 1e-5

    def __post_init__(self) -> None:
        if self.n_embd % (2 * self.n_head) or self.n_head % self.n_kv_head:
            raise ValueError(
                f"model: n_embd {self.n_embd} must be a multiple of 2 * n_head {self.n_head}, "
                f"and n_head one of n_kv_head {self.n_kv_head}"
            )

    @property
    def head_size(self) -> int:
        """The width of one head, hs."""
        return self.n_embd // self.n_head


# Parameters without the embedding, which adds vocab_size * n_embd.
SIZES: dict[str, dict[str, int]] = {
    "nano": {"n_layer": 4, "n_head": 4, "n_kv_head": 4, "n_embd": 128, "n_hidden": 352},  # 0.80 M
    "micro": {"n_layer": 6, "n_head": 6, "n_kv_head": 6, "n_embd": 288, "n_hidden": 768},  # 5.98 M
    "mini": {"n_layer": 8, "n_head": 8, "n_kv_head": 4, "n_embd": 512, "n_hidden": 1376},  # 23.2 M
    "small": {"n_layer": 12, "n_head": 12, "n_kv_head": 4, "n_embd": 768, "n_hidden": 2048},  # 75.5 M
}

Cache = list[tuple[Tensor, Tensor]]  # keys and values of each layer, (B, nkv, T, hs)
Mask = Tensor | BlockMask | None  # what each token sees: (B, 1, T, T) of bool, or in blocks


def attention(q: Tensor, k: Tensor, v: Tensor, mask: Tensor) -> Tensor:
    """softmax(Q K^T / sqrt(hs)) V, step by step: what the fused kernel is tested against; `mask` is True where seen."""
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.size(-1))  # (B, nh, T, hs) x (B, nh, hs, T) -> (B, nh, T, T)
    return scores.masked_fill(~mask, -math.inf).softmax(dim=-1) @ v  # (B, nh, T, hs)


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Turn each pair (x_i, x_{i + hs/2}) by its position's angle: the half-and-half layout of transformers."""
    left, right = x.chunk(2, dim=-1)
    return x * cos + torch.cat((-right, left), dim=-1) * sin


class Attention(nn.Module):
    """Multi-head causal self-attention."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.widths = (config.n_embd, *[config.n_kv_head * config.head_size] * 2)
        self.head_size, self.is_grouped = config.head_size, config.n_kv_head < config.n_head
        self.qkv = nn.Linear(config.n_embd, sum(self.widths), bias=False)
        self.out = nn.Linear(config.n_embd, config.n_embd, bias=False)

    def forward(
        self, x: Tensor, cos: Tensor, sin: Tensor, mask: Mask, past: tuple[Tensor, Tensor] | None
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """(B, T, C) to the same, and the keys and values so far. Without `mask` a token sees itself and all before."""
        B, T, C = x.shape
        q, k, v = (
            part.view(B, T, -1, self.head_size).transpose(1, 2)  # (B, nh or nkv, T, hs)
            for part in self.qkv(x).split(self.widths, dim=-1)
        )
        q, k = rotate(q, cos, sin), rotate(k, cos, sin)
        if past is not None:
            k, v = torch.cat((past[0], k), dim=2), torch.cat((past[1], v), dim=2)
        if isinstance(mask, BlockMask):
            y: Any = flex_attention(q, k, v, block_mask=mask, enable_gqa=self.is_grouped)  # (B, nh, T, hs)
        else:
            y = F.scaled_dot_product_attention(
                q, k, v, attn_mask=mask, is_causal=mask is None and T > 1, enable_gqa=self.is_grouped
            )
        return self.out(y.transpose(1, 2).reshape(B, T, C)), (k, v)


class SwiGLU(nn.Module):
    """The gated feed-forward part."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.gate_up = nn.Linear(config.n_embd, 2 * config.n_hidden, bias=False)
        self.down = nn.Linear(config.n_hidden, config.n_embd, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, C) to the same."""
        gate, up = self.gate_up(x).chunk(2, dim=-1)
        return self.down(F.silu(gate) * up)  # type: ignore[no-any-return]


class Block(nn.Module):
    """One layer."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.attention_norm = nn.RMSNorm(config.n_embd, config.norm_eps)
        self.attention = Attention(config)
        self.mlp_norm = nn.RMSNorm(config.n_embd, config.norm_eps)
        self.mlp = SwiGLU(config)

    def forward(
        self, x: Tensor, cos: Tensor, sin: Tensor, mask: Mask, past: tuple[Tensor, Tensor] | None
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """(B, T, C) to the same, and the keys and values so far."""
        y, past = self.attention(self.attention_norm(x), cos, sin, mask, past)
        x = x + y
        return x + self.mlp(self.mlp_norm(x)), past


class Transformer(nn.Module):
    """The model. Right-padded rows need no mask: no token sees what comes later, and padding has no label."""

    cos: Tensor
    sin: Tensor
    in_blocks = False  # attend to segments with flex attention, which skips what no token sees; CUDA, best compiled

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.embedding = nn.Embedding(config.vocab_size, config.n_embd)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.n_layer))
        self.norm = nn.RMSNorm(config.n_embd, config.norm_eps)
        wavelengths = config.rope_theta ** (torch.arange(0, config.head_size, 2) / config.head_size)  # (hs / 2,)
        angles = torch.arange(config.block_size)[:, None] / wavelengths.repeat(2)  # (block_size, hs)
        self.register_buffer("cos", angles.cos(), persistent=False)
        self.register_buffer("sin", angles.sin(), persistent=False)
        for name, weight in self.named_parameters():
            if weight.dim() == 2:  # GPT-2: what is added to the residual stream starts smaller, the deeper the model
                nn.init.normal_(weight, std=0.02 / math.sqrt(2 * config.n_layer if name.endswith(_TO_RESIDUAL) else 1))

    def hidden(self, input_ids: Tensor, segments: Tensor | None = None, cache: Cache | None = None) -> Tensor:
        """(B, T) token ids to (B, T, C), before the output layer.

        `segments` (B, T) numbers the examples that lie in one row; a token sees its own only. `cache`, at first an
        empty list, holds what came before `input_ids` (from then on one token each) and is brought up to date.
        Raises ValueError beyond block_size.
        """
        T = input_ids.size(1)
        start = cache[0][0].size(2) if cache else 0
        if start + T > self.config.block_size or (start and T > 1):
            expected = f"at most {self.config.block_size} in all, and one by one after a cache"
            raise ValueError(f"model: {T} tokens after {start}; expected {expected}")
        if segments is None:
            mask: Mask = None
            cos, sin = self.cos[start : start + T], self.sin[start : start + T]  # (T, hs)
        else:
            mask = block_mask(segments) if self.in_blocks else same_segment(segments)
            cos, sin = (table[positions(segments)][:, None] for table in (self.cos, self.sin))  # (B, 1, T, hs)
        x = self.embedding(input_ids)  # (B, T, C)
        for layer, block in enumerate(self.blocks):
            x, past = block(x, cos, sin, mask, cache[layer] if cache and layer < len(cache) else None)
            if cache is not None:
                cache[layer : layer + 1] = [past]
        return self.norm(x)  # type: ignore[no-any-return]

    def forward(self, input_ids: Tensor, segments: Tensor | None = None, cache: Cache | None = None) -> Tensor:
        """(B, T) token ids to logits (B, T, vocab_size); arguments as in `hidden`."""
        return F.linear(self.hidden(input_ids, segments, cache), self.embedding.weight)

    def losses_of(self, x: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Nats of every labelled token, (n,), in reading order, and the row of the batch it is in, (n,).

        `x` (B, T, C) is of `hidden`. `labels` lie over the input ids; the shift is here: what is said at t is judged by
        the label of t + 1.
        """
        row, column, n = labelled(labels)
        logits = F.linear(x[row, column], self.embedding.weight)  # (n and more, vocab_size)
        return F.cross_entropy(logits, labels[row, column + 1], reduction="none")[:n], row[:n]

    def loss_of(self, x: Tensor, labels: Tensor, weights: Tensor) -> Tensor:
        """Mean nats per labelled token of the whole batch, by `weights` (B, T); not the mean of the rows' means."""
        row, column, n = labelled(labels)
        of_labels = weights[row, column + 1]  # (n and more,)
        of_labels[n:] = 0
        total: Tensor = WeightedCrossEntropy.apply(  # type: ignore[no-untyped-call]
            x[row, column], self.embedding.weight, labels[row, column + 1].clamp(min=0), of_labels
        )
        return total / of_labels.sum()

    def token_losses(self, input_ids: Tensor, labels: Tensor, segments: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """`losses_of` what `hidden` makes of (B, T) token ids."""
        return self.losses_of(self.hidden(input_ids, segments), labels)

    def loss(
        self, input_ids: Tensor, labels: Tensor, segments: Tensor | None = None, weights: Tensor | None = None
    ) -> Tensor:
        """`loss_of` what `hidden` makes of (B, T) token ids; without `weights` every labelled token counts the same."""
        weights = torch.ones_like(labels, dtype=torch.float32) if weights is None else weights
        return self.loss_of(self.hidden(input_ids, segments), labels, weights)

    def sequence_log_probability(self, input_ids: Tensor, labels: Tensor) -> Tensor:
        """log p(labelled tokens | all tokens before), summed over each row, (B,)."""
        losses, row = self.token_losses(input_ids, labels)
        return losses.new_zeros(len(input_ids)).index_add(0, row, -losses)

    @torch.no_grad()
    def generate(
        self, input_ids: list[int], stop: int, max_new_tokens: int, temperature: float = 0.0, seed: int = 0
    ) -> Iterator[int]:
        """Yield what follows `input_ids`, token by token, up to `stop` (not yielded) or a full block.

        Temperature 0 takes the likeliest token. Raises ValueError when `input_ids` exceed block_size.
        """
        chance = torch.Generator(self.cos.device).manual_seed(seed)
        cache: Cache = []
        x = torch.tensor([input_ids], device=self.cos.device)  # (1, T), then (1, 1)
        for _ in range(min(max_new_tokens, max(1, self.config.block_size - len(input_ids)))):
            logits = self(x, cache=cache)[0, -1]  # (vocab_size,)
            if temperature:
                token = int(torch.multinomial((logits / temperature).softmax(dim=-1), 1, generator=chance))
            else:
                token = int(logits.argmax())
            if token == stop:
                return
            yield token
            x = torch.tensor([[token]], device=self.cos.device)


_TO_RESIDUAL = ("attention.out.weight", "mlp.down.weight")


def labelled(labels: Tensor) -> tuple[Tensor, Tensor, int]:
    """The n places (row, column) of (B, T) labels whose next token has a label, filled up, and n.

    They are filled up with the first place of all, to be cut off or weighed 0: new sizes each time would cost memory.
    """
    row, column = (labels[:, 1:] != IGNORE_INDEX).nonzero(as_tuple=True)
    n = len(row)
    return F.pad(row, (0, -n % LOGITS_STEP)), F.pad(column, (0, -n % LOGITS_STEP)), n


def same_segment(segments: Tensor) -> Tensor:
    """(B, T) segment numbers to (B, 1, T, T), True where the row's token sees the column's."""
    T = segments.size(1)
    is_earlier = torch.ones(T, T, dtype=torch.bool, device=segments.device).tril()
    return ((segments[:, :, None] == segments[:, None, :]) & is_earlier)[:, None]


def block_mask(segments: Tensor) -> BlockMask:
    """The same in blocks of 128 by 128; those without a True cost nothing (Dong et al. 2024, arXiv:2412.05496)."""
    B, T = segments.shape

    def sees(b: Tensor, h: Tensor, row: Tensor, column: Tensor) -> Tensor:
        return (segments[b, row] == segments[b, column]) & (row >= column)

    return create_block_mask(sees, B, None, T, T, device=segments.device)


def positions(segments: Tensor) -> Tensor:
    """(B, T) segment numbers, equal ones side by side, to each token's place in its segment."""
    index = torch.arange(segments.size(1), device=segments.device).expand_as(segments)
    begins = F.pad(segments[:, 1:] != segments[:, :-1], (1, 0), value=True)
    return index - torch.where(begins, index, 0).cummax(dim=1).values
