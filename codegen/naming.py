"""Derives the identifiers of each language from the catalog's names.

Catalog names are lowercase words joined by `.`, `-` or `_`. Every language maps the three joints to
one, so two names may become the same identifier: `rules` rejects that, not this module.
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from codegen import text

_JOINT = re.compile(r"[._-]")


def words(name: str) -> list[str]:
    """Returns `api`, `call` for `api.call`."""
    return [word for word in _JOINT.split(name) if word]


def snake(name: str) -> str:
    """Returns `api_call` for `api.call`."""
    return _JOINT.sub("_", name)


def upper_snake(name: str) -> str:
    """Returns `API_CALL` for `api.call`."""
    return snake(name).upper()


def pascal(name: str) -> str:
    """Returns `ApiCall` for `api.call`."""
    return "".join(word[:1].upper() + word[1:] for word in words(name))


def camel(name: str) -> str:
    """Returns `apiCall` for `api.call`."""
    first, *rest = words(name)
    return first + "".join(word[:1].upper() + word[1:] for word in rest)


# staticcheck's list (ST1003), and the initialisms of settings and metric types.
_INITIALISMS = frozenset(
    word
    for line in (
        "acl amqp api ascii ca cpu css db dns eof gid guid html http https id ip json ok qps ram",
        "rpc rtp sasl sip sla sms smtp sql ssh ssl tcp tls ts ttl udp ui uid uri url utf8 uuid vm",
        "xml xmpp xsrf xss",
    )
    for word in line.split()
)


def go_exported(name: str) -> str:
    """Returns `APICall` for `api.call`, `EventIDs` for `event_ids`."""
    return "".join(map(_go_word, words(name)))


def _go_word(word: str) -> str:
    if word in _INITIALISMS:
        return word.upper()
    return "IDs" if word == "ids" else word[:1].upper() + word[1:]


def go_unexported(name: str) -> str:
    """Returns `apiCall` for `api.call`."""
    first, *rest = words(name)
    return first + go_exported("_".join(rest))


@dataclass(frozen=True, slots=True)
class Language:
    """A target language: its reserved words, identifiers, literals and comments.

    reserved   words that cannot be the name of a parameter
    members    words that cannot be the name of a member of a namespace
    attribute  a member of a value: `api_call` (Python, TypeScript), `APICall` (Go)
    constant   a module's constant: `API_CALL`, `APICall`, `apiCall`
    type_name  a type: `ApiCall`, in Go `APICall`
    metric     the full identifier of a metric type's constant, from product and metric type:
               `api.api_call`, in Go `MetricAPIAPICall`; unique in the catalog
    client     the client's arguments other than settings; no setting may have their names
    argument   a setting's argument, unless sdk.yaml names it: `kafka_brokers`, `WithKafkaBrokers`,
               `kafkaBrokers`
    string     a literal of exactly the text, as the language's formatter writes it
    comment    the lines of a comment with any text: (text, indent) -> lines
    """

    name: str
    reserved: frozenset[str]
    members: frozenset[str]
    client: frozenset[str]
    attribute: Callable[[str], str]
    constant: Callable[[str], str]
    type_name: Callable[[str], str]
    metric: Callable[[str, str], str]
    argument: Callable[[str], str]
    string: Callable[[str], str]
    comment: Callable[[str, str], list[str]]


_GO_KEYWORDS = """break case chan const continue default defer else fallthrough for func go goto if
    import interface map package range return select struct switch type var"""

# With the properties of every object: a lookup by such a name succeeds in an empty table.
_TYPESCRIPT_KEYWORDS = """arguments await break case catch class const constructor continue
    debugger default delete do else enum eval export extends false finally for function if
    implements import in instanceof interface let new null package private protected public
    return static super switch this throw true try typeof var void while with yield"""


# The parameters of record(), record_metric() and log() other than fields of the event.
OWN_PARAMETERS = frozenset({"self", "metric", "level", "message", "options"})

# The arguments of a client other than settings.
_OWN_ARGUMENTS = (
    *("service_name", "kafka_config", "on_error", "debug", "producer"),
    *("clock", "new_id", "hostname"),
)


def _dotted(product: str, metric_type: str) -> str:
    return f"{snake(product)}.{snake(metric_type)}"


LANGUAGES: Mapping[str, Language] = {
    language.name: language
    for language in (
        Language(
            name="python",
            reserved=frozenset(keyword.kwlist),
            members=frozenset(keyword.kwlist),
            client=frozenset({"self", *_OWN_ARGUMENTS}),
            attribute=snake,
            constant=upper_snake,
            type_name=pascal,
            metric=_dotted,
            argument=snake,
            string=text.python_string,
            comment=lambda words, indent: text.line_comment("#", words, indent),
        ),
        Language(
            name="go",
            reserved=frozenset(_GO_KEYWORDS.split()),
            members=frozenset(),  # every name is a part of a longer one
            client=frozenset(f"With{go_exported(name)}" for name in _OWN_ARGUMENTS),
            attribute=go_exported,
            constant=go_exported,
            type_name=go_exported,
            metric=lambda product, name: f"Metric{go_exported(product)}{go_exported(name)}",
            argument=lambda name: f"With{go_exported(name)}",
            string=text.go_string,
            comment=lambda words, indent: text.line_comment("//", words, indent),
        ),
        Language(
            name="typescript",
            reserved=frozenset(_TYPESCRIPT_KEYWORDS.split()),
            members=frozenset({"constructor"}),
            client=frozenset(map(camel, _OWN_ARGUMENTS)),
            attribute=snake,
            constant=camel,
            type_name=pascal,
            metric=_dotted,
            argument=camel,
            string=text.typescript_string,
            comment=text.tsdoc,
        ),
    )
}
