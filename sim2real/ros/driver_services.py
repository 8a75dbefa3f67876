"""How people switch a twin's controllers, and give a drone in its failsafe back to its set points.

Always: the topic ``~/switch_controller`` (std_msgs/String, interface or controller) for arms and the service
``~/offboard`` (std_srvs/Trigger) for drones with a failsafe. Besides, as the real ones do and where their packages can
be imported: ``/controller_manager/switch_controller`` and ``list_controllers`` (controller_manager_msgs) and
``/mavros/set_mode`` (mavros_msgs). Neither package is on PyPI.
"""

from __future__ import annotations

import time
from typing import Any

from sim2real.errors import MissingDependencyError, RobotDescriptionError
from sim2real.ros.context import RosContext, import_ros, message_class
from sim2real.ros.driver_nature import Controllers
from sim2real.ros.profiles import RosProfile
from sim2real.ros.twin_plant import TwinPlant


def serve_controllers(ros: RosContext, controllers: Controllers) -> None:
    """Let an arm's active interface be switched."""
    log = ros.node.get_logger()

    def switch(message: Any) -> None:
        try:
            log.warning(f"interface {controllers.switch(message.data)} is active now")
        except RobotDescriptionError as error:
            log.error(str(error))

    ros.node.create_subscription(message_class("std_msgs/msg/String"), "~/switch_controller", switch,
                                 ros.qos("reliable", depth=10))
    try:
        manager = import_ros("controller_manager_msgs.srv")
        states = import_ros("controller_manager_msgs.msg")
    except MissingDependencyError:
        return
    ros.node.create_service(manager.SwitchController, "/controller_manager/switch_controller",
                            lambda request, response: switch_controller(controllers, request, response))
    ros.node.create_service(
        manager.ListControllers, "/controller_manager/list_controllers",
        lambda request, response: list_controllers(controllers, response, states.ControllerState))


def switch_controller(controllers: Controllers, request: Any, response: Any) -> Any:
    """Answer controller_manager_msgs/srv/SwitchController: ``ok`` where the one controller asked for is active."""
    names = list(request.activate_controllers)
    try:
        response.ok = len(names) == 1 and bool(controllers.switch(names[0]))
    except RobotDescriptionError:
        response.ok = False
    return response


def list_controllers(controllers: Controllers, response: Any, make: Any) -> Any:
    """Answer controller_manager_msgs/srv/ListControllers; ``make`` is an empty ControllerState."""
    response.controller = [make(name=name, type=kind, state="active" if active else "inactive")
                           for name, kind, active in controllers.controllers()]
    return response


def serve_offboard(ros: RosContext, profile: RosProfile, plant: TwinPlant) -> None:
    """Let a drone's failsafe be ended."""
    if not any(stage.action == "hold" for stage in profile.watchdog):
        return

    def trigger(_: Any, response: Any) -> Any:
        response.message = plant.request(time.monotonic())
        response.success = not response.message
        return response

    ros.node.create_service(import_ros("std_srvs.srv").Trigger, "~/offboard", trigger)
    try:
        kind = import_ros("mavros_msgs.srv").SetMode if profile.driver == "mavros" else None
    except MissingDependencyError:
        return
    if kind is not None:
        ros.node.create_service(kind, "/mavros/set_mode",
                                lambda request, response: set_mode(plant, request, response, time.monotonic()))


def set_mode(plant: TwinPlant, request: Any, response: Any, now: float) -> Any:
    """Answer mavros_msgs/srv/SetMode at ``now`` [s]: OFFBOARD is the only mode a twin is switched to."""
    response.mode_sent = request.custom_mode == "OFFBOARD" and not plant.request(now)
    return response
