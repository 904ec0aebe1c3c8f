import numpy as np

from live_canary.segments.sound import RecentSound


def numbers(start, end):
    return np.arange(start, end, dtype=np.float32)


def test_samples_are_found_by_their_position():
    recent = RecentSound(start_sample=100, capacity=50)
    recent.append(numbers(100, 120))
    recent.append(numbers(120, 140))
    np.testing.assert_array_equal(recent.between(115, 125), numbers(115, 125))


def test_what_is_forgotten_makes_room_for_what_comes():
    recent = RecentSound(capacity=50)
    for start in range(0, 1000, 20):
        recent.forget_before(start - 30)
        recent.append(numbers(start, start + 20))
    np.testing.assert_array_equal(recent.between(950, 1000), numbers(950, 1000))


def test_it_grows_when_more_must_be_kept_than_fits():
    recent = RecentSound(capacity=10)
    for start in range(0, 100, 7):
        recent.append(numbers(start, start + 7))
    np.testing.assert_array_equal(recent.between(0, 105), numbers(0, 105))


def test_forgetting_more_than_there_is_leaves_nothing():
    recent = RecentSound(capacity=10)
    recent.append(numbers(0, 5))
    recent.forget_before(100)
    assert (recent.start_sample, recent.end_sample) == (5, 5)


def test_after_a_restart_positions_begin_there():
    recent = RecentSound(capacity=10)
    recent.append(numbers(0, 5))
    recent.restart_at(1000)
    recent.append(numbers(1000, 1003))
    np.testing.assert_array_equal(recent.between(1000, 1003), numbers(1000, 1003))
