"""One contract, every engine and kind of robot. A new engine is one more row in ``SIMULATORS``."""

from __future__ import annotations

import functools

import numpy as np
import pytest

from sim2real import rng
from sim2real.errors import BadInputError, ParameterError, SimulationError
from sim2real.robots import RobotDescription, load_robot
from sim2real.simulators import list_engines, make_simulator
from sim2real.types import RobotState

SIMULATORS = [("mujoco", "ur5e"), ("mujoco", "so101"), ("pybullet", "ur5e"),
              ("quadrotor", "crazyflie"), ("quadrotor", "x500"), ("mujoco", "crazyflie"), ("pybullet", "crazyflie")]
ARMS = [row for row in SIMULATORS if row[1] in ("ur5e", "so101", "fr3")]


@functools.cache
def robot_named(name: str) -> RobotDescription:
    return load_robot(name)


def spread(sim, seed: int = 0) -> np.ndarray:
    """Values all over the training ranges, different in each simulation; those of simulation i depend on i alone."""
    u = rng.uniform(seed, np.arange(sim.num_sims), 0, "episode", len(sim.space))
    return sim.space.low + u * (sim.space.high - sim.space.low)


def commands(sim, k: int) -> np.ndarray:
    """A moving command, different in each simulation."""
    rest = sim.rest_command(sim.home_state(sim.num_sims))
    phase = np.arange(sim.num_sims)[:, None] + np.arange(sim.command_size)
    return rest + 0.05 * np.sin(0.3 * k + phase) * (1.0 if sim.robot.kind == "arm" else np.array([0.1, 1, 1, 1]))


def packed(state: RobotState) -> np.ndarray:
    return np.concatenate([state.joint_position, state.joint_velocity, state.position, state.quaternion,
                           state.linear_velocity, state.angular_velocity], axis=1)


def run(sim, steps: int) -> np.ndarray:
    """True and measured states after each step, (steps, n, columns)."""
    out = []
    for k in range(steps):
        sim.step(commands(sim, k))
        out.append(np.concatenate([packed(sim.true_state()), packed(sim.state())], axis=1))
    return np.array(out)


@pytest.fixture(params=SIMULATORS, ids=lambda row: "-".join(row))
def row(request):
    return request.param


@pytest.fixture
def make(row):
    made = []

    def build(n=3, **options):
        made.append(make_simulator(row[0], robot_named(row[1]), n, **options))
        return made[-1]

    yield build
    for sim in made:
        sim.close()


class TestContract:
    def test_shapes_types_and_rest(self, make):
        sim = make(3)
        robot = sim.robot
        for state in (sim.state(), sim.true_state()):
            assert state.time.shape == (3,) and np.all(state.time == 0.0)
            assert state.joint_position.shape == state.joint_velocity.shape == (3, robot.num_joints)
            assert state.quaternion.shape == (3, 4)
            assert packed(state).dtype == np.float64
        truth = sim.true_state()
        np.testing.assert_allclose(np.linalg.norm(truth.quaternion, axis=1), 1.0, atol=1e-12)
        if robot.kind == "arm":
            np.testing.assert_array_equal(truth.joint_position, np.tile(robot.home, (3, 1)))
            np.testing.assert_array_equal(truth.position, 0.0)
        assert sim.command_size == (robot.num_joints if robot.kind == "arm" else 4)
        assert sim.substep * sim.num_substeps == pytest.approx(sim.control_period)

    def test_time_and_movement(self, make):
        sim = make(2)
        run(sim, 3)
        np.testing.assert_allclose(sim.true_state().time, 3 * sim.control_period)
        before = packed(sim.true_state())
        assert sim.true_state() is not sim.step(commands(sim, 9))
        assert np.abs(packed(sim.true_state()) - before).max() > 1e-5

    def test_state_is_constant_between_steps(self, make):
        sim = make(2)
        sim.step(commands(sim, 0))
        first, copy = sim.state(), sim.state().copy()
        np.testing.assert_array_equal(packed(first), packed(sim.state()))
        sim.step(commands(sim, 1))
        sim.reset()
        np.testing.assert_array_equal(packed(first), packed(copy))  # what was handed out stays as it was

    def test_reset_remembers_a_command_as_if_it_had_always_been_given(self, make):
        sim = make(3)
        rest = sim.rest_command(sim.home_state(3))
        moved = []
        for given in (None, rest, 1.1 * rest + 0.05):
            sim.reset(noise_counter=np.zeros(3, int), command=given)
            sim.step(rest)
            moved.append(packed(sim.true_state()))
        np.testing.assert_array_equal(moved[0], moved[1])
        # the nominal dead time is still to come: the first step is under what was remembered
        assert np.abs(moved[2] - moved[0]).max() > 1e-5

    def test_reset_is_idempotent_and_forgets(self, make):
        sim = make(3)
        sim.set_parameters(None, spread(sim))
        zero = np.zeros(3, int)
        sim.reset(noise_counter=zero)
        first = run(sim, 4)
        run(sim, 3)
        sim.reset(noise_counter=zero)
        sim.reset(noise_counter=zero)
        np.testing.assert_array_equal(run(sim, 4), first)

    def test_subset_reset_leaves_others(self, make):
        a, b = make(4), make(4)
        for sim in (a, b):
            sim.set_parameters(None, spread(sim))
            sim.reset()
            run(sim, 3)
        a.reset(np.array([1, 3]))
        assert a.time.tolist() == [3 * a.control_period, 0, 3 * a.control_period, 0]
        np.testing.assert_array_equal(run(a, 3)[:, [0, 2]], run(b, 3)[:, [0, 2]])

    def test_reset_to_a_state(self, make):
        sim = make(3)
        state = sim.home_state(2)
        if sim.robot.kind == "arm":
            state.joint_position += 0.1
            state.joint_velocity += 0.2
        else:
            state.position += [0.1, -0.2, 1.0]
            state.linear_velocity += [0.3, 0.1, -0.2]
            state.angular_velocity += [0.5, -0.4, 0.3]
            state.quaternion[:] = [0.8, 0.6, 0.0, 0.0]
        sim.reset(np.array([0, 2]), state)
        np.testing.assert_allclose(packed(sim.true_state()[[0, 2]]), packed(state), atol=1e-12)

    def test_parameters_start_from_nominal(self, make):
        """Hundreds of draws leave no trace: with nominal values again, everything is bit-equal to a fresh one."""
        used, fresh = make(2), make(2)
        for episode in range(60 if used.engine == "pybullet" else 400):
            used.set_parameters(None, spread(used, episode))
        used.set_parameters(None, used.space.batch(2))
        for sim in (used, fresh):
            sim.reset(noise_counter=np.zeros(2, int))
        np.testing.assert_array_equal(run(used, 5), run(fresh, 5))

    def test_parameters_act_and_subset_leaves_others(self, make):
        a, b = make(3), make(3)
        a.set_parameters(np.array([1]), spread(a)[[1]])
        for sim in (a, b):
            sim.reset(noise_counter=np.zeros(3, int))
        first, second = run(a, 5), run(b, 5)
        np.testing.assert_array_equal(first[:, [0, 2]], second[:, [0, 2]])
        assert np.abs(first[:, 1] - second[:, 1]).max() > 1e-4

    def test_live_columns_do_not_rebuild(self, make, monkeypatch):
        sim = make(2)
        applied = []
        monkeypatch.setattr(sim, "_apply", applied.append)
        values = sim.values.copy()
        values[:, sim.space.live] = spread(sim)[:, sim.space.live]
        sim.set_parameters(None, values)
        assert applied == []
        values[1, ~sim.space.live] = spread(sim)[1, ~sim.space.live]
        sim.set_parameters(None, values)
        assert [ids.tolist() for ids in applied] == [[1]]

    def test_live_change_is_in_force_at_the_next_step(self, make):
        a, b = make(2), make(2)
        run(a, 3), run(b, 3)
        values = a.values.copy()
        values[1, a.space.column("external_force_y")] = 2.0 if a.robot.kind == "arm" else 0.05
        a.set_parameters(None, values)
        first, second = run(a, 2), run(b, 2)
        np.testing.assert_array_equal(first[:, 0], second[:, 0])
        assert np.abs(first[0, 1] - second[0, 1]).max() > 1e-8

    @pytest.mark.parametrize("threads", [1, 2])
    def test_same_seed_same_trajectory_whatever_the_number(self, make, threads):
        one, many = make(2, seed=5, threads=1), make(5, seed=5, threads=threads)
        for sim in (one, many):
            sim.set_parameters(None, spread(sim))
            sim.reset()
        np.testing.assert_array_equal(run(one, 5), run(many, 5)[:, :2])

    def test_seeds_differ(self, make):
        first, second = run(make(2, seed=1), 3), run(make(2, seed=2), 3)
        assert np.abs(first - second).max() > 0.0
        width = first.shape[2] // 2
        np.testing.assert_array_equal(first[..., :width], second[..., :width])  # truth has no noise

    def test_wrong_shapes_are_refused(self, make):
        sim = make(2)
        with pytest.raises(SimulationError, match="command of shape"):
            sim.step(np.zeros((3, sim.command_size)))
        with pytest.raises(ParameterError, match="of shape"):
            sim.set_parameters(None, sim.values[:1])
        with pytest.raises(SimulationError, match="at least one"):
            make(0)

    def test_one_broken_simulation_does_not_stop_the_others(self, make):
        sim, healthy = make(3), make(3)
        command = commands(sim, 0)
        command[1] = np.nan
        sim.step(command)
        for k in range(1, 3):
            sim.step(commands(sim, k))
        run(healthy, 3)
        assert sim.unstable.tolist() == [False, True, False]
        assert sim.true_state().is_finite().all() and sim.state().is_finite().all()
        np.testing.assert_array_equal(packed(sim.true_state())[[0, 2]], packed(healthy.true_state())[[0, 2]])
        sim.reset(np.array([1]))
        assert not sim.unstable.any()
        sim.step(commands(sim, 4))
        assert not sim.unstable.any()

    def test_close_twice(self, make):
        sim = make(1)
        sim.close()
        sim.close()

    def test_unknown_camera(self, make):
        sim = make(1)
        with pytest.raises((BadInputError, SimulationError), match="unknown camera|cannot render"):
            sim.render("nowhere")


class TestArmContract:
    @pytest.mark.parametrize("engine", sorted({engine for engine, _ in ARMS}))
    def test_joint_order_is_the_descriptions(self, engine):
        """The same arm with its joints written in another order moves the same, column by column."""
        plain = robot_named("ur5e")
        mixed = shuffled(plain)
        order = [mixed.joint_names.index(name) for name in plain.joint_names]
        assert order != sorted(order)
        with make_simulator(engine, plain, 2) as a, make_simulator(engine, mixed, 2) as b:
            values = spread(a)
            for other, name in enumerate(b.space.names):
                b.values[:, other] = values[:, a.space.column(name)]
            a.set_parameters(None, values)
            b._apply(b.all_ids)
            a.reset(), b.reset()
            for k in range(5):
                command = commands(a, k)
                a.step(command)
                b.step(command[:, np.argsort(order)])
                np.testing.assert_allclose(b.true_state().joint_position[:, order], a.true_state().joint_position,
                                           rtol=0, atol=1e-9)


def shuffled(robot: RobotDescription) -> RobotDescription:
    """The robot with reversed joints in robot.yaml and reversed elements in its URDF."""
    from xml.etree import ElementTree

    import yaml

    content = yaml.safe_load(robot.files["robot.yaml"])
    content["joints"] = dict(reversed(list(content["joints"].items())))
    root = ElementTree.fromstring(robot.files[content["model"]])
    root[:] = list(reversed(list(root)))
    return RobotDescription.from_files({"robot.yaml": yaml.safe_dump(content, sort_keys=False).encode(),
                                        content["model"]: ElementTree.tostring(root)})


def test_every_engine_is_under_contract():
    assert {engine for engine, _ in SIMULATORS} <= set(list_engines())
