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
# What Home Assistant shows: the state, the effect, and the brightness in percent.
UNAVAILABLE = ("unavailable", None, None)
OFF = ("off", None, None)
ON = ("on", "off", 100)
BLINK = ("on", "blink", 100)


def on(percent, effect="off"):
    return ("on", effect, percent)


def act(action, lights=LED, **data):
    """An action of Home Assistant."""
    return lambda: world.act(f"light.{action}", entity_id=lights, **data)


def typed(*words):
    """A command that a user of the Pi types, beside led-mqtt."""
    return lambda: command(*words)


def ended(program, signal):
    return lambda: world.end(program, signal)


def bridge(**settings):
    """led-mqtt starts with other settings."""
    return lambda: world.start_bridge(**settings)


def step(text, do, *shown, levels=None):
    """Does something, and waits until Home Assistant shows these states of its lights, one after the other.

    The LED then does what Home Assistant shows, and has had these levels meanwhile; a range is that of a fade. Returns the device of
    each light.
    """
    begin, before = time.monotonic(), len(world.levels()) if levels else 0
    do()
    for state in shown:
        state = state if isinstance(state, dict) else {LED: state}
        devices = world.wait_for(state)
    if state.keys() == {LED} and state[LED] != UNAVAILABLE:
        assert led() == state[LED], led()
    if levels:
        until(lambda: world.levels()[-1] == levels[-1])
        seen = world.levels()[before:]
        # Some levels of a fade are left out if the machine is busy.
        is_fade = isinstance(levels, range) and len(seen) > 10 and seen == [level for level in levels if level in seen]
        assert is_fade or seen == list(levels), seen
    print(f"ok   {text:<76} {time.monotonic() - begin:6.2f} s", flush=True)
    return devices


def start():
    world.start_broker()
    world.connect()
    world.start_controller()
    world.start_bridge()
    step("Home Assistant starts, and finds the light by itself", world.start_home_assistant, OFF)


def commands_of_home_assistant():
    step("it turns the LED on", act("turn_on"), ON, levels=[100])
    step("it turns the LED off", act("turn_off"), OFF, levels=[0])
    step("it toggles the LED", act("toggle"), ON, levels=[100])
    step('effect "blink fast"', act("turn_on", effect="blink fast"), on(100, "blink fast"))
    step('effect "off": the LED stays on', act("turn_on", effect="off"), ON)
    step("a short flash: it blinks twice, and is on again", act("turn_on", flash="short"), BLINK, ON, levels=[0, 100] * 2)
    step("it turns the LED off", act("turn_off"), OFF)
    step("a short flash: it blinks twice, and is off again", act("turn_on", flash="short"), BLINK, OFF, levels=[100, 0] * 2)
    step("a long flash: it blinks ten times", act("turn_on", flash="long"), BLINK)
    step("turned off within the flash", act("turn_off"), OFF)


def brightness():
    step("it dims the LED to 40 %", act("turn_on", brightness_pct=40), on(40), levels=[40])
    step("it turns the LED off", act("turn_off"), OFF, levels=[0])
    step("turned on without a brightness, it has the last one", act("turn_on"), on(40), levels=[40])
    step("a flash of a dimmed LED", act("turn_on", flash="short"), on(40, "blink"), on(40), levels=[0, 40] * 2)
    step("it fades the LED to 100 % in two seconds", act("turn_on", brightness_pct=100, transition=2), ON, levels=range(41, 101))
    step("it fades the LED out", act("turn_off", transition=1), OFF, levels=range(99, -1, -1))
    step("`command on 1%` is shown", typed("on", "1%"), on(1), levels=[1])
    step("effect and brightness", act("turn_on", brightness_pct=40, effect="blink"), on(40, "blink"))
    world.act("scene.create", scene_id="blinks", snapshot_entities=[LED])
    step("it turns the LED on", act("turn_on", brightness_pct=100, effect="off"), ON)
    step("a scene of what was before", lambda: world.act("scene.turn_on", entity_id="scene.blinks"), on(40, "blink"))
    step("it turns the LED on", act("turn_on", brightness_pct=100), ON)
    step("it turns the LED off", act("turn_off"), OFF)


def commands_of_others():
    step("`command on` is shown", typed("on"), ON)
    step('`command blink 1s 1s` is shown as the effect "blink slow"', typed("blink", "1s", "1s"), on(100, "blink slow"))
    step(
        "`command blink 70ms 30ms` is shown as an effect with these times",
        typed("blink", "70ms", "30ms"),
        on(100, "blink 70 30"),
    )
    step("`command off` is shown", typed("off"), OFF)
    step(
        "`command blink 200ms 200ms --count 3` is shown, and its end",
        typed("blink", "200ms", "200ms", "--count", "3"),
        on(100, "blink 200 200"),
        OFF,
        levels=[100, 0] * 3,
    )


def absences():
    step("the controller is killed: unavailable", ended("controller-1234", SIGKILL), UNAVAILABLE)
    step("a controller starts: available, and off", world.start_controller, OFF)
    step("`command exit`: unavailable", typed("exit"), UNAVAILABLE)
    step("a controller starts: available, and off", world.start_controller, OFF)
    step("led-mqtt is killed: unavailable", ended("led-mqtt", SIGKILL), UNAVAILABLE)
    command("on", "40%")
    step("led-mqtt starts: available, and at 40 %, as it was dimmed meanwhile", bridge(), on(40))
    step("SIGTERM to led-mqtt: unavailable", ended("led-mqtt", SIGTERM), UNAVAILABLE)
    command("on", "100%")
    command("blink")
    step("led-mqtt starts: available, and blinking", bridge(), BLINK)


def restarts():
    world.end("home-assistant", SIGTERM)
    command("on")
    step("Home Assistant restarts: available, and on, as it was turned on meanwhile", world.start_home_assistant, ON)
    world.end("home-assistant", SIGTERM)
    world.forget_retained()
    command("blink")
    step("it restarts, and nothing is retained: it gets all after its birth message", world.start_home_assistant, BLINK)
    world.end("mosquitto", SIGKILL)
    command("on")
    step("the broker restarts without its memory: available, and on", world.start_broker, ON)
    step("Home Assistant commands the LED as before", act("turn_off"), OFF)


def several():
    front, rear = "light.kitchen_front", "light.kitchen_rear"
    step("SIGTERM to led-mqtt: unavailable", ended("led-mqtt", SIGTERM), UNAVAILABLE)
    step("`led-mqtt --forget`: the light is gone", world.forget, {})
    world.start_controller(2000)
    command("on")
    two = bridge(front=1234, rear=2000)
    devices = step("led-mqtt starts with two LEDs that have names: two lights", two, {front: ON, rear: OFF})
    assert devices[front] == devices[rear], devices
    blink = act("turn_on", rear, effect="blink")
    step("one is turned on: the other one stays as it is", blink, {front: ON, rear: BLINK})
    step("both are turned off with one action", act("turn_off", [front, rear]), {front: OFF, rear: OFF})
    killed = ended("controller-2000", SIGKILL)
    step("one controller is killed: only its LED is unavailable", killed, {front: OFF, rear: UNAVAILABLE})
    killed = ended("led-mqtt", SIGKILL)
    step("led-mqtt is killed: both are unavailable", killed, {front: UNAVAILABLE, rear: UNAVAILABLE})


def names():
    porch, hall = "light.kitchen_porch", "light.hall_porch"
    old = step("of two LEDs one has gone, and one has another name: one light", bridge(porch=1234), {porch: OFF})
    world.end("led-mqtt", SIGTERM)
    new = step("the node has another name: the same device and light", bridge(node="hall", porch=1234), {porch: OFF})
    assert [old[porch][0], "hall"] == [*new[porch]], (old, new)
    world.end("led-mqtt", SIGTERM)
    board = bridge(node="hall", board="2000", porch=1234)
    other = step("another board has this name, and takes it over: another device and light", board, {hall: OFF})
    assert other[hall][0] != old[porch][0], (old, other)
    world.end("led-mqtt", SIGTERM)
    step("`led-mqtt --forget`: the light is gone", world.forget, {})


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
    step('effect "blink" at 60 %', act("turn_on", effect="blink", brightness_pct=60), on(60, "blink"))
    asyncio.run(browser.draw(world))
elif not sys.argv[1:]:
    try:
        for part in (start, commands_of_home_assistant, brightness, commands_of_others, absences, restarts, several, names):
            part()
    finally:
        check_log()
else:
    sys.exit("usage: scripts/home-assistant [picture]")
