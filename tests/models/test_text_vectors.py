"""Skills read with a frozen text encoder: tiny CLIP and T5 models with random weights."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from mosel_gym.cli import main
from mosel_gym.errors import DamagedFile, MissingLibrary, SpecMismatch, UnknownId
from mosel_gym.models.checkpoint import save_module
from mosel_gym.models.codec import CodecConfig
from mosel_gym.models.inverse_dynamics import GoalPolicy, GoalPolicyConfig
from mosel_gym.models.pixel_planner import PixelPlannerConfig
from mosel_gym.models.text_encoder import encode_texts, encoder_named
from mosel_gym.models.video_planner import VideoPlannerConfig
from mosel_gym.models.video_planners import build_planner, load_planner, reading_anew, with_text

transformers = pytest.importorskip("transformers", reason="pip install mosel-gym[llm]")

SKILLS = ("open the drawer", "close the drawer now")
NEW = "open the door"
LATENT = VideoPlannerConfig(
    skills=SKILLS, codec=CodecConfig(size=16, channels=4, widths=(8, 16)), widths=(16,), frames=2
)
PIXEL = PixelPlannerConfig(skills=SKILLS, size=16, frames=2, widths=(8, 16), num_steps=2)
PAPER = PixelPlannerConfig(
    skills=SKILLS, network="unet3d", size=16, frames=2, widths=(8, 16), num_steps=2
)
FRAME = np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8)


def write_encoder(folder: Path, name: str, seed: int = 0) -> str:
    """A text encoder of a few thousand weights with a tokenizer of seven words."""
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Whitespace
    from tokenizers.processors import TemplateProcessing

    words = ["<pad>", "<unk>", "</s>", "open", "close", "the", "drawer", "door", "now"]
    vocabulary = {word: number for number, word in enumerate(words)}
    tokenizer = Tokenizer(WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.post_processor = TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 2)])
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", unk_token="<unk>", eos_token="</s>"
    ).save_pretrained(folder)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        if name == "clip":
            config = transformers.CLIPTextConfig(
                vocab_size=len(words), hidden_size=16, intermediate_size=16, num_hidden_layers=1,
                num_attention_heads=2, bos_token_id=1, eos_token_id=2, pad_token_id=0,
            )  # fmt: skip
            model = transformers.CLIPTextModel(config)
        else:
            config = transformers.T5Config(
                vocab_size=len(words), d_model=16, d_kv=8, d_ff=16, num_layers=1, num_heads=2
            )
            model = transformers.T5EncoderModel(config)
    model.save_pretrained(folder)
    return f"{name}:{folder}"


@pytest.fixture(scope="module", params=["clip", "t5"])
def encoder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    return write_encoder(tmp_path_factory.mktemp("encoder"), request.param)


def test_texts_become_a_vector_for_each_token(encoder: str) -> None:
    first, second = encode_texts(encoder, SKILLS)
    assert (first.shape, second.shape) == ((4, 16), (5, 16))
    assert first.dtype == torch.float32
    assert not torch.allclose(first[0], second[0])
    again = encode_texts(encoder, SKILLS[:1])[0]
    torch.testing.assert_close(first, again)  # a text does not depend on the others


@pytest.mark.parametrize("config", [LATENT, PIXEL, PAPER], ids=lambda c: type(c).__name__)
def test_a_stored_planner_needs_no_encoder(
    encoder: str,
    config: VideoPlannerConfig | PixelPlannerConfig,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    planner = with_text(config, encoder).eval()
    assert (planner.config.text.width, planner.config.text.tokens) == (16, 5)
    path = save_module(tmp_path / "planner.safetensors", planner)
    monkeypatch.setitem(sys.modules, "transformers", None)
    again = load_planner(path)
    plans = [again.imagine(FRAME, skill, seed=0).frames for skill in SKILLS]
    np.testing.assert_array_equal(plans[0], planner.imagine(FRAME, SKILLS[0], seed=0).frames)
    assert (plans[0] != plans[1]).any()
    with pytest.raises(UnknownId, match=r"add_skills\(\[\.\.\.\], \"(clip|t5):FOLDER\"\)"):
        again.imagine(FRAME, NEW)
    with pytest.raises(MissingLibrary, match=r"mosel-gym\[llm\]"):
        again.add_skills([NEW], encoder)


def test_a_skill_can_be_added_by_its_text_alone(encoder: str, tmp_path: Path) -> None:
    planner = with_text(LATENT, encoder).eval()
    before = planner.imagine(FRAME, SKILLS[1], seed=0).frames
    planner.add_skills([NEW, SKILLS[0]], encoder)
    assert planner.config.skills == (*SKILLS, NEW)
    again = load_planner(save_module(tmp_path / "planner.safetensors", planner))
    np.testing.assert_array_equal(before, again.imagine(FRAME, SKILLS[1], seed=0).frames)
    new = again.imagine(FRAME, NEW, seed=0).frames
    assert (new != again.imagine(FRAME, SKILLS[0], seed=0).frames).any()


def test_an_agent_is_packed_with_further_skills(
    encoder: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    video = save_module(tmp_path / "planner.safetensors", with_text(LATENT, encoder))
    network = GoalPolicy(GoalPolicyConfig(size=16, features=16, width=32, depth=1))
    policy = save_module(tmp_path / "policy.safetensors", network)
    words = ["pack", "--kind", "hip", "--policy", str(policy), "--video", str(video)]
    words += ["--out", str(tmp_path / "agent"), "--more-skills", NEW]
    assert main(words) == 2
    assert "needs --video, and with --text the encoder" in capsys.readouterr().err
    assert main([*words, "--text", encoder]) == 0
    packed = load_planner(tmp_path / "agent" / "video.safetensors")
    assert packed.config.skills == (*SKILLS, NEW)
    assert packed.imagine(FRAME, NEW).frames.shape == (2, 16, 16, 3)


def test_another_encoder_than_that_of_training_is_refused(encoder: str, tmp_path: Path) -> None:
    planner = with_text(LATENT, encoder)
    other = write_encoder(tmp_path, encoder.partition(":")[0], seed=1)
    with pytest.raises(SpecMismatch, match="is not the text encoder that this planner"):
        planner.add_skills([NEW], other)


def test_a_learned_table_cannot_be_given_skills() -> None:
    with pytest.raises(SpecMismatch, match="learned table"):
        build_planner(LATENT).add_skills([NEW], "clip:anywhere")


def test_folders_that_are_no_encoder_are_explained(encoder: str, tmp_path: Path) -> None:
    name, _, folder = encoder.partition(":")
    with pytest.raises(SpecMismatch, match="allowed are 'table', 'words', 'clip:FOLDER'"):
        encoder_named("bert:somewhere")
    with pytest.raises(SpecMismatch, match=r"no config\.json"):
        encoder_named(f"{name}:{tmp_path}")
    (tmp_path / "config.json").write_text(json.dumps({"model_type": name}))
    (tmp_path / "pytorch_model.bin").write_bytes(b"pickle")
    with pytest.raises(SpecMismatch, match=r"no \*\.safetensors"):
        encoder_named(f"{name}:{tmp_path}")
    (tmp_path / "model.safetensors").write_bytes(b"nonsense")
    with pytest.raises(DamagedFile, match="cannot load"):
        encode_texts(f"{name}:{tmp_path}", SKILLS)
    other = "t5" if name == "clip" else "clip"
    with pytest.raises(DamagedFile, match=f"not {other}"):
        encode_texts(f"{other}:{folder}", SKILLS)


def test_words_need_no_folder_and_are_shared(tmp_path: Path) -> None:
    first, second = encode_texts("words", ["open the drawer", "Close the  drawer."])
    assert first.shape == second.shape == (3, 128)
    torch.testing.assert_close(first[1:], second[1:])
    assert not torch.allclose(first[0], second[0])
    planner = with_text(LATENT, "words").eval()
    planner.add_skills([NEW], "words")
    again = load_planner(save_module(tmp_path / "planner.safetensors", planner))
    plans = [again.imagine(FRAME, skill, seed=0).frames for skill in (*SKILLS, NEW)]
    assert (plans[0] != plans[1]).any()
    assert (plans[1] != plans[2]).any()
    with pytest.raises(UnknownId, match=r'add_skills\(\[\.\.\.\], "words"\)'):
        again.imagine(FRAME, "fly")


@pytest.mark.parametrize("config", [LATENT, PIXEL, PAPER], ids=lambda c: type(c).__name__)
def test_a_planner_goes_on_with_another_reading(
    config: VideoPlannerConfig | PixelPlannerConfig,
) -> None:
    planner = build_planner(config)
    anew = reading_anew(planner, "words")
    torch.rand(1)  # nobody else's draws have a part in it
    again, other = (reading_anew(planner, "words", seed).state_dict() for seed in (0, 1))
    same_again = {
        name: torch.equal(value, again[name]) for name, value in anew.state_dict().items()
    }
    assert all(same_again.values())
    assert any(not torch.equal(value, other[name]) for name, value in anew.state_dict().items())
    assert anew.config.text.encoder == "words"
    assert anew.config.skills == planner.config.skills
    same = {
        name: torch.equal(value, anew.state_dict()[name])
        for name, value in planner.state_dict().items()
        if name in anew.state_dict()
    }
    assert len(same) > 10
    assert all(same.values())
    assert anew.imagine(FRAME, SKILLS[0], seed=0).frames.shape[0] == config.frames
