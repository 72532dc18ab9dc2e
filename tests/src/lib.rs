//! Cross-crate tests: random protocols, oracles that share no code with what they judge, and planted faults.
//!
//! Every promise that the tests keep is a plain function in [`checks`], so that a `#[test]`, a full lane and the
//! mutation test call the same code.

/// Answers with an error unless the condition holds.
macro_rules! ensure {
    ($condition:expr, $($why:tt)+) => {
        if !$condition {
            return Err(format!($($why)+));
        }
    };
}

pub mod catches;
pub mod checks;
pub mod conduct;
pub mod dice;
pub mod draft;
pub mod drawn;
pub mod duet;
pub mod explore;
pub mod generate;
pub mod grow;
pub mod lane;
pub mod model;
pub mod monitor;
pub mod mutant;
pub mod owner_model;
pub mod owners;
pub mod reference;
pub mod scribble;
pub mod script;
pub mod small_types;
pub mod speculate;
pub mod walk;
pub mod watched;
pub mod witness;
pub mod world;

/// What a check is: it answers what it found broken.
pub type Check = fn() -> Result<(), String>;

/// Keeps a promise: runs its check and panics with what the check found broken.
///
/// In a build with planted faults, `MOTET_PLANT` names one that is switched on first, to see a test fail by hand.
///
/// # Panics
/// When the promise is broken.
pub fn keep(name: &str, check: Check) {
    #[cfg(feature = "planted")]
    if let Ok(wanted) = std::env::var("MOTET_PLANT") {
        let known = motet_types::Planted::ALL.iter().find(|fault| fault.name() == wanted);
        motet_types::plant(Some(*known.unwrap_or_else(|| panic!("there is no planted fault `{wanted}`"))));
    }
    if let Err(why) = check() {
        panic!("{name}: {why}");
    }
}

/// One `#[test]` for each of a module's checks.
#[macro_export]
macro_rules! promises {
    ($($module:ident: $($check:ident),+;)+) => {$(
        mod $module {
            $(
                #[test]
                fn $check() {
                    $crate::keep(stringify!($check), $crate::checks::$module::$check);
                }
            )+
        }
    )+};
}
