//! Makes sockets and closes none: each may hold a descriptor of the host.

use probes::{say, through};
use wasip2::sockets::network::IpAddressFamily;
use wasip2::sockets::tcp_create_socket::create_tcp_socket;

/// More than any process of the host should hold for one guest.
const FAR_TOO_MANY: usize = 10_000;

fn main() {
    let mut held = Vec::new();
    while let Ok(socket) = create_tcp_socket(IpAddressFamily::Ipv4) {
        held.push(socket);
        if held.len() > FAR_TOO_MANY {
            through("no bound on sockets");
        }
    }
    say(format_args!("refused after {}", held.len()));
}
