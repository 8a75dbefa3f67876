"""A runner's process without a policy: heartbeat and a swaying command stream, and every way to fail.

Arguments as JSON: domain, interface, start (pose), size [rad], frequency [rad/s], robot, period of the commands [s]. It
says what happens in JSON lines. SIGUSR1 makes it hang with the interpreter's lock held.
"""

from __future__ import annotations

import ctypes
import json
import signal
import sys
import time

import numpy as np

from sim2real.deployment.heartbeat import DISARMED, MOVING, Heartbeat, robot_key
from sim2real.errors import Sim2RealError
from sim2real.robots import load_robot
from sim2real.ros.context import RosContext, message_class
from sim2real.ros.messages import CommandWriter
from sim2real.ros.profiles import RosProfile
from sim2real.ros.timing import Deadlines

PERIOD = 0.01
SHARES = (1.0, -0.1, -0.1, 0.3, 0.3, 0.8)  # of the sway, by joint: clear of the ground and of the arm itself


def say(**row):
    print(json.dumps(row), flush=True)


def hang(*_):
    ctypes.PyDLL(None).sleep(30)  # a call into C that does not let the interpreter's lock go


def main(domain, interface, start, size=0.5, frequency=2.0, robot="ur5e", seconds=60.0, period=PERIOD):
    signal.signal(signal.SIGUSR1, hang)
    robot = load_robot(robot)
    profile = RosProfile.for_robot(robot)
    command = profile.command(interface)
    beat = Heartbeat.create(robot_key(robot.name, domain), len(start), period=period)
    with RosContext("stand_in_runner", [], domain) as ros, beat:
        publisher = ros.node.create_publisher(message_class(command.type), command.topic, ros.qos("reliable"))
        writer = CommandWriter(robot, profile, command, lambda name: message_class(name)(), period=period)
        while publisher.get_subscription_count() < 2 or not beat.guard_alive(time.monotonic()):  # recorder and twin
            beat.runner_beat(time.monotonic(), DISARMED, start, np.zeros(len(start)))
            time.sleep(0.01)
        say(event="moving")
        if profile.unlock:
            publisher.publish(message_class(command.type)())
        part = size * np.array(SHARES[:len(start)]) * (robot.kind == "arm")
        deadlines, previous, speed, sent, k = Deadlines(period), np.array(start), 0.0, 0, 0
        while k * period < seconds:
            deadlines.next()
            phase = frequency * k * period
            q = start + part * (1.0 - np.cos(phase))
            v = (q - previous) / period  # differences of the stream itself: that is what the driver does
            a, speed = (v - speed) / period, v
            now = time.monotonic()
            alive = beat.guard_alive(now)
            if alive and not beat.taken_over:
                beat.runner_beat(now, MOVING, q, v, a)
            if not alive or beat.taken_over:
                say(event="stopped", taken_over=beat.taken_over, at=now, sent=sent)
                break
            for _, message in writer.write(q, previous, time.time()):
                publisher.publish(message)
            sent, previous, k = sent + 1, q, k + 1
        # a real runner brakes; this one is about what others see
        beat.runner_beat(time.monotonic(), DISARMED, previous, np.zeros(len(start)))
        time.sleep(0.5)


try:
    main(**json.loads(sys.argv[1]))
except Sim2RealError as error:
    say(event="refused", why=str(error))
    sys.exit(1)
