//! Host names that end in `.local`, which devices of the local network announce themselves (multicast DNS, RFC 6762).
//!
//! A program that is linked statically has no nss-mdns(8), so this asks avahi-daemon(8) as that does.

use std::{io, path::Path};

use rumqttc::{NetworkOptions, default_socket_connect};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{TcpStream, UnixStream},
};

/// Where avahi-daemon serves its simple protocol.
const AVAHI: &str = "/run/avahi-daemon/socket";

/// Whether a host has such a name.
pub(super) fn is_local(host: &str) -> bool {
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    host.ends_with(".local")
}

/// Connects to `HOST:PORT`. Without avahi-daemon, or if it does not know the name, the system looks it up.
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
async fn resolve(avahi: &Path, name: &str) -> io::Result<String> {
    let mut stream = BufReader::new(UnixStream::connect(avahi).await?);
    let question = format!("RESOLVE-HOSTNAME-IPV4 {name}\n");
    stream.write_all(question.as_bytes()).await?;
    let mut reply = String::new();
    stream.read_line(&mut reply).await?;
    // `+ INTERFACE PROTOCOL NAME ADDRESS`, or `-ERROR TEXT`.
    let mut words = reply.split_ascii_whitespace();
    match (words.next(), words.nth(3)) {
        (Some("+"), Some(address)) => Ok(address.to_owned()),
        _ => Err(io::Error::new(io::ErrorKind::NotFound, reply)),
    }
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
        let replies = [
            "+ 2 0 homeassistant.local 192.0.2.7\n",
            "-15 Timeout reached\n",
            "",
        ];
        let avahi = thread::spawn(move || {
            replies.map(|reply| {
                let (stream, _) = listener.accept().unwrap();
                let mut question = String::new();
                let mut reader = std::io::BufReader::new(&stream);
                reader.read_line(&mut question).unwrap();
                (&stream).write_all(reply.as_bytes()).unwrap();
                question
            })
        });
        let address = resolve(&path, "homeassistant.local").await.unwrap();
        assert_eq!(address, "192.0.2.7");
        for _ in 1..replies.len() {
            let error = resolve(&path, "x.local").await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::NotFound);
        }
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
