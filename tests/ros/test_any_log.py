"""Every kind of log gives the same recording: ours, a bag of the driver in both storages, and named columns."""

import numpy as np
import pytest

from sim2real.errors import BadInputError
from sim2real.recordings.layout import command_channels, state_channels
from sim2real.recordings.preparation import prepare
from sim2real.recordings.recording import Recording
from sim2real.robots import load_robot
from sim2real.ros.any_log import read_recording
from sim2real.ros.log_writer import LogWriter

rosbags = pytest.importorskip("rosbags.rosbag2")
UR5E, CRAZYFLIE = load_robot("ur5e"), load_robot("crazyflie")
TIME = 0.002 * np.arange(2000)


def motion(time=TIME):
    """Commands, positions, velocities (n, 6) of four seconds at 500 Hz."""
    pace = np.arange(1.0, 7.0)
    phase = time[:, None] * pace
    return UR5E.home + 0.2 * np.sin(phase), UR5E.home + 0.2 * np.sin(phase - 0.1), 0.2 * pace * np.cos(phase - 0.1)


def store():
    from rosbags.typesys import Stores, get_typestore

    return get_typestore(Stores.ROS2_HUMBLE)


def header(types, t):
    stamp = types["builtin_interfaces/msg/Time"](sec=int(t), nanosec=round(1e9 * (t % 1.0)))
    return types["std_msgs/msg/Header"](stamp=stamp, frame_id="")


def write_bag(path, storage, rows, begin=1000.0):
    """A bag of (topic, type, time [s], message)."""
    typestore = store()
    with rosbags.Writer(path, version=9, storage_plugin=getattr(rosbags.StoragePlugin, storage)) as writer:
        connections = {}
        for topic, kind, t, message in rows:
            if topic not in connections:
                connections[topic] = writer.add_connection(topic, kind, typestore=typestore)
            writer.write(connections[topic], round(1e9 * (begin + t)), typestore.serialize_cdr(message, kind))


def arm_rows(*, shuffle=True, trajectory=False, begin=1000.0):
    """Rows of a driver whose joints come in another order than ours."""
    types, (command, position, velocity) = store().types, motion()
    order = np.array([2, 0, 1, 3, 5, 4]) if shuffle else np.arange(6)
    names = [UR5E.joint_names[k] for k in order]
    for k, t in enumerate(TIME):
        yield "/joint_states", "sensor_msgs/msg/JointState", t, types["sensor_msgs/msg/JointState"](
            header=header(types, begin + t), name=names, position=position[k, order], velocity=velocity[k, order],
            effort=np.zeros(6))
        if trajectory:
            if k % 20 == 0:  # a point 40 ms ahead
                point = types["trajectory_msgs/msg/JointTrajectoryPoint"](
                    positions=command[min(k + 20, len(command) - 1), order], velocities=np.zeros(0),
                    accelerations=np.zeros(0), effort=np.zeros(0),
                    time_from_start=types["builtin_interfaces/msg/Duration"](sec=0, nanosec=40_000_000))
                yield ("/scaled_joint_trajectory_controller/joint_trajectory", "trajectory_msgs/msg/JointTrajectory", t,
                       types["trajectory_msgs/msg/JointTrajectory"](header=header(types, 0.0), joint_names=names,
                                                                    points=[point]))
        else:
            yield ("/forward_position_controller/commands", "std_msgs/msg/Float64MultiArray", t,
                   types["std_msgs/msg/Float64MultiArray"](layout=types["std_msgs/msg/MultiArrayLayout"](
                       dim=[], data_offset=0), data=command[k]))


@pytest.mark.parametrize("storage", ["SQLITE3", "MCAP"])
def test_a_bag_of_the_driver(tmp_path, storage):
    write_bag(tmp_path / "bag", storage, arm_rows())
    recording = read_recording(tmp_path / "bag", UR5E)
    command, position, velocity = motion()
    assert recording.rate == pytest.approx(500.0, rel=1e-6)
    for k, name in enumerate(UR5E.joint_names):
        assert recording.channels[f"command.{name}"] == pytest.approx(command[:, k])
        assert recording.channels[f"position.{name}"] == pytest.approx(position[:, k])
        assert recording.channels[f"velocity.{name}"] == pytest.approx(velocity[:, k])
    assert prepare(recording, UR5E)[1] == []


def test_stamps_of_another_clock_are_brought_to_the_bags(tmp_path):
    write_bag(tmp_path / "bag", "SQLITE3", arm_rows(begin=5.0))  # stamped by a clock that began at start-up
    recording = read_recording(tmp_path / "bag", UR5E)
    assert recording.channels["position.elbow_joint"] == pytest.approx(motion()[1][:, 2], abs=1e-6)


def test_trajectories_are_followed_linearly(tmp_path):
    write_bag(tmp_path / "bag", "SQLITE3", arm_rows(trajectory=True))
    recording = read_recording(tmp_path / "bag", UR5E)
    begin = TIME[-1] - recording.duration  # of the first point, 40 ms, or a row later
    assert 0.039 < begin < 0.043
    wanted = motion(recording.time + begin)[0][:, 2]
    assert recording.channels["command.elbow_joint"][:1800] == pytest.approx(wanted[:1800], abs=5e-4)


def test_a_bag_without_commands_or_of_nothing(tmp_path):
    write_bag(tmp_path / "bag", "SQLITE3", [row for row in arm_rows() if row[0] == "/joint_states"])
    with pytest.raises(BadInputError, match="expected commands on /forward_position_controller/commands or .* has "
                                            "/joint_states"):
        read_recording(tmp_path / "bag", UR5E)
    with pytest.raises(BadInputError, match="say which robot it is"):
        read_recording(tmp_path / "bag")
    (tmp_path / "bag" / "metadata.yaml").write_text("nonsense: [")
    with pytest.raises(BadInputError, match="not readable as a rosbag2"):
        read_recording(tmp_path / "bag", UR5E)
    with pytest.raises(BadInputError, match="there is no such log"):
        read_recording(tmp_path / "nowhere")
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(BadInputError, match="expected an MCAP file, a folder of a rosbag2"):
        read_recording(tmp_path / "notes.txt")


def test_a_flight_of_a_bag_is_in_our_units(tmp_path):
    types, rows = store().types, []
    vector, half = types["geometry_msgs/msg/Vector3"], np.sqrt(0.5)
    for t in 0.01 * np.arange(500):
        pose = types["geometry_msgs/msg/Pose"](
            position=types["geometry_msgs/msg/Point"](x=np.sin(t), y=0.0, z=1.0),
            orientation=types["geometry_msgs/msg/Quaternion"](x=0.0, y=0.0, z=half, w=half))
        twist = types["geometry_msgs/msg/Twist"](linear=vector(x=np.cos(t), y=0.0, z=0.0), angular=vector(
            x=0.0, y=0.0, z=0.0))
        rows.append(("/cf/odom", "nav_msgs/msg/Odometry", t, types["nav_msgs/msg/Odometry"](
            header=header(types, 1000.0 + t), child_frame_id="",
            pose=types["geometry_msgs/msg/PoseWithCovariance"](pose=pose, covariance=np.zeros(36)),
            twist=types["geometry_msgs/msg/TwistWithCovariance"](twist=twist, covariance=np.zeros(36)))))
        rows.append(("/cf/cmd_vel_legacy", "geometry_msgs/msg/Twist", t, types["geometry_msgs/msg/Twist"](
            linear=vector(x=0.0, y=0.0, z=0.5 * 65535), angular=vector(x=0.0, y=0.0, z=0.0))))
    write_bag(tmp_path / "bag", "MCAP", rows)
    recording = read_recording(tmp_path / "bag", CRAZYFLIE)
    assert recording.channels["command_thrust"] == pytest.approx(0.24)  # half of 0.48 N
    assert recording.channels["linear_velocity.x"][0] == pytest.approx(1.0)  # crazyswarm2 sends it in the world
    assert recording.channels["quaternion.z"] == pytest.approx(half)
    assert np.isnan(recording.channels["angular_velocity.x"]).all()  # its driver fills in no body rates


def own_log(path, robot="ur5e", jitter=0.0, without=()):
    """A log of ``deploy --log``: a state of every 20th tick, stamped by another clock than the rows."""
    command, position, velocity = motion()
    late = jitter * np.random.default_rng(0).uniform(0.0, 1.0, len(TIME))
    with path.open("wb") as file:
        writer = LogWriter(file, {"robot": robot})
        for k, t in enumerate(TIME):
            if k in without:
                continue
            t = t + late[k]
            if k % 20 == 0:
                writer.add("/state", round(1e9 * (100.0 + t)), {
                    "n": k, "call": "step", "now": 7.0 + t, "time": 7.0 + t, "joint_position": position[k].tolist(),
                    "joint_velocity": velocity[k].tolist()}, k)
            row = {"n": k, "call": "tick", "command": command[k].tolist()}
            writer.add("/command", round(1e9 * (100.0 + t)), row, k)
        writer.finish()


def test_a_log_of_ours_has_commands_of_every_tick_and_states_where_there_were_any(tmp_path):
    own_log(tmp_path / "run.mcap")
    recording = read_recording(tmp_path / "run.mcap", UR5E)
    command, position, _ = motion()
    count = len(recording)
    assert recording.rate == pytest.approx(500.0, rel=1e-6) and count >= 1980
    assert recording.channels["command.elbow_joint"] == pytest.approx(command[:count, 2])
    elbow = recording.channels["position.elbow_joint"]
    assert np.flatnonzero(np.isfinite(elbow)).tolist() == list(range(0, count, 20))
    assert elbow[::20] == pytest.approx(position[:count:20, 2], abs=1e-6)
    from sim2real.recordings.flaws import find_flaws

    assert find_flaws(recording) == []  # states come less often, nothing is missing


def test_a_busy_machine_s_log_is_one_stretch(tmp_path):
    """Ticks that come late by up to half of their period, and 40 ms without one, in which the last command held."""
    own_log(tmp_path / "run.mcap", jitter=0.001, without=range(1001, 1020))
    recording = read_recording(tmp_path / "run.mcap", UR5E)
    (stretch,), notes = prepare(recording, UR5E)
    command, position, _ = motion()
    assert notes == [] and stretch.period == pytest.approx(0.002, rel=1e-3) and len(stretch) > 1950
    there = np.flatnonzero(np.isfinite(stretch.state[:, 0]))
    assert len(there) > 95
    time = stretch.period * np.arange(len(stretch))
    off = stretch.state[there, 2] - np.interp(time[there], TIME, position[:, 2])
    assert np.abs(off).max() < 0.65 * 0.001  # the jitter [s] at up to 0.6 rad/s
    held = stretch.command[1005:1015, 2]
    assert np.ptp(held) == 0.0 and held[0] == pytest.approx(command[1000, 2], abs=0.002)


def with_states(path, *, stamp=lambda t: t, velocity=True, lost=()):
    """A log of ``deploy --log`` that has every state too, each received 1 to 3 ms after it was measured."""
    command, position, velocities = motion()
    delay = np.random.default_rng(0).uniform(0.001, 0.003, len(TIME))
    with path.open("wb") as file:
        writer = LogWriter(file, {"robot": "ur5e"})
        for k, t in enumerate(TIME):
            if k not in lost:
                fields = {"joint_position": position[k].tolist()}
                if velocity:
                    fields["joint_velocity"] = velocities[k].tolist()
                writer.add("/measured", round(1e9 * (100.0 + t + delay[k])), {
                    "stamp": stamp(100.0 + t), "time": 7.0 + t + delay[k], **fields}, 3 * k)
            if k % 20 == 0:
                writer.add("/state", round(1e9 * (100.0 + t)), {
                    "n": k, "call": "step", "now": 7.0 + t, "time": 7.0 + t, "joint_position": [9.0] * 6,
                    "joint_velocity": [9.0] * 6}, 3 * k + 1)
            writer.add("/command", round(1e9 * (100.0 + t)), {"n": k, "call": "tick", "command": command[k].tolist()},
                       3 * k + 2)
        writer.finish()


@pytest.mark.parametrize("stamp, off", [(lambda t: t, 0.0), (lambda t: t - 95.0, 0.002), (lambda t: None, 0.002)])
def test_every_state_that_a_log_of_ours_has_is_read(tmp_path, stamp, off):
    """By the driver's stamps where it has any; another clock's are as late as the receptions, by the median."""
    with_states(tmp_path / "run.mcap", stamp=stamp, lost=(50, *range(700, 710)))
    recording = read_recording(tmp_path / "run.mcap", UR5E)
    position, elbow = motion()[1][:, 2], recording.channels["position.elbow_joint"]
    assert recording.rate == pytest.approx(500.0, rel=1e-6) and 10 <= np.isnan(elbow).sum() <= 12
    there, begin = np.isfinite(elbow), TIME[-1] - recording.duration
    wanted = np.interp(recording.time[there] + begin - off, TIME, position)
    assert elbow[there] == pytest.approx(wanted, abs=1e-5 if stamp(1.0) is not None else 1e-3)
    (stretch,), notes = prepare(recording, UR5E)
    assert notes == [] and stretch.period == pytest.approx(0.002, rel=1e-6)


def test_velocities_that_no_message_had_are_no_channel(tmp_path):
    with_states(tmp_path / "run.mcap", velocity=False)
    recording = read_recording(tmp_path / "run.mcap", UR5E)
    assert "velocity.elbow_joint" not in recording.channels and "position.elbow_joint" in recording.channels
    assert prepare(recording, UR5E)[1] == []
    with pytest.raises(BadInputError, match="expected rows of 13 numbers .* got 0; is it a log of this robot"):
        read_recording(a_log_of(tmp_path / "x.mcap", joint_position=[0.0] * 6), CRAZYFLIE)


def a_log_of(path, **fields):
    with path.open("wb") as file:
        writer = LogWriter(file, {})
        writer.add("/measured", 1, {"stamp": 1.0, "time": 1.0, **fields}, 0)
        writer.add("/command", 2, {"command": [0.0] * 4}, 1)
        writer.finish()
    return path


def test_a_flight_s_attitude_turns_on_where_its_sign_changes(tmp_path):
    time = 0.01 * np.arange(400)
    with (tmp_path / "run.mcap").open("wb") as file:
        writer = LogWriter(file, {"robot": "crazyflie"})
        for k, t in enumerate(time):
            half = 0.5 * t
            q = (-1.0) ** (k // 7) * np.array([np.cos(half), 0.0, 0.0, np.sin(half)])
            writer.add("/measured", round(1e9 * (100.005 + t)), {
                "stamp": 100.004 + t, "time": 1.005 + t, "position": [t, 0.0, 1.0], "linear_velocity": [1.0, 0.0, 0.0],
                "quaternion": q.tolist()}, 2 * k)
            writer.add("/command", round(1e9 * (100.0 + t)), {"n": k, "command": [0.3, 0.0, 0.0, 1.0]}, 2 * k + 1)
        writer.finish()
    recording = read_recording(tmp_path / "run.mcap", CRAZYFLIE)
    assert np.linalg.norm(recording.matrix("quaternion"), axis=1) == pytest.approx(1.0, abs=1e-4)
    assert "angular_velocity.x" not in recording.channels  # its driver sends none
    assert recording.channels["place.x"] == pytest.approx(recording.channels["place.x"][0] + recording.time, abs=1e-6)


def test_a_log_of_another_robot(tmp_path):
    own_log(tmp_path / "run.mcap", "fr3")
    with pytest.raises(BadInputError, match="is a log of fr3, not of ur5e; give --robot fr3"):
        read_recording(tmp_path / "run.mcap", UR5E)


def test_named_columns_need_no_map(tmp_path):
    command, position, velocity = motion()
    names = (*command_channels(UR5E), *state_channels(UR5E))
    values = np.concatenate([command, position, velocity], axis=1)
    np.savetxt(tmp_path / "run.csv", np.column_stack([TIME + 3.0, values]), delimiter=",", comments="",
               header=",".join(("time", *names)))
    np.savez(tmp_path / "run.npz", time=TIME, **dict(zip(names, values.T, strict=True)))
    for name in ("run.csv", "run.npz"):
        recording = read_recording(tmp_path / name)
        assert isinstance(recording, Recording) and recording.time[0] == 0.0
        assert recording.channels["position.elbow_joint"] == pytest.approx(position[:, 2])
    np.savez(tmp_path / "other.npz", t=TIME, q=position)
    with pytest.raises(BadInputError, match="expected a column 'time' in .* name them by a channel map"):
        read_recording(tmp_path / "other.npz")
