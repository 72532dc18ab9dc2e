//! Messages on links that are cut or corrupted: what a step does when it looks.

use super::links::Links;
use super::perturbation::CorruptionType;
use crate::comm::val_type;
use crate::edge::Message;
use crate::ext::{store, view};
use crate::frame::Frame;
use crate::layout::EDGE_SENT;
use alloc::boxed::Box;
use alloc::string::String;
use motet_types::{EdgeId, Fault, LabelId, Planted, Value, planted};

/// What arrives of a payload: a function of the payload and its message's number on the edge.
fn changed(value: &Value, how: CorruptionType, number: u64) -> Value {
    match (how, value) {
        (CorruptionType::PayloadErase, _) | (_, Value::Unit) => Value::Unit,
        (CorruptionType::BitFlip, Value::Nat(number_sent)) => Value::Nat(number_sent ^ 1 << (number % 64)),
        (CorruptionType::BitFlip, Value::Bool(truth)) => Value::Bool(!truth),
        (CorruptionType::BitFlip, Value::Str(text)) => {
            let mut bytes = text.as_bytes().to_vec();
            let at = number.checked_rem(bytes.len() as u64).unwrap_or_default() as usize;
            bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= 1);
            String::from_utf8(bytes).map_or(Value::Unit, Value::Str)
        }
        (CorruptionType::BitFlip, Value::Prod(pair)) => {
            let (first, second) = &**pair;
            let other = changed(first, how, number);
            let pair = if other == *first { (other, changed(second, how, number)) } else { (other, second.clone()) };
            Value::Prod(Box::new(pair))
        }
        (CorruptionType::Truncation, Value::Nat(number)) => Value::Nat(number & u64::from(u32::MAX)),
        (CorruptionType::Truncation, Value::Bool(_)) => Value::Unit,
        (CorruptionType::Truncation, Value::Str(text)) => {
            let half: String = text.chars().take(text.chars().count() / 2).collect();
            Value::Str(half)
        }
        (CorruptionType::Truncation, Value::Prod(pair)) => pair.0.clone(),
        // No sort has endpoints in it, so none is ever sent.
        (_, Value::Endpoint { .. }) => value.clone(),
    }
}

impl Frame<'_> {
    /// The links of the session whose edges stand in the frame; none when all are whole.
    fn links(&self) -> Option<&Links> {
        let here =
            |image: &alloc::sync::Arc<crate::CodeImage>| core::ptr::eq(&raw const **image, &raw const *self.image);
        let place = self.images.iter().position(here)?;
        self.images.network.at(place as u32)
    }

    /// Whether nothing can be sent on an edge.
    #[cold]
    pub(crate) fn is_down(&self, edge: EdgeId) -> bool {
        self.links().is_some_and(|links| links.is_down(edge))
    }

    /// What goes on the edge for a message that is sent. Where its payload is another, the one that was sent is the caller's to
    /// let go.
    #[cold]
    pub(crate) fn on_its_way(&mut self, edge: EdgeId, message: Message) -> Message {
        let Message { label, tag, word } = message;
        let Some(how) = self.links().and_then(|links| links.corruption(edge)) else { return message };
        let number = self.edges[edge.index()][EDGE_SENT];
        let sent = view(self.ext.as_deref(), self.session, tag, word).to_value();
        let arrives = changed(&sent, how, number);
        if arrives == sent {
            return message;
        }
        if !planted(Planted::TopologyCorruptsUncounted) {
            self.out.corrupted += 1;
        }
        let (tag, word) = store(self.ext, arrives);
        Message { label, tag, word }
    }

    /// Refuses a message whose payload was changed to another sort than its label's.
    #[cold]
    pub(crate) fn has_arrived(&mut self, message: Message) -> Result<(), Box<Fault>> {
        if !self.images.network.tampered || planted(Planted::TopologyTrustsPayloads) {
            return Ok(());
        }
        let Message { label, tag, word } = message;
        let value = view(self.ext.as_deref(), self.session, tag, word).to_value();
        match value.has_sort(self.image.sorts(), self.image.label_sort(label)) {
            true => Ok(()),
            false => Err(Box::new(corrupted(label, tag))),
        }
    }
}

fn corrupted(label: LabelId, tag: u8) -> Fault {
    Fault::Corrupted { label, found: val_type(tag) }
}
