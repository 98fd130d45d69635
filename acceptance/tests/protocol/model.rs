//! The model: the kernel's queues, the records of the lock directories, and the progress of each process.
//!
//! A key has one queue at a time, and the kernel does not reuse identifiers. So an identifier in a process is that of the
//! existing queue or of a removed one, and it does not matter which. The same is true of reply types. This keeps the number
//! of states small.

pub(crate) const COMMANDS: usize = 0;
pub(crate) const REPLIES: usize = 1;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Verb {
    Toggle,
    On,
    Exit,
}

/// A fault of a program. Each must lead to a violation.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
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
    /// A controller that starts does not wait until a closed queue is opened.
    DoesNotWaitForCreator,
    /// A controller that creates another reply queue does not send the reply to it.
    DropsReply,
    /// A client whose reply queue is removed waits for another one, and does not send a second message.
    DoesNotAskAgain,
    /// That client does not check that the command queue still exists when it has opened the other reply queue.
    DoesNotCheckAgain,
    /// A client that finds a command queue and no reply queue waits for one, and does not send STATUS.
    SendsNoStatus,
}

/// A case to explore: clients with one command each, and controllers that start one after the other.
pub(crate) struct Case {
    /// One or two.
    pub(crate) verbs: &'static [Verb],
    /// The lock directory of each controller, 0 or 1.
    pub(crate) directories: &'static [usize],
    pub(crate) faults: &'static [Fault],
}

impl Case {
    pub(crate) fn has(&self, fault: Fault) -> bool {
        self.faults.contains(&fault)
    }
}

/// A property of all states.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Invariant {
    /// A client reports that its command was applied only if it was, and that a controller ended only if it ends.
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
}

/// A controller, by its lock directory: the lock lets one run at a time.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Creator {
    Running(usize),
    Killed(usize),
}

#[derive(Clone, Copy)]
pub(crate) struct Queue {
    pub(crate) creator: Creator,
    /// Clients may use it. A closed queue has a mode that forbids it.
    pub(crate) is_open: bool,
    /// Its limit is 0 bytes.
    pub(crate) is_closed: bool,
}

/// An identifier in a process or in a record.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Id {
    None,
    /// That of the queue that the key has now.
    There,
    Gone,
}

/// The type of a reply: to the first or the second message of a client, or one that no client waits for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum ReplyTo {
    First,
    Second,
    None,
}

#[derive(Clone, Copy)]
pub(crate) struct Message {
    pub(crate) client: usize,
    /// It is STATUS instead of the client's verb.
    pub(crate) is_status: bool,
    pub(crate) reply_to: ReplyTo,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reply {
    None,
    Ok,
    NotApplied,
}

/// The next step of a controller's main thread.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Main {
    Absent,
    FindCommands,
    FindReplies,
    RemoveStale,
    CreateReplies,
    CreateCommands,
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

/// The next step of the thread that removes the queues.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cleanup {
    No,
    Drain,
    Refuse,
    RemoveCommands,
    ReplyToExit,
    RemoveReplies,
    Release,
}

#[derive(Clone, Copy)]
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

impl Controller {
    pub(crate) fn is_ending(&self) -> bool {
        self.main != Main::RemoveStale && self.cleanup != Cleanup::No
    }
}

/// The next step of a client, or how it ended.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Client {
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
    TakeFirstAfterOk,
    TakeFirstAfterRefusal,
    Confirmed,
    Unconfirmed,
    NoController,
}

/// The controller that has a client's command.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Server {
    None,
    Running(usize),
    Gone,
}

#[derive(Clone, Copy)]
pub(crate) struct State {
    pub(crate) queues: [Option<Queue>; 2],
    /// The command queue, the oldest message first.
    pub(crate) waiting: [Option<Message>; 4],
    /// The reply queue: the replies to the first and the second message of each client. Others do not count.
    pub(crate) replies: [[Reply; 2]; 2],
    /// The queues that the record of each lock directory names.
    pub(crate) records: [[Id; 2]; 2],
    /// The controller of each lock directory.
    pub(crate) controllers: [Controller; 2],
    pub(crate) clients: [Client; 2],
    pub(crate) client_ids: [[Id; 2]; 2],
    pub(crate) servers: [Server; 2],
    /// How often each client's command took effect; 2 means more than once.
    pub(crate) applied: [u8; 2],
    pub(crate) started: usize,
    pub(crate) was_killed: bool,
    pub(crate) was_terminated: bool,
    pub(crate) was_removed: bool,
    /// The invariant that the last step violated.
    pub(crate) violated: Option<Invariant>,
}
