//! Looks names up: of this machine, of clouds, and names that carry data out to whoever answers for them.

use probes::sockets::network;
use probes::{say, through};
use wasip2::sockets::ip_name_lookup::resolve_addresses;
use wasip2::sockets::network::ErrorCode;

fn main() {
    for name in ["localhost", "metadata.google.internal", "c2VjcmV0.tunnel.example", "::1", "0x7f000001"] {
        match answered(name) {
            Ok(true) => through(format_args!("{name} was answered")),
            answered => say(format_args!("{name}: {answered:?}")),
        }
    }
}

/// True when an address came.
fn answered(name: &str) -> Result<bool, ErrorCode> {
    let stream = resolve_addresses(&network(), name)?;
    stream.subscribe().block();
    stream.resolve_next_address().map(|address| address.is_some())
}
