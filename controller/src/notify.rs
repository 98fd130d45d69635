//! Notifies the service manager, see sd_notify(3).

use std::{
    env, io,
    os::{
        linux::net::SocketAddrExt,
        unix::{
            ffi::OsStrExt,
            net::{SocketAddr, UnixDatagram},
        },
    },
    time::Duration,
};

/// How long to wait for room in the socket if the service manager does not read.
const PATIENCE: Duration = Duration::from_secs(1);

/// Whether a service manager started this process, and waits until it is ready.
pub(crate) fn is_awaited() -> bool {
    env::var_os("NOTIFY_SOCKET").is_some()
}

/// Sends assignments such as `READY=1` to the service manager, if there is one. Logs an error: it changes nothing else.
pub fn notify(assignments: &str) {
    if let Err(error) = send(assignments.as_bytes()) {
        log::warn!("cannot notify the service manager: {error}");
    }
}

fn send(assignments: &[u8]) -> io::Result<()> {
    let Some(path) = env::var_os("NOTIFY_SOCKET") else {
        return Ok(());
    };
    let address = match path.as_bytes().strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name)?,
        None => SocketAddr::from_pathname(path)?,
    };
    let socket = UnixDatagram::unbound()?;
    socket.set_write_timeout(Some(PATIENCE))?;
    socket.send_to_addr(assignments, &address).map(drop)
}
