//! Operations of the kernel, and the state packed into few bits.

use super::model::*;

const ABSENT: Controller = Controller {
    main: Main::Absent,
    cleanup: Cleanup::No,
    must_end: false,
    ids: [Id::None; 2],
    message: None,
    refused: None,
};

impl State {
    pub(crate) fn new(case: &Case) -> State {
        State {
            queues: [None; 2],
            waiting: [None; 4],
            replies: [[Reply::None; 2]; 2],
            records: [[Id::None; 2]; 2],
            controllers: [ABSENT; 2],
            clients: [
                Client::Look,
                if case.verbs.len() == 2 {
                    Client::Look
                } else {
                    Client::NoController
                },
            ],
            client_ids: [[Id::None; 2]; 2],
            servers: [Server::None; 2],
            applied: [0; 2],
            started: 0,
            was_killed: false,
            was_terminated: false,
            was_removed: false,
            violated: None,
        }
    }

    /// Whether a client may open it, and send if it is the command queue.
    pub(crate) fn is_usable(&self, key: usize) -> bool {
        self.queues[key].is_some_and(|queue| queue.is_open && !queue.is_closed)
    }

    /// IPC_RMID.
    pub(crate) fn remove(&mut self, key: usize) {
        self.queues[key] = None;
        if key == COMMANDS {
            self.waiting = [None; 4];
        } else {
            self.replies = [[Reply::None; 2]; 2];
        }
        let [[one, two], [three, four]] =
            [&mut self.client_ids, &mut self.records].map(|ids| ids.each_mut());
        let [five, six] = self.controllers.each_mut();
        for ids in [one, two, three, four, &mut five.ids, &mut six.ids] {
            if ids[key] == Id::There {
                ids[key] = Id::Gone;
            }
        }
    }

    pub(crate) fn send(&mut self, message: Message) {
        let end = self
            .waiting
            .iter()
            .position(Option::is_none)
            .expect("two clients send four messages at most");
        self.waiting[end] = Some(message);
    }

    pub(crate) fn receive(&mut self) -> Option<Message> {
        self.waiting.rotate_left(1);
        self.waiting[3].take()
    }

    pub(crate) fn reply(&mut self, message: Message, reply: Reply) {
        if message.reply_to != ReplyTo::None {
            self.replies[message.client][message.reply_to as usize] = reply;
        }
    }

    /// A client no longer waits for replies of this type.
    pub(crate) fn forget(&mut self, client: usize, reply_to: ReplyTo) {
        self.replies[client][reply_to as usize] = Reply::None;
        let [one, two] = self.controllers.each_mut();
        let held = [
            &mut one.message,
            &mut one.refused,
            &mut two.message,
            &mut two.refused,
        ];
        for message in held.into_iter().chain(&mut self.waiting).flatten() {
            if message.client == client && message.reply_to == reply_to {
                message.reply_to = ReplyTo::None;
            }
        }
    }

    /// A command takes effect.
    pub(crate) fn apply(&mut self, message: Message) {
        self.applied[message.client] = 2.min(self.applied[message.client] + 1);
    }

    /// A controller has ended, and its lock is released.
    pub(crate) fn end_controller(&mut self, directory: usize) {
        self.controllers[directory] = ABSENT;
        for server in &mut self.servers {
            if *server == Server::Running(directory) {
                *server = Server::Gone;
            }
        }
    }

    /// The whole state as two numbers: the kernel's, and the processes'.
    ///
    /// These are in the set of seen states. Deriving Hash and Eq takes twice the time without optimisation.
    pub(crate) fn packed(&self) -> (u64, u64) {
        let message = |at: usize| message_code(&self.waiting[at]);
        let waiting = pack(
            pack(message(0), 4, message(1)),
            8,
            pack(message(2), 4, message(3)),
        );
        let queues = pack(
            queue_code(self.queues[COMMANDS]),
            5,
            queue_code(self.queues[REPLIES]),
        );
        let [one, other] = self.replies;
        let replies = pack(
            pack(one[0] as u64, 2, one[1] as u64),
            4,
            pack(other[0] as u64, 2, other[1] as u64),
        );
        let records = pack(ids_code(self.records[0]), 4, ids_code(self.records[1]));
        let applied = pack(self.applied[0].into(), 2, self.applied[1].into());
        let faults = pack(
            pack(self.was_killed.into(), 1, self.was_terminated.into()),
            1,
            self.was_removed.into(),
        );
        let past = pack(pack(applied, 3, faults), 2, self.started as u64);
        let kernel = pack(pack(pack(waiting, 10, queues), 8, replies), 8, records);
        let controllers = pack(
            controller_code(&self.controllers[0]),
            21,
            controller_code(&self.controllers[1]),
        );
        let clients = pack(self.client_code(0), 10, self.client_code(1));
        (pack(kernel, 9, past), pack(controllers, 20, clients))
    }

    fn client_code(&self, client: usize) -> u64 {
        let server = match self.servers[client] {
            Server::None => 0,
            Server::Gone => 1,
            Server::Running(directory) => 2 + directory as u64,
        };
        pack(
            pack(
                self.clients[client] as u64,
                4,
                ids_code(self.client_ids[client]),
            ),
            2,
            server,
        )
    }
}

/// Appends a number with this many bits.
fn pack(others: u64, bits: u8, number: u64) -> u64 {
    debug_assert!(number >> bits == 0);
    others << bits | number
}

fn controller_code(it: &Controller) -> u64 {
    let progress = pack(
        pack(it.main as u64, 3, it.cleanup as u64),
        1,
        it.must_end.into(),
    );
    let messages = pack(message_code(&it.message), 4, message_code(&it.refused));
    pack(pack(progress, 4, ids_code(it.ids)), 8, messages)
}

fn message_code(message: &Option<Message>) -> u64 {
    let Some(it) = message else { return 0 };
    1 + it.client as u64 * 6 + u64::from(it.is_status) * 3 + it.reply_to as u64
}

fn ids_code(ids: [Id; 2]) -> u64 {
    pack(ids[COMMANDS] as u64, 2, ids[REPLIES] as u64)
}

fn queue_code(queue: Option<Queue>) -> u64 {
    let Some(queue) = queue else { return 0 };
    let creator = match queue.creator {
        Creator::Running(directory) => 4 + directory as u64,
        Creator::Killed(directory) => 6 + directory as u64,
    };
    pack(
        pack(creator, 1, queue.is_open.into()),
        1,
        queue.is_closed.into(),
    )
}
