//! Finds `:authority` in an HPACK header block and replaces characters in it. <https://www.rfc-editor.org/rfc/rfc7541>
//!
//! The block is read without a dynamic table. It is not needed: a field that refers to an earlier `:authority` refers to a value
//! that was replaced already. A field whose name alone refers to the dynamic table is not found, and no known encoder writes
//! one, because `:authority` has an entry in the static table.

use std::ops::Range;

const AUTHORITY: &[u8] = b":authority";

/// [`AUTHORITY`] in the Huffman code.
const AUTHORITY_HUFFMAN: &[u8] = &[0xb8, 0x3b, 0x53, 0x39, 0xec, 0x32, 0x7d, 0x7f];

/// The index of `:authority` in the static table. <https://www.rfc-editor.org/rfc/rfc7541#appendix-A>
const AUTHORITY_INDEX: usize = 1;

/// How many codes of each length in bits the Huffman code has: ten of five bits, and so on. The codes of one length are
/// consecutive numbers. <https://www.rfc-editor.org/rfc/rfc7541#appendix-B>
const CODES_BY_LENGTH: [u32; 31] =
    [0, 0, 0, 0, 0, 10, 26, 32, 6, 0, 5, 3, 2, 6, 2, 3, 0, 0, 0, 3, 8, 13, 26, 29, 12, 4, 15, 19, 29, 0, 4];

/// The codes of `%`, `/` and `-` have six bits each, so one can replace the other.
const SHORT_CODE_BITS: usize = 6;
const PERCENT_CODE: u32 = 0x15;
const SLASH_CODE: u32 = 0x18;
const DASH_CODE: u32 = 0x16;

/// Replaces each `%` and `/` in the value of `:authority` by `-`. A block that cannot be read stays as it is: h2 rejects it.
pub(super) fn replace_authority(block: &mut [u8]) {
    let Some((value, is_huffman)) = find_authority(block) else { return };
    let Some(value) = block.get_mut(value) else { return };
    if is_huffman {
        replace_huffman(value);
    } else {
        value.iter_mut().filter(|byte| matches!(**byte, b'%' | b'/')).for_each(|byte| *byte = b'-');
    }
}

/// The place of the value of `:authority`, and whether it is in the Huffman code. `None` if the block has no such literal.
fn find_authority(block: &[u8]) -> Option<(Range<usize>, bool)> {
    let mut reader = Reader { block, next: 0 };
    loop {
        // The first bits say what a field is. <https://www.rfc-editor.org/rfc/rfc7541#section-6>
        let index_bits = match *block.get(reader.next)? {
            0x80.. => {
                reader.read_integer(7)?;
                continue;
            }
            0x40..0x80 => 6,
            0x20..0x40 => {
                reader.read_integer(5)?;
                continue;
            }
            0x00..0x20 => 4,
        };
        let is_authority = match reader.read_integer(index_bits)? {
            0 => match reader.read_string()? {
                (name, false) => &block[name] == AUTHORITY,
                (name, true) => &block[name] == AUTHORITY_HUFFMAN,
            },
            index => index == AUTHORITY_INDEX,
        };
        let value = reader.read_string()?;
        if is_authority {
            return Some(value);
        }
    }
}

/// Reads the primitive types of a header block.
struct Reader<'a> {
    block: &'a [u8],
    next: usize,
}

impl Reader<'_> {
    /// Reads an integer whose first byte has `bits` bits for it. <https://www.rfc-editor.org/rfc/rfc7541#section-5.1>
    fn read_integer(&mut self, bits: u32) -> Option<usize> {
        let mask = (1 << bits) - 1;
        let mut value = usize::from(self.read_byte()? & mask);
        if value < usize::from(mask) {
            return Some(value);
        }
        // Four bytes suffice for any length in a frame.
        for shift in [0, 7, 14, 21] {
            let byte = self.read_byte()?;
            value += usize::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    /// Reads a string: its place, and whether it is in the Huffman code. <https://www.rfc-editor.org/rfc/rfc7541#section-5.2>
    fn read_string(&mut self) -> Option<(Range<usize>, bool)> {
        let is_huffman = *self.block.get(self.next)? & 0x80 != 0;
        let length = self.read_integer(7)?;
        let (start, end) = (self.next, self.next + length);
        self.next = end;
        (end <= self.block.len()).then_some((start..end, is_huffman))
    }

    fn read_byte(&mut self) -> Option<u8> {
        let byte = *self.block.get(self.next)?;
        self.next += 1;
        Some(byte)
    }
}

/// Replaces each `%` and `/` in a string in the Huffman code.
fn replace_huffman(bytes: &mut [u8]) {
    let mut start = 0;
    while let Some((code, length)) = next_code(bytes, start) {
        if length == SHORT_CODE_BITS && matches!(code, PERCENT_CODE | SLASH_CODE) {
            for bit in 0..SHORT_CODE_BITS {
                let (place, mask) = ((start + bit) / 8, 0x80 >> ((start + bit) % 8));
                let is_set = DASH_CODE >> (SHORT_CODE_BITS - 1 - bit) & 1 == 1;
                bytes[place] = if is_set { bytes[place] | mask } else { bytes[place] & !mask };
            }
        }
        start += length;
    }
}

/// The code that starts at bit `start`, and its length in bits. `None` at the padding after the last code.
fn next_code(bytes: &[u8], start: usize) -> Option<(u32, usize)> {
    let (mut code, mut first) = (0, 0);
    for (length, codes) in CODES_BY_LENGTH.iter().enumerate().skip(1) {
        let bit = start + length - 1;
        code = code << 1 | u32::from(bytes.get(bit / 8)? >> (7 - bit % 8) & 1);
        first <<= 1;
        if code < first + codes {
            return Some((code, length));
        }
        first += codes;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A literal field: the index of its name, and its value.
    fn literal(index: u8, value: &[u8], is_huffman: bool) -> Vec<u8> {
        let length = u8::try_from(value.len()).unwrap();
        [&[index, length | if is_huffman { 0x80 } else { 0 }], value].concat()
    }

    fn replaced(mut block: Vec<u8>) -> Vec<u8> {
        replace_authority(&mut block);
        block
    }

    #[test]
    fn percent_and_slash_in_the_authority_become_dashes_in_every_form_of_a_literal() {
        // With indexing, without indexing, never indexed.
        for index in [0x41, 0x01, 0x11] {
            let block = replaced(literal(index, b"/run%2Fa.sock", false));
            assert_eq!(block, literal(index, b"-run-2Fa.sock", false));
        }
        let named = |name: &[u8], value: &[u8], is_huffman| {
            [&[0x40][..], &literal(0, name, is_huffman)[1..], &literal(0, value, false)[1..]].concat()
        };
        for (name, is_huffman) in [(AUTHORITY, false), (AUTHORITY_HUFFMAN, true)] {
            assert_eq!(replaced(named(name, b"a%2Fb", is_huffman)), named(name, b"a-2Fb", is_huffman));
        }
    }

    #[test]
    fn percent_and_slash_in_the_huffman_code_become_dashes() {
        // `/run/%2F~{a}@b.sock`: the other characters have up to fifteen bits.
        let path = [
            0x62, 0xcb, 0x6a, 0x61, 0x51, 0x61, 0xff, 0xef, 0xff, 0xe1, 0xff, 0xfb, 0xff, 0xa8, 0xd7, 0x41, 0xc9, 0xd7,
        ];
        // `-run--2F~{a}@b.sock`
        let expected = [
            0x5a, 0xcb, 0x6a, 0x59, 0x61, 0x61, 0xff, 0xef, 0xff, 0xe1, 0xff, 0xfb, 0xff, 0xa8, 0xd7, 0x41, 0xc9, 0xd7,
        ];
        assert_eq!(replaced(literal(0x41, &path, true)), literal(0x41, &expected, true));
    }

    #[test]
    fn authority_after_other_fields_is_found() {
        // A new table size of 4,096, POST, a literal `:path`, a literal with a name of its own, a long value.
        let mut before = vec![0x3f, 0xe1, 0x1f, 0x83];
        before.extend(literal(0x44, b"/a%2F/b", false));
        before.extend(b"\x40\x03a/b\x03%/%");
        before.extend([0x44, 0x7f, 0x80 | 73, 1]);
        before.extend([b'/'; 127 + 73 + 128]);
        let block = replaced([before.clone(), literal(0x41, b"a/b", false)].concat());
        assert_eq!(block, [before, literal(0x41, b"a-b", false)].concat());
    }

    #[test]
    fn other_fields_and_malformed_blocks_stay_as_they_are() {
        let blocks = [
            literal(0x44, b"/bedrock%2F", false),
            b"\x81".to_vec(),
            b"\x41\x09a/b".to_vec(),
            b"\x41".to_vec(),
            b"\x7f\xff\xff\xff\xff\xff\x01a/b".to_vec(),
            b"\x40\x7f".to_vec(),
            literal(0x41, &[0xff; 40], true),
        ];
        for block in blocks {
            assert_eq!(replaced(block.clone()), block);
        }
    }

    proptest::proptest! {
        #[test]
        fn any_block_keeps_its_length(mut block: Vec<u8>) {
            let before = block.clone();
            replace_authority(&mut block);
            proptest::prop_assert_eq!(before.len(), block.len());
        }
    }
}
