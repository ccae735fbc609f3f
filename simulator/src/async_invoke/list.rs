//! ListAsyncInvokes: which jobs, in which order.

use aws_smithy_types::DateTime;
use serde::Serialize;

use super::job::{Job, Summary};
use super::jobs::Jobs;
use crate::converse::Constraints;
use crate::exception::Exception;
use crate::query::{Page, Query, next_token};

const LIST: &str = "async-invokes";
const STATUSES: &[&str] = &["InProgress", "Completed", "Failed"];

#[derive(Debug)]
pub(super) struct Filter {
    after: Option<DateTime>,
    before: Option<DateTime>,
    status: Option<String>,
    ascending: bool,
    page: Page,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Listed {
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
    async_invoke_summaries: Vec<Summary>,
}

impl Filter {
    pub(super) fn of(query: &Query) -> Result<Self, Exception> {
        let mut found = Constraints::default();
        let status = query.one_of("statusEquals", STATUSES, &mut found).map(str::to_owned);
        query.one_of("sortBy", &["SubmissionTime"], &mut found);
        let order = query.one_of("sortOrder", &["Ascending", "Descending"], &mut found);
        let filter = Self {
            after: query.time("submitTimeAfter")?,
            before: query.time("submitTimeBefore")?,
            status,
            ascending: order == Some("Ascending"),
            page: query.page(LIST, &mut found)?,
        };
        found.result()?;
        Ok(filter)
    }

    fn takes(&self, job: &Job) -> bool {
        let submitted = job.submitted();
        let last = self.page.after;
        last.is_none_or(|last| if self.ascending { job.number > last } else { job.number < last })
            && self.after.is_none_or(|after| submitted > after)
            && self.before.is_none_or(|before| submitted < before)
            && self.status.as_deref().is_none_or(|status| job.status() == status)
    }
}

/// The newest first, unless asked otherwise. A page goes on after the last job of the one before, so that a job which
/// starts in between neither repeats nor hides another.
pub(super) fn page(jobs: &Jobs, filter: &Filter) -> Listed {
    let mut matching: Vec<&Job> = jobs.all().filter(|job| filter.takes(job)).collect();
    if !filter.ascending {
        matching.reverse();
    }
    let (page, rest) = matching.split_at(filter.page.size.min(matching.len()));
    let last = page.last().filter(|_| !rest.is_empty());
    Listed {
        next_token: last.map(|job| next_token(LIST, job.number)),
        async_invoke_summaries: page.iter().map(|job| job.summary()).collect(),
    }
}
