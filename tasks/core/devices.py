"""Where a model runs and in which numbers, and all that its result hangs on besides seed and data."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import torch

from tasks.core.errors import ParamsError
from tasks.core.model import ModelConfig

# Dense bf16 FLOP/s of a card, without sparsity, from NVIDIA's data sheets, by words of its name; the first that fits.
PEAK_FLOPS = {
    "H200 NVL": 835e12,
    "H200": 989e12,
    "H100 NVL": 835e12,
    "H100 PCIe": 756e12,
    "H100": 989e12,
    "A100": 312e12,
    "L40S": 362e12,
    "L40": 181e12,
    "L4": 121e12,
    "A10G": 70e12,
    "A10": 125e12,
    "RTX 4090": 165e12,
    "T4": 65e12,  # fp16: it has no bf16
}
LESSER = r"\b(Laptop|MIG|D)\b"  # a smaller chip under the same name, or a slice of the card


def choose_device(name: str, section: str = "train") -> torch.device:
    """`auto` is CUDA where there is one.

    Raises ParamsError, naming the `section` of the params that asks, when it is `cuda` and there is none.
    """
    if name == "cuda" and not torch.cuda.is_available():
        raise ParamsError(f"{section}.device: cuda is not available here; expected auto or cpu")
    return torch.device("cuda" if name != "cpu" and torch.cuda.is_available() else "cpu")


def choose_dtype(name: str, device: torch.device) -> torch.dtype:
    """What matrices are multiplied in: `auto` is bfloat16 where the device multiplies it natively, else float32."""
    if name != "auto":
        return torch.bfloat16 if name == "bfloat16" else torch.float32
    if device.type == "cuda":
        is_native = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        found = torch.cpu.get_capabilities()
        is_native = bool(found.get("avx512_bf16") or found.get("amx_bf16"))
    return torch.bfloat16 if is_native else torch.float32


def choose_blocks(name: str, device: torch.device, is_compiled: bool) -> bool:
    """Whether packed rows use flex attention: `auto` does on CUDA when compiled, where alone it is fast.

    Raises ParamsError for `flex` on a CPU: it has no gradient there.
    """
    if name == "flex" and device.type == "cpu":
        raise ParamsError("train.attention: flex has no gradient on a CPU; expected auto or dense")
    return name == "flex" or (name == "auto" and device.type == "cuda" and is_compiled)


def autocast(device: torch.device, dtype: torch.dtype) -> Any:
    """Multiply matrices in `dtype`; weights, sums, softmax and losses stay in float32."""
    return torch.autocast(device.type, dtype, enabled=dtype is not torch.float32)


def train_flops(config: ModelConfig, n_tokens: int, n_labels: int) -> float:
    """Operations of the forward and backward pass of `n_tokens`, of which `n_labels` are to be said.

        n_tokens (6 N + 12 L C T) + n_labels 6 C V

    Chowdhery et al. 2022, "PaLM", arXiv:2204.02311, appendix B: L layers of width C with N weights in all that are
    multiplied, T tokens of context in a full row; the output layer, C by V, is computed for labelled tokens alone.
    """
    kv_width = 2 * config.n_kv_head * config.head_size
    of_layer = config.n_embd * (2 * config.n_embd + kv_width) + 3 * config.n_embd * config.n_hidden
    of_token = 6.0 * config.n_layer * of_layer + 12.0 * config.n_layer * config.n_embd * config.block_size
    return n_tokens * of_token + n_labels * 6.0 * config.n_embd * config.vocab_size


def card_name(device: torch.device) -> str:
    """What the card calls itself; `cpu` where there is none."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type


def peak_flops(card: str) -> float | None:
    """Dense bf16 FLOP/s of the card of that name; None where we do not know it."""
    if re.search(LESSER, card):
        return None
    return next((flops for words, flops in PEAK_FLOPS.items() if re.search(rf"\b{words}\b", card)), None)


@contextmanager
def reproducible(seed: int, threads: int, is_compiled: bool = False) -> Iterator[None]:
    """Fix what the result depends on: seed, number of threads, kernels; with `is_compiled` those of torch.compile too.

    Afterwards the threads, the CPU's random numbers and the choice of kernels are as they were. Not put back: CUDA's
    random numbers, and CUBLAS_WORKSPACE_CONFIG, which is set where it was not, for cuBLAS reads it once.
    """
    before = torch.get_num_threads(), torch.get_rng_state(), torch.get_deterministic_debug_mode()
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS sums in one order only with this
    torch.set_num_threads(threads)
    torch.manual_seed(seed)
    # On CUDA the gradient of attention has no such kernel, so it warns only. use_deterministic_algorithms sets the same
    # flags, and imports torch.compile's back end for one of its own: 70 MiB and more than a second.
    torch.set_deterministic_debug_mode("warn")
    try:
        with compiled_alike() if is_compiled else nullcontext():
            yield
    finally:
        torch.set_num_threads(before[0])
        torch.set_rng_state(before[1])
        torch.set_deterministic_debug_mode(before[2])


@contextmanager
def compiled_alike() -> Iterator[None]:
    """Have torch.compile choose kernels without timing them, which gives others from run to run."""
    from torch._inductor import config

    before = config.deterministic
    config.deterministic = True
    try:
        yield
    finally:
        config.deterministic = before
