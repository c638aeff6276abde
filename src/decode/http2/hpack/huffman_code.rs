//! The Huffman code for string literals (RFC 7541, appendix B), as the RFC lists it.
//!
//! Data alone: symbol by symbol the code, aligned to its least significant bit, and its length in
//! bits. [`huffman`](super::huffman) builds its tables from this one when it is compiled.

/// The end-of-string symbol. Only its first bits may occur, as padding (section 5.2).
pub(super) const END_OF_STRING: usize = 256;

/// A symbol's code: its bits, aligned right, and how many they are.
#[derive(Clone, Copy)]
pub(super) struct Code {
    pub(super) code: u32,
    pub(super) bits: u8,
}

const fn code(code: u32, bits: u8) -> Code {
    Code { code, bits }
}

/// The codes of the 256 octets and of the end of the string, in the order of the symbols.
#[rustfmt::skip]
pub(super) const CODES: [Code; 257] = [
    code(0x1ff8, 13),     code(0x7fffd8, 23),   code(0xfffffe2, 28),  code(0xfffffe3, 28), // 0x00
    code(0xfffffe4, 28),  code(0xfffffe5, 28),  code(0xfffffe6, 28),  code(0xfffffe7, 28), // 0x04
    code(0xfffffe8, 28),  code(0xffffea, 24),   code(0x3ffffffc, 30), code(0xfffffe9, 28), // 0x08
    code(0xfffffea, 28),  code(0x3ffffffd, 30), code(0xfffffeb, 28),  code(0xfffffec, 28), // 0x0c
    code(0xfffffed, 28),  code(0xfffffee, 28),  code(0xfffffef, 28),  code(0xffffff0, 28), // 0x10
    code(0xffffff1, 28),  code(0xffffff2, 28),  code(0x3ffffffe, 30), code(0xffffff3, 28), // 0x14
    code(0xffffff4, 28),  code(0xffffff5, 28),  code(0xffffff6, 28),  code(0xffffff7, 28), // 0x18
    code(0xffffff8, 28),  code(0xffffff9, 28),  code(0xffffffa, 28),  code(0xffffffb, 28), // 0x1c
    code(0x14, 6),     code(0x3f8, 10),   code(0x3f9, 10),   code(0xffa, 12),  // space ! " #
    code(0x1ff9, 13),  code(0x15, 6),     code(0xf8, 8),     code(0x7fa, 11),  // $ % & '
    code(0x3fa, 10),   code(0x3fb, 10),   code(0xf9, 8),     code(0x7fb, 11),  // ( ) * +
    code(0xfa, 8),     code(0x16, 6),     code(0x17, 6),     code(0x18, 6),    // , - . /
    code(0x0, 5),      code(0x1, 5),      code(0x2, 5),      code(0x19, 6),    // 0 1 2 3
    code(0x1a, 6),     code(0x1b, 6),     code(0x1c, 6),     code(0x1d, 6),    // 4 5 6 7
    code(0x1e, 6),     code(0x1f, 6),     code(0x5c, 7),     code(0xfb, 8),    // 8 9 : ;
    code(0x7ffc, 15),  code(0x20, 6),     code(0xffb, 12),   code(0x3fc, 10),  // < = > ?
    code(0x1ffa, 13),  code(0x21, 6),     code(0x5d, 7),     code(0x5e, 7),    // @ A B C
    code(0x5f, 7),     code(0x60, 7),     code(0x61, 7),     code(0x62, 7),    // D E F G
    code(0x63, 7),     code(0x64, 7),     code(0x65, 7),     code(0x66, 7),    // H I J K
    code(0x67, 7),     code(0x68, 7),     code(0x69, 7),     code(0x6a, 7),    // L M N O
    code(0x6b, 7),     code(0x6c, 7),     code(0x6d, 7),     code(0x6e, 7),    // P Q R S
    code(0x6f, 7),     code(0x70, 7),     code(0x71, 7),     code(0x72, 7),    // T U V W
    code(0xfc, 8),     code(0x73, 7),     code(0xfd, 8),     code(0x1ffb, 13), // X Y Z [
    code(0x7fff0, 19), code(0x1ffc, 13),  code(0x3ffc, 14),  code(0x22, 6),    // \ ] ^ _
    code(0x7ffd, 15),  code(0x3, 5),      code(0x23, 6),     code(0x4, 5),     // ` a b c
    code(0x24, 6),     code(0x5, 5),      code(0x25, 6),     code(0x26, 6),    // d e f g
    code(0x27, 6),     code(0x6, 5),      code(0x74, 7),     code(0x75, 7),    // h i j k
    code(0x28, 6),     code(0x29, 6),     code(0x2a, 6),     code(0x7, 5),     // l m n o
    code(0x2b, 6),     code(0x76, 7),     code(0x2c, 6),     code(0x8, 5),     // p q r s
    code(0x9, 5),      code(0x2d, 6),     code(0x77, 7),     code(0x78, 7),    // t u v w
    code(0x79, 7),     code(0x7a, 7),     code(0x7b, 7),     code(0x7ffe, 15), // x y z {
    code(0x7fc, 11),   code(0x3ffd, 14),  code(0x1ffd, 13),  code(0xffffffc, 28), // | } ~ 0x7f
    code(0xfffe6, 20),    code(0x3fffd2, 22),   code(0xfffe7, 20),    code(0xfffe8, 20),   // 0x80
    code(0x3fffd3, 22),   code(0x3fffd4, 22),   code(0x3fffd5, 22),   code(0x7fffd9, 23),  // 0x84
    code(0x3fffd6, 22),   code(0x7fffda, 23),   code(0x7fffdb, 23),   code(0x7fffdc, 23),  // 0x88
    code(0x7fffdd, 23),   code(0x7fffde, 23),   code(0xffffeb, 24),   code(0x7fffdf, 23),  // 0x8c
    code(0xffffec, 24),   code(0xffffed, 24),   code(0x3fffd7, 22),   code(0x7fffe0, 23),  // 0x90
    code(0xffffee, 24),   code(0x7fffe1, 23),   code(0x7fffe2, 23),   code(0x7fffe3, 23),  // 0x94
    code(0x7fffe4, 23),   code(0x1fffdc, 21),   code(0x3fffd8, 22),   code(0x7fffe5, 23),  // 0x98
    code(0x3fffd9, 22),   code(0x7fffe6, 23),   code(0x7fffe7, 23),   code(0xffffef, 24),  // 0x9c
    code(0x3fffda, 22),   code(0x1fffdd, 21),   code(0xfffe9, 20),    code(0x3fffdb, 22),  // 0xa0
    code(0x3fffdc, 22),   code(0x7fffe8, 23),   code(0x7fffe9, 23),   code(0x1fffde, 21),  // 0xa4
    code(0x7fffea, 23),   code(0x3fffdd, 22),   code(0x3fffde, 22),   code(0xfffff0, 24),  // 0xa8
    code(0x1fffdf, 21),   code(0x3fffdf, 22),   code(0x7fffeb, 23),   code(0x7fffec, 23),  // 0xac
    code(0x1fffe0, 21),   code(0x1fffe1, 21),   code(0x3fffe0, 22),   code(0x1fffe2, 21),  // 0xb0
    code(0x7fffed, 23),   code(0x3fffe1, 22),   code(0x7fffee, 23),   code(0x7fffef, 23),  // 0xb4
    code(0xfffea, 20),    code(0x3fffe2, 22),   code(0x3fffe3, 22),   code(0x3fffe4, 22),  // 0xb8
    code(0x7ffff0, 23),   code(0x3fffe5, 22),   code(0x3fffe6, 22),   code(0x7ffff1, 23),  // 0xbc
    code(0x3ffffe0, 26),  code(0x3ffffe1, 26),  code(0xfffeb, 20),    code(0x7fff1, 19),   // 0xc0
    code(0x3fffe7, 22),   code(0x7ffff2, 23),   code(0x3fffe8, 22),   code(0x1ffffec, 25), // 0xc4
    code(0x3ffffe2, 26),  code(0x3ffffe3, 26),  code(0x3ffffe4, 26),  code(0x7ffffde, 27), // 0xc8
    code(0x7ffffdf, 27),  code(0x3ffffe5, 26),  code(0xfffff1, 24),   code(0x1ffffed, 25), // 0xcc
    code(0x7fff2, 19),    code(0x1fffe3, 21),   code(0x3ffffe6, 26),  code(0x7ffffe0, 27), // 0xd0
    code(0x7ffffe1, 27),  code(0x3ffffe7, 26),  code(0x7ffffe2, 27),  code(0xfffff2, 24),  // 0xd4
    code(0x1fffe4, 21),   code(0x1fffe5, 21),   code(0x3ffffe8, 26),  code(0x3ffffe9, 26), // 0xd8
    code(0xffffffd, 28),  code(0x7ffffe3, 27),  code(0x7ffffe4, 27),  code(0x7ffffe5, 27), // 0xdc
    code(0xfffec, 20),    code(0xfffff3, 24),   code(0xfffed, 20),    code(0x1fffe6, 21),  // 0xe0
    code(0x3fffe9, 22),   code(0x1fffe7, 21),   code(0x1fffe8, 21),   code(0x7ffff3, 23),  // 0xe4
    code(0x3fffea, 22),   code(0x3fffeb, 22),   code(0x1ffffee, 25),  code(0x1ffffef, 25), // 0xe8
    code(0xfffff4, 24),   code(0xfffff5, 24),   code(0x3ffffea, 26),  code(0x7ffff4, 23),  // 0xec
    code(0x3ffffeb, 26),  code(0x7ffffe6, 27),  code(0x3ffffec, 26),  code(0x3ffffed, 26), // 0xf0
    code(0x7ffffe7, 27),  code(0x7ffffe8, 27),  code(0x7ffffe9, 27),  code(0x7ffffea, 27), // 0xf4
    code(0x7ffffeb, 27),  code(0xffffffe, 28),  code(0x7ffffec, 27),  code(0x7ffffed, 27), // 0xf8
    code(0x7ffffee, 27),  code(0x7ffffef, 27),  code(0x7fffff0, 27),  code(0x3ffffee, 26), // 0xfc
    code(0x3fffffff, 30), // end of string
];
