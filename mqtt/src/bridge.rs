//! The loop between the broker and the LEDs.

use std::{
    hash::{BuildHasher, RandomState},
    io,
    pin::{Pin, pin},
    sync::Arc,
    time::Duration,
};

use sd_notify::NotifyState;
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::{
        broadcast::{self, error::RecvError},
        watch,
    },
    time::{Instant, sleep, sleep_until, timeout},
};

use crate::{
    Error,
    backoff::{Backoff, after_takeover},
    board::{Board, Response, Status},
    broker::{Cause, Connection, Loss, Options},
    client_id,
    commands::Commands,
    config::Config,
    retained::History,
    session::Session,
    topics::{OFFLINE, Topics},
};

/// How long publishing the last messages, and then disconnecting, may each take.
const END_TIMEOUT: Duration = Duration::from_secs(2);

/// Serves the LEDs until SIGTERM, SIGINT or SIGHUP. Then retains that they are offline.
///
/// # Errors
///
/// A file of the configuration cannot be read, or a thread cannot be started.
pub(crate) async fn run(config: &Config) -> Result<(), Error> {
    let topics = Topics::new(config);
    let board = Arc::new(Board::new(config.leds.len()));
    let process = RandomState::new().hash_one(()).to_le_bytes();
    let will = (&*topics.availability, OFFLINE, &process[..]);
    let options = Options::new(config, &client_id(config, ""), Some(will))?;
    let mut end = pin!(signals().map_err(Error::Start)?);
    let commands = Commands::start(config, &topics, &board).map_err(Error::Start)?;
    // Before the broker knows the last will: it is retained also if this process is killed while it connects.
    let mut history = History::read();
    history.add(&topics.retained());
    let _ = sd_notify::notify(&[NotifyState::Ready]);
    let mut bridge = Bridge {
        config,
        topics: &topics,
        commands: &commands,
        statuses: board.statuses.subscribe(),
        responses: board.responses.subscribe(),
        board: &board,
        history,
        process,
        before: None,
        others: 0,
        backoff: Backoff::default(),
        last_reason: String::new(),
        is_quiet: false,
        refusals: Vec::new(),
    };
    loop {
        let connection = Connection::open(&options);
        let Some((loss, session)) = bridge.serve(connection, end.as_mut()).await else {
            break;
        };
        tokio::select! {
            () = sleep(bridge.lost(loss, &session)) => {}
            () = &mut end => break,
        }
    }
    log::info!("ended by a signal");
    board.limit.report();
    Ok(())
}

/// The signals that end the service, as a future.
fn signals() -> io::Result<impl Future<Output = ()>> {
    let [mut terminate, mut interrupt, mut hangup] = [
        signal(SignalKind::terminate())?,
        signal(SignalKind::interrupt())?,
        signal(SignalKind::hangup())?,
    ];
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            _ = hangup.recv() => {}
        }
    })
}

/// The state that outlives a connection.
pub(crate) struct Bridge<'a> {
    pub(crate) config: &'a Config,
    pub(crate) topics: &'a Topics,
    pub(crate) commands: &'a Commands<'a>,
    pub(crate) board: &'a Board,
    pub(crate) statuses: watch::Receiver<Vec<Status>>,
    responses: broadcast::Receiver<Response>,
    pub(crate) history: History,
    /// A number that no other process has.
    pub(crate) process: [u8; 8],
    /// Who had published the availability before the first connection, if anybody; none until then.
    pub(crate) before: Option<Option<Vec<u8>>>,
    /// At how many connections in a row another process had published it since.
    pub(crate) others: u8,
    backoff: Backoff,
    /// Why the last connection was lost.
    last_reason: String,
    /// Whether the last connection was lost for a reason that was logged before: the next one is logged once it is complete.
    pub(crate) is_quiet: bool,
    /// What the broker refused, and why. Each is logged once.
    pub(crate) refusals: Vec<String>,
}

impl Bridge<'_> {
    /// Serves until the connection is lost, and returns the reason, or until the end is requested.
    async fn serve(
        &mut self,
        mut connection: Connection,
        mut end: Pin<&mut impl Future<Output = ()>>,
    ) -> Option<(Loss, Session)> {
        // Responses from before belong to requests of an earlier connection.
        self.responses = self.responses.resubscribe();
        let mut session = Session::default();
        let mut response = None;
        loop {
            if self.statuses.has_changed().unwrap_or_default() {
                session.update(self.config, self.topics, &self.statuses.borrow_and_update());
            }
            session.publish(self, &connection);
            // The status has just been published: the response may follow from it.
            if let Some(response) = response.take_if(|_| connection.has_room()) {
                session.respond(self, &connection, &response);
            }
            let takes_responses = response.is_none() && session.is_serving && connection.has_room();
            let wake = session.wake();
            tokio::select! {
                event = connection.next() => {
                    if let Err(loss) = session.handle(self, &connection, event) {
                        if loss.cause == Cause::Taken {
                            // The last will would declare the other client offline.
                            let _ = timeout(END_TIMEOUT, connection.end()).await;
                        }
                        return Some((loss, session));
                    }
                }
                Ok(()) = self.statuses.changed() => self.statuses.mark_changed(),
                received = self.responses.recv(), if takes_responses => match received {
                    Ok(received) => response = Some(received),
                    Err(RecvError::Lagged(count)) => self.board.warn(|| {
                        format!("too many responses wait for the broker: {count} were dropped")
                    }),
                    Err(RecvError::Closed) => {}
                },
                () = sleep_until(wake.unwrap_or_else(Instant::now)), if wake.is_some() => {}
                () = &mut end => break,
            }
        }
        if session.is_serving {
            // If this fails, the connection ends without DISCONNECT, and the broker publishes the last will.
            match timeout(END_TIMEOUT, session.end(self.config, &mut connection)).await {
                Ok(Ok(())) => drop(timeout(END_TIMEOUT, connection.end()).await),
                Ok(Err(loss)) => {
                    log::warn!("cannot publish that the LEDs are offline: {}", loss.reason)
                }
                Err(_) => log::warn!("the broker did not acknowledge the last messages in time"),
            }
        }
        None
    }

    pub(crate) fn log_connected(&self) {
        let Config { broker, node, .. } = self.config;
        log::info!("connected to {broker} as node {node}");
    }

    /// Logs why a connection was lost, once per cause. Returns the delay before the next attempt.
    fn lost(&mut self, loss: Loss, session: &Session) -> Duration {
        let (level, what, wait) = match loss.cause {
            Cause::Lost => {
                let wait = self.backoff.after(session.lasted());
                (log::Level::Warn, "no connection to", wait)
            }
            Cause::Taken => (log::Level::Error, "not serving at", after_takeover()),
        };
        self.is_quiet = !session.is_complete && self.last_reason == loss.reason;
        if !self.is_quiet {
            let (broker, reason) = (&self.config.broker, &loss.reason);
            log::log!(
                level,
                "{what} {broker}: {reason}; trying again until it succeeds"
            );
            self.last_reason = loss.reason;
        }
        wait
    }

    /// Logs once that the broker refused something for this reason.
    pub(crate) fn refused(&mut self, what: &str, reason: &str) {
        if self.refusals.iter().any(|refusal| refusal == reason) {
            return;
        }
        self.refusals.push(reason.into());
        log::error!("{}", self.config.refusal(what, reason));
    }

    /// The loss if the name of this node belongs to another machine, which is online.
    pub(crate) fn other(&self, other: &str) -> Loss {
        Loss::taken(format!(
            "node {} belongs to the device {other}, which is online: give this machine another name with \"sudo led-mqtt --setup --node OTHER\"; if that machine has gone, run \"sudo led-mqtt --take-over\"",
            self.config.node
        ))
    }
}
