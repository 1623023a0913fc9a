"""The names of a company's SDKs, and how text with the names of one becomes that of another."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from codegen.model import MetricType, Model
from codegen.naming import LANGUAGES, pascal, snake

_TAG = 3
_MAGIC_BYTES = 8
_GO = "/sdks/go"
# Digests in lock files, whose characters may spell anything.
_DIGEST = r"(?:sha\d+-|h1:)[A-Za-z0-9+/=]+"


@dataclass(frozen=True, slots=True)
class Names:
    """What a company's names are; the fields are in the order in which text is searched for them.

    go             the path of the Go module; the repository is what precedes its folder
    npm, scope     the npm package `@acme/usage-sdk`, and `@acme`
    dist           what pip installs, `acme-usage-sdk`
    client         `acme-usage`, with which other names begin
    database       with a dot, as in the names of tables
    module         the Python module, `acme_usage`
    package        the Go package, `acmeusage`
    topics         the dead-letter topic before the usage topic, whose name it may contain
    magic          the first bytes of a segment of the spool
    prefix         of environment variables, `ACME_`
    event          the class of an event
    title          the company in prose
    type_          what the names of classes begin with, `Acme`
    word           `acme`
    """

    go: str
    repository: str
    npm: str
    scope: str
    owned: str
    dist: str
    client: str
    database: str
    module: str
    package: str
    topics: tuple[str, ...]
    magic: str
    prefix: str
    event: str
    title: str
    type_: str
    word: str


def of_model(model: Model, title: str | None = None) -> Names:
    """Returns the names that a model has; the rest follows from its prefix of variables."""
    packages, catalog = model.sdk.packages, model.catalog
    word = catalog.env_prefix.rstrip("_").lower()
    go, npm = packages["go"].name, packages["typescript"].name
    repository, module = go.removesuffix(_GO), packages["python"].module
    topics = {topic.role: topic.name for topic in catalog.topics}
    magic = next((str(c.value) for c in model.sdk.spool.constants if c.name == "magic"), "")
    return Names(
        go=go,
        repository=repository,
        npm=npm,
        scope=npm.partition("/")[0],
        owned=repository.partition("/")[2],
        dist=packages["python"].name,
        client=model.sdk.client_name,
        database=f"{model.event.table.database if model.event.table else module}.",
        module=module,
        package=packages["go"].module,
        topics=(topics["dead_letter"], topics["usage"]),
        magic=magic,
        prefix=catalog.env_prefix,
        event=model.event.name,
        title=title or pascal(word),
        type_=pascal(word),
        word=word,
    )


def default_repository(name: str) -> str:
    """Returns where the project of a company is kept unless it says otherwise."""
    return f"github.com/{name}/{name}-usage-sdk"


def of_word(name: str, repository: str) -> Names:
    """Returns the names of a company that has a name and a repository, and no schema yet."""
    word, joined = snake(name), name.replace("-", "")
    client = f"{name}-usage"
    return Names(
        go=f"{repository}{_GO}",
        repository=repository,
        npm=f"@{name}/usage-sdk",
        scope=f"@{name}",
        owned=repository.partition("/")[2],
        dist=f"{client}-sdk",
        client=client,
        database=f"{word}_usage.",
        module=f"{word}_usage",
        package=f"{joined}usage",
        topics=(
            f"{word.replace('_', '-')}.usage.events.dlq",
            f"{word.replace('_', '-')}.usage.events",
        ),
        magic=f"{joined.upper()[:_TAG]:_<{_TAG}}SPOOL"[:_MAGIC_BYTES],
        prefix=f"{word.upper()}_",
        event="UsageEvent",
        title=pascal(word),
        type_=pascal(word),
        word=word,
    )


def renamer(ours: Names, theirs: Names) -> Callable[[str], str]:
    """Returns a function that puts their names in place of ours in a text or a path."""
    pairs = list(_pairs(ours, theirs))
    named = (f"(?P<name_{index}>{pattern})" for index, (pattern, _) in enumerate(pairs))
    pattern = re.compile("|".join([_DIGEST, *named]))
    parts = {ours.word, ours.word.upper(), ours.type_, ours.event, ours.magic, ours.title}
    parts |= {*ours.topics, ours.database, ours.module, ours.package, ours.dist, ours.npm}

    def replaced(match: re.Match[str]) -> str:
        if match.lastgroup is None:
            return match[0]
        return pairs[int(match.lastgroup.removeprefix("name_"))][1]

    def rename(text: str) -> str:
        # Most files have no name at all, and the search for all of them is slow.
        return pattern.sub(replaced, text) if any(name in text for name in parts) else text

    return rename


def _pairs(ours: Names, theirs: Names) -> Iterator[tuple[str, str]]:
    """Yields patterns of our names and their names, longer names before their parts."""
    for field in ("go", "repository", "npm"):
        yield re.escape(getattr(ours, field)), getattr(theirs, field)
    yield re.escape(ours.owned), theirs.owned
    yield re.escape(f"{ours.scope}") + r"\b", theirs.scope
    for field in ("dist", "client"):
        yield re.escape(getattr(ours, field)), getattr(theirs, field)
    # In the names of tables and views. The module may have the name of the database.
    yield re.escape(ours.database) + r"(?=(?:usage|catalog)(?:_\w+)?\b)", theirs.database
    yield re.escape(ours.module), theirs.module
    yield re.escape(ours.package), theirs.package
    for before, after in zip(ours.topics, theirs.topics, strict=True):
        yield re.escape(before), after
    yield re.escape(ours.magic), theirs.magic
    yield re.escape(ours.prefix), theirs.prefix
    yield rf"\b{re.escape(ours.event)}\b", theirs.event
    yield rf"\b{ours.type_} Care\b", theirs.title
    yield rf"{ours.type_}(?=[A-Z])", theirs.type_
    yield rf"\b{ours.word}\b", theirs.word
    yield rf"\b{ours.type_}\b", theirs.type_


def metric_renamer(ours: Model, theirs: Model) -> Callable[[str], str]:
    """Returns a function that puts a metric type of theirs in place of any of ours in a text."""
    metric = sample(theirs)
    product, name = metric.product, metric.name
    go, python = LANGUAGES["go"].metric, LANGUAGES["python"].metric
    pairs = {(our.product, our.name) for our in ours.catalog.metric_types}
    words: dict[str, str] = {}
    for of, our in pairs:
        words[f"metrics.{python(of, our)}"] = f"metrics.{python(product, name)}"
        words[go(of, our)] = go(product, name)
        words[f"{of}/{our}"] = f"{product}/{name}"
        words[f"{of}.{our}"] = f"{product}.{name}"
    products = "|".join(sorted({re.escape(of) for of, _ in pairs}))
    plain = re.compile(
        rf"(?<!\w)(?:metrics\.\w+\.\w+|Metric[A-Z]\w+|(?:{products})[./]\w(?:[\w.-]*\w)?)(?!\w)"
    )
    # `"api", "api_call"`, also as values of keys or arguments.
    quoted = re.compile(
        rf"""(["'`])({products})\1(\W{{1,4}}(?:metric_?[tT]ype["']?\W{{1,3}})?)(["'`])(\w+)\4"""
    )

    def replaced(match: re.Match[str]) -> str:
        quote, of, between, _, our = match.groups()
        if (of, our) not in pairs:
            return match[0]
        return f"{quote}{product}{quote}{between}{quote}{name}{quote}"

    def rename(text: str) -> str:
        return quoted.sub(replaced, plain.sub(lambda match: words.get(match[0], match[0]), text))

    return rename


_NAMED_LIST = re.compile(r"^((?:im|ex)port (?:type )?)\{([^{}]+)\}( from .*)$", re.MULTILINE)
_WIDTH = 100


def sorted_names(source: str) -> str:
    """Returns TypeScript whose lists of imported names are as its linter wants them."""

    def order(name: str) -> list[tuple[str, bool]]:
        return [(letter.lower(), letter.islower()) for letter in name.removeprefix("type ")]

    def laid_out(match: re.Match[str]) -> str:
        names = sorted((name.strip() for name in match[2].split(",") if name.strip()), key=order)
        line = f"{match[1]}{{ {', '.join(names)} }}{match[3]}"
        if len(line) <= _WIDTH:
            return line
        return "".join([match[1], "{\n", *(f"  {name},\n" for name in names), "}", match[3]])

    return _NAMED_LIST.sub(laid_out, source)


def sample(model: Model) -> MetricType:
    """Returns a metric type for examples: the first that accepts any quantity and nothing else."""
    metrics = model.catalog.metric_types
    return next(filter(accepts_all, metrics), metrics[0])


def accepts_all(metric: MetricType) -> bool:
    """Reports whether a metric type has no rules on its events, and may be used in new code."""
    required = any(key.required for key in (*metric.metadata, *metric.fields))
    return metric.quantity is None and metric.deprecated is None and not required
