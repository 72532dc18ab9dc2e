//! The protocols that the workloads run: texts of the choreography language, and two images put together by hand for
//! what that language does not say.

use motet_choreo::{Source, compile, load};
use motet_machine::CodeImage;
use motet_types::{
    Action, BranchPart, ConstantPart, EdgePart, EffectPart, GlobalPart, ImageParts, Instr, LabelPart, RolePart,
    ScalarPart, Sort, StatePart, TableRow,
};

/// Two roles, a number to and fro, for ever.
pub const PING_PONG: &str =
    "protocol P =\n  roles A, B\n  loop forever\n    A -> B : Ping(Nat)\n    B -> A : Pong(Nat)\n";

/// Two roles, ten messages.
pub const TEN: &str = "protocol T =\n  roles A, B\n  loop repeat 5\n    A -> B : Ping(Nat)\n    B -> A : Pong(Nat)\n";

/// Two roles; one chooses between four labels, for ever.
pub const CHOICE: &str = "protocol C =\n  roles A, B\n  rec X\n    choice A at\n      | L1 =>\n        A -> B : L1\n        continue X\n      | L2 =>\n        A -> B : L2\n        continue X\n      | L3 =>\n        A -> B : L3\n        continue X\n      | L4 =>\n        A -> B : L4\n        continue X\n";

/// Control instructions in one lap of [`control`], for one message.
pub const CONTROL_LAP: usize = 510;

/// Messages of a session of [`woken`].
const WOKEN_MESSAGES: u32 = 10;

/// The image of a choreography.
///
/// # Panics
/// When the text is not a protocol: the workloads' own texts are.
pub fn image(text: &str) -> CodeImage {
    let source = Source::from_text("workload", text).expect("a workload's text is text");
    let global = load(&source).expect("a workload's text is a protocol");
    CodeImage::verify(compile(&global).expect("a workload can be projected")).expect("a compiled protocol verifies")
}

/// A token going round, for ever.
pub fn ring(roles: usize) -> String {
    let names: Vec<String> = (0..roles).map(|at| format!("R{at}")).collect();
    let hops: String = (0..roles).map(|at| format!("    R{at} -> R{} : Token(Nat)\n", (at + 1) % roles)).collect();
    format!("protocol R =\n  roles {}\n  loop forever\n{hops}", names.join(", "))
}

/// One role sends to all others and gathers their answers, for ever.
pub fn fan(workers: usize) -> String {
    let names: String = (0..workers).map(|at| format!(", W{at}")).collect();
    let out: String = (0..workers).map(|at| format!("    Hub -> W{at} : Work(Nat)\n")).collect();
    let back: String = (0..workers).map(|at| format!("    W{at} -> Hub : Done(Nat)\n")).collect();
    format!("protocol F =\n  roles Hub{names}\n  loop forever\n{out}{back}")
}

const UNIT: u16 = 0;
const NAT: u16 = 1;

/// An image with the roles A and B, one edge from A to B, and one label with a number.
fn two_roles(name: &str) -> ImageParts {
    ImageParts {
        name: name.into(),
        labels: vec![LabelPart { name: "M".into(), sort: NAT }],
        sorts: vec![Sort::Unit, Sort::Nat],
        edges: vec![EdgePart { sender: 0, receiver: 1 }],
        constants: vec![ConstantPart { sort: NAT, scalars: vec![ScalarPart::Nat(0)] }],
        ..ImageParts::default()
    }
}

fn add_role(parts: &mut ImageParts, name: &str, initial: u32, code: &[Instr]) {
    let code_start = parts.code.len() as u32;
    parts.code.extend(code.iter().map(|instr| instr.encode()));
    let code_end = parts.code.len() as u32;
    parts.roles.push(RolePart { name: name.into(), initial, code_start, code_end, registers: 4 });
}

fn to(next: u32) -> Vec<BranchPart> {
    vec![BranchPart { label: 0, next }]
}

/// A works through [`CONTROL_LAP`] control instructions, a third of them each `Set`, `Move` and `Branch`, and then
/// sends one message, for ever.
///
/// # Panics
/// When the image does not verify; it does.
pub fn control() -> CodeImage {
    let mut parts = two_roles("Control");
    parts.global = vec![GlobalPart::Comm { edge: 0, branches: to(0) }];
    for (role, action) in [(0, Action::Send(0)), (1, Action::Recv(0))] {
        parts.states.push(StatePart { role, action, branches: to(u32::from(role)) });
    }
    let mut code = Vec::new();
    for table in 0..CONTROL_LAP as u32 / 3 {
        code.extend([Instr::Set { dst: 1, constant: 0 }, Instr::Move { dst: 2, src: 1 }]);
        code.push(Instr::Branch { on: 2, table });
        parts.tables.push(vec![TableRow { target: code.len() as u32, dst: 0 }]);
    }
    code.extend([Instr::Send { chan: 0, val: 2 }, Instr::Jump { target: 0 }]);
    add_role(&mut parts, "A", 0, &code);
    let start = parts.code.len() as u32;
    add_role(&mut parts, "B", 1, &[Instr::Receive { chan: 0, dst: 1 }, Instr::Jump { target: start }]);
    CodeImage::verify(parts).expect("the control image verifies")
}

/// A asks so many effects that may block, one after the other, and then sends one message, for ever: what asking costs, and
/// nothing else.
///
/// # Panics
/// When the image does not verify; it does.
pub fn asking(effects: usize) -> CodeImage {
    let mut parts = two_roles("Asking");
    parts.effects.push(wait());
    parts.constants.push(ConstantPart { sort: UNIT, scalars: vec![ScalarPart::Unit] });
    parts.global = vec![GlobalPart::Comm { edge: 0, branches: to(0) }];
    for (role, action) in [(0, Action::Send(0)), (1, Action::Recv(0))] {
        parts.states.push(StatePart { role, action, branches: to(u32::from(role)) });
    }
    let mut code = vec![Instr::Set { dst: 1, constant: 0 }, Instr::Set { dst: 2, constant: 1 }];
    code.extend(vec![Instr::Invoke { arg: 2, dst: 3, effect: 0 }; effects]);
    code.extend([Instr::Send { chan: 0, val: 1 }, Instr::Jump { target: 0 }]);
    add_role(&mut parts, "A", 0, &code);
    let start = parts.code.len() as u32;
    add_role(&mut parts, "B", 1, &[Instr::Receive { chan: 0, dst: 1 }, Instr::Jump { target: start }]);
    CodeImage::verify(parts).expect("the asking image verifies")
}

fn wait() -> EffectPart {
    let (interface, operation) = ("Bench".into(), "wait".into());
    EffectPart { interface, operation, argument: UNIT, answer: UNIT, may_block: true }
}

/// A asks an effect that may block and then exchanges ten messages with B: a session that waits for the outside world
/// before it does anything.
///
/// # Panics
/// When the image does not verify; it does.
pub fn woken() -> CodeImage {
    let mut parts = two_roles("Woken");
    parts.edges.push(EdgePart { sender: 1, receiver: 0 });
    parts.effects.push(wait());
    parts.constants.push(ConstantPart { sort: UNIT, scalars: vec![ScalarPart::Unit] });
    let edge = |at: u32| (at % 2) as u16;
    parts.global = (0..WOKEN_MESSAGES).map(|at| GlobalPart::Comm { edge: edge(at), branches: to(at + 1) }).collect();
    parts.global.push(GlobalPart::End);
    for (role, name) in [(0u16, "A"), (1, "B")] {
        let first = parts.states.len() as u32;
        let mut code = vec![Instr::Set { dst: 1, constant: 0 }];
        if role == 0 {
            code.extend([Instr::Set { dst: 2, constant: 1 }, Instr::Invoke { arg: 2, dst: 3, effect: 0 }]);
        }
        for at in 0..WOKEN_MESSAGES {
            let sends = edge(at) == role;
            let (action, instr) = match sends {
                true => (Action::Send(edge(at)), Instr::Send { chan: 0, val: 1 }),
                false => (Action::Recv(edge(at)), Instr::Receive { chan: 0, dst: 1 }),
            };
            parts.states.push(StatePart { role, action, branches: to(first + at + 1) });
            code.push(instr);
        }
        parts.states.push(StatePart { role, action: Action::End, branches: Vec::new() });
        code.push(Instr::Halt {});
        add_role(&mut parts, name, first, &code);
    }
    CodeImage::verify(parts).expect("the woken image verifies")
}
