"""The programs that the scenario runs: a broker, Home Assistant, led-mqtt and controllers.

They are alone in their namespaces, so the ports and keys are the usual ones, and nothing of them is left at the end.
"""

import json
import os
import queue
import re
import shutil
import subprocess
import time
from pathlib import Path

from paho.mqtt import client as mqtt

PROJECT = Path("/mnt")
PROGRAMS = PROJECT / "target/release"
LOGS = PROJECT / "target/home-assistant"
FILES = Path(__file__).parent
EFFECTS = {None: "off", (500, 500): "blink", (125, 125): "blink fast", (1000, 1000): "blink slow"}
# On a machine with other work.
DEADLINE = 60

# The users of the broker, and their passwords. It refuses all others, as the add-on of Home Assistant does.
PASSWORDS = {"homeassistant": "secret-1", "led": "secret-2", "scenario": "secret-3"}

# As little as Home Assistant accepts: one user, who has answered its first questions, and the connection to the broker.
STORAGE = {
    "auth": {
        "users": [
            {
                "id": "user",
                "group_ids": ["system-admin"],
                "is_owner": True,
                "is_active": True,
                "name": "User",
                "system_generated": False,
                "local_only": True,
            }
        ],
        "groups": [],
        "credentials": [],
        "refresh_tokens": [],
    },
    "core.config_entries": {
        "entries": [
            {
                "entry_id": "mqtt",
                "domain": "mqtt",
                "title": "Mosquitto",
                "source": "user",
                "version": 1,
                "data": {
                    "broker": "127.0.0.1",
                    "port": 1883,
                    "protocol": "5",
                    "username": "homeassistant",
                    "password": PASSWORDS["homeassistant"],
                },
            }
        ]
    },
    "onboarding": {"done": ["user", "core_config", "analytics", "integration"]},
}
STORAGE_VERSIONS = {"onboarding": 4}


class World:
    """The running programs, and what Home Assistant has said of its lights last."""

    def __init__(self):
        subprocess.run(["ip", "link", "set", "lo", "up", "multicast", "on"], check=True)
        # Home Assistant wants to announce itself.
        subprocess.run(["ip", "route", "add", "224.0.0.0/4", "dev", "lo"], check=True)
        shutil.rmtree(LOGS, ignore_errors=True)
        LOGS.mkdir(parents=True)
        # Where led-mqtt keeps its topics.
        os.environ["STATE_DIRECTORY"] = "/tmp"
        self.programs = {}
        self.reports = queue.SimpleQueue()
        self.client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
        self.client.username_pw_set("scenario", PASSWORDS["scenario"])
        self.client.reconnect_delay_set(1, 1)
        # At each connection, as the broker restarts.
        self.client.on_connect = lambda client, *_: client.subscribe("drive/lights", 1)
        self.client.on_message = self.on_message
        self.prepare_home_assistant()

    def prepare_home_assistant(self):
        storage = Path("/tmp/config/.storage")
        storage.mkdir(parents=True)
        for name, data in STORAGE.items():
            version = STORAGE_VERSIONS.get(name, 1)
            content = {"version": version, "minor_version": 1, "key": name, "data": data}
            (storage / name).write_text(json.dumps(content))
        for file in FILES.glob("*.yaml"):
            (storage.parent / file.name).write_text(file.read_text())

    def on_message(self, _client, _data, message):
        self.reports.put(json.loads(message.payload))

    def start(self, name, *command):
        """Starts a program. Its log is in target/home-assistant."""
        with open(LOGS / f"{name}.log", "a") as log:
            self.programs[name] = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def end(self, name, signal):
        """Ends a program with a signal, and waits for it."""
        self.programs[name].send_signal(signal)
        self.programs.pop(name).wait(DEADLINE)

    def start_broker(self):
        Path("/tmp/passwords").touch(0o600)
        for user, password in PASSWORDS.items():
            subprocess.run(["mosquitto_passwd", "-b", "/tmp/passwords", user, password], check=True, capture_output=True)
        settings = "user root\nlistener 1883 127.0.0.1\nallow_anonymous false\npassword_file /tmp/passwords\n"
        Path("/tmp/broker.conf").write_text(settings)
        self.start("mosquitto", "mosquitto", "-c", "/tmp/broker.conf")

    def connect(self):
        """Connects this program itself to the broker."""
        until(lambda: self.client.connect("127.0.0.1") == 0)
        self.client.loop_start()

    def start_home_assistant(self):
        self.start("home-assistant", "/srv/python/bin/hass", "--config", "/tmp/config", "--skip-pip")

    def start_controller(self, key=1234):
        self.start(f"controller-{key}", PROGRAMS / "controller", "--simulate", "--key", str(key))

    def start_bridge(self, node="kitchen", board="1000", **leds):
        """Starts led-mqtt with LEDs that have these names and keys, or with one that has no name."""
        leds = [f'[[led]]\nname = "{name}"\nkey = {key}' for name, key in leds.items()]
        Path("/tmp/mqtt.toml").write_text("\n".join([f'id = "{board}"', *leds]))
        answers = ["--broker", "127.0.0.1", "--user", "led", "--password-file", "-", "--node", node]
        run("led-mqtt", "--config", "/tmp/mqtt.toml", "--setup", *answers, stdin=PASSWORDS["led"])
        self.start("led-mqtt", PROGRAMS / "led-mqtt", "--config", "/tmp/mqtt.toml")

    def forget(self):
        """Lets led-mqtt remove what the broker retains of the node."""
        run("led-mqtt", "--config", "/tmp/mqtt.toml", "--forget")

    def forget_retained(self):
        """Removes what the broker retains of the node, as a broker does that does not pass it on."""
        for topic in ("homeassistant/device/kitchen/config", "led/kitchen/state", "led/kitchen/availability"):
            self.client.publish(topic, "", 1, retain=True).wait_for_publish(DEADLINE)

    def act(self, action, **data):
        """Lets Home Assistant carry out an action."""
        self.client.publish("drive/action", json.dumps({"action": action, "data": data}), 1)

    def wait_for(self, expected):
        """Waits until Home Assistant has shown its lights like this: each change is a report. Returns the device of each light."""
        end = time.monotonic() + DEADLINE
        shown = None
        while shown != expected:
            try:
                report = self.reports.get(timeout=max(0, end - time.monotonic()))
            except queue.Empty:
                raise TimeoutError(f"Home Assistant shows {shown}, and not {expected}") from None
            shown = {light["id"]: (light["state"], light["effect"], light["percent"]) for light in report}
        return {light["id"]: (light["device"], light["device_name"]) for light in report}

    def levels(self):
        """The levels that the simulated LED with the key 1234 has had, in percent."""
        log = (LOGS / "controller-1234.log").read_text()
        words = re.findall(r"^LED (?:on )?(on|off|\d+)%?$", log, re.MULTILINE)
        return [int({"on": 100, "off": 0}.get(word, word)) for word in words]


def run(program, *arguments, stdin=None):
    """Runs one of our programs, and returns its output."""
    done = subprocess.run([PROGRAMS / program, *arguments], input=stdin, capture_output=True, text=True)
    assert done.returncode == 0, f"{program} {arguments}: {done.stdout}{done.stderr}"
    return done.stdout


def command(*words):
    """Commands the LED as a user of the Pi does, beside led-mqtt."""
    run("command", *words)


def led():
    """The state of the LED, as its controller reports it: in the words of Home Assistant."""
    status = json.loads(run("command", "status", "--json"))
    if status["state"] == "off":
        return ("off", None, None)
    times = status["blink"] and (status["blink"]["on_ms"], status["blink"]["off_ms"])
    return ("on", EFFECTS.get(times) or "blink {} {}".format(*times), status["brightness"])


def until(condition):
    """Waits until a condition holds, even if asking for it fails at first."""
    end = time.monotonic() + DEADLINE
    while True:
        error = None
        try:
            if condition():
                return
        except (OSError, subprocess.CalledProcessError) as problem:
            error = problem
        if time.monotonic() > end:
            raise TimeoutError(f"a condition did not hold in time: {error}")
        time.sleep(0.01)
