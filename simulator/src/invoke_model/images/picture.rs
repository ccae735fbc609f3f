//! Small pictures of nothing in particular.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::noise::noise;

/// Pixels a side. What a request asks for in width and height is not followed.
const SIDE: usize = 64;
/// Squares a side.
const SQUARES: usize = 8;

/// A PNG of coloured squares that belong to these words, in base64.
pub(super) fn base64_png(words: &[&str]) -> String {
    // Writing to memory fails only for sizes that don't fit the data, which these do.
    let png = png(&pixels(words)).unwrap_or_else(|error| {
        tracing::error!(%error, "a picture could not be written");
        Vec::new()
    });
    STANDARD.encode(png)
}

/// Red, green and blue of each pixel, line by line.
fn pixels(words: &[&str]) -> Vec<u8> {
    let colours: Vec<[u8; 8]> = noise(words).take(SQUARES * SQUARES).map(u64::to_be_bytes).collect();
    let scale = SIDE / SQUARES;
    let square = |pixel: usize| pixel / SIDE / scale * SQUARES + pixel % SIDE / scale;
    (0..SIDE * SIDE).filter_map(|pixel| colours.get(square(pixel))).flat_map(|colour| &colour[..3]).copied().collect()
}

fn png(pixels: &[u8]) -> Result<Vec<u8>, png::EncodingError> {
    let mut file = Vec::new();
    let side = u32::try_from(SIDE).unwrap_or_default();
    let mut encoder = png::Encoder::new(&mut file, side, side);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(pixels)?;
    writer.finish()?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(words: &[&str]) -> Vec<u8> {
        let file = STANDARD.decode(base64_png(words)).unwrap();
        let mut reader = png::Decoder::new(std::io::Cursor::new(file)).read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let frame = reader.next_frame(&mut pixels).unwrap();
        assert_eq!((frame.width, frame.height), (64, 64));
        pixels
    }

    #[test]
    fn pictures_decode_and_depend_on_the_words() {
        assert_eq!(decoded(&["a cat"]), pixels(&["a cat"]));
        assert_eq!(decoded(&["a cat"]).len(), SIDE * SIDE * 3);
        assert_ne!(decoded(&["a cat"]), decoded(&["a dog"]));
    }
}
