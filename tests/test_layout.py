"""The SDKs have one floor plan: the same modules under the same names, in each language's case.

layout.yaml has the plan, and the reason for every module that only some of the languages have.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent
LAYOUT = Path(__file__).with_name("layout.yaml")
SUFFIXES = {"python": ".py", "go": ".go", "typescript": ".ts"}
_LEFT_OUT = re.compile(r"__init__\.py|doc\.go|index\.ts|zz_generated_.*|.*(_test\.go|\.test\.ts)")

# By language, the modules of a room, each with its file relative to the repository.
Modules = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True)
class Exemption:
    """Modules that only some languages have, and why."""

    modules: Sequence[str]
    only: Sequence[str]
    reason: str


@dataclass(frozen=True)
class Room:
    """A part of the SDK: its folders in each language, and the modules that all of them have."""

    name: str
    folders: Mapping[str, Sequence[str]]
    modules: Sequence[str]
    exceptions: Sequence[Exemption]


def rooms(layout: Mapping[str, Any]) -> list[Room]:
    """Returns the rooms of layout.yaml."""
    return [
        Room(**{**room, "exceptions": [Exemption(**each) for each in room["exceptions"]]})
        for room in layout["rooms"]
    ]


def module(file: str) -> str:
    """Returns the name of a module: `_json_text.py`, `json_text.go` and `jsonText.ts` have one."""
    stem = file.partition(".")[0].removeprefix("_")
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", stem).lower()


def file_name(name: str, language: str) -> str:
    """Returns the file of a module in a language's case."""
    if language == "typescript":
        name = re.sub("_([a-z])", lambda match: match[1].upper(), name)
    return name + SUFFIXES[language]


def packages() -> dict[str, Path]:
    """Returns the package folder of each language."""
    found = yaml.safe_load((ROOT / "schema/sdk.yaml").read_bytes())["packages"]
    return {language: ROOT / found[language]["path"] for language in SUFFIXES}


def files(folder: Path, language: str) -> list[Path]:
    """Returns the hand-written modules directly in a folder."""
    paths = sorted(folder.glob(f"*{SUFFIXES[language]}"))
    return [path for path in paths if not _LEFT_OUT.fullmatch(path.name)]


def modules_of(room: Room) -> Modules:
    """Returns the modules that each language has in a room."""
    return {
        language: {
            module(path.name): str(path.relative_to(ROOT))
            for folder in room.folders[language]
            for path in files(package / folder, language)
        }
        for language, package in packages().items()
    }


def problems(room: Room, found: Modules) -> list[str]:
    """Returns a line for each file that differs from the plan, and for each needless exception."""
    exceptions = {name: each for each in room.exceptions for name in each.modules}
    lines = []
    for name in sorted(
        {*room.modules, *exceptions, *(n for names in found.values() for n in names)}
    ):
        having = [language for language in SUFFIXES if name in found[language]]
        lacking = [language for language in SUFFIXES if language not in having]
        present = ", ".join(found[language][name] for language in having)
        exception = exceptions.get(name)
        if exception and name in room.modules:
            lines.append(f"{name}: remove the exception or the module: it is listed as both")
        elif exception and not having:
            lines.append(f"{name}: no SDK has it: remove the exception")
        elif exception and not lacking:
            lines.append(f"{name}: every SDK has it: list it in modules instead of an exception")
        elif exception and sorted(exception.only) != sorted(having):
            lines.append(
                f"{name}: the exception is for {', '.join(exception.only)}, but it is in {present}"
            )
        elif not exception and name not in room.modules and not lacking:
            lines.append(f"{name}: every SDK has it: list it in modules")
        elif not exception and name not in room.modules:
            lines.append(
                f"{name}: {present} has no counterpart in {', '.join(lacking)}: rename it after "
                f"a module of the plan, or add an exception `only: [{', '.join(having)}]`"
            )
        elif name in room.modules and lacking:
            absent = ", ".join(f"{file_name(name, each)} in {each}" for each in lacking)
            lines.append(f"{name}: {absent} is missing: add it, or make it an exception")
    return [f"layout.yaml, {room.name}: {line}" for line in lines]


def test_every_sdk_has_the_modules_of_the_floor_plan() -> None:
    layout = yaml.safe_load(LAYOUT.read_bytes())
    found = [line for room in rooms(layout) for line in problems(room, modules_of(room))]
    assert not found, "\n" + "\n".join(found)


def test_every_folder_of_an_sdk_belongs_to_a_room() -> None:
    layout = yaml.safe_load(LAYOUT.read_bytes())
    for language, package in packages().items():
        listed = {folder for room in rooms(layout) for folder in room.folders[language]}
        parents = (path.parent for path in package.rglob(f"*{SUFFIXES[language]}"))
        folders = {str(parent.relative_to(package)) for parent in parents}
        assert folders <= listed | set(layout["other_folders"][language]), language
        assert listed <= folders, language


def test_every_exception_has_a_reason_in_one_sentence() -> None:
    layout = yaml.safe_load(LAYOUT.read_bytes())
    reasons = [each.reason for room in rooms(layout) for each in room.exceptions]
    assert [reason for reason in reasons if not re.fullmatch(r"(?!.*\. ).+\.", reason)] == []


ROOM = Room(
    name="room",
    folders={},
    modules=["event"],
    exceptions=[Exemption(modules=["scratch"], only=["go"], reason="…")],
)


def found(python: str, go: str, typescript: str) -> Modules:
    """Returns modules by language, from file names."""
    given = {"python": python, "go": go, "typescript": typescript}
    return {name: {module(file): file for file in text.split()} for name, text in given.items()}


def test_a_name_is_the_same_in_the_case_of_each_language() -> None:
    assert {module(file) for file in ("_json_text.py", "json_text.go", "jsonText.ts")} == {
        "json_text"
    }
    assert [file_name("json_text", language) for language in SUFFIXES] == [
        *("json_text.py", "json_text.go", "jsonText.ts")
    ]


def test_modules_of_the_plan_and_exceptions_are_no_problem() -> None:
    assert problems(ROOM, found("event.py", "event.go scratch.go", "event.ts")) == []


def test_a_module_missing_in_one_language_is_a_problem() -> None:
    (line,) = problems(ROOM, found("_event.py", "scratch.go", "event.ts"))
    assert line.endswith("event: event.go in go is missing: add it, or make it an exception")


def test_a_module_without_a_counterpart_is_a_problem() -> None:
    (line,) = problems(ROOM, found("event.py", "event.go scratch.go", "event.ts eventQueue.ts"))
    assert "event_queue: eventQueue.ts has no counterpart in python, go: rename it" in line
    assert line.endswith("add an exception `only: [typescript]`")


def test_a_module_that_every_sdk_has_is_listed_in_the_plan() -> None:
    (line,) = problems(ROOM, found("event.py a.py", "event.go a.go scratch.go", "event.ts a.ts"))
    assert line.endswith("a: every SDK has it: list it in modules")


def test_an_exception_that_no_file_needs_is_a_problem() -> None:
    (line,) = problems(ROOM, found("event.py", "event.go", "event.ts"))
    assert line.endswith("scratch: no SDK has it: remove the exception")


def test_an_exception_for_other_languages_is_a_problem() -> None:
    (line,) = problems(ROOM, found("event.py scratch.py", "event.go", "event.ts"))
    assert line.endswith("scratch: the exception is for go, but it is in scratch.py")
