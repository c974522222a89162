"""The exported forms against the model they came from: logits, greedy texts, tokens, bytes; and what is refused."""

import json
import sys
from dataclasses import replace

import numpy as np
import onnxruntime
import pytest
import torch
import xllamacpp
from typer.testing import CliRunner

from flows.cli import app
from flows.export import FORMATS, export
from tasks.core.chat import END, PAD, SPECIAL_TOKENS, as_text, render
from tasks.core.checkpoints import save_checkpoint
from tasks.core.errors import ParamsError, SourceError
from tasks.core.model import IGNORE_INDEX, ModelConfig, Transformer
from tasks.core.schema import canonical
from tasks.core.tokens import encode, train_tokenizer
from tasks.exporters import gguf, onnx

PARAMETERS = {"type": "object", "properties": {"to": {"type": "string"}, "At": {"type": ["number", "null"]}}}
TOOLS = [{"type": "function", "function": {"name": "查火车", "description": "“So” <b>\n", "parameters": PARAMETERS}}]
TALKS = [
    ("火车几点开？", "早上七点十五分，请不要迟到。", None),
    ("When does the train leave?", "At 7:15 in the morning; don't be late.", None),
    ("Write a line of Python.", "```python\nprint('hello')\n```\nThat's all. 🌞", None),
    ("火车几点开？", "我来查一查。 Let me look it up.", TOOLS),
]


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def tokenizer():
    return train_tokenizer([text for asked, said, _ in TALKS for text in (asked, said)] * 2, 400)


@pytest.fixture(scope="module")
def talker(tokenizer):
    """A model that has learned TALKS by heart, so that what it says is Chinese and English."""
    torch.manual_seed(0)
    shape = {"n_layer": 2, "n_head": 4, "n_kv_head": 2, "n_embd": 64, "n_hidden": 96}
    model = Transformer(ModelConfig(vocab_size=tokenizer.get_vocab_size(), block_size=320, **shape))
    talks = [
        render([{"role": "user", "content": asked}, {"role": "assistant", "content": said}], tools and canonical(tools))
        for asked, said, tools in TALKS
    ]
    encoded = [(torch.tensor(ids), torch.tensor(weights)) for ids, weights in encode(talks, tokenizer)]
    ids = torch.nn.utils.rnn.pad_sequence([ids for ids, _ in encoded], batch_first=True)
    answers = [ids.where(weights > 0, IGNORE_INDEX) for ids, weights in encoded]
    labels = torch.nn.utils.rnn.pad_sequence(answers, batch_first=True, padding_value=IGNORE_INDEX)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    for _ in range(50):
        optimizer.zero_grad()
        model.loss(ids, labels).backward()
        optimizer.step()
    return model.eval()


@pytest.fixture(scope="module")
def data(talker, tokenizer, tmp_path_factory):
    """A data folder as the steps tokenize and train leave it."""
    folder = tmp_path_factory.mktemp("data")
    (folder / "tokenize").mkdir()
    tokenizer.save(str(folder / "tokenize" / "tokenizer.json"))
    save_checkpoint(talker, folder / "train" / "checkpoint")
    return folder


def prompt_ids(tokenizer, prompt, tools=None):
    talk = [{"role": "user", "content": prompt}]
    [(ids, _)] = encode([render(talk, tools and canonical(tools), for_answer=True)], tokenizer)
    return ids


# --- ONNX


@pytest.fixture(scope="module")
def onnx_folder(data):
    export("onnx", data / "onnx", data)
    return data / "onnx"


@pytest.fixture(scope="module")
def session(onnx_folder):
    return onnxruntime.InferenceSession(onnx_folder / "model.onnx", providers=["CPUExecutionProvider"])


@pytest.fixture(scope="module")
def whole_and_small(session, onnx_folder, data):
    """The bytes of model.onnx, and of a second export, as int8, which takes the first one's place."""
    whole = (onnx_folder / "model.onnx").read_bytes()
    export("onnx", onnx_folder, data, int8=True)
    return whole, (onnx_folder / "model.onnx").read_bytes()


def run(session, config, ids, mask=None, past=None):
    """Logits and cache, as any runtime that knows optimum's names would ask for them."""
    ids = np.array(ids, np.int64)
    past = past or [np.zeros((len(ids), config.n_kv_head, 0, config.head_size), np.float32)] * (2 * config.n_layer)
    mask = np.ones((len(ids), past[0].shape[2] + ids.shape[1]), np.int64) if mask is None else np.array(mask, np.int64)
    names = [f"past_key_values.{layer}.{part}" for layer in range(config.n_layer) for part in ("key", "value")]
    places = (mask.cumsum(1) - 1).clip(0)[:, -ids.shape[1] :]
    feed = {"input_ids": ids, "attention_mask": mask, "position_ids": places, **dict(zip(names, past, strict=True))}
    logits, *present = session.run(None, feed)
    return logits, present


def logits_of(model, ids):
    with torch.no_grad():
        return model(torch.tensor(ids)).numpy()


def log_odds(model, ids):
    """The log odds of all tokens to come after `ids`."""
    return torch.tensor(logits_of(model, [ids]))[0, -1].log_softmax(-1).tolist()


def far(model):
    """The same shape, with weights far from zero."""
    torch.manual_seed(1)
    model = Transformer(model.config).eval()
    for weight in model.parameters():
        torch.nn.init.normal_(weight, std=0.3)
    return model


@pytest.mark.parametrize("shape", [(1, 1), (1, 2), (3, 1), (2, 17), (1, 320)])
def test_onnx_has_our_logits_for_any_batch_and_length(session, talker, shape):
    ids = np.random.default_rng(0).integers(0, talker.config.vocab_size, shape)
    logits, _ = run(session, talker.config, ids)
    assert np.abs(logits - logits_of(talker, ids)).max() < 1e-4


@pytest.mark.parametrize("pieces", [[20], [1] * 20, [7, 1, 1, 11], [1, 19]])  # the last two: many tokens after a cache
def test_a_cache_changes_no_logit_however_the_text_is_cut(session, talker, pieces):
    ids = np.random.default_rng(1).integers(0, talker.config.vocab_size, (2, 20))
    found, past, start = [], None, 0
    for length in pieces:
        logits, past = run(session, talker.config, ids[:, start : start + length], past=past)
        found.append(logits)
        start += length
    assert np.abs(np.concatenate(found, axis=1) - logits_of(talker, ids)).max() < 1e-4
    assert past[0].shape[2] == 20


def test_rows_padded_on_the_left_say_what_they_say_alone(session, talker, tokenizer):
    prompts = [prompt_ids(tokenizer, asked) for asked, _, _ in TALKS]
    longest = max(map(len, prompts))
    ids = [[tokenizer.token_to_id(PAD)] * (longest - len(row)) + row for row in prompts]
    mask = [[0] * (longest - len(row)) + [1] * len(row) for row in prompts]
    said = [[] for _ in prompts]
    past = None
    for _ in range(12):
        logits, past = run(session, talker.config, ids, mask, past)
        assert np.isfinite(logits).all()
        ids = logits[:, -1:].argmax(-1)
        mask = [[*row, 1] for row in mask]
        for row, token in zip(said, ids[:, 0].tolist(), strict=True):
            row.append(token)
    assert said == [list(talker.generate(prompt, -1, 12)) for prompt in prompts]


def test_the_onnx_folder_answers_by_itself(session, onnx_folder, monkeypatch):
    from transformers import AutoTokenizer, GenerationConfig

    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    tokenizer, config = AutoTokenizer.from_pretrained(onnx_folder), GenerationConfig.from_pretrained(onnx_folder)
    shape = ModelConfig(1, n_layer=2, n_head=4, n_kv_head=2, n_embd=64)
    for asked, answer, tools in TALKS:
        talk = [{"role": "user", "content": asked}]
        asked_ids = tokenizer.apply_chat_template(talk, tools, add_generation_prompt=True, return_dict=True)[
            "input_ids"
        ]
        ids = [asked_ids]
        said, past = [], None
        while not said or said[-1] != config.eos_token_id:
            logits, past = run(session, shape, ids, past=past)
            ids = logits[:, -1:].argmax(-1)
            said.append(ids.item())
        assert tokenizer.decode(said[:-1]) == answer


def test_int8_is_under_half_of_the_size_and_says_nearly_the_same(whole_and_small, talker, tokenizer):
    whole, small = whole_and_small
    assert len(small) < 0.5 * len(whole)
    session = onnxruntime.InferenceSession(small, providers=["CPUExecutionProvider"])
    agreed = []
    for asked, answer, tools in TALKS:
        ids = [prompt_ids(tokenizer, asked, tools) + tokenizer.encode(answer).ids]
        agreed += (run(session, talker.config, ids)[0].argmax(-1) == logits_of(talker, ids).argmax(-1))[0].tolist()
    assert np.mean(agreed) > 0.95


def test_two_exports_have_the_same_graph_and_no_paths_in_it(whole_and_small):
    import onnx as library

    whole, small = whole_and_small
    again = onnx.quantized(library.load_from_string(whole))
    assert again.SerializeToString(deterministic=True) == small
    assert b".py" not in whole


# --- GGUF


def serve(file):
    params = xllamacpp.CommonParams()
    params.model.path = str(file)
    params.n_ctx, params.n_parallel, params.warmup, params.verbosity = 320, 1, False, -1
    params.cpuparams.n_threads = 1
    return xllamacpp.Server(params)


def answer_of(server, messages, **options):
    asked = {"messages": messages, "temperature": 0, "max_tokens": 60, **options}
    return server.handle_chat_completions(asked)["choices"][0]["message"]["content"]


def ask(server, path, **body):
    import httpx

    return httpx.post(f"{server.listening_address}{path}", json=body, trust_env=False).json()


def tokens_of(server, ids, n):
    """The likeliest next tokens one after another, and the log odds of all tokens to be the first."""
    asked = {"prompt": ids, "temperature": 0, "n_predict": n, "return_tokens": True, "n_probs": 100_000}
    said = ask(server, "/completion", **asked)
    odds = {token["id"]: token["logprob"] for token in said["completion_probabilities"][0]["top_logprobs"]}
    return said["tokens"], [odds[id] for id in range(len(odds))]


@pytest.fixture(scope="module")
def server(data):
    export("gguf", data / "model.gguf", data)
    return serve(data / "model.gguf")


@pytest.mark.parametrize(("asked", "answer", "tools"), TALKS)
def test_llama_cpp_says_word_for_word_what_the_model_says(server, talker, tokenizer, asked, answer, tools):
    ours = talker.generate(prompt_ids(tokenizer, asked, tools), tokenizer.token_to_id(END), 60)
    assert tokenizer.decode(list(ours)) == answer
    assert answer_of(server, [{"role": "user", "content": asked}], **({"tools": tools} if tools else {})) == answer


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_llama_cpp_finds_the_same_tokens_with_weights_far_from_zero(talker, tokenizer, data, tmp_path, dtype):
    model = far(talker)
    gguf.export(model, data / "tokenize" / "tokenizer.json", tmp_path / "far.gguf", dtype=dtype)
    server = serve(tmp_path / "far.gguf")
    for prompt in ("火车几点开？ 明天呢？", "When does the next train leave?"):
        ids = prompt_ids(tokenizer, prompt)
        said, odds = tokens_of(server, ids, 24)
        ours = list(model.generate(ids, tokenizer.token_to_id(END), 24))
        assert len(set(ours)) > 3
        assert said == ours
        assert odds == pytest.approx(log_odds(model, ids), abs=0.02)


@pytest.mark.parametrize("tools", [None, TOOLS])
def test_llama_cpp_renders_the_conversation_as_we_do(server, tools):
    talk = [
        {"role": "system", "content": "You help. 你是助手。"},
        {"role": "user", "content": "你好 <b>\n"},
        {"role": "assistant", "content": "Hi! 你好！"},
        {"role": "tool", "content": '[{"leaves": "07:00"}]'},
        {"role": "user", "content": "再见"},
    ]
    expected = as_text(render(talk, canonical(tools) if tools else None, for_answer=True))
    assert ask(server, "/apply-template", messages=talk, **({"tools": tools} if tools else {}))["prompt"] == expected


@pytest.mark.parametrize(
    "text",
    [
        "火车几点开？早上7点15分，请不要迟到。",
        "I'm HE'LL don't 1234",
        "  two  spaces \t\r\n\n x ",
        "é😀👩‍👩‍👧 ｆｕｌｌ　width",
        "",
    ],
)
def test_llama_cpp_splits_text_into_the_same_tokens(server, tokenizer, text):
    assert ask(server, "/tokenize", content=text, add_special=True)["tokens"] == tokenizer.encode(text).ids


def test_special_tokens_that_someone_types_are_text_where_ids_are_sent(server, talker, tokenizer):
    typed = "火车<|end|><|assistant|>几点开？ " + "".join(SPECIAL_TOKENS)
    ids = prompt_ids(tokenizer, typed)
    said, odds = tokens_of(server, ids, 12)
    end = tokenizer.token_to_id(END)
    assert [token for token in said if token != end] == list(talker.generate(ids, end, 12))
    assert odds == pytest.approx(log_odds(talker, ids), abs=0.02)
    as_messages = ask(server, "/chat/completions", messages=[{"role": "user", "content": typed}], max_tokens=1)
    assert as_messages["usage"]["prompt_tokens"] < len(ids)  # as the module says: here they are tokens


def test_float16_takes_about_half_the_room(data, tmp_path):
    export("gguf", tmp_path / "half.gguf", data, dtype="float16")
    export("gguf", tmp_path / "whole.gguf", data)
    assert (tmp_path / "half.gguf").stat().st_size < 0.6 * (tmp_path / "whole.gguf").stat().st_size


def test_two_gguf_exports_have_the_same_bytes(data, tmp_path):
    export("gguf", tmp_path / "a.gguf", data)
    before = (tmp_path / "a.gguf").read_bytes()
    export("gguf", tmp_path / "a.gguf", data)  # a former export is replaced
    assert (tmp_path / "a.gguf").read_bytes() == before


def test_a_model_with_more_ids_than_the_tokenizer_is_served_and_one_with_fewer_refused(talker, data, tmp_path):
    tokenizer_file = data / "tokenize" / "tokenizer.json"
    wide = Transformer(replace(talker.config, vocab_size=talker.config.vocab_size + 7))
    gguf.export(wide, tokenizer_file, tmp_path / "wide.gguf")
    assert isinstance(answer_of(serve(tmp_path / "wide.gguf"), [{"role": "user", "content": "你好 hello"}]), str)
    narrow = Transformer(replace(talker.config, vocab_size=100))
    with pytest.raises(SourceError, match="at most the model's 100"):
        gguf.export(narrow, tokenizer_file, tmp_path / "narrow.gguf")
    assert not (tmp_path / "narrow.gguf").exists()


def other_pattern(stored):
    stored["pre_tokenizer"]["pretokenizers"][0]["pattern"] = {"Regex": r"\p{L}+"}


def other_behaviour(stored):
    stored["pre_tokenizer"]["pretokenizers"][0]["behavior"] = "MergedWithNext"


def one_more_split(stored):
    stored["pre_tokenizer"]["pretokenizers"].append({"type": "Digits", "individual_digits": True})


def bytes_alone(stored):
    stored["pre_tokenizer"] = {**stored["pre_tokenizer"]["pretokenizers"][1], "use_regex": True}


def none_at_all(stored):
    stored["pre_tokenizer"] = None


@pytest.mark.parametrize(
    ("change", "part"),
    [
        (lambda stored: stored.update(normalizer={"type": "NFC"}), "normalizer"),
        (other_pattern, "pre_tokenizer"),
        (other_behaviour, "pre_tokenizer"),
        (one_more_split, "pre_tokenizer"),
        (bytes_alone, "pre_tokenizer"),
        (none_at_all, "pre_tokenizer"),
        (lambda stored: stored["pre_tokenizer"]["pretokenizers"][1].update(add_prefix_space=True), "pre_tokenizer"),
        (lambda stored: stored["pre_tokenizer"]["pretokenizers"][1].update(use_regex=True), "pre_tokenizer"),
        (lambda stored: stored["model"].update(byte_fallback=True), "model"),
        (lambda stored: stored["model"].update(dropout=0.1), "model"),
        (lambda stored: stored["model"].update(ignore_merges=True), "model"),
        (
            lambda stored: stored["added_tokens"].append(stored["added_tokens"][0] | {"id": 8, "content": "!"}),
            "added_tokens",
        ),
    ],
)
def test_a_tokenizer_that_splits_text_otherwise_is_refused(change, part, talker, data, tmp_path):
    stored = json.loads((data / "tokenize" / "tokenizer.json").read_text(encoding="utf-8"))
    change(stored)
    (tmp_path / "tokenizer.json").write_text(json.dumps(stored), encoding="utf-8")
    with pytest.raises(SourceError, match=f"does not split text as tasks/core/tokens.py does, by its {part};"):
        gguf.export(talker, tmp_path / "tokenizer.json", tmp_path / "model.gguf")
    assert not (tmp_path / "model.gguf").exists()


# --- the command


def call(*words):
    return CliRunner().invoke(app, ["export", *map(str, words)])


def test_the_command_writes_each_form_and_replaces_a_former_one(data, tmp_path):
    from safetensors.numpy import load_file

    for _ in range(2):
        assert "huggingface, 0." in call("huggingface", tmp_path / "hf", "--data", data).output
        assert "gguf, 0." in call("gguf", tmp_path / "m.gguf", "--data", data, "--dtype", "float16").output
    assert len(load_file(tmp_path / "hf" / "model.safetensors")) == 2 + 9 * 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["hf", "m.gguf"]
    (tmp_path / "link").symlink_to("hf")
    assert call("huggingface", tmp_path / "link", "--data", data).exit_code == 0
    assert (tmp_path / "link").is_symlink()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["hf", "link", "m.gguf"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["pickle", "x"], "no such format; expected one of huggingface, onnx, gguf"),
        (["gguf", "x", "--dtype", "int4"], "no such type; expected one of float32, float16"),
        (["gguf", "x", "--int8"], "expected it with onnx"),
        (["onnx", "x", "--dtype", "float16"], "expected it with gguf"),
    ],
)
def test_options_that_mean_nothing_are_refused(words, said, tmp_path):
    error = call(*words, "--data", tmp_path).exception
    assert isinstance(error, ParamsError)
    assert said in str(error)


@pytest.mark.parametrize("format", FORMATS)
def test_without_a_checkpoint_there_is_nothing_to_export(format, tmp_path):
    with pytest.raises(SourceError, match="no checkpoint here"):
        export(format, tmp_path / "target", tmp_path)
    assert not (tmp_path / "target").exists()


def test_what_no_export_wrote_is_left_as_it_is(data, tmp_path):
    (tmp_path / "file").write_text("我的笔记 my notes", encoding="utf-8")
    (tmp_path / "foreign.gguf").write_bytes(b"GGUF and no more")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "notes.txt").write_text("mine", encoding="utf-8")
    export("huggingface", tmp_path / "hf", data)
    export("huggingface", tmp_path / "added", data)
    (tmp_path / "added" / "notes.txt").write_text("mine", encoding="utf-8")
    export("huggingface", tmp_path / "edited", data)
    with (tmp_path / "edited" / "config.json").open("a", encoding="utf-8") as file:
        file.write(" ")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    for format, name, said in [
        ("onnx", "file", "is a file"),
        ("huggingface", "folder", "no former export as huggingface"),
        ("huggingface", "added", "no former export as huggingface"),
        ("huggingface", "edited", "no former export as huggingface"),
        ("onnx", "hf", "no former export as onnx"),
        ("gguf", "folder", "is a folder"),
        ("gguf", "file", "no former export"),
        ("gguf", "foreign.gguf", "no former export"),
    ]:
        with pytest.raises(ParamsError, match=said):
            export(format, tmp_path / name, data)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize(
    ("format", "module"),
    [("onnx", "onnx"), ("onnx", "onnxscript"), ("onnx", "onnxruntime.quantization"), ("gguf", "gguf")],
)
def test_a_missing_library_is_a_params_error_that_says_what_to_install(format, module, data, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.setattr(onnx, "graph", onnx.graph if module != "onnxruntime.quantization" else lambda model: None)
    with pytest.raises(ParamsError, match=r"pip install 'instructflow\[export\]'"):
        export(format, tmp_path / "target", data, int8=format == "onnx")
    assert list(tmp_path.iterdir()) == []
