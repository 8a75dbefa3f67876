"""The executor of rounds: the newest message of each topic, all else too, and no queue that a flood could fill."""

from __future__ import annotations

import importlib
import os
import signal
import threading
import time

import pytest

from sim2real.ros.context import RosContext, StopSignal, message_class

STRING = "std_msgs/msg/String"
MANY = 3000


@pytest.fixture
def served(domain):
    """A node that is served in rounds."""
    with RosContext(f"served_{domain}", [], domain, rounds=True) as context:
        yield context


def until(served, condition, timeout=15.0):
    end = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        served.serve(0.02)


def heard_on(served, topic, depth=1, callback=None):
    """What comes on a topic, each with when it was served."""
    into = []
    served.node.create_subscription(message_class(STRING), topic,
                                    callback or (lambda m: into.append((time.monotonic(), m.data))),
                                    served.qos("reliable", depth=depth))
    return into


def publisher_to(ros, served, topic, depth=1):
    """A publisher that is known on both sides."""
    publisher = ros.node.create_publisher(message_class(STRING), topic, ros.qos("reliable", depth=depth))
    until(served, lambda: publisher.get_subscription_count() and served.node.count_publishers(topic))
    until(served, lambda: next(s for s in served.node.subscriptions if s.topic_name == topic).get_publisher_count())
    return publisher


def test_after_a_flood_the_newest_is_served_and_the_others_are_gone(ros, served):
    heard = heard_on(served, "/a")
    publisher = publisher_to(ros, served, "/a", depth=MANY)
    for k in range(MANY):
        publisher.publish(message_class(STRING)(data=str(k)))
    until(served, lambda: heard and heard[-1][1] == str(MANY - 1))
    assert len(heard) < 0.1 * MANY  # those that were under way while it was served; nothing of it was queued


def test_slow_callbacks_and_a_full_queue_hold_up_neither_the_time_nor_other_topics_nor_a_signal(ros, served):
    slow = heard_on(served, "/slow", depth=500, callback=lambda m: time.sleep(0.02))
    other = heard_on(served, "/other")
    publishers = [publisher_to(ros, served, topic, depth=500) for topic in ("/slow", "/other")]
    for publisher in publishers:
        for k in range(500):
            publisher.publish(message_class(STRING)(data=str(k)))
    with StopSignal() as stop:
        threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT)).start()
        begin = time.monotonic()
        served.serve(0.3)
        assert 0.29 < time.monotonic() - begin < 0.5 and not slow
        assert stop.is_set and other[-1][1] == "499"
        assert other[-1][0] - begin < 0.1


def test_services_timers_parameters_and_misfits_are_served_too(ros, served):
    trigger, ticks = importlib.import_module("std_srvs.srv").Trigger, []

    def answer(request, response):
        response.success, response.message = True, "yes"
        return response

    served.node.create_service(trigger, "/asked", answer)
    served.node.create_timer(0.05, lambda: ticks.append(time.monotonic()))
    served.node.create_subscription(message_class(STRING), "/reliable", print, served.qos("reliable"),
                                    event_callbacks=served.subscription_events("/reliable"))
    ros.node.create_publisher(message_class(STRING), "/reliable", ros.qos("best_effort"))
    serving = threading.Event()
    thread = threading.Thread(target=lambda: [served.serve(0.05) for _ in iter(serving.is_set, True)])
    thread.start()
    try:
        asked = ros.node.create_client(trigger, "/asked")
        listed = ros.node.create_client(importlib.import_module("rcl_interfaces.srv").ListParameters,
                                        f"/{served.node.get_name()}/list_parameters")
        for client, kind in ((asked, trigger), (listed, importlib.import_module("rcl_interfaces.srv").ListParameters)):
            assert client.wait_for_service(10.0)
            time.sleep(0.5)  # an answer is lost until the server knows its client
            future = client.call_async(kind.Request())
            ros.rclpy.spin_until_future_complete(ros.node, future, ros._executor, 10.0)
            assert future.done()
        end = time.monotonic() + 10.0
        while not (served.misfits and len(ticks) > 5) and time.monotonic() < end:
            time.sleep(0.02)
    finally:
        serving.set()
        thread.join()
    assert "RELIABILITY" in served.misfits["/reliable"] and len(ticks) > 5


def test_a_client_gets_its_answer_and_what_waits_for_it_is_called(ros, served):
    trigger, told = importlib.import_module("std_srvs.srv").Trigger, []
    ros.node.create_service(trigger, "/asked", lambda request, response: response)
    client = served.node.create_client(trigger, "/asked")
    thread_over = threading.Event()
    thread = threading.Thread(target=lambda: [ros.spin_once(0.05) for _ in iter(thread_over.is_set, True)])
    thread.start()
    try:
        until(served, client.service_is_ready)
        served.serve(0.5)
        client.call_async(trigger.Request()).add_done_callback(lambda future: told.append(future.result()))
        until(served, lambda: told)
    finally:
        thread_over.set()
        thread.join()


def test_subscriptions_may_come_and_go_while_it_waits(ros, served):
    publisher = ros.node.create_publisher(message_class(STRING), "/late", ros.qos("reliable"))
    heard, made = [], []

    def change():
        made.append(served.node.create_subscription(message_class(STRING), "/late", lambda m: heard.append(m.data),
                                                    served.qos("reliable")))

    threading.Timer(0.1, change).start()
    end = time.monotonic() + 10.0
    while not heard and time.monotonic() < end:
        publisher.publish(message_class(STRING)(data="hello"))
        served.spin_once(0.5)  # nothing but the new subscription itself ends this waiting early
    assert heard
    threading.Timer(0.1, lambda: served.node.destroy_subscription(made[0])).start()
    until(served, lambda: publisher.get_subscription_count() == 0)
    heard.clear()
    publisher.publish(message_class(STRING)(data="nobody"))
    served.serve(0.2)
    assert not heard


def test_what_a_callback_raises_comes_out(ros, served):
    heard_on(served, "/a", callback=lambda m: 1 / 0)
    publisher = publisher_to(ros, served, "/a")
    publisher.publish(message_class(STRING)(data=""))
    with pytest.raises(ZeroDivisionError):
        until(served, lambda: False)


def test_the_contexts_end_ends_the_waiting(domain):
    with RosContext("served", [], domain, rounds=True) as served:
        gone = importlib.import_module("rclpy.executors").ExternalShutdownException
        served.serve(0.05)
        threading.Timer(0.2, served.context.try_shutdown).start()
        begin = time.monotonic()
        with pytest.raises(gone):
            served.spin_once(10.0)
        assert time.monotonic() - begin < 2.0
