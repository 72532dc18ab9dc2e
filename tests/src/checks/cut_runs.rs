//! Random durable runs whose log is cut wherever it may be: what is recovered from the cut log stands where the uncut one
//! stands, and goes on to the same end.

use super::snapshots::{Case, SCHEDULES};
use crate::dice::Dice;
use crate::lane::Lane;
use crate::watched::keys;
use motet_log::sim::{Image, SimDisk, Survival};
use motet_log::span::{CutError, OpenSpans};
use motet_log::{Log, LogId, Lsn, Options, Record};
use motet_machine::{EffectId, ImageId, Tally};
use motet_runtime::{
    CutLogError, Durable, DurableGuestRuntime, DurableOptions, Inline, Input, RunStatus, Turn, cut_log, read_inputs,
};
use motet_types::{Digest, Reader};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

/// As the journal numbers its records.
const INPUTS: u16 = 4;
const PIECE: u16 = 5;
const ASKED: u16 = 6;
const ABANDONED: u16 = 9;
/// What a record weighs besides its bytes.
const HEADER: u64 = 12;

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// A random run, and how its log is kept.
struct Story {
    case: Case,
    /// Whether the host also answers late while others run. It then loses nothing: what a crash takes back is answered
    /// at another moment the second time.
    early: bool,
    checkpoint_records: u64,
    checkpoint_steps: u64,
    segment: u32,
    steps: u64,
}

impl Story {
    fn new(seed: u64, steps: u64) -> Result<Self, String> {
        let (wave, fuel, chunk) = SCHEDULES[(seed % 3) as usize];
        let mut case = Case::new(seed, wave, fuel, chunk)?;
        // A few wide ones, whose tapes are longer than a record may be, and a few long ones.
        let wide = seed % 100 == 25;
        case.sessions *= if wide { 20 } else { 1 };
        let steps = if wide || seed.is_multiple_of(200) { 1_200 } else { steps };
        // Segments into which the image just fits, so that long tapes are written in pieces.
        let largest = case.images().iter().map(|image| image.parts().to_bytes().len()).max().unwrap_or(0);
        let segment = (largest as u32 + 300).next_multiple_of(512);
        let checkpoint_records = [0, 0, 7][(seed / 2 % 3) as usize];
        let checkpoint_steps = if seed % 5 == 1 { 40 } else { 0 };
        Ok(Self { case, early: seed.is_multiple_of(2), checkpoint_records, checkpoint_steps, segment, steps })
    }

    /// Whether its runs make checkpoints by themselves.
    fn checkpoints(&self) -> bool {
        self.checkpoint_records > 0 || self.checkpoint_steps > 0
    }

    fn options(&self, open: OpenSpans) -> DurableOptions {
        let id = Some(LogId([5; 16]));
        let log = Options { block: 512, segment: self.segment, id, spares: 1, group: 4096, waiting: 1 << 20 };
        let (checkpoint_records, checkpoint_steps) = (self.checkpoint_records, self.checkpoint_steps);
        DurableOptions {
            log,
            checkpoint_records,
            checkpoint_steps,
            slice: 1,
            open,
            beside: false,
            record: false,
            keys: self.case.config.authentication.keys().map(|_| keys()),
        }
    }

    fn all(&self) -> DurableOptions {
        self.options(OpenSpans::Carry { max: u32::MAX })
    }

    fn begin(&self, disk: &SimDisk) -> Result<DurableGuestRuntime, String> {
        let (config, schedule) = (self.case.config.clone(), self.case.schedule.clone());
        let run = Durable::create(Arc::new(disk.clone()), self.all(), config, schedule, Inline::default());
        let mut run = run.map_err(text)?;
        for plan in &self.case.plans {
            run.load(Arc::clone(plan)).map_err(text)?;
        }
        let image = run.load(Arc::clone(&self.case.image)).map_err(text)?;
        for _ in 0..self.case.sessions {
            run.open(image).map_err(text)?;
        }
        run.limit_steps(self.steps);
        run.sync().map_err(text)?;
        Ok(run)
    }

    fn recover(&self, disk: &SimDisk) -> Result<(DurableGuestRuntime, Stand), String> {
        let (run, plan) = Durable::recover(Arc::new(disk.clone()), self.all()).map_err(text)?;
        let mut stand = Stand::of(&run);
        stand.waiting.extend(plan.reasked.iter().map(|intent| intent.id));
        Ok((run, stand))
    }

    /// A turn, and what the host answers behind it; false when there is nothing more to come.
    fn turn(&self, run: &mut DurableGuestRuntime) -> Result<bool, String> {
        let machine = run.runtime().machine();
        if machine.planner_step() >= 7 && machine.tally().opened == self.case.sessions as u64 {
            run.open(ImageId(self.case.plans.len() as u32)).map_err(text)?;
        }
        let turn = run.turn(&self.case.host).map_err(text)?;
        let due = turn == Turn::Idle || self.early && run.runtime().machine().planner_step() % 4 == 2;
        let mut answered = false;
        if due && let Some((effect, at)) = run.outstanding().min_by_key(|(_, at)| *at) {
            run.complete(effect, self.case.late_answer(at)?).map_err(text)?;
            answered = true;
        }
        Ok(turn != Turn::Idle || answered)
    }

    /// Turns to the end; how many, and what came of it.
    fn end(&self, mut run: DurableGuestRuntime, disk: &SimDisk) -> Result<(usize, End), String> {
        let mut turns = 0;
        while self.turn(&mut run)? {
            turns += 1;
        }
        run.sync().map_err(text)?;
        let (status, stand) = (run.runtime().status(), Stand::of(&run));
        drop(run);
        Ok((turns, End { status, stand, records: self.records(disk)? }))
    }

    fn records(&self, disk: &SimDisk) -> Result<Vec<Record>, String> {
        let (log, _) = Log::open(Arc::new(disk.clone()), &self.all().log).map_err(text)?;
        log.read(log.first()).map_err(text)?.map(|record| record.map_err(text)).collect()
    }
}

/// Where a run stands.
#[derive(Clone, PartialEq)]
struct Stand {
    root: Digest,
    trace: Option<Digest>,
    tally: Tally,
    /// Effects that wait for an answer: the host has been asked, or is asked again.
    waiting: BTreeSet<EffectId>,
}

impl std::fmt::Debug for Stand {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { root, trace, tally, waiting } = self;
        let trace = trace.unwrap_or_default();
        write!(f, "root {root}, trace {trace}, {tally:?}, {} wait", waiting.len())
    }
}

impl Stand {
    fn of(run: &DurableGuestRuntime) -> Self {
        let runtime = run.runtime();
        let waiting = run.outstanding().map(|(id, _)| id).collect();
        let root = runtime.machine().recomputed_root();
        Self { root, trace: runtime.trace_digest(), tally: *runtime.machine().tally(), waiting }
    }
}

/// How a run ended, with the records that its log holds.
struct End {
    status: RunStatus,
    stand: Stand,
    records: Vec<Record>,
}

impl End {
    fn same_end(&self, other: &Self) -> Result<(), String> {
        ensure!(self.status == other.status, "{:?} and {:?}", self.status, other.status);
        ensure!(self.stand == other.stand, "{:?} and {:?}", self.stand, other.stand);
        Ok(())
    }

    /// The same end, and record for record the same log behind a cut. A run that makes checkpoints by itself also writes
    /// down how far it has come, and makes them elsewhere when it was cut: there the other records are the same.
    fn same_from(&self, cut: Lsn, other: &Self, story: &Story) -> Result<(), String> {
        self.same_end(other)?;
        if story.checkpoints() {
            let told = |end: &Self| end.records.iter().filter(|record| !is_reached(record)).map(bare).rev().collect();
            let (mine, theirs): (Vec<_>, Vec<_>) = (told(self), told(other));
            let at = mine.iter().zip(&theirs).take_while(|(mine, theirs)| mine == theirs).count();
            ensure!(at == mine.len().min(theirs.len()), "cut at {cut}: record {at} from the end is another");
            return Ok(());
        }
        // Checkpoints on the way may have dropped more on one side.
        let firsts = [self, other].map(|end| end.records.first().map_or(Lsn::ZERO, |record| record.lsn));
        let from = firsts.into_iter().fold(cut, Lsn::max);
        let rest = |end: &Self| end.records.iter().filter(|record| record.lsn >= from).cloned().collect::<Vec<_>>();
        ensure!(rest(self) == rest(other), "other records behind the cut at {cut}");
        Ok(())
    }
}

/// Whether a record only says how far the run had come.
fn is_reached(record: &Record) -> bool {
    record.kind == INPUTS && record.bytes.len() == 12
}

/// A record without its number.
fn bare(record: &Record) -> (u16, Vec<u8>) {
    (record.kind, record.bytes.clone())
}

/// The inputs in records, one after the other.
fn exchanges(records: &[Record]) -> Result<Vec<(u64, Input)>, String> {
    let (mut pieces, mut inputs): (Vec<&[u8]>, Vec<_>) = (Vec::new(), Vec::new());
    for record in records {
        match record.kind {
            PIECE => {
                pieces.push(&record.bytes);
                continue;
            }
            INPUTS => inputs.extend(tape(record, &pieces)?),
            _ => {}
        }
        pieces.clear();
    }
    Ok(inputs)
}

/// The same exchanges, or the first that differs.
fn same_exchanges(found: &[(u64, Input)], wanted: &[(u64, Input)]) -> Result<(), String> {
    let at = found.iter().zip(wanted).take_while(|(found, wanted)| found == wanted).count();
    let (found, wanted) = (found.get(at), wanted.get(at));
    ensure!(found == wanted, "exchange {at} is {found:?}, not {wanted:?}");
    Ok(())
}

fn tape(record: &Record, pieces: &[&[u8]]) -> Result<Vec<(u64, Input)>, String> {
    let mut from = Reader::new(&record.bytes);
    let header = from.u64().and_then(|_| from.u32()).and_then(|many| pieces.len().checked_sub(many as usize));
    let first = header.ok_or("an inputs record without its header, or its pieces")?;
    let rest = from.take(from.remaining()).unwrap_or_default();
    read_inputs(&[&pieces[first..].concat(), rest].concat()).map_err(text)
}

/// Where the spans that are open before each record began: counted from the records alone.
fn open_before(records: &[Record], carried: &[(Vec<u8>, Lsn)]) -> Result<BTreeMap<Lsn, Vec<Lsn>>, String> {
    let mut open: BTreeMap<Vec<u8>, Lsn> = carried.iter().cloned().collect();
    let (mut pieces, mut before): (Vec<&Record>, BTreeMap<_, _>) = (Vec::new(), BTreeMap::new());
    for record in records {
        note(&mut before, record.lsn, &open, &pieces);
        if record.kind == PIECE {
            pieces.push(record);
            continue;
        }
        let coordinates = |bytes: &[u8]| -> Vec<Vec<u8>> {
            // A number of them, each a coordinate of 14 bytes and an id of 32.
            bytes[8..].chunks(46).map(|one| one[..14].to_vec()).collect()
        };
        match record.kind {
            ASKED => open.extend(coordinates(&record.bytes).into_iter().map(|at| (at, record.lsn))),
            ABANDONED => coordinates(&record.bytes).iter().for_each(|at| _ = open.remove(at)),
            INPUTS => {
                let bytes: Vec<&[u8]> = pieces.iter().map(|piece| piece.bytes.as_slice()).collect();
                for (_, input) in tape(record, &bytes)? {
                    if let Input::Answer { at, .. } = input {
                        let counter = at.counter.to_le_bytes();
                        let key = [&at.session.0.to_le_bytes()[..], &at.coroutine.0.to_le_bytes(), &counter].concat();
                        open.remove(&key);
                    }
                }
            }
            _ => {}
        }
        pieces.clear();
    }
    if let Some(last) = records.last() {
        note(&mut before, last.lsn.next(), &open, &pieces);
    }
    Ok(before)
}

fn note(into: &mut BTreeMap<Lsn, Vec<Lsn>>, at: Lsn, open: &BTreeMap<Vec<u8>, Lsn>, pieces: &[&Record]) {
    let mut since: Vec<Lsn> = open.values().copied().chain(pieces.iter().map(|piece| piece.lsn)).collect();
    since.sort();
    into.insert(at, since);
}

/// What a lane saw.
#[derive(Debug, Default)]
struct Seen {
    records: usize,
    most_records: usize,
    crashes: u64,
    cuts: u64,
    carried: usize,
    moved: u64,
    refused: u64,
    behind_checkpoints: u64,
    pieces: usize,
}

impl Seen {
    fn add(&mut self, other: &Seen) {
        self.records += other.records;
        self.most_records = self.most_records.max(other.most_records);
        self.crashes += other.crashes;
        self.cuts += other.cuts;
        self.carried += other.carried;
        self.moved += other.moved;
        self.refused += other.refused;
        self.behind_checkpoints += other.behind_checkpoints;
        self.pieces += other.pieces;
    }
}

/// Of random durable runs, with crashes among them and stopped anywhere, every safe cut: the cut log recovers to where
/// the uncut one stands, and goes on to its end. A cut that would not be safe is made before it, or refused.
pub fn every_safe_cut_goes_on_the_same() -> Result<(), String> {
    let all = Mutex::new(Seen::default());
    let lane = Lane::new("cuts of runs", 200);
    lane.run(|seed| {
        let seen = every_cut(seed)?;
        all.lock().map_err(text)?.add(&seen);
        Ok(())
    })?;
    let seen = all.into_inner().map_err(text)?;
    println!("cuts of {} runs: {seen:?}", lane.cases());
    let share = lane.cases() >= 100;
    ensure!(
        !share || seen.carried > 0 && seen.moved > 0 && seen.refused > 0 && seen.crashes > 0,
        "too plain: {seen:?}"
    );
    Ok(())
}

/// The same, for the mutation test.
pub fn every_safe_cut_in_small() -> Result<(), String> {
    Lane::fixed("cuts of runs", 12).run(|seed| every_cut(seed).map(drop))
}

fn every_cut(seed: u64) -> Result<Seen, String> {
    let story = Story::new(seed, 160)?;
    let disk = SimDisk::new();
    let (turns, whole) = story.end(story.begin(&disk)?, &disk)?;
    let mut seen = Seen::default();
    let image = stopped(&story, seed, turns, &mut seen)?;

    let uncut = SimDisk::from_image(&image);
    let records = story.records(&uncut)?;
    let (run, stand) = story.recover(&uncut)?;
    let (_, end) = story.end(run, &uncut)?;
    // Checkpoints may have dropped the first ones.
    let (found, wanted) = (exchanges(&end.records)?, exchanges(&whole.records)?);
    if !story.checkpoints() {
        same_exchanges(&found, &wanted).map_err(|why| format!("recovered without a cut: {why}"))?;
    }
    end.same_end(&whole).map_err(|why| format!("recovered without a cut: {why}"))?;
    seen.records += records.len();
    seen.most_records = records.len();
    seen.pieces += records.iter().filter(|record| record.kind == PIECE).count();
    cuts(&story, &image, &records, &stand, &end, &mut seen)?;
    Ok(seen)
}

/// A run that was stopped after some turns: what its disk holds. On the way it may have crashed and been recovered.
fn stopped(story: &Story, seed: u64, turns: usize, seen: &mut Seen) -> Result<Image, String> {
    let mut dice = Dice::new(seed ^ 0xc0_75);
    let mut disk = SimDisk::new();
    let mut run = story.begin(&disk)?;
    for turn in 0..dice.below(turns + 1) {
        story.turn(&mut run)?;
        if dice.one_in(4) {
            run.sync().map_err(text)?;
        }
        if dice.one_in(9) {
            run.note(&[turn as u8; 9]).map_err(text)?;
        }
        if !story.early && dice.one_in(6) {
            let image = crash(&disk, &mut dice);
            disk = SimDisk::from_image(&image);
            run = story.recover(&disk)?.0;
            seen.crashes += 1;
        }
    }
    if story.early || dice.one_in(2) {
        run.sync().map_err(text)?;
        return Ok(disk.image());
    }
    seen.crashes += 1;
    Ok(crash(&disk, &mut dice))
}

fn crash(disk: &SimDisk, dice: &mut Dice) -> Image {
    let survival = Survival::Chance(dice.below(256) as u8);
    disk.platter().crash(survival, &mut || dice.below(256) as u8)
}

/// Every cut of a stopped run's log.
fn cuts(
    story: &Story,
    image: &Image,
    records: &[Record],
    stand: &Stand,
    end: &End,
    seen: &mut Seen,
) -> Result<(), String> {
    // A log with a checkpoint can only be cut behind it; what was open there is told by the records before, as long as
    // they are there.
    let (_, recovered) =
        Log::open(Arc::new(SimDisk::from_image(image)), &story.all().log).map_err(|error| error.to_string())?;
    let begin = recovered.checkpoint.as_ref().map_or(Lsn::ZERO, |checkpoint| checkpoint.lsn);
    drop(recovered);
    let before = match records.first() {
        Some(first) if first.lsn == Lsn::ZERO => open_before(records, &[])?,
        _ => BTreeMap::new(),
    };
    let weight = |record: &&Record| record.bytes.len() as u64 + HEADER;
    let places = records.iter().map(|record| record.lsn.next()).filter(|at| *at > begin);
    for at in places {
        let keep = records.iter().filter(|record| record.lsn >= at).map(|record| weight(&record)).sum();
        let told = |error: String| format!("cut at {at}: {error}");
        let disk = SimDisk::from_image(image);
        let (head, _) = cut_log(Arc::new(disk.clone()), &story.all(), keep).map_err(|error| told(text(error)))?;
        ensure!(head.certificate.cut == at, "asked for a cut at {at}, cut at {}", head.certificate.cut);
        if let Some(open) = before.get(&at) {
            let since: Vec<Lsn> = head.carried.iter().map(|carried| carried.since).collect();
            ensure!(since == *open, "cut at {at}: carried {since:?}, open are {open:?}");
            seen.carried += open.len();
            for max in [0, 1] {
                pinned(story, image, keep, max, (begin, at), &before, stand, seen).map_err(told)?;
            }
        }
        goes_on(story, &disk, at, stand, end).map_err(told)?;
        seen.cuts += 1;
        seen.behind_checkpoints += u64::from(begin > Lsn::ZERO);
    }
    Ok(())
}

/// What is recovered from a cut log stands where the uncut one stands, and comes to the same end.
fn goes_on(story: &Story, disk: &SimDisk, at: Lsn, stand: &Stand, end: &End) -> Result<(), String> {
    let (run, found) = story.recover(disk)?;
    ensure!(found == *stand, "recovered to {found:?}, without the cut to {stand:?}");
    let (_, found) = story.end(run, disk)?;
    found.same_from(at, end, story)
}

/// A cut at which more spans are open than may be is made before it, at the last place where that is not so; without
/// such a place it is refused, and the log is as it was.
#[allow(clippy::too_many_arguments)]
fn pinned(
    story: &Story,
    image: &Image,
    keep: u64,
    max: u32,
    (begin, at): (Lsn, Lsn),
    before: &BTreeMap<Lsn, Vec<Lsn>>,
    stand: &Stand,
    seen: &mut Seen,
) -> Result<(), String> {
    if before.get(&at).is_none_or(|open| open.len() <= max as usize) {
        return Ok(());
    }
    let allowed = before.range(begin.next()..at).rfind(|(_, open)| open.len() <= max as usize);
    let open = if max == 0 { OpenSpans::Pin } else { OpenSpans::Carry { max } };
    let disk = SimDisk::from_image(image);
    match (cut_log(Arc::new(disk.clone()), &story.options(open), keep), allowed) {
        (Ok((head, _)), Some((wanted, _))) => {
            ensure!(head.certificate.cut == *wanted, "with {max}: moved to {}", head.certificate.cut);
            seen.moved += 1;
        }
        (Err(CutLogError::Cut(CutError::Pinned { since, .. })), None) => {
            let oldest = before.get(&at).and_then(|open| open.first());
            ensure!(oldest == Some(&since), "with {max}: pinned since {since}, not {oldest:?}");
            seen.refused += 1;
        }
        (Ok((head, _)), None) => return Err(format!("with {max}: cut at {}", head.certificate.cut)),
        (Err(error), wanted) => return Err(format!("with {max}: {error}, wanted {wanted:?}")),
    }
    let (_, found) = story.recover(&disk)?;
    ensure!(found == *stand, "with {max}: recovered to {found:?}");
    Ok(())
}

/// Fifty compactions one after the other on one long run, some beside it and some while it rests, each followed by a loss
/// of power and a recovery: it always stands where a run stands that was never cut, and comes to the same end.
pub fn fifty_compactions_in_sequence() -> Result<(), String> {
    let lane = Lane::new("runs that are cut fifty times", 200).per(100);
    lane.run(|seed| fifty(seed.wrapping_mul(2)))
}

fn fifty(seed: u64) -> Result<(), String> {
    let story = Story { checkpoint_records: 0, checkpoint_steps: 0, steps: u64::MAX, ..Story::new(seed, u64::MAX)? };
    let (calm_disk, mut disk) = (SimDisk::new(), SimDisk::new());
    let (mut calm, mut run) = (story.begin(&calm_disk)?, story.begin(&disk)?);
    let mut dice = Dice::new(seed ^ 50);
    let (mut cuts, mut certified) = (0, Lsn::ZERO);
    while cuts < 50 {
        for _ in 0..1 + dice.below(9) {
            if dice.one_in(3) {
                calm.open(ImageId(0)).map_err(text)?;
                run.open(ImageId(0)).map_err(text)?;
            }
            ensure!(story.turn(&mut calm)? == story.turn(&mut run)?, "one goes on, and the other does not");
            let (calm, run) = (Stand::of(&calm), Stand::of(&run));
            ensure!(calm.root == run.root, "after {cuts} cuts: {run:?}, never cut {calm:?}");
        }
        run.sync().map_err(text)?;
        if dice.one_in(2) {
            let head = run.checkpoint();
            match head {
                Ok(head) => certified = certified.max(head.certificate.cut),
                Err(motet_runtime::DurableError::Cut(CutError::NothingToDrop { .. })) => continue,
                Err(error) => return Err(text(error)),
            }
            drop(run);
        } else {
            drop(run);
            let keep = [0, 300, 2_000][dice.below(3)];
            match cut_log(Arc::new(disk.clone()), &story.all(), keep) {
                Ok((head, _)) => certified = certified.max(head.certificate.cut),
                Err(CutLogError::Cut(CutError::NothingToDrop { .. })) => {
                    run = story.recover(&disk)?.0;
                    continue;
                }
                Err(error) => return Err(text(error)),
            }
        }
        cuts += 1;
        disk = SimDisk::from_image(&crash(&disk, &mut dice));
        let found;
        (run, found) = story.recover(&disk)?;
        // Whoever was asked in this process, or will be asked in the next turn, waits.
        let mut wanted = Stand::of(&calm);
        let forgotten = wanted.waiting.iter().find(|id| !found.waiting.contains(id));
        ensure!(forgotten.is_none(), "cut {cuts}: nobody waits for {forgotten:?} any more");
        wanted.waiting.clone_from(&found.waiting);
        ensure!(found == wanted, "cut {cuts}: {found:?}, never cut {wanted:?}");
    }
    let limit = calm.runtime().machine().tally().steps + 400;
    calm.limit_steps(limit);
    run.limit_steps(limit);
    let ((_, calm), (_, run)) = (story.end(calm, &calm_disk)?, story.end(run, &disk)?);
    run.same_end(&calm)?;
    let (all, kept) = (exchanges(&calm.records)?, exchanges(&run.records)?);
    ensure!(all.ends_with(&kept), "the log that was cut has other exchanges");
    let first = run.records.first().map_or(Lsn::ZERO, |record| record.lsn);
    ensure!(certified > Lsn::ZERO && first > Lsn::ZERO, "nothing was dropped");
    Ok(())
}
