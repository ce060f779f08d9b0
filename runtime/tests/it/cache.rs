//! Compiled code: kept, found again, and never loaded when it is not ours.

use crate::support::{Bench, grant, guest, limits};
use cloister_runtime::{Metering, Outcome};

const NOTHING: &str = r#"(func (export "_start"))"#;

fn stored_code(directory: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut files = Vec::new();
    for version in std::fs::read_dir(directory).into_iter().flatten().flatten() {
        files.extend(std::fs::read_dir(version.path()).unwrap().map(|entry| entry.unwrap().path()));
    }
    files
}

#[tokio::test]
async fn code_is_compiled_once_then_found_in_memory_and_on_disk() {
    let bench = Bench::new();
    let source = bench.source(&guest(NOTHING));
    for _ in 0..3 {
        bench.runtime.prepare(&source, Metering::Epochs).await.unwrap();
    }
    let stats = bench.runtime.stats().cache;
    assert_eq!((stats.compiled, stats.memory_hits), (1, 2));
    let second = Bench::runtime(bench.path().join("cache"), [7; 32]);
    second.prepare(&source, Metering::Epochs).await.unwrap();
    assert_eq!((second.stats().cache.compiled, second.stats().cache.disk_hits), (0, 1));
}

#[tokio::test]
async fn code_that_was_changed_swapped_or_made_elsewhere_is_compiled_anew() {
    let bench = Bench::new();
    let (one, two) = (
        bench.source(&guest(NOTHING)),
        bench.source(&guest(r#"(func $other (export "_start") unreachable)"#)),
    );
    bench.runtime.prepare(&one, Metering::Epochs).await.unwrap();
    bench.runtime.prepare(&two, Metering::Epochs).await.unwrap();
    let cache = bench.path().join("cache");
    let files = stored_code(&cache);
    assert_eq!(files.len(), 2);
    let [first, second] = [&files[0], &files[1]].map(|path| std::fs::read(path).unwrap());
    let mut flipped = first.clone();
    *flipped.last_mut().unwrap() ^= 1;
    for forged in [&flipped[..], &second[..], &first[..100], b""] {
        std::fs::write(&files[0], forged).unwrap();
        let other = Bench::runtime(cache.clone(), [7; 32]);
        for source in [&one, &two] {
            other.prepare(source, Metering::Epochs).await.unwrap();
        }
        assert_eq!((other.stats().cache.forged, other.stats().cache.compiled), (1, 1));
    }
    let stranger = Bench::runtime(cache, [8; 32]);
    stranger.prepare(&one, Metering::Epochs).await.unwrap();
    assert_eq!((stranger.stats().cache.forged, stranger.stats().cache.compiled), (1, 1));
}

#[tokio::test]
async fn a_forgotten_module_is_gone_and_its_runs_go_on() {
    let bench = Bench::new();
    let source = bench.source(&guest(NOTHING));
    let module = bench.runtime.prepare(&source, Metering::Epochs).await.unwrap();
    bench.runtime.forget(&source.digest);
    assert!(stored_code(&bench.path().join("cache")).is_empty());
    let report = bench
        .runtime
        .start(bench.tenant.admit().unwrap(), module, grant(&Default::default()), limits())
        .report()
        .await;
    assert_eq!(report.unwrap().outcome, Outcome::Exited(0));
}
