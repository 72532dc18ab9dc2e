//! Outside the machine nobody can name an island, only its place.
use motet_runtime::machine::wave::Island;

fn keep(_island: Island) {}

fn main() {}
