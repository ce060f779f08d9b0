//! Breaks huge fills and copies of memory into pieces, between which a guest can be ended.
//!
//! The engine does `memory.fill`, `memory.copy` and `memory.init` in one step however much they move, and looks at the
//! epoch only before and after: four gigabytes of fresh memory are seconds in which no kill and no deadline is heard.
//! Here each such instruction whose length is not known to be small is done as it is only when its length turns out to be, and
//! else by a function that is added to the module and does the same in pieces. Indices of what the module has stay as they are.
//!
//! The engine makes an array in one step too, and fills or copies it in one. So that each of these is short, no array may be
//! larger than [`MAX_ARRAY_BYTES`]: a longer one traps like one for which there are no addresses.
//!
//! An access out of bounds may be seen only after the pieces before it. No guest can tell: a trap ends it.

mod arrays;
mod encode;
mod pieces;

use wasmparser::{
    BinaryReaderError, CompositeInnerType, ElementItems, MemoryType, Operator, Parser, Payload, TableInit,
    TypeRef,
};

use self::arrays::Arrays;
use self::encode::{Section, push_section, push_u32, sections};
use self::pieces::{INDICES, Index, Pieces};

/// Bytes moved in one step: well under a millisecond, also when every page is new.
pub(crate) const PIECE_BYTES: u32 = 1 << 20;
/// Largest array of garbage-collected objects: made and filled in a few milliseconds, also when every page is new.
const MAX_ARRAY_BYTES: u32 = 16 << 20;
/// Part of the name of compiled code, so that code made in another way is not loaded.
pub(crate) const VERSION: u8 = 3;
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
/// Locals that a function may have, its parameters among them (WebAssembly JavaScript interface, limits; the engine's too).
const MAX_LOCALS: u32 = 50_000;

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

/// An instruction to be replaced: where it is in the binary, and by which added function. What has no length stays, with the call
/// before it.
struct Site {
    start: usize,
    end: usize,
    pieces: usize,
}

/// The code of a function, without its length.
struct Body {
    start: usize,
    end: usize,
    /// Where its instructions begin, after the types of its locals.
    code: usize,
    /// Its parameters and locals.
    locals: u32,
    /// For each type of a length, whether it gets a local of it.
    lengths: [bool; 2],
}

/// What a core module has, as far as it matters here.
#[derive(Default)]
struct Module {
    piece_bytes: u32,
    /// How many parameters functions of each type have.
    types: Vec<u32>,
    arrays: Arrays,
    imported: u32,
    /// The types of the functions that it has itself.
    functions: Vec<u32>,
    memories: Vec<MemoryType>,
    bodies: Vec<Body>,
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
                        self.types.push(match &ty.composite_type.inner {
                            CompositeInnerType::Func(function) => length_u32(function.params()),
                            _ => 0,
                        });
                        self.arrays.add_type(&ty);
                    }
                }
            }
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    match import?.ty {
                        TypeRef::Func(_) | TypeRef::FuncExact(_) => self.imported += 1,
                        TypeRef::Memory(memory) => self.memories.push(memory),
                        _ => {}
                    }
                }
            }
            Payload::FunctionSection(section) => {
                for ty in section {
                    self.functions.push(ty?);
                }
            }
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
                let ty = self.functions.get(self.bodies.len()).and_then(|ty| self.types.get(*ty as usize));
                let mut locals = *ty.ok_or(BulkError::Unsupported("a function has no type"))?;
                for group in body.get_locals_reader()? {
                    locals = locals.saturating_add(group?.0);
                }
                let operators = body.get_operators_reader()?;
                let code = operators.original_position();
                let lengths = [false; 2];
                self.bodies.push(Body { start: range.start, end: range.end, code, locals, lengths });
                self.look_through(operators)?;
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
                if let (Some(body), Some(length)) = (self.bodies.last_mut(), self.added[pieces].length()) {
                    body.lengths[length as usize] = body.locals + 2 <= MAX_LOCALS;
                }
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
                    let mut types = length_u32(&self.types)..;
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
        push_u32(&mut out, count + length_u32(&self.added));
        out.extend_from_slice(items);
        self.added.iter().for_each(|added| push(added, &mut out));
        Ok(out)
    }

    fn code(&self, binary: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(binary.len());
        push_u32(&mut out, length_u32(&self.bodies) + length_u32(&self.added));
        let mut sites = self.sites.iter().peekable();
        for body in &self.bodies {
            let mut new = Vec::with_capacity(body.end - body.start + 8);
            self.push_locals(body, &binary[body.start..body.code], &mut new);
            let mut at = body.code;
            while let Some(site) = sites.next_if(|site| site.start < body.end) {
                new.extend_from_slice(&binary[at..site.start]);
                self.push_instead(body, site, &mut new);
                at = site.end;
            }
            new.extend_from_slice(&binary[at..body.end]);
            push_u32(&mut out, length_u32(&new));
            out.extend_from_slice(&new);
        }
        for added in &self.added {
            let body = added.body(self.piece_bytes);
            push_u32(&mut out, length_u32(&body));
            out.extend_from_slice(&body);
        }
        out
    }

    /// The types of a function's locals, and those that it gets.
    fn push_locals(&self, body: &Body, locals: &[u8], out: &mut Vec<u8>) {
        let more = INDICES.into_iter().filter(|&length| body.lengths[length as usize]);
        match encode::take_u32(locals) {
            Some((groups, rest)) => {
                push_u32(out, groups + u32::try_from(more.clone().count()).unwrap_or(0));
                out.extend_from_slice(rest);
                more.for_each(|length| out.extend_from_slice(&[1, length.ty()]));
            }
            None => out.extend_from_slice(locals),
        }
    }

    /// What stands in an instruction's place: a call; or, with the length in a local, the instruction itself when it is small and
    /// a call when it is not, since a call costs more than most of what is moved.
    fn push_instead(&self, body: &Body, site: &Site, out: &mut Vec<u8>) {
        let pieces = self.added[site.pieces];
        let added = u32::try_from(site.pieces).unwrap_or(0);
        let mut call = vec![CALL];
        push_u32(&mut call, self.imported + length_u32(&self.functions) + added);
        match pieces.length() {
            Some(length) if body.lengths[length as usize] => {
                let before = INDICES.into_iter().take_while(|&other| other != length);
                let skipped = before.filter(|&other| body.lengths[other as usize]).count();
                let local = body.locals + u32::try_from(skipped).unwrap_or(0);
                let ty = length_u32(&self.types) + added;
                pieces.push_when_small(self.piece_bytes, local, ty, &call, out);
            }
            _ => out.extend_from_slice(&call),
        }
    }
}

fn length_u32<T>(items: &[T]) -> u32 {
    u32::try_from(items.len()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
