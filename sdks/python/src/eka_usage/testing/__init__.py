"""Collects usage in memory, for the tests of a service.

With pytest there is a fixture that needs no configuration:

    def test_a_call_is_charged(usage_events):
        handle_request("ws-1")  # records with an EkaClient, wherever that was made
        assert [e.metric_type for e in usage_events] == ["api_call"]
"""

from ._producer import InMemoryProducer

__all__ = ["InMemoryProducer"]
