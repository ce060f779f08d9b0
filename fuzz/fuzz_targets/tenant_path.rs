//! Any text as a path: what is accepted stays inside the directory, whatever it is joined to.
#![no_main]

#[path = "../../host/src/files/path.rs"]
#[expect(dead_code, reason = "a target uses a part of the file")]
mod path;

use std::path::Component;

use libfuzzer_sys::fuzz_target;
use path::{MAX_NAME_BYTES, MAX_PATH_BYTES, TenantPath};

fuzz_target!(|text: &str| {
    let Ok(path) = text.parse::<TenantPath>() else { return };
    let relative = path.relative();
    let mut names = relative.components();
    if path.is_root() {
        assert_eq!(relative, std::path::Path::new("."));
        return;
    }
    assert!(names.all(|name| matches!(name, Component::Normal(name) if name.len() <= MAX_NAME_BYTES)), "{relative:?}");
    assert!(relative.as_os_str().len() <= MAX_PATH_BYTES);
    assert!(!relative.as_os_str().as_encoded_bytes().contains(&0));
    // Written and read again, it is the same path.
    assert_eq!(path.absolute().parse::<TenantPath>().unwrap(), path);
    if let Some(parent) = path.parent() {
        assert!(parent.to_str().unwrap().parse::<TenantPath>().is_ok());
    }
});
