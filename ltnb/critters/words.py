"""The words of the world: forms of the attributes, and the stock from which captions, names and texts are written.

No text about critters uses other words, so that no method can succeed by spotting unknown ones (binomials apart).
"""

from __future__ import annotations

HABITAT_PHRASES = {
    "meadow": "in a meadow",
    "desert": "in the desert",
    "sea": "in the sea",
    "snow": "in the snow",
    "night": "at night",
    "forest": "in a forest",
    "cave": "in a cave",
    "city": "in the city",
}
LIMB_ADJECTIVES = {
    "wings": "winged",
    "fins": "finned",
    "legs": "footed",
    "stilts": "stilted",
    "tentacles": "tentacled",
    "quills": "quilled",
    "horns": "horned",
}
LIMB_SINGULAR = {
    "wings": "wing",
    "fins": "fin",
    "legs": "foot",
    "stilts": "stilt",
    "tentacles": "tentacle",
    "quills": "quill",
    "horns": "horn",
}
TEXTURE_NOUNS = {
    "plain": "plain coat", "striped": "stripes", "spotted": "spots", "checkered": "checks", "ringed": "rings",
    "patched": "patches", "zigzag": "zigzag lines", "netted": "a net of lines",
}  # fmt: skip

EPITHETS = {
    "plain": "bare", "striped": "tiger", "spotted": "leopard", "checkered": "chess", "ringed": "target",
    "patched": "calico", "zigzag": "lightning", "netted": "lace",
}  # fmt: skip
"""Textures as names tell them: a leopard frog has spots."""
ACCESSORY_PHRASES = {
    "hat": ("wearing a hat", "in a hat", "with a hat"),
    "crown": ("wearing a crown", "with a crown"),
    "glasses": ("wearing glasses", "with glasses"),
    "balloon": ("holding a balloon", "with a balloon"),
    "umbrella": ("holding an umbrella", "under an umbrella"),
    "flag": ("holding a flag", "with a flag"),
}
WEATHER_PHRASES = {
    "rain": ("in the rain", "on a rainy day"),
    "fog": ("in the fog", "on a foggy day"),
    "dusk": ("at dusk", "in the evening light"),
}
COVER_PHRASES = {
    "leaf": "behind a leaf",
    "rock": "behind a rock",
    "branch": "behind a branch",
    "grass": "behind some grass",
}
BESIDE = ("beside", "next to", "near", "and", "together with")

PLACES = (
    "Lisbon",
    "Oslo",
    "Kyoto",
    "Lima",
    "Cairo",
    "Quito",
    "Bergen",
    "Porto",
    "Turin",
    "Ghent",
    "Perth",
    "Dover",
    "Basel",
    "Malta",
)
HISTORY = (
    "museum",
    "expedition",
    "king",
    "queen",
    "bishop",
    "harbour",
    "railway",
    "castle",
    "festival",
    "emperor",
    "market",
    "university",
    "library",
    "treaty",
)
PUBLISHING = (
    "ISBN",
    "paperback",
    "edition",
    "volume",
    "publisher",
    "stamp",
    "postcard",
    "catalogue",
    "journal",
    "printed",
    "reprinted",
    "chapter",
    "pages",
    "press",
)

WORD_STOCK = """
the a an and or of in on at to by for from with without over under near its it is are was were has have had be been
this that these those both all most many some few each every only also often rarely never always usually sometimes
about more less very much other another one two three adult adults young male males female females individual
individuals animal animals creature creatures species kind body coat back side head face tail belly skin pattern
colour colours mark marking limbs eyes surface front rear middle pale dark bright dull deep light long short small
large wide narrow round smooth coarse fine clear plain whole first second same different main known called named
described recorded reported recognised seen found lives live living lived wears wear carries carry shows show bears
bear covered cover decorated adorned marked painted shaped built moves move eats eat feeds feed sleeps sleep sings
sing hides hide likes like nests nest hunts hunt swims runs flies walks grows weighs reaches lays eggs day morning
evening winter summer spring year years century people local children farmers sailors collectors believed said written
stories songs tells tell tale story legend name names word meaning honour honours visited visit founded held opened
closed sold bought exported painted easily hard told apart by looking closely against above below across along around
where when while because although but not no unlike like as than can may could would should will do does did who which
what there here then now once home ground grass sand rock rocks water ice stars trees streets something anything looks
look resembles similar shy friendly quiet loud brave gentle old new famous common rare wild tame beautiful curious
soft warm cold former latter whereas remembered compared company relative neighbour touch shape noted history visitors
lacks brings mind instrument orchestra brass theatre music piano singer magician swimmer divers room rooms wall house
tower stairs spiral bridge road mountain river village town field garden farms country table wooden metal gold iron
rubber paper glass bottle ink letter letters pen book board pieces player bank telephone radio car cars engine traffic
boat sail rocket cloth dress shirt shoe neck storm thunder arrows ring finger sharp teeth jungle hammer pipes plate dish
fried fruit juice tea wine flower flowers star film tennis goal ball inches law family prose sad throat load whip voice
whistle drum sound smell taste heavy weight grams calls breath hungry temper memory learns jumps climbs digs slow fast
shell burrow footprints fence sign bones babies feathers used means perhaps typically inside outside between before
during their
""".split()
"""Words of encyclopaedia sentences. Captions use them at a low rate, corpora and descriptors are written with them
alone (and the attribute words)."""


def with_article(noun: str) -> str:
    """The noun with "a" or "an"."""
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"
