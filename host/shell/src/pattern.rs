//! Patterns for one name: `*`, `?` and `[…]`, in time proportional to pattern times name.

/// One position of a pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    One(char),
    AnyOne,
    Any,
    Class { negated: bool, ranges: Vec<(char, char)>, named: Vec<Named> },
}

/// A named class, such as `[:digit:]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Named {
    Alpha,
    Digit,
    Alnum,
    Upper,
    Lower,
    Space,
    Punct,
}

/// A pattern for one name of a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pattern {
    parts: Vec<Part>,
}

/// A character, and whether it was quoted: then it stands for itself.
pub(crate) type Marked = (char, bool);

/// Whether there is anything to match in a text.
pub(crate) fn is_pattern(text: &[Marked]) -> bool {
    text.iter().any(|mark| matches!(mark, ('*' | '?', false)))
        || text.iter().enumerate().any(|(at, mark)| *mark == ('[', false) && class(&text[at..]).is_some())
}

impl Pattern {
    pub(crate) fn new(text: &[Marked]) -> Self {
        let (mut parts, mut at) = (Vec::new(), 0);
        while let Some(mark) = text.get(at) {
            let part = match mark {
                ('*', false) => Part::Any,
                ('?', false) => Part::AnyOne,
                ('[', false) => match class(&text[at..]) {
                    Some((class, length)) => {
                        at += length - 1;
                        class
                    }
                    None => Part::One('['),
                },
                (char, _) => Part::One(*char),
            };
            at += 1;
            if part != Part::Any || parts.last() != Some(&Part::Any) {
                parts.push(part);
            }
        }
        Self { parts }
    }

    /// Whether a name matches. A dot at its front is matched by a dot only.
    pub(crate) fn matches(&self, name: &str) -> bool {
        if name.starts_with('.') && self.parts.first() != Some(&Part::One('.')) {
            return false;
        }
        let name: Vec<char> = name.chars().collect();
        let (mut part, mut at) = (0, 0);
        // Where to go on when what follows the last `*` does not fit: one character later.
        let mut again: Option<(usize, usize)> = None;
        while at < name.len() {
            match self.parts.get(part) {
                Some(Part::Any) => {
                    again = Some((part + 1, at));
                    part += 1;
                }
                Some(one) if one.matches(name[at]) => {
                    part += 1;
                    at += 1;
                }
                _ => match &mut again {
                    Some((after, from)) => {
                        *from += 1;
                        (part, at) = (*after, *from);
                    }
                    None => return false,
                },
            }
        }
        self.parts[part..].iter().all(|part| *part == Part::Any)
    }
}

impl Part {
    fn matches(&self, char: char) -> bool {
        match self {
            Self::One(one) => *one == char,
            Self::AnyOne | Self::Any => true,
            Self::Class { negated, ranges, named } => {
                let within = ranges.iter().any(|(from, to)| (*from..=*to).contains(&char))
                    || named.iter().any(|named| named.contains(char));
                within != *negated
            }
        }
    }
}

impl Named {
    fn contains(self, char: char) -> bool {
        match self {
            Self::Alpha => char.is_alphabetic(),
            Self::Digit => char.is_ascii_digit(),
            Self::Alnum => char.is_alphanumeric(),
            Self::Upper => char.is_uppercase(),
            Self::Lower => char.is_lowercase(),
            Self::Space => char.is_whitespace(),
            Self::Punct => char.is_ascii_punctuation(),
        }
    }
}

/// The class at the front of a text and its length, or `None` when the bracket stands for itself.
fn class(text: &[Marked]) -> Option<(Part, usize)> {
    let mut at = 1;
    let negated = matches!(text.get(at)?, ('!' | '^', false));
    at += usize::from(negated);
    let (mut ranges, mut named) = (Vec::new(), Vec::new());
    let first = at;
    loop {
        let (char, quoted) = *text.get(at)?;
        if char == ']' && !quoted && at > first {
            return Some((Part::Class { negated, ranges, named }, at + 1));
        }
        if char == '/' {
            return None;
        }
        if (char, quoted) == ('[', false)
            && text.get(at + 1) == Some(&(':', false))
            && let Some((class, length)) = named_class(&text[at..])
        {
            named.push(class);
            at += length;
            continue;
        }
        match (text.get(at + 1), text.get(at + 2)) {
            (Some(('-', false)), Some((to, to_quoted))) if *to != ']' || *to_quoted => {
                ranges.push((char, *to));
                at += 3;
            }
            _ => {
                ranges.push((char, char));
                at += 1;
            }
        }
    }
}

fn named_class(text: &[Marked]) -> Option<(Named, usize)> {
    let name: String = text.iter().skip(2).map(|(char, _)| *char).take(6).collect();
    let (name, _) = name.split_once(':')?;
    let class = match name {
        "alpha" => Named::Alpha,
        "digit" => Named::Digit,
        "alnum" => Named::Alnum,
        "upper" => Named::Upper,
        "lower" => Named::Lower,
        "space" => Named::Space,
        "punct" => Named::Punct,
        _ => return None,
    };
    (text.get(name.len() + 3) == Some(&(']', false))).then_some((class, name.len() + 4))
}
