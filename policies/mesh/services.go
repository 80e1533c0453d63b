package mesh

// HasService reports whether there is a Service of this name, with a ClusterIP or
// without.
func (v *View) HasService(namespace, name string) bool {
	v.reads |= KindSet(Service)
	ref := Ref{Kind: Service, Namespace: namespace, Name: name}
	for index := range v.indexes {
		index.lock.RLock()
		_, known := index.services[ref]
		index.lock.RUnlock()
		if known && v.shows(index, ref, "") {
			return true
		}
	}
	return false
}

// HasServices reports whether any Service is known at all. Files often hold none,
// and then say nothing about which there are.
func (v *View) HasServices() bool {
	v.reads |= KindSet(Service)
	for index := range v.indexes {
		index.lock.RLock()
		some := len(index.services) > 0
		index.lock.RUnlock()
		if some {
			return true
		}
	}
	return false
}
