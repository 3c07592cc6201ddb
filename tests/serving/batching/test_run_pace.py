from serving.batching.run_pace import ENOUGH_RUNS, RunPace


def test_a_model_that_is_not_known_yet_runs_under_its_limit():
    """Without one there is none."""
    pace = RunPace()

    assert (2.5, None) == (pace.limit(2.5), pace.limit(None))


def test_a_quick_model_runs_without_a_limit_that_it_never_reaches():
    """A near one stays."""
    pace = RunPace()
    for _ in range(ENOUGH_RUNS):
        pace.ran(0.001)

    assert (None, 0.09) == (pace.limit(0.11), pace.limit(0.09))


def test_one_slow_run_brings_the_limit_back_until_it_has_faded():
    """So that a model that has begun to block is broken off."""
    pace = RunPace()
    for _ in range(ENOUGH_RUNS):
        pace.ran(0.001)
    pace.ran(30.0)

    assert 30.0 == pace.limit(30.0)
    for _ in range(1000):
        pace.ran(0.001)
    assert None is pace.limit(30.0)
