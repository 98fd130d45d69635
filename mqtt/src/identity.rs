//! Which machine this is.

use std::fs;

/// A part of the hostname in topics and identifiers: what Home Assistant does not permit is a hyphen.
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

/// The hostname, mapped.
pub(crate) fn hostname() -> Option<String> {
    let name = nix::unistd::gethostname().ok()?;
    Some(mapped(&name.to_string_lossy())).filter(|name| !name.is_empty())
}

/// The serial number of the board, else a number made from machine-id(5), which itself must stay secret.
///
/// Hostnames repeat. So does the machine ID on cards with the same image.
pub(crate) fn serial_number() -> Option<String> {
    let serial = device_tree("serial-number").map(|serial| mapped(&serial));
    serial.or_else(|| {
        let id = fs::read_to_string("/etc/machine-id")
            .ok()
            .filter(|id| !id.trim().is_empty())?;
        Some(format!("{:016x}", fnv1a(id.trim().as_bytes())))
    })
}

/// The FNV-1a hash: the same on each machine and with each compiler. 64 bits do not tell the 128 of the machine ID.
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
