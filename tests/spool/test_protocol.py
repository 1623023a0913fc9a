"""Who owns a segment: docs/spool-format.md's protocol, in every interleaving there is.

An origin records two events while two others may take it, and each other, for dead at any moment:
suspicion is never asked whether it is right. Each step of each process may be its last, and any
number of steps of the others may come before the next: that is a crash, and a pause.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import pytest

EVENTS = 2
ORIGIN = "origin"
ADOPTERS = ("first", "second")
_ADOPTIONS = 2  # that each adopter makes at most


@dataclass(frozen=True)
class Segment:
    """A file: who owns it by its name, nobody where it is removed; its flag; the events in it."""

    owner: str | None = ORIGIN
    closed: bool = False
    events: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Writer:
    """The origin: where it is in its work, with which event and which segment."""

    at: str = "write"
    event: int = 0
    segment: int = 0


@dataclass(frozen=True)
class Adopter:
    """One of the others: its step and segment, the owner it saw, what it read, how often it may."""

    at: str = "look"
    segment: int = 0
    seen: str = ""
    read: frozenset[int] = frozenset()
    left: int = _ADOPTIONS


@dataclass(frozen=True)
class World:
    """Everything at one moment."""

    segments: tuple[Segment, ...] = (Segment(),)
    writer: Writer = Writer()
    adopters: tuple[Adopter, ...] = (Adopter(), Adopter())
    accepted: frozenset[int] = frozenset()
    delivered: frozenset[int] = frozenset()

    def change(self, number: int, **changes: object) -> tuple[Segment, ...]:
        """The segments, one of them changed."""
        changed = list(self.segments)
        changed[number] = replace(changed[number], **changes)  # type: ignore[arg-type]
        return tuple(changed)


@dataclass(frozen=True)
class Rules:
    """The rules of the document; a test breaks one of them to see that it is needed."""

    checks_after_writing: bool = True
    order: tuple[str, ...] = ("rename", "close", "read", "send", "remove")

    def after(self, step: str) -> str:
        """What an adopter does after a step."""
        return dict(zip(self.order, (*self.order[1:], "look"), strict=True))[step]


def writer_steps(world: World, rules: Rules) -> Iterator[World]:
    """What the origin may do next: rules 1, 2 and 7."""
    writer, segments = world.writer, world.segments
    segment = segments[writer.segment]
    if writer.at == "write":
        events = segment.events | {writer.event}
        yield replace(
            world,
            segments=world.change(writer.segment, events=events),
            writer=replace(writer, at="check"),
        )
    elif writer.at == "check" and segment.closed and rules.checks_after_writing:
        begun = replace(writer, at="write", segment=len(segments))
        yield replace(world, segments=(*segments, Segment()), writer=begun)
    elif writer.at == "check":
        done = writer.event + 1
        following = replace(writer, at="write" if done < EVENTS else "send", event=done)
        yield replace(world, accepted=world.accepted | {writer.event}, writer=following)
    elif writer.at == "send":
        sent = replace(writer, at="remove")
        yield replace(world, delivered=world.delivered | world.accepted, writer=sent)
    elif writer.at == "remove":
        kept = tuple(
            replace(each, owner=None) if each.owner == ORIGIN else each for each in segments
        )
        yield replace(world, segments=kept, writer=replace(writer, at="ended"))


def adopter_steps(world: World, number: int, rules: Rules) -> Iterator[World]:
    """What one of the others may do next: rules 6 and 7."""
    name, adopter = ADOPTERS[number], world.adopters[number]
    if adopter.at == "look":
        for index, each in enumerate(world.segments):
            if adopter.left and each.owner not in {None, name}:
                look = Adopter(rules.order[0], index, each.owner or "", left=adopter.left - 1)
                yield moved(world, number, look)
        return
    segment = world.segments[adopter.segment]
    onward = replace(adopter, at=rules.after(adopter.at))
    if adopter.at == "rename" and segment.owner != adopter.seen:
        yield moved(world, number, Adopter(left=adopter.left))
    elif adopter.at == "rename":
        yield moved(world, number, onward, world.change(adopter.segment, owner=name))
    elif adopter.at == "close":
        yield moved(world, number, onward, world.change(adopter.segment, closed=True))
    elif adopter.at == "read":
        yield moved(world, number, replace(onward, read=segment.events))
    elif adopter.at == "send":
        sent = replace(world, delivered=world.delivered | adopter.read)
        yield moved(sent, number, onward)
    else:
        owner = None if segment.owner == name else segment.owner
        yield moved(world, number, onward, world.change(adopter.segment, owner=owner))


def moved(
    world: World, number: int, adopter: Adopter, segments: tuple[Segment, ...] | None = None
) -> World:
    """The world after one step of an adopter."""
    adopters = list(world.adopters)
    adopters[number] = adopter if adopter.at != "look" else Adopter(left=adopter.left)
    return replace(world, adopters=tuple(adopters), segments=segments or world.segments)


def search(rules: Rules, wrong: Callable[[World], bool]) -> tuple[int, World | None]:
    """How many worlds can be reached, and one that is wrong if there is any.

    A process that makes no further step has crashed, so every crash is among them.
    """
    first = World()
    seen, waiting = {first}, [first]
    while waiting:
        world = waiting.pop()
        if wrong(world):
            return len(seen), world
        following = [*writer_steps(world, rules)]
        for number in range(len(ADOPTERS)):
            following += adopter_steps(world, number, rules)
        for each in following:
            if each not in seen:
                seen.add(each)
                waiting.append(each)
    return len(seen), None


def lost(world: World) -> bool:
    """Whether an accepted event is neither delivered nor in a file that somebody can adopt."""
    kept = {event for each in world.segments if each.owner is not None for event in each.events}
    return not world.accepted <= world.delivered | kept


def test_no_interleaving_loses_an_accepted_event() -> None:
    worlds, found = search(Rules(), lost)
    assert found is None
    assert worlds > 50_000


@pytest.mark.parametrize(
    "broken",
    [
        Rules(checks_after_writing=False),
        Rules(order=("rename", "read", "close", "send", "remove")),
        Rules(order=("rename", "close", "read", "remove", "send")),
    ],
    ids=["no second look", "reads, then closes", "removes, then sends"],
)
def test_each_rule_is_needed(broken: Rules) -> None:
    assert search(broken, lost)[1] is not None
