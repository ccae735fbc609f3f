//! `x-forwarded-client-cert`: the names in the certificate of a caller behind a proxy.
//! <https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_conn_man/headers#x-forwarded-client-cert>

use http::HeaderMap;

use super::peer::CertificateNames;

/// The name of the header.
const HEADER: &str = "x-forwarded-client-cert";

/// The names in the last element: the one that the proxy in front of the gateway wrote. Earlier elements come from proxies that
/// are further away, or from the caller. `None` without the header, or if it cannot be read.
pub(super) fn forwarded_names(headers: &HeaderMap) -> Option<CertificateNames> {
    let value = headers.get_all(HEADER).iter().next_back()?.to_str().ok()?;
    let element = split_outside_quotes(value, ',').pop()?;
    let mut names = CertificateNames::default();
    for pair in split_outside_quotes(element, ';') {
        let Some((key, value)) = pair.split_once('=') else { continue };
        let value = unquote(value.trim());
        match key.trim().to_ascii_lowercase().as_str() {
            "uri" => names.uris.push(value),
            "dns" => names.dns.push(value.to_ascii_lowercase()),
            _ => {}
        }
    }
    Some(names)
}

/// Splits a text at a character that is not between quotes.
fn split_outside_quotes(text: &str, separator: char) -> Vec<&str> {
    let (mut parts, mut start, mut quoted, mut escaped) = (Vec::new(), 0, false, false);
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            c if c == separator && !quoted => {
                parts.push(&text[start..at]);
                start = at + c.len_utf8();
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

fn unquote(text: &str) -> String {
    match text.strip_prefix('"').and_then(|text| text.strip_suffix('"')) {
        Some(inner) => inner.replace("\\\"", "\"").replace("\\\\", "\\"),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn names(value: &str) -> Option<CertificateNames> {
        let mut headers = HeaderMap::new();
        headers.insert(HEADER, HeaderValue::from_str(value).unwrap());
        forwarded_names(&headers)
    }

    #[test]
    fn names_of_the_last_element_are_read() {
        let value = "By=spiffe://p/gateway;URI=spiffe://evil/x,By=spiffe://p/gateway;Hash=468ed;Subject=\"CN=a,O=\\\"b;c\\\"\";\
                     URI=spiffe://p/search;DNS=A.example.com;DNS=b.example.com";
        let found = names(value).unwrap();
        assert_eq!(found.uris, ["spiffe://p/search"]);
        assert_eq!(found.dns, ["a.example.com", "b.example.com"]);
    }

    #[test]
    fn last_header_is_the_one_of_the_nearest_proxy() {
        let mut headers = HeaderMap::new();
        headers.append(HEADER, HeaderValue::from_static("URI=spiffe://p/admin"));
        headers.append(HEADER, HeaderValue::from_static("URI=spiffe://p/search"));
        assert_eq!(forwarded_names(&headers).unwrap().uris, ["spiffe://p/search"]);
    }

    #[test]
    fn quoted_text_cannot_add_a_name() {
        assert_eq!(names("Subject=\"O=x;URI=spiffe://p/admin\";URI=spiffe://p/a").unwrap().uris, ["spiffe://p/a"]);
        assert_eq!(names("Subject=\"unfinished;URI=spiffe://p/admin").unwrap().uris, [""; 0]);
        assert_eq!(names("").unwrap(), CertificateNames::default());
    }

    proptest! {
        #[test]
        fn any_value_can_be_read(value in "[ -~]{0,80}") {
            names(&value);
        }
    }
}
