"""What the name of an animal says, read with tables of the tests' own."""

from __future__ import annotations

SHAPES = "fish bird snail cat snake beetle starfish jellyfish bear rabbit turtle frog".split()
COLOURS = "red orange yellow green blue purple pink brown black white grey".split()
PLACES = "meadow desert sea snow night forest cave city".split()
TEXTURES = {
    **{word: word for word in "plain striped spotted checkered ringed patched zigzag netted".split()},
    **{"bare": "plain", "tiger": "striped", "leopard": "spotted", "chess": "checkered", "target": "ringed"},
    **{"calico": "patched", "lightning": "zigzag", "lace": "netted"},
}
ADJECTIVES = {
    **{"winged": "wings", "finned": "fins", "footed": "legs", "stilted": "stilts", "tentacled": "tentacles"},
    **{"quilled": "quills", "horned": "horns"},
}
STEMS = {
    **{"wing": "wings", "fin": "fins", "foot": "legs", "stilt": "stilts", "tentacle": "tentacles"},
    **{"quill": "quills", "horn": "horns"},
}
ANY = ("critter", "animal", "creature")


def read(phrase: str) -> tuple[dict[str, str], list[str]]:
    """Attributes that a name or a noun phrase tells, and the words in it that are true of something else.

    Raises:
        ValueError: a word that is none of an animal, or an attribute told twice.
    """
    front, _, tail = phrase.replace(" and ", "-and-").partition(" with ")
    *words, last = front.split()
    told: dict[str, str] = {}
    misleading = []

    def tell(name: str, value: str) -> None:
        if name in told:
            raise ValueError(f"{phrase!r} tells its {name} twice")
        told[name] = value

    if last not in ANY:
        tell("shape", SHAPES[SHAPES.index(last)])
    for word in words:
        first, _, second = word.partition("-")
        compound = next(((c, s) for c in COLOURS for s in STEMS if word == c + s), None)
        if compound:
            tell("second_colour", compound[0])
            tell("limbs", STEMS[compound[1]])
        elif word in TEXTURES:
            tell("texture", TEXTURES[word])
        elif word in ADJECTIVES:
            tell("limbs", ADJECTIVES[word])
        elif word in (*SHAPES, *PLACES):
            misleading.append(word)
        elif second.startswith("and-"):
            tell("colour", COLOURS[COLOURS.index(first)])
            tell("second_colour", COLOURS[COLOURS.index(second.removeprefix("and-"))])
        elif second:
            tell("second_colour", COLOURS[COLOURS.index(first)])
            tell("limbs", ADJECTIVES[second])
        else:
            tell("colour", COLOURS[COLOURS.index(word)])
    if tail:
        *colour, limbs = tail.split()
        tell("limbs", list(STEMS.values())[list(STEMS.values()).index(limbs)])
        for word in colour:
            tell("second_colour", COLOURS[COLOURS.index(word)])
    return told, misleading
