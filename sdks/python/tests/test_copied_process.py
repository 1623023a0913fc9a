"""A process copied without a call of the SDK's fork hook, as by uWSGI, is another instance.

tests/hosts has uWSGI itself. Here Python forks, so that its own locks are sound in the child.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sdks.python.tests.programs import run_program
from sdks.python.tests.spool_support import spooled_events
from sdks.python.tests.support import NO_BROKER
from sdks.python.tests.test_fork import assert_complete
from sdks.python.tests.topic_reader import TopicReader
from tests.broker import DevBroker

WITHOUT_HOOK = """
        from eka_usage import _shutdown_hooks
        _shutdown_hooks._after_fork.__code__ = (lambda: None).__code__
"""


@pytest.mark.parametrize("before", [0, 20], ids=["unused", "used"])
@pytest.mark.parametrize("mode", ["off", "spill", "durable"])
def test_copies_of_a_process_share_no_instance_id_number_or_event_id(
    before: int, mode: str, broker: DevBroker, topic: TopicReader, tmp_path: Path
) -> None:
    program = f"""{WITHOUT_HOOK}
        # With a clock that stands still, only the random part of an id distinguishes copies.
        client = EkaClient("checkout", on_error=print_error, clock=lambda: 10**18, linger_ms=60000)
        record(client, {before})
        pause_before_fork()
        mine = client.instance_id
        copies = []
        for number in range(8):
            copies.append(os.fork())
            if not copies[-1]:
                record(client, 7, f"copy-{{number}}")
                assert client.instance_id != mine
                sys.exit()
        record(client, 10)
        assert client.instance_id == mine
        for copy in copies:
            assert os.waitpid(copy, 0)[1] == 0
    """
    variables = {"EKA_SPOOL": mode, "EKA_SPOOL_DIR": str(tmp_path / "spool")}
    result = run_program(program, broker.bootstrap, tmp_path, variables)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    assert_complete(topic.events(), [before + 10, *[7] * 8])


def test_copies_of_a_process_write_segments_of_their_own(tmp_path: Path) -> None:
    program = f"""{WITHOUT_HOOK}
        client = EkaClient("checkout", on_error=print_error, shutdown_timeout_ms=200)
        record(client, 3)
        copies = []
        for number in range(8):
            copies.append(os.fork())
            if not copies[-1]:
                record(client, 5, "copy")
                sys.exit()
        for copy in copies:
            assert os.waitpid(copy, 0)[1] == 0
    """
    spool_dir = tmp_path / "spool"
    variables = {"EKA_SPOOL": "durable", "EKA_SPOOL_DIR": str(spool_dir)}
    result = run_program(program, NO_BROKER, tmp_path, variables)
    assert (result.returncode, result.stdout) == (0, "")
    assert_complete([json.loads(event) for event in spooled_events(spool_dir)], [3, *[5] * 8])


@pytest.mark.parametrize(
    "call",
    ["pass", "client.flush()", "client.shutdown()", "assert client.stats().accepted == 0"],
    ids=["exit", "flush", "shutdown", "stats"],
)
def test_a_copy_leaves_what_it_did_not_record_to_the_original(call: str, tmp_path: Path) -> None:
    program = f"""{WITHOUT_HOOK}
        client = EkaClient("checkout", on_error=print_error, shutdown_timeout_ms=500)
        record(client, 5)
        copy = os.fork()
        if not copy:
            {call}
            sys.exit()
        assert os.waitpid(copy, 0)[1] == 0
        print("copy ended", flush=True)
    """
    result = run_program(program, NO_BROKER, tmp_path)
    assert result.returncode == 0
    first, *rest = result.stdout.splitlines()
    assert first == "copy ended"
    assert len(set(rest)) == len(rest) == 5


# Memory is copied with its process id, so nothing but a call can tell. Other than a fork, a
# snapshot has all threads, so none that holds the lock is missing.
RESTORE = """
        from eka_usage import _interrupts, _shutdown_hooks
        _shutdown_hooks._after_fork.__code__ = (lambda: None).__code__

        def restore():
            pause_before_fork()
            with _interrupts.shared_lock():
                copy = os.fork()
            if not copy:
                _shutdown_hooks.mark[0] = 1
            return copy
"""


@pytest.mark.parametrize("mode", ["off", "spill", "durable"])
def test_restored_copies_that_are_reset_have_ids_and_segments_of_their_own(
    mode: str, broker: DevBroker, topic: TopicReader, tmp_path: Path
) -> None:
    program = f"""{RESTORE}
        client = EkaClient("checkout", on_error=print_error, clock=lambda: 10**18, linger_ms=60000)
        record(client, 20)
        assert client.flush() == 0
        for number in range(5):
            if not (copy := restore()):
                assert client.reset_after_restore() == 0
                assert client.stats().accepted == 0
                record(client, 7, f"copy-{{number}}")
                sys.exit()
            assert os.waitpid(copy, 0)[1] == 0
    """
    variables = {"EKA_SPOOL": mode, "EKA_SPOOL_DIR": str(tmp_path / "spool")}
    result = run_program(program, broker.bootstrap, tmp_path, variables)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    assert_complete(topic.events(), [20, *[7] * 5])


@pytest.mark.parametrize("mode", ["off", "spill"])
def test_restored_copies_of_an_idle_process_need_no_reset(
    mode: str, broker: DevBroker, topic: TopicReader, tmp_path: Path
) -> None:
    program = f"""{RESTORE}
        client = EkaClient("checkout", on_error=print_error, clock=lambda: 10**18)
        for number in range(5):
            if not (copy := restore()):
                record(client, 7, f"copy-{{number}}")
                sys.exit()
            assert os.waitpid(copy, 0)[1] == 0
    """
    variables = {"EKA_SPOOL": mode, "EKA_SPOOL_DIR": str(tmp_path / "spool")}
    result = run_program(program, broker.bootstrap, tmp_path, variables)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    assert_complete(topic.events(), [7] * 5)


@pytest.mark.parametrize("mode", ["off", "spill", "durable"])
def test_a_reset_delivers_what_was_queued_in_the_snapshot(
    mode: str, broker: DevBroker, topic: TopicReader, tmp_path: Path
) -> None:
    program = """
        client = EkaClient("checkout", on_error=print_error, linger_ms=60000)
        record(client, 20)
        before = client.instance_id
        assert client.reset_after_restore() == 0
        assert client.instance_id != before
        record(client, 9)
        client.shutdown()
        assert client.reset_after_restore() == 0
        assert client.record("ws", "api", "api_call") is None
    """
    variables = {"EKA_SPOOL": mode, "EKA_SPOOL_DIR": str(tmp_path / "spool")}
    result = run_program(program, broker.bootstrap, tmp_path, variables)
    assert (result.returncode, result.stdout, result.stderr) == (0, "client.closed None\n", "")
    assert_complete(topic.events(), [20, 9])
