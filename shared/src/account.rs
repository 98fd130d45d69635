//! Users and groups by name and number, from passwd(5) and group(5).
//!
//! Names are read from the files, because the C library of a statically linked program would load shared objects of the running
//! system. Accounts that only a directory service knows stay numbers.

use std::{fmt, fs};

use nix::unistd::{getegid, geteuid, getgroups};

/// `(uid_t) -1` and `(gid_t) -1`, which system calls take for "no change".
const NOT_AN_ID: u32 = u32::MAX;

/// The default of `/proc/sys/kernel/overflowuid`, which a service may not be able to read.
const OVERFLOW_USER: u32 = 65_534;

/// The effective user of this process: geteuid(2).
#[must_use]
pub fn own_user() -> u32 {
    geteuid().as_raw()
}

/// Whether this number stands for any user whom the user namespace of this process does not map: all of them have the number in
/// `/proc/sys/kernel/overflowuid`, see user_namespaces(7). Such a number identifies nobody.
#[must_use]
pub fn is_unmapped(user: u32) -> bool {
    // In the first user namespace one line maps all users to themselves.
    let map = read("/proc/self/uid_map");
    if map.split_ascii_whitespace().eq(["0", "0", "4294967295"]) {
        return false;
    }
    let overflow = read("/proc/sys/kernel/overflowuid");
    user == overflow.trim_end().parse().unwrap_or(OVERFLOW_USER)
}

/// The effective group and the supplementary groups of this process: getegid(2) and getgroups(2). They are those of the login;
/// later changes of group(5) do not apply.
#[must_use]
pub fn own_groups() -> Vec<u32> {
    let supplementary = getgroups().unwrap_or_default();
    [getegid()]
        .into_iter()
        .chain(supplementary)
        .map(nix::unistd::Gid::as_raw)
        .collect()
}

/// The user ID for a name in passwd(5), or for a decimal number; none for another text.
#[must_use]
pub fn user_id(name: &str) -> Option<u32> {
    id("/etc/passwd", name)
}

/// The group ID for a name in group(5), or for a decimal number; none for another text.
#[must_use]
pub fn group_id(name: &str) -> Option<u32> {
    id("/etc/group", name)
}

fn id(file: &str, name: &str) -> Option<u32> {
    let named = read(file)
        .lines()
        .find_map(|line| entry(line).filter(|entry| entry.0 == name))
        .map(|entry| entry.1);
    let is_number = name.bytes().all(|byte| byte.is_ascii_digit());
    named.or_else(|| name.parse().ok().filter(|&id| is_number && id != NOT_AN_ID))
}

/// A user, shown as `name (number)` or as the number alone.
///
/// ```
/// use shared::account::{Group, User};
///
/// assert_eq!(User(0).to_string(), "root (0)");
/// assert_eq!(Group(4_000_000_000).name(), "4000000000");
/// ```
#[derive(Clone, Copy, Debug)]
pub struct User(pub u32);

impl User {
    /// Its name, or its number where it has none.
    #[must_use]
    pub fn name(self) -> String {
        name("/etc/passwd", self.0).unwrap_or_else(|| self.0.to_string())
    }
}

impl fmt::Display for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        named(f, "/etc/passwd", self.0)
    }
}

/// A group, shown as `name (number)` or as the number alone.
#[derive(Clone, Copy, Debug)]
pub struct Group(pub u32);

impl Group {
    /// Its name, or its number where it has none: what commands like usermod(8) take.
    #[must_use]
    pub fn name(self) -> String {
        name("/etc/group", self.0).unwrap_or_else(|| self.0.to_string())
    }

    /// Whether passwd(5) or group(5) lists the user as a member. That applies from the next login.
    #[must_use]
    pub fn has(self, user: User) -> bool {
        let name = user.name();
        let lists = |line: &str| {
            let mut members = line.rsplit(':').next().unwrap_or_default().split(',');
            entry(line).is_some_and(|(_, id)| id == self.0) && members.any(|member| member == name)
        };
        let is_own = |line: &str| {
            entry(line).is_some_and(|(_, id)| id == user.0)
                && line.split(':').nth(3).and_then(|group| group.parse().ok()) == Some(self.0)
        };
        read("/etc/group").lines().any(lists) || read("/etc/passwd").lines().any(is_own)
    }
}

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        named(f, "/etc/group", self.0)
    }
}

fn named(f: &mut fmt::Formatter<'_>, file: &str, id: u32) -> fmt::Result {
    match name(file, id) {
        Some(name) => write!(f, "{name} ({id})"),
        None => write!(f, "{id}"),
    }
}

fn name(file: &str, id: u32) -> Option<String> {
    read(file)
        .lines()
        .find_map(|line| entry(line).filter(|entry| entry.1 == id))
        .map(|(name, _)| name.to_owned())
}

/// A file that cannot be read counts as empty. A name that is not UTF-8 must not hide the others.
fn read(file: &str) -> String {
    fs::read(file)
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        .unwrap_or_default()
}

/// Name and number: the first and third field in both files.
fn entry(line: &str) -> Option<(&str, u32)> {
    let mut fields = line.split(':');
    let name = fields.next()?;
    let id = fields.nth(1)?.parse().ok()?;
    Some((name, id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_has_a_name_and_a_stranger_a_number() {
        assert_eq!(User(0).to_string(), "root (0)");
        assert_eq!(Group(0).to_string(), "root (0)");
        assert_eq!(group_id("root"), Some(0));
        assert_eq!(User(4_000_000_000).to_string(), "4000000000");
        assert_eq!(group_id("no such group"), None);
        assert_eq!(
            (user_id("root"), user_id("54321"), user_id("+1")),
            (Some(0), Some(54_321), None)
        );
        assert_eq!(group_id("4294967295"), None);
        assert!(Group(0).has(User(0)));
        assert!(!Group(0).has(User(4_000_000_000)));
    }

    #[test]
    fn lines_without_a_number_are_passed_over() {
        assert_eq!(entry("gpio:x:997:pi"), Some(("gpio", 997)));
        assert_eq!(entry("+::::::"), None);
        assert_eq!(entry("# comment"), None);
        assert_eq!(entry(""), None);
    }
}
