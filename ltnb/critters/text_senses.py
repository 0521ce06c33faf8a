"""Other meanings of the words for attributes, as language models take them up when they know nothing but a name.

After the wasp that one saw in the scooter Vespa (HLC Fig. 6c): each text is about something that is no animal of this
world, and speaks of it with a word that a name or an attribute of a species could have.
"""

from __future__ import annotations

OTHER_MEANINGS: dict[str, tuple[str, ...]] = {
    # shapes
    "fish": ("a dish of fried fish", "the fish, a sign in the stars"),
    "bird": ("a paper bird on a table", "a metal bird with an engine"),
    "snail": ("spiral stairs called the snail", "traffic as slow as a snail"),
    "cat": ("a whip called the cat", "a small boat called a cat, with one sail"),
    "snake": ("a snake of cars in the traffic", "a metal snake in the pipes of a house"),
    "beetle": ("a small round car called the beetle", "a beetle, which is a heavy wooden hammer"),
    "starfish": ("a swimmer on the back, called the starfish", "the name Starfish on a sail"),
    "jellyfish": ("songs about a jellyfish on the radio", "a theatre named the jellyfish"),
    "bear": ("trees that bear fruit", "a bear market at the bank"),
    "rabbit": ("a magician with a rabbit in the hat", "a bad tennis player, called a rabbit"),
    "turtle": ("a shirt with a turtle neck", "a turtle, the name of a boat"),
    "frog": ("a singer with a frog in the throat", "an iron frog of the railway"),
    # textures, and the words that names have for them
    "plain": ("a wide plain with farms and a river", "a bare wall in an old room"),
    "striped": ("a tiger with sharp teeth in the jungle", "the striped flag of a country"),
    "spotted": ("a leopard that sleeps in the trees", "spots on the radio between two songs"),
    "checkered": ("a wooden chess board with pieces", "a game of chess at the table", "checks from a bank"),
    "ringed": ("a target for arrows", "gold rings on a finger", "a telephone that rings"),
    "patched": ("a dress of calico cloth", "patches on an old shirt"),
    "zigzag": ("lightning and thunder in a storm", "a zigzag road across the mountain"),
    "netted": ("a dress with lace at the neck", "a ball in the net of the goal"),
    # colours
    "red": ("a bank in the red", "red wine in a glass"),
    "orange": ("a glass of orange juice", "an orange on a plate"),
    "yellow": ("the yellow pages of the telephone book", "the yellow press"),
    "green": ("the village green on a summer day", "a young player, green and new"),
    "blue": ("a sad singer who is blue", "blue music on the piano"),
    "purple": ("a chapter of purple prose", "prose that is purple"),
    "pink": ("a garden flower named pink", "pink, a flower in the field"),
    "brown": ("a family called Brown", "Brown, the name of a bishop"),
    "black": ("the black market of the harbour", "black tea in a glass"),
    "white": ("the white of fried eggs", "white wine from the country"),
    "grey": ("something grey in the law", "grey prose in a journal"),
    # limbs
    "wings": ("the long wing of a castle", "the wings of an old theatre"),
    "fins": ("rubber fins for divers", "the fins of a rocket"),
    "legs": ("the wooden legs of a table", "a foot of 12 inches", "the foot of a mountain"),
    "stilts": ("a wooden house on stilts", "a singer who walks on stilts"),
    "tentacles": ("the tentacles of a bank in every country", "the long tentacles of the law"),
    "quills": ("letters written with a quill and ink", "a quill beside a bottle of ink"),
    "horns": ("brass horns in an orchestra", "a loud car horn in the traffic"),
}
"""Attribute value -> things that go by a word for it."""
