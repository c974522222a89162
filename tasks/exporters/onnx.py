"""The model as an ONNX folder: one graph that reads whole texts, batches, and token by token after a cache.

model.onnx (opset 18), config.json, generation_config.json, tokenizer.json, tokenizer_config.json. Inputs and outputs
bear the names that Hugging Face optimum gives them, so that its runtimes find them
(https://github.com/huggingface/optimum, optimum/onnxruntime/modeling_decoder.py):

    input_ids, position_ids (B, T)   attention_mask (B, P + T)   past_key_values.{layer}.key, .value (B, nkv, P, hs)
    logits (B, T, vocab_size)                                    present.{layer}.key, .value (B, nkv, P + T, hs)

B, T and P, the tokens in the cache, may differ from run to run, and P may be 0. Rows may be padded on either side:
padding has 0 in `attention_mask`, and `position_ids`, below block_size, count a row's own tokens.
"""

import copy
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tasks.core.errors import ParamsError
from tasks.core.files import whole_file
from tasks.core.model import Cache, Transformer
from tasks.exporters.huggingface import write_settings

if TYPE_CHECKING:
    from onnx import ModelProto

OPSET = 18


class WithCache(nn.Module):
    """The Transformer with its cache among inputs and outputs; any number of tokens may follow any cache."""

    def __init__(self, model: Transformer) -> None:
        super().__init__()
        self.model = model

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor, position_ids: Tensor, past: Cache
    ) -> tuple[Tensor, Cache]:
        """Logits (B, T, vocab_size) and the cache with these tokens; shapes as above.

        Padding sees itself, so that its row of the softmax is one of numbers; no other token sees it.
        """
        model, n_past = self.model, past[0][0].size(2)
        columns = torch.arange(n_past + input_ids.size(1))  # (P + T,)
        rows = columns[n_past:, None]  # (T, 1)
        mask = (columns < rows) & (attention_mask[:, None] != 0) | (columns == rows)  # (B, T, P + T)
        cos, sin = (table[position_ids][:, None] for table in (model.cos, model.sin))  # (B, 1, T, hs)
        x, present = model.embedding(input_ids), []
        for block, of_layer in zip(model.blocks, past, strict=True):
            x, of_layer = block(x, cos, sin, mask[:, None], of_layer)
            present.append(of_layer)
        return F.linear(model.norm(x), model.embedding.weight), present


def export(model: Transformer, tokenizer_file: Path, folder: Path, *, int8: bool = False) -> None:
    """Write `model` and its tokenizer into `folder`; `int8` stores its matrices as bytes, a scale each.

    Raises ParamsError where the extra export is not installed, SourceError as `write_settings` does.
    """
    proto = graph(model)
    with whole_file(folder / "model.onnx") as temporary:
        temporary.write_bytes((quantized(proto) if int8 else proto).SerializeToString(deterministic=True))
    write_settings(model.config, tokenizer_file, folder)


def graph(model: Transformer) -> "ModelProto":
    """The model as an ONNX graph without the exporter's notes: they hold stack traces, and double a small model.

    Raises ParamsError where the extra export is not installed.
    """
    try:
        import onnx
        import onnxscript  # noqa: F401  torch asks for it in the middle of its work
    except ImportError as error:
        raise ParamsError(missing(error)) from None
    config = model.config
    n_batch, n_tokens, n_past = 2, 3, 4  # not 0 or 1: torch takes those for fixed
    # A tensor of its own for each input: torch takes one that comes twice for one input.
    ids, places = (torch.zeros(n_batch, n_tokens, dtype=torch.long) for _ in range(2))
    seen = torch.ones(n_batch, n_past + n_tokens, dtype=torch.long)
    of_layer = n_batch, config.n_kv_head, n_past, config.head_size
    kept = [(torch.zeros(of_layer), torch.zeros(of_layer)) for _ in range(config.n_layer)]
    batch, tokens, past = (torch.export.Dim(name) for name in ("batch_size", "sequence_length", "past_sequence_length"))
    of_cache = {0: batch, 2: past}
    parts = [f"{layer}.{part}" for layer in range(config.n_layer) for part in ("key", "value")]
    with quiet():
        program = torch.onnx.export(
            WithCache(copy.deepcopy(model).cpu()).eval(),
            (ids, seen, places, kept),
            dynamo=True,
            opset_version=OPSET,
            input_names=["input_ids", "attention_mask", "position_ids", *(f"past_key_values.{part}" for part in parts)],
            output_names=["logits", *(f"present.{part}" for part in parts)],
            dynamic_shapes=(
                {0: batch, 1: tokens},
                {0: batch, 1: torch.export.Dim.DYNAMIC},  # P + T, which a Dim cannot say
                {0: batch, 1: tokens},
                [(of_cache, of_cache)] * config.n_layer,
            ),
            external_data=False,
            verbose=False,
        )
    assert program is not None, "torch.onnx.export gives None for its older exporter only"
    proto = program.model_proto
    [mask] = (given for given in proto.graph.input if given.name == "attention_mask")
    mask.type.tensor_type.shape.dim[1].dim_param = f"{past.__name__} + {tokens.__name__}"
    proto.ClearField("producer_version")  # the same bytes of torch for CPU and for CUDA
    del proto.graph.value_info[:]
    inner = proto.graph
    for noted in (proto, inner, *inner.node, *inner.input, *inner.output, *inner.initializer):
        noted.ClearField("metadata_props")
    onnx.checker.check_model(proto)
    return proto


def quantized(proto: "ModelProto") -> "ModelProto":
    """`proto` with matrices as bytes and a scale each; what is multiplied by them is turned into bytes as it comes.

    Raises ParamsError where the extra export is not installed.
    """
    try:
        import onnx
        from onnxruntime.quantization import QuantType, quantize_dynamic
    except ImportError as error:
        raise ParamsError(missing(error)) from None
    with TemporaryDirectory() as folder, quiet():
        quantize_dynamic(proto, Path(folder) / "model.onnx", weight_type=QuantType.QUInt8)
        return onnx.load(Path(folder) / "model.onnx")


def missing(error: ImportError) -> str:
    """What to say where a library is missing."""
    return f"export: needs a library that is not installed here ({error}); run: pip install 'instructflow[export]'"


@contextmanager
def quiet() -> Iterator[None]:
    """Silence what the libraries say while they work: torchvision is missing, an axis has two names, and the like."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
