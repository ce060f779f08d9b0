//! No path leads a guest out of its directory.

use std::sync::atomic::{AtomicBool, Ordering};

use proptest::prelude::*;

use super::Tenant;
use super::guest::{Flags, Layer};
use crate::grant::Access;

const LAYERS: [Layer; 3] = [Layer::Preview1, Layer::V0_2, Layer::V0_3];
const READ: Flags =
    Flags { write: false, create: false, truncate: false, exclusive: false, directory: false, follow: true };

/// Parts of paths that have led somewhere in other systems.
fn part() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => Just("..".to_owned()),
        3 => prop::sample::select(vec![
            ".", "", "up", "UP", "far", "abs", "loop", "d", "D", "secret", "own", "...", "..\\", "..%2f", "\u{202e}..",
            "proc", "self", "fd", "3", "4", "5", "tmp", "etc", "passwd", "/", "//", "a\0b", "C:", "~",
        ]).prop_map(str::to_owned),
        1 => (200..300_usize).prop_map(|length| "x".repeat(length)),
        1 => "\\PC{0,6}",
    ]
}

fn any_path() -> impl Strategy<Value = String> {
    (prop::collection::vec(part(), 1..8), prop::bool::ANY, prop::bool::ANY).prop_map(
        |(parts, absolute, slash)| {
            format!("{}{}{}", if absolute { "/" } else { "" }, parts.join("/"), if slash { "/" } else { "" })
        },
    )
}

/// A directory with links that lead out of it, as a guest or a person may have planted them.
fn planted() -> Tenant {
    let tenant = Tenant::new(1 << 20, 10_000);
    let root = tenant.root();
    std::fs::create_dir(root.join("d")).unwrap();
    for (link, target) in
        [("up", ".."), ("far", "../../../../../../.."), ("abs", "/"), ("loop", "loop"), ("d/up", "../..")]
    {
        std::os::unix::fs::symlink(target, root.join(link)).unwrap();
    }
    std::os::unix::fs::symlink(tenant.folder.path().join("secret"), root.join("d/secret")).unwrap();
    tenant
}

/// All that lies beside the tenant's directory is as it was.
fn untouched(tenant: &Tenant) {
    let mut names: Vec<_> =
        std::fs::read_dir(tenant.folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["own", "secret"]);
    assert_eq!(std::fs::read(tenant.folder.path().join("secret")).unwrap(), b"secret");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    #[test]
    fn no_path_leaves_the_directory(paths in prop::collection::vec(any_path(), 1..12)) {
        let tenant = planted();
        for layer in LAYERS {
            let mut guest = tenant.guest();
            let create = Flags { write: true, create: true, ..READ };
            for pair in paths.windows(2) {
                let (path, other) = (pair[0].as_str(), pair[1].as_str());
                for flags in [READ, Flags { follow: false, ..READ }, create, Flags { truncate: true, ..create }] {
                    if let Ok(open) = guest.open(layer, path, flags) {
                        if !flags.create
                            && let Ok(bytes) = guest.read(&open)
                        {
                            assert_ne!(bytes, b"secret", "{path:?}");
                        }
                        guest.close(open);
                    }
                }
                // Whether they succeed is the file system's business; where, is ours.
                let _ = guest.make_directory(layer, path);
                let _ = guest.symlink(layer, other, path);
                let _ = guest.link(layer, path, other);
                let _ = guest.rename(layer, path, other);
                let _ = guest.unlink(layer, other);
                let _ = guest.remove_directory(layer, path);
                untouched(&tenant);
            }
        }
    }
}

#[test]
fn the_secret_is_not_read_through_any_known_way() {
    let tenant = planted();
    for layer in LAYERS {
        for access in [Access::ReadOnly, Access::ReadWrite] {
            let mut guest = super::Guest::new(&tenant.root(), access, Some(tenant.volume.clone()));
            for path in [
                "../secret",
                "d/../../secret",
                "up/secret",
                "d/up/secret",
                "d/secret",
                "d/up/up/secret",
                "./../secret",
                "/secret",
                "//secret",
                "up/own/../secret",
                "/proc/self/fd/3",
                "/proc/self/cwd",
                "abs/etc/passwd",
                "far/etc/passwd",
                "up/",
                "../",
                "..",
                "d/../..",
                "loop",
                "loop/secret",
                "secret\0",
            ] {
                assert!(guest.open(layer, path, READ).is_err(), "{layer:?} {path:?}");
            }
        }
    }
}

#[test]
fn a_directory_that_is_swapped_for_a_link_meanwhile_leads_nowhere() {
    let tenant = Tenant::new(1 << 20, 10_000);
    let root = tenant.root();
    std::fs::create_dir(root.join("d")).unwrap();
    std::fs::write(root.join("d/secret"), "public").unwrap();
    std::os::unix::fs::symlink("..", root.join("link")).unwrap();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            // As another process of the tenant would, without any lock of ours.
            while !done.load(Ordering::Relaxed) {
                std::fs::rename(root.join("d"), root.join("kept")).unwrap();
                std::fs::rename(root.join("link"), root.join("d")).unwrap();
                std::fs::rename(root.join("d"), root.join("link")).unwrap();
                std::fs::rename(root.join("kept"), root.join("d")).unwrap();
            }
        });
        let mut seen = 0;
        for layer in LAYERS {
            let mut guest = tenant.guest();
            for _ in 0..3000 {
                if let Ok(open) = guest.open(layer, "d/secret", READ) {
                    assert_eq!(guest.read(&open).unwrap(), b"public");
                    guest.close(open);
                    seen += 1;
                }
                // Writes must not get out either.
                let create = Flags { write: true, create: true, ..READ };
                if let Ok(open) = guest.open(layer, "d/new", create) {
                    guest.close(open);
                }
            }
        }
        done.store(true, Ordering::Relaxed);
        assert!(seen > 0);
    });
    untouched(&tenant);
}
