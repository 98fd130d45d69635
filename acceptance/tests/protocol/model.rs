//! What there is: the kernel's queues, the records of the lock directories, and how far each process has come.
//!
//! A key has one queue at a time, and the kernel does not use an identifier again. So an identifier that a process holds is
//! that of the queue there is now, or of one that is gone, and it does not matter which one. The same is true of message
//! types for answers. This keeps the number of states small.

pub(crate) const COMMANDS: usize = 0;
pub(crate) const REPLIES: usize = 1;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Verb {
    Toggle,
    On,
    Exit,
}

/// What a program may do wrong. Each must lead to a violation.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// A controller does not answer the commands that it takes off and does not apply.
    DrainsWithoutAnswer,
    /// A controller that ends removes its reply queue before the answers in it are collected.
    EndsAtOnce,
    /// A client sends TOGGLE again when its queues are gone and no answer came.
    TogglesAgain,
    /// A client sends exit again to another controller than the first one.
    ExitsAgain,
    /// A controller that starts removes each queue of its user, whatever its record says.
    IgnoresRecord,
    /// A controller that starts does not wait until a queue in the making is open.
    DoesNotWaitForMaker,
    /// A controller that makes another reply queue does not put the answer into it.
    DropsAnswer,
    /// A client whose reply queue is gone waits for another one, and does not send a second message.
    DoesNotProd,
    /// That client does not look whether the command queue is still there when it has opened the other reply queue.
    DoesNotLookBack,
    /// A client that finds a command queue and no reply queue waits for one, and does not send STATUS.
    DoesNotRouse,
}

/// What is explored: clients with one command each, and controllers that start one after the other.
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

/// What must always hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Invariant {
    /// A client says that its command was applied only if it was, and that a controller has ended only if it ends.
    WhatIsToldIsTrue,
    ToggleIsAppliedOnce,
    ExitEndsOneController,
    /// Where a controller serves, each client ends. A controller that does not serve ends.
    NobodyWaitsForEver,
    /// No controller removes the queue of another one that serves or starts.
    LiveQueuesStay,
    /// A controller leaves no queue of its own, and none of a controller that was killed in the same lock directory.
    NothingIsLeft,
    /// Without a kill and a removal by somebody, a client says that its command was applied if it was, and never that it
    /// does not know.
    RestartLosesNothing,
}

/// A controller, by its lock directory: the lock lets one run at a time.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Maker {
    Running(usize),
    Killed(usize),
}

#[derive(Clone, Copy)]
pub(crate) struct Queue {
    pub(crate) maker: Maker,
    /// Clients may use it. A queue in the making has a mode that forbids it.
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

/// The type of an answer: to the first or the second message of a client, or one that no client waits for any more.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum ReplyTo {
    First,
    Second,
    Nobody,
}

#[derive(Clone, Copy)]
pub(crate) struct Message {
    pub(crate) client: usize,
    /// It is STATUS, and not the client's verb.
    pub(crate) is_status: bool,
    pub(crate) reply_to: ReplyTo,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    None,
    Ok,
    NotApplied,
}

/// What the main thread of a controller does next.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Main {
    Absent,
    FindCommands,
    FindReplies,
    Clear,
    MakeReplies,
    MakeCommands,
    Undo,
    Record,
    OpenReplies,
    OpenCommands,
    Receive,
    Apply,
    Answer,
    RemakeReplies,
    RecordReplies,
    ReopenReplies,
    WithdrawCommands,
    WithdrawReplies,
    Done,
}

/// What the thread does next that clears the queues.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Clearing {
    No,
    Take,
    Refuse,
    RemoveCommands,
    AnswerExit,
    RemoveReplies,
    Release,
}

#[derive(Clone, Copy)]
pub(crate) struct Controller {
    pub(crate) main: Main,
    pub(crate) clearing: Clearing,
    /// A signal or an exit command has told it to end, or it cannot serve.
    pub(crate) is_to_end: bool,
    /// The queues that it has found or made.
    pub(crate) ids: [Id; 2],
    /// The message that the main thread has taken.
    pub(crate) message: Option<Message>,
    /// The message that the other thread has taken, and does not apply.
    pub(crate) refused: Option<Message>,
}

impl Controller {
    pub(crate) fn is_ending(&self) -> bool {
        self.main != Main::Clear && self.clearing != Clearing::No
    }
}

/// What a client does next, or how it has ended.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Client {
    Look,
    LookAgain,
    FindReplies,
    Rouse,
    AwaitReplies,
    Send,
    AwaitFirst,
    Prod,
    AwaitOtherReplies,
    LookBack,
    AwaitSecond,
    TakeFirstAfterOk,
    TakeFirstAfterRefusal,
    Told,
    Unknown,
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
    /// The reply queue: the answers to the first and the second message of each client. Those for nobody do not count.
    pub(crate) answers: [[Answer; 2]; 2],
    /// What the record in each lock directory names.
    pub(crate) records: [[Id; 2]; 2],
    /// That of each lock directory.
    pub(crate) controllers: [Controller; 2],
    pub(crate) clients: [Client; 2],
    pub(crate) client_ids: [[Id; 2]; 2],
    pub(crate) servers: [Server; 2],
    /// How often each client's command took effect; 2 is more than once.
    pub(crate) applied: [u8; 2],
    pub(crate) started: usize,
    pub(crate) was_killed: bool,
    pub(crate) was_terminated: bool,
    pub(crate) was_removed: bool,
    /// What the last step has violated.
    pub(crate) violated: Option<Invariant>,
}
