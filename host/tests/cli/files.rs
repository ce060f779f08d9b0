//! The tenant's directory.

use crate::mock::Mock;
use crate::person::Person;

#[test]
fn a_file_comes_back_as_it_went() {
    let mock = Mock::start();
    let ann = Person::signed_in(&mock);
    let bytes: Vec<u8> = (0..=255).cycle().take(300_000).collect();
    std::fs::write(ann.dir().join("a b.bin"), &bytes).unwrap();
    assert_eq!(ann.types(&["files", "put", "a b.bin", "docs/"]).text(), "docs/a b.bin: 293 KiB\n");
    assert_eq!(ann.types(&["files", "get", "/docs/a b.bin", "-"]).stdout, bytes);
    assert_eq!(ann.types(&["files", "get", "docs/a b.bin", "copy"]).code, Some(0));
    assert_eq!(std::fs::read(ann.dir().join("copy")).unwrap(), bytes);
    let said = ann.type_with_input(&["files", "put", "-", "from-pipe"], b"piped");
    assert_eq!(said.text(), "from-pipe: 5 B\n");
    assert_eq!(mock.seen.files.lock()["from-pipe"], b"piped");
}

#[test]
fn a_failed_download_leaves_nothing() {
    let mock = Mock::start();
    let ann = Person::signed_in(&mock);
    assert_eq!(ann.types(&["files", "get", "none", "copy"]).code, Some(1));
    assert_eq!(std::fs::read_dir(ann.dir()).unwrap().count(), 1, "only the configuration is there");
}

#[test]
fn paths_do_not_climb() {
    let mock = Mock::start();
    let ann = Person::signed_in(&mock);
    assert_eq!(ann.types(&["files", "get", "../runs", "-"]).code, Some(2));
    assert_eq!(ann.types(&["files", "rm", "a/../../x"]).code, Some(2));
    assert!(mock.requests("/runs").is_empty());
}
