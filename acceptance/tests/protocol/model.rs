//! The model: the kernel's queues, the records of the lock directories, and the progress of each process.
//!
//! A key has one queue at a time, and the kernel does not reuse identifiers. So an identifier in a process is that of the
//! existing queue or of a removed one, and it does not matter which. The same is true of reply types. This keeps the number
//! of states small.

use std::collections::BTreeMap;

#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub(crate) struct State {
    /// By key: [`COMMANDS`] or [`REPLIES`].
    pub(crate) queues: [Option<Queue>; 2],
    /// The command queue, the oldest message first.
    pub(crate) waiting: Vec<Message>,
    /// The reply queue: the reply to each question of each client, without the replies that no client waits for.
    pub(crate) replies: BTreeMap<(usize, Question), Reply>,
    /// The queues that the record of each lock directory names.
    pub(crate) records: [[Id; 2]; 2],
    /// The controller of each lock directory: the lock lets one run at a time.
    pub(crate) controllers: [Controller; 2],
    pub(crate) clients: Vec<Client>,
    /// The lock directories of the controllers that have not started yet.
    pub(crate) to_start: &'static [usize],
    /// The time, in the whole seconds that the kernel keeps. None if no time limit ends.
    pub(crate) second: Option<u8>,
    pub(crate) was_killed: bool,
    pub(crate) was_terminated: bool,
    pub(crate) was_removed: bool,
    /// The time of a client is over.
    pub(crate) was_late: bool,
    /// The invariant that the last step violated.
    pub(crate) violated: Option<Invariant>,
}

pub(crate) const COMMANDS: usize = 0;
pub(crate) const REPLIES: usize = 1;

/// The controllers start one after the other, each with the lock of a directory: 0 or 1. The second is that of [`State`].
pub(crate) type Setting = (&'static [usize], Option<u8>);

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Queue {
    pub(crate) creator: Creator,
    /// Clients may use it: its mode allows it.
    pub(crate) is_open: bool,
    /// Nobody can send: its limit is 0 bytes.
    pub(crate) is_closed: bool,
    /// The second of the last receive. The kernel keeps a PID too, which may be the same.
    pub(crate) last_received: Option<u8>,
}

/// A controller, by its lock directory.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Creator {
    Running(usize),
    Killed(usize),
}

/// An identifier in a process or in a record.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(crate) enum Id {
    #[default]
    None,
    /// That of the queue that the key has now.
    There,
    Gone,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Message {
    pub(crate) client: usize,
    /// It is STATUS instead of the client's verb.
    pub(crate) is_status: bool,
    /// None if no client waits for the reply.
    pub(crate) question: Option<Question>,
}

/// Which message of a client a reply answers.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Question {
    First,
    Second,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Reply {
    Ok,
    NotApplied,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Client {
    pub(crate) verb: Verb,
    pub(crate) next: ClientStep,
    /// The queues that it has opened.
    pub(crate) ids: [Id; 2],
    pub(crate) server: Server,
    /// How often its command took effect; 2 means more than once.
    pub(crate) applied: u8,
    /// It has sent its command before, to queues that were removed without a reply.
    pub(crate) may_be_applied: bool,
    /// When it sent its command, and the last receive from the queue before that.
    pub(crate) sent: Option<u8>,
    pub(crate) received_before: Option<u8>,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Verb {
    Toggle,
    On,
    Exit,
}

/// The controller that has a client's command.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Server {
    None,
    Running(usize),
    Gone,
}

/// The next step of a client, or how it ended.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum ClientStep {
    Look,
    LookAgain,
    FindReplies,
    RequestReply,
    AwaitReplies,
    Send,
    AwaitFirst,
    AskAgain,
    AwaitOtherReplies,
    CheckCommands,
    AwaitSecond,
    /// It has this reply to its second message.
    TakeFirst(Reply),
    /// Its time is over. It looks at the process that has its command, and at the queue.
    CheckEnded,
    CheckUnread,
    Confirmed,
    Unconfirmed,
    /// It reports that there is no controller, and that its command was not applied.
    NotApplied,
}

impl ClientStep {
    pub(crate) fn is_end(self) -> bool {
        matches!(self, Self::Confirmed | Self::Unconfirmed | Self::NotApplied)
    }
}

#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(crate) struct Controller {
    pub(crate) main: Main,
    pub(crate) cleanup: Cleanup,
    /// A signal or an exit command requests its end, or it cannot serve.
    pub(crate) must_end: bool,
    /// The queues that it found or created.
    pub(crate) ids: [Id; 2],
    /// The message that the main thread has received.
    pub(crate) message: Option<Message>,
    /// The message that the other thread has drained.
    pub(crate) refused: Option<Message>,
}

/// The next step of a controller's main thread.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(crate) enum Main {
    /// No controller runs.
    #[default]
    Absent,
    FindCommands,
    FindReplies,
    /// [`Cleanup`] does it.
    RemoveStale,
    CreateCommands,
    CreateReplies,
    Undo,
    Record,
    OpenReplies,
    OpenCommands,
    Receive,
    Apply,
    Reply,
    RecreateReplies,
    RecordReplies,
    ReopenReplies,
    RemoveCommandsAgain,
    RemoveRepliesAgain,
    Done,
}

/// The next step of what removes queues.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(crate) enum Cleanup {
    #[default]
    No,
    Drain,
    Refuse,
    RemoveCommands,
    ReplyToExit,
    RemoveReplies,
    Release,
}

impl Controller {
    pub(crate) fn has(&self, key: usize) -> bool {
        self.ids[key] == Id::There
    }

    pub(crate) fn is_ending(&self) -> bool {
        self.main != Main::RemoveStale && self.cleanup != Cleanup::No
    }

    /// The main thread has created the queues, and creates no other.
    pub(crate) fn has_served(&self) -> bool {
        matches!(
            self.main,
            Main::Receive | Main::Apply | Main::Reply | Main::Done
        )
    }

    pub(crate) fn serves(&self) -> bool {
        self.main == Main::Receive && !self.must_end
    }
}

/// A property of all states.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Invariant {
    /// A client reports that its command was applied only if it was, that it was not only if it never is, and that a controller
    /// ended only if it ends.
    ResultsAreTrue,
    ToggleIsAppliedOnce,
    ExitEndsOneController,
    /// While a controller serves, each client ends. A controller that does not serve ends.
    NoProcessHangs,
    /// No controller removes the queue of another one that serves or starts.
    LiveQueuesStay,
    /// A controller leaves no queue of its own, and none of a killed controller with the same lock directory.
    NoQueueIsLeft,
    /// Without a kill and a removal by another process, a client reports that its command was applied if it was, and never
    /// that it is not known.
    RestartLosesNothing,
    /// A watcher that waits, and has no reply in the queue, gets one at the next change, unless that cannot be sent.
    WatchersAreTold,
    /// A change is told to each watcher once.
    TellingEnds,
}

/// A rule that a program breaks. Each must lead to a violation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fault {
    None,
    /// A controller does not reply to the commands that it drains.
    DrainsWithoutReply,
    /// A controller that ends removes its reply queue before the replies are received.
    EndsAtOnce,
    /// A client sends TOGGLE again if its queues are removed without a reply.
    TogglesAgain,
    /// A client sends exit again to another controller than the first one.
    ExitsAgain,
    /// A controller that starts removes every queue of its user, whatever its record has.
    IgnoresRecord,
    /// A controller does not record its queues.
    DoesNotRecord,
    /// A controller that starts does not wait until a closed queue is opened.
    DoesNotWaitForCreator,
    /// A controller that creates another reply queue does not send the reply to it.
    DropsReply,
    /// A client whose reply queue is removed waits for another one, and does not send a second message.
    DoesNotAskAgain,
    /// That client does not check that the command queue still exists when it has opened the other reply queue.
    DoesNotCheckAgain,
    /// A client takes the reply to its second message, STATUS, for one to its command.
    TrustsStatus,
    /// A client that sends its command as the second message takes NOT_APPLIED to one of the two for both.
    TrustsRefusal,
    /// A client that finds a command queue and no reply queue waits for one, and does not send STATUS.
    SendsNoStatus,
    /// A client takes a controller for ended whose lock it does not see, as in a list of locks that misses some.
    MissesLocks,
    /// A client takes its command for waiting if the last receive is in the same second as before.
    TrustsSameSecond,
    /// A client looks at the queue, and then at the process that receives from it.
    LooksAtQueueFirst,
    /// A client whose last attempt was not applied forgets that one before it may have been.
    ForgetsAttempt,
    /// A controller forgets a watcher whose reply cannot be sent.
    ForgetsUnsentReply,
    /// A controller forgets a watcher whose reply is pushed out of the queue.
    ForgetsLostReply,
    /// A controller sends a reply that is pushed out again at once.
    RepeatsAtOnce,
}
