package policies

import (
	"path"
	"slices"

	"fedmesh.io/fedmesh/policies/api/v1alpha1"
)

// workloadSocket is MUT1: the proxy finds the socket of SPIRE's Workload API
// where it looks for it. Without the socket the agent serves that path itself,
// with certificates of Istio's own authority and without a word
// (pkg/istio-agent/agent.go, Run and checkSocket).
//
// It is for pods that Istio has injected. Before that nobody knows whether
// there will be a proxy, in which of the two lists of containers, and whether
// its template can live with a volume that is there already.
func (m *podMutation) workloadSocket() (status string) {
	source := m.settings.Pods.WorkloadSocket
	if source.Type == v1alpha1.WorkloadSocketNone {
		return "off: pods.workloadSocket is None"
	}
	var proxies, mounted int
	var kept *volume
	for i := range m.pod.containers {
		c := &m.pod.containers[i]
		if !m.injected || !c.isProxy() {
			continue
		}
		proxies++
		if mount, volume := m.foreignMount(c, source); volume != nil {
			kept = volume
			m.removeMounts(c, mount)
			continue
		}
		mounted++
		m.mountSocket(c)
	}
	if proxies == 0 {
		return "waiting: no injected istio-proxy container"
	}
	if mounted > 0 {
		if volume := m.provideSocket(source); volume != nil {
			kept = volume
		}
	}
	wanted := describeSource(source)
	if kept == nil {
		return "applied: " + wanted
	}
	found := "volume " + shorten(string(kept.name)) + " is " + kept.describe()
	m.warn("spec.volumes[%d]: %s, which is kept; the proxy needs %s: take the volume out of the pod, or change pods.workloadSocket",
		kept.index, found, wanted)
	return "kept: " + found + ", not " + wanted
}

// describeSource names the configured source.
func describeSource(source v1alpha1.WorkloadSocket) string {
	if source.Type == v1alpha1.WorkloadSocketHostPath {
		return "hostPath " + shorten(source.Path)
	}
	return "CSI driver " + shorten(source.CSIDriver)
}

// describe names a source that the volume has.
func (v *volume) describe() string {
	switch {
	case len(v.other) > 0:
		return shorten(string(v.other))
	case v.hostPath:
		return "hostPath " + shorten(v.directory)
	default:
		return "CSI driver " + shorten(v.driver)
	}
}

// isSource reports whether the volume has the configured source.
func (v *volume) isSource(source v1alpha1.WorkloadSocket) bool {
	if source.Type == v1alpha1.WorkloadSocketHostPath {
		return v.hostPath && path.Clean(v.directory) == path.Clean(source.Path)
	}
	return v.csi && v.driver == source.CSIDriver
}

// isForeign reports whether the volume has a source of the user's own choice.
// An emptyDir is no choice: Istio's template writes one, and the API server
// makes one of a volume without a source.
func (v *volume) isForeign(source v1alpha1.WorkloadSocket) bool {
	if len(v.other) > 0 || v.csi && v.hostPath {
		return true
	}
	return (v.csi || v.hostPath) && !v.isSource(source)
}

// foreignMount returns the mount by which the user put another volume where the
// socket belongs, and that volume, when its source is of the user's own choice.
func (m *podMutation) foreignMount(c *container, source v1alpha1.WorkloadSocket) (index int, foreign *volume) {
	for _, mount := range c.socketMounts {
		if mount.volume == socketVolume {
			continue
		}
		if volume := m.pod.volume(mount.volume); volume != nil && volume.isForeign(source) {
			return mount.index, volume
		}
	}
	return 0, nil
}

// socketMount is a mount to be added.
type socketMount struct {
	Name      string `json:"name"`
	MountPath string `json:"mountPath"`
	ReadOnly  bool   `json:"readOnly"`
}

// mountSocket leaves the container exactly one mount of the socket. Istio's
// template mounts it at /var/run/…, its documentation at /run/…, and strategic
// merge knows mounts by their path, so that there may be both.
func (m *podMutation) mountSocket(c *container) {
	wanted := socketMount{Name: socketVolume, MountPath: socketDirectory, ReadOnly: true}
	list := c.path + "/volumeMounts"
	switch {
	case len(c.socketMounts) > 0:
	case c.hasMounts:
		m.add(list+"/-", wanted)
		return
	default:
		m.add(list, []socketMount{wanted})
		return
	}
	kept := c.socketMounts[preferredMount(c.socketMounts)]
	item := pointer(list+"/", kept.index)
	if kept.volume != socketVolume || kept.part {
		m.replace(item, wanted) // in a part of the volume there is no socket
	} else {
		if kept.path != socketDirectory {
			m.replace(item+"/mountPath", socketDirectory)
		}
		if !kept.readOnly {
			m.add(item+"/readOnly", true)
		}
	}
	m.removeMounts(c, kept.index)
}

// preferredMount returns which of several mounts stays: the right volume at the
// right path, else the right volume, else the first.
func preferredMount(mounts []mount) int {
	exact := func(m mount) bool { return m.volume == socketVolume && m.path == socketDirectory }
	if i := slices.IndexFunc(mounts, exact); i >= 0 {
		return i
	}
	return max(0, slices.IndexFunc(mounts, func(m mount) bool { return m.volume == socketVolume }))
}

// removeMounts removes the mounts at the socket's directory but one, from the
// last to the first so that the indices stay right.
func (m *podMutation) removeMounts(c *container, kept int) {
	for _, mount := range slices.Backward(c.socketMounts) {
		if mount.index != kept {
			m.remove(pointer(c.path+"/volumeMounts/", mount.index))
		}
	}
}

// volumeSource is a volume to be added, or the source that it is to have.
type (
	volumeSource struct {
		Name     string          `json:"name"`
		CSI      *csiSource      `json:"csi,omitempty"`
		HostPath *hostPathSource `json:"hostPath,omitempty"`
	}
	csiSource struct {
		Driver   string `json:"driver"`
		ReadOnly bool   `json:"readOnly"`
	}
	hostPathSource struct {
		Path string `json:"path"`
		Type string `json:"type"`
	}
)

// wantedVolume is the volume as it is where fedmesh adds it.
func wantedVolume(source v1alpha1.WorkloadSocket) volumeSource {
	if source.Type == v1alpha1.WorkloadSocketHostPath {
		// With the type Directory the pod waits for SPIRE's agent; without one
		// the runtime makes an empty directory on the node.
		return volumeSource{Name: socketVolume, HostPath: &hostPathSource{Path: source.Path, Type: "Directory"}}
	}
	// The driver publishes no volume that is not read-only (spiffe-csi,
	// pkg/driver/driver.go, NodePublishVolume).
	return volumeSource{Name: socketVolume, CSI: &csiSource{Driver: source.CSIDriver, ReadOnly: true}}
}

// provideSocket gives the volume its source. It returns the volume where the
// user chose another one, which is kept.
func (m *podMutation) provideSocket(source v1alpha1.WorkloadSocket) (kept *volume) {
	wanted := wantedVolume(source)
	current := m.pod.volume(socketVolume)
	switch {
	case current == nil && m.pod.hasVolumes:
		m.add("/spec/volumes/-", wanted)
		return nil
	case current == nil:
		m.add("/spec/volumes", []volumeSource{wanted})
		return nil
	case current.isForeign(source):
		return current
	}
	item := pointer("/spec/volumes/", current.index)
	if current.emptyDir {
		m.remove(item + "/emptyDir") // the API server refuses two sources
	}
	switch {
	case current.isSource(source):
		if current.csi && !current.readOnly {
			m.add(item+"/csi/readOnly", true)
		}
	case wanted.CSI != nil:
		m.add(item+"/csi", wanted.CSI)
	default:
		m.add(item+"/hostPath", wanted.HostPath)
	}
	return nil
}
