//! Failures chosen by model id. The table for users is in the crate's documentation.

mod apply;
mod exceptions;
mod parse;

use std::time::Duration;

use crate::answer::Outcome;
use crate::exception::Exception;
use crate::state::State;

pub(crate) use apply::StreamParts;
pub(crate) use parse::parse;

/// What a model id of the form `fault.…` asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// No answer but this.
    Instead(Failure),
    /// A normal answer that breaks off after so many events.
    Break(usize, Break),
    /// So long before the first byte, then a normal answer.
    Slow(Duration),
    /// A complete answer with a peculiarity.
    Variation(Variation),
    /// This fault for the first requests of the model id, then normal answers.
    Flaky(u32, Box<Fault>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    Exception(Exception),
    /// Never a byte.
    Stall,
    /// The connection is aborted before any byte.
    Reset,
}

/// How a stream breaks off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Break {
    Exception(Exception),
    /// A frame with `:message-type: error`.
    Error,
    /// The body ends in order at a frame boundary.
    Truncate,
    /// The connection ends within a frame.
    Cut,
    /// A frame whose checksum is wrong.
    Corrupt,
    /// A good frame whose payload is not JSON.
    Garbage,
    Stall,
    Reset,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Variation {
    NoMetadata,
    UnknownEvent,
    UnknownBlock,
    /// An asynchronous job that comes to nothing.
    AsyncFailed,
}

/// What is left of a fault once a request is admitted: how its answer goes out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Plan {
    break_off: Option<(usize, Break)>,
    variation: Option<Variation>,
}

/// Looks at the model id before anything else, as Bedrock does: refuses ids that name nothing and carries out faults
/// that come in place of an answer.
pub(crate) async fn admit(model_id: &str, state: &State) -> Result<Plan, Outcome> {
    let fault = parse(model_id)?;
    match fault {
        Some(fault) => fault.admit(model_id, state).await,
        None if model_id.contains('.') || model_id.starts_with("arn:") => Ok(Plan::default()),
        None => Err(Exception::validation("The provided model identifier is invalid.").into()),
    }
}

/// The same for a guardrail's id, which has no room for dots and dashes: `faultthrottling` asks for `fault.throttling`.
pub(crate) async fn admit_guardrail(id: &str, state: &State) -> Result<Plan, Outcome> {
    let Some(name) = id.strip_prefix("fault") else {
        return Ok(Plan::default());
    };
    let joined = |fault: &&str| fault.split('-').collect::<String>() == name;
    let fault = exceptions::names().chain(["stall", "reset"]).find(joined).unwrap_or(name);
    match parse(&format!("fault.{fault}"))? {
        Some(fault) => fault.admit(id, state).await,
        None => Ok(Plan::default()),
    }
}

impl Fault {
    async fn admit(self, model_id: &str, state: &State) -> Result<Plan, Outcome> {
        let mut fault = self;
        while let Self::Flaky(times, inner) = fault {
            if state.earlier_requests(model_id) >= times {
                return Ok(Plan::default());
            }
            fault = *inner;
        }
        match fault {
            Self::Instead(Failure::Exception(exception)) => Err(exception.with_resource_name_of(model_id).into()),
            Self::Instead(Failure::Reset) => Err(Outcome::Abort),
            Self::Instead(Failure::Stall) => std::future::pending().await,
            Self::Slow(time) => {
                tokio::time::sleep(time).await;
                Ok(Plan::default())
            }
            Self::Break(events, how) => Ok(Plan { break_off: Some((events, how)), variation: None }),
            Self::Variation(variation) => Ok(Plan { break_off: None, variation: Some(variation) }),
            Self::Flaky(..) => Ok(Plan::default()), // parse refuses a flaky within a flaky
        }
    }
}

impl Plan {
    pub(crate) fn is(&self, variation: Variation) -> bool {
        self.variation == Some(variation)
    }
}
