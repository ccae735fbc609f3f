//! All jobs of a simulator, oldest forgotten first.

use std::collections::VecDeque;

use http::StatusCode;

use super::job::{Job, Order, Summary};
use crate::exception::Exception;
use crate::region::ACCOUNT;

const MAX_JOBS: usize = 10_000;
const RESOURCE: &str = ":async-invoke/";
/// Letters and digits of a job's id.
const ID: usize = 12;

#[derive(Debug, Default)]
pub(crate) struct Jobs {
    jobs: VecDeque<Job>,
    started: u64,
}

impl Jobs {
    /// The new job's ARN, or that of the job which the same request has started before.
    pub(super) fn start(&mut self, order: Order) -> Result<String, Exception> {
        let same_token = |job: &&Job| order.token.is_some() && job.order.token == order.token;
        if let Some(earlier) = self.jobs.iter().find(same_token) {
            return match earlier.order.digest == order.digest {
                true => Ok(earlier.arn.clone()),
                false => Err(Exception::new(
                    "ConflictException",
                    StatusCode::BAD_REQUEST,
                    "The provided clientRequestToken was used before, with other parameters.",
                )),
            };
        }
        self.started += 1;
        let number = self.started;
        let arn = format!("arn:aws:bedrock:{}:{ACCOUNT}{RESOURCE}{number:0ID$x}", order.region);
        self.jobs.push_back(Job::new(number, arn.clone(), order));
        if self.jobs.len() > MAX_JOBS {
            self.jobs.pop_front();
        }
        Ok(arn)
    }

    /// Looking at a job is what makes it progress.
    pub(super) fn look_at(&mut self, arn: &str) -> Result<Summary, Exception> {
        if !is_arn(arn) {
            return Err(Exception::validation(format!(
                "1 validation error detected: Value '{arn}' at 'invocationArn' failed to satisfy constraint: Member must \
                 satisfy regular expression pattern: \
                 arn:aws(-[^:]+)?:bedrock:[a-z0-9-]{{1,20}}:[0-9]{{12}}:async-invoke/[a-z0-9]{{12}}"
            )));
        }
        // The operation's model has no ResourceNotFoundException.
        let unknown = || Exception::validation("The provided invocation ARN does not exist.");
        let job = self.jobs.iter_mut().find(|job| job.arn == arn).ok_or_else(unknown)?;
        job.look_at();
        Ok(job.summary())
    }

    /// Oldest first.
    pub(super) fn all(&self) -> impl DoubleEndedIterator<Item = &Job> {
        self.jobs.iter()
    }
}

fn is_arn(arn: &str) -> bool {
    let id = arn.split_once(RESOURCE).filter(|(start, _)| start.starts_with("arn:aws") && start.contains(":bedrock:"));
    id.is_some_and(|(_, id)| id.len() == ID && id.bytes().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::super::job::{OutputDataConfig, S3OutputDataConfig};
    use super::*;

    fn order(token: Option<&str>, digest: u64) -> Order {
        let output = S3OutputDataConfig { s3_uri: "s3://bucket".to_owned(), kms_key_id: None, bucket_owner: None };
        Order {
            region: "us-east-1".to_owned(),
            model_arn: String::new(),
            output: OutputDataConfig { s3_output_data_config: output },
            token: token.map(str::to_owned),
            digest,
            fails: false,
        }
    }

    #[test]
    fn it_is_bounded_and_forgets_tokens_with_their_jobs() {
        let mut jobs = Jobs::default();
        let first = jobs.start(order(Some("a"), 1)).unwrap();
        assert_eq!(jobs.start(order(Some("a"), 1)).unwrap(), first);
        (0..MAX_JOBS as u64).for_each(|digest| drop(jobs.start(order(None, digest)).unwrap()));
        assert_eq!(jobs.jobs.len(), MAX_JOBS);
        assert!(jobs.look_at(&first).is_err());
        assert_ne!(jobs.start(order(Some("a"), 2)).unwrap(), first);
    }
}
