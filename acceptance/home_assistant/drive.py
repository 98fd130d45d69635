"""usage: scripts/home-assistant [picture]

Home Assistant with led-mqtt: each step does something, and waits until Home Assistant and the controller show the result.
The logs of all programs are in target/home-assistant.
"""

import asyncio
import re
import sys
import time
from signal import SIGKILL, SIGTERM

import browser
from world import LOGS, World, command, led, until

world = World()
LED = "light.kitchen"
UNAVAILABLE = ("unavailable", None)
OFF = ("off", None)
ON = ("on", "off")
BLINK = ("on", "blink")


def nothing():
    pass


def act(action, lights=LED, **data):
    """An action of Home Assistant."""
    return lambda: world.act(action, entity_id=lights, **data)


def typed(*words):
    """A command that a user of the Pi types, beside led-mqtt."""
    return lambda: command(*words)


def ended(program, signal):
    return lambda: world.end(program, signal)


def step(text, do, expected, blink=None):
    """Does something, and waits until Home Assistant shows the expected state and effect of each light.

    The controller has then been in this state too, and in that of `blink`: the times on and off, in milliseconds.
    """
    expected = expected if isinstance(expected, dict) else {LED: expected}
    begin = time.monotonic()
    do()
    report = world.wait_for(expected)
    if expected in ({LED: ON}, {LED: OFF}):
        assert led()["state"] == expected[LED][0], led()
    if blink:
        shown = led()["blink"]
        assert (shown["on_ms"], shown["off_ms"]) == blink, shown
    print(f"ok   {text:<76} {time.monotonic() - begin:6.2f} s", flush=True)
    return report


def start():
    world.start_broker()
    world.connect()
    world.start_controller()
    world.start_bridge()
    step("Home Assistant starts, and finds the light by itself", world.start_home_assistant, OFF)


def commands_of_home_assistant():
    step("it turns the LED on", act("turn_on"), ON)
    step("it turns the LED off", act("turn_off"), OFF)
    step("it toggles the LED", act("toggle"), ON)
    step('effect "blink fast"', act("turn_on", effect="blink fast"), ("on", "blink fast"), (125, 125))
    step('effect "off": the LED stays on', act("turn_on", effect="off"), ON)
    step("a short flash: it blinks twice", act("turn_on", flash="short"), BLINK)
    step("the end of the flash is shown", nothing, OFF)
    step("a long flash: it blinks ten times", act("turn_on", flash="long"), BLINK, (500, 500))
    assert led()["blink"]["left"] in range(5, 11), led()
    step("turned off within the flash", act("turn_off"), OFF)


def commands_of_others():
    step("`command on` is shown", typed("on"), ON)
    step(
        '`command blink 1s 1s` is shown as the effect "blink slow"',
        typed("blink", "1s", "1s"),
        ("on", "blink slow"),
        (1000, 1000),
    )
    step(
        "`command blink 70ms 30ms` is shown as an effect with these times",
        typed("blink", "70ms", "30ms"),
        ("on", "blink 70 30"),
        (70, 30),
    )
    step("`command off` is shown", typed("off"), OFF)
    step(
        "`command blink 200ms 200ms --count 3` is shown",
        typed("blink", "200ms", "200ms", "--count", "3"),
        ("on", "blink 200 200"),
    )
    step("its end is shown", nothing, OFF)


def absences():
    step("the controller is killed: unavailable", ended("controller-1234", SIGKILL), UNAVAILABLE)
    step("a controller starts: available, and off", world.start_controller, OFF)
    step("`command exit`: unavailable", typed("exit"), UNAVAILABLE)
    step("a controller starts: available, and off", world.start_controller, OFF)
    step("led-mqtt is killed: unavailable", ended("led-mqtt", SIGKILL), UNAVAILABLE)
    command("on")
    step("led-mqtt starts: available, and on, as it was turned on meanwhile", world.start_bridge, ON)
    step("SIGTERM to led-mqtt: unavailable", ended("led-mqtt", SIGTERM), UNAVAILABLE)
    command("blink")
    step("led-mqtt starts: available, and blinking", world.start_bridge, BLINK, (500, 500))


def restarts():
    world.end("home-assistant", SIGTERM)
    command("on")
    step("Home Assistant restarts: available, and on, as it was turned on meanwhile", world.start_home_assistant, ON)
    world.end("home-assistant", SIGTERM)
    world.forget_retained()
    command("blink")
    step(
        "it restarts, and nothing is retained: it gets all after its birth message",
        world.start_home_assistant,
        BLINK,
        (500, 500),
    )
    world.end("mosquitto", SIGKILL)
    command("on")
    step("the broker restarts without its memory: available, and on", world.start_broker, ON)
    step("Home Assistant commands the LED as before", act("turn_off"), OFF)


def removal():
    step("SIGTERM to led-mqtt: unavailable", ended("led-mqtt", SIGTERM), UNAVAILABLE)
    step("`led-mqtt --forget`: the light is gone", world.forget, {})


def several():
    front, rear = "light.kitchen_front", "light.kitchen_rear"
    world.start_controller(2000)
    command("on")
    report = step(
        "led-mqtt starts with two LEDs that have names: two lights",
        lambda: world.start_bridge(front=1234, rear=2000),
        {front: ON, rear: OFF},
    )
    assert {light["device"] for light in report} == {"kitchen"}, report
    step(
        "one is turned on: the other one stays as it is", act("turn_on", rear, effect="blink"), {front: ON, rear: BLINK}
    )
    step("both are turned off with one action", act("turn_off", [front, rear]), {front: OFF, rear: OFF})
    step(
        "one controller is killed: only its LED is unavailable",
        ended("controller-2000", SIGKILL),
        {front: OFF, rear: UNAVAILABLE},
    )
    step(
        "led-mqtt is killed: both are unavailable", ended("led-mqtt", SIGKILL), {front: UNAVAILABLE, rear: UNAVAILABLE}
    )
    step("`led-mqtt --forget`: both are gone", world.forget, {})


def names():
    front, porch = "light.kitchen_front", "light.kitchen_porch"
    step("led-mqtt starts with an LED that has a name", lambda: world.start_bridge(front=1234), {front: OFF})
    world.end("led-mqtt", SIGTERM)
    step("the LED gets another name: the old light is gone", lambda: world.start_bridge(porch=1234), {porch: OFF})
    world.end("led-mqtt", SIGTERM)
    report = step(
        "the node gets another name: the same light, of the same device",
        lambda: world.start_bridge(node="hall", porch=1234),
        {porch: OFF},
    )
    assert {light["device"] for light in report} == {"hall"}, report
    world.end("led-mqtt", SIGTERM)
    step("`led-mqtt --forget`: it is gone", world.forget, {})
    report = step(
        "another board with this name: another device",
        lambda: world.start_bridge(node="hall", settings='id = "another"', porch=1234),
        {"light.hall_porch": OFF},
    )
    assert {light["device"] for light in report} == {"hall"}, report
    world.end("led-mqtt", SIGTERM)
    step("`led-mqtt --forget`: both are gone", world.forget, {})


def check_log():
    """Home Assistant has logged no warning about our messages: only that it lost the connection that was ended here."""
    log = (LOGS / "home-assistant.log").read_text()
    warnings = re.findall(r"^.* (?:WARNING|ERROR|CRITICAL) .*(?:mqtt|kitchen).*$", log, re.MULTILINE | re.IGNORECASE)
    expected = ("The connection was lost.", "The client is not currently connected.")
    complaints = [line for line in warnings if not line.endswith(expected)]
    assert not complaints, "\n".join(complaints)
    print("ok   Home Assistant logs no warning about what led-mqtt publishes")


if sys.argv[1:] == ["picture"]:
    start()
    step('effect "blink"', act("turn_on", effect="blink"), BLINK)
    asyncio.run(browser.draw(world))
elif not sys.argv[1:]:
    try:
        for part in (start, commands_of_home_assistant, commands_of_others, absences, restarts, removal, several, names):
            part()
    finally:
        check_log()
else:
    sys.exit("usage: scripts/home-assistant [picture]")
