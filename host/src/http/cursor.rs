//! Pages of lists: `limit` and an opaque `cursor`.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::ApiError;

const DEFAULT_LIMIT: u32 = 50;
const MAX_LIMIT: u32 = 200;
/// Longest cursor that is read, in characters.
const MAX_CURSOR_CHARACTERS: usize = 1_024;
/// Changes when cursors of earlier versions no longer mean the same.
const CURSOR_VERSION: u8 = 1;

/// Which page of which list a request asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paging {
    list: &'static str,
    limit: u32,
    after: Option<Vec<u8>>,
}

impl Paging {
    /// Reads `limit` and `cursor`. A cursor is good only for the list that it came from, named by `list`.
    ///
    /// # Errors
    /// `malformed_query` and `malformed_cursor`.
    pub fn new(list: &'static str, limit: Option<u32>, cursor: Option<&str>) -> Result<Self, ApiError> {
        let limit = limit.unwrap_or(DEFAULT_LIMIT);
        if !(1..=MAX_LIMIT).contains(&limit) {
            let detail = format!("`limit` is {limit} and must be 1 to {MAX_LIMIT}");
            return Err(ApiError::new("malformed_query", detail));
        }
        let after = cursor.map(|cursor| decode(list, cursor)).transpose()?;
        Ok(Self { list, limit, after })
    }

    /// Items per page.
    #[must_use]
    pub fn limit(&self) -> usize {
        self.limit as usize
    }

    pub(super) fn limit_u32(&self) -> u32 {
        self.limit
    }

    /// Where the last page ended.
    #[must_use]
    pub fn after(&self) -> Option<Vec<u8>> {
        self.after.clone()
    }

    /// The cursor of a position in this list.
    #[must_use]
    pub fn cursor(&self, position: &[u8]) -> String {
        let mut bytes = vec![CURSOR_VERSION];
        bytes.extend_from_slice(self.list.as_bytes());
        bytes.push(0);
        bytes.extend_from_slice(position);
        URL_SAFE_NO_PAD.encode(bytes)
    }
}

fn decode(list: &str, cursor: &str) -> Result<Vec<u8>, ApiError> {
    let read = || {
        if cursor.len() > MAX_CURSOR_CHARACTERS {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(cursor).ok()?;
        let rest = bytes.strip_prefix(&[CURSOR_VERSION])?.strip_prefix(list.as_bytes())?;
        let position = rest.strip_prefix(&[0])?;
        // Positions are ids, names and numbers.
        let plain = position.iter().all(u8::is_ascii_graphic) && !position.is_empty();
        plain.then(|| position.to_vec())
    };
    read().ok_or_else(|| ApiError::new("malformed_cursor", "the cursor is not one of this list"))
}

#[cfg(test)]
mod tests {

    use super::*;

    #[test]
    fn a_cursor_comes_back_as_the_position_it_was_made_of() {
        let paging = Paging::new("runs", None, None).unwrap();
        let cursor = paging.cursor(b"run_1");
        let next = Paging::new("runs", Some(200), Some(&cursor)).unwrap();
        assert_eq!((next.limit(), next.after()), (200, Some(b"run_1".to_vec())));
        assert_eq!(Paging::new("modules", None, Some(&cursor)).unwrap_err().code(), "malformed_cursor");
    }

    #[test]
    fn anything_else_is_refused() {
        let hidden = URL_SAFE_NO_PAD.encode(b"\x01runs\0a\0b");
        for cursor in ["", "x", "=", "é", "AAAA", &"A".repeat(4_000), &hidden] {
            assert_eq!(
                Paging::new("runs", None, Some(cursor)).unwrap_err().code(),
                "malformed_cursor",
                "{cursor}"
            );
        }
        for limit in [0, 201, u32::MAX] {
            assert_eq!(Paging::new("runs", Some(limit), None).unwrap_err().code(), "malformed_query");
        }
    }
}
