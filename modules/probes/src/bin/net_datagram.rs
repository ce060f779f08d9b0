//! Sends datagrams to the address of its argument and to name servers, where a tunnel through names would begin.

use std::net::SocketAddr;

use probes::sockets::send;
use probes::{allowed, say, through};

fn main() {
    let target = std::env::args().nth(1).unwrap_or_default();
    for text in
        [&*target, "127.0.0.53:53", "169.254.169.253:53", "8.8.8.8:53", "[::1]:53", "224.0.0.251:5353"]
    {
        let address: SocketAddr = allowed(text, text.parse());
        match send(address, b"through") {
            Ok(()) => through(format_args!("sent to {text}")),
            Err(error) => say(format_args!("{text}: {error:?}")),
        }
    }
}
