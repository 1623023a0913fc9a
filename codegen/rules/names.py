"""Rules on names, and on their identifiers in the three languages."""

from __future__ import annotations

from collections.abc import Iterator

from codegen.diagnostics import listing, quote
from codegen.naming import LANGUAGES, Language
from codegen.rules.files import Files, Finding
from codegen.source import Route

# 64 characters leave room for a prefix in every language. The schema limits names of the catalog,
# which exist on the wire, to 128.
LONGEST = 64

_PRODUCTS = ("catalog", "products/*")
_METRIC_TYPES = ("catalog", "products/*/metric_types/*")
_IDENTIFIERS = (
    _PRODUCTS,
    _METRIC_TYPES,
    ("event", "fields/*"),
    ("sdk", "settings/*"),
)
_NAMED = (
    *_IDENTIFIERS,
    ("catalog", "log_levels/*"),
    ("catalog", "statuses/*"),
    ("catalog", "units/*"),
    ("sdk", "errors/*"),
)


def name_length(files: Files) -> Iterator[Finding]:
    """The name of a field, a setting or an error code is too long for an identifier."""
    for pattern in (each for each in _NAMED if each[0] != "catalog"):
        for file, route, name in _names(files, pattern):
            if len(name) > LONGEST:
                message = (
                    f"name {quote(name)} has {len(name)} characters: expected at most {LONGEST}"
                )
                yield Finding(file, route, message, at_key=True)


def reserved_word(files: Files) -> Iterator[Finding]:
    """A name is a reserved word of Python, Go or TypeScript."""
    for pattern in _IDENTIFIERS:
        for file, route, name in _names(files, pattern):
            spelled, here = _spelled(files, pattern, route, name)
            languages = [
                title(language)
                for language in LANGUAGES.values()
                if {spelled, language.attribute(spelled)} & _reserved(language, pattern)
            ]
            if languages:
                where = listing(languages, "and")
                message = f"{quote(spelled)} is a reserved word of {where}: choose another name"
                if pattern[0] == "catalog" and here == route:
                    message += ", or add an `identifier` for code"
                yield Finding(file, here, message, at_key=here == route)


def _reserved(language: Language, pattern: tuple[str, str]) -> frozenset[str]:
    """Returns the words that cannot be names at a pattern.

    Products and metric types are members of a namespace, where Python alone forbids keywords.
    """
    if pattern[0] != "catalog":
        return language.reserved
    return language.members


def identifier_collision(files: Files) -> Iterator[Finding]:
    """Two names become the same identifier in some language."""
    for pattern in _NAMED:
        taken: dict[tuple[str, str], tuple[Route, str]] = {}
        for file, route, name in _names(files, pattern):
            here = (route, f"{route[1]}/{name}" if pattern == _METRIC_TYPES else name)
            spelled, _ = _spelled(files, pattern, route, name)
            product = _spelled(files, _PRODUCTS, route[:2], str(route[1]))[0] if route[2:] else ""
            for language, identifier in _identifiers(pattern, product, spelled):
                first = taken.setdefault((language.name, identifier), here)
                if first != here and _event_type(first[0]) != _event_type(route):
                    both = f"{quote(first[1])} and {quote(here[1])}"
                    message = f"{both} both become {identifier} in {title(language)}: rename one"
                    other = ("the other is at", file, first[0])
                    yield Finding(file, route, message, at_key=True, other=other)
                    break


def _event_type(route: Route) -> str:
    """Returns a name that duplicate-event-type reports, if two metric types have it."""
    return f"{route[1]}.{route[-1]}" if len(route) == 4 else f"/{'/'.join(map(str, route))}"


def _names(files: Files, pattern: tuple[str, str]) -> Iterator[tuple[str, Route, str]]:
    """Yields the names at a pattern: the keys of a mapping, or the texts of a list."""
    file, steps = pattern
    for route, value in files.each(file, steps, object):
        name = route[-1] if isinstance(route[-1], str) else value
        if isinstance(name, str):
            yield file, route, name


def _spelled(files: Files, pattern: tuple[str, str], route: Route, name: str) -> tuple[str, Route]:
    """Returns what code says in place of a name, and where that is written."""
    if pattern in (_PRODUCTS, _METRIC_TYPES):
        for here, identifier in files.each(pattern[0], "/".join(map(str, route)), dict):
            if isinstance(identifier.get("identifier"), str):
                return identifier["identifier"], (*here, "identifier")
    return name, route


def _identifiers(
    pattern: tuple[str, str], product: str, name: str
) -> Iterator[tuple[Language, str]]:
    """Yields a name's identifiers; a metric type's must be unique across all products."""
    for language in LANGUAGES.values():
        if pattern == _METRIC_TYPES:
            yield language, language.metric(product, name)
        else:
            for spell in (language.attribute, language.constant, language.type_name):
                yield language, spell(name)


def title(language: Language) -> str:
    """Returns the name of a language as people write it."""
    return {"typescript": "TypeScript"}.get(language.name, language.name.capitalize())
