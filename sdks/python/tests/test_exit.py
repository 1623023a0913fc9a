"""However a process ends, what it accepted is delivered first, or reported."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest

from sdks.python.tests.programs import run_program, start_program, wait_for_exit, wait_until_ready
from sdks.python.tests.support import NO_BROKER
from sdks.python.tests.topic_reader import TopicReader
from tests.broker import DevBroker

# The linger is so long that nothing is delivered but by the end of the process.
LONG = "linger_ms=60000"


@pytest.mark.parametrize(
    ("ending", "code"),
    [
        ("pass", 0),
        ("sys.exit(3)", 3),
        ("raise KeyboardInterrupt", -signal.SIGINT),
        ("raise RuntimeError", 1),
        ("del client", 0),
        ("os.kill(os.getpid(), signal.SIGTERM)", -signal.SIGTERM),
        ("os.kill(os.getpid(), signal.SIGINT)", -signal.SIGINT),
    ],
)
def test_every_way_out_delivers_all(
    ending: str, code: int, broker: DevBroker, topic: TopicReader, tmp_path: Path
) -> None:
    program = f"""
        client = EkaClient("checkout", on_error=print_error, {LONG})
        record(client)
        {ending}
    """
    result = run_program(program, broker.bootstrap, tmp_path)
    assert (result.returncode, result.stdout) == (code, "")
    assert len(topic.messages()) == 20


def test_a_client_made_and_used_in_threads_delivers_all(
    broker: DevBroker, topic: TopicReader, tmp_path: Path
) -> None:
    program = f"""
        def work(number):
            client = EkaClient("checkout", on_error=print_error, {LONG})
            record(client)

        threads = [threading.Thread(target=work, args=(number,)) for number in range(3)]
        for thread in threads:
            thread.start()
    """
    result = run_program(program, broker.bootstrap, tmp_path)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    assert len(topic.messages()) == 60


def test_what_is_recorded_after_the_end_is_refused_and_heard(
    broker: DevBroker, topic: TopicReader, tmp_path: Path
) -> None:
    program = f"""
        from eka_usage.lifecycle import shutdown_all
        client = EkaClient("checkout", on_error=print_error, {LONG})
        record(client)
        atexit.unregister(shutdown_all)
        atexit.register(lambda: client.record("late", "api", "api_call", event_id="late"))
        atexit.register(shutdown_all)
    """
    result = run_program(program, broker.bootstrap, tmp_path)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.split() == ["client.closed", "late"]
    assert len(topic.messages()) == 20


def test_a_handler_of_the_hosts_own_keeps_sigterm(
    broker: DevBroker, topic: TopicReader, tmp_path: Path
) -> None:
    program = f"""
        signal.signal(signal.SIGTERM, lambda *_: print("the host's", flush=True))
        client = EkaClient("checkout", on_error=print_error, {LONG})
        record(client)
        os.kill(os.getpid(), signal.SIGTERM)
        assert client.record("ws", "api", "api_call") is not None
    """
    result = run_program(program, broker.bootstrap, tmp_path)
    assert (result.returncode, result.stdout, result.stderr) == (0, "the host's\n", "")
    assert len(topic.messages()) == 21


def test_a_handler_that_the_host_sets_later_keeps_sigterm(
    broker: DevBroker, topic: TopicReader, tmp_path: Path
) -> None:
    program = f"""
        client = EkaClient("checkout", on_error=print_error, {LONG})
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))
        record(client)
        os.kill(os.getpid(), signal.SIGTERM)
    """
    assert run_program(program, broker.bootstrap, tmp_path).returncode == 7
    assert len(topic.messages()) == 20


@pytest.mark.parametrize("ignored", [False, True])
def test_sigterm_is_left_alone_where_the_host_says_so(
    ignored: bool, broker: DevBroker, topic: TopicReader, tmp_path: Path
) -> None:
    program = f"""
        before = signal.SIG_IGN if {ignored} else signal.SIG_DFL
        signal.signal(signal.SIGTERM, before)
        client = EkaClient("checkout", {LONG}, flush_on_sigterm={ignored})
        assert signal.getsignal(signal.SIGTERM) is before
        record(client)
        os.kill(os.getpid(), signal.SIGTERM)
    """
    result = run_program(program, broker.bootstrap, tmp_path)
    assert result.returncode == (0 if ignored else -signal.SIGTERM)
    assert len(topic.messages()) == (20 if ignored else 0)


def test_sigterm_reaches_a_process_that_waits(
    broker: DevBroker, topic: TopicReader, tmp_path: Path
) -> None:
    program = f"""
        client = EkaClient("checkout", on_error=print_error, {LONG})
        record(client)
        mark_ready()
        threading.Event().wait()
    """
    process = start_program(program, broker.bootstrap, tmp_path)
    wait_until_ready(process, tmp_path)
    process.terminate()
    result = wait_for_exit(process)
    assert (result.returncode, result.stderr) == (-signal.SIGTERM, "")
    assert len(topic.messages()) == 20


@pytest.mark.parametrize("how", ["pass", "os.kill(os.getpid(), signal.SIGTERM)"])
def test_without_a_broker_the_end_is_bounded_and_each_event_reported(
    how: str, tmp_path: Path
) -> None:
    program = f"""
        clients = [EkaClient("checkout", on_error=print_error) for _ in range(3)]
        for client in clients:
            record(client, 5)
        {how}
    """
    start = time.monotonic()
    result = run_program(program, NO_BROKER, tmp_path, {"EKA_SHUTDOWN_TIMEOUT_MS": "500"})
    assert time.monotonic() - start < 8
    lines = result.stdout.splitlines()
    assert len(set(lines)) == len(lines) == 15
    assert {line.split()[0] for line in lines} == {"shutdown.timeout"}


def test_without_on_error_the_log_says_what_was_not_sent(tmp_path: Path) -> None:
    program = """
        logging.basicConfig(format="%(message)s")
        client = EkaClient("checkout", kafka_config={"log_level": 0}, shutdown_timeout_ms=100)
        record(client, 30)
    """
    result = run_program(program, NO_BROKER, tmp_path)
    assert result.returncode == 0
    first, rest = result.stderr.splitlines()
    assert first.startswith("shutdown timed out: ")
    assert rest == "29 more errors like the last shutdown.timeout were held back"


@pytest.mark.parametrize("signals", [1, 3])
def test_sigterm_during_shutdown_still_reports_each_event_once(
    signals: int, tmp_path: Path
) -> None:
    program = """
        client = EkaClient("checkout", on_error=print_error, shutdown_timeout_ms=300)
        record(client, 2000)
        mark_ready()
        client.shutdown(5)
    """
    process = start_program(program, NO_BROKER, tmp_path)
    wait_until_ready(process, tmp_path)
    for _ in range(signals):
        time.sleep(0.1)
        process.terminate()
    result = wait_for_exit(process)
    assert result.returncode == -signal.SIGTERM, result.stderr
    lines = result.stdout.splitlines()
    assert len(set(lines)) == len(lines) == 2000


def test_sigterm_amid_delivery_reports_ends_the_process_in_order(tmp_path: Path) -> None:
    program = """
        def slow(error, context):
            print_error(error, context)
            time.sleep(0.02)
            mark_ready()

        client = EkaClient("checkout", on_error=slow, shutdown_timeout_ms=100)
        record(client, 50)
        client.shutdown(0)
    """
    process = start_program(program, NO_BROKER, tmp_path)
    wait_until_ready(process, tmp_path)
    process.terminate()
    result = wait_for_exit(process)
    assert result.returncode == -signal.SIGTERM, result.stderr
    lines = result.stdout.splitlines()
    assert len(set(lines)) == len(lines) == 50


def test_sigterm_ends_a_process_whose_on_error_never_returns(tmp_path: Path) -> None:
    program = """
        from eka_usage import lifecycle

        def stuck(error, context):
            mark_ready()
            time.sleep(60)

        lifecycle._REPORTING = 0.5
        client = EkaClient("checkout", on_error=stuck, shutdown_timeout_ms=100)
        record(client)
        client.shutdown(0)
    """
    process = start_program(program, NO_BROKER, tmp_path)
    wait_until_ready(process, tmp_path)
    process.terminate()
    assert wait_for_exit(process).returncode == -signal.SIGTERM


def test_a_bare_import_leaves_the_process_as_it_was(tmp_path: Path) -> None:
    program = """
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
        assert threading.active_count() == 1
        with EkaClient("checkout"):
            assert threading.active_count() == 1
            print("made")
    """
    result = run_program(program, NO_BROKER, tmp_path)
    assert (result.returncode, result.stdout) == (0, "made\n")


def test_a_killed_process_is_the_one_way_to_lose_events(
    broker: DevBroker, topic: TopicReader, tmp_path: Path
) -> None:
    program = f"""
        client = EkaClient("checkout", {LONG})
        record(client)
        os.kill(os.getpid(), signal.SIGKILL)
    """
    assert run_program(program, broker.bootstrap, tmp_path).returncode == -signal.SIGKILL
    assert topic.messages() == []
