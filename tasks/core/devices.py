"""Where a model runs and in which numbers, and all that its result hangs on besides seed and data."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from tasks.core.errors import ParamsError
from tasks.core.model import ModelConfig

# Dense bf16 FLOP/s of a card, without sparsity, from NVIDIA's data sheets, by what its name contains.
PEAK_FLOPS = {
    "H200": 989e12,
    "H100 PCIe": 756e12,
    "H100": 989e12,
    "A100": 312e12,
    "L40S": 362e12,
    "L4": 121e12,
    "A10": 125e12,
    "RTX 4090": 165e12,
    "T4": 65e12,  # fp16: it has no bf16
}


def choose_device(name: str) -> torch.device:
    """`auto` is CUDA where there is one; raises ParamsError when `cuda` is asked for and there is none."""
    if name == "cuda" and not torch.cuda.is_available():
        raise ParamsError("train.device: cuda is not available here; expected auto or cpu")
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


def flops_per_token(config: ModelConfig) -> float:
    """Operations of one token's forward and backward pass in a full row: 6 a weight, and attention's own.

    Chowdhery et al. 2022, "PaLM", arXiv:2204.02311, appendix B: 6 N + 12 L H Q T, with L layers of H heads of width Q
    and T tokens of context; N is every weight that is multiplied, the output layer's too.
    """
    kv_width = 2 * config.n_kv_head * config.head_size
    of_layer = config.n_embd * (2 * config.n_embd + kv_width) + 3 * config.n_embd * config.n_hidden
    n_weights = config.n_layer * of_layer + config.vocab_size * config.n_embd
    return 6.0 * n_weights + 12.0 * config.n_layer * config.n_embd * config.block_size


def peak_flops(device: torch.device) -> float | None:
    """bf16 FLOP/s of the card, where it is one that we know; None for a CPU."""
    if device.type != "cuda":
        return None
    name = torch.cuda.get_device_name(device)
    return next((flops for part, flops in PEAK_FLOPS.items() if part in name), None)


@contextmanager
def reproducible(seed: int, threads: int) -> Iterator[None]:
    """Fix what the result depends on: seed, number of threads, kernels; afterwards all is as it was."""
    before = torch.get_num_threads(), torch.get_rng_state(), torch.are_deterministic_algorithms_enabled()
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS sums in one order only with this
    torch.set_num_threads(threads)
    torch.manual_seed(seed)
    torch.use_deterministic_algorithms(True, warn_only=True)  # on CUDA the gradient of attention has no such kernel
    try:
        yield
    finally:
        torch.set_num_threads(before[0])
        torch.set_rng_state(before[1])
        torch.use_deterministic_algorithms(before[2])
