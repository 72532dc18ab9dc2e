//! The shapes of `motet-types` and `motet-choreo`: values, sorts, types, faults, and what effect interfaces promise.

use super::{Present, fields, variants};
use crate::effect_json::metadata_json;
use motet_types::{EffectFailureKind, EffectKind, FaultClass};
use serde_json::json;

pub(super) fn put(present: &mut Present) {
    variants! { present:
        motet_types::Value { Unit, Nat, Bool, Str, Prod, Endpoint }
        motet_types::ValType { Unit, Nat, Bool, Endpoint, Str, Prod }
        motet_types::ScalarPart { Unit, Nat, Bool, Str }
        motet_types::Sort { Unit, Nat, Bool, String, Real, Vector, Prod }
        motet_types::GlobalNode { End, Comm, Rec, Var, Par }
        motet_types::LocalNode { End, Send, Recv, Rec, Var }
        motet_types::Terminal { Closed, Cancelled, Aborted, Faulted }
        motet_types::AuthorityClass { Authoritative, Command, Observe }
        motet_types::SemanticClass { Authoritative, Observational, BestEffort }
        motet_types::AgreementUse { None, Required, Forbidden }
        motet_types::RegionScope { Session, Fragment, Global }
        motet_types::Admissibility { Always, DeclaredUseOnly, InternalOnly }
        motet_types::Totality { Immediate, MayBlock }
        motet_types::TimeoutPolicy { None, InheritOperationBudget, Required }
        motet_types::RetryShape { Forbidden, Bounded3, UntilTimeout }
        motet_types::ReentrancyPolicy { Allow, RejectSameOperation, RejectSameFragment }
        motet_types::HandlerDomain { Internal, External }
        motet_choreo::MergeError {
            EndMismatch, PartnerMismatch, DirectionMismatch, IncompatibleContinuations, PayloadAnnotationMismatch,
            SendLabelMismatch, SendBranchCountMismatch, RecursiveVariableMismatch, VariableMismatch, IncompatibleTypes,
            TooLarge,
        }
    }
    fields! { present:
        motet_types::EffectInterfaceMetadata {
            interface_name, operation_name, authority_class, semantic_class, agreement_use, region_scope, admissibility,
            totality, timeout_policy, retry_shape, reentrancy_policy, handler_domain,
        }
    }
    present.put("types::FaultClass", (0..=u8::MAX).filter_map(FaultClass::from_number).map(FaultClass::code));
    present.put("types::EffectKind", EffectKind::ALL.map(EffectKind::name));
    present.put("types::EffectFailureKind", EffectFailureKind::ALL.map(EffectFailureKind::name));
    for kind in EffectKind::ALL {
        present.put_values(&format!("metadata {}", kind.name()), &json!(metadata_json(kind.metadata())));
    }
}
