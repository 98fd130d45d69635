//! The payloads: commands, as the words of the queue or as JSON of Home Assistant, and states.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};
use shared::{
    Blink, Brightness, Command, Fade, Incoming, Message, MessageType, Refusal, Refused, Request,
    State,
};

/// The longest payload of a command, in bytes.
pub const PAYLOAD_MAX: usize = 256;

/// The effects of Home Assistant, and how long each is on and off, in milliseconds.
const EFFECTS: [(&str, u64); 3] = [("blink", 500), ("blink fast", 125), ("blink slow", 1000)];
/// The effect of an LED that does not blink, as Home Assistant calls it.
const NO_EFFECT: &str = "off";
/// The most seconds of a flash.
const FLASH_MAX: u32 = 3600;

/// The names of all effects.
pub(crate) fn effects() -> impl Iterator<Item = &'static str> {
    EFFECTS.iter().map(|(name, _)| *name).chain([NO_EFFECT])
}

/// Why a payload is not a command.
#[derive(Debug, Eq, PartialEq, thiserror::Error)]
pub enum PayloadError {
    /// It is longer than [`PAYLOAD_MAX`].
    #[error("the payload has {}; the limit is {PAYLOAD_MAX}", shared::count(*.0 as u64, "byte"))]
    TooLong(usize),
    /// It begins like JSON.
    #[error("not the JSON of a light: {0}")]
    Json(String),
    /// The effect is neither a known one nor blinking in the words of the queue.
    #[error(
        "unknown effect; known are blink, blink fast, blink slow, off and blink ON_MS OFF_MS [COUNT]"
    )]
    Effect,
    /// A NUL ends the words in a message of the queue.
    #[error("the payload contains a NUL")]
    Nul,
    /// The first word is not that of a command.
    #[error("unknown command; known are ON, OFF, TOGGLE, BLINK, FLASH and STATUS")]
    Unknown,
    /// The controller would refuse the words.
    #[error("{0}")]
    Refused(String),
    /// It was retained, so it was meant for the time when it was published.
    #[error("a retained command; publish commands without --retain")]
    Retained,
    /// WATCH, which led-mqtt itself uses.
    #[error("subscribe to the state topic instead of WATCH")]
    Watch,
}

/// What Home Assistant publishes. Members that are not listed are ignored: later versions may have more.
#[derive(Deserialize)]
struct Light {
    /// A word or a boolean.
    state: Option<Value>,
    effect: Option<String>,
    /// In seconds.
    flash: Option<f64>,
    /// In percent.
    brightness: Option<f64>,
    /// In seconds.
    transition: Option<f64>,
}

/// The command in a payload: `ON`, `BLINK 500 500 3` or another command of type 1, or JSON such as
/// `{"state": "ON", "effect": "blink"}`. JSON with an effect and a brightness is two commands, the brightness first. Exit is not a
/// command of type 1, so no payload ends the controller.
///
/// # Errors
///
/// The payload is not a command.
pub fn decode(payload: &[u8]) -> Result<Vec<Command>, PayloadError> {
    if payload.len() > PAYLOAD_MAX {
        return Err(PayloadError::TooLong(payload.len()));
    }
    let text = payload.trim_ascii();
    match text {
        [b'{', ..] => serde_json::from_slice(text)
            .map_err(|error| PayloadError::Json(error.to_string()))
            .and_then(light),
        // What some publishers make of a word.
        [b'"', word @ .., b'"'] => words(word.trim_ascii()).map(|word| vec![word]),
        _ => words(text).map(|command| vec![command]),
    }
}

fn words(text: &[u8]) -> Result<Command, PayloadError> {
    // What some publishers make of a boolean.
    for (word, command) in [("true", Command::ON), ("false", Command::OFF)] {
        if text.eq_ignore_ascii_case(word.as_bytes()) {
            return Ok(command);
        }
    }
    if text.contains(&0) {
        return Err(PayloadError::Nul);
    }
    let message: Incoming =
        Message::new(MessageType::LED, text).ok_or(PayloadError::TooLong(text.len()))?;
    match Request::decode(&message) {
        Ok(Request {
            command: Command::Watch(_),
            ..
        }) => Err(PayloadError::Watch),
        Ok(Request { command, .. }) => Ok(command),
        Err(Refused {
            refusal: Refusal::UnknownVerb,
            ..
        }) => Err(PayloadError::Unknown),
        Err(refused) => Err(PayloadError::Refused(refused.refusal.to_string())),
    }
}

fn light(light: Light) -> Result<Vec<Command>, PayloadError> {
    let Light {
        state,
        effect,
        flash,
        brightness,
        transition,
    } = light;
    let state = state.as_ref().map(switch).transpose()?;
    let fade = transition.and_then(fade);
    let percent = brightness.and_then(percent);
    let on = |fade| Command::On {
        brightness: percent,
        fade,
    };
    match (state, brightness) {
        // Zero is Home Assistant's slider at its lower end.
        (Some(Command::OFF), _) | (_, Some(..=0.0)) => return Ok(vec![Command::Off { fade }]),
        _ => {}
    }
    match (flash, effect, state, brightness) {
        (Some(seconds), ..) => Ok(vec![Command::Flash(flashes(seconds))]),
        (_, Some(effect), ..) => Ok(match (effect_of(effect.trim())?, percent) {
            (None, _) => vec![on(fade)],
            (Some(blink), None) => vec![blink],
            (Some(blink), Some(_)) => vec![on(None), blink],
        }),
        (_, _, Some(Command::Toggle), _) => Ok(vec![Command::Toggle]),
        (_, _, Some(_), _) | (.., Some(_)) => Ok(vec![on(fade)]),
        _ => Err(PayloadError::Json(
            "it has no state, effect, flash or brightness".into(),
        )),
    }
}

/// A brightness above 0 in percent.
fn percent(brightness: f64) -> Option<Brightness> {
    // A cast saturates.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let percent = brightness.round() as u32;
    Brightness::new(percent.clamp(1, 100))
}

/// A fade that takes this many seconds; none if they are not positive.
fn fade(seconds: f64) -> Option<Fade> {
    let longest = Blink::PHASE.end().as_secs_f64();
    (seconds > 0.0)
        .then(|| Duration::from_secs_f64(seconds.clamp(0.001, longest)))
        .and_then(Fade::new)
}

fn switch(state: &Value) -> Result<Command, PayloadError> {
    let command = match state {
        Value::Bool(true) => Some(Command::ON),
        Value::Bool(false) => Some(Command::OFF),
        Value::String(word) => words(word.trim().as_bytes()).ok(),
        _ => None,
    };
    command
        .filter(|command| matches!(*command, Command::ON | Command::OFF | Command::Toggle))
        .ok_or_else(|| PayloadError::Json("its state is not ON, OFF or TOGGLE".into()))
}

/// The command of an effect; none for that of an LED that does not blink.
fn effect_of(effect: &str) -> Result<Option<Command>, PayloadError> {
    if effect.eq_ignore_ascii_case(NO_EFFECT) {
        return Ok(None);
    }
    let phase = EFFECTS
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(effect))
        .map(|(_, phase)| Duration::from_millis(*phase));
    let command = match phase.and_then(|phase| Blink::new(phase, phase, None)) {
        Some(blink) => Some(Command::Blink(blink)),
        None => words(effect.as_bytes())
            .ok()
            .filter(|command| matches!(command, Command::Blink(_))),
    };
    command.map(Some).ok_or(PayloadError::Effect)
}

/// One flash a second, at least one.
fn flashes(seconds: f64) -> Blink {
    let half = Duration::from_millis(500);
    // A cast saturates, and NaN becomes 0.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let count = (seconds as u32).clamp(1, FLASH_MAX);
    Blink::new(half, half, Some(count)).unwrap_or_else(|| unreachable!("both are in range"))
}

/// A state as JSON. It has no number of flashes left, which a retained state would have to follow. An LED that can be dimmed has
/// a brightness while it is on.
pub(crate) fn encode(light: shared::Light, dims: bool) -> String {
    let effect = match light.state {
        State::Off => return json!({"state": "OFF", "effect": NO_EFFECT}).to_string(),
        State::On => NO_EFFECT.to_owned(),
        State::Blink(blink) => {
            let (on, off) = (blink.on().as_millis(), blink.off().as_millis());
            let is_same =
                |(_, phase): &&(&str, u64)| (on, off) == (u128::from(*phase), u128::from(*phase));
            let effect = EFFECTS.iter().find(is_same);
            effect.map_or_else(
                || format!("blink {on} {off}"),
                |(name, _)| (*name).to_owned(),
            )
        }
    };
    let mut json = json!({"state": "ON", "effect": effect});
    if dims {
        json["brightness"] = light.brightness.percent().into();
    }
    json.to_string()
}

#[cfg(test)]
mod tests;
