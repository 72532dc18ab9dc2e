//! The published vectors of the heap, computed by this build.

use super::suite::SuiteReport;
use motet_heap::v1::{self, Operation, ResourceId, Step};
use motet_heap::{ChannelState, Message, MessagePayload, Resource};

/// What is published: name and value.
const PUBLISHED: [(&str, &str); 13] = [
    ("channel, bytes", "545448500100405454485001002005000000416c69636503000000426f6200000000"),
    ("channel, id", "93ae398ddd7919f746a1f1cdf040646d4d21749203bdfaa5b5944d1b52298e91"),
    ("channel, nullifier leaf", "c045d1ac8bad212b29fffbe54d774d1401242771c75275fc30b6136b007f52d6"),
    (
        "message, bytes",
        "545448500100415454485001003005000000416c69636503000000426f62545448500100100500000048656c6c6f030000000102030700000000000000",
    ),
    ("message, id", "5a22a0e61e5faa3ea4c2bee86a92761eea62364727a77a4ed7c3a24c456afd8e"),
    ("message, leaf", "7526f89408115ad41ff135f26fd3c0be0ca91c93589c2f17cea2d8115bda9cf3"),
    ("message, nullifier leaf", "c8ff09f3959b1a2d654b86e29d8f12df277db70f05256f0e433bf26a6c98acb1"),
    ("session, bytes", "5454485001004205000000416c6963653930000000000000"),
    ("session, id", "e9b4bd2c3e3472ef86f48488d7412fe8aee1eff8e69c0cd2e01cface35fee436"),
    ("session, leaf", "981652f6785b2e7147a3ba489d050f3924700e808b9a7b229470754507c5a13c"),
    ("resource root", "1555554394a0a595200d7717fa5c4710ce608dab3ffd793ff3644eecb99df1fa"),
    ("nullifier root", "c045d1ac8bad212b29fffbe54d774d1401242771c75275fc30b6136b007f52d6"),
    ("commitment", "57d07742f7a22b083e88dcae71804c9f03a727df11fe9d1d4c0aa553a34dac0d"),
];

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The three published resources, in the order of their allocation.
fn resources() -> [(&'static str, Resource); 3] {
    let payload = MessagePayload { label: "Hello".into(), bytes: vec![1, 2, 3] };
    let channel = ChannelState { sender: "Alice".into(), receiver: "Bob".into(), queue: Vec::new() };
    let message = Message { source: "Alice".into(), dest: "Bob".into(), payload, seq_no: 7 };
    [
        ("channel", Resource::Channel(channel)),
        ("message", Resource::Message(message)),
        ("session", Resource::Session { role: "Alice".into(), type_hash: 12345 }),
    ]
}

/// What this build computes, by the published names.
fn computed() -> Result<Vec<(String, String)>, String> {
    let (mut found, mut steps, mut ids) = (Vec::new(), Vec::<Step>::new(), Vec::new());
    for (counter, (name, resource)) in (0..).zip(resources()) {
        let bytes = v1::encode_resource(&resource).map_err(|error| error.to_string())?;
        let id = ResourceId::derive(&bytes, counter).map_err(|error| error.to_string())?;
        let leaf = v1::resource_leaf(&id, &bytes).map_err(|error| error.to_string())?;
        found.push((format!("{name}, id"), hex(&id.digest)));
        found.push((format!("{name}, leaf"), hex(&leaf)));
        found.push((format!("{name}, nullifier leaf"), hex(&v1::nullifier_leaf(&id))));
        found.push((format!("{name}, bytes"), hex(&bytes)));
        steps.push(Operation::Alloc(resource).into());
        ids.push(id);
    }
    steps.push(Operation::Consume(ids[0]).into());
    let end = v1::replay(&steps).map_err(|error| error.to_string())?;
    let commitment = end.heap.commitment().map_err(|error| error.to_string())?;
    found.push(("resource root".into(), hex(&commitment.resource_root)));
    found.push(("nullifier root".into(), hex(&commitment.nullifier_root)));
    found.push(("commitment".into(), hex(&commitment.hash())));
    Ok(found)
}

/// Every published value, compared.
pub(super) fn published() -> SuiteReport {
    let mut report = SuiteReport { name: "published heap vectors", ..SuiteReport::default() };
    let found = match computed() {
        Ok(found) => found,
        Err(why) => {
            report.findings.push(why);
            return report;
        }
    };
    for (name, value) in PUBLISHED {
        let ours = found.iter().find(|(found, _)| found == name).map_or("nothing", |(_, ours)| ours.as_str());
        report.compared += 1;
        if ours != value {
            report.findings.push(format!("{name} is {ours}; published is {value}"));
        }
    }
    report
}
