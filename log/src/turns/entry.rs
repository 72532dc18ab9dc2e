//! What a conversation's history is made of.

use core::fmt;

macro_rules! named {
    ($(#[$doc:meta])* $name:ident { $($(#[$row:meta])* $variant:ident = $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $($(#[$row])* $variant,)*
        }

        impl $name {
            /// All of them, in the order of the source.
            pub const ALL: &[$name] = &[$($name::$variant,)*];

            /// Its name in the source.
            pub const fn name(self) -> &'static str {
                match self { $($name::$variant => $text,)* }
            }

            /// The one with that name in the source.
            pub fn from_name(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|one| one.name() == name)
            }
        }
    };
}

named! {
    /// Who speaks in a message.
    Role {
        /// A command that was run in the shell, with its output.
        BashExecution = "bashExecution",
        /// A message of an extension.
        Custom = "custom",
        /// What a branch that was left said.
        BranchSummary = "branchSummary",
        /// What an earlier compaction kept of what it dropped.
        CompactionSummary = "compactionSummary",
        /// The user.
        User = "user",
        /// The assistant; its messages may call tools.
        Assistant = "assistant",
        /// The result of a tool that was called.
        ToolResult = "toolResult",
    }
}

named! {
    /// The ten kinds of entry that have no role.
    Note {
        /// The thinking level changed.
        ThinkingLevelChange = "thinkingLevelChange",
        /// The model changed.
        ModelChange = "modelChange",
        /// The set of tools changed.
        ActiveToolsChange = "activeToolsChange",
        /// An earlier compaction.
        Compaction = "compaction",
        /// What a branch that was left said, as an entry of its own.
        BranchSummary = "branchSummary",
        /// Data of an extension, which no model sees.
        Custom = "custom",
        /// A message of an extension, as an entry of its own.
        CustomMessage = "customMessage",
        /// A bookmark.
        Label = "label",
        /// What the session is called.
        SessionInfo = "sessionInfo",
        /// Which branch is the current one.
        Leaf = "leaf",
    }
}

/// One entry of a history: the eleven kinds of the source, of which only a message has a role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Entry {
    /// A message of that role.
    Message(Role),
    /// Anything else.
    Note(Note),
}

impl Entry {
    /// Whether it is a message.
    pub const fn is_message(self) -> bool {
        matches!(self, Self::Message(_))
    }

    /// Whether it is a message that holds a tool's result.
    pub const fn is_tool_result(self) -> bool {
        matches!(self, Self::Message(Role::ToolResult))
    }

    /// Whether it is a message of the user.
    pub const fn is_user(self) -> bool {
        matches!(self, Self::Message(Role::User))
    }

    /// Whether a turn starts with it.
    pub const fn starts_turn(self) -> bool {
        matches!(
            self,
            Self::Message(Role::User | Role::BashExecution) | Self::Note(Note::BranchSummary | Note::CustomMessage)
        )
    }

    /// Whether what is kept may start with it: any message but a tool's result, or an entry that stands for a message.
    pub const fn is_valid_cut(self) -> bool {
        match self {
            Self::Message(role) => !matches!(role, Role::ToolResult),
            Self::Note(note) => matches!(note, Note::BranchSummary | Note::CustomMessage),
        }
    }

    /// Whether a model is shown it, so that it has a price: messages, entries that stand for one, and summaries.
    pub const fn is_shown(self) -> bool {
        match self {
            Self::Message(_) => true,
            Self::Note(note) => matches!(note, Note::Compaction | Note::BranchSummary | Note::CustomMessage),
        }
    }

    /// Reads a kind without a role, or `message:` and a role.
    ///
    /// # Errors
    /// [`UnknownEntry`] names the kind or role that there is not.
    pub fn from_name(name: &str) -> Result<Self, UnknownEntry> {
        match name.split_once(':') {
            Some(("message", role)) => {
                Role::from_name(role).map(Self::Message).ok_or_else(|| UnknownEntry::Role(role.to_owned()))
            }
            _ => Note::from_name(name).map(Self::Note).ok_or_else(|| UnknownEntry::Kind(name.to_owned())),
        }
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Message(role) => write!(f, "message:{}", role.name()),
            Self::Note(note) => f.write_str(note.name()),
        }
    }
}

/// A name that is no entry's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnknownEntry {
    /// There is no such kind. A bare `message` has no role, and is none either.
    #[error("no entry is called `{0}`: it is `message:` and a role, or one of the ten kinds without a role")]
    Kind(String),
    /// There is no such role.
    #[error("no role is called `{0}`")]
    Role(String),
}
