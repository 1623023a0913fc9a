"""A client created before a fork works in both processes; each delivers what it accepted."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from sdks.python.tests.programs import run_program
from sdks.python.tests.support import NO_BROKER
from sdks.python.tests.topic_reader import TopicReader
from tests.broker import DevBroker

LONG_LINGER = "linger_ms=60000"


def by_instance(events: list[Any]) -> dict[str, list[int]]:
    """Returns the sequence numbers of the events of each instance."""
    found: dict[str, list[int]] = {}
    for event in events:
        found.setdefault(event["instance_id"], []).append(event["seq"])
    return {instance: sorted(numbers) for instance, numbers in found.items()}


def assert_complete(events: list[Any], sizes: list[int]) -> None:
    """Asserts that the instances have these numbers of events, without gaps or duplicates."""
    assert max(Counter(event["event_id"] for event in events).values()) == 1
    numbers = by_instance(events)
    assert sorted(map(len, numbers.values())) == sorted(sizes)
    for found in numbers.values():
        assert found == list(range(1, len(found) + 1))


@pytest.mark.parametrize("before", [0, 20], ids=["unused", "used"])
@pytest.mark.parametrize("ending", ["sys.exit()", "os.kill(os.getpid(), signal.SIGTERM)"])
def test_parent_and_child_each_deliver_their_own_events(
    before: int, ending: str, broker: DevBroker, topic: TopicReader, tmp_path: Path
) -> None:
    program = f"""
        client = EkaClient("checkout", on_error=print_error, {LONG_LINGER})
        record(client, {before})
        pause_before_fork()
        mine = client.instance_id
        child = os.fork()
        if child == 0:
            assert client.instance_id != mine
            assert client.stats().accepted == 0
            record(client, 7, "child")
            {ending}
        assert client.instance_id == mine
        record(client, 10)
        assert os.waitpid(child, 0)[1] in (0, signal.SIGTERM)
    """
    result = run_program(program, broker.bootstrap, tmp_path)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    assert_complete(topic.events(), [before + 10, 7])


@pytest.mark.parametrize("ending", ["sys.exit()", "raise SystemExit(0)"])
def test_a_forked_child_does_not_wait_for_its_parents_undelivered_events(
    ending: str, tmp_path: Path
) -> None:
    program = f"""
        client = EkaClient("checkout", on_error=print_error, shutdown_timeout_ms=200)
        record(client, 5)
        start = time.monotonic()
        child = os.fork()
        if child == 0:
            {ending}
        assert os.waitpid(child, 0)[1] == 0
        assert time.monotonic() - start < 5
        print("child ended", flush=True)
    """
    result = run_program(program, NO_BROKER, tmp_path)
    assert result.returncode == 0
    first, *rest = result.stdout.splitlines()
    assert first == "child ended"
    assert len(set(rest)) == len(rest) == 5


def test_a_forked_child_may_garbage_collect_its_parents_discarded_clients(tmp_path: Path) -> None:
    program = """
        import gc
        gc.disable()
        for _ in range(20):
            client = EkaClient("checkout", on_error=print_error, shutdown_timeout_ms=0, spool="off")
            record(client, 1)
            client.shutdown()
            child = os.fork()
            if child == 0:
                gc.collect()
                os._exit(0)
            assert os.waitpid(child, 0)[1] == 0
            assert not gc.isenabled()
        gc.enable()
        assert os.fork() or os._exit(not gc.isenabled())
        assert os.wait()[1] == 0
        assert gc.isenabled()
    """
    assert run_program(program, NO_BROKER, tmp_path).returncode == 0


def test_every_generation_of_forked_children_delivers(
    broker: DevBroker, topic: TopicReader, tmp_path: Path
) -> None:
    program = f"""
        client = EkaClient("checkout", on_error=print_error, {LONG_LINGER})
        for generation in range(4):
            record(client, 3)
            pause_before_fork()
            child = os.fork()
            if child:
                assert os.waitpid(child, 0)[1] == 0
                break
    """
    result = run_program(program, broker.bootstrap, tmp_path)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    assert_complete(topic.events(), [3, 3, 3, 3])


def test_a_pre_forking_server_loses_no_event(
    broker: DevBroker, topic: TopicReader, tmp_path: Path
) -> None:
    program = f"""
        client = EkaClient("checkout", on_error=print_error, {LONG_LINGER})
        record(client, 2)
        pause_before_fork()
        children = []
        reading, writing = os.pipe()
        for number in range(5):
            child = os.fork()
            if child == 0:
                record(client, 11, f"worker-{{number}}")
                os.write(writing, b".")
                threading.Event().wait()
            children.append(child)
        for child in children:
            os.read(reading, 1)
        for child in children:
            os.kill(child, signal.SIGTERM)
        for child in children:
            assert os.waitpid(child, 0)[1] == signal.SIGTERM
    """
    result = run_program(program, broker.bootstrap, tmp_path)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    assert_complete(topic.events(), [2, 11, 11, 11, 11, 11])


def test_a_fork_while_threads_record_loses_nothing_in_either_process(
    broker: DevBroker, topic: TopicReader, tmp_path: Path
) -> None:
    program = """
        client = EkaClient("checkout", on_error=print_error)
        done = threading.Event()
        def work(number):
            while not done.is_set():
                record(client, 5, f"thread-{number}")
                time.sleep(0.001)
        threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        pause_before_fork()
        for number in range(6):
            time.sleep(0.02)
            child = os.fork()
            if child == 0:
                record(client, 9, "child")
                client.shutdown()
                os._exit(0)
            assert os.waitpid(child, 0)[1] == 0
        done.set()
        for thread in threads:
            thread.join()
        print(client.stats().accepted)
    """
    result = run_program(program, broker.bootstrap, tmp_path)
    assert (result.returncode, result.stderr) == (0, "")
    assert_complete(topic.events(), [int(result.stdout), *[9] * 6])


def test_a_fork_while_threads_record_batches_loses_and_splits_none(
    broker: DevBroker, topic: TopicReader, tmp_path: Path
) -> None:
    program = """
        from eka_usage import Usage
        client = EkaClient("checkout", on_error=print_error)
        done = threading.Event()
        def batch(name):
            events = [Usage("ws", "api", "api_call", metadata={"batch": name}) for _ in range(50)]
            assert len(client.record_many(events)) == 50
        def work(name):
            number = 0
            while not done.is_set():
                batch(f"{name}-{number}")
                number += 1
                time.sleep(0.002)
        threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        pause_before_fork()
        for number in range(4):
            child = os.fork()
            if child == 0:
                batch(f"child-{number}")
                client.shutdown()
                os._exit(0)
            assert os.waitpid(child, 0)[1] == 0
        done.set()
        for thread in threads:
            thread.join()
        print(client.stats().accepted)
    """
    result = run_program(program, broker.bootstrap, tmp_path)
    assert (result.returncode, result.stderr) == (0, "")
    events = topic.events()
    assert_complete(events, [int(result.stdout), *[50] * 4])
    batches = Counter((event["instance_id"], event["metadata"]) for event in events)
    assert set(batches.values()) == {50}


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
@pytest.mark.parametrize("where", ["made in the parent", "made in the child"])
def test_a_multiprocessing_worker_delivers_without_a_shutdown(
    method: str, where: str, broker: DevBroker, topic: TopicReader, tmp_path: Path
) -> None:
    program = f"""
        def work(workspace):
            global client
            if {where == "made in the child"} or client is None:
                client = EkaClient("checkout", on_error=print_error, {LONG_LINGER})
            record(client, 6, workspace)

        client = None
        if __name__ == "__main__":
            if {where == "made in the parent"}:
                client = EkaClient("checkout", on_error=print_error, {LONG_LINGER})
                record(client, 4)
                pause_before_fork()
            context = multiprocessing.get_context("{method}")
            workers = [context.Process(target=work, args=(f"w{{n}}",)) for n in range(2)]
            for worker in workers:
                worker.start()
            for worker in workers:
                worker.join()
                assert worker.exitcode == 0
    """
    result = run_program(program, broker.bootstrap, tmp_path)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    assert_complete(topic.events(), [6, 6, *([4] if where == "made in the parent" else [])])


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_terminated_multiprocessing_worker_delivers(
    method: str, broker: DevBroker, topic: TopicReader, tmp_path: Path
) -> None:
    program = f"""
        def work(ready):
            client = EkaClient("checkout", on_error=print_error, {LONG_LINGER})
            record(client, 6)
            ready.set()
            threading.Event().wait()

        if __name__ == "__main__":
            context = multiprocessing.get_context("{method}")
            ready = context.Event()
            worker = context.Process(target=work, args=(ready,))
            worker.start()
            ready.wait()
            worker.terminate()
            worker.join()
            assert worker.exitcode == -signal.SIGTERM
    """
    result = run_program(program, broker.bootstrap, tmp_path)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    assert_complete(topic.events(), [6])


def test_a_process_pool_delivers(broker: DevBroker, topic: TopicReader, tmp_path: Path) -> None:
    program = f"""
        from concurrent.futures import ProcessPoolExecutor

        def work(number):
            record(client, 3, f"task-{{number}}")
            return client.instance_id

        client = EkaClient("checkout", on_error=print_error, {LONG_LINGER})
        if __name__ == "__main__":
            context = multiprocessing.get_context("fork")
            with ProcessPoolExecutor(2, mp_context=context) as pool:
                instances = set(pool.map(work, range(10)))
            assert client.instance_id not in instances
    """
    result = run_program(program, broker.bootstrap, tmp_path)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    events = topic.events()
    assert len(events) == 30
    assert_complete(events, [len(numbers) for numbers in by_instance(events).values()])


def test_an_injected_producer_that_did_not_survive_the_fork_fails_its_events(
    broker: DevBroker, topic: TopicReader, tmp_path: Path
) -> None:
    program = """
        from confluent_kafka import Producer
        producer = Producer({"bootstrap.servers": os.environ["EKA_KAFKA_BROKERS"]})
        client = EkaClient("checkout", producer=producer, on_error=print_error)
        record(client, 3)
        child = os.fork()
        if child == 0:
            client.record("ws", "api", "api_call", event_id="lost")
            client.shutdown()
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
    """
    result = run_program(program, broker.bootstrap, tmp_path)
    assert result.returncode == 0
    assert result.stdout.splitlines() == ["delivery.failed lost"]
    assert_complete(topic.events(), [3])


def test_a_closed_client_stays_closed_in_a_forked_child(tmp_path: Path) -> None:
    program = """
        client = EkaClient("checkout", on_error=print_error)
        client.shutdown()
        child = os.fork()
        if child == 0:
            client.record("ws", "api", "api_call")
            sys.exit()
        assert os.waitpid(child, 0)[1] == 0
    """
    result = run_program(program, NO_BROKER, tmp_path)
    assert (result.returncode, result.stdout) == (0, "client.closed None\n")
