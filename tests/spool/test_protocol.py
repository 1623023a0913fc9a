"""Segment ownership: a model check of the protocol in docs/spool-format.md, every interleaving.

An origin records two events while two adopters may consider it, and each other, dead at any moment,
rightly or wrongly. Each step of a process may be its last, which models a crash; any number of
steps of the others may precede the next one, which models a pause.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import pytest

EVENTS = 2
ORIGIN = "origin"
ADOPTERS = ("first", "second")
_ADOPTIONS = 2  # the most that each adopter makes


@dataclass(frozen=True)
class Segment:
    """A file: the owners in its names, none once removed; whether it is fenced; its events."""

    owners: frozenset[str] = frozenset({ORIGIN})
    fenced: bool = False
    events: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Writer:
    """The origin: its next step, event and segment."""

    at: str = "write"
    event: int = 0
    segment: int = 0


@dataclass(frozen=True)
class Adopter:
    """An adopter: its next step, segment, the owner it saw, what it read, adoptions left."""

    at: str = "look"
    segment: int = 0
    seen: str = ""
    read: frozenset[int] = frozenset()
    left: int = _ADOPTIONS


@dataclass(frozen=True)
class State:
    """The state of everything at one moment."""

    segments: tuple[Segment, ...] = (Segment(),)
    writer: Writer = Writer()
    adopters: tuple[Adopter, ...] = (Adopter(), Adopter())
    accepted: frozenset[int] = frozenset()
    delivered: frozenset[int] = frozenset()

    def change(self, number: int, **changes: object) -> tuple[Segment, ...]:
        """Returns the segments with one of them changed."""
        changed = list(self.segments)
        changed[number] = replace(changed[number], **changes)  # type: ignore[arg-type]
        return tuple(changed)


@dataclass(frozen=True)
class Rules:
    """The rules of the document; a test breaks each to prove that it is needed."""

    checks_after_writing: bool = True
    order: tuple[str, ...] = ("link", "unlink", "fence", "read", "send", "remove")

    def after(self, step: str) -> str:
        """Returns the step of an adopter that follows this one."""
        return dict(zip(self.order, (*self.order[1:], "look"), strict=True))[step]


def writer_steps(state: State, rules: Rules) -> Iterator[State]:
    """Yields the states after the origin's next step: rules 1, 2 and 7."""
    writer, segments = state.writer, state.segments
    segment = segments[writer.segment]
    if writer.at == "write":
        events = segment.events | {writer.event}
        yield replace(
            state,
            segments=state.change(writer.segment, events=events),
            writer=replace(writer, at="check"),
        )
    elif writer.at == "check" and segment.fenced and rules.checks_after_writing:
        rolled = replace(writer, at="write", segment=len(segments))
        yield replace(state, segments=(*segments, Segment()), writer=rolled)
    elif writer.at == "check":
        done = writer.event + 1
        following = replace(writer, at="write" if done < EVENTS else "send", event=done)
        yield replace(state, accepted=state.accepted | {writer.event}, writer=following)
    elif writer.at == "send":
        sent = replace(writer, at="remove")
        yield replace(state, delivered=state.delivered | state.accepted, writer=sent)
    elif writer.at == "remove":
        kept = tuple(replace(each, owners=each.owners - {ORIGIN}) for each in segments)
        yield replace(state, segments=kept, writer=replace(writer, at="ended"))


def adopter_steps(state: State, number: int, rules: Rules) -> Iterator[State]:
    """Yields the states after the next step of an adopter: rules 6 and 7."""
    name, adopter = ADOPTERS[number], state.adopters[number]
    if adopter.at == "look":
        for index, each in enumerate(state.segments):
            for owner in each.owners - {name} if adopter.left else ():
                look = Adopter(rules.order[0], index, owner, left=adopter.left - 1)
                yield moved(state, number, look)
        return
    segment = state.segments[adopter.segment]
    onward = replace(adopter, at=rules.after(adopter.at))
    if adopter.at in {"link", "unlink"}:
        owners = renamed(segment.owners, adopter, name)
        after = onward if name in owners else Adopter(left=adopter.left)
        yield moved(state, number, after, state.change(adopter.segment, owners=owners))
    elif adopter.at == "fence":
        yield moved(state, number, onward, state.change(adopter.segment, fenced=True))
    elif adopter.at == "read":
        yield moved(state, number, replace(onward, read=segment.events))
    elif adopter.at == "send":
        sent = replace(state, delivered=state.delivered | adopter.read)
        yield moved(sent, number, onward)
    else:
        owners = segment.owners - {name}
        yield moved(state, number, onward, state.change(adopter.segment, owners=owners))


def renamed(owners: frozenset[str], adopter: Adopter, name: str) -> frozenset[str]:
    """Returns the owners after half a rename, among them `name` if that half succeeds."""
    if adopter.at == "link":
        return owners | {name} if adopter.seen in owners else owners
    return owners - {adopter.seen} if adopter.seen in owners else owners - {name}


def moved(
    state: State, number: int, adopter: Adopter, segments: tuple[Segment, ...] | None = None
) -> State:
    """Returns the state after one step of an adopter."""
    adopters = list(state.adopters)
    adopters[number] = adopter if adopter.at != "look" else Adopter(left=adopter.left)
    return replace(state, adopters=tuple(adopters), segments=segments or state.segments)


def search(rules: Rules, wrong: Callable[[State], bool]) -> tuple[int, State | None]:
    """Returns the number of reachable states, and a wrong one if there is any.

    A process that makes no further step has crashed, so every crash is covered.
    """
    first = State()
    seen, waiting = {first}, [first]
    while waiting:
        state = waiting.pop()
        if wrong(state):
            return len(seen), state
        following = [*writer_steps(state, rules)]
        for number in range(len(ADOPTERS)):
            following += adopter_steps(state, number, rules)
        for each in following:
            if each not in seen:
                seen.add(each)
                waiting.append(each)
    return len(seen), None


def lost(state: State) -> bool:
    """Reports whether an accepted event is neither delivered nor in an adoptable file."""
    kept = {event for each in state.segments if each.owners for event in each.events}
    return not state.accepted <= state.delivered | kept


def test_no_interleaving_loses_an_accepted_event() -> None:
    states, found = search(Rules(), lost)
    assert found is None
    assert states > 50_000


@pytest.mark.parametrize(
    "broken",
    [
        Rules(checks_after_writing=False),
        Rules(order=("link", "unlink", "read", "fence", "send", "remove")),
        Rules(order=("link", "unlink", "fence", "read", "remove", "send")),
    ],
    ids=["no check after writing", "read before fence", "remove before send"],
)
def test_each_rule_is_needed(broken: Rules) -> None:
    assert search(broken, lost)[1] is not None
