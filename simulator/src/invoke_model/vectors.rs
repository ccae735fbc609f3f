//! Vectors for texts and other things: always the same for the same, another for another.
//!
//! A text's vector is the sum of its words' and, smaller, of one for the text itself. So texts that share words are
//! near each other, which is as much as a demonstration of search needs, and no two texts have the same vector.

use serde_json::{Value, json};

use crate::noise::noise;
use crate::tokens;

/// Of a long text, so many words count.
const MAX_WORDS: usize = 512;
/// How much the text itself weighs against a word of it.
const WHOLE: f64 = 0.5;

/// A vector of length 1.
#[derive(Debug, PartialEq)]
pub(crate) struct Vector(Vec<f64>);

impl Vector {
    /// Of a text.
    pub(crate) fn of_text(text: &str, dimensions: usize) -> Self {
        let mut sum = vec![0.0; dimensions];
        add(&mut sum, text, WHOLE);
        let words = tokens::split(text).map(str::trim).filter(|word| word.starts_with(char::is_alphanumeric));
        for word in words.take(MAX_WORDS) {
            add(&mut sum, &word.to_lowercase(), 1.0);
        }
        Self::normal(sum)
    }

    /// Of a picture, a video or a recording: of its bytes, which mean nothing to the simulator.
    pub(crate) fn of_media(content: &str, dimensions: usize) -> Self {
        let mut sum = vec![0.0; dimensions];
        add(&mut sum, content, 1.0);
        Self::normal(sum)
    }

    /// The middle between two.
    pub(crate) fn with(self, other: &Self) -> Self {
        Self::normal(self.0.iter().zip(&other.0).map(|(a, b)| a + b).collect())
    }

    fn normal(mut sum: Vec<f64>) -> Self {
        let length = sum.iter().map(|number| number * number).sum::<f64>().sqrt();
        sum.iter_mut().for_each(|number| *number /= length);
        Self(sum)
    }

    /// Numbers as models write them, in single precision.
    pub(crate) fn floats(&self) -> Value {
        self.0.iter().map(|number| json!(*number as f32)).collect()
    }

    /// Numbers that are not normalised.
    pub(crate) fn long_floats(&self) -> Value {
        self.0.iter().map(|number| json!((number * 16.0) as f32)).collect()
    }

    /// From -128 to 127, the greatest of them at an end.
    pub(crate) fn int8(&self) -> Value {
        let greatest = self.0.iter().fold(f64::MIN_POSITIVE, |greatest, number| greatest.max(number.abs()));
        self.0.iter().map(|number| json!((number / greatest * 127.0).round() as i8)).collect()
    }

    /// From 0 to 255.
    pub(crate) fn uint8(&self) -> Value {
        let greatest = self.0.iter().fold(f64::MIN_POSITIVE, |greatest, number| greatest.max(number.abs()));
        self.0.iter().map(|number| json!((number / greatest * 127.0).round() as i16 + 128)).collect()
    }

    /// A 0 or a 1 a dimension: its sign.
    pub(crate) fn bits(&self) -> Value {
        self.0.iter().map(|number| json!(u8::from(*number > 0.0))).collect()
    }

    /// Eight signs a byte.
    pub(crate) fn packed_bits(&self) -> impl Iterator<Item = u8> {
        self.0.chunks(8).map(|eight| eight.iter().fold(0, |byte, number| byte << 1 | u8::from(*number > 0.0)))
    }
}

/// Adds the noise that belongs to a text, spread evenly around zero.
fn add(sum: &mut [f64], text: &str, weight: f64) {
    let noise = noise(&["vector", text]);
    for (number, noise) in sum.iter_mut().zip(noise) {
        *number += weight * (noise as f64 / u64::MAX as f64 - 0.5);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dot(a: &Vector, b: &Vector) -> f64 {
        a.0.iter().zip(&b.0).map(|(a, b)| a * b).sum()
    }

    #[test]
    fn vectors_are_of_length_one_even_as_written() {
        let written: Vec<f64> = serde_json::from_value(Vector::of_text("Hello, world", 1024).floats()).unwrap();
        let norm = written.iter().map(|number| number * number).sum::<f64>().sqrt();
        assert!((norm - 1.0).abs() < 1e-6, "{norm}");
    }

    #[test]
    fn near_texts_are_near() {
        let vector = |text| Vector::of_text(text, 256);
        let question = vector("Which river flows through Paris?");
        assert_eq!(question, vector("Which river flows through Paris?"));
        assert_ne!(question, vector("Through Paris flows which river?"));
        let near = dot(&question, &vector("The Seine flows through Paris."));
        let far = dot(&question, &vector("Bread is made of flour."));
        assert!(near > far + 0.2, "{near} {far}");
    }
}
