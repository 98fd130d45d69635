//! Which machine this is.

use std::fs;

use crate::config::NAME_MAX;

/// The hostname as it is used in topics and identifiers: a hyphen replaces each character that Home Assistant does not permit.
pub(crate) fn mapped(name: &str) -> String {
    name.chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || c == '_' || c == '-' {
                c
            } else {
                '-'
            }
        })
        .collect()
}

/// The hostname of this machine, with these hyphens.
pub(crate) fn hostname() -> Option<String> {
    let name = nix::unistd::gethostname().ok()?;
    Some(mapped(&name.to_string_lossy())).filter(|name| !name.is_empty())
}

/// The serial number of the board, or, without one, a hash of machine-id(5), which itself must stay secret.
///
/// The hostname would not be unique. The machine ID is not unique either on cards with the same image.
pub(crate) fn serial_number() -> Option<String> {
    let serial = device_tree("serial-number").map(|serial| mapped(&serial));
    let serial = serial.filter(|serial| serial.len() <= NAME_MAX);
    serial.or_else(|| {
        let id = fs::read_to_string("/etc/machine-id")
            .ok()
            .filter(|id| !id.trim().is_empty())?;
        Some(format!("{:016x}", fnv1a(id.trim().as_bytes())))
    })
}

/// The FNV-1a hash, which does not depend on the machine or the compiler. A 64-bit hash does not reveal the 128-bit machine ID.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
    })
}

/// The name of the board, such as `Raspberry Pi 5 Model B Rev 1.0`.
pub(crate) fn model() -> Option<String> {
    device_tree("model")
}

fn device_tree(name: &str) -> Option<String> {
    let text = fs::read_to_string(format!("/sys/firmware/devicetree/base/{name}")).ok()?;
    Some(text.trim_end_matches('\0').to_owned()).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_mapped_to_what_home_assistant_permits() {
        assert_eq!(mapped("pi.local"), "pi-local");
        assert_eq!(mapped("Küche_2"), "K-che_2");
    }

    #[test]
    fn the_hash_is_fnv1a() {
        assert_eq!(
            (fnv1a(b""), fnv1a(b"foobar")),
            (0xcbf2_9ce4_8422_2325, 0x8594_4171_f739_67e8)
        );
    }
}
