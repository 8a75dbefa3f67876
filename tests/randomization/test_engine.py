"""Randomization inside the engines: it arrives as asked, never builds up, and does not depend on threads or numbers."""

from __future__ import annotations

import numpy as np
import pytest

from sim2real.parameters import ParameterSpace
from sim2real.randomization import RandomizationPlan, Sampler, Term, Uniform
from sim2real.robots import load_robot
from sim2real.simulators import make_simulator
from sim2real.simulators.base import Simulator

ENGINES = [("ur5e", "mujoco"), ("crazyflie", "quadrotor"), ("crazyflie", "mujoco")]
FAST = ENGINES[:2]
PYBULLET = [("ur5e", "pybullet"), ("crazyflie", "pybullet")]


def make(robot: str, engine: str, n: int, threads: int = 1, seed: int = 0) -> Simulator:
    pytest.importorskip("numpy" if engine == "quadrotor" else engine)
    return make_simulator(engine, load_robot(robot), n, seed=seed, threads=threads)


def wiggle(simulator: Simulator, k: int) -> np.ndarray:
    """A command that moves every axis: one period of a sine in 32 steps, the same for every simulation."""
    command = simulator.rest_command(simulator.home_state(simulator.num_sims))
    if simulator.robot.kind == "arm":
        return command + 0.2 * np.sin(2 * np.pi * k / 32)
    return command + np.array([0.1 * simulator.robot.hover_thrust, 0.5, -0.4, 0.3]) * np.sin(2 * np.pi * k / 32)


def numbers(thing: object, name: str = "", depth: int = 0) -> dict[str, np.ndarray]:
    """Every array that an object holds, its parts' too."""
    found: dict[str, np.ndarray] = {}
    for key, value in vars(thing).items():
        if isinstance(value, np.ndarray):
            found[f"{name}.{key}"] = value
        elif depth < 3 and type(value).__module__.startswith("sim2real.simulators"):
            found |= numbers(value, f"{name}.{key}", depth + 1)
    return found


def engine_constants(simulator: Simulator) -> dict[str, np.ndarray]:
    """Everything that parameters may have changed inside an engine: MuJoCo's whole model, per simulation."""
    found = numbers(simulator)
    if simulator.engine == "mujoco":
        for i in range(simulator.num_sims):
            model = simulator.batch.get_model(i)
            found |= {f"model {i} {key}": np.array(value) for key in dir(model)
                      if not key.startswith("_") and isinstance(value := getattr(model, key), np.ndarray)}
            found[f"model {i} gravity"] = np.array(model.opt.gravity)
    return found


def trajectory(simulator: Simulator, sampler: Sampler, episodes: np.ndarray, steps: int = 40) -> np.ndarray:
    """True and measured state at every step of one episode, (steps, n, numbers)."""
    ids = simulator.all_ids
    simulator.set_parameters(ids, sampler.episode(ids, episodes))
    simulator.reset(noise_counter=np.zeros(len(ids), np.int64))
    rows = []
    for k in range(steps):
        sampler.advance(simulator.values, simulator.time)
        simulator.step(wiggle(simulator, k))
        rows.append(np.concatenate([np.concatenate([s.joint_position, s.joint_velocity, s.position, s.quaternion,
                                                    s.linear_velocity, s.angular_velocity], axis=1)
                                    for s in (simulator.true_state(), simulator.state())], axis=1))
    return np.array(rows)


def reset_often(simulator: Simulator, times: int) -> None:
    """``times`` randomized resets of every simulation, each with a step, and then nominal values again."""
    plan = RandomizationPlan.default(simulator.space, "twin")
    sampler, ids = Sampler(plan, simulator.space, simulator.num_sims, seed=11), simulator.all_ids
    for episode in range(times):
        simulator.set_parameters(ids, sampler.episode(ids, np.full(len(ids), episode)))
        simulator.reset()
        if episode % 10 == 0:
            simulator.step(wiggle(simulator, 8))
    simulator.set_parameters(ids, simulator.space.batch(len(ids)))
    simulator.reset(noise_counter=np.zeros(len(ids), np.int64))


# ---------------------------------------------------------------------- no drift
@pytest.mark.parametrize(("robot", "engine"), FAST)
def test_ten_thousand_resets_leave_nothing_behind(robot, engine):
    with make(robot, engine, 1) as used, make(robot, engine, 1) as fresh:
        reset_often(used, 10_000)
        for s in (used, fresh):  # some of the engine's numbers are set at each step
            s.reset(noise_counter=np.zeros(1, np.int64))
            s.step(wiggle(s, 3))
        start, now = engine_constants(fresh), engine_constants(used)
        assert len(start) > 20 and start.keys() == now.keys()
        # where a ring buffer begins, workspaces and the noise counter may differ; what they do must not, see below
        constants = [key for key in start if key.startswith("model ") or key.startswith(".values")]
        constants += ["._drive._effects", "._drive._lag", "._drive._drag", "._inertia", "._per_mass", "._com"] if (
            engine == "quadrotor") else []
        assert [key for key in constants if start[key].tobytes() != now[key].tobytes()] == []
        plan = RandomizationPlan.default(used.space)
        runs = [trajectory(s, Sampler(plan, s.space, 1, seed=4), np.array([7])) for s in (used, fresh)]
        np.testing.assert_array_equal(*runs)


@pytest.mark.parametrize(("robot", "engine"), [*PYBULLET, ("crazyflie", "mujoco")])
def test_a_hundred_resets_of_the_slower_engines(robot, engine):
    with make(robot, engine, 1) as used, make(robot, engine, 1) as fresh:
        reset_often(used, 100)
        plan = RandomizationPlan.default(used.space)
        runs = [trajectory(s, Sampler(plan, s.space, 1, seed=4), np.array([7]), steps=15) for s in (used, fresh)]
        np.testing.assert_array_equal(*runs)


# ---------------------------------------------------------------------- what arrives
def test_the_distribution_asked_for_is_in_mujocos_model(ks):
    n, robot = 2000, load_robot("ur5e")
    space = ParameterSpace.for_robot(robot)
    plan = RandomizationPlan((
        Term("link_mass_scale", Uniform(0.8, 1.25)), Term("payload_mass", Uniform(0.0, 4.0)),
        *RandomizationPlan.default(space).restricted(["joint_damping_scale", "stiffness_scale.elbow_joint",
                                                      "effort_limit_scale", "armature_scale"]).terms))
    with make("ur5e", "mujoco", n) as simulator:
        from sim2real.simulators import scene

        sampler = Sampler(plan, space, n, seed=2)
        for episode in (0, 1):  # the second replaces the first, it does not multiply it
            simulator.set_parameters(None, sampler.episode(np.arange(n), np.full(n, episode)))
        model, expanded = simulator.model, simulator.batch.expand
        elbow = robot.joint_names.index("elbow_joint")
        link, dof = model.body("forearm_link").id, model.joint("elbow_joint").dofadr[0]

        def log(x, low, high):
            return np.log(x / low) / np.log(high / low)

        mass = expanded("body_mass")[:, link] / model.body_mass[link]
        arrived = {
            "mass": (mass - 0.8) / 0.45,
            "payload": expanded("body_mass")[:, model.body(scene.PAYLOAD).id] / 4.0,
            "damping": log(expanded("dof_damping")[:, dof] / robot.damping[elbow], 0.5, 2.0),
            "armature": log(expanded("dof_armature")[:, dof] / robot.armature[elbow], 0.8, 1.25),
            "stiffness": log(expanded("actuator_gainprm")[:, elbow, 0] / robot.stiffness[elbow], 0.9, 1.1),
            "effort": (expanded("actuator_forcerange")[:, elbow, 1] / robot.effort_limit[elbow] - 0.85) / 0.15,
        }
        assert {name: ks(u) for name, u in arrived.items() if not ks(np.clip(u, 0, 1)) < 2.2} == {}
        # inertia goes with mass, gains with their feedback
        inertia = expanded("body_inertia")[:, link] / model.body_inertia[link]
        np.testing.assert_allclose(inertia, np.repeat(mass[:, None], 3, axis=1), rtol=1e-12)
        np.testing.assert_array_equal(expanded("actuator_biasprm")[:, :, 1], -expanded("actuator_gainprm")[:, :, 0])


def test_the_distribution_asked_for_flies(ks):
    # free fall without thrust shows nothing of the mass, full thrust all of it: a = T / m - g
    n, robot = 2000, load_robot("crazyflie")
    with make("crazyflie", "quadrotor", n) as simulator:
        plan = RandomizationPlan((Term("mass", Uniform(0.025, 0.04)),))
        simulator.set_parameters(None, Sampler(plan, simulator.space, n).episode(np.arange(n), np.zeros(n, int)))
        state = simulator.home_state(n)
        state.position[:, 2] = 10.0
        simulator.reset(state=state)
        simulator.step(simulator.rest_command(state))
        # rotors turn at hover speed from the start: thrust is the nominal weight
        drive = simulator.true_state().linear_velocity[:, 2] / robot.control_period
        mass = robot.hover_thrust / (drive + 9.81)
        assert ks(np.clip((mass - 0.025) / 0.015, 0, 1)) < 2.2


# ---------------------------------------------------------------------- reproducible
@pytest.mark.parametrize(("robot", "engine"), ENGINES)
def test_threads_and_number_of_simulations_change_no_bit(robot, engine):
    runs = {}
    for n, threads in ((12, 1), (12, 2), (5, 1)):
        with make(robot, engine, n, threads, seed=3) as simulator:
            sampler = Sampler(RandomizationPlan.default(simulator.space, "twin"), simulator.space, n, seed=3)
            runs[n, threads] = trajectory(simulator, sampler, np.full(n, 2), steps=60)
    assert np.isfinite(runs[12, 1]).all() and runs[12, 1].std(axis=1).max() > 0.0
    np.testing.assert_array_equal(runs[12, 1], runs[12, 2])
    np.testing.assert_array_equal(runs[12, 1][:, :5], runs[5, 1])


@pytest.mark.parametrize(("robot", "engine"), PYBULLET)
def test_number_of_simulations_changes_no_bit_in_pybullet(robot, engine):
    runs = []
    for n in (3, 1):
        with make(robot, engine, n, seed=3) as simulator:
            sampler = Sampler(RandomizationPlan.default(simulator.space, "twin"), simulator.space, n, seed=3)
            runs.append(trajectory(simulator, sampler, np.full(n, 2), steps=20))
    np.testing.assert_array_equal(runs[0][:, :1], runs[1])


# ---------------------------------------------------------------------- pushes
@pytest.mark.parametrize(("robot", "engine"), ENGINES)
def test_pushes_arrive_and_end(robot, engine):
    n = 8
    with make(robot, engine, n) as simulator, make(robot, engine, n) as calm:
        plan = RandomizationPlan.default(simulator.space).restricted(["external_force_*"])
        sampler = Sampler(plan, simulator.space, n, seed=1)
        columns = [simulator.space.column(f"external_force_{a}") for a in "xyz"]
        simulator.set_parameters(None, sampler.episode(np.arange(n), np.zeros(n, int)))
        start = simulator.home_state(n)
        start.position[:, 2] += 50.0 if simulator.robot.kind == "drone" else 0.0
        for s in (simulator, calm):
            s.reset(state=start)
        pushed, moved = [], []
        for _ in range(round(6.0 / simulator.control_period)):
            sampler.advance(simulator.values, simulator.time)
            before = [s.true_state() for s in (simulator, calm)]
            for s in (simulator, calm):
                s.step(s.rest_command(start))
            after = [s.true_state() for s in (simulator, calm)]
            pushed.append((simulator.values[:, columns] != 0.0).any(axis=1))
            gain = [np.concatenate([b.joint_velocity - a.joint_velocity, b.linear_velocity - a.linear_velocity], axis=1)
                    for a, b in zip(before, after, strict=True)]
            moved.append(np.abs(gain[0] - gain[1]).max(axis=1))
        pushed, moved = np.array(pushed), np.array(moved)
        assert pushed.any(axis=0).all() and not pushed.all(axis=0).any() and pushed.mean() < 0.2
        first = pushed.argmax(axis=0)  # step of the first push
        for i in range(n):
            assert moved[:first[i], i].max(initial=0.0) < 1e-12, "moved before it was pushed"
            assert moved[first[i], i] > 1e-4, "did not feel the push"
        assert (simulator.values[:, columns][~pushed[-1]] == 0.0).all()
