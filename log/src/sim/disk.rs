//! The simulated disk as the log sees it.

use super::{Fault, Image, Platter, SECTOR, platter::Entry};
use crate::storage::{File, Storage};
use parking_lot::Mutex;
use std::io;
use std::sync::Arc;

/// One I/O call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Call<'a> {
    List,
    Open { file: &'a str },
    Create { file: &'a str },
    Remove { file: &'a str },
    SyncFolder,
    Length { file: &'a str },
    Read { file: &'a str, at: u64, length: usize },
    Write { file: &'a str, at: u64, length: usize },
    SetLength { file: &'a str, length: u64 },
    Sync { file: &'a str },
}

impl Call<'_> {
    /// Whether the call may change what a crash leaves. A crash before any other call leaves what one before the last
    /// changing call, or behind it, leaves.
    pub fn changes(&self) -> bool {
        !matches!(self, Call::List | Call::Open { .. } | Call::Length { .. } | Call::Read { .. })
    }
}

type Observer = Box<dyn FnMut(u64, &Call<'_>, &Platter) + Send>;

#[derive(Default)]
struct State {
    platter: Platter,
    calls: u64,
    faults: Vec<(u64, Fault)>,
    /// From this call on, writes that make a file longer, and new files, fail with `StorageFull`.
    full_from: Option<u64>,
    observer: Option<Observer>,
}

/// A disk in memory. Clones are the same disk.
#[derive(Clone, Default)]
pub struct SimDisk {
    state: Arc<Mutex<State>>,
}

impl SimDisk {
    /// An empty disk.
    pub fn new() -> SimDisk {
        SimDisk::default()
    }

    /// A disk with what a crash left.
    pub fn from_image(image: &Image) -> SimDisk {
        SimDisk::from_platter(Platter::from(image))
    }

    /// A disk in this state, with what is pending still pending: as when a process is killed and the machine goes on.
    pub fn from_platter(platter: Platter) -> SimDisk {
        SimDisk { state: Arc::new(Mutex::new(State { platter, ..State::default() })) }
    }

    /// How many I/O calls there were.
    pub fn calls(&self) -> u64 {
        self.state.lock().calls
    }

    /// The state now.
    pub fn platter(&self) -> Platter {
        self.state.lock().platter.clone()
    }

    /// What would be there if everything were synced now.
    pub fn image(&self) -> Image {
        self.state.lock().platter.crash(super::Survival::Everything, &mut || 0)
    }

    /// Lets call number `call` (the first is 0) go wrong.
    pub fn fail(&self, call: u64, fault: Fault) {
        self.state.lock().faults.push((call, fault));
    }

    /// Lets the disk be full from call number `call` on, until [`SimDisk::heal`].
    pub fn fill(&self, call: u64) {
        self.state.lock().full_from = Some(call);
    }

    /// Forgets all faults that have not happened.
    pub fn heal(&self) {
        let mut state = self.state.lock();
        state.faults.clear();
        state.full_from = None;
    }

    /// Lets `observer` see every call before it happens: its number, what it is, and the state of the disk. It must
    /// not use the disk.
    pub fn observe(&self, observer: impl FnMut(u64, &Call<'_>, &Platter) + Send + 'static) {
        self.state.lock().observer = Some(Box::new(observer));
    }

    /// Ends [`SimDisk::observe`].
    pub fn look_away(&self) {
        self.state.lock().observer = None;
    }

    /// Counts a call, shows it, and does what `act` does with the platter unless a fault stands in the way.
    fn call<T>(
        &self,
        call: Call<'_>,
        grows: bool,
        act: impl FnOnce(&mut Platter, Option<Fault>) -> io::Result<T>,
    ) -> io::Result<T> {
        let mut delay = None;
        let mut state = self.state.lock();
        let state = &mut *state;
        let number = state.calls;
        state.calls += 1;
        if let Some(observer) = &mut state.observer {
            observer(number, &call, &state.platter);
        }
        let fault = match state.faults.iter().position(|(at, _)| *at == number) {
            Some(place) => Some(state.faults.swap_remove(place).1),
            None => None,
        };
        match fault {
            Some(Fault::Error(kind)) => return Err(kind.into()),
            Some(Fault::Delay(time)) => delay = Some(time),
            _ => {}
        }
        if let Some(time) = delay {
            std::thread::sleep(time);
        }
        if grows && state.full_from.is_some_and(|from| number >= from) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        act(&mut state.platter, fault)
    }

    fn file(&self, name: Arc<str>, place: usize) -> Arc<dyn File> {
        Arc::new(Handle { disk: self.clone(), name, place })
    }
}

fn present(platter: &Platter, name: &str) -> Option<usize> {
    platter.files.iter().rposition(|entry| entry.present && &*entry.name == name)
}

impl Storage for SimDisk {
    fn list(&self) -> io::Result<Vec<String>> {
        self.call(Call::List, false, |platter, _| {
            Ok(platter.files.iter().filter(|entry| entry.present).map(|entry| entry.name.to_string()).collect())
        })
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn File>> {
        let (name, place) = self.call(Call::Open { file: name }, false, |platter, _| {
            let place = present(platter, name).ok_or(io::ErrorKind::NotFound)?;
            let name = platter.files.get(place).map(|entry| entry.name.clone());
            Ok((name.unwrap_or_default(), place))
        })?;
        Ok(self.file(name, place))
    }

    fn create(&self, name: &str) -> io::Result<Arc<dyn File>> {
        let shared: Arc<str> = Arc::from(name);
        let place = self.call(Call::Create { file: name }, true, |platter, _| {
            if present(platter, name).is_some() {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            platter.files.push(Entry::new(shared.clone(), false, Vec::new()));
            Ok(platter.files.len() - 1)
        })?;
        Ok(self.file(shared, place))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.call(Call::Remove { file: name }, false, |platter, _| {
            let place = present(platter, name).ok_or(io::ErrorKind::NotFound)?;
            platter.files.get_mut(place).into_iter().for_each(|entry| entry.present = false);
            Ok(())
        })
    }

    fn sync(&self) -> io::Result<()> {
        self.call(Call::SyncFolder, false, |platter, fault| match fault {
            Some(Fault::SyncLoses | Fault::SyncPretends) => Err(io::Error::other("the folder's sync failed")),
            Some(Fault::SyncLies) => Ok(()),
            _ => {
                platter.files.iter_mut().for_each(|entry| entry.on_disk = entry.present);
                Ok(())
            }
        })
    }
}

struct Handle {
    disk: SimDisk,
    name: Arc<str>,
    place: usize,
}

impl Handle {
    fn entry<'a>(&self, platter: &'a mut Platter) -> io::Result<&'a mut Entry> {
        platter.files.get_mut(self.place).ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

impl File for Handle {
    fn len(&self) -> io::Result<u64> {
        let call = Call::Length { file: &self.name };
        self.disk.call(call, false, |platter, _| Ok(self.entry(platter)?.cache.len() as u64))
    }

    fn read_at(&self, at: u64, bytes: &mut [u8]) -> io::Result<usize> {
        let call = Call::Read { file: &self.name, at, length: bytes.len() };
        self.disk.call(call, false, |platter, fault| {
            let entry = self.entry(platter)?;
            let found = entry.cache.get(at as usize..).unwrap_or_default();
            let most = if let Some(Fault::Short(most)) = fault { most } else { usize::MAX };
            let count = found.len().min(bytes.len()).min(most);
            if let (Some(to), Some(from)) = (bytes.get_mut(..count), found.get(..count)) {
                to.copy_from_slice(from);
            }
            if fault == Some(Fault::ReadFlips) {
                bytes.get_mut(count / 2).into_iter().for_each(|byte| *byte ^= 4);
            }
            Ok(count)
        })
    }

    fn write_at(&self, at: u64, bytes: &[u8]) -> io::Result<usize> {
        let call = Call::Write { file: &self.name, at, length: bytes.len() };
        // Whether it makes the file longer is known only inside; a full disk takes what has its place already.
        let grows = self
            .disk
            .state
            .lock()
            .platter
            .files
            .get(self.place)
            .is_some_and(|entry| at as usize + bytes.len() > entry.cache.len());
        self.disk.call(call, grows, |platter, fault| {
            let count = match fault {
                Some(Fault::Short(most)) => bytes.len().min(most),
                Some(Fault::HalfThenError(_)) => bytes.len() / 2 / SECTOR * SECTOR,
                _ => bytes.len(),
            };
            self.entry(platter)?.write(at as usize, bytes.get(..count).unwrap_or_default());
            if let Some(Fault::HalfThenError(kind)) = fault { Err(kind.into()) } else { Ok(count) }
        })
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        self.disk.call(Call::SetLength { file: &self.name, length }, false, |platter, _| {
            self.entry(platter)?.set_len(length as usize);
            Ok(())
        })
    }

    fn sync(&self) -> io::Result<()> {
        self.disk.call(Call::Sync { file: &self.name }, false, |platter, fault| {
            let entry = self.entry(platter)?;
            match fault {
                Some(Fault::SyncLies) => return Ok(()),
                Some(Fault::SyncLoses) => {
                    let (mut durable, mut every) = (std::mem::take(&mut entry.durable), true);
                    entry.settle(&mut durable, || {
                        every = !every;
                        every
                    });
                    entry.durable = durable;
                    entry.cache.clone_from(&entry.durable);
                    entry.pending.clear();
                    entry.lengths.clear();
                    return Err(io::Error::other("the sync failed"));
                }
                Some(Fault::SyncPretends) => {
                    entry.pending.clear();
                    entry.lengths.clear();
                    return Err(io::Error::other("the sync failed"));
                }
                _ => {}
            }
            entry.sync();
            Ok(())
        })
    }
}
