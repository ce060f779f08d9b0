//! Waits for connections: on all addresses, on the host's own, and on a port that only the system may have.

use std::net::SocketAddr;

use probes::sockets::{bind, listen};
use probes::{allowed, say, through};

fn main() {
    for text in ["0.0.0.0:0", "127.0.0.1:0", "[::]:0", "[::1]:0", "0.0.0.0:80", "0.0.0.0:53"] {
        let address: SocketAddr = allowed(text, text.parse());
        match listen(address) {
            Ok(_) => through(format_args!("listens on {text}")),
            Err(error) => say(format_args!("listen on {text}: {error:?}")),
        }
        let bound = bind(address);
        say(format_args!("bind {text}: {:?}", bound.as_ref().err()));
        // To send a datagram, a socket is bound to nothing in particular; to receive one, to something that others know.
        let is_particular = address.port() != 0 || !address.ip().is_unspecified();
        if is_particular && bound.is_ok() {
            through(format_args!("receives on {text}"));
        }
    }
}
