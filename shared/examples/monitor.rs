//! Prints the state of a queue, as msgctl(2) returns it with `IPC_STAT`. The process that serves the queue is not involved.
//!
//! The key is 1234, or the first argument. With `MSG_STAT_ANY` this also works for queues that the user may not read.
//!
//! ```text
//! $ cargo run --quiet --package shared --example monitor
//! queue 32769 with key 1234
//! msg_qnum    1 waiting
//! msg_cbytes  23 B
//! msg_qbytes  16384 B at most
//! msg_lspid   4711 sent last
//! msg_lrpid   no process received last
//! msg_stime   2 s ago sent
//! msg_rtime   never received
//! msg_ctime   5 s ago created or changed
//! msg_perm    owner root (0), group root (0), mode 0666
//! ```

mod failure;

use std::{env, time::SystemTime};

use shared::{
    Access, Key, Queue,
    account::{Group, User},
};

use failure::Failure;

fn main() -> Result<(), Failure> {
    let key = env::args()
        .nth(1)
        .map_or(Ok(Key::DEFAULT), |key| key.parse())?;
    let queue = Queue::open(key, Access::Find)?;
    let status = queue.status()?;
    let process = |pid: Option<u32>| pid.map_or("no process".to_owned(), |pid| pid.to_string());
    let ago = |time: Option<SystemTime>| match time.map(|time| time.elapsed()) {
        Some(Ok(ago)) => format!("{} s ago", ago.as_secs()),
        Some(Err(_)) => "in the future".to_owned(),
        None => "never".to_owned(),
    };
    println!("queue {} with key {key}", queue.id());
    println!("msg_qnum    {} waiting", status.messages);
    println!("msg_cbytes  {} B", status.bytes);
    println!("msg_qbytes  {} B at most", status.limit);
    println!("msg_lspid   {} sent last", process(status.last_sender));
    println!(
        "msg_lrpid   {} received last",
        process(status.last_receiver)
    );
    println!("msg_stime   {} sent", ago(status.last_sent));
    println!("msg_rtime   {} received", ago(status.last_received));
    println!(
        "msg_ctime   {} created or changed",
        ago(status.last_changed)
    );
    let permissions = status.permissions;
    let (owner, group) = (User(permissions.owner), Group(permissions.group));
    println!(
        "msg_perm    owner {owner}, group {group}, mode {}",
        permissions.mode
    );
    Ok(())
}
