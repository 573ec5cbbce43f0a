//! Random histories of two programs on one store, compared with a model after every step.

use std::collections::BTreeMap;
use std::fs;

use codex_job_store::{
    CancelOutcome, ErrorKind, Filter, JobId, JobOutcome, JobUpdate, Lease, Retention, Status, Store,
};
use proptest::prelude::*;

use crate::support::{Home, assert_healthy, new_job};

const KEPT: usize = 3;

#[derive(Clone, Debug)]
enum Step {
    Create {
        session: u8,
    },
    Lease(usize),
    Update(usize, u8),
    Finish(usize, u8),
    Cancel(usize),
    Abandon(usize),
    /// The worker dies.
    Die(usize),
    Look,
    Configure(bool),
    TurnClock(i32),
    LoseIndex,
    TearIndex(u8),
    Remember,
    /// An index of an earlier moment is put back.
    GoBack,
}

fn step() -> impl Strategy<Value = Step> {
    let job = 0_usize..12;
    prop_oneof![
        4 => (0_u8..2).prop_map(|session| Step::Create { session }),
        5 => job.clone().prop_map(Step::Lease),
        3 => (job.clone(), 0_u8..3).prop_map(|(job, phase)| Step::Update(job, phase)),
        5 => (job.clone(), 0_u8..3).prop_map(|(job, outcome)| Step::Finish(job, outcome)),
        2 => job.clone().prop_map(Step::Cancel),
        1 => job.clone().prop_map(Step::Abandon),
        1 => job.prop_map(Step::Die),
        2 => Just(Step::Look),
        1 => any::<bool>().prop_map(Step::Configure),
        1 => (-100_000_i32..100_000).prop_map(Step::TurnClock),
        1 => Just(Step::LoseIndex),
        1 => any::<u8>().prop_map(Step::TearIndex),
        1 => Just(Step::Remember),
        1 => Just(Step::GoBack),
    ]
}

#[derive(Clone, Debug)]
struct Expected {
    status: Status,
    phase: String,
    session: String,
    cancel: bool,
    worker: Worker,
    /// When it last was born or ended.
    order: u64,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Worker {
    None,
    Alive,
    Dead,
}

#[derive(Default)]
struct Model {
    jobs: BTreeMap<JobId, Expected>,
    /// In the order of birth, removed ones as well.
    born: Vec<JobId>,
    leases: BTreeMap<JobId, Lease>,
    gate: bool,
    order: u64,
    remembered: Option<Vec<u8>>,
}

impl Model {
    fn pick(&self, number: usize) -> Option<JobId> {
        // Counted from the newest, so that most steps hit a job that is still there.
        self.born.iter().rev().nth(number).cloned()
    }

    fn end(&mut self, id: &JobId, status: Status) {
        self.order += 1;
        let order = self.order;
        let job = self.jobs.get_mut(id).unwrap();
        job.status = if job.cancel { Status::Cancelled } else { status };
        job.phase = if job.status == Status::Completed { "done".into() } else { job.status.to_string() };
        job.worker = Worker::None;
        job.order = order;
        let mut ended: Vec<(u64, JobId)> = self
            .jobs
            .iter()
            .filter(|(_, job)| job.status.is_final())
            .map(|(id, job)| (job.order, id.clone()))
            .collect();
        ended.sort();
        for (_, id) in ended.iter().rev().skip(KEPT) {
            self.jobs.remove(id);
        }
    }

    /// What a look finds dead.
    fn look(&mut self) {
        let dead: Vec<JobId> = self
            .jobs
            .iter()
            .filter(|(_, job)| job.worker == Worker::Dead || (job.status == Status::Queued && job.cancel))
            .map(|(id, _)| id.clone())
            .collect();
        for id in dead {
            self.end(&id, Status::Failed);
        }
    }
}

fn apply(step: &Step, store: &Store, home: &Home, model: &mut Model) {
    let index = home.folder().join("state.json");
    let state =
        |model: &Model, id: &JobId| model.jobs.get(id).map(|job| (job.status, job.worker, job.cancel));
    match step {
        Step::Create { session } => {
            let mut new = new_job("job");
            new.session_id = Some(session.to_string());
            let job = store.create(new).unwrap();
            model.order += 1;
            let expected = Expected {
                status: Status::Queued,
                phase: "queued".into(),
                session: session.to_string(),
                cancel: false,
                worker: Worker::None,
                order: model.order,
            };
            model.born.push(job.id.clone());
            assert!(model.jobs.insert(job.id, expected).is_none(), "ids are unique");
        }
        Step::Lease(number) => {
            let Some(id) = model.pick(*number) else { return };
            let leased = store.lease(&id);
            match state(model, &id) {
                Some((Status::Queued, _, _)) => {
                    model.leases.insert(id.clone(), leased.unwrap());
                    let job = model.jobs.get_mut(&id).unwrap();
                    (job.status, job.worker) = (Status::Running, Worker::Alive);
                    job.phase = "starting".into();
                }
                other => {
                    let expected = match other {
                        None => ErrorKind::UnknownJob,
                        Some((Status::Running, Worker::Alive, _)) => ErrorKind::LeaseHeld,
                        Some((Status::Running, _, _)) => ErrorKind::IllegalTransition,
                        Some(_) => ErrorKind::AlreadyFinished,
                    };
                    assert_eq!(leased.unwrap_err().kind(), expected);
                }
            }
        }
        Step::Update(number, phase) => {
            let Some(id) = model.pick(*number) else { return };
            let Some(lease) = model.leases.get(&id) else { return };
            lease.update(&JobUpdate::new().phase(format!("phase {phase}"))).unwrap();
            model.jobs.get_mut(&id).unwrap().phase = format!("phase {phase}");
        }
        Step::Finish(number, outcome) => {
            let Some(id) = model.pick(*number) else { return };
            let Some(lease) = model.leases.remove(&id) else { return };
            let (outcome, status) = match outcome {
                0 => (JobOutcome::completed(), Status::Completed),
                1 => (JobOutcome::failed("why"), Status::Failed),
                _ => (JobOutcome::cancelled(), Status::Cancelled),
            };
            lease.finish(&outcome).unwrap();
            model.end(&id, status);
        }
        Step::Cancel(number) => {
            let Some(id) = model.pick(*number) else { return };
            let cancel = store.request_cancel(&id);
            match state(model, &id) {
                None => assert_eq!(cancel.unwrap_err().kind(), ErrorKind::UnknownJob),
                Some((status, worker, _)) if !status.is_final() => {
                    model.jobs.get_mut(&id).unwrap().cancel = true;
                    if worker == Worker::Alive {
                        assert!(matches!(cancel.unwrap(), CancelOutcome::Requested(_)));
                    } else {
                        assert!(matches!(cancel.unwrap(), CancelOutcome::Cancelled(_)));
                        model.end(&id, Status::Cancelled);
                    }
                }
                Some((status, _, _)) => match cancel.unwrap() {
                    CancelOutcome::AlreadyFinished(job) => assert_eq!(job.status, status),
                    other => panic!("{other:?}"),
                },
            }
        }
        Step::Abandon(number) => {
            let Some(id) = model.pick(*number) else { return };
            let abandoned = store.abandon(&id, "why").map(|job| job.status).map_err(|error| error.kind());
            let expected = match state(model, &id) {
                None => Err(ErrorKind::UnknownJob),
                Some((Status::Running, Worker::Alive, _)) => Err(ErrorKind::LeaseHeld),
                Some((status, _, _)) if status.is_final() => Err(ErrorKind::AlreadyFinished),
                Some((_, _, cancel)) => {
                    model.end(&id, Status::Failed);
                    Ok(if cancel { Status::Cancelled } else { Status::Failed })
                }
            };
            assert_eq!(abandoned, expected);
        }
        Step::Die(number) => {
            let Some(id) = model.pick(*number) else { return };
            if model.leases.remove(&id).is_some() {
                model.jobs.get_mut(&id).unwrap().worker = Worker::Dead;
            }
        }
        Step::Look => {
            store.snapshot(&Filter::all()).unwrap();
            model.look();
        }
        Step::Configure(gate) => {
            store.set_config(|config| config.stop_review_gate = *gate).unwrap();
            model.gate = *gate;
        }
        Step::TurnClock(millis) => home.clock.turn(i64::from(*millis)),
        Step::LoseIndex => drop(fs::remove_file(&index)),
        Step::TearIndex(length) => {
            if let Ok(content) = fs::read(&index) {
                fs::write(&index, &content[..content.len().min(usize::from(*length))]).unwrap();
            }
        }
        Step::Remember => model.remembered = fs::read(&index).ok(),
        Step::GoBack => {
            // Settings are not the index's to remember: its copy only counts when their own file is lost.
            if let Some(content) = &model.remembered {
                fs::write(&index, content).unwrap();
            }
        }
    }
}

fn compare(store: &Store, model: &Model) {
    let listed = store.recorded(&Filter::all()).unwrap();
    let ids: Vec<&JobId> = listed.iter().map(|job| &job.id).collect();
    let mut expected: Vec<(&JobId, &Expected)> = model.jobs.iter().collect();
    expected.sort_by_key(|(_, job)| std::cmp::Reverse(job.order));
    assert_eq!(ids, expected.iter().map(|(id, _)| *id).collect::<Vec<_>>(), "newest first");
    for (job, (id, expected)) in listed.iter().zip(expected) {
        assert_eq!(
            (job.status, job.phase.as_deref(), job.session_id.as_deref()),
            (expected.status, Some(expected.phase.as_str()), Some(expected.session.as_str()))
        );
        assert_eq!(store.recorded_job(id).unwrap(), *job);
    }
    assert_eq!(store.config().unwrap().stop_review_gate, model.gate);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_history_is_as_the_model_says(steps in prop::collection::vec((step(), any::<bool>()), 1..60)) {
        let mut home = Home::new();
        home.options = home.options.retention(Retention::new().count(KEPT));
        let programs = [home.store(), home.store()];
        let mut model = Model::default();
        for (step, second) in steps {
            apply(&step, &programs[usize::from(second)], &home, &mut model);
            compare(&programs[usize::from(!second)], &model);
        }
        model.leases.clear();
        drop(programs);
        home.options = home.options.retention(Retention::new().count(1000));
        assert_healthy(&home);
    }
}
