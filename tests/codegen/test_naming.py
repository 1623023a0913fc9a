"""What a catalog name is called in each language."""

from __future__ import annotations

import keyword

import pytest

from codegen.naming import LANGUAGES


@pytest.mark.parametrize(
    ("language", "attribute", "constant", "type_name", "metric", "argument"),
    [
        ("python", "api_call_v2", "API_CALL_V2", "ApiCallV2", "sms.api_call_v2", "api_call_v2"),
        ("go", "APICallV2", "APICallV2", "APICallV2", "MetricSMSAPICallV2", "WithAPICallV2"),
        ("typescript", "api_call_v2", "apiCallV2", "ApiCallV2", "sms.api_call_v2", "apiCallV2"),
    ],
)
def test_joints_become_what_the_language_writes(
    language: str, attribute: str, constant: str, type_name: str, metric: str, argument: str
) -> None:
    names = LANGUAGES[language]
    for name in ("api_call_v2", "api.call-v2", "api-call_v2"):
        assert names.attribute(name) == attribute
        assert names.constant(name) == constant
        assert names.type_name(name) == type_name
        assert names.metric("sms", name) == metric
        assert names.argument(name) == argument


def test_each_language_reserves_its_own_words() -> None:
    assert set(keyword.kwlist) <= LANGUAGES["python"].reserved
    assert {"func", "chan", "range"} <= LANGUAGES["go"].reserved
    assert {"typeof", "constructor", "enum"} <= LANGUAGES["typescript"].reserved
    assert "func" not in LANGUAGES["typescript"].reserved
