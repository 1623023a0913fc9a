"""Reading YAML: positions, and files with arbitrary bytes."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from codegen.diagnostics import Position
from codegen.load import FILES, load
from codegen.source import Source, read

SCHEMA = Path(__file__).parents[2] / "schema"
BASE = Path(__file__).parent / "fixtures" / "base"


def source_of(data: bytes | str, folder: Path) -> Source:
    file = folder / "catalog.yaml"
    file.write_bytes(data.encode() if isinstance(data, str) else data)
    return read(file, "catalog.yaml")


def problems(source: Source) -> list[tuple[str, Position]]:
    return [(d.code, d.position) for d in source.diagnostics]


def test_keys_and_values_have_a_line_and_column(tmp_path: Path) -> None:
    source = source_of("a:\n  - {b: 1, c: x}\n  - 'd'\n", tmp_path)
    assert source.data == {"a": [{"b": 1, "c": "x"}, "d"]}
    assert source.key(("a",)) == (1, 1)
    assert source.value(("a",)) == (2, 3)
    assert source.value(("a", 0)) == (2, 5)
    assert source.key(("a", 0, "c")) == (2, 12)
    assert source.value(("a", 0, "c")) == (2, 15)
    assert source.value(("a", 1)) == (3, 5)


def test_a_missing_key_has_the_position_of_its_parent(tmp_path: Path) -> None:
    source = source_of("a:\n  b: 1\n", tmp_path)
    assert source.key(("a", "missing", "deeper")) == source.key(("a",))


@pytest.mark.parametrize("line_break", ["\n", "\r\n", "\r"])
def test_lines_are_counted_as_editors_count_them(line_break: str, tmp_path: Path) -> None:
    source = source_of(f"a: 1{line_break}{line_break}b: 2{line_break}", tmp_path)
    assert source.value(("b",)) == (3, 4)


def test_columns_count_characters_not_bytes(tmp_path: Path) -> None:
    assert source_of("{é😀: x, b: y}", tmp_path).key(("b",)) == (1, 9)


def test_only_plain_scalars_keep_their_source_text(tmp_path: Path) -> None:
    source = source_of("a: 1.10\nb: '1.10'\nc: [x]\n", tmp_path)
    assert source.data == {"a": 1.1, "b": "1.10", "c": ["x"]}
    assert [source.written((key,)) for key in "abc"] == ["1.10", None, None]


@pytest.mark.parametrize(
    ("data", "code", "position"),
    [
        (b"\xef\xbb\xbfa: b\n", "byte-order-mark", (1, 1)),
        ("a: b\n".encode("utf-16"), "byte-order-mark", (1, 1)),
        (b"a: b\r\nc: caf\xe9\n", "encoding", (2, 7)),
        ("a: é\nb: ".encode() + b"\xff", "encoding", (2, 4)),
        (b"a: \xed\xa0\x80\n", "encoding", (1, 4)),
        (b"a: b\nc: \x00d\n", "control-character", (2, 4)),
        ("a: b\u2028c\n", "control-character", (1, 5)),
        ("a: b\u0085c\n", "control-character", (1, 5)),
        ("a: b\ufeffc\n", "control-character", (1, 5)),
        (b"", "empty-file", (1, 1)),
        (b"\n\n", "empty-file", (1, 1)),
        (b"---\n...\n", "empty-file", (1, 1)),
        (b"a:\n\tb: c\n", "tab", (2, 1)),
        (b"a:\n  b: c\n \td: e\n", "tab", (3, 2)),
        (b"a: 'b\n", "syntax", (1, 4)),
        (b'a: "\\q"\n', "syntax", (1, 5)),
        (b'a: "\\ud800"\n', "syntax", (1, 7)),
        (b"a: [" * 50, "too-deep", (1, 81)),
        (b"[" * 100_000, "too-deep", (1, 41)),
        (b"- " * 10_000, "too-deep", (1, 81)),
        (b"a: b\n--- \nc: d\n", "second-document", (2, 1)),
        (b"%TAG ! tag:x,2026:\n---\na: b\n", "directive", (1, 1)),
        (b"%YAML 3.0\n---\na: b\n", "directive", (1, 1)),
        (b"a: b\na: c\n", "duplicate-key", (2, 1)),
        (b"{[a]: b}\n", "key-type", (1, 2)),
        (b"{{a: b}: c}\n", "key-type", (1, 2)),
        (b"? - a\n: b\n", "key-type", (1, 3)),
        (b"*a : b\n", "alias", (1, 1)),
        (b": b\n", "syntax", (1, 1)),
    ],
)
def test_an_invalid_file_is_reported_with_its_position(
    data: bytes | str, code: str, position: tuple[int, int], tmp_path: Path
) -> None:
    assert problems(source_of(data, tmp_path)) == [(code, position)]


@pytest.mark.parametrize("text", ["~", "no", "5", "words", "[]", "'~'", "*a"])
def test_a_file_that_is_not_a_mapping_is_reported_with_its_position(
    text: str, tmp_path: Path
) -> None:
    for name in FILES:
        (tmp_path / f"{name}.yaml").write_text(text)
    loaded = load(tmp_path)
    assert loaded.model is None
    assert [d.position for d in loaded.diagnostics] == [(1, 1)] * 3


def test_the_first_of_two_equal_keys_is_kept(tmp_path: Path) -> None:
    source = source_of("a: 1\nb: 2\na: 3\n", tmp_path)
    assert source.data == {"a": 1, "b": 2}
    assert source.diagnostics[0].related == ("first written at", "catalog.yaml", (1, 1))


def test_a_missing_file_a_directory_and_a_symlink_loop_are_reported(tmp_path: Path) -> None:
    (tmp_path / "event.yaml").mkdir()
    (tmp_path / "sdk.yaml").symlink_to(tmp_path / "sdk.yaml")
    codes = [d.code for d in load(tmp_path).diagnostics]
    assert codes == ["missing-file", "directory", "unreadable-file"]


def test_an_invalid_file_name_is_reported(tmp_path: Path) -> None:
    assert [d.code for d in load(tmp_path / "a\0b").diagnostics] == ["unreadable-file"] * 3


@pytest.mark.parametrize("seed", range(40))
def test_any_bytes_produce_diagnostics_within_the_file(seed: int, tmp_path: Path) -> None:
    chance = random.Random(seed)
    for round_ in range(5):
        folder = tmp_path / str(round_)
        folder.mkdir()
        for name in FILES:
            origin = SCHEMA if round_ % 2 else BASE
            (folder / f"{name}.yaml").write_bytes(
                _mutated((origin / f"{name}.yaml").read_bytes(), chance)
            )
        loaded = load(folder)
        assert (loaded.model is None) == any(d.severity == "error" for d in loaded.diagnostics)
        for diagnostic in loaded.diagnostics:
            lines = Path(diagnostic.path).read_bytes().splitlines()
            assert 1 <= diagnostic.position.line <= len(lines) + 1
            assert diagnostic.position.column >= 1


_PIECES = [
    *(b"5", b"-1", b"0.5", b"null", b"~", b"no", b"on", b"0x1F", b"1_000", b"2024-01-01", b"1e999"),
    *(b"[]", b"{}", b"[x, 5]", b"{x: y}", b"[[x]]", b"''", b'"x"', b"\xff", b"\x00", b"\t", b"\r"),
    *(
        b"&a ",
        b"*a",
        b"!t ",
        b"<<: x",
        b"? ",
        b"- ",
        b": ",
        b"|",
        b">",
        b"%",
        b"@",
        b"{",
        b"]",
        b"#",
    ),
    *(b"\n---\n", b"\n...\n", b"'", b'"', b"\\", "\u2028😀".encode(), b"9" * 5000, b"x" * 5000),
]


def _mutated(data: bytes, chance: random.Random) -> bytes:
    """Makes one to six changes: replaces a value, inserts or removes bytes, or swaps lines."""
    for _ in range(chance.randint(1, 6)):
        lines = data.split(b"\n")
        at = chance.randrange(len(lines))
        change = chance.randrange(4)
        key, colon, _value = lines[at].partition(b": ")
        if change == 0 and colon:
            lines[at] = key + colon + chance.choice(_PIECES)
        elif change == 1:
            place = chance.randint(0, len(lines[at]))
            lines[at] = lines[at][:place] + chance.choice(_PIECES) + lines[at][place:]
        elif change == 2:
            place = chance.randint(0, len(lines[at]))
            lines[at] = lines[at][:place] + lines[at][place + chance.randint(1, 9) :]
        else:
            other = chance.randrange(len(lines))
            lines[at], lines[other] = lines[other], lines[at]
        data = b"\n".join(lines)
    return data
