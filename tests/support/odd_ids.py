"""Ids of every kind that can come, as tables: which there may be, and how people are shown them."""

SAME_EVERYWHERE = (
    *("chair", "item-1", "a b", "=1+1", "1E5", "'", '"', "<b>", "&", "\\", "__proto__", "a|b", "~", "CON"),
    *("%", "100%", "%2E", "a.b", ".", "..", "$x", "$", "a$b.c%d", "%" * 128, "." * 128),
    *(
        "é",
        "ß",
        "ı",
        "арт-1",
        "日本",
        "가",
        "हिन्दी",
        "שלום",
        "🪑",
        "\ufeff",
        "\U0010ffff",
        "\ud7ff",
        "\ue000",
    ),
    *("x" * 128, "é" * 128, "日" * 128, "😀" * 128),
)
"""Ids of items: 1 to 128 characters that are none of those below."""

UNPRINTABLE = (
    *("\0", "\t", "\n", "\r", "\x1b", "\x1f", "\x7f", "\x80", "\x85", "\x9b", "\x9f"),
    *("\u2028", "\u2029", "\ufdd0", "\ufdef", "\ufffe", "\uffff"),
)
"""Characters that are in no id."""

NO_IDS = (
    *("", "x" * 129, "é" * 129, "😀" * 129, "x" * 300),
    *(place.format(character) for character in UNPRINTABLE for place in ("{}", "{}a", "a{}", "a{}b")),
    "\x1b[2J",
)
"""Texts that name nothing."""

NO_FIELDS = (
    "a.b",
    ".",
    "$x",
    "a$",
    "%",
    "%2",
    "%2e",
    "%41",
    "100%",
    "%25" * 129,
    "%2E" + "x" * 128,
    "a%2Eb.c",
)
"""Field names that no item's id becomes."""

SPELLED = {
    "chair": "chair",
    "a b": "a b",
    "é": "é",
    "e\u0301": "e‹U+0301›",
    "Cafe\u0301s": "Cafe‹U+0301›s",
    "é\u0323": "é‹U+0323›",
    "e\u0302\u0323": "e‹U+0302›‹U+0323›",
    "x\u0301": "x\u0301",
    "\u0301": "‹U+0301›",
    "\u212b": "‹U+212B›",
    "Å": "Å",
    "가": "가",
    "\u1100\u1161": "ᄀ‹U+1161›",
    "가\u11a8": "가‹U+11A8›",
    "हिन्दी": "हिन्दी",
    " ": "␣",
    "   ": "␣␣␣",
    " a": "␣a",
    "a ": "a␣",
    "a  b": "a ␣b",
    "\u00a0": "‹U+00A0›",
    "a\u00a0b": "a‹U+00A0›b",
    "\u2003": "‹U+2003›",
    "\u3000": "‹U+3000›",
    "\u00ad": "‹U+00AD›",
    "\u200b": "‹U+200B›",
    "chair\u200b": "chair‹U+200B›",
    "chair\u200d": "chair‹U+200D›",
    "\u200d": "‹U+200D›",
    "\ufe0f": "‹U+FE0F›",
    "\u2060": "‹U+2060›",
    "\ufeff": "‹U+FEFF›",
    "\u202eevil": "‹U+202E›evil",
    "\u2066a": "‹U+2066›a",
    "\u034f": "‹U+034F›",
    "\u115f": "‹U+115F›",
    "\u1160": "‹U+1160›",
    "\u17b4": "‹U+17B4›",
    "\u180e": "‹U+180E›",
    "\u2800": "‹U+2800›",
    "\u3164": "‹U+3164›",
    "\uffa0": "‹U+FFA0›",
    "\ue000": "‹U+E000›",
    "\U000e0041": "‹U+E0041›",
    "\U000e0100": "‹U+E0100›",
    "❤\ufe0f": "❤\ufe0f",
    "👩\u200d🚒": "👩\u200d🚒",
    "می\u200cخواهم": "می\u200cخواهم",
    "葛\U000e0100": "葛\U000e0100",
}
"""How people are shown an id, so that two that are not the same do not look it."""

FOREIGN_SPELLED = {"a\nb": "a‹U+000A›b", "\x1b[2J": "‹U+001B›[2J", "\x9b": "‹U+009B›", "\u2028": "‹U+2028›"}
"""The same of what is no id, but another program may have written."""
