package mesh

import (
	"iter"
	"slices"
)

// countPorts notes that an entry came or went.
func (x *Index) countPorts(entry *Entry, change int) {
	for _, port := range entry.Ports {
		x.ports[port] += change
		if x.ports[port] == 0 {
			delete(x.ports, port)
		}
	}
}

// EachEntryWithPort goes through those entries of EachEntry that have a port of
// this number. It costs what EachEntry does, and nothing when no entry at all has
// the port.
func (v *View) EachEntryWithPort(host string, port uint32) iter.Seq[*Entry] {
	v.reads |= KindSet(ServiceEntry)
	return func(yield func(*Entry) bool) {
		for index := range v.indexes {
			if !index.hasPort(port) {
				continue
			}
			if !v.eachEntry(index, host, func(entry *Entry) bool { return !slices.Contains(entry.Ports, port) || yield(entry) }) {
				return
			}
		}
	}
}

// hasPort reports whether any entry has a port of this number.
func (x *Index) hasPort(port uint32) bool {
	x.lock.RLock()
	defer x.lock.RUnlock()
	return x.ports[port] > 0
}
