//! Makes and removes files and directories for ever.

fn main() {
    loop {
        // Each may fail as it likes; the storm is what counts.
        let _ = std::fs::write("file", "x");
        let _ = std::fs::create_dir("dir");
        let _ = std::fs::rename("file", "dir/file");
        let _ = std::fs::remove_file("dir/file");
        let _ = std::fs::remove_dir("dir");
    }
}
