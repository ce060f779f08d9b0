//! Looks names up for ever and waits for none of them: each may hold a thread of the host.

use probes::sockets::network;
use wasip2::sockets::ip_name_lookup::resolve_addresses;

fn main() {
    let network = network();
    let mut held = Vec::new();
    loop {
        if let Ok(stream) = resolve_addresses(&network, &format!("n{}.flood.example", held.len())) {
            held.push(stream);
        }
        if held.len() > 200 {
            held.clear();
        }
    }
}
