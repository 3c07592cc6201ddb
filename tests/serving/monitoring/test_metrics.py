import threading

import pytest

from serving.monitoring.metrics import Registry, exponential_buckets


def test_a_cell_is_made_once_per_label_values():
    """Asking again gives the same cell, so that it can be kept."""
    counter = Registry().counter("/c", "model", "status")

    assert counter.cell("m", "OK") is counter.cell("m", "OK")
    assert counter.cell("m", "OK") is not counter.cell("m", "NOT_FOUND")


def test_a_registry_gives_the_same_metric_for_the_same_name():
    """Several sessions of one server share their metrics."""
    registry = Registry()

    assert registry.counter("/c", "a") is registry.counter("/c", "a")


@pytest.mark.parametrize("again", [lambda r: r.gauge("/c", "a"), lambda r: r.counter("/c", "b")])
def test_a_name_cannot_mean_two_things(again):
    """Another kind or other labels are a mistake of the program."""
    registry = Registry()
    registry.counter("/c", "a")

    with pytest.raises(TypeError, match="/c is a counter of"):
        again(registry)


def test_a_cell_needs_a_value_for_every_label():
    """A forgotten label is a mistake of the program."""
    with pytest.raises(TypeError, match="has the labels"):
        Registry().counter("/c", "a", "b").cell("only one")


def test_buckets_grow_step_by_step():
    """Limits are products of steps, as upstream's, and a sample at a limit belongs above it."""
    assert (10, 18, 32.4, 58.32) == exponential_buckets(10, 1.8, 4)

    cell = Registry().histogram("/h", limits=(1, 2, 4)).cell()
    for sample in (0, 1, 2, 3, 4, 100):
        cell.add(sample)

    assert (1, 1, 2, 2) == cell.distribution().counts
    assert 110 == cell.distribution().sum


def test_no_increment_is_lost_between_threads():
    """Eight threads count together."""
    registry = Registry()
    counter, histogram = registry.counter("/c").cell(), registry.histogram("/h", limits=(5,)).cell()

    def count():
        for _ in range(10_000):
            counter.increment()
            histogram.add(1)

    threads = [threading.Thread(target=count) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert 80_000 == counter.value() == histogram.distribution().counts[0]


def test_value_is_that_of_the_first_cell():
    """The reload RPC reports one number per name: of the cell whose labels sort first, 0 where there is none."""
    registry = Registry()
    counter = registry.counter("/c", "model")
    counter.cell("b").increment(7)
    counter.cell("a").increment(3)
    registry.gauge("/number").cell().set(5)
    registry.gauge("/text").cell().set("uuid")
    registry.histogram("/h", limits=(1,)).cell().add(9)
    registry.counter("/empty", "model")

    names = ["/c", "/number", "/text", "/h", "/empty", "/unknown"]

    assert [3, 5, 0, 0, 0, 0] == [registry.value(name) for name in names]
    assert "uuid" == registry.gauge("/text").cell().text()
