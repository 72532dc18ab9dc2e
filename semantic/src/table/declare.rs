//! Declaring a machine once: its state as a struct, its events and refusals as enums, its rows as a table.

/// Declares a machine. Field constants (`PHASE`) are [`Term`](super::Term)s; see any file in `rules`.
macro_rules! machine {
    (
        $(#[doc = $doc:literal])+
        $state:ident = $table:ident $name:literal;
        $(#[$attribute:meta])*
        fields { $($(#[doc = $field_doc:literal])+ $slot:ident $field:ident: $sort:ty,)+ }
        refusals $error:ident { $($(#[doc = $refusal_doc:literal])+ $refusal:ident $refusal_text:literal,)+ }
        events $event_type:ident { $(
            $(#[doc = $event_doc:literal])+
            $event:ident $event_name:literal {
                $($(#[doc = $given_doc:literal])+ $given:ident: $given_sort:ty),* $(,)?
            }
            needs [$($holds:expr => $why:ident),* $(,)?]
            sets [$($target:ident = $to:expr),* $(,)?],
        )+ }
        initial $initial:expr;
        invariants { $($(#[doc = $invariant_doc:literal])+ $invariant:literal $invariant_holds:expr, $invariant_break:expr;)* }
        laws { $($(#[doc = $law_doc:literal])+ $law:literal $law_holds:expr, $law_break:expr;)* }
        goal $goal:expr, $steps:literal;
    ) => {
        $(#[doc = $doc])+
        $(#[$attribute])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        pub struct $state {
            $($(#[doc = $field_doc])+ pub $field: $sort,)+
        }

        $(#[doc = $doc])+
        ///
        /// These are its events.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $event_type {
            $($(#[doc = $event_doc])+ $event { $($(#[doc = $given_doc])+ $given: $given_sort,)* },)+
        }

        /// Why an event was refused; the state is as it was.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
        pub enum $error {
            $($(#[doc = $refusal_doc])+ #[error($refusal_text)] $refusal,)+
            /// A counter would pass the largest number.
            #[error("a counter would pass the largest number that there is")]
            Exhausted,
        }

        impl $error {
            /// All refusals but `Exhausted`, in the table's order.
            pub const ALL: &'static [$error] = &[$($error::$refusal,)+];
        }

        #[allow(non_camel_case_types, clippy::upper_case_acronyms)]
        enum Slot { $($slot,)+ }
        const FIELDS: usize = [$(stringify!($slot),)+].len();
        $(const $slot: $crate::table::Term = $crate::table::Term::Field(Slot::$slot as usize);)+

        $(#[doc = $doc])+
        ///
        /// This is its table.
        pub static $table: $crate::table::Machine = $crate::table::Machine {
            name: $name,
            doc: concat!($($doc, "\n"),+),
            fields: &[$($crate::table::Field {
                name: stringify!($field),
                sort: <$sort as $crate::table::Word>::SORT,
                doc: concat!($($field_doc, "\n"),+),
            },)+],
            initial: $initial,
            events: &[$($crate::table::Event {
                name: $event_name,
                doc: concat!($($event_doc, "\n"),+),
                given: &[$($crate::table::Field {
                    name: stringify!($given),
                    sort: <$given_sort as $crate::table::Word>::SORT,
                    doc: concat!($($given_doc, "\n"),+),
                },)*],
                needs: &[$($crate::table::Need { holds: $holds, refusal: $error::$why as usize },)*],
                sets: &[$($crate::table::Set { field: $target, to: $to },)*],
            },)+],
            refusals: &[$((stringify!($refusal), $refusal_text),)+],
            invariants: &[$($crate::table::Claim {
                name: $invariant,
                doc: concat!($($invariant_doc, "\n"),+),
                holds: $invariant_holds,
                breaks: $invariant_break,
            },)*],
            laws: &[$($crate::table::Claim {
                name: $law,
                doc: concat!($($law_doc, "\n"),+),
                holds: $law_holds,
                breaks: $law_break,
            },)*],
            goal: ($goal, $steps),
            execute: |before, event, given, after| {
                let state = $state::from_words(before.first_chunk()?)?;
                Some(match state.apply($event_type::from_words(event, given)?) {
                    Ok(state) => {
                        after.copy_from_slice(&state.words());
                        Ok(())
                    }
                    Err($error::Exhausted) => Err($crate::table::Refused::Exhausted),
                    Err(refused) => Err($crate::table::Refused::Need(refused as usize)),
                })
            },
        };

        impl $event_type {
            /// The event's position in the table, and its arguments as numbers.
            pub fn words(self) -> (usize, [u64; 6]) {
                #[allow(non_camel_case_types, clippy::upper_case_acronyms)]
                enum Row { $($event,)+ }
                #[allow(unused_mut, unused_variables, unused_assignments)]
                match self {
                    $($event_type::$event { $($given,)* } => {
                        let mut words = [0; 6];
                        let mut at = 0;
                        $(words[at] = $crate::table::Word::word($given); at += 1;)*
                        (Row::$event as usize, words)
                    })+
                }
            }

            /// The event at this position of the table with these arguments; `None` where a number is not one of its values.
            #[allow(unused_mut, unused_variables, unused_assignments, non_camel_case_types, clippy::upper_case_acronyms)]
            pub fn from_words(row: usize, given: &[u64]) -> Option<Self> {
                enum Row { $($event,)+ }
                let mut words = given.iter().copied();
                $(if row == Row::$event as usize {
                    return Some($event_type::$event {
                        $($given: <$given_sort as $crate::table::Word>::from_word(words.next()?)?,)*
                    });
                })+
                None
            }

            /// The event's name.
            pub fn name(self) -> &'static str {
                match self { $($event_type::$event { .. } => $event_name,)+ }
            }
        }

        impl $state {
            /// The state as numbers, in the order of the table's fields.
            pub fn words(self) -> [u64; FIELDS] {
                [$($crate::table::Word::word(self.$field),)+]
            }

            /// The state of these numbers; `None` where a number is not one of its field's values.
            pub fn from_words(words: &[u64; FIELDS]) -> Option<Self> {
                Some(Self { $($field: $crate::table::Word::from_word(words[Slot::$slot as usize])?,)+ })
            }

            /// The state after the event.
            ///
            /// # Errors
            /// The first of the event's needs that does not hold; the state is then as it was.
            #[allow(unused_mut, unused_variables, unused_assignments, non_camel_case_types, clippy::upper_case_acronyms)]
            #[inline]
            pub fn apply(self, event: $event_type) -> Result<Self, $error> {
                enum Row { $($event,)+ }
                let before = self.words();
                let mut after = before;
                match event {
                    $($event_type::$event { $($given,)* } => {
                        let given: &[u64] = &[$($crate::table::Word::word($given),)*];
                        let mut need = 0;
                        $({
                            const HOLDS: $crate::table::Flat = $crate::table::Flat::of(&$holds);
                            let last = need + 1 == $table.events[Row::$event as usize].needs.len();
                            let asked = !(last && $crate::planted::planted("table-skips-last-need"));
                            if asked
                                && !HOLDS.holds(&before, given)
                                && !$crate::planted::skipped(&$table, Row::$event as usize, need)
                            {
                                return Err($error::$why);
                            }
                            need += 1;
                        })*
                        let mut set = 0;
                        $({
                            const TO: $crate::table::FlatTerm = $crate::table::FlatTerm::of(&$to);
                            const TARGET: $crate::table::Term = $target;
                            set += 1;
                            let last = set == $table.events[Row::$event as usize].sets.len();
                            if !(last && $crate::planted::planted("table-skips-last-set")) {
                                let word = TO.word(&before, given).ok_or($error::Exhausted)?;
                                if let $crate::table::Term::Field(at) = TARGET {
                                    after[at] = word;
                                }
                            }
                        })*
                    })+
                }
                Self::from_words(&after).ok_or($error::Exhausted)
            }

            /// The name of the first invariant that does not hold in this state: none, for a state that the table
            /// led to; one that came from elsewhere is checked with this.
            pub fn broken_invariant(self) -> Option<&'static str> {
                $table.broken_invariant(&self.words())
            }
        }
    };
}

pub(crate) use machine;
