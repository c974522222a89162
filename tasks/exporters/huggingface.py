"""The model as a Hugging Face folder that AutoModelForCausalLM and AutoTokenizer load: a Llama, by its own names.

config.json, model.safetensors, generation_config.json, tokenizer.json, tokenizer_config.json (with the chat template).
"""

from pathlib import Path

from safetensors.torch import save_file
from torch import Tensor

from tasks.core.chat import BOS, END, JINJA, PAD, SPECIAL_TOKENS
from tasks.core.files import whole_file, write_json, write_text
from tasks.core.model import ModelConfig, Transformer
from tasks.core.tokens import load_tokenizer, special_ids


def export(model: Transformer, tokenizer_file: Path, folder: Path) -> None:
    """Write `model` and its tokenizer into `folder`."""
    write_settings(model.config, tokenizer_file, folder)
    with whole_file(folder / "model.safetensors") as temporary:
        save_file(llama_weights(model), temporary, metadata={"format": "pt"})


def write_settings(config: ModelConfig, tokenizer_file: Path, folder: Path) -> None:
    """Write all but the weights into `folder`: the shape, the tokenizer, and how both are used.

    Raises SourceError when `tokenizer_file` is not there or lacks a token of the chat template.
    """
    folder.mkdir(parents=True, exist_ok=True)
    ids = special_ids(load_tokenizer(tokenizer_file))
    named_ids = {"bos_token_id": ids[BOS], "eos_token_id": ids[END], "pad_token_id": ids[PAD]}
    write_json(llama_config(config) | named_ids, folder / "config.json")
    write_json(named_ids | {"do_sample": False, "max_length": config.block_size}, folder / "generation_config.json")
    write_text(tokenizer_file.read_text(encoding="utf-8"), folder / "tokenizer.json")
    write_json(
        {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "bos_token": BOS,
            "eos_token": END,
            "pad_token": PAD,
            "additional_special_tokens": [token for token in SPECIAL_TOKENS if token not in (BOS, END, PAD)],
            "chat_template": JINJA,
            "clean_up_tokenization_spaces": False,
            "model_max_length": config.block_size,
            "padding_side": "right",
        },
        folder / "tokenizer_config.json",
    )


def llama_config(config: ModelConfig) -> dict[str, object]:
    """The shape in the words of transformers' LlamaConfig."""
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "vocab_size": config.vocab_size,
        "num_hidden_layers": config.n_layer,
        "num_attention_heads": config.n_head,
        "num_key_value_heads": config.n_kv_head,
        "head_dim": config.head_size,
        "hidden_size": config.n_embd,
        "intermediate_size": config.n_hidden,
        "hidden_act": "silu",
        "max_position_embeddings": config.block_size,
        "rope_theta": config.rope_theta,  # transformers 4
        "rope_parameters": {"rope_type": "default", "rope_theta": config.rope_theta},  # transformers 5
        "rms_norm_eps": config.norm_eps,
        "attention_bias": False,
        "mlp_bias": False,
        "tie_word_embeddings": True,
        "dtype": "float32",
    }


def llama_weights(model: Transformer) -> dict[str, Tensor]:
    """The weights under Llama's names: our joint matrices parted, the output layer left out (it is the embedding)."""
    ours = {name: weight.detach().cpu() for name, weight in model.state_dict().items()}
    weights = {"model.embed_tokens.weight": ours["embedding.weight"], "model.norm.weight": ours["norm.weight"]}
    for layer in range(model.config.n_layer):
        here, there = f"blocks.{layer}", f"model.layers.{layer}"
        kv_width = model.config.n_kv_head * model.config.head_size
        q, k, v = ours[f"{here}.attention.qkv.weight"].split([model.config.n_embd, kv_width, kv_width])
        gate, up = ours[f"{here}.mlp.gate_up.weight"].chunk(2)
        weights |= {
            f"{there}.input_layernorm.weight": ours[f"{here}.attention_norm.weight"],
            f"{there}.self_attn.q_proj.weight": q,
            f"{there}.self_attn.k_proj.weight": k,
            f"{there}.self_attn.v_proj.weight": v,
            f"{there}.self_attn.o_proj.weight": ours[f"{here}.attention.out.weight"],
            f"{there}.post_attention_layernorm.weight": ours[f"{here}.mlp_norm.weight"],
            f"{there}.mlp.gate_proj.weight": gate,
            f"{there}.mlp.up_proj.weight": up,
            f"{there}.mlp.down_proj.weight": ours[f"{here}.mlp.down.weight"],
        }
    return {name: weight.contiguous().clone() for name, weight in weights.items()}
