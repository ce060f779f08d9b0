//! Sockets of WASI 0.2: programs that use them run as components only.

use std::net::{IpAddr, SocketAddr};

use wasip2::sockets::instance_network::instance_network;
use wasip2::sockets::network::{
    ErrorCode, IpAddressFamily, IpSocketAddress, Ipv4SocketAddress, Ipv6SocketAddress, Network,
};
use wasip2::sockets::tcp::TcpSocket;
use wasip2::sockets::tcp_create_socket::create_tcp_socket;
use wasip2::sockets::udp::UdpSocket;
use wasip2::sockets::udp_create_socket::create_udp_socket;

/// The network that a guest is given.
#[must_use]
pub fn network() -> Network {
    instance_network()
}

/// An address as WASI has it.
#[must_use]
pub fn address(address: SocketAddr) -> IpSocketAddress {
    let port = address.port();
    match address.ip() {
        IpAddr::V4(ip) => {
            let [a, b, c, d] = ip.octets();
            IpSocketAddress::Ipv4(Ipv4SocketAddress { port, address: (a, b, c, d) })
        }
        IpAddr::V6(ip) => {
            let [a, b, c, d, e, f, g, h] = ip.segments();
            let address = (a, b, c, d, e, f, g, h);
            IpSocketAddress::Ipv6(Ipv6SocketAddress { port, flow_info: 0, address, scope_id: 0 })
        }
    }
}

fn family(address: SocketAddr) -> IpAddressFamily {
    if address.is_ipv4() { IpAddressFamily::Ipv4 } else { IpAddressFamily::Ipv6 }
}

/// Connects by TCP, and waits for it.
///
/// # Errors
/// What the host answers.
pub fn connect(to: SocketAddr) -> Result<(), ErrorCode> {
    let socket = create_tcp_socket(family(to))?;
    socket.start_connect(&network(), address(to))?;
    socket.subscribe().block();
    socket.finish_connect().map(drop)
}

/// Binds by TCP, listens, and waits for both.
///
/// # Errors
/// What the host answers.
pub fn listen(at: SocketAddr) -> Result<TcpSocket, ErrorCode> {
    let socket = create_tcp_socket(family(at))?;
    socket.start_bind(&network(), address(at))?;
    socket.subscribe().block();
    socket.finish_bind()?;
    socket.start_listen()?;
    socket.subscribe().block();
    socket.finish_listen()?;
    Ok(socket)
}

/// Binds by UDP.
///
/// # Errors
/// What the host answers.
pub fn bind(at: SocketAddr) -> Result<UdpSocket, ErrorCode> {
    let socket = create_udp_socket(family(at))?;
    socket.start_bind(&network(), address(at))?;
    socket.subscribe().block();
    socket.finish_bind()?;
    Ok(socket)
}

/// Sends a datagram from a socket of its own, bound to nothing in particular.
///
/// # Errors
/// What the host answers.
pub fn send(to: SocketAddr, bytes: &[u8]) -> Result<(), ErrorCode> {
    use wasip2::sockets::udp::OutgoingDatagram;
    let any: SocketAddr = if to.is_ipv4() { ([0, 0, 0, 0], 0).into() } else { ([0_u16; 8], 0).into() };
    let socket = bind(any)?;
    let (_incoming, outgoing) = socket.stream(None)?;
    if outgoing.check_send()? == 0 {
        outgoing.subscribe().block();
    }
    let datagram = OutgoingDatagram { data: bytes.to_vec(), remote_address: Some(address(to)) };
    match outgoing.send(&[datagram])? {
        0 => Err(ErrorCode::WouldBlock),
        _ => Ok(()),
    }
}
