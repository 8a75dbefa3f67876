"""Looking at a twin: its pictures in a web page, so that it works without a screen and over ssh as well.

Drawing takes a process of its own, which only gets the twin's true state; the twin's loop is not disturbed.
"""

from __future__ import annotations

import io
import multiprocessing
import signal
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.sharedctypes import SynchronizedArray
from typing import Any

import numpy as np

from sim2real.errors import MissingDependencyError, SimulationError
from sim2real.robots import RobotDescription
from sim2real.types import RobotState

_FRAME_SECONDS = 0.1
_SIZE = (360, 480)
_PAGE = (b"<!doctype html><title>sim2real twin (simulation)</title><body style='margin:0;background:#222'>"
         b"<img src='/stream' style='height:100vh;display:block;margin:auto'>")


class Viewer:
    """A web page that shows a robot.

    Args:
        robot: Its description.
        engine: The engine whose pictures are shown; "quadrotor" has none, so mujoco's are.

    Attributes:
        url: Where the page is, on this machine only.
    """

    def __init__(self, robot: RobotDescription, engine: str):
        try:
            import PIL  # noqa: F401
        except ImportError as error:
            raise MissingDependencyError(f"--view needs the package pillow: pip install 'sim2real[plots]' ({error})"
                                         ) from error
        spawn = multiprocessing.get_context("spawn")
        self._state = spawn.Array("d", 7 + robot.num_joints)
        said = spawn.Queue()
        self._process = spawn.Process(target=_serve, daemon=True, name="twin view",
                                      args=(robot, "mujoco" if engine == "quadrotor" else engine, self._state, said))
        self._process.start()
        answer = said.get(timeout=60.0)
        if isinstance(answer, str):
            self.close()
            raise SimulationError(f"--view: {answer}")
        self.url = f"http://127.0.0.1:{answer}/"

    def update(self, state: RobotState) -> None:
        """Show the first robot of ``state`` from now on."""
        with self._state.get_lock():
            self._state[:] = [*state.position[0], *state.quaternion[0], *state.joint_position[0]]

    def close(self) -> None:
        """End the page; closing twice is fine."""
        self._process.terminate()
        self._process.join(timeout=5.0)


class _Frames:
    """The newest picture, and a bell for those who wait for the next."""

    def __init__(self) -> None:
        self.jpeg = b""
        self.bell = threading.Condition()

    def show(self, picture: np.ndarray) -> None:
        from PIL import Image

        buffer = io.BytesIO()
        Image.fromarray(picture).save(buffer, "JPEG", quality=85)
        with self.bell:
            self.jpeg = buffer.getvalue()
            self.bell.notify_all()


def _serve(robot: RobotDescription, engine: str, shared: SynchronizedArray, said: Any) -> None:
    """The drawing process: pictures of the shared state for ever."""
    from sim2real.simulators import make_simulator

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the twin's to handle, which then ends this process
    frames = _Frames()
    try:
        simulator = make_simulator(engine, robot, 1, threads=1)
        frames.show(simulator.render("overview", size=_SIZE)[0])
    except Exception as error:  # told to the twin, which says it
        said.put(str(error) or type(error).__name__)
        return
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(frames))
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    said.put(server.server_address[1])
    state = RobotState.zeros(1, robot.num_joints)
    while True:
        time.sleep(_FRAME_SECONDS)
        with shared.get_lock():
            numbers = np.array(shared[:])
        if not numbers[3:7].any():
            continue  # nothing came yet
        state.position[0], state.quaternion[0], state.joint_position[0] = numbers[:3], numbers[3:7], numbers[7:]
        simulator.reset(None, state)
        frames.show(simulator.render("overview", size=_SIZE)[0])


def _handler(frames: _Frames) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        """The page, and under /stream its pictures, one after the other."""

        def do_GET(self) -> None:
            self.send_response(200)
            if self.path != "/stream":
                self.send_header("Content-Type", "text/html")
                self.end_headers()
                self.wfile.write(_PAGE)
                return
            self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
            self.end_headers()
            try:
                while True:
                    jpeg = frames.jpeg
                    self.wfile.write(b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(jpeg))
                    self.wfile.write(jpeg + b"\r\n")
                    with frames.bell:
                        frames.bell.wait(timeout=1.0)
            except (BrokenPipeError, ConnectionResetError):  # the browser went away
                return

        def log_message(self, format: str, *args: Any) -> None:
            """No line for every request."""

    return Handler
