//! The closed list of refusals. A code is part of the contract: tools match on it, so it never changes meaning.

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// What rule a diagnostic says was broken.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code {
            $($(#[$doc])* $name,)*
        }

        impl Code {
            /// Every code, in the order of the table.
            pub const ALL: &[Code] = &[$(Code::$name,)*];

            /// The code's last part, `unknown_role` for [`Code::UnknownRole`].
            pub const fn name(self) -> &'static str {
                match self { $(Code::$name => $text,)* }
            }

            /// The code in full, `motet::choreo::unknown_role`.
            pub const fn path(self) -> &'static str {
                match self { $(Code::$name => concat!("motet::choreo::", $text),)* }
            }
        }
    };
}

codes! {
    /// The text does not follow the grammar.
    Syntax = "syntax",
    /// A line stands at a column where no block can have it.
    Indentation = "indentation",
    /// A tab stands where columns count.
    Tab = "tab",
    /// Blocks, types, calls or JSON nest deeper than is read.
    TooDeep = "too_deep",
    /// The protocol or one of its tables is larger than is built.
    TooLarge = "too_large",
    /// The form is part of the language but cannot be executed by this version.
    NotExecutable = "not_executable",
    /// A role family or index has a size that is not a number.
    SymbolicSize = "symbolic_size",
    /// No such role.
    UnknownRole = "unknown_role",
    /// No such protocol.
    UnknownProtocol = "unknown_protocol",
    /// Two roles of one name.
    DuplicateRole = "duplicate_role",
    /// Two branches of one label.
    DuplicateLabel = "duplicate_label",
    /// Two declarations of one name.
    DuplicateDeclaration = "duplicate_declaration",
    /// A type alias that leads back to itself.
    CyclicType = "cyclic_type",
    /// A role sends to itself.
    SelfSend = "self_send",
    /// A message to everybody, or to a range, that reaches nobody.
    NobodyReceives = "nobody_receives",
    /// A family, or part of one, where one role is meant.
    NotOneRole = "not_one_role",
    /// A choice or loop whose body does not begin with a send by the role that decides.
    DeciderFirst = "decider_first",
    /// Branches of one choice that begin with messages to different roles.
    DifferentReceivers = "different_receivers",
    /// A loop that comes back without a message in between.
    UnguardedRecursion = "unguarded_recursion",
    /// A `continue` outside the loop it names.
    UnboundContinue = "unbound_continue",
    /// Protocols that call each other in a circle.
    RecursiveCall = "recursive_call",
    /// Statements behind a place that is never left.
    Unreachable = "unreachable",
    /// A protocol in which nothing is sent.
    EmptyProtocol = "empty_protocol",
    /// Parallel parts that cannot be told apart.
    ParallelConflict = "parallel_conflict",
    /// A number that makes no sense where it stands.
    BadNumber = "bad_number",
    /// The text is not JSON.
    JsonSyntax = "json_syntax",
    /// The JSON is not a global type.
    JsonShape = "json_shape",
}
