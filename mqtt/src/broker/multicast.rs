//! Host names that end in `.local`: multicast DNS, RFC 6762.
//!
//! A statically linked program cannot load nss-mdns(8), so this asks avahi-daemon(8) directly.

use std::{io, net::Ipv4Addr, path::Path, time::Duration};

use rumqttc::{NetworkOptions, default_socket_connect};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpStream, UnixStream},
    time::timeout,
};

/// How long it may take: less than the connection may. It gives up after five seconds itself.
const PATIENCE: Duration = Duration::from_secs(3);
/// The longest reply, in bytes.
const REPLY_MAX: u64 = 1024;
/// Where avahi-daemon serves its simple protocol.
const AVAHI: &str = "/run/avahi-daemon/socket";

/// Whether a host has such a name.
pub(super) fn is_local(host: &str) -> bool {
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    host.ends_with(".local")
}

/// Connects to `HOST:PORT`. If avahi-daemon does not run or does not know the name, the C library looks it up.
///
/// # Errors
///
/// Those of connect(2), and of the lookup.
pub(super) async fn connect(host: String, options: NetworkOptions) -> io::Result<TcpStream> {
    let (name, port) = host.rsplit_once(':').unwrap_or((&host, ""));
    let address = match resolve(Path::new(AVAHI), name).await {
        Ok(address) => format!("{address}:{port}"),
        Err(_) => host,
    };
    default_socket_connect(address, options).await
}

/// The IPv4 address that avahi-daemon finds.
async fn resolve(avahi: &Path, name: &str) -> io::Result<Ipv4Addr> {
    timeout(PATIENCE, ask(avahi, name)).await?
}

async fn ask(avahi: &Path, name: &str) -> io::Result<Ipv4Addr> {
    let mut stream = UnixStream::connect(avahi).await?;
    let question = format!("RESOLVE-HOSTNAME-IPV4 {name}\n");
    stream.write_all(question.as_bytes()).await?;
    let mut reply = String::new();
    let mut stream = BufReader::new(stream.take(REPLY_MAX));
    stream.read_line(&mut reply).await?;
    // `+ INTERFACE PROTOCOL NAME ADDRESS`, or `-ERROR TEXT`.
    let line = reply.strip_suffix('\n').unwrap_or_default();
    let mut words = line.split_ascii_whitespace();
    let address = match (words.next(), words.nth(3)) {
        (Some("+"), Some(address)) => address.parse().ok(),
        _ => None,
    };
    address.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, reply))
}

#[cfg(test)]
mod tests {
    use std::{
        io::{BufRead, Write},
        os::unix::net::UnixListener,
        thread,
    };

    use super::*;

    #[tokio::test]
    async fn a_name_is_what_avahi_replies() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        let listener = UnixListener::bind(&path).unwrap();
        let flood = "+ 2 0 x.local 192.0.2.7 ".repeat(100_000);
        let replies = [
            "+ 2 0 homeassistant.local 192.0.2.7\n",
            "-15 Timeout reached\n",
            "",
            "+ 2 0 x.local evil.example.org\n",
            &flood,
        ]
        .map(str::to_owned);
        let avahi = thread::spawn(move || {
            replies.map(|reply| {
                let (stream, _) = listener.accept().unwrap();
                let mut question = String::new();
                let mut reader = std::io::BufReader::new(&stream);
                reader.read_line(&mut question).unwrap();
                // Nobody reads all of a long one.
                let _ = (&stream).write_all(reply.as_bytes());
                question
            })
        });
        let address = resolve(&path, "homeassistant.local").await.unwrap();
        assert_eq!(address.to_string(), "192.0.2.7");
        for _ in 1..5 {
            let error = resolve(&path, "x.local").await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::NotFound);
        }
        // It does not reply at all.
        let silent = UnixListener::bind(folder.path().join("silent")).unwrap();
        let error = resolve(&folder.path().join("silent"), "x.local").await;
        assert_eq!(error.unwrap_err().kind(), io::ErrorKind::TimedOut);
        drop(silent);
        let questions = avahi.join().unwrap();
        assert_eq!(questions[0], "RESOLVE-HOSTNAME-IPV4 homeassistant.local\n");
        assert!(
            resolve(&folder.path().join("none"), "x.local")
                .await
                .is_err()
        );
    }

    #[test]
    fn only_names_of_the_local_network_are_asked_for() {
        for (host, expected) in [
            ("homeassistant.local", true),
            ("Pi.LOCAL.", true),
            ("local", false),
            ("broker.example.org", false),
            ("192.0.2.1", false),
        ] {
            assert_eq!(is_local(host), expected, "{host}");
        }
    }
}
