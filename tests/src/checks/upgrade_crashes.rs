//! Durable runs whose sessions move, on a disk that crashes: whatever is left, every session is wholly on one image, and goes
//! on to the end that it would have had.

use super::durable::{DEEDS, SESSIONS, asking, begin, go_on, options};
use super::upgrades::asker;
use crate::draft::NAT;
use crate::owners::objects;
use crate::script::Script;
use crate::world::World;
use motet_log::sim::{Platter, SimDisk, Survival};
use motet_machine::{CodeImage, EffectOutcome, ImageId, UpgradeOptions};
use motet_runtime::{Durable, DurableGuestRuntime, Inline, RuntimeUpgradeRequest, Schedule};
use motet_semantic::PendingEffectTreatment;
use motet_types::{Digest, EffectKind, SessionId};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use std::sync::{Arc, Mutex};

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// The protocol of durable runs under another name, with one more label before its own.
fn renamed(name: &str) -> Result<Arc<CodeImage>, String> {
    let mut draft = asking();
    draft.parts.name = name.into();
    draft.parts.labels.insert(0, motet_types::LabelPart { name: "New".into(), sort: 0 });
    let shift = |branches: &mut Vec<motet_types::BranchPart>| branches.iter_mut().for_each(|branch| branch.label += 1);
    draft.parts.states.iter_mut().for_each(|state| shift(&mut state.branches));
    for node in &mut draft.parts.global {
        if let motet_types::GlobalPart::Comm { branches, .. } = node {
            shift(branches);
        }
    }
    draft.image()
}

/// How many sessions run each of two images, of those that are there.
fn on(run: &DurableGuestRuntime, images: [Digest; 2]) -> [u64; 2] {
    let machine = run.runtime().machine();
    let digests = machine.sessions().filter_map(|session| machine.image_of(session)).map(|image| image.digest());
    digests.fold([0; 2], |[old, new], digest| match digest {
        digest if digest == images[0] => [old + 1, new],
        digest if digest == images[1] => [old, new + 1],
        _ => [old, new],
    })
}

/// The moment before an I/O call: what the disk has, the world outside, and whether the move was acknowledged.
struct Point {
    platter: Platter,
    world: World,
    moved: bool,
}

/// What moved, and the moments of the run.
struct Moved {
    sessions: Vec<SessionId>,
    points: Vec<Point>,
}

fn run(later: u64, checkpoint_records: u64, turns: usize) -> Result<Moved, String> {
    let (disk, world) = (SimDisk::new(), World::answering_later(later));
    let mut run = begin(&disk, checkpoint_records)?;
    for _ in 0..turns {
        run.turn(&world).map_err(text)?;
    }
    run.sync().map_err(text)?;
    let (points, moved) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(false)));
    let (into, acknowledged, outside) = (Arc::clone(&points), Arc::clone(&moved), world.clone());
    disk.observe(move |_, call, platter| {
        if call.changes() {
            let moved = *acknowledged.lock().expect("one thread");
            let point = Point { platter: platter.clone(), world: outside.apart(), moved };
            into.lock().expect("one thread").push(point);
        }
    });
    let to = run.load(renamed("Moved")?).map_err(text)?;
    let options = UpgradeOptions::default();
    let sessions = run.stage_upgrade(to, options).map_err(text)?.movable();
    run.upgrade(to, options, &sessions).map_err(text)?;
    run.sync().map_err(text)?;
    *moved.lock().expect("one thread") = true;
    go_on(&mut run, &world, |_| {})?;
    ensure!(world.done() == DEEDS, "{} deeds", world.done());
    disk.look_away();
    let points = std::mem::take(&mut *points.lock().expect("one thread"));
    Ok(Moved { sessions, points })
}

fn recovers(point: &Point, survival: Survival, moved: &Moved, dice: &mut ChaCha8Rng) -> Result<bool, String> {
    let images = [asking().image()?.digest(), renamed("Moved")?.digest()];
    let image = point.platter.crash(survival, &mut || dice.next_u32() as u8);
    let disk = Arc::new(SimDisk::from_image(&image));
    let (mut run, _) = Durable::recover(disk, options(4)).map_err(|error| format!("recovery: {error}"))?;
    let machine = run.runtime().machine();
    let [old, new] = on(&run, images);
    let there = machine.sessions().count() as u64;
    ensure!(old + new == there, "{there} sessions, {old} on the old image and {new} on the new one");
    let mine = |session: &&SessionId| machine.image_of(**session).is_some();
    let left = moved.sessions.iter().filter(mine);
    let on_new =
        left.clone().filter(|session| machine.image_of(**session).map(|image| image.digest()) == Some(images[1]));
    let (left, on_new) = (left.count(), on_new.count());
    ensure!(on_new == 0 || on_new == left, "{on_new} of {left} sessions moved");
    ensure!(!point.moved || on_new == left, "an acknowledged move was lost");
    let world = point.world.apart();
    go_on(&mut run, &world, |_| {})?;
    let tally = run.runtime().machine().tally();
    ensure!(tally.closed == SESSIONS && tally.faulted == 0, "{tally:?}");
    ensure!(world.done() == DEEDS, "{} effects were done", world.done());
    Ok(on_new > 0)
}

/// A crash at every I/O call of a move and what comes after it.
pub fn crashes_leave_whole_images() -> Result<(), String> {
    let mut dice = ChaCha8Rng::seed_from_u64(5);
    let (mut images, mut on_new) = (0, 0);
    for (later, checkpoint_records) in [(0, 0), (2, 0), (2, 5), (3, 9)] {
        for turns in [1, 3, 6] {
            let moved = run(later, checkpoint_records, turns)?;
            ensure!(!moved.sessions.is_empty(), "later {later}, after {turns} turns: nothing moved");
            for (at, point) in moved.points.iter().enumerate() {
                let chance = Survival::Chance((dice.next_u32() % 256) as u8);
                for survival in [Survival::Nothing, Survival::Everything, chance] {
                    let told = |why| {
                        format!("later {later}, checkpoints {checkpoint_records}, {turns} turns, call {at}: {why}")
                    };
                    on_new += u64::from(recovers(point, survival, &moved, &mut dice).map_err(told)?);
                    images += 1;
                }
            }
        }
    }
    ensure!(on_new > 0 && on_new < images, "{on_new} of {images} crashes left sessions on the new image");
    println!("crashes around moves: {images}, {on_new} left sessions on the new image");
    Ok(())
}

/// What a run is: its state, and what it means.
fn seen(run: &DurableGuestRuntime) -> Result<[String; 2], String> {
    let meant = objects(run.runtime()).ok_or("there are no objects")?;
    Ok([run.runtime().state_root().to_string(), meant])
}

/// Cuts a run over to its last image; what sessions wait for that stay behind is given up.
fn cut_over(run: &mut DurableGuestRuntime) -> Result<(), String> {
    let to = ImageId(run.runtime().machine().images().len() as u32 - 1);
    let mut request = RuntimeUpgradeRequest::new(to, UpgradeOptions::default());
    request.compatibility.pending_effect_treatment = PendingEffectTreatment::InvalidateBlocked;
    let mut execution = run.begin_upgrade(request).map_err(text)?;
    run.admit_staged(&mut execution).map_err(text)?;
    run.cut_over(&mut execution).map_err(text)?;
    let given_up = execution.artifact().invalidated_obligation_ids.len();
    ensure!(given_up == 2, "{given_up} effects were given up");
    Ok(())
}

/// A crash at every I/O call of a cutover that gives effects up: the sessions have moved and the effects are invalidated, or
/// neither, to the byte; and what was not done yet comes out the same when it is done.
pub fn crashes_leave_whole_cutovers() -> Result<(), String> {
    let later = || Script::new(&[EffectKind::InvokeStep], |_| EffectOutcome::Pending);
    let (mut dice, mut found) = (ChaCha8Rng::seed_from_u64(6), [0, 0]);
    for checkpoint_records in [0, 2] {
        let disk = SimDisk::new();
        let mut config = super::upgrades::config();
        config.semantic_objects = Some(100);
        let storage = Arc::new(disk.clone());
        let begun =
            Durable::create(storage, options(checkpoint_records), config, Schedule::default(), Inline::default());
        let mut run = begun.map_err(text)?;
        for image in [asker("Old", "ask", 5, NAT)?, asker("Second", "tell", 5, NAT)?] {
            let image = run.load(image).map_err(text)?;
            for _ in 0..2 {
                run.open(image).map_err(text)?;
            }
        }
        run.run(&later()).map_err(text)?;
        run.load(asker("New", "tell", 6, NAT)?).map_err(text)?;
        run.sync().map_err(text)?;
        let before = seen(&run)?;
        let (points, done) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(false)));
        let (into, acknowledged) = (Arc::clone(&points), Arc::clone(&done));
        disk.observe(move |_, call, platter| {
            if call.changes() {
                let done = *acknowledged.lock().expect("one thread");
                into.lock().expect("one thread").push((platter.clone(), done));
            }
        });
        cut_over(&mut run)?;
        let after = seen(&run)?;
        run.sync().map_err(text)?;
        *done.lock().expect("one thread") = true;
        run.checkpoint().map_err(text)?;
        run.run(&later()).map_err(text)?;
        let end = seen(&run)?;
        ensure!(run.runtime().machine().tally().faulted == 2, "nobody failed for want of authority");
        disk.look_away();
        let points = std::mem::take(&mut *points.lock().expect("one thread"));
        for (at, (platter, done)) in points.iter().enumerate() {
            let chance = Survival::Chance((dice.next_u32() % 256) as u8);
            for survival in [Survival::Nothing, Survival::Everything, chance] {
                let image = platter.crash(survival, &mut || dice.next_u32() as u8);
                let recovered = Durable::recover(Arc::new(SimDisk::from_image(&image)), options(checkpoint_records));
                let (mut run, _) = recovered.map_err(|error| format!("call {at}: {error}"))?;
                let stands = seen(&run)?;
                let there = stands != before;
                ensure!(there || !*done, "call {at}: an acknowledged cutover was lost");
                found[usize::from(there)] += 1;
                if !there {
                    cut_over(&mut run)?;
                    ensure!(seen(&run)? == after, "call {at}: done again, it came out otherwise");
                }
                ensure!(!there || stands == after || stands == end, "call {at}: something between both");
                run.run(&later()).map_err(text)?;
                ensure!(seen(&run)? == end, "call {at}: it ends otherwise");
            }
        }
    }
    ensure!(found[0] > 0 && found[1] > 0, "crashes left {found:?} runs before and behind the cutover");
    println!("crashes around cutovers: {} before, {} behind", found[0], found[1]);
    Ok(())
}

/// An image that came into the log and was never used is in nobody's way.
pub fn unused_images_are_in_nobodys_way() -> Result<(), String> {
    let (disk, world) = (SimDisk::new(), World::default());
    let mut run = begin(&disk, 0)?;
    run.turn(&world).map_err(text)?;
    run.load(renamed("Unused")?).map_err(text)?;
    run.sync().map_err(text)?;
    drop(run);
    let (mut run, _) = Durable::recover(Arc::new(disk.clone()), options(0)).map_err(text)?;
    let to = run.load(renamed("Used")?).map_err(text)?;
    let sessions = run.stage_upgrade(to, UpgradeOptions::default()).map_err(text)?.movable();
    run.upgrade(to, UpgradeOptions::default(), &sessions).map_err(text)?;
    run.sync().map_err(text)?;
    let root = run.runtime().state_root();
    drop(run);
    let (run, plan) = Durable::recover(Arc::new(disk), options(0)).map_err(text)?;
    ensure!(plan.state_root == root, "recovered to {}, not {root}", plan.state_root);
    let [_, used] = on(&run, [asking().image()?.digest(), renamed("Used")?.digest()]);
    ensure!(used == sessions.len() as u64 && used > 0, "{used} of {sessions:?} run the image that was used");
    Ok(())
}
