//! The LED of the kernel that a controller drives.

use std::{fs, io, os::unix::fs::MetadataExt};

use shared::{
    QueueStatus,
    account::{Group, User},
    kernel_led::KernelLed,
};

use super::{Finding, Good, Problem};

/// Checks the LED with this name. `queue` is that of the controller: its creator must be able to write to the files of the LED.
pub(super) fn check(name: &str, queue: Option<&QueueStatus>) -> Finding {
    let led = KernelLed::new(name);
    let name = name.escape_debug();
    let found = led
        .brightest()
        .and_then(|brightest| Ok((brightest, led.active_trigger()?)));
    match found {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Problem(format!(
            "the kernel has no LED {name} any more: restart the controller"
        )),
        Err(error) => Problem(format!("LED {name}: {error}")),
        Ok((_, Some(trigger))) => Problem(format!(
            "LED {name} is also driven by its trigger {}, which another program has set: \"led on\" ends it",
            trigger.escape_debug()
        )),
        Ok(_) if !may_write(&led, queue) => Problem(format!(
            "the controller may not write {}: install the udev rule of the package, or run \"sudo udevadm trigger \
             --action=change --subsystem-match=leds\"",
            led.brightness().display().to_string().escape_debug()
        )),
        Ok((1, None)) => Good(format!("LED {name} can only be on or off")),
        Ok((brightest, None)) => Good(format!("LED {name} has {brightest} levels above off")),
    }
}

/// Whether the controller may write to the LED. It runs as the owner of the queue.
fn may_write(led: &KernelLed, queue: Option<&QueueStatus>) -> bool {
    let (Some(queue), Ok(file)) = (queue, fs::metadata(led.brightness())) else {
        return true;
    };
    // Root creates the queues of the service.
    let user = User(queue.permissions.owner);
    let is_in_group = || file.mode() & 0o020 != 0 && Group(file.gid()).has(user);
    [0, file.uid()].contains(&user.0) || file.mode() & 0o002 != 0 || is_in_group()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use shared::{Mode, Permissions, Queue};

    use super::*;

    #[test]
    fn who_writes_is_the_owner_of_the_queue_and_not_root_who_created_it_for_the_service() {
        let directory = tempfile::tempdir().unwrap();
        let led = KernelLed::new(directory.path().to_str().unwrap());
        fs::write(led.brightness(), "0").unwrap();
        let own = fs::metadata(led.brightness()).unwrap().uid();
        let queue = Queue::private(Mode::new(0o600).unwrap()).unwrap();
        let found = queue.status().unwrap();
        let of = |owner| QueueStatus {
            creator: 0,
            permissions: Permissions {
                owner,
                ..found.permissions
            },
            ..found
        };
        for (owner, mode, expected) in [
            (own, 0o644, true),
            (54_321, 0o644, false),
            (54_321, 0o646, true),
        ] {
            fs::set_permissions(led.brightness(), fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(
                may_write(&led, Some(&of(owner))),
                expected,
                "{owner} {mode:o}"
            );
        }
    }
}
