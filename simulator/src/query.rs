//! Query strings, and the paging that AWS's lists have in common.

use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::converse::Constraints;
use crate::exception::Exception;

/// The page when the request does not say.
const PAGE: usize = 100;
const MAX_PAGE: usize = 1_000;

/// A query's members; of one that is given twice, the first counts.
#[derive(Debug)]
pub(crate) struct Query(Vec<(String, String)>);

/// Which part of a list is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Page {
    pub(crate) size: usize,
    /// The last item of the page before.
    pub(crate) after: Option<u64>,
}

impl Query {
    pub(crate) fn parse(query: Option<&str>) -> Self {
        Self(form_urlencoded::parse(query.unwrap_or_default().as_bytes()).into_owned().collect())
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let member = self.0.iter().find(|(member, _)| member == name);
        member.map(|(_, value)| value.as_str())
    }

    /// A member that has to be one of a list's.
    pub(crate) fn one_of(&self, name: &str, allowed: &[&str], found: &mut Constraints) -> Option<&str> {
        let value = self.get(name);
        found.one_of(value, name, allowed);
        value
    }

    pub(crate) fn time(&self, name: &str) -> Result<Option<DateTime>, Exception> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let time = DateTime::from_str(value, Format::DateTimeWithOffset);
        time.map(Some).map_err(|_| Exception::serialization(format!("'{name}' is not a timestamp: {value}")))
    }

    /// `maxResults` and `nextToken`; `list` is what a token belongs to.
    pub(crate) fn page(&self, list: &str, found: &mut Constraints) -> Result<Page, Exception> {
        let size = match self.get("maxResults") {
            None => PAGE,
            Some(text) => {
                let size = text.parse::<i64>();
                let size =
                    size.map_err(|_| Exception::serialization(format!("'maxResults' is not a number: {text}")))?;
                // As a float only for the message; what is in range is exact.
                found.between(Some(size as f64), "maxResults", 1.0, MAX_PAGE as f64);
                usize::try_from(size).unwrap_or(PAGE)
            }
        };
        let after = match self.get("nextToken") {
            None => None,
            Some(token) => {
                let invalid = || Exception::validation("The provided nextToken is invalid.");
                Some(last_item(token, list).ok_or_else(invalid)?)
            }
        };
        Ok(Page { size, after })
    }
}

/// The token of the page that follows an item. Clients are told nothing by it, and this list alone takes it.
pub(crate) fn next_token(list: &str, last: u64) -> String {
    URL_SAFE_NO_PAD.encode(format!("{list}/{last}"))
}

fn last_item(token: &str, list: &str) -> Option<u64> {
    let decoded = String::from_utf8(URL_SAFE_NO_PAD.decode(token).ok()?).ok()?;
    decoded.strip_prefix(list)?.strip_prefix('/')?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(query: &str) -> Result<Page, String> {
        let mut found = Constraints::default();
        let page = Query::parse(Some(query)).page("jobs", &mut found).and_then(|page| found.result().map(|()| page));
        page.map_err(|refusal| String::from_utf8_lossy(&refusal.payload()).into_owned())
    }

    #[test]
    fn pages_have_limits_and_tokens_belong_to_a_list() {
        assert_eq!(page(""), Ok(Page { size: 100, after: None }));
        let token = next_token("jobs", 7);
        assert_eq!(page(&format!("maxResults=1000&nextToken={token}")), Ok(Page { size: 1_000, after: Some(7) }));
        assert!(page("maxResults=0").unwrap_err().contains("greater than or equal to 1"));
        assert!(page("maxResults=1001").unwrap_err().contains("less than or equal to 1000"));
        assert!(page("maxResults=many").is_err());
        for token in ["nonsense", "", &next_token("models", 7)] {
            assert!(page(&format!("nextToken={token}")).unwrap_err().contains("nextToken"), "{token}");
        }
    }

    #[test]
    fn times_come_with_offsets() {
        let query = Query::parse(Some("a=2026-01-01T00%3A00%3A00Z&b=2026-01-01T01:00:00%2B01:00&c=now"));
        assert_eq!(query.time("a").unwrap(), query.time("b").unwrap());
        assert!(query.time("c").is_err());
        assert_eq!(query.time("d").unwrap(), None);
    }
}
