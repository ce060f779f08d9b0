//! The log: segments, messages, and where the parts of each page are.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use crate::Found;
use crate::node::take_number;

/// As sled makes them unless it is told otherwise.
pub(crate) const SEGMENT_BYTES: usize = 512 * 1024;
const SEGMENT_HEADER_BYTES: usize = 20;
/// Nothing begins in so many last bytes of a segment.
const MAX_HEADER_BYTES: usize = 32;
/// The page that names the trees.
pub(crate) const META_PAGE: PageId = 0;

/// Number of a page.
pub(crate) type PageId = u64;

/// What a message holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Nothing,
    Cap,
    BatchManifest,
    Free,
    Whole { blob: bool },
    Change { blob: bool },
}

impl Kind {
    fn of(byte: u8) -> Option<Self> {
        Some(match byte {
            1 | 5 => Self::Nothing,
            2 => Self::Cap,
            3 => Self::BatchManifest,
            4 => Self::Free,
            6 | 8 => Self::Whole { blob: false },
            7 | 9 => Self::Whole { blob: true },
            10 => Self::Change { blob: false },
            11 => Self::Change { blob: true },
            _ => return None,
        })
    }
}

/// A body in the file, or the number of a file of its own.
#[derive(Debug, Clone, Copy)]
struct Part {
    lsn: u64,
    at: u64,
    len: u32,
    blob: bool,
}

/// Where a page's state is.
#[derive(Debug, Clone)]
pub(crate) struct Page {
    whole: Part,
    changes: Vec<Part>,
    /// True once it may have been written in full without our knowing. Keys of changes are without the prefix that all keys of
    /// a page have, and writing it in full may change that prefix: what comes after would get wrong keys.
    is_cut: bool,
}

impl Page {
    /// Place in the log where it was last written in full.
    pub(crate) fn lsn(&self) -> u64 {
        self.whole.lsn
    }
}

/// A page as it was written in full, and what changed since.
pub(crate) type Parts = (Vec<u8>, Vec<Vec<u8>>);

/// The pages of a log.
#[derive(Debug)]
pub(crate) struct Log {
    file: File,
    dir: PathBuf,
    pub(crate) pages: HashMap<PageId, Page>,
    /// Where in the log a page was last given back.
    pub(crate) freed: HashMap<PageId, u64>,
    pub(crate) found: Found,
    /// Where the log was last damaged so that nobody knows which pages it was about.
    hole_lsn: u64,
    /// Where segments begin before which one is missing, in order: sled writes over those whose pages stand elsewhere.
    gaps: Vec<u64>,
}

/// One message within a segment.
struct Message {
    kind: Kind,
    page: PageId,
    /// Of header and body.
    head_bytes: usize,
    body_bytes: usize,
}

impl Log {
    pub(crate) fn read(dir: &Path) -> io::Result<Self> {
        let file = File::open(dir.join("db"))?;
        let mut log = Self {
            file,
            dir: dir.to_owned(),
            pages: HashMap::new(),
            freed: HashMap::new(),
            found: Found::default(),
            hole_lsn: 0,
            gaps: Vec::new(),
        };
        let segments = log.segments()?;
        let mut buffer = vec![0; SEGMENT_BYTES];
        let end_lsn = match segments.last_key_value() {
            Some((number, at)) => log.end_of(*number, *at, &mut buffer)?,
            None => 0,
        };
        let count = segments.len();
        let is_any_lost = log.found.damaged_bytes > 0;
        let (mut expected, mut inner_hole_lsn) = (0, 0);
        for (index, (number, at)) in segments.into_iter().enumerate() {
            // Segments that are used again leave gaps, too; this one may be of those that could not be told.
            if number != expected {
                log.gaps.push(number * SEGMENT_BYTES as u64);
                if is_any_lost {
                    log.hole_lsn = number * SEGMENT_BYTES as u64;
                }
            }
            expected = number + 1;
            inner_hole_lsn = log.hole_lsn;
            if !log.read_segment((number, at), index + 1 == count, end_lsn, &mut buffer)? {
                break;
            }
        }
        log.leave_out_doubtful_changes(inner_hole_lsn);
        Ok(log)
    }

    /// Leaves out changes of pages whose newest state may be lost, from the first missing segment on: the page may have been
    /// written in full in it, with another prefix. While the newest state is there, sled needs what stood in that segment no
    /// more; what is lost in the last segment let none be written over yet.
    fn leave_out_doubtful_changes(&mut self, inner_hole_lsn: u64) {
        for page in self.pages.values_mut() {
            let whole_lsn = page.whole.lsn;
            if page.is_cut || whole_lsn < inner_hole_lsn {
                let gap = self.gaps.partition_point(|gap| *gap <= whole_lsn);
                let Some(gap_lsn) = self.gaps.get(gap) else { continue };
                page.changes.retain(|change| change.lsn < *gap_lsn);
            }
        }
    }

    /// The segments by their numbers, with their places in the file.
    fn segments(&mut self) -> io::Result<BTreeMap<u64, u64>> {
        let file_bytes = self.file.metadata()?.len();
        let mut segments = BTreeMap::new();
        let mut start = [0; SEGMENT_HEADER_BYTES + 4096];
        for at in (0..file_bytes).step_by(SEGMENT_BYTES) {
            let len = read_most(&self.file, &mut start, at)?;
            let start = &start[..len];
            if start.iter().all(|byte| *byte == 0) {
                continue;
            }
            match segment_number(start) {
                Some(number) => {
                    segments.entry(number).or_insert(at);
                }
                None => {
                    self.found.damaged += 1;
                    // What is in it says its number too.
                    match self.number_by_messages(at)? {
                        Some(number) => drop(segments.entry(number).or_insert(at)),
                        None => self.found.damaged_bytes += SEGMENT_BYTES as u64,
                    }
                }
            }
        }
        Ok(segments)
    }

    fn number_by_messages(&self, at: u64) -> io::Result<Option<u64>> {
        let mut segment = vec![0; SEGMENT_BYTES];
        let len = read_most(&self.file, &mut segment, at)?;
        let Some(rest) = segment[..len].get(SEGMENT_HEADER_BYTES..) else { return Ok(None) };
        let Some((_, number)) = header(rest) else { return Ok(None) };
        Ok(message(rest, number).map(|_| number))
    }

    /// Where the last message of a segment begins.
    fn end_of(&self, number: u64, at: u64, buffer: &mut [u8]) -> io::Result<u64> {
        let len = read_most(&self.file, buffer, at)?;
        let (mut place, mut last) = (SEGMENT_HEADER_BYTES, 0);
        while let Some(rest) = rest_of(&buffer[..len], place) {
            if let Some(message) = message(rest, number) {
                last = place;
                place += message.head_bytes + message.body_bytes;
            } else if let Some(bytes) = passable(rest, number) {
                place += bytes;
            } else {
                break;
            }
        }
        Ok(number * SEGMENT_BYTES as u64 + last as u64)
    }

    /// Takes the messages of one segment; false when the log ends in it.
    fn read_segment(
        &mut self,
        (number, at): (u64, u64),
        is_tail: bool,
        end_lsn: u64,
        buffer: &mut [u8],
    ) -> io::Result<bool> {
        let len = read_most(&self.file, buffer, at)?;
        let mut place = SEGMENT_HEADER_BYTES;
        while let Some(rest) = rest_of(&buffer[..len], place) {
            let Some(message) = message(rest, number) else {
                let lsn = number * SEGMENT_BYTES as u64 + place as u64;
                if let Some(bytes) = passable(rest, number) {
                    self.cut(header(rest).map_or(META_PAGE, |(damaged, _)| damaged.page));
                    self.found.damaged += 1;
                    self.found.damaged_bytes += bytes as u64;
                    place += bytes;
                    continue;
                }
                self.hole_lsn = lsn;
                // What is not there at the end of the log may never have been written.
                if !is_tail || is_of(rest, number) {
                    self.found.damaged += 1;
                    self.found.damaged_bytes += rest.len() as u64;
                }
                return Ok(true);
            };
            let lsn = number * SEGMENT_BYTES as u64 + place as u64;
            let body_at = place + message.head_bytes;
            place = body_at + message.body_bytes;
            let body = &buffer[body_at..place];
            self.found.messages += 1;
            match message.kind {
                Kind::Cap => return Ok(true),
                // The end of a batch that is not there: none of it ever counted.
                Kind::BatchManifest if first_number(body).is_some_and(|last| last > end_lsn) => {
                    return Ok(false);
                }
                Kind::Nothing | Kind::BatchManifest => {}
                Kind::Free => {
                    self.pages.remove(&message.page);
                    self.freed.insert(message.page, lsn);
                }
                Kind::Whole { blob } | Kind::Change { blob } => {
                    let part = Part {
                        lsn,
                        at: if blob { first_number(body).unwrap_or(0) } else { at + body_at as u64 },
                        len: u32::try_from(message.body_bytes).unwrap_or(0),
                        blob,
                    };
                    // Without it, what the page was before is all there is: it was the same, put together.
                    if !blob || self.bytes(part)?.is_some() {
                        self.take(message.page, part, matches!(message.kind, Kind::Whole { .. }));
                    } else {
                        self.cut(message.page);
                        self.found.damaged += u64::from(self.blob(part.at).exists());
                    }
                }
            }
        }
        Ok(true)
    }

    fn take(&mut self, page: PageId, part: Part, is_whole: bool) {
        if is_whole {
            self.pages.insert(page, Page { whole: part, changes: Vec::new(), is_cut: false });
        } else if let Some(page) = self.pages.get_mut(&page)
            && !page.is_cut
            && page.whole.lsn >= self.hole_lsn
        {
            // Without the page as it was before, a change means nothing.
            page.changes.push(part);
        }
    }

    /// No more changes of a page are taken until it is written in full.
    fn cut(&mut self, page: PageId) {
        if let Some(page) = self.pages.get_mut(&page) {
            page.is_cut = true;
        }
    }

    /// The bytes of a page as it was written in full, and of what changed since; `None` when they are damaged.
    pub(crate) fn parts(&self, page: PageId) -> io::Result<Option<Parts>> {
        let Some(page) = self.pages.get(&page) else { return Ok(None) };
        let Some(whole) = self.bytes(page.whole)? else { return Ok(None) };
        let mut changes = Vec::new();
        for part in &page.changes {
            changes.extend(self.bytes(*part)?);
        }
        Ok(Some((whole, changes)))
    }

    fn blob(&self, number: u64) -> PathBuf {
        self.dir.join("blobs").join(number.to_string())
    }

    fn bytes(&self, part: Part) -> io::Result<Option<Vec<u8>>> {
        if !part.blob {
            let mut bytes = vec![0; part.len as usize];
            self.file.read_exact_at(&mut bytes, part.at)?;
            return Ok(Some(bytes));
        }
        let bytes = match std::fs::read(self.blob(part.at)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            read => read?,
        };
        let Some((checksum, rest)) = bytes.split_first_chunk::<4>() else { return Ok(None) };
        let is_right = crc32fast::hash(rest) == u32::from_le_bytes(*checksum);
        Ok(rest.get(1..).filter(|_| is_right).map(<[u8]>::to_vec))
    }
}

/// What is left of a segment, unless it is too little for a message.
fn rest_of(segment: &[u8], place: usize) -> Option<&[u8]> {
    (place <= SEGMENT_BYTES - MAX_HEADER_BYTES).then(|| segment.get(place..)).flatten()
}

/// Number of a segment by its header.
pub(crate) fn segment_number(start: &[u8]) -> Option<u64> {
    let header = start.first_chunk::<SEGMENT_HEADER_BYTES>()?;
    let checksum = u32::from_le_bytes(*header.first_chunk()?);
    if crc32fast::hash(&header[4..]) ^ u32::MAX != checksum {
        return None;
    }
    let lsn = first_number(&header[4..])? ^ (u64::MAX >> 1);
    lsn.is_multiple_of(SEGMENT_BYTES as u64).then_some(lsn / SEGMENT_BYTES as u64)
}

/// Eight bytes, little-endian.
fn first_number(bytes: &[u8]) -> Option<u64> {
    bytes.first_chunk().map(|bytes| u64::from_le_bytes(*bytes))
}

/// What a header says, not checked: the message, and the number of its segment.
fn header(rest: &[u8]) -> Option<(Message, u64)> {
    let kind = Kind::of(*rest.get(4)?)?;
    let mut numbers = rest.get(5..)?;
    let before = numbers.len();
    let body_bytes = usize::try_from(take_number(&mut numbers)?).ok()?;
    let segment = take_number(&mut numbers)?;
    let page = take_number(&mut numbers)?;
    let head_bytes = 5 + before - numbers.len();
    (body_bytes <= numbers.len()).then_some((Message { kind, page, head_bytes, body_bytes }, segment))
}

/// True when something of this segment was written here, whether intact or not.
fn is_of(rest: &[u8], segment: u64) -> bool {
    let segment_of = |mut numbers: &[u8]| {
        take_number(&mut numbers)?;
        take_number(&mut numbers)
    };
    rest.get(5..).and_then(segment_of) == Some(segment)
}

/// The intact message that begins here.
fn message(rest: &[u8], segment: u64) -> Option<Message> {
    let (message, number) = header(rest)?;
    let (head, body) = rest.split_at_checked(message.head_bytes)?;
    let mut checksum = crc32fast::Hasher::new();
    checksum.update(body.get(..message.body_bytes)?);
    checksum.update(&head[4..]);
    let is_right = checksum.finalize() ^ u32::MAX == u32::from_le_bytes(*head.first_chunk()?);
    (is_right && number == segment).then_some(message)
}

/// Bytes of a damaged message, when an intact one follows it. Bodies are never searched for messages: tenants write what is
/// in them.
fn passable(rest: &[u8], segment: u64) -> Option<usize> {
    let (damaged, _) = header(rest)?;
    let bytes = damaged.head_bytes + damaged.body_bytes;
    message(rest.get(bytes..)?, segment).map(|_| bytes)
}

/// Reads until the buffer is full or the file ends; how much.
fn read_most(file: &File, buffer: &mut [u8], at: u64) -> io::Result<usize> {
    let mut len = 0;
    while len < buffer.len() {
        match file.read_at(&mut buffer[len..], at + len as u64) {
            Ok(0) => break,
            Ok(read) => len += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(len)
}
