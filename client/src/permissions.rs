//! Whose a queue is, for messages.

use std::io;

use shared::{
    Access, Key, Permissions,
    account::{Group, User},
};

/// Owner, group and mode of a queue, with the names at the time of the error.
#[derive(Clone, Debug)]
pub struct NamedPermissions {
    /// The numbers.
    pub permissions: Permissions,
    /// The name of the owner, or the number.
    pub owner: String,
    /// The name of the group, or the number.
    pub group: String,
}

impl NamedPermissions {
    /// Whether the mode permits the group to receive, or to send.
    #[must_use]
    pub fn permit_group(&self, access: Access) -> bool {
        let bit = match access {
            Access::Receive => 0o040,
            _ => 0o020,
        };
        self.permissions.mode.bits() & bit != 0
    }
}

impl From<Permissions> for NamedPermissions {
    fn from(permissions: Permissions) -> Self {
        NamedPermissions {
            permissions,
            owner: User(permissions.owner).name(),
            group: Group(permissions.group).name(),
        }
    }
}

/// Why this user may not use the queue.
pub(crate) fn denied(
    key: Key,
    permissions: Option<&NamedPermissions>,
    source: &io::Error,
) -> String {
    match permissions {
        Some(NamedPermissions {
            permissions,
            owner,
            group,
        }) => format!(
            "permission denied: queue {key} belongs to {owner}:{group} ({})",
            permissions.mode
        ),
        None => format!("queue {key}: {source}"),
    }
}
