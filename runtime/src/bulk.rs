//! Breaks huge fills and copies of memory into pieces, between which a guest can be ended.
//!
//! The engine does `memory.fill`, `memory.copy` and `memory.init` in one step however much they move, and looks at the
//! epoch only before and after: four gigabytes of fresh memory are seconds in which no kill and no deadline is heard.
//! Here each such instruction whose length is not known to be small becomes a call of a function that is added to the
//! module and does the same in pieces. Indices of what the module has stay as they are.
//!
//! The engine makes an array in one step too, and fills or copies it in one. So that each of these is short, no array may be
//! larger than [`MAX_ARRAY_BYTES`]: a longer one traps like one for which there are no addresses.
//!
//! An access out of bounds may be seen only after the pieces before it. No guest can tell: a trap ends it.

mod arrays;
mod encode;
mod pieces;

use wasmparser::{
    BinaryReaderError, ElementItems, MemoryType, Operator, Parser, Payload, TableInit, TypeRef,
};

use self::arrays::Arrays;
use self::encode::{Section, push_section, push_u32, sections};
use self::pieces::{Index, Pieces};

/// Bytes moved in one step: well under a millisecond, also when every page is new.
pub(crate) const PIECE_BYTES: u32 = 1 << 20;
/// Largest array of garbage-collected objects: made and filled in a few milliseconds, also when every page is new.
const MAX_ARRAY_BYTES: u32 = 16 << 20;
/// Part of the name of compiled code, so that code made in another way is not loaded.
pub(crate) const VERSION: u8 = 2;
/// Components in one another, and modules in them.
const MAX_DEPTH: u32 = 100;

const CUSTOM: u8 = 0;
const TYPES: u8 = 1;
const FUNCTIONS: u8 = 3;
const CODE: u8 = 10;
/// Sections of a component that hold a whole binary.
const CORE_MODULE: u8 = 1;
const COMPONENT: u8 = 4;
/// Opcode of `call`.
const CALL: u8 = 0x10;

/// Why a binary was not rewritten.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BulkError {
    /// It cannot be read.
    #[error("{0}")]
    Unreadable(#[from] BinaryReaderError),
    /// It has what is not supported here.
    #[error("{0}")]
    Unsupported(&'static str),
}

/// The same module or component with its bulk operations in pieces of `piece_bytes`.
///
/// # Errors
/// When it cannot be read: what could not be looked through must not be run.
pub(crate) fn in_pieces(binary: &[u8], piece_bytes: u32) -> Result<Vec<u8>, BulkError> {
    rewrite(binary, piece_bytes, 0)
}

fn rewrite(binary: &[u8], piece_bytes: u32, depth: u32) -> Result<Vec<u8>, BulkError> {
    if depth > MAX_DEPTH {
        return Err(BulkError::Unsupported("components are nested too deeply"));
    }
    if Parser::is_component(binary) {
        return rewrite_component(binary, piece_bytes, depth);
    }
    let module = Module::read(binary, piece_bytes)?;
    if module.sites.is_empty() { Ok(binary.to_vec()) } else { module.rewrite(binary) }
}

fn rewrite_component(binary: &[u8], piece_bytes: u32, depth: u32) -> Result<Vec<u8>, BulkError> {
    let mut out = binary.get(..8).unwrap_or(binary).to_vec();
    for section in sections(binary) {
        let Section { id, payload } = section?;
        match id {
            CORE_MODULE | COMPONENT => {
                push_section(&mut out, id, &rewrite(payload, piece_bytes, depth + 1)?);
            }
            _ => push_section(&mut out, id, payload),
        }
    }
    Ok(out)
}

/// An instruction to be replaced by a call: where it is in the binary, and of which added function. What has no length stays,
/// with the call before it.
struct Site {
    start: usize,
    end: usize,
    pieces: usize,
}

/// What a core module has, as far as it matters here.
#[derive(Default)]
struct Module {
    piece_bytes: u32,
    types: u32,
    arrays: Arrays,
    functions: u32,
    memories: Vec<MemoryType>,
    /// Where each body begins and ends, without its length.
    bodies: Vec<(usize, usize)>,
    sites: Vec<Site>,
    added: Vec<Pieces>,
}

impl Module {
    fn read(binary: &[u8], piece_bytes: u32) -> Result<Self, BulkError> {
        let mut module = Self { piece_bytes, ..Self::default() };
        for payload in Parser::new(0).parse_all(binary) {
            module.take(payload?)?;
        }
        Ok(module)
    }

    fn take(&mut self, payload: Payload<'_>) -> Result<(), BulkError> {
        match payload {
            Payload::TypeSection(section) => {
                for group in section {
                    for ty in group?.into_types() {
                        self.types += 1;
                        self.arrays.add_type(&ty);
                    }
                }
            }
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    match import?.ty {
                        TypeRef::Func(_) | TypeRef::FuncExact(_) => self.functions += 1,
                        TypeRef::Memory(memory) => self.memories.push(memory),
                        _ => {}
                    }
                }
            }
            Payload::FunctionSection(section) => self.functions += section.count(),
            Payload::MemorySection(section) => {
                for memory in section {
                    self.memories.push(memory?);
                }
            }
            Payload::GlobalSection(section) => {
                for global in section {
                    self.arrays.look_through_constant(&global?.init_expr)?;
                }
            }
            Payload::TableSection(section) => {
                for table in section {
                    if let TableInit::Expr(expression) = table?.init {
                        self.arrays.look_through_constant(&expression)?;
                    }
                }
            }
            Payload::ElementSection(section) => {
                for element in section {
                    if let ElementItems::Expressions(_, expressions) = element?.items {
                        for expression in expressions {
                            self.arrays.look_through_constant(&expression?)?;
                        }
                    }
                }
            }
            Payload::CodeSectionEntry(body) => {
                let range = body.range();
                self.bodies.push((range.start, range.end));
                self.look_through(body.get_operators_reader()?)?;
            }
            _ => {}
        }
        Ok(())
    }

    fn look_through(&mut self, mut operators: wasmparser::OperatorsReader<'_>) -> Result<(), BulkError> {
        let mut before = None;
        while !operators.eof() {
            let (operator, start) = operators.read_with_offset()?;
            let end = operators.original_position();
            let small = before.is_some_and(|length| length <= u64::from(self.piece_bytes));
            let bound = self.arrays.bound(&operator, before)?;
            // A bound stands before the operation; what is done in pieces takes its place.
            let end = if bound.is_some() { start } else { end };
            let pieces = match bound {
                None if !small => self.pieces(&operator)?,
                bound => bound,
            };
            if let Some(pieces) = pieces {
                let known = self.added.iter().position(|added| *added == pieces);
                let pieces = known.unwrap_or_else(|| {
                    self.added.push(pieces);
                    self.added.len() - 1
                });
                self.sites.push(Site { start, end, pieces });
            }
            // A length that is pushed just before is the length: nothing can branch to between the two.
            before = match operator {
                Operator::I32Const { value } => Some(u64::from(value.cast_unsigned())),
                Operator::I64Const { value } => Some(value.cast_unsigned()),
                _ => None,
            };
        }
        Ok(())
    }

    fn pieces(&self, operator: &Operator<'_>) -> Result<Option<Pieces>, BulkError> {
        Ok(Some(match *operator {
            Operator::MemoryFill { mem } => Pieces::Fill { memory: mem, index: self.index(mem)? },
            Operator::MemoryCopy { dst_mem, src_mem } => {
                let index = self.index(dst_mem)?;
                if self.index(src_mem)? != index {
                    return Err(BulkError::Unsupported(
                        "memories of 32 and 64 bits are copied to one another",
                    ));
                }
                Pieces::Copy { to: dst_mem, from: src_mem, index }
            }
            Operator::MemoryInit { data_index, mem } => {
                Pieces::Init { segment: data_index, memory: mem, index: self.index(mem)? }
            }
            _ => return Ok(None),
        }))
    }

    fn index(&self, memory: u32) -> Result<Index, BulkError> {
        match self.memories.get(memory as usize) {
            Some(memory) if memory.memory64 => Ok(Index::I64),
            Some(_) => Ok(Index::I32),
            None => Err(BulkError::Unsupported("a memory is used that there is not")),
        }
    }

    fn rewrite(&self, binary: &[u8]) -> Result<Vec<u8>, BulkError> {
        let mut out = binary.get(..8).unwrap_or(binary).to_vec();
        for section in sections(binary) {
            let Section { id, payload } = section?;
            match id {
                TYPES => push_section(&mut out, id, &self.longer(payload, Pieces::push_type)?),
                FUNCTIONS => {
                    let mut types = self.types..;
                    let push = |_: &Pieces, out: &mut Vec<u8>| push_u32(out, types.next().unwrap_or(0));
                    push_section(&mut out, id, &self.longer(payload, push)?);
                }
                CODE => push_section(&mut out, id, &self.code(binary)),
                // What is said about places in the code no longer holds.
                CUSTOM
                    if encode::custom_name(payload)
                        .is_some_and(|name| name.starts_with(b"metadata.code.")) => {}
                _ => push_section(&mut out, id, payload),
            }
        }
        Ok(out)
    }

    /// A section with one more item for each added function.
    fn longer(
        &self,
        payload: &[u8],
        mut push: impl FnMut(&Pieces, &mut Vec<u8>),
    ) -> Result<Vec<u8>, BulkError> {
        let (count, items) = encode::take_u32(payload)
            .ok_or(BulkError::Unsupported("a section does not say how many items it has"))?;
        let mut out = Vec::with_capacity(payload.len() + 32 * self.added.len());
        push_u32(&mut out, count + u32::try_from(self.added.len()).unwrap_or(0));
        out.extend_from_slice(items);
        self.added.iter().for_each(|added| push(added, &mut out));
        Ok(out)
    }

    fn code(&self, binary: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(binary.len());
        push_u32(&mut out, u32::try_from(self.bodies.len() + self.added.len()).unwrap_or(u32::MAX));
        let mut sites = self.sites.iter().peekable();
        let mut body = Vec::new();
        for &(start, end) in &self.bodies {
            body.clear();
            let mut at = start;
            while let Some(site) = sites.next_if(|site| site.start < end) {
                body.extend_from_slice(&binary[at..site.start]);
                body.push(CALL);
                push_u32(&mut body, self.functions + u32::try_from(site.pieces).unwrap_or(0));
                at = site.end;
            }
            body.extend_from_slice(&binary[at..end]);
            push_u32(&mut out, u32::try_from(body.len()).unwrap_or(u32::MAX));
            out.extend_from_slice(&body);
        }
        for added in &self.added {
            let body = added.body(self.piece_bytes);
            push_u32(&mut out, u32::try_from(body.len()).unwrap_or(u32::MAX));
            out.extend_from_slice(&body);
        }
        out
    }
}

#[cfg(test)]
mod tests;
