//! `wasi:sockets/ip-name-lookup` of 0.2 and 0.3: answers for granted names only, from the same look-ups that connections
//! are checked with.

use std::net::IpAddr;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::vec;

use wasmtime::component::{Accessor, HasData, Linker, Resource, ResourceType};
use wasmtime_wasi::p2::bindings::sockets::network::{ErrorCode, IpAddress};
use wasmtime_wasi::p2::{DynPollable, Network, Pollable, subscribe};
use wasmtime_wasi::p3::bindings::sockets::{ip_name_lookup as v0_3, types};
use wasmtime_wasi::runtime::AbortOnDropJoinHandle;
use wasmtime_wasi::{WasiView, async_trait};

use super::{GuestNetwork, Host, LookupFailure};
use crate::sandbox::GuestState;

/// The library's own name of the interface, which is shadowed.
const INTERFACE_0_2: &str = "wasi:sockets/ip-name-lookup@0.2.12";

/// Takes the place of both versions' look-ups. The linker must allow shadowing.
pub(crate) fn add_to_linker(linker: &mut Linker<GuestState>) -> wasmtime::Result<()> {
    add_0_2(linker)?;
    v0_3::add_to_linker::<_, Names>(linker, |state| NamesView(&state.network))
}

/// Whether the guest may look this name up, and what it stands for.
fn asked(network: &GuestNetwork, name: &str) -> Result<Host, Refused> {
    let host: Host = name.parse().map_err(|_| Refused::Invalid)?;
    if network.may_look_up(&host) { Ok(host) } else { Err(Refused::NotGranted) }
}

enum Refused {
    Invalid,
    NotGranted,
}

/// A guest's `resolve-address-stream`.
enum AddressStream {
    Pending(AbortOnDropJoinHandle<Result<Vec<IpAddr>, LookupFailure>>),
    Ready(Result<vec::IntoIter<IpAddr>, LookupFailure>),
}

impl AddressStream {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<&mut Result<vec::IntoIter<IpAddr>, LookupFailure>> {
        if let Self::Pending(handle) = self {
            let found = std::task::ready!(Future::poll(std::pin::Pin::new(handle), context));
            *self = Self::Ready(found.map(Vec::into_iter));
        }
        match self {
            Self::Ready(found) => Poll::Ready(found),
            Self::Pending(_) => Poll::Pending,
        }
    }
}

#[async_trait]
impl Pollable for AddressStream {
    async fn ready(&mut self) {
        std::future::poll_fn(|context| self.poll(context).map(|_| ())).await;
    }
}

fn add_0_2(linker: &mut Linker<GuestState>) -> wasmtime::Result<()> {
    type Looked<T> = wasmtime::Result<(Result<T, ErrorCode>,)>;
    let mut instance = linker.instance(INTERFACE_0_2)?;
    let stream = ResourceType::host::<AddressStream>();
    instance.resource("resolve-address-stream", stream, |mut store, rep| {
        store.data_mut().ctx().table.delete(Resource::<AddressStream>::new_own(rep))?;
        Ok(())
    })?;
    instance.func_wrap(
        "resolve-addresses",
        |mut store, (network, name): (Resource<Network>, String)| -> Looked<Resource<AddressStream>> {
            let state = store.data_mut();
            // The resource is the capability to ask.
            state.ctx().table.get(&network)?;
            let host = match asked(&state.network, &name) {
                Ok(host) => host,
                Err(Refused::Invalid) => return Ok((Err(ErrorCode::InvalidArgument),)),
                Err(Refused::NotGranted) => return Ok((Err(ErrorCode::AccessDenied),)),
            };
            let network = Arc::clone(&state.network);
            let looking = wasmtime_wasi::runtime::spawn(async move { network.addresses(&host).await });
            Ok((Ok(state.ctx().table.push(AddressStream::Pending(looking))?),))
        },
    )?;
    instance.func_wrap(
        "[method]resolve-address-stream.resolve-next-address",
        |mut store, (stream,): (Resource<AddressStream>,)| -> Looked<Option<IpAddress>> {
            let stream = store.data_mut().ctx().table.get_mut(&stream)?;
            Ok((match stream.poll(&mut Context::from_waker(Waker::noop())) {
                Poll::Pending => Err(ErrorCode::WouldBlock),
                Poll::Ready(Ok(addresses)) => Ok(addresses.next().map(IpAddress::from)),
                Poll::Ready(Err(LookupFailure::Timeout)) => Err(ErrorCode::TemporaryResolverFailure),
                Poll::Ready(Err(LookupFailure::Unknown)) => Err(ErrorCode::NameUnresolvable),
            },))
        },
    )?;
    instance.func_wrap(
        "[method]resolve-address-stream.subscribe",
        |mut store, (stream,): (Resource<AddressStream>,)| -> wasmtime::Result<(Resource<DynPollable>,)> {
            Ok((subscribe(store.data_mut().ctx().table, stream)?,))
        },
    )
}

/// Look-ups of 0.3.
struct Names;

impl HasData for Names {
    type Data<'a> = NamesView<'a>;
}

struct NamesView<'a>(&'a Arc<GuestNetwork>);

impl v0_3::Host for NamesView<'_> {}

impl<T: Send> v0_3::HostWithStore<T> for Names {
    async fn resolve_addresses(
        store: &Accessor<T, Self>,
        name: String,
    ) -> wasmtime::Result<Result<Vec<types::IpAddress>, v0_3::ErrorCode>> {
        let network = store.with(|mut access| Arc::clone(access.get().0));
        let host = match asked(&network, &name) {
            Ok(host) => host,
            Err(Refused::Invalid) => return Ok(Err(v0_3::ErrorCode::InvalidArgument)),
            Err(Refused::NotGranted) => return Ok(Err(v0_3::ErrorCode::AccessDenied)),
        };
        Ok(match network.addresses(&host).await {
            Ok(addresses) => Ok(addresses.into_iter().map(types::IpAddress::from).collect()),
            Err(LookupFailure::Timeout) => Err(v0_3::ErrorCode::TemporaryResolverFailure),
            Err(LookupFailure::Unknown) => Err(v0_3::ErrorCode::NameUnresolvable),
        })
    }
}
