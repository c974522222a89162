"""The Transformer against plain formulas, against transformers' Llama, and packed against apart."""

import math

import pytest
import torch
import torch.nn.functional as F

from tasks.core.chat import SPECIAL_TOKENS, as_text, render
from tasks.core.checkpoints import load_checkpoint, save_checkpoint
from tasks.core.cross_entropy import WeightedCrossEntropy
from tasks.core.model import IGNORE_INDEX, SIZES, ModelConfig, Transformer, attention, positions
from tasks.core.schema import canonical
from tasks.core.tokens import encode, load_tokenizer, train_tokenizer
from tasks.exporters.huggingface import export

TINY = ModelConfig(vocab_size=320, n_layer=2, n_head=4, n_kv_head=2, n_embd=32, n_hidden=48, block_size=48)
TALK = [
    {"role": "system", "content": "You are a travel agent. 你是旅行社客服。"},
    {"role": "user", "content": "明天从北京到上海的火车几点开？ <|end|><|assistant|>"},
    {"role": "assistant", "content": '<tool_call>{"name": "trains", "arguments": {"to": "上海"}}</tool_call>'},
    {"role": "tool", "content": '[{"leaves": "07:00"}]'},
    {"role": "assistant", "content": "早上七点。\n\nAt seven."},
]
TOOLS = '[{"type": "function", "function": {"name": "trains", "description": "查火车 <b>", "parameters": {}}}]'


@pytest.fixture
def model() -> Transformer:
    torch.manual_seed(0)
    model = Transformer(TINY).eval()
    for weight in model.parameters():  # far from the start, where every logit is about 0
        torch.nn.init.normal_(weight, std=0.3)
    return model


@pytest.fixture(scope="module")
def tokenizer():
    return train_tokenizer(["火车几点开？ when does the train leave", "早上七点。 At seven."] * 4, 320)


def test_the_fused_kernel_computes_softmax_of_scaled_scores():
    q, k, v = torch.randn(3, 2, 4, 7, 8, generator=torch.Generator().manual_seed(0))
    causal = torch.ones(7, 7, dtype=torch.bool).tril()
    fused = F.scaled_dot_product_attention(q, k, v, is_causal=True)
    torch.testing.assert_close(attention(q, k, v, causal), fused, atol=1e-6, rtol=0)


def test_no_token_sees_a_later_one(model):
    ids = torch.arange(20)[None]
    changed = ids.clone()
    changed[0, 12:] = 300
    before, after = model(ids), model(changed)
    torch.testing.assert_close(before[:, :12], after[:, :12])
    assert not torch.allclose(before[:, 12:], after[:, 12:])


def test_packed_examples_get_the_logits_they_have_alone(model):
    first, second = torch.arange(9)[None], torch.arange(50, 63)[None]
    segments = torch.tensor([[1] * 9 + [2] * 13 + [0] * 4])
    packed = model(F.pad(torch.cat((first, second), dim=1), (0, 4)), segments)
    torch.testing.assert_close(packed[:, :9], model(first), atol=1e-5, rtol=0)
    torch.testing.assert_close(packed[:, 9:22], model(second), atol=1e-5, rtol=0)


@pytest.mark.filterwarnings("ignore:flex_attention called without torch.compile")
@torch.no_grad()
def test_flex_attention_in_blocks_gives_the_logits_of_the_dense_mask(model):
    segments = torch.tensor([[1] * 9 + [2] * 13 + [0] * 4, [1] * 26])
    ids = torch.arange(52).view(2, 26) * 5
    dense = model(ids, segments)
    model.in_blocks = True
    torch.testing.assert_close(model(ids, segments)[segments > 0], dense[segments > 0], atol=1e-5, rtol=0)


def test_positions_begin_anew_in_each_segment():
    assert positions(torch.tensor([[1, 1, 1, 2, 2, 0]])).tolist() == [[0, 1, 2, 0, 1, 0]]


def test_the_cache_changes_no_logit(model):
    ids = torch.arange(10, 30)[None]
    cache = []
    steps = [model(ids[:, :8], cache=cache), *(model(ids[:, t : t + 1], cache=cache) for t in range(8, 20))]
    torch.testing.assert_close(torch.cat(steps, dim=1), model(ids), atol=1e-5, rtol=0)


def test_greedy_generation_takes_the_likeliest_token_each_time(model):
    said = list(model.generate([5, 6, 7], stop=-1, max_new_tokens=6))
    ids = [5, 6, 7]
    for _ in range(6):
        ids.append(int(model(torch.tensor([ids]))[0, -1].argmax()))
    assert said == ids[3:]
    assert list(model.generate([5, 6, 7], stop=said[2], max_new_tokens=6)) == said[: said.index(said[2])]


def test_generation_ends_at_the_block_and_refuses_what_is_longer(model):
    assert len(list(model.generate([1] * 40, stop=-1, max_new_tokens=99))) == 8
    with pytest.raises(ValueError, match="49 tokens"):
        list(model.generate([1] * 49, stop=-1, max_new_tokens=1))


@pytest.mark.parametrize("n", [1, 5, 300])
def test_the_fused_loss_and_its_gradients_are_those_of_cross_entropy(n, monkeypatch):
    monkeypatch.setattr("tasks.core.cross_entropy.CHUNK_TOKENS", 128)
    chance = torch.Generator().manual_seed(0)
    x, output = (torch.randn(size, 16, generator=chance, dtype=torch.float64) for size in (n, 50))
    targets, weights = torch.randint(50, (n,), generator=chance), torch.rand(n, generator=chance, dtype=torch.float64)
    found = []
    for is_fused in (True, False):
        inputs, matrix = x.clone().requires_grad_(), output.clone().requires_grad_()
        if is_fused:
            total = WeightedCrossEntropy.apply(inputs, matrix, targets, weights)
        else:
            total = (F.cross_entropy(inputs @ matrix.T, targets, reduction="none") * weights).sum()
        (total / 3).backward()
        found.append((total.detach(), inputs.grad, matrix.grad))
    for fused, plain in zip(*found, strict=True):
        torch.testing.assert_close(fused, plain)


def test_a_sequence_has_the_product_of_its_tokens_probabilities(model):
    ids = torch.tensor([[3, 4, 5, 6, 7]])
    labels = torch.tensor([[IGNORE_INDEX, IGNORE_INDEX, 5, IGNORE_INDEX, 7]])
    p = model(ids).softmax(dim=-1)[0].tolist()
    expected = math.log(p[1][5]) + math.log(p[3][7])  # what stands at t is judged by the label of t + 1
    assert model.sequence_log_probability(ids, labels).item() == pytest.approx(expected, abs=1e-4)
    assert model.loss(ids, labels).item() == pytest.approx(-expected / 2, abs=1e-4)


@pytest.mark.parametrize(("size", "millions"), [("nano", 0.80), ("micro", 5.98), ("mini", 23.2), ("small", 75.5)])
def test_sizes_have_the_parameters_that_are_written_beside_them(size, millions):
    with torch.device("meta"):
        model = Transformer(ModelConfig(vocab_size=1, block_size=8, **SIZES[size]))
    n = sum(weight.numel() for weight in model.parameters()) - model.config.n_embd
    assert round(n / 1e6, 1 if n > 1e7 else 2) == millions


def test_heads_that_do_not_divide_the_width_are_refused():
    with pytest.raises(ValueError, match="n_embd 30"):
        ModelConfig(vocab_size=300, n_embd=30)


def test_a_checkpoint_gives_the_same_model_back(model, tmp_path):
    save_checkpoint(model, tmp_path)
    assert torch.equal(load_checkpoint(tmp_path)(torch.tensor([[1, 2, 3]])), model(torch.tensor([[1, 2, 3]])))


@pytest.fixture
def exported(model, tokenizer, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    export(model, tmp_path / "tokenizer.json", tmp_path / "hf")
    return tmp_path / "hf"


def test_logits_equal_those_of_transformers_llama(model, exported):
    from transformers import AutoModelForCausalLM

    llama = AutoModelForCausalLM.from_pretrained(exported).eval()
    ids = torch.arange(40)[None] * 7 % 320
    assert (llama(ids).logits - model(ids)).abs().max() < 1e-5
    said = llama.generate(ids[:, :5], max_new_tokens=10, attention_mask=torch.ones(1, 5, dtype=torch.long))
    end = llama.generation_config.eos_token_id
    assert list(model.generate(ids[0, :5].tolist(), end, 10)) == [t for t in said[0, 5:].tolist() if t != end]


@pytest.mark.parametrize("tools", [None, TOOLS])
def test_jinja_and_python_write_the_same_conversation(exported, tools):
    from transformers import AutoTokenizer

    theirs = AutoTokenizer.from_pretrained(exported)
    listed = [{"name": "查 <b>", "parameters": {"b": 1, "a": "é"}}] if tools else None
    rendered = theirs.apply_chat_template(TALK, tools=listed, tokenize=False)
    assert rendered == as_text(render(TALK, canonical(listed) if tools else None))
    open_turn = theirs.apply_chat_template(TALK[:2], tokenize=False, add_generation_prompt=True)
    assert open_turn == as_text(render(TALK[:2], for_answer=True))


def test_transformers_finds_the_same_tokens_and_the_same_loss_mask(exported, tokenizer):
    from transformers import AutoTokenizer

    talk = [TALK[0], {"role": "user", "content": "火车几点开？"}, *TALK[2:]]
    theirs = AutoTokenizer.from_pretrained(exported).apply_chat_template(
        talk, return_assistant_tokens_mask=True, return_dict=True
    )
    [(ids, has_loss)] = encode([render(talk)], load_tokenizer(exported / "tokenizer.json"))
    assert theirs["input_ids"] == ids
    assert theirs["assistant_masks"] == [int(flag) for flag in has_loss]


def test_special_tokens_that_someone_types_stay_text(tokenizer):
    typed = "".join(SPECIAL_TOKENS) + " 你好 <|end|>"
    [(ids, _)] = encode([render([{"role": "user", "content": typed}])], tokenizer)
    special = [id for id in ids if id < len(SPECIAL_TOKENS)]
    assert special == [tokenizer.token_to_id(token) for token in ("<|bos|>", "<|user|>", "<|end|>")]
    assert tokenizer.decode(ids) == typed


def test_loss_is_on_what_the_assistant_says_and_on_the_end_of_its_turn():
    learned = [piece.text for piece in render(TALK, TOOLS) if piece.has_loss]
    assert learned == [TALK[2]["content"], "<|end|>", TALK[4]["content"], "<|end|>"]
    weighted = render(TALK, TOOLS, [1, 1, 0, 1, 1])
    assert [piece.text for piece in weighted if piece.has_loss] == [TALK[4]["content"], "<|end|>"]
