//! What becomes of the places where roles live and of the links between them: crashes, partitions, timeouts, corruption.
//!
//! A place, or *site*, is a role's name, in all sessions of all images. What happens to sites comes in between turns through
//! one door, [`ProtocolMachine::perturb`](crate::ProtocolMachine::perturb), and is an input of the run. The machine keeps it
//! by name (`state`), works out what it means for every image's roles and edges (`links`), which is what steps look at, and
//! acts on the sessions that have such a role (`failure`). A machine to which nothing ever happened has none of this.

mod failure;
mod links;
mod perturb;
mod perturbation;
mod state;
mod transit;
mod wake;

pub(crate) use failure::{Failure, last_terminal};
pub(crate) use links::Network;
pub use perturb::{MAX_PERTURBATION_BYTES, TopologyOutcome, TopologyRefusal};
pub use perturbation::{Cancellation, CorruptionType, TopologyPerturbation};
pub use state::Topology;
