//! A model of what the router does: interleavings of clients, turns, interrupts, departures and deaths, in which no
//! message may be lost, doubled, reordered within a thread, or sent to the wrong client. Also for `fuzz/targets`.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use codex_broker::router::{ClientId, Event};
use codex_rpc::message::RpcError;
use serde_json::{Value, json};

use crate::table::{Done, Table, limits};

const BOUND: usize = 3;

/// One random step: what, and two numbers that choose among what there is.
pub(crate) type Step = (u8, usize, usize);

/// How many kinds of step there are.
pub(crate) const STEPS: u8 = 26;
/// How far the other two numbers go.
pub(crate) const CHOICES: usize = 60;

#[derive(Default)]
struct Person {
    next_id: u64,
    /// Requests without an answer.
    waiting: BTreeSet<u64>,
    /// The server's requests that it has not answered: the id that it saw.
    asked: Vec<Value>,
    /// What it got and what it should have got, by thread: the numbers of the notes.
    got: BTreeMap<String, Vec<u64>>,
    due: BTreeMap<String, Vec<u64>>,
    watches: BTreeSet<String>,
}

#[derive(Default)]
struct Topic {
    owner: Option<u64>,
    root: Option<String>,
    /// The turn that runs, and whether the client asked for it.
    turn: Option<String>,
}

#[derive(Default)]
struct World {
    people: BTreeMap<u64, Person>,
    gone: Vec<Person>,
    topics: BTreeMap<String, Topic>,
    /// The messages that the server has not handled yet.
    inbox: VecDeque<Value>,
    up: bool,
    life: u64,
    count: u64,
    /// The server's own requests without a response.
    asking: BTreeSet<u64>,
}

impl World {
    fn number(&mut self) -> u64 {
        self.count += 1;
        self.count
    }

    /// Takes in what the router did.
    fn take(&mut self, table: &mut Table) {
        while let Some(done) = table.done.pop_front() {
            match done {
                Done::Client(client, frame) => self.delivered(client, &frame),
                Done::Server(frame) => {
                    assert!(self.up, "sent to no server: {frame}");
                    if frame["method"].is_null() {
                        self.answered(&frame["id"]);
                    } else {
                        self.sent(frame);
                    }
                }
                Done::Decline(id, _) => self.answered(&id),
                Done::Start => {
                    assert!(!self.up);
                    self.up = true;
                    self.life += 1;
                    table.event(Event::ServerUp);
                }
                Done::Stop => panic!("no handshake was refused"),
                Done::Request(..) => {}
            }
        }
    }

    /// A request reached the server: one that uses a thread without an owner becomes its owner.
    fn sent(&mut self, mut frame: Value) {
        let by = frame["params"]["by"].as_u64().filter(|by| self.people.contains_key(by));
        let thread = frame["params"]["threadId"].as_str().unwrap_or_default().to_owned();
        let takes = ["turn/start", "thread/resume"].iter().any(|method| frame["method"] == *method);
        if takes && by.is_some() && self.topics.get(&thread).is_some_and(|topic| topic.owner.is_none()) {
            self.give(&thread, by);
            frame["claimed"] = true.into();
        }
        self.inbox.push_back(frame);
    }

    fn give(&mut self, thread: &str, to: Option<u64>) {
        let of = |id: &str, topic: &Topic| id == thread || topic.root.as_deref() == Some(thread);
        for (_, topic) in self.topics.iter_mut().filter(|(id, topic)| of(id, topic)) {
            topic.owner = to;
        }
    }

    /// A request of the server was answered.
    fn answered(&mut self, id: &Value) {
        let id = id.as_u64().unwrap();
        assert!(self.asking.remove(&id), "{id} was answered twice, or by an answer to another server");
    }

    fn delivered(&mut self, client: u64, frame: &Value) {
        let person =
            self.people.get_mut(&client).unwrap_or_else(|| panic!("{client} is disconnected: {frame}"));
        match (frame["method"].as_str(), &frame["id"]) {
            (None, id) => {
                let id = id.as_u64().unwrap();
                assert!(person.waiting.remove(&id), "an answer that {client} does not wait for: {frame}");
            }
            (Some(_), Value::Null) => {
                let params = &frame["params"];
                let Some(thread) = params["threadId"].as_str() else {
                    return person.got.entry(String::new()).or_default().push(params["n"].as_u64().unwrap());
                };
                let Some(number) = params["n"].as_u64() else {
                    // The end of a turn by the server's death.
                    assert_eq!(frame["method"], "error");
                    return;
                };
                if self.topics[thread].owner != Some(client) {
                    let root = self.topics[thread].root.as_deref().unwrap_or(thread);
                    let watched = person.watches.contains(root);
                    // Held from before its owner left, or watched.
                    let was_due = person.due.get(thread).is_some_and(|due| due.contains(&number));
                    assert!(watched || was_due, "a stranger got {frame}");
                    if !was_due {
                        return;
                    }
                }
                person.got.entry(thread.to_owned()).or_default().push(number);
            }
            (Some(_), id) => {
                let thread = frame["params"]["threadId"].as_str().unwrap();
                assert_eq!(self.topics[thread].owner, Some(client), "a stranger is asked {frame}");
                person.asked.push(id.clone());
            }
        }
    }

    fn send(&mut self, table: &mut Table, client: u64, method: &str, mut params: Value) {
        let Some(person) = self.people.get_mut(&client) else { return };
        person.next_id += 1;
        let id = person.next_id;
        person.waiting.insert(id);
        params["by"] = client.into();
        table.client(client, &json!({"id": id, "method": method, "params": params}));
        self.take(table);
    }

    /// The server sends a message about a thread.
    fn note(&mut self, table: &mut Table, thread: &str, method: &str, mut params: Value) {
        let number = self.number();
        params["threadId"] = thread.into();
        params["n"] = number.into();
        if let Some(owner) = self.topics[thread].owner
            && let Some(person) = self.people.get_mut(&owner)
        {
            person.due.entry(thread.to_owned()).or_default().push(number);
        }
        table.server(&json!({"method": method, "params": params}));
        self.take(table);
    }

    /// The server handles the oldest message.
    fn serve(&mut self, table: &mut Table, choice: usize) {
        let Some(request) = self.inbox.pop_front() else { return };
        let (id, params) = (&request["id"], &request["params"]);
        let thread = params["threadId"].as_str().unwrap_or_default().to_owned();
        let by = params["by"].as_u64().filter(|by| self.people.contains_key(by));
        let refuse = choice.is_multiple_of(7);
        match request["method"].as_str().unwrap() {
            "initialized" => return,
            "thread/start" if !refuse => {
                let (life, number) = (self.life, self.number());
                let thread = format!("t{life}-{number}");
                self.topics.insert(thread.clone(), Topic { owner: by, ..Topic::default() });
                for _ in 0..choice % 3 {
                    self.note(table, &thread, "early", json!({}));
                }
                table.server(&json!({"id": id, "result": {"thread": {"id": thread}}}));
            }
            "thread/resume" if !refuse && self.topics.contains_key(&thread) => {
                table.server(&json!({"id": id, "result": {"thread": {"id": thread}}}));
            }
            "turn/start" if !refuse && self.topics.contains_key(&thread) => {
                let topic = &self.topics[&thread];
                assert!(topic.turn.is_none(), "a second turn on a busy thread");
                let turn = format!("u{}", self.number());
                self.topics.get_mut(&thread).unwrap().turn = Some(turn.clone());
                let running =
                    self.topics.values().filter(|topic| topic.turn.is_some() && topic.root.is_none());
                assert!(running.count() <= BOUND, "more turns than the bound allows");
                let start = json!({"turn": {"id": turn, "rootTurnId": turn}});
                if choice.is_multiple_of(2) {
                    self.note(table, &thread, "turn/started", start.clone());
                }
                table.server(&json!({"id": id, "result": start}));
                self.take(table);
                if !choice.is_multiple_of(2) {
                    self.note(table, &thread, "turn/started", start);
                }
            }
            "turn/interrupt" => {
                let turn = self.topics.get(&thread).and_then(|topic| topic.turn.clone());
                table.server(&json!({"id": id, "result": {}}));
                self.take(table);
                if turn.is_some() && turn.as_deref() == params["turnId"].as_str() {
                    self.end(table, &thread);
                }
            }
            "initialize" | "thread/read" | "thread/backgroundTerminals/clean" => {
                table.server(&json!({"id": id, "result": {}}));
            }
            _ => {
                table.server(&json!({"id": id, "error": {"code": -32600, "message": "no"}}));
                self.take(table);
                // The client did not become the owner of the thread.
                if request["claimed"] == true
                    && self.topics.get(&thread).is_some_and(|topic| topic.owner == by && topic.turn.is_none())
                {
                    self.give(&thread, None);
                }
            }
        }
        self.take(table);
    }

    fn end(&mut self, table: &mut Table, thread: &str) {
        let Some(turn) = self.topics.get_mut(thread).and_then(|topic| topic.turn.take()) else { return };
        self.note(table, thread, "turn/completed", json!({"turn": {"id": turn, "status": "completed"}}));
    }

    fn pick<'a, T: ?Sized>(all: &[&'a T], choice: usize) -> Option<&'a T> {
        all.get(choice.checked_rem(all.len())?).copied()
    }

    fn step(&mut self, table: &mut Table, (what, first, second): Step) {
        let people: Vec<u64> = self.people.keys().copied().collect();
        let person = first.checked_rem(people.len()).map(|at| people[at]);
        let threads: Vec<String> = self.topics.keys().cloned().collect();
        let thread = Self::pick(&threads.iter().map(String::as_str).collect::<Vec<_>>(), second);
        match (what, person, thread) {
            (0, ..) if people.len() < 5 => {
                let client = self.number();
                self.people.insert(client, Person::default());
                table.event(Event::ClientConnected(ClientId::new(client)));
                let mut hello =
                    json!({"onDisconnect": if first.is_multiple_of(3) { "leave" } else { "interrupt" }});
                if second.is_multiple_of(2) {
                    hello["queue"] = json!({"deadlineMs": 1});
                }
                self.send(table, client, "broker/hello", hello);
                self.send(table, client, "initialize", json!({}));
            }
            (1 | 2, Some(client), _) => self.send(table, client, "thread/start", json!({})),
            (3..=5, Some(client), Some(thread)) => {
                // Mostly on its own threads.
                let own =
                    self.topics.iter().find(|(_, topic)| topic.owner == Some(client) && topic.root.is_none());
                let thread = if what < 5 { own.map_or(thread, |(id, _)| id) } else { thread }.to_owned();
                // A sub-agent's thread is driven by its agent.
                if self.topics[&thread].root.is_none() && self.topics[&thread].owner.is_some() {
                    self.send(
                        table,
                        client,
                        "turn/start",
                        json!({"threadId": thread, "kept": self.topics[&thread].owner}),
                    );
                }
            }
            (6, Some(client), Some(thread)) => {
                let turn = self.topics[thread].turn.clone();
                self.send(table, client, "turn/interrupt", json!({"threadId": thread, "turnId": turn}));
            }
            (7, Some(client), Some(thread)) => {
                self.send(table, client, "thread/read", json!({"threadId": thread}));
            }
            (8, Some(client), Some(thread)) if self.topics[thread].root.is_none() => {
                self.people.get_mut(&client).unwrap().watches.insert(thread.to_owned());
                self.send(table, client, "broker/watch", json!({"threadId": thread}));
            }
            (9, Some(client), _) => self.leave(table, client),
            (10..=14, ..) => self.serve(table, second),
            (15..=17, _, Some(thread)) if self.up => self.note(table, thread, "note", json!({})),
            (18, _, Some(thread)) if self.up => self.end(table, thread),
            (19, _, Some(thread)) if self.up => {
                let id = self.number();
                self.asking.insert(id);
                table.server(&json!({"id": id, "method": "item/tool/call", "params": {"threadId": thread}}));
                self.take(table);
            }
            (20, Some(client), _) => {
                let person = self.people.get_mut(&client).unwrap();
                if let Some(id) = person.asked.pop() {
                    table.client(client, &json!({"id": id, "result": {}}));
                    self.take(table);
                }
            }
            (21, _, Some(thread)) if self.up => self.sub_agent(table, thread, second),
            (22, ..) if self.up => {
                let number = self.number();
                let ready: Vec<u64> =
                    people.iter().copied().filter(|id| table.router.is_ready(ClientId::new(*id))).collect();
                for client in ready {
                    self.people.get_mut(&client).unwrap().due.entry(String::new()).or_default().push(number);
                }
                table.server(&json!({"method": "account/updated", "params": {"n": number}}));
                self.take(table);
            }
            (23, ..) if first.is_multiple_of(4) && self.up => self.die(table),
            (24, ..) if !table.timers.is_empty() => {
                let at = first % table.timers.len();
                // While no interrupt is under way: how long those may take is not the model's matter.
                let gone = |by: Option<u64>| by.is_none_or(|by| !self.people.contains_key(&by));
                let abandoned =
                    self.topics.values().any(|topic| topic.turn.is_some() && topic.owner.is_none())
                        || self.inbox.iter().any(|frame| {
                            frame["method"] == "turn/start" && gone(frame["params"]["by"].as_u64())
                        });
                if !abandoned {
                    let timer = table.timers.swap_remove(at);
                    table.event(Event::TimerExpired(timer));
                    self.take(table);
                }
            }
            (25, ..) if self.up && !self.inbox.iter().any(|frame| frame["method"] == "initialize") => {
                table.event(Event::Ping);
                if let Some(Done::Server(frame)) = table.done.pop_front() {
                    table.server(&json!({"id": frame["id"], "result": {}}));
                }
                self.take(table);
            }
            _ => {}
        }
    }

    /// A thread that works for another. Its first words come before anybody has named it.
    fn sub_agent(&mut self, table: &mut Table, parent: &str, choice: usize) {
        let Some(turn) = self.topics[parent].turn.clone() else { return };
        if self.topics[parent].root.is_some() {
            return;
        }
        let (life, number) = (self.life, self.number());
        let thread = format!("s{life}-{number}");
        let topic = Topic { owner: self.topics[parent].owner, root: Some(parent.to_owned()), turn: None };
        self.topics.insert(thread.clone(), topic);
        let item = json!({"item": {"type": "collabAgentToolCall", "receiverThreadIds": [thread]}});
        if choice.is_multiple_of(3) {
            self.note(table, parent, "item/completed", item.clone());
        }
        for _ in 0..choice % 2 {
            self.note(table, &thread, "thread/status/changed", json!({}));
        }
        let own = format!("u{}", self.number());
        match choice % 3 {
            1 => self.note(table, parent, "item/completed", item),
            _ => {
                self.topics.get_mut(&thread).unwrap().turn = Some(own.clone());
                self.note(table, &thread, "turn/started", json!({"turn": {"id": own, "rootTurnId": turn}}));
            }
        }
    }

    fn leave(&mut self, table: &mut Table, client: u64) {
        let person = self.people.remove(&client).unwrap();
        self.gone.push(person);
        for topic in self.topics.values_mut().filter(|topic| topic.owner == Some(client)) {
            topic.owner = None;
        }
        table.event(Event::ClientDisconnected(ClientId::new(client)));
        self.take(table);
    }

    fn die(&mut self, table: &mut Table) {
        self.up = false;
        self.inbox.clear();
        self.asking.clear();
        // What was held for an answer that will not come is lost with the server.
        table.event(Event::ServerDown(&RpcError::new(-32603, "gone")));
        self.take(table);
        for person in self.people.values() {
            assert!(person.waiting.is_empty(), "a request outlived its server: {:?}", person.waiting);
        }
        self.settle_accounts(false);
        self.topics.clear();
    }

    /// Compares what everybody got with what was for them.
    fn settle_accounts(&mut self, whole: bool) {
        for person in self.people.values_mut() {
            for (thread, due) in &person.due {
                let got = person.got.get(thread).cloned().unwrap_or_default();
                assert!(due.starts_with(&got), "{thread}: got {got:?} of {due:?}");
                assert!(!whole || got == *due, "{thread}: got only {got:?} of {due:?}");
            }
            person.due.clear();
            person.got.clear();
            person.watches.clear();
        }
        for person in self.gone.drain(..) {
            for (thread, got) in &person.got {
                let due = person.due.get(thread).cloned().unwrap_or_default();
                assert!(due.starts_with(got), "{thread}: got {got:?} of {due:?}");
            }
        }
    }

    /// Completes everything: the server answers all requests, and the queue is processed or times out.
    fn finish(mut self, table: &mut Table) {
        for _ in 0..1000 {
            while !self.inbox.is_empty() {
                self.serve(table, 1);
            }
            let clients: Vec<u64> = self.people.keys().copied().collect();
            for client in clients {
                while let Some(id) = self.people.get_mut(&client).unwrap().asked.pop() {
                    table.client(client, &json!({"id": id, "result": {}}));
                    self.take(table);
                }
            }
            let running = self.topics.iter().find(|(_, topic)| topic.turn.is_some());
            let Some(thread) = running.map(|(id, _)| id.clone()) else { break };
            self.end(table, &thread);
        }
        self.take(table);
        assert_eq!(table.router.status().active_turns, 0);
        assert_eq!(table.router.status().early, 0, "something is held for ever");
        assert!(table.router.is_quiet(), "{:?}", table.router.status());
        for (client, person) in &self.people {
            assert!(person.waiting.is_empty(), "{client} waits for {:?}", person.waiting);
        }
        assert!(self.asking.is_empty(), "the server waits for {:?}", self.asking);
        self.settle_accounts(true);
    }
}

/// Plays the steps and lets everything come to its end.
pub(crate) fn play(steps: impl IntoIterator<Item = Step>) {
    let mut table = Table::new(limits(BOUND));
    let mut world = World::default();
    // From a state with active turns.
    let prelude = [0, 0, 10, 10, 10, 10, 1, 2, 10, 10, 3];
    let prelude = prelude.into_iter().enumerate().map(|(at, what)| (what, at + 1, at + 2));
    for step in prelude.chain(steps) {
        world.step(&mut table, step);
    }
    world.finish(&mut table);
}
