"""Rules on names, and on what becomes of them in the three languages."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from codegen.diagnostics import listing, quote
from codegen.naming import LANGUAGES, Language
from codegen.rules.files import Files, Finding
from codegen.source import Route

# 64 characters leave room for a prefix in every language, and for a column on an invoice.
LONGEST = 64

_NAMED = (
    ("catalog", "statuses/*"),
    ("catalog", "units/*"),
    ("catalog", "products/*"),
    ("catalog", "products/*/metric_types/*"),
    ("event", "fields/*"),
    ("sdk", "settings/*"),
    ("sdk", "errors/*"),
)
_IDENTIFIERS = (
    ("catalog", "products/*"),
    ("catalog", "products/*/metric_types/*"),
    ("event", "fields/*"),
    ("sdk", "settings/*"),
)


def name_length(files: Files) -> Iterator[Finding]:
    """A name is longer than every language and table has room for."""
    levels = (
        ("catalog", route, name) for route, name in files.each("catalog", "log_levels/*", str)
    )
    for file, route, name in (*_names(files, _NAMED), *levels):
        if len(name) > LONGEST:
            message = f"name {quote(name)} has {len(name)} characters: expected at most {LONGEST}"
            yield Finding(file, route, message, at_key=True)


def reserved_word(files: Files) -> Iterator[Finding]:
    """A name is a reserved word of Python, Go or TypeScript."""
    for file, route, name in _names(files, _IDENTIFIERS):
        languages = [
            title(language)
            for language in LANGUAGES.values()
            if {name, language.attribute(name)} & language.reserved
        ]
        if languages:
            message = (
                f"{quote(name)} is a reserved word of {listing(languages, 'and')}: choose another"
            )
            yield Finding(file, route, message, at_key=True)


def identifier_collision(files: Files) -> Iterator[Finding]:
    """Two names become one identifier in some language."""
    taken: dict[tuple[str, str, str], Route] = {}
    reported: set[Route] = set()
    for route, scope, identifiers in _identifiers(files):
        for language, identifier in identifiers:
            first = taken.setdefault((language.name, scope, identifier), route)
            if first != route and route not in reported:
                reported.add(route)
                both = f"{_called(first)} and {_called(route)}"
                message = f"{both} both become {identifier} in {title(language)}: rename one"
                other = ("the other is at", "catalog", first)
                yield Finding("catalog", route, message, at_key=True, other=other)


def _names(files: Files, patterns: Iterable[tuple[str, str]]) -> Iterator[tuple[str, Route, str]]:
    for file, pattern in patterns:
        for route, _ in files.each(file, pattern, object):
            yield file, route, str(route[-1])


def _identifiers(files: Files) -> Iterator[tuple[Route, str, list[tuple[Language, str]]]]:
    """Each named thing with its scope, and what it is called in each language there."""
    for pattern in ("statuses/*", "units/*", "log_levels/*", "products/*"):
        for route, value in files.each("catalog", pattern, object):
            name = value if isinstance(value, str) else str(route[-1])
            yield (
                route,
                str(route[0]),
                [
                    (language, spell(name))
                    for language in LANGUAGES.values()
                    for spell in (language.attribute, language.constant, language.type_name)
                ],
            )
    for route, _ in files.each("catalog", "products/*/metric_types/*", object):
        product, name = str(route[1]), str(route[-1])
        yield (
            route,
            "metric",
            [(language, language.metric(product, name)) for language in LANGUAGES.values()],
        )


def _called(route: Route) -> str:
    """A metric type by product and name: either alone may be the same as the other's."""
    return quote(f"{route[1]}/{route[3]}") if len(route) == 4 else quote(str(route[-1]))


def title(language: Language) -> str:
    """A language as people write it."""
    return {"typescript": "TypeScript"}.get(language.name, language.name.capitalize())
