"""However a process ends, the events that it accepted are delivered or reported first."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest

from sdks.python.tests.programs import run_program, start_program, wait_for_exit, wait_until_ready
from sdks.python.tests.support import NO_BROKER
from sdks.python.tests.topic_reader import TopicReader
from tests.broker import DevBroker

# So long a linger that nothing is delivered before the process ends.
LONG_LINGER = "linger_ms=60000"


@pytest.mark.parametrize(
    ("ending", "code"),
    [
        ("pass", 0),
        ("sys.exit(3)", 3),
        ("raise KeyboardInterrupt", -signal.SIGINT),
        ("raise RuntimeError", 1),
        ("del client", 0),
        ("os.kill(os.getpid(), signal.SIGTERM); time.sleep(60)", -signal.SIGTERM),
        ("os.kill(os.getpid(), signal.SIGINT); time.sleep(60)", -signal.SIGINT),
    ],
)
def test_events_are_delivered_however_the_process_ends(
    ending: str, code: int, broker: DevBroker, topic: TopicReader, tmp_path: Path
) -> None:
    program = f"""
        client = EkaClient("checkout", on_error=print_error, {LONG_LINGER})
        record(client)
        {ending}
    """
    result = run_program(program, broker.bootstrap, tmp_path)
    assert (result.returncode, result.stdout) == (code, "")
    assert len(topic.messages()) == 20


def test_clients_created_in_threads_deliver_everything_at_exit(
    broker: DevBroker, topic: TopicReader, tmp_path: Path
) -> None:
    program = f"""
        def work(number):
            client = EkaClient("checkout", on_error=print_error, {LONG_LINGER})
            record(client)

        threads = [threading.Thread(target=work, args=(number,)) for number in range(3)]
        for thread in threads:
            thread.start()
    """
    result = run_program(program, broker.bootstrap, tmp_path)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    assert len(topic.messages()) == 60


def test_an_event_recorded_after_the_exit_hook_is_rejected_and_reported(
    broker: DevBroker, topic: TopicReader, tmp_path: Path
) -> None:
    program = f"""
        from eka_usage._shutdown_hooks import shutdown_all
        client = EkaClient("checkout", on_error=print_error, {LONG_LINGER})
        record(client)
        atexit.unregister(shutdown_all)
        atexit.register(lambda: client.record("late", "api", "api_call", event_id="late"))
        atexit.register(shutdown_all)
    """
    result = run_program(program, broker.bootstrap, tmp_path)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.split() == ["client.closed", "late"]
    assert len(topic.messages()) == 20


def test_the_hosts_own_sigterm_handler_stays_in_place(
    broker: DevBroker, topic: TopicReader, tmp_path: Path
) -> None:
    program = f"""
        signal.signal(signal.SIGTERM, lambda *_: print("the host's handler", flush=True))
        client = EkaClient("checkout", on_error=print_error, {LONG_LINGER})
        record(client)
        os.kill(os.getpid(), signal.SIGTERM)
        assert client.record("ws", "api", "api_call") is not None
    """
    result = run_program(program, broker.bootstrap, tmp_path)
    assert (result.returncode, result.stdout) == (0, "the host's handler\n")
    assert result.stderr.startswith(
        "SIGTERM is handled by __main__.<lambda>, so the client does not"
    )
    assert len(topic.messages()) == 21


SERVER = """
        class Server:
            def handle_exit(self, *_):
                sys.exit()
            __call__ = handle_exit
        SIGTERM = signal.SIGTERM
"""


@pytest.mark.parametrize(
    "program",
    [
        "signal.signal(SIGTERM, Server().handle_exit); client = EkaClient('checkout')",
        "client = EkaClient('checkout'); signal.signal(SIGTERM, Server().handle_exit)",
    ],
    ids=["before the client", "after the client"],
)
def test_a_foreign_sigterm_handler_is_named_once(program: str, tmp_path: Path) -> None:
    body = f"""{SERVER}
        {program}
        for client in (client, EkaClient("checkout")):
            record(client, 2)
            client.shutdown(0)
    """
    result = run_program(body, NO_BROKER, tmp_path, {"EKA_SHUTDOWN_TIMEOUT_MS": "0"})
    lines = [line for line in result.stderr.splitlines() if "SIGTERM" in line]
    assert len(lines) == 1, result.stderr
    assert "SIGTERM is handled by __main__.Server.handle_exit" in lines[0]


@pytest.mark.parametrize(
    "program",
    [
        "client = EkaClient('checkout')",
        "signal.signal(SIGTERM, signal.SIG_IGN); client = EkaClient('checkout')",
        "signal.signal(SIGTERM, sys.exit); client = EkaClient('checkout', flush_on_sigterm=False)",
        "Server.__module__ = 'gunicorn'; signal.signal(SIGTERM, Server()); EkaClient('checkout')",
    ],
    ids=["its own", "ignored", "flush turned off", "one that ends Python"],
)
def test_no_sigterm_handler_is_named_that_the_client_can_rely_on(
    program: str, tmp_path: Path
) -> None:
    body = f"""{SERVER}
        {program}
    """
    result = run_program(body, NO_BROKER, tmp_path)
    assert result.returncode == 0
    assert "SIGTERM" not in result.stderr


def test_a_sigterm_handler_set_after_the_client_stays_in_place(
    broker: DevBroker, topic: TopicReader, tmp_path: Path
) -> None:
    program = f"""
        client = EkaClient("checkout", on_error=print_error, {LONG_LINGER})
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))
        record(client)
        os.kill(os.getpid(), signal.SIGTERM)
    """
    assert run_program(program, broker.bootstrap, tmp_path).returncode == 7
    assert len(topic.messages()) == 20


@pytest.mark.parametrize("ignored", [False, True])
def test_sigterm_is_untouched_where_the_host_ignores_it_or_turns_the_flush_off(
    ignored: bool, broker: DevBroker, topic: TopicReader, tmp_path: Path
) -> None:
    program = f"""
        before = signal.SIG_IGN if {ignored} else signal.SIG_DFL
        signal.signal(signal.SIGTERM, before)
        client = EkaClient("checkout", {LONG_LINGER}, flush_on_sigterm={ignored})
        assert signal.getsignal(signal.SIGTERM) is before
        record(client)
        os.kill(os.getpid(), signal.SIGTERM)
    """
    result = run_program(program, broker.bootstrap, tmp_path)
    assert result.returncode == (0 if ignored else -signal.SIGTERM)
    assert len(topic.messages()) == (20 if ignored else 0)


def test_sigterm_delivers_the_events_of_a_process_that_is_waiting(
    broker: DevBroker, topic: TopicReader, tmp_path: Path
) -> None:
    program = f"""
        client = EkaClient("checkout", on_error=print_error, {LONG_LINGER})
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
def test_without_a_broker_exit_is_bounded_and_reports_each_event(how: str, tmp_path: Path) -> None:
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


def test_without_on_error_undelivered_events_are_logged_at_exit(tmp_path: Path) -> None:
    program = """
        logging.basicConfig(format="%(message)s")
        client = EkaClient("checkout", kafka_config={"log_level": 0}, shutdown_timeout_ms=100)
        record(client, 30)
    """
    result = run_program(program, NO_BROKER, tmp_path)
    assert result.returncode == 0
    first, rest = result.stderr.splitlines()
    assert first.startswith("shutdown timed out: ")
    assert rest == "29 more errors like the last shutdown.timeout were suppressed"


@pytest.mark.parametrize("signals", [1, 3])
def test_sigterm_during_shutdown_reports_each_event_once(signals: int, tmp_path: Path) -> None:
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


def test_sigterm_during_delivery_reports_still_reports_each_event_once(tmp_path: Path) -> None:
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
        from eka_usage import _shutdown_hooks

        def stuck(error, context):
            mark_ready()
            time.sleep(60)

        _shutdown_hooks._REPORTING = 0.5
        client = EkaClient("checkout", on_error=stuck, shutdown_timeout_ms=100)
        record(client)
        client.shutdown(0)
    """
    process = start_program(program, NO_BROKER, tmp_path)
    wait_until_ready(process, tmp_path)
    process.terminate()
    assert wait_for_exit(process).returncode == -signal.SIGTERM


def test_the_import_sets_no_handler_and_an_unused_client_starts_no_thread(tmp_path: Path) -> None:
    program = """
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
        assert threading.active_count() == 1
        with EkaClient("checkout"):
            assert threading.active_count() == 1
            print("made")
    """
    result = run_program(program, NO_BROKER, tmp_path)
    assert (result.returncode, result.stdout) == (0, "made\n")


def test_without_a_spool_sigkill_loses_the_queued_events(
    broker: DevBroker, topic: TopicReader, tmp_path: Path
) -> None:
    program = f"""
        client = EkaClient("checkout", {LONG_LINGER})
        record(client)
        os.kill(os.getpid(), signal.SIGKILL)
    """
    assert run_program(program, broker.bootstrap, tmp_path).returncode == -signal.SIGKILL
    assert topic.messages() == []
