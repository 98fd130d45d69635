//! What the kernel does.

use super::model::*;

impl State {
    /// Each client has a verb.
    pub(crate) fn new(verbs: &[Verb], (directories, second): Setting) -> State {
        let client = |&verb| Client {
            verb,
            next: ClientStep::Look,
            ids: [Id::None; 2],
            server: Server::None,
            applied: 0,
            may_be_applied: false,
            sent: None,
            received_before: None,
        };
        State {
            clients: verbs.iter().map(client).collect(),
            to_start: directories,
            second,
            ..State::default()
        }
    }

    /// Whether a client may open it, and send if it is the command queue.
    pub(crate) fn is_usable(&self, key: usize) -> bool {
        self.queues[key].is_some_and(|queue| queue.is_open && !queue.is_closed)
    }

    /// IPC_RMID.
    pub(crate) fn remove(&mut self, key: usize) {
        self.queues[key] = None;
        match key {
            COMMANDS => self.waiting.clear(),
            _ => self.replies.clear(),
        }
        let clients = self.clients.iter_mut().map(|client| &mut client.ids);
        let controllers = self.controllers.iter_mut().map(|it| &mut it.ids);
        for ids in clients.chain(controllers).chain(&mut self.records) {
            if ids[key] == Id::There {
                ids[key] = Id::Gone;
            }
        }
    }

    /// Takes the oldest message out of the command queue.
    pub(crate) fn receive(&mut self) -> Option<Message> {
        let queue = self.queues[COMMANDS].as_mut()?;
        (!self.waiting.is_empty()).then(|| {
            queue.last_received = self.second;
            self.waiting.remove(0)
        })
    }

    pub(crate) fn reply(&mut self, message: Message, reply: Reply) {
        if let Some(question) = message.question {
            self.replies.insert((message.client, question), reply);
        }
    }

    /// The client no longer waits for the reply to this question.
    pub(crate) fn forget(&mut self, client: usize, question: Question) {
        self.replies.remove(&(client, question));
        let controllers = self.controllers.iter_mut();
        let held = controllers.flat_map(|it| [&mut it.message, &mut it.refused]);
        for message in held.flatten().chain(&mut self.waiting) {
            if message.client == client && message.question == Some(question) {
                message.question = None;
            }
        }
    }

    /// A command takes effect.
    pub(crate) fn apply(&mut self, message: Message) {
        let applied = &mut self.clients[message.client].applied;
        *applied = 2.min(*applied + 1);
    }

    /// A controller has ended, and its lock is released.
    pub(crate) fn end_controller(&mut self, directory: usize) {
        self.controllers[directory] = Controller::default();
        for client in &mut self.clients {
            if client.server == Server::Running(directory) {
                client.server = Server::Gone;
            }
        }
    }

    /// SIGKILL.
    pub(crate) fn kill_controller(&mut self, directory: usize) {
        for queue in self.queues.iter_mut().flatten() {
            if queue.creator == Creator::Running(directory) {
                queue.creator = Creator::Killed(directory);
            }
        }
        self.end_controller(directory);
    }
}
