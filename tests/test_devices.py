"""Cards are told by whole words of their names, operations counted by hand, and what is fixed for a run is put back."""

import sys

import pytest
import torch

from tasks.core.checkpoints import load_checkpoint, save_checkpoint
from tasks.core.devices import card_name, choose_device, peak_flops, reproducible, train_flops
from tasks.core.errors import ParamsError
from tasks.core.model import ModelConfig, Transformer

SHAPE = ModelConfig(vocab_size=50, n_layer=2, n_head=2, n_kv_head=1, n_embd=8, n_hidden=12, block_size=16)


@pytest.mark.parametrize(
    ("card", "tera"),
    [
        ("NVIDIA H200", 989),
        ("NVIDIA H200 NVL", 835),
        ("NVIDIA H100 80GB HBM3", 989),
        ("NVIDIA H100 NVL", 835),
        ("NVIDIA H100 PCIe", 756),
        ("NVIDIA A100-SXM4-80GB", 312),
        ("NVIDIA A100 80GB PCIe", 312),
        ("NVIDIA L40S", 362),
        ("NVIDIA L40", 181),
        ("NVIDIA L4", 121),
        ("NVIDIA A10", 125),
        ("NVIDIA A10G", 70),
        ("NVIDIA GeForce RTX 4090", 165),
        ("Tesla T4", 65),
    ],
)
def test_a_card_that_we_know_has_its_peak(card, tera):
    assert peak_flops(card) == tera * 1e12


@pytest.mark.parametrize(
    "card",
    [
        "NVIDIA RTX A1000",
        "NVIDIA T400 4GB",
        "NVIDIA GH200 480GB",
        "NVIDIA GeForce RTX 4090 Laptop GPU",
        "NVIDIA GeForce RTX 4090 D",
        "NVIDIA A100-SXM4-40GB MIG 1g.5gb",
        "cpu",
    ],
)
def test_a_name_that_is_only_alike_has_none(card):
    assert peak_flops(card) is None


def test_a_cpu_is_no_card_that_we_know():
    assert card_name(torch.device("cpu")) == "cpu"


def test_operations_are_six_a_weight_and_those_of_the_output_layer_for_labels_alone():
    model = Transformer(SHAPE)
    matrices = [w for name, w in model.named_parameters() if w.dim() == 2 and name != "embedding.weight"]
    of_token = 6 * sum(weight.numel() for weight in matrices) + 12 * 2 * 8 * 16
    assert train_flops(SHAPE, 100, 0) == 100 * of_token
    assert train_flops(SHAPE, 100, 30) == 100 * of_token + 30 * 6 * model.embedding.weight.numel()


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device here")
def test_a_device_that_is_not_there_is_named_by_the_param_that_asked_for_it(tmp_path):
    with pytest.raises(ParamsError, match=r"^train\.device: cuda is not available here"):
        choose_device("cuda")
    save_checkpoint(Transformer(SHAPE), tmp_path)
    with pytest.raises(ParamsError, match=r"^evaluate\.device: cuda is not available here"):
        load_checkpoint(tmp_path, "cuda")


@pytest.mark.parametrize("mode", [0, 1, 2])  # nothing, warn, raise
def test_what_is_fixed_for_a_run_is_put_back_as_it_was(mode, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch._inductor.config", None)  # it is not asked for where nothing is compiled
    kept = torch.get_num_threads(), torch.get_deterministic_debug_mode()
    torch.set_deterministic_debug_mode(mode)
    try:
        before = torch.get_num_threads(), torch.get_rng_state()
        drawn = []
        for seed in (7, 7, 8):
            with reproducible(seed, 3):
                assert torch.get_num_threads() == 3
                assert torch.are_deterministic_algorithms_enabled()
                assert torch.is_deterministic_algorithms_warn_only_enabled()
                drawn.append(torch.rand(1).item())
        assert drawn[0] == drawn[1] != drawn[2]
        assert torch.get_num_threads() == before[0]
        assert torch.equal(torch.get_rng_state(), before[1])
        assert torch.get_deterministic_debug_mode() == mode
    finally:
        torch.set_num_threads(kept[0])
        torch.set_deterministic_debug_mode(kept[1])


def test_a_compiled_run_chooses_its_kernels_without_timing_them():
    from torch._inductor import config

    before = config.deterministic
    with reproducible(0, 1, is_compiled=True):
        assert config.deterministic
    assert config.deterministic == before
