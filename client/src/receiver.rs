//! A thread that sleeps in msgrcv(2), for a thread that sleeps in poll(2).

use std::{
    io::{self, PipeReader, PipeWriter, Read, Write, pipe},
    sync::mpsc::{self, Sender, channel},
    thread,
};

use shared::{Error, Message, MessageType, Oversize, Queue, Select};

/// Receives messages, one for each request. The thread ends when this is dropped and its last receive has ended.
pub(crate) struct Receiver {
    requests: Sender<(Queue, MessageType)>,
    messages: mpsc::Receiver<Result<Message, Error>>,
    pipe: PipeReader,
}

impl Receiver {
    /// Starts the thread.
    pub(crate) fn start() -> io::Result<Receiver> {
        let (requests, requested) = channel();
        let (received, messages) = channel();
        let (pipe, writer) = pipe()?;
        thread::Builder::new()
            .name("receive".into())
            .spawn(move || receive(&requested, &received, writer))?;
        Ok(Receiver {
            requests,
            messages,
            pipe,
        })
    }

    /// Requests a message of this type. The pipe becomes readable when the message was received.
    pub(crate) fn request(&self, queue: Queue, of: MessageType) {
        // Sending does not fail: the thread ends only after this side.
        let _ = self.requests.send((queue, of));
    }

    pub(crate) fn pipe(&self) -> &PipeReader {
        &self.pipe
    }

    /// Takes the message, once the pipe is readable.
    pub(crate) fn take(&mut self) -> Option<Result<Message, Error>> {
        let _ = self.pipe.read(&mut [0]);
        self.messages.try_recv().ok()
    }
}

fn receive(
    requested: &mpsc::Receiver<(Queue, MessageType)>,
    received: &Sender<Result<Message, Error>>,
    mut writer: PipeWriter,
) {
    for (queue, of) in requested {
        let message = queue.receive(Select::Type(of), Oversize::Truncate);
        if received.send(message).is_err() || writer.write_all(&[0]).is_err() {
            return;
        }
    }
}
