package mesh

import (
	"net/netip"
	"strings"
)

// Address is an entry of a ServiceEntry's spec.addresses, in the form that
// addresses are compared in: IPv4-mapped IPv6 unmapped, and a range of one
// address (/32, /128) is that address.
type Address struct {
	// Addr is the address, or the first address of the range.
	Addr netip.Addr
	// Range is valid when the address is a range wider than one.
	Range netip.Prefix
	// Mapped is true when the address was written as IPv4-mapped IPv6
	// (::ffff:240.0.0.1).
	Mapped bool
}

// ParseAddress reads an address or range in the notation that Istio accepts
// (istio pkg/config/validation/validation.go, ValidateIPSubnet). It returns
// false for everything else, zones included.
func ParseAddress(text string) (Address, bool) {
	if strings.IndexByte(text, '/') < 0 {
		addr, err := netip.ParseAddr(text)
		if err != nil || addr.Zone() != "" {
			return Address{}, false
		}
		return Address{Addr: addr.Unmap(), Mapped: addr.Is4In6()}, true
	}
	prefix, err := netip.ParsePrefix(text)
	if err != nil {
		return Address{}, false
	}
	address := Address{Addr: prefix.Addr().Unmap(), Mapped: prefix.Addr().Is4In6()}
	if !prefix.IsSingleIP() {
		address.Range = prefix
	}
	return address, true
}

// String is the address or range in the form that it is compared in.
func (a Address) String() string {
	if a.Single() {
		return a.Addr.String()
	}
	return a.Range.Masked().String()
}

// Single reports whether this is one address rather than a range.
func (a Address) Single() bool { return !a.Range.IsValid() }
