"""Rollouts: what is seen, what should have been said, changes within episodes, and who acts."""

import numpy as np
import pytest
import torch

from sim2real.identification.online.estimator import Identifier
from sim2real.identification.online.rollouts import Collector, Rollouts, Student, Teacher
from sim2real.training.config import TrainConfig, resolve
from sim2real.training.export import build_policy

NAMES = ("payload_mass", "motor_time_constant")


@pytest.fixture(scope="module")
def run():
    return resolve(TrainConfig("crazyflie-hover", method="up-osi", identify=NAMES, threads=1))


@pytest.fixture(scope="module")
def actor(run):
    torch.manual_seed(0)
    return build_policy(run, len(run.known)).actor()


@pytest.fixture(scope="module")
def rollouts(run, actor):
    collector = Collector(run, 64, 0.5, 9)
    found = collector.collect(Teacher(actor, 0.5, 0))
    collector.close()
    return found


def test_shapes_and_what_stands_where(run, rollouts):
    features, observed = sum(term.size for term in run.task.dynamics_terms()), run.task.builder(1).size
    assert rollouts.features.shape == (25, 64, features) and rollouts.observation.shape == (25, 64, observed)
    torch.testing.assert_close(rollouts.known, rollouts.unit)  # up-osi is told what it identifies
    assert all(rows.dtype == torch.float32 for rows in (rollouts.features, rollouts.unit, rollouts.observation))
    assert rollouts.running[0].all() and not (rollouts.running[1:] & ~rollouts.running[:-1]).any()


def test_only_what_can_change_on_a_robot_changes(rollouts):
    """A payload is picked up in about 0.6 of the episodes, once; a motor stays as slow as it is."""
    payload, lag = rollouts.unit[..., 0], rollouts.unit[..., 1]
    assert torch.equal(lag, lag[:1].expand_as(lag))
    times = (payload[1:] != payload[:-1]).sum(dim=0)
    assert times.max() == 1 and 0.4 < (times == 1).float().mean() < 0.8
    assert payload.min() >= -1.0 and payload.max() <= 1.0


def test_everything_follows_from_the_seed(run, actor, rollouts):
    collector = Collector(run, 64, 0.5, 9)
    again, next_ones = (collector.collect(Teacher(actor, 0.5, 0)) for _ in range(2))
    collector.close()
    assert torch.equal(again.features, rollouts.features) and torch.equal(again.unit, rollouts.unit)
    assert not torch.equal(next_ones.unit[0], again.unit[0])


def test_a_student_that_knows_the_truth_acts_as_the_teacher(actor):
    """Its context is what the identifier says; here that is the truth, planted in the head's bias."""
    identifier = Identifier(3, 2, width=4)
    torch.nn.init.zeros_(identifier.head.weight)
    with torch.no_grad():
        identifier.head.bias.copy_(torch.tensor([0.5, -0.25, 0.0, 0.0]))
        teacher, student = Teacher(actor, 0.0, 0), Student(actor, identifier)
        observation = torch.randn(5, actor.input_size - 2)
        teacher.begin(5), student.begin(5)
        known = torch.tensor([[0.5, -0.25]]).expand(5, 2)
        torch.testing.assert_close(student(observation, known * 0, torch.randn(5, 3)),
                                   teacher(observation, known, torch.randn(5, 3)))


def test_half_of_the_teachers_episodes_go_without_noise(actor):
    teacher, observation = Teacher(actor, 0.5, 3), torch.zeros(400, actor.input_size - 2)
    teacher.begin(400)
    with torch.no_grad():
        first, second = (teacher(observation, torch.zeros(400, 2), torch.zeros(400, 1)) for _ in range(2))
    still = (first == second).all(dim=1).float().mean().item()
    assert 0.4 < still < 0.6


def test_joining_and_splitting():
    rows = torch.arange(6.0).reshape(1, 6, 1)
    data = Rollouts(rows, rows, rows, rows, torch.ones(1, 6, dtype=torch.bool))
    first, last = data.split(2)
    assert (len(first), len(last)) == (4, 2) and last.unit.flatten().tolist() == [4.0, 5.0]
    assert torch.equal(Rollouts.joined([first, last]).features, rows)
    np.testing.assert_array_equal(data.of(torch.tensor([5, 0])).unit.flatten(), [5.0, 0.0])


def test_arms_are_driven_in_turns_as_evaluation_and_as_a_robot_does_it():
    """A robot stands before: its drives bear its weight, those of one just put into its pose bear nothing."""
    run = resolve(TrainConfig("ur5e-reach", method="up-osi", identify=("payload_mass",), threads=1))
    torch.manual_seed(0)
    actor = build_policy(run, len(run.known)).actor()
    collector = Collector(run, 32, 0.8, 9)
    held, driven, again = (collector.collect(Teacher(actor, 0.0, 0)) for _ in range(3))
    collector.close()
    terms = {term.name: term for term in run.task.dynamics_terms()}
    assert list(terms)[-1] == "joint_effort"
    weight = slice(-terms["joint_effort"].size, None)  # in training's scale
    for found, borne in ((held, False), (driven, True), (again, False)):
        efforts = found.features[0, :, weight].abs().amax(dim=1)
        assert ((efforts > 0.3).float().mean() > 0.9) == borne and (efforts.max() < 0.3) == (not borne)
    first = [found.features[0] for found in (held, driven)]
    for features in first:  # where it is measured, a stream begins
        assert features[:, 12:18].abs().max() < 1.0 and features[:, 18:24].abs().max() == 0.0
