package claims

import (
	"net/netip"

	"fedmesh.io/fedmesh/policies/mesh"
)

// indexed is the Mesh of an index, under the configuration in force.
type indexed struct {
	index      *mesh.Index
	federation func() *mesh.Federation
}

// Users is Mesh's.
func (i *indexed) Users(key Key) []User {
	view := mesh.NewView(i.index, i.federation(), &mesh.Object{})
	var users []User
	switch key.Kind {
	case VIP:
		addr, err := netip.ParseAddr(key.Name)
		if err != nil {
			return nil
		}
		for _, holder := range view.HoldersOf(addr) {
			users = i.appendEntry(users, key, i.index.Entry(holder.Ref))
		}
	case Host:
		for _, entry := range view.DefinersOf(key.Name) {
			users = i.appendEntry(users, key, entry)
		}
	case Sidecar:
		for _, scope := range view.Sidecars(key.Name) {
			for range usesOfSidecar(scope, i.federation()) {
				users = append(users, User{Ref: scope.Ref, Identity: scope.Identity, Revision: scope.Revision})
			}
		}
	}
	return users
}

// appendEntry adds entry if it needs key.
func (i *indexed) appendEntry(users []User, key Key, entry *mesh.Entry) []User {
	if entry == nil {
		return users // not a ServiceEntry, or gone in between
	}
	for _, use := range usesOfEntry(entry, i.federation()) {
		if use.Key == key {
			users = append(users, User{Ref: entry.Ref, Identity: entry.Identity, Revision: entry.Revision, Hosts: use.Hosts})
		}
	}
	return users
}

// InServiceRange is Mesh's.
func (i *indexed) InServiceRange(addr netip.Addr) bool {
	_, in := mesh.NewView(i.index, i.federation(), &mesh.Object{}).ServiceRange(addr)
	return in
}

// each calls visit with every key that an object needs.
func (i *indexed) each(visit func(Key)) {
	federation := i.federation()
	for _, entry := range i.index.Entries() {
		for _, use := range usesOfEntry(entry, federation) {
			visit(use.Key)
		}
	}
	for _, scope := range i.index.DefaultSidecars() {
		for _, use := range usesOfSidecar(scope, federation) {
			visit(use.Key)
		}
	}
}
