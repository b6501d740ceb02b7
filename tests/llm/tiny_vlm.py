"""Tiny vision-language models with random weights, made on the spot: no download, under 1 MB each.

What they say is nonsense. What they are made of is real: the classes of a Qwen2.5-VL (pictures and
video) and of a LLaVA (pictures only), a byte-level tokenizer, a chat template, safetensors.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers

_WORDS = (
    "The robot picks up the white mug and puts it on the plate, then it opens the drawer. "
    'Answer with one JSON object: {"steps": ["open the drawer"], "done": true, "why": "seen"}'
)
_QWEN_TOKENS = (
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|vision_start|>",
    "<|vision_end|>",
    "<|image_pad|>",
    "<|video_pad|>",
)
_QWEN_TEMPLATE = """
{%- for message in messages -%}
<|im_start|>{{ message['role'] }}
{% if message['content'] is string %}{{ message['content'] }}{% else -%}
{%- for part in message['content'] -%}
{%- if part['type'] == 'image' -%}<|vision_start|><|image_pad|><|vision_end|>
{%- elif part['type'] == 'video' -%}<|vision_start|><|video_pad|><|vision_end|>
{%- else -%}{{ part['text'] }}{%- endif -%}
{%- endfor -%}
{%- endif %}<|im_end|>
{% endfor -%}
{%- if add_generation_prompt %}<|im_start|>assistant
{% endif -%}
"""
_LLAVA_TOKENS = ("<pad>", "<s>", "</s>", "<image>")
_LLAVA_TEMPLATE = r"""
{%- for message in messages -%}
{{ message['role'] | upper }}: {% for part in message['content'] -%}
{%- if part['type'] == 'image' -%}<image> {% else -%}{{ part['text'] }}{%- endif -%}
{%- endfor %}{{ '\n' }}
{%- endfor -%}
{%- if add_generation_prompt %}ASSISTANT: {% endif -%}
"""


def _tokenizer(special: tuple[str, ...]) -> Tokenizer:
    """Byte-level BPE, trained on one sentence: every text can be written, no token is unknown."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=320,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        special_tokens=[AddedToken(token, special=True) for token in special],
        show_progress=False,
    )
    tokenizer.train_from_iterator([_WORDS] * 2, trainer)
    return tokenizer


def make_video_model(folder: Path, says: str | None = None) -> Path:
    """A Qwen2.5-VL of two small layers, which takes pictures and video.

    A picture of 56 x 56 becomes 16 patches of 14 x 14 and 4 tokens; frames of a video go in pairs.

    Args:
        folder: Where to.
        says: A text that the model gives as its answer to everything, instead of nonsense.
    """
    import torch
    from transformers import (
        PreTrainedTokenizerFast,
        Qwen2_5_VLConfig,
        Qwen2_5_VLForConditionalGeneration,
        Qwen2_5_VLProcessor,
        Qwen2VLImageProcessor,
        Qwen2VLVideoProcessor,
    )

    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=_tokenizer(_QWEN_TOKENS),
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
    )
    if says is not None:
        tokenizer.add_tokens([AddedToken(says, normalized=False)])
    ids = tokenizer.get_vocab()
    edges = {"shortest_edge": 28 * 28, "longest_edge": 112 * 112}
    processor = Qwen2_5_VLProcessor(
        image_processor=Qwen2VLImageProcessor(size=edges),
        tokenizer=tokenizer,
        video_processor=Qwen2VLVideoProcessor(size=edges, cap_pixels_per_frame=False),
        chat_template=_QWEN_TEMPLATE,
    )
    config = Qwen2_5_VLConfig(
        text_config={
            "vocab_size": len(tokenizer),
            "hidden_size": 32,
            "intermediate_size": 64,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "num_key_value_heads": 1,
            "max_position_embeddings": 8192,
            "rope_parameters": {
                "rope_type": "default",
                "rope_theta": 10000.0,
                "mrope_section": [2, 3, 3],
            },
            "bos_token_id": None,
            "eos_token_id": ids["<|im_end|>"],
            "pad_token_id": ids["<|endoftext|>"],
        },
        vision_config={
            "depth": 2,
            "hidden_size": 32,
            "intermediate_size": 64,
            "num_heads": 2,
            "out_hidden_size": 32,
            "window_size": 56,
            "fullatt_block_indexes": [1],
        },
        image_token_id=ids["<|image_pad|>"],
        video_token_id=ids["<|video_pad|>"],
        vision_start_token_id=ids["<|vision_start|>"],
        vision_end_token_id=ids["<|vision_end|>"],
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = Qwen2_5_VLForConditionalGeneration(config)
    if says is not None:
        newline = tokenizer.encode("\n")[-1]  # the last token of every prompt
        _always_say(model, newline, ids[says], ids["<|im_end|>"])
    model.generation_config.eos_token_id = ids["<|im_end|>"]
    model.generation_config.pad_token_id = ids["<|endoftext|>"]
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


def _always_say(model: Any, newline: int, answer: int, end: int) -> None:
    """Set weights so that `answer` follows a line's end, and `end` follows `answer`.

    The layers add nothing, so that each token's embedding arrives at the last layer as it was.
    """
    import torch

    with torch.no_grad():
        for layer in model.model.language_model.layers:
            layer.self_attn.o_proj.weight.zero_()
            layer.mlp.down_proj.weight.zero_()
        embedding, head = model.get_input_embeddings().weight, model.get_output_embeddings().weight
        embedding[[newline, answer]] = torch.eye(2, embedding.shape[1])
        head.zero_()
        head[answer] = embedding[newline]
        head[end] = embedding[answer]


def make_picture_model(folder: Path) -> Path:
    """A LLaVA of two small layers, which takes pictures only: one of 28 x 28 becomes 4 tokens."""
    import torch
    from transformers import (
        CLIPImageProcessor,
        LlavaConfig,
        LlavaForConditionalGeneration,
        LlavaProcessor,
        PreTrainedTokenizerFast,
    )

    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=_tokenizer(_LLAVA_TOKENS), eos_token="</s>", pad_token="<pad>"
    )
    ids = tokenizer.get_vocab()
    square = {"height": 28, "width": 28}
    processor = LlavaProcessor(
        image_processor=CLIPImageProcessor(size={"shortest_edge": 28}, crop_size=square),
        tokenizer=tokenizer,
        patch_size=14,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template=_LLAVA_TEMPLATE,
    )
    small = {
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
    }
    config = LlavaConfig(
        vision_config={
            "model_type": "clip_vision_model",
            **small,
            "image_size": 28,
            "patch_size": 14,
            "projection_dim": 32,
        },
        text_config={
            "model_type": "llama",
            **small,
            "num_key_value_heads": 1,
            "vocab_size": len(tokenizer),
            "bos_token_id": ids["<s>"],
            "eos_token_id": tokenizer.eos_token_id,
            "pad_token_id": tokenizer.pad_token_id,
        },
        image_token_index=ids["<image>"],
        image_seq_length=4,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = LlavaForConditionalGeneration(config)
    model.generation_config.eos_token_id = tokenizer.eos_token_id
    model.generation_config.pad_token_id = tokenizer.pad_token_id
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder
