"""Finding and loading a local model: what is refused, and that nothing in its folder runs."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from mosel_gym.errors import MissingLibrary, ModelUnavailable
from mosel_gym.llm.transformers_model import TransformersProvider
from tests.llm.tiny_vlm import make_picture_model, make_video_model


@pytest.fixture(scope="module")
def video_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_video_model(tmp_path_factory.mktemp("video"))


@pytest.fixture(scope="module")
def picture_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_picture_model(tmp_path_factory.mktemp("pictures"))


def test_a_name_that_is_not_here_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match="no folder .*absent.*config.json"):
        TransformersProvider(str(tmp_path / "absent"))
    # tests/conftest.py takes the hub offline
    with pytest.raises(ModelUnavailable, match=r"hf download no-one/no-such-model.*scripted:FILE"):
        TransformersProvider("no-one/no-such-model")


def _without_weights(folder: Path, target: Path) -> Path:
    target.mkdir()
    for file in folder.iterdir():
        if file.suffix != ".safetensors":
            (target / file.name).write_bytes(file.read_bytes())
    return target


def test_weights_that_are_missing_or_pickled_are_refused(
    video_folder: Path, tmp_path: Path
) -> None:
    import torch

    folder = _without_weights(video_folder, tmp_path / "bare")
    with pytest.raises(ModelUnavailable, match="weights as safetensors"):
        TransformersProvider(str(folder))
    torch.save({}, folder / "pytorch_model.bin")
    with pytest.raises(ModelUnavailable, match="weights as safetensors"):
        TransformersProvider(str(folder))
    (folder / "model.safetensors").write_bytes(b"no weights")
    with pytest.raises(ModelUnavailable, match="weights as safetensors"):
        TransformersProvider(str(folder))


def test_weights_with_gaps_are_not_filled_with_random_numbers(
    video_folder: Path, tmp_path: Path
) -> None:
    from safetensors.torch import load_file, save_file

    folder = _without_weights(video_folder, tmp_path / "gaps")
    weights = load_file(video_folder / "model.safetensors")
    gone = next(name for name in weights if "q_proj.weight" in name)
    del weights[gone]
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(ModelUnavailable, match=r"lack 1 of its tensors, such as .*q_proj\.weight"):
        TransformersProvider(str(folder))


def test_code_in_a_models_folder_does_not_run(video_folder: Path, tmp_path: Path) -> None:
    folder = _without_weights(video_folder, tmp_path / "code")
    marker = tmp_path / "it-ran"
    (folder / "evil.py").write_text(f"open({str(marker)!r}, 'w').close()\nclass Config: ...\n")
    config = json.loads((folder / "config.json").read_text())
    config |= {"model_type": "unheard-of", "auto_map": {"AutoConfig": "evil.Config"}}
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelUnavailable, match="code from a model's folder is not run"):
        TransformersProvider(str(folder))
    assert not marker.exists()


def test_a_model_of_words_only_is_refused(video_folder: Path, tmp_path: Path) -> None:
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=1,
        num_attention_heads=1,
        vocab_size=320,
    )
    LlamaForCausalLM(config).save_pretrained(tmp_path)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (tmp_path / name).write_bytes((video_folder / name).read_bytes())
    with pytest.raises(ModelUnavailable, match="as a vision-language model"):
        TransformersProvider(str(tmp_path))


def test_a_model_without_a_chat_template_is_refused(picture_folder: Path, tmp_path: Path) -> None:
    folder = _without_weights(picture_folder, tmp_path / "base")
    (folder / "model.safetensors").write_bytes((picture_folder / "model.safetensors").read_bytes())
    (folder / "chat_template.jinja").unlink()
    with pytest.raises(ModelUnavailable, match="no chat template"):
        TransformersProvider(str(folder))


@pytest.mark.parametrize("device", ["cuda:99", "abacus"])
def test_a_device_that_is_not_there_is_named(video_folder: Path, device: str) -> None:
    with pytest.raises(ModelUnavailable, match=f"device='{device}'.*\"auto\""):
        TransformersProvider(str(video_folder), device=device)


def test_a_missing_library_is_told_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(MissingLibrary, match=r"transformers.*pip install mosel-gym\[llm\]"):
        TransformersProvider("any")
