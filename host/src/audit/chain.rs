//! How records are chained, and how a chain is checked: by the host, and by anybody who got its records.

use sha2::{Digest, Sha256};

use crate::api::{AuditHead, AuditRecord};

/// What the first record has as the hash before it.
pub const GENESIS: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// Begins what is hashed. Changes when the encoding does.
const DOMAIN: &[u8] = b"cloister-audit-1\n";

/// Findings that are kept; a chain with more is broken enough.
const MAX_FINDINGS: usize = 100;

/// The hash of a record, in hex: SHA-256 over the canonical encoding of all its other fields.
///
/// Each field is a netstring (`length:bytes,`), an absent one `-,`, so that no two records have the same encoding.
#[must_use]
pub fn digest(chain: &str, record: &AuditRecord) -> String {
    let (seq, times) = (record.seq.to_string(), record.times.to_string());
    let fields: [Option<&str>; 14] = [
        Some(chain),
        Some(&record.previous),
        Some(&seq),
        Some(&record.time),
        Some(&record.actor),
        record.session.as_deref(),
        Some(&record.action),
        Some(&record.resource),
        Some(&record.outcome),
        record.code.as_deref(),
        record.detail.as_deref(),
        record.address.as_deref(),
        record.request.as_deref(),
        Some(&times),
    ];
    let mut bytes = Vec::with_capacity(512);
    bytes.extend_from_slice(DOMAIN);
    for field in fields {
        match field {
            Some(text) => {
                bytes.extend_from_slice(text.len().to_string().as_bytes());
                bytes.push(b':');
                bytes.extend_from_slice(text.as_bytes());
            }
            None => bytes.push(b'-'),
        }
        bytes.push(b',');
    }
    hex::encode(Sha256::digest(&bytes))
}

/// Something that is wrong with a chain.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Finding {
    /// The record at which it shows.
    pub seq: u64,
    /// `altered`, `missing`, `out_of_place`, `not_chained`, `truncated`, `head_altered` or `head_missing`.
    pub kind: &'static str,
    /// For a person.
    pub detail: String,
}

/// Checks a chain's records one by one, from the first.
#[derive(Debug)]
pub struct ChainCheck {
    chain: String,
    last_seq: u64,
    last_hash: String,
    records: u64,
    findings: Vec<Finding>,
}

impl ChainCheck {
    /// A check of the chain with a name, at its beginning.
    #[must_use]
    pub fn new(chain: &str) -> Self {
        Self {
            chain: chain.to_owned(),
            last_seq: 0,
            last_hash: GENESIS.to_owned(),
            records: 0,
            findings: Vec::new(),
        }
    }

    /// Looks at the next record.
    pub fn look(&mut self, record: &AuditRecord) {
        self.records += 1;
        let expected = self.last_seq + 1;
        if record.seq > expected {
            let last = record.seq - 1;
            self.find(expected, "missing", format!("records {expected} to {last} are missing"));
        } else if record.seq < expected {
            let detail = format!("record {} stands where {expected} belongs", record.seq);
            self.find(record.seq, "out_of_place", detail);
        }
        let hash = digest(&self.chain, record);
        if hash != record.hash {
            let detail = format!("record {} does not have the hash that it names", record.seq);
            self.find(record.seq, "altered", detail);
        }
        if record.seq == expected && record.previous != self.last_hash {
            let detail = format!("record {} does not follow the one before it", record.seq);
            self.find(record.seq, "not_chained", detail);
        }
        self.last_seq = record.seq;
        self.last_hash.clone_from(&record.hash);
    }

    /// Looks at where the chain says that it ends.
    pub fn end(&mut self, head: &AuditHead) {
        if self.last_seq < head.seq {
            let (first, last) = (self.last_seq + 1, head.seq);
            self.find(
                first,
                "truncated",
                format!("the chain ends at {last}, and {first} and on are missing"),
            );
        } else if self.last_seq > head.seq || self.last_hash != head.hash {
            let detail = format!("the chain is said to end at {} with another hash", head.seq);
            self.find(head.seq, "head_altered", detail);
        }
    }

    /// Adds a finding of somebody else.
    pub fn find(&mut self, seq: u64, kind: &'static str, detail: String) {
        if self.findings.len() < MAX_FINDINGS {
            self.findings.push(Finding { seq, kind, detail });
        }
    }

    /// Records looked at.
    #[must_use]
    pub fn records(&self) -> u64 {
        self.records
    }

    /// What is wrong; empty when nothing is.
    #[must_use]
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// Where the chain ends, by its records.
    #[must_use]
    pub fn head(&self) -> AuditHead {
        AuditHead { chain: self.chain.clone(), seq: self.last_seq, hash: self.last_hash.clone() }
    }
}
