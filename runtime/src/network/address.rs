//! Addresses: ranges, and which of them a guest may reach.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// An address range, as `10.0.0.0/8` or `fd00::/8`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AddressRange {
    address: IpAddr,
    prefix_bits: u8,
}

/// A text is not an address range.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an address range such as 10.0.0.0/8")]
pub struct InvalidRange(String);

impl FromStr for AddressRange {
    type Err = InvalidRange;
    fn from_str(text: &str) -> Result<Self, InvalidRange> {
        let invalid = || InvalidRange(text.chars().take(80).collect());
        let (address, bits) = text.split_once('/').ok_or_else(invalid)?;
        let address: IpAddr = address.parse().map_err(|_| invalid())?;
        let prefix_bits: u8 = bits.parse().map_err(|_| invalid())?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        if prefix_bits > most { Err(invalid()) } else { Ok(Self { address, prefix_bits }) }
    }
}

impl AddressRange {
    /// True for an address inside the range.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let shared = |one: u128, other: u128, width: u32| {
            let ignored = width - u32::from(self.prefix_bits);
            ignored == 128 || (one >> ignored) == (other >> ignored)
        };
        match (self.address, address) {
            (IpAddr::V4(one), IpAddr::V4(other)) => {
                let wide = |address: Ipv4Addr| u128::from(u32::from(address));
                shared(wide(one), wide(other), 32)
            }
            (IpAddr::V6(one), IpAddr::V6(other)) => shared(one.into(), other.into(), 128),
            _ => false,
        }
    }
}

/// True when a guest may reach this address, as far as the address alone goes: it is of the public Internet, or in a
/// range that the operator listed. One that leads on to an IPv4 address is refused when that one is.
pub(super) fn is_reachable(address: IpAddr, listed: &[AddressRange]) -> bool {
    let address = unmapped(address);
    let allowed = is_public(address) || listed.iter().any(|range| range.contains(address));
    let inner = match address {
        IpAddr::V4(_) => None,
        IpAddr::V6(v6) => embedded_v4(v6),
    };
    allowed && inner.is_none_or(|inner| is_reachable(IpAddr::V4(inner), listed))
}

/// An IPv4 address that is written as IPv6 is that IPv4 address (RFC 4291, 2.5.5.2).
pub(super) fn unmapped(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or(address, IpAddr::V4),
        IpAddr::V4(_) => address,
    }
}

/// The IPv4 address that a translator or tunnel takes out of this one.
fn embedded_v4(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let s = address.segments();
    let v4 = |high: u16, low: u16| Some(Ipv4Addr::from(u32::from(high) << 16 | u32::from(low)));
    match s {
        // IPv4-compatible (RFC 4291, 2.5.5.1); the unspecified address and loopback are not.
        [0, 0, 0, 0, 0, 0, high, low] if address > Ipv6Addr::LOCALHOST => v4(high, low),
        // NAT64 (RFC 6052, 2.1) and its local-use prefix with 96 bits (RFC 8215).
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0x64, 0xff9b, 1, _, _, _, high, low] => v4(high, low),
        // 6to4 (RFC 3056, 2).
        [0x2002, high, low, ..] => v4(high, low),
        // Teredo: the client's address, inverted (RFC 4380, 4).
        [0x2001, 0, _, _, _, _, high, low] => v4(!high, !low),
        _ => None,
    }
}

/// True for addresses of the public Internet (IANA's special-purpose registries, RFC 6890).
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_public_v4(v4),
        IpAddr::V6(v6) => is_public_v6(v6),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let special = address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_multicast()
        || address.is_broadcast()
        || address.is_documentation()
        || a == 0
        || a >= 240
        // Shared address space (RFC 6598), IETF protocol assignments, 6to4 relays, benchmarking (RFC 2544).
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 192 && b == 88 && c == 99)
        || (a == 198 && (b == 18 || b == 19));
    !special
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let segments = address.segments();
    // Only global unicast; of it, not what leads elsewhere: Teredo and other assignments (2001::/23), documentation, 6to4.
    // NAT64 (64:ff9b::/96 and 64:ff9b:1::/48), loopback, unique local, link-local and multicast are all outside 2000::/3.
    let global_unicast = segments[0] & 0xe000 == 0x2000;
    let assigned = segments[0] == 0x2001 && segments[1] < 0x0200;
    let documentation = (segments[0] == 0x2001 && segments[1] == 0x0db8) || segments[0] & 0xfff0 == 0x3ff0;
    let six_to_four = segments[0] == 0x2002;
    global_unicast && !assigned && !documentation && !six_to_four
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ranges(texts: &[&str]) -> Vec<AddressRange> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn special_addresses_are_not_public() {
        for address in [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "127.0.0.1",
            "169.254.169.254",
            "172.16.0.1",
            "192.0.0.8",
            "192.0.2.1",
            "192.168.1.1",
            "198.18.0.1",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::7f00:1",
            "::ffff:10.0.0.1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "ff02::1",
            "64:ff9b::7f00:1",
            "64:ff9b::101:101",
            "64:ff9b:1::1",
            "2001::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "2002:101:101::",
            "3fff::1",
        ] {
            assert!(!is_reachable(address.parse().unwrap(), &[]), "{address}");
        }
        for address in ["1.1.1.1", "93.184.216.34", "2606:4700:4700::1111", "2a00:1450::1", "::ffff:1.1.1.1"]
        {
            assert!(is_reachable(address.parse().unwrap(), &[]), "{address}");
        }
    }

    #[test]
    fn ranges_are_read_and_compared_by_prefix() {
        let range: AddressRange = "10.1.0.0/16".parse().unwrap();
        assert!(range.contains("10.1.255.1".parse().unwrap()));
        assert!(!range.contains("10.2.0.1".parse().unwrap()));
        assert!("::/0".parse::<AddressRange>().unwrap().contains("::1".parse().unwrap()));
        assert!(!"0.0.0.0/0".parse::<AddressRange>().unwrap().contains("::1".parse().unwrap()));
        for text in ["", "10.0.0.0", "10.0.0.0/33", "::/129", "x/8", "10.0.0.0/-1"] {
            assert!(text.parse::<AddressRange>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_listed_translator_does_not_lead_to_what_is_refused_directly() {
        let listed = ranges(&["64:ff9b::/96"]);
        assert!(is_reachable("64:ff9b::101:101".parse().unwrap(), &listed));
        assert!(!is_reachable("64:ff9b::a9fe:a9fe".parse().unwrap(), &listed), "the metadata address");
    }

    /// All ways of writing an IPv4 address inside an IPv6 one.
    fn forms(v4: u32) -> Vec<Ipv6Addr> {
        let low = u128::from(v4);
        let at = |prefix: u128| Ipv6Addr::from(prefix | low);
        vec![
            at(0x0064_ff9b << 96),
            at(0x0064_ff9b_0001 << 80),
            Ipv6Addr::from(0x2002 << 112 | low << 80),
            Ipv6Addr::from(0x2001_0000 << 96 | u128::from(!v4)),
        ]
    }

    proptest! {
        #[test]
        fn an_ipv4_address_is_decided_alike_in_all_its_forms(v4: u32, range: u32, bits in 0u8..=32) {
            let range = AddressRange { address: IpAddr::V4(range.into()), prefix_bits: bits };
            let all_v6: AddressRange = "::/0".parse().unwrap();
            let plain = |listed: &[AddressRange]| is_reachable(IpAddr::V4(v4.into()), listed);
            let mapped = IpAddr::V6(Ipv4Addr::from(v4).to_ipv6_mapped());
            prop_assert_eq!(plain(&[range]), is_reachable(mapped, &[range]));
            for form in forms(v4) {
                prop_assert!(!is_reachable(IpAddr::V6(form), &[range]), "{} is not listed", form);
                let listed = [range, all_v6];
                prop_assert_eq!(plain(&listed), is_reachable(IpAddr::V6(form), &listed), "{}", form);
            }
        }

        #[test]
        fn what_is_reachable_is_public_or_listed(address: u128) {
            let address = IpAddr::V6(address.into());
            prop_assert_eq!(is_reachable(address, &[]), is_public(unmapped(address)) );
        }
    }
}
