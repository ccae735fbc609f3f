//! Reads Prometheus' text format. <https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format>

/// One line of the text: a value of a metric with its labels.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Sample {
    /// The name, with `_bucket`, `_sum` or `_count` for the parts of a histogram.
    pub(super) name: String,
    /// The labels and their values.
    labels: Vec<(String, String)>,
    /// The value.
    pub(super) value: f64,
}

impl Sample {
    /// The value of a label, or an empty text.
    pub(super) fn label(&self, name: &str) -> &str {
        self.labels.iter().find(|(label, _)| label == name).map_or("", |(_, value)| value)
    }
}

/// The samples in a text. Comments and lines that are not samples are left out.
pub(super) fn parse_samples(text: &str) -> Vec<Sample> {
    text.lines().filter(|line| !line.starts_with('#')).filter_map(parse_line).collect()
}

fn parse_line(line: &str) -> Option<Sample> {
    let end = line.find(['{', ' '])?;
    let (name, rest) = line.split_at(end);
    let (labels, rest) = match rest.strip_prefix('{') {
        Some(rest) => parse_labels(rest)?,
        None => (Vec::new(), rest),
    };
    // A timestamp may follow.
    let value = rest.split_whitespace().next()?.parse().ok()?;
    Some(Sample { name: name.to_owned(), labels, value })
}

/// The labels up to `}`, and the text after it.
fn parse_labels(mut rest: &str) -> Option<(Vec<(String, String)>, &str)> {
    let mut labels = Vec::new();
    loop {
        rest = rest.trim_start_matches([',', ' ']);
        if let Some(rest) = rest.strip_prefix('}') {
            return Some((labels, rest));
        }
        let (name, after) = rest.split_once("=\"")?;
        let (value, after) = parse_value(after)?;
        labels.push((name.trim().to_owned(), value));
        rest = after;
    }
}

/// The value up to the closing quote, without its escapes, and the text after it.
fn parse_value(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => match characters.next()?.1 {
                'n' => value.push('\n'),
                other => value.push(other),
            },
            other => value.push(other),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn any_text_is_read_without_a_panic(text in "[a-c{}=\",\\\\ 0-9.é\n#]*") {
            parse_samples(&text);
        }
    }

    #[test]
    fn samples_have_names_labels_and_values() {
        let text = "# HELP a_total Help.\n# TYPE a_total counter\na_total 3\n\
                    b_bucket{le=\"+Inf\",model=\"a,b} \\\"c\\\\\"} 1.5e3 1700000000\nbroken{x=\"1\nc{} +Inf\n";
        let samples = parse_samples(text);
        assert_eq!(samples.len(), 3, "{samples:?}");
        assert_eq!((samples[0].name.as_str(), samples[0].value, samples[0].label("le")), ("a_total", 3.0, ""));
        assert_eq!((samples[1].label("le"), samples[1].label("model")), ("+Inf", "a,b} \"c\\"));
        assert_eq!(samples[1].value, 1500.0);
        assert!(samples[2].value.is_infinite());
    }
}
