//! How many cells a text takes.

use unicode_segmentation::UnicodeSegmentation;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Clusters are looked for in so much text around a place, so that a step costs the same in any text. A longer cluster
/// (hundreds of marks on one letter) is stepped over in parts.
const CLUSTER_WINDOW_BYTES: usize = 256;

/// How the terminal measures a cluster of several characters. Line and terminal must agree, or the cursor drifts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WidthRule {
    /// A grapheme cluster is one or two cells: a family emoji takes two. So do terminals with mode 2027, and xterm.js
    /// with `@xterm/addon-unicode-graphemes`.
    #[default]
    Clusters,
    /// Each character counts by itself: a family of three takes six cells. So do most other terminals, and xterm.js with
    /// `@xterm/addon-unicode11`. A cluster is still moved over and deleted as one.
    Scalars,
}

impl WidthRule {
    /// The cells of one cluster without control characters.
    pub(crate) fn cells(self, cluster: &str) -> usize {
        match self {
            Self::Clusters => cluster.width().min(2),
            Self::Scalars => cluster.chars().map(char_cells).sum(),
        }
    }
}

/// The cells of a character by itself. A control character has none.
pub(crate) fn char_cells(c: char) -> usize {
    if c.is_ascii() { usize::from(!c.is_ascii_control()) } else { c.width().unwrap_or(0) }
}

/// Where the cluster before `at` begins; 0 at the beginning.
pub(crate) fn cluster_before(text: &str, at: usize) -> usize {
    let from = text.floor_char_boundary(at.saturating_sub(CLUSTER_WINDOW_BYTES));
    text[from..at].grapheme_indices(true).next_back().map_or(at, |(start, _)| from + start)
}

/// Where the cluster at `at` ends; the text's length at its end.
pub(crate) fn cluster_after(text: &str, at: usize) -> usize {
    let to = text.floor_char_boundary(at.saturating_add(CLUSTER_WINDOW_BYTES).min(text.len()));
    text[at..to].graphemes(true).next().map_or(at, |cluster| at + cluster.len())
}

/// `at`, or where the cluster that it lies inside ends.
pub(crate) fn cluster_end(text: &str, at: usize) -> usize {
    let plain = |byte: Option<&u8>| byte.is_none_or(u8::is_ascii);
    if at == 0 || plain(text.as_bytes().get(at)) && plain(text.as_bytes().get(at - 1)) {
        return at;
    }
    let from = text.floor_char_boundary(at.saturating_sub(CLUSTER_WINDOW_BYTES));
    let to = text.floor_char_boundary(at.saturating_add(CLUSTER_WINDOW_BYTES).min(text.len()));
    let ends = text[from..to].grapheme_indices(true).map(|(start, cluster)| from + start + cluster.len());
    ends.take_while(|end| *end <= to).find(|end| *end >= at).unwrap_or(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clusters_are_stepped_over_whole() {
        let text = "ae\u{301}👨‍👩‍👧世🇨🇭!";
        let mut places = vec![0];
        while places[places.len() - 1] < text.len() {
            places.push(cluster_after(text, places[places.len() - 1]));
        }
        assert_eq!(places, [0, 1, 4, 22, 25, 33, 34]);
        let mut back = vec![text.len()];
        while back[back.len() - 1] > 0 {
            back.push(cluster_before(text, back[back.len() - 1]));
        }
        back.reverse();
        assert_eq!(back, places);
        assert_eq!([0, 1, 2, 4, 8, 22, 29].map(|at| cluster_end(text, at)), [0, 1, 4, 4, 22, 22, 33]);
    }

    #[test]
    fn the_rules_differ_in_clusters_only() {
        for (cluster, one, each) in
            [("a", 1, 1), ("世", 2, 2), ("e\u{301}", 1, 1), ("👨‍👩‍👧", 2, 6), ("🇨🇭", 2, 2), ("😀", 2, 2)]
        {
            assert_eq!(
                (WidthRule::Clusters.cells(cluster), WidthRule::Scalars.cells(cluster)),
                (one, each),
                "{cluster}"
            );
        }
    }
}
