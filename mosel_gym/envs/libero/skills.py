"""The ninety skills of LIBERO-90 by scene, in the benchmark's own order: texts and sub-goals.

A text is LIBERO's instruction as its benchmark reads it off the file name; `<scene>_<text>` with
underscores is the name of the BDDL file. Eight texts occur in two scenes and four in three, so that
ninety skills have seventy-four texts. (The instruction inside five of the files differs, and two of
those are at odds with their own goal.)
"""

from __future__ import annotations

from mosel_gym.types import Skill

SKILLS_OF_SCENE: dict[str, tuple[Skill, ...]] = {
    "KITCHEN_SCENE10": (
        Skill("close the top drawer of the cabinet", "the top drawer of the cabinet is closed"),
        Skill(
            "close the top drawer of the cabinet and put the black bowl on top of it",
            "the top drawer is closed, and the black bowl stands on top of the cabinet",
        ),
        Skill(
            "put the black bowl in the top drawer of the cabinet",
            "the black bowl is in the top drawer of the cabinet",
        ),
        Skill(
            "put the butter at the back in the top drawer of the cabinet and close it",
            "the butter from the back is in the top drawer, and the drawer is closed",
        ),
        Skill(
            "put the butter at the front in the top drawer of the cabinet and close it",
            "the butter from the front is in the top drawer, and the drawer is closed",
        ),
        Skill(
            "put the chocolate pudding in the top drawer of the cabinet and close it",
            "the chocolate pudding is in the top drawer, and the drawer is closed",
        ),
    ),
    "KITCHEN_SCENE1": (
        Skill("open the bottom drawer of the cabinet", "the bottom drawer of the cabinet is open"),
        Skill("open the top drawer of the cabinet", "the top drawer of the cabinet is open"),
        Skill(
            "open the top drawer of the cabinet and put the bowl in it",
            "the top drawer of the cabinet is open, and the bowl is in it",
        ),
        Skill("put the black bowl on the plate", "the black bowl stands on the plate"),
        Skill(
            "put the black bowl on top of the cabinet",
            "the black bowl stands on top of the cabinet",
        ),
    ),
    "KITCHEN_SCENE2": (
        Skill("open the top drawer of the cabinet", "the top drawer of the cabinet is open"),
        Skill(
            "put the black bowl at the back on the plate",
            "the black bowl that was at the back stands on the plate",
        ),
        Skill(
            "put the black bowl at the front on the plate",
            "the black bowl that was at the front stands on the plate",
        ),
        Skill(
            "put the middle black bowl on the plate",
            "the middle black bowl stands on the plate",
        ),
        Skill(
            "put the middle black bowl on top of the cabinet",
            "the middle black bowl stands on top of the cabinet",
        ),
        Skill(
            "stack the black bowl at the front on the black bowl in the middle",
            "the black bowl at the front stands in the black bowl in the middle",
        ),
        Skill(
            "stack the middle black bowl on the back black bowl",
            "the middle black bowl stands in the back black bowl",
        ),
    ),
    "KITCHEN_SCENE3": (
        Skill("put the frying pan on the stove", "the frying pan stands on the stove"),
        Skill("put the moka pot on the stove", "the moka pot stands on the stove"),
        Skill("turn on the stove", "the stove is on, its burner glows"),
        Skill(
            "turn on the stove and put the frying pan on it",
            "the stove is on, and the frying pan stands on it",
        ),
    ),
    "KITCHEN_SCENE4": (
        Skill(
            "close the bottom drawer of the cabinet",
            "the bottom drawer of the cabinet is closed",
        ),
        Skill(
            "close the bottom drawer of the cabinet and open the top drawer",
            "the bottom drawer of the cabinet is closed, and the top drawer is open",
        ),
        Skill(
            "put the black bowl in the bottom drawer of the cabinet",
            "the black bowl is in the bottom drawer of the cabinet",
        ),
        Skill(
            "put the black bowl on top of the cabinet",
            "the black bowl stands on top of the cabinet",
        ),
        Skill(
            "put the wine bottle in the bottom drawer of the cabinet",
            "the wine bottle is in the bottom drawer of the cabinet",
        ),
        Skill("put the wine bottle on the wine rack", "the wine bottle lies on the wine rack"),
    ),
    "KITCHEN_SCENE5": (
        Skill("close the top drawer of the cabinet", "the top drawer of the cabinet is closed"),
        Skill(
            "put the black bowl in the top drawer of the cabinet",
            "the black bowl is in the top drawer of the cabinet",
        ),
        Skill("put the black bowl on the plate", "the black bowl stands on the plate"),
        Skill(
            "put the black bowl on top of the cabinet",
            "the black bowl stands on top of the cabinet",
        ),
        Skill(
            "put the ketchup in the top drawer of the cabinet",
            "the ketchup is in the top drawer of the cabinet",
        ),
    ),
    "KITCHEN_SCENE6": (
        Skill("close the microwave", "the microwave is closed"),
        Skill(
            "put the yellow and white mug to the front of the white mug",
            "the yellow and white mug stands in front of the white mug",
        ),
    ),
    "KITCHEN_SCENE7": (
        Skill("open the microwave", "the microwave is open"),
        Skill("put the white bowl on the plate", "the white bowl stands on the plate"),
        Skill(
            "put the white bowl to the right of the plate",
            "the white bowl stands to the right of the plate",
        ),
    ),
    "KITCHEN_SCENE8": (
        Skill("put the right moka pot on the stove", "the right moka pot stands on the stove"),
        Skill("turn off the stove", "the stove is off, its burner is dark"),
    ),
    "KITCHEN_SCENE9": (
        Skill(
            "put the frying pan on the cabinet shelf",
            "the frying pan stands on the cabinet shelf",
        ),
        Skill(
            "put the frying pan on top of the cabinet",
            "the frying pan stands on top of the cabinet",
        ),
        Skill(
            "put the frying pan under the cabinet shelf",
            "the frying pan is under the cabinet shelf",
        ),
        Skill(
            "put the white bowl on top of the cabinet",
            "the white bowl stands on top of the cabinet",
        ),
        Skill("turn on the stove", "the stove is on, its burner glows"),
        Skill(
            "turn on the stove and put the frying pan on it",
            "the stove is on, and the frying pan stands on it",
        ),
    ),
    "LIVING_ROOM_SCENE1": (
        Skill(
            "pick up the alphabet soup and put it in the basket",
            "the alphabet soup is in the basket",
        ),
        Skill(
            "pick up the cream cheese box and put it in the basket",
            "the cream cheese box is in the basket",
        ),
        Skill("pick up the ketchup and put it in the basket", "the ketchup is in the basket"),
        Skill(
            "pick up the tomato sauce and put it in the basket",
            "the tomato sauce is in the basket",
        ),
    ),
    "LIVING_ROOM_SCENE2": (
        Skill(
            "pick up the alphabet soup and put it in the basket",
            "the alphabet soup is in the basket",
        ),
        Skill("pick up the butter and put it in the basket", "the butter is in the basket"),
        Skill("pick up the milk and put it in the basket", "the milk is in the basket"),
        Skill(
            "pick up the orange juice and put it in the basket",
            "the orange juice is in the basket",
        ),
        Skill(
            "pick up the tomato sauce and put it in the basket",
            "the tomato sauce is in the basket",
        ),
    ),
    "LIVING_ROOM_SCENE3": (
        Skill(
            "pick up the alphabet soup and put it in the tray",
            "the alphabet soup is in the tray",
        ),
        Skill("pick up the butter and put it in the tray", "the butter is in the tray"),
        Skill("pick up the cream cheese and put it in the tray", "the cream cheese is in the tray"),
        Skill("pick up the ketchup and put it in the tray", "the ketchup is in the tray"),
        Skill("pick up the tomato sauce and put it in the tray", "the tomato sauce is in the tray"),
    ),
    "LIVING_ROOM_SCENE4": (
        Skill(
            "pick up the black bowl on the left and put it in the tray",
            "the black bowl that was on the left is in the tray",
        ),
        Skill(
            "pick up the chocolate pudding and put it in the tray",
            "the chocolate pudding is in the tray",
        ),
        Skill(
            "pick up the salad dressing and put it in the tray",
            "the salad dressing is in the tray",
        ),
        Skill(
            "stack the left bowl on the right bowl and place them in the tray",
            "the left bowl stands in the right bowl, and both are in the tray",
        ),
        Skill(
            "stack the right bowl on the left bowl and place them in the tray",
            "the right bowl stands in the left bowl, and both are in the tray",
        ),
    ),
    "LIVING_ROOM_SCENE5": (
        Skill("put the red mug on the left plate", "the red mug stands on the left plate"),
        Skill("put the red mug on the right plate", "the red mug stands on the right plate"),
        Skill("put the white mug on the left plate", "the white mug stands on the left plate"),
        Skill(
            "put the yellow and white mug on the right plate",
            "the yellow and white mug stands on the right plate",
        ),
    ),
    "LIVING_ROOM_SCENE6": (
        Skill(
            "put the chocolate pudding to the left of the plate",
            "the chocolate pudding lies to the left of the plate",
        ),
        Skill(
            "put the chocolate pudding to the right of the plate",
            "the chocolate pudding lies to the right of the plate",
        ),
        Skill("put the red mug on the plate", "the red mug stands on the plate"),
        Skill("put the white mug on the plate", "the white mug stands on the plate"),
    ),
    "STUDY_SCENE1": (
        Skill(
            "pick up the book and place it in the front compartment of the caddy",
            "the book is in the front compartment of the caddy",
        ),
        Skill(
            "pick up the book and place it in the left compartment of the caddy",
            "the book is in the left compartment of the caddy",
        ),
        Skill(
            "pick up the book and place it in the right compartment of the caddy",
            "the book is in the right compartment of the caddy",
        ),
        Skill(
            "pick up the yellow and white mug and place it to the right of the caddy",
            "the yellow and white mug stands to the right of the caddy",
        ),
    ),
    "STUDY_SCENE2": (
        Skill(
            "pick up the book and place it in the back compartment of the caddy",
            "the book is in the back compartment of the caddy",
        ),
        Skill(
            "pick up the book and place it in the front compartment of the caddy",
            "the book is in the front compartment of the caddy",
        ),
        Skill(
            "pick up the book and place it in the left compartment of the caddy",
            "the book is in the left compartment of the caddy",
        ),
        Skill(
            "pick up the book and place it in the right compartment of the caddy",
            "the book is in the right compartment of the caddy",
        ),
    ),
    "STUDY_SCENE3": (
        Skill(
            "pick up the book and place it in the front compartment of the caddy",
            "the book is in the front compartment of the caddy",
        ),
        Skill(
            "pick up the book and place it in the left compartment of the caddy",
            "the book is in the left compartment of the caddy",
        ),
        Skill(
            "pick up the book and place it in the right compartment of the caddy",
            "the book is in the right compartment of the caddy",
        ),
        Skill(
            "pick up the red mug and place it to the right of the caddy",
            "the red mug stands to the right of the caddy",
        ),
        Skill(
            "pick up the white mug and place it to the right of the caddy",
            "the white mug stands to the right of the caddy",
        ),
    ),
    "STUDY_SCENE4": (
        Skill(
            "pick up the book in the middle and place it on the cabinet shelf",
            "the book that was in the middle is on the cabinet shelf",
        ),
        Skill(
            "pick up the book on the left and place it on top of the shelf",
            "the book that was on the left lies on top of the shelf",
        ),
        Skill(
            "pick up the book on the right and place it on the cabinet shelf",
            "the book that was on the right is on the cabinet shelf",
        ),
        Skill(
            "pick up the book on the right and place it under the cabinet shelf",
            "the book that was on the right is under the cabinet shelf",
        ),
    ),
}
"""Scene prefix -> its skills."""
