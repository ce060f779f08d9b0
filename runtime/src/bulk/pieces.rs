//! The functions that are added: the same operation, a piece at a time, and bounds of what cannot be done so.

use super::encode::{push_i64, push_u32};

/// The type of a memory's addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Index {
    I32,
    I64,
}

pub(super) const INDICES: [Index; 2] = [Index::I32, Index::I64];

/// An operation to be done in pieces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pieces {
    Fill {
        memory: u32,
        index: Index,
    },
    Copy {
        to: u32,
        from: u32,
        index: Index,
    },
    Init {
        segment: u32,
        memory: u32,
        index: Index,
    },
    /// The length of an array: itself up to this many elements, and more than any array can have above.
    Bound {
        most: u32,
    },
}

const FUNCTION_TYPE: u8 = 0x60;
const NOTHING: u8 = 0x40;
const LOOP: u8 = 0x03;
const IF: u8 = 0x04;
const ELSE: u8 = 0x05;
const END: u8 = 0x0b;
const BRANCH: u8 = 0x0c;
const RETURN: u8 = 0x0f;
const SELECT: u8 = 0x1b;
const GET: u8 = 0x20;
const SET: u8 = 0x21;
const TEE: u8 = 0x22;

/// Parameters of all three: where to, from what, how much.
const TO: u8 = 0;
const FROM: u8 = 1;
const LENGTH: u8 = 2;

impl Index {
    pub(super) fn ty(self) -> u8 {
        if self == Self::I32 { 0x7f } else { 0x7e }
    }

    fn constant(self) -> u8 {
        if self == Self::I32 { 0x41 } else { 0x42 }
    }

    fn add(self) -> u8 {
        if self == Self::I32 { 0x6a } else { 0x7c }
    }

    fn sub(self) -> u8 {
        if self == Self::I32 { 0x6b } else { 0x7d }
    }

    fn less(self) -> u8 {
        if self == Self::I32 { 0x49 } else { 0x54 }
    }

    fn at_most(self) -> u8 {
        if self == Self::I32 { 0x4d } else { 0x58 }
    }
}

impl Pieces {
    /// Types of the three parameters of what is done in pieces.
    fn parameters(&self) -> [Index; 3] {
        match *self {
            Self::Fill { index, .. } => [index, Index::I32, index],
            Self::Copy { index, .. } => [index; 3],
            Self::Init { index, .. } => [index, Index::I32, Index::I32],
            Self::Bound { .. } => [Index::I32; 3],
        }
    }

    /// The type of what it moves; none when it moves nothing.
    pub(super) fn length(&self) -> Option<Index> {
        if let Self::Bound { .. } = self { None } else { Some(self.parameters()[usize::from(LENGTH)]) }
    }

    /// `if length <= piece { operation } else { call }`, with the operands on the stack, a local for the length, and the type
    /// of the added function.
    pub(super) fn push_when_small(
        &self,
        piece_bytes: u32,
        local: u32,
        ty: u32,
        call: &[u8],
        out: &mut Vec<u8>,
    ) {
        let length = self.parameters()[usize::from(LENGTH)];
        let mut code = Code { out: std::mem::take(out), pieces: *self, piece_bytes };
        for opcode in [TEE, GET] {
            code.out.push(opcode);
            push_u32(&mut code.out, local);
        }
        code.constant(length, piece_bytes);
        code.out.extend_from_slice(&[length.at_most(), IF]);
        // The type of a block is a signed number.
        push_i64(&mut code.out, i64::from(ty));
        code.operation();
        code.out.push(ELSE);
        code.out.extend_from_slice(call);
        code.out.push(END);
        *out = code.out;
    }

    pub(super) fn push_type(&self, out: &mut Vec<u8>) {
        if let Self::Bound { .. } = self {
            let length = Index::I32.ty();
            return out.extend_from_slice(&[FUNCTION_TYPE, 1, length, 1, length]);
        }
        out.extend_from_slice(&[FUNCTION_TYPE, 3]);
        out.extend(self.parameters().map(Index::ty));
        out.push(0);
    }

    /// The function's body: no locals, and the code.
    pub(super) fn body(&self, piece_bytes: u32) -> Vec<u8> {
        if let Self::Bound { most } = *self {
            return bound(most);
        }
        let mut code = Code { out: vec![0], pieces: *self, piece_bytes };
        code.all_when_small();
        // The last byte lies past the end of all addresses: as a whole it traps, and in pieces it would go round.
        code.all_when_it_goes_round(TO);
        match self {
            Self::Fill { .. } | Self::Bound { .. } => {}
            Self::Init { .. } => code.all_when_it_goes_round(FROM),
            Self::Copy { to, from, .. } => {
                code.all_when_it_goes_round(FROM);
                if to == from {
                    code.backwards_when_to_is_behind_from();
                }
            }
        }
        code.forwards();
        code.out.push(END);
        code.out
    }
}

/// `length <= most ? length : -1`
fn bound(most: u32) -> Vec<u8> {
    let ty = Index::I32;
    let mut out = vec![0, GET, 0, ty.constant()];
    push_i64(&mut out, -1);
    out.extend_from_slice(&[GET, 0, ty.constant()]);
    push_i64(&mut out, i64::from(most.cast_signed()));
    out.extend_from_slice(&[ty.at_most(), SELECT, END]);
    out
}

struct Code {
    out: Vec<u8>,
    pieces: Pieces,
    piece_bytes: u32,
}

impl Code {
    fn ty(&self, parameter: u8) -> Index {
        self.pieces.parameters()[usize::from(parameter)]
    }

    fn get(&mut self, parameter: u8) {
        self.out.extend_from_slice(&[GET, parameter]);
    }

    fn constant(&mut self, ty: Index, value: u32) {
        self.out.push(ty.constant());
        push_i64(&mut self.out, i64::from(value));
    }

    /// The instruction itself, with its operands on the stack.
    fn operation(&mut self) {
        let (code, first, second) = match self.pieces {
            Pieces::Fill { memory, .. } => (11, memory, None),
            Pieces::Copy { to, from, .. } => (10, to, Some(from)),
            Pieces::Init { segment, memory, .. } => (8, segment, Some(memory)),
            // It is no operation on a memory, and has a body of its own.
            Pieces::Bound { .. } => return,
        };
        self.out.push(0xfc);
        push_u32(&mut self.out, code);
        push_u32(&mut self.out, first);
        if let Some(second) = second {
            push_u32(&mut self.out, second);
        }
    }

    fn everything(&mut self) {
        [TO, FROM, LENGTH].into_iter().for_each(|parameter| self.get(parameter));
        self.operation();
        self.out.push(RETURN);
    }

    /// Adds a piece to a parameter, or takes one from it.
    fn step(&mut self, parameter: u8, opcode: impl Fn(Index) -> u8) {
        let ty = self.ty(parameter);
        self.get(parameter);
        self.constant(ty, self.piece_bytes);
        self.out.extend_from_slice(&[opcode(ty), SET, parameter]);
    }

    /// `if length <= piece { all of it; return }`
    fn all_when_small(&mut self) {
        let ty = self.ty(LENGTH);
        self.get(LENGTH);
        self.constant(ty, self.piece_bytes);
        self.out.extend_from_slice(&[ty.at_most(), IF, NOTHING]);
        self.everything();
        self.out.push(END);
    }

    /// `if parameter + (length - 1) < parameter { all of it; return }`
    fn all_when_it_goes_round(&mut self, parameter: u8) {
        let (ty, length) = (self.ty(parameter), self.ty(LENGTH));
        if ty != length {
            // No memory reaches to the end of wider addresses, so that a piece traps long before.
            return;
        }
        self.get(parameter);
        self.get(LENGTH);
        self.constant(length, 1);
        self.out.extend_from_slice(&[length.sub(), ty.add()]);
        self.get(parameter);
        self.out.extend_from_slice(&[ty.less(), IF, NOTHING]);
        self.everything();
        self.out.push(END);
    }

    /// A copy to a higher address of the same memory begins at its end, so that it reads nothing that it has written.
    fn backwards_when_to_is_behind_from(&mut self) {
        let ty = self.ty(LENGTH);
        self.get(FROM);
        self.get(TO);
        self.out.extend_from_slice(&[ty.less(), IF, NOTHING, LOOP, NOTHING]);
        self.step(LENGTH, Index::sub);
        for parameter in [TO, FROM] {
            self.get(parameter);
            self.get(LENGTH);
            self.out.push(ty.add());
        }
        self.constant(ty, self.piece_bytes);
        self.operation();
        self.all_when_small();
        self.out.extend_from_slice(&[BRANCH, 0, END, END]);
    }

    fn forwards(&mut self) {
        self.out.extend_from_slice(&[LOOP, NOTHING]);
        self.get(TO);
        self.get(FROM);
        let length = self.ty(LENGTH);
        self.constant(length, self.piece_bytes);
        self.operation();
        self.step(TO, Index::add);
        if !matches!(self.pieces, Pieces::Fill { .. }) {
            self.step(FROM, Index::add);
        }
        self.step(LENGTH, Index::sub);
        self.all_when_small();
        self.out.extend_from_slice(&[BRANCH, 0, END]);
    }
}
