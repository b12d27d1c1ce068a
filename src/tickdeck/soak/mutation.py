"""Damage to bytes: what a decoder must survive."""

from __future__ import annotations

import random

_NUMBERS = [b"\0" * 8, b"\xff" * 8, b"\xff" * 7 + b"\x7f", b"\0" * 7 + b"\x80", b"\x01" + b"\0" * 7, b"\0" * 7 + b"\x01"]
TOKENS = [
    b'"',
    b",",
    b":",
    b"[",
    b"]",
    b"{",
    b"}",
    b"0",
    b"9",
    b".",
    b"-",
    b"e",
    b" ",
    b"\\",
    b"\n",
    b"\x00",
    b"\xff",
    b"true",
    b'"b"',
]
VALUES = [
    b"0",
    b"1",
    b"9223372036854775806",
    b"9223372036854775807",
    b"92233720368547758070",
    b"9223372036855",
    b"1e3",
    b"1.5",
    b"-1",
    b"007",
    b"null",
]


def damaged(payload: bytes, rng: random.Random) -> bytes:
    """`payload` cut, or with a few bytes changed."""
    if rng.random() < 0.3:
        return payload[: rng.randrange(len(payload) + 1)]
    out = bytearray(payload)
    for _ in range(rng.randrange(1, 4)):
        if out:
            out[rng.randrange(len(out))] = (
                rng.choice(b'0123456789.,-"[]{}:eE \x00\xff\\u') if rng.random() < 0.8 else rng.randrange(256)
            )
    return bytes(out)


def damaged_text(payload: bytes, draw: random.Random) -> bytes:
    """Change bytes, pieces or numbers of a frame."""
    out = bytearray(payload)
    for _ in range(draw.choice((1, 1, 1, 2, 4))):
        at = draw.randrange(len(out) + 1)
        match draw.randrange(7):
            case 0:
                out[at : at + 1] = bytes([draw.randrange(256)])
            case 1:
                out[at:at] = draw.choice(TOKENS)
            case 2:
                del out[at : at + draw.choice((1, 1, 3, 20))]
            case 3:
                del out[at:]
            case 4:
                end = at + draw.randrange(1, 30)
                out[at:at] = out[at:end]
            case _:
                digits = [i for i in range(len(out)) if 48 <= out[i] <= 57]
                if digits:
                    first = last = draw.choice(digits)
                    while first and 48 <= out[first - 1] <= 57:
                        first -= 1
                    while last < len(out) and 48 <= out[last] <= 57:
                        last += 1
                    out[first:last] = draw.choice(VALUES)
        if not out:
            break
    return bytes(out)


def damaged_file(content: bytes, rng: random.Random) -> bytes:
    """A file torn off, with a piece missing, doubled or moved, or with a few bytes, bits or lengths changed."""
    out = bytearray(content)
    for _ in range(rng.choice((1, 1, 1, 2, 3, 6))):
        if not out:
            break
        at = rng.randrange(len(out))
        # Headers are short and decide everything: damage them more often.
        if rng.random() < 0.3:
            at = rng.randrange(min(len(out), 512))
        match rng.randrange(9):
            case 0:
                del out[at:]
            case 1:
                del out[at : at + rng.choice((1, 2, 7, 56, 64, 300))]
            case 2:
                end = at + rng.choice((1, 8, 56, 64, 300))
                out[at:at] = out[at:end]
            case 3:
                out[at] ^= 1 << rng.randrange(8)
            case 4:
                width = rng.choice((1, 2, 4, 8))
                out[at : at + width] = rng.choice(_NUMBERS)[:width]
            case 5:
                out[at : at + rng.randrange(1, 12)] = rng.randbytes(rng.randrange(12))
            case 6:
                other = rng.randrange(len(out))
                out[at : at + 64] = out[other : other + 64]
            case _:
                out[at] = rng.randrange(256)
    return bytes(out)
