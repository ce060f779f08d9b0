//! Sockets of 0.2 and 0.3, counted among the files that a tenant's runs have open: a place is taken before one is made, and
//! given back when it is closed, or with the run.

use std::collections::HashMap;

use wasmtime::component::{Linker, LinkerInstance, Resource, ResourceType};
use wasmtime_wasi::TrappableError;
use wasmtime_wasi::p2::bindings::sockets::network::{ErrorCode, IpAddressFamily};
use wasmtime_wasi::p2::bindings::sockets::{tcp, tcp_create_socket, udp, udp_create_socket};
use wasmtime_wasi::p3::bindings::sockets::types as v0_3;
use wasmtime_wasi::sockets::WasiSocketsView as _;

use crate::budget::Reservation;
use crate::sandbox::GuestState;

/// The library's own names of the interfaces, which are shadowed in part.
const TCP_0_2: &str = "wasi:sockets/tcp@0.2.12";
const UDP_0_2: &str = "wasi:sockets/udp@0.2.12";
const TCP_CREATE_0_2: &str = "wasi:sockets/tcp-create-socket@0.2.12";
const UDP_CREATE_0_2: &str = "wasi:sockets/udp-create-socket@0.2.12";
const TYPES_0_3: &str = "wasi:sockets/types@0.3.0";

/// A socket, or why there is none; as a function of a component returns it.
type Made<T, E> = wasmtime::Result<(Result<Resource<T>, E>,)>;

/// What one run's sockets hold of its tenant's budget.
#[derive(Default)]
pub(crate) struct OpenSockets {
    /// By place in the table of resources.
    open: HashMap<u32, Reservation>,
    /// Of connections of 0.3 whose socket is gone. Their streams live on without it and nobody tells until when, so that they
    /// count until the run ends.
    streaming: Vec<Reservation>,
}

/// Takes the place of what makes sockets and drops them. The linker must allow shadowing.
///
/// A guest whose egress is ruled accepts no connections, so that nothing else makes a socket.
pub(crate) fn add_to_linker(linker: &mut Linker<GuestState>) -> wasmtime::Result<()> {
    let socket = ResourceType::host::<tcp::TcpSocket>();
    linker
        .instance(TCP_0_2)?
        .resource("tcp-socket", socket, |mut store, place| store.data_mut().drop_tcp_0_2(place))?;
    let socket = ResourceType::host::<udp::UdpSocket>();
    linker
        .instance(UDP_0_2)?
        .resource("udp-socket", socket, |mut store, place| store.data_mut().drop_udp_0_2(place))?;
    linker
        .instance(TCP_CREATE_0_2)?
        .func_wrap("create-tcp-socket", |mut store, (family,)| store.data_mut().make_tcp_0_2(family))?;
    linker.instance(UDP_CREATE_0_2)?.func_wrap_async("create-udp-socket", |mut store, (family,)| {
        Box::new(async move { store.data_mut().make_udp_0_2(family).await })
    })?;
    add_0_3(&mut linker.instance(TYPES_0_3)?)
}

fn add_0_3(types: &mut LinkerInstance<'_, GuestState>) -> wasmtime::Result<()> {
    let socket = ResourceType::host::<v0_3::TcpSocket>();
    types.resource("tcp-socket", socket, |mut store, place| store.data_mut().drop_tcp_0_3(place))?;
    let socket = ResourceType::host::<v0_3::UdpSocket>();
    types.resource("udp-socket", socket, |mut store, place| store.data_mut().drop_udp_0_3(place))?;
    types.func_wrap("[static]tcp-socket.create", |mut store, (family,)| {
        store.data_mut().make_tcp_0_3(family)
    })?;
    types.func_wrap_async("[static]udp-socket.create", |mut store, (family,)| {
        Box::new(async move { store.data_mut().make_udp_0_3(family).await })
    })
}

impl GuestState {
    fn make_tcp_0_2(&mut self, family: IpAddressFamily) -> Made<tcp::TcpSocket, ErrorCode> {
        let Ok(slot) = self.open_slot() else { return Ok((Err(ErrorCode::NewSocketLimit),)) };
        let made = tcp_create_socket::Host::create_tcp_socket(&mut self.sockets(), family);
        self.made(slot, made)
    }

    async fn make_udp_0_2(&mut self, family: IpAddressFamily) -> Made<udp::UdpSocket, ErrorCode> {
        let Ok(slot) = self.open_slot() else { return Ok((Err(ErrorCode::NewSocketLimit),)) };
        let made = udp_create_socket::Host::create_udp_socket(&mut self.sockets(), family).await;
        self.made(slot, made)
    }

    fn make_tcp_0_3(&mut self, family: v0_3::IpAddressFamily) -> Made<v0_3::TcpSocket, v0_3::ErrorCode> {
        // There is no code of its own for it.
        let Ok(slot) = self.open_slot() else { return Ok((Err(v0_3::ErrorCode::OutOfMemory),)) };
        let made = v0_3::HostTcpSocket::create(&mut self.sockets(), family);
        self.made(slot, made)
    }

    async fn make_udp_0_3(
        &mut self,
        family: v0_3::IpAddressFamily,
    ) -> Made<v0_3::UdpSocket, v0_3::ErrorCode> {
        let Ok(slot) = self.open_slot() else { return Ok((Err(v0_3::ErrorCode::OutOfMemory),)) };
        let made = v0_3::HostUdpSocket::create(&mut self.sockets(), family).await;
        self.made(slot, made)
    }

    fn made<T, E>(&mut self, slot: Reservation, made: Result<Resource<T>, TrappableError<E>>) -> Made<T, E>
    where
        T: 'static,
        E: std::error::Error + Send + Sync + 'static,
    {
        match made {
            Ok(socket) => {
                self.open_sockets.open.insert(socket.rep(), slot);
                Ok((Ok(socket),))
            }
            Err(error) => Ok((Err(error.downcast()?),)),
        }
    }

    fn drop_tcp_0_2(&mut self, place: u32) -> wasmtime::Result<()> {
        // Its streams are its children, and went before it.
        tcp::HostTcpSocket::drop(&mut self.sockets(), Resource::new_own(place))?;
        self.open_sockets.open.remove(&place);
        Ok(())
    }

    fn drop_udp_0_2(&mut self, place: u32) -> wasmtime::Result<()> {
        udp::HostUdpSocket::drop(&mut self.sockets(), Resource::new_own(place))?;
        self.open_sockets.open.remove(&place);
        Ok(())
    }

    fn drop_tcp_0_3(&mut self, place: u32) -> wasmtime::Result<()> {
        let socket = Resource::new_borrow(place);
        let connected = v0_3::HostTcpSocket::get_remote_address(&mut self.sockets(), socket).is_ok();
        v0_3::HostTcpSocket::drop(&mut self.sockets(), Resource::new_own(place))?;
        let held = self.open_sockets.open.remove(&place);
        self.open_sockets.streaming.extend(held.filter(|_| connected));
        Ok(())
    }

    fn drop_udp_0_3(&mut self, place: u32) -> wasmtime::Result<()> {
        v0_3::HostUdpSocket::drop(&mut self.sockets(), Resource::new_own(place))?;
        self.open_sockets.open.remove(&place);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::budget::{Budget, BudgetLimits, Resource as Counted};
    use crate::grant::NetworkGrant;
    use crate::sandbox::Sandbox;
    use crate::sandbox::tests::{grant, sandbox};

    fn sandbox_within(budget: Budget) -> Sandbox {
        sandbox(grant(NetworkGrant::Unrestricted), budget)
    }

    const V4: IpAddressFamily = IpAddressFamily::Ipv4;

    fn budget(open_files: u64) -> Budget {
        Budget::new(&BudgetLimits { open_files, ..BudgetLimits::UNLIMITED })
    }

    #[tokio::test]
    async fn sockets_come_out_of_the_tenants_open_files_and_go_back() {
        let budget = budget(2);
        let used = || budget.usage(Counted::OpenFiles).used;
        let mut sandbox = sandbox_within(budget.clone());
        let state = sandbox.state();
        let tcp = state.make_tcp_0_2(V4).unwrap().0.unwrap();
        let udp = state.make_udp_0_2(V4).await.unwrap().0.unwrap();
        assert_eq!(used(), 2);
        assert_eq!(state.make_tcp_0_2(V4).unwrap().0.unwrap_err(), ErrorCode::NewSocketLimit);
        assert_eq!(state.make_udp_0_2(V4).await.unwrap().0.unwrap_err(), ErrorCode::NewSocketLimit);
        let family = v0_3::IpAddressFamily::Ipv4;
        assert!(matches!(state.make_tcp_0_3(family).unwrap().0, Err(v0_3::ErrorCode::OutOfMemory)));
        assert!(matches!(state.make_udp_0_3(family).await.unwrap().0, Err(v0_3::ErrorCode::OutOfMemory)));
        assert_eq!(used(), 2);
        state.drop_tcp_0_2(tcp.rep()).unwrap();
        state.drop_udp_0_2(udp.rep()).unwrap();
        assert_eq!(used(), 0);
        let tcp = state.make_tcp_0_3(family).unwrap().0.unwrap();
        let udp = state.make_udp_0_3(family).await.unwrap().0.unwrap();
        assert_eq!(used(), 2);
        // Neither was ever connected.
        state.drop_tcp_0_3(tcp.rep()).unwrap();
        state.drop_udp_0_3(udp.rep()).unwrap();
        assert_eq!(used(), 0);
        state.make_tcp_0_2(V4).unwrap().0.unwrap();
        drop(sandbox);
        assert_eq!(used(), 0);
    }

    #[tokio::test]
    async fn a_connection_of_0_3_counts_until_its_run_ends() {
        use wasmtime_wasi::p3::bindings::sockets::types::HostTcpSocketWithStore as _;
        use wasmtime_wasi::sockets::WasiSockets;

        let budget = budget(2);
        let mut sandbox = sandbox_within(budget.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let socket = sandbox.state().make_tcp_0_3(v0_3::IpAddressFamily::Ipv4).unwrap().0.unwrap();
        let place = socket.rep();
        let address = v0_3::IpSocketAddress::Ipv4(v0_3::Ipv4SocketAddress { port, address: (127, 0, 0, 1) });
        let connected = sandbox.store().run_concurrent(async |store| {
            let store = store.with_getter::<WasiSockets>(GuestState::sockets);
            WasiSockets::connect(&store, Resource::new_borrow(place), address).await
        });
        connected.await.unwrap().unwrap();
        sandbox.state().drop_tcp_0_3(place).unwrap();
        assert_eq!(budget.usage(Counted::OpenFiles).used, 1);
        drop(sandbox);
        assert_eq!(budget.usage(Counted::OpenFiles).used, 0);
    }

    #[tokio::test]
    async fn a_full_table_of_resources_is_one_socket_too_many() {
        let mut sandbox = sandbox_within(budget(u64::MAX));
        let state = sandbox.state();
        state.sockets().table.set_max_capacity(8);
        let mut made = 0;
        while let Ok(_socket) = state.make_tcp_0_2(V4).unwrap().0 {
            made += 1;
            assert!(made < 100);
        }
        assert!(made > 0);
    }
}
