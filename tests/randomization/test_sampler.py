import numpy as np
import pytest

from sim2real.errors import RandomizationError
from sim2real.parameters import ParameterSpace
from sim2real.randomization import Interval, LogUniform, RandomizationPlan, Sampler, Term, TruncatedNormal, Uniform
from sim2real.robots import list_robots, load_robot

PUSH = {"push": Interval((2.0, 5.0), (0.1, 0.3))}


def first_episode(plan, space, n, seed=0, episode=0):
    return Sampler(plan, space, n, seed).episode(np.arange(n), np.full(n, episode))


def trajectory(plan, space, n, seed=0, steps=400, dt=0.04, episode=3):
    """Values at every step, (steps, n, P)."""
    sampler = Sampler(plan, space, n, seed)
    values, rows = sampler.episode(np.arange(n), np.full(n, episode)), []
    for k in range(steps):
        sampler.advance(values, np.full(n, k * dt))
        rows.append(values.copy())
    return np.array(rows)


# ---------------------------------------------------------------------- what was asked for is what arrives
@pytest.mark.parametrize("level", ["training", "twin"])
@pytest.mark.parametrize("robot", list_robots())
def test_every_parameter_has_the_distribution_asked_for(ks, robot, level):
    space = ParameterSpace.for_robot(load_robot(robot))
    plan = RandomizationPlan.default(space, level)
    values = first_episode(plan, space, 4000, seed=5)
    varied = {}
    for c in plan.resolve(space):
        if c.term.when != "episode":
            continue
        low, high = c.term.distribution.support
        x = values[:, c.index]
        assert low <= x.min() and x.max() <= high
        if low < high:
            u = np.log(x / low) / np.log(high / low) if c.term.distribution.kind == "log_uniform" else (x - low) / (
                high - low)
            varied[c.parameter.name] = ks(u)
    # 2.3: about one in 20 000 by chance for each of some hundreds
    assert len(varied) > 30 and max(varied.values()) < 2.3, max(varied, key=varied.get)
    others = [i for i, name in enumerate(space.names) if name not in varied]
    np.testing.assert_array_equal(values[:, others], np.tile(space.nominal[others], (4000, 1)))


def test_truncated_normal_and_choice_arrive(arm):
    plan = RandomizationPlan.from_yaml("""terms:
      payload_mass: {choice: {values: [0, 1, 3], weights: [1, 2, 1]}}
      gravity_tilt_x: {normal: {mean: 0, std: 0.01, low: -0.01, high: 0.03}}""")
    values = first_episode(plan, arm, 8000)
    mass, tilt = (values[:, arm.column(n)] for n in ("payload_mass", "gravity_tilt_x"))
    np.testing.assert_allclose([(mass == m).mean() for m in (0, 1, 3)], [0.25, 0.5, 0.25], atol=0.02)
    # a standard normal cut off at -1 and 3: mean (phi(-1) - phi(3)) / (Phi(3) - Phi(-1)) = 0.23754 / 0.83999
    assert tilt.mean() == pytest.approx(0.01 * 0.28279, abs=4e-4)
    assert -0.01 <= tilt.min() and tilt.max() <= 0.03


def test_parameters_are_independent_unless_grouped(arm):
    values = first_episode(RandomizationPlan.default(arm), arm, 20_000)
    varied = values[:, values.std(axis=0) > 0]
    correlation = np.corrcoef(varied.T) - np.eye(varied.shape[1])
    assert np.abs(correlation).max() < 5.5 / np.sqrt(20_000)


def test_groups_share_their_rank(arm):
    plan = RandomizationPlan((
        Term("joint_damping_scale", LogUniform(0.5, 2.0), group="wear"),
        Term("joint_friction_scale.*", Uniform(0.5, 1.5), group="wear"),
        Term("effort_limit_scale", Uniform(0.9, 1.0), group="wear", anticorrelated=True),
        Term("payload_mass", Uniform(0.0, 1.0), group="load"), Term("armature_scale", Uniform(1.0, 2.0))))
    values = first_episode(plan, arm, 500)
    u = np.log2(values[:, arm.column("joint_damping_scale")] / 0.5) / 2
    for joint in range(6):
        friction = values[:, arm.column("joint_friction_scale") + 1 + joint]
        np.testing.assert_allclose(friction, 0.5 + u, atol=1e-12)
    np.testing.assert_allclose(values[:, arm.column("effort_limit_scale")], 1.0 - 0.1 * u, atol=1e-12)
    for other in ("payload_mass", "armature_scale"):
        assert abs(np.corrcoef(u, values[:, arm.column(other)])[0, 1]) < 0.2


def test_default_twins_of_drones_can_fly(drone):
    # thrust over weight at the start of an episode; drawn apart, 3 % could not lift themselves
    robot = load_robot("crazyflie")
    values = first_episode(RandomizationPlan.default(drone, "twin"), drone, 20_000)
    mass, payload, coefficient, battery = (values[:, drone.column(n)] for n in (
        "mass", "payload_mass", "thrust_coefficient", "battery_voltage_scale"))
    rotors = drone.family(values, "rotor_thrust_scale").sum(axis=1)
    thrust = coefficient * rotors * (robot.rotors.max_speed * battery) ** 2
    assert (thrust / ((mass + payload) * 9.81)).min() > 1.15
    xx, yy, zz = (values[:, drone.column(f"inertia_{a}{a}")] for a in "xyz")
    assert (xx + yy >= zz).all() and (xx + zz >= yy).all() and (yy + zz >= xx).all()


# ---------------------------------------------------------------------- reproducible
def test_a_simulation_depends_on_seed_and_episode_alone(arm, drone):
    for space in (arm, drone):
        plan = RandomizationPlan.default(space).extended(Term("sensor_delay", Uniform(0.0, 0.01), "step"))
        whole = trajectory(plan, space, 40)
        np.testing.assert_array_equal(trajectory(plan, space, 7), whole[:, :7])
        np.testing.assert_array_equal(trajectory(plan, space, 40), whole)
        assert (trajectory(plan, space, 40, seed=1)[0] != whole[0]).any(axis=1).all()
        assert (trajectory(plan, space, 40, episode=4)[0] != whole[0]).any(axis=1).all()


def test_order_and_number_of_resets_change_nothing(drone):
    plan = RandomizationPlan.default(drone)
    a, b = Sampler(plan, drone, 6, 2), Sampler(plan, drone, 6, 2)
    va = a.episode(np.arange(6), np.arange(6) + 10)
    for episode in range(5):
        b.episode(np.arange(6), np.full(6, episode))
        b.advance(b.episode(np.arange(6), np.full(6, episode)), np.full(6, 7.0))
    vb = np.zeros_like(va)
    for i in (4, 0, 5, 1, 3, 2):
        vb[[i]] = b.episode(np.array([i]), np.array([i + 10]))
    np.testing.assert_array_equal(va, vb)
    for k in range(200):
        time = np.full(6, 0.02 * k)
        assert a.advance(va, time) == b.advance(vb, time)
        np.testing.assert_array_equal(va, vb)


def test_identities_stand_for_simulations(arm):
    plan = RandomizationPlan.default(arm, "twin")
    seeds = np.array([1000, 5, 10**12])
    values = Sampler(plan, arm, 3, seed=0, identities=seeds).episode(np.arange(3), np.zeros(3, int))
    alone = Sampler(plan, arm, 1, seed=0, identities=seeds[1:2]).episode(np.array([0]), np.array([0]))
    np.testing.assert_array_equal(values[1], alone[0])
    np.testing.assert_array_equal(first_episode(plan, arm, 6)[5], alone[0])


def test_taking_a_term_out_leaves_the_other_draws_alone(arm):
    plan = RandomizationPlan.default(arm)
    changed = plan.without("link_mass_scale", "actuator_delay")
    a, b = trajectory(plan, arm, 5), trajectory(changed, arm, 5)
    assert {arm.names[i] for i in np.flatnonzero((a != b).any(axis=(0, 1)))} == {"link_mass_scale", "actuator_delay"}


# ---------------------------------------------------------------------- within an episode
def test_step_terms_are_fresh_at_every_step(arm, ks):
    plan = RandomizationPlan((Term("sensor_delay", Uniform(0.0, 0.01), "step"),
                              Term("joint_position_bias.*", TruncatedNormal(0, 1e-3, -2e-3, 2e-3), "step")))
    rows = trajectory(plan, arm, 20)
    delay = rows[:, :, arm.column("sensor_delay")]
    assert len(np.unique(delay)) == delay.size and ks(delay.ravel() / 0.01) < 1.95
    assert abs(np.corrcoef(delay[:-1].ravel(), delay[1:].ravel())[0, 1]) < 4 / np.sqrt(delay.size)
    others = np.setdiff1d(np.arange(len(arm)), [c.index for c in plan.resolve(arm)])
    assert (rows[:, :, others] == arm.nominal[others]).all()


def test_terms_of_an_interval_come_and_go_together(drone):
    rows = trajectory(RandomizationPlan.default(drone), drone, 30, steps=1000, dt=0.02)
    columns = {name: [drone.column(f"{name}_{a}") for a in "xyz"] for name in ("external_force", "wind")}
    on = {name: rows[:, :, c] != 0.0 for name, c in columns.items()}
    for name in columns:
        assert (on[name].all(axis=2) == on[name].any(axis=2)).all(), "an axis by itself"
        assert on[name].any(axis=(0, 2)).all(), "a simulation without any event in 20 s"
    push, gust = on["external_force"].any(axis=2), on["wind"].any(axis=2)
    # shares of time: mean duration over mean gap, 0.2 / 3.5 and 1.25 / 3
    assert push.mean() == pytest.approx(0.2 / 3.5, rel=0.25) and gust.mean() == pytest.approx(1.25 / 3, rel=0.15)
    # a value stays for the whole event
    same = (rows[1:] == rows[:-1])[:, :, columns["wind"]].all(axis=2)
    assert same[gust[1:] & gust[:-1]].all()
    force = rows[:, :, columns["external_force"]]
    limit = drone["external_force_x"].high
    assert np.abs(force).max() <= limit and force[..., 0].min() < -0.5 * limit and force[..., 0].max() > 0.5 * limit


def test_after_an_event_the_episodes_value_is_back(arm):
    plan = RandomizationPlan((Term("actuator_delay", Uniform(0.0, 0.04)),
                              Term("actuator_delay", Uniform(0.1, 0.2), "push")), PUSH)
    rows = trajectory(plan, arm, 10, steps=600)[:, :, arm.column("actuator_delay")]
    for column in rows.T:
        calm = np.unique(column[column <= 0.04])
        assert len(calm) == 1 and (column > 0.04).any()


def test_advance_says_whether_anything_changed(arm):
    sampler = Sampler(RandomizationPlan.default(arm), arm, 8, seed=3)
    values = sampler.episode(np.arange(8), np.zeros(8, int))
    told = []
    for k in range(200):
        before = values.copy()
        told.append(sampler.advance(values, np.full(8, 0.04 * k)))
        assert told[-1] == bool((values != before).any())
        assert (values[:, ~arm.live] == before[:, ~arm.live]).all()
    assert any(told) and not all(told)
    calm = Sampler(RandomizationPlan.default(arm).without("external_force_*"), arm, 8)
    assert not calm.advance(calm.episode(np.arange(8), np.zeros(8, int)), np.full(8, 100.0))


def test_a_new_episode_ends_the_old_ones_events(arm):
    plan = RandomizationPlan((Term("external_force_x", Uniform(1.0, 2.0), "push"),), PUSH)
    sampler, force = Sampler(plan, arm, 2, seed=1), arm.column("external_force_x")
    values = sampler.episode(np.arange(2), np.zeros(2, int))
    for k in range(10_000):
        sampler.advance(values, np.full(2, 0.01 * k))
        if values[0, force] > 0:
            break
    values[[0]] = sampler.episode(np.array([0]), np.array([1]))
    assert values[0, force] == 0.0
    sampler.advance(values, np.array([0.0, 0.01 * k]))
    assert values[0, force] == 0.0


# ---------------------------------------------------------------------- other
def test_always_from_nominal(arm):
    sampler = Sampler(RandomizationPlan.default(arm, "twin"), arm, 4, seed=9)
    first = sampler.episode(np.arange(4), np.zeros(4, int))
    for episode in range(1000):
        sampler.episode(np.arange(4), np.full(4, episode))
    np.testing.assert_array_equal(sampler.episode(np.arange(4), np.zeros(4, int)), first)


def test_set_scale_shrinks_the_ranges(arm):
    sampler, column = Sampler(RandomizationPlan.default(arm), arm, 500, seed=1), arm.column("payload_mass")
    full = sampler.episode(np.arange(500), np.zeros(500, int))
    sampler.set_scale(0.25)
    np.testing.assert_allclose(sampler.episode(np.arange(500), np.zeros(500, int))[:, column], 0.25 * full[:, column])
    sampler.set_scale(0.0)
    np.testing.assert_allclose(sampler.episode(np.arange(500), np.ones(500, int)), np.tile(arm.nominal, (500, 1)),
                               atol=1e-15)
    sampler.set_scale(1.0)
    np.testing.assert_array_equal(sampler.episode(np.arange(500), np.zeros(500, int)), full)


def test_set_scale_shrinks_the_events_to_come_too(arm):
    full, scaled = (Sampler(RandomizationPlan.default(arm), arm, 100, seed=1) for _ in range(2))
    force, everyone = arm.column("external_force_x"), np.arange(100)
    a, b = (sampler.episode(everyone, np.zeros(100, int)) for sampler in (full, scaled))
    seen = 0
    for k in range(300):
        if k == 100:  # some simulations are in the middle of a push: the next one is smaller
            before = b[:, force].copy()
            scaled.set_scale(0.5)
        full.advance(a, np.full(100, 0.1 * k))
        scaled.advance(b, np.full(100, 0.1 * k))
        same = a[:, force] == b[:, force]
        if k < 100:
            assert same.all()
        else:
            half = np.isclose(b[:, force], 0.5 * a[:, force])
            assert (half | (same & (b[:, force] == before))).all()
            seen += (half & ~same).sum()
    assert seen > 100


def test_no_simulations_to_reset(arm):
    assert Sampler(RandomizationPlan.default(arm), arm, 3).episode(np.array([], int), np.array([], int)).shape == (
        0, len(arm))


def test_an_empty_plan_is_nominal(arm):
    sampler = Sampler(RandomizationPlan(), arm, 3)
    values = sampler.episode(np.arange(3), np.zeros(3, int))
    np.testing.assert_array_equal(values, arm.batch(3))
    assert not sampler.advance(values, np.full(3, 9.0))


def test_a_plan_that_cannot_be_carried_out_is_refused_at_once(arm):
    with pytest.raises(RandomizationError, match="cannot change within an episode"):
        Sampler(RandomizationPlan((Term("payload_mass", Uniform(0, 1), "step"),)), arm, 3)
