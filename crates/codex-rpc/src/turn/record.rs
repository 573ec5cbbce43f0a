//! What is kept of a turn. Every list has a bound, so that a turn of any length fits in memory.

use std::collections::VecDeque;

use crate::protocol::{
    AgentMessageItem, CommandExecutionItem, FileChangeItem, ItemId, ItemStatus, MessagePhase,
    PatchChangeKind, RateLimitSnapshot, ReasoningItem, ThreadId, ThreadTokenUsage, TurnError,
};

use super::{CommandRun, TouchedFile};

/// Messages beyond this many, or this many bytes in all, push the oldest ones out. The newest always stays, whole.
const MAX_MESSAGES: usize = 512;
const MAX_MESSAGE_BYTES: usize = 64 * 1024 * 1024;
/// Reasoning beyond this many bytes is left out.
const MAX_REASONING_BYTES: usize = 1024 * 1024;
const MAX_COMMANDS: usize = 2048;
const MAX_COMMAND_BYTES: usize = 4096;
const MAX_FILES: usize = 4096;
const MAX_ERRORS: usize = 32;
const MAX_WARNINGS: usize = 64;
/// Errors and warnings are cut to this many bytes.
const MAX_TEXT_BYTES: usize = 64 * 1024;
/// How many items are remembered to tell a repeated one.
const MAX_SEEN: usize = 1024;

#[derive(Debug)]
struct Seen {
    agent: Option<ThreadId>,
    id: ItemId,
    done: bool,
}

/// What was gathered so far.
#[derive(Debug, Default)]
pub(super) struct Record {
    pub(super) messages: VecDeque<AgentMessageItem>,
    message_bytes: usize,
    pub(super) review: Option<String>,
    reasoning: Vec<(ItemId, Vec<String>)>,
    reasoning_bytes: usize,
    pub(super) files: Vec<TouchedFile>,
    pub(super) commands: Vec<CommandRun>,
    pub(super) usage: Option<ThreadTokenUsage>,
    pub(super) errors: Vec<TurnError>,
    pub(super) warnings: Vec<String>,
    pub(super) rate_limits: Option<RateLimitSnapshot>,
    pub(super) omitted: usize,
    seen: VecDeque<Seen>,
}

impl Record {
    /// Notes that an item began (`done` false) or ended, and says whether that is news.
    pub(super) fn is_news(&mut self, agent: Option<&ThreadId>, id: &ItemId, done: bool) -> bool {
        if let Some(known) =
            self.seen.iter_mut().rev().find(|seen| seen.id == *id && seen.agent.as_ref() == agent)
        {
            let news = done && !known.done;
            known.done |= done;
            return news;
        }
        if self.seen.len() >= MAX_SEEN {
            self.seen.pop_front();
        }
        self.seen.push_back(Seen { agent: agent.cloned(), id: id.clone(), done });
        true
    }

    /// A whole message. One that was there already is replaced in its place.
    pub(super) fn message(&mut self, item: &AgentMessageItem) {
        self.message_bytes += item.text.len();
        if let Some(known) = self.messages.iter_mut().find(|known| known.id == item.id) {
            self.message_bytes -= known.text.len();
            known.clone_from(item);
        } else {
            self.messages.push_back(item.clone());
        }
        while self.messages.len() > MAX_MESSAGES
            || self.message_bytes > MAX_MESSAGE_BYTES && self.messages.len() > 1
        {
            let oldest = self.messages.pop_front().expect("there is more than one");
            self.message_bytes -= oldest.text.len();
            self.omitted += 1;
        }
    }

    /// The answer: the last message that is not said along the way, else the last one. Codex 0.169.0 chooses the same.
    pub(super) fn last_message(&self) -> Option<&str> {
        let along_the_way = |message: &&AgentMessageItem| {
            matches!(message.phase, Some(MessagePhase::Commentary | MessagePhase::PartialAnswer))
        };
        let answer = self.messages.iter().rev().find(|message| !along_the_way(message));
        answer.or(self.messages.back()).map(|message| message.text.as_str())
    }

    pub(super) fn reasoning(&mut self, item: &ReasoningItem) {
        let bytes: usize = item.summary.iter().map(String::len).sum();
        if bytes == 0 || self.reasoning.iter().any(|(id, _)| *id == item.id) {
            return;
        }
        if self.reasoning_bytes + bytes > MAX_REASONING_BYTES {
            self.omitted += item.summary.len();
            return;
        }
        self.reasoning_bytes += bytes;
        self.reasoning.push((item.id.clone(), item.summary.clone()));
    }

    pub(super) fn take_reasoning(&mut self) -> Vec<String> {
        std::mem::take(&mut self.reasoning).into_iter().flat_map(|(_, summary)| summary).collect()
    }

    /// The current state of a command.
    pub(super) fn command(&mut self, item: &CommandExecutionItem, agent: Option<&ThreadId>) {
        let known =
            self.commands.iter_mut().rev().find(|known| known.id == item.id && known.agent.as_ref() == agent);
        if let Some(known) = known {
            // A repeated `item/started` must not undo the end that was reported before it.
            if item.status != ItemStatus::InProgress || known.status == ItemStatus::InProgress {
                known.status = item.status.clone();
                known.exit_code = item.exit_code;
                known.duration_ms = item.duration_ms;
            }
            return;
        }
        if self.commands.len() >= MAX_COMMANDS {
            self.omitted += 1;
            return;
        }
        self.commands.push(CommandRun {
            id: item.id.clone(),
            agent: agent.cloned(),
            command: head(&item.command, MAX_COMMAND_BYTES).to_owned(),
            status: item.status.clone(),
            exit_code: item.exit_code,
            duration_ms: item.duration_ms,
        });
    }

    /// A patch; only one that was applied touches files.
    pub(super) fn file_change(&mut self, item: &FileChangeItem) {
        if item.status != ItemStatus::Completed {
            return;
        }
        for change in &item.changes {
            if let Some(known) = self.files.iter_mut().find(|known| known.path == change.path) {
                let is_update = matches!(change.kind, PatchChangeKind::Update { .. });
                if !(known.kind == PatchChangeKind::Add && is_update) {
                    known.kind = change.kind.clone();
                }
            } else if self.files.len() < MAX_FILES {
                self.files.push(TouchedFile::new(change));
            } else {
                self.omitted += 1;
            }
        }
    }

    /// An error on the way, unless it is the one before it again.
    pub(super) fn error(&mut self, error: &TurnError) {
        if self.errors.last() == Some(error) {
            return;
        }
        if self.errors.len() >= MAX_ERRORS {
            // The first ones say how it began, the last one how it ended.
            self.errors.remove(MAX_ERRORS / 2);
            self.omitted += 1;
        }
        let mut error = error.clone();
        error.message = head(&error.message, MAX_TEXT_BYTES).to_owned();
        error.additional_details =
            error.additional_details.map(|text| head(&text, MAX_TEXT_BYTES).to_owned());
        self.errors.push(error);
    }

    /// A warning; says whether it is new.
    pub(super) fn warning(&mut self, text: &str) -> bool {
        let text = head(text, MAX_TEXT_BYTES);
        if text.is_empty() || self.warnings.iter().any(|known| known == text) {
            return false;
        }
        if self.warnings.len() >= MAX_WARNINGS {
            self.omitted += 1;
            return false;
        }
        self.warnings.push(text.to_owned());
        true
    }

    /// What is known of the limits, if the news changes it.
    pub(super) fn rate_limits(&mut self, news: &RateLimitSnapshot) -> Option<RateLimitSnapshot> {
        if !news.is_informative() {
            return None;
        }
        let mut merged = self.rate_limits.clone().unwrap_or_default();
        merged.merge(news);
        (self.rate_limits.as_ref() != Some(&merged)).then(|| self.rate_limits.insert(merged).clone())
    }
}

/// At most `max` bytes, cut between characters.
fn head(text: &str, max: usize) -> &str {
    if text.len() <= max {
        return text;
    }
    let end = (0..=max).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(id: &str, text: &str, phase: Option<&str>) -> AgentMessageItem {
        serde_json::from_value(serde_json::json!({ "id": id, "text": text, "phase": phase })).unwrap()
    }

    #[test]
    fn the_answer_is_the_last_message_that_is_not_said_along_the_way() {
        let check = |messages: &[(&str, Option<&str>)], expected: Option<&str>| {
            let mut record = Record::default();
            for (text, phase) in messages {
                record.message(&message(text, text, *phase));
            }
            assert_eq!(record.last_message(), expected, "{messages:?}");
        };
        let (note, answer) = (Some("commentary"), Some("final_answer"));
        check(&[], None);
        check(&[("a", None), ("b", None)], Some("b"));
        check(&[("a", answer), ("b", note)], Some("a"));
        check(&[("a", answer), ("b", None)], Some("b"));
        check(&[("a", answer), ("b", answer)], Some("b"));
        check(&[("a", Some("partial_answer")), ("b", note)], Some("b"));
        check(&[("a", Some("new_phase")), ("b", note)], Some("a"));
    }

    #[test]
    fn messages_are_bounded_and_the_newest_stays_whole() {
        let mut record = Record::default();
        let big = "x".repeat(MAX_MESSAGE_BYTES / 4);
        for n in 0..10 {
            record.message(&message(&n.to_string(), &big, None));
        }
        assert_eq!((record.messages.len(), record.omitted), (4, 6));
        assert_eq!(record.messages.back().unwrap().id.as_str(), "9");
        let huge = "y".repeat(MAX_MESSAGE_BYTES * 2);
        record.message(&message("huge", &huge, None));
        assert_eq!(record.messages.len(), 1);
        assert_eq!(record.last_message(), Some(huge.as_str()));

        let mut record = Record::default();
        for n in 0..2 * MAX_MESSAGES {
            record.message(&message(&n.to_string(), "", None));
        }
        assert_eq!((record.messages.len(), record.omitted), (MAX_MESSAGES, MAX_MESSAGES));
    }

    #[test]
    fn errors_keep_the_first_and_the_last() {
        let mut record = Record::default();
        for n in 0..100 {
            record.error(&TurnError::new(n.to_string()));
            record.error(&TurnError::new(n.to_string()));
        }
        let messages: Vec<&str> = record.errors.iter().map(|error| error.message.as_str()).collect();
        assert_eq!(messages.len(), MAX_ERRORS);
        assert_eq!((messages[0], *messages.last().unwrap()), ("0", "99"));
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        assert_eq!(head("aé", 2), "a");
        assert_eq!(head("aé", 3), "aé");
        assert_eq!(head("aé", 99), "aé");
    }
}
