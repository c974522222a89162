"""Output layer and cross-entropy in one, chunk by chunk, so that the logits of a batch never exist all at once.

A vocabulary of V makes logits V / C times as large as what they are computed from, and automatic differentiation keeps
them, their logarithm and their gradient. Here the gradient is made on the way forward, in the place of the logits, and
only what it comes to is kept (Hsu et al. 2024, "Liger Kernel", arXiv:2410.10989, 3.2; Wijmans et al. 2024, "Cut Your
Losses", arXiv:2411.09009). The sums are those of F.cross_entropy; a test holds both equal.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

CHUNK_TOKENS = 1024  # whose logits exist at once


class WeightedCrossEntropy(torch.autograd.Function):
    """`apply(x (n, C), output (V, C), targets (n,), weights (n,))`: the sum of weight times nats, in output's dtype."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, output: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
        """Compute the sum, and what `backward` hands on."""
        dtype = torch.get_autocast_dtype(x.device.type) if torch.is_autocast_enabled(x.device.type) else output.dtype
        total, of_x, of_output = output.new_zeros(()), [], torch.zeros_like(output)
        matrix = output.to(dtype)
        with torch.autocast(x.device.type, enabled=False):
            for start in range(0, len(x), CHUNK_TOKENS):
                here = slice(start, start + CHUNK_TOKENS)
                inputs, target, weight = x[here].to(dtype), targets[here], weights[here].to(output.dtype)
                logits = F.linear(inputs, matrix).to(output.dtype)  # (chunk, V)
                log_sum = logits.logsumexp(dim=-1)
                total += (weight * (log_sum - logits.gather(1, target[:, None])[:, 0])).sum()
                gradient = logits.sub_(log_sum[:, None]).exp_()  # softmax, then less 1 where the target is
                gradient[torch.arange(len(target), device=x.device), target] -= 1
                gradient = gradient.mul_(weight[:, None]).to(dtype)
                of_x.append(gradient @ matrix)
                of_output += gradient.T @ inputs
        ctx.save_for_backward(torch.cat(of_x).to(x.dtype), of_output)
        return total

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, None, None]:
        """The gradients of `x` and `output`."""
        of_x, of_output = ctx.saved_tensors
        return gradients[0] * of_x, gradients[0] * of_output, None, None
