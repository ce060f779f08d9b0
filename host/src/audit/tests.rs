//! Chains that are written, read, followed and tampered with.

use futures_util::StreamExt;
use proptest::prelude::*;

use super::*;
use crate::api::{AuditHead, AuditRecord};
use crate::clock::Clock;
use crate::ids::TenantId;
use crate::masking::Masking;
use crate::store::{Direction, PageQuery, Store, StoreError, StoreOptions};

const OPTIONS: StoreOptions = StoreOptions { cache_bytes: 16 << 20, low_disk_bytes: 0 };

struct Fixture {
    store: Store,
    audit: Audit,
    chain: Chain,
    _dir: tempfile::TempDir,
}

impl Fixture {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path(), &OPTIONS).unwrap();
        let clock = Clock::manual("2026-01-01T00:00:00Z".parse().unwrap());
        let audit = Audit::open(store.clone(), clock.clone(), Masking::new(store.clone())).unwrap();
        Self { store, audit, chain: Chain::Tenant(TenantId::generate(&clock)), _dir: dir }
    }

    async fn with_records(count: u64) -> Self {
        let fixture = Self::new();
        for number in 0..count {
            fixture.add(&format!("r{number}")).await;
        }
        fixture
    }

    async fn add(&self, resource: &str) {
        let event = Event::of_host("test:act", resource);
        self.audit.record_durably(self.chain.clone(), event).await.unwrap().durable().await.unwrap();
    }

    fn records(&self) -> Vec<AuditRecord> {
        let query = PageQuery { limit: 1_000, after: None, direction: Direction::Ascending };
        self.store.reader_blocking().audit_records(&self.chain, &query, |_| true).unwrap().items
    }

    /// Kinds of findings, and the record of the first.
    fn verify(&self) -> (Vec<&'static str>, u64) {
        let key = self.store.dir().private_key("audit.key").unwrap();
        let report = verify::check_for_test(&self.store, &key, &self.chain);
        let first = report.findings.first().map_or(0, |finding| finding.seq);
        (report.findings.iter().map(|finding| finding.kind).collect(), first)
    }

    fn tamper(&self, change: impl FnOnce(&mut crate::store::Writer, &Chain)) {
        self.store
            .write_blocking::<_, StoreError, _>(|writer| {
                change(writer, &self.chain);
                Ok(())
            })
            .unwrap();
    }
}

#[tokio::test]
async fn records_are_numbered_and_chained() {
    let fixture = Fixture::with_records(5).await;
    let records = fixture.records();
    assert_eq!(records.iter().map(|record| record.seq).collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
    assert_eq!(records[0].previous, GENESIS);
    assert!(records.windows(2).all(|pair| pair[1].previous == pair[0].hash));
    assert_eq!(fixture.verify(), (vec![], 0));
}

#[tokio::test]
async fn an_altered_record_is_found_in_every_field() {
    let alter: [fn(&mut AuditRecord); 13] = [
        |r| r.time = "2026-01-01T00:00:00.000001Z".to_owned(),
        |r| r.actor = "usr_x".to_owned(),
        |r| r.session = Some(String::new()),
        |r| r.action = "test:other".to_owned(),
        |r| r.resource.push('x'),
        |r| r.outcome = "denied".to_owned(),
        |r| r.code = Some("x".to_owned()),
        |r| r.detail = Some(String::new()),
        |r| r.address = Some("192.0.2.1".to_owned()),
        |r| r.request = Some("req_1".to_owned()),
        |r| r.times = 2,
        |r| r.previous = GENESIS.replace('0', "1"),
        |r| r.hash = GENESIS.to_owned(),
    ];
    for change in alter {
        let fixture = Fixture::with_records(4).await;
        let mut record = fixture.records()[2].clone();
        change(&mut record);
        fixture.tamper(|writer, chain| writer.put_audit_record(chain, &record).unwrap());
        let (findings, first) = fixture.verify();
        assert_eq!((findings[0], first), ("altered", 3), "{record:?}");
    }
}

#[tokio::test]
async fn a_record_that_was_altered_together_with_its_hash_does_not_fit_the_next() {
    let fixture = Fixture::with_records(4).await;
    let mut record = fixture.records()[1].clone();
    record.resource = "innocent".to_owned();
    record.hash = digest(fixture.chain.name(), &record);
    fixture.tamper(|writer, chain| writer.put_audit_record(chain, &record).unwrap());
    assert_eq!(fixture.verify(), (vec!["not_chained"], 3));
}

#[tokio::test]
async fn a_deleted_record_is_found() {
    for seq in 1..=3 {
        let fixture = Fixture::with_records(4).await;
        fixture.tamper(|writer, chain| writer.remove_audit_record_for_test(chain, seq));
        let (findings, first) = fixture.verify();
        assert_eq!((findings[0], first), ("missing", seq));
    }
}

#[tokio::test]
async fn a_missing_end_is_found() {
    for left in 0..4 {
        let fixture = Fixture::with_records(4).await;
        fixture.tamper(|writer, chain| {
            (left + 1..=4).for_each(|seq| writer.remove_audit_record_for_test(chain, seq));
        });
        assert_eq!(fixture.verify(), (vec!["truncated"], left + 1));
    }
}

#[tokio::test]
async fn a_missing_end_is_found_when_the_head_was_set_back_too() {
    let fixture = Fixture::with_records(4).await;
    let end = fixture.records()[2].clone();
    fixture.tamper(|writer, chain| {
        writer.remove_audit_record_for_test(chain, 4);
        let head =
            crate::store::AuditHeadRecord { seq: end.seq, hash: end.hash.clone(), seal: GENESIS.to_owned() };
        writer.put_audit_head(chain, &head).unwrap();
    });
    assert_eq!(fixture.verify(), (vec!["head_altered"], 3));
}

#[tokio::test]
async fn a_chain_that_was_removed_whole_is_found() {
    let fixture = Fixture::with_records(2).await;
    fixture.tamper(|writer, chain| {
        (1..=2).for_each(|seq| writer.remove_audit_record_for_test(chain, seq));
        writer.remove_audit_head_for_test(chain);
    });
    assert_eq!(fixture.verify().0, ["head_missing"]);
}

#[tokio::test]
async fn an_inserted_record_is_found() {
    let fixture = Fixture::with_records(3).await;
    let mut record = fixture.records()[2].clone();
    (record.seq, record.previous) = (4, record.hash.clone());
    record.hash = digest(fixture.chain.name(), &record);
    fixture.tamper(|writer, chain| writer.put_audit_record(chain, &record).unwrap());
    assert_eq!(fixture.verify(), (vec!["head_altered"], 3));
}

#[tokio::test]
async fn records_that_changed_places_are_found() {
    let fixture = Fixture::with_records(4).await;
    let records = fixture.records();
    let (mut second, mut third) = (records[1].clone(), records[2].clone());
    (second.seq, third.seq) = (3, 2);
    fixture.tamper(|writer, chain| {
        writer.put_audit_record(chain, &second).unwrap();
        writer.put_audit_record(chain, &third).unwrap();
    });
    let (findings, first) = fixture.verify();
    assert_eq!((findings[0], first), ("altered", 2));
}

#[tokio::test]
async fn a_record_of_another_chain_is_found() {
    let fixture = Fixture::with_records(1).await;
    let other = Chain::Tenant("ten_01arz3ndektsv4rrffq69g5fav".parse().unwrap());
    let record = fixture.records()[0].clone();
    assert_ne!(digest(other.name(), &record), record.hash);
}

#[tokio::test]
async fn a_chain_goes_on_where_it_ended_before_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Clock::system();
    for _ in 0..3 {
        let store = Store::open(dir.path(), &OPTIONS).unwrap();
        let audit = Audit::open(store.clone(), clock.clone(), Masking::new(store)).unwrap();
        let recorded = audit.record_durably(Chain::Host, Event::of_host("test:act", "r")).await.unwrap();
        recorded.durable().await.unwrap();
    }
    let store = Store::open(dir.path(), &OPTIONS).unwrap();
    let reports = verify_blocking(&store, None).unwrap();
    assert_eq!((reports[0].records, reports[0].findings.clone()), (3, vec![]));
}

#[tokio::test]
async fn many_at_once_make_one_chain() {
    let fixture = Fixture::new();
    let all = (0..500).map(|number| {
        let (audit, chain) = (fixture.audit.clone(), fixture.chain.clone());
        async move {
            let event = Event::of_host("test:act", &number.to_string());
            audit.record_durably(chain, event).await.unwrap().durable().await.unwrap();
        }
    });
    futures_util::future::join_all(all).await;
    assert_eq!(fixture.records().len(), 500);
    assert_eq!(fixture.verify(), (vec![], 0));
}

#[tokio::test]
async fn a_follower_sees_what_was_and_what_comes() {
    let fixture = Fixture::with_records(3).await;
    let filter = AuditFilter::all().resource(Some("r")).unwrap();
    let mut follow = Box::pin(fixture.audit.follow(fixture.chain.clone(), 1, filter));
    let seqs = async |follow: &mut std::pin::Pin<Box<_>>| {
        let next: Option<Result<AuditRecord, AuditError>> = StreamExt::next(follow).await;
        next.unwrap().unwrap().seq
    };
    assert_eq!(seqs(&mut follow).await, 2);
    assert_eq!(seqs(&mut follow).await, 3);
    fixture.add("other").await;
    fixture.add("not of this").await;
    fixture.add("xyz").await;
    fixture.add("r5").await;
    assert_eq!(seqs(&mut follow).await, 4);
    assert_eq!(seqs(&mut follow).await, 7);
}

#[tokio::test]
async fn a_closed_audit_refuses() {
    let fixture = Fixture::with_records(1).await;
    let audit = fixture.audit.clone();
    tokio::task::spawn_blocking(move || audit.close_blocking()).await.unwrap();
    assert!(fixture.audit.record(Chain::Host, Event::of_host("a", "b")).await.is_err());
}

proptest! {
    #[test]
    fn no_two_records_have_the_same_encoding(
        one in proptest::collection::vec("[-0-9:,a]{0,6}", 4),
        other in proptest::collection::vec("[-0-9:,a]{0,6}", 4),
        absent in proptest::array::uniform2(any::<bool>()),
    ) {
        let record = |texts: &[String], absent: bool| {
            let mut event = Event::of_host(&texts[0], &texts[1]);
            event.detail = (!absent).then(|| texts[2].clone());
            event.request = Some(texts[3].clone());
            event.into_record(1, "2026-01-01T00:00:00Z".parse().unwrap(), GENESIS)
        };
        let (one, other) = (record(&one, absent[0]), record(&other, absent[1]));
        prop_assert_eq!(digest("c", &one) == digest("c", &other), one == other);
    }

    #[test]
    fn any_subsequence_but_the_whole_is_found_out(keep in proptest::collection::vec(any::<bool>(), 1..12)) {
        let mut records: Vec<AuditRecord> = Vec::new();
        let mut head = AuditHead { chain: "c".to_owned(), seq: 0, hash: GENESIS.to_owned() };
        for seq in 1..=keep.len() as u64 {
            let event = Event::of_host("a", &seq.to_string());
            let mut record = event.into_record(seq, "2026-01-01T00:00:00Z".parse().unwrap(), &head.hash);
            record.hash = digest("c", &record);
            head = AuditHead { seq, hash: record.hash.clone(), ..head };
            records.push(record);
        }
        let mut check = ChainCheck::new("c");
        records.iter().zip(&keep).filter(|(_, keep)| **keep).for_each(|(record, _)| check.look(record));
        check.end(&head);
        prop_assert_eq!(check.findings().is_empty(), keep.iter().all(|keep| *keep));
    }
}
