"""How every object and room looks: a few coloured meshes each."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from mosel_gym.envs.libero.assets.facts import ObjectFacts
from mosel_gym.envs.libero.assets.looks import furniture, groceries, tableware
from mosel_gym.envs.libero.assets.part import Part

_LOOKS: Mapping[str, Callable[[ObjectFacts], list[Part]]] = {
    look.__name__: look
    for look in (
        tableware.akita_black_bowl,
        tableware.chefmate_8_frypan,
        tableware.moka_pot,
        tableware.plate,
        tableware.porcelain_mug,
        tableware.red_coffee_mug,
        tableware.white_bowl,
        tableware.white_yellow_mug,
        groceries.alphabet_soup,
        groceries.butter,
        groceries.chocolate_pudding,
        groceries.cream_cheese,
        groceries.ketchup,
        groceries.milk,
        groceries.new_salad_dressing,
        groceries.orange_juice,
        groceries.tomato_sauce,
        groceries.wine_bottle,
        furniture.basket,
        furniture.black_book,
        furniture.desk_caddy,
        furniture.flat_stove,
        furniture.microwave,
        furniture.white_cabinet,
        furniture.wine_rack,
        furniture.wooden_cabinet,
        furniture.wooden_tray,
        furniture.wooden_two_layer_shelf,
        furniture.yellow_book,
    )
}


def object_parts(facts: ObjectFacts) -> list[Part]:
    """What is drawn for one object class; every class of the facts has a look."""
    return _LOOKS[facts.category](facts)
