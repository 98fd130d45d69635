//! A broker that behaves as a test says.

use std::{
    io::Write,
    net::{SocketAddr, TcpListener, TcpStream},
    thread,
};

use super::{Properties, address, packet};

/// A packet of the client: its first byte, and what follows its length.
pub type Packet<'a> = (u8, &'a [u8]);

/// A broker that replies as a test says. It ends with the process: accept(2) cannot be ended.
#[derive(Debug)]
pub struct Fake {
    /// Where it listens.
    pub address: SocketAddr,
}

impl Fake {
    /// Starts one. The function gets each packet, and the stream to write to. At `false` it reads no further packet, and keeps the
    /// connection.
    #[must_use]
    pub fn start(
        serve: impl FnMut(Packet<'_>, &mut TcpStream) -> bool + Clone + Send + 'static,
    ) -> Fake {
        let listener = TcpListener::bind(address()).expect("the address is free");
        let address = listener.local_addr().expect("it is bound");
        thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let mut serve = serve.clone();
                thread::spawn(move || {
                    while let Ok((first, body)) = packet::read(&mut stream) {
                        if !serve((first, &body), &mut stream) {
                            // The connection stays until the client ends it.
                            thread::park();
                        }
                    }
                });
            }
        });
        Fake { address }
    }

    /// Its URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("mqtt://{}", self.address)
    }
}

/// Replies to a packet as a broker does that permits everything and keeps nothing.
pub fn serve((first, body): Packet<'_>, stream: &mut TcpStream) {
    let id = body.get(..2).unwrap_or_default();
    let reply = match first & 0xf0 {
        0x10 => vec![0x20, 3, 0, 0, 0],
        0x80 => {
            let filters = filters(body).len();
            let length = u8::try_from(3 + filters).expect("few filters");
            [&[0x90, length][..], id, &[0], &vec![1; filters]].concat()
        }
        0x30 => match publish_id(first, body) {
            [] => return,
            id => [&[0x40, 2], id].concat(),
        },
        0xc0 => vec![0xd0, 0],
        _ => return,
    };
    // The client may have gone.
    let _ = stream.write_all(&reply);
}

/// Sends a message to the client, with QoS 0.
pub fn send(topic: &str, payload: &str, with: Properties<'_>, stream: &mut TcpStream) {
    // The client may have gone.
    let _ = stream.write_all(&packet::publish(topic, payload.as_ref(), &[], with));
}

/// Refuses a message that was published, with this reason code.
pub fn refuse((first, body): Packet<'_>, code: u8, stream: &mut TcpStream) {
    let id = publish_id(first, body);
    let _ = stream.write_all(&[0x40, 3, id[0], id[1], code]);
}

/// The topic of a message that is published; none for another packet.
#[must_use]
pub fn topic((first, body): Packet<'_>) -> Option<String> {
    let length =
        (first & 0xf0 == 0x30).then(|| usize::from(body[0]) << 8 | usize::from(body[1]))?;
    Some(String::from_utf8_lossy(&body[2..2 + length]).into_owned())
}

/// The identifier of a message that is published; nothing at QoS 0.
fn publish_id(first: u8, body: &[u8]) -> &[u8] {
    let end = 2 + (usize::from(body[0]) << 8 | usize::from(body[1]));
    if first & 6 == 0 {
        &[]
    } else {
        &body[end..end + 2]
    }
}

/// The topics of a SUBSCRIBE.
fn filters(body: &[u8]) -> Vec<String> {
    let (mut rest, mut filters) = (&body[3..], Vec::new());
    while let [high, low, after @ ..] = rest {
        let length = usize::from(*high) << 8 | usize::from(*low);
        filters.push(String::from_utf8_lossy(&after[..length]).into_owned());
        rest = &after[length + 1..];
    }
    filters
}
