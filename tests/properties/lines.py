"""Command lines for the words grammar: biased to quotes, escapes, tildes, names, odd bytes."""

from __future__ import annotations

from hypothesis import strategies as st

from tests.oracles.writing import ESCAPED

PLAIN = b"ABZabz019_@%+=:,./-^"
MIDDLE = b"!#~"
HIGH = (
    *(bytes((byte,)) for byte in (0x80, 0x81, 0x82, 0x83, 0x88, 0x9F, 0xA0, 0xC2, 0xE2, 0xFE,
    0xFF)),
    "\u00a0".encode(), "\u0085".encode(), "\u009b".encode(), "\u2028".encode(),
    "\u3000".encode(), "\u202e".encode(), "\u00e9".encode(), "e\u0301".encode(),
    "\U0001f600".encode(),
)  # fmt: skip
HOSTILE = b"\"'$`;&|<>(){}[]*?\\!#~^\t\n\r\x0b\x0c\x1b\x7f\x00 "

_plain = st.lists(st.sampled_from(PLAIN), min_size=1, max_size=6).map(bytes)
_tilde = st.sampled_from(
    (b"~", b"=~", b":~", b"=~/", b"a=~", b"a=b:~", b"a+=~", b"/~", b"a[0]=~", b"~root", b"=", b":")
)
_name = st.sampled_from((b"HOME=", b"a=", b"_x9=", b"PATH=/a:", b"if", b"time", b"do", b"{a,b}"))
_escape = st.sampled_from(ESCAPED).map(lambda byte: b"\\" + bytes((byte,)))
_quoted = st.lists(
    st.one_of(st.sampled_from((b" ", b"\\", b"\\\\", b"$a", b"`", b"~", b"#", b"*", b'"')), _plain),
    min_size=1,
    max_size=4,
).map(lambda parts: b"'" + b"".join(parts) + b"'")
_high = st.sampled_from(HIGH)
_middle = st.sampled_from(MIDDLE).map(lambda byte: bytes((byte,)))
_hostile = st.sampled_from(HOSTILE).map(lambda byte: bytes((byte,)))

_likely = st.one_of(_plain, _tilde, _name, _escape, _quoted, _high, _middle)

# Words that are accepted more often than not, so that the shells have something to read.
likely_words = st.lists(_likely, min_size=1, max_size=6).map(b"".join)
likely_lines = st.lists(likely_words, min_size=1, max_size=5).map(b" ".join)

# Lines with a byte that a shell gives a meaning to.
hostile_lines = st.lists(st.one_of(_likely, _likely, _hostile), min_size=1, max_size=12).map(
    b"".join
)

any_bytes = st.binary(max_size=200)
