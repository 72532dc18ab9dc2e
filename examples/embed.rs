//! A host of its own: a shop that decides by its stock whether to sell, and a runtime that runs the protocol.
//!
//! `cargo run -p motet-runtime --example embed`

use motet_choreo::{Source, compile, load};
use motet_runtime::machine::*;
use motet_runtime::{GuestRuntime, Schedule};
use motet_types::{EffectKind, EffectKinds, Value};

const SHOP: &str = "
protocol Shop =
  roles Buyer, Seller
  Buyer -> Seller : Order(Nat)
  choice Seller at
    | Sold =>
      Seller -> Buyer : Sold(Nat)
    | Out =>
      Seller -> Buyer : Out
";

/// The host: orders seven, sells when it has enough, and says what it sees.
struct Stock(u64);

impl EffectHandler for Stock {
    fn wants(&self) -> EffectKinds {
        EffectKinds::NONE.with(EffectKind::SendDecision).with(EffectKind::Choose).with(EffectKind::Receive)
    }

    fn handle_effect(&self, request: EffectRequest<'_>) -> EffectOutcome {
        EffectOutcome::Success(match request.body {
            EffectRequestBody::SendDecision { label, .. } => match request.image.label_name(label) {
                "Order" => EffectResponse::SendDecision(SendDecision::Replace(Value::Nat(7))),
                _ => EffectResponse::SendDecision(SendDecision::Deliver),
            },
            EffectRequestBody::Choose { .. } => EffectResponse::Choose(usize::from(self.0 < 7)),
            EffectRequestBody::Receive { label, payload, .. } => {
                println!("{} received {} {payload:?}", request.role_name(), request.image.label_name(label));
                EffectResponse::Receive(None)
            }
            _ => return EffectOutcome::accept(request.kind()),
        })
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let image = CodeImage::verify(compile(&load(&Source::from_text("shop.tell", SHOP)?)?)?)?;
    let mut runtime = GuestRuntime::new(ProtocolMachineConfig::default(), Schedule::default())?;
    let shop = runtime.load(image)?;
    runtime.open(shop)?;
    println!("{}", runtime.run(&Stock(10))?.name());
    Ok(())
}
