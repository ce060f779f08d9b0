//! Checks the chains of a data directory that no host is using.

use serde::Serialize;

use super::committer::seal;
use super::{Chain, ChainCheck, Finding, GENESIS};
use crate::api::AuditHead;
use crate::ids::TenantSlug;
use crate::store::{Direction, PageQuery, Reader, Store, StoreError};

/// Records read at once.
const STEP: usize = 1_000;
/// Tenants read at once.
const TENANTS: usize = 200;

/// What was found of one chain.
#[derive(Debug, Clone, Serialize)]
pub struct ChainReport {
    /// The chain's name.
    pub chain: String,
    /// The tenant's name in URLs; none for the host's chain.
    pub slug: Option<String>,
    /// Records looked at.
    pub records: u64,
    /// Where the chain ends.
    pub head: AuditHead,
    /// What is wrong; empty when nothing is.
    pub findings: Vec<Finding>,
}

/// Checks the chain of one tenant, or all chains and the host's. Blocks.
///
/// # Errors
/// When the store fails, or there is no such tenant.
pub fn verify_blocking(store: &Store, only: Option<&TenantSlug>) -> Result<Vec<ChainReport>, StoreError> {
    let key = store.dir().private_key("audit.key")?;
    let reader = store.reader_blocking();
    let mut reports = Vec::new();
    if only.is_none() {
        reports.push(check(&reader, &key, &Chain::Host, None)?);
    }
    let mut after = None;
    loop {
        let page = reader.tenants(after, TENANTS, |_| true)?;
        for tenant in page.items {
            if only.is_none_or(|only| *only == tenant.slug) {
                let chain = Chain::Tenant(tenant.id.clone());
                reports.push(check(&reader, &key, &chain, Some(tenant.slug.to_string()))?);
            }
        }
        after = page.next;
        if after.is_none() {
            return Ok(reports);
        }
    }
}

fn check(
    reader: &Reader,
    key: &[u8; 32],
    chain: &Chain,
    slug: Option<String>,
) -> Result<ChainReport, StoreError> {
    let mut check = ChainCheck::new(chain.name());
    let mut after = None;
    loop {
        let query = PageQuery { limit: STEP, after, direction: Direction::Ascending };
        let page = reader.audit_records(chain, &query, |_| true)?;
        page.items.iter().for_each(|record| check.look(record));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    match reader.audit_head(chain)? {
        Some(stored) => {
            let head = AuditHead { chain: chain.name().to_owned(), seq: stored.seq, hash: stored.hash };
            check.end(&head);
            if seal(key, &head) != stored.seal {
                check.find(head.seq, "head_altered", "the chain's end is not sealed by this host".to_owned());
            }
        }
        // Every chain begins when its tenant is made.
        None => {
            let seq = check.head().seq;
            check.find(seq, "head_missing", "nothing says where the chain ends".to_owned());
        }
    }
    let head = check.head();
    debug_assert!(head.seq > 0 || head.hash == GENESIS);
    Ok(ChainReport {
        chain: chain.name().to_owned(),
        slug,
        records: check.records(),
        head,
        findings: check.findings().to_vec(),
    })
}

#[cfg(test)]
pub(super) fn check_for_test(store: &Store, key: &[u8; 32], chain: &Chain) -> ChainReport {
    check(&store.reader_blocking(), key, chain, None).unwrap()
}
