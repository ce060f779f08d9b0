//! What is granted, with a resolver that answers as each test wants.

use std::io;
use std::sync::atomic::AtomicUsize;

use super::*;
use crate::budget::BudgetLimits;

/// Answers its lists in turn, and the last one for ever.
struct Scripted {
    answers: Vec<Vec<IpAddr>>,
    asked: AtomicUsize,
}

impl Scripted {
    fn new(answers: &[&[&str]]) -> Arc<Self> {
        let parsed = |texts: &&[&str]| texts.iter().map(|text| text.parse().unwrap()).collect();
        Arc::new(Self { answers: answers.iter().map(parsed).collect(), asked: AtomicUsize::new(0) })
    }
}

impl Resolve for Scripted {
    fn resolve(&self, _: &str, _: Reservation) -> Resolving {
        let turn = self.asked.fetch_add(1, Ordering::Relaxed);
        let answer = self.answers.get(turn).or(self.answers.last()).cloned();
        Box::pin(async move { answer.ok_or_else(|| io::ErrorKind::NotFound.into()) })
    }
}

/// Never answers.
struct Silent;

impl Resolve for Silent {
    fn resolve(&self, _: &str, _: Reservation) -> Resolving {
        Box::pin(std::future::pending())
    }
}

fn network(rules: &[(&str, u16)], private: &[&str], resolver: Arc<dyn Resolve>) -> Arc<GuestNetwork> {
    let rules = rules.iter().map(|(host, port)| EgressRule { host: host.parse().unwrap(), port: *port });
    let mut egress = Egress::new(rules.collect(), resolver);
    egress.private_ranges = private.iter().map(|range| range.parse().unwrap()).collect();
    limitless(NetworkGrant::Egress(Arc::new(egress)))
}

fn limitless(grant: NetworkGrant) -> Arc<GuestNetwork> {
    GuestNetwork::new(grant, Budget::new(&BudgetLimits::UNLIMITED))
}

async fn connects(network: &Arc<GuestNetwork>, address: &str) -> bool {
    Arc::clone(network).allows(address.parse().unwrap(), SocketAddrUse::TcpConnect).await
}

async fn routes(network: &GuestNetwork, host: &str, port: u16) -> Result<Vec<String>, Refusal> {
    let found = network.route(&host.parse().unwrap(), port).await?;
    Ok(found.iter().map(SocketAddr::to_string).collect())
}

#[tokio::test]
async fn only_granted_hosts_and_ports_are_reached() {
    let granted = network(&[("93.184.216.34", 443)], &[], Scripted::new(&[]));
    assert!(connects(&granted, "93.184.216.34:443").await);
    assert!(connects(&granted, "[::ffff:93.184.216.34]:443").await);
    assert!(!connects(&granted, "93.184.216.34:80").await);
    assert!(!connects(&granted, "1.1.1.1:443").await);
    for purpose in [SocketAddrUse::TcpListen, SocketAddrUse::TcpAccept] {
        assert!(!Arc::clone(&granted).allows("0.0.0.0:0".parse().unwrap(), purpose).await);
    }
    for purpose in [SocketAddrUse::TcpBind, SocketAddrUse::UdpBind] {
        assert!(!Arc::clone(&granted).allows("0.0.0.0:8080".parse().unwrap(), purpose).await);
        assert!(!Arc::clone(&granted).allows("127.0.0.1:0".parse().unwrap(), purpose).await);
    }
    assert!(!connects(&limitless(NetworkGrant::Denied), "93.184.216.34:443").await);
}

#[tokio::test]
async fn a_name_that_leads_inside_is_refused_unless_the_operator_listed_the_range() {
    let rules = [("inside.example", 80), ("169.254.169.254", 80), ("::ffff:127.0.0.1", 80)];
    let inside = &["127.0.0.1", "::1", "169.254.169.254", "64:ff9b::7f00:1"][..];
    let tricked = network(&rules, &[], Scripted::new(&[inside]));
    for address in
        ["127.0.0.1:80", "[::1]:80", "169.254.169.254:80", "[::ffff:127.0.0.1]:80", "[64:ff9b::7f00:1]:80"]
    {
        assert!(!connects(&tricked, address).await, "{address}");
    }
    assert_eq!(routes(&tricked, "inside.example", 80).await, Err(Refusal::Prohibited));
    let listed = network(&[("127.0.0.1", 80)], &["127.0.0.0/8"], Scripted::new(&[]));
    assert!(connects(&listed, "127.0.0.1:80").await);
    assert!(!connects(&listed, "127.0.0.2:80").await);
}

#[tokio::test]
async fn a_name_that_changes_its_address_leads_nowhere_new() {
    let resolver = Scripted::new(&[&["93.184.216.34", "10.0.0.7"], &["169.254.169.254"]]);
    let rebound = network(&[("evil.example", 80)], &[], Arc::clone(&resolver) as _);
    // The address that was checked is the one to connect to; of a mixed answer only what is public.
    assert_eq!(routes(&rebound, "evil.example", 80).await.unwrap(), ["93.184.216.34:80"]);
    assert!(!connects(&rebound, "10.0.0.7:80").await);
    assert!(!connects(&rebound, "169.254.169.254:80").await);
    assert_eq!(resolver.asked.load(Ordering::Relaxed), 1, "one answer serves the run for a while");
    let later = network(&[("evil.example", 80)], &[], resolver);
    assert_eq!(routes(&later, "evil.example", 80).await, Err(Refusal::Prohibited));
}

#[tokio::test]
async fn http_goes_to_the_granted_name_and_port_only() {
    let granted = network(&[("api.example", 443)], &[], Scripted::new(&[&["93.184.216.34"]]));
    assert_eq!(routes(&granted, "API.example.", 443).await.unwrap(), ["93.184.216.34:443"]);
    for (host, port) in [("api.example", 80), ("93.184.216.34", 443), ("other.example", 443)] {
        assert_eq!(routes(&granted, host, port).await, Err(Refusal::NotGranted), "{host}:{port}");
    }
}

#[tokio::test]
async fn below_a_wildcard_a_socket_reaches_what_the_guest_looked_up() {
    let granted = network(&[("*.example.com", 443)], &[], Scripted::new(&[&["93.184.216.34"]]));
    assert!(!connects(&granted, "93.184.216.34:443").await, "nothing was looked up");
    assert!(!granted.may_look_up(&"example.com".parse().unwrap()));
    let host = "a.example.com".parse().unwrap();
    assert!(granted.may_look_up(&host));
    granted.addresses(&host).await.unwrap();
    assert!(connects(&granted, "93.184.216.34:443").await);
    assert!(!connects(&granted, "93.184.216.34:80").await);
}

#[tokio::test]
async fn a_look_up_that_never_answers_ends() {
    let silent = network(&[("slow.example", 80)], &[], Arc::new(Silent));
    assert_eq!(routes(&silent, "slow.example", 80).await, Err(Refusal::Lookup(LookupFailure::Timeout)));
}

#[tokio::test]
async fn a_run_remembers_a_bounded_number_of_names() {
    let wide = network(&[("*.example.com", 80)], &[], Scripted::new(&[&["93.184.216.34"]]));
    for number in 0..600 {
        wide.addresses(&format!("n{number}.example.com").parse().unwrap()).await.unwrap();
    }
    assert_eq!(wide.lookups.names().len(), 256);
}
