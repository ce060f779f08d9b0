//! Any bytes a tenant may upload: the validator answers, and what it lets through is within its bounds.
#![no_main]

#[path = "../../runtime/src/module.rs"]
#[expect(dead_code, reason = "a target uses a part of the file")]
mod module;

use libfuzzer_sys::fuzz_target;
use module::{ModuleBounds, inspect};

fuzz_target!(|bytes: &[u8]| {
    let bounds = ModuleBounds::default();
    match inspect(bytes, &bounds) {
        Ok(info) => {
            // The same bytes give the same answer.
            assert_eq!(inspect(bytes, &bounds).unwrap(), info);
        }
        Err(error) => {
            assert!(!error.code().is_empty());
            assert!(error.to_string().len() < 4096, "an error repeats what was uploaded");
        }
    }
});
