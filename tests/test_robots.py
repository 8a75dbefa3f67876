import re
import shutil

import mujoco
import numpy as np
import pytest

from sim2real.errors import RobotDescriptionError
from sim2real.kinematics import Chain
from sim2real.resources import data_path
from sim2real.robots import RobotDescription, list_robots, load_robot

ARMS, DRONES = ["fr3", "so101", "ur5e"], ["crazyflie", "x500"]


def test_all_robots_are_found_and_load():
    assert list_robots() == sorted(ARMS + DRONES)
    assert [load_robot(name).name for name in list_robots()] == list_robots()


@pytest.mark.parametrize("name", ARMS + DRONES)
def test_files_alone_rebuild_the_same_robot(name):
    robot = load_robot(name)
    again = RobotDescription.from_files(robot.files)
    assert again.hash == robot.hash and len(robot.hash) == 64
    assert again.joints == robot.joints and again.goal == robot.goal
    changed = {**robot.files, "robot.yaml": robot.files["robot.yaml"] + b"\n"}
    assert RobotDescription.from_files(changed).hash != robot.hash


@pytest.mark.parametrize("name", ARMS)
def test_arm_arrays_are_consistent(name):
    robot = load_robot(name)
    assert robot.num_joints == len(robot.joint_names) == {"fr3": 7}.get(name, 6)
    for key in ("velocity_limit", "acceleration_limit", "jerk_limit", "effort_limit", "stiffness", "damping_gain",
                "damping", "friction", "armature"):
        values = getattr(robot, key)
        assert values.shape == (robot.num_joints,) and (values > 0).all()
    assert (robot.position_low < robot.home).all() and (robot.home < robot.position_high).all()
    assert [link.name for link in robot.moving_links] == [robot.model.joint(n).child for n in robot.joint_names]


def test_official_numbers():
    ur5e = load_robot("ur5e")
    assert [link.mass for link in ur5e.moving_links] == [3.761, 8.058, 2.846, 1.37, 1.3, 0.365]
    assert np.allclose(ur5e.effort_limit, [150, 150, 150, 28, 28, 28])
    assert np.allclose(ur5e.velocity_limit, np.pi)
    fr3 = load_robot("fr3")
    assert np.allclose([link.mass for link in fr3.moving_links],
                       [2.9275, 2.9355, 2.2449, 2.6156, 2.3271, 1.8170, 0.6271], atol=1e-4)
    assert np.allclose(fr3.position_high, [2.7437, 1.7837, 2.9007, -0.1518, 2.8065, 4.5169, 3.0159])
    crazyflie = load_robot("crazyflie").rotors
    assert crazyflie.mass == pytest.approx(0.029)
    assert crazyflie.max_thrust == pytest.approx(4 * 0.12 * 60000 / 65535, rel=1e-4)  # where the firmware ends
    x500 = load_robot("x500").rotors
    assert x500.mass == pytest.approx(2.0 + 4 * 0.016077)
    # base 0.0216667, four rotors at y +-0.174 m and 0.06 m up, about the common centre of mass
    z = 4 * 0.016077 * 0.06 / x500.mass
    own = 0.0216667 + 2.0 * z**2 + 4 * (4.32e-5 + 0.016077 * (0.174**2 + (0.06 - z)**2))
    assert x500.inertia[0] == pytest.approx(own, rel=1e-5)


@pytest.mark.parametrize("name", ARMS + DRONES)
def test_every_group_of_numbers_has_a_source(name):
    robot = load_robot(name)
    text = robot.files["robot.yaml"].decode()
    named = " ".join(robot.sources)
    for word in {"arm": ("kinematics", "position", "velocity", "effort", "acceleration", "jerk", "damping", "friction",
                         "armature", "stiffness", "sensors", "actuator", "payload", "goal", "home"),
                 "drone": ("mass", "inertia", "thrust_coefficient", "torque_ratio", "max_speed", "time_constant",
                           "drag", "rate_gains", "max_rate", "sensors", "payload", "goal")}[robot.kind]:
        assert word in named, word
    assert "TODO" not in text


@pytest.mark.parametrize("name", ARMS)
def test_goals_can_be_reached_from_home_and_home_is_no_singularity(name):
    robot = load_robot(name)
    chain = Chain.from_robot(robot)
    goals = robot.goal.sample(np.random.default_rng(1).random((400, 3)))
    _, error = chain.solve_position(goals, robot.home, robot.position_low, robot.position_high)
    assert (error < 0.002).mean() >= 0.98
    position, rotation = chain.forward(robot.home[None])
    radius = np.hypot(*position[0, :2])
    assert position[0, 0] > 0.8 * radius and robot.goal.radius[0] < radius < robot.goal.radius[1]
    assert rotation[0, 2, 2] < 0.1  # the tool looks at the table rather than at the ceiling
    singular = np.linalg.svd(chain.jacobian(robot.home[None])[0, :3], compute_uv=False)
    assert singular[-1] > 0.15 * singular[0]


def servo_model(robot):
    """MuJoCo's own reading of the URDF, with the description's servos."""
    name = robot.name
    text = robot.files[f"{name}.urdf"].decode()
    spec = mujoco.MjSpec.from_string(text)
    spec.option.timestep, spec.option.integrator = robot.substep, mujoco.mjtIntegrator.mjINT_IMPLICITFAST
    spec.option.disableflags |= mujoco.mjtDisableBit.mjDSBL_CONTACT.value
    for joint in robot.joints:
        element = spec.joint(joint.name)
        element.armature, element.frictionloss, element.damping = joint.armature, joint.friction, [joint.damping, 0, 0]
        actuator = spec.add_actuator(name=joint.name, target=joint.name, trntype=mujoco.mjtTrn.mjTRN_JOINT,
                                     gaintype=mujoco.mjtGain.mjGAIN_FIXED, biastype=mujoco.mjtBias.mjBIAS_AFFINE)
        actuator.gainprm[0] = joint.stiffness
        actuator.biasprm[:3] = [0, -joint.stiffness, -joint.damping_gain]
        actuator.forcelimited, actuator.forcerange = True, [-joint.effort, joint.effort]
    return spec.compile()


@pytest.mark.parametrize("name", ARMS)
def test_servos_hold_the_arm_and_follow_a_step(name):
    robot = load_robot(name)
    model = servo_model(robot)
    data = mujoco.MjData(model)
    columns = [model.joint(joint).qposadr[0] for joint in robot.joint_names]
    data.qpos[columns] = data.ctrl[:] = robot.home
    mujoco.mj_step(model, data, nstep=round(2.0 / robot.substep))
    held = data.qpos[columns].copy()
    chain = Chain.from_robot(robot)
    sag = np.linalg.norm(chain.forward(held[None])[0] - chain.forward(robot.home[None])[0])
    assert sag < {"so101": 0.015}.get(name, 0.006)
    data.ctrl[:] = robot.home + 0.1
    steps = []
    for _ in range(round(0.5 / robot.substep)):
        mujoco.mj_step(model, data)
        steps.append((data.qpos[columns] - held) / 0.1)
    rise = (np.array(steps) > 0.63).argmax(axis=0) * robot.substep
    assert (rise > 0).all() and rise.max() < 0.1
    assert np.max(steps) < 1.2  # overshoot
    assert np.allclose(steps[-1], 1.0, atol=0.1)


@pytest.mark.parametrize("name", ARMS)
def test_servos_are_damped_and_stable_in_every_pose(name):
    robot = load_robot(name)
    model = servo_model(robot)
    data, h, n = mujoco.MjData(model), robot.substep, robot.num_joints
    columns = [model.joint(joint).qposadr[0] for joint in robot.joint_names]
    stiffness, damping = np.diag(robot.stiffness), np.diag(robot.damping_gain + robot.damping)
    for q in np.random.default_rng(2).uniform(robot.position_low, robot.position_high, (40, n)):
        data.qpos[columns] = q
        mujoco.mj_forward(model, data)
        mass = np.zeros((model.nv, model.nv))
        mujoco.mj_fullM(model, data, mass)
        inverse = np.linalg.inv(mass[np.ix_(columns, columns)])
        k, d = inverse @ stiffness, inverse @ damping
        poles = np.linalg.eigvals(np.block([[np.zeros((n, n)), np.eye(n)], [-k, -d]]))
        assert (-poles.real / np.abs(poles)).min() > 0.45  # damping ratio
        assert np.abs(poles).min() / (2 * np.pi) > 2.5  # [Hz]
        # a step of both engines, semi-implicit Euler with damping taken at its end: (I + h d) v' = v - h k q
        damped = np.linalg.inv(np.eye(n) + h * d)
        step = np.block([[np.eye(n) - h * h * damped @ k, h * damped], [-h * damped @ k, damped]])
        assert np.abs(np.linalg.eigvals(step)).max() < 0.999
        # even one of 4 ms with explicit servo torques stays stable
        h4 = 0.004
        explicit = np.block([[np.eye(n) - h4 * h4 * k, h4 * np.eye(n) - h4 * h4 * d], [-h4 * k, np.eye(n) - h4 * d]])
        assert np.abs(np.linalg.eigvals(explicit)).max() < 1.0


def test_so101_sags_as_real_logs_do():
    robot = load_robot("so101")
    model = servo_model(robot)
    data = mujoco.MjData(model)
    columns = [model.joint(joint).qposadr[0] for joint in robot.joint_names]
    data.qpos[columns] = data.ctrl[:] = [0, 0.6, -0.5, 0, 0, 0]  # reaching far forward
    mujoco.mj_step(model, data, nstep=500)
    sag = np.abs(data.qpos[columns] - data.ctrl)
    assert 0.02 < sag.max() < 0.045


# ------------------------------------------------------------------------------------------------- a user's own robot
def doc_blocks(language):
    text = (data_path("robots").parent / "docs" / "robots.md").read_text()
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def write_example(folder, yaml_text=None, urdf=None):
    (folder / "robot.yaml").write_text(yaml_text if yaml_text is not None else doc_blocks("yaml")[0])
    (folder / "pendulum.urdf").write_text(urdf if urdf is not None else doc_blocks("xml")[0])
    return folder


def test_the_example_of_the_documentation_works(tmp_path, monkeypatch):
    write_example(tmp_path)
    robot = load_robot(tmp_path / "robot.yaml")
    assert robot.joint_names == ("shoulder", "elbow")
    assert np.allclose(robot.velocity_limit, [3, np.pi / 2])
    assert np.allclose(robot.effort_limit, [30, 20])
    # 0.3 m and 0.3 m, turned from upright by 20 and 60 degrees about y
    expected = 0.3 * (np.sin(np.radians(20)) + np.sin(np.radians(60)))
    assert Chain.from_robot(robot).forward(robot.home[None])[0][0, 0] == pytest.approx(expected)
    # by folder, relative to a base folder, and the script that writes down a derived robot.yaml
    assert load_robot(tmp_path).hash == load_robot("robot.yaml", base_dir=tmp_path).hash == robot.hash
    (tmp_path / "robot.yaml").unlink()
    monkeypatch.chdir(tmp_path)
    exec(compile(doc_blocks("python")[0], "docs/robots.md", "exec"), {})
    assert load_robot("robot.yaml").joint_names == robot.joint_names


@pytest.mark.parametrize(("old", "new", "words"), [
    ("  elbow: {home: 40 deg,", "  elbo: {home: 40 deg,", ["joints.elbo", "unknown movable joint", "elbow"]),
    ("link: lower", "link: lowest", ["tool.link", "unknown link 'lowest'", "lower"]),
    ("link: lower", "link: base", ["tool.link", "no joint", "'base'"]),
    ("home: 40 deg", "home: 170 deg", ["joints.elbow.home", "[-2.5, 2.5]", "2.967"]),
    ("model: pendulum.urdf", "model: missing.urdf", ["'model'", "missing.urdf"]),
    ("model: pendulum.urdf", "model: ../pendulum.urdf", ["'model'", "beside"]),
    ("stiffness: 200 N m/rad, ", "", ["joints.shoulder.stiffness", "missing"]),
    ("velocity: 90 deg/s", "velocity: 90 furlong/s", ["joints.elbow.velocity", "furlong"]),
    ("velocity: 90 deg/s", "speed: 90 deg/s", ["unknown field 'joints.elbow.speed'"]),
    ("goal:", "locked: {elbow: 0}\ngoal:", ["'elbow'", "both", "remove one"]),
    ("goal:", "locked: {wrist: 0}\ngoal:", ["locked.wrist", "unknown movable joint 'wrist'"]),
])
def test_wrong_descriptions_get_one_clear_line(tmp_path, old, new, words):
    text = doc_blocks("yaml")[0]
    assert old in text
    write_example(tmp_path, yaml_text=text.replace(old, new))
    with pytest.raises(RobotDescriptionError) as caught:
        load_robot(tmp_path)
    message = str(caught.value)
    assert "robot.yaml" in message and "\n" not in message
    for word in words:
        assert word in message


def test_wrong_urdfs_name_the_file(tmp_path):
    write_example(tmp_path, urdf=doc_blocks("xml")[0].replace('mass value="0.8"', 'mass value="0"'))
    with pytest.raises(RobotDescriptionError, match="pendulum.urdf: link 'lower'.*mass over zero"):
        load_robot(tmp_path)
    write_example(tmp_path, urdf=doc_blocks("xml")[0].replace(' lower="-2" upper="2"', ""))
    with pytest.raises(RobotDescriptionError, match="joints.shoulder.position' is missing"):
        load_robot(tmp_path)


def test_unknown_names_and_missing_files_say_what_there_is(tmp_path):
    with pytest.raises(RobotDescriptionError, match="unknown robot 'ur5'; did you mean ur5e"):
        load_robot("ur5")
    with pytest.raises(RobotDescriptionError, match="nothing.urdf: cannot be read"):
        load_robot(tmp_path / "nothing.urdf")
    with pytest.raises(RobotDescriptionError, match="robot.yaml: cannot be read"):
        load_robot(tmp_path)
    (tmp_path / "arm.txt").write_text("x")
    with pytest.raises(RobotDescriptionError, match="arm.txt: expected a robot.yaml"):
        load_robot(tmp_path / "arm.txt")
    with pytest.raises(RobotDescriptionError, match="expected a file 'robot.yaml'"):
        RobotDescription.from_files({"a.urdf": b""})


def test_a_copied_robot_folder_is_the_same_robot(tmp_path):
    shutil.copytree(data_path("robots") / "so101", tmp_path / "mine")
    assert load_robot(tmp_path / "mine").hash == load_robot("so101").hash
