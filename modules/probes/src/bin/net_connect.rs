//! Connects to the address of its argument, and to those that lead into the host, its network or its cloud.

use std::net::SocketAddr;

use probes::sockets::connect;
use probes::{allowed, say, through};

/// With the port of the argument's address: the host itself, in all its spellings.
const HERE: [&str; 8] = [
    "127.0.0.1",
    "127.1.2.3",
    "0.0.0.0",
    "[::1]",
    "[::]",
    "[::ffff:127.0.0.1]",
    "[64:ff9b::7f00:1]",
    "[2002:7f00:1::]",
];
/// The metadata services of clouds, private networks, link-local and shared addresses.
const NEAR: [&str; 9] = [
    "169.254.169.254:80",
    "[fd00:ec2::254]:80",
    "[::ffff:169.254.169.254]:80",
    "10.0.0.1:22",
    "172.17.0.1:2375",
    "192.168.0.1:80",
    "100.100.100.200:80",
    "[fe80::1]:80",
    "224.0.0.1:80",
];

fn main() {
    let target = std::env::args().nth(1).unwrap_or_default();
    let target: SocketAddr = allowed("read the address", target.parse());
    let here = HERE.iter().map(|ip| format!("{ip}:{}", target.port()));
    for address in here.chain(NEAR.map(str::to_owned)) {
        let parsed: SocketAddr = allowed(&address, address.parse());
        match connect(parsed) {
            Ok(()) => through(format_args!("connected to {address}")),
            Err(error) => say(format_args!("{address}: {error:?}")),
        }
    }
}
