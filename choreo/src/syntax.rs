//! The syntax tree: what was written, with where it was written. Nothing here is checked beyond the grammar.

use crate::Span;

/// A name and its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    /// The name.
    pub text: String,
    /// Its place.
    pub span: Span,
}

/// A whole file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// `module NAME`.
    pub module: Option<Name>,
    /// `import NAME …`, in order.
    pub imports: Vec<Import>,
    /// Type declarations, in order.
    pub types: Vec<TypeDecl>,
    /// The protocol.
    pub protocol: Protocol,
    /// The protocols of `where`, in order; they see each other.
    pub helpers: Vec<Protocol>,
}

/// `import NAME [as N] [exposing (…)]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Import {
    /// The module, dots included.
    pub module: Name,
    /// Its name in this file.
    pub alias: Option<Name>,
    /// Names that it brings in unqualified.
    pub exposed: Vec<Name>,
}

/// `type` or `type alias`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TypeDecl {
    /// The type's name.
    pub name: Name,
    /// What it stands for.
    pub body: TypeBody,
}

/// What a declared type stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TypeBody {
    /// Another type.
    Alias(TypeExpr),
    /// One of these constructors.
    Union(Vec<Name>),
}

/// A payload type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TypeExpr {
    /// What it is.
    pub kind: TypeKind,
    /// Its place.
    pub span: Span,
}

/// The forms of a payload type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TypeKind {
    /// `Int`, `a.b.T`, `List<T>`, `Maybe T`: the path, and whether arguments follow.
    Path {
        /// The path, dots included.
        path: String,
        /// Whether the path has arguments.
        applied: bool,
    },
    /// `{ f : T, … }`.
    Record,
    /// `(T, …)`.
    Tuple(Vec<TypeExpr>),
}

/// One protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Protocol {
    /// Its name.
    pub name: Name,
    /// Its roles, from the parentheses behind the name and from `roles`.
    pub roles: Vec<RoleDecl>,
    /// Whether the list of roles was read without error; if not, unknown roles are not worth a word.
    pub roles_read: bool,
    /// Its statements.
    pub body: Vec<Statement>,
}

/// A declared role, or a family of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleDecl {
    /// The name.
    pub name: Name,
    /// How many members the family has; `None` for a single role.
    pub size: Option<u32>,
}

/// A role where it is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleRef {
    /// The name of the role or family.
    pub name: Name,
    /// Which members.
    pub index: Index,
    /// The place of it all.
    pub span: Span,
}

/// Which members of a family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Index {
    /// No index: a single role.
    None,
    /// `[i]`.
    At(u32),
    /// `[*]`.
    All,
    /// `[i..j]`, without `j`.
    Range(u32, u32),
}

/// A statement and the place of its head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// What it is.
    pub kind: StatementKind,
    /// The place of its head.
    pub span: Span,
}

/// The statements.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StatementKind {
    /// `A -> B : Msg`.
    Send(Send),
    /// `choice A at | L => …`.
    Choice {
        /// Who decides.
        decider: RoleRef,
        /// The branches.
        branches: Vec<ChoiceBranch>,
    },
    /// `rec X …`.
    Rec {
        /// The loop's name.
        name: Name,
        /// What is repeated.
        body: Vec<Statement>,
    },
    /// `continue X`.
    Continue(Name),
    /// `loop …`.
    Loop {
        /// What ends it.
        until: LoopKind,
        /// What is repeated.
        body: Vec<Statement>,
    },
    /// `par | … | …`.
    Par(Vec<Vec<Statement>>),
    /// `call N`.
    Call(Name),
    /// Something that was reported and left out.
    Broken,
}

/// `A -> B : Msg`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Send {
    /// Who sends.
    pub sender: RoleRef,
    /// Who receives; `None` for everybody else.
    pub receiver: Option<RoleRef>,
    /// The message's name.
    pub label: Name,
    /// What it carries.
    pub payload: Vec<TypeExpr>,
}

/// One branch of a choice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChoiceBranch {
    /// The label.
    pub label: Name,
    /// What follows.
    pub body: Vec<Statement>,
}

/// What ends a loop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LoopKind {
    /// `decide by A`.
    DecideBy(RoleRef),
    /// `repeat n`.
    Repeat(u32),
    /// `while "…"`; the text is for people.
    While,
    /// `forever`.
    Forever,
}
