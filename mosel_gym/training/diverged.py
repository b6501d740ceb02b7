"""Losses, gradients and weights that are no longer finite: finding them, and what to say."""

from __future__ import annotations

import math
from collections.abc import Mapping

from torch import Tensor, nn


def bad_loss(values: Mapping[str, float]) -> str | None:
    """What is wrong with the losses of a step; None where "loss" is a number."""
    if math.isfinite(values["loss"]):
        return None
    told = ", ".join(f"{name} {value:.4g}" for name, value in values.items() if name != "loss")
    return f"the loss became {values['loss']}" + (f" ({told})" if told else "")


def clip_gradients(module: nn.Module, largest: float) -> str | None:
    """Scale the gradients down to a norm of at most `largest`.

    Returns:
        What is wrong with them, and then they are as they were; None where all is well.
    """
    trained = [p for p in module.parameters() if p.requires_grad]
    try:
        nn.utils.clip_grad_norm_(trained, largest, error_if_nonfinite=True)
    except RuntimeError:
        gradients = ((name, p.grad) for name, p in module.named_parameters() if p.grad is not None)
        name = next((name for name, gradient in gradients if _bad(gradient)), "all weights")
        return f"the gradient of {name} is not finite, though the loss is"
    return None


def first_bad_weight(module: nn.Module) -> str | None:
    """Name of the first parameter that holds a NaN or an infinity; None where all are finite."""
    return next((name for name, p in module.named_parameters() if _bad(p)), None)


def advice(step: int, seed: int, parts: int, *, lr: float, grad_clip: float, bf16: bool) -> str:
    """How to meet the batch of a step again, and what usually helps."""
    again = f"losses(draws_at({seed}, {step}))"
    if parts > 1:
        again = f"losses(draws_at({seed}, {step}, part, {parts})) for the parts 0..{parts - 1}"
    precision = ", or float32 (--loop.no-bf16)" if bf16 else ""
    return (
        f"The batch is a function of seed and step alone: {again} draws it again. What helps: a "
        f"lower learning rate (--loop.lr, now {lr:g}), a lower --loop.grad-clip (now "
        f"{grad_clip:g}){precision}, with another output folder. In the very first steps, look for "
        "extreme numbers in the data."
    )


def _bad(tensor: Tensor) -> bool:
    return not bool(tensor.detach().isfinite().all())
