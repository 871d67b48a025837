"""A text frame as it goes over the wire, built once for everybody who gets it."""

from websockets.frames import Frame, Opcode


def wire_of(text: str) -> bytes:
    """Build an unmasked, uncompressed text frame (RFC 6455, 5.2), as a server sends it."""
    return Frame(Opcode.TEXT, text.encode()).serialize(mask=False)
